package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/server/webhook"
	"manyi/survey"
	"manyi/survey/outward"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

var secret = []byte(strings.Repeat("shared-", 6))

const (
	comment = "等了两个小时"
	token   = "token-in-the-address"
)

// house is a store with cases, a clock that stands until it is moved, and a log.
type house struct {
	*sqlitestore.Store
	t   *testing.T
	mu  sync.Mutex
	now time.Time
	log bytes.Buffer
}

func (h *house) clock() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *house) pass(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.now = h.now.Add(d) }

// Now implements survey.JobStore.
func (h *house) Now(context.Context) (time.Time, error) { return h.clock(), nil }

// Write takes the log.
func (h *house) Write(p []byte) (int, error) { h.mu.Lock(); defer h.mu.Unlock(); return h.log.Write(p) }

// newHouse has n cases that came in on Monday, 4 March 2024.
func newHouse(t *testing.T, n int) *house {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	h := &house{Store: store, t: t, now: storetest.At("2024-03-04 10:00")}
	s := storetest.Survey()
	h.must(store.AddSurvey(t.Context(), s))
	f := storetest.NewFacts(1, s)
	var group []survey.Response
	for i := range n {
		group = append(group, f.Response(storetest.GulouHR1, h.now, storetest.Bad, storetest.WithContact, storetest.Commented(comment), storetest.OnCase(fmt.Sprint("NO-", i))))
	}
	_, err = store.AddResponses(t.Context(), group)
	h.must(err)
	storetest.OpenAll(t, store, s)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) remind() int {
	h.t.Helper()
	n, err := jobs.Remind(h.t.Context(), h, survey.Key.String, []string{"webhook"}, h.clock())
	h.must(err)
	return n
}

func (h *house) deliver(to jobs.Sender) int {
	h.t.Helper()
	n, err := jobs.Deliver(h.t.Context(), h, "webhook", to, slog.New(slog.NewJSONHandler(h, nil)))
	h.must(err)
	return n
}

func (h *house) client(address string) *webhook.Client {
	return webhook.New(address+"/in?key="+token, secret, h.clock)
}

// in finds the one delivery of a state.
func (h *house) in(state survey.DeliveryState) (list []survey.Delivery) {
	h.t.Helper()
	h.must(h.Deliveries(h.t.Context(), state, func(d survey.Delivery) error { list = append(list, d); return nil }))
	return list
}

// call is what a receiver got.
type call struct {
	jobs.Notice
	body, signature string
}

// receiver takes calls and answers as told; the default is 204.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
	reply func(w http.ResponseWriter, r *http.Request)
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{reply: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		c := call{body: string(body), signature: req.Header.Get("Manyi-Signature")}
		if err := json.Unmarshal(body, &c.Notice); err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s of %q: %v", req.Method, body, err)
		}
		r.mu.Lock()
		r.calls = append(r.calls, c)
		reply := r.reply
		r.mu.Unlock()
		reply(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call(nil), r.calls...)
}

func (r *receiver) answer(reply func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reply = reply
}

func status(n int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) }
}

func TestARemindersWay(t *testing.T) {
	h, r := newHouse(t, 1), newReceiver(t)
	for range 3 { // however often the jobs run
		h.remind()
		h.deliver(h.client(r.URL))
	}
	calls := r.got()
	if len(calls) != 1 {
		t.Fatalf("%d calls, want one", len(calls))
	}
	c := calls[0]
	if c.signature != outward.Sign(secret, h.clock(), []byte(c.body)) || c.signature == outward.Sign([]byte("other"), h.clock(), []byte(c.body)) {
		t.Errorf("signature %q", c.signature)
	}
	want := jobs.Notice{ID: c.ID, Kind: "reminder_before", Survey: "y2024", Bureau: "350102-HR", Window: storetest.GulouHR1, Case: c.Case,
		State: survey.CaseOpen, Deadline: "contact", LastDay: "2024-03-05", MadeAt: h.clock()}
	if c.Notice != want || len(c.ID) != 32 || len(c.Case) == 0 {
		t.Errorf("got %+v, want %+v", c.Notice, want)
	}
	for _, secretOf := range []string{comment, "NO-0", "dissatisfied", string(secret), "contact\":{"} {
		if strings.Contains(c.body, secretOf) {
			t.Errorf("the body holds %q: %s", secretOf, c.body)
		}
	}
	h.pass(48 * time.Hour)
	if n := h.remind(); n != 1 {
		t.Errorf("%d new reminders after the last day", n)
	}
	h.deliver(h.client(r.URL))
	if calls = r.got(); len(calls) != 2 || calls[1].Kind != "reminder_overdue" || calls[1].ID == c.ID {
		t.Errorf("calls after the last day: %+v", calls)
	}
}

