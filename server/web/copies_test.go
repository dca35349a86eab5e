package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"manyi/survey"
)

// TestWhatADeviceMayKeep: the evaluator's own list and whole pages, under their account,
// and out of every other cache; no part of a page, no photo, nothing of anybody else.
func TestWhatADeviceMayKeep(t *testing.T) {
	s := newSite(t)
	chen, lin := s.judge("chen", "350102-HR"), s.judge("林 é/1", "350102-HR", "350104-HR")
	admin := s.desk("admin", survey.Organiser, "")
	keeps := func(path string, as func(*http.Request)) string {
		t.Helper()
		a := s.get(path, as)
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s goes out with Cache-Control %q", path, a.Header.Get("Cache-Control"))
		}
		name := a.Header.Get(keepHeader)
		if shown, kept := a.page(t).Find("#evaluate").Attr("data-kept"); kept != (name != "") && strings.Contains(path, "evaluate/3501") {
			t.Errorf("%s: kept for %q, and the page says %q", path, name, shown)
		}
		return name
	}
	hers, his := keeps("/console/evaluate", chen.as), keeps("/console/evaluate", lin.as)
	if hers == "" || his == "" || hers == his || strings.Trim(hers+his, "0123456789abcdef") != "" {
		t.Errorf("lists are kept under %q and %q", hers, his)
	}
	for path, c := range map[string]struct {
		as   func(*http.Request)
		want string
	}{
		"/console/evaluate/350102-HR":                                   {chen.as, hers},
		"/console/evaluate/350102-HR?survey=" + s.survey.ID:             {lin.as, his},
		"/console/evaluate/350102-HR?show=open":                         {chen.as, ""},
		"/console/evaluate/350104-HR":                                   {chen.as, ""}, // not hers
		"/console/evaluate/350102-HR/photos/" + strings.Repeat("0", 64): {chen.as, ""},
		"/console/interviews":                                           {chen.as, hers},
		"/console/interviews?window=350102-HR-01-001":                   {lin.as, his},
		"/console/figures":                                              {chen.as, ""},
		"/console/evaluations/350102-HR":                                {admin.as, ""},
		"/console/evaluate/350102-HR?as=":                               {admin.as, ""},
		"/console/signin":                                               {chen.as, ""},
	} {
		if got := keeps(path, c.as); got != c.want {
			t.Errorf("%s is kept for %q, want %q", path, got, c.want)
		}
	}
	refused := s.post("/console/evaluate/350102-HR", chen.form("step", "submitted"), chen.as)
	if refused.StatusCode != http.StatusUnprocessableEntity || refused.Header.Get(keepHeader) != "" || refused.page(t).Find("[data-kept]").Length() != 0 {
		t.Errorf("the answer to a form: status %d, kept for %q", refused.StatusCode, refused.Header.Get(keepHeader))
	}

	if a := s.post("/console/interviews", chen.asked("level", ""), chen.as); a.StatusCode != http.StatusUnprocessableEntity || a.Header.Get(keepHeader) != "" {
		t.Errorf("an interview sent back: status %d, kept for %q", a.StatusCode, a.Header.Get(keepHeader))
	}

	worker := s.get("/console/evaluate/worker.js", chen.as)
	if worker.Header.Get("Service-Worker-Allowed") != "/console/" || !strings.HasPrefix(worker.Header.Get("Content-Type"), "text/javascript") ||
		!strings.Contains(worker.Header.Get("Content-Security-Policy"), "connect-src 'self'") || !strings.Contains(worker.text, strings.ToLower(keepHeader)) || !strings.Contains(worker.text, forgetPath) {
		t.Errorf("the worker: status %d, %v", worker.StatusCode, worker.Header)
	}
	for _, path := range []string{"/console/evaluate/350102-HR", "/console/interviews"} {
		a := s.get(path, chen.as)
		if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "worker-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s may have no worker: %s", path, csp)
		}
		a.page(t).Find("script[src]").Each(func(_ int, script *goquery.Selection) {
			if src := script.AttrOr("src", ""); !strings.Contains(worker.text, "'"+src+"'") || s.get(src).StatusCode != http.StatusOK {
				t.Errorf("the worker of %s does not keep %s", path, src)
			}
		})
	}
}

