package web

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/storetest"
)

// tablet sets up a tablet at a place without the console, and returns its cookie and the
// secret of its link.
func (s *site) tablet(place string) (as func(*http.Request), secret string) {
	s.t.Helper()
	secret, token := NewToken(survey.Actor{Name: "tablet-" + rand.Text(), Role: survey.Tablet, Place: place}, s.clock())
	must(s.t, s.store.AddToken(s.t.Context(), token))
	a := s.get("/kiosk/set-up/" + secret)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/kiosk/rate" {
		s.t.Fatalf("setting a tablet up: status %d", a.StatusCode)
	}
	return cookies(a.Cookies()), secret
}

// tap is an answer as the page sends it.
func (s *site) tap(window, level string, with ...string) url.Values {
	form := url.Values{"id": {newTapID(s.clock())}, "survey": {s.survey.ID}, "window": {window}, "level": {level}, "comment": {""}}
	for i := 0; i+1 < len(with); i += 2 {
		form.Set(with[i], with[i+1])
	}
	return form
}

func newTapID(at time.Time) string {
	raw := make([]byte, survey.FormKeyLen)
	rand.Read(raw)
	for i, ms := 5, at.UnixMilli(); i >= 0; i, ms = i-1, ms>>8 {
		raw[i] = byte(ms)
	}
	return hex.EncodeToString(raw)
}

func (a answer) kiosk(t testing.TB) (k kioskAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.text), &k); err != nil {
		t.Fatalf("status %d: %v: %.100s", a.StatusCode, err, a.text)
	}
	return k
}

func TestATabletCountsAnAnswerOnceHoweverOftenItIsSent(t *testing.T) {
	s := newSite(t)
	as, _ := s.tablet("350102-HR-01")
	good, bad := s.tap(storetest.GulouHR1, "satisfied"), s.tap(storetest.GulouHR2, "dissatisfied", "reason", "207")
	for range 3 {
		for _, form := range []url.Values{good, bad} {
			a := s.post("/kiosk/rate", form, as)
			if k := a.kiosk(t); a.StatusCode != http.StatusOK || !k.Stored || k.ID != form.Get("id") || k.Refused != "" {
				t.Fatalf("status %d, %+v", a.StatusCode, k)
			}
		}
		s.pass(time.Hour)
	}
	rows := s.rows()
	if len(rows) != 2 {
		t.Fatalf("%d responses, want 2", len(rows))
	}
	for _, r := range rows {
		if r.Channel != survey.ChannelTablet || r.Flags != 0 {
			t.Errorf("channel %v, flags %v", r.Channel, r.Flags.Names())
		}
	}
	// What waited for more than a day says so.
	late := s.tap(storetest.GulouHR1, "satisfied")
	s.pass(25 * time.Hour)
	s.post("/kiosk/rate", late, as)
	if r := s.rows()[2]; r.Flags != survey.FlagOldForm || r.Day != survey.DayOf(s.clock(), s.survey.Location()) {
		t.Errorf("flags %v, day %v: an answer counts on the day it was received", r.Flags.Names(), r.Day)
	}
	// The same id with something else is kept and flagged, as from any form.
	good.Set("level", "very_satisfied")
	s.post("/kiosk/rate", good, as)
	if r := s.rows()[3]; r.Flags&survey.FlagKeyReused == 0 {
		t.Errorf("flags %v", r.Flags.Names())
	}
}

