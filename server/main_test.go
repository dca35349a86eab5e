package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// asServer makes the test binary behave as the program, so that tests can start
// and kill real processes without building anything.
const asServer = "MANYI_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	skew, _ := time.ParseDuration(os.Getenv(clockSkew))
	e := &env{getenv: os.Getenv, out: os.Stdout, err: os.Stderr, now: func() time.Time { return time.Now().Add(skew) }}
	if err := e.run(ctx, os.Args[1:], os.Stdin); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// clockSkew is how far the clock of a process of the test is off.
const clockSkew = "MANYI_TEST_CLOCK_SKEW"

// process is the program running as a process of its own.
type process struct {
	cmd  *exec.Cmd
	base string // http://127.0.0.1:port
	log  *lockedBuffer
}

// newProcess prepares a process with a command line.
func newProcess(args ...string) *process {
	p := &process{cmd: exec.Command(os.Args[0], args...), log: &lockedBuffer{}}
	for _, pair := range os.Environ() { // which may name a MongoDB for the tests that want one
		if !strings.HasPrefix(pair, "MONGODB_URI=") {
			p.cmd.Env = append(p.cmd.Env, pair)
		}
	}
	p.cmd.Env = append(p.cmd.Env, asServer+"=1")
	return p
}

func (p *process) start(t testing.TB) {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
}

var servingAt = regexp.MustCompile(`"msg":"serving","address":"([^"]+)"`)

// startServe starts "serve" on a free port over a data folder and waits until it says where it listens.
func startServe(t testing.TB, data string, args ...string) *process {
	t.Helper()
	p := newProcess(append([]string{"serve", "--data", data, "--addr", "127.0.0.1:0"}, args...)...)
	p.serve(t)
	return p
}

// serve starts a prepared process and waits until it says where it listens.
func (p *process) serve(t testing.TB) {
	t.Helper()
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.start(t)
	lines := bufio.NewReader(out)
	for p.base == "" {
		line, err := lines.ReadString('\n')
		p.log.Write([]byte(line))
		if m := servingAt.FindStringSubmatch(line); m != nil {
			p.base = "http://" + m[1]
		}
		if err != nil {
			t.Fatalf("the server ended before it served:\n%s", p.log)
		}
	}
	go io.Copy(p.log, lines)
}

// demoFolder is a data folder with the sample in it.
func demoFolder(t testing.TB) string {
	t.Helper()
	return sampleFolder(t, demo.Days)
}

