package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/storetest"
)

const citizenPhone = "13800138000"

func (s *site) secrets() intake.Secrets {
	s.t.Helper()
	secrets, err := intake.NewSecrets(siteSecret)
	must(s.t, err)
	return secrets
}

// openCases does what the job does every few seconds.
func (s *site) openCases() {
	s.t.Helper()
	_, err := jobs.OpenCases(context.Background(), s.store, s.secrets().FollowUpOf, s.clock())
	must(s.t, err)
}

// desk is somebody signed in who works on cases.
type desk struct {
	*site
	as   func(*http.Request)
	csrf string
}

func (s *site) desk(name string, role survey.Role, place string) desk {
	s.addUser(name, role, place)
	as, csrf, _ := s.signIn(name, password)
	return desk{s, as, csrf}
}

// offered lists the steps a case page offers.
func offered(page *goquery.Document) (steps []string) {
	page.Find("[data-step].step").Each(func(_ int, f *goquery.Selection) {
		steps = append(steps, f.AttrOr("data-step", ""))
	})
	return steps
}

// take fills in the form of a step as the page offers it.
func (d desk) take(address, step string, with ...string) answer {
	d.t.Helper()
	return d.post(address, d.form(address, step, with...), d.as)
}

func (d desk) form(address, step string, with ...string) url.Values {
	d.t.Helper()
	page := d.get(address, d.as).page(d.t)
	in := page.Find(`.step[data-step="` + step + `"] form`)
	if in.Length() != 1 || in.AttrOr("action", "") != address {
		d.t.Fatalf("%s offers %v, not %s", address, offered(page), step)
	}
	form := url.Values{}
	in.Find("input[type=hidden]").Each(func(_ int, i *goquery.Selection) { form.Set(i.AttrOr("name", ""), i.AttrOr("value", "")) })
	for i := 0; i+1 < len(with); i += 2 {
		form.Set(with[i], with[i+1])
	}
	return form
}

func (d desk) done(address, step string, with ...string) {
	d.t.Helper()
	if a := d.take(address, step, with...); a.StatusCode != http.StatusSeeOther {
		d.t.Fatalf("%s: status %d: %s", step, a.StatusCode, a.page(d.t).Find(".fault").Text())
	}
}

// listed is the addresses of the cases a page of the list shows.
func (d desk) listed(address string) (cases []string, next string) {
	d.t.Helper()
	a := d.get(address, d.as)
	if a.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: status %d", address, a.StatusCode)
	}
	page := a.page(d.t)
	page.Find("#cases tbody a").Each(func(_ int, l *goquery.Selection) { cases = append(cases, l.AttrOr("href", "")) })
	return cases, page.Find("a[rel=next]").AttrOr("href", "")
}

