package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/stats/proof/bundle"
	"manyi/survey"
	"manyi/survey/storetest"
)

// toPublish is a site on which closing a period does what do says.
func toPublish(t *testing.T, do *func(Publishing) (survey.Publication, bool, error)) (*site, func(*http.Request), string) {
	s := newSite(t, func(d *Deps) {
		d.Publish = func(ctx context.Context, q Publishing) (survey.Publication, bool, error) {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) < 10*time.Minute {
				t.Errorf("there is no time for a large period: until %v", end)
			}
			return (*do)(q)
		}
	})
	s.addUser("admin", survey.Organiser, "")
	as, csrf, _ := s.signIn("admin", password)
	return s, as, csrf
}

func attrs(found *goquery.Selection, name string) (values []string) {
	found.Each(func(_ int, one *goquery.Selection) { values = append(values, one.AttrOr(name, "")) })
	return values
}

func TestPublicationsInTheConsole(t *testing.T) {
	s, as, _ := toPublish(t, nil)
	empty := s.get("/console/publications", as).page(t)
	if empty.Find("#publications").Length() != 0 || empty.Find("form[method=post] select[name=period]").Length() != 1 {
		t.Error("with nothing published there is a table, or no form")
	}
	first, second := storetest.Publication("2024", 1), storetest.Publication("2024", 2)
	sample := storetest.Publication("2024-02", 1)
	first.By, sample.Sample, sample.At, sample.Auditor = `<b>lin</b>`, true, first.At.Add(-time.Hour), survey.Document{}
	for _, p := range []survey.Publication{first, second, sample, storetest.TakenPublication("manyi+1+A", "2024-Q4", 1)} {
		must(t, s.store.PutPublication(t.Context(), p))
	}
	s.addUser("reviewer", survey.Reviewer, "")
	s.addUser("staff", survey.Staff, storetest.GulouHR1)
	for name, whole := range map[string]bool{"admin": true, "reviewer": false, "staff": false} {
		as, _, _ := s.signIn(name, password)
		page := s.get("/console/publications", as)
		doc := page.page(t)
		rows := doc.Find("#publications tbody tr")
		if got, want := attrs(rows, "data-publication"), []string{"y2024/2024/2", "y2024/2024/1", "y2024/2024-02/1"}; !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", name, got, want)
		}
		if got := rows.Find("[data-sample]").Closest("tr").AttrOr("data-publication", ""); got != "y2024/2024-02/1" {
			t.Errorf("%s: %q is marked as a sample", name, got)
		}
		if rows.Eq(0).Find("[data-corrects]").Text() != "1" || rows.Eq(1).Find("[data-by]").Text() != first.By || strings.Contains(page.text, first.By) {
			t.Errorf("%s reads %s", name, rows.Text())
		}
		links := attrs(rows.Find("a"), "href")
		auditors := slices.DeleteFunc(slices.Clone(links), func(l string) bool { return !strings.Contains(l, "for=auditors") })
		if len(auditors) > 0 != whole || whole && len(auditors) != 2 { // of the third there is none
			t.Errorf("%s is offered %v", name, auditors)
		}
		document := rows.Eq(0).Find("a[download]").AttrOr("href", "")
		if a := s.get(document, as); a.text != string(second.Public.Body) {
			t.Errorf("%s gets %q from %s", name, a.text, document)
		}
		if form := doc.Find("form[action='/console/publications'][method=post]").Length() == 1; form != whole {
			t.Errorf("%s can publish: %v", name, form)
		}
		if a := s.get("/console/publications/y2024/2024/1?for=auditors", as); (a.StatusCode == http.StatusOK) != whole {
			t.Errorf("%s asks for the auditors' document: status %d", name, a.StatusCode)
		}
		if !strings.Contains(doc.Find("[data-key]").Text(), "--key manyi+") {
			t.Errorf("%s is not told the key", name)
		}
	}
	// What an address says was published is believed only if it is there.
	for query, want := range map[string]int{"made=y2024/2024/2": 1, "made=y2024/2024/7": 0, "same=y2024/2024/1": 1, "same=<b>": 0} {
		if n := s.get("/console/publications?"+query, as).page(t).Find("[role=status]").Length(); n != want {
			t.Errorf("%s: %d messages, want %d", query, n, want)
		}
	}
}