// TestSigningInAndOutLeadPastTheCopies, and on from there without a worker.
func TestSigningInAndOutLeadPastTheCopies(t *testing.T) {
	s := newSite(t)
	s.addUser("chen", survey.Evaluator, "")
	as, csrf, in := s.signIn("chen", password)
	out := s.post("/console/signout", url.Values{"csrf": {csrf}}, as)
	for name, a := range map[string]answer{"in": in, "out": out} {
		if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/console/evaluate/forget" || a.Header.Get("Clear-Site-Data") != "" {
			t.Errorf("signed %s: status %d to %s", name, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for _, who := range []func(*http.Request){as, func(*http.Request) {}} {
		if a := s.get("/console/evaluate/forget", who); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/console" {
			t.Errorf("status %d to %s", a.StatusCode, a.Header.Get("Location"))
		}
	}
}

// TestAnEntryIsStoredForItsOwnAccountOnly: a page that stayed open while somebody else
// signed in sends nothing in their name, and nothing it says makes it anybody's but
// theirs who is signed in.
func TestAnEntryIsStoredForItsOwnAccountOnly(t *testing.T) {
	s := newSite(t)
	chen, lin := s.judge("chen", "350102-HR"), s.judge("lin", "350102-HR")
	for path, form := range map[string]url.Values{
		"/console/evaluate/350102-HR": chen.form("item", "1", "finding", "met"),
		"/console/interviews":         chen.asked("key", s.deviceKey(1)),
	} {
		if a := s.post(path, form, lin.as, asksJSON); a.StatusCode != http.StatusForbidden || strings.Contains(a.text, form.Get("key")) {
			t.Errorf("%s from a page of somebody else's: status %d, %.100s", path, a.StatusCode, a.text)
		}
		for _, field := range []string{"evaluator", "by", "user", "owner", "device"} {
			form.Set(field, "lin")
		}
		if a := s.post(path, form, chen.as, asksJSON); a.StatusCode != http.StatusOK || !strings.Contains(a.text, `"stored":true`) {
			t.Errorf("%s from their own: status %d, %s", path, a.StatusCode, a.text)
		}
	}
	if rows := s.rows(); len(rows) != 1 || rows[0].Interview.By != "chen" {
		t.Errorf("the interviews: %+v", rows)
	}
	for name, want := range map[string]int{"chen": 1, "lin": 0} {
		e, err := s.store.Evaluation(t.Context(), survey.EvaluationID{Survey: s.survey.ID, Bureau: "350102-HR", Evaluator: name})
		if err != nil || len(e.Entries) != want {
			t.Errorf("%s made %d entries, want %d: %v", name, len(e.Entries), want, err)
		}
	}
}

// TestAnAcknowledgementTellsWhichPagesShowTheEntry by the number of entries made.
func TestAnAcknowledgementTellsWhichPagesShowTheEntry(t *testing.T) {
	s := newSite(t)
	chen := s.judge("chen", "350102-HR")
	shows := func() string {
		return s.get("/console/evaluate/350102-HR", chen.as).page(t).Find("#evaluate").AttrOr("data-entries", "")
	}
	if got := shows(); got != "0" {
		t.Errorf("an empty page shows %s entries", got)
	}
	for i := range 3 {
		said := chen.enter("350102-HR", "item", "1", "finding", "met")
		if said.Entries != i+1 || said.Answered != 1 {
			t.Errorf("entry %d: %+v", i+1, said)
		}
	}
	chen.made-- // the last one again
	if said := chen.enter("350102-HR", "item", "1", "finding", "met"); said.Entries != 3 || shows() != "3" {
		t.Errorf("sent again: %+v; the page shows %s", said, shows())
	}
}
