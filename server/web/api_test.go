package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"manyi/public"
	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/storetest"
)

// fill puts ratings and visits into the site and counts them.
func (s *site) fill(n int) {
	s.t.Helper()
	facts := storetest.NewFacts(1, s.survey)
	var group []survey.Response
	for i := range n {
		w := storetest.Windows()[i%len(storetest.Windows())]
		group = append(group, facts.Response(w, storetest.At("2024-02-05 09:00").Add(time.Duration(i)*17*time.Minute)))
	}
	_, err := s.store.AddResponses(context.Background(), group)
	must(s.t, err)
	_, err = s.store.PutVisits(context.Background(), []survey.Visit{facts.Visit(storetest.GulouHR1, "V1", storetest.At("2024-02-05 10:00"))})
	must(s.t, err)
	s.rollUp()
}

type figuresJSON struct {
	AsOf   string `json:"as_of"`
	Sample *bool  `json:"sample"`
	Rows   []struct {
		Place, Name  string
		N            *int64
		Counts       map[string]*int64
		Satisfaction struct{ Rate, Low, High *float64 }
	}
	Total struct{ N *int64 }
}

func (s *site) figures(query string, as func(*http.Request)) figuresJSON {
	s.t.Helper()
	a := s.get("/api/v1/figures?"+query, as)
	if a.StatusCode != http.StatusOK {
		s.t.Fatalf("figures?%s: status %d: %s", query, a.StatusCode, a.text)
	}
	var f figuresJSON
	must(s.t, json.Unmarshal([]byte(a.text), &f))
	return f
}

func TestFiguresAddUpInEveryGrouping(t *testing.T) {
	s := newSite(t)
	s.fill(700)
	as := s.token(survey.Organiser, "")
	for _, by := range figureKinds {
		f := s.figures("by="+string(by), as)
		sum := int64(0)
		for _, r := range f.Rows {
			levels := int64(0)
			for _, n := range r.Counts {
				levels += *n
			}
			if levels != *r.N || len(r.Counts) != 5 {
				t.Errorf("by %s: %s has n %d and levels %v", by, r.Place, *r.N, r.Counts)
			}
			if *r.N > 0 && !(*r.Satisfaction.Low <= *r.Satisfaction.Rate && *r.Satisfaction.Rate <= *r.Satisfaction.High) {
				t.Errorf("by %s: %s: rate outside its interval", by, r.Place)
			}
			sum += *r.N
		}
		if sum != 700 || *f.Total.N != 700 {
			t.Errorf("by %s: rows add up to %d, total %d, want 700", by, sum, *f.Total.N)
		}
		if _, err := time.Parse(time.RFC3339, f.AsOf); err != nil || f.Sample == nil {
			t.Errorf("by %s: as_of %q, sample %v", by, f.AsOf, f.Sample)
		}
	}
}

// Numbers that differ between two screens are worse than none: the page, the
// API and every file must say the same.
func TestPageAPIAndFilesShowTheSameFigures(t *testing.T) {
	s := newSite(t)
	s.fill(700)
	s.addUser("admin", survey.Organiser, "")
	signedIn, _, _ := s.signIn("admin", password)
	api := s.figures("by=bureau", s.token(survey.Organiser, ""))

	page := s.get("/console/figures?by=bureau", signedIn).page(t)
	shown := map[string]string{}
	page.Find("tr[data-place]").Each(func(_ int, tr *goquery.Selection) {
		shown[tr.AttrOr("data-place", "")] = strings.TrimSpace(tr.Find("[data-cell=n]").Text())
	})
	file, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(s.get("/console/figures/csv?by=bureau", signedIn).text, "\ufeff"))).ReadAll()
	must(t, err)
	place, n, rate := slices.Index(file[0], "place"), slices.Index(file[0], "n"), slices.Index(file[0], "satisfaction")
	inFile := map[string][]string{}
	for _, row := range file[1:] {
		if row[0] == "row" {
			inFile[row[place]] = []string{row[n], row[rate]}
		}
	}
	if len(api.Rows) != 5 {
		t.Fatalf("%d bureaus", len(api.Rows))
	}
	for _, r := range api.Rows {
		want := fmt.Sprint(*r.N)
		if shown[r.Place] != want || inFile[r.Place][0] != want {
			t.Errorf("%s: API %s, page %q, file %v", r.Place, want, shown[r.Place], inFile[r.Place])
		}
		if got := fmt.Sprint(*r.Satisfaction.Rate); inFile[r.Place][1] != got {
			t.Errorf("%s: rate %s in the API, %s in the file", r.Place, got, inFile[r.Place][1])
		}
	}
}

