package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

// asked is an interview as entered on a page that was just opened.
func (j *judge) asked(with ...string) url.Values {
	j.t.Helper()
	page := j.get("/console/interviews?survey="+j.survey.ID, j.as).page(j.t)
	form := url.Values{"csrf": {j.csrf}, "survey": {j.survey.ID}, "form_key": {page.Find("#interview [name=form_key]").AttrOr("value", "")},
		"window": {storetest.GulouHR1}, "mode": {"street"}, "level": {"satisfied"}}
	for i := 0; i+1 < len(with); i += 2 {
		form.Set(with[i], with[i+1])
	}
	return form
}

func TestAnInterviewIsStoredAsWhatItIs(t *testing.T) {
	s := newSite(t)
	wu := s.judge("wu", "350102-HR")
	form := wu.asked("mode", "phone", "level", "dissatisfied", "comment", "等了很久", "attitude", "dissatisfied",
		"case_number", "A1", "visit_secret", "x1y2z3", "name", "林女士", "phone", citizenPhone, "consent", "yes", "anonymous", "on")
	form["reason"] = []string{"207", "213"}
	a := s.post("/console/interviews", form, wu.as)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %.300s", a.StatusCode, a.text)
	}
	rows := s.rows()
	if len(rows) != 1 {
		t.Fatalf("%d responses", len(rows))
	}
	r := rows[0]
	if r.Channel != survey.ChannelInterview || r.Level != survey.Dissatisfied || len(r.Reasons) != 2 || r.Comment != "等了很久" ||
		r.Answers["attitude"] != survey.Dissatisfied || r.Interview == nil || *r.Interview != (survey.Interview{Mode: survey.ByPhone, By: "wu"}) {
		t.Errorf("%+v, %+v", r.Response, r.Interview)
	}
	if r.Case != (survey.CaseRef{}) || r.Secret != nil || r.Anonymous {
		t.Errorf("an interview names a case: %+v", r.Case)
	}
	if c, err := s.store.Contact(t.Context(), r.Key); !errors.Is(err, survey.ErrNotFound) {
		t.Errorf("an interview has a contact: %v, %v", c, err)
	}
	s.openCases()
	if owed, err := s.store.Case(t.Context(), r.Key); err == nil {
		t.Errorf("an interview opened a case: %+v", owed.Summary)
	}
	// The receipt is shown, and the next form waits with the same window and mode.
	next := a.page(t)
	receipt := next.Find("[data-done]").AttrOr("data-done", "")
	if len(receipt) != 19 || next.Find("#interview [name=window] [selected]").AttrOr("value", "") != storetest.GulouHR1 ||
		next.Find("#interview [name=mode] [selected]").AttrOr("value", "") != "phone" || next.Find("#interview [name=comment]").Text() != "" ||
		next.Find("#interview [name=form_key]").AttrOr("value", "") == form.Get("form_key") {
		t.Errorf("the next form, after receipt %q", receipt)
	}
	if s.look(receipt).page(t).Find("[data-unknown]").Length() != 1 {
		t.Error("the receipt of a bad interview shows more than that of a good rating")
	}
	if line := s.log.String(); !strings.Contains(line, `"interview entered","by":"wu"`) || strings.Contains(line, "等了很久") || strings.Contains(line, citizenPhone) {
		t.Errorf("the log says %.300s", line)
	}
	// Sent again, as by a browser that lost the answer, it counts once.
	again := s.post("/console/interviews", form, wu.as).page(t)
	if again.Find("[data-done]").AttrOr("data-done", "") != receipt || len(s.rows()) != 1 {
		t.Errorf("sent again: %d responses", len(s.rows()))
	}
	// Who asked leaves with the whole rows only; how, with all.
	for role, whole := range map[survey.Role]bool{survey.Auditor: true, survey.Evaluator: false} {
		csv := s.get("/api/v1/responses?format=csv", s.token(role, "")).text
		if strings.Contains(csv, ",wu,phone") != whole || !strings.Contains(csv, ",phone") || strings.Contains(csv, citizenPhone) {
			t.Errorf("%s takes away who asked: %v", role, !whole)
		}
	}
}

// deviceKey is a key as a phone gives one to what it keeps.
func (s *site) deviceKey(n int) string { return fmt.Sprintf("%012x%016x", s.clock().UnixMilli(), n) }

// tell sends an interview as the page's script does.
func (j *judge) tell(form url.Values) (said interviewAnswer) {
	j.t.Helper()
	a := j.post("/console/interviews", form, j.as, asksJSON)
	if a.StatusCode != http.StatusOK {
		j.t.Fatalf("status %d: %s", a.StatusCode, a.text)
	}
	must(j.t, json.Unmarshal([]byte(a.text), &said))
	return said
}

