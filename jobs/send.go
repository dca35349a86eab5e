package jobs

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"manyi/survey"
	"manyi/survey/sms"
)

// SendWork is what the job that sends text messages stands on.
type SendWork interface {
	survey.MessageStore
	survey.OptOutStore
	survey.CampaignStore
	survey.SurveyStore
	survey.VisitStore
	CountSend(ctx context.Context, limits []survey.SendLimit, now time.Time) error // of survey.ProofStore
	Now(ctx context.Context) (time.Time, error)                                    // of survey.JobStore
}

// SendPhones opens the phones of messages, and makes the hashes they are found by.
type SendPhones interface {
	OfMessage(m survey.Message) (string, error)
	Hashes(phone string) [][]byte
}

// Sending hands what is queued over to a gateway.
type Sending struct {
	Store  SendWork
	To     sms.Sender
	Phones SendPhones
	Log    *slog.Logger
	// For is how long a run goes on, so that a stop of the server does not wait for
	// the whole queue. Sleep waits, and returns false if the context ended.
	For   time.Duration
	Sleep func(ctx context.Context, d time.Duration) bool
}

const (
	// sendBatch is how many messages are read at once.
	sendBatch = 50
	// sendWithin bounds one hand-over. The claim lasts longer, so that no slow gateway
	// makes a message unknown.
	sendWithin = 20 * time.Second
	claimSend  = time.Minute
	// limitedFor is how long an invitation waits whose phone had enough of them.
	limitedFor = time.Hour
	// refusedInRow ends a run: so many refusals one after the other mean that the
	// gateway does not let us in, rather than that the phones are wrong.
	refusedInRow = 5
)

// SendJob hands over what is queued, at the pace of its campaign. It looks every
// five seconds.
func SendJob(store SendWork, to sms.Sender, phones SendPhones, log *slog.Logger) Job {
	s := &Sending{Store: store, To: to, Phones: phones, Log: log, For: 4500 * time.Millisecond, Sleep: sleep}
	return Job{Name: "send", Schedule: "*/5 * * * * *", Due: s.due,
		Run: func(ctx context.Context, _ Turn) (int, error) { return s.Run(ctx) }}
}

// due reports whether any lane has something to do.
func (s *Sending) due(ctx context.Context) (bool, error) {
	now, err := s.Store.Now(ctx)
	if err != nil {
		return false, err
	}
	lanes := map[string]time.Time{survey.ClaimedLane: now, survey.QueueLane(""): now}
	campaigns, err := s.campaigns(ctx, now)
	if err != nil {
		return false, err
	}
	for _, c := range campaigns {
		lanes[survey.QueueLane(c.Survey)] = now
		if c.State == survey.CampaignCancelled {
			lanes[survey.QueueLane(c.Survey)] = now.AddDate(100, 0, 0)
		}
	}
	for lane, at := range lanes {
		list, err := s.Store.MessagesDue(ctx, lane, at, 1)
		if err != nil || len(list) > 0 {
			return true, err
		}
	}
	return false, nil
}

// campaigns are those whose queue is to be looked at: cancelled, or running at this
// time of the day.
func (s *Sending) campaigns(ctx context.Context, now time.Time) (list []survey.Campaign, err error) {
	all, err := s.Store.Campaigns(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		v, err := s.Store.Survey(ctx, c.Survey)
		if err != nil {
			return nil, err
		}
		if c.State == survey.CampaignCancelled || c.Open(now, v.Location()) {
			list = append(list, c)
		}
	}
	return list, nil
}

