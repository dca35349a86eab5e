package web

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

// TestChannelsStandApart: on the page, in the API and in the files, with the two that
// differ named.
func TestChannelsStandApart(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	as, _ := s.tablet(storetest.GulouHR1)
	for i := range 60 {
		s.rate(code, "satisfied")
		level := "satisfied"
		if i%2 == 0 {
			level = "dissatisfied"
		}
		if k := s.post("/kiosk/rate", s.tap(storetest.GulouHR1, level, "comment", "等"), as).kiosk(t); !k.Stored {
			t.Fatalf("%+v", k)
		}
		s.pass(time.Minute)
	}
	s.rollUp()
	s.pass(24 * time.Hour) // a bureau's figures end with yesterday
	admin, boss := s.desk("admin", survey.Organiser, ""), s.desk("boss", survey.Supervisor, "350102-HR")
	for name, d := range map[string]desk{"organiser": admin, "supervisor": boss} {
		page := s.get("/console/figures", d.as).page(t)
		if got := page.Find("#channels [data-channel=tablet] [data-cell=n]").Text(); got != "60" {
			t.Errorf("%s: the page counts %q by tablet", name, got)
		}
		sign := page.Find("[data-diverging='qr tablet']").Text()
		if !strings.Contains(sign, "100.00%") || !strings.Contains(sign, "50.00%") || strings.Count(sign, "n = 60") != 2 {
			t.Errorf("%s: the sign says %q", name, sign)
		}
		if below := s.get("/console/figures?within="+storetest.GulouHR1, d.as).page(t).Find("#channels").Length(); (below == 1) != (name == "organiser") {
			t.Errorf("%s: %d tables of channels below their place", name, below)
		}
	}
	a := s.get("/api/v1/figures", s.token(survey.Organiser, ""))
	var got struct {
		Total struct{ N int }
		By    []struct {
			Channel string
			N       int
		} `json:"by_channel"`
		Diverging []map[string]string
	}
	must(t, json.Unmarshal([]byte(a.text), &got))
	sum := 0
	for _, c := range got.By {
		sum += c.N
	}
	if sum != got.Total.N || sum != 120 || len(got.Diverging) != 1 || got.Diverging[0]["lower"] != "tablet" {
		t.Errorf("%+v", got)
	}
	a = s.get("/api/v1/figures?format=csv", s.token(survey.Organiser, ""))
	read := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.text, "\ufeff")))
	read.FieldsPerRecord, read.Comment = -1, '#'
	lines, err := read.ReadAll()
	must(t, err)
	head := slices.IndexFunc(lines, func(l []string) bool { return l[0] == "line" })
	if a.StatusCode != http.StatusOK || head < 0 {
		t.Fatalf("status %d: %.200s", a.StatusCode, a.text)
	}
	channel, n := slices.Index(lines[head], "channel"), slices.Index(lines[head], "n")
	var by []string
	for _, l := range lines[head+1:] {
		if l[0] == "channel" {
			by = append(by, l[channel]+" "+l[n])
		}
	}
	if !slices.Equal(by, []string{"qr 60", "tablet 60"}) {
		t.Errorf("the file says %q", by)
	}
}
