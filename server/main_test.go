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
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/sqlitestore"
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
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// process is the program running as a process of its own.
type process struct {
	cmd  *exec.Cmd
	base string // http://127.0.0.1:port
	log  *lockedBuffer
}

var servingAt = regexp.MustCompile(`"msg":"serving","address":"([^"]+)"`)

// startServe starts "serve" on a free port over a data folder and waits until it says where it listens.
func startServe(t testing.TB, data string, args ...string) *process {
	t.Helper()
	p := &process{log: &lockedBuffer{}}
	p.cmd = exec.Command(os.Args[0], append([]string{"serve", "--data", data, "--addr", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), asServer+"=1")
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
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
	return p
}

// demoFolder is a data folder with the sample in it.
func demoFolder(t testing.TB) string {
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
	if err := demo.Fill(context.Background(), store, zone, time.Now()); err != nil {
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
	b, err := openBase(context.Background(), cfg)
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

// runCommand runs one command line in this process.
func runCommand(t testing.TB, env map[string]string, args ...string) (string, error) {
	t.Helper()
	var out, errOut bytes.Buffer
	err := run(context.Background(), args, func(name string) string { return env[name] }, &out, &errOut)
	if err != nil && strings.TrimSpace(errOut.String()) == "" {
		t.Errorf("%v failed without a word", args)
	}
	return out.String() + errOut.String(), err
}
