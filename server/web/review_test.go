package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"manyi/stats/export"
	"manyi/stats/proof/bundle"
	"manyi/stats/review"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/storetest"
)

const (
	fuzhou = "manyi+3a201508+AaR19gm76Wdn3pBI11o4I0S+BVHcfFjuihhaKElivnNw"
	xiamen = "manyi+1+B"
)

// takenIn is a publication of a source with units, as an import leaves it.
func takenIn(t *testing.T, source string, no int, units []sheet.Unit, with ...func(*bundle.Document)) survey.Publication {
	t.Helper()
	s := storetest.Survey()
	d := bundle.Document{Format: bundle.Format, ID: survey.PublicationID{Survey: s.ID, Period: "2024", No: no}.String(), Audience: bundle.Public, No: no, Period: "2024",
		AsOf: storetest.At("2024-05-01 00:00"), Rules: "rules-1", Key: source, Survey: s, Units: units, Names: map[string]string{"350102-HR": "<b>鼓楼</b>"}}
	for _, change := range with {
		change(&d)
	}
	d.Sheets = sheet.Make(d.Survey, d.Units)
	body, err := d.Encode()
	must(t, err)
	p := survey.Publication{PublicationID: survey.PublicationID{Source: source, Survey: s.ID, Period: "2024", No: no}, Corrects: no - 1,
		At: d.AsOf, Sample: d.Sample, By: "wang", Taken: storetest.At("2024-05-02 08:00").Add(time.Duration(no) * time.Hour), Public: survey.NewDocument(body, []byte("signature"))}
	must(t, p.Check())
	return p
}

func counted(place string, good, bad int64, pooled ...string) sheet.Unit {
	return sheet.Unit{Place: place, Pooled: pooled, Counted: map[string]sheet.Counts{"qr": {N: good + bad, Good: good}}}
}

