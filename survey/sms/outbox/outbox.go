// Package outbox stands in for a phone: nothing leaves, and the last messages can
// be read by whoever runs the program. It proves no phone, since its readers are not
// the citizen, and is for the demo.
package outbox

import (
	"context"
	"slices"
	"sync"
	"time"

	"manyi/survey/sms"
)

// Kept is how many messages are kept, in memory only.
const Kept = 50

// Outbox is a [sms.Sender]. It may be used by many at once.
type Outbox struct {
	now func() time.Time

	mu   sync.Mutex
	last []sms.Sent // the last one last
}

// New makes an empty outbox; now is its clock.
func New(now func() time.Time) *Outbox { return &Outbox{now: now} }

// Send implements sms.Sender. It never fails.
func (o *Outbox) Send(_ context.Context, m sms.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = append(o.last, sms.Sent{At: o.now().UTC(), Message: m})
	if extra := len(o.last) - Kept; extra > 0 {
		o.last = slices.Delete(o.last, 0, extra)
	}
	return nil
}

// Last returns the messages kept, the last one first.
func (o *Outbox) Last() []sms.Sent {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := slices.Clone(o.last)
	slices.Reverse(last)
	return last
}
