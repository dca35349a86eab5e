package web

import (
	"fmt"
	"log/slog"
	"net/http"
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

// texting is a site whose citizens answer invitations by text message.
type texting struct {
	*site
	in   *intake.Intake
	came int
}

func newTexting(t testing.TB, with ...func(*Deps)) *texting {
	t.Helper()
	s := &texting{}
	s.site = newSite(t, append(with, func(d *Deps) { s.in = d.Intake })...)
	return s
}

// invite sends a phone an invitation about a visit of a window.
func (s *texting) invite(phone, window, number, code string) survey.Message {
	s.t.Helper()
	m := storetest.Invitation(number, phone, s.clock())
	m.Survey, m.Window, m.Code = s.survey.ID, window, code
	var err error
	m.Phone, err = s.in.SealPhone(phone, "message", m.ID())
	must(s.t, err)
	_, err = s.store.AddMessages(s.t.Context(), []survey.Message{m})
	must(s.t, err)
	_, err = s.store.ChangeMessage(s.t.Context(), m.ID(), func(m *survey.Message) error {
		if err := m.Take(s.clock(), s.clock().Add(time.Minute)); err != nil {
			return err
		}
		return m.Note(1, survey.MessageEvent{At: s.clock(), State: survey.MessageHanded})
	})
	must(s.t, err)
	return m
}

func (s *texting) comes(phone, text string) {
	s.t.Helper()
	s.came++
	s.pass(time.Minute)
	m, err := s.in.Inbound(fmt.Sprintf("m-%d", s.came), phone, text, s.clock())
	must(s.t, err)
	_, err = s.store.AddInbound(s.t.Context(), []survey.Inbound{m})
	must(s.t, err)
}

func (s *texting) settle() {
	s.t.Helper()
	_, err := jobs.TakeReplies(s.t.Context(), s.store, s.in, SayText, "【满意】", slog.New(slog.DiscardHandler), s.clock())
	must(s.t, err)
}

func (s *texting) write(phone, text string) {
	s.t.Helper()
	s.comes(phone, text)
	s.settle()
}

// replies are the rows of the page, each as "why|text|phone".
func (d desk) replies(address string) (rows []string, page *goquery.Document) {
	d.t.Helper()
	a := d.get(address, d.as)
	if a.StatusCode != http.StatusOK {
		d.t.Fatalf("%s: status %d", address, a.StatusCode)
	}
	page = a.page(d.t)
	page.Find("#replies tbody tr").Each(func(_ int, r *goquery.Selection) {
		rows = append(rows, r.AttrOr("data-fate", "")+"|"+r.Find("[data-text]").Text()+"|"+r.Find("[data-phone]").Text())
	})
	return rows, page
}

const day = 24 * time.Hour

func TestWhatWasNotCountedIsListed(t *testing.T) {
	s := newTexting(t)
	s.invite("13800138001", storetest.SimingTax, "N1", "AB")
	s.invite("13800138002", storetest.GulouHR1, "N2", "AC")
	s.pass(8 * day)
	s.write("13800138001", "5 太晚了吗")
	s.write("13800138002", "2 拖了太久")
	s.write("13800138003", "5")
	s.invite("13800138004", storetest.GulouHR1, "N4", "AD")
	s.write("13800138004", "打13900139000或35010219800101002X找我")
	s.write("13800138004", "5")
	s.write("13800138004", "1 有人要我改")
	s.invite("13800138005", storetest.GulouHR1, "N5", "AE")
	s.invite("13800138005", storetest.GulouHR3, "N6", "AF")
	s.write("13800138005", "2 等太久")
	s.invite("13800138006", storetest.GulouHR1, "N7", "AG")
	s.invite("13800138006", storetest.SimingTax, "N8", "AH")
	s.write("13800138006", "2 不知哪个")

	boss := s.desk("boss", survey.Organiser, "")
	rows, page := boss.replies("/console/replies")
	want := []string{"which|2 不知哪个|138****8006", "which|2 等太久|138****8005", "repeated|1 有人要我改|138****8004",
		"unclear|打139****9000或" + survey.Mask("35010219800101002X") + "找我|138****8004", "stranger|5|138****8003", "late|2 拖了太久|138****8002", "late|5 太晚了吗|138****8001"}
	if !slices.Equal(rows, want) {
		t.Errorf("the organiser sees\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	if at := page.Find("#replies tbody tr").Last().Find("td").Last().Text(); at != "2024-02-28 10:01" {
		t.Errorf("received: %s", at)
	}
	if text := page.Find("#replies tbody tr").Eq(1).Text(); strings.Count(text, "1号窗口") != 2 {
		t.Errorf("windows it may be about: %s", text)
	}
	for _, number := range []string{"13900139000", "35010219800101002X", "13800138001"} {
		if strings.Contains(s.get("/console/replies", boss.as).text, number) {
			t.Errorf("the page shows %s", number)
		}
	}
	if rows, _ := boss.replies("/console/replies?fate=late"); !slices.Equal(rows, want[5:]) {
		t.Errorf("those too late: %v", rows)
	}
	if link := s.get("/console/campaign", boss.as).page(t).Find("main a[href^='/console/replies?']"); link.Length() != 1 {
		t.Error("the campaign's page does not lead here")
	}

	s.pass(6 * day)
	chief := s.desk("chief", survey.Supervisor, "350102-HR")
	if rows, page := chief.replies("/console/replies"); len(rows) != 0 || page.Find("[data-none]").Length() != 1 {
		t.Errorf("the same week a supervisor sees %v", rows)
	}
	s.pass(day)
	chief = s.desk("chief", survey.Supervisor, "350102-HR")
	rows, page = chief.replies("/console/replies")
	want = []string{"which|等太久|138****8005", want[3], "late|拖了太久|138****8002"}
	if !slices.Equal(rows, want) {
		t.Errorf("a week later a supervisor sees\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
	if text := page.Find("#replies").Text(); strings.Contains(text, "2024-02-28") {
		t.Error("a supervisor sees the time")
	}
	for _, address := range []string{"/console/replies?fate=repeated", "/console/replies?fate=counted"} {
		if a := s.get(address, chief.as); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s as a supervisor: status %d", address, a.StatusCode)
		}
	}
	if rows, _ := s.desk("tax", survey.Supervisor, "350203-TAX").replies("/console/replies"); !slices.Equal(rows, []string{"late|太晚了吗|138****8001"}) {
		t.Errorf("another bureau's supervisor sees %v", rows)
	}
}

func TestRepliesStandWithTheirSurvey(t *testing.T) {
	s := newTexting(t)
	other := storetest.Survey(storetest.Named("other"))
	must(t, s.store.AddSurvey(t.Context(), other))
	s.invite("13800138001", storetest.GulouHR1, "N1", "AB")
	s.write("13800138001", "什么意思")
	s.write("13800138002", "5")
	d := s.desk("boss", survey.Organiser, "")
	for id, want := range map[string][]string{s.survey.ID: {"stranger|5|138****8002", "unclear|什么意思|138****8001"}, other.ID: {"stranger|5|138****8002"}} {
		if rows, _ := d.replies("/console/replies?survey=" + id); !slices.Equal(rows, want) {
			t.Errorf("of survey %s: %v, want %v", id, rows, want)
		}
	}
}

func TestErasedRepliesStayInTheList(t *testing.T) {
	s := newTexting(t)
	s.write("13800138003", "13800138003 5")
	must(t, s.store.SealedValues(t.Context(), survey.SealedInbound, func(v survey.SealedValue) error {
		_, err := s.store.ReplaceSealed(t.Context(), v, survey.SealedValue{})
		return err
	}))
	rows, page := s.desk("boss", survey.Organiser, "").replies("/console/replies")
	if len(rows) != 1 || !strings.HasPrefix(rows[0], "stranger|") || !strings.HasSuffix(rows[0], "|") || strings.Contains(page.Text(), "8003") {
		t.Errorf("an erased message is listed as %v", rows)
	}
}

func TestRepliesComePageByPage(t *testing.T) {
	s := newTexting(t)
	s.invite("13800138004", storetest.GulouHR1, "N4", "AD")
	s.comes("13800138004", "什么意思")
	for i := range repliesLooked + repliesPage/2 {
		s.comes(fmt.Sprintf("139%08d", i), fmt.Sprint("第", i))
	}
	s.settle()
	s.pass(8 * day)
	walk := func(d desk) (pages []int, all []string) {
		for address := "/console/replies?survey=" + s.survey.ID; address != ""; {
			rows, page := d.replies(address)
			pages, all = append(pages, len(rows)), append(all, rows...)
			address = page.Find("a[rel=next]").AttrOr("href", "")
		}
		return pages, all
	}
	pages, all := walk(s.desk("boss", survey.Organiser, ""))
	if want := (repliesLooked + repliesPage/2 + 1 + repliesPage - 1) / repliesPage; len(pages) != want || slices.Max(pages) != repliesPage {
		t.Errorf("pages of %v, want %d of them", pages, want)
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != repliesLooked+repliesPage/2+1 {
		t.Errorf("%d messages on all pages", n)
	}
	// Of many that are not theirs, a supervisor is not looked for without an end.
	if pages, all := walk(s.desk("chief", survey.Supervisor, "350102-HR")); !slices.Equal(pages, []int{0, 1}) || !strings.Contains(all[0], "什么意思") {
		t.Errorf("a supervisor's pages: %v %v", pages, all)
	}
}