// Run does one run and returns how many messages were handed over. It may be killed
// anywhere: what was claimed then becomes unknown when its claim runs out, and is not
// sent again. Run by several at once it sends no message twice, but too many a second.
func (s *Sending) Run(ctx context.Context) (done int, err error) {
	start := time.Now()
	now, err := s.Store.Now(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.lapse(ctx, now); err != nil {
		return 0, err
	}
	campaigns, err := s.campaigns(ctx, now)
	if err != nil {
		return 0, err
	}
	var queues []*sendQueue
	for _, c := range campaigns {
		if c.State == survey.CampaignCancelled {
			if err := s.cancel(ctx, c, now); err != nil {
				return done, err
			}
			continue
		}
		queues = append(queues, &sendQueue{lane: survey.QueueLane(c.Survey), every: time.Second / time.Duration(max(c.PerSecond, 1))})
	}
	first := &sendQueue{}
	first.lane = survey.QueueLane("")
	for {
		// What somebody waits for goes before every invitation.
		n, err := s.drain(ctx, first)
		done += n
		if err != nil || len(queues) == 0 {
			return done, err
		}
		q := queues[0]
		for _, other := range queues[1:] {
			if other.next.Before(q.next) {
				q = other
			}
		}
		if wait := time.Until(q.next); time.Since(start)+max(wait, 0) >= s.For || wait > 0 && !s.Sleep(ctx, wait) {
			return done, ctx.Err()
		}
		outcome, err := s.one(ctx, q)
		if err != nil {
			return done, err
		}
		switch outcome {
		case sent:
			done++
			q.next = later(q.next, time.Now(), q.every)
		case nothing:
			queues = remove(queues, q)
		case stopped:
			return done, nil
		}
	}
}

// later is when the next message of a queue may leave. Time that was lost is not made
// up for: what arrives at the gateway is spaced evenly.
func later(next, now time.Time, every time.Duration) time.Time {
	if next.Before(now.Add(-every)) {
		next = now.Add(-every)
	}
	return next.Add(every)
}

func remove(queues []*sendQueue, q *sendQueue) (left []*sendQueue) {
	for _, o := range queues {
		if o != q {
			left = append(left, o)
		}
	}
	return left
}

// sendQueue is a queue during one run.
type sendQueue struct {
	lane    string
	every   time.Duration
	next    time.Time
	batch   []survey.Message // read, and not looked at yet
	refused int              // in a row
}

// drain sends all that is due in a queue without a pace.
func (s *Sending) drain(ctx context.Context, q *sendQueue) (done int, err error) {
	for done < sendBatch {
		outcome, err := s.one(ctx, q)
		if err != nil || outcome == nothing || outcome == stopped {
			return done, err
		}
		if outcome == sent {
			done++
		}
	}
	return done, nil
}

// outcome is what became of one message.
type outcome int

const (
	nothing outcome = iota // none is due
	passed                 // it is not to be sent, or not now
	sent                   // the gateway was asked
	stopped                // the gateway wants a rest
)

// one deals with the next message of a queue.
func (s *Sending) one(ctx context.Context, q *sendQueue) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return stopped, err
	}
	now, err := s.Store.Now(ctx)
	if err != nil {
		return stopped, err
	}
	if len(q.batch) == 0 {
		if q.batch, err = s.Store.MessagesDue(ctx, q.lane, now, sendBatch); err != nil || len(q.batch) == 0 {
			return nothing, err
		}
	}
	m := q.batch[0]
	q.batch = q.batch[1:]
	refused, out, err := s.message(ctx, m, now)
	if q.refused++; !refused {
		q.refused = 0
	}
	if err == nil && q.refused >= refusedInRow {
		err = fmt.Errorf("the gateway refused %d text messages in a row: check that it lets this installation in", q.refused)
	}
	return out, err
}

// message sends one message, unless something speaks against it.
func (s *Sending) message(ctx context.Context, m survey.Message, now time.Time) (refused bool, out outcome, err error) {
	to, unread := s.Phones.OfMessage(m)
	hashes := [][]byte{m.Phone.PhoneHash}
	if unread == nil {
		hashes = s.Phones.Hashes(to)
	}
	why, until, err := s.against(ctx, m, hashes, now)
	switch {
	case errors.Is(err, errQuiet):
		return false, nothing, nil // the campaign was stopped or its hours ended: its queue stays as it is
	case err != nil:
		return false, stopped, err
	case why != "":
		_, err = s.Store.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Cancel(why, now) })
		return false, passed, unlessUnchanged(err)
	case !until.IsZero():
		_, err = s.Store.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Postpone(until) })
		return false, passed, unlessUnchanged(err)
	}
	claimed, err := s.Store.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Take(now, now.Add(claimSend)) })
	if err != nil {
		return false, passed, unlessUnchanged(err) // somebody else has it
	}
	e := survey.MessageEvent{State: survey.MessageFailed, Reason: survey.ReasonPhone}
	if unread == nil {
		within, cancel := context.WithTimeout(ctx, sendWithin)
		err = s.To.Send(within, sms.Message{ID: claimed.ID(), To: to, Text: claimed.Text})
		cancel()
		e = noted(err)
	}
	ctx = context.WithoutCancel(ctx) // what happened is noted, whoever ends the run
	if e.At, err = s.Store.Now(ctx); err != nil {
		return false, stopped, err
	}
	_, err = s.Store.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Note(claimed.Claim, e) })
	if err = unlessUnchanged(err); err != nil {
		return false, stopped, fmt.Errorf("note that a message was handed over: %w", err)
	}
	switch e.State {
	case survey.MessageHanded:
		return false, sent, nil
	case survey.MessageQueued:
		s.Log.Warn("the gateway takes no text messages now; they are tried again later", "kind", m.Kind, "id", m.ID(), "claim", claimed.Claim)
		return false, stopped, nil
	}
	s.Log.Warn("a text message was not handed over", "kind", m.Kind, "id", m.ID(), "state", e.State, "reason", e.Reason)
	return e.Reason == survey.ReasonRefused, sent, nil
}

