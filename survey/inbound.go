package survey

import (
	"context"
	"time"
)

// Inbound (上行短信) is a text message that came in, and what became of it. It is kept
// before its gateway is answered, so that none is lost, and found again by the
// gateway's id, so that none is taken twice.
type Inbound struct {
	ID         string        // the gateway's
	From       SealedContact // the phone
	TextKey    string        // key the text is encrypted with
	Text       []byte        // encrypted: it may hold anything
	ReceivedAt time.Time     // UTC, milliseconds; when it came to us

	Fate Fate
	// Due is when it is to be looked at, zero once all that follows from it is done.
	Due time.Time
	// Invitation is the ID of the message it answers, as far as that is known.
	Invitation string
}

// Fate is what became of a message that came in.
type Fate string

// The fates. What is not counted is listed for people to look at.
const (
	FateNew       Fate = ""          // nobody has looked at it yet
	FateWaiting   Fate = "waiting"   // a bad level, whose reason was asked for
	FateCounted   Fate = "counted"   // a response was made of it
	FateCorrected Fate = "corrected" // a response that takes the place of the first
	FateRepeated  Fate = "repeated"  // a response that does not count, since the first does
	FateReason    Fate = "reason"    // the reason of a bad level, or the wish to stay anonymous
	FateStop      Fate = "stop"      // 退订
	FateLate      Fate = "late"      // after the invitation's window, or the survey's end
	FateWhich     Fate = "which"     // several invitations are open and it names none
	FateUnclear   Fate = "unclear"   // no level for certain
	FateStranger  Fate = "stranger"  // no invitation ever went to this phone
)

// Fates lists the fates.
var Fates = [...]Fate{FateNew, FateWaiting, FateCounted, FateCorrected, FateRepeated, FateReason, FateStop, FateLate, FateWhich, FateUnclear, FateStranger}

// NotCounted lists the fates people look at, since no response was made of the message.
var NotCounted = []Fate{FateLate, FateWhich, FateUnclear, FateStranger}

// KeptInbound is how long a message that came in is kept once it is done with.
const KeptInbound = 180 * 24 * time.Hour

// InboundQuery selects messages that came in, the last first.
type InboundQuery struct {
	Fates  []Fate    // any of these; none: all
	Before string    // those that came before the one with this ID; "": from the last
	Until  time.Time // those that came before this time; zero: from the last
	Limit  int
}

// About picks from a phone's invitations those that a message from it may be about if
// nobody knows which: all that had left before it came.
func (in Inbound) About(invitations []Message) (about []Message) {
	for _, m := range invitations {
		if !m.OpenUntil.IsZero() && !m.MadeAt.After(in.ReceivedAt) {
			about = append(about, m)
		}
	}
	return about
}

// InboundStore keeps the messages that came in.
type InboundStore interface {
	// AddInbound keeps messages and returns how many are new: one whose ID is there
	// already is left as it is. When it returns nil they survive a crash.
	AddInbound(ctx context.Context, list []Inbound) (added int, err error)
	// InboundDue returns up to limit messages that are due at a time, the earliest
	// due first, of those due at once the one that came first.
	InboundDue(ctx context.Context, now time.Time, limit int) ([]Inbound, error)
	// SettleInbound notes what became of a message; idempotent. ErrNotFound.
	SettleInbound(ctx context.Context, id string, fate Fate, due time.Time, invitation string) error
	// InboundOf returns what came from a phone, the first first. The phone is looked
	// up by all its hashes: one for each key that is in use.
	InboundOf(ctx context.Context, phone [][]byte) ([]Inbound, error)
	// Inbounds returns a page of the messages, the last first.
	Inbounds(ctx context.Context, q InboundQuery) ([]Inbound, error)
}
