package main

import (
	"context"
	"sync/atomic"
	"time"

	"manyi/survey"
)

// clock is this machine's clock put right by the store's, so that a rating
// belongs to the same day whichever node takes it. While the store is away the
// last correction holds.
type clock struct {
	machine func() time.Time
	behind  atomic.Int64 // nanoseconds the machine is behind the store
}

// Now is the time to go by.
func (c *clock) Now() time.Time { return c.machine().Add(time.Duration(c.behind.Load())) }

// worthCorrecting is less than any rule can notice, and more than two clocks
// that are kept by the same service drift apart.
const worthCorrecting = 50 * time.Millisecond

// follow reads the store's clock. A reading that took long is left out, since it
// may be off by as much.
func (c *clock) follow(ctx context.Context, store survey.JobStore) error {
	asked := c.machine()
	at, err := store.Now(ctx)
	if err != nil {
		return err
	}
	answered := c.machine()
	if answered.Sub(asked) > time.Second {
		return nil
	}
	behind := at.Sub(asked.Add(answered.Sub(asked) / 2))
	if off := behind - time.Duration(c.behind.Load()); off.Abs() > worthCorrecting {
		c.behind.Store(int64(behind))
	}
	return nil
}
