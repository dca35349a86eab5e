package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"manyi/survey"
)

// judge is an evaluator who was given bureaus.
type judge struct {
	desk
	name string
	made int
}

func (s *site) judge(name string, bureaus ...string) *judge {
	s.t.Helper()
	d := s.desk(name, survey.Evaluator, "")
	must(s.t, s.store.PutAssignment(s.t.Context(), survey.Assignment{Survey: s.survey.ID, Evaluator: name, Bureaus: bureaus}))
	return &judge{desk: d, name: name}
}

func asksJSON(r *http.Request) { r.Header.Set("Accept", "application/json") }

// enter sends an entry as the page's script does.
func (j *judge) enter(bureau string, fields ...string) (said evaluateAnswer) {
	j.t.Helper()
	a := j.post("/console/evaluate/"+bureau, j.form(fields...), j.as, asksJSON)
	if a.StatusCode != http.StatusOK {
		j.t.Fatalf("%v: status %d: %s", fields, a.StatusCode, a.text)
	}
	must(j.t, json.Unmarshal([]byte(a.text), &said))
	return said
}

func (j *judge) form(fields ...string) url.Values {
	j.made++
	form := url.Values{"csrf": {j.csrf}, "key": {fmt.Sprintf("%s-key-%05d", j.name, j.made)}, "step": {"answered"}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

// all answers every item of the built-in instrument, but for what is said otherwise.
func (j *judge) all(bureau string, otherwise map[string]string) {
	j.t.Helper()
	for _, item := range survey.BuiltIn().Items {
		fields := []string{"item", item.Number, "finding", "met"}
		if !item.Kind.Scored() {
			fields[3] = "not_met"
		}
		if f, ok := otherwise[item.Number]; ok {
			fields[3] = f
		}
		if fields[3] == "met" {
			for n, t := range item.Thresholds {
				fields = append(fields, fmt.Sprint("value", n+1), strings.Trim(t.String(), "≥≤"))
			}
		}
		if said := j.enter(bureau, fields...); !said.Stored {
			j.t.Fatalf("item %s: %+v", item.Number, said)
		}
	}
}

// TestAnEvaluatorSeesTheirOwnBureausOnly, and nobody else's findings.
func TestAnEvaluatorSeesTheirOwnBureausOnly(t *testing.T) {
	s := newSite(t)
	chen := s.judge("chen", "350102-HR")
	lin := s.judge("lin", "350104-HR", "350102-HR")
	links := func(j *judge) (out []string) {
		s.get("/console/evaluate", j.as).page(t).Find("a[data-place]").Each(func(_ int, a *goquery.Selection) { out = append(out, a.AttrOr("data-place", "")) })
		return out
	}
	if a, b := links(chen), links(lin); !slices.Equal(a, []string{"350102-HR"}) || len(b) != 2 {
		t.Errorf("chen has %v, lin %v", a, b)
	}
	chen.enter("350102-HR", "item", "1", "finding", "not_met", "note", "只有陈知道")
	if text := s.get("/console/evaluate/350102-HR", lin.as).text; strings.Contains(text, "只有陈知道") {
		t.Error("an evaluator reads what another found")
	}
	for path, want := range map[string]int{"350102-HR": 200, "350104-HR": 404, "350102": 404, "350203-TAX": 404} {
		if a := s.get("/console/evaluate/"+path, chen.as); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
		if a := s.post("/console/evaluate/"+path, chen.form("item", "2", "finding", "met"), chen.as); (a.StatusCode == http.StatusSeeOther) != (want == 200) || want == 404 && a.StatusCode != 404 {
			t.Errorf("sent to %s: status %d", path, a.StatusCode)
		}
	}
	if a := s.post("/console/evaluate/350102-HR", url.Values{"csrf": {"forged"}, "step": {"answered"}, "key": {"12345678"}, "item": {"1"}, "finding": {"met"}}, chen.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("a forged form: status %d", a.StatusCode)
	}
}

// TestAnEvaluationWithoutAScript goes by the forms of the page alone.
func TestAnEvaluationWithoutAScript(t *testing.T) {
	s := newSite(t)
	chen := s.judge("chen", "350102-HR")
	a := s.get("/console/evaluate/350102-HR", chen.as)
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %s", csp)
	}
	doc := a.page(t)
	if n := doc.Find("section.item form").Length(); n != 64 {
		t.Fatalf("%d forms", n)
	}
	filled := func(item string, set ...string) url.Values {
		form := url.Values{}
		doc.Find("#i-" + item + " input[type=hidden]").Each(func(_ int, in *goquery.Selection) { form.Set(in.AttrOr("name", ""), in.AttrOr("value", "")) })
		for i := 0; i < len(set); i += 2 {
			form.Set(set[i], set[i+1])
		}
		return form
	}
	for range 2 { // pressed twice
		if a := s.post("/console/evaluate/350102-HR", filled("1", "finding", "met", "note", "电话13900139000"), chen.as); a.StatusCode != http.StatusSeeOther || !strings.HasSuffix(a.Header.Get("Location"), "#i-1") {
			t.Fatalf("status %d to %s", a.StatusCode, a.Header.Get("Location"))
		}
	}
	bad := s.post("/console/evaluate/350102-HR", filled("11", "finding", "met", "value1", "95", "value2", "70"), chen.as)
	if shown := bad.page(t).Find("#i-11"); bad.StatusCode != http.StatusUnprocessableEntity || shown.Find(".fault").First().Text() == "" || shown.Find("[name=value2]").AttrOr("value", "") != "70" {
		t.Errorf("a value below: status %d, %s", bad.StatusCode, shown.Text())
	}
	e, err := s.store.Evaluation(t.Context(), survey.EvaluationID{Survey: s.survey.ID, Bureau: "350102-HR", Evaluator: "chen"})
	must(t, err)
	if len(e.Entries) != 1 || strings.Contains(e.Entries[0].Note, "13900139000") {
		t.Errorf("stored %+v", e.Entries)
	}
	if n := s.get("/console/evaluate/350102-HR?show=open", chen.as).page(t).Find("section.item").Length(); n != 63 {
		t.Errorf("%d items are open, want 63", n)
	}
	early := s.post("/console/evaluate/350102-HR", chen.form("step", "submitted"), chen.as)
	if early.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("submitted with open items: status %d", early.StatusCode)
	}
	chen.all("350102-HR", nil)
	if a := s.post("/console/evaluate/350102-HR", chen.form("step", "submitted"), chen.as); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("submitted: status %d", a.StatusCode)
	}
	locked := s.get("/console/evaluate/350102-HR", chen.as).page(t)
	if locked.Find("[data-submitted]").Length() != 1 || locked.Find("section.item form").Length() != 0 {
		t.Error("it is not locked")
	}
	if said := chen.enter("350102-HR", "item", "1", "finding", "not_met"); said.Stored || len(said.Refused) != 1 || said.Refused[0].Why != WhySubmitted {
		t.Errorf("after submitting: %+v", said)
	}
	if a := s.post("/console/evaluate/350102-HR", chen.form("item", "1", "finding", "not_met"), chen.as); a.StatusCode != http.StatusConflict {
		t.Errorf("after submitting, by form: status %d", a.StatusCode)
	}
	if a := s.post("/console/evaluate/350102-HR", chen.form("step", "revised"), chen.as); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a new version without a reason: status %d", a.StatusCode)
	}
	s.post("/console/evaluate/350102-HR", chen.form("step", "revised", "note", "复核"), chen.as)
	if said := chen.enter("350102-HR", "item", "1", "finding", "not_met"); !said.Stored || said.Finding != survey.FindingNotMet {
		t.Errorf("in the new version: %+v", said)
	}
}

