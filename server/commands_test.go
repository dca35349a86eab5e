package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"manyi/survey"
	"manyi/survey/storetest"
)

// everyCommand calls f for each command but those of the library.
func everyCommand(root *cobra.Command, f func(*cobra.Command)) {
	f(root)
	for _, c := range root.Commands() {
		if c.Name() != "help" && c.Name() != "completion" {
			everyCommand(c, f)
		}
	}
}

func TestEveryCommandShowsAnExample(t *testing.T) {
	seen := 0
	everyCommand(rootCommand(&env{}), func(cmd *cobra.Command) {
		seen++
		path := strings.Fields(cmd.CommandPath())
		out, err := runCommand(t, nil, append(path[1:], "--help")...)
		if err != nil || !strings.Contains(out, "Examples:") || cmd.Short == "" {
			t.Errorf("%s --help: %v, no example or no short description:\n%s", cmd.CommandPath(), err, out)
		}
		for line := range strings.Lines(cmd.Example) {
			_, typed, ok := strings.Cut(line, "server ")
			if !ok || !strings.HasPrefix("server "+typed, cmd.CommandPath()) {
				t.Errorf("%s: the example %q is of another command", cmd.CommandPath(), line)
				continue
			}
			called, rest, err := rootCommand(&env{}).Find(strings.Fields(typed))
			if err == nil {
				err = called.ParseFlags(rest)
			}
			if err == nil {
				err = called.ValidateArgs(called.Flags().Args())
			}
			if err != nil || !called.Runnable() {
				t.Errorf("%s: the example %q does not run: %v", cmd.CommandPath(), line, err)
			}
		}
	})
	if seen < 20 {
		t.Errorf("only %d commands were looked at", seen)
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	out, err := runCommand(t, nil, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		if !strings.Contains(out, s.Env) || s.Flag != "" && !strings.Contains(out, "--"+s.Flag+" ") {
			t.Errorf("--help does not name %s", s.Env)
		}
	}
}

func TestUnknownWordsAreRefused(t *testing.T) {
	c := newFolder(t)
	for _, line := range []string{"sreve", "places", "places import", "places import a b", "serve now", "survey add", "compute --fast", "codes --as"} {
		out, err := runCommand(t, c.env, strings.Fields(line)...)
		if err == nil && line != "places" { // a group alone shows its help
			t.Errorf("%q was accepted: %s", line, out)
		}
	}
}

func TestFaultsAreTold(t *testing.T) {
	for _, c := range []struct {
		fault survey.Fault
		want  string
	}{
		{survey.Fault{Row: 3, Field: "code", Value: "35", Why: survey.WhyPlaceCode},
			`row 3, code "35": 代码不合这一层级的格式 The code does not have the form of its kind`},
		{survey.Fault{Row: 4, Field: "item", Why: survey.WhyMissing}, `row 4, item "": 不能为空 May not be empty`},
		{survey.Fault{Field: "zone", Value: "Mars", Why: survey.WhyZone},
			`zone "Mars": 不认识这个时区，例如 Asia/Shanghai Unknown time zone; for example Asia/Shanghai`},
		{survey.Fault{Field: "title", Why: survey.WhyMissing}, `title: 不能为空 May not be empty`},
		{survey.Fault{Field: "x", Why: "no_such_word"}, `x: no_such_word`},
	} {
		var b strings.Builder
		report(&b, fmt.Errorf("wrapped: %w", survey.Faults{c.fault}))
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 2 || strings.TrimSpace(lines[1]) != c.want {
			t.Errorf("%v is told as %q, want %q", c.fault, lines, c.want)
		}
	}
}

func TestOutputAppearsOnlyWhole(t *testing.T) {
	broken := errors.New("broken off")
	half := func(w io.Writer) error {
		_, err := io.WriteString(w, "half of it")
		return errors.Join(err, broken)
	}
	e := &env{}
	path := filepath.Join(t.TempDir(), "out.csv")
	for _, before := range []string{"", "yesterday's"} {
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.output(path, half); !errors.Is(err, broken) {
			t.Errorf("error = %v, want the writer's", err)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(path)
		if string(text) != before || len(entries) > 0 != (before != "") || len(entries) > 1 {
			t.Errorf("after a failure there are %d files, and the named one holds %q; want %q", len(entries), text, before)
		}
	}
	if err := e.output(path, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "whole" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

// rate stores a number of ratings at the first window.
func (c commands) rate(n int) {
	c.t.Helper()
	b := c.base()
	s, err := b.store.Survey(c.t.Context(), "y2024")
	if err != nil {
		c.t.Fatal(err)
	}
	facts := storetest.NewFacts(uint64(n), s)
	group := make([]survey.Response, n)
	for i := range group {
		group[i] = facts.Response(storetest.GulouHR1, storetest.At("2024-02-29 08:00").Add(time.Duration(i)*time.Minute))
	}
	if _, err := b.store.AddResponses(c.t.Context(), group); err != nil {
		c.t.Fatal(err)
	}
}

// unrolled is how many buckets wait for the roll-up.
func (c commands) unrolled() int {
	c.t.Helper()
	marked, _, err := c.base().store.Rolled(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return marked
}

func TestCompute(t *testing.T) {
	c := filledFolder(t)
	c.rate(3)
	if c.unrolled() == 0 {
		t.Fatal("nothing to compute")
	}
	// A window's day and month, and its bureau's day, month and whole.
	if out := c.run("compute"); !strings.Contains(out, "job rollup: 5 done in ") || c.unrolled() != 0 {
		t.Errorf("%d buckets left, and it said %q", c.unrolled(), out)
	}
	if out := c.run("compute", "--as-of", "2030-01-01T00:00:00+08:00"); !strings.Contains(out, "job rollup: 0 done in ") {
		t.Errorf("with nothing new: %q", out)
	}
	for _, bad := range []string{"yesterday", "2026-10-01", "2026-10-01T00:00:00", "2026-13-01T00:00:00+08:00"} {
		c.refused([]string{"compute", "--as-of", bad}, "--as-of", bad, "2026-10-01T00:00:00+08:00")
	}
}

func TestComputeFailureIsTold(t *testing.T) {
	c := filledFolder(t)
	c.rate(1)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err := run(ctx, []string{"compute"}, func(name string) string { return c.env[name] }, strings.NewReader(""), io.Discard, io.Discard)
	if err == nil || c.unrolled() == 0 {
		t.Errorf("an interrupted run: %v, %d buckets left", err, c.unrolled())
	}
}

func TestComputeBesideAServer(t *testing.T) {
	if raceEnabled {
		t.Skip("the other process is what is tested, and the detector does not see into it")
	}
	c := filledFolder(t)
	startServe(t, c.env["MANYI_DATA"])
	c.rate(20)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if out, err := runCommand(t, c.env, "compute"); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if left := c.unrolled(); left != 0 {
		t.Errorf("%d buckets left", left)
	}
}
