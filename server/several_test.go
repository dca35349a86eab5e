//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
)

// countedBy waits until a node's roll-up has counted everything that is stored by now.
func countedBy(t *testing.T, b *base, what string, within time.Duration) {
	t.Helper()
	stored := int64(0)
	if err := b.store.Responses(t.Context(), survey.ResponseQuery{}, func(survey.Listed) error { stored++; return nil }); err != nil {
		t.Fatal(err)
	}
	until(t, what, within, func() bool { return countedIn(t, b) >= stored })
}

// TestNodesAreKilled runs two nodes whose clocks are ten minutes apart on one
// database, has people rate at both, and kills one after the other without
// warning, MANYI_NODE_KILLS times. Whoever is left does the jobs within 30 s.
func TestNodesAreKilled(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("killed processes take minutes")
	}
	kills := 10
	if text := os.Getenv("MANYI_NODE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("MANYI_NODE_KILLS is %q; want a number", text)
		}
	}
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	b := i.fillDemo()
	before := storedComments(t, b)
	began := time.Now()
	data := [2]string{t.TempDir(), t.TempDir()}
	skew := [2]string{"5m", "-5m"}
	start := func(n int, addr string) *process {
		p := i.node(data[n], addr, "MANYI_LEASE", "3s", "MANYI_NODE", fmt.Sprint("node-", n), clockSkew, skew[n])
		p.serve(t)
		return p
	}
	nodes := [2]*process{start(0, "127.0.0.1:0"), start(1, "127.0.0.1:0")}
	c := &crowd{codes: someCodes(t, b, 4), bases: []string{nodes[0].base, nodes[1].base}}
	c.start(t, 2)
	countedBy(t, b, "the sample is counted", time.Minute)
	for k := range kills {
		at := c.answered()
		until(t, "ratings come in", time.Minute, func() bool { return c.answered() > at+20 })
		victim := k % 2
		nodes[victim].cmd.Process.Kill()
		nodes[victim].cmd.Wait()
		countedBy(t, b, fmt.Sprintf("after kill %d the other node has counted what was there", k+1), time.Minute)
		nodes[victim] = start(victim, strings.TrimPrefix(nodes[victim].base, "http://"))
	}
	c.stop.Store(true)
	c.all.Wait()
	for _, p := range nodes {
		until(t, "a node's spool is empty", time.Minute, func() bool {
			_, r, err := readyzOf(p.base)
			return err == nil && r.Spool.Waiting == 0
		})
	}
	countedBy(t, b, "everything is counted", time.Minute)
	c.standsOnce(t, b, before)
	allCounted(t, b)
	// Whichever node took it, a rating's time is the database's.
	err := b.store.Responses(t.Context(), survey.ResponseQuery{}, func(r survey.Listed) error {
		if _, ours := c.sent[r.Comment]; ours && (r.ReceivedAt.Before(began.Add(-5*time.Second)) || r.ReceivedAt.After(time.Now().Add(5*time.Second))) {
			return fmt.Errorf("a rating of this test was received at %v", r.ReceivedAt)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d kills, %d ratings acknowledged, %d requests cut off and sent to the other node; all there and counted once", kills, len(c.sent), c.cutOff)
}

// TestStalledHolderWritesNoMore stops a node in the middle of the roll-up, has
// another take the job over, and lets the first go on.
func TestStalledHolderWritesNoMore(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("stopped processes take a minute")
	}
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	b := i.fillDemo()
	holder := leaseHolder(t, uri)
	first := i.node(t.TempDir(), "127.0.0.1:0", "MANYI_LEASE", "3s")
	first.serve(t)
	// The sample has enough to count for the lease to be seen.
	until(t, "the first node holds the job", time.Minute, func() bool { return holder() != "" })
	if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stalled := holder()
	if stalled == "" {
		t.Fatal("the first node was stopped after its roll-up; the test shows nothing")
	}
	second := i.node(t.TempDir(), "127.0.0.1:0", "MANYI_LEASE", "3s")
	second.serve(t)
	countedBy(t, b, "the second node has done the job", time.Minute)
	code := someCodes(t, b, 1)[0]
	client := browser(t)
	rate := func(comment string) {
		t.Helper()
		key, err := openForm(client, second.base, code)
		if err != nil {
			t.Fatal(err)
		}
		form := rating(key, "satisfied")
		form.Set("comment", comment)
		if _, err := sendForm(client, second.base, code, form); err != nil {
			t.Fatal(err)
		}
	}
	rate("while the first was stalled")
	countedBy(t, b, "what came meanwhile is counted", time.Minute)
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "the first node says that it lost the job", time.Minute, func() bool {
		return strings.Contains(first.log.String(), "job failed") || strings.Contains(first.log.String(), "lease")
	})
	rate("after it went on")
	countedBy(t, b, "what came afterwards is counted", time.Minute)
	allCounted(t, b)
}