// TestAnInterviewKeptOnADeviceCountsOnce under the key it was given there, and is
// acknowledged by that key only.
func TestAnInterviewKeptOnADeviceCountsOnce(t *testing.T) {
	s := newSite(t)
	wu := s.judge("wu", "350102-HR")
	form := wu.asked("key", s.deviceKey(1), "level", "dissatisfied", "comment", "慢")
	form.Del("form_key")
	first, again := wu.tell(form), wu.tell(form)
	if !first.Stored || first.Key != form.Get("key") || len(first.Receipt) != 19 || fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("%+v, and sent again %+v", first, again)
	}
	rows := s.rows()
	if len(rows) != 1 || rows[0].Channel != survey.ChannelInterview || rows[0].Interview.By != "wu" || rows[0].Comment != "慢" || rows[0].Flags != 0 {
		t.Fatalf("%d responses: %+v", len(rows), rows)
	}
	form.Set("comment", "快")
	if other := wu.tell(form); !other.Stored || other.Receipt == first.Receipt || len(s.rows()) != 2 {
		t.Errorf("other content under the same key: %+v, %d responses", other, len(s.rows()))
	}
	next := wu.asked("key", s.deviceKey(2))
	for name, c := range map[string]struct {
		field, value, fault, why string
	}{
		"no level":             {"level", "", "level", "level_missing"},
		"no such mode":         {"mode", "letter", "mode", "interview_mode"},
		"somebody's window":    {"window", storetest.SimingTax, "window", "not_given"},
		"no window":            {"window", "350102-HR-01", "window", "place"},
		"a key that is none":   {"key", "12ab", "form_key", "form_key"},
		"a key of other signs": {"key", strings.Repeat("x", 28), "form_key", "form_key"},
	} {
		form := url.Values{}
		for field, values := range next {
			form[field] = values
		}
		form.Del("form_key")
		form.Set(c.field, c.value)
		said := wu.tell(form)
		if said.Stored || said.Receipt != "" || said.Key != form.Get("key") || len(said.Refused) != 1 || said.Refused[0].Field != c.fault || string(said.Refused[0].Why) != c.why || said.Refused[0].Text.Zh == c.why {
			t.Errorf("%s: %+v", name, said)
		}
	}
	// A phone that comes late: what came in time is acknowledged still, all else refused.
	form.Set("comment", "慢")
	s.pass(s.survey.Closes.Sub(s.clock()) + time.Hour)
	wu.as, wu.csrf, _ = s.signIn("wu", password)
	form.Set("csrf", wu.csrf)
	next.Set("csrf", wu.csrf)
	if said := wu.tell(form); said.Receipt != first.Receipt {
		t.Errorf("sent again after the end: %+v", said)
	}
	if said := wu.tell(next); said.Stored || len(said.Refused) != 1 || said.Refused[0].Why != WhySurveyOver {
		t.Errorf("sent after the end: %+v", said)
	}
	if n := len(s.rows()); n != 2 {
		t.Errorf("%d responses", n)
	}
}

// TestABacklogOfInterviewsWaits: what comes faster than the limit is neither stored nor
// refused, and comes again.
func TestABacklogOfInterviewsWaits(t *testing.T) {
	s := newSite(t)
	wu := s.judge("wu", "350102-HR")
	form := wu.asked()
	status := 0
	for n := 0; n < 100 && status != http.StatusTooManyRequests; n++ {
		form.Set("key", s.deviceKey(n))
		status = s.post("/console/interviews", form, wu.as, asksJSON).StatusCode
	}
	stored := len(s.rows())
	if status != http.StatusTooManyRequests || stored == 0 {
		t.Fatalf("status %d after %d", status, stored)
	}
	s.pass(time.Minute)
	if said := wu.tell(form); !said.Stored || len(s.rows()) != stored+1 {
		t.Errorf("a minute later: %+v, %d responses", said, len(s.rows()))
	}
}

