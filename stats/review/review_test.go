package review_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/stats/review"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// source is an installation elsewhere that publishes.
type source struct {
	t      *testing.T
	store  survey.Store
	survey survey.Survey
	facts  *storetest.Facts
	keys   intake.Secrets
	signer proof.Signer
	after  time.Time // the survey's end
}

const secret = "a secret of at least thirty-two letters"

func open(t *testing.T) survey.Store {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSource(t *testing.T, seed uint64) *source {
	t.Helper()
	s := &source{t: t, store: open(t), survey: storetest.Survey()}
	s.facts = storetest.NewFacts(seed, s.survey)
	s.after = s.survey.Closes.Add(time.Hour)
	var err error
	s.keys, err = intake.NewSecrets([]byte(secret))
	must(t, err)
	s.signer, err = proof.NewSigner([]byte(secret))
	must(t, err)
	must(t, s.store.AddSurvey(t.Context(), s.survey))
	must(t, s.store.PutPlaces(t.Context(), storetest.Places()))
	return s
}

// rate stores good and bad responses and appends them to the logs.
func (s *source) rate(good, bad int) {
	s.t.Helper()
	var made []survey.Response
	for i := range good + bad {
		made = append(made, s.facts.Response(storetest.GulouHR1, storetest.At("2024-03-04 10:00").Add(time.Duration(i)*time.Second), func(r *survey.Response) {
			if r.Level = survey.VerySatisfied; i >= good {
				r.Level = survey.Dissatisfied
			}
		}))
	}
	_, err := s.store.AddResponses(s.t.Context(), made)
	must(s.t, err)
	s.after = s.after.Add(time.Hour)
	l := jobs.Logger{Store: s.store, Keys: s.keys, Signer: s.signer, Zone: s.survey.Location()}
	_, err = l.Receipts(s.t.Context(), s.after)
	must(s.t, err)
	_, err = l.Data(s.t.Context(), s.after)
	must(s.t, err)
}

// build makes a publication from a store of the source; before is what it corrects.
func (s *source) build(store survey.Store, no int, before *bundle.Document) bundle.Document {
	s.t.Helper()
	q := bundle.Query{Survey: s.survey, Tree: storetest.Tree(), Period: bundle.WholePeriod, Audience: bundle.Public, No: no,
		AsOf: s.after, Program: "test", Tags: s.keys, Signer: s.signer}
	if before != nil {
		q.Corrects = before.ID
	}
	d, err := bundle.Build(s.t.Context(), store, q)
	must(s.t, err)
	if before != nil {
		d.Changes = bundle.Changes(*before, d)
	}
	return d
}

// auditors is a publication for auditors, as of a time.
func (s *source) auditors(no int, at time.Time) bundle.Document {
	s.t.Helper()
	d, err := bundle.Build(s.t.Context(), s.store, bundle.Query{Survey: s.survey, Tree: storetest.Tree(), Period: bundle.WholePeriod, Audience: bundle.Auditor, No: no,
		AsOf: at, Program: "test", Tags: s.keys, Signer: s.signer})
	must(s.t, err)
	return d
}

func (s *source) write(store survey.Store, d bundle.Document) []byte {
	s.t.Helper()
	var b bytes.Buffer
	must(s.t, bundle.Write(s.t.Context(), &b, store, d, s.signer))
	return b.Bytes()
}

// publish is the next publication with its bundle.
func (s *source) publish(no int, before *bundle.Document) (bundle.Document, []byte) {
	s.t.Helper()
	d := s.build(s.store, no, before)
	return d, s.write(s.store, d)
}

// desk is a reviewer's copy.
type desk struct {
	t     *testing.T
	store survey.Store
	keys  []string
}

func (k desk) open(b []byte) (review.Offer, error) {
	return review.Open(k.t.Context(), k.store, bytes.NewReader(b), int64(len(b)), review.Options{Keys: k.keys})
}

func (k desk) take(b []byte) review.Offer {
	k.t.Helper()
	o, err := k.open(b)
	must(k.t, err)
	taken, err := o.Take(k.t.Context(), k.store, "wang", time.Now())
	if err != nil || !taken {
		k.t.Fatalf("taken: %v, %v", taken, err)
	}
	return o
}

func (k desk) refuses(what string, b []byte, words ...string) {
	k.t.Helper()
	before := k.heads()
	_, err := k.open(b)
	if err == nil {
		k.t.Errorf("%s is accepted", what)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			k.t.Errorf("%s: %q lacks %q", what, err, w)
		}
	}
	if k.heads() != before {
		k.t.Errorf("%s was refused and changed something", what)
	}
}

