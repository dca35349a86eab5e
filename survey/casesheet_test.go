package survey_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// book is the cases of a survey, counted as the nightly job does.
type book struct {
	t     *testing.T
	walks []*walk
}

const bookDay = survey.Span(20220331)

func (b *book) count(madeAt string, no int) survey.CaseSheet {
	s := survey.CaseSheet{AsOf: bookDay, No: no, MadeAt: storetest.At(madeAt), Counting: survey.Counting, Bureaus: map[string]map[survey.Span]survey.CaseTally{}}
	for _, w := range b.walks {
		zone := w.survey.Location()
		bureau := survey.BureauOf(w.Response.Path.Window())
		if s.Bureaus[bureau] == nil {
			s.Bureaus[bureau] = map[survey.Span]survey.CaseTally{}
		}
		t := s.Bureaus[bureau][w.Response.Day.Month()]
		t.Add(w.Case, w.Progress(bookDay.Plus(1).Start(zone), zone), bookDay)
		s.Bureaus[bureau][w.Response.Day.Month()] = t
	}
	return s
}

func (b *book) why(before, after survey.CaseSheet) []survey.SheetChange {
	r := survey.NewRecount(before, after, b.walks[0].survey.Location())
	for _, w := range b.walks {
		r.Add(w.Case)
	}
	return r.Changes()
}

// stored is a case that came in on 2 March 2022 and is not opened.
func (b *book) stored() *walk {
	w := newWalk(b.t, "2022-03-02 09:00")
	w.Response.Standing = survey.Counted
	b.walks = append(b.walks, w)
	return w
}

// openedAt is a case that came in on 2 March 2022 and was opened at a time.
func (b *book) openedAt(at string) *walk {
	w := b.stored()
	w.take(at, system, opened)
	return w
}

