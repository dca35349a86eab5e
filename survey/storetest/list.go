package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"manyi/survey"
)

var listChecks = []Check{
	{"list/new responses do not change the order of the others", listOrder},
	{"list/pages neither skip nor repeat while writers run", listPages},
	{"list/filters", listFilters},
	{"list/a yield error stops it and is returned", listYieldError},
	{"list/a cancelled context stops it", listCancelled},
}

// bulk is more responses than fit a page of any engine.
const bulk = 2500

func addBulk(t testing.TB, s survey.Store, f *Facts) {
	t.Helper()
	for at := 0; at < bulk; at += 500 {
		var group []survey.Response
		for i := range 500 {
			group = append(group, f.Response(Windows()[i%len(Windows())], At("2024-02-29")))
		}
		add(t, s, group...)
	}
}

func keys(listed []survey.Listed) []survey.Key {
	out := make([]survey.Key, len(listed))
	for i, l := range listed {
		out[i] = l.Key
	}
	return out
}

// keepsOrder expects the later listing to hold all of the earlier one in the
// same order, and nothing twice.
func keepsOrder(t testing.TB, what string, later, earlier []survey.Key) {
	t.Helper()
	i := 0
	for _, k := range later {
		if i < len(earlier) && earlier[i] == k {
			i++
		}
	}
	if i < len(earlier) {
		t.Fatalf("%s: response %d of %d before is missing, or out of its order", what, i, len(earlier))
	}
	seen := map[survey.Key]bool{}
	for i, k := range later {
		if seen[k] {
			t.Fatalf("%s: response %d came before", what, i)
		}
		seen[k] = true
	}
}

func listOrder(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	var before []survey.Key
	// Neither key nor time nor place grows, as forms are kept open and spools are drained late.
	for _, day := range []string{"2024-03-05", "2024-03-01", "2024-02-29", "2024-03-09", "2024-02-01"} {
		for _, window := range []string{SimingTax, GulouHR1} {
			add(t, s, f.Response(window, At(day)), f.Response(window, At(day).Add(-time.Hour)))
			after := keys(List(t, s, survey.ResponseQuery{}))
			keepsOrder(t, "list after another group", after, before)
			same(t, "responses", len(after), len(before)+2)
			before = after
		}
	}
	put(t, s, f.Visit(GulouHR1, "A1", At("2024-02-29")))
	same(t, "list after visits", keys(List(t, s, survey.ResponseQuery{})), before)
}

func listPages(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	addBulk(t, s, f)
	before := keys(List(t, s, survey.ResponseQuery{}))
	same(t, "responses", len(before), bulk)

	var work [2][50][]survey.Response
	for w := range work {
		for g := range work[w] {
			work[w][g] = []survey.Response{f.Response(GulouHR1, At("2024-02-10")), f.Response(SimingTax, At("2024-03-10"))}
		}
	}
	var writers sync.WaitGroup
	errs := make([]error, len(work))
	for w := range work {
		writers.Go(func() {
			for _, group := range work[w] {
				if _, err := s.AddResponses(t.Context(), group); err != nil {
					errs[w] = err
				}
			}
		})
	}
	during := keys(List(t, s, survey.ResponseQuery{}))
	hall := List(t, s, survey.ResponseQuery{Survey: "y2024", Place: "350102-HR-01"})
	writers.Wait()
	must(t, "add responses during a listing", errors.Join(errs...))

	after := keys(List(t, s, survey.ResponseQuery{}))
	keepsOrder(t, "list while writers run", during, before)
	keepsOrder(t, "list after writers ran", after, during)
	same(t, "responses", len(after), bulk+2*2*50)
	keepsOrder(t, "list of a hall", keys(List(t, s, survey.ResponseQuery{Survey: "y2024", Place: "350102-HR-01"})), keys(hall))
}

