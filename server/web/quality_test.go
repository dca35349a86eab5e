package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/jobs"
	"manyi/public"
	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/storetest"
)

// The page, the API and the files tell the same flags, each reader's own part of them.
func TestQualityFlagsArePresented(t *testing.T) {
	s := newSite(t)
	f := storetest.NewFacts(1, s.survey)
	rate := func(window, at string, n int) {
		t.Helper()
		var group []survey.Response
		for i := range n {
			group = append(group, f.Response(window, storetest.At(at).Add(time.Duration(i)*15*time.Second), storetest.Good))
		}
		_, err := s.store.AddResponses(t.Context(), group)
		must(t, err)
	}
	rate(storetest.GulouHR1, "2024-02-26 10:00", 30) // nothing is known of either window: 25 in ten minutes are flagged
	rate(storetest.SimingTax, "2024-02-27 22:30", 24)
	must(t, ignore(jobs.LookForFlags(t.Context(), s.store, s.survey, storetest.Tree(), storetest.At("2024-02-28 03:00"))))

	admin := s.desk("admin", survey.Organiser, "")
	third := s.desk("third", survey.Evaluator, "350102-HR")
	told := func(doc *goquery.Document) (out []string) {
		doc.Find("#flags tbody tr").Each(func(_ int, row *goquery.Selection) {
			out = append(out, fmt.Sprint(row.Find("th").Text(), " ", row.AttrOr("data-window", ""), " ", row.AttrOr("data-flag", ""), " ", row.Find("td.wrap span").Text(), " ", row.Find("code").Length()))
		})
		return out
	}
	all := "?from=2024-02-01&to=2024-02-28"
	burst := "2024-02-26 350102-HR-01-001 burst 30 : 0 · 10:00–10:07 20"
	night := "2024-02-27 350203-TAX-01-001 night_hours 24 : 24 · 22:30–22:35 20"
	for _, c := range []struct {
		query string
		as    desk
		want  string
	}{
		{all, admin, night + "; " + burst},
		{all + "&kind=burst", admin, burst},
		{all + "&within=350203", admin, night},
		{"?from=2024-02-27&to=2024-02-28", admin, night},
		{"?to=2024-02-25", admin, ""},
		{all, third, strings.TrimSuffix(burst, "20") + "0"}, // ids would tie ratings to a time of day
	} {
		if got := strings.Join(told(s.get("/console/quality"+c.query, c.as.as).page(t)), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.query, got, c.want)
		}
	}
	page := s.get("/console/quality"+all, admin.as).page(t)
	if n := page.Find("[data-count=burst]").Text(); n != "1" {
		t.Errorf("%s bursts are counted", n)
	}

	var api struct {
		Rows []struct {
			Day, Window, Kind, Title_zh string
			N, Of                       int64
			Rows                        *string
			Rules                       int
		}
		Count int
	}
	token := s.token(survey.Organiser, "")
	must(t, json.Unmarshal([]byte(s.get("/api/v1/quality-flags"+all, token).text), &api))
	if api.Count != 2 || api.Rows[0].Kind != "burst" || api.Rows[0].N != 30 || api.Rows[0].Rows == nil || len(strings.Fields(*api.Rows[0].Rows)) != 20 || api.Rows[1].Window != storetest.SimingTax {
		t.Errorf("the API tells %+v", api)
	}
	must(t, json.Unmarshal([]byte(s.get("/api/v1/quality-flags"+all, s.token(survey.Evaluator, "350102-HR")).text), &api))
	if api.Count != 1 || api.Rows[0].Window != storetest.GulouHR1 || api.Rows[0].Rows != nil {
		t.Errorf("an evaluator is told %+v", api)
	}
	file := s.get("/console/quality/csv"+all, admin.as).text
	if m, err := export.Verify(strings.NewReader(file), export.CSV); err != nil || m.Rows != 2 {
		t.Errorf("the file: %+v, %v", m, err)
	}
	if !strings.Contains(file, "2024-02-26,350102-HR-01-001,1号窗口,350102-HR,burst,") || !strings.Contains(file, ",24,24,22:30,22:35,,") {
		t.Errorf("the file tells %s", file)
	}

	// Of a month, with the two rates and how far they are apart.
	must(t, s.store.PutQuality(t.Context(), survey.QualitySheet{Survey: s.survey.ID, Bureau: "350102-HR", Day: 20240229, MadeAt: s.clock(), Rules: 2, Flags: []survey.QualityFlag{
		{Kind: survey.QualityChannels, Window: storetest.GulouHR1, Day: 20240229, N: 60, Of: 45, Channels: &survey.ChannelsApart{Kiosk: 57, Phones: 25, Low: -.0312, High: .6298}}}}))
	all = "?from=2024-02-29&to=2024-02-29&kind=channels_apart"
	row := s.get("/console/quality"+all, third.as).page(t).Find("#flags [data-flag=channels_apart]").Text()
	for _, words := range []string{"2024-02-29", "60 : 45", "95.00% : 55.56%", "-3.1 – +63.0"} {
		if !strings.Contains(row, words) {
			t.Errorf("the row says %q, not %q", row, words)
		}
	}
	var apart struct {
		Rows []struct {
			Kiosk_good, Phones_good int64
			Apart_low, Apart_high   float64
		}
	}
	must(t, json.Unmarshal([]byte(s.get("/api/v1/quality-flags"+all, token).text), &apart))
	if len(apart.Rows) != 1 || apart.Rows[0].Kiosk_good != 57 || apart.Rows[0].Phones_good != 25 || apart.Rows[0].Apart_low != -.0312 || apart.Rows[0].Apart_high != .6298 {
		t.Errorf("the API tells %+v", apart)
	}
	if file := s.get("/console/quality/csv"+all, admin.as).text; !strings.Contains(file, ",60,45,,,,57,25,-0.0312,0.6298,,") {
		t.Errorf("the file tells %s", file)
	}
	// Of an interviewer, whose name only those see who see whole responses.
	must(t, s.store.PutQuality(t.Context(), survey.QualitySheet{Survey: s.survey.ID, Bureau: "350102-HR", Day: 20240131, MadeAt: s.clock(), Rules: 3, Flags: []survey.QualityFlag{
		{Kind: survey.QualityStraight, Window: "350102-HR", Day: 20240131, N: 57, Of: 58, By: "interviewer-li"}}}))
	all = "?from=2024-01-31&to=2024-01-31"
	for name, c := range map[string]struct {
		text  string
		names bool
	}{
		"organiser's page": {s.get("/console/quality"+all, admin.as).text, true}, "evaluator's page": {s.get("/console/quality"+all, third.as).text, false},
		"organiser's file": {s.get("/console/quality/csv"+all, admin.as).text, true}, "evaluator's file": {s.get("/console/quality/csv"+all, third.as).text, false},
		"program": {s.get("/api/v1/quality-flags"+all, token).text, true},
	} {
		if !strings.Contains(c.text, "straight_lining") || !strings.Contains(c.text, "57") || strings.Contains(c.text, "interviewer-li") != c.names {
			t.Errorf("%s tells %s", name, c.text)
		}
	}
	for path, want := range map[string]int{
		"/console/quality?kind=odd":        http.StatusUnprocessableEntity,
		"/console/quality?from=yesterday":  http.StatusUnprocessableEntity,
		"/console/quality/pdf":             http.StatusUnprocessableEntity,
		"/console/quality?within=nowhere":  http.StatusUnprocessableEntity,
		"/console/quality/csv?survey=gone": http.StatusNotFound,
	} {
		if a := s.get(path, admin.as); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
	if a := s.get("/console/quality?within=350203", third.as); a.StatusCode != http.StatusForbidden {
		t.Errorf("outside their place: status %d", a.StatusCode)
	}
}

// TestEveryKindOfFlagIsDescribed: the API's description and the schema of publications
// name the kinds there are, and no others.
func TestEveryKindOfFlagIsDescribed(t *testing.T) {
	var found int
	for _, name := range []string{"openapi.json", "publication.schema.json"} {
		raw, err := public.Files.ReadFile(name)
		must(t, err)
		var doc any
		must(t, json.Unmarshal(raw, &doc))
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				if enum, ok := v["enum"].([]any); ok && slices.Contains(enum, any(string(survey.QualityBurst))) {
					found++
					if got, want := fmt.Sprint(enum), fmt.Sprint(survey.QualityKinds); got != want {
						t.Errorf("%s: %s, want %s", name, got, want)
					}
				}
				for _, below := range v {
					walk(below)
				}
			case []any:
				for _, below := range v {
					walk(below)
				}
			}
		}
		walk(doc)
	}
	if found != 3 { // a filter, a row, a publication
		t.Errorf("kinds are listed in %d places", found)
	}
}
