package web

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"manyi/jobs"
	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/storetest"
)

// workCases gives 鼓楼区人社局 seven bad reviews that fare each in their own way, and
// 思明区税务局 one that is put right; all but one came in on Monday, 4 March 2024, so
// that contact is due by the 5th, rectification by the 19th and callback by the 26th.
func (s *site) workCases() {
	s.t.Helper()
	f := storetest.NewFacts(1, s.survey)
	n := 0
	bad := func(window, at string, with ...func(*survey.Response)) survey.Response {
		n++
		r := f.Response(window, storetest.At(at), append([]func(*survey.Response){storetest.Bad, func(r *survey.Response) { r.Reasons = []int{207} }}, with...)...)
		_, err := s.store.AddResponses(s.t.Context(), []survey.Response{r})
		must(s.t, err)
		return r
	}
	proven := func(window, at string) survey.Response {
		number, secret := fmt.Sprint("N", n), fmt.Sprint("s", n)
		_, err := s.store.PutVisits(s.t.Context(), []survey.Visit{f.Visit(window, number, storetest.At(at), storetest.WithSecret(secret))})
		must(s.t, err)
		return bad(window, at, storetest.Proving(number, secret), storetest.WithContact)
	}
	const day = "2024-03-04 10:00"
	good := proven(storetest.GulouHR1, day)
	late := proven(storetest.GulouHR2, day)
	explained := bad(storetest.GulouHR3, day)
	excluded := bad(storetest.GulouHR1, day)
	_ = proven(storetest.GulouHR1, day)                // nobody touches it: overdue
	_ = proven(storetest.GulouHR1, "2024-03-20 10:00") // pending
	reopened := bad(storetest.GulouHR1, day, storetest.WithContact, func(r *survey.Response) { r.Reasons = []int{207, 209} })
	elsewhere := proven(storetest.SimingTax, day)
	must(s.t, ignore(jobs.OpenCases(s.t.Context(), s.store, func(k survey.Key) []byte { return k[:16] }, storetest.At("2024-03-04 10:01"))))

	boss, above, citizen := survey.Worker{Name: "wang", Party: survey.Own}, survey.Worker{Name: "li", Party: survey.Higher}, survey.Worker{Party: survey.Citizen}
	step := func(r survey.Response, at string, who survey.Worker, e survey.Entry) {
		s.t.Helper()
		e.Note = "。"
		storetest.TakeStep(s.t, s.store, s.survey, r.Key, storetest.At(at), who, e)
	}
	work := func(r survey.Response, at string, reached survey.Outcome, last survey.CaseStep) {
		s.t.Helper()
		step(r, at, boss, survey.Entry{Step: survey.StepContacted, Outcome: reached})
		step(r, at, boss, survey.Entry{Step: survey.StepVerified})
		step(r, at, boss, survey.Entry{Step: last})
	}
	callback := func(r survey.Response, at string, o survey.Outcome) {
		s.t.Helper()
		step(r, at, boss, survey.Entry{Step: survey.StepCallback, Outcome: o})
	}
	for _, r := range []survey.Response{good, elsewhere} {
		work(r, "2024-03-05 10:00", survey.OutcomeReached, survey.StepRectified)
		callback(r, "2024-03-06 10:00", survey.OutcomeSatisfied)
		step(r, "2024-03-06 11:00", citizen, survey.Entry{Step: survey.StepSaid, Outcome: survey.OutcomeSolved, Level: survey.Satisfied})
		step(r, "2024-03-07 10:00", boss, survey.Entry{Step: survey.StepClosed})
	}
	work(late, "2024-03-22 10:00", survey.OutcomeReached, survey.StepRectified)
	for _, at := range []string{"2024-03-22 11:00", "2024-03-25 11:00", "2024-03-26 11:00"} {
		callback(late, at, survey.OutcomeUnreachable)
	}
	work(explained, "2024-03-05 10:00", survey.OutcomeNoContact, survey.StepExplained)
	step(explained, "2024-03-05 11:00", boss, survey.Entry{Step: survey.StepClosed})
	step(excluded, "2024-03-05 10:00", boss, survey.Entry{Step: survey.StepExclusionAsked, Ground: survey.GroundMistaken})
	step(excluded, "2024-03-06 10:00", above, survey.Entry{Step: survey.StepExclusionGranted})
	step(reopened, "2024-03-04 12:00", boss, survey.Entry{Step: survey.StepRevealed})
	work(reopened, "2024-03-05 10:00", survey.OutcomeReached, survey.StepRectified)
	callback(reopened, "2024-03-06 10:00", survey.OutcomeUnsatisfied)
	step(reopened, "2024-03-07 10:00", boss, survey.Entry{Step: survey.StepRectified})
	callback(reopened, "2024-03-08 10:00", survey.OutcomeBasically)
	step(reopened, "2024-03-08 11:00", boss, survey.Entry{Step: survey.StepClosed})
	for _, day := range []survey.Span{20240306, 20240326} {
		must(s.t, ignore(jobs.PutSheet(s.t.Context(), s.store, s.survey, day, day.Plus(1).Start(s.survey.Location()))))
	}
	s.mu.Lock()
	s.now = storetest.At("2024-03-27 09:00")
	s.mu.Unlock()
}

