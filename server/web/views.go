package web

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"manyi/stats"
	"manyi/survey"
)

// RateView is the page a citizen rates on. After a refusal it carries what was
// typed and every fault; the page shows all of it again.
type RateView struct {
	Action    string // where the form goes, "/q/CODE"
	FormKey   string
	Survey    survey.Survey
	Window    string
	Hall      string
	Bureau    string
	Elder     bool   // larger text and targets (适老版)
	ElderLink string // to the other of the two sizes
	Notice    string // key of a text shown on top, such as NoticeBusy; may be empty
	Typed     survey.Submission
	Faults    survey.Faults
}

// NoticeBusy is the Notice of a rating that was turned away for now, with
// nothing of what was typed lost.
const NoticeBusy = "notice.busy"

// FieldFault is a field and what is wrong with it, "" if it is sound.
type FieldFault struct {
	Field string
	Why   survey.Why
}

// ReasonGroup is the reasons of one bad level.
type ReasonGroup struct {
	Level   survey.Level
	Reasons []survey.Reason
}

// Fault pairs a field with its fault.
func (v RateView) Fault(field string) FieldFault { return FieldFault{field, v.Faults.On(field)} }

// Marks ties a field to the fault shown beside it.
func (v RateView) Marks(field string) template.HTMLAttr {
	if v.Faults.On(field) == "" {
		return ""
	}
	return template.HTMLAttr(` aria-invalid="true" aria-describedby="f-` + template.HTMLEscapeString(field) + `"`)
}

// Unplaced lists the faults of fields that the page does not show.
func (v RateView) Unplaced() []FieldFault {
	var unplaced []FieldFault
	for _, f := range v.Faults {
		if !slices.Contains(rateFields, f.Field) && !v.asks(f.Field) {
			unplaced = append(unplaced, FieldFault{f.Field, f.Why})
		}
	}
	return unplaced
}

var rateFields = append([]string{"level", "reason", "comment"}, moreFields...)
var moreFields = []string{"case_number", "visit_secret", "name", "phone", "consent"}

func (v RateView) asks(question string) bool {
	return slices.ContainsFunc(v.Survey.Questionnaire.Questions, func(q survey.Question) bool { return q.Name == question })
}

// Picked marks the level that was chosen.
func (v RateView) Picked(level string) template.HTMLAttr {
	return mark(v.Typed.Level == level, " checked")
}

// Choices is the boxes of a group of reasons. It is written by hand because it
// is half of the busiest page's work.
func (v RateView) Choices(g ReasonGroup) template.HTML {
	var b strings.Builder
	b.Grow(len(g.Reasons) * 160)
	for _, r := range g.Reasons {
		code := strconv.Itoa(r.Code)
		b.WriteString(`<label><input type="checkbox" name="reason" value="`)
		b.WriteString(code)
		b.WriteByte('"')
		if slices.Contains(v.Typed.Reasons, code) {
			b.WriteString(" checked")
		}
		b.WriteByte('>')
		b.WriteString(string(both(r.Text)))
		b.WriteString("</label>")
	}
	return template.HTML(b.String())
}

func mark(on bool, attr template.HTMLAttr) template.HTMLAttr {
	if on {
		return attr
	}
	return ""
}

// ReasonGroups lists the reasons to choose from, by bad level.
func (v RateView) ReasonGroups() []ReasonGroup {
	var groups []ReasonGroup
	for _, level := range survey.Levels {
		if !level.Bad() {
			continue
		}
		g := ReasonGroup{Level: level}
		for _, r := range v.Survey.Questionnaire.Reasons {
			if r.Level == level {
				g.Reasons = append(g.Reasons, r)
			}
		}
		if g.Reasons != nil {
			groups = append(groups, g)
		}
	}
	return groups
}

// AnswersOpen reports whether the sub-questions are unfolded: something in them
// was answered or is at fault.
func (v RateView) AnswersOpen() bool {
	return slices.ContainsFunc(v.Survey.Questionnaire.Questions, func(q survey.Question) bool {
		return v.Typed.Answers[q.Name] != "" || v.Faults.On(q.Name) != ""
	})
}

// MoreOpen reports whether the case and contact are unfolded.
func (v RateView) MoreOpen() bool {
	t := v.Typed
	return t.CaseNumber+t.Stage+t.VisitSecret+t.Name+t.Phone != "" || t.Consent || t.Anonymous ||
		slices.ContainsFunc(moreFields, func(field string) bool { return v.Faults.On(field) != "" })
}

// ThanksView confirms a rating. It holds nothing that depends on what was
// chosen, so that nobody can ask a citizen to show it.
type ThanksView struct {
	Survey  survey.Survey
	Window  string
	Hall    string
	Bureau  string
	Receipt string
	Elder   bool
	Verify  bool // phones can be proved here: offered to everybody alike
}