func TestRestrictedViewersSeeNoSmallCount(t *testing.T) {
	s := newSite(t)
	facts := storetest.NewFacts(2, s.survey)
	var group []survey.Response
	add := func(window string, level survey.Level, n int) {
		for range n {
			group = append(group, facts.Response(window, storetest.At("2024-02-05 09:00"), func(r *survey.Response) { r.Level = level }))
		}
	}
	add(storetest.GulouHR1, survey.VerySatisfied, 40)
	add(storetest.GulouHR1, survey.Dissatisfied, 2)
	add(storetest.GulouHR2, survey.Satisfied, 3)
	_, err := s.store.AddResponses(t.Context(), group)
	must(t, err)
	s.rollUp()
	for _, place := range []string{"350102-HR", storetest.GulouHR1} {
		role := survey.Supervisor
		if place == storetest.GulouHR1 {
			role = survey.Staff
		}
		for _, by := range figureKinds {
			for _, r := range s.figures("by="+string(by), s.token(role, place)).Rows {
				if !strings.HasPrefix(r.Place, place) {
					t.Errorf("%s sees %s", place, r.Place)
				}
				if r.N != nil && *r.N > 0 && *r.N < 5 {
					t.Errorf("%s by %s: n %d of %s is shown", place, by, *r.N, r.Place)
				}
				for level, n := range r.Counts {
					if n != nil && *n > 0 && *n < 5 {
						t.Errorf("%s by %s: %d %s at %s is shown", place, by, *n, level, r.Place)
					}
				}
			}
		}
	}
	// The organiser sees them.
	for _, r := range s.figures("by=window&within="+storetest.GulouHR1, s.token(survey.Organiser, "")).Rows {
		if *r.Counts["dissatisfied"] != 2 {
			t.Errorf("the organiser sees %d", *r.Counts["dissatisfied"])
		}
	}
}

func TestTextsReachStaffLate(t *testing.T) {
	s := newSite(t)
	facts := storetest.NewFacts(3, s.survey)
	old, fresh := s.clock().AddDate(0, 0, -TextDelayDays-1), s.clock().AddDate(0, 0, -1)
	_, err := s.store.AddResponses(t.Context(), []survey.Response{
		facts.Response(storetest.GulouHR1, old, storetest.Commented("an old word")),
		facts.Response(storetest.GulouHR1, fresh, storetest.Commented("a fresh word")),
		facts.Response(storetest.SimingTax, old, storetest.Commented("of another bureau")),
		facts.Response(storetest.GulouHR1, old), facts.Response(storetest.GulouHR1, old), // five, so that the window may know
		facts.Response(storetest.GulouHR1, old), facts.Response(storetest.GulouHR1, old),
	})
	must(t, err)
	s.rollUp()
	for role, want := range map[survey.Role][]bool{
		survey.Organiser:  {true, true, true},
		survey.Supervisor: {true, false, false},
		survey.Staff:      {true, false, false},
	} {
		place := map[survey.Role]string{survey.Supervisor: "350102-HR", survey.Staff: storetest.GulouHR1}[role]
		s.addUser(string(role), role, place)
		as, _, _ := s.signIn(string(role), password)
		text := s.get("/console/texts", as).text
		for i, word := range []string{"an old word", "a fresh word", "of another bureau"} {
			if strings.Contains(text, word) != want[i] {
				t.Errorf("%s sees %q: %v, want %v", role, word, !want[i], want[i])
			}
		}
	}
}