func ignore[T any](_ T, err error) error { return err }

type caseRatesJSON struct {
	AsOf   string `json:"as_of"`
	Sheet  int
	Rows   []caseRowJSON
	Total  caseRowJSON
	Months []struct {
		Month string
		caseRowJSON
	}
	Definitions []struct {
		ID    string
		Title survey.Text
	}
	Changes []struct{ Explained bool }
}

type caseRowJSON struct {
	Place string
	Rates []struct {
		Definition, Name string
		AsOf             string `json:"as_of"`
		Adopted          struct {
			Rate     *float64
			Num, Den int64
		}
		WithNotAdopted struct{ Num, Den int64 } `json:"with_not_adopted"`
		NotAdopted     int64                    `json:"not_adopted"`
		Pending        *int64
		Verdict        *struct{ About, Adopted string }
	}
	Counts []struct {
		Definition     string
		Adopted        *int64
		WithNotAdopted *int64 `json:"with_not_adopted"`
	}
	Reasons map[string]int64
}

// said is every figure of a row by its definition: num/den, or the count.
func (r caseRowJSON) said() map[string]string {
	out := map[string]string{}
	for _, rate := range r.Rates {
		out[rate.Definition] = fmt.Sprintf("%d/%d", rate.Adopted.Num, rate.Adopted.Den)
	}
	for _, c := range r.Counts {
		n := c.Adopted
		if n == nil {
			n = c.WithNotAdopted
		}
		out[c.Definition] = fmt.Sprint(*n)
	}
	return out
}

func (s *site) caseRates(query string, as func(*http.Request)) (got caseRatesJSON) {
	s.t.Helper()
	a := s.get("/api/v1/case-rates?"+query, as)
	if a.StatusCode != http.StatusOK {
		s.t.Fatalf("case-rates?%s: status %d: %s", query, a.StatusCode, a.text)
	}
	must(s.t, json.Unmarshal([]byte(a.text), &got))
	return got
}

