//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/sqlitestore"
)

// outage is a way to make the database unreachable and reachable again.
type outage struct{ begin, end func() }

// TestRatingsGoOnWhileTheDatabaseIsAway has people rate without pause while the
// database is away for MANYI_OUTAGE, and kills the application in the middle of
// that. Nobody is turned away, and in the end every rating stands there once.
func TestRatingsGoOnWhileTheDatabaseIsAway(t *testing.T) {
	if raceEnabled {
		t.Skip("killed processes under the race detector show nothing more")
	}
	if testing.Short() {
		t.Skip("an outage takes a while")
	}
	t.Run("connections are cut", func(t *testing.T) {
		uri := mongotest.Open(t)
		link := mongotest.NewLink(t, uri)
		ratings(t, newInstallation(t, uri, link.URI()), outage{link.Cut, link.Restore})
	})
	t.Run("the process is frozen", func(t *testing.T) {
		p := mongotest.Server(t)
		uri := p.URI("manyi")
		ratings(t, newInstallation(t, uri, uri), outage{p.Freeze, p.Thaw})
	})
}

// awayFor is how long the database is away.
func awayFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("MANYI_OUTAGE")
	if text == "" {
		text = "30s"
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("MANYI_OUTAGE is %q; want a duration such as 30s", text)
	}
	return d
}

// readyzOf asks a node how it is.
func readyzOf(base string) (status int, r struct {
	Status, Database string
	Spool            struct{ Waiting, SetAside int }
}, err error) {
	res, err := http.Get(base + "/readyz")
	if err != nil {
		return 0, r, err
	}
	defer res.Body.Close()
	return res.StatusCode, r, json.NewDecoder(res.Body).Decode(&r)
}

// crowd rates until it is told to stop, each person a few dozen times a second: an
// outage of half a minute then leaves some thousands to count, not ten times as many,
// which would show no more and take minutes to compute. A person whose request was
// cut off, as by a server that died, sends the same form again until it is answered.
type crowd struct {
	codes   []string
	bases   []string // of the nodes; who is not answered by one turns to the next
	stop    atomic.Bool
	all     sync.WaitGroup
	mu      sync.Mutex
	sent    map[string]string // comment → receipt
	refused []string
	cutOff  int
}

