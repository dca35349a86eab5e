//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/server/demo"
	"manyi/survey"
)

// TestKilledWhileSending kills the server while 1,000 invitations are queued. Each is
// handed over at most once, and every one of them is accounted for.
func TestKilledWhileSending(t *testing.T) {
	if raceEnabled {
		t.Skip("killed processes under the race detector show nothing more and take minutes")
	}
	const n = 1000
	data := sampleFolder(t, 1)
	b := openFolder(t, data)
	queueInvitations(t, b, n)

	killAt := []int{50, 300, 650}
	var mu sync.Mutex
	got := map[string]int{} // by ID
	var running *process
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ ID string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || m.ID == "" {
			t.Errorf("the gateway got something else: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		got[m.ID]++
		if len(killAt) > 0 && len(got) >= killAt[0] { // in the middle of a hand-over
			killAt = killAt[1:]
			running.cmd.Process.Kill()
		}
	}))
	defer gateway.Close()
	kills := len(killAt)
	for range kills + 1 {
		p := newProcess("serve", "--data", data, "--addr", "127.0.0.1:0")
		p.cmd.Env = append(p.cmd.Env, "MANYI_SMS_URL="+gateway.URL, "MANYI_SMS_SECRET="+strings.Repeat("s", 32), "MANYI_LEASE=3s")
		mu.Lock()
		running = p
		last := len(killAt) == 0
		mu.Unlock()
		p.serve(t)
		if !last {
			p.cmd.Wait()
			continue
		}
		until(t, "nothing is queued any more", 2*time.Minute, func() bool { return invitationsIn(t, b)[survey.MessageQueued] == 0 })
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}

	states := invitationsIn(t, b)
	// What was claimed when the server died becomes unknown when its claim runs out.
	open := states[survey.MessageClaimed] + states[survey.MessageUnknown]
	if states[survey.MessageHanded]+open != n || open > int64(kills)+1 || len(states) > 3 {
		t.Errorf("%d kills left %v", kills, states)
	}
	mu.Lock()
	defer mu.Unlock()
	for id, times := range got {
		if times != 1 {
			t.Errorf("%s was handed over %d times", id, times)
		}
	}
	err := b.store.Messages(t.Context(), func(m survey.Message) error {
		if m.State == survey.MessageHanded && got[m.ID()] != 1 {
			t.Errorf("%s is noted as handed over, and the gateway never got it", m.ID())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills: %v, %d at the gateway", kills, states, len(got))
}

func invitationsIn(t *testing.T, b *base) map[survey.MessageState]int64 {
	t.Helper()
	counts, err := b.store.MessageCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	states := map[survey.MessageState]int64{}
	for _, c := range counts {
		if c.Kind == survey.MessageInvitation && strings.HasPrefix(c.Survey, demo.SurveyID) {
			states[c.State] += c.N
		}
	}
	return states
}

// queueInvitations stores visits with phones, and invites them at any hour.
func queueInvitations(t *testing.T, b *base, n int) {
	t.Helper()
	phones, err := b.phones()
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.store.Survey(t.Context(), demo.SurveyID)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := b.store.Codes(t.Context(), s.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	var visits []survey.Visit
	for i := range n {
		at := now.Add(-time.Duration(i+1) * time.Second)
		v := survey.Visit{Survey: s.ID, Case: survey.CaseRef{Number: fmt.Sprint("kill-", i), Stage: "1"}, Window: codes[0].Window, Item: "社保卡",
			FinishedAt: at, Day: survey.DayOf(at, s.Location())}
		phone, err := phones.ForVisit(v, fmt.Sprint(13800000000+i))
		if err != nil {
			t.Fatal(err)
		}
		v.Phone = &phone
		visits = append(visits, v)
	}
	if _, err := b.store.PutVisits(t.Context(), visits); err != nil {
		t.Fatal(err)
	}
	c := survey.NewCampaign(s.ID, "【满意】")
	c.State, c.From, c.To, c.Delay, c.PerSecond, c.Most = survey.CampaignRunning, 0, 24, 0, 1000, n
	if err := b.store.PutCampaign(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	made, err := b.messageJobs(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	queued, err := made[0].Run(t.Context(), jobs.Turn{Now: now})
	if err != nil || queued != n {
		t.Fatalf("%d invitations, %v", queued, err)
	}
}
