package web

import (
	"html/template"
	"net/url"
	"time"

	"manyi/survey"
)

var zeroTime time.Time

// CasesView is a page of the cases of a place.
type CasesView struct {
	Console
	Place, PlaceName    string // empty for all
	scope               survey.CaseQuery
	Today               survey.Span
	State, Show, Number string        // the filters
	Faults              survey.Faults // of the filters; then there are no rows
	Due                 DueView
	NextDay             survey.Span // the next working day
	Rows                []CaseRow
	Next                string // address of the next page; empty on the last
}

// DueView is how many cases of a place are due. It is counted when the page is made.
type DueView struct {
	Survey, Place        string
	Overdue, Today, Next int64
}

// Address is that of the list of one of the counts.
func (v DueView) Address(show string) string {
	q := url.Values{"survey": {v.Survey}, "show": {show}}
	if v.Place != "" {
		q.Set("within", v.Place)
	}
	return "/console/cases?" + q.Encode()
}

// CaseRow is a case of the list.
type CaseRow struct {
	survey.Case
	Address        string // of its page, after /console/cases/
	Window, Bureau string
	Overdue        bool
}

// CameIn is when the review came in, of an unnamed one the day alone.
func (c Console) CameIn(k survey.Case) string {
	if k.Unnamed() {
		return k.Response.Day.String()
	}
	return c.Stamp(k.Response.ReceivedAt)
}

// States lists the states to choose from.
func (v CasesView) States() []survey.CaseState { return survey.CaseStates[:] }

// Shows lists the other filters.
func (v CasesView) Shows() []string {
	return []string{"overdue", "due_today", "due_next", "pending", "exclusion_asked", "extension_asked", "excluded", "reopened", "identified"}
}

// Marks lists the marks of a row, by the names of the filters.
func (r CaseRow) Marks() (names []string) {
	for _, name := range (CasesView{}).Shows() {
		if mark := caseMarks[name]; mark != 0 && r.Summary.Marks&mark != 0 {
			names = append(names, name)
		}
	}
	return names
}

// CaseView is one case: what was said, what was done and what may be done next.
type CaseView struct {
	Console
	Case                 survey.Case
	Address              string // see [CaseRow]
	Progress             survey.Progress
	Today                survey.Span
	Window, Hall, Bureau string
	Reasons              []survey.Text
	Steps                []StepForm

	// Shown once, after the reveal was stored.
	Revealed  bool
	Contact   *survey.Contact
	Originals []Original

	// After a refusal: what was typed and why. Overtaken means that the case had
	// moved on before.
	Typed     survey.Entry
	Faults    survey.Faults
	Overtaken bool
}

// Original is what was typed where a number is hidden: in the comment, or in the note
// of an entry.
type Original struct {
	No   int // of the entry, 0 for the comment
	Text string
}

// StepForm is a step to take.
type StepForm struct {
	Step      survey.CaseStep
	Outcomes  []survey.Outcome
	Grounds   []survey.Ground
	NeedsNote bool
	Days      bool
}

// No is the number the next entry would get.
func (v CaseView) No() int { return len(v.Case.Entries) + 1 }

// TakenAt is when a step was taken: of the system's, which are as of the time the
// review came in, as CameIn says it.
func (v CaseView) TakenAt(e survey.Entry) string {
	if e.Party == survey.System && v.Case.Unnamed() {
		return survey.DayOf(e.At, v.Survey.Location()).String()
	}
	return v.Stamp(e.At)
}

// Open unfolds the step that was just refused, or the first to take.
func (v CaseView) Open(f StepForm) template.HTMLAttr {
	if v.Typed.Step == "" {
		return mark(len(v.Steps) > 0 && v.Steps[0].Step == f.Step, " open")
	}
	return mark(v.Typed.Step == f.Step, " open")
}

// Is is what was typed for a step before, empty for the others.
func (v CaseView) Is(f StepForm) survey.Entry {
	if v.Typed.Step == f.Step {
		return v.Typed
	}
	return survey.Entry{}
}

// Fault is why a field of a step was refused.
func (v CaseView) Fault(f StepForm, field string) survey.Why {
	if v.Typed.Step != f.Step {
		return ""
	}
	return v.Faults.On(field)
}

// Nth is the number people give to what comes at a place in a list.
func (Console) Nth(i int) int { return i + 1 }

// PhotoFaults is why photos of a step were refused, each with its file's name.
func (v CaseView) PhotoFaults(f StepForm) (faults survey.Faults) {
	for _, fault := range v.Faults {
		if fault.Field == "photos" && v.Typed.Step == f.Step {
			faults = append(faults, fault)
		}
	}
	return faults
}

// Deadline is one of a case's deadlines.
type Deadline struct {
	Name string
	Day  survey.Span // 0 while a calendar is missing
	Done survey.Span // when it was met, 0 for not yet
	Late bool
}

// Deadlines lists the deadlines and whether they were met.
func (v CaseView) Deadlines() []Deadline {
	p := v.Progress
	list := []Deadline{
		{Name: "contact", Day: p.Clock.Contact, Done: p.Contacted},
		{Name: "rectify", Day: p.Clock.Rectify, Done: max(p.Rectified, p.Explained)},
		{Name: "callback", Day: p.Clock.Callback, Done: p.CalledBack},
	}
	for i, d := range list {
		by := d.Done
		if by == 0 {
			by = v.Today
		}
		list[i].Late = d.Day != 0 && by > d.Day && (d.Done != 0 || !p.Done())
	}
	return list
}
