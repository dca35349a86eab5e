package figures

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"manyi/survey"
)

// counted is a CaseReader of one sheet.
type counted survey.CaseSheet

func (c counted) CaseSheet(_ context.Context, id string, day survey.Span) (survey.CaseSheet, error) {
	if id != c.Survey || day != 0 && day != c.AsOf {
		return survey.CaseSheet{}, survey.ErrNotFound
	}
	return survey.CaseSheet(c), nil
}

// caseSheet has random cases at every bureau but the empty one, and at one that is no candidate.
func caseSheet(seed uint64) counted {
	rng := rand.New(rand.NewPCG(seed, 3))
	s := counted{Survey: "s", AsOf: 20260331, No: 2, Bureaus: map[string]map[survey.Span]survey.CaseTally{}}
	for _, bureau := range []string{"350100-HR", "350102-HR", "350200-HR", "350128-HR", "350200-XX"} {
		s.Bureaus[bureau] = map[survey.Span]survey.CaseTally{}
		for month := survey.Span(202601); month < 202604; month++ {
			n := func() int64 { return rng.Int64N(20) }
			t := survey.CaseTally{Revealed: n(), Superseded: n(), Reasons: map[int]int64{207: n(), 208: n()}}
			t.Adopted = survey.CaseCounts{Rectified: n(), Explained: n(), Open: n(), Pending: n(), CalledBack: n(), Real: survey.RealCounts{Due: n(), Cases: 20 + n()}}
			t.Adopted.Due = t.Adopted.Rectified + t.Adopted.Explained + t.Adopted.Open
			t.Adopted.Cases = t.Adopted.Due + t.Adopted.Pending
			t.NotAdopted = survey.CaseCounts{Cases: 5, Due: 4, Open: 4, Pending: 1}
			s.Bureaus[bureau][month] = t
		}
		s.Changes = append(s.Changes, survey.SheetChange{No: 2, Bureau: bureau, Month: 202602, Explained: bureau != "350200-HR"})
	}
	return s
}

// numbers is every number of a row that can be added up.
func numbers(r CaseRow) map[string]int64 {
	out := map[string]int64{}
	for _, rate := range r.Rates {
		out[rate.Definition+" num"], out[rate.Definition+" den"] = rate.Adopted.Num, rate.Adopted.Den
		out[rate.Definition+" all num"], out[rate.Definition+" all den"] = rate.All.Num, rate.All.Den
	}
	for _, c := range r.Counts {
		out[c.Definition] = int64(c.All)
	}
	for code, n := range r.Reasons {
		out[fmt.Sprint("reason ", code)] = int64(n)
	}
	return out
}

func loadCases(t *testing.T, r CaseReader, q CaseQuery, who survey.Actor) CaseTable {
	t.Helper()
	table, err := LoadCases(t.Context(), r, q, who)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestCaseRowsAddUp: in every grouping the rows add up to the total, and the totals
// of all groupings are the same.
func TestCaseRowsAddUp(t *testing.T) {
	tree, s := country(t)
	for seed := range uint64(20) {
		for within, places := range map[string]int{"": 5, "350000": 5, "350100": 2, "350102": 1, "350200": 3, "350128-HR": 1, "350201-HR": 1} {
			var first map[string]int64
			for _, by := range CaseKinds {
				table := loadCases(t, caseSheet(seed), CaseQuery{Survey: s, Tree: tree, By: by, Within: within}, organiser)
				total, sum := numbers(table.Total), map[string]int64{}
				monthly := map[string]int64{}
				for _, m := range table.Months {
					for name, n := range numbers(CaseRow{CaseFigure: m.CaseFigure}) {
						monthly[name] += n
					}
				}
				if len(table.Months) > 0 && (!reflect.DeepEqual(monthly, total) || len(table.Months) != 3 || table.Months[0].Month != "2026-01") {
					t.Errorf("seed %d, within %q: the months add up to %v, want %v", seed, within, monthly, total)
				}
				for _, row := range table.Rows {
					for name, n := range numbers(row) {
						sum[name] += n
					}
					if row.Name == "" {
						t.Errorf("%s has no name", row.Place)
					}
				}
				if !reflect.DeepEqual(sum, total) {
					t.Fatalf("%q by %s: rows add up to\n%v, total\n%v", within, by, sum, total)
				}
				if first == nil {
					first = total
				}
				if !reflect.DeepEqual(total, first) {
					t.Fatalf("%q: the total by %s is another", within, by)
				}
			}
			if n := len(loadCases(t, caseSheet(seed), CaseQuery{Survey: s, Tree: tree, By: survey.Bureau, Within: within}, organiser).Rows); within != "" && within != "350000" && n != places {
				t.Errorf("%q: %d bureaus, want %d", within, n, places)
			}
		}
	}
}

func TestCaseRowPlaces(t *testing.T) {
	tree, s := country(t)
	for _, c := range []struct {
		by     survey.Kind
		within string
		want   []string
	}{
		{survey.Province, "", []string{"350000"}},
		{survey.City, "", []string{"350100", "350128-HR", "350200"}},
		// One without cases has a row, and so has one that has cases and is no candidate.
		{survey.Bureau, "350200", []string{"350200-HR", "350200-XX", "350201-HR"}},
		{survey.Province, "350100", []string{"350100"}},
	} {
		var got []string
		for _, row := range loadCases(t, caseSheet(1), CaseQuery{Survey: s, Tree: tree, By: c.by, Within: c.within}, organiser).Rows {
			got = append(got, row.Place)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q by %s: %v, want %v", c.within, c.by, got, c.want)
		}
	}
}

func TestCasesOfOthersAreNotSeen(t *testing.T) {
	tree, s := country(t)
	q := CaseQuery{Survey: s, Tree: tree, By: survey.Bureau}
	boss := survey.Actor{Role: survey.Supervisor, Place: "350102"}
	table := loadCases(t, caseSheet(1), q, boss)
	if len(table.Rows) != 1 || table.Rows[0].Place != "350102-HR" || table.Within != "350102" || len(table.Change) != 1 || table.Unexplained() {
		t.Errorf("sees %+v", table)
	}
	if all := loadCases(t, caseSheet(1), q, organiser); len(all.Change) != 5 || !all.Unexplained() {
		t.Errorf("the organiser sees %d changes", len(all.Change))
	}
	hall := survey.Actor{Role: survey.Supervisor, Place: "350102-HR-01"}
	for _, c := range []struct {
		who    survey.Actor
		within string
		asOf   survey.Span
	}{{boss, "350100", 0}, {boss, "350200-HR", 0}, {boss, "nowhere", 0}, {hall, "", 0}, {hall, "350102-HR", 0}, {organiser, "350102-HR-01", 0},
		{survey.Actor{Role: survey.Supervisor}, "", 0}, {organiser, "", 20260330}} {
		q.Within, q.AsOf = c.within, c.asOf
		if _, err := LoadCases(t.Context(), caseSheet(1), q, c.who); !errors.Is(err, survey.ErrNotFound) {
			t.Errorf("%+v: %v, want not found", c, err)
		}
	}
	q.Within, q.AsOf, q.By = "", 20260331, survey.Hall
	if _, err := LoadCases(t.Context(), caseSheet(1), q, organiser); err == nil || errors.Is(err, survey.ErrNotFound) {
		t.Errorf("by hall: %v", err)
	}
}