// leaseHolder tells who holds the roll-up.
func leaseHolder(t *testing.T, uri string) func() string {
	t.Helper()
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(t.Context()) })
	return func() string {
		var lease struct{ Holder string }
		err := client.Database(parsed.Database).Collection("leases").FindOne(t.Context(), bson.D{{Key: "_id", Value: "rollup"}}).Decode(&lease)
		if err != nil && err != mongo.ErrNoDocuments {
			t.Fatal(err)
		}
		return lease.Holder
	}
}

// TestNodesShareWhatTheyKnow: sign-ins, tokens, revocations and limits hold at
// every node, whichever they were made at.
func TestNodesShareWhatTheyKnow(t *testing.T) {
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	b := i.fillDemo()
	cmd := i.commands(t)
	limits := []string{"--flood-per-code", "100000", "--flood-per-device", "30"}
	node := func() string { return i.commands(t).serve(limits...) }
	one, two := node(), node()

	console := browser(t)
	password := last(cmd.run("user", "add", "chen", "--role", "organiser", "--generate"))
	if path := signInAs(t, console, one, "chen", password); path == "/console/signin" {
		t.Fatalf("signing in led to %s", path)
	}
	if status, page, err := fetch(console, two+"/console/status"); err != nil || status != http.StatusOK || strings.Contains(page, "name=\"password\"") {
		t.Errorf("signed in at one node, the other says %d, %v", status, err)
	}

	token := last(cmd.run("token", "add", "warehouse", "--role", "organiser"))
	for _, base := range []string{one, two} {
		if status := askAPI(t, base, token); status != http.StatusOK {
			t.Errorf("a new token: %d", status)
		}
	}
	cmd.run("token", "revoke", "warehouse")
	for _, base := range []string{one, two} {
		if status := askAPI(t, base, token); status != http.StatusUnauthorized {
			t.Errorf("a revoked token: %d", status)
		}
	}

	codes := someCodes(t, b, 2)
	client := browser(t)
	for _, base := range []string{one, two} {
		if _, err := openForm(client, base, codes[0]); err != nil {
			t.Fatal(err)
		}
	}
	serial, err := b.signer.Serial(codes[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.RevokeCode(t.Context(), serial, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{one, two} {
		until(t, "a revoked code is refused at both", time.Minute, func() bool {
			_, err := openForm(client, base, codes[0])
			return err != nil
		})
	}

	// Each node alone would take 30 a minute from a device, which sends 20 to each:
	// the second one refuses the next for what the first has taken. A minute that
	// ends in between lets it pass, so another device tries in the next one.
	taken := 0
	take := func(client *http.Client, base string) (refused bool) {
		key, err := openForm(client, base, codes[1])
		if err == nil {
			_, err = sendForm(client, base, codes[1], rating(key, "satisfied"))
		}
		if taken++; err != nil && !strings.Contains(err.Error(), "status 429") {
			t.Fatal(err)
		}
		return err != nil
	}
	until(t, "a device that goes from node to node is asked to wait", time.Minute, func() bool {
		device := browser(t)
		for range 20 {
			if take(device, one) || take(device, two) {
				return true
			}
		}
		for range 9 { // two has 29 in the end, and tells and learns every second
			time.Sleep(300 * time.Millisecond)
			if take(device, two) {
				return true
			}
		}
		return false
	})
	t.Logf("refused after %d", taken)
}
