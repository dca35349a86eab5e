package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

func reopen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func count(t *testing.T, s *Store) (n int) {
	t.Helper()
	err := s.Responses(t.Context(), survey.ResponseQuery{}, func(survey.Listed) error { n++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatWasStoredIsThereAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, dir)
	facts := storetest.NewFacts(1, storetest.Survey())
	r := facts.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00"))
	if _, err := s.AddResponses(t.Context(), []survey.Response{r}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, dir)
	stored, err := s.AddResponses(t.Context(), []survey.Response{r})
	if err != nil || stored[0] || count(t, s) != 1 {
		t.Errorf("after reopening: stored again %v, %v, %d rows", stored, err, count(t, s))
	}
	if marks, err := s.Marks(t.Context(), survey.StepFacts, 10); err != nil || len(marks) != 1 {
		t.Errorf("marks = %v, %v", marks, err)
	}
}

func TestTheWriterSyncsEveryCommit(t *testing.T) {
	s := reopen(t, t.TempDir())
	var mode string
	if err := s.write.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal_mode = %s, %v", mode, err)
	}
	if n, err := s.Synchronous(t.Context()); err != nil || n != 2 {
		t.Errorf("synchronous = %d, %v; want 2 (FULL)", n, err)
	}
}

// fillDisk leaves room for a few pages. A full disk is played by a limit on the
// file's pages: SQLite reports both the same way.
func fillDisk(t *testing.T, db *sql.DB) (moreRoom func()) {
	t.Helper()
	limit := func(n int) {
		t.Helper()
		if err := db.QueryRow("PRAGMA max_page_count = " + itoa(n)).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	var pages int
	if err := db.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit(pages + 4)
	return func() { limit(1 << 30) }
}

func TestAFullDiskHoldsNothingOfTheGroup(t *testing.T) {
	s, err := OpenSpool(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	moreRoom := fillDisk(t, s.write)
	facts := storetest.NewFacts(1, storetest.Survey())
	var group []survey.Response
	for range 300 {
		group = append(group, facts.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00"), storetest.Commented(strings.Repeat("字", 200))))
	}
	if _, err := s.Hold(t.Context(), group); !errors.Is(err, survey.ErrFull) {
		t.Fatalf("err = %v, want ErrFull", err)
	}
	if state, err := s.State(t.Context()); err != nil || !state.Empty() {
		t.Errorf("%+v, %v; want nothing of the group", state, err)
	}
	moreRoom()
	if fresh, err := s.Hold(t.Context(), group); err != nil || !fresh[0] {
		t.Errorf("with room again: %v", err)
	}
}

func TestAFullDiskStoresNothingOfTheGroup(t *testing.T) {
	s := reopen(t, t.TempDir())
	moreRoom := fillDisk(t, s.write)
	facts := storetest.NewFacts(1, storetest.Survey())
	var group []survey.Response
	for range 300 {
		group = append(group, facts.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00"), storetest.Commented(strings.Repeat("字", 200))))
	}
	if _, err := s.AddResponses(t.Context(), group); !errors.Is(err, survey.ErrFull) {
		t.Fatalf("err = %v, want ErrFull", err)
	}
	if n := count(t, s); n != 0 {
		t.Errorf("%d of the group were stored", n)
	}
	moreRoom()
	if stored, err := s.AddResponses(t.Context(), group); err != nil || !stored[0] || count(t, s) != 300 {
		t.Errorf("with room again: %v, %d rows", err, count(t, s))
	}
}

func itoa(n int) string { return joinInts([]int{n}) }

func TestAFileOfANewerVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, dir)
	if _, err := s.write.Exec("PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(t.Context(), dir); !errors.Is(err, survey.ErrNewer) {
		t.Errorf("err = %v, want ErrNewer", err)
	}
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "made", "by open")
	reopen(t, dir)
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, FileName): 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

// Numbers of series are kept in memory; another process may make new ones.
func TestWhatAnotherProcessAddsIsRead(t *testing.T) {
	dir := t.TempDir()
	s, other := reopen(t, dir), reopen(t, dir)
	facts := storetest.NewFacts(1, storetest.Survey())
	for i, window := range storetest.Windows() {
		r := facts.Response(window, storetest.At("2024-02-05 10:00"))
		if _, err := other.AddResponses(t.Context(), []survey.Response{r}); err != nil {
			t.Fatal(err)
		}
		var got []survey.Path
		err := s.Responses(t.Context(), survey.ResponseQuery{}, func(r survey.Listed) error { got = append(got, r.Path); return nil })
		if err != nil || len(got) != i+1 || got[i].String() != r.Path.String() {
			t.Errorf("window %s: read %v, %v", window, got, err)
		}
	}
}

// A page of the list of cases must not cost what all cases do.
func TestCaseListsGoByIndex(t *testing.T) {
	s := reopen(t, t.TempDir())
	for name, c := range map[string]struct {
		q    survey.CaseQuery
		want string
	}{
		"by due date":     {survey.CaseQuery{}, "SEARCH c USING INDEX cases_next (survey=? AND (next,key)>(?,?))"},
		"of a bureau":     {survey.CaseQuery{Place: "350102-HR"}, "SEARCH c USING INDEX cases_bureau (survey=? AND bureau=? AND (next,key)>(?,?))"},
		"of a hall":       {survey.CaseQuery{Place: "350102-HR-01"}, "SEARCH c USING INDEX cases_bureau (survey=? AND bureau=? AND (next,key)>(?,?))"},
		"of a state":      {survey.CaseQuery{States: []survey.CaseState{survey.CaseOpen}}, "SEARCH c USING INDEX cases_next (survey=?"},
		"overdue":         {survey.CaseQuery{Before: 20240301}, "SEARCH c USING INDEX cases_next (survey=? AND next>? AND next<?)"},
		"a served case":   {survey.CaseQuery{Number: "A-1"}, "SEARCH c USING INDEX cases_number (case_number=?)"},
		"of a calendar":   {survey.CaseQuery{Pending: true}, "SEARCH c USING INDEX cases_waiting (survey=? AND (next,key)>(?,?))"},
		"those of a city": {survey.CaseQuery{Pending: true, Place: "350100"}, "SEARCH c USING INDEX cases_waiting (survey=? AND (next,key)>(?,?))"},
	} {
		c.q.Survey = "y2024"
		where, args := caseFilter(c.q)
		text := "EXPLAIN QUERY PLAN " + selectCase + listedBy(c.q) + where + " AND (c.next, c.key) > (?, ?) ORDER BY c.next, c.key LIMIT ?"
		rows, err := s.read.QueryContext(t.Context(), text, append(args, 0, []byte{}, 51)...)
		var plan []string
		err = each(rows, err, func(r *sql.Rows) error {
			var a, b, c int
			var detail string
			err := r.Scan(&a, &b, &c, &detail)
			plan = append(plan, detail)
			return err
		})
		if err != nil || !strings.Contains(strings.Join(plan, "\n"), c.want) {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(plan, "\n"))
		}
	}
}

