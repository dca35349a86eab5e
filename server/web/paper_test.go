package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/survey"
	"manyi/survey/storetest"
)

// keyed is a paper form as typed.
func (d desk) keyed(with ...string) url.Values {
	form := url.Values{"csrf": {d.csrf}, "survey": {d.survey.ID}, "window": {storetest.GulouHR1}, "number": {"7"}, "day": {"2024-02-19"}, "level": {"B"}}
	for i := 0; i+1 < len(with); i += 2 {
		form.Set(with[i], with[i+1])
	}
	return form
}

func TestAPaperFormIsStoredAsWhatItIs(t *testing.T) {
	s := newSite(t)
	d := s.desk("chen", survey.Supervisor, "350102-HR")
	a := s.post("/console/paper", d.keyed("level", "d", "reasons", "207，213", "comment", "等了很久", "attitude", "E", "number", "０４２"), d.as)
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d: %.300s", a.StatusCode, a.text)
	}
	rows := s.rows()
	if len(rows) != 1 {
		t.Fatalf("%d responses", len(rows))
	}
	r := rows[0]
	if r.Channel != survey.ChannelPaper || r.Level != survey.Dissatisfied || len(r.Reasons) != 2 || r.Reasons[1] != 213 ||
		r.Comment != "等了很久" || r.Answers["attitude"] != survey.VeryDissatisfied || r.Flags != 0 {
		t.Errorf("%+v", r.Response)
	}
	if r.Paper == nil || *r.Paper != (survey.PaperForm{Number: 42, Day: 20240219, By: "chen"}) || r.Day != 20240220 {
		t.Errorf("paper %+v, received on %v", r.Paper, r.Day)
	}
	// The next form waits with the same window and day, and the next number.
	next := s.get(a.Header.Get("Location"), d.as).page(t)
	value := func(name string) string { return next.Find("#paper [name="+name+"]").AttrOr("value", "") }
	if value("number") != "43" || value("day") != "2024-02-19" || value("level") != "" || value("reasons") != "" ||
		next.Find("#paper [name=window] [selected]").AttrOr("value", "") != storetest.GulouHR1 || next.Find("[data-done='42']").Length() != 1 {
		t.Errorf("the next form: %q %q %q", value("number"), value("day"), value("level"))
	}
	if next.Find("#paper [name=level][autofocus]").Length() != 1 {
		t.Error("typing does not begin at the level")
	}
	if line := s.log.String(); !strings.Contains(line, `"by":"chen"`) || strings.Contains(line, "等了很久") {
		t.Errorf("the log says %.300s", line)
	}
	// Who keyed it in leaves with the whole rows only.
	for role, whole := range map[survey.Role]bool{survey.Auditor: true, survey.Evaluator: false} {
		csv := s.get("/api/v1/responses?format=csv", s.token(role, "")).text
		if strings.Contains(csv, ",42,2024-02-19,chen") != whole || !strings.Contains(csv, "paper") {
			t.Errorf("%s takes away who keyed it in: %v", role, !whole)
		}
	}
}

func TestAPaperFormIsKeyedInOnce(t *testing.T) {
	s := newSite(t)
	chen, lin := s.desk("chen", survey.Supervisor, "350102-HR"), s.desk("lin", survey.Organiser, "")
	send := func(d desk, with ...string) answer { return s.post("/console/paper", d.keyed(with...), d.as) }
	send(chen)
	a := send(lin)
	if a.StatusCode != http.StatusConflict || a.page(t).Find("[data-twice]").Length() != 1 || len(s.rows()) != 1 {
		t.Fatalf("keyed in again: status %d, %d responses", a.StatusCode, len(s.rows()))
	}
	a = send(lin, "twice", "1")
	if a.StatusCode != http.StatusSeeOther || !strings.Contains(a.Header.Get("Location"), "again=1") || len(s.rows()) != 1 {
		t.Errorf("the same by somebody else: status %d, %d responses", a.StatusCode, len(s.rows()))
	}
	for _, other := range [][]string{{"level", "A"}, {"day", "2024-02-18"}} {
		if a := send(lin, append(other, "twice", "1")...); a.StatusCode != http.StatusSeeOther || strings.Contains(a.Header.Get("Location"), "again") {
			t.Errorf("%v: status %d", other, a.StatusCode)
		}
	}
	rows := s.rows()
	if len(rows) != 3 || rows[0].Flags != 0 || rows[1].Flags != survey.FlagKeyReused || rows[2].Flags != survey.FlagKeyReused {
		t.Errorf("%d responses", len(rows))
	}
	// The same number is another form at another window.
	if a := send(chen, "window", storetest.GulouHR2); a.StatusCode != http.StatusSeeOther {
		t.Errorf("at another window: status %d", a.StatusCode)
	}
	if r := s.rows()[3]; r.Flags != 0 {
		t.Errorf("flags %v", r.Flags.Names())
	}
}

