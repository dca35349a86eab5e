package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"manyi/survey"
)

var logChecks = []Check{
	{"logs/a leaf is put once, without a gap", logAppends},
	{"logs/of many who append at one place one does", logAtOnce},
	{"logs/a hash is in a log once", logHashOnce},
	{"logs/of many checkpoints with one number one stands", logCheckpoints},
	{"logs/an opening is kept once, waits, and gets its place", logOpenings},
	{"logs/a response is owed until it is settled, whatever else is", logOwed},
	{"logs/a visit is owed until it is settled as it is", logVisits},
}

func leafHash(text string) survey.LeafHash { return sha256.Sum256([]byte(text)) }

func leaf(log survey.Log, n int64, text string, more ...string) survey.Leaf {
	l := survey.Leaf{Log: log, Index: n, Hashes: []survey.LeafHash{leafHash(text)}}
	for _, m := range more {
		l.Hashes = append(l.Hashes, leafHash(m))
	}
	return l
}

func wantLog(t testing.TB, s survey.Store, log survey.Log, want ...survey.Leaf) {
	t.Helper()
	size, err := s.LogSize(t.Context(), log)
	must(t, "size", err)
	same(t, "size of "+string(log), size, int64(len(want)))
	var got []survey.Leaf
	must(t, "leaves", s.Leaves(t.Context(), log, 0, 1<<40, func(l survey.Leaf) error { got = append(got, l); return nil }))
	same(t, "leaves of "+string(log), got, want)
	for _, l := range want {
		found, err := s.FindLeaf(t.Context(), log, l.Hashes[0])
		must(t, "find leaf", err)
		same(t, "leaf found", found, l)
	}
}

func logAppends(t testing.TB, s survey.Store) {
	wantLog(t, s, survey.ReceiptLog)
	must(t, "nothing", s.AppendLeaves(t.Context(), nil))
	a, b, c := leaf(survey.ReceiptLog, 0, "a"), leaf(survey.ReceiptLog, 1, "b", "ab"), leaf(survey.ReceiptLog, 2, "c")
	other := leaf(survey.DataLog, 0, "a")
	must(t, "append", s.AppendLeaves(t.Context(), []survey.Leaf{a, b}))
	wantErr(t, "a gap", s.AppendLeaves(t.Context(), []survey.Leaf{leaf(survey.ReceiptLog, 3, "d")}), survey.ErrExists)
	wantErr(t, "a place that is taken", s.AppendLeaves(t.Context(), []survey.Leaf{leaf(survey.ReceiptLog, 1, "x")}), survey.ErrExists)
	wantErr(t, "a beginning in another log", s.AppendLeaves(t.Context(), []survey.Leaf{leaf(survey.DataLog, 1, "x")}), survey.ErrExists)
	must(t, "append", s.AppendLeaves(t.Context(), []survey.Leaf{c}))
	must(t, "append to the other log", s.AppendLeaves(t.Context(), []survey.Leaf{other}))
	wantLog(t, s, survey.ReceiptLog, a, b, c)
	wantLog(t, s, survey.DataLog, other)
	var part []survey.Leaf
	must(t, "some leaves", s.Leaves(t.Context(), survey.ReceiptLog, 1, 2, func(l survey.Leaf) error { part = append(part, l); return nil }))
	same(t, "leaves from 1 to before 2", part, []survey.Leaf{b})
	_, err := s.FindLeaf(t.Context(), survey.DataLog, leafHash("b"))
	wantErr(t, "find a leaf of the other log", err, survey.ErrNotFound)
}

func logAtOnce(t testing.TB, s survey.Store) {
	onlyOne(t, "appending at one place", together(8, func(i int) error {
		return s.AppendLeaves(t.Context(), []survey.Leaf{leaf(survey.DataLog, 0, fmt.Sprint(i))})
	}), survey.ErrExists)
	size, err := s.LogSize(t.Context(), survey.DataLog)
	must(t, "size", err)
	same(t, "size", size, int64(1))
}