func TestCaseRatesByHand(t *testing.T) {
	s := newSite(t)
	s.workCases()
	got := s.caseRates("by=bureau", s.token(survey.Organiser, ""))
	if got.AsOf != "2024-03-26" || got.Sheet != 1 || len(got.Rows) != 5 {
		t.Fatalf("as of %s, sheet %d, %d rows", got.AsOf, got.Sheet, len(got.Rows))
	}
	none := map[string]string{"C1": "0/0", "C4": "0/0", "N1": "0", "N11": "0"}
	for place, want := range map[string]map[string]string{
		"350102-HR": {
			"C1": "2/5", "C2": "3/5", "C3": "2/5", "C4": "1/3", "C5": "1/3", "C6": "1/5", "C7": "1/5", "C8": "1/5", "C9": "1/5", "C10": "1/5", "C11": "1/1",
			"N1": "6", "N2": "5", "N3": "1", "N4": "0", "N5": "3", "N6": "0", "N7": "0", "N8": "1", "N9": "0", "N10": "0", "N11": "1"},
		"350203-TAX": {"C1": "1/1", "C2": "1/1", "C3": "1/1", "C4": "1/1", "C5": "1/1", "C8": "0/1", "N1": "1", "N3": "0", "N5": "0", "N8": "0"},
		"350104-HR":  none, "350102-HRS": none, "350128-ZH": none,
		"": {"C1": "3/6", "C2": "4/6", "C4": "2/4", "C5": "2/4", "C11": "2/2", "N1": "7", "N2": "6", "N8": "1"},
	} {
		row := got.Total
		for _, r := range got.Rows {
			if r.Place == place {
				row = r
			}
		}
		said := row.said()
		for definition, n := range want {
			if said[definition] != n {
				t.Errorf("%s %s: %s, want %s", row.Place, definition, said[definition], n)
			}
		}
	}
	for _, r := range got.Rows {
		for _, rate := range r.Rates {
			if rate.AsOf != "2024-03-26" {
				t.Errorf("%s %s is as of %q", r.Place, rate.Definition, rate.AsOf)
			}
			if none := rate.Adopted.Den == 0; none != (rate.Adopted.Rate == nil) {
				t.Errorf("%s %s: rate of %d/%d", r.Place, rate.Definition, rate.Adopted.Num, rate.Adopted.Den)
			}
			verdict := map[string]string{"350102-HR": "not_met", "350203-TAX": "met"}[r.Place]
			if verdict == "" {
				verdict = "none"
			}
			about := map[string]string{"C4": "declared", "C5": "confirmed"}[rate.Definition]
			if (about != "") != (rate.Verdict != nil) || about != "" && (rate.Verdict.About != about || rate.Verdict.Adopted != verdict) {
				t.Errorf("%s %s: verdict %+v", r.Place, rate.Definition, rate.Verdict)
			}
			if r.Place == "350102-HR" && rate.Definition == "C2" && (rate.WithNotAdopted.Num != 3 || rate.WithNotAdopted.Den != 6 || rate.NotAdopted != 1 || *rate.Pending != 1) {
				t.Errorf("with the one not adopted: %+v", rate)
			}
		}
	}
	if got.Total.Reasons["207"] != 7 || got.Total.Reasons["209"] != 1 {
		t.Errorf("reasons %v, want those of the seven adopted", got.Total.Reasons)
	}
	for _, d := range got.Definitions {
		if d.Title.Zh == "" || d.Title.En == "" {
			t.Errorf("%s has no title", d.ID)
		}
	}
	// The day before anything was due.
	early := s.caseRates("by=province&as_of=2024-03-06", s.token(survey.Organiser, "")).Total.said()
	if early["C4"] != "0/0" || early["N3"] != "6" || early["N2"] != "0" {
		t.Errorf("on 6 March: %v", early)
	}
}

