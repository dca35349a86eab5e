package storetest

import (
	"testing"
	"time"

	"manyi/survey"
)

var tieChecks = []Check{
	{"ties/how firmly a response is tied to a visit", tieStrength},
	{"ties/numbers are compared byte by byte", tieOddNumbers},
	{"ties/the earliest response of a case and stage counts", standingEarliest},
	{"ties/a proven response counts before an earlier claim", standingProven},
	{"ties/a correction counts before what it corrects", standingCorrects},
	{"ties/what was imported never takes the place of what came in here", standingImported},
	{"ties/at one instant the smallest key counts", standingSmallestKey},
	{"ties/stages and surveys are apart", standingApart},
	{"ties/a visit imported later may turn the standing", standingTurned},
	{"ties/a case served at another window", standingOtherWindow},
}

func standingCorrects(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	correcting := func(r *survey.Response) { r.Corrects = true }
	first := f.Response(GulouHR1, At("2024-02-29 09:00"), OnCase("N1"), Bad)
	second := f.Response(GulouHR1, At("2024-02-29 10:00"), OnCase("N1"))
	third := f.Response(GulouHR1, At("2024-02-29 11:00"), OnCase("N1"), correcting)
	fourth := f.Response(GulouHR1, At("2024-02-29 12:00"), OnCase("N1"), correcting)
	add(t, s, fourth, first, third, second)
	no, yes := worth{survey.TieUnmatched, survey.Superseded}, worth{survey.TieUnmatched, survey.Counted}
	same(t, "the first correction counts", worthOf(t, s, first, second, third, fourth), []worth{no, no, yes, no})
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		same(t, "what is marked as a correction", l.Corrects, l.Key == third.Key || l.Key == fourth.Key)
	}
}

// worth is what a stored response is worth at the moment.
type worth struct {
	tie      survey.Tie
	standing survey.Standing
}

func worthOf(t testing.TB, s survey.ResponseStore, responses ...survey.Response) []worth {
	t.Helper()
	byKey := map[survey.Key]worth{}
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		byKey[l.Key] = worth{l.Tie, l.Standing}
	}
	out := make([]worth, len(responses))
	for i, r := range responses {
		out[i] = byKey[r.Key]
	}
	return out
}

func tieStrength(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	at := At("2024-02-29 09:00")
	for _, c := range []struct {
		why    string
		number string // typed; the visit's is the same unless unlisted
		typed  []byte
		listed []byte
		visit  bool
		want   survey.Tie
	}{
		{"no case", "", nil, nil, false, survey.TieNone},
		{"a number nobody listed", "N1", nil, nil, false, survey.TieUnmatched},
		{"a number nobody listed, with a secret", "N2", Secret("x"), nil, false, survey.TieUnmatched},
		{"the number alone", "N3", nil, Secret("x"), true, survey.TieClaimed},
		{"a wrong secret", "N4", Secret("y"), Secret("x"), true, survey.TieClaimed},
		{"a secret where none was given out", "N5", Secret("x"), nil, true, survey.TieClaimed},
		{"no secret where none was given out", "N6", nil, nil, true, survey.TieClaimed},
		{"an empty secret where an empty one is listed", "N7", []byte{}, []byte{}, true, survey.TieClaimed},
		{"the beginning of the secret", "N8", Secret("x")[:16], Secret("x"), true, survey.TieClaimed},
		{"the right secret", "N9", Secret("x"), Secret("x"), true, survey.TieProven},
	} {
		visitFirst := f.Response(GulouHR1, at, OnCase(c.number), func(r *survey.Response) { r.Secret = c.typed })
		responseFirst := f.Response(GulouHR1, at, OnCase(c.number), func(r *survey.Response) { r.Secret = c.typed })
		if c.number == "" {
			visitFirst.Case, responseFirst.Case = survey.CaseRef{}, survey.CaseRef{}
		} else {
			responseFirst.Case.Stage = "2"
		}
		unlisted := worthBefore(c.number)
		add(t, s, responseFirst)
		same(t, c.why+", before any list", worthOf(t, s, responseFirst)[0], worth{unlisted, survey.Counted})
		if c.visit {
			first := f.Visit(GulouHR1, c.number, at, func(v *survey.Visit) { v.Secret = c.listed })
			second := first
			second.Case.Stage = "2"
			put(t, s, first, second)
		}
		add(t, s, visitFirst)
		for _, w := range worthOf(t, s, visitFirst, responseFirst) {
			same(t, c.why, w, worth{c.want, survey.Counted})
		}
	}
}

// worthBefore is the tie of a response while no visit is listed.
func worthBefore(number string) survey.Tie {
	if number == "" {
		return survey.TieNone
	}
	return survey.TieUnmatched
}

