package web

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
)

// CaseRatesView is the page of the rates of cases: where they stood at the end of a
// day, and the work that waits now.
type CaseRatesView struct {
	Console
	AsOf               string // as asked for; empty for the latest day counted
	By                 survey.Kind
	Kinds              []survey.Kind
	Within, WithinName string
	Places             []PlaceOption
	Counted            bool // the day was counted
	Table              figures.CaseTable
	Reasons            []ReasonRow // the most frequent first
	Loads              []LoadRow
}

// ReasonRow is how often a reason was given.
type ReasonRow struct {
	Code int
	Text survey.Text // empty for a code the questionnaire does not have
	N    stats.Count
}

// LoadRow is the cases of a bureau as they stand now.
type LoadRow struct {
	Place, Name                    string
	Working, Overdue               int64
	ExclusionAsked, ExtensionAsked int64
}

// The figures of the table by place; those of its own place the page shows whole.
var (
	shownCounts = []string{"cases", "due", "pending", "overdue", "not_adopted", "revealed"}
	shownRates  = []string{"real_name", "real_name_confirmed", "reopened", "callback", "rectification", "on_time", "explained"}
)

func countsOf(f stats.CaseFigure) (of []stats.CaseCount) {
	for _, name := range shownCounts {
		of = append(of, f.Count(name))
	}
	return of
}

func ratesOf(f stats.CaseFigure) (of []stats.CaseRate) {
	for _, name := range shownRates {
		of = append(of, f.Rate(name))
	}
	return of
}

// ColumnCounts and ColumnRates head the columns.
func (v CaseRatesView) ColumnCounts() []stats.CaseCount { return countsOf(v.Table.Total.CaseFigure) }

// ColumnRates are the columns with rates.
func (v CaseRatesView) ColumnRates() []stats.CaseRate { return ratesOf(v.Table.Total.CaseFigure) }

// LevelTitle is a level in words, 0 being the best.
func (v CaseRatesView) LevelTitle(i int) string {
	return textOf("level." + survey.Levels[i].String()).Zh
}

// Lines lists the rows and the total, for the table by place.
func (v CaseRatesView) Lines() (lines []CaseLine) {
	for _, r := range v.Table.Rows {
		lines = append(lines, CaseLine{CaseRow: r, Link: v.Address("/console/cases/rates", v.By, r.Place)})
	}
	return append(lines, CaseLine{CaseRow: v.Table.Total, Total: true})
}

// CaseLine is one place of the table.
type CaseLine struct {
	figures.CaseRow
	Link  string
	Total bool
}

// Counts are the shown counts of the place.
func (l CaseLine) Counts() []stats.CaseCount { return countsOf(l.CaseFigure) }

// Rates are its shown rates.
func (l CaseLine) Rates() []stats.CaseRate { return ratesOf(l.CaseFigure) }

// MonthLines lists the months as lines of a table.
func (v CaseRatesView) MonthLines() (lines []CaseLine) {
	for _, m := range v.Table.Months {
		lines = append(lines, CaseLine{CaseRow: figures.CaseRow{Place: m.Month, Name: m.Month, CaseFigure: m.CaseFigure}})
	}
	return lines
}

// Judged are the rates of the whole place a verdict is given on.
func (v CaseRatesView) Judged() (of []stats.CaseRate) {
	for _, r := range v.Table.Total.Rates {
		if r.Verdict != nil {
			of = append(of, r)
		}
	}
	return of
}

// Most is the longest bar of the reasons.
func (v CaseRatesView) Most() stats.Count {
	if len(v.Reasons) == 0 {
		return 1
	}
	return v.Reasons[0].N
}

// Address is the page or a download with the query as it stands, but for by and within.
func (v CaseRatesView) Address(path string, by survey.Kind, within string) string {
	q := url.Values{"survey": {v.Survey.ID}, "by": {string(by)}}
	for name, value := range map[string]string{"within": within, "as_of": v.AsOf} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return path + "?" + q.Encode()
}

// Work is the list of a bureau's cases.
func (v CaseRatesView) Work(place, show string) string {
	q := url.Values{"survey": {v.Survey.ID}, "within": {place}}
	if show != "" {
		q.Set("show", show)
	}
	return "/console/cases?" + q.Encode()
}

// Now is the cases of all bureaus together.
func (v CaseRatesView) Now() (sum LoadRow) {
	for _, l := range v.Loads {
		sum.Working += l.Working
		sum.Overdue += l.Overdue
		sum.ExclusionAsked += l.ExclusionAsked
		sum.ExtensionAsked += l.ExtensionAsked
	}
	return sum
}

// OpenNow unfolds a short list of bureaus.
func (v CaseRatesView) OpenNow() template.HTMLAttr { return mark(len(v.Loads) <= 15, " open") }

// CountTitle is the path of a changed count in words: adopted.real.due is
// 采纳 · 实名 · 到期.
func (v CaseRatesView) CountTitle(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if _, err := strconv.Atoi(part); err != nil {
			parts[i] = textOf("count." + part).Zh
		}
	}
	return strings.Join(parts, " · ")
}

// whole is the count that is shown: of adopted cases where it is divided so.
func whole(c stats.CaseCount) stats.Count {
	if c.Adopted.Shown() {
		return c.Adopted
	}
	return c.All
}
