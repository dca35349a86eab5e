package survey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Delivery (投递) is something owed to somebody outside the house. What is sent
// cannot be taken back or fenced, so it waits in a queue and is claimed by one sender
// at a time. It may still arrive twice, if a sender dies between handing it over and
// noting so: whoever receives it can tell by its ID.
type Delivery struct {
	Key     string // what it is about: one is queued once under a key
	Channel string // by which it leaves, such as "webhook"
	Body    []byte
	MadeAt  time.Time
	State   DeliveryState
	// At is when it is to be tried next, or when it ended.
	At     time.Time
	Claim  int64  // number of its last claim, 0 for none
	Result string // why the last try failed; for the operator
	// Decisions are what people decided after it was given up, the latest last.
	Decisions []DeliveryDecision
}

// DeliveryDecision is what somebody decided about a delivery that was given up.
type DeliveryDecision struct {
	By string    `json:"by"` // account
	At time.Time `json:"at"`
	// Again has it tried once more, and further as far as tries are left; otherwise
	// it is dismissed.
	Again bool `json:"again,omitempty"`
}

// State is what a decision leads to.
func (d DeliveryDecision) State() DeliveryState {
	if d.Again {
		return DeliveryWaiting
	}
	return DeliveryDismissed
}

// DeliveryState is how far a delivery has come.
type DeliveryState string

// The states.
const (
	DeliveryWaiting   DeliveryState = "waiting" // also while somebody has claimed it
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryGivenUp   DeliveryState = "given_up"
	DeliveryDismissed DeliveryState = "dismissed" // given up, and somebody decided that it need not be sent
)

// DeliveryStates lists the states.
var DeliveryStates = [...]DeliveryState{DeliveryWaiting, DeliveryDelivered, DeliveryGivenUp, DeliveryDismissed}

// ID is what the receiver knows a delivery by, the same at every try.
func (d Delivery) ID() string {
	sum := sha256.Sum256([]byte(d.Key))
	return hex.EncodeToString(sum[:16])
}

// How often a delivery is tried: after 1 minute, then twice as long each time up to
// an hour. The last of 30 tries is about a day after the first. A claim counts as a
// try, also if its holder died.
const (
	FirstRetry  = time.Minute
	LongRetry   = time.Hour
	MostRetries = 30
)

// Delivered is a claimed delivery that was taken.
func (d Delivery) Delivered(now time.Time) Delivery {
	d.State, d.At, d.Result = DeliveryDelivered, now, ""
	return d
}

// Failed is a claimed delivery that was not taken. One that never will be is given up
// at once.
func (d Delivery) Failed(now time.Time, why string, never bool) Delivery {
	d.Result = why
	if never || d.Claim >= MostRetries {
		d.State, d.At = DeliveryGivenUp, now
		return d
	}
	wait := LongRetry
	if n := d.Claim - 1; n < 6 {
		wait = FirstRetry << max(n, 0)
	}
	d.At = now.Add(wait)
	return d
}

// DeliveryCount is how many deliveries of a channel stand alike.
type DeliveryCount struct {
	Channel string
	State   DeliveryState
	N       int64
	First   time.Time // the earliest At among them
}

// DeliveryStore is the queue of deliveries. Times are on the store's own clock.
type DeliveryStore interface {
	// AddDeliveries queues deliveries as they stand and returns how many were new;
	// one whose key is there already is left as it is, whatever its state. Cut
	// short, some are there and the call may be repeated.
	AddDeliveries(ctx context.Context, list []Delivery) (added int, err error)
	// ClaimDelivery gives the waiting delivery of a channel whose time came first
	// to one caller until now+ttl, under the next claim number. A claim that ran
	// out is given anew. ErrNotFound if none is due at now.
	ClaimDelivery(ctx context.Context, channel string, now time.Time, ttl time.Duration) (Delivery, error)
	// NoteDelivery notes how a claimed delivery went: its State, At and Result. It
	// may be repeated. ErrFenced, and nothing changes, if it was claimed again since.
	NoteDelivery(ctx context.Context, d Delivery) error
	// DecideDelivery adds a decision to a delivery that was given up, which then
	// stands as decided since the decision's time. ErrNotFound, and nothing changes,
	// if there is none given up under the key: it has ended, or somebody was faster.
	DecideDelivery(ctx context.Context, key string, d DeliveryDecision) error
	// DeliveryCounts counts the deliveries by channel and state, in that order.
	DeliveryCounts(ctx context.Context) ([]DeliveryCount, error)
	// DropDeliveries forgets those that ended before a time, and returns how many.
	DropDeliveries(ctx context.Context, ended time.Time) (int, error)
	// Deliveries calls yield for every delivery in a state, or in any if it is
	// empty, by key. It stops at yield's first error.
	Deliveries(ctx context.Context, state DeliveryState, yield func(Delivery) error) error
}
