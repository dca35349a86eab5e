package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"manyi/survey"
)

// CaseBasis is what the rates of cases are counted with besides the leaves. Only auditors
// get it: with every field open they count the same.
type CaseBasis struct {
	// Workdays is the calendar that deadlines are computed anew with.
	Workdays Workdays `json:"workdays"`
	// UnknownCalendar is how many entries name a calendar that Workdays did not grow from,
	// and set deadlines that do not follow from it. They are taken as they were logged.
	UnknownCalendar int64 `json:"unknown_calendar"`
	// Proven is the leaves of bad reviews whose visit a list of visits proves, those who
	// asked to stay unnamed not among them.
	Proven []int64 `json:"proven,omitempty"`
	// WrongDeadlines is the leaves of steps that set other deadlines than the rules give.
	// The cases are counted by the rules.
	WrongDeadlines []int64 `json:"wrong_deadlines,omitempty"`
	// Beaten is the leaves of bad reviews made elsewhere that do not count, because
	// another response for the case does.
	Beaten []int64 `json:"beaten,omitempty"`
}

// Workdays is the days on which the State Council's notices differ from the week.
type Workdays struct {
	Off  []survey.Span `json:"off"`
	Work []survey.Span `json:"work"`
}

func workdays(cal survey.Calendar) Workdays {
	w := Workdays{[]survey.Span{}, []survey.Span{}}
	for _, d := range cal.Days() {
		if d.Work {
			w.Work = append(w.Work, d.Day)
		} else {
			w.Off = append(w.Off, d.Day)
		}
	}
	return w
}

func (w Workdays) calendar() survey.Calendar {
	var days []survey.CalendarDay
	for _, day := range w.Off {
		days = append(days, survey.CalendarDay{Day: day})
	}
	for _, day := range w.Work {
		days = append(days, survey.CalendarDay{Day: day, Work: true})
	}
	return survey.CalendarOf(days)
}

// badReview is a bad review, as its leaf tells it.
type badReview struct {
	index     int64 // of its leaf
	place     string
	at        int64 // milliseconds
	imported  bool
	within    bool // the period
	anonymous bool
	proven    bool // by a list of visits
	beaten    bool // another response for its case counts
}

// caseStep is a step of a case, as its leaf tells it. There may be millions of them.
type caseStep struct {
	index                      int64 // of its leaf
	at                         int64 // milliseconds
	contact, rectify, callback survey.Span
	before                     uint32 // number of another step of the case, from 1; 0 for none
	no                         uint16
	calendar                   uint16 // its number among the book's; 0 if the step sets no deadlines
	days                       uint8
	step, outcome              uint8 // numbers in survey.CaseSteps, and in survey.Outcomes from 1
	level                      survey.Level
}

// caseBook holds the bad reviews of a survey and the steps of their cases, which may
// come in any order, and counts them. It is the same for who publishes and who checks.
type caseBook struct {
	deadlines survey.Deadlines
	zone      *time.Location
	reviews   map[mark]*badReview
	last      map[mark]uint32 // number of a step of the case; the others follow from it
	steps     [][]caseStep    // by their numbers, in pieces, as a slice that grows is there twice
	n         uint32
	calendars []string // versions, from number 1
}

// piece is how many steps are kept together.
const piece = 1 << 12

func newCaseBook(s survey.Survey) *caseBook {
	return &caseBook{deadlines: s.Rules.Deadlines, zone: s.Location(), reviews: map[mark]*badReview{}, last: map[mark]uint32{}}
}

// stepText is the fields of a step that count.
type stepText struct{ step, no, day, at, outcome, days, level, clock string }

const instantForm = "2006-01-02T15:04:05.000Z"

// readInstant reads a time, and checks the day that stands beside it.
func readInstant(at, day string, zone *time.Location) (int64, error) {
	t, err := time.Parse(instantForm, at)
	if err != nil || t.Format(instantForm) != at {
		return 0, fmt.Errorf("time %q is none", at)
	}
	if want := strconv.Itoa(int(survey.DayOf(t, zone))); day != want {
		return 0, fmt.Errorf("its day is %q, and should be %q", day, want)
	}
	return t.UnixMilli(), nil
}

