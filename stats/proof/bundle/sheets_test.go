package bundle_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/storetest"
)

// TestASheetSaysAllThatIsPublished: sheets hold what is beside the log as well.
func TestASheetSaysAllThatIsPublished(t *testing.T) {
	h := busy(t, false)
	d := h.build(bundle.Public, bundle.WholePeriod)
	rest, hr := d.Sheets[0], d.Sheets[1]
	if hr.Place != "350102-HR" || len(rest.Pooled) == 0 {
		t.Fatalf("sheets of %s and %v", hr.Place, rest.Pooled)
	}
	share := func(s *sheet.Share) string {
		if s == nil {
			return "not told"
		}
		return fmt.Sprint(s.Num, " of ", s.Den)
	}
	got := []string{fmt.Sprint(hr.N, hr.Channels), share(&hr.All.Satisfaction.Share), share(&hr.Adopted.Satisfaction.Share),
		share(hr.All.WithDefaults), share(hr.Adopted.WithDefaults), share(hr.Active), hr.CasesAsOf, fmt.Sprint(hr.Flags)}
	for _, c := range hr.Cases {
		got = append(got, c.Name+" "+share(c.All)+", "+share(c.Adopted))
		if c.Verdict != nil {
			got = append(got, fmt.Sprint(*c.Verdict))
		}
	}
	want := []string{"63 map[qr:63]", "44 of 63", "44 of 57", "244 of 263", "244 of 257", "0 of 200", "2024-03-31", "map[burst:1 channels_apart:1]",
		"callback 19 of 19, 13 of 13", "rectification 13 of 19, 13 of 13", "on_time 8 of 19, 8 of 13",
		"real_name 7 of 7, 7 of 7", "{declared met met}", "real_name_confirmed 0 of 7, 0 of 7", "{confirmed not_met not_met}"}
	if !slices.Equal(got, want) {
		t.Errorf("the sheet says\n%q, want\n%q", got, want)
	}
	e, c := hr.Evaluations["350102-HR"], hr.All.Composite
	if e.Verdict != "met" || *e.Score != 100 || e.Gate != 90 || share(e.Met) != "3 of 3" {
		t.Errorf("evaluation %+v", e)
	}
	// 70 × 44/63 + 0.3 × 100
	if c == nil || *c.Score != 78.888889 || c.Formula != "100 × 0.7 × satisfaction + 0.3 × evaluation score" || !(*c.Low < *c.Score && *c.Score < *c.High) {
		t.Errorf("composite %+v", c)
	}
	if hr.Rank == nil || hr.Rank.Of != 1 || rest.Rank != nil || rest.All.Composite != nil || rest.Funnel == nil {
		t.Errorf("ranks %v and %v; the pool has the composite %v and the funnel %v", hr.Rank, rest.Rank, rest.All.Composite, rest.Funnel)
	}
}

// TestChangesListWhatIsBesideTheLog: a correction lists numbers that are not in the log.
func TestChangesListWhatIsBesideTheLog(t *testing.T) {
	h := busy(t, false)
	was := h.build(bundle.Public, bundle.WholePeriod)
	if again := h.build(bundle.Public, bundle.WholePeriod); !bundle.SameUnits(was, again) || len(bundle.Changes(was, again)) > 0 {
		t.Errorf("built twice it differs: %+v", bundle.Changes(was, again))
	}
	h.must(h.store.PutQuality(t.Context(), survey.QualitySheet{Survey: h.survey.ID, Bureau: "350102-HR", Day: 20240305, MadeAt: h.survey.Closes,
		Flags: []survey.QualityFlag{{Kind: survey.QualityBurst, Window: storetest.GulouHR1, Day: 20240305}}}))
	will := h.build(bundle.Public, bundle.WholePeriod)
	want := bundle.Change{Place: "350102-HR", What: "flags.burst", Was: 1, Will: 2}
	if changes := bundle.Changes(was, will); bundle.SameUnits(was, will) || !slices.Contains(changes, want) {
		t.Errorf("changes are %+v, want %+v among them", changes, want)
	}
}

