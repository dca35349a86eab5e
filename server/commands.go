package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"manyi/server/web"
	"manyi/survey"
)

// env is what a command gets besides its arguments.
type env struct {
	getenv   func(string) string
	out, err io.Writer
	now      func() time.Time
}

// run carries out one command line.
func run(ctx context.Context, args []string, getenv func(string) string, in io.Reader, out, errOut io.Writer) error {
	return (&env{getenv: getenv, out: out, err: errOut, now: time.Now}).run(ctx, args, in)
}

func (e *env) run(ctx context.Context, args []string, in io.Reader) error {
	out, errOut := e.out, e.err
	root := rootCommand(e)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		report(errOut, err)
	}
	return err
}

// report tells the operator what was wrong: every fault on a line of its own.
func report(w io.Writer, err error) {
	var faults survey.Faults
	if !errors.As(err, &faults) {
		fmt.Fprintln(w, "error:", err)
		return
	}
	fmt.Fprintf(w, "error: %d faults, nothing was changed\n", len(faults))
	for _, f := range faults {
		why := web.FaultText(f.Why)
		fmt.Fprintf(w, "  %s: %s %s\n", faultAt(f), why.Zh, why.En)
	}
}

// faultAt says where a fault is: row, column and value, as far as there are any.
func faultAt(f survey.Fault) string {
	at := f.Field
	if f.Row > 0 {
		at = fmt.Sprintf("row %d, %s", f.Row, at)
	}
	if f.Row > 0 || f.Value != "" {
		at += fmt.Sprintf(" %q", f.Value)
	}
	return at
}

func rootCommand(e *env) *cobra.Command {
	serve := serveCommand(e)
	root := &cobra.Command{
		Use:           "server",
		Short:         "Manyi 满意 collects satisfaction ratings and delivers the figures",
		Long:          "Manyi 满意 collects satisfaction ratings at service windows and delivers the figures.\nWithout a command it serves.\n\n" + settingsHelp(),
		Example:       "  server demo\n  server serve --addr :8080",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          serve.RunE,
	}
	for _, s := range settings {
		if s.Flag != "" {
			root.PersistentFlags().String(s.Flag, "", fmt.Sprintf("%s (%s, default %q)", s.Help, s.Env, s.Default))
		}
	}
	root.AddCommand(serve, demoCommand(e), placesCommand(e), visitsCommand(e), responsesCommand(e), casesCommand(e), instrumentsCommand(e), evaluationsCommand(e), calendarCommand(e), surveyCommand(e), codesCommand(e),
		computeCommand(e), exportCommand(e), publishCommand(e), verifyCommand(e), reviewCommand(e), userCommand(e), tokenCommand(e),
		backupCommand(e), restoreCommand(e), migrateCommand(e), keysCommand(e), eraseCommand(e), nodesCommand(e), spoolCommand(e))
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

func settingsHelp() string {
	var b strings.Builder
	b.WriteString("Settings, each by environment or flag:\n")
	for _, s := range settings {
		fmt.Fprintf(&b, "  %-23s %s", s.Env, s.Help)
		if s.Default != "" {
			fmt.Fprintf(&b, " (default %s)", s.Default)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// config reads the settings of a command line.
func (e *env) config(cmd *cobra.Command) (config, error) {
	flags := map[string]string{}
	for _, s := range settings {
		if s.Flag != "" && cmd.Flags().Changed(s.Flag) {
			flags[s.Flag], _ = cmd.Flags().GetString(s.Flag)
		}
	}
	return loadConfig(e.getenv, flags)
}

// with opens the store for a command that works beside the server or without one.
func (e *env) with(f func(cmd *cobra.Command, b *base, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cfg, err := e.config(cmd)
		if err != nil {
			return err
		}
		b, err := openBase(cmd.Context(), cfg, e.now)
		if err != nil {
			return err
		}
		return errors.Join(f(cmd, b, args), b.close())
	}
}

func (e *env) log() *slog.Logger { return slog.New(slog.NewJSONHandler(e.err, nil)) }

// interruptible ends the command's context at the first Ctrl-C.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt)
}

// progress returns a function that shows a count on a terminal and does nothing
// in a pipe. Calling it with done < 0 ends the line.
func (e *env) progress(what string) func(done int) {
	f, ok := e.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(int) {}
	}
	var last time.Time
	return func(done int) {
		if done < 0 {
			fmt.Fprintln(f)
			return
		}
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond {
			last = now
			fmt.Fprintf(f, "\r%s: %d ", what, done)
		}
	}
}

// surveyFor returns the survey a command is about: the one named, or the only one.
func surveyFor(ctx context.Context, store survey.SurveyStore, id string) (survey.Survey, error) {
	if id != "" {
		s, err := store.Survey(ctx, id)
		if errors.Is(err, survey.ErrNotFound) {
			return s, fmt.Errorf("--survey %q: no such survey; see: server survey list", id)
		}
		return s, err
	}
	all, err := store.Surveys(ctx)
	switch {
	case err != nil:
		return survey.Survey{}, err
	case len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return survey.Survey{}, errors.New("there is no survey yet; add one with: server survey add FILE.json")
	}
	return survey.Survey{}, errors.New("there are several surveys; name one with --survey (see: server survey list)")
}

func treeOf(ctx context.Context, store survey.PlaceStore) (*survey.Tree, error) {
	places, err := store.Places(ctx)
	if err != nil {
		return nil, err
	}
	tree, faults := survey.NewTree(places)
	return tree, faults.Err()
}

// checkPlace finds a flag's place, or refuses a value that is not the code of a stored one.
func checkPlace(ctx context.Context, store survey.PlaceStore, flag, code string) (survey.Place, error) {
	tree, err := treeOf(ctx, store)
	if err != nil {
		return survey.Place{}, err
	}
	place, ok := tree.Place(code)
	if !ok {
		return place, fmt.Errorf("%s is %q; want the code of a place, see: server places export", flag, code)
	}
	return place, nil
}

// output opens the file a command writes to; "-" is standard output. The file
// appears under its name only when it is whole.
func (e *env) output(path string, write func(io.Writer) error) error {
	if path == "-" {
		return write(e.out)
	}
	tmp := path + ".part"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