// Numbers that differ between two screens are worse than none.
func TestCaseRatesAreTheSameEverywhere(t *testing.T) {
	s := newSite(t)
	s.workCases()
	s.addUser("admin", survey.Organiser, "")
	as, _, _ := s.signIn("admin", password)
	token := s.token(survey.Organiser, "")
	for _, query := range []string{"by=bureau", "by=city", "by=province", "by=bureau&within=350100", "by=city&as_of=2024-03-06", "by=bureau&within=350104-HR"} {
		api := s.caseRates(query, token)
		rows := append(slices.Clone(api.Rows), api.Total)
		page := s.get("/console/cases/rates?"+query, as).page(t)
		lines := page.Find("#rates tbody tr")
		if lines.Length() != len(rows) {
			t.Fatalf("%s: %d lines on the page, %d in the API", query, lines.Length(), len(rows))
		}
		lines.Each(func(i int, tr *goquery.Selection) {
			said := rows[i].said()
			if place := tr.AttrOr("data-place", ""); place != rows[i].Place {
				t.Errorf("%s: line %d is %s on the page, %s in the API", query, i, place, rows[i].Place)
			}
			cells := tr.Find("td[data-cell]")
			if cells.Length() != len(shownCounts)+len(shownRates) {
				t.Errorf("%s: %d cells", query, cells.Length())
			}
			cells.Each(func(_ int, td *goquery.Selection) {
				shown := td.Text()
				if i := td.Find("i"); i.Length() > 0 {
					shown, _, _ = strings.Cut(i.Text(), " ")
				}
				if want := said[td.AttrOr("data-cell", "")]; shown != want {
					t.Errorf("%s, %s %s: page %q, API %q", query, rows[i].Place, td.AttrOr("data-cell", ""), shown, want)
				}
			})
		})
		months := page.Find("#months tbody tr")
		if months.Length() != len(api.Months) || len(api.Months) == 0 && api.Total.said()["N1"] != "0" {
			t.Errorf("%s: %d months on the page, %d in the API", query, months.Length(), len(api.Months))
		}
		months.Each(func(i int, tr *goquery.Selection) {
			said := api.Months[i].said()
			if month := tr.AttrOr("data-month", ""); month != api.Months[i].Month {
				t.Errorf("%s: line %d is %s, in the API %s", query, i, month, api.Months[i].Month)
			}
			tr.Find("td[data-cell]").Each(func(_ int, td *goquery.Selection) {
				shown := td.Text()
				if i := td.Find("i"); i.Length() > 0 {
					shown, _, _ = strings.Cut(i.Text(), " ")
				}
				if want := said[td.AttrOr("data-cell", "")]; shown != want {
					t.Errorf("%s, %s %s: page %q, API %q", query, api.Months[i].Month, td.AttrOr("data-cell", ""), shown, want)
				}
			})
		})
		for _, address := range []string{"/console/cases/rates/csv?" + query, "/api/v1/case-rates?format=csv&" + query} {
			who := as
			if strings.HasPrefix(address, "/api") {
				who = token
			}
			text := s.get(address, who).text
			if _, err := export.Verify(strings.NewReader(text), export.CSV); err != nil {
				t.Errorf("%s: %v", address, err)
			}
			r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
			r.FieldsPerRecord = -1
			file, err := r.ReadAll()
			must(t, err)
			col := func(name string) int { return slices.Index(file[0], name) }
			seen := 0
			for _, line := range file[1:] {
				if line[0] != "row" && line[0] != "total" {
					continue
				}
				i := slices.IndexFunc(rows, func(r caseRowJSON) bool { return r.Place == line[col("place")] })
				if line[0] == "total" {
					i = len(rows) - 1
				}
				want, ok := rows[i].said()[line[col("definition")]]
				if !ok {
					continue // levels after the callback, and reasons
				}
				shown := line[col("numerator")]
				if shown == "" {
					shown = line[col("numerator_all")]
				}
				if den := line[col("denominator")]; den != "" {
					shown += "/" + den
				}
				if shown != want || line[col("as_of")] != api.AsOf {
					t.Errorf("%s, %s %s: file %q as of %s, API %q", query, line[col("place")], line[col("definition")], shown, line[col("as_of")], want)
				}
				if rate := line[col("rate")]; strings.HasSuffix(want, "/0") && rate != "none" {
					t.Errorf("%s: a rate of nothing is %q", query, rate)
				}
				seen++
			}
			if seen != len(rows)*22 {
				t.Errorf("%s: %d figures in the file, want %d", address, seen, len(rows)*22)
			}
		}
	}
	for _, f := range export.Formats {
		if a := s.get("/console/cases/rates/"+string(f), as); a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != f.ContentType() {
			t.Errorf("%s: status %d, %s", f, a.StatusCode, a.Header.Get("Content-Type"))
		}
	}
}

