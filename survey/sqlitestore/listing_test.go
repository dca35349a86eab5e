package sqlitestore

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

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
			if n := len(s.scan.idle); n != 1 || readsAhead() {
				t.Errorf("%s at row %d: afterwards %d scanners are idle, want the only one; reading ahead: %v", why, at, n, readsAhead())
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
