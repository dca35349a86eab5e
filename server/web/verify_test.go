package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/sms"
	"manyi/survey/sms/outbox"
	"manyi/survey/storetest"
)

// phones is a site as the demo has it: codes go to an outbox.
type phones struct {
	*site
	box  *outbox.Outbox
	mu   sync.Mutex
	fail error // what the way out answers
}

func (p *phones) Send(ctx context.Context, m sms.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	return p.box.Send(ctx, m)
}

func newPhones(t testing.TB, with ...func(*Deps)) *phones {
	t.Helper()
	p := &phones{}
	p.site = newSite(t, append(with, func(d *Deps) {
		p.box = outbox.New(d.Now)
		d.SMS, d.SMSSignature, d.Outbox = p, "【满意】", p.box.Last
	})...)
	return p
}

func receiptOn(t testing.TB, a answer) string {
	t.Helper()
	receipt := a.page(t).Find("[data-receipt]").AttrOr("data-receipt", "")
	if receipt == "" {
		t.Fatalf("status %d, and no receipt", a.StatusCode)
	}
	return receipt
}

// rated rates with a phone and returns the receipt.
func (p *phones) rated(code, level, phone string, with ...string) string {
	p.t.Helper()
	return receiptOn(p.t, p.rate(code, level, append(with, "comment", "等了很久", "phone", phone, "consent", "1")...))
}

// asks presses a button of the page as a browser of its own, unless it is given one.
func (p *phones) asks(receipt, do, code string, with ...func(*http.Request)) answer {
	p.t.Helper()
	return p.post("/verify", url.Values{"receipt": {receipt}, "do": {do}, "code": {code}}, with...)
}

func noticeOn(t testing.TB, a answer) string {
	t.Helper()
	return a.page(t).Find("[data-notice]").AttrOr("data-notice", "")
}

// says expects a notice.
func (p *phones) says(what string, a answer, want VerifyNotice) {
	p.t.Helper()
	if got := noticeOn(p.t, a); got != string(want) {
		p.t.Errorf("%s: status %d, notice %q, want %q", what, a.StatusCode, got, want)
	}
}

var digits = regexp.MustCompile(`\d{6}`)

// got is the code of the last message.
func (p *phones) got() string {
	p.t.Helper()
	last := p.box.Last()
	if len(last) == 0 {
		p.t.Fatal("no message")
	}
	return digits.FindString(last[0].Message.Text)
}

