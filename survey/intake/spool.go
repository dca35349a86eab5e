package intake

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"manyi/survey"
)

// keeper makes groups of responses durable, one way or another.
type keeper interface {
	add(ctx context.Context, group []survey.Response) (fresh []bool, err error)
	has(ctx context.Context, key survey.Key) (bool, error)
	away() bool
	close(ctx context.Context) error
}

// direct keeps responses in the store alone.
type direct struct{ store survey.ResponseStore }

func (d direct) add(ctx context.Context, group []survey.Response) ([]bool, error) {
	return d.store.AddResponses(ctx, group)
}

func (d direct) has(ctx context.Context, key survey.Key) (bool, error) {
	return d.store.HasResponse(ctx, key)
}
func (direct) away() bool                  { return false }
func (direct) close(context.Context) error { return nil }

// forwarder keeps responses in the store, and while it does not answer, in the
// spool, from where they follow, oldest first, when it does again. A citizen
// never sees the difference: the receipt comes from the form, and the key makes
// it harmless that the store may have taken a group it did not acknowledge.
type forwarder struct {
	store survey.ResponseStore
	spool survey.Spool
	opts  Options

	gone atomic.Bool   // the store did not answer last time
	wake chan struct{} // something was spooled
	stop context.CancelFunc
	done chan struct{}
}

// forwardGroup is how many responses are forwarded together.
const forwardGroup = 200

func newForwarder(store survey.ResponseStore, opts Options) *forwarder {
	ctx, cancel := context.WithCancel(context.Background())
	f := &forwarder{store: store, spool: opts.Spool, opts: opts,
		wake: make(chan struct{}, 1), stop: cancel, done: make(chan struct{})}
	f.wake <- struct{}{} // something may be left from before the start
	go f.run(ctx)
	return f
}

func (f *forwarder) away() bool { return f.gone.Load() }

func (f *forwarder) has(ctx context.Context, key survey.Key) (bool, error) {
	if held, err := f.spool.Holds(ctx, key); err != nil || held {
		return held, err
	}
	return f.store.HasResponse(ctx, key)
}

// add gives a group to the store, and to the spool if the store fails for
// whatever reason: the forwarder finds out which of them it refuses.
func (f *forwarder) add(ctx context.Context, group []survey.Response) ([]bool, error) {
	if !f.gone.Load() {
		fresh, err := f.send(ctx, group, f.opts.Deadline)
		if err == nil {
			return fresh, nil
		}
		f.opts.Log.Warn("the store did not take responses; they are kept on this machine", "responses", len(group), "error", err)
		f.gone.Store(silent(err))
	}
	defer f.tell() // also when the disk is full: trying is how to learn that the store is back
	return f.spool.Hold(ctx, group)
}

func (f *forwarder) tell() {
	select {
	case f.wake <- struct{}{}:
	default: // told before
	}
}

func (f *forwarder) send(ctx context.Context, group []survey.Response, within time.Duration) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return f.store.AddResponses(ctx, group)
}

// silent reports whether an error says nothing about the responses, only that
// the store cannot take any at the moment.
func silent(err error) bool {
	return errors.Is(err, survey.ErrUnavailable) || errors.Is(err, survey.ErrFull) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// lookEvery is how often the spool is looked at although nobody told of anything:
// another process may have put back what was set aside.
const lookEvery = 30 * time.Second

// run forwards whenever something was spooled, and while anything is left, every Retry.
func (f *forwarder) run(ctx context.Context) {
	defer close(f.done)
	for {
		select {
		case <-f.wake:
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return
		}
		for {
			left, err := f.forward(ctx)
			if err != nil && ctx.Err() == nil {
				f.opts.Log.Warn("responses kept on this machine could not be forwarded yet", "error", err)
			}
			if !left {
				break
			}
			select {
			case <-time.After(f.opts.Retry):
			case <-ctx.Done():
				return
			}
		}
	}
}

// forward empties the spool into the store, and reports whether anything is left.
func (f *forwarder) forward(ctx context.Context) (left bool, err error) {
	for {
		group, err := f.spool.Oldest(ctx, forwardGroup)
		if err != nil {
			return true, err
		}
		if len(group) == 0 {
			f.gone.Store(false)
			return false, nil
		}
		_, err = f.send(ctx, group, f.opts.Timeout)
		if err != nil && !silent(err) {
			err = f.oneByOne(ctx, group)
		} else if err == nil {
			err = f.spool.Forwarded(ctx, keysOf(group))
		}
		if err != nil {
			f.gone.Store(true)
			return true, err
		}
		f.gone.Store(false)
	}
}

// oneByOne forwards the members of a group the store refused, and sets aside
// those it refuses alone, so that they do not block the others.
func (f *forwarder) oneByOne(ctx context.Context, group []survey.Response) error {
	for _, r := range group {
		_, err := f.send(ctx, []survey.Response{r}, f.opts.Timeout)
		switch {
		case err == nil:
			err = f.spool.Forwarded(ctx, []survey.Key{r.Key})
		case !silent(err):
			f.opts.Log.Error("the store refuses a response; it is set aside on this machine until somebody looks", "window", r.Path.Window(), "error", err)
			err = f.spool.SetAside(ctx, r.Key, err.Error())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func keysOf(group []survey.Response) []survey.Key {
	keys := make([]survey.Key, len(group))
	for i, r := range group {
		keys[i] = r.Key
	}
	return keys
}

func (f *forwarder) close(ctx context.Context) error {
	f.stop()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
