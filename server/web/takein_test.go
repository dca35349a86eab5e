package web

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"manyi/survey"
)

// TestBundlesThatAreNotReceived, over a real connection: what is refused by its head is
// answered, and neither what was half received nor what does not hold stays on the disk.
func TestBundlesThatAreNotReceived(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	s := newEmptySite(t) // a reviewer's copy needs no survey
	request := &http.Request{Header: http.Header{}}
	s.token(survey.Reviewer, "")(request)
	token := "Authorization: " + request.Header.Get("Authorization") + "\r\n"
	address := s.listen()
	const zip = "Content-Type: application/zip\r\n"
	ask := func(query, head, length, body string) *http.Response {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		must(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: x\r\n%s%s\r\n\r\n%s", takeInPath, query, head, length, body)
		must(t, err)
		must(t, conn.(*net.TCPConn).CloseWrite()) // no more comes
		must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		return res
	}
	length := func(n int) string { return fmt.Sprint("Content-Length: ", n) }
	long := strings.Repeat("x", 3<<20)
	for name, c := range map[string]struct {
		query, head, length, body string
		want                      int
	}{
		"no bundle":               {"", token + zip, length(4), "junk", 422},
		"no large bundle":         {"", token + zip, length(len(long)), long, 422},
		"nothing":                 {"", token + zip, length(0), "", 422},
		"cut off":                 {"", token + zip, length(len(long)), long[:1<<20], 400},
		"larger than any":         {"", token + zip, length(maxBundle + 1), "x", 413},
		"of unknown length":       {"", token + zip, "Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n", 411},
		"a form":                  {"", token + "Content-Type: multipart/form-data; boundary=b\r\n", length(4), "junk", 415},
		"with no type":            {"", token, length(4), "junk", 415},
		"a stranger's":            {"", zip, length(len(long)), long, 401},
		"a sample, or not":        {"?sample=perhaps", token + zip, length(4), "junk", 422},
		"to no address of theirs": {"/x", token + zip, length(4), "junk", 404},
	} {
		res := ask(c.query, c.head, c.length, c.body)
		if res.StatusCode != c.want || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: status %d, %s, want %d", name, res.StatusCode, res.Header.Get("Content-Type"), c.want)
		}
	}

	// While one comes slowly, another is told to wait; and afterwards it is not.
	slow, err := net.Dial("tcp", address)
	must(t, err)
	_, err = fmt.Fprintf(slow, "POST %s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n\r\n%s", takeInPath, token, zip, length(len(long)), long[:1<<20])
	must(t, err)
	wait := func(status int) *http.Response {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			res := ask("", token+zip, length(4), "junk")
			if res.StatusCode == status {
				return res
			}
			if time.Now().After(end) {
				t.Fatalf("status %d, want %d", res.StatusCode, status)
			}
		}
	}
	if res := wait(http.StatusTooManyRequests); res.Header.Get("Retry-After") == "" {
		t.Error("nobody is told when to try again")
	}
	must(t, slow.Close())
	wait(http.StatusUnprocessableEntity)
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("%d files are left, such as %s", len(left), left[0].Name())
	}
}