func logHashOnce(t testing.TB, s survey.Store) {
	a, b, c := leaf(survey.DataLog, 0, "a"), leaf(survey.DataLog, 1, "b"), leaf(survey.DataLog, 2, "c")
	must(t, "append", s.AppendLeaves(t.Context(), []survey.Leaf{a}))
	again := leaf(survey.DataLog, 2, "a")
	wantErr(t, "a hash again", s.AppendLeaves(t.Context(), []survey.Leaf{b, again, leaf(survey.DataLog, 3, "d")}), survey.ErrExists)
	wantLog(t, s, survey.DataLog, a, b)
	must(t, "append", s.AppendLeaves(t.Context(), []survey.Leaf{c}))
	wantLog(t, s, survey.DataLog, a, b, c)
}

func logCheckpoints(t testing.TB, s survey.Store) {
	_, err := s.LastCheckpoint(t.Context())
	wantErr(t, "no checkpoint yet", err, survey.ErrNotFound)
	point := func(no int64, text string) survey.Checkpoint {
		return survey.Checkpoint{No: no, At: At("2024-03-01 08:00"), Note: []byte(text)}
	}
	wantErr(t, "a gap", s.PutCheckpoint(t.Context(), point(2, "gap")), survey.ErrExists)
	onlyOne(t, "signing under one number", together(8, func(i int) error {
		return s.PutCheckpoint(t.Context(), point(1, fmt.Sprint(i)))
	}), survey.ErrExists)
	first, err := s.LastCheckpoint(t.Context())
	must(t, "last checkpoint", err)
	must(t, "the next", s.PutCheckpoint(t.Context(), point(2, "second")))
	wantErr(t, "a number again", s.PutCheckpoint(t.Context(), point(1, "again")), survey.ErrExists)
	last, err := s.LastCheckpoint(t.Context())
	must(t, "last checkpoint", err)
	same(t, "last checkpoint", last, point(2, "second"))
	var all []survey.Checkpoint
	must(t, "checkpoints", s.Checkpoints(t.Context(), func(c survey.Checkpoint) error { all = append(all, c); return nil }))
	same(t, "checkpoints", all, []survey.Checkpoint{first, point(2, "second")})
}

func opening(ref, group, fields string) survey.FactOpening {
	return survey.FactOpening{Kind: survey.FactResponse, Ref: []byte(ref), Group: group, Hash: leafHash(fields), Index: survey.Waiting, Fields: []byte(fields)}
}

func logOpenings(t testing.TB, s survey.Store) {
	a, b, c := opening("a", "two", "salt of a"), opening("b", "one", "salt of b"), opening("c", "two", "salt of c")
	cutShort(t, func(ctx context.Context) error { return s.AddOpenings(ctx, []survey.FactOpening{a, b, c}) }, func(int64, error) {})
	must(t, "the same with other salts", s.AddOpenings(t.Context(), []survey.FactOpening{opening("a", "two", "another salt")}))
	read := func(of func(ctx context.Context, yield func(survey.FactOpening) error) error) (out []survey.FactOpening) {
		must(t, "openings", of(t.Context(), func(o survey.FactOpening) error { out = append(out, o); return nil }))
		return out
	}
	got := read(s.WaitingOpenings)
	if len(got) != 3 || got[0].Group != "one" || got[1].Group != "two" {
		t.Fatalf("waiting: %+v; want the three in the order of their groups", got)
	}
	slices.SortFunc(got, func(a, b survey.FactOpening) int { return slices.Compare(a.Ref, b.Ref) })
	same(t, "waiting", got, []survey.FactOpening{a, b, c})
	hashes := read(s.WaitingHashes)
	if len(hashes) != 3 || hashes[0].Group != "one" || hashes[1].Group != "two" {
		t.Fatalf("hashes of what waits: %+v; want the three in the order of their groups", hashes)
	}
	slices.SortFunc(hashes, func(a, b survey.FactOpening) int { return slices.Compare(a.Ref, b.Ref) })
	bare := func(o survey.FactOpening) survey.FactOpening { o.Fields = nil; return o }
	same(t, "hashes of what waits", hashes, []survey.FactOpening{bare(a), bare(b), bare(c)})
	for range 2 {
		nothing := opening("nothing", "one", "salt")
		a.Index, b.Index, nothing.Index = 7, 3, 4
		must(t, "place", s.PlaceOpenings(t.Context(), []survey.FactOpening{a, b, nothing}))
	}
	same(t, "still waiting", read(s.WaitingOpenings), []survey.FactOpening{c})
	same(t, "hashes of what still waits", read(s.WaitingHashes), []survey.FactOpening{bare(c)})
	placed := func(from, to int64) []survey.FactOpening {
		return read(func(ctx context.Context, yield func(survey.FactOpening) error) error {
			return s.Openings(ctx, from, to, yield)
		})
	}
	same(t, "placed", placed(0, 8), []survey.FactOpening{b, a})
	same(t, "placed before 7", placed(3, 7), []survey.FactOpening{b})
}

