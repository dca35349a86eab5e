package sqlitestore

import (
	"database/sql"
	"maps"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// worths are those of all responses that have any, by seq.
func worths(t *testing.T, s *Store) map[int64]worth {
	t.Helper()
	out := map[int64]worth{}
	rows, err := s.read.Query("SELECT seq, worth FROM responses WHERE worth <> 0")
	err = each(rows, err, func(r *sql.Rows) error {
		var seq int64
		var w worth
		err := r.Scan(&seq, &w)
		out[seq] = w
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a response is worth is noted as responses and visits come, and from what an
// older version stored.
func TestWorthIsNoted(t *testing.T) {
	s := reopen(t, t.TempDir())
	f, other := storetest.NewFacts(1, storetest.Survey()), storetest.NewFacts(2, storetest.Survey(storetest.Named("other")))
	at := storetest.At("2024-02-05 10:00")
	on := func(number, stage string) survey.Response {
		return f.Response(storetest.GulouHR1, at, storetest.OnStage(number, stage))
	}
	proving := func(number, secret string) survey.Response {
		return f.Response(storetest.GulouHR1, at, storetest.Proving(number, secret))
	}
	none := on("", "")
	none.Case = survey.CaseRef{}
	visits := func(visits ...survey.Visit) {
		t.Helper()
		if _, err := s.PutVisits(t.Context(), visits); err != nil {
			t.Fatal(err)
		}
	}
	visits(f.Visit(storetest.GulouHR1, "E", at, storetest.WithSecret("e")), f.Visit(storetest.GulouHR2, "C", at))
	for _, group := range [][]survey.Response{
		{on("A", "1"), on("B", "1"), none, none},                                      // 1, 2, 3
		{on("A", "2"), other.Response(storetest.GulouHR1, at, storetest.OnCase("B"))}, // 4, 5
		{on("A", "1")}, // 6 disputes 1
		{on("C", "1"), on("C", "1"), on("C", "1")},           // 7, 8, 9
		{on("A", "1"), on("D", "1")},                         // 10, 11
		{proving("E", "e"), proving("E", "x")},               // 12, 13
		{proving("F", "f"), proving("G", "g"), on("H", "1")}, // 14, 15, 16
	} {
		if _, err := s.AddResponses(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	g := f.Visit(storetest.GulouHR2, "G", at, storetest.WithPhone("13800000000"))
	moved := f.Visit(storetest.GulouHR2, "H", at)
	visits(f.Visit(storetest.GulouHR1, "F", at, storetest.WithSecret("f")), g, moved)
	moved.Window = storetest.GulouHR1
	visits(moved)
	g.Invited = storetest.Secret("g")
	if err := s.MarkInvited(t.Context(), []survey.Visit{g}); err != nil {
		t.Fatal(err)
	}
	want := map[int64]worth{
		1: disputed, 6: disputed, 10: disputed,
		7: disputed | listed | elsewhere, 8: disputed | listed | elsewhere, 9: disputed | listed | elsewhere,
		12: disputed | listed | proven, 13: disputed | listed,
		14: listed | proven, 15: listed | proven | elsewhere, 16: listed,
	}
	if got := worths(t, s); !maps.Equal(got, want) {
		t.Errorf("noted %v, want %v", got, want)
	}
	older := "ALTER TABLE responses DROP COLUMN worth; "
	for _, name := range []string{"0006_disputed.sql", "0022_worth.sql"} {
		text, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		older += string(text)
	}
	if _, err := s.write.Exec(older); err != nil {
		t.Fatal(err)
	}
	if got := worths(t, s); !maps.Equal(got, want) {
		t.Errorf("the migration noted %v, want %v", got, want)
	}
}