// other is six digits that are not the code.
func other(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func (p *phones) identified() (n int) {
	p.t.Helper()
	must(p.t, p.store.Cases(context.Background(), survey.CaseQuery{}, func(c survey.Case) error {
		progress := c.Progress(zeroTime, p.survey.Location())
		if progress.Identified != c.RealName(progress) {
			p.t.Errorf("identified %v, real-name %v", progress.Identified, c.RealName(progress))
		}
		if progress.Identified {
			n++
		}
		return nil
	}))
	return n
}

func TestACitizenProvesThePhone(t *testing.T) {
	for name, opened := range map[string]bool{"of an open case": true, "of a case that is owed": false} {
		t.Run(name, func(t *testing.T) {
			p := newPhones(t)
			receipt := p.rated(p.code(storetest.GulouHR1), "dissatisfied", citizenPhone)
			if opened {
				p.openCases()
			}
			sent := p.asks(receipt, "send", "")
			p.says("asked for a code", sent, VerifySent)
			masked := survey.MaskPhone(citizenPhone)
			if got := sent.page(t).Find("[data-phone]").Text(); got != masked || strings.Contains(sent.text, citizenPhone) {
				t.Errorf("the page shows the phone as %q, want %q and nothing more", got, masked)
			}
			m := p.box.Last()[0].Message
			if m.To != citizenPhone || !strings.HasPrefix(m.Text, "【满意】") || m.ID == "" || strings.Contains(m.Text, "好评") {
				t.Errorf("message %+v", m)
			}
			if n := len([]rune(m.Text)); n > 70 {
				t.Errorf("the message has %d characters, and is charged as two", n)
			}
			code := p.got()
			if strings.Contains(sent.text, code) {
				t.Error("the page shows the code")
			}
			wrong := p.asks(receipt, "check", other(code))
			p.says("a wrong code", wrong, VerifyWrong)
			if a := p.asks(receipt, "check", "12"); a.StatusCode != http.StatusUnprocessableEntity || a.page(t).Find("#f-code").Length() != 1 {
				t.Errorf("no code at all: status %d", a.StatusCode)
			}
			p.openCases()
			if n := p.identified(); n != 0 {
				t.Errorf("before the code: %d real-name cases", n)
			}
			typed := code[:3] + " " + code[3:]
			p.says("the right code", p.asks(strings.ToLower(receipt), "check", typed), VerifyProved)
			p.openCases()
			p.openCases()
			if n := p.identified(); n != 1 {
				t.Errorf("after the code: %d real-name cases, want 1", n)
			}
			p.says("a code once more", p.asks(receipt, "send", ""), VerifyProved)
			p.says("a guess once more", p.asks(receipt, "check", other(code)), VerifyProved)
			if n := len(p.box.Last()); n != 1 {
				t.Errorf("%d messages, want 1", n)
			}
			for _, secret := range []string{citizenPhone, code, receipt} {
				if strings.Contains(p.log.String(), secret) {
					t.Errorf("the log holds %q", secret)
				}
			}
			if !strings.Contains(p.log.String(), "a phone was proved") {
				t.Error("the log says nothing")
			}
		})
	}
}

func TestOneResponsesCodeProvesNoOther(t *testing.T) {
	p := newPhones(t)
	code := p.code(storetest.GulouHR1)
	mine, theirs := p.rated(code, "dissatisfied", citizenPhone), p.rated(code, "dissatisfied", citizenPhone)
	p.says("mine", p.asks(mine, "send", ""), VerifySent)
	sent := p.got()
	p.says("another's, none sent", p.asks(theirs, "check", sent), VerifyOver)
	p.says("another's", p.asks(theirs, "send", ""), VerifySent)
	if p.got() != sent { // once in a million
		p.says("my code for another's", p.asks(theirs, "check", sent), VerifyWrong)
	}
	p.says("my code for mine", p.asks(mine, "check", sent), VerifyProved)
	p.openCases()
	if n := p.identified(); n != 1 {
		t.Errorf("%d real-name cases, want 1", n)
	}
}

func TestACodeIsOver(t *testing.T) {
	p := newPhones(t)
	receipt := p.rated(p.code(storetest.GulouHR1), "dissatisfied", citizenPhone)
	p.says("before any", p.asks(receipt, "check", "123456"), VerifyOver)
	p.says("first", p.asks(receipt, "send", ""), VerifySent)
	first := p.got()
	p.pass(survey.CodeLife)
	p.says("at the end of its life", p.asks(receipt, "check", first), VerifyOver)
	p.says("second", p.asks(receipt, "send", ""), VerifySent)
	second := p.got()
	for range survey.CodeTries {
		p.says("wrong", p.asks(receipt, "check", other(second)), VerifyWrong)
	}
	p.says("right, too late", p.asks(receipt, "check", second), VerifyOver)
	p.says("third", p.asks(receipt, "send", ""), VerifySent)
	p.pass(survey.CodeLife - time.Millisecond)
	p.says("at the last moment", p.asks(receipt, "check", p.got()), VerifyProved)
}

func TestAnAnonymousReviewStaysSo(t *testing.T) {
	p := newPhones(t)
	p.code(storetest.GulouHR1)
	f := storetest.NewFacts(1, p.survey)
	secrets := p.secrets()
	contact := func(r *survey.Response) {
		r.Contact = &survey.SealedContact{KeyID: "k", Sealed: []byte("x"), PhoneHash: []byte("p"), Follow: secrets.FollowUpOf(r.Key)}
	}
	r := f.Response(storetest.GulouHR1, p.clock(), storetest.Bad, func(r *survey.Response) { r.Anonymous = true }, contact)
	_, err := p.store.AddResponses(t.Context(), []survey.Response{r})
	must(t, err)
	receipt := secrets.ReceiptOf(r.Key)
	p.says("asks", p.asks(receipt, "send", ""), VerifyNone)
	if n := len(p.box.Last()); n != 0 {
		t.Errorf("%d messages", n)
	}
	// Even a proof that got there somehow changes nothing.
	must(t, p.store.PutCode(t.Context(), r.Key, []byte("c"), p.clock().Add(time.Minute)))
	if try, err := p.store.TryCode(t.Context(), r.Key, []byte("c"), p.clock()); err != nil || try != survey.CodeRight {
		t.Fatal(try, err)
	}
	p.openCases()
	if n := p.identified(); n != 0 {
		t.Errorf("%d real-name cases", n)
	}
	if owed, err := p.store.OwedProofs(t.Context(), 1); err != nil || len(owed) != 0 {
		t.Errorf("still owed: %d, %v", len(owed), err)
	}
}

func TestLimitsOfCodes(t *testing.T) {
	p := newPhones(t)
	window, next := p.code(storetest.GulouHR1), p.code(storetest.SimingTax)
	limited := func(what string, a answer) {
		t.Helper()
		p.says(what, a, VerifyLimited)
		if a.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: status %d", what, a.StatusCode)
		}
	}
	without := receiptOn(t, p.rate(window, "satisfied"))
	browser := cookies(p.get("/q/" + window).Cookies())

	// A number, over all its responses, whoever asks.
	a, b := p.rated(window, "dissatisfied", citizenPhone), p.rated(next, "satisfied", citizenPhone)
	for _, receipt := range []string{a, b, a} {
		p.says("number", p.asks(receipt, "send", ""), VerifySent)
	}
	withPhone := p.asks(b, "send", "")
	limited("number", withPhone)
	p.pass(time.Hour)
	p.says("number, an hour later", p.asks(a, "send", ""), VerifySent)
	p.says("number, an hour later", p.asks(b, "send", ""), VerifySent)
	limited("number, the day's limit", p.asks(b, "send", ""))
	if n := len(p.box.Last()); n != survey.CodesPerPhoneDay {
		t.Errorf("%d messages, want %d", n, survey.CodesPerPhoneDay)
	}

	// A receipt without a phone: the same words.
	for range survey.CodesPerPhoneHour {
		p.says("no phone", p.asks(without, "send", ""), VerifyNone)
	}
	withoutPhone := p.asks(without, "send", "")
	limited("no phone", withoutPhone)
	if strings.ReplaceAll(withPhone.text, b, "") != strings.ReplaceAll(withoutPhone.text, without, "") {
		t.Error("over the limit the page tells whether a phone was left")
	}

	// A device, over all numbers.
	n := 0
	fresh := func() string { n++; return p.rated(window, "dissatisfied", fmt.Sprintf("1390000%04d", n)) }
	for range survey.CodesPerDeviceHour {
		p.says("device", p.asks(fresh(), "send", "", browser), VerifySent)
	}
	last := fresh()
	limited("device", p.asks(last, "send", "", browser))
	limited("device, without a phone", p.asks("7K3M-0Q9A-XW2D-51TZ", "send", "", browser))
	p.says("another device", p.asks(last, "send", ""), VerifySent)
	p.says("the code of another device", p.asks(last, "check", p.got(), browser), VerifyProved)

	// A window, over all devices and numbers.
	p.pass(survey.MaxLimit)
	for range survey.CodesPerWindowHour {
		p.says("window", p.asks(fresh(), "send", ""), VerifySent)
	}
	limited("window", p.asks(fresh(), "send", ""))
	p.says("another window", p.asks(p.rated(next, "satisfied", "13700000001"), "send", ""), VerifySent)
}

