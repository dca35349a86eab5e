package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/storetest"
)

// newRecheckSite is a site whose survey draws a share of its interviews.
func newRecheckSite(t *testing.T, share float64) *site {
	t.Helper()
	s := newEmptySite(t)
	s.survey.Rules.Interviews.Recheck = share
	must(t, s.store.PutPlaces(t.Context(), storetest.Places()))
	must(t, s.store.AddSurvey(t.Context(), s.survey))
	return s
}

// drawn lists the addresses of the re-checks of a list.
func (d desk) drawn(show string) (list []string) {
	d.t.Helper()
	page := d.get("/console/rechecks?survey="+d.survey.ID+"&show="+show, d.as).page(d.t)
	for _, a := range page.Find("#rechecks a").EachIter() {
		list = append(list, a.AttrOr("href", ""))
	}
	return list
}

// press sends a form of a re-check's page as it stands there.
func (d desk) press(address, step string, with ...string) answer {
	d.t.Helper()
	form := url.Values{}
	for _, in := range d.get(address, d.as).page(d.t).Find("form[data-step=" + step + "] input[type=hidden]").EachIter() {
		form.Set(in.AttrOr("name", ""), in.AttrOr("value", ""))
	}
	if len(form) == 0 {
		d.t.Fatalf("%s has no form for %s", address, step)
	}
	for i := 0; i+1 < len(with); i += 2 {
		form.Set(with[i], with[i+1])
	}
	return d.post(address, form, d.as)
}

func TestAPhoneIsAskedForOnlyWhereInterviewsAreDrawn(t *testing.T) {
	for share, asks := range map[float64]bool{0: false, 1: true} {
		s := newRecheckSite(t, share)
		wu := s.judge("wu", "350102-HR")
		page := s.get("/console/interviews", wu.as).page(t)
		box := page.Find("#interview [name=consent]")
		if (page.Find("#interview [name=phone]").Length() == 1) != asks || (box.Length() == 1) != asks {
			t.Errorf("at a share of %v a phone is asked for: %v", share, !asks)
		}
		if _, ticked := box.Attr("checked"); ticked {
			t.Error("the consent is ticked from the start")
		}
		a := s.post("/console/interviews", wu.asked("phone", citizenPhone), wu.as)
		if asks {
			if back := a.page(t); a.StatusCode != http.StatusUnprocessableEntity || back.Find("#f-consent").Length() != 1 ||
				back.Find("[name=phone]").AttrOr("value", "") != citizenPhone || len(s.rows()) != 0 {
				t.Errorf("a phone without consent: status %d", a.StatusCode)
			}
			if a := s.post("/console/interviews", wu.asked("phone", "12", "consent", "yes"), wu.as); a.page(t).Find("#f-phone").Length() != 1 {
				t.Errorf("a phone that is none: status %d", a.StatusCode)
			}
			continue
		}
		if _, err := s.store.Contact(t.Context(), s.rows()[0].Key); !errors.Is(err, survey.ErrNotFound) || a.StatusCode != http.StatusOK {
			t.Errorf("a phone that was not asked for is kept: status %d, %v", a.StatusCode, err)
		}
	}
}

// TestOnlyTheDrawnPhonesAreKept: about the share of those with a phone.
func TestOnlyTheDrawnPhonesAreKept(t *testing.T) {
	s := newRecheckSite(t, .5)
	wu := s.judge("wu", "350102-HR")
	for i := range 40 {
		with := []string{"level", "very_satisfied"}
		if i%4 != 3 {
			with = append(with, "level", "satisfied", "phone", citizenPhone, "consent", "yes", "name", "林女士")
		}
		s.post("/console/interviews", wu.asked(with...), wu.as)
		s.pass(10 * time.Second) // or too many would come at a time
	}
	kept := 0
	for _, r := range s.rows() {
		_, err := s.store.Contact(t.Context(), r.Key)
		_, drawn := s.store.Recheck(t.Context(), r.Key)
		want := r.Level == survey.Satisfied && s.secrets().Drawn(r.Key, .5)
		if (err == nil) != want || (drawn == nil) != want || r.Recheck {
			t.Errorf("%v: contact %v, re-check %v, want both: %v", r.Level, err, drawn, want)
		}
		if want {
			kept++
		}
	}
	if len(s.rows()) != 40 || kept < 5 || kept > 25 {
		t.Errorf("%d of 30 phones are kept at a share of a half, of %d interviews", kept, len(s.rows()))
	}
}