func (k desk) heads() (n int) {
	k.t.Helper()
	must(k.t, k.store.Publications(k.t.Context(), survey.PublicationQuery{}, func(survey.Publication) error { n++; return nil }))
	return n
}

func TestTakenInWithItsSignature(t *testing.T) {
	s := newSource(t, 1)
	s.rate(30, 8)
	k := desk{t, open(t), []string{s.signer.Key}}
	first, b := s.publish(1, nil)
	if o := k.take(b); o.Before.No != 0 || o.Later != 0 || len(o.Changes) != 0 {
		t.Errorf("the first of a source: %+v", o)
	}
	p, err := k.store.Publication(t.Context(), survey.PublicationID{Source: s.signer.Key, Survey: "y2024", Period: "whole", No: 1})
	must(t, err)
	if d, err := bundle.CheckDocument(p.Public.Body, p.Public.Signature, s.signer.Verifier()); err != nil || d.ID != first.ID || p.N != 38 || p.By != "wang" || p.Auditor.There() {
		t.Errorf("kept %+v, %v", p, err)
	}
	again, err := k.open(b)
	must(t, err)
	if taken, err := again.Take(t.Context(), k.store, "li", time.Now()); taken || err != nil || again.Taken.IsZero() || k.heads() != 1 {
		t.Errorf("twice: taken %v, %v, %d kept", taken, err, k.heads())
	}

	s.rate(20, 5)
	second, b2 := s.publish(2, &first)
	o := k.take(b2)
	if o.Before.No != 1 || len(o.Changes) == 0 || len(o.Changes) != len(second.Changes) {
		t.Errorf("the correction: before %s, %d changes; it lists %d", o.Before.PublicationID, len(o.Changes), len(second.Changes))
	}
	s.rate(5, 5)
	third, b3 := s.publish(3, &second)
	s.rate(5, 5)
	_, b4 := s.publish(4, &third)
	if o := k.take(b4); o.Before.No != 2 || o.Document.Corrects != third.ID { // the third is missing
		t.Errorf("compared with %s", o.Before.PublicationID)
	}
	if o := k.take(b3); o.Before.No != 2 || o.Later != 4 {
		t.Errorf("an earlier one, late: compared with %s, later is %d", o.Before.PublicationID, o.Later)
	}
}

// TestBothDocumentsOfAPublication: the auditors' may come after the public one, or before.
func TestBothDocumentsOfAPublication(t *testing.T) {
	s := newSource(t, 1)
	s.rate(30, 8)
	_, public := s.publish(1, nil)
	auditors := s.write(s.store, s.auditors(1, s.after))
	for _, order := range [][][]byte{{public, auditors}, {auditors, public}} {
		k := desk{t, open(t), []string{s.signer.Key}}
		for _, b := range order {
			k.take(b)
		}
		for _, b := range order {
			if o, err := k.open(b); err != nil || o.Taken.IsZero() {
				t.Errorf("taken in at %s, %v", o.Taken, err)
			}
		}
		p, err := k.store.Publication(t.Context(), survey.PublicationID{Source: s.signer.Key, Survey: "y2024", Period: "whole", No: 1})
		must(t, err)
		if !p.Public.There() || !p.Auditor.There() || k.heads() != 1 {
			t.Errorf("public: %v, auditors': %v, %d kept", p.Public.There(), p.Auditor.There(), k.heads())
		}
	}
}