// TestThePageTheAPIAndTheFilesShowTheSameEvaluations, and what is not submitted in none.
func TestThePageTheAPIAndTheFilesShowTheSameEvaluations(t *testing.T) {
	s := newSite(t)
	chen, lin := s.judge("chen", "350102-HR", "350104-HR"), s.judge("lin", "350102-HR")
	chen.all("350102-HR", map[string]string{"1": "not_met", "2": "not_applicable", "V1": "met"})
	chen.enter("350102-HR", "step", "submitted")
	chen.enter("350104-HR", "item", "1", "finding", "met")
	lin.all("350102-HR", map[string]string{"1": "not_met", "3": "not_met"})

	var got struct {
		Rows []struct {
			Place      string
			Submitted  int
			Unfinished int
			Met        struct{ Num, Den int } `json:"items_met"`
			Gate       string
			Vetoes     []string
			Agreements []struct {
				A, B      string
				Agreement struct{ Num, Den int }
				Kappa     *float64
			}
			Evaluators []struct{ Evaluator string }
		}
	}
	load := func() {
		t.Helper()
		got.Rows = nil
		a := s.get("/api/v1/evaluations", s.token(survey.Reviewer, ""))
		if a.StatusCode != http.StatusOK {
			t.Fatalf("status %d: %s", a.StatusCode, a.text)
		}
		must(t, json.Unmarshal([]byte(a.text), &got))
	}
	load()
	if r := got.Rows[0]; len(got.Rows) != 5 || r.Place != "350102-HR" || r.Submitted != 1 || r.Unfinished != 1 || r.Met.Num != 58 || r.Met.Den != 59 || r.Gate != "met" || !slices.Equal(r.Vetoes, []string{"V1"}) || len(r.Agreements) != 0 {
		t.Errorf("with one submitted: %+v", got.Rows[0])
	}
	if r := got.Rows[2]; r.Place != "350104-HR" || r.Submitted != 0 || r.Met.Den != 0 || r.Gate != "none" {
		t.Errorf("only begun: %+v", r)
	}
	lin.enter("350102-HR", "step", "submitted")
	load()
	r := got.Rows[0]
	if r.Met.Num != 116 || r.Met.Den != 119 || len(r.Agreements) != 1 || r.Agreements[0].A != "chen" || r.Agreements[0].Agreement.Num != 61 || r.Agreements[0].Agreement.Den != 64 || r.Agreements[0].Kappa == nil {
		t.Fatalf("with both: %+v", r)
	}

	admin := s.desk("admin", survey.Organiser, "")
	row := s.get("/console/evaluations", admin.as).page(t).Find("tr[data-place='350102-HR']")
	if text := row.Text(); !strings.Contains(text, "116/119") || !strings.Contains(text, "V1") || !strings.Contains(text, "61/64") || !strings.Contains(text, fmt.Sprintf("κ %.2f", *r.Agreements[0].Kappa)) {
		t.Errorf("the page says %q", text)
	}
	file, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(s.get("/console/evaluations/files/csv", admin.as).text, "\ufeff"))).ReadAll()
	must(t, err)
	at := func(name string) int { return slices.Index(file[0], name) }
	i := slices.IndexFunc(file, func(row []string) bool { return row[0] == "bureau" && row[at("place")] == "350102-HR" })
	if line := file[i]; line[at("items_met")] != "116" || line[at("items_judged")] != "119" || line[at("vetoes")] != "V1" || line[at("gate")] != "met" {
		t.Errorf("the file says %v", line)
	}
	judged := s.get("/console/evaluations/350102-HR", admin.as).page(t)
	var differ []string
	judged.Find("tr[data-differ]").Each(func(_ int, r *goquery.Selection) { differ = append(differ, r.AttrOr("data-item", "")) })
	if !slices.Equal(differ, []string{"2", "3", "V1"}) {
		t.Errorf("they differ on %v", differ)
	}
}

