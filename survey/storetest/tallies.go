package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"manyi/survey"
)

var tallyChecks = []Check{
	{"tallies/the finest bucket is counted from the facts", tallyFinest},
	{"tallies/coarser buckets add up stored tallies", tallySums},
	{"tallies/odd question names come back", tallyOddNames},
	{"tallies/a new tally takes the place of the old", tallyReplaced},
	{"tallies/query by kind, place and days", tallyQuery},
	{"tallies/query for one question", tallyOneQuestion},
	{"tallies/sums are added to what is there", tallyAddedUp},
	{"tallies/a yield error stops it and is returned", tallyYieldError},
}

func tallyFinest(t testing.TB, s survey.Store) {
	f, other := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	r := f.Response(GulouHR1, At("2024-02-29"), func(r *survey.Response) {
		r.Level, r.Channel = survey.Dissatisfied, survey.ChannelSMS
		r.Answers = map[string]survey.Level{"attitude": survey.VeryDissatisfied}
		r.Reasons = []int{207, 214}
	})
	add(t, s, r,
		f.Response(GulouHR2, At("2024-02-29")), other.Response(GulouHR1, At("2024-02-29")),
		f.Response(GulouHR1, At("2024-03-01")), f.Response(GulouHR1, At("2024-02-28 23:59:59.999")))
	put(t, s, f.Visit(GulouHR1, "A1", At("2024-02-29")), f.Visit(GulouHR1, "B1", At("2024-03-01")), f.Visit(GulouHR2, "C1", At("2024-02-29")))
	cell := func(question string, value int) survey.Cell {
		return survey.Cell{Question: question, Channel: survey.ChannelSMS, Tie: survey.TieNone, Value: value}
	}
	want := survey.Tally{Served: 1, Cells: survey.CellsOf(map[survey.Cell]int64{
		cell(survey.Overall, int(survey.Dissatisfied)): 1, cell("attitude", int(survey.VeryDissatisfied)): 1,
		cell(survey.ReasonCell, 207): 1, cell(survey.ReasonCell, 214): 1,
	})}
	if got := count(t, s, r.Bucket()); !got.Equal(want) {
		t.Errorf("count:\n got %+v\nwant %+v", got, want)
	}
	if got := count(t, s, f.Window(PingtanZone, 20240229)); !got.Equal(survey.Tally{}) {
		t.Errorf("count of a bucket without facts: got %+v", got)
	}
	Roll(t, s)
	wantTally(t, s, r.Bucket(), want)
}

func tallySums(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	// Each window and day has another number of visits, so that a sum tells what went into it.
	n := 1
	served := map[survey.Bucket]int64{}
	for _, day := range []string{"2024-02-28", "2024-02-29", "2024-03-01", "2024-03-31"} {
		for _, w := range []string{GulouHR1, GulouHR3, GulouHRS} {
			for i := range n {
				v := f.Visit(w, fmt.Sprint(n, "-", i), At(day))
				put(t, s, v)
				for _, b := range bucketsOf("y2024", w, v.Day) {
					served[b]++
				}
			}
			n++
		}
	}
	bureauDay := f.Bureau(GulouHR1, 20240229)
	same(t, "bureau's sum before its windows are stored", count(t, s, bureauDay).Served, int64(0))
	marks := marksOf(t, s, survey.StepFacts, 100)
	must(t, "put tallies", s.PutTallies(t.Context(), 0, countAll(t, s, marks), RollTime))
	same(t, "bureau's sum after", count(t, s, bureauDay).Served, served[bureauDay])
	same(t, "window's month after", count(t, s, f.Window(GulouHR1, 202402)).Served, served[f.Window(GulouHR1, 202402)])
	same(t, "bureau's month before its days are stored", count(t, s, f.Bureau(GulouHR1, 202402)).Served, int64(0))
	Roll(t, s)
	for b, want := range served {
		same(t, "served, "+b.Place+" "+b.Span.String(), TallyOf(t, s, b).Served, want)
		same(t, "served, counted again, "+b.Place+" "+b.Span.String(), count(t, s, b).Served, want)
	}
}

