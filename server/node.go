package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/jobs"
	"manyi/qrcodes"
	"manyi/server/web"
	"manyi/server/webhook"
	"manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/mongostore"
	"manyi/survey/sms"
	"manyi/survey/sqlitestore"
)

// base is what every command that touches data works with.
type base struct {
	cfg     config
	store   survey.Store
	secret  []byte
	secrets intake.Secrets
	signer  *qrcodes.Signer
	clock   *clock
	ring    *keyring.Ring // of a server; it notices when its file changes
	log     proof.Signer  // signs what the logs hold

	// With MongoDB, what a node that takes ratings needs besides; see join.
	spool   survey.Spool
	node    string
	gateway gateway                         // carries text messages
	sms     sms.Sender                      // carries codes too; nil if that is nothing but an outbox, which proves no phone
	outbox  func() []sms.Sent               // what stayed here; nil if messages go out
	ready   func(ctx context.Context) error // nil error: the database answers, and this node belongs to it
}

// openBase opens the store and the secrets.
func openBase(ctx context.Context, cfg config, machine func() time.Time) (*base, error) {
	b := &base{cfg: cfg, clock: &clock{machine: machine}}
	var err error
	if cfg.MongoURI == "" {
		if b.store, err = sqlitestore.Open(ctx, cfg.Data); err != nil {
			return nil, fmt.Errorf("open the data folder (MANYI_DATA): %w", err)
		}
	}
	if b.secret, err = cfg.secret(); err == nil {
		b.secrets, err = intake.NewSecrets(b.secret)
	}
	if err == nil && cfg.MongoURI != "" {
		err = b.openMongo(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	b.signer = qrcodes.NewSigner(b.secret)
	if b.log, err = proof.NewSigner(b.secret); err != nil {
		return nil, errors.Join(err, b.close())
	}
	if b.gateway, err = b.openGateway(); err != nil {
		return nil, errors.Join(err, b.close())
	}
	if b.outbox = b.gateway.kept; b.outbox == nil {
		b.sms = b.gateway
	}
	return b, nil
}

func (b *base) close() error {
	if b.store == nil {
		return nil
	}
	return b.store.Close()
}

// openMongo connects to MongoDB. If that fails, and it was asked for, and there
// is a spool from an earlier run, the store is opened without contact.
func (b *base) openMongo(ctx context.Context) error {
	ring, err := keyring.Read(b.cfg.KeysFile)
	if err != nil {
		return fmt.Errorf("MANYI_KEYS_FILE: %w (see: server keys --help)", err)
	}
	store, err := mongostore.Lazy(b.cfg.MongoURI, func(ctx context.Context, s *mongostore.Store) error {
		return checkSecrets(ctx, s, b.secret, ring)
	})
	if err != nil {
		return err
	}
	b.store, b.ready = store, store.Ready
	if err = store.Ready(ctx); err == nil {
		return b.clock.follow(ctx, store)
	}
	if _, serr := os.Stat(filepath.Join(b.cfg.Data, sqlitestore.SpoolName)); b.cfg.StartWithout && serr == nil && errors.Is(err, survey.ErrUnavailable) {
		return nil
	}
	return err
}

// runner prepares the jobs.
func (b *base) runner(log *slog.Logger, more ...jobs.Job) (*jobs.Runner, error) {
	messages, err := b.messageJobs(b.gateway, log)
	if err != nil {
		return nil, err
	}
	return jobs.NewRunner(b.store, slices.Concat(b.jobs(log), messages, more), jobs.Options{Zone: b.cfg.Zone, Log: log, Lease: b.cfg.Lease})
}

func (b *base) jobs(log *slog.Logger) []jobs.Job {
	list := []jobs.Job{jobs.RollUpJob(b.store), jobs.CasesJob(b.store, b.secrets.FollowUpOf), jobs.CaseSheetsJob(b.store), jobs.QualityJob(b.store), jobs.ExpiryJob(b.store),
		jobs.EraseJob(b.store, b.cfg.Retention, log)}
	list = append(list, b.logger().Jobs(b.cfg.LogEvery)...)
	senders := b.senders()
	if len(senders) > 0 { // else nothing is queued
		channels := slices.Sorted(maps.Keys(senders))
		list = append(list, jobs.RemindJob(b.store, b.secrets.Address, channels...), jobs.AnnounceJob(b.store, b.cfg.BaseURL+web.PublicationsPath, channels...))
	}
	return append(list, jobs.DeliverJob(b.store, senders, log)) // it also forgets what ended
}

// logger appends to the two logs.
func (b *base) logger() jobs.Logger {
	return jobs.Logger{Store: b.store, Keys: b.secrets, Signer: b.log, Zone: b.cfg.Zone}
}

// checkLogs looks at the logs before anything is added. A log that was changed does not
// keep citizens from rating: nothing is appended any more, and the jobs that find it
// so keep /readyz degraded.
func (b *base) checkLogs(ctx context.Context, log *slog.Logger) {
	err := proof.Check(ctx, b.store, b.log.Verifier())
	if errors.Is(err, proof.ErrChanged) {
		log.Error("a log does not grow from what was signed; ratings are taken, and nothing is appended until this is cleared up", "error", err)
	} else if err != nil {
		log.Warn("the logs could not be checked at the start; the jobs do before they append", "error", err)
	}
}

// senders are the ways reminders and announcements leave the house, by the channel they are queued for.
func (b *base) senders() map[string]jobs.Sender {
	ways := map[string]jobs.Sender{}
	if b.cfg.WebhookURL != "" {
		ways["webhook"] = webhook.New(b.cfg.WebhookURL, []byte(b.cfg.WebhookSecret), b.clock.Now)
	}
	return ways
}

// runJobs runs every job once, waiting for runs of other processes to end.
func (b *base) runJobs(ctx context.Context, log *slog.Logger, now time.Time) error {
	runner, err := b.runner(log)
	if err != nil {
		return err
	}
	return runner.RunAll(ctx, now)
}

// stopWithin is how long a stop may take altogether, and answerWithin how much of it
// is for requests under way.
const (
	stopWithin   = 25 * time.Second
	answerWithin = 15 * time.Second
)

// serveOn runs the server on a listener until ctx ends, then stops it in order:
// no new requests, those under way answered, the intake drained, the jobs
// finished. Closing the store is left to whoever opened it.
func (b *base) serveOn(ctx context.Context, ln net.Listener, limits intake.Options, log *slog.Logger) error {
	sealer, err := keyring.Load(b.cfg.keys())
	if err != nil {
		return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
	}
	b.ring = sealer
	if err := b.join(ctx); err != nil {
		return err
	}
	limits.Now, limits.Log, limits.Spool, limits.Deadline = b.clock.Now, log, b.spool, b.cfg.Deadline
	in := intake.New(b.store, b.secrets, sealer, limits)
	runner, err := b.runner(log, jobs.ReplyJob(b.store, in, web.SayText, b.cfg.SMSSignature, log))
	if err != nil {
		return errors.Join(err, b.leave())
	}
	app, err := web.New(web.Deps{Store: b.store, Intake: in, Signer: b.signer, BaseURL: b.cfg.BaseURL,
		Secret: b.secret, Version: version(), Now: b.clock.Now, Log: log, Spool: b.spool, Node: b.node,
		SMS: b.sms, SMSSignature: b.cfg.SMSSignature, CodesPerDay: b.cfg.CodesPerDay, Outbox: b.outbox, KioskPause: b.cfg.KioskPause,
		Publish: b.publisher(ctx), ReviewKeys: b.cfg.ReviewKeys,
		Gateway: web.Gateway{Callbacks: b.gateway.callbacks, Path: b.cfg.SMS.Callback, Callers: b.cfg.SMS.Callers, Proxies: b.cfg.Proxies}})
	if err != nil {
		return errors.Join(err, b.leave())
	}
	b.checkLogs(ctx, log)
	alive, end := context.WithCancel(ctx)
	defer end()
	failed := make(chan error, 2)
	left := make(chan struct{})
	go func() {
		defer close(left)
		if b.spool != nil {
			if err := (&member{b, in, log}).run(alive); err != nil {
				failed <- err
			}
		}
	}()
	runner.Start()
	log.Info("serving", "address", ln.Addr().String(), "base_url", b.cfg.BaseURL, "version", version(), "node", b.node)
	go func() { failed <- app.Listener(listen(ln)) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping")
	}
	err = errors.Join(err, stop(app, in, runner))
	end()
	<-left
	return errors.Join(err, b.leave())
}

// join makes this process a node: with MongoDB it has a spool, and a name.
func (b *base) join(ctx context.Context) error {
	if b.cfg.MongoURI == "" {
		return nil
	}
	spool, err := sqlitestore.OpenSpool(ctx, b.cfg.Data)
	if err != nil {
		return fmt.Errorf("open the spool in the data folder (MANYI_DATA): %w", err)
	}
	b.spool = spool
	if b.node, err = nodeName(ctx, spool, b.cfg.Node); err != nil {
		return errors.Join(err, b.leave())
	}
	return nil
}

func (b *base) leave() error {
	if b.spool == nil {
		return nil
	}
	return b.spool.Close()
}

func stop(app *fiber.App, in *intake.Intake, runner *jobs.Runner) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	answered, enough := context.WithTimeout(ctx, answerWithin) // whoever reads slowly leaves the others their time
	defer enough()
	return errors.Join(
		app.ShutdownWithContext(answered),
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
