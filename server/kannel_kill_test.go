//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
)

// killingRelay stands between a server and smsbox, so that the server can be killed at
// a chosen moment of a hand-over: before smsbox is asked, after it took the message over
// and before the server learns it, and while the server notes it.
type killingRelay struct {
	*httptest.Server
	mu      sync.Mutex
	asked   int
	killAt  []int // by the number of the request
	running *process
}

func newKillingRelay(t *testing.T, smsbox int, killAt []int) *killingRelay {
	r := &killingRelay{killAt: killAt}
	var kinds int
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		kind, kill := 0, func() {}
		if len(r.killAt) > 0 && r.asked >= r.killAt[0] {
			r.killAt = r.killAt[1:]
			kind, kill = kinds%3+1, func() { r.running.cmd.Process.Kill() }
			kinds++
		}
		if kind == 1 {
			kill()
			panic(http.ErrAbortHandler)
		}
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", smsbox, req.URL.RequestURI()))
		if err != nil {
			t.Error("smsbox is not there")
			panic(http.ErrAbortHandler)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusAccepted {
			t.Errorf("smsbox answers %d: %s", res.StatusCode, answer)
		}
		if kind == 2 {
			kill()
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(res.StatusCode)
		w.Write(answer)
		http.NewResponseController(w).Flush()
		if kind == 3 {
			kill()
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// start starts a prepared process as the one to be killed, and reports whether it is to live on.
func (r *killingRelay) start(t *testing.T, p *process) (last bool) {
	t.Helper()
	r.mu.Lock()
	r.running, last = p, len(r.killAt) == 0
	r.mu.Unlock()
	p.serve(t)
	return last
}

// laterWork is a store by whose clock every claim has run out.
type laterWork struct{ jobs.SendWork }

func (l laterWork) Now(ctx context.Context) (time.Time, error) {
	now, err := l.SendWork.Now(ctx)
	return now.Add(time.Hour), err
}

var gotMessage = regexp.MustCompile(`(?m)^.*Got message \d+: <\S+ (\d+) `)

// TestKilledWhileSendingThroughKannel kills the server while 1,000 invitations are queued
// for a real Kannel, at every moment of a hand-over. No phone gets its invitation twice,
// and every one is accounted for. MANYI_KILLS sets how often, six times at most.
func TestKilledWhileSendingThroughKannel(t *testing.T) {
	needKannel(t)
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if raceEnabled {
		t.Skip("killed processes under the race detector show nothing more and take minutes")
	}
	onBothEngines(t, killedWhileSendingThroughKannel)
}

func killedWhileSendingThroughKannel(t *testing.T, on site) {
	const n, callback = 1000, "0123456789abcdefghijklmn"
	b := on.base
	queueInvitations(t, b, n)
	kills := min(timesToKill(t), 6) // two at every moment of a hand-over
	var killAt []int
	for i := range kills {
		killAt = append(killAt, (i+1)*n/(kills+1))
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", freePort(t))
	k := newKannel(t, base+"/sms/"+callback)
	k.start()
	k.phones(0, "13800000000 10690001 text nop")
	eventually(t, "the carrier is there", time.Minute, func() bool {
		text, _ := os.ReadFile(filepath.Join(k.dir, "fakesmsc.log"))
		return len(text) > 0
	})
	relay := newKillingRelay(t, k.send, killAt)
	states := func() map[survey.MessageState]int64 { return invitationsIn(t, b) }
	for last := false; !last; {
		p := on.prepare(base[len("http://"):], append(k.settings(base, callback), "MANYI_SMS_URL", relay.URL+"/cgi-bin/sendsms", "MANYI_LEASE", "3s")...)
		if last = relay.start(t, p); !last {
			p.cmd.Wait()
			continue
		}
		until(t, "nothing is queued any more", 2*time.Minute, func() bool { return states()[survey.MessageQueued] == 0 })
		// smsbox reports again what it could not while the server was away.
		until(t, "every message that reached a phone is reported", time.Minute, func() bool {
			return int(states()[survey.MessageDelivered]) >= len(k.reached())-kills
		})
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
	// A claim lasts a minute, which nobody waits for here.
	phones, err := b.phones()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.SendJob(laterWork{b.store}, nil, phones, slog.New(slog.DiscardHandler)).Run(t.Context(), jobs.Turn{Now: time.Now()}); err != nil {
		t.Fatal(err)
	}

	reached := k.reached()
	for phone, times := range reached {
		if times != 1 {
			t.Errorf("%s got its invitation %d times", survey.MaskPhone(phone), times)
		}
	}
	var sum int64
	of := states()
	for _, state := range []survey.MessageState{survey.MessageDelivered, survey.MessageHanded, survey.MessageFailed, survey.MessageUnknown} {
		sum += of[state]
	}
	if sum != n || of[survey.MessageFailed] != 0 || of[survey.MessageUnknown] > int64(kills) {
		t.Errorf("%d kills left %v", kills, of)
	}
	if kills > 0 && of[survey.MessageUnknown] == 0 {
		t.Error("no kill was in the middle of a hand-over: the test shows little")
	}
	// What was killed before smsbox was asked reached nobody, and nothing else is missing.
	if missing := n - len(reached); missing != (kills+2)/3 {
		t.Errorf("%d of %d phones got nothing after %d kills", missing, n, kills)
	}
	err = b.store.Messages(t.Context(), func(m survey.Message) error {
		if m.Kind != survey.MessageInvitation {
			return nil
		}
		phone, err := phones.OfMessage(m)
		if err == nil && (m.State == survey.MessageDelivered || m.State == survey.MessageHanded) && reached[phone] != 1 {
			t.Errorf("%s is %s, and its phone never got it", m.ID(), m.State)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills: %v, %d phones reached", kills, of, len(reached))
}

// reached tells how often each phone got something.
func (k *kannelIn) reached() map[string]int {
	phones := map[string]int{}
	for _, m := range gotMessage.FindAllStringSubmatch(k.received(), -1) {
		phones[m[1]]++
	}
	return phones
}
