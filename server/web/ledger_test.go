package web

import (
	"context"
	"encoding/csv"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/storetest"
)

// ledgerRows reads a ledger that must be whole: one map a row.
func ledgerRows(t *testing.T, a answer) (rows []map[string]string) {
	t.Helper()
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != export.CSV.ContentType() || !strings.Contains(a.Header.Get("Content-Disposition"), "y2024-ledger.csv") {
		t.Fatalf("status %d, %v: %s", a.StatusCode, a.Header, a.text)
	}
	m, err := export.Verify(strings.NewReader(a.text), export.CSV)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.text, "\uFEFF"))).ReadAll()
	if err != nil || int64(len(lines)) != m.Rows+2 {
		t.Fatalf("%d lines for %d rows, %v", len(lines), m.Rows, err)
	}
	for _, line := range lines[1 : len(lines)-1] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestTheLedgerHoldsTheCasesOfThePlaceAndNoContact(t *testing.T) {
	s := newSite(t)
	mine, theirs := s.code(storetest.GulouHR1), s.code(storetest.SimingTax)
	s.rate(mine, "dissatisfied", "comment", "=cmd|' /C calc'!A0", "case_number", "A-1", "phone", citizenPhone, "name", "林女士", "consent", "1")
	s.rate(mine, "satisfied", "comment", "很好")
	s.rate(theirs, "very_dissatisfied", "comment", "推诿", "case_number", "A-2")
	s.openCases()
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	admin := s.desk("admin", survey.Organiser, "")
	cases, _ := boss.listed("/console/cases")
	boss.done(cases[0], "contacted", "outcome", "reached")
	boss.done(cases[0], "verified", "note", "属实")
	boss.done(cases[0], "rectified", "note", "已道歉")

	own := ledgerRows(t, s.get("/console/cases/ledger/csv", boss.as))
	if len(own) != 1 || own[0]["window"] != storetest.GulouHR1 || own[0]["done"] != "已道歉" || own[0]["state"] != "rectified" ||
		own[0]["comment"] != "'=cmd|' /C calc'!A0" || own[0]["case_number"] != "A-1" || own[0]["on_time"] != "true" {
		t.Errorf("the bureau's own: %v", own)
	}
	all := s.get("/console/cases/ledger/csv", admin.as)
	if rows := ledgerRows(t, all); len(rows) != 2 {
		t.Errorf("the organiser's: %v", rows)
	}
	for _, private := range []string{citizenPhone, "林女士"} {
		if strings.Contains(all.text, private) {
			t.Errorf("the ledger holds %q", private)
		}
	}
	for query, want := range map[string][]string{
		"state=rectified": {"A-1"}, "state=open": {"A-2"}, "number=A-2": {"A-2"}, "within=350203": {"A-2"}, "within=思明区税务局": {"A-2"}, "show=reopened": nil,
		"show=overdue": nil, "state=open&within=350102-HR": nil,
	} {
		var got []string
		for _, row := range ledgerRows(t, s.get("/console/cases/ledger/csv?"+query, admin.as)) {
			got = append(got, row["case_number"])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	// The page's own links carry the filters.
	page := s.get("/console/cases?state=open&within=350203", admin.as).page(t)
	link := page.Find("#ledger a").Eq(1).AttrOr("href", "")
	if rows := ledgerRows(t, s.get(link, admin.as)); len(rows) != 1 || rows[0]["case_number"] != "A-2" {
		t.Errorf("%s: %v", link, rows)
	}
	book, err := excelize.OpenReader(strings.NewReader(s.get("/console/cases/ledger/xlsx", admin.as).text))
	must(t, err)
	defer book.Close()
	if lines, err := book.GetRows("ledger"); err != nil || len(lines) != 3 {
		t.Errorf("the workbook has %d lines, %v", len(lines), err)
	}

	for path, want := range map[string]int{
		"/console/cases/ledger/csv?within=350203-TAX": http.StatusForbidden,
		"/console/cases/ledger/csv?within=350102":     http.StatusForbidden, // the county above
		"/console/cases/ledger/csv?within=税务局":        http.StatusUnprocessableEntity,
		"/console/cases/ledger/pdf":                   http.StatusUnprocessableEntity,
		"/console/cases/ledger/csv?state=x":           http.StatusUnprocessableEntity,
		"/console/cases/ledger/csv?survey=gone":       http.StatusNotFound,
	} {
		if a := s.get(path, boss.as); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
}

// A ledger is cut where its reading breaks off, and then does not pass for whole.
func TestALedgerThatIsCutIsTold(t *testing.T) {
	s := newSite(t)
	f := storetest.NewFacts(1, s.survey)
	var group []survey.Response
	for range 3000 { // more than is sent at once
		group = append(group, f.Response(storetest.GulouHR1, storetest.At("2024-02-20 09:00"), storetest.Bad, storetest.Commented("等得太久")))
	}
	_, err := s.store.AddResponses(context.Background(), group)
	must(t, err)
	s.openCases()
	s.pass(24 * time.Hour) // the bureau sees unnamed reviews from the next day on
	whole := s.get("/console/cases/ledger/csv", s.desk("boss", survey.Supervisor, "350102-HR").as)
	if rows := ledgerRows(t, whole); len(rows) != len(group) {
		t.Errorf("%d rows", len(rows))
	}
	var out strings.Builder
	broken := errors.New("gone")
	_, err = export.Ledger(context.Background(), &out, export.CSV, s.survey, storetest.Tree(), breaksOff{s.store, 2500, broken}, survey.CaseQuery{}, time.Now())
	if !errors.Is(err, broken) || out.Len() == 0 {
		t.Fatalf("%d bytes, %v", out.Len(), err)
	}
	if _, err := export.Verify(strings.NewReader(out.String()), export.CSV); err == nil {
		t.Error("a part of it passes for the whole")
	}
}

// breaksOff is a store that is lost after so many cases.
type breaksOff struct {
	survey.CaseStore
	after int
	err   error
}

func (s breaksOff) Cases(ctx context.Context, q survey.CaseQuery, yield func(survey.Case) error) error {
	return s.CaseStore.Cases(ctx, q, func(c survey.Case) error {
		if s.after--; s.after < 0 {
			return s.err
		}
		return yield(c)
	})
}

func TestThePlaceOfAListIsFoundByName(t *testing.T) {
	s := newSite(t)
	for _, window := range []string{storetest.GulouHR1, storetest.GulouHR3, storetest.CangshanHR} {
		s.rate(s.code(window), "dissatisfied", "comment", "乱收费")
	}
	s.openCases()
	admin := s.desk("admin", survey.Organiser, "")
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	for query, want := range map[string]int{"仓山区人社局": 1, "鼓楼区人社局": 2, "鼓楼 社保 1号": 1, "福州": 3, " 350102-HR-02 ": 1, "": 3} {
		if got, _ := admin.listed("/console/cases?within=" + strings.ReplaceAll(query, " ", "+")); len(got) != want {
			t.Errorf("%q: %d cases, want %d", query, len(got), want)
		}
	}
	if got, _ := boss.listed("/console/cases?within=2号"); len(got) != 0 {
		t.Errorf("a window without cases lists %v", got)
	}
	a := s.get("/console/cases?within=人社局", admin.as)
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.text, "有几个地方符合") {
		t.Errorf("two bureaus fit: status %d", a.StatusCode)
	}
	if a := s.get("/console/cases?within=仓山区人社局", boss.as); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a place outside their own is found by its name: status %d", a.StatusCode)
	}
}

func TestImportedCasesAreMarkedOnThePages(t *testing.T) {
	s := newSite(t)
	ctx := context.Background()
	list, faults, err := s.survey.CheckResponses(ctx, s.store, []survey.ResponseRow{{Row: 2, ID: "R1", Window: storetest.GulouHR1, Received: "2024-02-05", Level: "dissatisfied", Comment: "等"}},
		storetest.Tree(), "elsewhere", nil, s.clock())
	must(t, errors.Join(err, faults.Err()))
	_, err = list.Add(ctx, s.store, func(*survey.Response) error { return nil })
	must(t, err)
	s.openCases()
	steps, faults, err := s.survey.CheckCases(ctx, s.store, []survey.CaseRow{{Row: 2, ID: "R1", Step: "contacted", At: "2024-02-06", By: "陈科长", Outcome: "no_contact"}},
		survey.NewCalendar(nil), "elsewhere", s.clock())
	must(t, errors.Join(err, faults.Err()))
	must(t, steps.Add(ctx, s.store, nil, func(survey.Key, []survey.Entry) error { return nil }))
	s.rate(s.code(storetest.GulouHR1), "dissatisfied", "comment", "乱收费")
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	page := s.get("/console/cases", boss.as).page(t)
	if tags := page.Find("#cases .tag").Text(); tags != "外部导入" {
		t.Errorf("the list marks %q, want the one that was imported", tags)
	}
	cases, _ := boss.listed("/console/cases?state=contacted")
	if len(cases) != 1 {
		t.Fatalf("%d cases are contacted", len(cases))
	}
	made := s.get(cases[0], boss.as).page(t).Find(".timeline [data-step=contacted]").Text()
	if !strings.Contains(made, "陈科长") || !strings.Contains(made, "外部导入") || strings.Contains(made, survey.ImportedBy) {
		t.Errorf("the page says of the step: %s", made)
	}
}
