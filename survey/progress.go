package survey

import (
	"slices"
	"time"
)

// Request is how far something one person asks for and another decides has come.
type Request string

// The states of a request.
const (
	NotAsked       Request = ""
	RequestAsked   Request = "asked"
	RequestGranted Request = "granted"
	RequestRefused Request = "refused"
)

// CallbackTries is on how many different days a callback is tried before it is given up.
const CallbackTries = 3

// Progress is where a case stands at an instant: what its entries up to then come
// to. Days are local to the survey.
type Progress struct {
	State CaseState
	Clock Clock
	// Due is the last day of the last deadline that applies to the case: it counts
	// in the rates from the next day on, finished or not. Once that day has come,
	// nothing moves it any more, so a case that is due stays due. 0 while a
	// calendar is missing.
	Due Span

	Contacted, Verified Span // first days; 0 for not yet
	Rectified           Span // since it was last reopened
	Explained           Span
	CalledBack          Span
	Callback            Outcome // of the last callback that got through
	Tries               []Span  // days on which nobody answered
	Reopened            Span
	Closed              Span

	Extension, Exclusion     Request
	extensionBy, exclusionBy string // who asked
	Objected                 bool
	Identified, Released     bool
	Said                     Outcome // the citizen's word since the last rectification
	After                    Level   // the citizen's last level after the callback
	Revealed                 int     // how often the contact was looked at

	dueFixed bool
}

// Progress folds the entries made before an instant; the zero time stands for all.
func (c Case) Progress(before time.Time, zone *time.Location) Progress {
	p := Progress{State: CaseOwed}
	for _, e := range c.Entries {
		if !before.IsZero() && !e.At.Before(before) {
			break
		}
		p.add(e, DayOf(e.At, zone))
	}
	return p
}

// add takes one more entry into account.
func (p *Progress) add(e Entry, day Span) {
	if p.Due != 0 && day > p.Due {
		p.dueFixed = true
	}
	if e.Clock != nil {
		p.Clock = *e.Clock
	}
	switch e.Step {
	case StepOpened:
		p.State = CaseOpen
	case StepContacted:
		p.State, p.Contacted = CaseContacted, day
	case StepVerified:
		p.State, p.Verified = CaseVerified, day
	case StepRectified:
		p.State, p.Rectified = CaseRectified, day
	case StepExplained:
		p.State, p.Explained = CaseExplained, day
	case StepCallback:
		p.callback(e.Outcome, day)
	case StepClosed:
		p.State, p.Closed = CaseClosed, day
	case StepExtensionAsked:
		p.Extension, p.extensionBy = RequestAsked, e.By
	case StepExtensionGranted:
		p.Extension = RequestGranted
	case StepExtensionRefused:
		p.Extension = RequestRefused
	case StepExclusionAsked:
		p.Exclusion, p.exclusionBy = RequestAsked, e.By
	case StepExclusionGranted:
		p.Exclusion = RequestGranted
	case StepExclusionRefused:
		p.Exclusion = RequestRefused
	case StepObjected:
		p.Exclusion, p.Objected = RequestAsked, true
	case StepIdentified:
		p.Identified = true
	case StepSaid:
		p.Said = e.Outcome
		if e.Level != NoLevel {
			p.After = e.Level
		}
		if p.reopens(e) {
			p.reopen(day)
		}
	case StepReleased:
		p.Released = true
	case StepRevealed:
		p.Revealed++
	}
	if !p.dueFixed {
		p.Due = p.Clock.last()
	}
}

func (p *Progress) callback(o Outcome, day Span) {
	if o == OutcomeUnreachable {
		if !slices.Contains(p.Tries, day) {
			p.Tries = append(p.Tries, day)
		}
		if len(p.Tries) >= CallbackTries {
			p.State = CaseUnreachable
		}
		return
	}
	if p.reopens(Entry{Step: StepCallback, Outcome: o}) {
		p.Callback = o
		p.reopen(day)
		return
	}
	p.State, p.CalledBack, p.Callback = CaseCalledBack, day, o
}

// reopens reports whether an entry sends the case back to be rectified anew,
// which happens once: a case cannot go in circles.
func (p *Progress) reopens(e Entry) bool {
	no := e.Step == StepCallback && e.Outcome == OutcomeUnsatisfied || e.Step == StepSaid && e.Outcome == OutcomeUnsolved
	return no && p.Reopened == 0 && p.State != CaseClosed
}

// reopen forgets the rectification that was not good enough: only the last counts.
func (p *Progress) reopen(day Span) {
	p.State, p.Reopened = CaseVerified, day
	p.Rectified, p.Explained, p.CalledBack, p.Tries, p.Said = 0, 0, 0, nil, ""
}

// OnTime reports whether the case was rectified within the deadline.
func (p Progress) OnTime() bool {
	return p.Rectified != 0 && (p.Clock.Rectify == 0 || p.Rectified <= p.Clock.Rectify)
}

// IsDue reports whether every deadline that applies has passed by a day.
func (p Progress) IsDue(day Span) bool { return p.Due != 0 && day > p.Due }

// Excluded reports whether the review is not adopted (不予采纳), by a decision that
// stands. While an objection waits, it does not.
func (p Progress) Excluded() bool { return p.Exclusion == RequestGranted }

// Done reports whether nobody has to do anything more.
func (p Progress) Done() bool { return p.State == CaseClosed || p.Excluded() }

// Next is the last day of the deadline the case works towards.
func (p Progress) Next() Span {
	switch {
	case p.Done():
		return NoDeadline
	case p.State == CaseOpen:
		return p.Clock.Contact
	case p.State == CaseContacted || p.State == CaseVerified:
		return p.Clock.Rectify
	case p.State == CaseOwed:
		return 0
	}
	return p.Clock.Callback
}

// Overdue reports whether the deadline the case works towards has passed by a day.
func (p Progress) Overdue(day Span) bool { return p.Next() != 0 && day > p.Next() }

// Summarize is what is stored beside the entries once a case has come so far.
func (c Case) Summarize(p Progress) CaseSummary {
	s := CaseSummary{State: p.State, Next: p.Next(), Pending: p.State != CaseOwed && p.Clock.Pending()}
	for mark, on := range map[CaseMarks]bool{
		MarkReopened: p.Reopened != 0, MarkExcluded: p.Excluded(), MarkExclusionAsked: p.Exclusion == RequestAsked,
		MarkExtensionAsked: p.Extension == RequestAsked, MarkIdentified: p.Identified, MarkUnnamed: c.Unnamed(),
	} {
		if on {
			s.Marks |= mark
		}
	}
	return s
}