func tallyOddNames(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	r := f.Response(GulouHR1, At("2024-02-29"), func(r *survey.Response) {
		r.Answers = map[string]survey.Level{}
		for _, name := range oddTexts {
			r.Answers[name] = survey.Satisfied
		}
	})
	var want survey.Tally
	want.Add(survey.Listed{Response: r, Standing: survey.Counted})
	add(t, s, r)
	Roll(t, s)
	wantTally(t, s, r.Bucket(), want)
	wantTally(t, s, f.Bureau(GulouHR1, survey.Whole), want)
}

func tallyReplaced(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	first := f.Response(GulouHR1, At("2024-03-02"), OnCase("A1"), func(r *survey.Response) { r.Level = survey.VerySatisfied })
	add(t, s, first)
	Roll(t, s)
	add(t, s, f.Response(GulouHR1, At("2024-03-01"), OnCase("A1"), func(r *survey.Response) { r.Level = survey.Dissatisfied }))
	Roll(t, s)
	// The cell of the first is gone, not kept beside the new one.
	wantTally(t, s, first.Bucket(), survey.Tally{Superseded: 1})
	cell := survey.Cell{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieUnmatched, Value: int(survey.Dissatisfied)}
	wantTally(t, s, f.Bureau(GulouHR1, survey.Whole), survey.Tally{Superseded: 1, Cells: survey.Cells{{Cell: cell, N: 1}}})
}

func tallyQuery(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	for _, day := range []string{"2024-02-01", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-31"} {
		for _, w := range Windows() {
			add(t, s, f.Response(w, At(day)))
		}
	}
	Roll(t, s)
	all := []string{"350102-HR", "350102-HRS", "350104-HR", "350128-ZH", "350203-TAX"}
	windows := slices.Sorted(slices.Values(Windows()))
	for _, c := range []struct {
		why      string
		kind     survey.Kind
		place    string
		from, to survey.Span
		places   []string
		spans    []survey.Span
	}{
		{"one day", survey.Window, "", 20240229, 20240229, windows, []survey.Span{20240229}},
		{"both ends are included", survey.Bureau, "", 20240228, 20240301, all, []survey.Span{20240228, 20240229, 20240301}},
		{"ends between facts", survey.Bureau, "", 20240202, 20240330, all, []survey.Span{20240228, 20240229, 20240301}},
		{"a hall's windows", survey.Window, "350102-HR-01", 20240229, 20240229, windows[:2], []survey.Span{20240229}},
		{"a bureau's windows, not those of one whose code begins alike", survey.Window, "350102-HR", 20240229, 20240229, windows[:3], []survey.Span{20240229}},
		{"a window", survey.Window, GulouHR3, 20240101, 20241231, windows[2:3], []survey.Span{20240201, 20240228, 20240229, 20240301, 20240331}},
		{"a bureau", survey.Bureau, "350102-HR", 20240229, 20240229, all[:1], []survey.Span{20240229}},
		{"windows by month", survey.Window, GulouHR1, 202402, 202403, windows[:1], []survey.Span{202402, 202403}},
		{"one month", survey.Bureau, "", 202402, 202402, all, []survey.Span{202402}},
		{"the whole", survey.Bureau, "", survey.Whole, survey.Whole, all, []survey.Span{survey.Whole}},
		{"windows have no whole", survey.Window, "", survey.Whole, survey.Whole, nil, nil},
		{"months without facts", survey.Bureau, "", 202312, 202401, nil, nil},
		{"days in the wrong order", survey.Bureau, "", 20240301, 20240228, nil, nil},
		{"an unknown place", survey.Window, "999999-HR", 20240101, 20241231, nil, nil},
	} {
		q := survey.TallyQuery{Survey: "y2024", Kind: c.kind, Place: c.place, From: c.from, To: c.to}
		want := map[survey.Bucket]bool{}
		for _, p := range c.places {
			for _, span := range c.spans {
				want[survey.Bucket{Survey: "y2024", Place: p, Kind: c.kind, Span: span}] = true
			}
		}
		got := map[survey.Bucket]bool{}
		for b := range tallies(t, s, q) {
			got[b] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("tallies, %s:\n got %v\nwant %v", c.why, got, want)
		}
	}
	same(t, "tallies of another survey", len(tallies(t, s, survey.TallyQuery{Survey: "none", Kind: survey.Bureau, From: 202402, To: 202402})), 0)
}