// Groups is the receipt in pieces that can be read out.
func (v ThanksView) Groups() []string {
	var groups []string
	for part := range strings.SplitSeq(v.Receipt, "-") {
		for piece := range slices.Chunk([]rune(part), 4) {
			groups = append(groups, string(piece))
		}
	}
	return groups
}

// NoticeView says why a page is not there, and what to do next.
type NoticeView struct {
	Key   string // one of Notices
	When  string // the opening day, for "not_open"
	Elder bool
}

// Notices lists the keys of the notice page.
var Notices = [...]string{"unknown", "revoked", "not_open", "closed", "full", "failed", "not_found", "no_survey", "forbidden", "away", "too_large", "no_tablet"}

// bar is the head of a console page, which knows the page it stands on.
type bar struct {
	Console
	page string
}

// At is the head of the page with a name.
func (c Console) At(page string) bar { return bar{c, page} }

// Here marks the link to the page one is on.
func (b bar) Here(page string) template.HTMLAttr { return mark(b.page == page, ` aria-current="page"`) }

// May reports whether the viewer has a power, by its name: a page offers only what
// the guard lets through.
func (c Console) May(power survey.Power) bool { return c.Who.Can(power) }

// Stamp is a time as people in the survey's zone read it.
func (c Console) Stamp(t time.Time) string {
	if t.IsZero() {
		return notShown
	}
	return t.In(c.Survey.Location()).Format("2006-01-02 15:04")
}

// Address is a page or download with the query as it stands, but for by and within.
func (v FiguresView) Address(path string, by survey.Kind, within string) string {
	q := url.Values{"survey": {v.Survey.ID}, "by": {string(by)}}
	for name, value := range map[string]string{"within": within, "from": v.Query.From, "to": v.Query.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return path + "?" + q.Encode()
}

// Below is the page with the places under a row, "" for a window.
func (v FiguresView) Below(place string) string {
	by := survey.City
	switch {
	case survey.HallOf(place) == place && place != "":
		by = survey.Window
	case survey.BureauOf(place) == place && place != "":
		by = survey.Hall
	case survey.HallOf(place) != "":
		return ""
	case v.Table.By != survey.Province:
		by = survey.Bureau
	}
	return v.Address("/console/figures", by, place)
}

// notShown stands for a value that is hidden or not there yet.
const notShown = "—"

// count is a number of the table; hidden ones are "<5" or a dash.
func count(c stats.Count) string {
	if c == stats.Withheld {
		return notShown
	}
	return c.String()
}

// percent has two decimals and is rounded to 0 or 100 only if it is exactly
// that: 99.998 % with bad reviews in it is not 100 %.
func percent(r stats.Ratio) string {
	v, ok := r.Value()
	switch {
	case !r.Shown():
		return notShown
	case !ok:
		return "无 none"
	case r.Num > 0 && v < 0.0001:
		return "<0.01%"
	case r.Num < r.Den && v > 0.9999:
		return ">99.99%"
	}
	return strconv.FormatFloat(100*v, 'f', 2, 64) + "%"
}

// cells are the columns of the figures from the levels on. The table of a province
// has thousands of them, and a template takes long for each.
func cells(f stats.Figure) template.HTML {
	var b strings.Builder
	add := func(texts ...string) {
		for _, text := range texts {
			b.WriteString("<td>" + escape(text) + "</td>")
		}
	}
	for _, n := range f.Counts {
		add(count(n))
	}
	add(percent(f.VerySatisfied.Ratio), score(f.Mean), percent(f.ActiveOfVisits), percent(f.ActiveOfAll))
	add(count(f.Tied.N), percent(f.Tied.Satisfaction), count(f.Bare.N), percent(f.Bare.Satisfaction))
	b.WriteString(`<td data-cell="imported">` + escape(count(f.Imported.N)) + "</td>")
	add(percent(f.Imported.Satisfaction))
	b.WriteString(`<td data-cell="interviews">` + escape(count(f.Interviews.N)) + "</td>")
	add(percent(f.Interviews.Satisfaction))
	add(count(f.Served), count(f.Rated), count(f.Pending), count(f.Defaults))
	return template.HTML(b.String())
}

// interval is the 95 % interval of a rate, if there is a rate.
func interval(r stats.Rate) string {
	if _, ok := r.Value(); !ok {
		return ""
	}
	return fmt.Sprintf("%.2f–%.2f%%", 100*r.Low, 100*r.High)
}

// score is a mean in points.
func score(m stats.Mean) string {
	v, ok := m.Value()
	switch {
	case m.N < 0:
		return notShown
	case !ok:
		return "无 none"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
