package web

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

func TestScanRateThanks(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	for _, path := range []string{"/q/" + code, "/Q/" + code, "/q/" + strings.ToLower(code)} {
		a := s.get(path)
		if a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: status %d, cache %q", path, a.StatusCode, a.Header.Get("Cache-Control"))
		}
		if len(a.text) > 10_240 {
			t.Errorf("the page has %d bytes, want at most 10,240", len(a.text))
		}
	}
	a := s.rate(code, "very_satisfied", "comment", "谢谢 🙏", "efficiency", "satisfied")
	receipt := a.page(t).Find("[data-receipt]").AttrOr("data-receipt", "")
	if a.StatusCode != http.StatusOK || receipt == "" {
		t.Fatalf("status %d, receipt %q", a.StatusCode, receipt)
	}
	rows := s.rows()
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	r := rows[0]
	if r.Level != survey.VerySatisfied || r.Comment != "谢谢 🙏" || r.Answers["efficiency"] != survey.Satisfied ||
		r.Path.Window() != storetest.GulouHR1 || r.Channel != survey.ChannelQR || r.Version != 1 || r.Flags != 0 {
		t.Errorf("stored %+v", r)
	}
}

// The thanks pages of the best and the worst level must be the same but for the
// receipt's number: staff at the window may ask to see it.
func TestThanksPageTellsNothingOfTheLevel(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	var pages []string
	for _, level := range survey.Levels {
		a := s.rate(code, level.String(), "comment", "x")
		doc := a.page(t)
		receipt := doc.Find("[data-receipt]").AttrOr("data-receipt", "?")
		text := strings.ReplaceAll(a.text, receipt, "R")
		for _, group := range strings.Split(receipt, "-") {
			text = strings.ReplaceAll(text, group, "G")
		}
		pages = append(pages, text)
	}
	for i, page := range pages {
		if page != pages[0] {
			t.Errorf("%s has a thanks page of its own", survey.Levels[i])
		}
	}
}

func TestPagesAreSqueezedForThoseWhoAsk(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	plain := s.get("/q/" + code)
	small := s.get("/q/"+code, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip, deflate, br") })
	if small.Header.Get("Content-Encoding") != "gzip" || small.Header.Get("Vary") != "Accept-Encoding" || len(small.text) > len(plain.text)/2 {
		t.Fatalf("%d bytes squeezed to %d, %v", len(plain.text), len(small.text), small.Header)
	}
	r, err := gzip.NewReader(strings.NewReader(small.text))
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, err)
	key := regexp.MustCompile(`name="form_key" value="[^"]+"`)
	if key.ReplaceAllString(string(text), "") != key.ReplaceAllString(plain.text, "") {
		t.Error("the squeezed page is another one")
	}
}

func TestRefusedFormsKeepWhatWasTyped(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	form := s.open(code)
	typed := `<b>"等" & 'x'`
	form.Set("level", "dissatisfied")
	form.Set("case_number", "A-1")
	form.Set("phone", "13800138000")
	form.Set("name", typed)
	a := s.post("/q/"+code, form)
	doc := a.page(t)
	if a.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("status %d, want 422", a.StatusCode)
	}
	if got := doc.Find("input[name=level]:checked, input[name=level][checked]").AttrOr("value", ""); got != "dissatisfied" {
		t.Errorf("level %q is picked", got)
	}
	for field, want := range map[string]string{"case_number": "A-1", "phone": "13800138000", "name": typed, "form_key": form.Get("form_key")} {
		if got := doc.Find("[name="+field+"]").AttrOr("value", ""); got != want {
			t.Errorf("%s = %q, want %q", field, got, want)
		}
	}
	if doc.Find("#f-reason").Length() != 1 || doc.Find("#f-consent").Length() != 1 {
		t.Error("the faults of reason and consent are not shown beside them")
	}
	// Put right and sent again from the same page, it is taken.
	form.Set("reason", "209")
	form.Set("consent", "1")
	if a := s.post("/q/"+code, form); a.StatusCode != http.StatusOK {
		t.Errorf("put right: status %d", a.StatusCode)
	}
	if n := len(s.rows()); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// Going back loads the page anew; sending what is still in it counts nothing twice.