func TestCaseRatesPage(t *testing.T) {
	s := newSite(t)
	s.workCases()
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	page := s.get("/console/cases/rates", boss.as).page(t)
	verdict := func(id string) string { return page.Find("[data-verdict=" + id + "] p").First().Text() }
	for id, want := range map[string]string{"C4": "33.33% 1/3 · 未达到", "C5": "33.33% 1/3 · 未达到"} {
		if got := verdict(id); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if page.Find("tr[data-place='350203-TAX']").Length() != 0 || page.Find("option[value='350203-TAX']").Length() != 0 {
		t.Error("a supervisor sees another bureau")
	}
	var bars []string
	page.Find("#reasons [data-reason]").Each(func(_ int, tr *goquery.Selection) {
		bars = append(bars, tr.AttrOr("data-reason", "")+"="+tr.Find("td").First().Text()+"="+tr.Find("meter").AttrOr("value", ""))
	})
	if !slices.Equal(bars, []string{"207=6=6", "209=1=1"}) {
		t.Errorf("reasons %v", bars)
	}
	now := page.Find("#now tr[data-place='350102-HR'] td").Map(func(_ int, td *goquery.Selection) string { return td.Text() })
	if !slices.Equal(now, []string{"3", "3", "0", "0"}) {
		t.Errorf("now: %v; want three in work, and all of them overdue", now)
	}
	listed, _ := boss.listed("/console/cases?show=overdue&within=350102-HR")
	if link := page.Find("#now a[href*=overdue]").AttrOr("href", ""); len(listed) != 3 || link != "/console/cases?show=overdue&survey=y2024&within=350102-HR" {
		t.Errorf("the list of overdue cases has %d, the page links to %q", len(listed), link)
	}
	if page.Find("[data-change]").Length() != 0 || page.Find("[data-alarm]").Length() != 0 {
		t.Error("a day counted once is said to differ")
	}
	for query, want := range map[string]int{
		"as_of=2024-03-20": http.StatusOK, "as_of=x": http.StatusUnprocessableEntity, "by=window": http.StatusUnprocessableEntity,
		"within=350203-TAX": http.StatusForbidden, "within=350102": http.StatusForbidden, "within=nowhere": http.StatusUnprocessableEntity,
		"within=350102-HR-01": http.StatusUnprocessableEntity, "within=350102-HR": http.StatusOK, "survey=none": http.StatusNotFound,
	} {
		if a := s.get("/console/cases/rates?"+query, boss.as); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", query, a.StatusCode, want)
		}
	}
	if uncounted := s.get("/console/cases/rates?as_of=2024-03-20", boss.as).page(t); uncounted.Find("[data-not-counted]").Length() != 1 || uncounted.Find("#rates").Length() != 0 {
		t.Error("a day that was not counted has rates")
	}
	token := s.token(survey.Supervisor, "350102-HR")
	if mine := s.caseRates("by=province", token); len(mine.Rows) != 1 || mine.Rows[0].Place != "350102-HR" || mine.Total.said()["N1"] != "6" {
		t.Errorf("by province the supervisor gets %+v", mine.Rows)
	}
	for query, want := range map[string]int{"within=350203-TAX": http.StatusForbidden, "as_of=2024-03-20": http.StatusUnprocessableEntity, "format=pdf": http.StatusUnprocessableEntity} {
		if a := s.get("/api/v1/case-rates?"+query, token); a.StatusCode != want {
			t.Errorf("API %s: status %d, want %d", query, a.StatusCode, want)
		}
	}
	hall := s.token(survey.Supervisor, "350102-HR-01")
	if a := s.get("/api/v1/case-rates", hall); a.StatusCode != http.StatusForbidden {
		t.Errorf("a hall's supervisor asks for the bureau's rates: status %d", a.StatusCode)
	}
}

func TestADayThatWasCountedAnewSaysWhy(t *testing.T) {
	s := newSite(t)
	s.workCases()
	admin := s.desk("admin", survey.Organiser, "")
	other := s.desk("other", survey.Supervisor, "350203-TAX")
	recount := func() *goquery.Document {
		t.Helper()
		if err := ignore(jobs.PutSheet(t.Context(), s.store, s.survey, 20240326, s.clock())); err != nil && !errors.Is(err, jobs.ErrUnexplained) {
			t.Fatal(err)
		}
		return s.get("/console/cases/rates", admin.as).page(t)
	}
	r := storetest.NewFacts(9, s.survey).Response(storetest.GulouHR1, storetest.At("2024-03-04 15:00"), storetest.Bad)
	must(t, ignore(s.store.AddResponses(t.Context(), []survey.Response{r})))
	must(t, ignore(jobs.OpenCases(t.Context(), s.store, func(k survey.Key) []byte { return k[:15] }, s.clock())))
	page := recount()
	change := page.Find("[data-change='350102-HR'].warn")
	if page.Find("[data-sheet='2']").Length() != 1 || change.Length() != 1 || page.Find("[data-alarm]").Length() != 0 ||
		!strings.Contains(change.Text(), "2024-03-27 09:00") || !strings.Contains(change.Find("[data-count='adopted.cases']").Text(), "采纳 · 差评: 6 → 7") {
		t.Errorf("after a late review: %s", change.Text())
	}

	// Somebody writes a better sheet into the store.
	sheet, err := s.store.CaseSheet(t.Context(), s.survey.ID, 20240326)
	must(t, err)
	better := sheet.Bureaus["350203-TAX"][202403]
	better.Adopted.Reopened++
	sheet.Bureaus["350203-TAX"][202403] = better
	sheet.No++
	must(t, s.store.PutCaseSheet(t.Context(), sheet))
	page = recount()
	if page.Find("[data-alarm]").Length() != 1 || page.Find("[data-change='350203-TAX'].fault").Length() != 1 {
		t.Errorf("no alarm: %s", page.Find("[data-change]").Text())
	}
	if theirs := s.get("/console/cases/rates", other.as).page(t); theirs.Find("[data-change='350102-HR']").Length() != 0 || theirs.Find("[data-alarm]").Length() != 1 {
		t.Error("a supervisor sees another bureau's changes, or misses their own")
	}
}
