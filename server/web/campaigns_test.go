package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

func TestCampaignPage(t *testing.T) {
	s := newSite(t)
	d := s.desk("boss", survey.Organiser, "")
	page := s.get("/console/campaign", d.as).page(t)
	if n := page.Find("[data-parts]").Length(); n != 2 {
		t.Errorf("%d previews", n)
	}
	form := url.Values{"csrf": {d.csrf}, "survey": {s.survey.ID}}
	for _, name := range []string{"text_zh", "text_en"} {
		form.Set(name, "【满意】"+page.Find("textarea[name="+name+"]").Text()) // the site of the test has no signature
	}
	for _, f := range (CampaignView{Campaign: survey.NewCampaign("", "")}).Fields() {
		value, _ := page.Find("input[name=" + f.Name + "]").Attr("value")
		form.Set(f.Name, value)
	}
	act := func(action string, with ...string) answer {
		t.Helper()
		next := url.Values{"action": {action}}
		for name, values := range form {
			next[name] = values
		}
		for i := 0; i < len(with); i += 2 {
			next.Set(with[i], with[i+1])
		}
		return s.post("/console/campaign", next, d.as)
	}
	stored := func() survey.CampaignState {
		c, err := s.store.Campaign(t.Context(), s.survey.ID)
		if err != nil {
			return ""
		}
		return c.State
	}
	preview := act("preview", "text_zh", form.Get("text_zh")+"好评 www.a.cn").page(t)
	if preview.Find("[data-warning=good_word]").Length() != 1 || preview.Find("[data-warning=link]").Length() != 1 || stored() != "" {
		t.Error("a preview warns of nothing, or is kept")
	}
	for field, value := range map[string]string{"text_zh": "【满意】请评价", "text_en": form.Get("text_en") + " Call 13800138000", "per_second": "0", "from": "x", "to": "25"} {
		if bad := act("start", field, value).page(t); bad.Find("[data-fault]").Length() == 0 || stored() != "" {
			t.Errorf("%s %q is taken", field, value)
		}
	}
	if a := act("save", "most", "7").page(t); a.Find("[data-saved]").Length() != 1 || stored() != survey.CampaignDraft {
		t.Error("a campaign is not saved: ", a.Find("[data-fault]").Text())
	}
	if act("start"); stored() != survey.CampaignRunning {
		t.Error("a campaign does not start")
	}
	m := storetest.Invitation("A", "13800138000", s.clock())
	m.Survey, m.State, m.Reason = s.survey.ID, survey.MessageFailed, survey.ReasonRefused
	if _, err := s.store.AddMessages(t.Context(), []survey.Message{m}); err != nil {
		t.Fatal(err)
	}
	page = s.get("/console/campaign", d.as).page(t)
	for count, want := range map[string]string{"failed": "1", "failed/refused": "1", "queued": "0", "answered": "0"} {
		if got := page.Find(`[data-count="` + count + `"] td`).Text(); got != want {
			t.Errorf("%s: %q, want %s", count, got, want)
		}
	}
	if act("cancel", "text_zh", "broken"); stored() != survey.CampaignCancelled {
		t.Error("a campaign is not cancelled, whatever is in the form")
	}
}

func TestVisitsByProgram(t *testing.T) {
	s := newSite(t)
	token := s.token(survey.Organiser, "")
	send := func(body string) answer {
		req := httptest.NewRequest(http.MethodPost, "/api/v1/visits", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		token(req)
		return s.send(req)
	}
	at := s.clock().Format("2006-01-02T15:04:05Z07:00")
	visit := func(number, more string) string {
		return `{"case_number":"` + number + `","window":"` + storetest.GulouHR1 + `","item":"社保","finished_at":"` + at + `"` + more + `}`
	}
	good := `{"visits":[` + visit("A1", `,"phone":"13800138000","consent":true`) + `,` + visit("A2", `,"phone":"13800138001"`) + `]}`
	if a := send(good); a.StatusCode != http.StatusOK || !strings.Contains(a.text, `"added":2`) {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	if a := send(good); !strings.Contains(a.text, `"unchanged":2`) {
		t.Errorf("the same again: %s", a.text)
	}
	bad := send(`{"visits":[` + visit("A3", "") + `,` + visit("A1", `,"phone":"139001390001390013900","consent":true`) + `,` + strings.Replace(visit("A4", ""), storetest.GulouHR1, "no", 1) + `]}`)
	if bad.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(bad.text, `"row":2,"field":"phone","why":"phone_form"`) ||
		!strings.Contains(bad.text, `"row":3,"field":"window"`) || strings.Contains(bad.text, "13900") {
		t.Errorf("faults: %d %s", bad.StatusCode, bad.text)
	}
	for _, body := range []string{"", "[]", `{"visits":[{"other":1}]}`, good + good} {
		if a := send(body); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%.30s: %d", body, a.StatusCode)
		}
	}
	phones := map[string]bool{}
	if err := s.store.Visits(t.Context(), func(v survey.Visit) error { phones[v.Case.Number] = v.Phone != nil; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(phones) != 2 || !phones["A1"] || phones["A2"] {
		t.Errorf("visits with a phone: %v", phones)
	}
}