func TestACaseIsWorkedInTheConsole(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "satisfied")
	s.rate(code, "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "name", "林女士", "consent", "1")
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	chief := s.desk("chief", survey.Supervisor, "350102")
	other := s.desk("other", survey.Supervisor, "350203-TAX")

	owed, err := s.store.OwedCases(t.Context(), 2)
	if err != nil || len(owed) != 1 {
		t.Fatalf("%d cases are owed, %v; want the one bad review", len(owed), err)
	}
	address := "/console/cases/" + s.secrets().Address(owed[0].Response.Key)
	if steps := offered(s.get(address, boss.as).page(t)); len(steps) != 0 {
		t.Errorf("offered before the case is open: %v", steps)
	}
	s.openCases()
	if cases, _ := boss.listed("/console/cases"); len(cases) != 1 || cases[0] != address {
		t.Errorf("the list is %v, want the one case", cases)
	}
	if theirs, _ := other.listed("/console/cases"); len(theirs) != 0 {
		t.Errorf("another bureau lists %v", theirs)
	}
	if a := s.get(address, other.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("another bureau opens the case: status %d", a.StatusCode)
	}
	if a := s.post(address, url.Values{"step": {"noted"}, "no": {"2"}, "note": {"x"}, "csrf": {other.csrf}}, other.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("another bureau works on the case: status %d", a.StatusCode)
	}

	page := s.get(address, boss.as)
	if strings.Contains(page.text, citizenPhone) || strings.Contains(page.text, "林女士") {
		t.Error("the contact is shown without being asked for")
	}
	if late := s.post(address, url.Values{"step": {"rectified"}, "no": {"2"}, "note": {"x"}, "csrf": {boss.csrf}}, boss.as); late.StatusCode != http.StatusConflict ||
		!slices.Contains(offered(late.page(t)), "contacted") {
		t.Errorf("an illegal step: status %d, offered %v; want 409 and the legal ones", late.StatusCode, offered(late.page(t)))
	}

	// The contact: only with a reason, once, on record.
	if a := boss.take(address, "revealed", "note", " "); a.StatusCode != http.StatusUnprocessableEntity || strings.Contains(a.text, citizenPhone) {
		t.Errorf("revealed without a reason: status %d", a.StatusCode)
	}
	shown := boss.take(address, "revealed", "note", "联系评价人")
	if shown.StatusCode != http.StatusOK || !strings.Contains(shown.page(t).Find("[data-contact]").Text(), citizenPhone) {
		t.Errorf("revealed: status %d, %s", shown.StatusCode, shown.page(t).Find("[data-contact]").Text())
	}
	again := s.get(address, boss.as)
	if strings.Contains(again.text, citizenPhone) || again.page(t).Find(".timeline [data-step=revealed]").Length() != 1 {
		t.Error("the contact is shown again, or the look left no trace")
	}

	// Two people at once, and the same form twice: one entry, and the other sees it.
	first := boss.form(address, "contacted", "outcome", "reached")
	second := chief.form(address, "contacted", "outcome", "reached", "note", "我先打的电话")
	if a := s.post(address, first, boss.as); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("contacted: status %d", a.StatusCode)
	}
	for _, repeat := range []answer{s.post(address, first, boss.as), s.post(address, second, chief.as)} {
		doc := repeat.page(t)
		if repeat.StatusCode != http.StatusConflict || doc.Find("[data-overtaken]").Length() != 1 || doc.Find(".timeline [data-step=contacted]").Length() != 1 {
			t.Errorf("taken twice: status %d, %d entries", repeat.StatusCode, doc.Find(".timeline [data-step=contacted]").Length())
		}
	}
	bad := boss.take(address, "verified", "note", "")
	if bad.StatusCode != http.StatusUnprocessableEntity || bad.page(t).Find("[data-step=verified][open] .fault").Length() != 1 {
		t.Errorf("verified without a word: status %d", bad.StatusCode)
	}
	boss.done(address, "verified", "note", "情况属实")
	boss.done(address, "exclusion_asked", "ground", "mistaken", "note", "评价人说点错了")
	if steps := offered(s.get(address, boss.as).page(t)); slices.Contains(steps, "exclusion_granted") {
		t.Errorf("the bureau may decide on its own proposal: %v", steps)
	}
	chief.done(address, "exclusion_refused", "note", "证据不足")
	boss.done(address, "rectified", "note", "已增开窗口")
	boss.done(address, "called_back", "outcome", "satisfied")
	boss.done(address, "closed")
	doc := s.get(address, boss.as).page(t)
	if got := doc.Find("main [data-state]").AttrOr("data-state", ""); got != "closed" {
		t.Errorf("state %s", got)
	}
	if open, _ := boss.listed("/console/cases?state=open"); len(open) != 0 {
		t.Errorf("still open: %v", open)
	}
	if closed, _ := boss.listed("/console/cases?state=closed"); !slices.Equal(closed, []string{address}) {
		t.Errorf("closed: %v", closed)
	}
	if strings.Contains(s.log.String(), citizenPhone) {
		t.Error("the log holds the phone number")
	}
}

func TestCaseListPagesAndFilters(t *testing.T) {
	s := newSite(t)
	codes := []string{s.code(storetest.GulouHR1), s.code(storetest.SimingTax)}
	for i := range casesPage + 5 {
		s.rate(codes[0], "very_dissatisfied", "comment", fmt.Sprint(i), "case_number", fmt.Sprintf("A%d", i))
		s.pass(time.Minute)
	}
	s.pass(24 * time.Hour)
	if a := s.rate(codes[1], "dissatisfied", "comment", "乱收费"); a.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", a.StatusCode, a.page(t).Find("main").Text())
	}
	s.openCases()
	admin := s.desk("admin", survey.Organiser, "")
	first, next := admin.listed("/console/cases")
	if len(first) != casesPage || next == "" {
		t.Fatalf("%d cases, next %q", len(first), next)
	}
	second, end := admin.listed(next)
	all := append(first, second...)
	slices.Sort(all)
	if len(second) != 6 || end != "" || len(slices.Compact(all)) != casesPage+6 {
		t.Errorf("second page: %d cases, next %q; %d altogether", len(second), end, len(all))
	}
	for query, want := range map[string]int{
		"number=A7": 1, "number=A": 0, "within=350203-TAX": 1, "within=350203": 1, "state=contacted": 0, "show=reopened": 0, "show=pending": 0, "show=overdue": 0,
	} {
		if got, _ := admin.listed("/console/cases?" + query); len(got) != want {
			t.Errorf("%s: %d cases, want %d", query, len(got), want)
		}
	}
	s.pass(24 * time.Hour) // the contact deadline of the first has passed
	admin.as, admin.csrf, _ = s.signIn("admin", password)
	overdue, next := admin.listed("/console/cases?show=overdue")
	rest, _ := admin.listed(next)
	if len(overdue)+len(rest) != casesPage+5 || !strings.Contains(next, "show=overdue") {
		t.Errorf("%d and %d overdue, next %q", len(overdue), len(rest), next)
	}
	for _, query := range []string{"state=x", "show=x", "after=x", "after=20240101-00", "within=x"} {
		if a := s.get("/console/cases?"+query, admin.as); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d, want 422", query, a.StatusCode)
		}
	}
	for _, key := range []string{"x", strings.Repeat("00", 30)} {
		if a := s.get("/console/cases/"+key, admin.as); a.StatusCode != http.StatusNotFound {
			t.Errorf("case %s: status %d, want 404", key, a.StatusCode)
		}
	}
}
