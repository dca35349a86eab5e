package figures

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"manyi/stats"
	"manyi/survey"
)

// CaseReader is what figures about cases need of a store; a
// [survey.CaseSheetStore] has it.
type CaseReader interface {
	CaseSheet(ctx context.Context, survey string, day survey.Span) (survey.CaseSheet, error)
}

// CaseQuery asks for the figures about the cases of places.
type CaseQuery struct {
	Survey survey.Survey
	Tree   *survey.Tree
	By     survey.Kind // province, city or bureau
	Within string      // a place; empty for all the viewer sees
	AsOf   survey.Span // a day that was counted; 0 for the latest
}

// CaseKinds are the kinds of places cases are counted by: a bureau answers for its
// windows.
var CaseKinds = []survey.Kind{survey.Province, survey.City, survey.Bureau}

// CaseRow is the figures about the cases of one place.
type CaseRow struct {
	Place string `json:"place"`
	Name  string `json:"name"`
	stats.CaseFigure
}

// CaseTable is the figures about the cases of places side by side, as they were
// counted at the end of a day.
type CaseTable struct {
	AsOf   string       `json:"as_of"` // a local day, 2026-01-31
	Sheet  int          `json:"sheet"` // number of the day's count; above 1 it was counted anew, and differed
	MadeAt time.Time    `json:"made_at"`
	Survey string       `json:"survey"`
	Title  survey.Text  `json:"title"`
	Sample bool         `json:"sample"` // demonstration data
	By     survey.Kind  `json:"by"`
	Within string       `json:"within"`
	Rows   []CaseRow    `json:"rows"`   // in code order, also places without cases
	Total  CaseRow      `json:"total"`  // of Within
	Months []CaseMonth  `json:"months"` // of Within, by the month the reviews came in
	Change []CaseChange `json:"changes"`
}

// CaseMonth is the figures about the cases of reviews that came in in a month.
type CaseMonth struct {
	Month string `json:"month"` // 2026-01
	stats.CaseFigure
}

// CaseChange is a [survey.SheetChange] of a bureau the viewer sees.
type CaseChange struct {
	Sheet     int                  `json:"sheet"`
	Place     string               `json:"place"`
	Name      string               `json:"name"`
	Month     string               `json:"month"` // the reviews came in
	Counts    []survey.CountChange `json:"counts"`
	Causes    []survey.SheetCause  `json:"causes"`
	Explained bool                 `json:"explained"`
}

// Unexplained reports whether a count of the day differs and nothing says why.
func (t CaseTable) Unexplained() bool {
	return slices.ContainsFunc(t.Change, func(c CaseChange) bool { return !c.Explained })
}

// LoadCases returns the figures about the cases a viewer may see, from the last
// count of the day. Nothing is hidden in it: cases are their bureau's to work on.
// survey.ErrNotFound if the day was not counted, and if Within is no place or
// outside the viewer's. Where By lies above Within, the one row is Within itself.
func LoadCases(ctx context.Context, r CaseReader, q CaseQuery, who survey.Actor) (CaseTable, error) {
	if who.Place == "" && !who.Restricted() {
		who.Place = q.Tree.Root()
	}
	if q.Within == "" {
		q.Within = who.Place
	}
	within, ok := q.Tree.Place(q.Within)
	switch {
	case !ok || !q.Tree.Within(q.Within, who.Place), within.Kind == survey.Hall, within.Kind == survey.Window:
		return CaseTable{}, fmt.Errorf("case figures of place %q: %w", q.Within, survey.ErrNotFound)
	case !slices.Contains(CaseKinds, q.By):
		return CaseTable{}, fmt.Errorf("case figures by %q: want province, city or bureau", q.By)
	}
	sheet, err := r.CaseSheet(ctx, q.Survey.ID, q.AsOf)
	if err != nil {
		return CaseTable{}, fmt.Errorf("case figures of survey %q: %w", q.Survey.ID, err)
	}
	t := CaseTable{AsOf: sheet.AsOf.String(), Sheet: sheet.No, MadeAt: sheet.MadeAt, Survey: q.Survey.ID, Title: q.Survey.Title,
		Sample: q.Survey.Sample, By: q.By, Within: q.Within, Rows: []CaseRow{}, Months: []CaseMonth{}, Change: []CaseChange{}}
	row := func(place string, tally survey.CaseTally) CaseRow {
		p, _ := q.Tree.Place(place)
		return CaseRow{Place: place, Name: p.Name, CaseFigure: stats.MakeCases(tally, sheet.AsOf)}
	}
	rows, total := q.tallies(sheet)
	for _, place := range slices.Sorted(maps.Keys(rows)) {
		t.Rows = append(t.Rows, row(place, *rows[place]))
	}
	t.Total = row(q.Within, total)
	months := q.months(sheet)
	for _, month := range slices.Sorted(maps.Keys(months)) {
		t.Months = append(t.Months, CaseMonth{month.String(), stats.MakeCases(*months[month], sheet.AsOf)})
	}
	for _, c := range sheet.Changes {
		if q.Tree.Within(c.Bureau, q.Within) {
			p, _ := q.Tree.Place(c.Bureau)
			t.Change = append(t.Change, CaseChange{Sheet: c.No, Place: c.Bureau, Name: p.Name, Month: c.Month.String(),
				Counts: c.Counts, Causes: slices.Concat([]survey.SheetCause{}, c.Causes), Explained: c.Explained})
		}
	}
	return t, nil
}

// tallies adds the sheet up by row: every candidate has one, and so has every other
// bureau that has cases.
func (q CaseQuery) tallies(sheet survey.CaseSheet) (rows map[string]*survey.CaseTally, total survey.CaseTally) {
	rows = map[string]*survey.CaseTally{}
	for _, bureau := range slices.Concat(q.Survey.Candidates, slices.Collect(maps.Keys(sheet.Bureaus))) {
		if q.Tree.Within(bureau, q.Within) && rows[q.row(bureau)] == nil {
			rows[q.row(bureau)] = &survey.CaseTally{}
		}
	}
	for bureau, months := range sheet.Bureaus {
		if !q.Tree.Within(bureau, q.Within) {
			continue
		}
		for _, t := range months {
			rows[q.row(bureau)].Merge(t)
			total.Merge(t)
		}
	}
	return rows, total
}

// months adds the sheet up by month.
func (q CaseQuery) months(sheet survey.CaseSheet) map[survey.Span]*survey.CaseTally {
	sums := map[survey.Span]*survey.CaseTally{}
	for bureau, months := range sheet.Bureaus {
		if !q.Tree.Within(bureau, q.Within) {
			continue
		}
		for month, t := range months {
			if sums[month] == nil {
				sums[month] = &survey.CaseTally{}
			}
			sums[month].Merge(t)
		}
	}
	return sums
}

// row is the place a bureau's cases are added up at.
func (q CaseQuery) row(bureau string) string {
	if row := q.Tree.Above(bureau, q.By); q.Tree.Within(row, q.Within) {
		return row
	}
	return q.Within
}
