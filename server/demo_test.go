//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// demoProcess is the demo running as a process of its own.
type demoProcess struct {
	*process
	t                     *testing.T
	out                   *bufio.Reader
	text                  string // what was read of it
	citizen, figures      string
	console, user, secret string
	token                 string
}

// demoLines is what the demo prints, to the letter.
var demoLines = regexp.MustCompile(`^citizen: (http://127\.0\.0\.1:\d+/Q/[0-9A-Z]{16})
figures: (http://127\.0\.0\.1:\d+/console/figures)
console: (http://127\.0\.0\.1:\d+/console)
admin: ([a-z]+) ([0-9A-Z]{16})
api: (manyi_[0-9A-Z]{52})
$`)

func startDemo(t *testing.T, data string, args ...string) *demoProcess {
	t.Helper()
	d := &demoProcess{t: t, process: newProcess(append([]string{"demo", "--data", data}, args...)...)}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.out, d.cmd.Stderr = bufio.NewReader(out), d.log
	d.start(t)
	for !strings.HasPrefix(d.text[strings.LastIndexByte(strings.TrimSuffix(d.text, "\n"), '\n')+1:], "api: ") {
		line, err := d.out.ReadString('\n')
		d.text += line
		if err != nil {
			t.Fatalf("the demo ended: %v\n%s%s", err, d.text, d.log)
		}
	}
	m := demoLines.FindStringSubmatch(d.text)
	if m == nil {
		t.Fatalf("the demo printed\n%s", d.text)
	}
	d.citizen, d.figures, d.console, d.user, d.secret, d.token = m[1], m[2], m[3], m[4], m[5], m[6]
	d.base = strings.TrimSuffix(d.console, "/console")
	return d
}

// code is the code in the citizen's link.
func (d *demoProcess) code() string { return d.citizen[strings.LastIndexByte(d.citizen, '/')+1:] }

// works checks that every line leads where it says, and leaves a comment.
func (d *demoProcess) works(comment string) {
	d.t.Helper()
	client := browser(d.t)
	if status, page, err := fetch(client, d.citizen); err != nil || status != http.StatusOK || !strings.Contains(page, "示例") {
		d.t.Errorf("the citizen's page: %d, %v, %.300s", status, err, page)
	}
	key, err := openForm(client, d.base, d.code())
	if err != nil {
		d.t.Fatal(err)
	}
	form := rating(key, "satisfied")
	form.Set("comment", comment)
	if _, err := sendForm(client, d.base, d.code(), form); err != nil {
		d.t.Errorf("rate: %v", err)
	}
	figures, err := url.Parse(d.figures)
	if err != nil {
		d.t.Fatal(err)
	}
	if path := signIn(d.t, d.base, d.user, d.secret); path != figures.Path {
		d.t.Errorf("the password leads to %s, want %s", path, figures.Path)
	}
	if status := askAPI(d.t, d.base, d.token); status != http.StatusOK {
		d.t.Errorf("the API answers %d", status)
	}
}

// provesPhones reads in the console what came to the phone.
func (d *demoProcess) provesPhones() {
	provePhone(d.t, d.base, d.code(), func() string {
		client := browser(d.t)
		signInAs(d.t, client, d.base, d.user, d.secret)
		_, page, err := fetch(client, d.base+"/console/outbox")
		if err != nil {
			d.t.Fatal(err)
		}
		m := codeIn.FindStringSubmatch(page)
		if m == nil {
			d.t.Fatalf("no code in the outbox: %.2000s", page)
		}
		return m[1]
	})
}

var answerFormIn = regexp.MustCompile(`name="message" value="([^"]+)"><input type="hidden" name="key" value="([^"]+)"`)