// TestARefusedAnswerSaysSo: the tablet keeps what is refused by its id, and nothing else
// is taken for a refusal.
func TestARefusedAnswerSaysSo(t *testing.T) {
	s := newSite(t)
	as, _ := s.tablet("350102-HR-01")
	kept := s.tap(storetest.GulouHR1, "satisfied")
	for name, c := range map[string]struct {
		form   url.Values
		status int
		why    survey.Why
	}{
		"a bad level without a reason": {s.tap(storetest.GulouHR1, "dissatisfied"), http.StatusUnprocessableEntity, whyTabletForm},
		"no such level":                {s.tap(storetest.GulouHR1, "great"), http.StatusUnprocessableEntity, whyTabletForm},
		"a window of another hall":     {s.tap(storetest.GulouHR3, "satisfied"), http.StatusUnprocessableEntity, whyTabletPlace},
		"a hall":                       {s.tap("350102-HR-01", "satisfied"), http.StatusUnprocessableEntity, whyTabletPlace},
		"no window":                    {s.tap("", "satisfied"), http.StatusUnprocessableEntity, whyTabletPlace},
		"no such survey":               {s.tap(storetest.GulouHR1, "satisfied", "survey", "x"), http.StatusGone, whyTabletOver},
		"no survey":                    {s.tap(storetest.GulouHR1, "satisfied", "survey", ""), http.StatusGone, whyTabletOver},
	} {
		a := s.post("/kiosk/rate", c.form, as)
		if k := a.kiosk(t); a.StatusCode != c.status || k.Refused != c.why || k.ID != c.form.Get("id") || k.Stored {
			t.Errorf("%s: status %d, %+v", name, a.StatusCode, k)
		}
	}
	if a := s.post("/kiosk/rate", s.tap(storetest.GulouHR1, "satisfied", "id", "12"), as); a.StatusCode != http.StatusBadRequest {
		t.Errorf("an id that is none: status %d", a.StatusCode)
	}
	s.intake.fault = survey.ErrFull
	if a := s.post("/kiosk/rate", kept, as); a.StatusCode != http.StatusServiceUnavailable || strings.Contains(a.text, "refused") {
		t.Errorf("a full disk: status %d, %.80s", a.StatusCode, a.text)
	}
	s.intake.fault = nil
	if k := s.post("/kiosk/rate", kept, as).kiosk(t); !k.Stored {
		t.Errorf("once there is room: %+v", k)
	}
	s.pass(s.survey.Closes.Sub(s.clock()) + time.Hour)
	late := s.tap(storetest.GulouHR1, "satisfied")
	if a := s.post("/kiosk/rate", late, as); a.StatusCode != http.StatusGone || a.kiosk(t).Refused != whyTabletOver {
		t.Errorf("after the end: status %d, %.80s", a.StatusCode, a.text)
	}
	if k := s.post("/kiosk/rate", kept, as).kiosk(t); !k.Stored {
		t.Errorf("one that came in time, sent again after the end: %+v", k)
	}
	if n := len(s.rows()); n != 1 {
		t.Errorf("%d responses, want 1", n)
	}
	if a := s.get("/kiosk/rate", as); a.StatusCode != http.StatusGone {
		t.Errorf("the page after the end: status %d", a.StatusCode)
	}
}

// TestTheWindowsCodeDoesNotMakeATablet, and neither does any other token or cookie.
func TestTheWindowsCodeDoesNotMakeATablet(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	admin, token := NewToken(survey.Actor{Name: "program", Role: survey.Organiser}, s.clock())
	must(t, s.store.AddToken(t.Context(), token))
	for _, secret := range []string{code, admin, "manyi_x", "x"} {
		if a := s.get("/kiosk/set-up/" + secret); a.StatusCode != http.StatusUnauthorized || len(a.Cookies()) > 0 {
			t.Errorf("%s: status %d", secret, a.StatusCode)
		}
		as := cookies([]*http.Cookie{{Name: tabletCookie, Value: secret}})
		if a := s.post("/kiosk/rate", s.tap(storetest.GulouHR1, "satisfied"), as); a.StatusCode < 401 || a.StatusCode > 403 {
			t.Errorf("%s as a cookie: status %d", secret, a.StatusCode)
		}
	}
	// Nor does the key of a scanned page count as a tablet's, or the other way round.
	form := s.open(code)
	tap := s.tap(storetest.GulouHR1, "satisfied")
	raw, err := hex.DecodeString(tap.Get("id"))
	must(t, err)
	secrets, err := intake.NewSecrets(siteSecret)
	must(t, err)
	in := intake.New(s.store, secrets, nil, intake.Options{})
	defer in.Close(t.Context())
	form.Set("form_key", in.FormOf([survey.FormKeyLen]byte(raw), tabletSerial(storetest.GulouHR1)))
	form.Set("level", "satisfied")
	if a := s.post("/q/"+code, form); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a tablet's key on the page of a code: status %d", a.StatusCode)
	}
	// A tablet's secret opens nothing else.
	as, secret := s.tablet(storetest.GulouHR1)
	for _, path := range []string{"/api/v1/figures", "/api/v1/responses", "/metrics"} {
		if a := s.get(path, bearer(secret)); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s with a tablet's secret: status %d", path, a.StatusCode)
		}
	}
	if a := s.get("/console/figures", as); a.Header.Get("Location") != "/console/signin" {
		t.Errorf("the console on a tablet: status %d", a.StatusCode)
	}
	if n := len(s.rows()); n != 0 {
		t.Errorf("%d responses", n)
	}
}