func TestWhoMayNotBeTakenIn(t *testing.T) {
	s := newSource(t, 1)
	s.rate(30, 8)
	_, b := s.publish(1, nil)
	desk{t, open(t), nil}.refuses("one of nobody we know", b, review.Signer(s.signer.Key), s.signer.Key, "--key")
	other, err := proof.NewSigner([]byte("another secret of thirty-two letters"))
	must(t, err)
	desk{t, open(t), []string{other.Key}}.refuses("one of somebody else", b, "not among those you trust")
	k := desk{t, open(t), []string{s.signer.Key}}
	for i := 3; i < len(b); i += len(b) / 50 {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		k.refuses("one with another byte", bad, "does not hold")
	}
	k.refuses("one cut short", b[:len(b)/2], "does not hold")
	_, err = review.Open(t.Context(), k.store, bytes.NewReader(b), int64(len(b)), review.Options{Keys: k.keys, Own: s.signer.Key})
	if err == nil || !strings.Contains(err.Error(), "by this installation") {
		t.Errorf("our own: %v", err)
	}
	_, err = review.Open(t.Context(), k.store, bytes.NewReader(b), int64(len(b)), review.Options{Keys: k.keys, Sample: true})
	if err == nil || !strings.Contains(err.Error(), "no sample") {
		t.Errorf("a real one as a sample: %v", err)
	}
}

// TestWhatOnlyAReviewerSees: every bundle holds by itself and is signed by its source;
// only beside another one it shows that something was changed or left out.
func TestWhatOnlyAReviewerSees(t *testing.T) {
	s := newSource(t, 1)
	s.rate(30, 8)
	first, b := s.publish(1, nil)
	k := desk{t, open(t), []string{s.signer.Key}}
	k.take(b)
	s.rate(20, 5)

	k.refuses("other content under one number", s.write(s.store, s.build(s.store, 1, nil)), "under one number")
	second := s.build(s.store, 2, &first)
	hidden := second
	hidden.Changes = second.Changes[:len(second.Changes)-1]
	k.refuses("a correction that hides a number", s.write(s.store, hidden), "does not list", second.Changes[len(second.Changes)-1].What)
	invented := second
	invented.Changes = append([]bundle.Change{{Place: "350102-HR", What: "counted.sms.n", Was: 1, Will: 2}}, second.Changes...)
	k.refuses("a correction that makes a number up", s.write(s.store, invented), "counted.sms.n", "which it was not")
	foreign := second
	foreign.Corrects = "y2024/2024/1"
	k.refuses("a correction of another period", s.write(s.store, foreign), "y2024/2024/1", "survey and period")

	k.refuses("the auditors' document of another time beside the public one", s.write(s.store, s.auditors(1, s.after)), "under one number")

	// The same key over other logs: a database made anew.
	other := newSource(t, 2)
	other.rate(30, 8)
	other.rate(10, 5)
	_, forked := other.publish(2, &first)
	k.refuses("another log", forked, "logs", "content differs")
	shorter := newSource(t, 3)
	shorter.after = s.after.Add(24 * time.Hour)
	shorter.rate(6, 5)
	_, short := shorter.publish(2, &first)
	k.refuses("a shorter log", short, "entries once and")
	state, err := proof.OpenState([]byte(first.Checkpoint), s.signer.Verifier())
	must(t, err)
	forgetful := forgetful{s.store, s.signer, state.Data}
	k.refuses("a log without the checkpoint we have", s.write(forgetful, s.build(forgetful, 2, &first)), "left out")

	second.Changes[0].Why = "late responses"
	k.take(s.write(s.store, second))
}

