package survey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"
)

// Message (短信) is a text message on its way to a phone. What was handed to a
// gateway cannot be taken back, and gateways do not know a message again: so it is
// handed over at most once. A sender claims it first; if the sender then dies, nobody
// knows whether it left, and it is unknown for good instead of being sent again.
//
// How a message stands follows from its Trail, which only grows. The rules are the
// methods below; a store keeps what they make of a message, see [MessageStore].
type Message struct {
	Key      string // what it is about: one is queued once under a key
	Kind     MessageKind
	Queue    string  // those of a campaign wait in its own, named after the survey; "" goes first
	Survey   string  // "" if it is about none
	Case     CaseRef // the visit it is about, if there is one
	Window   string  // of the visit
	Code     string  // short code that tells open invitations of one phone apart
	Phone    SealedContact
	Language string // zh or en
	Text     string // whole, with the signature
	MadeAt   time.Time
	// Until is when it is too late to hand it over; zero if never. OpenFor is how
	// long an invitation may be answered, from when it was claimed.
	Until   time.Time
	OpenFor time.Duration

	State  MessageState
	Reason MessageReason // why it is in that state; "" if nothing is to be said
	At     time.Time     // queued: not before; claimed: when the claim runs out; else when it came to its state
	Claim  int           // number of its last claim, 0 for none
	// OpenUntil is when an invitation ceases to be open, zero until it was claimed.
	OpenUntil time.Time
	// AnsweredAt is when its first answer counted; zero if there is none.
	AnsweredAt time.Time
	Trail      []MessageEvent
}

// MessageKind is what a message is for.
type MessageKind string

// The kinds.
const (
	MessageInvitation MessageKind = "invitation" // 邀请
	MessageReminder   MessageKind = "reminder"   // 催办, to staff
)

// MessageState is how far a message has come.
type MessageState string

// The states. Only a queued message is ever handed over.
const (
	MessageQueued    MessageState = "queued"    // waits for its time
	MessageClaimed   MessageState = "claimed"   // one sender is about to hand it over
	MessageUnknown   MessageState = "unknown"   // nobody knows whether it was taken over
	MessageHanded    MessageState = "handed"    // the gateway took it over
	MessageFailed    MessageState = "failed"    // it did not arrive
	MessageDelivered MessageState = "delivered" // it arrived
	MessageCancelled MessageState = "cancelled" // it never left, and never will
)

// standing orders what may be learned of a message that was claimed: what stands
// higher is never taken back.
var standing = map[MessageState]int{MessageUnknown: 1, MessageHanded: 2, MessageFailed: 3, MessageDelivered: 4}

// MessageReason says why a message failed, is unknown or was cancelled. A gateway's
// own word for it goes into the event's Detail.
type MessageReason string

// The reasons.
const (
	ReasonOptedOut    MessageReason = "opted_out"   // the phone wants no more
	ReasonRated       MessageReason = "rated"       // rated meanwhile
	ReasonWithdrawn   MessageReason = "withdrawn"   // the visit list names the phone no more
	ReasonCampaign    MessageReason = "campaign"    // the campaign was cancelled
	ReasonExpired     MessageReason = "expired"     // too late to be handed over
	ReasonInterrupted MessageReason = "interrupted" // the sender ended between claim and note
	ReasonGateway     MessageReason = "gateway"     // the gateway's answer was none, or not clear
	ReasonRefused     MessageReason = "refused"     // the gateway will never take it
	ReasonBusy        MessageReason = "busy"        // the gateway asked to come back too often
	ReasonUndelivered MessageReason = "undelivered" // the gateway says that it did not arrive
	ReasonPhone       MessageReason = "unreadable"  // the phone is erased, or its key is gone
)

// MessageReasons lists the reasons.
var MessageReasons = [...]MessageReason{ReasonOptedOut, ReasonRated, ReasonWithdrawn, ReasonCampaign, ReasonExpired, ReasonInterrupted,
	ReasonGateway, ReasonRefused, ReasonBusy, ReasonUndelivered, ReasonPhone}

// MessageEvent is one thing that happened to a message.
type MessageEvent struct {
	At     time.Time
	State  MessageState
	Reason MessageReason
	Report string // the gateway's own id of the report it comes from; "" if it was noted here
	Detail string // the gateway's word, without number, text or secret
	Claim  int    // number of the claim it belongs to, 0 for none
}

// MaxTrail bounds the events kept of a message, and MaxReport the length in bytes of
// what a gateway says; more is cut.
const (
	MaxTrail  = 50
	MaxReport = 100
)

// How often a message that was not taken over is tried: after half a minute, then
// twice as long each time up to an hour. The last of 20 tries is most of a day later.
const (
	FirstResend = 30 * time.Second
	LongResend  = time.Hour
	MostSends   = 20
)

// ErrUnchanged means that there was nothing to change: it was so already.
var ErrUnchanged = errors.New("nothing to change")