func TestOnceEachByTwoRunnersAtOnce(t *testing.T) {
	const n = 40
	h, r := newHouse(t, n), newReceiver(t)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range 3 {
				if _, err := jobs.Remind(t.Context(), h, survey.Key.String, []string{"webhook"}, h.clock()); err != nil {
					t.Error(err)
				}
				if _, err := jobs.Deliver(t.Context(), h, "webhook", h.client(r.URL), slog.New(slog.DiscardHandler)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, c := range r.got() {
		seen[c.ID] = true
	}
	if len(seen) != n || len(r.got()) != n {
		t.Errorf("%d calls with %d ids, want %d of each", len(r.got()), len(seen), n)
	}
}

func TestFailuresAreTriedAgain(t *testing.T) {
	h, r := newHouse(t, 1), newReceiver(t)
	h.remind()
	r.answer(status(http.StatusInternalServerError))
	to := h.client(r.URL)
	h.deliver(to)
	h.pass(survey.FirstRetry - time.Second)
	h.deliver(to)
	if n := len(r.got()); n != 1 {
		t.Errorf("%d calls before the time of the second", n)
	}
	h.pass(time.Second)
	h.deliver(to)
	h.pass(2 * survey.FirstRetry)
	r.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", r.URL+"/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	h.deliver(to) // a redirect is a failure, and is not followed
	h.pass(4 * survey.FirstRetry)
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	refusing.Close()
	h.deliver(h.client("http://" + refusing.Addr().String()))
	if d := h.in(survey.DeliveryWaiting); len(d) != 1 || d[0].Claim != 4 || d[0].Result == "" {
		t.Errorf("after four failures: %+v", d)
	}
	h.pass(8 * survey.FirstRetry)
	r.answer(status(http.StatusOK))
	if n := h.deliver(to); n != 1 {
		t.Errorf("%d delivered", n)
	}
	calls := r.got()
	if len(calls) != 4 {
		t.Fatalf("%d calls, want 4", len(calls))
	}
	for _, c := range calls {
		if c.body != calls[0].body || c.signature == calls[0].signature && c.body == "" {
			t.Errorf("body %q, first %q", c.body, calls[0].body)
		}
	}
	if text := h.log.String(); strings.Count(text, "tried again") != 4 || strings.Contains(text, token) || strings.Contains(text, string(secret)) || strings.Contains(text, comment) {
		t.Errorf("log: %s", text)
	}
}

func TestGoneIsGivenUpAtOnce(t *testing.T) {
	h, r := newHouse(t, 1), newReceiver(t)
	h.remind()
	r.answer(status(http.StatusGone))
	h.deliver(h.client(r.URL))
	h.pass(24 * time.Hour)
	h.deliver(h.client(r.URL))
	if d := h.in(survey.DeliveryGivenUp); len(d) != 1 || len(r.got()) != 1 || !strings.Contains(d[0].Result, "410") {
		t.Errorf("%d calls, %+v", len(r.got()), d)
	}
}

// A run that ends between the claim and the result leaves the delivery claimed; it
// follows under the same id.
func TestAKilledRunIsMadeUpFor(t *testing.T) {
	h, r := newHouse(t, 1), newReceiver(t)
	h.remind()
	ctx, kill := context.WithCancel(t.Context())
	hold := make(chan struct{})
	r.answer(func(http.ResponseWriter, *http.Request) { kill(); <-hold })
	if _, err := jobs.Deliver(ctx, h, "webhook", h.client(r.URL), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("the killed run succeeded")
	}
	close(hold)
	r.answer(status(http.StatusOK))
	if n := h.deliver(h.client(r.URL)); n != 0 {
		t.Error("delivered while the claim lasts")
	}
	h.pass(time.Minute)
	if n := h.deliver(h.client(r.URL)); n != 1 {
		t.Errorf("%d delivered after the claim ran out", n)
	}
	calls := r.got()
	if len(calls) != 2 || calls[0].ID != calls[1].ID {
		t.Errorf("calls %+v", calls)
	}
}

// One slow answer occupies one of several hands: the others get on.
func TestASlowAnswerDoesNotHoldUpTheOthers(t *testing.T) {
	const n = 9
	h, r := newHouse(t, n), newReceiver(t)
	h.remind()
	var first sync.Once
	others := make(chan struct{}, n)
	r.answer(func(w http.ResponseWriter, req *http.Request) {
		slow := false
		first.Do(func() { slow = true })
		if !slow {
			others <- struct{}{}
			return
		}
		for range n - 1 { // answers only when all others have got through
			select {
			case <-others:
			case <-req.Context().Done():
				t.Error("the others wait for the slow one")
				return
			}
		}
	})
	if got := h.deliver(h.client(r.URL)); got != n {
		t.Errorf("%d delivered, want %d", got, n)
	}
}

// A receiver that is down is not called for everything that waits.
func TestARunEndsAtAFailure(t *testing.T) {
	h, r := newHouse(t, 40), newReceiver(t)
	h.remind()
	r.answer(status(http.StatusServiceUnavailable))
	h.deliver(h.client(r.URL))
	if n := len(r.got()); n > 4 {
		t.Errorf("%d calls, want at most one for each hand", n)
	}
}

func TestTheJobIsDueWhenSomethingIs(t *testing.T) {
	h, r := newHouse(t, 1), newReceiver(t)
	job := jobs.DeliverJob(h, map[string]jobs.Sender{"webhook": h.client(r.URL)}, slog.New(slog.DiscardHandler))
	none := jobs.DeliverJob(h, nil, slog.New(slog.DiscardHandler))
	due := func(job jobs.Job, want bool) {
		t.Helper()
		if got, err := job.Due(t.Context()); err != nil || got != want {
			t.Errorf("due %v, %v; want %v", got, err, want)
		}
	}
	run := func() {
		t.Helper()
		_, err := job.Run(t.Context(), jobs.Turn{Now: h.clock()})
		h.must(err)
	}
	due(job, false)
	h.remind()
	due(job, true)
	due(none, false)
	run()
	due(job, false)
	h.pass(31 * 24 * time.Hour)
	due(job, true)
	due(none, true)
	run()
	if left := h.in(""); len(left) != 0 {
		t.Errorf("left after a month: %+v", left)
	}
	due(job, false)
	if n := h.remind(); n != 0 {
		t.Errorf("%d reminders made again", n)
	}
}
