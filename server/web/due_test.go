package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/survey"
	"manyi/survey/storetest"
)

// due reads the three counts of a page.
func (d desk) due(address string) (counts, links [3]string) {
	d.t.Helper()
	page := d.get(address, d.as).page(d.t)
	for i, name := range []string{"overdue", "today", "next"} {
		a := page.Find("#due [data-" + name + "]")
		counts[i], links[i] = a.AttrOr("data-"+name, ""), a.AttrOr("href", "")
	}
	return counts, links
}

func TestWhatIsDueIsCountedAndLinked(t *testing.T) {
	s := newSite(t) // Tuesday, 20 February 2024
	here, there := s.code(storetest.GulouHR1), s.code(storetest.SimingTax)
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	rate := func(code string, n int) {
		t.Helper()
		for range n {
			if a := s.rate(code, "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "consent", "1"); a.StatusCode != http.StatusOK {
				t.Fatalf("status %d", a.StatusCode)
			}
		}
		s.openCases()
	}
	want := func(address string, want [3]string) [3]string {
		t.Helper()
		boss.as, boss.csrf, _ = s.signIn("boss", password)
		counts, links := boss.due(address)
		if counts != want {
			t.Errorf("%s: overdue, today, next %v; want %v", address, counts, want)
		}
		return links
	}
	want("/console/figures", [3]string{"0", "0", "0"})
	rate(here, 1)
	rate(there, 2) // not this bureau's
	want("/console/figures", [3]string{"0", "0", "1"})
	s.pass(24 * time.Hour)
	rate(here, 2)
	want("/console/cases", [3]string{"0", "1", "2"})
	s.pass(24 * time.Hour)
	rate(here, 3)
	links := want("/console/figures", [3]string{"1", "2", "3"})
	for i, link := range links {
		if got, _ := boss.listed(link); len(got) != i+1 {
			t.Errorf("%s lists %d cases, want %d", link, len(got), i+1)
		}
	}
	admin := s.desk("admin", survey.Organiser, "")
	if counts, _ := admin.due("/console/cases"); counts != [3]string{"3", "2", "3"} {
		t.Errorf("everywhere: %v", counts)
	}
	if counts, _ := admin.due("/console/cases?within=350203-TAX"); counts != [3]string{"2", "0", "0"} {
		t.Errorf("of another bureau: %v", counts)
	}
	// Friday: the next working day is Monday.
	s.pass(24 * time.Hour)
	rate(here, 1)
	want("/console/figures", [3]string{"3", "3", "1"})
	staff := s.desk("staff", survey.Staff, storetest.GulouHR1)
	if s.get("/console/figures", staff.as).page(t).Find("#due").Length() != 0 {
		t.Error("staff see what others have to do")
	}
}

func TestDeliveriesAreShownAndDegrade(t *testing.T) {
	s := newSite(t)
	admin := s.desk("admin", survey.Organiser, "")
	metrics := s.token(survey.Organiser, "")
	look := func(status, waiting, givenUp string) {
		t.Helper()
		var r readiness
		must(t, json.Unmarshal([]byte(s.get("/readyz").text), &r))
		if r.Status != status {
			t.Errorf("readyz: %+v, want %s", r, status)
		}
		text := s.get("/metrics", metrics).text
		if !strings.Contains(text, "\nmanyi_deliveries_waiting "+waiting+"\n") || !strings.Contains(text, "\nmanyi_deliveries_given_up "+givenUp+"\n") {
			t.Errorf("metrics lack %s waiting, %s given up", waiting, givenUp)
		}
		page := s.get("/console/status", admin.as).page(t)
		if got := page.Find(`[data-delivery="webhook given_up"]`).Text(); got != strings.TrimPrefix(givenUp, "0") {
			t.Errorf("status page: %q given up", got)
		}
		if shown := page.Find("[data-givenup]").Length() == 1; shown != (givenUp != "0") || shown == (page.Find("p.ok").Length() == 1) {
			t.Errorf("status page: alarm %v with %s given up", shown, givenUp)
		}
	}
	look("ok", "0", "0")
	failed := storetest.Queued("b", s.clock()).Failed(s.clock(), "status 410", true)
	_, err := s.store.AddDeliveries(t.Context(), []survey.Delivery{storetest.Queued("a", s.clock())})
	must(t, err)
	look("ok", "1", "0")
	_, err = s.store.AddDeliveries(t.Context(), []survey.Delivery{failed})
	must(t, err)
	look("degraded", "1", "1")
	if text := s.get("/console/status", admin.as).page(t).Find("#givenup").Text(); !strings.Contains(text, failed.ID()) || !strings.Contains(text, "status 410") {
		t.Errorf("given up: %s", text)
	}

	// Somebody decides: once more, and when that fails too, no more.
	decide := func(do, location string) {
		t.Helper()
		a := s.post("/console/deliveries", url.Values{"csrf": {admin.csrf}, "delivery": {"b"}, "do": {do}}, admin.as)
		if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != location {
			t.Errorf("%s: status %d, to %s, want %s", do, a.StatusCode, a.Header.Get("Location"), location)
		}
	}
	const done, late = "/console/status#deliveries", "/console/status?moved=1#deliveries"
	if a := s.post("/console/deliveries", url.Values{"csrf": {admin.csrf}, "delivery": {"b"}}, admin.as); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no decision: status %d", a.StatusCode)
	}
	if a := s.post("/console/deliveries", url.Values{"csrf": {"x"}, "delivery": {"b"}, "do": {"dismiss"}}, admin.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign form: status %d", a.StatusCode)
	}
	look("degraded", "1", "1")
	decide("again", done)
	look("ok", "2", "0")
	decide("dismiss", late)
	now, err := s.store.Now(t.Context())
	must(t, err)
	for range 2 { // both that wait
		d, err := s.store.ClaimDelivery(t.Context(), "webhook", now.Add(time.Minute), time.Minute)
		must(t, err)
		if d.Key == "b" {
			must(t, s.store.NoteDelivery(t.Context(), d.Failed(now, "status 410", true)))
		}
	}
	look("degraded", "1", "1")
	decide("dismiss", done)
	look("ok", "1", "0")
	var trace []string
	s.get("/console/status?moved=1", admin.as).page(t).Find("#dismissed [data-by=admin]").Each(func(_ int, by *goquery.Selection) {
		trace = append(trace, strings.Fields(by.Text())[3])
	})
	if !slices.Equal(trace, []string{"重试", "不再发送"}) {
		t.Errorf("trace of the decisions: %q", trace)
	}
	decide("again", late)
	look("ok", "1", "0")
}