// TestTheReceiptOfAnInterviewProvesNoPhone: who made the interview knows it, and would
// learn whether it was drawn.
func TestTheReceiptOfAnInterviewProvesNoPhone(t *testing.T) {
	p := newPhones(t)
	f := storetest.NewFacts(1, p.survey)
	receipt := func(with ...func(*survey.Response)) string {
		r := f.Response(storetest.GulouHR1, p.clock(), with...)
		if r.Contact != nil {
			r.Contact = &survey.SealedContact{KeyID: "k", Sealed: []byte("x"), PhoneHash: []byte("p"), Follow: p.secrets().FollowUpOf(r.Key)}
		}
		_, err := p.store.AddResponses(t.Context(), []survey.Response{r})
		must(t, err)
		return p.secrets().ReceiptOf(r.Key)
	}
	p.says("drawn", p.asks(receipt(storetest.Drawn), "send", ""), VerifyNone)
	p.says("not drawn", p.asks(receipt(), "send", ""), VerifyNone)
}

func TestAnInterviewIsCalledBackBySomebodyElse(t *testing.T) {
	s := newRecheckSite(t, 1)
	wu, li := s.judge("wu", "350102-HR"), s.judge("li", "350203-TAX")
	boss, judge := s.desk("boss", survey.Organiser, ""), s.desk("jury", survey.Reviewer, "")
	auditor := s.desk("auditor", survey.Auditor, "350100")
	for i, level := range []string{"very_satisfied", "satisfied", "dissatisfied"} {
		s.post("/console/interviews", wu.asked("level", level, "comment", "慢", "phone", citizenPhone, "consent", "yes"), wu.as)
		s.pass(time.Duration(i+1) * time.Minute)
	}
	s.post("/console/interviews", li.asked("window", storetest.SimingTax, "phone", citizenPhone, "consent", "yes"), li.as)
	s.post("/console/interviews", li.asked("window", storetest.SimingTax), li.as) // without a phone
	open := boss.drawn("open")
	if len(open) != 4 || len(auditor.drawn("open")) != 3 {
		t.Fatalf("%d are drawn, and %d for the auditor of a city", len(open), len(auditor.drawn("open")))
	}
	if s.get("/console/evaluations", boss.as).page(t).Find("a[href^='/console/rechecks']").Length() != 1 {
		t.Error("the page of evaluations does not lead to the re-checks")
	}

	// Who looks sees the number once, on record; the level that was entered never.
	page := s.get(open[0], boss.as)
	if strings.Contains(page.text, citizenPhone) || page.page(t).Find("form[data-step=called]").Length() != 0 || strings.Contains(page.text, "非常满意") {
		t.Error("before a look the page shows the number, what was answered, or a form for the outcome")
	}
	if a := boss.press(open[0], "revealed"); !strings.Contains(a.text, citizenPhone) || a.StatusCode != http.StatusOK {
		t.Errorf("the look: status %d", a.StatusCode)
	}
	if page := s.get(open[0], boss.as); strings.Contains(page.text, citizenPhone) || page.page(t).Find("[data-step=revealed].step").Length() != 1 ||
		page.page(t).Find(".timeline [data-step=revealed]").Length() != 1 {
		t.Error("the number is shown again, or the look is not on record")
	}
	if a := boss.press(open[0], "called", "outcome", "confirmed"); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without a level: status %d", a.StatusCode)
	}
	stale := url.Values{"csrf": {boss.csrf}, "no": {"1"}, "step": {"called"}, "outcome": {"refused"}}
	if a := s.post(open[0], stale, boss.as); a.StatusCode != http.StatusConflict || a.page(t).Find("[data-overtaken]").Length() != 1 {
		t.Errorf("a form that was overtaken: status %d", a.StatusCode)
	}
	outcome := func(address string) string {
		return s.get(address, auditor.as).page(t).Find("[data-outcome]").AttrOr("data-outcome", "")
	}
	call := func(d desk, address, want string, with ...string) {
		t.Helper()
		d.press(address, "revealed")
		if a := d.press(address, "called", with...); a.StatusCode != http.StatusSeeOther || outcome(address) != want {
			t.Errorf("status %d, outcome %q, want %s", a.StatusCode, outcome(address), want)
		}
	}
	call(boss, open[0], "not_reached", "outcome", "not_reached")
	if len(boss.drawn("open")) != 4 {
		t.Error("who was not reached is not on the list any more")
	}
	call(judge, open[0], "confirmed", "outcome", "confirmed", "level", "very_satisfied")
	call(judge, open[1], "level_differs", "outcome", "confirmed", "level", "dissatisfied", "note", "改打"+citizenPhone)
	call(boss, open[2], "refused", "outcome", "refused")
	if a := boss.press(open[2], "called", "outcome", "no_interview"); a.StatusCode != http.StatusUnprocessableEntity || a.page(t).Find(".fault").Length() == 0 {
		t.Errorf("a change without a reason: status %d", a.StatusCode)
	}
	call(boss, open[2], "no_interview", "outcome", "no_interview", "note", "按错了")
	if open, done, against := boss.drawn("open"), boss.drawn("done"), boss.drawn("contradicted"); len(open) != 1 || len(done) != 3 || len(against) != 2 {
		t.Errorf("%d open, %d done, %d contradicted", len(open), len(done), len(against))
	}
	counts := s.get("/console/rechecks", judge.as).page(t)
	for name, want := range map[string]string{"wu": "3 3 1 2 0", "li": "1 0 0 0 0"} {
		var cells []string
		for _, td := range counts.Find("tr[data-interviewer=" + name + "] td").EachIter() {
			cells = append(cells, td.Text())
		}
		if got := strings.Join(cells, " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	// An auditor reads and does not act; the interviewer sees nothing of it.
	if page := s.get(open[1], auditor.as); page.page(t).Find("form[data-step]").Length() != 0 || page.page(t).Find(".timeline li").Length() != 2 || strings.Contains(page.text, citizenPhone) {
		t.Error("the auditor's page")
	}
	for name, c := range map[string]struct {
		as     desk
		post   bool
		status int
	}{"an auditor calls": {auditor, true, 403}, "the interviewer reads": {wu.desk, false, 403}, "the interviewer calls": {wu.desk, true, 403}} {
		a := s.get(open[3], c.as.as)
		if c.post {
			a = s.post(open[0], url.Values{"csrf": {c.as.csrf}, "no": {"1"}, "step": {"revealed"}}, c.as.as)
		}
		if a.StatusCode != c.status || strings.Contains(a.text, citizenPhone) {
			t.Errorf("%s: status %d", name, a.StatusCode)
		}
	}
	if a := s.get(open[3], auditor.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("of another city: status %d", a.StatusCode)
	}
	// Nor does the same account in another role.
	u, err := s.store.User(t.Context(), "wu")
	must(t, err)
	u.Role = survey.Organiser
	must(t, s.store.PutUser(t.Context(), u))
	own, csrf, _ := s.signIn("wu", password)
	for _, a := range []answer{s.get(open[0], own), s.post(open[0], url.Values{"csrf": {csrf}, "no": {"4"}, "step": {"revealed"}}, own)} {
		if a.StatusCode != http.StatusNotFound || strings.Contains(a.text, citizenPhone) {
			t.Errorf("their own interview, in another role: status %d", a.StatusCode)
		}
	}
	if list := (desk{s, own, csrf}).drawn("open"); len(list) != 1 {
		t.Errorf("their own list has %d", len(list))
	}
	// Nothing of it in figures, logs or files.
	if line := s.log.String(); !strings.Contains(line, `"interview re-checked"`) || strings.Contains(line, citizenPhone) {
		t.Errorf("the log says %.300s", line)
	}
	whole := s.token(survey.Auditor, "")
	for _, path := range []string{"/api/v1/responses?format=csv", "/api/v1/responses?format=jsonl", "/api/v1/quality-flags"} {
		if a := s.get(path, whole); a.StatusCode != http.StatusOK || strings.Contains(a.text, citizenPhone) || strings.Contains(a.text, "recheck") {
			t.Errorf("%s: status %d: %.200s", path, a.StatusCode, a.text)
		}
	}
	// After its time the number is gone, and what came of the call stays.
	s.pass(200 * 24 * time.Hour)
	erased, err := jobs.EraseOld(t.Context(), s.store, 180*24*time.Hour, s.clock())
	if err != nil || erased[survey.SealedContacts] != 4 {
		t.Fatalf("%v, %v", erased, err)
	}
	boss.as, boss.csrf, _ = s.signIn("boss", password)
	if a := boss.press(open[0], "revealed"); a.page(t).Find("[data-erased]").Length() != 1 || strings.Contains(a.text, citizenPhone) {
		t.Errorf("a look at what is erased: status %d", a.StatusCode)
	}
	if len(boss.drawn("done")) != 3 {
		t.Error("what came of the calls is gone with the numbers")
	}
}