func tieOddNumbers(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	cases := []survey.CaseRef{
		{Number: "ab", Stage: "1"}, {Number: "AB", Stage: "1"}, {Number: "ab ", Stage: "1"}, {Number: "a", Stage: "b1"},
		{Number: "a/b", Stage: "c"}, {Number: "a", Stage: "b/c"}, {Number: "a|b", Stage: "c"}, {Number: "a", Stage: "b|c"},
		{Number: "é", Stage: "1"}, {Number: "e\u0301", Stage: "1"}, {Number: "1", Stage: "1"}, {Number: "01", Stage: "1"}, {Number: "1.0", Stage: "1"},
		{Number: "$a", Stage: "1"}, {Number: "a.b", Stage: "1"}, {Number: "%", Stage: "1"}, {Number: "_", Stage: "1"},
	}
	var visits []survey.Visit
	for i, c := range cases {
		r := f.Response(GulouHR1, At("2024-02-29"))
		r.Case = c
		add(t, s, r)
		if i%2 == 0 {
			v := f.Visit(GulouHR1, "", At("2024-02-29"))
			v.Case = c
			visits = append(visits, v)
		}
	}
	same(t, "visits with odd numbers", put(t, s, visits...), survey.VisitChange{Added: len(visits)})
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		want := worth{survey.TieUnmatched, survey.Counted}
		for _, v := range visits {
			if v.Case == l.Case {
				want.tie = survey.TieClaimed
			}
		}
		if got := (worth{l.Tie, l.Standing}); got != want {
			t.Errorf("response on case %q: got %v, want %v", l.Case, got, want)
		}
	}
}

func standingEarliest(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	for _, visit := range []bool{false, true} {
		number, tie := "unlisted", survey.TieUnmatched
		if visit {
			number, tie = "listed", survey.TieClaimed
			put(t, s, f.Visit(GulouHR1, number, At("2024-02-29")))
		}
		second := f.Response(GulouHR1, At("2024-03-02"), OnCase(number))
		third := f.Response(SimingTax, At("2024-03-03"), OnCase(number))
		first := f.Response(GulouHR1, At("2024-03-01"), OnCase(number))
		add(t, s, second, third)
		same(t, number+", two responses", worthOf(t, s, second, third), []worth{{tie, survey.Counted}, {tie, survey.Superseded}})
		add(t, s, first) // the earliest may be the last to be stored
		same(t, number+", an earlier one comes late", worthOf(t, s, first, second, third),
			[]worth{{tie, survey.Counted}, {tie, survey.Superseded}, {tie, survey.Superseded}})
	}
	bare := []survey.Response{f.Response(GulouHR1, At("2024-03-02")), f.Response(GulouHR1, At("2024-03-02"))}
	add(t, s, bare...)
	same(t, "two without a case", worthOf(t, s, bare...), []worth{{survey.TieNone, survey.Counted}, {survey.TieNone, survey.Counted}})
}

func standingProven(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	put(t, s, f.Visit(GulouHR1, "A1", At("2024-02-29"), WithSecret("x")))
	claimed := f.Response(GulouHR1, At("2024-03-01"), OnCase("A1"))
	wrong := f.Response(GulouHR1, At("2024-02-29"), Proving("A1", "y"))
	proven := f.Response(GulouHR1, At("2024-03-02"), Proving("A1", "x"))
	provenLater := f.Response(GulouHR1, At("2024-03-03"), Proving("A1", "x"))
	add(t, s, claimed)
	add(t, s, provenLater)
	add(t, s, wrong)
	same(t, "a claim, then a proof", worthOf(t, s, claimed, provenLater),
		[]worth{{survey.TieClaimed, survey.Superseded}, {survey.TieProven, survey.Counted}})
	add(t, s, proven)
	same(t, "two claims and two proofs", worthOf(t, s, wrong, claimed, proven, provenLater), []worth{
		{survey.TieClaimed, survey.Superseded}, {survey.TieClaimed, survey.Superseded},
		{survey.TieProven, survey.Counted}, {survey.TieProven, survey.Superseded}})
}

func standingImported(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	imported := f.Response(GulouHR1, At("2024-02-29"), OnCase("A1"), func(r *survey.Response) { r.Channel = survey.ChannelImported })
	here := f.Response(GulouHR1, At("2024-03-02"), OnCase("A1"))
	add(t, s, imported)
	same(t, "an import alone", worthOf(t, s, imported), []worth{{survey.TieUnmatched, survey.Counted}})
	add(t, s, here)
	same(t, "an earlier import beside a response", worthOf(t, s, imported, here),
		[]worth{{survey.TieUnmatched, survey.Superseded}, {survey.TieUnmatched, survey.Counted}})
}

func standingSmallestKey(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	a, b := f.Response(GulouHR1, At("2024-03-01"), OnCase("A1")), f.Response(GulouHR1, At("2024-03-01"), OnCase("A1"))
	a.Key[0], b.Key[0] = 0x7f, 0x80 // bytes are not signed
	add(t, s, b)
	add(t, s, a)
	same(t, "two at one instant", worthOf(t, s, a, b), []worth{{survey.TieUnmatched, survey.Counted}, {survey.TieUnmatched, survey.Superseded}})
}