// forgetful is a store that leaves out the checkpoints at which the data log was a tree.
type forgetful struct {
	survey.Store
	signer proof.Signer
	tree   proof.Tree
}

func (f forgetful) Checkpoints(ctx context.Context, yield func(survey.Checkpoint) error) error {
	return f.Store.Checkpoints(ctx, func(c survey.Checkpoint) error {
		if s, err := proof.OpenState(c.Note, f.signer.Verifier()); err != nil || s.Data == f.tree {
			return err
		}
		return yield(c)
	})
}

func TestOfManyAtOnceOneTakesIt(t *testing.T) {
	s := newSource(t, 1)
	s.rate(30, 8)
	_, b := s.publish(1, nil)
	k := desk{t, open(t), []string{s.signer.Key}}
	o, err := k.open(b)
	must(t, err)
	s.rate(5, 5)
	other, err := k.open(s.write(s.store, s.build(s.store, 1, nil)))
	must(t, err)
	var wait sync.WaitGroup
	taken, errs := make([]bool, 8), make([]error, 8)
	for i := range taken {
		wait.Go(func() { taken[i], errs[i] = o.Take(t.Context(), k.store, "wang", time.Now()) })
	}
	wait.Wait()
	n := 0
	for i := range taken {
		must(t, errs[i])
		if taken[i] {
			n++
		}
	}
	if n != 1 || k.heads() != 1 {
		t.Errorf("%d took it, %d are kept", n, k.heads())
	}
	if taken, err := other.Take(t.Context(), k.store, "li", time.Now()); taken || err == nil || !strings.Contains(err.Error(), "under one number") {
		t.Errorf("another one, looked at before: taken %v, %v", taken, err)
	}
}

// TestWhatIsSeenNamesWhatItWasSeenBeside: two looks at the same have one digest, and
// anything taken in of the source in between gives another. Other sources do not.
func TestWhatIsSeenNamesWhatItWasSeenBeside(t *testing.T) {
	s := newSource(t, 1)
	s.rate(30, 8)
	d1, first := s.publish(1, nil)
	s.rate(20, 5)
	_, second := s.publish(2, &d1)
	k := desk{t, open(t), []string{s.signer.Key}}
	seen := func(b []byte) [32]byte {
		t.Helper()
		o, err := k.open(b)
		must(t, err)
		return o.Seen
	}
	if again := seen(first); again != seen(first) || again == seen(second) {
		t.Error("the digest does not name what is seen")
	}
	before := seen(second)
	must(t, k.store.PutPublication(t.Context(), storetest.TakenPublication("manyi+2+C", "2024", 1)))
	if seen(second) != before {
		t.Error("what another source published changes it")
	}
	k.take(first)
	if seen(second) == before {
		t.Error("what was taken in meanwhile does not change it")
	}
}

// TestWhoIsAtFault: what is wrong with a bundle is told from what is wrong here.
func TestWhoIsAtFault(t *testing.T) {
	s := newSource(t, 1)
	s.rate(30, 8)
	_, b := s.publish(1, nil)
	k := desk{t, open(t), nil}
	var refused review.Refused
	if _, err := k.open(b); !errors.As(err, &refused) {
		t.Errorf("a signer nobody trusts: %v", err)
	}
	if _, err := k.open(b[:len(b)/2]); !errors.As(err, &refused) {
		t.Errorf("a bundle that was cut off: %v", err)
	}
	late, end := context.WithCancel(t.Context())
	end()
	if _, err := review.Open(late, k.store, bytes.NewReader(b), int64(len(b)), review.Options{}); !errors.Is(err, context.Canceled) || errors.As(err, &refused) {
		t.Errorf("after its time: %v", err)
	}
	k.keys = []string{s.signer.Key}
	must(t, k.store.Close())
	if _, err := k.open(b); err == nil || errors.As(err, &refused) {
		t.Errorf("with the store closed: %v", err)
	}
}
