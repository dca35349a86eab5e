package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

var now = storetest.At("2024-04-01 12:00")

func openStore(t testing.TB) *sqlitestore.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return store
}

// write stores some facts.
type write func(ctx context.Context, store survey.Store) error

// facts are the writes of some responses and visits of one survey, in groups.
// The cases tie them together over windows and days, so that one fact changes
// how others count. Surveys with different numbers may stand side by side in one store.
func facts(id string, no, responses, visits int) []write {
	s := storetest.Survey(storetest.Named(id))
	f, rng := storetest.NewFacts(uint64(no), s), rand.New(rand.NewPCG(2024, 229))
	window := func() string { return storetest.Windows()[rng.IntN(len(storetest.Windows()))] }
	day := func() time.Time { return storetest.At("2024-02-28").AddDate(0, 0, rng.IntN(4)) }
	number := func() string { return fmt.Sprint("C", rng.IntN(visits+2)) }
	var out []write
	for i := range responses {
		r := f.Response(window(), day().Add(time.Duration(i)*time.Minute))
		r.Level = survey.Levels[rng.IntN(len(survey.Levels))]
		switch rng.IntN(3) {
		case 0:
			storetest.OnCase(number())(&r)
		case 1:
			storetest.Proving(number(), "s")(&r)
		}
		out = append(out, func(ctx context.Context, store survey.Store) error {
			_, err := store.AddResponses(ctx, []survey.Response{r})
			return err
		})
	}
	for i := range visits {
		v := f.Visit(window(), fmt.Sprint("C", i), day(), storetest.WithSecret("s"))
		out = append(out, func(ctx context.Context, store survey.Store) error {
			_, err := store.PutVisits(ctx, []survey.Visit{v})
			return err
		})
	}
	return out
}

func store(t testing.TB, s survey.Store, writes []write) {
	t.Helper()
	for _, w := range writes {
		must(t, w(t.Context(), s))
	}
}

// rollAll rolls up until nothing is marked.
func rollAll(t testing.TB, s survey.TallyStore) {
	t.Helper()
	for range 100 {
		_, err := jobs.RollUp(t.Context(), s, 0, now)
		must(t, err)
		marked, _, err := s.Rolled(t.Context())
		must(t, err)
		if marked == 0 {
			return
		}
	}
	t.Fatal("after a hundred roll-ups there are marks left, and nobody writes")
}

// tallies are all stored tallies of a survey, by place and span.
func tallies(t testing.TB, s survey.TallyStore, id string) map[string]survey.Tally {
	t.Helper()
	out := map[string]survey.Tally{}
	for _, q := range []survey.TallyQuery{
		{Kind: survey.Window, From: 20240101, To: 20241231}, {Kind: survey.Window, From: 202401, To: 202412},
		{Kind: survey.Bureau, From: 20240101, To: 20241231}, {Kind: survey.Bureau, From: 202401, To: 202412}, {Kind: survey.Bureau},
	} {
		q.Survey = id
		must(t, s.Tallies(t.Context(), q, func(b survey.Bucket, tally survey.Tally) error {
			out[fmt.Sprint(b.Place, " ", b.Span)] = tally
			return nil
		}))
	}
	return out
}

// rolledOnce is what the facts count as when they are rolled up once, at the end.
func rolledOnce(t testing.TB, writes []write, id string) map[string]survey.Tally {
	t.Helper()
	s := openStore(t)
	store(t, s, writes)
	rollAll(t, s)
	want := tallies(t, s, id)
	superseded, rated := int64(0), int64(0)
	for _, tally := range want {
		superseded, rated = superseded+tally.Superseded, rated+tally.Rated
	}
	if superseded == 0 || rated == 0 {
		t.Fatal("the facts do not tie together, and would prove little")
	}
	return want
}

func same(t testing.TB, what string, got, want map[string]survey.Tally) {
	t.Helper()
	for at := range want {
		if !got[at].Equal(want[at]) {
			t.Fatalf("%s: %s is %+v, want %+v", what, at, got[at], want[at])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d tallies, want %d", what, len(got), len(want))
	}
}

// between calls a function before every call of a roll-up to the store; its
// error stands for the store's.
type between struct {
	survey.TallyStore
	call func() error
}

func (b between) Rolled(ctx context.Context) (int, time.Time, error) {
	if err := b.call(); err != nil {
		return 0, time.Time{}, err
	}
	return b.TallyStore.Rolled(ctx)
}

func (b between) Marks(ctx context.Context, step survey.Step, limit int) ([]survey.Mark, error) {
	if err := b.call(); err != nil {
		return nil, err
	}
	return b.TallyStore.Marks(ctx, step, limit)
}

func (b between) Count(ctx context.Context, bucket survey.Bucket) (survey.Tally, error) {
	if err := b.call(); err != nil {
		return survey.Tally{}, err
	}
	return b.TallyStore.Count(ctx, bucket)
}

func (b between) PutTallies(ctx context.Context, fence int64, counted []survey.CountedBucket, now time.Time) error {
	if err := b.call(); err != nil {
		return err
	}
	return b.TallyStore.PutTallies(ctx, fence, counted, now)
}

func TestRollUpAmongWritesCountsAsOnceAtTheEnd(t *testing.T) {
	writes := facts("y2024", 1, 60, 15)
	want := rolledOnce(t, writes, "y2024")
	seeds := uint64(5)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		s, rng, left := openStore(t), rand.New(rand.NewPCG(seed, 7)), slices.Clone(writes)
		rng.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		some := func(odds int) error {
			for len(left) > 0 && rng.IntN(odds) == 0 {
				w := left[0]
				left = left[1:]
				if err := w(t.Context(), s); err != nil {
					return err
				}
			}
			return nil
		}
		for len(left) > 0 {
			must(t, some(2))
			_, err := jobs.RollUp(t.Context(), between{s, func() error { return some(10) }}, 0, now)
			must(t, err)
		}
		rollAll(t, s)
		same(t, fmt.Sprint("seed ", seed), tallies(t, s, "y2024"), want)
	}
}

