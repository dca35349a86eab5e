package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/survey"
	"manyi/survey/imports"
	"manyi/survey/mongostore/mongotest"
)

// importer is an organiser at the page that takes in scores made elsewhere.
type importer struct {
	t    *testing.T
	b    *http.Client
	at   string
	csrf string
}

func newImporter(t *testing.T, c commands) *importer {
	secret := last(c.run("user", "add", "admin", "--role", "organiser", "--generate"))
	i := &importer{t: t, b: browser(t), at: c.serve()}
	signInAs(t, i.b, i.at, "admin", secret)
	i.at += "/console/evaluations/import"
	_, page, err := fetch(i.b, i.at+"?survey=now")
	m := csrfIn.FindStringSubmatch(page)
	if err != nil || m == nil {
		t.Fatalf("no form: %v, %.300s", err, page)
	}
	i.csrf = m[1]
	return i
}

// send sends a form; a file is the last of its fields, as on the page.
func (i *importer) send(file []byte, fields ...string) (int, *goquery.Document) {
	i.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fail := func(err error) {
		if err != nil {
			i.t.Fatal(err)
		}
	}
	for n := 0; n < len(fields); n += 2 {
		fail(w.WriteField(fields[n], fields[n+1]))
	}
	if file != nil {
		part, err := w.CreateFormFile("table", "scores.csv")
		fail(err)
		_, err = part.Write(file)
		fail(err)
	}
	fail(w.Close())
	res, err := i.b.Post(i.at, w.FormDataContentType(), &body)
	fail(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fail(err)
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(text))
	fail(err)
	return res.StatusCode, doc
}

func (i *importer) check(rows []string) (int, *goquery.Document) {
	i.t.Helper()
	return i.send([]byte(scores(rows...)), "csrf", i.csrf, "survey", "now", "source", "institute")
}

// take presses the button of a page that shows what a file changes.
func (i *importer) take(shown *goquery.Document, reason string) (int, *goquery.Document) {
	i.t.Helper()
	var fields []string
	shown.Find("#take input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		fields = append(fields, in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	if len(fields) == 0 {
		i.t.Fatal("the page offers nothing to take")
	}
	return i.send(nil, append(fields, "reason", reason)...)
}

func TestScoresImportedInTheConsole(t *testing.T) {
	c := shortSurvey(t)
	scoresImported(t, c, c.base())
}

func TestScoresImportedInTheConsoleOnMongoDB(t *testing.T) {
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	c := i.commands(t)
	c.fillShort()
	scoresImported(t, c, i.base())
}

