package web

import (
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

// TestStaffNeverSeeWhoWroteBeforeRelease: a named text, a phone or a name is not
// shown to the window, at no address, before a supervisor releases it.
func TestStaffNeverSeeWhoWroteBeforeRelease(t *testing.T) {
	s := newSite(t)
	codes := []string{s.code(storetest.GulouHR1), s.code(storetest.GulouHR2)}
	contact := []string{"phone", citizenPhone, "name", "林女士", "consent", "1"}
	s.rate(codes[0], "satisfied", "comment", "态度很好")
	s.rate(codes[0], "satisfied", append(contact, "comment", "我是林某，谢谢")...)
	s.rate(codes[0], "satisfied", "comment", "好，电话139 0013 9000")
	s.rate(codes[0], "dissatisfied", append(contact, "comment", "我姓林，等了很久")...)
	s.rate(codes[0], "dissatisfied", "comment", "打我电话１３９００１３９００１")
	for range 4 {
		s.rate(codes[1], "satisfied", "comment", "人少的窗口")
	}
	s.openCases()
	s.rollUp()
	s.pass((TextDelayDays + 1) * 24 * time.Hour)
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	staff := s.desk("staff", survey.Staff, storetest.GulouHR1)
	hall := s.desk("hall", survey.Staff, "350102-HR-01")
	texts := func(d desk) (rows []string) {
		d.get("/console/texts", d.as).page(t).Find("tbody tr td:first-child").Each(func(_ int, c *goquery.Selection) { rows = append(rows, c.Text()) })
		slices.Sort(rows)
		return rows
	}
	want := []string{"态度很好"}
	for name, d := range map[string]desk{"staff": staff, "staff of the hall": hall} {
		if got := texts(d); !slices.Equal(got, want) {
			t.Errorf("%s reads %q, want %q", name, got, want)
		}
	}
	if got := texts(boss); len(got) != 9 {
		t.Errorf("the supervisor reads %q, want all nine", got)
	}
	for _, path := range []string{"/console/figures?by=window", "/console/texts", "/console/codes", "/console/figures/csv?by=window"} {
		text := s.get(path, staff.as).text
		for _, private := range []string{citizenPhone, "林", "139****", "等了很久"} {
			if strings.Contains(text, private) {
				t.Errorf("%s shows staff %q", path, private)
			}
		}
	}

	cases, _ := boss.listed("/console/cases")
	for _, address := range cases {
		if a := s.post(address, url.Values{"step": {"released"}, "no": {"2"}, "csrf": {staff.csrf}}, staff.as); a.StatusCode != http.StatusForbidden {
			t.Errorf("staff release a text: status %d", a.StatusCode)
		}
		boss.done(address, "released")
		if steps := offered(s.get(address, boss.as).page(t)); slices.Contains(steps, "released") {
			t.Error("it may be released twice")
		}
	}
	want = []string{"态度很好", "我姓林，等了很久", "打我电话139****9001"}
	slices.Sort(want)
	if got := texts(staff); !slices.Equal(got, want) {
		t.Errorf("after the release staff read %q, want %q", got, want)
	}
	if text := s.get("/console/texts", staff.as).text; strings.Contains(text, citizenPhone) || strings.Contains(text, "林女士") || strings.Contains(text, "不满意") {
		t.Error("with the text staff see the contact or the level")
	}
}

// TestWhatEvaluatorsTakeAwayIsDeIdentified, while auditors get the rows whole.
func TestWhatEvaluatorsTakeAwayIsDeIdentified(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "satisfied", "comment", "态度很好", "case_number", "FZ-77")
	s.rate(code, "satisfied", "comment", "电话"+citizenPhone)
	for role, whole := range map[survey.Role]bool{survey.Evaluator: false, survey.Auditor: true} {
		s.addUser(string(role), role, "")
		as, _, _ := s.signIn(string(role), password)
		for _, a := range []answer{s.get("/console/responses/csv", as), s.get("/api/v1/responses?format=csv", s.token(role, ""))} {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.text, "态度很好") {
				t.Fatalf("%s: status %d", role, a.StatusCode)
			}
			for _, traces := range []string{"FZ-77", survey.MaskPhone(citizenPhone)} {
				if strings.Contains(a.text, traces) != whole {
					t.Errorf("%s takes away %s: %v", role, traces, !whole)
				}
			}
			if strings.Contains(a.text, citizenPhone) {
				t.Errorf("%s takes away a phone", role)
			}
		}
	}
}