func (c *crowd) start(t *testing.T, people int) {
	c.sent = map[string]string{}
	for person := range people {
		c.all.Go(func() {
			client := browser(t)
			for i := 0; !c.stop.Load(); i++ {
				c.rate(client, person+i, c.codes[(person+i)%len(c.codes)], fmt.Sprintf("person %d rating %d", person, i))
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

func (c *crowd) answered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent)
}

func (c *crowd) rate(client *http.Client, turn int, code, comment string) {
	var form map[string][]string
	for ; ; turn++ {
		base := c.bases[turn%len(c.bases)]
		if form == nil {
			key, err := openForm(client, base, code)
			if err == nil {
				form = rating(key, "satisfied")
				form["comment"] = []string{comment}
			} else if c.fault(err) {
				continue
			} else {
				return
			}
		}
		receipt, err := sendForm(client, base, code, form)
		if err == nil {
			c.mu.Lock()
			c.sent[comment] = receipt
			c.mu.Unlock()
			return
		}
		if !c.fault(err) {
			return
		}
	}
}

// fault notes what went wrong, and reports whether to try again: only if nothing
// answered. A person may give up once told to.
func (c *crowd) fault(err error) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var answered interface{ Timeout() bool } // *url.Error: there was no answer
	if errors.As(err, &answered) && !answered.Timeout() || strings.Contains(err.Error(), "EOF") {
		c.cutOff++
		time.Sleep(20 * time.Millisecond)
		return true
	}
	c.refused = append(c.refused, err.Error())
	return false
}

func ratings(t *testing.T, i *installation, o outage) {
	b := i.fillDemo()
	before := storedComments(t, b)
	data := t.TempDir()
	more := []string{"MANYI_START_WITHOUT_DB", "true", "MANYI_NODE", "hall-1", "MANYI_DB_DEADLINE", "500ms"}
	p := i.node(data, "127.0.0.1:0", more...)
	p.serve(t)
	addr := strings.TrimPrefix(p.base, "http://")

	cmd := commands{t, i.env(i.direct, "MANYI_DATA", t.TempDir())}
	password := last(cmd.run("user", "add", "chen", "--role", "organiser", "--generate"))
	console := browser(t)
	signInAs(t, console, p.base, "chen", password)
	figures := func() (int, string) {
		status, page, err := fetch(console, p.base+"/console/figures")
		if err != nil {
			t.Fatal(err)
		}
		return status, page
	}
	if status, page := figures(); status != 200 || strings.Contains(page, "data-stale") {
		t.Fatalf("figures before the outage: status %d", status)
	}

	c := &crowd{codes: someCodes(t, b, 4), bases: []string{p.base}}
	c.start(t, 8)
	until(t, "ratings come in", time.Minute, func() bool { return c.answered() > 50 })

	o.begin()
	ends := time.Now().Add(awayFor(t))
	at := c.answered()
	until(t, "ratings go on while the database is away", time.Minute, func() bool { return c.answered() > at+50 })
	if status, r, err := readyzOf(p.base); err != nil || status != 200 || r.Status != "degraded" || r.Database != "away" || r.Spool.Waiting == 0 {
		t.Errorf("readyz while the database is away: %d %+v, %v", status, r, err)
	}
	if status, page := figures(); status != 200 || !strings.Contains(page, "data-stale") {
		t.Errorf("figures while the database is away: status %d, not said to be of before", status)
	}
	if _, text, err := fetch(console, p.base+"/console/status"); err != nil || !strings.Contains(text, "data-away") {
		t.Errorf("the status page does not say that the database is away: %v", err)
	}

	// What nobody looked at before cannot be shown, and that is said.
	if status, page, err := fetch(console, p.base+"/console/figures?by=window"); err != nil || status != 503 || !strings.Contains(page, "The database does not answer") {
		t.Errorf("a page nobody saw before: status %d, %v", status, err)
	}

	p.cmd.Process.Kill()
	p.cmd.Wait()
	again := i.node(data, addr, more...)
	again.serve(t)
	at = c.answered()
	until(t, "ratings go on after the application was killed", time.Minute, func() bool { return c.answered() > at+50 })
	until(t, "the outage has lasted as long as it should", time.Minute, func() bool { return time.Now().After(ends) })
	if _, r, err := readyzOf(p.base); err != nil || r.Spool.Waiting == 0 {
		t.Errorf("nothing waits at the end of the outage: %+v, %v", r, err)
	}

	o.end()
	until(t, "the spool is empty and the database answers", time.Minute, func() bool {
		_, r, err := readyzOf(p.base)
		return err == nil && r.Database == "ok" && r.Spool.Waiting == 0
	})
	at = c.answered()
	until(t, "ratings go on after the outage", time.Minute, func() bool { return c.answered() > at+50 })
	c.stop.Store(true)
	c.all.Wait()
	until(t, "the spool is empty", time.Minute, func() bool {
		_, r, err := readyzOf(p.base)
		return err == nil && r.Spool.Waiting == 0
	})

	c.standsOnce(t, b, before)
	if aside := setAside(t, data); aside > 0 {
		t.Errorf("%d were set aside", aside)
	}
	cmd.run("compute")
	allCounted(t, b)
	t.Logf("%d ratings acknowledged over an outage of %v, %d requests cut off by the kill and sent again; none lost, none doubled", len(c.sent), awayFor(t), c.cutOff)
}

// standsOnce expects nobody to have been refused, and every acknowledged rating to
// be stored once.
func (c *crowd) standsOnce(t *testing.T, b *base, before map[string]int) {
	t.Helper()
	if len(c.refused) > 0 {
		t.Errorf("%d ratings were refused, the first: %s", len(c.refused), c.refused[0])
	}
	after := storedComments(t, b)
	lost, doubled := 0, 0
	for comment := range c.sent {
		switch after[comment] {
		case 0:
			lost++
		case 1:
		default:
			doubled++
		}
	}
	total := 0
	for comment, n := range after {
		total += n - before[comment]
	}
	if lost > 0 || doubled > 0 || total != len(c.sent) {
		t.Errorf("%d acknowledged, %d lost, %d doubled, %d stored", len(c.sent), lost, doubled, total)
	}
}

// allCounted expects every stored rating to be in the tallies.
func allCounted(t *testing.T, b *base) {
	t.Helper()
	counted, stored := countedIn(t, b), int64(0)
	err := b.store.Responses(t.Context(), survey.ResponseQuery{}, func(survey.Listed) error { stored++; return nil })
	if err != nil || counted != stored {
		t.Errorf("%d counted of %d stored, %v", counted, stored, err)
	}
}

// countedIn is how many ratings are in the tallies.
func countedIn(t *testing.T, b *base) (counted int64) {
	t.Helper()
	err := b.store.Tallies(t.Context(), survey.TallyQuery{Survey: "demo", Kind: survey.Bureau, Question: survey.Overall}, func(_ survey.Bucket, tally survey.Tally) error {
		for _, c := range tally.Cells {
			counted += c.N
		}
		counted += tally.Superseded
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return counted
}

func setAside(t *testing.T, data string) int {
	t.Helper()
	s, err := sqlitestore.OpenSpool(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	state, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state.SetAside
}

// TestStartWithoutTheDatabase: not unless asked, and not where there never was a spool.
func TestStartWithoutTheDatabase(t *testing.T) {
	uri := mongotest.Open(t)
	link := mongotest.NewLink(t, uri)
	i := newInstallation(t, uri, link.URI())
	b := i.fillDemo()
	data := t.TempDir()
	link.Cut()
	refused := func(what string, more ...string) {
		t.Helper()
		began := time.Now()
		env := i.env(i.uri, append(more, "MANYI_DATA", data)...)
		out, err := runCommand(t, env, "serve", "--addr", "127.0.0.1:0")
		if err == nil || !strings.Contains(out, "check that it runs") {
			t.Errorf("%s: started, or without a word on what to do: %v\n%s", what, err, out)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s: the error took %v, want 10 s at most", what, d)
		}
	}
	refused("no spool", "MANYI_START_WITHOUT_DB", "true")
	link.Restore()
	p := i.node(data, "127.0.0.1:0")
	p.serve(t)
	until(t, "the node keeps what a start without the database needs", time.Minute, func() bool {
		_, err := os.Stat(filepath.Join(data, sqlitestore.SpoolName))
		return err == nil && keptDirectory(t, data)
	})
	p.cmd.Process.Kill()
	p.cmd.Wait()
	link.Cut()
	refused("not asked to")
	p = i.node(data, "127.0.0.1:0", "MANYI_START_WITHOUT_DB", "true")
	p.serve(t)
	code := someCodes(t, b, 1)[0]
	client := browser(t)
	key, err := openForm(client, p.base, code)
	if err != nil {
		t.Fatal(err)
	}
	form := rating(key, "satisfied")
	form.Set("comment", "started alone")
	receipt, err := sendForm(client, p.base, code, form)
	if err != nil {
		t.Fatal(err)
	}
	link.Restore()
	until(t, "the rating followed", time.Minute, func() bool { return storedComments(t, b)["started alone"] == 1 })
	if again, err := sendForm(client, p.base, code, form); err != nil || again != receipt {
		t.Errorf("sent again: receipt %s, %v; want %s", again, err, receipt)
	}
}

func keptDirectory(t *testing.T, data string) bool {
	t.Helper()
	s, err := sqlitestore.OpenSpool(t.Context(), data)
	if err != nil {
		return false
	}
	defer s.Close()
	_, err = s.Recall(t.Context(), "directory")
	return err == nil
}