// The queries that run for every count must go by an index, whatever is stored.
func TestCountsGoByIndex(t *testing.T) {
	s := reopen(t, t.TempDir())
	for name, q := range map[string]struct{ text, want string }{
		"a window's day":    {selectBucket, "responses_bucket"},
		"rivals of a case":  {rivalClaims, "responses_case"},
		"visits of a day":   {countVisits, "visits_bucket"},
		"an export's page":  {selectPage + "WHERE r.seq > 1 AND r.series BETWEEN 1 AND 9 AND r.day >= 1 AND r.day <= 9 ORDER BY r.seq LIMIT 2000", "SEARCH r USING INTEGER PRIMARY KEY"},
		"case of a visit":   {countVisits, "responses_case"},
		"waiting openings":  {selectWaiting + areWaiting, "USING COVERING INDEX log_openings_waiting"},
		"buckets of a case": {responsesOfCase, "responses_case"},
		"a month's days":    {sumDays, "(survey=? AND kind=? AND span=? AND place=?)"},
		"newest texts":      {"SELECT 1 FROM responses r WHERE r.series IN (1,2) AND r.has_text = 1 ORDER BY r.seq DESC LIMIT 9", "responses_text"},
	} {
		rows, err := s.read.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+q.text, 1, 1, 1, 1, 1)
		var plan []string
		err = each(rows, err, func(r *sql.Rows) error {
			var a, b, c int
			var detail string
			err := r.Scan(&a, &b, &c, &detail)
			plan = append(plan, detail)
			return err
		})
		if err != nil || !strings.Contains(strings.Join(plan, "\n"), q.want) {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(plan, "\n"))
		}
	}
}

func FuzzTally(f *testing.F) {
	f.Add(encodeTally(survey.Tally{Served: 3, Rated: 1, Cells: survey.Cells{{Cell: survey.Cell{Question: survey.Overall, Channel: survey.ChannelQR, Value: 1}, N: 7}}}))
	f.Add([]byte{})
	f.Add([]byte{tallyVersion, 1, 2, 3, 255})
	f.Add([]byte{tallyVersion, 0, 0, 0, 2, 1, 'q', 0, 1, 0, 2, 2, 0, 1, 0, 1, 2}) // a level of 2 before one of 1
	f.Fuzz(func(t *testing.T, b []byte) {
		tally, err := new(tallyReader).read(b)
		if err != nil {
			return
		}
		again, err := new(tallyReader).read(encodeTally(tally))
		if err != nil || !again.Equal(tally) {
			t.Errorf("%+v came back as %+v, %v", tally, again, err)
		}
	})
}

// TestScoresOfAFileAreStoredAllOrNone: what fails at the last of several evaluations
// leaves none of them here, where there are transactions.
func TestScoresOfAFileAreStoredAllOrNone(t *testing.T) {
	s := reopen(t, t.TempDir())
	groups := []survey.EvaluationGroup{
		{ID: survey.EvaluationID{Survey: "y2024", Bureau: "350102-HR", Evaluator: "imported:x"}, Made: []survey.EvaluationEntry{storetest.EvaluationAnswer(1, "1")}},
		{ID: survey.EvaluationID{Survey: "y2024", Bureau: "350104-HR", Evaluator: "imported:x"}, Made: []survey.EvaluationEntry{storetest.EvaluationAnswer(1, "1"), storetest.EvaluationAnswer(1, "2")}},
	}
	if err := s.AddEvaluations(t.Context(), groups); err == nil {
		t.Fatal("two entries under one number were stored")
	}
	for _, g := range groups {
		if e, err := s.Evaluation(t.Context(), g.ID); err != nil || len(e.Entries) != 0 {
			t.Errorf("%s has %d entries, %v", g.ID.Bureau, len(e.Entries), err)
		}
	}
}
