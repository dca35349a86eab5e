package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"manyi/survey"
)

var deliveryChecks = []Check{
	{"deliveries/what is queued under a key stays as it is", deliveryOnce},
	{"deliveries/many claimers get each one once", deliveryClaims},
	{"deliveries/they are claimed by channel, the first due first", deliveryOrder},
	{"deliveries/a claim that ran out is given anew, and the old one notes nothing", deliveryFence},
	{"deliveries/a failure is tried again at its time, until it ends", deliveryFailure},
	{"deliveries/what was given up is decided once, and tried again or left", deliveryDecided},
	{"deliveries/those that ended are dropped, waiting ones stay", deliveryDrop},
}

// Queued is a delivery that waits since a time.
func Queued(key string, at time.Time) survey.Delivery {
	return survey.Delivery{Key: key, Channel: "webhook", Body: []byte(`{"a":"甲 $."}`), MadeAt: at, State: survey.DeliveryWaiting, At: at}
}

func queue(t testing.TB, s survey.Store, want int, list ...survey.Delivery) {
	t.Helper()
	added, err := s.AddDeliveries(t.Context(), list)
	must(t, "queue", err)
	same(t, "queued anew", added, want)
}

func deliveries(t testing.TB, s survey.Store, state survey.DeliveryState) (all []survey.Delivery) {
	t.Helper()
	must(t, "deliveries", s.Deliveries(t.Context(), state, func(d survey.Delivery) error {
		all = append(all, d)
		return nil
	}))
	return all
}

var deliveryNow = At("2024-03-05 08:00:00.007")

func deliveryOnce(t testing.TB, s survey.Store) {
	queue(t, s, 0)
	first, second := Queued("b $.x 甲", deliveryNow), Queued("a", deliveryNow)
	second.State, second.Claim, second.Result = survey.DeliveryGivenUp, 30, "status 500 $"
	queue(t, s, 2, first, second)
	changed := first
	changed.Body, changed.At = []byte("other"), deliveryNow.Add(time.Hour)
	queue(t, s, 1, changed, Queued("c", deliveryNow), changed)
	same(t, "deliveries", deliveries(t, s, ""), []survey.Delivery{second, first, Queued("c", deliveryNow)})
	same(t, "given up", deliveries(t, s, survey.DeliveryGivenUp), []survey.Delivery{second})
	d, err := s.ClaimDelivery(t.Context(), "webhook", deliveryNow, time.Minute)
	must(t, "claim", err)
	must(t, "note", s.NoteDelivery(t.Context(), d.Delivered(deliveryNow)))
	queue(t, s, 0, first)
	same(t, "delivered, queued again", len(deliveries(t, s, survey.DeliveryDelivered)), 1)

	counts, err := s.DeliveryCounts(t.Context())
	must(t, "counts", err)
	same(t, "counts", counts, []survey.DeliveryCount{{Channel: "webhook", State: survey.DeliveryDelivered, N: 1, First: deliveryNow},
		{Channel: "webhook", State: survey.DeliveryGivenUp, N: 1, First: deliveryNow}, {Channel: "webhook", State: survey.DeliveryWaiting, N: 1, First: deliveryNow}})
	same(t, "added at once", sum(together(20, func(i int) error {
		n, err := s.AddDeliveries(t.Context(), []survey.Delivery{Queued("at once", deliveryNow)})
		if err == nil && n == 0 {
			err = survey.ErrExists
		}
		return err
	}), survey.ErrExists), 19)
}

// sum counts the errors that are of a kind.
func sum(errs []error, kind error) (n int) {
	for _, err := range errs {
		if errors.Is(err, kind) {
			n++
		}
	}
	return n
}

