package survey

import (
	"fmt"
	"time"
)

// Clock is the deadlines of a case, as the last local days that are in time, and
// the version of the calendar the newest of them were computed with. 0 stands for
// a day in a year whose calendar is not known yet.
type Clock struct {
	Contact  Span   `json:"contact"`
	Rectify  Span   `json:"rectify"`
	Callback Span   `json:"callback"`
	Calendar string `json:"calendar"`
}

// Pending reports whether a deadline waits for a calendar.
func (c Clock) Pending() bool { return c.Contact == 0 || c.Rectify == 0 || c.Callback == 0 }

// last is the day by which every deadline has come, 0 if one is not known.
func (c Clock) last() Span {
	if c.Pending() {
		return 0
	}
	return max(c.Contact, c.Rectify, c.Callback)
}

// Deadlines are the times of the closed loop in working days.
type Deadlines struct {
	Contact  int `json:"contact"`  // from the day the review came in
	Rectify  int `json:"rectify"`  // from verification or the contact deadline, whichever is first
	Callback int `json:"callback"` // from rectification or its deadline, whichever is first
}

// DefaultDeadlines are 1, 10 and 5 working days.
func DefaultDeadlines() Deadlines { return Deadlines{Contact: 1, Rectify: 10, Callback: 5} }

// MaxDeadline is the longest time a survey may set, in working days.
const MaxDeadline = 120

// openClock is the clock of a case that comes in on a day.
func (d Deadlines) openClock(opened Span, cal Calendar) Clock {
	c := Clock{Calendar: cal.Version}
	c.Contact = after(cal, opened, d.Contact)
	c.Rectify = after(cal, c.Contact, d.Rectify)
	c.Callback = after(cal, c.Rectify, d.Callback)
	return c
}

// after is 0 wherever the calendar does not tell.
func after(cal Calendar, day Span, n int) Span {
	if day == 0 {
		return 0
	}
	due, _ := cal.After(day, n)
	return due
}

// tick is the clock after an entry of a day, and whether the entry moves it. p is
// the progress with the entry already taken in.
func (d Deadlines) tick(p Progress, e Entry, opened, day Span, cal Calendar) (c Clock, moved bool) {
	c = p.Clock
	switch {
	case e.Step == StepOpened:
		return d.openClock(opened, cal), true
	case e.Step == StepClock:
		return d.fill(p, opened, cal), true
	case e.Step == StepVerified && day < c.Contact:
		c.Rectify = after(cal, day, d.Rectify)
		c.Callback = after(cal, c.Rectify, d.Callback)
	case (e.Step == StepCallback || e.Step == StepSaid) && p.Reopened == day && p.State == CaseVerified:
		c.Rectify = after(cal, day, d.Rectify)
		c.Callback = after(cal, c.Rectify, d.Callback)
	case e.Step == StepExtensionGranted:
		c.Rectify = after(cal, c.Rectify, e.Days)
		c.Callback = after(cal, c.Rectify, d.Callback)
	case (e.Step == StepRectified || e.Step == StepExplained) && day < c.Rectify:
		c.Callback = after(cal, day, d.Callback)
	default:
		return c, false
	}
	c.Calendar = cal.Version
	return c, true
}

// fill computes the deadlines that were not known when their step was made.
func (d Deadlines) fill(p Progress, opened Span, cal Calendar) Clock {
	c := p.Clock
	c.Calendar = cal.Version
	if c.Contact == 0 {
		c.Contact = after(cal, opened, d.Contact)
	}
	if c.Rectify == 0 {
		start := c.Contact
		if p.Verified != 0 && (start == 0 || p.Verified < start) {
			start = p.Verified
		}
		if p.Reopened != 0 {
			start = p.Reopened
		}
		c.Rectify = after(cal, start, d.Rectify)
	}
	if c.Callback == 0 {
		start := c.Rectify
		if done := max(p.Rectified, p.Explained); done != 0 && (start == 0 || done < start) {
			start = done
		}
		c.Callback = after(cal, start, d.Callback)
	}
	return c
}

// WrongClock is an entry whose deadlines are not what the rules give.
type WrongClock struct {
	No   int // of the entry
	Step CaseStep
	Got  *Clock // nil if it sets none
	Want *Clock // nil if it has to set none
}

func (e *WrongClock) Error() string {
	text := func(c *Clock) string {
		if c == nil {
			return "none"
		}
		return fmt.Sprintf("%d %d %d", c.Contact, c.Rectify, c.Callback)
	}
	return fmt.Sprintf("step %d, %s, sets the deadlines (contact, rectify, call back) %s; by the rules and the working days they are %s", e.No, e.Step, text(e.Got), text(e.Want))
}

// CheckClocks computes the deadlines of every entry anew, with the calendar it names, and
// returns every entry that sets others, in order; what comes after one goes on from what
// the rules give. An entry that names a calendar nobody has any more is computed with the
// newest; how many of those come out differently, and so cannot be checked, is returned.
func (c Case) CheckClocks(d Deadlines, zone *time.Location, calendars Calendars) (unknown int, wrong []*WrongClock) {
	p := Progress{State: CaseOwed}
	var opened Span
	for i, e := range c.Entries {
		day, said := DayOf(e.At, zone), e.Clock
		if i == 0 {
			opened = day
		}
		cal, known := calendars.newest, true
		if said != nil {
			if cal, known = calendars.byVersion[said.Calendar]; !known {
				cal = calendars.newest
			}
		}
		e.Clock = nil
		p.add(e, day)
		clock, moved := d.tick(p, e, opened, day, cal)
		switch {
		case moved != (said != nil):
			w := &WrongClock{No: e.No, Step: e.Step, Got: said}
			if moved {
				w.Want = &clock
				p.tick(clock)
			}
			wrong = append(wrong, w)
			continue
		case !moved:
			continue
		case clock.days() != said.days() && known:
			wrong = append(wrong, &WrongClock{e.No, e.Step, said, &clock})
			p.tick(clock)
			continue
		case clock.days() != said.days():
			unknown++
		}
		p.tick(*said)
	}
	return unknown, wrong
}

func (c Clock) days() [3]Span { return [3]Span{c.Contact, c.Rectify, c.Callback} }
