package review

import (
	"slices"
	"testing"

	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/storetest"
)

// TestEveryFigureOfASheetHasAColumn: of a sheet that holds everything, no number is left
// out of the files.
func TestEveryFigureOfASheetHasAColumn(t *testing.T) {
	s := storetest.Survey(func(s *survey.Survey) { s.Rules.Composite = survey.Composite{Satisfaction: 0.6, Evaluation: 0.4} })
	u := sheet.Unit{Place: "350102-HR", Counted: map[string]sheet.Counts{
		"qr":  {N: 80, Good: 70, Levels: &sheet.Levels{50, 15, 5, 6, 4}},
		"sms": {N: 20, Good: 10, Levels: &sheet.Levels{5, 3, 2, 6, 4}}},
		NotAdopted: map[string]sheet.Counts{"qr": {N: 7, Levels: &sheet.Levels{0, 0, 0, 7, 0}}}, Superseded: 6}
	counts := survey.CaseCounts{Cases: 13, Due: 13, CalledBack: 12, Rectified: 11, OnTime: 9, Pending: 0}
	u.Fill(1, map[string]sheet.Inputs{u.Place: {
		Visits:     sheet.Visits{Served: 200, Rated: 60, Defaults: 90},
		Evaluation: &sheet.Evaluation{Submitted: 1, Met: 54, Items: 58, MetWeight: 54, Weight: 58, Gate: 90, Vetoes: []string{"61"}},
		Flags:      map[survey.QualityKind]int64{survey.QualityKinds[0]: 3},
	}})
	u.FillCases(1, map[string]survey.CaseTally{u.Place: {Adopted: counts, NotAdopted: survey.CaseCounts{Cases: 7, Due: 7}}}, 20240430)
	m := sheet.Make(s, []sheet.Unit{u})[0]
	if len(m.Cases) != len(caseRates) {
		t.Errorf("a sheet has %d rates of cases, the files %d", len(m.Cases), len(caseRates))
	}
	for _, c := range m.Cases {
		if !slices.Contains(caseRates, c.Name) {
			t.Errorf("the files lack %s", c.Name)
		}
	}
	row := Row{Entry: &Entry{}, Sheet: m}
	got := map[string]any{}
	for _, c := range columns {
		got[c.Name] = c.value(row)
	}
	for name, want := range map[string]any{
		"n": int64(100), "n_qr": int64(80), "n_sms": int64(20), "n_paper": int64(0), "not_adopted": int64(7), "superseded": int64(6),
		"all_satisfaction": 0.8, "all_satisfaction_num": int64(80), "all_satisfaction_den": int64(100), "adopted_satisfaction": *m.Adopted.Satisfaction.Rate,
		"all_satisfaction_low": *m.All.Satisfaction.Low, "all_satisfaction_high": *m.All.Satisfaction.High, "all_with_defaults": *m.All.WithDefaults.Rate,
		"all_mean_score": *m.All.Mean.Score, "all_composite": *m.All.Composite.Score, "all_composite_low": *m.All.Composite.Low, "all_composite_formula": m.All.Composite.Formula,
		"active_of_visits": 0.3, "share_met": *m.Evaluations[u.Place].Met.Rate, "gate": "met", "vetoes": "61", "flags_" + string(survey.QualityKinds[0]): int64(3),
		"rank_best": 1, "rank_worst": 1, "rank_of": 1, "funnel": "inside", "cases_as_of": "2024-04-30", "real_name_verdict": "none",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if got["rectification"] == nil || got["score"] == none {
		t.Errorf("rectification %v, score %v", got["rectification"], got["score"])
	}

	// What is not told is empty, and not nought.
	for _, c := range columns {
		got[c.Name] = c.value(Row{Entry: &Entry{}, Sheet: sheet.Make(s, []sheet.Unit{{Place: "350100", Pooled: []string{"350102-HR"}, Merged: []sheet.Merged{sheet.MergedCounts}}})[0]})
	}
	for _, name := range []string{"n", "n_qr", "all_satisfaction", "all_satisfaction_den", "adopted_satisfaction_num"} {
		if got[name] != nil {
			t.Errorf("%s of a unit of which nothing is told is %v", name, got[name])
		}
	}
}
