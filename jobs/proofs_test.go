package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// notesNever dies right before a proof is settled.
type notesNever struct{ *sqlitestore.Store }

var errDied = errors.New("died")

func (notesNever) NoteProof(context.Context, survey.Key) error { return errDied }

func TestProofsAreNotedInTheirCases(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := storetest.Survey()
	must(store.AddSurvey(t.Context(), s))
	f := storetest.NewFacts(1, s)
	now := storetest.At("2024-03-04 10:00")
	unnamed := func(r *survey.Response) { r.Anonymous = true }
	other := f.Response(storetest.SimingTax, now, storetest.Bad, storetest.WithContact)
	bad := f.Response(storetest.GulouHR1, now, storetest.Bad, storetest.WithContact)
	good := f.Response(storetest.GulouHR1, now, storetest.Good, storetest.WithContact)
	anonymous := f.Response(storetest.GulouHR1, now, storetest.Bad, storetest.WithContact, unnamed)
	bare := f.Response(storetest.GulouHR1, now, storetest.Bad)
	all := []survey.Response{other, bad, good, anonymous, bare}
	_, err = store.AddResponses(t.Context(), all)
	must(err)
	for _, r := range all {
		must(store.PutCode(t.Context(), r.Key, []byte("code"), now.Add(time.Minute)))
		if try, err := store.TryCode(t.Context(), r.Key, []byte("code"), now); err != nil || try != survey.CodeRight {
			t.Fatal(try, err)
		}
	}
	job := jobs.CasesJob(store, followUp)
	due := func(want bool) {
		t.Helper()
		if got, err := job.Due(t.Context()); err != nil || got != want {
			t.Errorf("due: %v, %v; want %v", got, err, want)
		}
	}
	due(true)
	// Whoever dies in between leaves the rest to the next run, and nothing is noted twice.
	if _, err := jobs.OpenCases(t.Context(), notesNever{store}, followUp, now); !errors.Is(err, errDied) {
		t.Fatalf("the run that died: %v", err)
	}
	due(true)
	for range 2 {
		if _, err := jobs.OpenCases(t.Context(), store, followUp, now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	due(false)
	for r, want := range map[*survey.Response]int{&other: 1, &bad: 1, &anonymous: 0, &bare: 0} {
		c, err := store.Case(t.Context(), r.Key)
		must(err)
		n := 0
		for _, e := range c.Entries {
			if e.Step == survey.StepIdentified && e.Party == survey.Citizen && e.By == "" {
				n++
			}
		}
		if p := c.Progress(time.Time{}, s.Location()); n != want || c.RealName(p) != (want > 0) || c.Entries[0].Step != survey.StepOpened {
			t.Errorf("anonymous %v, reachable %v: %d entries, real-name %v; want %d", r.Anonymous, c.Reachable, n, c.RealName(p), want)
		}
	}
	if _, err := store.FollowedCase(t.Context(), followUp(bad.Key)); err != nil {
		t.Errorf("the citizen does not find the case any more: %v", err)
	}
}