func deliveryClaims(t testing.TB, s survey.Store) {
	_, err := s.ClaimDelivery(t.Context(), "webhook", deliveryNow, time.Minute)
	wantErr(t, "claim of nothing", err, survey.ErrNotFound)
	const n = 7
	for i := range n {
		queue(t, s, 1, Queued(fmt.Sprint("d", i), deliveryNow))
	}
	got := make([]survey.Delivery, 20)
	errs := together(len(got), func(i int) (err error) {
		got[i], err = s.ClaimDelivery(t.Context(), "webhook", deliveryNow, time.Minute)
		return err
	})
	seen := map[string]bool{}
	for i, err := range errs {
		switch {
		case errors.Is(err, survey.ErrNotFound):
		case err != nil:
			t.Errorf("claim at once: %v", err)
		case seen[got[i].Key] || got[i].Claim != 1:
			t.Errorf("%s is claimed twice, or under number %d", got[i].Key, got[i].Claim)
		default:
			seen[got[i].Key] = true
		}
	}
	same(t, "claimed", len(seen), n)
}

func deliveryOrder(t testing.TB, s survey.Store) {
	other := Queued("d", deliveryNow)
	other.Channel = "sms"
	queue(t, s, 5, Queued("late", deliveryNow.Add(time.Millisecond)), Queued("b", deliveryNow), Queued("c", deliveryNow.Add(-time.Millisecond)), Queued("a", deliveryNow), other)
	claim := func(channel, want string) {
		t.Helper()
		d, err := s.ClaimDelivery(t.Context(), channel, deliveryNow, time.Minute)
		if want == "" {
			wantErr(t, "claim of what is not due", err, survey.ErrNotFound)
			return
		}
		must(t, "claim", err)
		same(t, "claimed", d, survey.Delivery{Key: want, Channel: channel, Body: []byte(`{"a":"甲 $."}`), MadeAt: d.MadeAt,
			State: survey.DeliveryWaiting, At: deliveryNow.Add(time.Minute), Claim: 1})
	}
	for _, want := range []string{"c", "a", "b", ""} {
		claim("webhook", want)
	}
	claim("sms", "d")
	claim("sms", "")
}

func deliveryFence(t testing.TB, s survey.Store) {
	queue(t, s, 1, Queued("d", deliveryNow))
	old, err := s.ClaimDelivery(t.Context(), "webhook", deliveryNow, time.Minute)
	must(t, "claim", err)
	_, err = s.ClaimDelivery(t.Context(), "webhook", deliveryNow.Add(time.Minute-time.Millisecond), time.Minute)
	wantErr(t, "claim of what another has", err, survey.ErrNotFound)
	later := deliveryNow.Add(time.Minute)
	next, err := s.ClaimDelivery(t.Context(), "webhook", later, time.Minute)
	must(t, "claim that ran out", err)
	same(t, "claim numbers", []int64{old.Claim, next.Claim}, []int64{1, 2})
	wantErr(t, "note by the one before", s.NoteDelivery(t.Context(), old.Delivered(later)), survey.ErrFenced)
	same(t, "delivered", len(deliveries(t, s, survey.DeliveryDelivered)), 0)
	must(t, "note", s.NoteDelivery(t.Context(), next.Failed(later, "status 500", false)))
	must(t, "note again", s.NoteDelivery(t.Context(), next.Failed(later, "status 500", false)))
	wantErr(t, "note by the one before, after a result", s.NoteDelivery(t.Context(), old.Delivered(later)), survey.ErrFenced)
	wantErr(t, "note of nothing", s.NoteDelivery(t.Context(), Queued("none", later)), survey.ErrFenced)
}

func deliveryFailure(t testing.TB, s survey.Store) {
	queue(t, s, 1, Queued("d", deliveryNow))
	now := deliveryNow
	for claim := int64(1); claim <= survey.MostRetries; claim++ {
		d, err := s.ClaimDelivery(t.Context(), "webhook", now, time.Second)
		must(t, "claim", err)
		failed := d.Failed(now, fmt.Sprint("try ", claim), false)
		must(t, "note", s.NoteDelivery(t.Context(), failed))
		same(t, "after a failure", deliveries(t, s, ""), []survey.Delivery{failed})
		same(t, "claim number", failed.Claim, claim)
		if claim < survey.MostRetries {
			_, err = s.ClaimDelivery(t.Context(), "webhook", failed.At.Add(-time.Millisecond), time.Second)
			wantErr(t, "claim before its time", err, survey.ErrNotFound)
			now = failed.At
		}
	}
	same(t, "given up", len(deliveries(t, s, survey.DeliveryGivenUp)), 1)
	if took := now.Sub(deliveryNow); took < 23*time.Hour || took > 25*time.Hour {
		t.Errorf("given up after %v, want about a day", took)
	}
	_, err := s.ClaimDelivery(t.Context(), "webhook", now.Add(24*time.Hour), time.Second)
	wantErr(t, "claim of what was given up", err, survey.ErrNotFound)
}

