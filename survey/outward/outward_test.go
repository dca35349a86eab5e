package outward

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestGenuine(t *testing.T) {
	secret, body := []byte(strings.Repeat("s", 32)), []byte(`{"id":"1"}`)
	now := time.Unix(1_709_600_000, 0)
	good := Sign(secret, now, body)
	for name, c := range map[string]struct {
		secret    string
		at        time.Time
		signature string
		body      string
		want      bool
	}{
		"as signed":             {string(secret), now, good, string(body), true},
		"a little later":        {string(secret), now.Add(Skew), good, string(body), true},
		"a clock behind":        {string(secret), now.Add(-Skew), good, string(body), true},
		"too late":              {string(secret), now.Add(Skew + time.Second), good, string(body), false},
		"from the future":       {string(secret), now.Add(-Skew - time.Second), good, string(body), false},
		"another body":          {string(secret), now, good, `{"id":"2"}`, false},
		"another secret":        {"x", now, good, string(body), false},
		"another time":          {string(secret), now, strings.Replace(good, "t=17", "t=18", 1), string(body), false},
		"none":                  {string(secret), now, "", string(body), false},
		"no time":               {string(secret), now, "t=,v1=" + good[len(good)-64:], string(body), false},
		"something behind":      {string(secret), now, good + ",v1=0", string(body), false},
		"a time that overflows": {string(secret), now, "t=99999999999999999999,v1=0", string(body), false},
	} {
		if got := Genuine([]byte(c.secret), c.at, c.signature, []byte(c.body)); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestARequestIsSentOnce: one that dies without an answer is not sent again, also not
// on a connection that was used before.
func TestARequestIsSentOnce(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		var asked atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 2 {
				panic(http.ErrAbortHandler)
			}
		}))
		c := NewClient()
		var failed error
		for range 2 {
			var body io.Reader
			if method == http.MethodPost {
				body = strings.NewReader("x")
			}
			req, err := http.NewRequestWithContext(t.Context(), method, s.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			_, _, failed = c.Do(req)
		}
		s.Close()
		if asked.Load() != 2 || failed == nil || errors.Is(failed, ErrNotSent) {
			t.Errorf("%s: asked %d times, %v", method, asked.Load(), failed)
		}
	}
}
