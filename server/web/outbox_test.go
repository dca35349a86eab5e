package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/sms"
	"manyi/survey/sms/outbox"
	"manyi/survey/storetest"
)

// newOutbox is a site whose messages stay in it; its survey is a sample or a real one.
func newOutbox(t testing.TB, sample bool) (*texting, *outbox.Outbox) {
	t.Helper()
	s, box := &texting{}, (*outbox.Outbox)(nil)
	s.site = newEmptySite(t, func(d *Deps) {
		box = outbox.New(d.Now)
		s.in, d.Outbox = d.Intake, box.Last
	})
	s.survey.Sample = sample
	must(t, s.store.PutPlaces(t.Context(), storetest.Places()))
	must(t, s.store.AddSurvey(t.Context(), s.survey))
	return s, box
}

// sent is an invitation that stayed in the outbox.
func (s *texting) sent(box *outbox.Outbox, phone, number string) survey.Message {
	s.t.Helper()
	m := s.invite(phone, storetest.GulouHR1, number, "AB")
	must(s.t, box.Send(s.t.Context(), sms.Message{ID: m.ID(), To: phone, Text: m.Text}))
	return m
}

// answerForm is the form beside a message as a browser would send it.
func (d desk) answerForm(id, text string) url.Values {
	d.t.Helper()
	form := d.get("/console/outbox", d.as).page(d.t).Find("#m-" + id + " form")
	if form.Length() != 1 || form.AttrOr("action", "") != "/console/outbox" {
		d.t.Fatalf("%d forms beside the message", form.Length())
	}
	value := func(name string) string { return form.Find("input[name="+name+"]").AttrOr("value", "") }
	return url.Values{"csrf": {value("csrf")}, "message": {value("message")}, "key": {value("key")}, "text": {text}}
}

func TestAnAnswerInTheOutboxIsInTheFigures(t *testing.T) {
	s, box := newOutbox(t, true)
	d := s.desk("boss", survey.Organiser, "")
	m := s.sent(box, "10000000001", "N1")
	form := d.answerForm(m.ID(), "5 很好")
	for range 2 { // pressed twice
		if a := s.post("/console/outbox", form, d.as); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/console/outbox?answered=1" {
			t.Fatalf("an answer: status %d", a.StatusCode)
		}
	}
	if s.get("/console/outbox?answered=1", d.as).page(t).Find("[data-answered]").Length() != 1 {
		t.Error("the page does not say that it came in")
	}
	s.settle()
	rows := s.rows()
	if len(rows) != 1 || rows[0].Channel != survey.ChannelSMS || rows[0].Level != survey.VerySatisfied || rows[0].Comment != "很好" || rows[0].Case.Number != "N1" {
		t.Fatalf("responses: %+v", rows)
	}
	s.rollUp()
	if f := s.figures("by=window&within="+storetest.GulouHR1, s.token(survey.Organiser, "")); *f.Total.N != 1 || *f.Rows[0].Counts["very_satisfied"] != 1 {
		t.Errorf("the figures: %+v", f)
	}
	// What is said back can be answered too: the first answer counts all the same.
	said := survey.Message{Key: "answer/x", Kind: survey.MessageAnswer, State: survey.MessageQueued, At: s.clock(), MadeAt: s.clock()}
	_, err := s.store.AddMessages(t.Context(), []survey.Message{said})
	must(t, err)
	must(t, box.Send(t.Context(), sms.Message{ID: said.ID(), To: "10000000001", Text: "谢谢"}))
	s.pass(time.Minute)
	if a := s.post("/console/outbox", d.answerForm(said.ID(), "1"), d.as); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a second answer: status %d", a.StatusCode)
	}
	s.settle()
	if list := s.inbound(); len(list) != 2 || list[0].Fate != survey.FateRepeated || list[1].Fate != survey.FateCounted {
		t.Errorf("what came in: %+v", list)
	}
	for _, hidden := range []string{"10000000001", "很好"} {
		if strings.Contains(s.log.String(), hidden) {
			t.Errorf("the log holds %q", hidden)
		}
	}
}

func TestAnswersInTheOutboxThatAreRefused(t *testing.T) {
	s, box := newOutbox(t, true)
	d := s.desk("boss", survey.Organiser, "")
	m := s.sent(box, "10000000001", "N1")
	must(t, box.Send(t.Context(), sms.Message{ID: "code-1", To: "10000000001", Text: "123456"}))
	good := d.answerForm(m.ID(), "5")
	if s.get("/console/outbox", d.as).page(t).Find("#m-code-1 form").Length() != 0 {
		t.Error("a message that proves a phone can be answered")
	}
	for why, c := range map[string]struct {
		field, value string
		want         int
	}{
		"no text":                  {"text", " \t", 422},
		"a text no phone sends":    {"text", strings.Repeat("满", sms.MaxText/3+1), 422},
		"no message":               {"message", "", 404},
		"a message that is gone":   {"message", storetest.Invitation("N9", "1", s.clock()).ID(), 404},
		"a code":                   {"message", "code-1", 404},
		"no key":                   {"key", "", 400},
		"a key that is none":       {"key", "a\nb", 400},
		"a key longer than an id":  {"key", strings.Repeat("x", sms.MaxID), 400},
		"the token of nobody":      {"csrf", "", 403},
		"the token of another one": {"csrf", good.Get("csrf") + "x", 403},
	} {
		form := url.Values{}
		for name := range good {
			form.Set(name, good.Get(name))
		}
		form.Set(c.field, c.value)
		a := s.post("/console/outbox", form, d.as)
		if a.StatusCode != c.want || len(s.inbound()) != 0 {
			t.Errorf("%s: status %d and %d came in, want %d", why, a.StatusCode, len(s.inbound()), c.want)
		}
		if c.want == 422 && a.page(t).Find("#m-"+m.ID()+" [data-fault=text]").Length() != 1 {
			t.Errorf("%s: the form does not say what is wrong", why)
		}
	}
	if a := s.post("/console/outbox", good, d.as); a.StatusCode != 303 || len(s.inbound()) != 1 {
		t.Errorf("the form as it was: status %d", a.StatusCode)
	}
}

// TestNobodyAnswersForARealCitizen: where an answer could count for a real survey, whoever
// reads the outbox cannot give it; nor where messages leave.
func TestNobodyAnswersForARealCitizen(t *testing.T) {
	s, box := newOutbox(t, false)
	d := s.desk("boss", survey.Organiser, "")
	m := s.sent(box, "13800138000", "N1")
	if page := s.get("/console/outbox", d.as).page(t); page.Find("article.message").Length() != 1 || page.Find("main form").Length() != 0 {
		t.Error("the outbox of a real survey has a form")
	}
	form := url.Values{"csrf": {d.csrf}, "message": {m.ID()}, "key": {"k"}, "text": {"5"}}
	if a := s.post("/console/outbox", form, d.as); a.StatusCode != http.StatusNotFound || len(s.inbound()) != 0 {
		t.Errorf("an answer in a real citizen's place: status %d", a.StatusCode)
	}
	out := newTexting(t) // messages leave
	d = out.desk("boss", survey.Organiser, "")
	form.Set("csrf", d.csrf)
	if a := out.post("/console/outbox", form, d.as); a.StatusCode != http.StatusNotFound || len(out.inbound()) != 0 {
		t.Errorf("an answer where messages leave: status %d", a.StatusCode)
	}
}