func TestADayCountedAnew(t *testing.T) {
	const first, again = "2022-04-01 00:05", "2022-04-01 01:05"
	named := func(w *walk) { w.Response.Case = survey.CaseRef{Number: "N1", Stage: "1"} }
	for name, c := range map[string]struct {
		change func(b *book, before *survey.CaseSheet)
		want   []survey.SheetCause
	}{
		"a review from a node's disk": {func(b *book, _ *survey.CaseSheet) { b.openedAt("2022-04-01 00:30") },
			[]survey.SheetCause{{Kind: survey.CauseLateReview, N: 1, Last: storetest.At("2022-04-01 00:30")}}},
		"one that is not opened to this day": {func(b *book, _ *survey.CaseSheet) { b.stored() },
			[]survey.SheetCause{{Kind: survey.CauseLateReview, N: 1, Last: storetest.At(again)}}},
		"one that was stored and not opened": {func(b *book, before *survey.CaseSheet) {
			late := b.stored()
			*before = b.count(first, 1)
			late.take("2022-04-01 00:30", system, opened)
		}, []survey.SheetCause{{Kind: survey.CauseLateReview, N: 1, Last: storetest.At("2022-04-01 00:30")}}},
		"an entry brought in later": {func(b *book, _ *survey.CaseSheet) {
			w := b.walks[0]
			w.steps("2022-03-10 10:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
			for i := range w.Entries[1:] {
				w.Entries[1+i].Recorded = storetest.At("2022-04-01 00:40")
			}
		}, []survey.SheetCause{{Kind: survey.CauseLateEntry, N: 3, Last: storetest.At("2022-04-01 00:40")}}},
		"another rating of the visit counts": {func(b *book, before *survey.CaseSheet) {
			named(b.walks[0])
			*before = b.count(first, 1)
			b.walks[0].Response.Standing = survey.Superseded
		}, []survey.SheetCause{{Kind: survey.CauseStanding, N: 1}}},
		"a list of visits proves one": {func(b *book, before *survey.CaseSheet) {
			named(b.walks[0])
			*before = b.count(first, 1)
			b.walks[0].Response.Tie = survey.TieProven
		}, []survey.SheetCause{{Kind: survey.CauseStanding, N: 1}}},
		"a newer program": {func(b *book, before *survey.CaseSheet) {
			b.walks[0].take("2022-03-03 10:00", own, survey.Entry{Step: survey.StepRevealed})
			before.Counting = 0
		}, []survey.SheetCause{{Kind: survey.CauseCounting, N: 1}}},

		// Nothing on record accounts for these.
		"a case is gone": {func(b *book, before *survey.CaseSheet) {
			b.openedAt("2022-03-02 09:01")
			*before = b.count(first, 1)
			b.walks = b.walks[:2]
		}, nil},
		"an entry is gone": {func(b *book, before *survey.CaseSheet) {
			w := b.walks[0]
			w.steps("2022-03-03 10:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
			*before = b.count(first, 1)
			w.Entries = w.Entries[:len(w.Entries)-1]
		}, nil},
		"an entry is put in between": {func(b *book, _ *survey.CaseSheet) {
			b.walks[0].steps("2022-03-03 10:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
		}, nil},
		"the sheet was written over": {func(b *book, before *survey.CaseSheet) {
			named(b.walks[0])
			cell := before.Bureaus["350102-HR"]
			t := cell[202203]
			t.Adopted.OnTime++
			cell[202203] = t
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := &book{t: t}
			b.openedAt("2022-03-02 09:01")
			b.openedAt("2022-03-02 09:01")
			before := b.count(first, 1)
			c.change(b, &before)
			after := b.count(again, 2)
			got := b.why(before, after)
			if len(got) != 1 {
				t.Fatalf("%d changes: %+v", len(got), got)
			}
			if got[0].Explained != (c.want != nil) || c.want != nil && !reflect.DeepEqual(got[0].Causes, c.want) {
				t.Errorf("explained %v, causes %+v; want %+v\n%+v", got[0].Explained, got[0].Causes, c.want, got[0].Counts)
			}
			if got[0].No != 2 || got[0].Bureau != "350102-HR" || got[0].Month != 202203 || len(got[0].Counts) == 0 {
				t.Errorf("change %+v", got[0])
			}
		})
	}
	same := &book{t: t}
	same.openedAt("2022-03-02 09:01")
	if got := same.why(same.count(first, 1), same.count(again, 2)); len(got) != 0 {
		t.Errorf("nothing changed: %+v", got)
	}
}

// A case that is late makes no alarm of another cell, and an alarm is not drowned
// by a late case of the same cell.
func TestALateCaseExcusesNothingElse(t *testing.T) {
	b := &book{t: t}
	b.openedAt("2022-03-02 09:01")
	b.walks[0].steps("2022-03-03 10:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
	before := b.count("2022-04-01 00:05", 1)
	b.openedAt("2022-04-01 00:30")
	b.walks[0].Entries = b.walks[0].Entries[:1]
	got := b.why(before, b.count("2022-04-01 01:05", 2))
	if len(got) != 1 || got[0].Explained || len(got[0].Causes) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestCountsOfATally(t *testing.T) {
	tally := survey.CaseTally{Adopted: survey.CaseCounts{Cases: 3, Real: survey.RealCounts{Due: 2}, After: [5]int64{0, 4}},
		Superseded: 5, Reasons: map[int]int64{108: 6}}
	want := map[string]int64{"adopted.cases": 3, "adopted.real.due": 2, "adopted.after.2": 4, "superseded": 5, "reasons.108": 6}
	if got := tally.Counts(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// Merging reaches every count there is.
	var full survey.CaseTally
	fill(reflect.ValueOf(&full).Elem())
	full.Reasons = map[int]int64{108: 1}
	sum := survey.CaseTally{}
	sum.Merge(full)
	sum.Merge(full)
	names := slices.Sorted(maps.Keys(full.Counts()))
	for _, name := range names {
		if sum.Counts()[name] != 2 {
			t.Errorf("%s: merging 1 and 1 gives %d", name, sum.Counts()[name])
		}
	}
	if len(names) < 70 {
		t.Errorf("only %d counts", len(names))
	}
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Int64:
		v.SetInt(1)
	}
}
