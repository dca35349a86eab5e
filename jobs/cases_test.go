package jobs_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

func followUp(k survey.Key) []byte { return k[:16] }

// TestSheetsOfCases follows four cases of a bureau through their deadlines; what
// each night must count is worked out by hand.
func TestSheetsOfCases(t *testing.T) {
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
	at := "2024-03-04 10:00" // a Monday: contact by the 5th, rectify by the 19th, callback by the 26th
	real := f.Response(storetest.GulouHR1, storetest.At(at), storetest.Bad, storetest.Proving("N1", "s1"), storetest.WithContact)
	late := f.Response(storetest.GulouHR1, storetest.At(at), storetest.Bad, storetest.Proving("N2", "s2"), storetest.WithContact)
	explained := f.Response(storetest.GulouHR1, storetest.At(at), storetest.Bad)
	excluded := f.Response(storetest.GulouHR1, storetest.At(at), storetest.Bad)
	_, err = store.AddResponses(t.Context(), []survey.Response{real, late, explained, excluded, f.Response(storetest.GulouHR1, storetest.At(at), storetest.Good)})
	must(err)
	_, err = store.PutVisits(t.Context(), []survey.Visit{
		f.Visit(storetest.GulouHR1, "N1", storetest.At("2024-03-04 09:00"), storetest.WithSecret("s1")),
		f.Visit(storetest.GulouHR1, "N2", storetest.At("2024-03-04 09:00"), storetest.WithSecret("s2"))})
	must(err)
	if n, err := jobs.OpenCases(t.Context(), store, followUp, storetest.At("2024-03-04 10:01")); err != nil || n != 4 {
		t.Fatalf("%d cases opened, %v", n, err)
	}
	if n, err := jobs.OpenCases(t.Context(), store, followUp, storetest.At("2024-03-04 10:02")); err != nil || n != 0 {
		t.Fatalf("%d cases opened again, %v", n, err)
	}
	boss, above, citizen := survey.Worker{Name: "wang", Party: survey.Own}, survey.Worker{Name: "li", Party: survey.Higher}, survey.Worker{Party: survey.Citizen}
	step := func(r survey.Response, at string, who survey.Worker, e survey.Entry) {
		t.Helper()
		if e.Note == "" {
			e.Note = "。"
		}
		storetest.TakeStep(t, store, s, r.Key, storetest.At(at), who, e)
	}
	work := func(r survey.Response, at string, reached survey.Outcome, last survey.CaseStep) {
		t.Helper()
		step(r, at, boss, survey.Entry{Step: survey.StepContacted, Outcome: reached})
		step(r, at, boss, survey.Entry{Step: survey.StepVerified})
		step(r, at, boss, survey.Entry{Step: last})
	}
	work(real, "2024-03-05 10:00", survey.OutcomeReached, survey.StepRectified)
	step(real, "2024-03-06 10:00", boss, survey.Entry{Step: survey.StepCallback, Outcome: survey.OutcomeSatisfied})
	step(real, "2024-03-06 11:00", citizen, survey.Entry{Step: survey.StepSaid, Outcome: survey.OutcomeSolved, Level: survey.Satisfied})
	step(real, "2024-03-07 10:00", boss, survey.Entry{Step: survey.StepRevealed})
	step(real, "2024-03-07 10:00", boss, survey.Entry{Step: survey.StepClosed})
	work(explained, "2024-03-05 10:00", survey.OutcomeNoContact, survey.StepExplained)
	step(excluded, "2024-03-05 10:00", boss, survey.Entry{Step: survey.StepExclusionAsked, Ground: survey.GroundMistaken})
	step(excluded, "2024-03-06 10:00", above, survey.Entry{Step: survey.StepExclusionGranted})
	work(late, "2024-03-22 10:00", survey.OutcomeReached, survey.StepRectified)
	for _, at := range []string{"2024-03-22 11:00", "2024-03-25 11:00", "2024-03-26 11:00"} {
		step(late, at, boss, survey.Entry{Step: survey.StepCallback, Outcome: survey.OutcomeUnreachable})
	}

	sheet := func(day survey.Span) survey.CaseTally {
		t.Helper()
		_, err := jobs.PutSheet(t.Context(), store, s, day, storetest.At("2024-05-01"))
		must(err)
		got, err := store.CaseSheet(t.Context(), s.ID, day)
		must(err)
		return got.Bureaus["350102-HR"][202403]
	}
	two := func(n int64) [5]int64 { return [5]int64{0, n, 0, 0, 0} }
	for day, want := range map[survey.Span]survey.CaseTally{
		20240303: {},
		20240304: {Adopted: survey.CaseCounts{Cases: 4, Pending: 4, Real: survey.RealCounts{Cases: 2}}},
		// One was not contacted in time. The last day to call the others back is the 12th.
		20240306: {Adopted: survey.CaseCounts{Cases: 3, Pending: 3, Overdue: 1, Real: survey.RealCounts{Cases: 2}, After: two(1)}, NotAdopted: survey.CaseCounts{Cases: 1, Pending: 1}},
		// Two were verified on the day of the contact deadline, so that all of theirs ends with the 19th.
		20240319: {
			Revealed: 1,
			Adopted: survey.CaseCounts{Cases: 3, Pending: 1, Due: 2, Overdue: 2, Rectified: 1, OnTime: 1, Explained: 1, CalledBack: 1, Confirmed: 1,
				Real: survey.RealCounts{Cases: 2, Due: 1, Done: 1, Confirmed: 1}, After: two(1)},
			NotAdopted: survey.CaseCounts{Cases: 1, Pending: 1}},
		20240326: {
			Revealed: 1,
			Adopted: survey.CaseCounts{Cases: 3, Due: 3, Overdue: 2, Rectified: 2, OnTime: 1, Explained: 1, CalledBack: 1, Unreachable: 1, Confirmed: 1,
				Real: survey.RealCounts{Cases: 2, Due: 2, Done: 1, Confirmed: 1}, After: two(1)},
			NotAdopted: survey.CaseCounts{Cases: 1, Due: 1, Open: 1}},
	} {
		if got := sheet(day); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", day, got, want)
		}
	}

	// The same day counted again says the same, and is not kept twice; a review that
	// comes in late from a node's disk is a reason to say something else.
	if added, err := jobs.PutSheet(t.Context(), store, s, 20240306, time.Now()); err != nil || added {
		t.Errorf("counted again: added %v, %v", added, err)
	}
	_, err = store.AddResponses(t.Context(), []survey.Response{f.Response(storetest.GulouHR1, storetest.At(at), storetest.Bad)})
	must(err)
	if _, err := jobs.PutSheet(t.Context(), store, s, 20240306, time.Now()); !errors.Is(err, jobs.ErrOwed) {
		t.Errorf("with a late review that owes its case: %v", err)
	}
	_, err = jobs.OpenCases(t.Context(), store, func(k survey.Key) []byte { return k[:16] }, time.Now())
	must(err)
	if added, err := jobs.PutSheet(t.Context(), store, s, 20240306, time.Now()); err != nil || !added {
		t.Errorf("with a late review: added %v, %v", added, err)
	}
	got, err := store.CaseSheet(t.Context(), s.ID, 20240306)
	if err != nil || got.No != 2 {
		t.Errorf("sheet number %d, %v; want 2", got.No, err)
	}
	if len(got.Changes) != 1 || !got.Changes[0].Explained || got.Changes[0].Causes[0].Kind != survey.CauseLateReview ||
		!slices.Contains(got.Changes[0].Counts, survey.CountChange{Name: "adopted.cases", From: 3, To: 4}) {
		t.Errorf("the difference is told as %+v", got.Changes)
	}
	// A sheet that nothing on record leads to is an alarm.
	got.No, got.Bureaus["350102-HR"] = 3, map[survey.Span]survey.CaseTally{202403: {Adopted: survey.CaseCounts{Cases: 5, Due: 5}}}
	must(store.PutCaseSheet(t.Context(), got))
	if added, err := jobs.PutSheet(t.Context(), store, s, 20240306, time.Now()); !added || !errors.Is(err, jobs.ErrUnexplained) {
		t.Errorf("added %v, %v; want an alarm", added, err)
	}
	if got, err = store.CaseSheet(t.Context(), s.ID, 20240306); err != nil || got.No != 4 || len(got.Changes) != 2 || got.Changes[1].Explained || got.Changes[1].No != 4 {
		t.Errorf("sheet %d, %v, told as %+v", got.No, err, got.Changes)
	}
}