func TestBackAndSendAgain(t *testing.T) {
	s := newSite(t)
	code, other := s.code(storetest.GulouHR1), s.code(storetest.GulouHR2)
	first := s.rate(code, "satisfied")
	back := func(code string) string {
		return s.get("/q/"+code, cookies(first.Cookies())).page(t).Find("[name=form_key]").AttrOr("value", "")
	}
	form := url.Values{"form_key": {back(code)}, "survey": {s.survey.ID}, "level": {"satisfied"}}
	again := s.post("/q/"+code, form)
	if again.text != first.text || len(s.rows()) != 1 {
		t.Errorf("sent again: %d rows, the same page %v", len(s.rows()), again.text == first.text)
	}
	form.Set("level", "dissatisfied")
	form.Set("reason", "209")
	if s.post("/q/"+code, form); len(s.rows()) != 2 || s.rows()[1].Flags&survey.FlagKeyReused == 0 {
		t.Error("another answer was not kept and flagged")
	}
	if key := back(other); key == form.Get("form_key") {
		t.Error("another window's page has the key of the first")
	}
	for _, c := range first.Cookies() {
		if c.Name == sentCookie && (c.MaxAge != int(backWithin.Seconds()) || !c.HttpOnly) {
			t.Errorf("cookie %+v", c)
		}
	}
}

func TestFormKeysOfOtherCodesAreRenewed(t *testing.T) {
	s := newSite(t)
	code, other := s.code(storetest.GulouHR1), s.code(storetest.GulouHR2)
	form := s.open(other)
	form.Set("level", "satisfied")
	a := s.post("/q/"+code, form)
	key := a.page(t).Find("[name=form_key]").AttrOr("value", "")
	if a.StatusCode != http.StatusUnprocessableEntity || key == form.Get("form_key") {
		t.Fatalf("status %d, key renewed: %v", a.StatusCode, key != form.Get("form_key"))
	}
	form.Set("form_key", key)
	if a := s.post("/q/"+code, form); a.StatusCode != http.StatusOK {
		t.Errorf("with the new key: status %d", a.StatusCode)
	}
	form = s.open(code)
	form.Set("level", "satisfied")
	form.Set("survey", "another")
	if a := s.post("/q/"+code, form); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a form of another survey: status %d, want 422", a.StatusCode)
	}
}

func TestCodesThatLeadNowhere(t *testing.T) {
	s := newSite(t)
	ctx := context.Background()
	revoked := s.code(storetest.GulouHR1)
	serial, err := s.signer.Serial(revoked)
	must(t, err)
	must(t, s.store.RevokeCode(ctx, serial, s.clock()))
	later := storetest.Survey(storetest.Named("later"), func(v *survey.Survey) { v.Opens = v.Closes.AddDate(0, -1, 0) })
	over := storetest.Survey(storetest.Named("over"), func(v *survey.Survey) { v.Closes = v.Opens.AddDate(0, 0, 1) })
	must(t, s.store.AddSurvey(ctx, later))
	must(t, s.store.AddSurvey(ctx, over))
	of := func(id, window string) string {
		c, err := survey.IssueCode(ctx, s.store, id, window, s.clock())
		must(t, err)
		return s.signer.Code(c.Serial)
	}
	narrow := storetest.Survey(storetest.Named("narrow"), func(v *survey.Survey) { v.Candidates = []string{"350104-HR"} })
	must(t, s.store.AddSurvey(ctx, narrow))
	good := s.code(storetest.GulouHR2)
	for name, c := range map[string]struct {
		code   string
		status int
	}{
		"made up":             {"0123456789ABCDEF", http.StatusNotFound},
		"one letter changed":  {flip(good), http.StatusNotFound},
		"signed, not issued":  {s.signer.Code(12345), http.StatusNotFound},
		"revoked":             {revoked, http.StatusGone},
		"not open yet":        {of("later", storetest.GulouHR1), http.StatusForbidden},
		"closed":              {of("over", storetest.GulouHR1), http.StatusGone},
		"not a candidate":     {of("narrow", storetest.GulouHR1), http.StatusGone},
		"a path climbing out": {"..%2f..%2fetc", http.StatusNotFound},
	} {
		for _, a := range []answer{s.get("/q/" + c.code), s.post("/q/"+c.code, url.Values{"level": {"satisfied"}})} {
			if a.StatusCode != c.status {
				t.Errorf("%s: %s status %d, want %d", name, a.Request.Method, a.StatusCode, c.status)
			}
			if a.page(t).Find("h1").Length() != 1 || strings.Contains(a.text, "error") {
				t.Errorf("%s: no clear page: %.200s", name, a.text)
			}
		}
	}
	if n := len(s.rows()); n != 0 {
		t.Errorf("%d rows stored", n)
	}
}

func flip(code string) string {
	last := byte('0')
	if code[len(code)-1] == '0' {
		last = '1'
	}
	return code[:len(code)-1] + string(last)
}

func TestRevokingACodeTakesEffectBesideARunningServer(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.open(code)
	serial, err := s.signer.Serial(code)
	must(t, err)
	must(t, s.store.RevokeCode(context.Background(), serial, s.clock()))
	s.pass(freshFor)
	if a := s.get("/q/" + code); a.StatusCode != http.StatusGone {
		t.Errorf("status %d, want 410", a.StatusCode)
	}
}

