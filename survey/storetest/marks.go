package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"manyi/survey"
)

var markChecks = []Check{
	{"marks/a new response marks its window and day", markResponse},
	{"marks/facts of one case mark each other", markCase},
	{"marks/the limit and the steps are kept", markLimit},
	{"marks/a stored tally marks the parents", markParents},
	{"marks/a bucket marked during the count keeps its mark", markGen},
	{"marks/a generation is never used again", markGenGrows},
	{"marks/storing a count twice is harmless", markTwice},
	{"marks/a roll-up cut short leaves a mark or a tally", markCutShort},
	{"marks/rolled reports the marks and the last tally", markRolled},
	{"marks/a holder whose lease was taken over stores nothing", markFenced},
	{"marks/a bucket marked all the time is shown all the same", markBusy},
}

func onlyMarked(t testing.TB, s survey.TallyStore, what string, step survey.Step, want ...survey.Bucket) {
	t.Helper()
	marks := marked(t, s, step)
	for _, b := range want {
		if _, ok := marks[b]; !ok {
			t.Errorf("%s: %s %s is not marked", what, b.Place, b.Span)
		}
	}
	for b := range marks {
		if !slices.Contains(want, b) {
			t.Errorf("%s: %s %s is marked", what, b.Place, b.Span)
		}
	}
}

func markResponse(t testing.TB, s survey.Store) {
	f, other := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	a := f.Response(GulouHR1, At("2024-02-29 23:59:59.999"))
	b := f.Response(GulouHR1, At("2024-03-01"))
	c := other.Response(SimingTax, At("2024-02-29"))
	add(t, s, a, b, c, f.Response(GulouHR1, At("2024-02-29")))
	onlyMarked(t, s, "new responses", survey.StepFacts, f.Window(GulouHR1, 20240229), f.Window(GulouHR1, 20240301), other.Window(SimingTax, 20240229))
	Roll(t, s)
	for _, step := range survey.Steps {
		onlyMarked(t, s, "after a roll-up", step)
	}
	late := f.Response(GulouHR1, At("2024-02-29"))
	add(t, s, late)
	onlyMarked(t, s, "a late response", survey.StepFacts, late.Bucket())
}

func markCase(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	visit := f.Visit(GulouHR1, "A1", At("2024-02-29"), WithSecret("x"))
	claimed := f.Response(GulouHR2, At("2024-03-01"), OnCase("A1"))
	proven := f.Response(SimingTax, At("2024-03-02"), Proving("A1", "x"))
	put(t, s, visit)
	onlyMarked(t, s, "a visit", survey.StepFacts, visit.Bucket())
	Roll(t, s)
	add(t, s, claimed)
	wantMarked(t, s, "the first response of a visit", claimed.Bucket(), visit.Bucket())
	Roll(t, s)
	add(t, s, proven)
	wantMarked(t, s, "a response that takes another's place", proven.Bucket(), claimed.Bucket())
	Roll(t, s)
	wantTally(t, s, claimed.Bucket(), survey.Tally{Superseded: 1})
	wantTally(t, s, f.Bureau(GulouHR1, survey.Whole), survey.Tally{Served: 1, Rated: 1, Superseded: 1})
}

func markLimit(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	for day := range 10 {
		add(t, s, f.Response(GulouHR1, At("2024-02-25").AddDate(0, 0, day)))
	}
	same(t, "marks under a limit of 3", len(marksOf(t, s, survey.StepFacts, 3)), 3)
	same(t, "marks under a limit of 10", len(marksOf(t, s, survey.StepFacts, 10)), 10)
	same(t, "marks under a limit of 11", len(marksOf(t, s, survey.StepFacts, 11)), 10)
	same(t, "marks of the next step", len(marksOf(t, s, survey.StepFirst, 11)), 0)
}

