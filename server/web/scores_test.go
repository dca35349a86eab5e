package web

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"manyi/survey"
)

// sendTable sends a file of scores as the page does.
func (d desk) sendTable(file []byte, fields ...string) answer {
	d.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for n := 0; n < len(fields); n += 2 {
		must(d.t, w.WriteField(fields[n], fields[n+1]))
	}
	if file != nil {
		part, err := w.CreateFormFile("table", "评分<b>.csv")
		must(d.t, err)
		_, err = part.Write(file)
		must(d.t, err)
	}
	must(d.t, w.Close())
	req := httptest.NewRequest(http.MethodPost, scoresPath, &body)
	req.Header.Set("Content-Type", w.FormDataContentType())
	d.as(req)
	return d.send(req)
}

func (d desk) scoreFields(more ...string) []string {
	return append([]string{"csrf", d.csrf, "survey", d.survey.ID, "source", "institute"}, more...)
}

// allScores is a file that answers every item of the built-in instrument for a bureau.
func allScores(bureau string) (rows [][]string) {
	rows = append(rows, []string{"单位编码", "指标编号", "认定", "数值"})
	for _, item := range survey.BuiltIn().Items {
		finding, values := "符合", ""
		if !item.Kind.Scored() {
			finding = "否"
		} else {
			for n, t := range item.Thresholds {
				values += strings.Repeat(";", min(n, 1)) + strings.Trim(t.String(), "≥≤")
			}
		}
		rows = append(rows, []string{bureau, item.Number, finding, values})
	}
	return rows
}

func (s *site) evaluationsStored() (n int) {
	s.t.Helper()
	must(s.t, s.store.Evaluations(s.t.Context(), "", "", func(survey.Evaluation) error { n++; return nil }))
	return n
}