// TestAPaperFormFollowsTheRules of the citizen's page, and comes back with all that was typed.
func TestAPaperFormFollowsTheRules(t *testing.T) {
	s := newSite(t)
	d := s.desk("chen", survey.Supervisor, "350102-HR")
	for name, c := range map[string]struct {
		with   []string
		status int
		fault  string
	}{
		"a bad level without a reason": {[]string{"level", "E"}, 422, "reason"},
		"a code of another level":      {[]string{"level", "E", "reasons", "207"}, 422, "reason"},
		"no such code":                 {[]string{"level", "D", "reasons", "999"}, 422, "reason"},
		"no such letter":               {[]string{"level", "F"}, 422, "level"},
		"a bare number":                {[]string{"level", "1"}, 422, "level"},
		"no level":                     {[]string{"level", ""}, 422, "level"},
		"number 0":                     {[]string{"number", "0"}, 422, "number"},
		"no number":                    {[]string{"number", "A1"}, 422, "number"},
		"tomorrow":                     {[]string{"day", "2024-02-21"}, 422, "day"},
		"before the survey":            {[]string{"day", "2023-01-01"}, 422, "day"},
		"no day":                       {[]string{"day", "x"}, 422, "day"},
		"a phone without consent":      {[]string{"phone", citizenPhone}, 422, "consent"},
		"a window of another bureau":   {[]string{"window", storetest.SimingTax}, 403, ""},
		"a hall":                       {[]string{"window", "350102-HR-01"}, 422, ""},
		"no survey":                    {[]string{"survey", ""}, 404, ""},
	} {
		a := s.post("/console/paper", d.keyed(append([]string{"comment", ""}, c.with...)...), d.as)
		if a.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, a.StatusCode, c.status)
			continue
		}
		if c.fault == "" {
			continue
		}
		page := a.page(t)
		if page.Find("#f-"+c.fault).Length() != 1 {
			t.Errorf("%s: the field %s is not named", name, c.fault)
		}
		typed := c.with[len(c.with)-2:]
		if got := page.Find("#paper [name="+typed[0]+"]").AttrOr("value", ""); got != typed[1] {
			t.Errorf("%s: %s came back as %q, want %q", name, typed[0], got, typed[1])
		}
	}
	if n := len(s.rows()); n != 0 {
		t.Errorf("%d responses", n)
	}
	s.pass(s.survey.Closes.Sub(s.clock()) + time.Hour)
	d.as, d.csrf, _ = s.signIn("chen", password)
	a := s.post("/console/paper", d.keyed("number", "9", "day", "2024-02-20"), d.as)
	if a.StatusCode != http.StatusGone || a.page(t).Find("[data-closed]").Length() != 1 || len(s.rows()) != 0 {
		t.Errorf("a form that comes after the end: status %d", a.StatusCode)
	}
}

// TestAContactOnPaperIsAContact: sealed, and never in rows or logs.
func TestAContactOnPaperIsAContact(t *testing.T) {
	s := newSite(t)
	d := s.desk("chen", survey.Supervisor, "350102-HR")
	a := s.post("/console/paper", d.keyed("level", "D", "reasons", "207", "name", "林女士", "phone", citizenPhone, "consent", "yes"), d.as)
	if a.StatusCode != http.StatusSeeOther || strings.Contains(a.Header.Get("Location"), citizenPhone) {
		t.Fatalf("status %d, %s", a.StatusCode, a.Header.Get("Location"))
	}
	if _, err := s.store.Contact(t.Context(), s.rows()[0].Key); err != nil {
		t.Errorf("no contact: %v", err)
	}
	if strings.Contains(s.log.String(), citizenPhone) || strings.Contains(s.get("/api/v1/responses?format=csv", s.token(survey.Organiser, "")).text, citizenPhone) {
		t.Error("the phone is in the log or the rows")
	}
}

func TestBlankFormsAreOfTheQuestionnaire(t *testing.T) {
	s := newSite(t)
	d := s.desk("chen", survey.Supervisor, "350102-HR")
	for query, want := range map[string]int{
		"window=" + storetest.GulouHR1 + "&from=5&count=3&size=a5": http.StatusOK,
		"window=" + storetest.GulouHR1:                             http.StatusOK,
		"window=" + storetest.SimingTax:                            http.StatusForbidden,
		"window=350102-HR-01":                                      http.StatusUnprocessableEntity,
		"window=" + storetest.GulouHR1 + "&count=201":              http.StatusUnprocessableEntity,
		"window=" + storetest.GulouHR1 + "&from=0":                 http.StatusUnprocessableEntity,
		"window=" + storetest.GulouHR1 + "&from=999999&count=2":    http.StatusUnprocessableEntity,
		"window=" + storetest.GulouHR1 + "&size=a3":                http.StatusUnprocessableEntity,
	} {
		if a := s.get("/console/paper/sheets?"+query, d.as); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", query, a.StatusCode, want)
		}
	}
	page := s.get("/console/paper/sheets?window="+storetest.GulouHR1+"&from=5&count=3&size=a4", d.as).page(t)
	sheets := page.Find("body.a4 .sheet")
	var numbers []string
	sheets.Each(func(_ int, f *goquery.Selection) { numbers = append(numbers, f.AttrOr("data-number", "")) })
	if strings.Join(numbers, " ") != "5 6 7" {
		t.Errorf("forms %v", numbers)
	}
	text := sheets.First().Text()
	for _, r := range s.survey.Questionnaire.Reasons {
		if !strings.Contains(text, r.Text.Zh) {
			t.Errorf("reason %d is missing", r.Code)
		}
	}
	for _, q := range s.survey.Questionnaire.Questions {
		if !strings.Contains(text, q.Text.Zh) {
			t.Errorf("question %s is missing", q.Name)
		}
	}
	for _, l := range []string{"A 非常满意", "B 满意", "C 基本满意", "D 不满意", "E 非常不满意"} {
		if !strings.Contains(text, l) {
			t.Errorf("%q is missing", l)
		}
	}
}
