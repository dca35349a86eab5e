package web

import (
	"strings"
	"testing"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
)

func TestCaseRatesView(t *testing.T) {
	tally := survey.CaseTally{Adopted: survey.CaseCounts{Cases: 3, Due: 2, Pending: 1, Rectified: 2, CalledBack: 2, Real: survey.RealCounts{Cases: 1, Due: 1, Done: 1}},
		NotAdopted: survey.CaseCounts{Cases: 1, Due: 1, Open: 1, Real: survey.RealCounts{Cases: 1, Due: 1}}}
	row := func(place string, tally survey.CaseTally) figures.CaseRow {
		return figures.CaseRow{Place: place, Name: "<b>局" + place, CaseFigure: stats.MakeCases(tally, 20260131)}
	}
	v := CaseRatesView{Console: testConsole(survey.Organiser), By: survey.Bureau, Kinds: figures.CaseKinds, Counted: true,
		Table: figures.CaseTable{AsOf: "2026-01-31", Sheet: 3, Rows: []figures.CaseRow{row("1", tally), row("2", survey.CaseTally{})}, Total: row("0", tally),
			Change: []figures.CaseChange{
				{Sheet: 2, Place: "1", Name: "甲", Month: "2026-01", Counts: []survey.CountChange{{Name: "adopted.real.due", From: 0, To: 1}},
					Causes: []survey.SheetCause{{Kind: survey.CauseStanding, N: 1}}, Explained: true},
				{Sheet: 3, Place: "2", Name: "乙", Month: "2026-01", Counts: []survey.CountChange{{Name: "reasons.207", From: 2, To: 1}}}}},
		Reasons: []ReasonRow{{207, survey.Text{Zh: "没有样表", En: "No sample"}, 4}, {999, survey.Text{}, 1}},
		Loads:   []LoadRow{{Place: "1", Name: "甲", Working: 2, Overdue: 1}, {Place: "2", Name: "乙"}}}
	doc, _ := render(t, "caserates", v)
	text := func(selector string) string { return strings.Join(strings.Fields(doc.Find(selector).Text()), " ") }
	for selector, want := range map[string]string{
		"tr[data-place='1'] [data-cell=C4]":     "100.00%1/1 达到",
		"tr[data-place='2'] [data-cell=C4]":     "无 none0/0 无",
		"[data-verdict=C4] p:nth-of-type(1)":    "100.00% 1/1 · 达到 Met",
		"[data-verdict=C4] p:nth-of-type(3)":    "含不予采纳 With those not adopted: 1: 50.00% 1/2 · 未达到 Not met",
		"[data-verdict=C5] p:nth-of-type(2)":    "以群众确认为准 By the citizen’s word · C5 · 未到期 Pending 0",
		"[data-definition=C11] td:nth-child(3)": "—",
		"[data-count='adopted.real.due']":       "采纳 · 实名 · 到期: 0 → 1",
		"[data-count='reasons.207']":            "原因 · 207: 2 → 1",
		"[data-change='2'].fault strong":        "没有任何记录能解释 Nothing on record explains it",
		"[data-change='1'].warn strong":         "",
		"#now tr[data-place='1'] td":            "2100",
	} {
		if got := text(selector); got != want {
			t.Errorf("%s: %q, want %q", selector, got, want)
		}
	}
	if doc.Find("[data-alarm][role=alert]").Length() != 1 || doc.Find("#now a[href*=overdue]").Length() != 1 || doc.Find("meter").Length() != 2 {
		t.Error("the alarm, a link to what is overdue or a bar is missing")
	}
	v.Who.Role = survey.Reviewer // sees rates and no case
	if doc, _ := render(t, "caserates", v); doc.Find("#now tbody tr").Length() != 2 || doc.Find("#now a").Length() != 0 {
		t.Error("a reviewer is led to cases they may not see")
	}
	v.Table.Change = v.Table.Change[:1]
	if doc, _ := render(t, "caserates", v); doc.Find("[data-alarm]").Length() != 0 {
		t.Error("an alarm about what is explained")
	}
	if doc, _ := render(t, "caserates", CaseRatesView{Console: testConsole(survey.Supervisor)}); doc.Find("[data-not-counted]").Length() != 1 || doc.Find("table").Length() != 0 {
		t.Error("a day that was not counted shows a table")
	}
}