// scoresImported goes from a file with faults to a second version, through a change by
// somebody else in between and an import that was cut short.
func scoresImported(t *testing.T, c commands, b *base) {
	i := newImporter(t, c)
	stored := func(evaluator string) survey.Evaluation {
		t.Helper()
		e, err := b.store.Evaluation(t.Context(), survey.EvaluationID{Survey: "now", Bureau: "350102-HR", Evaluator: "imported:institute" + evaluator})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	counts := func(doc *goquery.Document, part string) (rows []string) {
		doc.Find("table[data-part=" + part + "] tr[data-row]").Each(func(_ int, tr *goquery.Selection) { rows = append(rows, tr.AttrOr("data-row", "")) })
		return rows
	}
	first := judged("350102-HR", "", "符合,,", ",95;85,", "met,6,", "否,,", "无,,")

	// Faults: all of them, and nothing is stored.
	bad := slices.Clone(first)
	bad[0], bad[2] = "350102-HR,1,maybe,,,", "350102-HR,3,met,8,," // 8 days are too many
	status, doc := i.check(bad)
	var faults []string
	doc.Find("#faults tr[data-fault]").Each(func(_ int, tr *goquery.Selection) {
		faults = append(faults, tr.AttrOr("data-row", "")+" "+tr.AttrOr("data-field", "")+" "+tr.Find("td").Eq(2).Text()+" "+tr.AttrOr("data-fault", ""))
	})
	if want := []string{"2 finding maybe finding", "4 values 8 below_threshold"}; status != http.StatusUnprocessableEntity || !slices.Equal(faults, want) || doc.Find("#take").Length() != 0 {
		t.Errorf("status %d, faults %q, want %q", status, faults, want)
	}

	// What is new is shown, and taken when it is confirmed, with a reason.
	status, shown := i.check(first)
	if got := counts(shown, "added"); status != http.StatusOK || len(got) != 5 || len(stored("").Entries) != 0 {
		t.Fatalf("a look: status %d, rows %q, %d entries are stored", status, got, len(stored("").Entries))
	}
	if status, again := i.take(shown, " "); status != http.StatusUnprocessableEntity || again.Find("#faults [data-field=reason]").Length() != 1 || len(stored("").Entries) != 0 {
		t.Errorf("without a reason: status %d, %d entries are stored", status, len(stored("").Entries))
	}
	status, done := i.take(shown, "首次导入")
	if got := done.Find("[data-taken] strong").Text(); status != http.StatusOK || got != "500" { // 5 added, 0 changed, 0 unchanged
		t.Fatalf("taken: status %d, counts %q", status, got)
	}
	if e := stored(""); !e.State().Locked || len(e.Entries) != 6 || e.Entries[5].Note != "首次导入" {
		t.Errorf("stored %+v", e)
	}

	// The button pressed again, and the file again: nothing to take.
	if status, again := i.take(shown, "首次导入"); status != http.StatusOK || again.Find("[data-nothing]").Length() != 1 {
		t.Errorf("pressed again: status %d", status)
	}
	if status, again := i.check(first); status != http.StatusOK || again.Find("#take").Length() != 0 || len(counts(again, "unchanged")) != 5 || len(stored("").Entries) != 6 {
		t.Errorf("the same file: status %d, %d entries", status, len(stored("").Entries))
	}

	// A difference is shown old and new. If what is stored changes meanwhile, it is shown
	// again and nothing is taken.
	second := slices.Clone(first)
	second[1] = "350102-HR,2,,95;70,,"
	both := append(slices.Clone(second), judged("350102-HR", "林", "符合,,", "not_met,,没有材料", "不适用,,", "否,,", "无,,")...)
	status, shown = i.check(both)
	if got := counts(shown, "changed"); status != http.StatusOK || !slices.Equal(got, []string{"3"}) || len(counts(shown, "added")) != 5 || len(counts(shown, "unchanged")) != 4 {
		t.Errorf("a difference: status %d, changed %q", status, got)
	}
	if was, will := shown.Find("[data-was]").Text(), shown.Find("tr[data-row='3'] [data-will]").Text(); !strings.Contains(was, "95 85") || !strings.Contains(will, "95 70") || !strings.Contains(will, "不符合") {
		t.Errorf("shown %q -> %q", was, will)
	}
	between := slices.Clone(first)
	between[4] = "350102-HR,V1,有,,,"
	c.run("evaluations", "import", c.file("between.csv", scores(between...)), "--source", "institute", "--reason", "补充")
	before := len(stored("").Entries)
	status, anew := i.take(shown, "复核")
	if status != http.StatusConflict || anew.Find("[data-stale]").Length() != 1 || !slices.Equal(counts(anew, "changed"), []string{"3", "6"}) ||
		len(stored("").Entries) != before || len(stored("/林").Entries) != 0 {
		t.Fatalf("stale: status %d, changed %q, %d and %d entries", status, counts(anew, "changed"), len(stored("").Entries), len(stored("/林").Entries))
	}
	if got := anew.Find("#take textarea").Text(); got != "复核" {
		t.Errorf("the reason that was typed is %q", got)
	}

	// A crash between two evaluations, as MongoDB may leave it: the first of them is
	// there. The same file completes the rest.
	s, err := b.store.Survey(t.Context(), "now")
	if err != nil {
		t.Fatal(err)
	}
	instrument, err := s.Instrument(t.Context(), b.store)
	if err != nil {
		t.Fatal(err)
	}
	table, err := imports.Read(strings.NewReader(scores(second...)), "second.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := imports.Evaluations(table)
	list, unfit, err := s.CheckEvaluations(t.Context(), b.store, instrument, rows, "institute", "复核", time.Now())
	if err != nil || len(unfit) > 0 || len(list.Groups) != 1 {
		t.Fatalf("%d groups, %v, %v", len(list.Groups), unfit, err)
	}
	if err := b.store.AddEvaluations(t.Context(), list.Groups); err != nil {
		t.Fatal(err)
	}
	status, rest := i.take(anew, "复核")
	if status != http.StatusConflict || len(counts(rest, "changed")) != 0 || len(counts(rest, "added")) != 5 {
		t.Fatalf("after the crash: status %d, changed %q, added %q", status, counts(rest, "changed"), counts(rest, "added"))
	}
	status, done = i.take(rest, "复核")
	if got := done.Find("[data-taken] strong").Text(); status != http.StatusOK || got != "505" {
		t.Errorf("completed: status %d, counts %q", status, got)
	}
	e := stored("").State()
	if e.SubmittedVersion != 3 || !e.Locked || e.Submitted["2"].Finding != survey.FindingNotMet || e.Submitted["V1"].Finding != survey.FindingNotMet || !stored("/林").State().Locked {
		t.Errorf("stored %+v", e)
	}
	if status, again := i.check(both); status != http.StatusOK || again.Find("[data-nothing]").Length() != 1 {
		t.Errorf("at last, the same file: status %d", status)
	}
}
