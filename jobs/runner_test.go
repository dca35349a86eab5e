package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/sqlitestore"
)

var noon = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// watched is a store that tells when it gave or refused a lease.
type watched struct {
	*sqlitestore.Store
	given, refused chan struct{}
	late           *atomic.Int64 // how far the store's clock was moved
}

// Now implements survey.JobStore with a clock that stands until it is moved.
func (w watched) Now(context.Context) (time.Time, error) {
	return noon.Add(time.Duration(w.late.Load())), nil
}

// Lease implements survey.JobStore.
func (w watched) Lease(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (int64, error) {
	fence, err := w.Store.Lease(ctx, job, holder, now, ttl)
	tell := w.given
	if err != nil {
		tell = w.refused
	}
	select {
	case tell <- struct{}{}:
	default: // told before, and nobody has looked yet
	}
	return fence, err
}

// rig is a runner on a real store, with a clock that stands until it is moved.
type rig struct {
	*Runner
	t     *testing.T
	store watched
	late  atomic.Int64 // how far the clock was moved
	log   bytes.Buffer
}

func newRig(t *testing.T, lease time.Duration, jobs ...Job) *rig {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t}
	r.store = watched{store, make(chan struct{}, 1), make(chan struct{}, 1), &r.late}
	r.Runner, err = NewRunner(r.store, jobs, Options{Lease: lease, Log: slog.New(slog.NewTextHandler(&r.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.Stop(context.Background()), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) clock() time.Time { return noon.Add(time.Duration(r.late.Load())) }

// long is a lease that no test outlasts.
const long = time.Hour

// takeTurn is one turn of the first job.
func (r *rig) takeTurn() { r.turn(r.t.Context(), r.jobs[0]) }

// lastRun is the last recorded run, and whether there is one.
func (r *rig) lastRun() (survey.Run, bool) {
	r.t.Helper()
	runs, err := r.store.LastRuns(r.t.Context())
	if err != nil || len(runs) > 1 {
		r.t.Fatalf("runs %+v, %v", runs, err)
	}
	if len(runs) == 0 {
		return survey.Run{}, false
	}
	return runs[0], true
}

// takeLease gives the job's lease to somebody else.
func (r *rig) takeLease(now time.Time, ttl time.Duration) {
	r.t.Helper()
	if _, err := r.store.Store.Lease(r.t.Context(), "work", "somebody else", now, ttl); err != nil {
		r.t.Fatal(err)
	}
}

// never is a schedule whose turns the tests take themselves.
const never = "0 0 0 29 2 *"

func job(run func(context.Context, Turn) (int, error)) Job {
	return Job{Name: "work", Schedule: never, Run: run}
}

func TestBadSchedules(t *testing.T) {
	for _, c := range []struct{ schedule, wrong string }{
		{"*/10 * * * * *", ""},
		{"0 30 2 * * *", ""},
		{"@hourly", ""},
		{"", "empty"},
		{"30 2 * * *", "five fields; the seconds are missing"},
		{"0 60 2 * * *", "no such minute"},
		{"often", "no expression"},
	} {
		_, err := NewRunner(nil, []Job{{Name: "work", Schedule: c.schedule}}, Options{})
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%q: %v", c.schedule, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), "job work") || !strings.Contains(err.Error(), c.schedule)):
			t.Errorf("%q (%s): %v; want the job and its schedule in the error", c.schedule, c.wrong, err)
		}
	}
}

func TestSchedulesAreLocal(t *testing.T) {
	zone := time.FixedZone("UTC+8", 8*60*60)
	r, err := NewRunner(nil, []Job{{Name: "work", Schedule: "0 30 2 * * *"}}, Options{Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	next := r.cron.Entries()[0].Schedule.Next(noon.In(r.cron.Location()))
	if want := time.Date(2024, 3, 1, 2, 30, 0, 0, zone); !next.Equal(want) {
		t.Errorf("next turn at %v, want %v", next, want)
	}
}

func TestRunIsRecorded(t *testing.T) {
	asOf := noon.Add(-time.Hour)
	var r *rig
	r = newRig(t, long, job(func(_ context.Context, turn Turn) (int, error) {
		if !turn.Now.Equal(asOf) || turn.Fence == 0 {
			t.Errorf("the job runs as of %v under fence %d, want %v and a fence", turn.Now, turn.Fence, asOf)
		}
		r.late.Store(int64(time.Second))
		return 7, nil
	}))
	if err := r.RunAll(t.Context(), asOf); err != nil {
		t.Fatal(err)
	}
	want := survey.Run{Job: "work", StartedAt: noon, FinishedAt: noon.Add(time.Second), Done: 7}
	if got, _ := r.lastRun(); got != want {
		t.Errorf("recorded %+v, want %+v", got, want)
	}
	r.takeLease(noon, time.Minute) // nobody has to wait for it
}

func TestFailureDegradesUntilTheNextSuccess(t *testing.T) {
	for name, fail := range map[string]func() (int, error){
		"failing":   func() (int, error) { return 3, errors.New("broken off") },
		"panicking": func() (int, error) { panic("broken off") },
	} {
		t.Run(name, func(t *testing.T) {
			run := fail
			r := newRig(t, long, job(func(context.Context, Turn) (int, error) { return run() }))
			r.takeTurn()
			failed, ok := r.lastRun()
			if !ok || !strings.Contains(failed.Error, "broken off") || !survey.Degraded([]survey.Run{failed}) {
				t.Errorf("recorded %+v, want the failure", failed)
			}
			if err := r.RunAll(t.Context(), noon); err == nil || !strings.Contains(err.Error(), "job work") {
				t.Errorf("RunAll: %v, want the job's failure", err)
			}
			run = func() (int, error) { return 1, nil }
			r.takeTurn()
			if again, _ := r.lastRun(); survey.Degraded([]survey.Run{again}) || again.Done != 1 {
				t.Errorf("after a success: %+v", again)
			}
		})
	}
}

func TestAllJobsRunThoughOneFails(t *testing.T) {
	broken := errors.New("broken off")
	second := false
	r := newRig(t, long,
		Job{Name: "first", Schedule: never, Run: func(context.Context, Turn) (int, error) { return 0, broken }},
		Job{Name: "second", Schedule: never, Run: func(context.Context, Turn) (int, error) { second = true; return 0, nil }})
	if err := r.RunAll(t.Context(), noon); !errors.Is(err, broken) || !second {
		t.Errorf("%v, and the second job ran: %t", err, second)
	}
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		name string
		due  func(context.Context) (bool, error)
		runs bool
	}{
		{"always", nil, true},
		{"due", func(context.Context) (bool, error) { return true, nil }, true},
		{"not due", func(context.Context) (bool, error) { return false, nil }, false},
		{"unknown", func(context.Context) (bool, error) { return false, errors.New("no answer") }, true},
		{"panicking", func(context.Context) (bool, error) { panic("no answer") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := job(func(context.Context, Turn) (int, error) { return 1, nil })
			j.Due = c.due
			r := newRig(t, long, j)
			r.takeTurn()
			if _, ran := r.lastRun(); ran != c.runs {
				t.Errorf("a run was recorded: %t, want %t", ran, c.runs)
			}
		})
	}
}

// Nothing is due, and the last run failed: one more run must tell that all is well.
func TestAFailureIsNotLeftStanding(t *testing.T) {
	j := job(func(context.Context, Turn) (int, error) { return 0, nil })
	j.Due = func(context.Context) (bool, error) { return false, nil }
	r := newRig(t, long, j)
	if err := r.store.AddRun(t.Context(), survey.Run{Job: j.Name, StartedAt: noon, FinishedAt: noon, Error: "broken off"}); err != nil {
		t.Fatal(err)
	}
	r.takeTurn()
	if last, _ := r.lastRun(); last.Error != "" {
		t.Errorf("last run %+v, want a success", last)
	}
}

func TestJobNeverOverlapsItself(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	runs := 0 // unguarded, so that the race detector sees an overlap too
	r := newRig(t, long, job(func(context.Context, Turn) (int, error) {
		runs++
		started <- struct{}{}
		<-finish
		return 0, nil
	}))
	ended := make(chan struct{})
	go func() { r.takeTurn(); close(ended) }()
	<-started
	r.takeTurn() // returns at once
	all := make(chan error, 1)
	go func() { all <- r.RunAll(t.Context(), noon) }() // waits
	close(finish)
	<-ended
	<-started
	if err := <-all; err != nil || runs != 2 {
		t.Errorf("%d runs, %v; want the first turn's and RunAll's", runs, err)
	}
}

func TestTurnLeavesAJobRunningElsewhereAlone(t *testing.T) {
	r := newRig(t, long, job(func(context.Context, Turn) (int, error) { t.Error("it ran"); return 0, nil }))
	r.takeLease(noon, time.Minute)
	r.takeTurn()
	if run, ok := r.lastRun(); ok {
		t.Errorf("recorded %+v", run)
	}
}

func TestRunAllWaitsForARunElsewhere(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"released": func(r *rig) {
			if err := r.store.Release(r.t.Context(), "work", "somebody else"); err != nil {
				r.t.Error(err)
			}
		},
		"expired": func(r *rig) { r.late.Store(int64(time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			var over atomic.Bool
			r := newRig(t, 20*time.Millisecond, job(func(context.Context, Turn) (int, error) {
				if !over.Load() {
					t.Error("it ran beside another run")
				}
				return 0, nil
			}))
			r.takeLease(noon, time.Minute)
			all := make(chan error, 1)
			go func() { all <- r.RunAll(t.Context(), noon) }()
			for range 3 { // it asks again and again
				<-r.store.refused
			}
			over.Store(true)
			end(r)
			if err := <-all; err != nil {
				t.Error(err)
			}
			if _, ok := r.lastRun(); !ok {
				t.Error("it did not run")
			}
		})
	}
}

func TestRunAllStopsWaiting(t *testing.T) {
	r := newRig(t, 20*time.Millisecond, job(func(context.Context, Turn) (int, error) { t.Error("it ran"); return 0, nil }))
	r.takeLease(noon, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	all := make(chan error, 1)
	go func() { all <- r.RunAll(ctx, noon) }()
	<-r.store.refused
	cancel()
	if err := <-all; err == nil {
		t.Error("an interrupted wait counts as success")
	}
}

func TestLostLeaseEndsTheRun(t *testing.T) {
	started := make(chan struct{})
	r := newRig(t, 20*time.Millisecond, job(func(ctx context.Context, _ Turn) (int, error) {
		close(started)
		<-ctx.Done()
		return 2, ctx.Err()
	}))
	ended := make(chan struct{})
	go func() { r.takeTurn(); close(ended) }()
	<-started
	r.takeLease(noon.Add(time.Hour), time.Hour) // as if this process had slept for an hour
	<-ended
	run, _ := r.lastRun()
	if !strings.Contains(run.Error, "lease lost") || run.Done != 2 {
		t.Errorf("recorded %+v, want the lost lease", run)
	}
	if log := r.log.String(); !strings.Contains(log, "job failed") || !strings.Contains(log, "lease lost") {
		t.Errorf("logged %q, want the lost lease", log)
	}
	if _, err := r.store.Store.Lease(t.Context(), "work", "a third", noon.Add(time.Hour), long); !errors.Is(err, survey.ErrLeaseHeld) {
		t.Errorf("the lost run gave back a lease that was not its own: %v", err)
	}
}

// TestLeaseIsRenewed runs a job for several times its lease.
func TestLeaseIsRenewed(t *testing.T) {
	const lease = 20 * time.Millisecond
	var r *rig
	r = newRig(t, lease, job(func(ctx context.Context, _ Turn) (int, error) {
		for range 5 {
			r.late.Add(int64(lease / 2))
			for range 3 { // the first may have been told before, the second asked before
				<-r.store.given
			}
			if _, err := r.store.Store.Lease(ctx, "work", "somebody else", r.clock().Add(lease/2), lease); !errors.Is(err, survey.ErrLeaseHeld) {
				t.Errorf("somebody else asks for the lease: %v", err)
			}
		}
		return 0, ctx.Err()
	}))
	r.takeTurn()
	if run, ok := r.lastRun(); !ok || run.Error != "" {
		t.Errorf("recorded %t %+v", ok, run)
	}
}

func TestStop(t *testing.T) {
	for _, c := range []struct {
		name     string
		overdue  bool // Stop's deadline has passed
		recorded string
	}{
		{"waits for a running job", false, ""},
		{"ends a running job at its deadline", true, context.Canceled.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // each waits for a whole second to strike
			started, finish := make(chan struct{}, 100), make(chan struct{})
			j := job(func(ctx context.Context, _ Turn) (int, error) {
				started <- struct{}{}
				select {
				case <-finish:
				case <-ctx.Done():
				}
				return 0, ctx.Err()
			})
			j.Schedule = "* * * * * *"
			r := newRig(t, long, j)
			r.Start()
			<-started
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.overdue {
				cancel()
			} else {
				go close(finish)
			}
			if err := r.Stop(ctx); !errors.Is(err, ctx.Err()) {
				t.Errorf("Stop: %v, want %v", err, ctx.Err())
			}
			run, ok := r.lastRun() // recorded by now, or it was not waited for
			if !ok || run.Error != c.recorded {
				t.Errorf("recorded %t %+v, want %q", ok, run, c.recorded)
			}
		})
	}
}
