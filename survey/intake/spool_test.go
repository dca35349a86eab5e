package intake_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/sqlitestore"
)

// distant is the store as seen over a line that breaks.
type distant struct {
	survey.ResponseStore
	mu      sync.Mutex
	fails   error  // of every call, nil while the line holds
	deaf    bool   // what is sent arrives, and no answer comes back
	refuses string // the comment of responses the store does not take
}

func (d *distant) set(fails error, deaf bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails, d.deaf = fails, deaf
}

func (d *distant) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil && !d.deaf {
		return nil, d.fails
	}
	for _, r := range group {
		if d.refuses != "" && r.Comment == d.refuses {
			return nil, errors.New("document failed validation")
		}
	}
	stored, err := d.ResponseStore.AddResponses(ctx, group)
	if d.deaf && err == nil {
		return nil, d.fails
	}
	return stored, err
}

func (d *distant) HasResponse(ctx context.Context, key survey.Key) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		return false, d.fails
	}
	return d.ResponseStore.HasResponse(ctx, key)
}

// far is a rig whose intake has a distant store and a spool.
type far struct {
	*rig
	*intake.Intake
	line  *distant
	spool *sqlitestore.Spool
	opts  intake.Options
}

func newFar(t *testing.T) *far {
	t.Helper()
	f := &far{rig: newRig(t, intake.Options{})}
	f.line = &distant{ResponseStore: f.store}
	var err error
	if f.spool, err = sqlitestore.OpenSpool(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	f.opts = intake.Options{Spool: f.spool, Retry: time.Millisecond, PerCode: 1000}
	f.Intake = f.rig.intake(t, f.line, f.opts)
	t.Cleanup(func() {
		if err := errors.Join(f.Intake.Close(context.Background()), f.spool.Close()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *far) send(t *testing.T, n int) (reqs []intake.Request, receipts []string) {
	t.Helper()
	for i := range n {
		req := f.request(func(q *intake.Request) { q.Submission.Comment = fmt.Sprint("第", i) })
		got, err := f.Intake.Submit(t.Context(), req)
		if err != nil {
			t.Fatalf("submission %d: %v", i, err)
		}
		reqs, receipts = append(reqs, req), append(receipts, got.Number)
	}
	return reqs, receipts
}

// settled waits until nothing waits in the spool.
func (f *far) settled(t *testing.T) survey.SpoolState {
	t.Helper()
	for {
		st, err := f.spool.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.Waiting == 0 && !f.Intake.Away() {
			return st
		}
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the spool never emptied")
		}
	}
}

var errCut = fmt.Errorf("%w: line cut", survey.ErrUnavailable)

func TestWhileTheStoreIsAwayResponsesAreKeptAndFollowOnce(t *testing.T) {
	f := newFar(t)
	f.line.set(errCut, false)
	reqs, receipts := f.send(t, 20)
	if st, _ := f.spool.State(t.Context()); st.Waiting != 20 || len(f.rows(t)) != 0 || !f.Intake.Away() {
		t.Fatalf("%+v held, %d stored, away %v; want all 20 held", st, len(f.rows(t)), f.Intake.Away())
	}
	for i, req := range reqs { // the citizen, not sure whether it went through, sends again
		if again, err := f.Intake.Submit(t.Context(), req); err != nil || again.Number != receipts[i] || again.New {
			t.Errorf("again = %+v, %v; want receipt %s, not new", again, err, receipts[i])
		}
	}
	f.line.set(nil, false)
	f.settled(t)
	rows := f.rows(t)
	if len(rows) != 20 {
		t.Fatalf("%d rows, want 20", len(rows))
	}
	for i, row := range rows {
		if want := fmt.Sprint("第", i); row.Comment != want || row.Flags&survey.FlagKeyReused != 0 {
			t.Errorf("row %d is %q with flags %v, want %q: the oldest first", i, row.Comment, row.Flags.Names(), want)
		}
	}
	for i, req := range reqs {
		if again, err := f.Intake.Submit(t.Context(), req); err != nil || again.Number != receipts[i] || again.New {
			t.Errorf("again, after it was forwarded = %+v, %v; want receipt %s, not new", again, err, receipts[i])
		}
	}
	if n := len(f.rows(t)); n != 20 {
		t.Errorf("%d rows in the end, want 20", n)
	}
}

func TestWhatTheStoreTookWithoutAnswerIsCountedOnce(t *testing.T) {
	f := newFar(t)
	f.line.set(errCut, true)
	f.send(t, 5)
	f.line.set(nil, false)
	f.settled(t)
	if n := len(f.rows(t)); n != 5 {
		t.Errorf("%d rows, want 5", n)
	}
}

func TestASlowStoreDoesNotKeepTheCitizenWaiting(t *testing.T) {
	f := newFar(t)
	f.line.set(context.DeadlineExceeded, false)
	f.send(t, 3)
	f.line.set(nil, false)
	f.settled(t)
	if n := len(f.rows(t)); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestARefusedResponseIsSetAsideAndBlocksNothing(t *testing.T) {
	f := newFar(t)
	f.line.refuses = "第2"
	f.send(t, 5)
	st := f.settled(t)
	if st.SetAside != 1 || len(f.rows(t)) != 4 {
		t.Fatalf("%+v, %d rows; want one set aside and four stored", st, len(f.rows(t)))
	}
	aside, err := f.spool.Aside(t.Context())
	if err != nil || len(aside) != 1 || aside[0].Comment != "第2" || !strings.Contains(aside[0].Why, "validation") {
		t.Errorf("set aside: %+v, %v", aside, err)
	}
}

func TestTheSpoolOutlivesTheProcess(t *testing.T) {
	f := newFar(t)
	f.line.set(errCut, false)
	f.send(t, 5)
	if err := f.Intake.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(f.rows(t)); n != 0 {
		t.Fatalf("%d rows while the line is cut", n)
	}
	f.line.set(nil, false)
	f.Intake = f.rig.intake(t, f.line, f.opts)
	for len(f.rows(t)) < 5 {
		if t.Context().Err() != nil {
			t.Fatal("not forwarded by the next process")
		}
		time.Sleep(time.Millisecond) // the condition is awaited, not the time
	}
	f.settled(t)
}

func TestWithNeitherStoreNorSpoolNothingIsAcknowledged(t *testing.T) {
	f := newFar(t)
	f.line.set(errCut, false)
	broken, err := sqlitestore.OpenSpool(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	opts := f.opts
	opts.Spool = broken
	in := f.rig.intake(t, f.line, opts)
	req := f.request(nil)
	if got, err := in.Submit(t.Context(), req); err == nil {
		t.Errorf("acknowledged with %+v though nothing was kept", got)
	}
	if err := in.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestALateRepetitionIsKnownFromTheSpool(t *testing.T) {
	f := newFar(t)
	f.line.set(errCut, false)
	reqs, receipts := f.send(t, 1)
	f.pass(2 * 365 * 24 * time.Hour)
	if got, err := f.Intake.Submit(t.Context(), reqs[0]); err != nil || got.Number != receipts[0] {
		t.Errorf("after the end = %+v, %v; want receipt %s", got, err, receipts[0])
	}
	reqs[0].Submission.Level = "very_satisfied"
	if _, err := f.Intake.Submit(t.Context(), reqs[0]); !errors.Is(err, survey.ErrClosed) {
		t.Errorf("another answer after the end: err = %v, want ErrClosed", err)
	}
}

func TestLimitsHoldForAllNodesTogether(t *testing.T) {
	r := newRig(t, intake.Options{PerDevice: 8, PerCode: 1000})
	other := r.intake(t, r.store, intake.Options{PerDevice: 8, PerCode: 1000})
	t.Cleanup(func() {
		if err := other.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	send := func(in *intake.Intake, device string) error {
		_, err := in.Submit(t.Context(), r.request(func(q *intake.Request) { q.Device = device }))
		return err
	}
	for i := range 5 {
		if err := errors.Join(send(r.Intake, "phone"), send(other, "somebody else")); err != nil {
			t.Fatalf("submission %d: %v", i, err)
		}
	}
	for i := range 3 {
		if err := send(other, "phone"); err != nil {
			t.Fatalf("submission %d at the other node: %v", i, err)
		}
	}
	for range 2 { // the first to tell hears the other at its next telling
		if err := errors.Join(r.ShareLimits(t.Context(), r.store, "a"), other.ShareLimits(t.Context(), r.store, "b")); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(other, "phone"); !errors.Is(err, intake.ErrFlood) {
		t.Errorf("the ninth of a device at two nodes: err = %v, want ErrFlood", err)
	}
	if err := send(other, "somebody else"); err != nil {
		t.Errorf("another device: %v", err)
	}
	r.pass(time.Minute)
	if err := send(other, "phone"); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}