func markParents(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	add(t, s, f.Response(GulouHR1, At("2024-02-29")), f.Response(GulouHR3, At("2024-03-01")))
	want := [][]survey.Bucket{
		{f.Window(GulouHR1, 20240229), f.Window(GulouHR3, 20240301)},
		{f.Bureau(GulouHR1, 20240229), f.Bureau(GulouHR1, 20240301), f.Window(GulouHR1, 202402), f.Window(GulouHR3, 202403)},
		{f.Bureau(GulouHR1, 202402), f.Bureau(GulouHR1, 202403)},
		{f.Bureau(GulouHR1, survey.Whole)},
	}
	for i, step := range survey.Steps {
		onlyMarked(t, s, "while rolling up", step, want[i]...)
		marks := marksOf(t, s, step, 100)
		must(t, "put tallies", s.PutTallies(t.Context(), 0, countAll(t, s, marks), RollTime))
		onlyMarked(t, s, "after its tally is stored", step)
	}
	must(t, "put no tallies", s.PutTallies(t.Context(), 0, nil, RollTime))
}

func markGen(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	one := f.Response(GulouHR1, At("2024-02-29"))
	other := f.Response(GulouHR2, At("2024-02-29"))
	add(t, s, one, other)
	stale := countAll(t, s, marksOf(t, s, survey.StepFacts, 10))
	add(t, s, f.Response(GulouHR1, At("2024-02-29")))
	must(t, "put tallies", s.PutTallies(t.Context(), 0, stale, RollTime))

	onlyMarked(t, s, "a bucket marked anew", survey.StepFacts, one.Bucket())
	if len(TallyOf(t, s, other.Bucket()).Cells) == 0 {
		t.Errorf("the tally of a bucket counted beside it was not stored")
	}
	for _, c := range stale {
		if gen := marked(t, s, survey.StepFacts)[c.Mark.Bucket]; c.Mark.Bucket == one.Bucket() && gen <= c.Mark.Gen {
			t.Errorf("marking anew: generation %d after %d", gen, c.Mark.Gen)
		}
	}
	Roll(t, s)
	n := int64(0)
	for _, of := range TallyOf(t, s, one.Bucket()).Cells {
		n += of.N
	}
	same(t, "responses counted in the end", n, int64(2))
}

func markGenGrows(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	one := f.Response(GulouHR1, At("2024-02-29"))
	add(t, s, one)
	slow := countAll(t, s, marksOf(t, s, survey.StepFacts, 10)) // a run that is held up here
	Roll(t, s)                                                  // another run does the work
	two := f.Response(GulouHR1, At("2024-02-29"))
	add(t, s, two) // and a new fact comes in before the first goes on
	must(t, "put tallies", s.PutTallies(t.Context(), 0, slow, RollTime))
	onlyMarked(t, s, "after an overtaken run", survey.StepFacts, one.Bucket())
	Roll(t, s)
	n := int64(0)
	for _, of := range TallyOf(t, s, one.Bucket()).Cells {
		n += of.N
	}
	same(t, "responses counted in the end", n, int64(2))
}

func markTwice(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	r := f.Response(GulouHR1, At("2024-02-29"))
	add(t, s, r)
	counted := countAll(t, s, marksOf(t, s, survey.StepFacts, 10))
	must(t, "put tallies", s.PutTallies(t.Context(), 0, counted, RollTime))
	must(t, "put tallies again", s.PutTallies(t.Context(), 0, counted, RollTime))
	Roll(t, s)
	before := allTallies(t, s, "y2024")
	must(t, "put tallies after the roll-up", s.PutTallies(t.Context(), 0, counted, RollTime))
	for _, step := range survey.Steps {
		onlyMarked(t, s, "after an old count", step)
	}
	sameTallies(t, "tallies after an old count", allTallies(t, s, "y2024"), before)
}

func markCutShort(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	day := At("2024-02-01")
	var buckets []survey.Bucket
	do := func(ctx context.Context) error {
		buckets = nil
		for _, w := range []string{GulouHR1, SimingTax} {
			r := f.Response(w, day)
			add(t, s, r)
			buckets = append(buckets, r.Bucket())
		}
		day = day.Add(24 * time.Hour)
		return s.PutTallies(ctx, 0, countAll(t, s, marksOf(t, s, survey.StepFacts, 1000)), RollTime)
	}
	cutShort(t, do, func(looks int64, err error) {
		marks, parents := marked(t, s, survey.StepFacts), marked(t, s, survey.StepFirst)
		for _, b := range buckets {
			_, waits := marks[b]
			_, month := parents[b.Parents()[1]]
			_, bureau := parents[b.Parents()[0]]
			done := len(TallyOf(t, s, b).Cells) > 0
			if !waits && !(done && month && bureau) {
				t.Fatalf("put tallies, cut at %d: no longer marked, yet stored %v, its month marked %v, its bureau %v", looks, done, month, bureau)
			}
			if err == nil && (waits || !done) {
				t.Fatalf("put tallies, cut at %d: success, yet marked %v and stored %v", looks, waits, done)
			}
		}
		Roll(t, s)
	})
}

