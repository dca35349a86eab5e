package survey

import "fmt"

// Reminder (催办) says that the last day of a case's deadline is near, or has passed
// without what it is for. It names no person and quotes nothing.
type Reminder struct {
	Kind     ReminderKind
	Survey   string
	Bureau   string
	Window   string
	Case     Key
	State    CaseState
	Deadline string // contact, rectify, callback
	LastDay  Span
}

// ReminderKind is on which side of the last day a reminder stands.
type ReminderKind string

// The kinds.
const (
	RemindBefore  ReminderKind = "before"  // from the working day before the last day on
	RemindOverdue ReminderKind = "overdue" // the last day has passed
)

// Key is the same whenever the reminder is owed again, so that it is sent once. A
// deadline that was moved has another last day, and reminders of its own.
func (r Reminder) Key() string {
	return fmt.Sprintf("reminder/%s/%s/%d/%s", r.Case, r.Deadline, r.LastDay, r.Kind)
}

// RemindedFor is for how many days after a last day its reminder is still made: a
// server that was down for a while makes up for it, and one that was told where to
// send reminders only today does not begin with those of last year.
const RemindedFor = 7

// NextWorkday is the working day after a day, or the day itself if the calendar does
// not tell it: then no deadline ends there either.
func (c Calendar) NextWorkday(day Span) Span {
	if next, ok := c.After(day, 1); ok {
		return next
	}
	return day
}

// Reminders are those a case owes on a day, none while its bureau does not see it: one for every deadline that was not met
// and whose last day is at most the next working day, or is over since at most
// [RemindedFor] days.
func (c Case) Reminders(p Progress, today Span, cal Calendar) (owed []Reminder) {
	if p.Done() || p.State == CaseOwed || c.Unnamed() && c.Response.Day == today {
		return nil
	}
	repaired := p.Rectified != 0 || p.Explained != 0
	calledBack := p.CalledBack != 0 || p.State == CaseUnreachable || !c.Reachable
	window := c.Response.Path.Window()
	for _, d := range []struct {
		name string
		last Span
		met  bool
	}{
		{"contact", p.Clock.Contact, p.State != CaseOpen},
		{"rectify", p.Clock.Rectify, repaired},
		{"callback", p.Clock.Callback, calledBack},
	} {
		if d.met || d.last < today.Plus(-RemindedFor) || d.last > cal.NextWorkday(today) {
			continue // 0, a deadline that waits for a calendar, is among the first
		}
		r := Reminder{Kind: RemindBefore, Survey: c.Response.Survey, Bureau: BureauOf(window), Window: window,
			Case: c.Response.Key, State: p.State, Deadline: d.name, LastDay: d.last}
		if today > d.last {
			r.Kind = RemindOverdue
		}
		owed = append(owed, r)
	}
	return owed
}

// ReminderQueries select every case that may owe a reminder on a day, and few
// others: what came in so long ago that all its deadlines are over for more than
// [RemindedFor] days is left out, unless it was reopened since.
func (s Survey) ReminderQueries(today Span, cal Calendar) []CaseQuery {
	before := cal.NextWorkday(today).Plus(1)
	return []CaseQuery{
		{Survey: s.ID, Before: before, From: today.Plus(-s.Rules.Deadlines.span() - RemindedFor)},
		{Survey: s.ID, Before: before, Marks: MarkReopened},
	}
}

// span is more days than all deadlines of a case take that is not reopened, with the
// longest extension: five working days a week, and twice the longest holidays.
func (d Deadlines) span() int { return 2*(d.Contact+2*d.Rectify+d.Callback) + 21 }