func sampleFolder(t testing.TB, days int) string {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlitestore.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Fill(context.Background(), store, zone, time.Now(), days, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openFolder opens a data folder beside whatever runs on it.
func openFolder(t testing.TB, dir string) *base {
	t.Helper()
	cfg, err := loadConfig(func(string) string { return "" }, map[string]string{"data": dir})
	if err != nil {
		t.Fatal(err)
	}
	b, err := openBase(context.Background(), cfg, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	return b
}

// someCodes are codes in force of the sample, as they stand in links.
func someCodes(t testing.TB, b *base, n int) []string {
	t.Helper()
	codes, err := b.store.Codes(context.Background(), demo.SurveyID, "")
	if err != nil || len(codes) < n {
		t.Fatalf("%d codes, %v", len(codes), err)
	}
	out := make([]string, n)
	for i := range out {
		out[i] = b.signer.Code(codes[i].Serial)
	}
	return out
}

// browser is a client with cookies of its own.
func browser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 30 * time.Second}
}

var (
	formKeyIn = regexp.MustCompile(`name="?form_key"? value="?([^" >]+)`)
	receiptIn = regexp.MustCompile(`data-receipt="([^"]+)"`)
)

func fetch(c *http.Client, link string) (int, string, error) {
	res, err := c.Get(link)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// openForm loads a rating page and returns the form's hidden key.
func openForm(c *http.Client, base, code string) (string, error) {
	status, page, err := fetch(c, base+"/q/"+code)
	if err != nil {
		return "", err
	}
	m := formKeyIn.FindStringSubmatch(page)
	if status != http.StatusOK || m == nil {
		return "", fmt.Errorf("rating page: status %d, %.200s", status, page)
	}
	return m[1], nil
}

func rating(key, level string) url.Values {
	return url.Values{"form_key": {key}, "survey": {demo.SurveyID}, "level": {level}}
}

// sendForm posts a rating and returns its receipt.
func sendForm(c *http.Client, base, code string, form url.Values) (string, error) {
	res, err := c.PostForm(base+"/q/"+code, form)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	m := receiptIn.FindSubmatch(text)
	if res.StatusCode != http.StatusOK || m == nil {
		return "", fmt.Errorf("status %d: %.300s", res.StatusCode, text)
	}
	return string(m[1]), nil
}

// storedComments counts the stored responses by comment.
func storedComments(t testing.TB, b *base) map[string]int {
	t.Helper()
	out := map[string]int{}
	err := b.store.Responses(context.Background(), survey.ResponseQuery{Survey: demo.SurveyID, Texts: true}, func(r survey.Listed) error {
		out[r.Comment]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// runCommand runs one command line in this process, with nothing to read.
func runCommand(t testing.TB, env map[string]string, args ...string) (string, error) {
	t.Helper()
	return runReading(t, env, "", args...)
}

// runReading runs one command line with a text on its standard input.
func runReading(t testing.TB, env map[string]string, in string, args ...string) (string, error) {
	t.Helper()
	var out, errOut bytes.Buffer
	err := run(context.Background(), args, func(name string) string { return env[name] }, strings.NewReader(in), &out, &errOut)
	if err != nil && strings.TrimSpace(errOut.String()) == "" {
		t.Errorf("%v failed without a word", args)
	}
	return out.String() + errOut.String(), err
}

// until polls a condition until it holds, and fails after a while.
func until(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%v later it is still not so that %s", within, what)
		}
	}
}

// newFolder is an empty data folder and the commands to fill it.
func newFolder(t *testing.T) commands {
	return commands{t, map[string]string{"MANYI_DATA": t.TempDir(), "MANYI_BASE_URL": "http://pj.example.gov.cn"}}
}

// filledFolder is a folder with a few places and one survey of their bureaus, which has opened.
func filledFolder(t *testing.T) commands {
	t.Helper()
	c := newFolder(t)
	c.fill()
	return c
}

// fill brings in places and a survey.
func (c commands) fill() {
	c.t.Helper()
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	c.run("survey", "add", c.file("survey.json", surveyJSON("y2024", 2024)))
}

// surveyJSON is the file of a survey of two years, with nothing in it that may be left out.
func surveyJSON(id string, year int) string {
	return fmt.Sprintf(`{"id": %q, "title": {"zh": "测评", "en": "Survey"},
		"opens": "%d-01-01T00:00:00+08:00", "closes": "%d-01-01T00:00:00+08:00"}`, id, year, year+2)
}

// placesCSV is a file of places.
func placesCSV(places []survey.Place) string {
	var b strings.Builder
	b.WriteString("code,name,kind,parent,active\n")
	for _, p := range places {
		fmt.Fprintf(&b, "%s,%s,%s,%s,%t\n", p.Code, p.Name, p.Kind, p.Parent, p.Active)
	}
	return b.String()
}

// file writes a file and returns where it is.
func (c commands) file(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// prints runs a command and wants exactly these words from it.
func (c commands) prints(want string, args ...string) {
	c.t.Helper()
	if got := strings.TrimSpace(c.run(args...)); got != want {
		c.t.Errorf("%v printed\n%s\nwant\n%s", args, got, want)
	}
}

// refused runs a command that must fail, and wants each of the words in what it says.
func (c commands) refused(args []string, words ...string) {
	c.t.Helper()
	c.refusedReading("", args, words...)
}

// refusedReading is refused with a text on standard input.
func (c commands) refusedReading(in string, args []string, words ...string) {
	c.t.Helper()
	out, err := runReading(c.t, c.env, in, args...)
	if err == nil {
		c.t.Errorf("%q was accepted: %s", args, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			c.t.Errorf("%q says\n%s\nwhich lacks %q", args, out, w)
		}
	}
}

// base opens the folder beside whatever runs on it.
func (c commands) base() *base {
	c.t.Helper()
	return openFolder(c.t, c.env["MANYI_DATA"])
}

// serve serves the folder in this process until the test ends, and returns where.
func (c commands) serve(args ...string) (base string) {
	c.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, log := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...), func(name string) string { return c.env[name] }, strings.NewReader(""), io.Discard, log)
		log.Close()
		ended <- err
	}()
	lines := bufio.NewReader(out)
	for base == "" {
		line, err := lines.ReadString('\n')
		if m := servingAt.FindStringSubmatch(line); m != nil {
			base = "http://" + m[1]
		}
		if err != nil {
			stop()
			c.t.Fatalf("the server ended before it served: %v", <-ended)
		}
	}
	go io.Copy(io.Discard, lines)
	c.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			c.t.Errorf("the server ended with %v", err)
		}
	})
	return base
}

var csrfIn = regexp.MustCompile(`name="?csrf"? value="?([^" >]+)`)

// signIn signs in to the console and returns where that leads.
func signIn(t testing.TB, base, name, password string) (path string) {
	t.Helper()
	return signInAs(t, browser(t), base, name, password)
}

// signInAs is signIn with a browser that stays signed in.
func signInAs(t testing.TB, client *http.Client, base, name, password string) (path string) {
	t.Helper()
	_, page, err := fetch(client, base+"/console/signin")
	if err != nil {
		t.Fatal(err)
	}
	m := csrfIn.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no sign-in form: %.300s", page)
	}
	res, err := client.PostForm(base+"/console/signin", url.Values{"csrf": {m[1]}, "name": {name}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.Request.URL.Path
}

// askAPI asks for figures with a token and returns the status.
func askAPI(t testing.TB, base, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/v1/figures", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
