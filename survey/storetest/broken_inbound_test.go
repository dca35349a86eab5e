package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"manyi/survey"
)

// Stores that break a guarantee about the messages that came in.

// takesUpAgain begins anew with a message that its gateway brings once more.
type takesUpAgain struct{ survey.Store }

func (s takesUpAgain) AddInbound(ctx context.Context, list []survey.Inbound) (int, error) {
	n, err := s.Store.AddInbound(ctx, list)
	for _, in := range list {
		if err == nil {
			err = s.SettleInbound(ctx, in.ID, in.Fate, in.Due, in.Invitation)
		}
	}
	return n, err
}

// countsRepeats says that everything it is brought is new.
type countsRepeats struct{ survey.Store }

func (s countsRepeats) AddInbound(ctx context.Context, list []survey.Inbound) (int, error) {
	_, err := s.Store.AddInbound(ctx, list)
	return len(list), err
}

// stopsAtRepeats keeps nothing of a call after a message that is there already.
type stopsAtRepeats struct{ survey.Store }

func (s stopsAtRepeats) AddInbound(ctx context.Context, list []survey.Inbound) (added int, err error) {
	for _, in := range list {
		n, err := s.Store.AddInbound(ctx, []survey.Inbound{in})
		if err != nil || n == 0 {
			return added, err
		}
		added += n
	}
	return added, nil
}

// looksFirst looks for a message and keeps it then, so that many find nothing at once.
type looksFirst struct {
	survey.Store
	looks *barrier
}

func (s looksFirst) AddInbound(ctx context.Context, list []survey.Inbound) (added int, err error) {
	there, err := s.Store.Inbounds(ctx, survey.InboundQuery{Limit: 100})
	if err != nil {
		return 0, err
	}
	s.looks.wait()
	for _, in := range list {
		if !slices.ContainsFunc(there, func(old survey.Inbound) bool { return old.ID == in.ID }) {
			added++
		}
	}
	_, err = s.Store.AddInbound(ctx, list)
	return added, err
}

// bringsIn keeps messages after a broken hand went over them.
type bringsIn struct {
	survey.Store
	breaks func(*survey.Inbound)
}

func (s bringsIn) AddInbound(ctx context.Context, list []survey.Inbound) (int, error) {
	list = slices.Clone(list)
	for i := range list {
		s.breaks(&list[i])
	}
	return s.Store.AddInbound(ctx, list)
}

// asksAt asks what is due at another time.
type asksAt struct {
	survey.Store
	off time.Duration
}

func (s asksAt) InboundDue(ctx context.Context, now time.Time, limit int) ([]survey.Inbound, error) {
	return s.Store.InboundDue(ctx, now.Add(s.off), limit)
}

// asCameIn gives what is due in the order it came in, not in that it is due.
type asCameIn struct{ survey.Store }