// What all phones together may cost has an end, which the operator hears of and
// which is the same for who left no phone.
func TestCodesOfADayRunOut(t *testing.T) {
	var log bytes.Buffer
	p := newPhones(t, func(d *Deps) { d.CodesPerDay, d.Log = 2, slog.New(slog.NewTextHandler(&log, nil)) })
	code := p.code(storetest.GulouHR1)
	health := func(want string, out bool) {
		t.Helper()
		var r readiness
		must(t, json.Unmarshal([]byte(p.get("/readyz").text), &r))
		if r.Status != want || r.CodesOut != out {
			t.Errorf("readyz %+v, want %s", r, want)
		}
	}
	without := receiptOn(t, p.rate(code, "satisfied"))
	p.says("first", p.asks(p.rated(code, "satisfied", "13900000001"), "send", ""), VerifySent)
	p.says("no phone: not counted", p.asks(without, "send", ""), VerifyNone)
	health("ok", false)
	p.says("second", p.asks(p.rated(code, "satisfied", "13900000002"), "send", ""), VerifySent)
	health("degraded", true)
	p.says("third", p.asks(p.rated(code, "satisfied", "13900000003"), "send", ""), VerifyLimited)
	p.says("no phone", p.asks(without, "send", ""), VerifyLimited)
	if n := strings.Count(log.String(), "MANYI_SMS_CODES_PER_DAY"); n != 1 {
		t.Errorf("the log says so %d times, want once:\n%s", n, &log)
	}
	p.pass(survey.MaxLimit)
	health("ok", false)
	p.says("a day later", p.asks(p.rated(code, "satisfied", "13900000003"), "send", ""), VerifySent)
	if n := len(p.box.Last()); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

// Whoever looks over the citizen's shoulder learns nothing about the level, at any step.
func TestEveryLevelIsAnsweredAlike(t *testing.T) {
	p := newPhones(t)
	code := p.code(storetest.GulouHR1)
	var want []string
	for i, level := range survey.Levels {
		phone := fmt.Sprintf("1380000%04d", i)
		thanks := p.rate(code, level.String(), "comment", "等了很久", "phone", phone, "consent", "1")
		receipt := receiptOn(t, thanks)
		p.openCases()
		pages := []answer{thanks, p.asks(receipt, "", ""), p.asks(receipt, "send", "")}
		sent := p.got()
		pages = append(pages, p.asks(receipt, "check", other(sent)), p.asks(receipt, "check", "x"), p.asks(receipt, "check", sent))
		p.openCases()
		pages = append(pages, p.asks(receipt, "send", ""), p.asks(receipt, "check", sent), p.look(receipt))
		if thanks.page(t).Find(`form[action="/verify"]`).Length() != 1 || p.look(receipt).page(t).Find(`a[href^="/verify"]`).Length() != 1 {
			t.Errorf("%s is not offered to prove the phone", level)
		}
		for j, a := range pages {
			text := strings.NewReplacer(receipt, "", survey.MaskPhone(phone), "").Replace(a.text)
			for group := range strings.SplitSeq(receipt, "-") {
				text = strings.ReplaceAll(text, "<span>"+group+"</span>", "")
			}
			if i == 0 {
				want = append(want, text)
			} else if text != want[j] {
				t.Errorf("page %d after %s differs from that after %s", j, level, survey.Levels[0])
			}
		}
	}
	if n := p.identified(); n != 2 {
		t.Errorf("%d real-name cases, want one for each bad level", n)
	}
}

func TestNothingIsOfferedWithoutAWayOut(t *testing.T) {
	s := newSite(t)
	thanks := s.rate(s.code(storetest.GulouHR1), "satisfied")
	for name, a := range map[string]answer{"thanks": thanks, "follow": s.get("/follow")} {
		if strings.Contains(a.text, "/verify") {
			t.Errorf("%s offers to prove the phone", name)
		}
	}
	s.addUser("admin", survey.Organiser, "")
	as, _, _ := s.signIn("admin", password)
	for name, a := range map[string]answer{"page": s.get("/verify"), "form": s.post("/verify", url.Values{"do": {"send"}, "receipt": {receiptOn(t, thanks)}}),
		"outbox": s.get("/console/outbox", as)} {
		if a.StatusCode != http.StatusNotFound || !strings.Contains(a.text, "没有这个页面") {
			t.Errorf("%s: status %d", name, a.StatusCode)
		}
	}
	if a := s.get("/console/status", as); strings.Contains(a.text, "/console/outbox") {
		t.Error("the console names an outbox that is not there")
	}
}

func TestTheOutboxIsReadByOrganisers(t *testing.T) {
	p := newPhones(t)
	p.addUser("admin", survey.Organiser, "")
	as, _, _ := p.signIn("admin", password)
	if p.get("/console/outbox", as).page(t).Find("[data-empty]").Length() != 1 {
		t.Error("an empty outbox does not say so")
	}
	p.says("asks", p.asks(p.rated(p.code(storetest.GulouHR1), "dissatisfied", citizenPhone), "send", ""), VerifySent)
	a := p.get("/console/outbox", as)
	rows := a.page(t).Find("article.message")
	if rows.Length() != 1 || !strings.Contains(rows.Find("[data-text]").Text(), p.got()) || rows.Find("[data-phone]").Text() != survey.MaskPhone(citizenPhone) ||
		strings.Contains(a.text, citizenPhone) {
		t.Errorf("outbox: %s", rows.Text())
	}
	if a.page(t).Find(`nav a[href^="/console/outbox"][aria-current]`).Length() != 1 {
		t.Error("the console does not name its outbox")
	}
}

func TestAGatewayThatFails(t *testing.T) {
	p := newPhones(t)
	receipt := p.rated(p.code(storetest.GulouHR1), "dissatisfied", citizenPhone)
	for name, c := range map[string]struct {
		fail   error
		want   VerifyNotice
		status int
	}{
		"refused":  {fmt.Errorf("gateway said 403: %w", sms.ErrRefused), VerifyRefused, http.StatusOK},
		"again":    {fmt.Errorf("gateway said 503: %w", sms.ErrAgain), VerifyLater, http.StatusServiceUnavailable},
		"unknown":  {errors.New("connection lost"), VerifySent, http.StatusOK},
		"too slow": {context.DeadlineExceeded, VerifySent, http.StatusOK},
	} {
		p.pass(survey.MaxLimit) // each on a day of its own
		p.mu.Lock()
		p.fail = c.fail
		p.mu.Unlock()
		a := p.asks(receipt, "send", "")
		p.says(name, a, c.want)
		if a.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, a.StatusCode, c.status)
		}
	}
	if strings.Contains(p.log.String(), citizenPhone) {
		t.Error("the log holds the phone")
	}
}