func TestAPeriodIsClosedByTheForm(t *testing.T) {
	var asked Publishing
	var answer error
	do := func(q Publishing) (survey.Publication, bool, error) {
		asked = q
		return survey.Publication{PublicationID: survey.PublicationID{Survey: q.Survey.ID, Period: string(q.Period), No: 3}}, q.Period == "2024", answer
	}
	s, as, csrf := toPublish(t, &do)
	form := url.Values{"csrf": {csrf}, "survey": {"y2024"}, "period": {"2024"}, "sample": {"1"}}
	if a := s.post("/console/publications", url.Values{"csrf": {"forged"}, "survey": {"y2024"}, "period": {"2024"}}, as); a.StatusCode != http.StatusForbidden || asked.By != "" {
		t.Errorf("a forged form: status %d, and %q asked", a.StatusCode, asked.By)
	}
	a := s.post("/console/publications", form, as)
	if to := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || to != "/console/publications?survey=y2024&made=y2024/2024/3" {
		t.Errorf("status %d, to %s", a.StatusCode, to)
	}
	if asked.By != "admin" || asked.Survey.ID != "y2024" || asked.Period != "2024" || !asked.Sample {
		t.Errorf("asked for %+v", asked)
	}
	if !strings.Contains(s.log.String(), `"msg":"period closed","by":"admin","publication":"y2024/2024/3","new":true`) {
		t.Errorf("the log says %s", s.log)
	}
	form.Del("sample")
	form.Set("period", string(bundle.WholePeriod))
	if to := s.post("/console/publications", form, as).Header.Get("Location"); to != "/console/publications?survey=y2024&same=y2024/whole/3" || asked.Sample {
		t.Errorf("nothing new leads to %s", to)
	}

	for _, why := range []survey.Why{survey.WhyPublishEarly, survey.WhyPublishPeriod, survey.WhyPublishUnmarked, survey.WhyPublishNoSample,
		survey.WhyPublishUnsettled, survey.WhyPublishNothing, survey.WhyPublishTooLarge, survey.WhyPublishMeanwhile, survey.WhyPublishDeadlines} {
		answer = survey.Faults{{Field: "x", Value: "<hall-2>", Why: why}}
		a := s.post("/console/publications", form, as)
		fault := a.page(t).Find("[role=alert]")
		if a.StatusCode != http.StatusUnprocessableEntity || fault.AttrOr("data-fault", "") != string(why) || !strings.Contains(fault.Text(), FaultText(why).Zh) ||
			!strings.Contains(fault.Text(), "<hall-2>") || a.page(t).Find("option[selected][value=whole]").Length() != 1 {
			t.Errorf("%s: status %d, %s", why, a.StatusCode, fault.Text())
		}
	}
	answer = errors.New("the disk is gone")
	if a := s.post("/console/publications", form, as); a.StatusCode != http.StatusInternalServerError || strings.Contains(a.text, "disk") {
		t.Errorf("status %d: %s", a.StatusCode, a.text)
	}
	if form.Set("survey", "none"); s.post("/console/publications", form, as).StatusCode != http.StatusNotFound {
		t.Error("a survey there is not was published")
	}
}

// TestOnePeriodAtATimeIsClosed: whoever presses twice is told so.
func TestOnePeriodAtATimeIsClosed(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	do := func(q Publishing) (survey.Publication, bool, error) {
		close(begun)
		<-end
		return survey.Publication{PublicationID: survey.PublicationID{Survey: q.Survey.ID, Period: string(q.Period), No: 1}}, true, nil
	}
	s, as, csrf := toPublish(t, &do)
	form := url.Values{"csrf": {csrf}, "survey": {"y2024"}, "period": {"whole"}}
	first := make(chan int)
	go func() { first <- s.post("/console/publications", form, as).StatusCode }()
	<-begun
	second := s.post("/console/publications", form, as)
	if got := second.page(t).Find("[role=alert]").AttrOr("data-fault", ""); second.StatusCode != http.StatusUnprocessableEntity || got != string(WhyPublishing) {
		t.Errorf("pressed twice: status %d, %s", second.StatusCode, got)
	}
	close(end)
	if status := <-first; status != http.StatusSeeOther {
		t.Errorf("the first: status %d", status)
	}
}

func TestPublicationsPageHolds(t *testing.T) {
	s := storetest.Survey(func(s *survey.Survey) { s.Sample = true })
	console := Console{Who: survey.Actor{Name: "admin", Role: survey.Organiser}, Survey: s, Surveys: []survey.Survey{s, storetest.Survey()}}
	doc, _ := render(t, "publications", PublicationsView{Console: console, Periods: []bundle.Period{bundle.WholePeriod}, Rows: []PublicationRow{{storetest.Publication("2024", 1)}}})
	if doc.Find("input[name=sample]").Length() != 1 {
		t.Error("demo data cannot be marked as a sample")
	}
	console.Survey.Sample = false
	doc, _ = render(t, "publications", PublicationsView{Console: console})
	if doc.Find("input[name=sample]").Length()+doc.Find("select[name=period]").Length() != 0 {
		t.Error("a survey that has not opened can be published, or a real one as a sample")
	}
}