func tallyOneQuestion(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	r := f.Response(GulouHR1, At("2024-03-01"), OnCase("A1"), func(r *survey.Response) {
		r.Level, r.Reasons = survey.Dissatisfied, []int{207}
		r.Answers = map[string]survey.Level{"attitude": survey.Satisfied, "over": survey.VerySatisfied}
	})
	add(t, s, r, f.Response(GulouHR1, At("2024-03-02"), OnCase("A1")))
	put(t, s, f.Visit(GulouHR1, "A1", At("2024-03-01")), f.Visit(GulouHR1, "B1", At("2024-03-01")))
	Roll(t, s)
	q := survey.TallyQuery{Survey: "y2024", Kind: survey.Bureau, From: 202403, To: 202403}
	b := f.Bureau(GulouHR1, 202403)
	all := tallies(t, s, q)[b]
	same(t, "cells of all questions", len(all.Cells), 4)
	for _, question := range []string{survey.Overall, "attitude", "over", survey.ReasonCell, "none", survey.NoQuestion} {
		q.Question = question
		want := all
		want.Cells = slices.DeleteFunc(slices.Clone(all.Cells), func(c survey.CellCount) bool { return c.Question != question })
		got := tallies(t, s, q)
		if len(got) != 1 || !got[b].Equal(want) || got[b].Served != 2 || got[b].Rated != 1 || got[b].Superseded != 1 {
			t.Errorf("tallies of question %q:\n got %+v\nwant %+v", question, got, want)
		}
	}
}

func tallyAddedUp(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	for i, w := range Windows() {
		add(t, s, f.Response(w, At("2024-02-29")), f.Response(w, At("2024-03-01").Add(time.Duration(i)*time.Hour)))
		put(t, s, f.Visit(w, fmt.Sprint("A", i), At("2024-02-29")))
	}
	Roll(t, s)
	q := survey.TallyQuery{Survey: "y2024", Kind: survey.Bureau, From: 20240229, To: 20240301}
	want := map[survey.Span]survey.Tally{}
	got := map[survey.Span]*survey.Tally{20240229: {Served: 100}} // what is there stays
	for b, tally := range tallies(t, s, q) {
		if b.Place != "350102-HR" {
			sum := want[b.Span]
			sum.Merge(tally)
			want[b.Span] = sum
		}
	}
	must(t, "sums of tallies", s.SumTallies(t.Context(), q, func(b survey.Bucket) *survey.Tally {
		if b.Place == "350102-HR" {
			return nil
		}
		if got[b.Span] == nil {
			got[b.Span] = &survey.Tally{}
		}
		return got[b.Span]
	}))
	got[20240229].Served -= 100
	same(t, "number of sums", len(got), 2)
	for span, sum := range got {
		if !sum.Equal(want[span]) || len(sum.Cells) == 0 {
			t.Errorf("sum of %v:\n got %+v\nwant %+v", span, *sum, want[span])
		}
	}
}

func tallyYieldError(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	for _, w := range Windows() {
		add(t, s, f.Response(w, At("2024-02-29")))
	}
	Roll(t, s)
	stop := errors.New("enough")
	calls := 0
	q := survey.TallyQuery{Survey: "y2024", Kind: survey.Window, From: 20240229, To: 20240229}
	err := s.Tallies(t.Context(), q, func(survey.Bucket, survey.Tally) error {
		if calls++; calls == 2 {
			return stop
		}
		return nil
	})
	wantErr(t, "tallies whose yield fails", err, stop)
	same(t, "calls of yield", calls, 2)
}