func TestDownloadsAreWholeAndHoldNoContact(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "dissatisfied", "comment", "=cmd()", "phone", "13800138000", "name", "王小明", "consent", "1")
	receipt := s.rate(code, "satisfied").page(t).Find("[data-receipt]").AttrOr("data-receipt", "?")
	as := s.token(survey.Organiser, "")
	for _, f := range export.Formats {
		a := s.get("/api/v1/responses?format="+string(f), as)
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != f.ContentType() {
			t.Fatalf("%s: status %d, %s", f, a.StatusCode, a.Header.Get("Content-Type"))
		}
		if f != export.XLSX && f != export.Parquet {
			m, err := export.Verify(strings.NewReader(a.text), f)
			if err != nil || m.Rows != 2 {
				t.Errorf("%s: %+v, %v", f, m, err)
			}
			if _, err := export.Verify(strings.NewReader(a.text[:len(a.text)*2/3]), f); err == nil {
				t.Errorf("%s: two thirds of it pass as whole", f)
			}
		}
		for _, private := range []string{"13800138000", "王小明", receipt, strings.ReplaceAll(receipt, "-", "")} {
			if strings.Contains(a.text, private) {
				t.Errorf("%s shows %q", f, private)
			}
		}
	}
	for _, f := range []string{"csv", "jsonl"} {
		a := s.get("/api/v1/figures?format="+f, as)
		if _, err := export.Verify(strings.NewReader(a.text), export.Format(f)); err != nil {
			t.Errorf("figures as %s: %v", f, err)
		}
	}
}

// A store that fails in the middle of a download must not look like its end.
func TestABrokenDownloadIsCut(t *testing.T) {
	s := newSite(t)
	s.fill(10)
	broken := errors.New("the disk is gone")
	f := fiber.New(fiber.Config{DisableStartupMessage: true})
	a := &app{Deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	f.Get("/", func(c *fiber.Ctx) error {
		return a.stream(c, "x.csv", "text/csv", func(ctx context.Context, w io.Writer) error {
			rows, err := export.NewResponses(w, export.CSV, s.survey, false)
			if err != nil {
				return err
			}
			if err := s.store.Responses(ctx, survey.ResponseQuery{}, rows.Write); err != nil {
				return err
			}
			return broken
		})
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go f.Listener(ln)
	defer f.Shutdown()
	res, err := http.Get("http://" + ln.Addr().String())
	if err == nil {
		defer res.Body.Close()
		var text []byte
		if text, err = io.ReadAll(res.Body); err == nil {
			t.Errorf("the connection ended as if all %d bytes were all there is", len(text))
		}
	}
}

func TestTrendAddsUpToTheTotal(t *testing.T) {
	s := newSite(t)
	s.fill(700)
	as := s.token(survey.Organiser, "")
	for _, step := range []string{"day", "week", "month"} {
		var got struct{ Points []struct{ N int64 } }
		must(t, json.Unmarshal([]byte(s.get("/api/v1/trend?step="+step, as).text), &got))
		sum := int64(0)
		for _, p := range got.Points {
			sum += p.N
		}
		if sum != 700 || len(got.Points) == 0 {
			t.Errorf("by %s: %d points add up to %d, want 700", step, len(got.Points), sum)
		}
	}
	if a := s.get("/api/v1/trend?step=year", as); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("by year: status %d", a.StatusCode)
	}
}

func TestBadQueriesNameTheField(t *testing.T) {
	s := newSite(t)
	as := s.token(survey.Organiser, "")
	for query, field := range map[string]string{
		"by=street": "by", "from=2024-02-30": "from", "to=yesterday": "to", "from=2024-03-01&to=2024-02-01": "to",
		"within=999999": "within", "format=pdf": "format",
	} {
		a := s.get("/api/v1/figures?"+query, as)
		var p problem
		must(t, json.Unmarshal([]byte(a.text), &p))
		if a.StatusCode != http.StatusUnprocessableEntity || len(p.Faults) != 1 || p.Faults[0].Field != field ||
			a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: status %d, %s", query, a.StatusCode, a.text)
		}
	}
	if a := s.get("/api/v1/figures?survey=none", as); a.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown survey: status %d", a.StatusCode)
	}
}

