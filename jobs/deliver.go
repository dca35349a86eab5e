package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"manyi/survey"
)

// Sender hands a delivery to somebody outside. survey.ErrRefused means that it never
// will be taken; after any other error it is tried again later.
type Sender interface {
	Send(ctx context.Context, d survey.Delivery) error
}

// DeliverWork is what the job that delivers stands on.
type DeliverWork interface {
	survey.DeliveryStore
	Now(ctx context.Context) (time.Time, error) // of survey.JobStore
}

const (
	// deliverTogether is how many deliveries are under way at once, so that one slow
	// answer does not hold up the others.
	deliverTogether = 4
	// deliverBatch bounds a run, so that a stop of the server does not wait for the
	// whole queue.
	deliverBatch = 100
	// claimFor is longer than a Sender takes.
	claimFor = time.Minute
	// deliveredFor is how long what ended is kept. It has to be longer than a
	// reminder stays owed, or that would be sent again.
	deliveredFor = 30 * 24 * time.Hour
)

// DeliverJob sends what is queued, by channel, and forgets what ended long ago. It
// looks every ten seconds.
func DeliverJob(store DeliverWork, senders map[string]Sender, log *slog.Logger) Job {
	return Job{
		Name:     "deliver",
		Schedule: "*/10 * * * * *",
		Due: func(ctx context.Context) (bool, error) {
			now, err := store.Now(ctx)
			if err != nil {
				return false, err
			}
			counts, err := store.DeliveryCounts(ctx)
			for _, n := range counts {
				waiting := n.State == survey.DeliveryWaiting
				if waiting && senders[n.Channel] != nil && !n.First.After(now) || !waiting && n.First.Before(now.Add(-deliveredFor)) {
					return true, nil
				}
			}
			return false, err
		},
		Run: func(ctx context.Context, turn Turn) (done int, err error) {
			for channel, to := range senders {
				n, err := Deliver(ctx, store, channel, to, log)
				done += n
				if err != nil {
					return done, err
				}
			}
			n, err := store.DropDeliveries(ctx, turn.Now.Add(-deliveredFor))
			return done + n, err
		},
	}
}

// Deliver sends what is due of a channel and returns how many deliveries were taken.
// It goes by the store's clock. After a failure it claims no more in this run: what
// else waits is not thrown at a receiver that is down, and follows at the next turn.
// It may be killed anywhere and run twice at once. What was under way is then tried
// again when its claim runs out, under the same ID.
func Deliver(ctx context.Context, store DeliverWork, channel string, to Sender, log *slog.Logger) (int, error) {
	var done, begun atomic.Int64
	var failed atomic.Bool
	errs := make([]error, deliverTogether)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for errs[i] == nil && !failed.Load() && begun.Add(1) <= deliverBatch {
				taken, err := protect(func() (bool, error) { return deliverOne(ctx, store, channel, to, log) })
				if errors.Is(err, survey.ErrNotFound) {
					return // nothing more is due
				}
				errs[i] = err
				if taken {
					done.Add(1)
				} else {
					failed.Store(true)
				}
			}
		})
	}
	all.Wait()
	return int(done.Load()), errors.Join(errs...)
}

// deliverOne claims one delivery and sends it; survey.ErrNotFound if none is due.
func deliverOne(ctx context.Context, store DeliverWork, channel string, to Sender, log *slog.Logger) (taken bool, err error) {
	now, err := store.Now(ctx)
	if err != nil {
		return false, err
	}
	d, err := store.ClaimDelivery(ctx, channel, now, claimFor)
	if err != nil {
		return false, err
	}
	sent := to.Send(ctx, d)
	if sent != nil && ctx.Err() != nil {
		return false, ctx.Err() // nothing is known of it: it is tried again when the claim runs out
	}
	ctx = context.WithoutCancel(ctx) // what happened is noted, whoever ends the run
	if now, err = store.Now(ctx); err != nil {
		return false, err
	}
	if sent == nil {
		d = d.Delivered(now)
	} else {
		d = d.Failed(now, sent.Error(), errors.Is(sent, survey.ErrRefused))
	}
	err = store.NoteDelivery(ctx, d)
	if errors.Is(err, survey.ErrFenced) { // another has it by now, and notes how it went
		return sent == nil, nil
	}
	switch {
	case err != nil:
		return false, err
	case d.State == survey.DeliveryGivenUp:
		log.Error("a delivery is given up", "channel", channel, "id", d.ID(), "tries", d.Claim, "error", sent)
	case sent != nil:
		log.Warn("a delivery failed; it is tried again", "channel", channel, "id", d.ID(), "tries", d.Claim, "next", d.At, "error", sent)
	}
	return sent == nil, nil
}