func deliveryDecided(t testing.TB, s survey.Store) {
	failed := func(key string) survey.Delivery {
		return Queued(key, deliveryNow).Failed(deliveryNow, "status 410", true)
	}
	queue(t, s, 4, failed("again"), failed("dismissed"), failed("left"), Queued("waiting", deliveryNow))
	later := deliveryNow.Add(time.Hour)
	again := survey.DeliveryDecision{By: "chen $", At: later, Again: true}
	no := survey.DeliveryDecision{By: "li", At: later}
	must(t, "try again", s.DecideDelivery(t.Context(), "again", again))
	must(t, "dismiss", s.DecideDelivery(t.Context(), "dismissed", no))
	for _, key := range []string{"again", "dismissed", "waiting", "none"} {
		wantErr(t, "decision about "+key+", which is not given up", s.DecideDelivery(t.Context(), key, no), survey.ErrNotFound)
	}
	dismissed := failed("dismissed")
	dismissed.State, dismissed.At, dismissed.Decisions = survey.DeliveryDismissed, later, []survey.DeliveryDecision{no}
	same(t, "dismissed", deliveries(t, s, survey.DeliveryDismissed), []survey.Delivery{dismissed})
	same(t, "given up", deliveries(t, s, survey.DeliveryGivenUp), []survey.Delivery{failed("left")})

	d, err := s.ClaimDelivery(t.Context(), "webhook", deliveryNow, time.Minute)
	must(t, "claim", err)
	same(t, "claimed before the decision", d.Key, "waiting")
	must(t, "note", s.NoteDelivery(t.Context(), d.Delivered(deliveryNow)))
	d, err = s.ClaimDelivery(t.Context(), "webhook", later, time.Minute)
	must(t, "claim of what is tried again", err)
	same(t, "claimed", []any{d.Key, d.Claim, d.Decisions}, []any{"again", int64(1), []survey.DeliveryDecision{again}})
	must(t, "note", s.NoteDelivery(t.Context(), d.Failed(later, "status 410", true)))
	must(t, "decide again", s.DecideDelivery(t.Context(), "again", no))
	all := deliveries(t, s, survey.DeliveryDismissed)
	same(t, "decisions", all[0].Decisions, []survey.DeliveryDecision{again, no})

	same(t, "decided at once", sum(together(20, func(int) error { return s.DecideDelivery(t.Context(), "left", no) }), survey.ErrNotFound), 19)
	n, err := s.DropDeliveries(t.Context(), later.Add(time.Millisecond))
	must(t, "drop", err)
	same(t, "dropped", n, 4) // dismissed ones like all that ended
	queue(t, s, 1, all[0])   // as a migration does
	same(t, "queued as it stands", deliveries(t, s, survey.DeliveryDismissed), all[:1])
}

func deliveryDrop(t testing.TB, s survey.Store) {
	ended := func(key string, state survey.DeliveryState, at time.Time) survey.Delivery {
		d := Queued(key, at)
		d.State = state
		return d
	}
	queue(t, s, 5, Queued("waiting", deliveryNow.Add(-time.Hour)), ended("old", survey.DeliveryDelivered, deliveryNow.Add(-time.Millisecond)),
		ended("new", survey.DeliveryDelivered, deliveryNow), ended("old failure", survey.DeliveryGivenUp, deliveryNow.Add(-time.Millisecond)),
		ended("new failure", survey.DeliveryGivenUp, deliveryNow))
	n, err := s.DropDeliveries(t.Context(), deliveryNow)
	must(t, "drop", err)
	same(t, "dropped", n, 2)
	var left []string
	for _, d := range deliveries(t, s, "") {
		left = append(left, d.Key)
	}
	same(t, "left", left, []string{"new", "new failure", "waiting"})
}