// TestAContactIsForThoseWithThePower: the reveal is refused to all others, before and
// after it was made, and stands in the history for all who may read it.
func TestAContactIsForThoseWithThePower(t *testing.T) {
	s := newSite(t)
	s.rate(s.code(storetest.GulouHR1), "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "name", "林女士", "consent", "1")
	s.openCases()
	places := map[survey.Role]string{survey.Supervisor: "350102-HR", survey.Staff: storetest.GulouHR1}
	desks := map[survey.Role]desk{}
	for _, role := range survey.Roles {
		desks[role] = s.desk(string(role), role, places[role])
	}
	cases, _ := desks[survey.Organiser].listed("/console/cases")
	address := cases[0]
	reveals := 0
	for _, role := range survey.Roles {
		d := desks[role]
		if role == survey.Organiser || role == survey.Supervisor {
			reveals++
			if a := d.take(address, "revealed", "note", "核实情况 "+string(role)); a.StatusCode != http.StatusOK || !strings.Contains(a.text, citizenPhone) {
				t.Errorf("%s: status %d", role, a.StatusCode)
			}
			continue
		}
		a := s.post(address, url.Values{"step": {"revealed"}, "no": {"4"}, "note": {"x"}, "csrf": {d.csrf}}, d.as)
		if a.StatusCode != http.StatusForbidden || strings.Contains(a.text, citizenPhone) {
			t.Errorf("%s reveals: status %d", role, a.StatusCode)
		}
	}
	for _, role := range []survey.Role{survey.Organiser, survey.Supervisor, survey.Auditor} {
		a := s.get(address, desks[role].as)
		entries := a.page(t).Find(".timeline [data-step=revealed]")
		if entries.Length() != reveals || !strings.Contains(entries.Text(), "核实情况 supervisor") || strings.Contains(a.text, citizenPhone) {
			t.Errorf("%s: %d reveals in the history, want %d and no contact", role, entries.Length(), reveals)
		}
	}
}

// TestTwoCities: a city sees the cases and figures of its counties, a bureau its
// own, and nobody anything beside.
func TestTwoCities(t *testing.T) {
	s := newSite(t)
	for window, n := range map[string]int{storetest.GulouHR1: 6, storetest.GulouHRS: 7, storetest.CangshanHR: 8, storetest.SimingTax: 9} {
		code := s.code(window)
		for range n {
			s.rate(code, "dissatisfied", "comment", "x")
			s.pass(time.Minute)
		}
	}
	s.openCases()
	s.rollUp()
	s.pass(24 * time.Hour)     // bureaus see unnamed reviews, and figures, from the next day on
	all := map[string]string{} // case to bureau
	admin := s.desk("admin", survey.Organiser, "")
	must(t, s.store.Cases(t.Context(), survey.CaseQuery{}, func(k survey.Case) error {
		all["/console/cases/"+s.secrets().Address(k.Response.Key)] = survey.BureauOf(k.Response.Path.Window())
		return nil
	}))
	if got, _ := admin.listed("/console/cases"); len(got) != 30 || len(all) != 30 {
		t.Fatalf("the province sees %d of %d cases", len(got), len(all))
	}
	for place, want := range map[string][]string{
		"350100": {"350102-HR", "350102-HRS", "350104-HR"}, "350200": {"350203-TAX"}, "350102": {"350102-HR", "350102-HRS"},
		"350102-HR": {"350102-HR"}, "350203-TAX": {"350203-TAX"},
	} {
		d := s.desk("boss-"+place, survey.Supervisor, place)
		listed, _ := d.listed("/console/cases")
		for address, bureau := range all {
			mine := slices.Contains(want, bureau)
			if slices.Contains(listed, address) != mine {
				t.Errorf("%s lists a case of %s: %v", place, bureau, !mine)
			}
			if status := s.get(address, d.as).StatusCode; (status == http.StatusOK) != mine || !mine && status != http.StatusForbidden {
				t.Errorf("%s opens a case of %s: status %d", place, bureau, status)
			}
		}
		rows := []string{}
		s.get("/console/figures?by=bureau", d.as).page(t).Find("#figures tbody tr[data-place]:not(.total)").Each(func(_ int, r *goquery.Selection) {
			if r.Find("[data-cell=n]").Text() != "0" {
				rows = append(rows, r.AttrOr("data-place", ""))
			}
		})
		slices.Sort(rows)
		if !slices.Equal(rows, want) {
			t.Errorf("%s sees the figures of %v, want %v", place, rows, want)
		}
		for _, other := range []string{"350203", "350104-HR", "350000"} {
			inside := storetest.Tree().Within(other, place)
			for _, page := range []string{"figures", "cases", "texts"} {
				if status := s.get("/console/"+page+"?within="+other, d.as).StatusCode; (status == http.StatusOK) != inside {
					t.Errorf("%s asks for the %s of %s: status %d", place, page, other, status)
				}
			}
		}
	}
}