// ID is what the gateway and its reports know a message by, and what a store keeps
// it under: 32 hexadecimal digits that follow from the key.
func (m Message) ID() string { return MessageID(m.Key) }

// MessageID is the ID of the message with a key.
func MessageID(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Lane is where a message waits for somebody to look at it; "" once it has ended.
func (m Message) Lane() string {
	switch m.State {
	case MessageQueued:
		return QueueLane(m.Queue)
	case MessageClaimed:
		return ClaimedLane
	}
	return ""
}

// ClaimedLane holds the messages that are claimed.
const ClaimedLane = "claimed"

// QueueLane holds what is queued in a queue.
func QueueLane(queue string) string { return "queue/" + queue }

// OpenAt reports whether an invitation that may have arrived can be answered.
func (m Message) OpenAt(now time.Time) bool {
	return m.Kind == MessageInvitation && standing[m.State] > 0 && m.State != MessageFailed && now.Before(m.OpenUntil)
}

// TakesCode reports whether an invitation's code must not be given to another one of
// the same phone: it is open, or may still become so.
func (m Message) TakesCode(now time.Time) bool {
	return m.Kind == MessageInvitation && (m.State == MessageQueued || m.State == MessageClaimed || now.Before(m.OpenUntil))
}

// Take claims a queued message that is due until a time; ErrUnchanged if it is not,
// or not any more.
func (m *Message) Take(now, until time.Time) error {
	if m.State != MessageQueued || m.At.After(now) {
		return ErrUnchanged
	}
	m.Claim++
	m.come(MessageEvent{At: now, State: MessageClaimed, Claim: m.Claim})
	m.At = until
	if m.Kind == MessageInvitation {
		m.OpenUntil = now.Add(m.OpenFor)
	}
	return nil
}

// Lapse makes a message unknown whose claim ran out; ErrUnchanged if it did not.
func (m *Message) Lapse(now time.Time) error {
	if m.State != MessageClaimed || m.At.After(now) {
		return ErrUnchanged
	}
	m.settle(MessageEvent{At: now, State: MessageUnknown, Reason: ReasonInterrupted, Claim: m.Claim})
	return nil
}

// Note notes how the hand-over of a claim went: [MessageHanded], [MessageFailed],
// [MessageUnknown], or [MessageQueued] for one that was surely not taken over and is
// to be tried again. Noting the same twice is ErrUnchanged; ErrFenced if it was
// claimed again since. What is noted after the claim ran out still says more than that.
func (m *Message) Note(claim int, e MessageEvent) error {
	if m.Claim != claim {
		return ErrFenced
	}
	lapsed := m.State == MessageUnknown && m.Reason == ReasonInterrupted
	if m.State != MessageClaimed && !lapsed {
		return ErrUnchanged
	}
	e.Claim, e.Detail = claim, cut(e.Detail)
	if e.State == MessageQueued && claim >= MostSends {
		e.State, e.Reason = MessageFailed, ReasonBusy
	}
	if e.State == MessageQueued && !m.reported() {
		m.come(e)
		wait := LongResend
		if n := claim - 1; n < 7 {
			wait = min(wait, FirstResend<<n)
		}
		m.At = e.At.Add(wait)
		return nil
	}
	m.settle(e)
	return nil
}

// Postpone lets a queued message wait longer; ErrUnchanged if it does not wait.
func (m *Message) Postpone(until time.Time) error {
	if m.State != MessageQueued || !m.At.Before(until) {
		return ErrUnchanged
	}
	m.At = until
	return nil
}

// Cancel takes a queued message out for good; ErrUnchanged if it is not queued.
func (m *Message) Cancel(why MessageReason, now time.Time) error {
	if m.State != MessageQueued {
		return ErrUnchanged
	}
	m.come(MessageEvent{At: now, State: MessageCancelled, Reason: why, Claim: m.Claim})
	return nil
}

// Report is what a gateway says of a message later, as often as it likes.
type Report struct {
	ID      string // the gateway's own, by which a repeated one is known
	Message string // our ID
	State   MessageState
	Reason  MessageReason
	Detail  string // the gateway's word, such as an error code
	At      time.Time
}

// Reported takes up a report; ErrUnchanged if it was taken up before. One that comes
// before the hand-over was noted is kept, and applied then. A state that stands higher
// stays: what was delivered is delivered, whatever comes after.
func (m *Message) Reported(r Report) error {
	e := MessageEvent{At: r.At, State: r.State, Reason: r.Reason, Report: cut(r.ID), Detail: cut(r.Detail), Claim: m.Claim}
	if standing[e.State] == 0 || e.Report == "" || len(m.Trail) >= MaxTrail ||
		slices.ContainsFunc(m.Trail, func(o MessageEvent) bool { return o.Report == e.Report }) {
		return ErrUnchanged
	}
	m.Trail = append(m.Trail, e)
	// A message that waits to be sent again has left after all.
	if standing[m.State] > 0 || m.State == MessageQueued && m.Claim > 0 {
		m.apply()
	}
	return nil
}

// Answer notes the first answer to an invitation.
func (m *Message) Answer(now time.Time) error {
	if !m.AnsweredAt.IsZero() {
		return ErrUnchanged
	}
	m.AnsweredAt = now
	return nil
}

// come adds an event and goes to its state.
func (m *Message) come(e MessageEvent) {
	m.Trail = append(m.Trail, e)
	m.State, m.Reason, m.At = e.State, e.Reason, e.At
}

// settle adds what is known of a claim, and goes to the highest of that and of what
// was reported.
func (m *Message) settle(e MessageEvent) {
	m.come(e)
	m.apply()
}

// apply goes to the highest standing among the events, the first of them if several
// are equal.
func (m *Message) apply() {
	for _, e := range m.Trail {
		if standing[e.State] > standing[m.State] {
			m.State, m.Reason, m.At = e.State, e.Reason, e.At
		}
	}
}

// reported reports whether a gateway said anything of it after it was claimed.
func (m *Message) reported() bool {
	return slices.ContainsFunc(m.Trail, func(e MessageEvent) bool { return e.Report != "" && e.Claim > 0 })
}

func cut(s string) string {
	if len(s) > MaxReport {
		s = s[:MaxReport]
	}
	return strings.ToValidUTF8(s, "")
}

// MessageCount is how many messages stand alike.
type MessageCount struct {
	Survey   string
	Kind     MessageKind
	State    MessageState
	Reason   MessageReason
	Answered bool
	N        int64
}

// MessageStore is the queue of text messages. Times are on the store's own clock.
type MessageStore interface {
	// AddMessages queues messages as they stand and returns how many were new; one
	// whose key is there already is left as it is, whatever its state. Cut short,
	// some are there and the call may be repeated.
	AddMessages(ctx context.Context, list []Message) (added int, err error)
	// Message returns the message with an ID; ErrNotFound.
	Message(ctx context.Context, id string) (Message, error)
	// ChangeMessage replaces a message by what change makes of it, in one step: of
	// many at once each sees what the one before it made. change may be called again
	// with a fresh message; if it fails, nothing changes and its error is returned.
	// The key and who it goes to stay as they are. ErrNotFound.
	ChangeMessage(ctx context.Context, id string, change func(*Message) error) (Message, error)
	// MessagesDue returns up to limit messages of a lane whose At is not after a
	// time, the earliest first. Its cost does not grow with what else there is.
	MessagesDue(ctx context.Context, lane string, at time.Time, limit int) ([]Message, error)
	// Invitations returns all invitations of a phone, the one made first first. A
	// phone is looked up by all its hashes: one for each key that is in use.
	Invitations(ctx context.Context, phone [][]byte) ([]Message, error)
	// MessageCounts counts the messages that stand alike, in order of its fields.
	MessageCounts(ctx context.Context) ([]MessageCount, error)
	// Messages calls yield for every message, by ID. It stops at yield's first error.
	Messages(ctx context.Context, yield func(Message) error) error
}

// OpenInvitations returns the invitations of a phone that may have arrived and can
// still be answered, the one made first first. The phone is its keyed hashes.
func OpenInvitations(ctx context.Context, store MessageStore, phone [][]byte, now time.Time) ([]Message, error) {
	all, err := store.Invitations(ctx, phone)
	return slices.DeleteFunc(all, func(m Message) bool { return !m.OpenAt(now) }), err
}

// NoteReport takes up what a gateway says of a message. It may be repeated and come at
// any time. ErrNotFound: no such message was ever queued.
func NoteReport(ctx context.Context, store MessageStore, r Report) error {
	_, err := store.ChangeMessage(ctx, r.Message, func(m *Message) error { return m.Reported(r) })
	if errors.Is(err, ErrUnchanged) {
		return nil
	}
	return err
}

// OptOut (退订) is a phone that wants no more messages. It holds for ever, and is kept
// sealed besides the hash it is found by, so that it outlives the keys.
type OptOut struct {
	Phone  SealedContact
	At     time.Time
	Source string // what made it, such as "sms" or an operator's name
}

// OptOutStore keeps who wants no more messages.
type OptOutStore interface {
	// OptOut notes that a phone wants no more; idempotent per hash, the first stays.
	// It returns whether it was new.
	OptOut(ctx context.Context, o OptOut) (added bool, err error)
	// OptedOut reports whether a phone wants no more.
	// A phone is looked up by all its hashes.
	OptedOut(ctx context.Context, phone [][]byte) (bool, error)
	// OptOuts calls yield for every opt-out, by hash.
	OptOuts(ctx context.Context, yield func(OptOut) error) error
}