// TestEvaluationsByCity lists bureaus by how far they are, under their cities.
func TestEvaluationsByCity(t *testing.T) {
	s := newSite(t)
	chen := s.judge("chen", "350102-HR", "350104-HR")
	s.judge("lin", "350104-HR")
	chen.all("350102-HR", nil)
	chen.enter("350102-HR", "step", "submitted")
	chen.all("350104-HR", nil)
	chen.enter("350104-HR", "step", "submitted") // lin has not
	admin := s.desk("admin", survey.Organiser, "")
	listed := func(query string) (out []string) {
		doc := s.get("/console/evaluations"+query, admin.as).page(t)
		doc.Find("[data-city]").Each(func(_ int, city *goquery.Selection) {
			bureaus := city.Find("tr[data-place]").Map(func(_ int, r *goquery.Selection) string { return r.AttrOr("data-place", "") })
			out = append(out, city.AttrOr("data-city", "")+": "+strings.Join(bureaus, " "))
		})
		return out
	}
	all := listed("")
	for query, want := range map[string][]string{
		"?show=submitted":          {"350100: 350102-HR"},
		"?show=open":               {"350100: 350104-HR"},
		"?show=open&within=350200": nil,
	} {
		if got := listed(query); !slices.Equal(got, want) {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	if got := listed("?show=unassigned"); len(all) < 2 || len(got) != len(all) || strings.Contains(got[0], "350102-HR ") || strings.Contains(got[0], "350104-HR") {
		t.Errorf("unassigned are %q, all %q", got, all)
	}
	doc := s.get("/console/evaluations?show=open&within=350200", admin.as).page(t)
	if doc.Find("[data-none]").Length() != 1 {
		t.Error("a list of nothing does not say how to go on")
	}
	for state, want := range map[string]string{"": "5", "unassigned": "3", "open": "1", "submitted": "1"} {
		link := s.get("/console/evaluations", admin.as).page(t).Find("#states [data-state='" + state + "']")
		if got := link.Find("strong").Text(); got != want {
			t.Errorf("%q counts %s, want %s", state, got, want)
		}
	}
	if a := s.get("/console/evaluations?show=maybe", admin.as); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a state there is none of: status %d", a.StatusCode)
	}
}

func TestAssigningOnTheConsole(t *testing.T) {
	s := newSite(t)
	s.addUser("chen", survey.Evaluator, "")
	admin := s.desk("admin", survey.Organiser, "")
	assign := func(name string, bureaus ...string) int {
		return s.post("/console/evaluations/assign", url.Values{"csrf": {admin.csrf}, "survey": {s.survey.ID}, "evaluator": {name}, "bureau": bureaus}, admin.as).StatusCode
	}
	if got := assign("chen", "350104-HR", "350102-HR"); got != http.StatusSeeOther {
		t.Fatalf("status %d", got)
	}
	for name, bureau := range map[string]string{"admin": "350102-HR", "chen": "350102"} {
		if got := assign(name, bureau); got != http.StatusUnprocessableEntity && got != http.StatusInternalServerError {
			t.Errorf("%s to %s: status %d", bureau, name, got)
		}
	}
	list, err := s.store.Assignments(t.Context(), s.survey.ID)
	must(t, err)
	if len(list) != 1 || !slices.Equal(list[0].Bureaus, []string{"350102-HR", "350104-HR"}) {
		t.Errorf("%+v", list)
	}
	ticked := s.get("/console/evaluations", admin.as).page(t).Find("[data-evaluator=chen] input[checked]").Length()
	if ticked != 2 {
		t.Errorf("%d bureaus are ticked", ticked)
	}
}

// TestPhotosOfAnEvaluation stay with those who may see it.
func TestPhotosOfAnEvaluation(t *testing.T) {
	s := newSite(t)
	chen, lin := s.judge("chen", "350102-HR"), s.judge("lin", "350102-HR")
	name := survey.PhotoName([32]byte{7})
	must(t, s.store.PutFile(t.Context(), [32]byte{7}, []byte("picture")))
	_, err := survey.AddEvaluationEntry(t.Context(), s.store, s.survey, survey.BuiltIn(), survey.EvaluationID{Survey: s.survey.ID, Bureau: "350102-HR", Evaluator: "chen"}, s.clock(),
		survey.EvaluationEntry{Key: "photo-key", Step: survey.StepAnswered, Item: "1", Finding: survey.FindingMet, Photos: []string{name}})
	must(t, err)
	reviewer := s.desk("reviewer", survey.Reviewer, "")
	for path, c := range map[string]struct {
		as   func(*http.Request)
		want int
	}{
		"/console/evaluate/350102-HR/photos/" + name:                {chen.as, 200},
		"/console/evaluate/350102-HR/photos/" + name + "?other":     {lin.as, 404},
		"/console/evaluations/350102-HR/photos/" + name:             {reviewer.as, 200},
		"/console/evaluations/350104-HR/photos/" + name:             {reviewer.as, 404},
		"/console/evaluations/350102-HR/photos/" + name[:62] + "aa": {reviewer.as, 404},
	} {
		if a := s.get(path, c.as); a.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, c.want)
		}
	}
}
