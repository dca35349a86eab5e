package storetest

import (
	"context"
	"testing"

	"manyi/survey"
)

// SpoolCheck is one guarantee of a spool.
type SpoolCheck struct {
	Name string
	Run  func(t testing.TB, s survey.Spool)
}

// SpoolChecks is the suite of [survey.Spool].
var SpoolChecks = []SpoolCheck{
	{"every field comes back, the oldest first", spoolOrder},
	{"a repeated key is held once", spoolRepeated},
	{"a group cut short is held whole or not", spoolCutShort},
	{"forwarded responses are gone", spoolForwarded},
	{"a refused response is set aside and can be put back", spoolAside},
	{"the state tells what waits", spoolState},
	{"the last document under a name is remembered", spoolRemember},
}

// RunSpool runs the suite. open returns an empty spool; RunSpool closes it.
func RunSpool(t *testing.T, open func(t *testing.T) survey.Spool) {
	for _, c := range SpoolChecks {
		t.Run(c.Name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.Run(t, s)
		})
	}
}

// held are responses as they may have to wait: full, empty, and received out of order.
func held() []survey.Response {
	f := NewFacts(1, Survey())
	full := f.Response(GulouHR1, At("2024-02-29 08:00"), Commented(oddTexts[0]), func(r *survey.Response) {
		r.Answers = map[string]survey.Level{"attitude": survey.VeryDissatisfied, "a.b": survey.Satisfied}
		r.Reasons = []int{214, 207}
		r.Secret = []byte{0, 0xff}
		r.Contact = &survey.SealedContact{KeyID: "k", Sealed: []byte{0, 1, 0xff}, PhoneHash: []byte{9}}
		r.Flags, r.Recheck = 1<<31, true
	})
	full.Case = survey.CaseRef{Number: "$.办件", Stage: "2"}
	return []survey.Response{full, f.Response(SimingTax, At("2024-02-29 07:00")), f.Response(GulouHR2, At("2024-03-01"))}
}

func hold(t testing.TB, s survey.Spool, group ...survey.Response) []bool {
	t.Helper()
	fresh, err := s.Hold(t.Context(), group)
	must(t, "hold", err)
	return fresh
}

func oldest(t testing.TB, s survey.Spool, limit int) []survey.Response {
	t.Helper()
	out, err := s.Oldest(t.Context(), limit)
	must(t, "oldest", err)
	return out
}

func spoolOrder(t testing.TB, s survey.Spool) {
	same(t, "oldest of an empty spool", len(oldest(t, s, 10)), 0)
	want := held()
	hold(t, s, want[0], want[1])
	hold(t, s, want[2])
	for limit := 1; limit <= 4; limit++ {
		got := oldest(t, s, limit)
		same(t, "responses under the limit", len(got), min(limit, len(want)))
		for i := range got {
			same(t, "held response", got[i], want[i])
		}
	}
}

func spoolRepeated(t testing.TB, s survey.Spool) {
	a := held()
	same(t, "fresh", hold(t, s, a[0], a[0], a[1]), []bool{true, false, true})
	again := a[0]
	again.Comment, again.ID = "again", survey.ID{1}
	same(t, "fresh, sent again", hold(t, s, again, a[2]), []bool{false, true})
	same(t, "first as it was", oldest(t, s, 10)[0], a[0])
	same(t, "held", len(oldest(t, s, 10)), 3)
	for _, c := range []struct {
		key  survey.Key
		want bool
	}{{a[0].Key, true}, {survey.Key{1}, false}} {
		has, err := s.Holds(t.Context(), c.key)
		must(t, "holds", err)
		same(t, "holds", has, c.want)
	}
}

func spoolCutShort(t testing.TB, s survey.Spool) {
	f := NewFacts(1, Survey())
	before := 0
	do := func(ctx context.Context) error {
		var group []survey.Response
		for range 8 {
			group = append(group, f.Response(GulouHR1, At("2024-02-29")))
		}
		_, err := s.Hold(ctx, group)
		return err
	}
	cutShort(t, do, func(looks int64, err error) {
		after := len(oldest(t, s, 100_000))
		if n := after - before; n != 8 && (n != 0 || err == nil) {
			t.Fatalf("hold, cut at %d: %d of 8 are held, error %v", looks, n, err)
		}
		before = after
	})
}

func spoolForwarded(t testing.TB, s survey.Spool) {
	a := held()
	hold(t, s, a...)
	for range 2 {
		must(t, "forwarded", s.Forwarded(t.Context(), []survey.Key{a[0].Key, a[2].Key}))
		same(t, "left", oldest(t, s, 10), a[1:2])
	}
	same(t, "fresh once more, and last in the row", hold(t, s, a[0]), []bool{true})
	same(t, "row", oldest(t, s, 10), []survey.Response{a[1], a[0]})
}

func spoolAside(t testing.TB, s survey.Spool) {
	a := held()
	hold(t, s, a...)
	for range 2 {
		must(t, "set aside", s.SetAside(t.Context(), a[0].Key, "too large: 太大"))
	}
	same(t, "row without it", oldest(t, s, 10), a[1:])
	refused, err := s.Aside(t.Context())
	must(t, "aside", err)
	same(t, "set aside", refused, []survey.Refused{{Response: a[0], Why: "too large: 太大"}})
	same(t, "sent again by the citizen", hold(t, s, a[0]), []bool{false})
	n, err := s.PutBack(t.Context())
	must(t, "put back", err)
	same(t, "put back", n, 1)
	same(t, "row with it, where it was", oldest(t, s, 10), a)
}

func spoolState(t testing.TB, s survey.Spool) {
	want := func(what string, st survey.SpoolState) {
		t.Helper()
		got, err := s.State(t.Context())
		must(t, "state", err)
		same(t, what, got, st)
	}
	want("empty", survey.SpoolState{})
	a := held()
	hold(t, s, a...)
	want("three wait", survey.SpoolState{Waiting: 3, Oldest: a[1].ReceivedAt})
	must(t, "set aside", s.SetAside(t.Context(), a[1].Key, "x"))
	want("one refused", survey.SpoolState{Waiting: 2, SetAside: 1, Oldest: a[0].ReceivedAt})
	must(t, "forwarded", s.Forwarded(t.Context(), []survey.Key{a[0].Key, a[2].Key}))
	want("none waits", survey.SpoolState{SetAside: 1})
}

func spoolRemember(t testing.TB, s survey.Spool) {
	_, err := s.Recall(t.Context(), "places")
	wantErr(t, "recall of what was never remembered", err, survey.ErrNotFound)
	for _, doc := range []string{"first", "", "\x00\xff 地点"} {
		must(t, "remember", s.Remember(t.Context(), "places", []byte(doc)))
		must(t, "remember another", s.Remember(t.Context(), "codes", []byte("c")))
		got, err := s.Recall(t.Context(), "places")
		must(t, "recall", err)
		same(t, "remembered", string(got), doc)
	}
}
