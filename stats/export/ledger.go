package export

import (
	"context"
	"io"
	"strconv"
	"time"

	"manyi/survey"
)

// ledgerRow is a case of the ledger and what its columns are made from.
type ledgerRow struct {
	survey.Case
	survey.Progress
	no    int64
	today survey.Span
	s     survey.Survey
	tree  *survey.Tree
}

// ledgerColumn is a column of the ledger and how a row fills it.
type ledgerColumn struct {
	Column
	value func(r *ledgerRow) any
}

// Ledger writes the ledger (台账) of the cases a query selects: one row a case, as it
// stands now, in an order that later cases do not change. Contacts are not in it.
// today decides whether what is open is late.
func Ledger(ctx context.Context, w io.Writer, f Format, s survey.Survey, tree *survey.Tree, store survey.CaseStore, q survey.CaseQuery, now time.Time) (Manifest, error) {
	columns := ledgerColumns()
	zone := s.Location()
	table := Table{Name: "ledger", Meta: []KV{
		{"survey", s.ID}, {"title_zh", s.Title.Zh}, {"title_en", s.Title.En}, {"zone", s.Zone}, {"sample", strconv.FormatBool(s.Sample)},
		{"as_of", now.In(zone).Format(time.RFC3339)}, {"within", q.Place},
	}}
	for _, c := range columns {
		table.Columns = append(table.Columns, c.Column)
	}
	x, err := NewWriter(w, f, table)
	if err != nil {
		return Manifest{}, err
	}
	row := ledgerRow{today: survey.DayOf(now, zone), s: s, tree: tree}
	values := make([]any, len(columns))
	q.Survey, q.Limit, q.After = s.ID, 0, survey.CaseCursor{}
	err = store.Cases(ctx, q, func(c survey.Case) error {
		row.no++
		row.Case, row.Progress = c, c.Progress(time.Time{}, zone)
		for i, column := range columns {
			values[i] = column.value(&row)
		}
		return x.Row(values...)
	})
	if err != nil {
		return Manifest{}, err
	}
	return x.Close()
}