func markRolled(t testing.TB, s survey.Store) {
	want := func(what string, marks int, last time.Time) {
		t.Helper()
		n, at, err := s.Rolled(t.Context())
		must(t, "rolled", err)
		if n < marks || (n == 0) != (marks == 0) {
			t.Errorf("marked, %s: got %d, want at least the %d there are, and 0 only if there is none", what, n, marks)
		}
		if !at.Equal(last) {
			t.Errorf("last tally, %s: got %v, want %v", what, at, last)
		}
	}
	f := NewFacts(1, Survey())
	want("new store", 0, time.Time{})
	add(t, s, f.Response(GulouHR1, At("2024-02-29")), f.Response(SimingTax, At("2024-02-29")))
	want("two buckets", 2, time.Time{})
	stale := countAll(t, s, marksOf(t, s, survey.StepFacts, 1))
	add(t, s, f.Response(GulouHR1, At("2024-02-29")), f.Response(SimingTax, At("2024-02-29")))
	must(t, "put tallies", s.PutTallies(t.Context(), 0, stale, At("2024-03-01")))
	want("only a stale count", 2, At("2024-03-01"))
	first := At("2024-03-01 08:00:00.007")
	must(t, "put tallies", s.PutTallies(t.Context(), 0, countAll(t, s, marksOf(t, s, survey.StepFacts, 1)), first))
	want("one counted, its two parents marked", 3, first)
	Roll(t, s)
	want("rolled up", 0, RollTime)
}

func markFenced(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	r := f.Response(GulouHR1, At("2024-02-29"))
	add(t, s, r)
	counted := countAll(t, s, marksOf(t, s, survey.StepFacts, 10))
	must(t, "raise the fence", s.PutTallies(t.Context(), 7, nil, RollTime))
	wantErr(t, "put tallies under an old lease", s.PutTallies(t.Context(), 6, counted, RollTime), survey.ErrFenced)
	wantTally(t, s, r.Bucket(), survey.Tally{})
	onlyMarked(t, s, "after an old holder wrote", survey.StepFacts, r.Bucket())
	must(t, "put tallies under the lease", s.PutTallies(t.Context(), 7, counted, RollTime))
	onlyMarked(t, s, "after the holder wrote", survey.StepFacts)
	wantErr(t, "put nothing under an old lease", s.PutTallies(t.Context(), 6, nil, RollTime), survey.ErrFenced)
	must(t, "put tallies under a later lease", s.PutTallies(t.Context(), 8, countAll(t, s, marksOf(t, s, survey.StepFirst, 10)), RollTime))
}

// markBusy: a window that is rated during every count is shown all the same.
func markBusy(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	rate := func() survey.Response {
		return f.Response(GulouHR1, At("2024-02-29"), func(r *survey.Response) { r.Level = survey.Satisfied })
	}
	first := rate()
	add(t, s, first)
	seen := int64(0)
	for range 5 {
		counted := countAll(t, s, marksOf(t, s, survey.StepFacts, 10))
		add(t, s, rate())
		must(t, "put tallies", s.PutTallies(t.Context(), 0, counted, RollTime))
		onlyMarked(t, s, "a window rated during its count", survey.StepFacts, first.Bucket())
		n := int64(0)
		for _, of := range TallyOf(t, s, first.Bucket()).Cells {
			n += of.N
		}
		if n <= seen {
			t.Fatalf("a window rated during every count: %d after %d", n, seen)
		}
		seen = n
	}
	Roll(t, s)
	same(t, "counted in the end", TallyOf(t, s, f.Bureau(GulouHR1, survey.Whole)).Cells,
		survey.Cells{{Cell: survey.Cell{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieNone, Value: int(first.Level)}, N: 6}})
}