// answersInvitations answers one in the console, as somebody would who has no phone of
// the demo's, and waits until it counts.
func (d *demoProcess) answersInvitations() {
	d.t.Helper()
	client := browser(d.t)
	signInAs(d.t, client, d.base, d.user, d.secret)
	var page string
	until(d.t, "an invitation is in the outbox", time.Minute, func() bool {
		_, text, err := fetch(client, d.base+"/console/outbox")
		page = text
		return err == nil && answerFormIn.MatchString(page)
	})
	form := answerFormIn.FindStringSubmatch(page)
	res, err := client.PostForm(d.base+"/console/outbox", url.Values{"csrf": {csrfIn.FindStringSubmatch(page)[1]}, "message": {form[1]}, "key": {form[2]}, "text": {"5 短信里说好"}})
	if err != nil {
		d.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.RawQuery != "answered=1" {
		d.t.Fatalf("the answer: status %d at %s", res.StatusCode, res.Request.URL)
	}
	until(d.t, "the answer counts", time.Minute, func() bool {
		_, rows, err := fetch(client, d.base+"/console/responses/jsonl")
		return err == nil && strings.Contains(rows, `"channel":"sms"`) && strings.Contains(rows, "短信里说好")
	})
}

// stop asks the process to end, and wants it to have ended well with nothing more to say.
func (d *demoProcess) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	rest, err := io.ReadAll(d.out)
	if err != nil || len(rest) > 0 {
		d.t.Errorf("it went on to print %q, %v", rest, err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("the demo ended with %v:\n%s", err, d.log)
	}
}

func TestDemo(t *testing.T) {
	if raceEnabled {
		t.Skip("the detector does not see into another process")
	}
	data := t.TempDir()
	kept := filepath.Join(data, "notes.txt")
	if err := os.WriteFile(kept, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()

	first := startDemo(t, data, "--addr", busy.Addr().String())
	if note := fmt.Sprintf("note: %s is busy, trying the next port\n", busy.Addr()); !strings.HasPrefix(first.log.String(), note) {
		t.Errorf("standard error begins %.200q, want %q", first.log, note)
	}
	first.works("the first comment")
	first.provesPhones()
	first.answersInvitations()
	first.stop()

	second := startDemo(t, data, "--addr", "127.0.0.1:0")
	if second.code() != first.code() || second.secret == first.secret || second.token == first.token {
		t.Errorf("code %s, then %s; the password and the token must be new", first.code(), second.code())
	}
	second.works("the second comment")
	if status := askAPI(t, second.base, first.token); status != http.StatusUnauthorized {
		t.Errorf("the API answers the token of the last run with %d", status)
	}
	second.stop()
	if n := storedComments(t, openFolder(t, data)); n["the first comment"] != 1 || n["the second comment"] != 1 {
		t.Error("a comment is lost")
	}

	third := startDemo(t, data, "--addr", "127.0.0.1:0", "--fresh")
	third.works("the third comment")
	third.stop()
	if n := storedComments(t, openFolder(t, data)); third.code() == first.code() || n["the first comment"] != 0 || n["the third comment"] != 1 {
		t.Error("--fresh did not start over")
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "mine" {
		t.Errorf("--fresh touched another file: %q, %v", text, err)
	}
}

func TestDemoLeavesARealFolderAlone(t *testing.T) {
	c := filledFolder(t)
	before := c.stored()
	for _, args := range [][]string{{"demo", "--addr", "127.0.0.1:0"}, {"demo", "--addr", "127.0.0.1:0", "--fresh"}} {
		c.refused(args, "MANYI_DATA", "survey y2024", "for the demo alone")
	}
	if after := c.stored(); len(after) != len(before) {
		t.Errorf("%d places, then %d", len(before), len(after))
	}
	if _, err := c.base().store.User(t.Context(), demoAdmin); err == nil {
		t.Error("there is an administrator now")
	}
}

// TestStopUnderLoad asks the server to end while people send ratings. It must
// end by itself and well, which it does only within its own deadline, hold every
// rating it has acknowledged, once, and have answered everyone it took a rating from.
func TestStopUnderLoad(t *testing.T) {
	if raceEnabled {
		t.Skip("the detector does not see into another process")
	}
	data := demoFolder(t)
	b := openFolder(t, data)
	codes := someCodes(t, b, 4)
	p := startServe(t, data, "--flood-per-code", "1000000", "--flood-per-device", "1000000")

	var wg sync.WaitGroup
	var mu sync.Mutex
	var acknowledged []string
	var enough atomic.Int64
	enough.Store(100)
	for person := range 16 {
		wg.Go(func() {
			client := browser(t)
			for i := 0; ; i++ {
				key, err := openForm(client, p.base, codes[i%len(codes)])
				if err != nil {
					return
				}
				form := rating(key, "satisfied")
				comment := fmt.Sprintf("person %d rating %d", person, i)
				form.Set("comment", comment)
				if _, err := sendForm(client, p.base, codes[i%len(codes)], form); err != nil {
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, comment)
				mu.Unlock()
				if enough.Add(-1) == 0 {
					p.cmd.Process.Signal(syscall.SIGTERM)
				}
			}
		})
	}
	wg.Wait()
	if err := p.cmd.Wait(); err != nil || enough.Load() > 0 {
		t.Errorf("the server ended with %v, %d ratings before it was asked to:\n%s", err, enough.Load(), p.log)
	}
	after := storedComments(t, b)
	for _, comment := range acknowledged {
		if after[comment] != 1 {
			t.Errorf("%q was acknowledged and is stored %d times", comment, after[comment])
		}
		delete(after, comment)
	}
	for comment := range after {
		if strings.HasPrefix(comment, "person") {
			t.Errorf("%q is stored, and the citizen was left without an answer", comment)
		}
	}
}

// TestStopEndsIdleConnections has a browser that keeps its connection open.
func TestStopEndsIdleConnections(t *testing.T) {
	c := filledFolder(t)
	base := c.serve() // its end is checked by the cleanup
	if status, _, err := fetch(http.DefaultClient, base+"/healthz"); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v", status, err)
	}
}
