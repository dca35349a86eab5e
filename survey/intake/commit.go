package intake

import (
	"context"
	"errors"
	"sync"
	"time"

	"manyi/survey"
)

// committer puts whatever waits into one transaction. While one group is being
// synced to the disk the next one gathers, so the cost of a sync is shared by
// as many as came meanwhile, and nobody waits on a timer.
type committer struct {
	save    func(ctx context.Context, group []survey.Response) (stored []bool, err error)
	group   int
	timeout time.Duration
	queue   chan *pending

	mu     sync.RWMutex // held for writing only to close
	closed bool
	done   chan struct{}
}

type pending struct {
	response survey.Response
	result   chan result
}

type result struct {
	isNew bool
	err   error
}

func newCommitter(save func(context.Context, []survey.Response) ([]bool, error), group int, timeout time.Duration) *committer {
	c := &committer{save: save, group: group, timeout: timeout,
		queue: make(chan *pending, 8*group), done: make(chan struct{})}
	go c.run()
	return c
}

// add waits until the response is durable. If ctx ends first the response may
// still be stored; its key makes sending it again harmless.
func (c *committer) add(ctx context.Context, r survey.Response) (isNew bool, err error) {
	p := &pending{response: r, result: make(chan result, 1)}
	if err := c.enqueue(ctx, p); err != nil {
		return false, err
	}
	select {
	case res := <-p.result:
		return res.isNew, res.err
	case <-ctx.Done():
		return false, errors.Join(ErrBusy, ctx.Err())
	}
}

func (c *committer) enqueue(ctx context.Context, p *pending) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return ErrBusy
	}
	select {
	case c.queue <- p:
		return nil
	case <-ctx.Done():
		return errors.Join(ErrBusy, ctx.Err())
	}
}

func (c *committer) run() {
	defer close(c.done)
	group := make([]*pending, 0, c.group)
	for p := range c.queue {
		group = append(group[:0], p)
	gather:
		for len(group) < c.group {
			select {
			case p, ok := <-c.queue:
				if !ok {
					break gather
				}
				group = append(group, p)
			default:
				break gather
			}
		}
		c.commit(group)
	}
}

// commit stores a group. If the group fails for a reason of its own, its members
// are tried one by one, so that one strange response cannot refuse its neighbours.
func (c *committer) commit(group []*pending) {
	stored, err := c.saveAll(group)
	if err != nil && len(group) > 1 && !errors.Is(err, survey.ErrFull) && !errors.Is(err, context.DeadlineExceeded) {
		for i := range group {
			c.commit(group[i : i+1])
		}
		return
	}
	for i, p := range group {
		if err != nil {
			p.result <- result{err: err}
			continue
		}
		p.result <- result{isNew: stored[i]}
	}
}

func (c *committer) saveAll(group []*pending) ([]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	responses := make([]survey.Response, len(group))
	for i, p := range group {
		responses[i] = p.response
	}
	return c.save(ctx, responses)
}

func (c *committer) close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
	c.mu.Unlock()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
