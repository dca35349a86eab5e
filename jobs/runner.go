package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"manyi/survey"
)

// Job is a piece of work that runs by itself.
type Job struct {
	Name string
	// Schedule is a cron expression with seconds, in the runner's zone.
	Schedule string
	// Due reports whether there is anything to do; nil means always. It keeps an
	// idle system from writing leases and records all day.
	Due func(ctx context.Context) (bool, error)
	// Run does the work of a turn and returns how much it did. It must be safe to
	// kill and to repeat.
	Run func(ctx context.Context, turn Turn) (int, error)
}

// Turn is when a job runs, and the lease it runs under.
type Turn struct {
	Now   time.Time // on the store's clock, so that the nodes' clocks do not matter
	Fence int64     // to be given to the store with what is written
}

// RollUpJob is the roll-up on its schedule: every ten seconds.
func RollUpJob(store survey.TallyStore) Job {
	return Job{
		Name:     "rollup",
		Schedule: "*/10 * * * * *",
		Due: func(ctx context.Context) (bool, error) {
			marked, _, err := store.Rolled(ctx)
			return marked > 0, err
		},
		Run: func(ctx context.Context, turn Turn) (int, error) {
			return RollUp(ctx, store, turn.Fence, turn.Now)
		},
	}
}

// Options configure a Runner. Zero fields take the defaults.
type Options struct {
	Zone *time.Location
	Log  *slog.Logger
	// Lease is how long a run may go without a sign of life before another
	// process takes the job over.
	Lease time.Duration
}

// Runner runs jobs on their schedules.
type Runner struct {
	store  survey.JobStore
	jobs   []Job
	opts   Options
	holder string
	cron   *cron.Cron
	cancel context.CancelFunc
	one    map[string]*sync.Mutex // a job never overlaps itself
}

// NewRunner prepares the jobs; an error is a mistake in a schedule.
func NewRunner(store survey.JobStore, jobs []Job, opts Options) (*Runner, error) {
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Lease == 0 {
		opts.Lease = 15 * time.Second
	}
	r := &Runner{store: store, jobs: jobs, opts: opts, holder: rand.Text(), one: map[string]*sync.Mutex{}}
	r.cron = cron.New(cron.WithSeconds(), cron.WithLocation(opts.Zone))
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	for _, j := range jobs {
		r.one[j.Name] = new(sync.Mutex)
		if _, err := r.cron.AddFunc(j.Schedule, func() { r.turn(ctx, j) }); err != nil {
			cancel()
			return nil, fmt.Errorf("job %s: schedule %q: %w", j.Name, j.Schedule, err)
		}
	}
	return r, nil
}

// Start begins the schedules. What fell due while nothing ran is caught up at
// the first turn, since jobs work from what is marked.
func (r *Runner) Start() { r.cron.Start() }

// Stop ends the schedules and waits for running jobs until ctx ends; then it
// cancels them, which is safe at any point.
func (r *Runner) Stop(ctx context.Context) error {
	stopped := r.cron.Stop()
	defer r.cancel()
	select {
	case <-stopped.Done():
		return nil
	case <-ctx.Done():
		r.cancel()
		<-stopped.Done()
		return ctx.Err()
	}
}

// turn is one turn of a schedule. A job still running, here or elsewhere, is left alone.
func (r *Runner) turn(ctx context.Context, j Job) {
	if !r.one[j.Name].TryLock() {
		return
	}
	defer r.one[j.Name].Unlock()
	if j.Due != nil {
		// What is due is not known after an error: the run will show what is wrong.
		if due, err := protect(func() (bool, error) { return j.Due(ctx) }); err == nil && !due && !r.failedLast(ctx, j.Name) {
			return
		}
	}
	now, err := r.store.Now(ctx)
	if err == nil {
		err = r.run(ctx, j, now)
	}
	if err != nil && !errors.Is(err, survey.ErrLeaseHeld) {
		r.opts.Log.Error("job failed; it is retried on its next turn", "job", j.Name, "error", err)
	}
}

// failedLast reports whether a job's last run failed. Such a job runs again even
// with nothing to do, or an idle system would stay degraded until somebody rates.
func (r *Runner) failedLast(ctx context.Context, job string) bool {
	runs, err := r.store.LastRuns(ctx)
	return err == nil && slices.ContainsFunc(runs, func(run survey.Run) bool { return run.Job == job && run.Error != "" })
}

// RunAll runs every job once as of a time, waiting for runs elsewhere to end,
// and returns the failures joined.
func (r *Runner) RunAll(ctx context.Context, now time.Time) error {
	var failed []error
	for _, j := range r.jobs {
		r.one[j.Name].Lock()
		err := r.run(ctx, j, now)
		for errors.Is(err, survey.ErrLeaseHeld) && sleep(ctx, r.opts.Lease/20) {
			err = r.run(ctx, j, now)
		}
		r.one[j.Name].Unlock()
		if err != nil {
			failed = append(failed, fmt.Errorf("job %s: %w", j.Name, err))
		}
	}
	return errors.Join(failed...)
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// run does one run under the job's lease and records it.
func (r *Runner) run(ctx context.Context, j Job, now time.Time) (err error) {
	started, fence, err := r.lease(ctx, j)
	if err != nil {
		return err
	}
	defer r.store.Release(context.WithoutCancel(ctx), j.Name, r.holder)
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	go r.renew(ctx, j, lose)

	rec := survey.Run{Job: j.Name, StartedAt: started}
	rec.Done, err = protect(func() (int, error) { return j.Run(ctx, Turn{Now: now, Fence: fence}) })
	if cause := context.Cause(ctx); cause != nil {
		err = cause // why the job was ended, where its own error says only that it was
	}
	if err != nil {
		rec.Error = err.Error()
	}
	if rerr := r.record(context.WithoutCancel(ctx), rec); rerr != nil {
		return errors.Join(err, fmt.Errorf("record run: %w", rerr))
	}
	return err
}

func (r *Runner) record(ctx context.Context, rec survey.Run) (err error) {
	if rec.FinishedAt, err = r.store.Now(ctx); err != nil {
		return err
	}
	return r.store.AddRun(ctx, rec)
}

// lease takes or renews a job's lease and returns the store's time.
func (r *Runner) lease(ctx context.Context, j Job) (now time.Time, fence int64, err error) {
	if now, err = r.store.Now(ctx); err != nil {
		return now, 0, err
	}
	fence, err = r.store.Lease(ctx, j.Name, r.holder, now, r.opts.Lease)
	return now, fence, err
}

// renew keeps the lease while the job runs, and ends the job if it was lost. That is a
// failure and not survey.ErrLeaseHeld, by which a turn is left to who has the lease.
func (r *Runner) renew(ctx context.Context, j Job, lose context.CancelCauseFunc) {
	for sleep(ctx, r.opts.Lease/3) {
		if _, _, err := r.lease(ctx, j); err != nil && ctx.Err() == nil {
			lose(fmt.Errorf("lease lost: %v", err))
			return
		}
	}
}

// protect turns a panic into an error: one broken job must not stop intake.
func protect[T any](f func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}