// TestScoresFromAWorkbook goes through the real XLSX reader.
func TestScoresFromAWorkbook(t *testing.T) {
	s := newSite(t)
	admin := s.desk("admin", survey.Organiser, "")
	book := excelize.NewFile()
	for n, row := range allScores("350102-HR") {
		must(t, book.SetSheetRow("Sheet1", fmt.Sprint("A", n+1), &row))
	}
	var file bytes.Buffer
	must(t, book.Write(&file))
	a := admin.sendTable(file.Bytes(), admin.scoreFields()...)
	doc := a.page(t)
	if n := doc.Find("[data-part=added] tr[data-row]").Length(); a.StatusCode != http.StatusOK || n != 64 {
		t.Fatalf("status %d, %d rows: %s", a.StatusCode, n, doc.Find("#faults").Text())
	}
	take := admin.scoreFields("seen", doc.Find("[name=seen]").AttrOr("value", ""), "table", doc.Find("#take [name=table]").AttrOr("value", ""), "reason", "电话13900139000 更正")
	if a := admin.sendTable(nil, take...); a.StatusCode != http.StatusSeeOther || !strings.Contains(a.Header.Get("Location"), "added=64&changed=0") {
		t.Fatalf("taken: status %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	e, err := s.store.Evaluation(t.Context(), survey.EvaluationID{Survey: s.survey.ID, Bureau: "350102-HR", Evaluator: "imported:institute"})
	must(t, err)
	if note := e.Entries[64].Note; len(e.Entries) != 65 || note != "电话139****9000 更正" {
		t.Errorf("%d entries, the reason is %q", len(e.Entries), note)
	}
	if !strings.Contains(s.log.String(), `"scores imported","by":"admin"`) || strings.Contains(s.log.String(), "13900139000") {
		t.Errorf("the log says %s", s.log.String())
	}
}

func TestFilesOfScoresThatAreRefused(t *testing.T) {
	s := newSite(t)
	admin := s.desk("admin", survey.Organiser, "")
	header := "bureau,item,finding\n"
	many := header + strings.Repeat("350102-HR,1,met\n", maxScoreRows+1)
	bomb := []byte("PK\x03\x04 and no workbook")
	for name, c := range map[string]struct {
		file   []byte
		fields []string
		field  string
		why    survey.Why
	}{
		"no file":               {nil, admin.scoreFields(), "table", WhyNoTable},
		"an empty file":         {[]byte{}, admin.scoreFields(), "table", WhyNoTable},
		"nothing but a header":  {[]byte(header), admin.scoreFields(), "table", WhyNoTable},
		"no table":              {bomb, admin.scoreFields(), "table", WhyNotTable},
		"too many rows":         {[]byte(many), admin.scoreFields(), "table", WhyTableTooLarge},
		"too many bytes":        {bytes.Repeat([]byte("x"), maxTable+1), admin.scoreFields(), "table", WhyTableTooLarge},
		"a column is missing":   {[]byte("bureau,finding\n350102-HR,met\n"), admin.scoreFields(), "item", survey.WhyColumnMissing},
		"no source":             {[]byte(header + "350102-HR,1,met\n"), []string{"csrf", admin.csrf, "survey", s.survey.ID}, "source", survey.WhyMissing},
		"a source too long":     {[]byte(header + "350102-HR,1,met\n"), []string{"csrf", admin.csrf, "survey", s.survey.ID, "source", strings.Repeat("字", 61)}, "source", survey.WhyTooLong},
		"a reason too long":     {[]byte(header + "350102-HR,1,met\n"), admin.scoreFields("reason", strings.Repeat("字", survey.MaxNote+1)), "reason", survey.WhyNoteTooLong},
		"a bureau not rated":    {[]byte(header + "<script>,1,met\n"), admin.scoreFields(), "bureau", survey.WhyBureau},
		"items left unanswered": {[]byte(header + "350102-HR,1,met\n"), admin.scoreFields(), "item", survey.WhyUnanswered},
	} {
		a := admin.sendTable(c.file, c.fields...)
		if found := a.page(t).Find("#faults [data-field=" + c.field + "][data-fault=" + string(c.why) + "]").Length(); a.StatusCode != http.StatusUnprocessableEntity || found == 0 {
			t.Errorf("%s: status %d, %s", name, a.StatusCode, strings.TrimSpace(a.page(t).Find("#faults").Text()))
		}
		if strings.Contains(a.text, "<script>") || strings.Contains(a.text, "评分<b>") {
			t.Errorf("%s: what the file says is not escaped", name)
		}
	}
	// A page does not list more faults than anybody reads, and says so.
	var flood strings.Builder
	flood.WriteString("bureau,item,finding,evaluator\n")
	for n := range 20 {
		fmt.Fprintf(&flood, "350102-HR,1,met,e%d\n", n)
	}
	a := admin.sendTable([]byte(flood.String()), admin.scoreFields()...)
	if listed, more := a.page(t).Find("#faults [data-fault]").Length(), a.page(t).Find("[data-more]").AttrOr("data-more", ""); listed != maxShownFaults || more != fmt.Sprint(20*63-maxShownFaults) {
		t.Errorf("%d faults are listed, %s more", listed, more)
	}
	for what, a := range map[string]answer{
		"a forged form":           admin.sendTable([]byte(header), "csrf", "forged", "survey", s.survey.ID, "source", "x"),
		"a file before its token": admin.sendTable([]byte(header), "survey", s.survey.ID, "source", "x"),
	} {
		if a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", what, a.StatusCode)
		}
	}
	if a := admin.sendTable(nil, admin.scoreFields("table", "no base64!")...); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a file that is no base64: status %d", a.StatusCode)
	}
	s.pass(s.survey.Opens.Sub(s.clock()) - 1)
	as, csrf, _ := s.signIn("admin", password)
	early := desk{s, as, csrf}
	if a := early.sendTable([]byte(header+"350102-HR,1,met\n"), early.scoreFields()...); a.page(t).Find("[data-fault="+string(WhyEvaluationEarly)+"]").Length() != 1 {
		t.Errorf("before the survey opens: status %d", a.StatusCode)
	}
	if n := s.evaluationsStored(); n != 0 {
		t.Errorf("%d evaluations are stored", n)
	}
}