func logOwed(t testing.TB, s survey.Store) {
	v := Survey()
	must(t, "add survey", s.AddSurvey(t.Context(), v))
	f := NewFacts(1, v)
	at := At("2024-03-04 10:00")
	first, second, third := f.Response(GulouHR1, at), f.Response(SimingTax, at), f.Response(GulouHR1, at.Add(-1e9))
	add := func(group ...survey.Response) {
		t.Helper()
		_, err := s.AddResponses(t.Context(), group)
		must(t, "add responses", err)
	}
	owed := func(limit int, want ...survey.Response) {
		t.Helper()
		got, err := s.UnloggedResponses(t.Context(), limit)
		must(t, "unlogged", err)
		byKey := func(a, b survey.Response) int { return slices.Compare(a.Key[:], b.Key[:]) }
		slices.SortFunc(got, byKey)
		slices.SortFunc(want, byKey)
		if len(got) != len(want) {
			t.Fatalf("%d responses are not logged, want %d", len(got), len(want))
		}
		for i := range want {
			same(t, "unlogged", got[i], want[i])
		}
	}
	owed(10)
	add(first, second)
	owed(10, first, second)
	got, err := s.UnloggedResponses(t.Context(), 1)
	must(t, "unlogged", err)
	same(t, "of one asked for", len(got), 1)
	add(third) // with an earlier time
	for range 2 {
		must(t, "settle", s.LoggedResponses(t.Context(), []survey.Key{first.Key, second.Key}))
	}
	owed(10, third)
	add(first) // again
	owed(10, third)
	must(t, "settle", s.LoggedResponses(t.Context(), []survey.Key{third.Key}))
	owed(10)
}

func logVisits(t testing.TB, s survey.Store) {
	f, other := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	owed := func(limit int, want ...survey.VisitFact) {
		t.Helper()
		got, err := s.UnloggedVisits(t.Context(), limit)
		must(t, "unlogged", err)
		same(t, "unlogged", got, want)
	}
	fact := func(v survey.Visit, no int) survey.VisitFact {
		return survey.VisitFact{Survey: v.Survey, Case: v.Case, Window: v.Window, Day: v.Day, No: no}
	}
	settle := func(visits ...survey.VisitFact) {
		t.Helper()
		must(t, "settle", s.LoggedVisits(t.Context(), visits))
	}
	owed(10)
	settle()
	late, early := f.Visit(GulouHR1, "A1", At("2024-02-29")), f.Visit(GulouHR1, "B1", At("2024-02-28"))
	elsewhere, first := f.Visit(SimingTax, "C1", At("2024-02-01")), other.Visit(SimingTax, "A1", At("2024-02-01"))
	put(t, s, late, elsewhere, early, first)
	owed(10, fact(first, 1), fact(early, 1), fact(late, 1), fact(elsewhere, 1)) // by survey, window and day
	owed(2, fact(first, 1), fact(early, 1))
	for range 2 {
		settle(fact(first, 1), fact(late, 1), fact(elsewhere, 1))
	}
	owed(10, fact(early, 1))
	put(t, s, late, elsewhere, early, first)
	changed := late
	changed.Item, changed.Secret, changed.FinishedAt = "换个事项", Secret("y"), late.FinishedAt.Add(1e9)
	same(t, "a visit that is where it was", put(t, s, changed), survey.VisitChange{Changed: 1})
	owed(10, fact(early, 1))
	// Moved while what it was is being noted, and then back.
	moved := changed
	moved.Window = SimingTax
	put(t, s, moved)
	settle(fact(late, 1), fact(early, 1))
	owed(10, fact(moved, 2))
	put(t, s, late)
	settle(fact(moved, 2))
	owed(10, fact(late, 3))
	settle(fact(late, 3))
	later := elsewhere
	later.FinishedAt, later.Day = At("2024-02-02"), 20240202
	put(t, s, later)
	owed(10, fact(later, 2))
	settle(fact(later, 2))
	owed(10)
}