func ledgerColumns() []ledgerColumn {
	var columns []ledgerColumn
	add := func(name, zh, en string, value func(r *ledgerRow) any) {
		columns = append(columns, ledgerColumn{Column{name, survey.Text{Zh: zh, En: en}}, value})
	}
	text := func(name, zh, en string, of func(r *ledgerRow) string) {
		add(name, zh, en, func(r *ledgerRow) any { return filled(of(r)) })
	}
	day := func(name, zh, en string, of func(r *ledgerRow) survey.Span) {
		add(name, zh, en, func(r *ledgerRow) any { return dayCell(of(r)) })
	}
	place := func(name, zh, en string, code func(window string) string) {
		text(name, zh+"编码", en, func(r *ledgerRow) string { return code(r.Response.Path.Window()) })
		text(name+"_name", zh+"名称", "Its name", func(r *ledgerRow) string {
			p, _ := r.tree.Place(code(r.Response.Path.Window()))
			return p.Name
		})
	}
	add("no", "序号", "Number in this file", func(r *ledgerRow) any { return r.no })
	place("bureau", "单位", "Bureau", survey.BureauOf)
	place("hall", "大厅", "Hall", survey.HallOf)
	place("window", "窗口", "Window", func(window string) string { return window })
	day("received", "评价日", "Day the review came in", func(r *ledgerRow) survey.Span { return r.Response.Day })
	text("channel", "评价渠道，imported 为外部导入", "Channel; imported was made elsewhere", func(r *ledgerRow) string { return r.Response.Channel.String() })
	add("level", "满意度等级", "Satisfaction level", func(r *ledgerRow) any { return r.Response.Level })
	add("reasons", "评价原因", "Reasons", func(r *ledgerRow) any { return r.reasons() })
	text("comment", "留言", "Comment", func(r *ledgerRow) string { return r.Response.Comment })
	text("case_number", "办件编号", "Served case", func(r *ledgerRow) string { return r.Response.Case.Number })
	text("stage", "办理环节", "Stage of the served case", func(r *ledgerRow) string { return r.Response.Case.Stage })
	text("standing", "是否计入", "Whether the review counts", func(r *ledgerRow) string { return string(r.Response.Standing) })
	add("real_name", "是否实名", "Whether the phone or the visit is proved", func(r *ledgerRow) any { return r.RealName(r.Progress) })
	text("state", "办理进度", "State of the case", func(r *ledgerRow) string { return string(r.State) })
	day("contact_due", "联系截止日", "Last day to contact", func(r *ledgerRow) survey.Span { return r.Clock.Contact })
	day("contacted", "联系日", "Day of the first contact", func(r *ledgerRow) survey.Span { return r.Contacted })
	day("verified", "核实日", "Day of the verification", func(r *ledgerRow) survey.Span { return r.Verified })
	day("rectify_due", "整改截止日", "Last day to rectify", func(r *ledgerRow) survey.Span { return r.Clock.Rectify })
	day("rectified", "整改日", "Day of the last rectification", func(r *ledgerRow) survey.Span { return r.Rectified })
	day("explained", "说明日", "Day of the explanation", func(r *ledgerRow) survey.Span { return r.Explained })
	add("on_time", "整改是否按期", "Whether rectified in time", func(r *ledgerRow) any { return r.onTime() })
	text("done", "处理情况", "What was done", func(r *ledgerRow) string { return r.note(survey.StepRectified, survey.StepExplained) })
	day("callback_due", "回访截止日", "Last day to call back", func(r *ledgerRow) survey.Span { return r.Clock.Callback })
	day("called_back", "回访日", "Day of the callback", func(r *ledgerRow) survey.Span { return r.CalledBack })
	text("callback", "回访结果", "Outcome of the callback", func(r *ledgerRow) string { return string(r.Callback) })
	day("closed", "办结日", "Day of closing", func(r *ledgerRow) survey.Span { return r.Closed })
	text("calendar", "工作日历版本", "Version of the calendar", func(r *ledgerRow) string { return r.Clock.Calendar })
	text("extension", "延期", "Extension", func(r *ledgerRow) string { return string(r.Extension) })
	add("extension_days", "延期工作日数", "Working days of the extension", func(r *ledgerRow) any { return r.extension() })
	text("exclusion", "不予采纳：granted 为不予采纳", "Not adopted if granted", func(r *ledgerRow) string { return string(r.Exclusion) })
	text("ground", "不予采纳的理由", "Ground for not adopting", func(r *ledgerRow) string { return string(r.ground()) })
	day("reopened", "重新整改日", "Day it was reopened", func(r *ledgerRow) survey.Span { return r.Reopened })
	text("citizen", "评价人确认", "The citizen's word", func(r *ledgerRow) string { return string(r.Said) })
	add("later_level", "评价人回访后的等级", "The citizen's level after the callback", func(r *ledgerRow) any { return r.After })
	return columns
}

// filled is an empty cell for "".
func filled(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// dayCell is a local day, empty for one that is not there or not known.
func dayCell(day survey.Span) any {
	if day == 0 {
		return nil
	}
	return day.String()
}

// reasons are given in words: the ledger is for people.
func (r *ledgerRow) reasons() []string {
	var words []string
	for _, code := range r.Response.Reasons {
		if reason, ok := r.s.Questionnaire.Reason(code); ok {
			words = append(words, reason.Text.Zh)
		}
	}
	return words
}

// onTime is empty while it is open, and where there is nothing to rectify.
func (r *ledgerRow) onTime() any {
	switch {
	case r.Rectified != 0:
		return r.OnTime()
	case r.Explained == 0 && !r.Excluded() && r.Clock.Rectify != 0 && r.today > r.Clock.Rectify:
		return false
	}
	return nil
}

// note is the note of the latest entry of some steps.
func (r *ledgerRow) note(steps ...survey.CaseStep) (note string) {
	for _, e := range r.Entries {
		for _, step := range steps {
			if e.Step == step {
				note = e.Note
			}
		}
	}
	return note
}

func (r *ledgerRow) extension() any {
	for _, e := range r.Entries {
		if e.Step == survey.StepExtensionGranted {
			return e.Days
		}
	}
	return nil
}

// ground is why the review shall not be adopted, or was not.
func (r *ledgerRow) ground() (g survey.Ground) {
	for _, e := range r.Entries {
		if e.Step == survey.StepExclusionAsked {
			g = e.Ground
		}
	}
	return g
}