func TestCasesWaitForACalendar(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := storetest.Survey(func(s *survey.Survey) { s.Closes = storetest.At("2028-01-01") })
	if err := store.AddSurvey(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r := storetest.NewFacts(1, s).Response(storetest.GulouHR1, storetest.At("2027-01-05 10:00"), storetest.Bad)
	if _, err := store.AddResponses(t.Context(), []survey.Response{r}); err != nil {
		t.Fatal(err)
	}
	job := jobs.CasesJob(store, followUp)
	due := func(want bool) {
		t.Helper()
		if got, err := job.Due(t.Context()); err != nil || got != want {
			t.Fatalf("due: %v, %v; want %v", got, err, want)
		}
	}
	run := func(at string) {
		t.Helper()
		if _, err := job.Run(t.Context(), jobs.Turn{Now: storetest.At(at)}); err != nil {
			t.Fatal(err)
		}
	}
	due(true)
	run("2027-01-05 10:01")
	due(false) // it waits, and nothing can be done about it yet
	if err := store.PutCalendar(t.Context(), []survey.CalendarDay{{Day: 20270101}}); err != nil {
		t.Fatal(err)
	}
	due(true)
	run("2027-01-20 09:00")
	due(false)
	c, err := store.FollowedCase(t.Context(), followUp(r.Key))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Progress(time.Time{}, s.Location())
	if p.Clock.Contact != 20270106 || p.Clock.Calendar == "" || c.Summary.Pending || !c.Entries[1].At.Equal(storetest.At("2027-01-20 09:00")) {
		t.Errorf("%+v, %+v", p.Clock, c.Entries)
	}
}

// A night that cannot be explained fails the job, and the other surveys are counted
// all the same.
func TestAnUnexplainedNightFailsTheJob(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { store.Close() })
	var surveys []survey.Survey
	for _, id := range []string{"first", "second"} {
		s := storetest.Survey(storetest.Named(id))
		must(t, store.AddSurvey(t.Context(), s))
		_, err := store.AddResponses(t.Context(), []survey.Response{storetest.NewFacts(uint64(len(id)), s).Response(storetest.GulouHR1, storetest.At("2024-03-04 10:00"), storetest.Bad)})
		must(t, err)
		surveys = append(surveys, s)
	}
	_, err = jobs.OpenCases(t.Context(), store, followUp, storetest.At("2024-03-04 10:01"))
	must(t, err)
	for _, s := range surveys { // in whichever order they come, one is counted after the other's alarm
		must(t, store.PutCaseSheet(t.Context(), survey.CaseSheet{Survey: s.ID, AsOf: 20240304, No: 1, MadeAt: storetest.At("2024-03-05 00:05"), Counting: survey.Counting,
			Bureaus: map[string]map[survey.Span]survey.CaseTally{"350102-HR": {202403: {Adopted: survey.CaseCounts{Cases: 2, Pending: 2}}}}}))
	}
	job := jobs.CaseSheetsJob(store)
	done, err := job.Run(t.Context(), jobs.Turn{Now: storetest.At("2024-03-05 01:05")})
	if done != 2 || !errors.Is(err, jobs.ErrUnexplained) {
		t.Errorf("%d sheets, %v; want two and an alarm", done, err)
	}
	if done, err = job.Run(t.Context(), jobs.Turn{Now: storetest.At("2024-03-05 02:05")}); done != 0 || err != nil {
		t.Errorf("counted once more: %d sheets, %v", done, err)
	}
}