// TestTablets: made in the console, shown once, taken out of use.
func TestTablets(t *testing.T) {
	s := newSite(t)
	boss, other := s.desk("boss", survey.Supervisor, "350102-HR"), s.desk("other", survey.Supervisor, "350203-TAX")
	add := func(d desk, place string) answer {
		return s.post("/console/tablets", url.Values{"place": {place}, "csrf": {d.csrf}}, d.as)
	}
	made := add(boss, storetest.GulouHR1)
	link := made.page(t).Find("#made [data-link]").AttrOr("href", "")
	path, ok := strings.CutPrefix(link, "https://pj.example.gov.cn")
	if made.StatusCode != http.StatusOK || !ok || made.page(t).Find("#made img[src^='data:image/png']").Length() != 1 {
		t.Fatalf("status %d, link %q", made.StatusCode, link)
	}
	name := made.page(t).Find("[data-tablet]").AttrOr("data-tablet", "")
	secret := path[strings.LastIndex(path, "/")+1:]
	if strings.Contains(s.log.String(), secret) {
		t.Error("the link is in the log")
	}
	if again := s.get("/console/tablets", boss.as); strings.Contains(again.text, secret) || !strings.Contains(again.text, name) {
		t.Error("the link is shown again, or the tablet is not listed")
	}
	if strings.Contains(s.get("/console/tablets", other.as).text, name) {
		t.Error("another bureau sees the tablet")
	}
	set := s.get(path)
	as := cookies(set.Cookies())
	for _, c := range set.Cookies() {
		if c.Name == tabletCookie && (!c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/kiosk") {
			t.Errorf("cookie %+v", c)
		}
	}
	page := s.get("/kiosk/rate", as)
	if page.StatusCode != http.StatusOK || page.page(t).Find("[data-window]").Length() != 1 {
		t.Fatalf("the page: status %d", page.StatusCode)
	}
	for place, want := range map[string]int{"350203-TAX-01": http.StatusForbidden, "350102-HR": http.StatusUnprocessableEntity, "nowhere": http.StatusUnprocessableEntity} {
		if a := add(boss, place); a.StatusCode != want {
			t.Errorf("a tablet for %s: status %d, want %d", place, a.StatusCode, want)
		}
	}
	program, token := NewToken(survey.Actor{Name: "program", Role: survey.Organiser}, s.clock())
	must(t, s.store.AddToken(t.Context(), token))
	revoke := func(d desk, name string) int {
		return s.post("/console/tablets/revoke", url.Values{"tablet": {name}, "csrf": {d.csrf}}, d.as).StatusCode
	}
	if a, b := revoke(other, name), revoke(boss, "program"); a != http.StatusForbidden || b != http.StatusNotFound {
		t.Errorf("another bureau revokes: %d; a program's token is revoked: %d", a, b)
	}
	if a := s.get("/api/v1/figures", bearer(program)); a.StatusCode != http.StatusOK {
		t.Errorf("the program is shut out: %d", a.StatusCode)
	}
	waiting := s.tap(storetest.GulouHR1, "satisfied")
	if status := revoke(boss, name); status != http.StatusSeeOther {
		t.Fatalf("revoking: %d", status)
	}
	if a := s.post("/kiosk/rate", waiting, as); a.StatusCode != http.StatusUnauthorized || strings.Contains(a.text, "refused") {
		t.Errorf("a revoked tablet rates: %d", a.StatusCode)
	}
	if a := s.get("/kiosk/rate", as); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.text, textOf("notice.no_tablet").Zh) {
		t.Errorf("a revoked tablet's page: %d", a.StatusCode)
	}
	// What it had kept goes in by the next tablet of that window.
	next, _ := s.tablet(storetest.GulouHR1)
	if k := s.post("/kiosk/rate", waiting, next).kiosk(t); !k.Stored {
		t.Errorf("%+v", k)
	}
}

func TestTheKioskPage(t *testing.T) {
	s := newSite(t, func(d *Deps) { d.KioskPause = 20 * time.Second })
	as, _ := s.tablet("350102-HR-01")
	a := s.get("/kiosk/rate", as)
	doc := a.page(t)
	var windows []string
	doc.Find("[data-window]").Each(func(_ int, b *goquery.Selection) { windows = append(windows, b.AttrOr("data-window", "")) })
	if len(windows) != 2 || windows[0] != storetest.GulouHR1 || windows[1] != storetest.GulouHR2 {
		t.Errorf("windows %v", windows)
	}
	if doc.Find("[data-level]").Length() != 5 || doc.Find("[data-bad]").Length() != 2 || doc.Find("body[data-pause='20']").Length() != 1 ||
		doc.Find("[name=phone], [name=name], [name=case_number]").Length() != 0 {
		t.Error("the page asks for something else than levels, or for a person")
	}
	csp := a.Header.Get("Content-Security-Policy")
	if csp != kioskCSP || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	if inline := doc.Find("script:not([src]), style, [style], [onclick]").Length(); inline != 0 {
		t.Errorf("%d pieces inside the page that the policy blocks", inline)
	}
	for _, path := range []string{"/kiosk/worker.js", "/static/kiosk.js", "/static/kiosk.css"} {
		a := s.get(path, as)
		kind := "text/javascript"
		if strings.HasSuffix(path, "css") {
			kind = "text/css"
		}
		if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: status %d, %s", path, a.StatusCode, a.Header.Get("Content-Type"))
		}
	}
	if csp := s.get("/kiosk/worker.js", as).Header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self'") {
		t.Errorf("the worker may not ask the server: %q", csp)
	}
}
