package survey

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Recheck (回访复核) is an interview that was drawn: its citizen is called back by somebody
// else than the interviewer, to learn whether it took place and what they say now. It
// changes no figure, and what an interview counts for stays as it was.
type Recheck struct {
	Response Response       // without its contact
	Entries  []RecheckEntry // what was done, in order
}

// RecheckEntry is one thing that was done about a re-check. Entries are only ever added.
type RecheckEntry struct {
	No      int            `json:"no"` // from 1, without a gap
	Step    RecheckStep    `json:"step"`
	At      time.Time      `json:"at"` // UTC
	By      string         `json:"by"` // account
	Outcome RecheckOutcome `json:"outcome,omitempty"`
	Level   Level          `json:"level,omitempty"` // what the citizen says now, overall
	Note    string         `json:"note,omitempty"`  // with numbers hidden, see Mask
}

// RecheckStep is what an entry does.
type RecheckStep string

// The steps.
const (
	RecheckRevealed RecheckStep = "revealed" // the number was looked at
	RecheckCalled   RecheckStep = "called"   // it was called, with an outcome
)

// RecheckOutcome is what came of a call.
type RecheckOutcome string

// The outcomes. The level that is stated decides between the first two, so that whoever
// calls need not know what was entered.
const (
	RecheckConfirmed  RecheckOutcome = "confirmed"     // 属实: it took place, and the level is the same
	RecheckDiffers    RecheckOutcome = "level_differs" // it took place, and another level is stated
	RecheckDenied     RecheckOutcome = "no_interview"  // says that nobody interviewed them
	RecheckRefused    RecheckOutcome = "refused"       // does not want to answer
	RecheckNotReached RecheckOutcome = "not_reached"   // may be tried again
)

// RecheckOutcomes lists the outcomes.
var RecheckOutcomes = [...]RecheckOutcome{RecheckConfirmed, RecheckDiffers, RecheckDenied, RecheckRefused, RecheckNotReached}

// Settled reports whether nobody has to call any more.
func (o RecheckOutcome) Settled() bool { return o != "" && o != RecheckNotReached }

// Contradicts reports whether the citizen says something else than what was entered. It
// is a sign and no proof: people forget, and a number may be another's.
func (o RecheckOutcome) Contradicts() bool { return o == RecheckDenied || o == RecheckDiffers }

// By is the interviewer.
func (r Recheck) By() string {
	if r.Response.Interview == nil {
		return ""
	}
	return r.Response.Interview.By
}

// Outcome is that of the last call; empty if there was none.
func (r Recheck) Outcome() (o RecheckOutcome) {
	for _, e := range r.Entries {
		if e.Step == RecheckCalled {
			o = e.Outcome
		}
	}
	return o
}

// Calls is how often somebody called.
func (r Recheck) Calls() (n int) {
	for _, e := range r.Entries {
		if e.Step == RecheckCalled {
			n++
		}
	}
	return n
}

// LookedAt reports whether somebody has looked at the number.
func (r Recheck) LookedAt(by string) bool {
	for _, e := range r.Entries {
		if e.Step == RecheckRevealed && e.By == by {
			return true
		}
	}
	return false
}

// ErrOwnInterview means that somebody acts on an interview of their own: somebody else
// has to, and they are not to learn that it was drawn.
var ErrOwnInterview = errors.New("own interview")

// Why an entry of a re-check was refused.
const (
	WhyRecheckStep    Why = "recheck_step"
	WhyRecheckOutcome Why = "recheck_outcome"
	WhyNotLookedAt    Why = "not_looked_at"
	WhyRecheckReason  Why = "recheck_reason"
)

// MaxRecheckEntries bounds what is done about one re-check: nobody is called this often.
const MaxRecheckEntries = 100

// Take makes the entry that comes next, or says why it may not. Who calls has looked at
// the number; what came of it may be put right later, with a reason. Errors: Faults,
// ErrOwnInterview.
func (r Recheck) Take(by string, now time.Time, want RecheckEntry) (RecheckEntry, error) {
	made := RecheckEntry{No: len(r.Entries) + 1, Step: want.Step, At: now.UTC().Truncate(time.Millisecond), By: by,
		Note: Mask(strings.TrimSpace(cleanLines(want.Note)))}
	if by == r.By() {
		return made, ErrOwnInterview
	}
	var faults Faults
	add := func(field, value string, why Why) {
		faults = append(faults, Fault{Field: field, Value: value, Why: why})
	}
	if made.No > MaxRecheckEntries {
		add("step", "", WhyEntries)
	}
	if runes(made.Note) > MaxNote {
		add("note", "", WhyNoteTooLong)
	} else if badText(made.Note) {
		add("note", "", WhyBadText)
	}
	switch want.Step {
	case RecheckRevealed:
	case RecheckCalled:
		if !r.LookedAt(by) {
			add("step", "", WhyNotLookedAt)
		}
		if r.Outcome().Settled() && made.Note == "" {
			add("note", "", WhyRecheckReason)
		}
		made.Outcome = want.Outcome
		switch want.Outcome {
		case RecheckConfirmed, RecheckDiffers:
			if want.Level < VerySatisfied || want.Level > VeryDissatisfied {
				add("level", "", WhyLevelMissing)
			}
			made.Level, made.Outcome = want.Level, RecheckDiffers
			if want.Level == r.Response.Level {
				made.Outcome = RecheckConfirmed
			}
		case RecheckDenied, RecheckRefused, RecheckNotReached:
		default:
			add("outcome", string(want.Outcome), WhyRecheckOutcome)
		}
	default:
		add("step", string(want.Step), WhyRecheckStep)
	}
	return made, faults.Err()
}

// RecheckCount is what the re-checks of somebody's interviews came to.
type RecheckCount struct {
	Drawn        int64
	Reached      int64 // the next three together
	Confirmed    int64
	Contradicted int64 // see [RecheckOutcome.Contradicts]
	Refused      int64
}

// Add counts one more.
func (n *RecheckCount) Add(r Recheck) {
	n.Drawn++
	o := r.Outcome()
	if o.Settled() {
		n.Reached++
	}
	switch {
	case o == RecheckConfirmed:
		n.Confirmed++
	case o.Contradicts():
		n.Contradicted++
	case o == RecheckRefused:
		n.Refused++
	}
}

// RecheckStore keeps the re-checks. Each begins with its response, see [Response.Recheck].
type RecheckStore interface {
	// Recheck returns a re-check; ErrNotFound if the response was not drawn.
	Recheck(ctx context.Context, key Key) (Recheck, error)
	// Rechecks calls yield for every re-check of a survey, of all if it is empty, by key.
	// What is drawn meanwhile comes once or not at all. It stops at yield's first error.
	Rechecks(ctx context.Context, survey string, yield func(Recheck) error) error
	// AddRecheckEntries adds entries, numbered on from those that are there, all or none.
	// ErrNotFound if the response was not drawn; ErrExists if the first number is not the
	// next: somebody was faster, and the re-check has to be looked at again.
	AddRecheckEntries(ctx context.Context, key Key, made []RecheckEntry) error
}
