//go:build unix

package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"manyi/survey/sqlitestore"
)

// attempt is a rating whose answer was not seen.
type attempt struct {
	code, comment string
	form          url.Values
}

// resend sends what had no answer again, twice, as an impatient person would.
func resend(t *testing.T, base string, attempts []attempt, acknowledged map[string]string) {
	t.Helper()
	client := browser(t)
	for _, a := range attempts {
		first, err := sendForm(client, base, a.code, a.form)
		if err != nil {
			t.Fatalf("%s sent again: %v", a.comment, err)
		}
		second, err := sendForm(client, base, a.code, a.form)
		if err != nil || second != first {
			t.Fatalf("%s sent a third time: receipt %s, then %s, %v", a.comment, first, second, err)
		}
		acknowledged[a.comment] = first
	}
}

// TestKilledUnderLoad kills the server without warning again and again while
// people send ratings, and starts it again on the same folder. Whatever was
// acknowledged must be there exactly once; whatever was under way is sent again
// with its key and must be counted once. MANYI_KILLS sets how often.
func TestKilledUnderLoad(t *testing.T) {
	if raceEnabled {
		t.Skip("killed processes under the race detector show nothing more and take minutes")
	}
	kills := timesToKill(t)
	data := demoFolder(t)
	b := openFolder(t, data)
	if n, err := b.store.(*sqlitestore.Store).Synchronous(t.Context()); err != nil || n != 2 {
		t.Fatalf("the writer's synchronous is %d, %v; want 2 (FULL)", n, err)
	}
	codes := someCodes(t, b, 4)
	before := storedComments(t, b)

	const people = 32
	var waiting []attempt // sent, and no answer seen
	acknowledged := map[string]string{}
	sent := 0
	for round := range kills {
		p := startServe(t, data, "--flood-per-code", "1000000", "--flood-per-device", "1000000")
		resend(t, p.base, waiting, acknowledged)
		var enough atomic.Int64
		enough.Store(int64(50 + round*37%200)) // kills fall at different moments of a commit
		killed := make(chan struct{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		var lost []attempt
		var last error
		for person := range people {
			wg.Go(func() {
				client := browser(t)
				for i := 0; ; i++ {
					code := codes[(person+i)%len(codes)]
					key, err := openForm(client, p.base, code)
					if err != nil { // the server is gone, and nothing was sent
						mu.Lock()
						last = err
						mu.Unlock()
						return
					}
					comment := fmt.Sprintf("round %d person %d rating %d", round, person, i)
					form := rating(key, "satisfied")
					form.Set("comment", comment)
					receipt, err := sendForm(client, p.base, code, form)
					mu.Lock()
					sent++
					if err == nil {
						acknowledged[comment] = receipt
					} else {
						lost = append(lost, attempt{code, comment, form})
					}
					last = err
					mu.Unlock()
					if err != nil {
						return
					}
					if enough.Add(-1) == 0 {
						p.cmd.Process.Kill()
						close(killed)
					}
				}
			})
		}
		wg.Wait() // everybody goes on until the server is gone
		select {
		case <-killed:
		default:
			t.Fatalf("round %d: nobody could go on, and the server was not killed yet: %v\n%s", round, last, p.log)
		}
		p.cmd.Wait()
		waiting = lost
		after := storedComments(t, b)
		for comment := range acknowledged {
			if after[comment] != 1 {
				t.Fatalf("round %d: %q was acknowledged and stands there %d times", round, comment, after[comment])
			}
		}
	}
	p := startServe(t, data, "--flood-per-code", "1000000", "--flood-per-device", "1000000")
	resend(t, p.base, waiting, acknowledged)

	after := storedComments(t, b)
	maps.DeleteFunc(after, func(comment string, n int) bool { return before[comment] == n })
	total := 0
	for comment, n := range after {
		if n != 1 || !strings.HasPrefix(comment, "round") {
			t.Errorf("%q is stored %d times", comment, n)
		}
		total += n
	}
	if total != sent || len(acknowledged) != sent {
		t.Errorf("%d sent, %d acknowledged, %d stored", sent, len(acknowledged), total)
	}
	t.Logf("%d kills, %d ratings sent, all there once", kills, sent)
}

// timesToKill is what MANYI_KILLS says.
func timesToKill(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MANYI_KILLS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("MANYI_KILLS is %q; want a number", text)
	}
	return n
}
