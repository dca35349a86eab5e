package mongostore_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/mongostore"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

const password = "pa55word-of-ours"

// withUser puts a user and password into a URI.
func withUser(uri string) string {
	return strings.Replace(uri, "mongodb://", "mongodb://manyi:"+password+"@", 1)
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestStartErrorsSayWhatToDo(t *testing.T) {
	uri := mongotest.Open(t)
	frozen := mongotest.NewLink(t, uri)
	frozen.Freeze()
	silent := frozen.URI()
	tls := httptest.NewUnstartedServer(nil) // all that matters is that it wants TLS
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	wantsTLS := "mongodb://" + tls.Listener.Addr().String() + "/manyi"
	t.Run("cases", func(t *testing.T) { startErrors(t, uri, silent, wantsTLS) })
}

func startErrors(t *testing.T, uri, silent, wantsTLS string) {
	for _, c := range []struct {
		what, uri   string
		unavailable bool
		words       []string
	}{
		{"no connection string", "mongodb://manyi:" + password + "@:0/?replicaSet=", false, []string{"MONGODB_URI", "mongodb://"}},
		{"an option nobody knows the value of", withUser(uri) + "?tls=maybe", false, []string{"MONGODB_URI"}},
		{"nothing listens", withUser("mongodb://" + closedPort(t) + "/manyi"), true, []string{"check that it runs", "host and port"}},
		{"no such host", withUser("mongodb://no-such-host.invalid/manyi"), true, []string{"name is not known"}},
		{"a server that says nothing", withUser(silent), true, []string{"check that it runs"}},
		{"a replica set of another name", withUser(uri) + "?replicaSet=other", true, []string{"primary"}},
		{"TLS where there is none", withUser(uri) + "?tls=true", true, []string{"TLS"}},
		{"no TLS where it is wanted", withUser(wantsTLS), true, []string{"tls=true"}},
		{"a certificate nobody here knows", withUser(wantsTLS) + "?tls=true", true, []string{"not trusted", "tlsCAFile"}},
		{"a user the server does not let in", withUser(uri), true, []string{"user or password"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			s, err := mongostore.Open(t.Context(), c.uri)
			if err == nil {
				s.Close()
				t.Fatal("the store opened")
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("the error took %v, want 10 s at most", d)
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("got %q, want %q in it", err, w)
				}
			}
			if errors.Is(err, survey.ErrUnavailable) != c.unavailable {
				t.Errorf("got %v; is it ErrUnavailable: want %v", err, c.unavailable)
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestServerTooOldIsRefused(t *testing.T) {
	p := mongotest.OldServer(t)
	_, err := mongostore.Open(t.Context(), p.URI("manyi"))
	if err == nil || !strings.Contains(err.Error(), "upgrade it to 5.0") || errors.Is(err, survey.ErrUnavailable) {
		t.Errorf("got %v, want to be told to upgrade", err)
	}
}

// TestLazyStoreWaits: nothing reaches a database before it was found to be the right one.
func TestLazyStoreWaits(t *testing.T) {
	link := mongotest.NewLink(t, mongotest.Open(t))
	link.Cut()
	foreign := errors.New("another installation's")
	fits := false
	s, err := mongostore.Lazy(link.URI(), func(ctx context.Context, s *mongostore.Store) error {
		if _, err := s.Pin(ctx, "a", "b"); err != nil { // the check may use the store
			return err
		}
		if !fits {
			return foreign
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := storetest.NewFacts(1, storetest.Survey())
	group := []survey.Response{f.Response(storetest.GulouHR1, storetest.At("2024-02-29"))}
	wantClosed := func(what string) {
		t.Helper()
		if _, err := s.AddResponses(t.Context(), group); !errors.Is(err, survey.ErrUnavailable) {
			t.Errorf("%s: add gave %v, want ErrUnavailable", what, err)
		}
	}
	wantClosed("before any contact")
	if err := s.Ready(t.Context()); !errors.Is(err, survey.ErrUnavailable) {
		t.Errorf("ready without a server: %v", err)
	}
	link.Restore()
	wantClosed("before ready")
	if err := s.Ready(t.Context()); !errors.Is(err, foreign) {
		t.Errorf("ready on a foreign database: %v", err)
	}
	wantClosed("on a foreign database")
	fits = true
	for range 2 {
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if stored, err := s.AddResponses(t.Context(), group); err != nil || !stored[0] {
		t.Errorf("once ready: %v, %v", stored, err)
	}
}

// TestEveryOperationSaysThatTheStoreIsAway: whoever calls falls back on that error.
func TestEveryOperationSaysThatTheStoreIsAway(t *testing.T) {
	link := mongotest.NewLink(t, mongotest.Open(t))
	s, err := mongostore.Open(t.Context(), link.URI())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := storetest.NewFacts(1, storetest.Survey())
	r := f.Response(storetest.GulouHR1, storetest.At("2024-02-29"))
	for _, outage := range []struct {
		name  string
		begin func()
	}{{"cut", link.Cut}, {"frozen", link.Freeze}} {
		outage.begin()
		for name, do := range map[string]func(ctx context.Context) error{
			"ping":     s.Ping,
			"add":      func(ctx context.Context) error { _, err := s.AddResponses(ctx, []survey.Response{r}); return err },
			"has":      func(ctx context.Context) error { _, err := s.HasResponse(ctx, r.Key); return err },
			"places":   func(ctx context.Context) error { _, err := s.Places(ctx); return err },
			"survey":   func(ctx context.Context) error { _, err := s.Survey(ctx, "y2024"); return err },
			"session":  func(ctx context.Context) error { _, err := s.Session(ctx, []byte{1}, time.Now()); return err },
			"marks":    func(ctx context.Context) error { _, err := s.Marks(ctx, survey.StepFacts, 1); return err },
			"now":      func(ctx context.Context) error { _, err := s.Now(ctx); return err },
			"lease":    func(ctx context.Context) error { _, err := s.Lease(ctx, "j", "h", time.Now(), time.Minute); return err },
			"put node": func(ctx context.Context) error { return s.PutNode(ctx, survey.Node{Name: "a"}) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			if err := do(ctx); !errors.Is(err, survey.ErrUnavailable) {
				t.Errorf("%s, %s: got %v, want ErrUnavailable", outage.name, name, err)
			}
			cancel()
		}
		link.Restore()
	}
	// What was given up on may be stored all the same; sent again it is there once.
	if _, err := s.AddResponses(t.Context(), []survey.Response{r}); err != nil {
		t.Fatal(err)
	}
	if n := len(storetest.List(t, s, survey.ResponseQuery{})); n != 1 {
		t.Errorf("%d responses, want 1", n)
	}
}