func TestFloodAnswersWithWhatWasTyped(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	first := s.get("/q/" + code)
	device := cookies(first.Cookies())
	var last answer
	for i := range 21 {
		form := s.open(code)
		form.Set("level", "satisfied")
		form.Set("comment", fmt.Sprint("rating ", i))
		last = s.post("/q/"+code, form, device)
	}
	if last.StatusCode != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
		t.Fatalf("status %d, want 429 with Retry-After", last.StatusCode)
	}
	if got := last.page(t).Find("textarea[name=comment]").Text(); got != "rating 20" {
		t.Errorf("comment %q came back", got)
	}
	if a := s.rate(code, "satisfied"); a.StatusCode != http.StatusOK {
		t.Errorf("somebody else at the same window: status %d", a.StatusCode)
	}
}

func TestAFullDiskKeepsWhatWasTyped(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	form := s.open(code)
	form.Set("level", "satisfied")
	form.Set("comment", "写了很久")
	s.intake.fault = survey.ErrFull
	a := s.post("/q/"+code, form)
	doc := a.page(t)
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || doc.Find("textarea[name=comment]").Text() != "写了很久" ||
		doc.Find("[name=form_key]").AttrOr("value", "") != form.Get("form_key") {
		t.Fatalf("status %d: %.300s", a.StatusCode, a.text)
	}
	if strings.Contains(a.text, survey.ErrFull.Error()) {
		t.Error("the page shows the error itself")
	}
	s.intake.fault = nil
	if a := s.post("/q/"+code, form); a.StatusCode != http.StatusOK || len(s.rows()) != 1 {
		t.Errorf("with room again: status %d, %d rows", a.StatusCode, len(s.rows()))
	}
}

// Fiber reuses the memory of what it read; a response waits for its commit in
// another goroutine, so a string kept by mistake would come out as a neighbour's.
func TestFiftyAtOnceKeepTheirOwnText(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	forms := make([]url.Values, 50)
	for i := range forms {
		forms[i] = s.open(code)
		forms[i].Set("level", "satisfied")
		forms[i].Set("comment", strings.Repeat(fmt.Sprintf("person %02d ", i), 20))
		forms[i].Set("case_number", fmt.Sprintf("CASE-%02d", i))
	}
	var wg sync.WaitGroup
	for _, form := range forms {
		wg.Go(func() { s.post("/q/"+code, form) })
	}
	wg.Wait()
	seen := map[string]string{}
	for _, r := range s.rows() {
		seen[r.Case.Number] = r.Comment
	}
	for _, form := range forms {
		if got := seen[form.Get("case_number")]; got != form.Get("comment") {
			t.Errorf("%s has the comment %.20q, want %.20q", form.Get("case_number"), got, form.Get("comment"))
		}
	}
}

func TestLogsTellNothingOfACitizen(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "dissatisfied", "comment", "私人的话", "phone", "13800138000", "name", "王小明", "consent", "1", "case_number", "CASE-77")
	s.rate(code, "dissatisfied", "phone", "13800138000") // refused
	must(t, s.store.Close())                             // what follows fails
	form := url.Values{"level": {"satisfied"}, "comment": {"私人的话"}, "phone": {"13800138000"}}
	s.pass(time.Minute)
	if a := s.post("/q/"+code, form); a.StatusCode < 400 {
		t.Errorf("status %d from a store that is gone", a.StatusCode)
	}
	log := s.log.String()
	for _, private := range []string{"13800138000", "王小明", "私人的话", "CASE-77", code} {
		if strings.Contains(log, private) {
			t.Errorf("the log shows %q", private)
		}
	}
}

func FuzzRateForm(f *testing.F) {
	s := newSite(f)
	code := s.code(storetest.GulouHR1)
	f.Add("level=satisfied&comment=ok")
	f.Add("level=dissatisfied&reason=207&reason=x&comment=%ff%00")
	f.Add("level=%E2%80%AE&case_number=" + strings.Repeat("9", 200))
	f.Add("=&&&level=1;level=2")
	f.Fuzz(func(t *testing.T, body string) {
		s.t = t
		form := s.open(code)
		req := url.Values{"form_key": {form.Get("form_key")}, "survey": {form.Get("survey")}}.Encode() + "&" + body
		before := len(s.rows())
		s.pass(time.Minute)
		a := s.post("/q/"+code, nil, func(r *http.Request) {
			*r = *mustRequest(t, "/q/"+code, req)
		})
		after := len(s.rows())
		switch a.StatusCode {
		case http.StatusOK:
			if after != before+1 {
				t.Errorf("thanked, and %d rows were added", after-before)
			}
		case http.StatusUnprocessableEntity:
			if after != before {
				t.Errorf("refused, and %d rows were added", after-before)
			}
		default:
			t.Errorf("status %d", a.StatusCode)
		}
	})
}

func mustRequest(t *testing.T, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, path, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}