// readStep reads a step, and the version of the calendar it names.
func readStep(text stepText, index int64, zone *time.Location) (s caseStep, calendar string, err error) {
	s.index = index
	number := func(name, text string, least, most int) int {
		n, wrong := strconv.Atoi(text)
		if err == nil && (wrong != nil || n < least || n > most || strconv.Itoa(n) != text) {
			err = fmt.Errorf("%s %q is none", name, text)
		}
		return n
	}
	s.no = uint16(number("number", text.no, 1, math.MaxUint16))
	s.days = uint8(number("working days", text.days, 0, survey.MaxDeadline))
	if err != nil {
		return s, "", err
	}
	if s.at, err = readInstant(text.at, text.day, zone); err != nil {
		return s, "", err
	}
	step, outcome := slices.Index(survey.CaseSteps[:], survey.CaseStep(text.step)), slices.Index(survey.Outcomes[:], survey.Outcome(text.outcome))+1
	if step < 0 || outcome == 0 && text.outcome != "" {
		return s, "", fmt.Errorf("step %q with outcome %q is none", text.step, text.outcome)
	}
	s.step, s.outcome = uint8(step), uint8(outcome)
	var ok bool
	if s.level, ok = survey.ParseLevel(text.level); !ok && text.level != survey.NoLevel.String() {
		return s, "", fmt.Errorf("level %q is none", text.level)
	}
	if text.clock == "" {
		return s, "", nil
	}
	words := strings.Split(text.clock, " ")
	if len(words) != 4 || words[3] == "" {
		return s, "", fmt.Errorf("deadlines %q are none", text.clock)
	}
	for i, to := range []*survey.Span{&s.contact, &s.rectify, &s.callback} {
		*to = survey.Span(number("deadline", words[i], 0, int(survey.NoDeadline)))
	}
	return s, words[3], err
}

// review takes in a bad review.
func (b *caseBook) review(tag mark, r badReview) { b.reviews[tag] = &r }

// step takes in a step of the case of a review.
func (b *caseBook) step(tag mark, s caseStep, calendar string) error {
	if calendar != "" {
		at := slices.Index(b.calendars, calendar)
		if at < 0 {
			at = len(b.calendars)
			b.calendars = append(b.calendars, strings.Clone(calendar))
		}
		if s.calendar = uint16(at + 1); at >= math.MaxUint16 {
			return errors.New("too many calendars")
		}
	}
	if b.n%piece == 0 {
		b.steps = append(b.steps, make([]caseStep, 0, piece))
	}
	if b.n++; b.n == math.MaxUint32 {
		return errors.New("too many steps")
	}
	s.before, b.last[tag] = b.last[tag], b.n
	at := len(b.steps) - 1
	b.steps[at] = append(b.steps[at], s)
	return nil
}

// of adds the steps of a case to a list, in no order.
func (b *caseBook) of(tag mark, list []caseStep) []caseStep {
	for no := b.last[tag]; no > 0; no = list[len(list)-1].before {
		list = append(list, b.steps[(no-1)/piece][(no-1)%piece])
	}
	return list
}

// leafFault is what does not hold of a leaf of the data log.
type leafFault struct {
	index int64
	err   error
}

func (f *leafFault) Error() string { return fmt.Sprintf("leaf %d of the data log: %v", f.index, f.err) }
func (f *leafFault) Unwrap() error { return f.err }

// countedCases is what the cases come to.
type countedCases struct {
	tallies map[string]survey.CaseTally // of the period, by place
	unknown int64                       // entries that name a calendar which nobody has any more
	wrong   []*leafFault                // steps that set other deadlines than the rules give, by leaf
}

