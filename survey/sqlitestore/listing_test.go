package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

func disputed(t *testing.T, s *Store) (seqs []int64) {
	t.Helper()
	rows, err := s.read.Query("SELECT seq FROM disputed ORDER BY seq")
	err = each(rows, err, func(r *sql.Rows) error {
		var seq int64
		err := r.Scan(&seq)
		seqs = append(seqs, seq)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return seqs
}

// Responses of one case are noted as they come, and from what an older version
// stored.
func TestDisputedResponsesAreNoted(t *testing.T) {
	s := reopen(t, t.TempDir())
	f, other := storetest.NewFacts(1, storetest.Survey()), storetest.NewFacts(2, storetest.Survey(storetest.Named("other")))
	at := storetest.At("2024-02-05 10:00")
	on := func(number, stage string) survey.Response {
		return f.Response(storetest.GulouHR1, at, storetest.OnStage(number, stage))
	}
	none := on("", "")
	none.Case = survey.CaseRef{}
	for _, group := range [][]survey.Response{
		{on("A", "1"), on("B", "1"), none, none},                                      // 1, 2, 3
		{on("A", "2"), other.Response(storetest.GulouHR1, at, storetest.OnCase("B"))}, // 4, 5
		{on("A", "1")}, // 6 disputes 1
		{on("C", "1"), on("C", "1"), on("C", "1")}, // 7, 8, 9
		{on("A", "1"), on("D", "1")},               // 10, 11
	} {
		if _, err := s.AddResponses(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	want := []int64{1, 6, 7, 8, 9, 10}
	if got := disputed(t, s); !slices.Equal(got, want) {
		t.Errorf("noted %v, want %v", got, want)
	}
	migration, err := migrations.ReadFile("migrations/0006_disputed.sql")
	if err == nil {
		_, err = s.write.Exec("DROP TABLE disputed; " + string(migration))
	}
	if got := disputed(t, s); err != nil || !slices.Equal(got, want) {
		t.Errorf("the migration noted %v, %v, want %v", got, err, want)
	}
}

// The next page is read while one is taken. Whoever stops waits for it, so that
// the store may be closed then.
func TestAListingThatStopsReadsNoFurther(t *testing.T) {
	s := reopen(t, t.TempDir())
	f := storetest.NewFacts(1, storetest.Survey())
	for range 3 {
		var group []survey.Response
		for range pageRows {
			group = append(group, f.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00")))
		}
		if _, err := s.AddResponses(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	enough := errors.New("enough")
	for _, at := range []int{1, pageRows, pageRows + 1, 3 * pageRows} {
		for why, want := range map[string]error{"the consumer fails": enough, "the context ends": context.Canceled} {
			ctx, cancel := context.WithCancel(t.Context())
			calls := 0
			err := s.Responses(ctx, survey.ResponseQuery{}, func(survey.Listed) error {
				if calls++; calls < at {
					return nil
				}
				if want == enough {
					return enough
				}
				cancel()
				return nil
			})
			if last := want == context.Canceled && at > 2*pageRows; !errors.Is(err, want) && !last {
				t.Errorf("%s at row %d: err = %v", why, at, err)
			}
			if calls > at+pageRows {
				t.Errorf("%s at row %d: %d rows came", why, at, calls)
			}
			// The goroutine that read ahead has handed over its last word by now, but
			// may still be on its way out.
			for by := time.Now().Add(10 * time.Second); readsAhead() && time.Now().Before(by); {
				runtime.Gosched()
			}
			if n := s.read.Stats().InUse; n != 0 || readsAhead() {
				t.Errorf("%s at row %d: afterwards %d connections are in use, reading ahead: %v", why, at, n, readsAhead())
			}
			cancel()
		}
	}
}

// readsAhead says whether any goroutine is still reading the next page.
func readsAhead() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "sqlitestore.meanwhile")
}