func TestReviewTable(t *testing.T) {
	s := newSite(t)
	s.addUser("wang", survey.Reviewer, "")
	as, _, _ := s.signIn("wang", password)
	if s.get("/console/review", as).page(t).Find("[data-nothing]").Length() != 1 {
		t.Error("with nothing taken in the page does not say how to begin")
	}
	for _, p := range []survey.Publication{
		takenIn(t, fuzhou, 1, []sheet.Unit{counted("350102-HR", 90, 10)}),
		takenIn(t, fuzhou, 2, []sheet.Unit{counted("350102-HR", 95, 25), counted("350100", 12, 8, "350102-HRS", "350104-HR")},
			func(d *bundle.Document) { d.Survey.Title.Zh = "<script>x</script>" }),
		takenIn(t, xiamen, 1, []sheet.Unit{counted("350203-TAX", 44, 6), {Place: "350200", Pooled: []string{"350102-HR"}, Merged: []sheet.Merged{sheet.MergedCounts}}},
			func(d *bundle.Document) { d.Sample, d.Survey.Sample = true, true }),
		storetest.TakenPublication("manyi+2+C", "2024", 1), // a form this program does not read
		storetest.Publication("2024", 1),                   // made here
	} {
		must(t, s.store.PutPublication(t.Context(), p))
	}
	a := s.get("/console/review", as)
	page := a.page(t)
	if strings.Contains(a.text, "<script>") || strings.Contains(a.text, "<b>") || !strings.Contains(a.text, "鼓楼") {
		t.Error("a source's title or the name of a bureau is not escaped, or not there")
	}
	cell := func(place, name string) string {
		return strings.Join(strings.Fields(page.Find("#review tr[data-place='"+place+"'] [data-cell='"+name+"']").Text()), " ")
	}
	for at, want := range map[[2]string]string{
		{"350102-HR", "n"}: "120", {"350102-HR", "satisfaction"}: "79.17%95/120 71.05–85.47%", {"350102-HR", "rank"}: "1–1 / 1", {"350100", "n"}: "20", {"350100", "rank"}: "—",
		{"350203-TAX", "satisfaction"}: "88.00%44/50 76.20–94.38%", {"350203-TAX", "judged"}: "—", {"350200", "n"}: "—", {"350200", "satisfaction"}: "—",
	} {
		if got := cell(at[0], at[1]); got != want {
			t.Errorf("%s of %s is %q, want %q", at[1], at[0], got, want)
		}
	}
	if rows, entries := page.Find("#review tbody tr").Length(), page.Find("#taken tbody tr").Length(); rows != 4 || entries != 3 {
		t.Errorf("%d rows of %d publications, want 4 of 3", rows, entries)
	}
	if got := page.Find("#taken tr[data-publication='y2024/2024/2']").Text(); !strings.Contains(got, "manyi+3a201508") || !strings.Contains(got, "2024-05-02 10:00") || !strings.Contains(got, "wang") {
		t.Errorf("the publication: %s", got)
	}
	if got := page.Find("#taken [data-sample]").Length(); got != 2 {
		t.Errorf("%d publications are marked as samples, want 2", got)
	}
	if page.Find("[data-differ]").Length() != 0 {
		t.Error("equal rules are said to differ")
	}

	csv := s.get("/console/review/csv", as)
	m, err := export.Verify(strings.NewReader(csv.text), export.CSV)
	if err != nil || m.Rows != 4 || csv.Header.Get("Content-Disposition") != `attachment; filename="review-y2024-2024.csv"` {
		t.Errorf("%d rows, %v, %s", m.Rows, err, csv.Header.Get("Content-Disposition"))
	}
	for _, want := range []string{"y2024/2024/2," + review.Signer(fuzhou) + "," + fuzhou, "350102-HRS;350104-HR", ",120,"} {
		if !strings.Contains(csv.text, want) {
			t.Errorf("the file lacks %q:\n%s", want, csv.text)
		}
	}
	if a := s.get("/console/review/doc", as); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a format there is none of: status %d", a.StatusCode)
	}
	if got := s.get("/console/review?of=y2024/2023", as).page(t).Find("#review tbody tr").Length(); got != 0 {
		t.Errorf("another period has %d rows", got)
	}

	// An auditor of a city sees what is in it, and other rules are told.
	s.addUser("zhou", survey.Auditor, "350100")
	must(t, s.store.PutPublication(t.Context(), takenIn(t, "manyi+4+D", 1, []sheet.Unit{counted("350102-HR", 30, 6)}, func(d *bundle.Document) { d.Rules = "rules-2" })))
	city, _, _ := s.signIn("zhou", password)
	page = s.get("/console/review", city).page(t)
	if got := page.Find("#review tbody tr").Length(); got != 3 || page.Find("#review tr[data-place^='3502']").Length() != 0 {
		t.Errorf("the city's auditor sees %d rows", got)
	}
	if page.Find("[data-differ]").Length() != 1 {
		t.Error("it is not said that the rules differ")
	}
	if csv := s.get("/console/review/csv", city); strings.Contains(csv.text, "350203-TAX") || !strings.Contains(csv.text, "350102-HR") {
		t.Errorf("the city's auditor downloads\n%s", csv.text)
	}
}

// TestReviewWithoutASurvey: a reviewer's copy holds nothing but what was taken in.
func TestReviewWithoutASurvey(t *testing.T) {
	s := newEmptySite(t)
	must(t, s.store.PutPublication(t.Context(), takenIn(t, fuzhou, 1, []sheet.Unit{counted("350102-HR", 90, 10)})))
	s.addUser("wang", survey.Reviewer, "")
	as, _, _ := s.signIn("wang", password)
	if a := s.get("/console", as); a.Header.Get("Location") != "/console/review" {
		t.Errorf("the console begins at %q", a.Header.Get("Location"))
	}
	page := s.get("/console/review", as).page(t)
	if got := page.Find("#review tr[data-place='350102-HR'] [data-cell=n]").Text(); got != "100" {
		t.Errorf("n is %q", got)
	}
	if links := page.Find("nav a").Length(); links != 1 {
		t.Errorf("the menu has %d links; all but one lead to a survey there is none of", links)
	}
}