// TestSummary: the table has a line for every bureau, ranked ones first, and the XLSX is
// one that others can read.
func TestSummary(t *testing.T) {
	h := busy(t, false)
	p := takeApart(t, h.write(h.build(bundle.Public, bundle.WholePeriod)))
	file := bytes.TrimPrefix(p.text["summary.csv"], []byte("\ufeff"))
	body, _, _ := bytes.Cut(file, []byte("#"))
	lines, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	h.must(err)
	at := func(row int, column string) string { return lines[row][slices.Index(lines[0], column)] }
	got := [][]string{}
	for row := range lines[1:] {
		var cells []string
		for _, c := range []string{"no", "name", "place", "counted_in", "n", "satisfaction", "stated_with_defaults", "stated_real_name_verdict", "stated_items_met", "stated_composite", "ranks", "remarks"} {
			cells = append(cells, at(row+1, c))
		}
		got = append(got, cells)
	}
	want := [][]string{
		{"1", "福建省福州市鼓楼区人社局", "350102-HR", "", "63", "0.698413", "0.927757", "met", "1", "78.888889", "1-1/1", ""},
		{"2", "福建省", "350000", "", "136", "0.926471", "", "none", "", "", "", ""},
		{"3", "福建省福州市鼓楼区房管局", "350102-HRS", "350000", "", "", "", "", "", "", "", ""},
		{"4", "福建省福州市仓山区人社局", "350104-HR", "350000", "", "", "", "", "", "", "", ""},
		{"5", "福建省平潭综合实验区行政服务中心", "350128-ZH", "350000", "", "", "", "", "", "", "", ""},
		{"6", "福建省厦门市思明区税务局", "350203-TAX", "350000", "", "", "", "", "", "", "", ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the summary is\n%q, want\n%q", got, want)
	}
	sheet, err := excelize.OpenReader(bytes.NewReader(p.text["summary.xlsx"]))
	h.must(err)
	cell, err := sheet.GetCellValue("summary", "B2")
	h.must(err)
	if cell != "福建省福州市鼓楼区人社局" {
		t.Errorf("the XLSX begins with %q", cell)
	}
}

// TestReport: the page shows what the sheets say, runs nothing, and takes no title for
// markup.
func TestReport(t *testing.T) {
	h := newHall(t, func(s *survey.Survey) { s.Title.Zh, s.Sample = "<script>评</script>", true })
	h.rate(storetest.GulouHR1, [5]int{20, 10, 8, 12, 7})
	h.log()
	page := string(takeApart(t, h.write(h.build(bundle.Public, bundle.WholePeriod))).text["report.html"])
	for _, want := range []string{"&lt;script&gt;评&lt;/script&gt;", "SAMPLE", "福建省福州市鼓楼区人社局", "66.7% [53.7%, 77.5%]，38 / 57", "1–1 / 1", "<circle", "y2024/whole/1", h.signer.Key} {
		if !strings.Contains(page, want) && !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("the report does not hold %q", want)
		}
	}
	for _, no := range []string{"<script", "ZgotmplZ", "&lt;nil&gt;", "0xc0", "%!"} {
		if strings.Contains(page, no) {
			t.Errorf("the report holds %q", no)
		}
	}
	for _, fields := range []string{"综合得分†</th>", "默认计入"} { // no weights, and no visits
		if strings.Contains(page, fields) {
			t.Errorf("the report speaks of %s, which there is none of", fields)
		}
	}
}

// TestEveryKindOfFlagHasWords: what looks unusual is told in words in the report.
func TestEveryKindOfFlagHasWords(t *testing.T) {
	for _, k := range survey.QualityKinds {
		if bundle.Words[string(k)] == "" {
			t.Errorf("the report has no words for %s", k)
		}
	}
}
