package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

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
		if shown, kept := a.page(t).Find("#evaluate").Attr("data-kept"); kept != (name != "") && strings.Contains(path, "-HR") {
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

	worker := s.get("/console/evaluate/worker.js", chen.as)
	if worker.Header.Get("Service-Worker-Allowed") != "/console/evaluate" || !strings.HasPrefix(worker.Header.Get("Content-Type"), "text/javascript") ||
		!strings.Contains(worker.Header.Get("Content-Security-Policy"), "connect-src 'self'") || !strings.Contains(worker.text, strings.ToLower(keepHeader)) || !strings.Contains(worker.text, forgetPath) {
		t.Errorf("the worker: status %d, %v", worker.StatusCode, worker.Header)
	}
	if csp := s.get("/console/evaluate/350102-HR", chen.as).Header.Get("Content-Security-Policy"); !strings.Contains(csp, "worker-src 'self'") {
		t.Errorf("the page may have no worker: %s", csp)
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