// selects is what a query means, said plainly.
func selects(q survey.ResponseQuery, r survey.Response) bool {
	return (q.Survey == "" || q.Survey == r.Survey) && (q.Place == "" || slices.Contains(r.Path, q.Place)) &&
		(q.From == 0 || r.Day >= q.From) && (q.To == 0 || r.Day <= q.To) && (!q.Texts || r.Comment != "")
}

func listFilters(t testing.TB, s survey.Store) {
	var all []survey.Response
	facts := []*Facts{NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))}
	for i := range 96 {
		f := facts[min(i%4, 1)]
		at := At("2024-02-28 22:00").Add(time.Duration(i) * time.Hour)
		if i%6 == 0 {
			at = survey.DayOf(at, zone).Start(zone).Add(time.Duration(i%12/6) * -time.Millisecond)
		}
		r := f.Response(Windows()[i%len(Windows())], at)
		if i%3 == 0 {
			r.Comment = fmt.Sprint("第", i)
		}
		if i%16 == 5 { // given when the county belonged to another city
			r.Path = slices.Clone(r.Path)
			r.Path[1] = "350900"
		}
		all = append(all, r)
		add(t, s, r)
	}

	var queries []survey.ResponseQuery
	for _, place := range []string{"", "350000", "350100", "350200", "350900", "350102", "350102-HR", "350102-HRS", "350102-HR-01", GulouHR1, "350128-ZH", "999999"} {
		for _, days := range [][2]survey.Span{{0, 0}, {20240229, 20240229}, {20240229, 20240301}, {20240301, 0}, {0, 20240229}, {20240302, 20240229}, {20230101, 20230102}} {
			for _, id := range []string{"", "y2024", "other", "none"} {
				for _, texts := range []bool{false, true} {
					queries = append(queries, survey.ResponseQuery{Survey: id, Place: place, From: days[0], To: days[1], Texts: texts})
				}
			}
		}
	}
	order := keys(List(t, s, survey.ResponseQuery{}))
	same(t, "responses", len(order), len(all))
	byKey := map[survey.Key]survey.Response{}
	for _, r := range all {
		byKey[r.Key] = r
	}
	for i, q := range queries {
		var want []survey.Key
		for _, k := range order {
			if selects(q, byKey[k]) {
				want = append(want, k)
			}
		}
		if got := keys(List(t, s, q)); !slices.Equal(got, want) {
			t.Errorf("list of %+v: %d responses, want %d in the fixed order", q, len(got), len(want))
		}
		q.Newest = 1 + i%7*5
		slices.Reverse(want)
		want = want[:min(len(want), q.Newest)]
		if got := keys(List(t, s, q)); !slices.Equal(got, want) {
			t.Errorf("list of %+v: %d responses, want the %d newest, newest first", q, len(got), len(want))
		}
	}
}

func listYieldError(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	for range 5 {
		add(t, s, f.Response(GulouHR1, At("2024-02-29")))
	}
	stop := errors.New("enough")
	for _, q := range []survey.ResponseQuery{{}, {Newest: 4}} {
		calls := 0
		err := s.Responses(t.Context(), q, func(survey.Listed) error {
			if calls++; calls == 2 {
				return stop
			}
			return nil
		})
		wantErr(t, "responses whose yield fails", err, stop)
		same(t, "calls of yield", calls, 2)
	}
	add(t, s, f.Response(GulouHR1, At("2024-02-29"))) // nothing is left locked
}

func listCancelled(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	addBulk(t, s, f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	err := s.Responses(ctx, survey.ResponseQuery{}, func(survey.Listed) error {
		calls++
		cancel()
		return nil
	})
	wantErr(t, "responses under a cancelled context", err, context.Canceled)
	if calls >= bulk {
		t.Errorf("responses under a cancelled context: all %d were yielded", calls)
	}
	err = s.Responses(ctx, survey.ResponseQuery{}, func(survey.Listed) error {
		t.Errorf("a response was yielded though the context was cancelled before")
		return errors.New("stop")
	})
	wantErr(t, "responses after the context was cancelled", err, context.Canceled)
}