func (s asCameIn) InboundDue(ctx context.Context, now time.Time, limit int) ([]survey.Inbound, error) {
	list, err := s.Store.InboundDue(ctx, now, limit)
	slices.SortStableFunc(list, func(a, b survey.Inbound) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	return list, err
}

// settles notes what became of a message with a part of it lost.
type settles struct {
	survey.Store
	breaks func(fate *survey.Fate, due *time.Time, invitation *string)
}

func (s settles) SettleInbound(ctx context.Context, id string, fate survey.Fate, due time.Time, invitation string) error {
	s.breaks(&fate, &due, &invitation)
	return s.Store.SettleInbound(ctx, id, fate, due, invitation)
}

// keepsDue notes the fate of a message, and gives it out again.
type keepsDue struct{ survey.Store }

func (s keepsDue) SettleInbound(ctx context.Context, id string, fate survey.Fate, due time.Time, invitation string) error {
	list, err := s.Store.Inbounds(ctx, survey.InboundQuery{Limit: 100})
	for _, in := range list {
		if in.ID == id && due.IsZero() {
			due = in.Due
		}
	}
	return errors.Join(err, s.Store.SettleInbound(ctx, id, fate, due, invitation))
}

// settlesNothing does not say that there is no such message.
type settlesNothing struct{ survey.Store }

func (s settlesNothing) SettleInbound(ctx context.Context, id string, fate survey.Fate, due time.Time, invitation string) error {
	if err := s.Store.SettleInbound(ctx, id, fate, due, invitation); !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	return nil
}

// knowsOneKey looks a phone up by the first of its hashes.
type knowsOneKey struct{ survey.Store }

func (s knowsOneKey) InboundOf(ctx context.Context, phone [][]byte) ([]survey.Inbound, error) {
	return s.Store.InboundOf(ctx, phone[:min(1, len(phone))])
}

// phonesByPrefix finds a phone by how its hash begins.
type phonesByPrefix struct{ survey.Store }

func (s phonesByPrefix) InboundOf(ctx context.Context, phone [][]byte) (found []survey.Inbound, err error) {
	list, err := s.Store.Inbounds(ctx, survey.InboundQuery{Limit: 100})
	slices.Reverse(list)
	for _, in := range list {
		if slices.ContainsFunc(phone, func(p []byte) bool { return bytes.HasPrefix(in.From.PhoneHash, p) }) {
			found = append(found, in)
		}
	}
	return found, err
}

// theLastFirst turns round what came from a phone, so that the last answer would count.
type theLastFirst struct{ survey.Store }

func (s theLastFirst) InboundOf(ctx context.Context, phone [][]byte) ([]survey.Inbound, error) {
	list, err := s.Store.InboundOf(ctx, phone)
	slices.Reverse(list)
	return list, err
}

// lists asks for another page than it was asked for.
type lists struct {
	survey.Store
	breaks func(*survey.InboundQuery)
}

func (s lists) Inbounds(ctx context.Context, q survey.InboundQuery) ([]survey.Inbound, error) {
	s.breaks(&q)
	return s.Store.Inbounds(ctx, q)
}

// skipsTwins begins a page after everything that came in the same instant.
type skipsTwins struct{ survey.Store }

func (s skipsTwins) Inbounds(ctx context.Context, q survey.InboundQuery) ([]survey.Inbound, error) {
	list, err := s.Store.Inbounds(ctx, q)
	all, _ := s.Store.Inbounds(ctx, survey.InboundQuery{Limit: 100})
	for _, last := range all {
		if last.ID == q.Before {
			list = slices.DeleteFunc(list, func(in survey.Inbound) bool { return in.ReceivedAt.Equal(last.ReceivedAt) })
		}
	}
	return list, err
}

// repeatsTheLast begins a page with the message the last one ended with.
type repeatsTheLast struct{ survey.Store }

func (s repeatsTheLast) Inbounds(ctx context.Context, q survey.InboundQuery) ([]survey.Inbound, error) {
	list, err := s.Store.Inbounds(ctx, q)
	all, _ := s.Store.Inbounds(ctx, survey.InboundQuery{Limit: 100})
	for _, last := range all {
		if last.ID == q.Before {
			list = slices.Insert(list, 0, last)
		}
	}
	return list[:min(q.Limit, len(list))], err
}

// dropsOpen lets go of old messages whether they are done with or not.
type dropsOpen struct{ survey.Store }

func (s dropsOpen) Expire(ctx context.Context, now time.Time) (int, error) {
	open, err := s.Store.InboundDue(ctx, now.Add(-survey.KeptInbound), 100)
	for _, in := range open {
		err = errors.Join(err, s.Store.SettleInbound(ctx, in.ID, in.Fate, time.Time{}, in.Invitation))
	}
	n, failed := s.Store.Expire(ctx, now)
	return n, errors.Join(err, failed)
}

// keepsForEver lets nothing go.
type keepsForEver struct{ survey.Store }

func (s keepsForEver) Expire(context.Context, time.Time) (int, error) { return 0, nil }

func TestBrokenInboundStoresAreCaught(t *testing.T) {
	const (
		once   = "inbound/what comes again is left as it is"
		due    = "inbound/what is due comes in order, and no sooner"
		of     = "inbound/of a phone, the first first"
		list   = "inbound/a list by fate, the last first, page by page"
		atOnce = "inbound/of many who bring the same at once one brings it"
		expire = "inbound/what has served its time expires"
	)
	bring := func(breaks func(*survey.Inbound)) func(survey.Store) survey.Store {
		return func(s survey.Store) survey.Store { return bringsIn{s, breaks} }
	}
	settle := func(breaks func(*survey.Fate, *time.Time, *string)) func(survey.Store) survey.Store {
		return func(s survey.Store) survey.Store { return settles{s, breaks} }
	}
	query := func(breaks func(*survey.InboundQuery)) func(survey.Store) survey.Store {
		return func(s survey.Store) survey.Store { return lists{s, breaks} }
	}
	catch(t, []brokenStore{
		{"takes up again what its gateway repeats", func(s survey.Store) survey.Store { return takesUpAgain{s} }, once},
		{"says that a repeated message is new", func(s survey.Store) survey.Store { return countsRepeats{s} }, once},
		{"drops what comes with a repeated message", func(s survey.Store) survey.Store { return stopsAtRepeats{s} }, once},
		{"loses the key of a text", bring(func(in *survey.Inbound) { in.TextKey = "" }), once},
		{"loses the last byte of a text", bring(func(in *survey.Inbound) { in.Text = in.Text[:len(in.Text)-1] }), once},
		{"loses a sealed phone", bring(func(in *survey.Inbound) { in.From.Sealed = nil }), once},
		{"loses when a message came", bring(func(in *survey.Inbound) { in.ReceivedAt = in.ReceivedAt.Truncate(time.Hour) }), once},
		{"loses what became of a message", settle(func(fate *survey.Fate, _ *time.Time, _ *string) { *fate = survey.FateNew }), once},
		{"loses which invitation was answered", settle(func(_ *survey.Fate, _ *time.Time, i *string) { *i = "" }), once},
		{"settles what is not there", func(s survey.Store) survey.Store { return settlesNothing{s} }, once},
		{"gives a message before it is due", func(s survey.Store) survey.Store { return asksAt{s, time.Millisecond} }, due},
		{"gives a message a moment late", func(s survey.Store) survey.Store { return asksAt{s, -time.Millisecond} }, due},
		{"gives what is due as it came in", func(s survey.Store) survey.Store { return asCameIn{s} }, due},
		{"gives out what is done with", func(s survey.Store) survey.Store { return keepsDue{s} }, due},
		{"forgets what was put off", settle(func(_ *survey.Fate, due *time.Time, _ *string) { *due = time.Time{} }), due},
		{"finds a phone by one key only", func(s survey.Store) survey.Store { return knowsOneKey{s} }, of},
		{"finds phones by how their hash begins", func(s survey.Store) survey.Store { return phonesByPrefix{s} }, of},
		{"gives a phone's last message first", func(s survey.Store) survey.Store { return theLastFirst{s} }, of},
		{"lists any fate", query(func(q *survey.InboundQuery) { q.Fates = nil }), list},
		{"lists one fate of several", query(func(q *survey.InboundQuery) { q.Fates = q.Fates[:min(1, len(q.Fates))] }), list},
		{"gives the first page again and again", query(func(q *survey.InboundQuery) { q.Before = "" }), list},
		{"lists what came too late", query(func(q *survey.InboundQuery) { q.Until = time.Time{} }), list},
		{"lists what came a moment too late", query(func(q *survey.InboundQuery) {
			if !q.Until.IsZero() {
				q.Until = q.Until.Add(time.Millisecond)
			}
		}), list},
		{"gives a page one too long", query(func(q *survey.InboundQuery) { q.Limit++ }), list},
		{"skips what came in the same instant as a page's last", func(s survey.Store) survey.Store { return skipsTwins{s} }, list},
		{"begins a page with the last one's last", func(s survey.Store) survey.Store { return repeatsTheLast{s} }, list},
		{"looks first and keeps then", func(s survey.Store) survey.Store { return looksFirst{s, &barrier{}} }, atOnce},
		{"drops what nobody has settled", func(s survey.Store) survey.Store { return dropsOpen{s} }, expire},
		{"drops messages a moment early", func(s survey.Store) survey.Store { return expiresEarly{s} }, expire},
		{"keeps messages for ever", func(s survey.Store) survey.Store { return keepsForEver{s} }, expire},
	})
}
