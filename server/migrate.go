package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/keyring"
	"manyi/survey/mongostore"
	"manyi/survey/sqlitestore"
)

func migrateCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Copy an embedded database into MongoDB and verify the copy",
		Long: "Copies the embedded database of a data folder (MANYI_DATA) into an empty MongoDB database, and compares what\n" +
			"stands on both sides: number and content of every collection, then the tallies counted anew from the copy.\n" +
			"Stop the servers on the folder first. The folder is left as it is; sessions, failed sign-ins, one-time\n" +
			"codes and records of past job runs stay behind.",
		Example: "  server migrate --data /var/lib/manyi --to mongodb://db1,db2,db3/manyi?replicaSet=rs0\n  MONGODB_URI=mongodb://… server migrate --resume",
		Args:    cobra.NoArgs,
	}
	to := cmd.Flags().String("to", "", "connection string of the MongoDB database (default MONGODB_URI, which keeps a password off the command line)")
	resume := cmd.Flags().Bool("resume", false, "go on with a migration that was cut short")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		uri := cmp.Or(*to, e.getenv("MONGODB_URI"))
		if uri == "" {
			return errors.New("--to is missing; want a MongoDB connection string, such as mongodb://db1,db2,db3/manyi?replicaSet=rs0")
		}
		folder := *e // the settings are those of the folder, whatever the nodes will use
		folder.getenv = func(name string) string {
			if name == "MONGODB_URI" {
				return ""
			}
			return e.getenv(name)
		}
		cfg, err := folder.config(cmd)
		if err != nil {
			return err
		}
		return e.migrate(cmd.Context(), cfg, uri, *resume)
	}
	return cmd
}

// What a migration notes in the target, by pin.
const (
	pinSource   = "migrated from" // the source's number: whose copy the target is
	pinMigrated = "migrated at"   // when the copy was found whole; from then on the target lives on its own
)

func (e *env) migrate(ctx context.Context, cfg config, uri string, resume bool) (err error) {
	if _, err := os.Stat(filepath.Join(cfg.Data, sqlitestore.FileName)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("MANYI_DATA is %q and holds no embedded database; want the folder to migrate", cfg.Data)
	}
	from, err := openBase(ctx, cfg, e.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	ring, err := keyring.Load(cfg.keys())
	if err != nil {
		return err
	}
	to, err := mongostore.Open(ctx, uri)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := admit(ctx, from.store, to, resume); err != nil {
		return err
	}
	if err := checkSecrets(ctx, to, from.secret, ring); err != nil {
		return err
	}
	for { // proofs stay behind with their codes; what follows from them is noted in the cases before
		owed, err := from.store.OwedProofs(ctx, 1)
		if err != nil {
			return err
		}
		if len(owed) == 0 {
			break
		}
		if _, err := jobs.OpenCases(ctx, from.store, from.secrets.FollowUpOf, e.now()); err != nil {
			return err
		}
	}
	for _, c := range collections {
		if err := e.migrateOne(ctx, c, from.store, to); err != nil {
			return err
		}
	}
	for _, s := range []survey.Store{from.store, to} {
		runner, err := jobs.NewRunner(s, []jobs.Job{jobs.RollUpJob(s)}, jobs.Options{Zone: cfg.Zone, Log: e.log(), Lease: cfg.Lease})
		if err != nil {
			return err
		}
		if err := e.countWhole(ctx, runner, s); err != nil {
			return fmt.Errorf("roll up: %w", err)
		}
	}
	if err := e.compare(ctx, collection{name: "tallies", read: readTallies}, from.store, to, nil); err != nil {
		return err
	}
	if _, err := to.Pin(ctx, pinMigrated, e.now().UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "migrated. Give every node MONGODB_URI, MANYI_SECRET (%s) and a copy of %s as MANYI_KEYS_FILE.\n",
		secretAt(cfg), cfg.keys())
	return nil
}

// countWhole rolls up until nothing is left to count. What a writer that was cut short
// owes is taken up only once it may be taken for dead, a minute after.
func (e *env) countWhole(ctx context.Context, runner *jobs.Runner, store survey.TallyStore) error {
	told := false
	for {
		if err := runner.RunAll(ctx, e.now()); err != nil {
			return err
		}
		marked, _, err := store.Rolled(ctx)
		if err != nil || marked == 0 {
			return err
		}
		if !told {
			told = true
			fmt.Fprintln(e.err, "note: waiting for what the run that was cut short still owes, a minute at most")
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func secretAt(cfg config) string {
	if cfg.Secret != "" {
		return "as it is set now"
	}
	return "the content of " + filepath.Join(cfg.Data, secretFile)
}

// admit refuses a target that holds anything, unless it holds the beginning of
// this very migration and that is to be gone on with.
func admit(ctx context.Context, from, to survey.Store, resume bool) error {
	source, err := from.Pin(ctx, "installation", strings.ToLower(rand.Text()))
	if err != nil {
		return err
	}
	pins, err := to.Pins(ctx)
	if err != nil {
		return err
	}
	begun := pins[pinSource]
	switch {
	case pins[pinMigrated] != "":
		return fmt.Errorf("the target was migrated to at %s and has lived on since; nothing was changed", pins[pinMigrated])
	case begun != "" && begun != source:
		return errors.New("the target holds the beginning of another folder's migration; give an empty database")
	case begun != "" && !resume:
		return errors.New("the target holds the beginning of this migration; go on with --resume")
	case begun != "":
		return nil
	}
	for _, c := range collections {
		err := c.read(ctx, to, func(any) error { return errSome })
		if errors.Is(err, errSome) {
			return fmt.Errorf("the target is not empty: it holds %s; give an empty database", c.name)
		}
		if err != nil {
			return err
		}
	}
	_, err = to.Pin(ctx, pinSource, source)
	return err
}

var errSome = errors.New("there is something")

// migrateOne copies a collection and compares both sides.
func (e *env) migrateOne(ctx context.Context, c collection, from, to survey.Store) error {
	read, err := copyCollection(ctx, c, from, to, e.progress("copy "+c.name))
	if err != nil {
		return fmt.Errorf("copy %s: %w (go on with --resume)", c.name, err)
	}
	return e.compare(ctx, c, from, to, read)
}

// compare reads a collection on both sides; the source only if it was not read just now.
func (e *env) compare(ctx context.Context, c collection, from, to survey.Store, read *content) (err error) {
	progress := e.progress("compare " + c.name)
	if read == nil {
		if read, err = contentOf(ctx, c, from, progress); err != nil {
			return err
		}
	}
	there, err := contentOf(ctx, c, to, progress)
	if err != nil {
		return err
	}
	progress(-1)
	if !there.equal(read) {
		return fmt.Errorf("%s differ: %s in the folder, %s in MongoDB; if a server still ran on the folder, stop it and go on with --resume", c.name, read, there)
	}
	fmt.Fprintf(e.out, "%s: %s, the same on both sides\n", c.name, read)
	return nil
}
