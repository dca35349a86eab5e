package storetest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"manyi/survey"
)

// Stores that break a guarantee about messages.

// changesBlindly reads a message, and writes what was made of it over whatever came
// between. It holds messages itself, since a sound engine cannot be made to forget.
type changesBlindly struct {
	survey.Store
	reads *barrier
	mu    *sync.Mutex
	held  map[string]survey.Message
}

func blind(s survey.Store) survey.Store {
	return &changesBlindly{Store: s, reads: &barrier{}, mu: &sync.Mutex{}, held: map[string]survey.Message{}}
}

func (s *changesBlindly) AddMessages(ctx context.Context, list []survey.Message) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range list {
		if _, there := s.held[m.ID()]; !there {
			s.held[m.ID()] = m
		}
	}
	return s.Store.AddMessages(ctx, list)
}

func (s *changesBlindly) Message(_ context.Context, id string) (survey.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, there := s.held[id]
	if !there {
		return m, survey.ErrNotFound
	}
	m.Trail = slices.Clone(m.Trail)
	return m, nil
}

func (s *changesBlindly) ChangeMessage(ctx context.Context, id string, change func(*survey.Message) error) (survey.Message, error) {
	m, err := s.Message(ctx, id)
	s.reads.wait()
	if err == nil {
		err = change(&m)
	}
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held[id] = m
	}
	return m, err
}

// barrier lets those who come within a moment go on together.
type barrier struct {
	mu   sync.Mutex
	open chan struct{}
}

func (b *barrier) wait() {
	b.mu.Lock()
	if b.open == nil {
		open := make(chan struct{})
		b.open = open
		time.AfterFunc(20*time.Millisecond, func() {
			b.mu.Lock()
			b.open = nil
			b.mu.Unlock()
			close(open)
		})
	}
	open := b.open
	b.mu.Unlock()
	<-open
}

// queuesMessagesAgain forgets a message that is queued again.
type queuesMessagesAgain struct{ survey.Store }

func (s queuesMessagesAgain) AddMessages(ctx context.Context, list []survey.Message) (int, error) {
	for _, m := range list {
		s.Store.ChangeMessage(ctx, m.ID(), func(old *survey.Message) error { *old = m; return nil })
	}
	return s.Store.AddMessages(ctx, list)
}

// changed passes every change through a broken hand.
type changed struct {
	survey.Store
	breaks func(before survey.Message, after *survey.Message)
}

func (s changed) ChangeMessage(ctx context.Context, id string, change func(*survey.Message) error) (survey.Message, error) {
	return s.Store.ChangeMessage(ctx, id, func(m *survey.Message) error {
		before := *m
		before.Trail = slices.Clone(m.Trail)
		err := change(m)
		if err == nil {
			s.breaks(before, m)
		}
		return err
	})
}

// givesAgain puts a message whose claim ran out back into its queue.
func givesAgain(before survey.Message, after *survey.Message) {
	if before.State == survey.MessageClaimed && after.State == survey.MessageUnknown {
		after.State = survey.MessageQueued
	}
}

// losesEarly keeps no report of a message that is still claimed.
func losesEarly(before survey.Message, after *survey.Message) {
	if before.State == survey.MessageClaimed && after.State == survey.MessageClaimed {
		after.Trail = before.Trail
	}
}

// forgetsIDs keeps what was reported, and not the gateway's id.
func forgetsIDs(_ survey.Message, after *survey.Message) {
	for i := range after.Trail {
		after.Trail[i].Report = ""
	}
}

// believesTheLast goes to whatever state came last.
func believesTheLast(before survey.Message, after *survey.Message) {
	if n := len(after.Trail); n > len(before.Trail) && before.State == survey.MessageDelivered {
		after.State, after.At = after.Trail[n-1].State, after.Trail[n-1].At
	}
}

// losesClaims does not count them.
func losesClaims(_ survey.Message, after *survey.Message) { after.Claim = min(after.Claim, 1) }

// changesAnyway keeps what a change made although it failed.
type changesAnyway struct{ survey.Store }

func (s changesAnyway) ChangeMessage(ctx context.Context, id string, change func(*survey.Message) error) (m survey.Message, err error) {
	var failed error
	m, err = s.Store.ChangeMessage(ctx, id, func(m *survey.Message) error { failed = change(m); return nil })
	if failed != nil {
		err = failed
	}
	return m, err
}

// mixesLanes gives what is due in any queue.
type mixesLanes struct{ survey.Store }

func (s mixesLanes) MessagesDue(ctx context.Context, lane string, at time.Time, limit int) ([]survey.Message, error) {
	list, err := s.Store.MessagesDue(ctx, lane, at, limit)
	if err == nil && len(list) == 0 {
		return s.Store.MessagesDue(ctx, survey.QueueLane(""), at, limit)
	}
	return list, err
}

// losesFirst leaves out a phone's first invitation.
type losesFirst struct{ survey.Store }

func (s losesFirst) Invitations(ctx context.Context, phone [][]byte) ([]survey.Message, error) {
	list, err := s.Store.Invitations(ctx, phone)
	return list[min(1, len(list)):], err
}

// countsAlike makes no difference between answered and not.
type countsAlike struct{ survey.Store }

func (s countsAlike) MessageCounts(ctx context.Context) ([]survey.MessageCount, error) {
	list, err := s.Store.MessageCounts(ctx)
	for i := range list {
		list[i].Answered = false
	}
	return list, err
}

// optsOutAgain says that every opt-out is the first.
type optsOutAgain struct{ survey.Store }

func (s optsOutAgain) OptOut(ctx context.Context, o survey.OptOut) (bool, error) {
	_, err := s.Store.OptOut(ctx, o)
	return true, err
}

func TestBrokenMessageStoresAreCaught(t *testing.T) {
	change := func(breaks func(survey.Message, *survey.Message)) func(survey.Store) survey.Store {
		return func(s survey.Store) survey.Store { return changed{s, breaks} }
	}
	catch(t, []brokenStore{
		{"gives one message to several claimers", blind, "messages/of many claimers one gets it"},
		{"writes over a change that came between", blind, "messages/changes at once are all kept"},
		{"queues again what is there", func(s survey.Store) survey.Store { return queuesMessagesAgain{s} }, "messages/what is queued under a key stays as it is"},
		{"sends again what was claimed by somebody who died", change(givesAgain), "messages/a claim that ran out is unknown, and never given again"},
		{"forgets an early report", change(losesEarly), "messages/a report that comes early is kept"},
		{"counts a report twice", change(forgetsIDs), "messages/a report counts once, and what was delivered stays so"},
		{"lets what was delivered fail", change(believesTheLast), "messages/a report counts once, and what was delivered stays so"},
		{"does not count claims", change(losesClaims), "messages/one that is to be tried again waits, and the old claim notes nothing"},
		{"keeps what a failed change made", func(s survey.Store) survey.Store { return changesAnyway{s} }, "messages/a change that fails changes nothing"},
		{"mixes the queues", func(s survey.Store) survey.Store { return mixesLanes{s} }, "messages/those due come by lane, the earliest first"},
		{"loses an open invitation", func(s survey.Store) survey.Store { return losesFirst{s} }, "messages/a phone's open invitations are found"},
		{"counts answered and unanswered alike", func(s survey.Store) survey.Store { return countsAlike{s} }, "messages/they are counted by what they are"},
		{"opts out again and again", func(s survey.Store) survey.Store { return optsOutAgain{s} }, "optouts/the first holds for ever"},
	})
}
