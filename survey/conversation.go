package survey

import (
	"slices"
	"time"
)

// Conversation is what went to and fro with one phone. What follows from one more
// message depends on nothing else, so it can be found out again after a crash.
type Conversation struct {
	Invitations []Message       // of the phone, the one made first first
	Before      []Inbound       // what came from it and was looked at, the first first
	OptedOut    bool            // before this message
	Contacted   map[string]bool // invitations about whose answer somebody made contact
}

// Turn is what follows from a message that came in.
type Turn struct {
	Fate       Fate
	Due        time.Time // when it is to be looked at again; zero for never
	Invitation string    // ID of the message it answers
	Rate       bool      // a response is to be made of it
	Corrects   bool      // and asks to count instead of the first
	Finish     string    // ID of the waiting message that is to be finished now, with Reason and Anonymous
	Reason     string
	Anonymous  bool
	Stop       bool // 退订
	Say        Say  // what is said back; "" for nothing
}

// Say is what is said back to a citizen.
type Say string

// What is said. Each is one message.
const (
	SayNothing Say = ""
	SayThanks  Say = "thanks"  // counted
	SayReason  Say = "reason"  // a bad level: what was wrong, and 匿名
	SayUnnamed Say = "unnamed" // a bad level with its reason: 匿名
	SayNoted   Say = "noted"   // the reason or the wish to stay anonymous
	SayFirst   Say = "first"   // the first answer counts
	SayLate    Say = "late"    // too late, with thanks
	SayWhich   Say = "which"   // which of several is meant
	SayAgain   Say = "again"   // please answer with a digit
	SayStopped Say = "stopped" // no more messages
)

// Says lists what is said.
var Says = [...]Say{SayThanks, SayReason, SayUnnamed, SayNoted, SayFirst, SayLate, SayWhich, SayAgain, SayStopped}

// ReasonWait is how long a bad level waits for its reason, or for 匿名. Then it is
// counted as it is, as of the time it came in.
const ReasonWait = time.Hour

// Open returns the invitations that can be answered at a time.
func (c Conversation) Open(now time.Time) []Message {
	return slices.DeleteFunc(slices.Clone(c.Invitations), func(m Message) bool { return !m.OpenAt(now) })
}

// Take finds out what follows from a message that says r. Its time is when it came in:
// who answered in time is in time, however late it is looked at.
func (c Conversation) Take(in Inbound, r Reply) Turn {
	t := c.take(in, r)
	if r.Stop {
		t.Stop = true
		if t.Say = SayStopped; t.Fate == FateUnclear || t.Fate == FateStranger || t.Fate == FateLate || t.Fate == FateWhich {
			t.Fate = FateStop
		}
		if t.Fate == FateWaiting { // it is not asked for anything more
			t.Fate, t.Due, t.Rate = FateCounted, time.Time{}, true
		}
		return t
	}
	if c.OptedOut {
		t.Say = SayNothing
	}
	return t
}

func (c Conversation) take(in Inbound, r Reply) Turn {
	open := c.Open(in.ReceivedAt)
	if len(c.Invitations) == 0 {
		return Turn{Fate: FateStranger}
	}
	if waiting, ok := c.waiting(); ok && r.Level == NoLevel {
		return c.reason(waiting, r)
	}
	if in.Fate == FateReason { // and what waited was finished before a crash
		return Turn{Fate: FateReason, Invitation: in.Invitation, Say: SayNoted}
	}
	if len(open) == 0 {
		return c.once(Turn{Fate: FateLate, Say: SayLate})
	}
	if r.Why == ReplyCodes || r.Level != NoLevel && len(open) > 1 && r.Code == "" {
		return c.once(Turn{Fate: FateWhich, Say: SayWhich})
	}
	if r.Level == NoLevel {
		return c.once(Turn{Fate: FateUnclear, Say: SayAgain})
	}
	invitation := open[0]
	if i := slices.IndexFunc(open, func(m Message) bool { return m.Code == r.Code }); r.Code != "" && i >= 0 {
		invitation = open[i]
	}
	return c.rate(in, r, invitation.ID())
}

// rate takes a level for an invitation.
func (c Conversation) rate(in Inbound, r Reply, invitation string) Turn {
	t := Turn{Fate: FateCounted, Invitation: invitation, Rate: true, Say: SayThanks, Anonymous: r.Anonymous}
	if first, ok := c.first(invitation); ok {
		// Both are kept. The first counts, so that pressure gains nothing, unless the
		// citizen asks by the word the invitation names, once.
		if first.Fate == FateWaiting {
			t.Finish = first.ID
		}
		if t.Fate, t.Say = FateRepeated, SayFirst; r.Change && !c.had(FateCorrected, invitation) && !c.Contacted[invitation] {
			t.Fate, t.Corrects, t.Say = FateCorrected, true, SayThanks
		}
		if t.Fate == FateRepeated && c.had(FateRepeated, invitation) {
			t.Say = SayNothing
		}
		return t
	}
	if r.Level.Bad() && !r.Anonymous {
		t.Fate, t.Due, t.Rate, t.Say = FateWaiting, in.ReceivedAt.Add(ReasonWait), false, SayReason
		if r.Comment != "" {
			t.Say = SayUnnamed
		}
	}
	return t
}

// reason takes what follows a bad level.
func (c Conversation) reason(waiting Inbound, r Reply) Turn {
	return Turn{Fate: FateReason, Invitation: waiting.Invitation, Finish: waiting.ID, Anonymous: r.Anonymous, Reason: r.Comment, Say: SayNoted}
}

// once says something only if the same was not said since the last invitation: one
// polite answer, and then no more.
func (c Conversation) once(t Turn) Turn {
	var since time.Time
	for _, m := range c.Invitations {
		if m.MadeAt.After(since) {
			since = m.MadeAt
		}
	}
	for _, b := range c.Before {
		if b.Fate == t.Fate && !b.ReceivedAt.Before(since) {
			t.Say = SayNothing
		}
	}
	return t
}

func (c Conversation) waiting() (Inbound, bool) {
	i := slices.IndexFunc(c.Before, func(b Inbound) bool { return b.Fate == FateWaiting })
	if i < 0 {
		return Inbound{}, false
	}
	return c.Before[i], true
}

// first is the first answer to an invitation.
func (c Conversation) first(invitation string) (Inbound, bool) {
	i := slices.IndexFunc(c.Before, func(b Inbound) bool {
		return b.Invitation == invitation && (b.Fate == FateCounted || b.Fate == FateWaiting)
	})
	if i < 0 {
		return Inbound{}, false
	}
	return c.Before[i], true
}

func (c Conversation) had(f Fate, invitation string) bool {
	return slices.ContainsFunc(c.Before, func(b Inbound) bool { return b.Fate == f && b.Invitation == invitation })
}

// MessageAnswer is what is said back to a citizen who wrote.
const MessageAnswer MessageKind = "answer"

// TextAnswer is a rating that came by text message, as the intake takes it.
type TextAnswer struct {
	Survey     Survey
	Path       Path
	From       string    // what it was made of: the same from the same counts once
	At         time.Time // when it came in
	Submission Submission
	Corrects   bool
}