func TestRollUpsBesideWriters(t *testing.T) {
	writes := facts("y2024", 1, 60, 15)
	want := rolledOnce(t, writes, "y2024")
	s := openStore(t)
	const writers = 3
	ended := make(chan error, writers)
	for first := range writers {
		go func() {
			var err error
			for i := first; i < len(writes) && err == nil; i += writers {
				err = writes[i](t.Context(), s)
			}
			ended <- err
		}()
	}
	for left := writers; left > 0; {
		two := make(chan error, 2) // as two processes would
		for range 2 {
			go func() { _, err := jobs.RollUp(t.Context(), s, 0, now); two <- err }()
		}
		must(t, errors.Join(<-two, <-two))
		select {
		case err := <-ended:
			must(t, err)
			left--
		default:
		}
	}
	rollAll(t, s)
	same(t, "tallies", tallies(t, s, "y2024"), want)
}

// TestRollUpEndedAnywhere ends a roll-up at each of its calls to the store in
// turn, by a failing store and by a cancelled context, and rolls up again.
func TestRollUpEndedAnywhere(t *testing.T) {
	const responses, visits = 8, 4
	want := rolledOnce(t, facts("y2024", 1, responses, visits), "y2024")
	failure := errors.New("the disk is gone")
	every := 1
	if testing.Short() {
		every = 7
	}
	for _, way := range []struct {
		name string
		end  func(cancel func()) error
		want error
	}{
		{"failing", func(func()) error { return failure }, failure},
		{"cancelled", func(cancel func()) error { cancel(); return nil }, context.Canceled},
	} {
		t.Run(way.name, func(t *testing.T) {
			s := openStore(t)
			whole := false
			last := 0
			for k := 1; !whole; k += every {
				id := fmt.Sprint("ended-", k) // one store holds all ends, each in a survey of its own
				store(t, s, facts(id, k, responses, visits))
				ctx, cancel := context.WithCancel(t.Context())
				calls := 0
				_, err := jobs.RollUp(ctx, between{s, func() error {
					if calls++; calls == k {
						return way.end(cancel)
					}
					return nil
				}}, 0, now)
				cancel()
				if whole = calls < k; !whole && !errors.Is(err, way.want) || whole && err != nil {
					t.Fatalf("ended at call %d of %d: %v, want %v", k, calls, err, way.want)
				}
				rollAll(t, s)
				same(t, fmt.Sprint("ended at call ", k), tallies(t, s, id), want)
				last = k
			}
			if last < 30 {
				t.Errorf("a roll-up of %d calls proves little", last)
			}
		})
	}
}

func TestRollUpSaysHowManyBucketsItCounted(t *testing.T) {
	s := openStore(t)
	store(t, s, facts("y2024", 1, 8, 4))
	n, err := jobs.RollUp(t.Context(), s, 0, now)
	must(t, err)
	if all := len(tallies(t, s, "y2024")); n != all {
		t.Errorf("%d buckets counted, %d stored", n, all)
	}
	if _, last, err := s.Rolled(t.Context()); err != nil || !last.Equal(now) {
		t.Errorf("rolled at %v, %v; want %v", last, err, now)
	}
	if n, err := jobs.RollUp(t.Context(), s, 0, now.Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("with nothing marked: %d buckets, %v", n, err)
	}
}

func TestRollUpIsDueWhenSomethingIsMarked(t *testing.T) {
	s := openStore(t)
	job := jobs.RollUpJob(s)
	due := func(want bool) {
		t.Helper()
		if got, err := job.Due(t.Context()); err != nil || got != want {
			t.Errorf("due: %t, %v; want %t", got, err, want)
		}
	}
	due(false)
	store(t, s, facts("y2024", 1, 2, 1))
	due(true)
	_, err := job.Run(t.Context(), jobs.Turn{Now: now})
	must(t, err)
	due(false)
}
