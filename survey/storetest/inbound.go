package storetest

import (
	"testing"
	"time"

	"manyi/survey"
)

var inboundChecks = []Check{
	{"inbound/what comes again is left as it is", inboundOnce},
	{"inbound/what is due comes in order, and no sooner", inboundDue},
	{"inbound/of a phone, the first first", inboundOf},
	{"inbound/a list by fate, the last first, page by page", inboundList},
	{"inbound/of many who bring the same at once one brings it", inboundAtOnce},
	{"inbound/what has served its time expires", inboundExpire},
}

var inboundAt = At("2024-02-29 08:00").UTC()

// inbound is a message from a phone, so many minutes after inboundAt.
func inbound(id, phone string, minutes int) survey.Inbound {
	at := inboundAt.Add(time.Duration(minutes) * time.Minute)
	return survey.Inbound{ID: id, From: survey.SealedContact{KeyID: "k1", Sealed: []byte("sealed " + phone), PhoneHash: []byte(phone)},
		TextKey: "k2", Text: []byte("sealed text of " + id), ReceivedAt: at, Due: at}
}

func addInbound(t testing.TB, s survey.Store, want int, list ...survey.Inbound) {
	t.Helper()
	n, err := s.AddInbound(t.Context(), list)
	must(t, "add inbound", err)
	same(t, "messages that are new", n, want)
}

func wantInbound(t testing.TB, what string, got []survey.Inbound, err error, want ...survey.Inbound) {
	t.Helper()
	must(t, what, err)
	if len(got) != 0 || len(want) != 0 {
		same(t, what, got, want)
	}
}

func inboundOnce(t testing.TB, s survey.Store) {
	first, other := inbound("m1", "p1", 0), inbound("m2", "p1", 1)
	addInbound(t, s, 1, first)
	again := inbound("m1", "p2", 5)
	addInbound(t, s, 1, again, other)
	must(t, "settle", s.SettleInbound(t.Context(), "m1", survey.FateCounted, time.Time{}, "invitation"))
	addInbound(t, s, 0, first)
	first.Fate, first.Due, first.Invitation = survey.FateCounted, time.Time{}, "invitation"
	got, err := s.InboundOf(t.Context(), [][]byte{[]byte("p1")})
	wantInbound(t, "of the phone", got, err, first, other)
	got, err = s.InboundOf(t.Context(), [][]byte{[]byte("p2")})
	wantInbound(t, "of another phone", got, err)
	wantErr(t, "settle what is not there", s.SettleInbound(t.Context(), "m9", survey.FateLate, time.Time{}, ""), survey.ErrNotFound)
}

func inboundDue(t testing.TB, s survey.Store) {
	late, early, twin := inbound("a", "p1", 3), inbound("b", "p1", 1), inbound("c", "p2", 1)
	addInbound(t, s, 3, late, early, twin)
	dueAfter := func(after time.Duration, limit int, want ...survey.Inbound) {
		t.Helper()
		got, err := s.InboundDue(t.Context(), inboundAt.Add(after), limit)
		wantInbound(t, "due", got, err, want...)
	}
	due := func(minutes, limit int, want ...survey.Inbound) {
		t.Helper()
		dueAfter(time.Duration(minutes)*time.Minute, limit, want...)
	}
	dueAfter(time.Minute-time.Millisecond, 9)
	due(1, 9, early, twin)
	due(9, 9, early, twin, late)
	due(9, 2, early, twin)
	early.Fate, early.Due, early.Invitation = survey.FateWaiting, inboundAt.Add(time.Hour), "i"
	for range 2 {
		must(t, "settle", s.SettleInbound(t.Context(), "b", early.Fate, early.Due, early.Invitation))
	}
	must(t, "settle", s.SettleInbound(t.Context(), "c", survey.FateUnclear, time.Time{}, ""))
	due(9, 9, late)
	due(60, 9, late, early)
}

func inboundOf(t testing.TB, s survey.Store) {
	a, b, c := inbound("z", "p1", 1), inbound("y", "p1", 2), inbound("x", "p2", 0)
	addInbound(t, s, 3, b, c, a)
	got, err := s.InboundOf(t.Context(), [][]byte{[]byte("p1")})
	wantInbound(t, "of the phone", got, err, a, b)
	got, err = s.InboundOf(t.Context(), [][]byte{[]byte("p")})
	wantInbound(t, "of the beginning of a phone", got, err)
	got, err = s.InboundOf(t.Context(), [][]byte{[]byte("p2"), []byte("p1")})
	wantInbound(t, "by two hashes", got, err, c, a, b)
	got, err = s.InboundOf(t.Context(), nil)
	wantInbound(t, "by none", got, err)
}

func inboundList(t testing.TB, s survey.Store) {
	a, b, c, d := inbound("a", "p1", 1), inbound("b", "p1", 2), inbound("c", "p2", 2), inbound("d", "p3", 3)
	a.Fate, b.Fate, d.Fate = survey.FateLate, survey.FateUnclear, survey.FateCounted
	addInbound(t, s, 4, a, b, c, d)
	page := func(before string, limit int, fates []survey.Fate, want ...survey.Inbound) {
		t.Helper()
		got, err := s.Inbounds(t.Context(), survey.InboundQuery{Fates: fates, Before: before, Limit: limit})
		wantInbound(t, "a page", got, err, want...)
	}
	page("", 9, nil, d, c, b, a)
	page("", 2, nil, d, c)
	page("c", 2, nil, b, a)
	page("a", 2, nil)
	page("", 9, []survey.Fate{survey.FateLate, survey.FateUnclear}, b, a)
	page("", 9, []survey.Fate{survey.FateNew}, c)
	page("d", 9, []survey.Fate{survey.FateLate}, a)
	until := func(until time.Time, before string, want ...survey.Inbound) {
		t.Helper()
		got, err := s.Inbounds(t.Context(), survey.InboundQuery{Until: until, Before: before, Limit: 9})
		wantInbound(t, "until", got, err, want...)
	}
	until(d.ReceivedAt, "", c, b, a)
	until(d.ReceivedAt.Add(time.Millisecond), "", d, c, b, a)
	until(c.ReceivedAt, "d", a)
	until(d.ReceivedAt, "c", b, a)
}

func inboundAtOnce(t testing.TB, s survey.Store) {
	added := make([]int, 8)
	for _, err := range together(len(added), func(i int) (err error) {
		added[i], err = s.AddInbound(t.Context(), []survey.Inbound{inbound("m", "p", i)})
		return err
	}) {
		must(t, "add at once", err)
	}
	sum := 0
	for _, n := range added {
		sum += n
	}
	same(t, "messages that are new", sum, 1)
}

func inboundExpire(t testing.TB, s survey.Store) {
	done, open := inbound("done", "p", 0), inbound("open", "p", 0)
	done.Due, done.Fate = time.Time{}, survey.FateCounted
	addInbound(t, s, 2, done, open)
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{survey.KeptInbound, 0}, {survey.KeptInbound + time.Millisecond, 1}, {2 * survey.KeptInbound, 0}} {
		n, err := s.Expire(t.Context(), inboundAt.Add(c.at))
		must(t, "expire", err)
		same(t, "messages expired", n, c.want)
	}
	got, err := s.InboundOf(t.Context(), [][]byte{[]byte("p")})
	wantInbound(t, "what is left", got, err, open)
}
