package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/server/demo"
	"manyi/server/web"
	"manyi/survey"
)

const fakeCarrier = "/usr/lib/kannel/test/fakesmsc"

// kannelIn is a real Kannel on this machine: bearerbox, smsbox, and a carrier that
// stands in for the phones.
type kannelIn struct {
	t       testing.TB
	dir     string
	smsc    int
	send    int
	started []*exec.Cmd
}

// freePort is a port nobody listens on at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// needKannel skips the test, or fails it if MANYI_REQUIRE names kannel.
func needKannel(t testing.TB) {
	t.Helper()
	for _, program := range []string{"bearerbox", "smsbox", fakeCarrier} {
		if _, err := exec.LookPath(program); err != nil {
			if strings.Contains(os.Getenv("MANYI_REQUIRE"), "kannel") {
				t.Fatalf("no Kannel: %v", err)
			}
			t.Skipf("no Kannel here: %v (Debian: kannel kannel-extras)", err)
		}
	}
}

func newKannel(t testing.TB, callback string) *kannelIn {
	k := &kannelIn{t: t, dir: t.TempDir(), smsc: freePort(t), send: freePort(t)}
	conf := fmt.Sprintf(`group = core
admin-port = %d
admin-password = x
smsbox-port = %d
box-allow-ip = 127.0.0.1
box-deny-ip = "*.*.*.*"
log-level = 1
store-type = file
store-location = %s
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = %d
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
smsbox-id = box
sendsms-port = %d
sendsms-interface = 127.0.0.1
mo-recode = true
http-request-retry = 30
http-queue-delay = 1
log-level = 1

group = smsbox-route
smsbox-id = box
smsc-id = FAKE

group = sendsms-user
username = manyi
password = pass
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = "%s?reply=%%I&from=%%p&to=%%P&text=%%a&time=%%T"
catch-all = true
max-messages = 0
accept-x-kannel-headers = true
`, freePort(t), freePort(t), filepath.Join(k.dir, "store"), k.smsc, k.send, callback)
	if err := os.WriteFile(filepath.Join(k.dir, "kannel.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// settings is how a server at a base URL is told of it, as pairs of the environment.
func (k *kannelIn) settings(base, callback string) []string {
	return []string{"MANYI_BASE_URL", base, "MANYI_SMS_GATEWAY", "kannel", "MANYI_SMS_URL", fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", k.send),
		"MANYI_SMS_USER", "manyi", "MANYI_SMS_SECRET", "pass", "MANYI_SMS_FROM", "10690001", "MANYI_SMS_CALLBACK", callback}
}

func (k *kannelIn) listens(port int) bool {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		c.Close()
	}
	return err == nil
}

func (k *kannelIn) run(name string, args ...string) *exec.Cmd {
	k.t.Helper()
	log, err := os.OpenFile(filepath.Join(k.dir, filepath.Base(name)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		k.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = k.dir, log, log
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// start starts the gateway; its phones come by themselves.
func (k *kannelIn) start() {
	k.t.Helper()
	bearer := k.run("bearerbox", "kannel.conf")
	eventually(k.t, "bearerbox listens", time.Minute, func() bool { return k.listens(k.smsc) })
	box := k.run("smsbox", "kannel.conf")
	eventually(k.t, "smsbox listens", time.Minute, func() bool { return k.listens(k.send) })
	k.started = []*exec.Cmd{box, bearer}
}

func (k *kannelIn) stop() {
	for _, cmd := range k.started {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// phones answers for all phones: with a message, or by taking what is sent. It ends
// with the function it returns.
func (k *kannelIn) phones(n int, message string) (hangUp func()) {
	cmd := k.run(fakeCarrier, "-H", "127.0.0.1", "-r", fmt.Sprint(k.smsc), "-i", "0.1", "-m", fmt.Sprint(n), message)
	return func() { cmd.Process.Kill(); cmd.Wait() }
}

func (k *kannelIn) received() string {
	text, _ := os.ReadFile(filepath.Join(k.dir, "fakesmsc.log"))
	return string(text)
}

func eventually(t testing.TB, what string, within time.Duration, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// TestARatingByTextMessageThroughKannel: an invitation goes out, a report comes back,
// and a reply in Chinese is in the figures; the gateway is away at first and dies in between.
// On both engines.
func TestARatingByTextMessageThroughKannel(t *testing.T) {
	needKannel(t)
	if testing.Short() {
		t.Skip("takes a minute")
	}
	onBothEngines(t, ratedThroughKannel)
}

func ratedThroughKannel(t *testing.T, on site) {
	const phone, callback = "13800138000", "0123456789abcdefghijklmn"
	b := on.base
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	codes, err := b.store.Codes(ctx, demo.SurveyID, "")
	must(err)
	phones, err := b.phones()
	must(err)
	s, err := b.store.Survey(ctx, demo.SurveyID)
	must(err)
	done := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	visit := survey.Visit{Survey: demo.SurveyID, Case: survey.CaseRef{Number: "KANNEL-1", Stage: "1"}, Window: codes[0].Window, Item: "社保卡",
		FinishedAt: done, Day: survey.DayOf(done, s.Location()), Language: "zh"}
	sealed, err := phones.ForVisit(visit, phone)
	must(err)
	visit.Phone = &sealed
	_, err = b.store.PutVisits(ctx, []survey.Visit{visit})
	must(err)
	campaign := survey.NewCampaign(demo.SurveyID, "【满意】")
	campaign.Delay, campaign.From, campaign.To, campaign.State = 0, 0, 24, survey.CampaignRunning
	must(b.store.PutCampaign(ctx, campaign))
	invite, err := b.messageJobs(b.gateway, slog.New(slog.DiscardHandler)) // by itself it looks every five minutes
	must(err)
	n, err := invite[0].Run(ctx, jobs.Turn{Now: time.Now().UTC()})
	if err != nil || n != 1 {
		t.Fatalf("%d invitations, %v", n, err)
	}
	token, hashed := web.NewToken(survey.Actor{Name: "t", Role: survey.Organiser}, time.Now())
	must(b.store.AddToken(ctx, hashed))

	port := freePort(t)
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	k := newKannel(t, base+"/sms/"+callback)
	p := on.prepare(fmt.Sprintf("127.0.0.1:%d", port), k.settings(base, callback)...)
	p.serve(t)
	id := survey.MessageID(survey.InvitationKey(demo.SurveyID, visit.Case))
	state := func() survey.Message {
		m, err := b.store.Message(ctx, id)
		if err != nil {
			return survey.Message{}
		}
		return m
	}
	eventually(t, "the invitation is tried and waits, as there is no gateway", 90*time.Second, func() bool {
		m := state()
		return m.State == survey.MessageQueued && m.Claim > 0
	})
	k.start()
	hangUp := k.phones(0, phone+" 10690001 text nop")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the invitation: %+v", state().Trail)
			for _, name := range []string{"bearerbox.log", "smsbox.log", "fakesmsc.log"} {
				text, _ := os.ReadFile(filepath.Join(k.dir, name))
				t.Logf("%s: %s", name, text[max(0, len(text)-3000):])
			}
		}
	})
	eventually(t, "the invitation is delivered", 75*time.Second, func() bool { return state().State == survey.MessageDelivered })
	if n = strings.Count(k.received(), "Got message"); n != 1 {
		t.Errorf("the phone got %d messages, want 1: %s", n, k.received())
	}
	hangUp()
	k.stop()
	k.start()
	before := get(t, base+"/api/v1/figures?by=window&format=csv", token)
	hangUp = k.phones(1, phone+" 10690001 ucs2 %FF%15%30%02%5F%88%59%7D") // ５。很好
	sms := func() (list []survey.Listed) {
		must(b.store.Responses(ctx, survey.ResponseQuery{Survey: demo.SurveyID}, func(l survey.Listed) error {
			if l.Channel == survey.ChannelSMS {
				list = append(list, l)
			}
			return nil
		}))
		return list
	}
	eventually(t, "the reply is a response", 60*time.Second, func() bool { return len(sms()) > 0 })
	r := sms()[0]
	if r.Level != survey.VerySatisfied || r.Comment != "很好" || r.Case != visit.Case || r.Tie != survey.TieProven || r.Standing != survey.Counted {
		t.Errorf("the response: %+v", r)
	}
	eventually(t, "it is in the figures", 60*time.Second, func() bool {
		return get(t, base+"/api/v1/figures?by=window&format=csv", token) != before
	})
	if text := get(t, base+"/api/v1/responses?format=jsonl", token); !strings.Contains(text, "KANNEL-1") {
		t.Error("the API does not show the response")
	}
	// The same again, as gateways do when an answer is lost.
	var in []survey.Inbound
	eventually(t, "what came in is settled", time.Minute, func() bool {
		in, err = b.store.Inbounds(ctx, survey.InboundQuery{Limit: 9})
		must(err)
		return len(in) == 1 && in[0].Fate == survey.FateCounted
	})
	for range 2 {
		get(t, base+"/sms/"+callback+"?"+url.Values{"reply": {in[0].ID}, "from": {phone}, "to": {"10690001"}, "text": {"1"}}.Encode(), "")
	}
	in, err = b.store.Inbounds(ctx, survey.InboundQuery{Limit: 9})
	must(err)
	if len(in) != 1 || len(sms()) != 1 {
		t.Errorf("after a repetition: %d came in, %d responses", len(in), len(sms()))
	}
	hangUp()
	for _, hidden := range []string{phone, callback, "很好", "pass"} {
		if slices.Contains(strings.FieldsFunc(p.log.String(), func(r rune) bool { return strings.ContainsRune(` "/?&=:,{}`, r) }), hidden) {
			t.Errorf("the log holds %q", hidden)
		}
	}
}

func get(t testing.TB, address, token string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", strings.Split(address, "?")[0], res.StatusCode, err)
	}
	return string(text)
}