// count is the cases as they stood at the end of a day, by the deadlines that the rules
// give. The error is *leafFault, of the first leaf that does not hold otherwise.
func (b *caseBook) count(cal survey.Calendar, day survey.Span) (countedCases, error) {
	var end time.Time
	if day != 0 {
		end = day.Plus(1).Start(b.zone)
	}
	calendars := cal.Grown()
	var first *leafFault
	out := countedCases{tallies: map[string]survey.CaseTally{}}
	var steps []caseStep
	for tag := range b.last {
		steps = b.of(tag, steps[:0])
		entries, fault := b.entries(b.reviews[tag], steps)
		if fault == nil {
			n, wrong := survey.Case{Entries: entries}.CheckClocks(b.deadlines, b.zone, calendars)
			out.unknown += int64(n)
			for _, w := range wrong {
				out.wrong = append(out.wrong, &leafFault{steps[w.No-1].index, w})
				entries[w.No-1].Clock = w.Want
			}
		}
		if fault != nil && (first == nil || fault.index < first.index) {
			first = fault
		}
		b.add(out.tallies, b.reviews[tag], entries, end, day)
	}
	if first != nil {
		return out, first
	}
	slices.SortFunc(out.wrong, func(a, b *leafFault) int { return cmp.Compare(a.index, b.index) })
	for tag, r := range b.reviews {
		if b.last[tag] == 0 {
			b.add(out.tallies, r, nil, end, day)
		}
	}
	return out, nil
}

// add counts a case.
func (b *caseBook) add(tallies map[string]survey.CaseTally, r *badReview, entries []survey.Entry, end time.Time, day survey.Span) {
	if r == nil || !r.within || survey.DayOf(time.UnixMilli(r.at), b.zone) > day {
		return
	}
	c := survey.Case{Response: survey.Listed{Standing: survey.Counted}, Entries: entries}
	c.Response.Anonymous = r.anonymous
	if r.imported {
		c.Response.Channel = survey.ChannelImported
	}
	if r.proven {
		c.Response.Tie = survey.TieProven
	}
	if r.beaten {
		c.Response.Standing = survey.Superseded
	}
	t := tallies[r.place]
	t.Add(c, c.Progress(end, b.zone), day)
	tallies[r.place] = t
}

// entries makes a case's entries of its steps, which it puts in their order: from the
// opening on, none missing or twice, and none earlier than the one before.
func (b *caseBook) entries(r *badReview, steps []caseStep) ([]survey.Entry, *leafFault) {
	slices.SortFunc(steps, func(a, b caseStep) int { return cmp.Or(cmp.Compare(a.no, b.no), cmp.Compare(a.index, b.index)) })
	entries := make([]survey.Entry, len(steps))
	for i, s := range steps {
		e := survey.Entry{No: int(s.no), Step: survey.CaseSteps[s.step], At: time.UnixMilli(s.at).UTC(), Days: int(s.days), Level: s.level}
		if s.outcome > 0 {
			e.Outcome = survey.Outcomes[s.outcome-1]
		}
		if s.calendar > 0 {
			e.Clock = &survey.Clock{Contact: s.contact, Rectify: s.rectify, Callback: s.callback, Calendar: b.calendars[s.calendar-1]}
		}
		entries[i] = e
		var err error
		switch {
		case e.No < i+1:
			err = fmt.Errorf("step %d of its case is there twice", e.No)
		case e.No > i+1:
			err = fmt.Errorf("it is step %d of its case, and step %d is not in the log", e.No, i+1)
		case (e.Step == survey.StepOpened) != (i == 0):
			err = fmt.Errorf("step %d of its case is %s", e.No, e.Step)
		case i == 0 && r != nil && r.at != s.at:
			err = errors.New("its case was opened as of another time than its review came in")
		case i > 0 && e.At.Before(entries[i-1].At):
			err = fmt.Errorf("step %d of its case is earlier than the one before", e.No)
		}
		if err != nil {
			return nil, &leafFault{s.index, err}
		}
	}
	return entries, nil
}
