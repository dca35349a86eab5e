// Package storetest holds every engine to the contracts of package survey, and
// has the small builders tests make their facts with.
//
// A [Check] is one guarantee: the sentence in survey/store.go is its name, or
// near it. [Run] gives each check a fresh store. A check that finds nothing
// wrong in a broken store is itself broken; this package's own test feeds the
// checks stores that drop, repeat and forget.
package storetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	_ "time/tzdata" // the facts are dated in a zone a bare machine may not know

	"manyi/survey"
)

// Check is one guarantee of the contracts.
type Check struct {
	Name string // contract/guarantee
	Run  func(t testing.TB, s survey.Store)
}

// Checks is the whole suite.
var Checks = slices.Concat(
	placeChecks,
	surveyChecks,
	codeChecks,
	responseChecks,
	listChecks,
	tieChecks,
	visitChecks,
	markChecks,
	tallyChecks,
	propertyChecks,
	accountChecks,
	jobChecks,
	nodeChecks,
	caseChecks,
	importChecks,
	fileChecks,
	deliveryChecks,
	proofChecks,
	messageChecks,
	evaluationChecks,
	recheckChecks,
	sealedChecks,
	qualityChecks,
	inviteChecks,
	inboundChecks,
	logChecks,
	publicationChecks,
)

// Run runs the suite. open returns an empty store; Run closes it.
func Run(t *testing.T, open func(t *testing.T) survey.Store) {
	for _, c := range Checks {
		t.Run(c.Name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			if err := s.Ping(t.Context()); err != nil {
				t.Fatalf("ping: %v", err)
			}
			c.Run(t, s)
		})
	}
}

func must(t testing.TB, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

func wantErr(t testing.TB, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", doing, err, want)
	}
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// together calls do n times at once and returns the errors by number.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// onlyOne expects one call of many to have won and all others to have got lost.
func onlyOne(t testing.TB, doing string, errs []error, lost error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, lost):
			t.Errorf("%s at once: got error %v, want %v", doing, err, lost)
		}
	}
	if won != 1 {
		t.Errorf("%s at once: %d of %d succeeded, want 1", doing, won, len(errs))
	}
}

// fuse is a context that is cancelled at the nth look at it. It cuts an engine
// short in the middle of its work, where a crash might, without waiting.
type fuse struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newFuse(t testing.TB, looks int64) *fuse {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fuse{Context: ctx, cancel: cancel}
	f.left.Store(looks)
	return f
}

func (f *fuse) burn() {
	if f.left.Add(-1) == 0 {
		f.cancel()
	}
}

func (f *fuse) Done() <-chan struct{} { f.burn(); return f.Context.Done() }
func (f *fuse) Err() error            { f.burn(); return f.Context.Err() }

// cutShort calls do under fuses of growing length until it gets through, and
// lets check look at what each cut left behind.
func cutShort(t testing.TB, do func(ctx context.Context) error, check func(looks int64, err error)) {
	t.Helper()
	for looks := int64(1); looks <= 300; looks++ {
		f := newFuse(t, looks)
		err := do(f)
		f.cancel()
		check(looks, err)
		if err == nil && f.left.Load() > 0 {
			return
		}
	}
}
