package sqlitestore

import (
	"slices"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

func sweptUpTo(t *testing.T, s *Store) (seq int64) {
	t.Helper()
	if err := s.read.QueryRow("SELECT seq FROM case_sweep").Scan(&seq); err != nil {
		t.Fatal(err)
	}
	return seq
}

// What is looked through once is left behind, and never more than that.
func TestOwedCasesAreFoundAmongMany(t *testing.T) {
	s := reopen(t, t.TempDir())
	f := storetest.NewFacts(1, storetest.Survey())
	var bad []survey.Key
	put := func(n int, badOnes ...int) {
		t.Helper()
		group := make([]survey.Response, n)
		for i := range group {
			group[i] = f.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00").Add(time.Duration(i)*time.Millisecond), storetest.Good)
			if slices.Contains(badOnes, i) {
				storetest.Bad(&group[i])
				bad = append(bad, group[i].Key)
			}
		}
		if _, err := s.AddResponses(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	owed := func(limit int) (keys []survey.Key) {
		t.Helper()
		list, err := s.OwedCases(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			keys = append(keys, c.Response.Key)
		}
		return keys
	}
	put(2*sweepRows+10, sweepRows-1, sweepRows, 2*sweepRows+9) // the last of a page, the first of the next, the last of all
	if got := owed(10); !slices.Equal(got, bad) {
		t.Errorf("%d are owed, want %d in their order", len(got), len(bad))
	}
	if got := owed(2); !slices.Equal(got, bad[:2]) {
		t.Errorf("two of them: %d", len(got))
	}
	if at := sweptUpTo(t, s); at != 0 {
		t.Errorf("looked through up to %d, though the first page owes one", at)
	}
	if n := storetest.OpenAll(t, s, storetest.Survey()); n != 3 {
		t.Errorf("opened %d", n)
	}
	if at := sweptUpTo(t, s); at != 2*sweepRows {
		t.Errorf("looked through up to %d, want the two whole pages", at)
	}
	put(20, 0, 19)
	if got := owed(10); !slices.Equal(got, bad[3:]) {
		t.Errorf("%d of those that came later are owed, want 2", len(got))
	}
}

// A database of an older version has rows of cases that nothing was added to yet.
func TestOlderCasesAreTakenOver(t *testing.T) {
	s := reopen(t, t.TempDir())
	f := storetest.NewFacts(1, storetest.Survey())
	at := storetest.At("2024-02-05 10:00")
	opened, owed := f.Response(storetest.GulouHR1, at, storetest.Bad), f.Response(storetest.GulouHR3, at, storetest.Bad, storetest.OnCase("N1"))
	good := f.Response(storetest.GulouHR1, at, storetest.Good)
	if _, err := s.AddResponses(t.Context(), []survey.Response{good, opened}); err != nil {
		t.Fatal(err)
	}
	storetest.OpenAll(t, s, storetest.Survey())
	before, err := s.Case(t.Context(), opened.Key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddResponses(t.Context(), []survey.Response{owed, good}); err != nil {
		t.Fatal(err)
	}
	cases, err := migrations.ReadFile("migrations/0003_cases.sql")
	if err != nil {
		t.Fatal(err)
	}
	sweep, err := migrations.ReadFile("migrations/0008_case_sweep.sql")
	if err != nil {
		t.Fatal(err)
	}
	// Back to what was written before, and forth again.
	if _, err := s.write.Exec(`DROP TABLE case_sweep; ALTER TABLE cases RENAME TO new_cases;
		DROP INDEX cases_next; DROP INDEX cases_bureau; DROP INDEX cases_pending; DROP INDEX cases_number; DROP INDEX cases_waiting;
		CREATE TABLE kept AS SELECT * FROM entries; DROP TABLE entries; DROP TABLE case_sheets; DROP TABLE calendar; DROP TABLE files;` +
		string(cases) + `
		DELETE FROM entries; INSERT INTO entries SELECT * FROM kept; DROP TABLE kept;
		DELETE FROM cases WHERE seq IN (SELECT seq FROM new_cases); INSERT INTO cases SELECT * FROM new_cases; DROP TABLE new_cases;
		CREATE INDEX cases_waiting ON cases(survey, next, key, path) WHERE pending = 1;` + string(sweep)); err != nil {
		t.Fatal(err)
	}
	after, err := s.Case(t.Context(), opened.Key)
	if err != nil || len(after.Entries) != 1 || after.Entries[0].Step != before.Entries[0].Step || after.Summary.Next != before.Summary.Next {
		t.Errorf("the opened one is %+v, %v", after, err)
	}
	list, err := s.OwedCases(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Response.Key != owed.Key {
		t.Errorf("owed are %d, %v", len(list), err)
	}
	if n := storetest.OpenAll(t, s, storetest.Survey()); n != 1 {
		t.Errorf("opened %d", n)
	}
	n := 0
	if err := s.Cases(t.Context(), survey.CaseQuery{Number: "N1"}, func(survey.Case) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("by its number: %d, %v", n, err)
	}
}