func TestReadiness(t *testing.T) {
	s := newSite(t)
	state := func() (int, readiness) {
		a := s.get("/readyz")
		var r readiness
		must(t, json.Unmarshal([]byte(a.text), &r))
		return a.StatusCode, r
	}
	if status, r := state(); status != http.StatusOK || r.Status != "ok" {
		t.Errorf("at rest: %d, %+v", status, r)
	}
	run := survey.Run{Job: "rollup", StartedAt: s.clock(), FinishedAt: s.clock(), Error: "secret detail"}
	must(t, s.store.AddRun(t.Context(), run))
	if status, r := state(); status != http.StatusOK || r.Status != "degraded" || len(r.Jobs) != 1 || !r.Jobs[0].Failed {
		t.Errorf("after a failed job: %d, %+v", status, r)
	}
	if strings.Contains(s.get("/readyz").text, "secret detail") {
		t.Error("/readyz tells what failed to anybody")
	}
	run.Error = ""
	must(t, s.store.AddRun(t.Context(), run))
	if _, r := state(); r.Status != "ok" {
		t.Errorf("after it succeeded: %+v", r)
	}
	must(t, s.store.Close())
	if status, r := state(); status != http.StatusServiceUnavailable || r.Status != "unavailable" {
		t.Errorf("without a store: %d, %+v", status, r)
	}
	if a := s.get("/healthz"); a.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %d", a.StatusCode)
	}
}

func TestMetricsCountSubmissions(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "satisfied")
	s.rate(code, "dissatisfied")
	text := s.get("/metrics", s.token(survey.Organiser, "")).text
	for _, line := range []string{`manyi_submissions_total{outcome="stored"} 1`, `manyi_submissions_total{outcome="refused"} 1`,
		`manyi_http_requests_total{method="POST",route="/q/:code",status="200"} 1`} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(text, code) {
		t.Error("the metrics show a code")
	}
}

// The description must name every route of the API, and no other.
func TestOpenAPIMatchesTheRoutes(t *testing.T) {
	raw, err := public.Files.ReadFile("openapi.json")
	must(t, err)
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]struct{ Security []any }
		Components struct{ Schemas map[string]any }
	}
	must(t, json.Unmarshal(raw, &doc))
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	described := map[string]bool{}
	for path, methods := range doc.Paths {
		for method := range methods {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, r := range new(app).routes() {
		r.Path = parameter.ReplaceAllString(r.Path, "{$1}")
		name := r.Method + " " + r.Path
		public := strings.HasPrefix(r.Path, "/api/") || r.Path == "/healthz" || r.Path == "/readyz" || r.Path == "/metrics"
		if public != described[name] {
			t.Errorf("%s: described %v, want %v", name, described[name], public)
		}
		if open := doc.Paths[r.Path][strings.ToLower(r.Method)].Security; public && (r.Who.by == byNothing) != (open != nil && len(open) == 0) {
			t.Errorf("%s: the description is wrong about who may ask", name)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("%s is described and no route", name)
	}
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(string(raw), -1) {
		if doc.Components.Schemas[ref[1]] == nil {
			t.Errorf("schema %s is missing", ref[1])
		}
	}
	// What the API says has the described fields.
	s := newSite(t)
	s.fill(50)
	var got map[string]any
	must(t, json.Unmarshal([]byte(s.get("/api/v1/figures", s.token(survey.Organiser, "")).text), &got))
	row := got["rows"].([]any)[0].(map[string]any)
	schema := doc.Components.Schemas["Row"].(map[string]any)["properties"].(map[string]any)
	for name := range schema {
		if _, ok := row[name]; !ok {
			t.Errorf("a row has no %s, which is described", name)
		}
	}
}

func TestAFreshInstallationTellsHowToBegin(t *testing.T) {
	s := newEmptySite(t)
	s.addUser("admin", survey.Organiser, "")
	as, _, _ := s.signIn("admin", password)
	for _, path := range []string{"/console/figures", "/console/codes", "/console/texts"} {
		if a := s.get(path, as); a.StatusCode != http.StatusNotFound || !strings.Contains(a.text, "survey add") {
			t.Errorf("%s: status %d", path, a.StatusCode)
		}
	}
	if a := s.get("/console/status", as); a.StatusCode != http.StatusOK {
		t.Errorf("the status page: %d", a.StatusCode)
	}
}
