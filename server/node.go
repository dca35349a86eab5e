package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/jobs"
	"manyi/qrcodes"
	"manyi/server/web"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sqlitestore"
)

// base is what every command that touches data works with.
type base struct {
	cfg     config
	store   survey.Store
	secret  []byte
	secrets intake.Secrets
	signer  *qrcodes.Signer
}

// openBase opens the store and the secrets.
func openBase(ctx context.Context, cfg config) (*base, error) {
	store, err := sqlitestore.Open(ctx, cfg.Data)
	if err != nil {
		return nil, fmt.Errorf("open the data folder (MANYI_DATA): %w", err)
	}
	b := &base{cfg: cfg, store: store}
	if b.secret, err = cfg.secret(); err == nil {
		b.secrets, err = intake.NewSecrets(b.secret)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	b.signer = qrcodes.NewSigner(b.secret)
	return b, nil
}

// runner prepares the jobs.
func (b *base) runner(log *slog.Logger) (*jobs.Runner, error) {
	return jobs.NewRunner(b.store, []jobs.Job{jobs.RollUpJob(b.store)}, jobs.Options{Zone: b.cfg.Zone, Log: log})
}

// runJobs runs every job once, waiting for runs of other processes to end.
func (b *base) runJobs(ctx context.Context, log *slog.Logger, now time.Time) error {
	runner, err := b.runner(log)
	if err != nil {
		return err
	}
	return runner.RunAll(ctx, now)
}

// stopWithin is how long a stop may take altogether.
const stopWithin = 25 * time.Second

// serveOn runs the server on a listener until ctx ends, then stops it in order:
// no new requests, those under way answered, the intake drained, the jobs
// finished. Closing the store is left to whoever opened it.
func (b *base) serveOn(ctx context.Context, ln net.Listener, limits intake.Options, log *slog.Logger) error {
	sealer, err := keyring.Load(b.cfg.keys())
	if err != nil {
		return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
	}
	runner, err := b.runner(log)
	if err != nil {
		return err
	}
	in := intake.New(b.store, b.secrets, sealer, limits)
	app, err := web.New(web.Deps{Store: b.store, Intake: in, Signer: b.signer, BaseURL: b.cfg.BaseURL,
		Secret: b.secret, Version: version(), Log: log})
	if err != nil {
		return err
	}
	runner.Start()
	log.Info("serving", "address", ln.Addr().String(), "base_url", b.cfg.BaseURL, "version", version())
	failed := make(chan error, 1)
	go func() { failed <- app.Listener(ln) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping")
	}
	return errors.Join(err, stop(app, in, runner))
}

func stop(app *fiber.App, in *intake.Intake, runner *jobs.Runner) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return errors.Join(
		app.ShutdownWithContext(ctx),
		in.Close(ctx),
		runner.Stop(ctx),
	)
}

// version is what the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
