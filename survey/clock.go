package survey

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