func standingApart(t testing.TB, s survey.Store) {
	f, other := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	put(t, s, f.Visit(GulouHR1, "A1", At("2024-02-29"), WithSecret("x")))
	first := f.Response(GulouHR1, At("2024-03-01"), Proving("A1", "x"))
	stage := f.Response(GulouHR1, At("2024-03-02"), OnStage("A1", "2"))
	elsewhere := other.Response(GulouHR1, At("2024-03-02"), Proving("A1", "x"))
	add(t, s, first, stage, elsewhere)
	same(t, "one case, two stages, two surveys", worthOf(t, s, first, stage, elsewhere), []worth{
		{survey.TieProven, survey.Counted}, {survey.TieUnmatched, survey.Counted}, {survey.TieUnmatched, survey.Counted}})
}

func standingTurned(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	claimed := f.Response(GulouHR1, At("2024-03-01"), OnCase("A1"))
	proving := f.Response(GulouHR2, At("2024-03-02"), Proving("A1", "x"))
	add(t, s, claimed, proving)
	same(t, "before the visit is listed", worthOf(t, s, claimed, proving),
		[]worth{{survey.TieUnmatched, survey.Counted}, {survey.TieUnmatched, survey.Superseded}})
	Roll(t, s)
	same(t, "superseded before", TallyOf(t, s, f.Window(GulouHR2, 20240302)).Superseded, int64(1))

	visit := f.Visit(GulouHR3, "A1", At("2024-02-29"), WithSecret("x"))
	three := []survey.Bucket{f.Window(GulouHR3, 20240229), claimed.Bucket(), proving.Bucket()}
	put(t, s, visit)
	same(t, "after the visit is listed", worthOf(t, s, claimed, proving),
		[]worth{{survey.TieClaimed, survey.Superseded}, {survey.TieProven, survey.Counted}})
	wantMarked(t, s, "a visit that turns the standing", three...)
	Roll(t, s)
	same(t, "superseded after", TallyOf(t, s, f.Window(GulouHR1, 20240301)).Superseded, int64(1))
	same(t, "superseded after, in the other bucket", TallyOf(t, s, f.Window(GulouHR2, 20240302)).Superseded, int64(0))

	visit.Secret = Secret("y") // the list is corrected: the proof no longer holds
	same(t, "corrected visit", put(t, s, visit), survey.VisitChange{Changed: 1})
	same(t, "after the correction", worthOf(t, s, claimed, proving),
		[]worth{{survey.TieClaimed, survey.Counted}, {survey.TieClaimed, survey.Superseded}})
	wantMarked(t, s, "a correction that turns it back", claimed.Bucket(), proving.Bucket())
}

func standingOtherWindow(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	put(t, s, f.Visit(GulouHR1, "A1", At("2024-02-29")))
	Roll(t, s)
	r := f.Response(SimingTax, At("2024-03-01"), OnCase("A1"), func(r *survey.Response) { r.Level = survey.Satisfied })
	add(t, s, r)
	wantMarked(t, s, "a response elsewhere", r.Bucket(), f.Window(GulouHR1, 20240229))
	Roll(t, s)
	cell := survey.Cell{Question: survey.Overall, Channel: r.Channel, Tie: survey.TieClaimed, Value: int(survey.Satisfied)}
	wantTally(t, s, r.Bucket(), survey.Tally{Cells: survey.Cells{{Cell: cell, N: 1}}})
	wantTally(t, s, f.Window(GulouHR1, 20240229), survey.Tally{Served: 1, Rated: 1})

	same(t, "flags of a response elsewhere", flagsOf(t, s)[r.Key], survey.FlagOtherWindow)

	again := f.Response(GulouHR2, At("2024-03-01").Add(time.Hour), OnCase("A1"))
	add(t, s, again)
	Roll(t, s)
	wantTally(t, s, again.Bucket(), survey.Tally{Superseded: 1})
	wantTally(t, s, f.Window(GulouHR1, 20240229), survey.Tally{Served: 1, Rated: 1})
	wantTally(t, s, f.Bureau(GulouHR1, survey.Whole), survey.Tally{Served: 1, Rated: 1, Superseded: 1})

	put(t, s, f.Visit(SimingTax, "A1", At("2024-02-29"))) // the list is corrected
	same(t, "flags after a correction", flagsOf(t, s), map[survey.Key]survey.Flags{r.Key: 0, again.Key: survey.FlagOtherWindow})
}

func wantTally(t testing.TB, s survey.TallyStore, b survey.Bucket, want survey.Tally) {
	t.Helper()
	if got := TallyOf(t, s, b); !got.Equal(want) {
		t.Errorf("tally of %s %s:\n got %+v\nwant %+v", b.Place, b.Span, got, want)
	}
}

// wantMarked expects the buckets to be marked for counting from the facts.
func wantMarked(t testing.TB, s survey.TallyStore, what string, buckets ...survey.Bucket) {
	t.Helper()
	marks := marked(t, s, survey.StepFacts)
	for _, b := range buckets {
		if _, ok := marks[b]; !ok {
			t.Errorf("%s: %s %s is not marked", what, b.Place, b.Span)
		}
	}
}
