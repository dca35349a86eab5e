package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"manyi/survey"
)

var visitChecks = []Check{
	{"visits/added, changed and unchanged are counted", visitChange},
	{"visits/all are stored or none", visitAllOrNone},
	{"visits/importing at once counts each once", visitAtOnce},
	{"visits/moving a visit moves its count", visitMoved},
	{"visits/every visit comes back once", visitsListed},
}

func visitChange(t testing.TB, s survey.Store) {
	f, other := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	at := At("2024-02-29 09:00")
	a, b, c := f.Visit(GulouHR1, "A1", at, WithSecret("x")), f.Visit(GulouHR1, "B1", at), other.Visit(GulouHR1, "A1", at)
	stage := a
	stage.Case.Stage = "2"
	same(t, "new visits", put(t, s, a, b, c, stage), survey.VisitChange{Added: 4})
	same(t, "no visits", put(t, s), survey.VisitChange{})
	Roll(t, s)
	same(t, "the same visits", put(t, s, a, b, c, stage), survey.VisitChange{Unchanged: 4})
	n, _, err := s.Rolled(t.Context())
	must(t, "rolled", err)
	same(t, "buckets marked by unchanged visits", n, 0)

	for what, change := range map[string]func(*survey.Visit){
		"window": func(v *survey.Visit) { v.Window = SimingTax },
		"item":   func(v *survey.Visit) { v.Item = "换个事项 $." },
		"secret": func(v *survey.Visit) { v.Secret = Secret("y") },
		"time":   func(v *survey.Visit) { v.FinishedAt = v.FinishedAt.Add(time.Millisecond) },
		"day":    func(v *survey.Visit) { v.FinishedAt, v.Day = At("2024-03-01"), 20240301 },
	} {
		changed := a
		change(&changed)
		same(t, "visit with another "+what, put(t, s, changed, b), survey.VisitChange{Changed: 1, Unchanged: 1})
		same(t, "visit as it was before "+what, put(t, s, a), survey.VisitChange{Changed: 1})
	}
	same(t, "old and new in one list", put(t, s, b, f.Visit(GulouHR1, "D1", at)), survey.VisitChange{Added: 1, Unchanged: 1})
}

func visitAllOrNone(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	bucket := f.Window(GulouHR1, 20240229)
	made := 0
	do := func(ctx context.Context) error {
		var list []survey.Visit
		for range 8 {
			made++
			list = append(list, f.Visit(GulouHR1, fmt.Sprint("A", made), At("2024-02-29")))
		}
		_, err := s.PutVisits(ctx, list)
		return err
	}
	before := int64(0)
	cutShort(t, do, func(looks int64, err error) {
		after := count(t, s, bucket).Served
		switch stored := after - before; {
		case err == nil && stored != 8:
			t.Fatalf("put visits, cut at %d: success, yet %d of 8 are stored", looks, stored)
		case stored != 0 && stored != 8:
			t.Fatalf("put visits, cut at %d: %d of 8 are stored", looks, stored)
		case stored == 8:
			wantMarked(t, s, "visits stored", bucket)
		}
		before = after
	})
}

func visitAtOnce(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	list := []survey.Visit{f.Visit(GulouHR1, "A1", At("2024-02-29")), f.Visit(GulouHR1, "B1", At("2024-02-29"))}
	changes := make([]survey.VisitChange, 10)
	errs := together(len(changes), func(i int) (err error) {
		changes[i], err = s.PutVisits(t.Context(), list)
		return err
	})
	var sum survey.VisitChange
	for i, err := range errs {
		must(t, "put visits at once", err)
		sum.Added += changes[i].Added
		sum.Changed += changes[i].Changed
		sum.Unchanged += changes[i].Unchanged
	}
	same(t, "changes of one list put ten times", sum, survey.VisitChange{Added: 2, Unchanged: 18})
	same(t, "visits", count(t, s, f.Window(GulouHR1, 20240229)).Served, int64(2))
}

func visitMoved(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	v := f.Visit(GulouHR1, "A1", At("2024-02-29"))
	r := f.Response(GulouHR1, At("2024-02-29"), OnCase("A1"))
	put(t, s, v)
	add(t, s, r)
	Roll(t, s)
	old := v.Bucket()
	for _, move := range []struct{ window, day string }{{GulouHR1, "2024-03-01"}, {SimingTax, "2024-03-01"}, {GulouHR2, "2024-02-01"}} {
		v = f.Visit(move.window, "A1", At(move.day))
		same(t, "moved visit", put(t, s, v), survey.VisitChange{Changed: 1})
		wantMarked(t, s, "moving a visit", old, v.Bucket())
		Roll(t, s)
		if got := TallyOf(t, s, old); got.Served != 0 || got.Rated != 0 {
			t.Errorf("bucket a visit left: still %d served, %d rated", got.Served, got.Rated)
		}
		wantTally(t, s, v.Bucket(), survey.Tally{Served: 1, Rated: 1})
		old = v.Bucket()
	}
	same(t, "whole of the bureau it left", TallyOf(t, s, f.Bureau(SimingTax, survey.Whole)).Served, int64(0))
	same(t, "whole of the bureau it is at", TallyOf(t, s, f.Bureau(GulouHR1, survey.Whole)).Served, int64(1))
}

func visitsListed(t testing.TB, s survey.Store) {
	f, other := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	want := map[string]survey.Visit{}
	id := func(v survey.Visit) string { return v.Survey + "/" + v.Case.Number + "/" + v.Case.Stage }
	var list []survey.Visit
	for i := range bulk {
		v := f.Visit(Windows()[i%len(Windows())], fmt.Sprint("N", i), At("2024-02-29 23:59:59.999"))
		if i%2 == 0 {
			v.Secret = Secret("x")
		}
		list = append(list, v)
	}
	stage := f.Visit(GulouHR1, "N1", At("2024-03-01"))
	stage.Case.Stage, stage.Item = "二 $.2", "🏛"
	list = append(list, stage, other.Visit(SimingTax, "N1", At("2024-02-29")))
	put(t, s, list...)
	for _, v := range list {
		want[id(v)] = v
	}
	var order [2][]string
	for pass := range order {
		err := s.Visits(t.Context(), func(v survey.Visit) error {
			order[pass] = append(order[pass], id(v))
			if len(v.Secret) == 0 {
				v.Secret = nil
			}
			same(t, "visit", v, want[id(v)])
			return nil
		})
		must(t, "visits", err)
	}
	same(t, "visits", len(order[0]), len(want))
	if !slices.Equal(order[0], order[1]) {
		t.Error("the order is another one the second time")
	}
	stop, calls := errors.New("enough"), 0
	err := s.Visits(t.Context(), func(survey.Visit) error {
		if calls++; calls == 2 {
			return stop
		}
		return nil
	})
	wantErr(t, "visits whose yield fails", err, stop)
	same(t, "calls of yield", calls, 2)
}
