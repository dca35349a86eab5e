package web

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/survey"
	"manyi/survey/storetest"
)

// TestNumbersInFreeTextAreHidden: whatever a citizen or a clerk types, a phone or an
// identity number in it is seen by nobody, unless somebody with the power gives a
// reason; then it is there to the byte.
func TestNumbersInFreeTextAreHidden(t *testing.T) {
	const (
		phone    = "１３９-0013　9007"
		identity = "11010519491231002x"
		comment  = " 等了很久\t请回电 " + phone + "\n我是" + identity + "，编号FZ2024-000777 "
		note     = "已回电0591-87654321，约在周一 "
		objected = "没人打 138 0013 8000 给我"
	)
	secrets := []string{phone, "9007　", "13900139007", identity, "110105194912", "87654321", "138 0013 8000"}
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "satisfied", "comment", "好评，"+phone)
	thanks := s.rate(code, "dissatisfied", "comment", comment)
	receipt := thanks.page(t).Find("[data-receipt]").AttrOr("data-receipt", "")
	s.openCases()
	s.rollUp()
	s.pass((TextDelayDays + 1) * 24 * time.Hour)
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	chief := s.desk("chief", survey.Supervisor, "350102")
	admin := s.desk("admin", survey.Organiser, "")
	auditor := s.desk("auditor", survey.Auditor, "")
	cases, _ := boss.listed("/console/cases")
	address := cases[0]
	boss.done(address, "contacted", "outcome", "no_contact", "note", note)
	boss.done(address, "exclusion_asked", "ground", "malicious", "note", "x")
	chief.done(address, "exclusion_granted", "note", "x")
	page := s.look(receipt)
	no := page.page(t).Find("#objected input[name=no]").AttrOr("value", "")
	if a := s.look(receipt, "step", "objected", "no", no, "note", objected); a.page(t).Find("[data-said]").Length() != 1 {
		t.Fatalf("the citizen objects: status %d", a.StatusCode)
	}
	none := func(where, text string) {
		t.Helper()
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q", where, secret)
			}
		}
	}
	masked := "139****9007"
	shows := func(where, text string) {
		t.Helper()
		none(where, text)
		if !strings.Contains(text, masked) {
			t.Errorf("%s does not show the comment with its number hidden", where)
		}
	}
	shows("the case", s.get(address, boss.as).text)
	shows("the case, to an auditor", s.get(address, auditor.as).text)
	shows("the comments", s.get("/console/texts", admin.as).text)
	none("the list", s.get("/console/cases", boss.as).text)
	if text := s.look(receipt).text; strings.Contains(text, "138 0013 8000") || !strings.Contains(text, "138****8000") {
		t.Error("the page that follows a case does not show the objection with its number hidden")
	}
	for _, as := range []desk{admin, auditor} {
		for _, format := range []string{"csv", "jsonl", "json"} {
			shows(format, s.get("/console/responses/"+format, as.as).text)
			shows("ledger as "+format, s.get("/console/cases/ledger/"+format, admin.as).text)
		}
	}
	shows("the API", s.get("/api/v1/responses?format=csv", s.token(survey.Organiser, "")).text)

	// With a reason, by whoever may, once, on record.
	if slices.Contains(offered(s.get(address, auditor.as).page(t)), "revealed") {
		t.Error("an auditor is offered what is hidden")
	}
	shown := boss.take(address, "revealed", "note", "核对号码13700137000").page(t)
	want := map[string]string{"0": comment, "2": note, "5": objected}
	shown.Find("[data-original]").Each(func(_ int, p *goquery.Selection) {
		no := p.AttrOr("data-original", "")
		if text, ok := want[no]; ok && p.Text() != text {
			t.Errorf("revealed of %s: %q, want %q to the byte", no, p.Text(), text)
		}
		delete(want, no)
	})
	if len(want) != 0 {
		t.Errorf("not revealed: %q", want)
	}
	after := s.get(address, auditor.as)
	none("the case, after the look", after.text)
	if trace := after.page(t).Find(".timeline [data-step=revealed]"); trace.Length() != 1 || !strings.Contains(trace.Text(), "核对号码137****7000") {
		t.Errorf("the look left the trace %q", trace.Text())
	}

	// Nothing of it lies in the files either, nor in the log.
	none("the log", s.log.String())
	must(t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		none(d.Name(), string(data))
		if d.Name() == "manyi.db" {
			wal, _ := os.ReadFile(path + "-wal")
			if !bytes.Contains(append(data, wal...), []byte(masked)) {
				t.Error("the files are not where the comments are")
			}
		}
		return err
	}))
	if a := s.post(address, nil, auditor.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("an auditor posts to the case: status %d", a.StatusCode)
	}
}

// TestASupervisorErasesWhatACitizenLeft: with a reason, on record, and the case goes on.
func TestASupervisorErasesWhatACitizenLeft(t *testing.T) {
	s := newSite(t)
	s.rate(s.code(storetest.GulouHR1), "dissatisfied", "comment", "请回电"+citizenPhone, "phone", citizenPhone, "consent", "1")
	s.openCases()
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	staff := s.desk("staff", survey.Staff, storetest.GulouHR1)
	cases, _ := boss.listed("/console/cases")
	address := cases[0]
	boss.done(address, "noted", "note", "号码"+citizenPhone)
	form := boss.form(address, "erased", "note", "群众电话申请，"+citizenPhone)
	form.Set("csrf", staff.csrf)
	if a := s.post(address, form, staff.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("staff erase: status %d", a.StatusCode)
	}
	if a := boss.take(address, "erased"); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("erased without a reason: status %d", a.StatusCode)
	}
	boss.done(address, "erased", "note", "群众电话申请，"+citizenPhone)
	page := s.get(address, boss.as)
	steps := offered(page.page(t))
	if slices.Contains(steps, "revealed") || slices.Contains(steps, "erased") || !slices.Contains(steps, "contacted") {
		t.Errorf("afterwards the case offers %v", steps)
	}
	if trace := page.page(t).Find(".timeline [data-step=erased]").Text(); !strings.Contains(trace, "boss") || !strings.Contains(trace, "群众电话申请，138****8000") {
		t.Errorf("the trace is %q", trace)
	}
	for _, kind := range survey.SealedKinds {
		must(t, s.store.SealedValues(t.Context(), kind, func(v survey.SealedValue) error {
			t.Errorf("a %s is still there", kind)
			return nil
		}))
	}
	if rows := s.rows(); len(rows) != 1 || rows[0].Comment != "请回电138****8000" {
		t.Errorf("the rating is %+v", rows)
	}
}
