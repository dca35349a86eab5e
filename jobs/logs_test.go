package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

const logSecret = "a secret of at least thirty-two letters"

func newLogger(t *testing.T, store jobs.LogWork) jobs.Logger {
	t.Helper()
	keys, err := intake.NewSecrets([]byte(logSecret))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := proof.NewSigner([]byte(logSecret))
	if err != nil {
		t.Fatal(err)
	}
	return jobs.Logger{Store: store, Keys: keys, Signer: signer, Zone: storetest.Survey().Location()}
}

func logStore(t *testing.T) *sqlitestore.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.AddSurvey(t.Context(), storetest.Survey()); err != nil {
		t.Fatal(err)
	}
	return store
}

func rate(t *testing.T, store survey.ResponseStore, f *storetest.Facts, window string, n int) (made []survey.Response) {
	t.Helper()
	for i := range n {
		made = append(made, f.Response(window, storetest.At("2024-03-04 10:00").Add(time.Duration(i)*time.Second)))
	}
	if _, err := store.AddResponses(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	return made
}

func sizes(t *testing.T, store survey.LogStore) (receipts, data int64) {
	t.Helper()
	var err [2]error
	receipts, err[0] = store.LogSize(t.Context(), survey.ReceiptLog)
	data, err[1] = store.LogSize(t.Context(), survey.DataLog)
	if err := errors.Join(err[:]...); err != nil {
		t.Fatal(err)
	}
	return receipts, data
}

func wantSizes(t *testing.T, store survey.LogStore, receipts, data int64) {
	t.Helper()
	if r, d := sizes(t, store); r != receipts || d != data {
		t.Errorf("%d receipts and %d data entries are in the logs, want %d and %d", r, d, receipts, data)
	}
}

func TestReceiptsAreLoggedAtOnceAndDataInBatches(t *testing.T) {
	store := logStore(t)
	l := newLogger(t, store)
	f := storetest.NewFacts(1, storetest.Survey())
	now := storetest.At("2024-03-05 03:00")
	made := rate(t, store, f, storetest.GulouHR1, 25)
	few := rate(t, store, f, storetest.SimingTax, 19)
	must := func(_ int, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.Receipts(t.Context(), now))
	wantSizes(t, store, 44, 0)
	must(l.Data(t.Context(), now))
	wantSizes(t, store, 44, 25) // nineteen of the other bureau wait
	must(l.Receipts(t.Context(), now))
	must(l.Data(t.Context(), now))
	wantSizes(t, store, 44, 25)
	rate(t, store, f, storetest.SimingTax, 1)
	must(l.Receipts(t.Context(), now))
	must(l.Data(t.Context(), now))
	wantSizes(t, store, 45, 45)
	for _, r := range append(made, few...) {
		if _, err := store.FindLeaf(t.Context(), survey.ReceiptLog, proof.ReceiptLeaf(l.Keys.ReceiptOf(r.Key))); err != nil {
			t.Errorf("receipt of %s: %v", r.Key, err)
		}
	}
	// The order in the log follows neither time nor level: it is that of the hashes.
	byTag := map[string]int64{}
	err := store.Openings(t.Context(), 0, math.MaxInt64, func(o survey.FactOpening) error {
		r, err := proof.ReadOpening(o)
		tag, _ := r.Value("tag")
		byTag[tag] = o.Index
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	inOrder := true
	for i := range made[1:] {
		inOrder = inOrder && byTag[l.Keys.FactTag(made[i].Key)] < byTag[l.Keys.FactTag(made[i+1].Key)]
	}
	if inOrder || len(byTag) != 45 {
		t.Errorf("%d openings have a place, in the order they came: %v", len(byTag), inOrder)
	}
	if n, err := proof.Audit(t.Context(), store, l.Signer.Verifier()); err != nil || n != 90 {
		t.Errorf("audit read %d entries: %v", n, err)
	}
}

func TestNeighboursInTheLogDoNotTellTheBureau(t *testing.T) {
	store := logStore(t)
	l := newLogger(t, store)
	f := storetest.NewFacts(1, storetest.Survey())
	now := storetest.At("2024-03-05 03:00")
	rate(t, store, f, storetest.GulouHR1, 40)
	rate(t, store, f, storetest.SimingTax, 40)
	if _, err := l.Receipts(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Data(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	wantSizes(t, store, 80, 80)
	last, changes := "", 0
	err := store.Openings(t.Context(), 0, math.MaxInt64, func(o survey.FactOpening) error {
		r, err := proof.ReadOpening(o)
		if bureau, _ := r.Value("bureau"); bureau != last {
			last = bureau
			changes++
		}
		return err
	})
	// In random order there are about forty; so few as ten come about once in 10^12.
	if err != nil || changes < 10 {
		t.Errorf("the bureau changes %d times along 80 leaves: %v", changes, err)
	}
}

// TestACheckpointIsNeverEarlierThanTheOneBefore: nodes' clocks differ, and a run that
// began first may sign last. Who verifies refuses checkpoints that go back in time.
func TestACheckpointIsNeverEarlierThanTheOneBefore(t *testing.T) {
	store := logStore(t)
	l := newLogger(t, store)
	f := storetest.NewFacts(1, storetest.Survey())
	times := []string{"2024-03-05 03:00", "2024-03-05 02:59", "2024-03-05 03:01", "2024-03-05 02:00"}
	for _, at := range times {
		rate(t, store, f, storetest.GulouHR1, 1)
		if _, err := l.Receipts(t.Context(), storetest.At(at).Add(700*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	var said, stored time.Time
	n := 0
	err := store.Checkpoints(t.Context(), func(c survey.Checkpoint) error {
		state, err := proof.OpenState(c.Note, l.Signer.Verifier())
		if n++; state.At.Before(said) || c.At.Before(stored) {
			t.Errorf("checkpoint %d is of %v, %v after one of %v, %v", n, state.At, c.At, said, stored)
		}
		said, stored = state.At, c.At
		return err
	})
	if err != nil || n != len(times) || !said.Equal(storetest.At("2024-03-05 03:01")) {
		t.Errorf("%d checkpoints, the last of %v, %v", n, said, err)
	}
}

func TestWhatIsLeftAfterTheEndNeedsFive(t *testing.T) {
	store := logStore(t)
	l := newLogger(t, store)
	f := storetest.NewFacts(1, storetest.Survey())
	rate(t, store, f, storetest.GulouHR1, 5)
	rate(t, store, f, storetest.SimingTax, 4)
	after := storetest.Survey().Closes
	if _, err := l.Receipts(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Data(t.Context(), after.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	wantSizes(t, store, 9, 0)
	if _, err := l.Data(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	wantSizes(t, store, 9, 5)
}

// diesAt dies at the nth call that writes to the logs: before it or after it.
type diesAt struct {
	*sqlitestore.Store
	left  int
	after bool
}

func (s *diesAt) do(write func() error) error {
	s.left--
	if s.left == 0 && !s.after {
		return errDied
	}
	if err := write(); err != nil || s.left != 0 {
		return err
	}
	return errDied
}

func (s *diesAt) AddOpenings(ctx context.Context, list []survey.FactOpening) error {
	return s.do(func() error { return s.Store.AddOpenings(ctx, list) })
}

func (s *diesAt) AppendLeaves(ctx context.Context, leaves []survey.Leaf) error {
	return s.do(func() error { return s.Store.AppendLeaves(ctx, leaves) })
}

func (s *diesAt) LoggedResponses(ctx context.Context, keys []survey.Key) error {
	return s.do(func() error { return s.Store.LoggedResponses(ctx, keys) })
}

func (s *diesAt) PlaceOpenings(ctx context.Context, list []survey.FactOpening) error {
	return s.do(func() error { return s.Store.PlaceOpenings(ctx, list) })
}

func (s *diesAt) PutCheckpoint(ctx context.Context, c survey.Checkpoint) error {
	return s.do(func() error { return s.Store.PutCheckpoint(ctx, c) })
}

func TestKilledAnywhereNothingIsLoggedTwiceOrLost(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; n <= 14; n++ {
			t.Run(fmt.Sprint(n, after), func(t *testing.T) {
				store := logStore(t)
				f := storetest.NewFacts(1, storetest.Survey())
				rate(t, store, f, storetest.GulouHR1, 30)
				now := storetest.At("2024-03-05 03:00")
				work := func(l jobs.Logger) error {
					if _, err := l.Receipts(t.Context(), now); err != nil {
						return err
					}
					_, err := l.Data(t.Context(), now)
					return err
				}
				if err := work(newLogger(t, &diesAt{store, n, after})); err != nil && !errors.Is(err, errDied) {
					t.Fatal(err)
				}
				l := newLogger(t, store)
				if err := work(l); err != nil {
					t.Fatal(err)
				}
				wantSizes(t, store, 30, 30)
				placed := 0
				err := store.Openings(t.Context(), 0, math.MaxInt64, func(survey.FactOpening) error { placed++; return nil })
				if err != nil || placed != 30 {
					t.Errorf("%d openings have a place: %v", placed, err)
				}
				if _, err := proof.Audit(t.Context(), store, l.Signer.Verifier()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// tampered shows a log other than it is stored.
type tampered struct {
	*sqlitestore.Store
	change func(*survey.Leaf)
	short  int64
}

func (s tampered) LogSize(ctx context.Context, log survey.Log) (int64, error) {
	n, err := s.Store.LogSize(ctx, log)
	return n - s.short, err
}

func (s tampered) Leaves(ctx context.Context, log survey.Log, from, to int64, yield func(survey.Leaf) error) error {
	return s.Store.Leaves(ctx, log, from, to, func(l survey.Leaf) error {
		if s.change != nil && log == survey.ReceiptLog {
			s.change(&l)
		}
		return yield(l)
	})
}

func TestChangedLogIsFoundAndNotAppendedTo(t *testing.T) {
	store := logStore(t)
	f := storetest.NewFacts(1, storetest.Survey())
	rate(t, store, f, storetest.GulouHR1, 32)
	now := storetest.At("2024-03-05 03:00")
	if _, err := newLogger(t, store).Receipts(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	rate(t, store, f, storetest.GulouHR1, 1)
	for name, bad := range map[string]tampered{
		"shorter": {Store: store, short: 1},
		"the last leaf and its subtrees": {Store: store, change: func(l *survey.Leaf) {
			if l.Index == 31 {
				l.Hashes[len(l.Hashes)-1][3] ^= 1
			}
		}},
	} {
		l := newLogger(t, bad)
		if _, err := l.Receipts(t.Context(), now); !errors.Is(err, proof.ErrChanged) {
			t.Errorf("%s: append gives %v, want %v", name, err, proof.ErrChanged)
		}
		wantSizes(t, store, 32, 0)
	}
	deep := tampered{Store: store, change: func(l *survey.Leaf) {
		if l.Index == 10 {
			l.Hashes[0][3] ^= 1
		}
	}}
	// Its own subtree is completed by the next leaf.
	if _, err := proof.Audit(t.Context(), deep, newLogger(t, store).Signer.Verifier()); !errors.Is(err, proof.ErrChanged) || !strings.Contains(err.Error(), "hashes of leaf 11") {
		t.Errorf("audit of a log with one leaf changed: %v", err)
	}
	if _, err := newLogger(t, store).Receipts(t.Context(), now); err != nil {
		t.Error(err)
	}
	wantSizes(t, store, 33, 0)
}
