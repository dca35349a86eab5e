package figures_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats/figures"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// TestLoadInputs: what is beside the log is counted by bureau, and of the days asked for.
func TestLoadInputs(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	i := storetest.Instrument(1)
	s := storetest.Survey(func(s *survey.Survey) { s.Rules.Instrument = i.InstrumentRef })
	must(store.AddInstrument(t.Context(), i), store.AddSurvey(t.Context(), s), store.PutPlaces(t.Context(), storetest.Places()))

	// Of each month so many visits, of which so many were rated; the last are of a day
	// at which unrated ones have not matured.
	facts := storetest.NewFacts(1, s)
	var visits []survey.Visit
	var rated []survey.Response
	for n, v := range []struct {
		window, at    string
		served, rated int
	}{{storetest.GulouHR1, "2024-02-10 10:00", 7, 3}, {storetest.GulouHR2, "2024-03-04 10:00", 5, 2}, {storetest.GulouHR1, "2024-03-30 10:00", 4, 1}, {storetest.SimingTax, "2024-03-04 10:00", 6, 6}} {
		for k := range v.served {
			number := fmt.Sprintf("%d-%d", n, k)
			visits = append(visits, facts.Visit(v.window, number, storetest.At(v.at)))
			if k < v.rated {
				rated = append(rated, facts.Response(v.window, storetest.At(v.at).Add(time.Duration(k)*time.Second), storetest.OnCase(number)))
			}
		}
	}
	_, err = store.PutVisits(t.Context(), visits)
	_, err2 := store.AddResponses(t.Context(), rated)
	_, err3 := jobs.RollUp(t.Context(), store, 0, s.Closes)
	must(err, err2, err3)

	asOf := storetest.At("2024-04-01 12:00")
	load := func(from, to survey.Span) map[string]sheet.Inputs {
		t.Helper()
		got, err := figures.LoadInputs(t.Context(), store, s, storetest.Tree(), from, to, asOf)
		must(err)
		return got
	}
	before := load(0, 0)
	if len(before) != len(s.Candidates) || before["350102-HR"].Evaluation != nil {
		t.Errorf("with nothing submitted: %+v", before)
	}

	for bureau, submitted := range map[string]bool{"350102-HR": true, "350203-TAX": false} {
		made := []survey.EvaluationEntry{storetest.EvaluationAnswer(1, "1"), storetest.EvaluationAnswer(2, "2"), storetest.EvaluationAnswer(3, "3"),
			storetest.EvaluationAnswer(4, "V1"), storetest.EvaluationAnswer(5, "B1")}
		made[2].Finding = survey.FindingNotMet
		if submitted {
			made = append(made, survey.EvaluationEntry{No: 6, Key: "key-00006", Step: survey.StepSubmitted, At: asOf})
		}
		must(store.AddEvaluationEntries(t.Context(), survey.EvaluationID{Survey: s.ID, Bureau: bureau, Evaluator: "chen"}, made))
	}
	must(store.PutAssignment(t.Context(), survey.Assignment{Survey: s.ID, Evaluator: "lin", Bureaus: []string{"350102-HR"}}))
	for _, day := range []survey.Span{20240210, 20240304} {
		must(store.PutQuality(t.Context(), survey.QualitySheet{Survey: s.ID, Bureau: "350102-HR", Day: day, MadeAt: asOf, Flags: []survey.QualityFlag{
			{Kind: survey.QualityBurst, Window: storetest.GulouHR1, Day: day}, {Kind: survey.QualityNightHours, Window: storetest.GulouHR1, Day: day}}}))
	}

	for _, c := range []struct {
		from, to      survey.Span
		visits, taxes sheet.Visits
		flags         int64
	}{
		{0, 0, sheet.Visits{Served: 16, Rated: 6, Defaults: 7}, sheet.Visits{Served: 6, Rated: 6}, 2},
		{20240201, 20240229, sheet.Visits{Served: 7, Rated: 3, Defaults: 4}, sheet.Visits{}, 1},
		{20240301, 20240331, sheet.Visits{Served: 9, Rated: 3, Defaults: 3}, sheet.Visits{Served: 6, Rated: 6}, 1},
		{20230101, 20231231, sheet.Visits{}, sheet.Visits{}, 0},
	} {
		all := load(c.from, c.to)
		got := all["350102-HR"]
		flags := map[survey.QualityKind]int64{}
		if c.flags > 0 {
			flags = map[survey.QualityKind]int64{survey.QualityBurst: c.flags, survey.QualityNightHours: c.flags}
		}
		if got.Visits != c.visits || all["350203-TAX"].Visits != c.taxes || !reflect.DeepEqual(got.Flags, flags) {
			t.Errorf("%v to %v: %+v and %+v, want %+v", c.from, c.to, got, all["350203-TAX"].Visits, c)
		}
		// The second evaluator was assigned and has not begun; at the other bureau nothing was submitted.
		want := sheet.Evaluation{Submitted: 1, Unfinished: 1, Met: 2, Items: 3, MetWeight: 3.5, Weight: 4.5, Bonus: 1, Gate: 90, Vetoes: []string{"V1"}}
		if got.Evaluation == nil || !reflect.DeepEqual(*got.Evaluation, want) || all["350203-TAX"].Evaluation != nil {
			t.Errorf("%v to %v: evaluation %+v, want %+v", c.from, c.to, got.Evaluation, want)
		}
		if _, ok := all["350999-XX"]; ok || len(all) != len(s.Candidates) {
			t.Errorf("inputs of %d bureaus, want each candidate's", len(all))
		}
	}
}