// noted is what an answer of the gateway means for a message.
func noted(err error) survey.MessageEvent {
	switch {
	case err == nil:
		return survey.MessageEvent{State: survey.MessageHanded}
	case errors.Is(err, sms.ErrRefused):
		return survey.MessageEvent{State: survey.MessageFailed, Reason: survey.ReasonRefused, Detail: err.Error()}
	case errors.Is(err, sms.ErrAgain):
		return survey.MessageEvent{State: survey.MessageQueued, Detail: err.Error()}
	}
	return survey.MessageEvent{State: survey.MessageUnknown, Reason: survey.ReasonGateway, Detail: err.Error()}
}

func unlessUnchanged(err error) error {
	if errors.Is(err, survey.ErrUnchanged) {
		return nil
	}
	return err
}

// errQuiet means that the campaign sends nothing now.
var errQuiet = errors.New("the campaign sends nothing now")

// against looks, right before the hand-over, for what speaks against a message: a
// reason to cancel it, or a time to let it wait until.
func (s *Sending) against(ctx context.Context, m survey.Message, phone [][]byte, now time.Time) (why survey.MessageReason, until time.Time, err error) {
	if !m.Until.IsZero() && !now.Before(m.Until) {
		return survey.ReasonExpired, until, nil
	}
	if m.Kind != survey.MessageInvitation {
		return "", until, nil // an answer to somebody who wrote, or to staff
	}
	c, err := s.Store.Campaign(ctx, m.Survey)
	if err != nil {
		return "", until, err
	}
	v, err := s.Store.Survey(ctx, m.Survey)
	if err != nil {
		return "", until, err
	}
	switch {
	case c.State == survey.CampaignCancelled:
		return survey.ReasonCampaign, until, nil
	case errors.Is(v.Accepting(now), survey.ErrClosed):
		return survey.ReasonExpired, until, nil
	case !c.Open(now, v.Location()):
		return "", until, errQuiet
	}
	if out, err := s.Store.OptedOut(ctx, phone); err != nil || out {
		return survey.ReasonOptedOut, until, err
	}
	visit, rated, err := s.Store.Visit(ctx, m.Survey, m.Case)
	switch {
	case errors.Is(err, survey.ErrNotFound) || err == nil && visit.Phone == nil:
		return survey.ReasonWithdrawn, until, nil
	case err != nil:
		return "", until, err
	case rated:
		return survey.ReasonRated, until, nil
	}
	if m.Claim > 0 {
		return "", until, nil // it was counted when it was first tried, and has not left since
	}
	name := "invitation:" + base64.RawURLEncoding.EncodeToString(m.Phone.PhoneHash)
	err = s.Store.CountSend(ctx, []survey.SendLimit{{Name: name, Within: survey.MaxLimit, Most: c.PerPhone}}, now)
	if errors.Is(err, survey.ErrLimited) {
		return "", now.Add(limitedFor), nil
	}
	return "", until, err
}

// lapse makes unknown what was claimed by somebody who did not come back.
func (s *Sending) lapse(ctx context.Context, now time.Time) error {
	for {
		list, err := s.Store.MessagesDue(ctx, survey.ClaimedLane, now, sendBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, m := range list {
			_, err := s.Store.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Lapse(now) })
			if err := unlessUnchanged(err); err != nil {
				return err
			}
			s.Log.Warn("nobody knows whether a text message was handed over; it is not sent again", "kind", m.Kind, "id", m.ID())
		}
	}
}

// cancel takes everything out of the queue of a cancelled campaign.
func (s *Sending) cancel(ctx context.Context, c survey.Campaign, now time.Time) error {
	for ctx.Err() == nil {
		list, err := s.Store.MessagesDue(ctx, survey.QueueLane(c.Survey), now.AddDate(100, 0, 0), sendBatch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, m := range list {
			_, err := s.Store.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Cancel(survey.ReasonCampaign, now) })
			if err := unlessUnchanged(err); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