// away is a store that does not answer while it is told so.
type away struct {
	survey.Store
	now  atomic.Bool
	lost atomic.Bool // what it did, and nobody heard
}

func (s *away) FollowedResponse(ctx context.Context, follow []byte) (survey.Response, error) {
	if s.now.Load() {
		return survey.Response{}, survey.ErrUnavailable
	}
	return s.Store.FollowedResponse(ctx, follow)
}

func (s *away) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (survey.CodeTry, error) {
	try, err := s.Store.TryCode(ctx, key, code, now)
	if s.lost.Load() {
		return "", survey.ErrUnavailable
	}
	return try, err
}

func TestAProofWaitsForTheDatabase(t *testing.T) {
	store := &away{}
	p := newPhones(t, func(d *Deps) { store.Store, d.Store = d.Store, store })
	receipt := p.rated(p.code(storetest.GulouHR1), "dissatisfied", citizenPhone)
	later := func(a answer) {
		t.Helper()
		p.says("away", a, VerifyLater)
		if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("away: status %d", a.StatusCode)
		}
	}
	store.now.Store(true)
	later(p.asks(receipt, "send", ""))
	p.rated(p.code(storetest.GulouHR1), "dissatisfied", citizenPhone) // ratings go on
	store.now.Store(false)
	p.says("back", p.asks(receipt, "send", ""), VerifySent)
	code := p.got()
	store.lost.Store(true)
	later(p.asks(receipt, "check", code))
	store.lost.Store(false)
	p.says("back", p.asks(receipt, "check", code), VerifyProved)
}

func TestManyRightGuessesAtOnceProveOnce(t *testing.T) {
	p := newPhones(t)
	receipt := p.rated(p.code(storetest.GulouHR1), "dissatisfied", citizenPhone)
	p.says("asks", p.asks(receipt, "send", ""), VerifySent)
	code := p.got()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { p.says("at once", p.asks(receipt, "check", code), VerifyProved) })
	}
	all.Wait()
	for range 3 {
		all.Go(p.openCases)
	}
	all.Wait()
	p.openCases()
	steps := 0
	must(t, p.store.Cases(t.Context(), survey.CaseQuery{}, func(c survey.Case) error {
		for _, e := range c.Entries {
			if e.Step == survey.StepIdentified {
				steps++
			}
		}
		return nil
	}))
	if steps != 1 {
		t.Errorf("%d entries say that the phone was proved, want 1", steps)
	}
}