func TestInterviewsAreOfAssignedBureausOnly(t *testing.T) {
	s := newSite(t)
	wu, li := s.judge("wu", "350102-HR"), s.judge("li", "350203-TAX")
	page := s.get("/console/interviews", wu.as).page(t)
	if options := page.Find("#interview [name=window] option"); options.Length() == 0 || page.Find("#interview [name=window] option[value='"+storetest.SimingTax+"']").Length() != 0 {
		t.Errorf("%d windows are offered", options.Length())
	}
	if s.get("/console/evaluate", wu.as).page(t).Find("a[data-interviews]").Length() != 1 {
		t.Error("the page of assigned bureaus does not lead to interviews")
	}
	for name, c := range map[string]struct {
		with   []string
		status int
		fault  string
	}{
		"a window of another bureau":   {[]string{"window", storetest.SimingTax}, 403, ""},
		"a hall":                       {[]string{"window", "350102-HR-01"}, 422, ""},
		"no such mode":                 {[]string{"mode", "letter"}, 422, ""},
		"no level":                     {[]string{"level", ""}, 422, "level"},
		"a bad level without a reason": {[]string{"level", "dissatisfied"}, 422, "reason"},
		"an answer that is none":       {[]string{"attitude", "F"}, 422, "attitude"},
		"a form of nobody's":           {[]string{"form_key", "AAAA"}, 422, "form_key"},
		"a form of a window's code":    {[]string{"form_key", s.get("/q/"+s.code(storetest.GulouHR1)).page(t).Find("[name=form_key]").AttrOr("value", "-")}, 422, "form_key"},
		"no survey":                    {[]string{"survey", ""}, 404, ""},
	} {
		a := s.post("/console/interviews", wu.asked(c.with...), wu.as)
		if a.StatusCode != c.status || c.fault != "" && a.page(t).Find("#f-"+c.fault).Length() != 1 {
			t.Errorf("%s: status %d, want %d and a fault of %q", name, a.StatusCode, c.status, c.fault)
		}
	}
	if n := len(s.rows()); n != 0 {
		t.Fatalf("%d responses", n)
	}
	if a := s.post("/console/interviews", li.asked("window", storetest.SimingTax), li.as); a.StatusCode != http.StatusOK || len(s.rows()) != 1 {
		t.Errorf("their own bureau: status %d", a.StatusCode)
	}
	none := s.judge("zhao")
	if page := s.get("/console/interviews", none.as).page(t); page.Find("#interview").Length() != 0 {
		t.Error("who was given no bureau is offered a form")
	}
	s.pass(s.survey.Closes.Sub(s.clock()) + time.Hour)
	wu.as, wu.csrf, _ = s.signIn("wu", password)
	a := s.post("/console/interviews", wu.asked(), wu.as)
	if a.StatusCode != http.StatusGone || a.page(t).Find("[data-closed]").Length() != 1 || len(s.rows()) != 1 {
		t.Errorf("after the end: status %d", a.StatusCode)
	}
}

// TestInterviewsAreNotMixedIn: a place's figures are the same with and without them, on
// the page and in the API, and they have figures of their own.
func TestInterviewsAreNotMixedIn(t *testing.T) {
	s := newEmptySite(t)
	s.survey.Rules.Interviews.PerBureau = 30
	must(t, s.store.PutPlaces(t.Context(), storetest.Places()))
	must(t, s.store.AddSurvey(t.Context(), s.survey))
	code := s.code(storetest.GulouHR1)
	for range 6 {
		s.rate(code, "very_satisfied")
	}
	wu := s.judge("wu", "350102-HR")
	for range 3 {
		s.post("/console/interviews", wu.asked("level", "dissatisfied", "comment", "慢"), wu.as)
	}
	must(t, s.store.PutAssignment(t.Context(), survey.Assignment{Survey: s.survey.ID, Evaluator: "wu", Bureaus: []string{"350102-HR", "350203-TAX"}}))
	s.rollUp()
	// The counters stand beside the quota.
	mine := s.get("/console/evaluate", wu.as).page(t)
	for bureau, want := range map[string]string{"350102-HR": "3/30", "350203-TAX": "0/30"} {
		if got := mine.Find("[data-place='" + bureau + "'] [data-interviewed]").Text(); !strings.HasSuffix(got, want) {
			t.Errorf("%s: interviews %q, want %s", bureau, got, want)
		}
	}
	asking := s.get("/console/interviews", wu.as).page(t)
	for bureau, want := range map[string]string{"350102-HR": "3/30", "350203-TAX": "0/30"} {
		if got := asking.Find("[data-place='" + bureau + "'] [data-interviewed]").Text(); got != want {
			t.Errorf("%s: interviews %q where they are entered, want %s", bureau, got, want)
		}
	}
	admin := s.desk("admin", survey.Organiser, "")
	all := s.get("/console/evaluations", admin.as).page(t)
	for bureau, want := range map[string]string{"350102-HR": "3/30", "350203-TAX": "0/30"} {
		if got := all.Find("tr[data-place='" + bureau + "'] [data-cell=interviews]").Text(); got != want {
			t.Errorf("%s: interviews %q, want %s", bureau, got, want)
		}
	}
	row := s.get("/console/figures?by=bureau", admin.as).page(t).Find("tr[data-place='350102-HR']")
	if n, own := row.Find("[data-cell=n]").Text(), row.Find("[data-cell=interviews]").Text(); n != "6" || own != "3" {
		t.Errorf("n %q, interviews %q: %s", n, own, row.Text())
	}
	var got struct {
		Total struct {
			N          int
			Channels   map[string]int
			Interviews struct{ N int }
		}
		Channels []struct{ Channel string } `json:"by_channel"`
	}
	must(t, json.Unmarshal([]byte(s.get("/api/v1/figures?by=bureau&within=350102-HR", s.token(survey.Organiser, "")).text), &got))
	if got.Total.N != 6 || got.Total.Interviews.N != 3 || len(got.Total.Channels) != 1 || got.Total.Channels["qr"] != 6 {
		t.Errorf("the API says %+v", got.Total)
	}
	if len(got.Channels) != len(survey.Channels)-2 {
		t.Errorf("by channel: %v", got.Channels)
	}
}
