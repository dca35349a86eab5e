package export

import (
	"bytes"
	"testing"
	"time"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
)

// TestCasesFile: every rate stands in a line of its own with all it needs to be
// judged, and a bureau without cases has no rate at all.
func TestCasesFile(t *testing.T) {
	row := func(place, name string, tally survey.CaseTally) figures.CaseRow {
		return figures.CaseRow{Place: place, Name: name, CaseFigure: stats.MakeCases(tally, 20240326)}
	}
	tally := survey.CaseTally{Revealed: 2, Superseded: 1, Reasons: map[int]int64{207: 6, 108: 1},
		Adopted: survey.CaseCounts{Cases: 6, Pending: 1, Due: 5, Overdue: 3, Rectified: 3, OnTime: 2, Explained: 1, Open: 1, CalledBack: 2,
			Unreachable: 1, Reopened: 1, Confirmed: 1, Real: survey.RealCounts{Cases: 4, Due: 3, Done: 1, Confirmed: 1}, After: [5]int64{0, 1}},
		NotAdopted: survey.CaseCounts{Cases: 1, Due: 1, Open: 1}}
	table := figures.CaseTable{AsOf: "2024-03-26", Sheet: 2, MadeAt: time.Date(2024, 3, 26, 16, 5, 30, 0, time.UTC), Survey: "y2024",
		Title: survey.Text{Zh: "测评", En: "Survey"}, By: survey.Bureau, Within: "350000",
		Rows:  []figures.CaseRow{row("350102-HR", "=鼓楼区人社局", tally), row("350104-HR", "仓山区人社局", survey.CaseTally{})},
		Total: row("350000", "福建省", tally)}
	text := func(key string) survey.Text { return survey.Text{Zh: "〔" + key + "〕", En: key} }
	for _, f := range []Format{CSV, JSONL} {
		var out bytes.Buffer
		m, err := Cases(&out, f, table, text)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "cases."+string(f), out.Bytes())
		if got, err := Verify(bytes.NewReader(out.Bytes()), f); err != nil || got != m {
			t.Errorf("%s: %+v, %v; want %+v", f, got, err, m)
		}
		// 11 rates, 11 counts and 5 levels each; two reasons in two of them.
		if m.Rows != 3*27+4 {
			t.Errorf("%s: %d rows", f, m.Rows)
		}
	}
}
