package storetest

import (
	"fmt"
	"testing"
	"time"

	"manyi/survey"
)

var jobChecks = []Check{
	{"jobs/a lease is held by one until it ends", jobLease},
	{"jobs/a lease is given back by its holder only", jobRelease},
	{"jobs/of many takers one gets the lease", jobAtOnce},
	{"jobs/the last run of each job", jobRuns},
	{"jobs/the fence grows whenever a lease is given anew", jobFence},
	{"jobs/the store has a clock of its own", jobNow},
}

func leaseOf(t testing.TB, s survey.JobStore, job, holder string, now time.Time, ttl time.Duration) error {
	_, err := s.Lease(t.Context(), job, holder, now, ttl)
	return err
}

func jobFence(t testing.TB, s survey.Store) {
	now, ttl := At("2024-02-29 08:00"), time.Minute
	last := int64(0)
	take := func(what, holder string, at time.Time, anew bool) {
		t.Helper()
		fence, err := s.Lease(t.Context(), "roll", holder, at, ttl)
		must(t, what, err)
		if (fence > last) != anew || fence < last {
			t.Errorf("%s: fence %d after %d", what, fence, last)
		}
		last = fence
	}
	take("first lease", "a", now, true)
	take("renewed lease", "a", now.Add(ttl/2), false)
	take("lease that another let end", "b", now.Add(2*ttl), true)
	must(t, "release", s.Release(t.Context(), "roll", "b"))
	take("lease after its release", "b", now.Add(2*ttl), true)
	take("own lease after its end", "b", now.Add(4*ttl), true)
	must(t, "release", s.Release(t.Context(), "roll", "b"))
	take("lease by another after a release", "c", now.Add(4*ttl), true)
}

func jobNow(t testing.TB, s survey.Store) {
	before, err := s.Now(t.Context())
	must(t, "now", err)
	after, err := s.Now(t.Context())
	must(t, "now", err)
	if before.IsZero() || after.Before(before) || before.Location() != time.UTC {
		t.Errorf("the store's clock reads %v, then %v", before, after)
	}
}

func jobLease(t testing.TB, s survey.Store) {
	now, ttl := At("2024-02-29 08:00"), time.Minute
	lease := func(job, holder string, at time.Time) error { return leaseOf(t, s, job, holder, at, ttl) }
	must(t, "lease", lease("roll", "a", now))
	wantErr(t, "lease held by another", lease("roll", "b", now), survey.ErrLeaseHeld)
	wantErr(t, "lease held by another, at its end", lease("roll", "b", now.Add(ttl-time.Millisecond)), survey.ErrLeaseHeld)
	must(t, "lease of another job", lease("export", "b", now))

	must(t, "renewed lease", lease("roll", "a", now.Add(ttl/2)))
	wantErr(t, "lease renewed by another", lease("roll", "b", now.Add(ttl+time.Millisecond)), survey.ErrLeaseHeld)
	ended := now.Add(ttl/2 + ttl + time.Millisecond)
	must(t, "lease that ended", lease("roll", "b", ended))
	wantErr(t, "lease of the one before", lease("roll", "a", ended), survey.ErrLeaseHeld)
	must(t, "own lease after its end", lease("roll", "b", ended.Add(time.Hour)))
}

func jobRelease(t testing.TB, s survey.Store) {
	now, ttl := At("2024-02-29 08:00"), time.Minute
	must(t, "release of what nobody holds", s.Release(t.Context(), "roll", "a"))
	must(t, "lease", leaseOf(t, s, "roll", "a", now, ttl))
	must(t, "release by another", s.Release(t.Context(), "roll", "b"))
	wantErr(t, "lease after another released it", leaseOf(t, s, "roll", "b", now, ttl), survey.ErrLeaseHeld)
	must(t, "release", s.Release(t.Context(), "roll", "a"))
	must(t, "release again", s.Release(t.Context(), "roll", "a"))
	must(t, "lease after its release", leaseOf(t, s, "roll", "b", now, ttl))
	must(t, "release by the one before", s.Release(t.Context(), "roll", "a"))
	wantErr(t, "lease of the second", leaseOf(t, s, "roll", "c", now, ttl), survey.ErrLeaseHeld)
}

func jobAtOnce(t testing.TB, s survey.Store) {
	now := At("2024-02-29 08:00")
	take := func(at time.Time) []error {
		return together(20, func(i int) error {
			return leaseOf(t, s, "roll", fmt.Sprint("holder", i, at.Unix()), at, time.Minute)
		})
	}
	onlyOne(t, "lease", take(now), survey.ErrLeaseHeld)
	onlyOne(t, "ended lease", take(now.Add(time.Hour)), survey.ErrLeaseHeld)
}

func jobRuns(t testing.TB, s survey.Store) {
	runs, err := s.LastRuns(t.Context())
	must(t, "last runs", err)
	same(t, "runs in a new store", len(runs), 0)
	run := func(job, at string, done int, fault string) survey.Run {
		return survey.Run{Job: job, StartedAt: At(at), FinishedAt: At(at).Add(1001 * time.Millisecond), Done: done, Error: fault}
	}
	last := []survey.Run{run("export", "2024-02-29 08:00", 0, "disk: 满了\n$."), run("roll", "2024-02-29 08:05", 1<<40, "")}
	for _, r := range []survey.Run{run("roll", "2024-02-29 08:00", 7, ""), last[0], run("roll", "2024-02-29 08:01", 8, "x"), last[1]} {
		must(t, "add run", s.AddRun(t.Context(), r))
	}
	runs, err = s.LastRuns(t.Context())
	must(t, "last runs", err)
	same(t, "last runs", runs, last)
}
