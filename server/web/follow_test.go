package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

// look asks for a receipt as a citizen does, with what else the form holds.
func (s *site) look(receipt string, with ...string) answer {
	s.t.Helper()
	form := url.Values{"receipt": {receipt}}
	for i := 0; i+1 < len(with); i += 2 {
		form.Set(with[i], with[i+1])
	}
	return s.post("/follow", form)
}

func TestTheCitizenFollowsTheCase(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	receipt := func(a answer) string { return a.page(t).Find("[data-receipt]").AttrOr("data-receipt", "") }
	good := receipt(s.rate(code, "satisfied"))
	bad := receipt(s.rate(code, "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "consent", "1"))
	s.openCases()
	unknown := func(receipt, why string) {
		t.Helper()
		a := s.look(receipt)
		doc := a.page(t)
		doc.Find("input[name=receipt]").Remove()
		text, _ := doc.Html()
		other := s.look("0000-0000-0000-0000").page(t)
		other.Find("input[name=receipt]").Remove()
		want, _ := other.Html()
		if a.StatusCode != http.StatusOK || text != want || doc.Find("[data-unknown]").Length() != 1 {
			t.Errorf("%s: status %d, and not the page of a wrong receipt", why, a.StatusCode)
		}
	}
	unknown(good, "a good rating")
	unknown(bad, "a bad rating nobody had to act on yet")
	unknown("", "no receipt")
	if a := s.look(bad, "step", "said", "outcome", "solved", "no", "2"); a.page(t).Find("[data-unknown]").Length() != 1 {
		t.Error("the citizen speaks before there is anything to see")
	}

	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	chief := s.desk("chief", survey.Supervisor, "350102")
	cases, _ := boss.listed("/console/cases")
	boss.done(cases[0], "noted", "note", "内部备注")
	boss.done(cases[0], "contacted", "outcome", "reached")
	boss.done(cases[0], "verified", "note", "内部核实")
	boss.done(cases[0], "rectified", "note", "已增开窗口")
	typed := strings.ToLower(strings.ReplaceAll(bad, "-", " ")) // as people type
	page := s.look(typed)
	doc := page.page(t)
	if doc.Find("[data-state]").AttrOr("data-state", "") != "rectified" || !strings.Contains(page.text, "已增开窗口") {
		t.Errorf("after the rectification: %s", doc.Find("main").Text())
	}
	for _, hidden := range []string{"内部备注", "内部核实", "boss", citizenPhone} {
		if strings.Contains(page.text, hidden) {
			t.Errorf("the citizen's page holds %q", hidden)
		}
	}
	no := doc.Find("#said input[name=no]").AttrOr("value", "")
	if a := s.look(bad, "step", "said", "no", no); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an answer without a choice: status %d", a.StatusCode)
	}
	if a := s.look(bad, "step", "said", "no", no, "outcome", "solved", "level", "x"); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an unknown level: status %d", a.StatusCode)
	}
	if a := s.look(bad, "step", "noted", "no", no, "note", "x"); a.StatusCode != http.StatusConflict {
		t.Errorf("a step that is not the citizen's: status %d", a.StatusCode)
	}
	if a := s.look(bad, "step", "identified", "no", no); a.StatusCode != http.StatusConflict {
		t.Errorf("a phone that is only said to be proved: status %d", a.StatusCode)
	}
	said := s.look(bad, "step", "said", "no", no, "outcome", "solved", "level", "satisfied", "note", "谢谢")
	if said.StatusCode != http.StatusOK || said.page(t).Find("[data-said]").Length() != 1 || said.page(t).Find("#said").Length() != 0 {
		t.Errorf("said: status %d", said.StatusCode)
	}
	if a := s.look(bad, "step", "said", "no", no, "outcome", "unsolved"); a.StatusCode != http.StatusConflict || a.page(t).Find("[data-step=said]").Length() != 1 {
		t.Errorf("said again: status %d", a.StatusCode)
	}
	rows := s.rows()
	if rows[1].Level != survey.Dissatisfied && rows[0].Level != survey.Dissatisfied {
		t.Error("the first level changed")
	}

	// Not adopted: the citizen sees the ground, and objects once.
	boss.done(cases[0], "exclusion_asked", "ground", "mistaken", "note", "点错了")
	chief.done(cases[0], "exclusion_granted", "note", "同意")
	doc = s.look(bad).page(t)
	no = doc.Find("#objected input[name=no]").AttrOr("value", "")
	if !strings.Contains(doc.Find("[data-step=exclusion_asked]").Text(), "误评") || no == "" {
		t.Fatalf("not adopted: %s", doc.Find("main").Text())
	}
	if a := s.look(bad, "step", "objected", "no", no, "note", "我没有点错"); a.page(t).Find("#objected").Length() != 0 || a.page(t).Find("[data-said]").Length() != 1 {
		t.Errorf("objected: status %d", a.StatusCode)
	}
	if steps := offered(s.get(cases[0], chief.as).page(t)); strings.Join(steps, " ") == "" || !strings.Contains(strings.Join(steps, " "), "exclusion_granted") {
		t.Errorf("after the objection it is to be decided again: %v", steps)
	}

	// Nobody did anything: the citizen sees that too, once the time is over.
	idle := receipt(s.rate(code, "very_dissatisfied", "comment", "没人理"))
	s.openCases()
	unknown(idle, "within the time to make contact")
	s.pass(48 * time.Hour)
	if doc := s.look(idle).page(t); doc.Find("[data-state=open]").Length() != 1 {
		t.Errorf("after the time to make contact: %s", doc.Find("main").Text())
	}
}
