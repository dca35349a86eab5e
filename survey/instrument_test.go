package survey_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// TestTheBuiltInInstrumentSaysWhatTheNoticeAsksFor: the numbers, chapters and
// thresholds as a reader of the official table of indicators notes them down.
func TestTheBuiltInInstrumentSaysWhatTheNoticeAsksFor(t *testing.T) {
	i := survey.BuiltIn()
	if faults := i.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	want := map[string]string{
		"11": "percentage ≥90 ≥80", // online; one window
		"13": "percentage ≥100",    // real-name bad reviews
		"15": "count ≥7 ≥30",       // working days of consultation; days if about business
		"18": "percentage ≥100",
		"19": "percentage ≥100 ≥100 ≥100",
		"24": "count ≥30", // days of consultation
		"28": "percentage ≥100",
		"34": "count ≥2", // officers
		"35": "count ≤7", // working days until published
		"38": "percentage ≥100",
		"39": "percentage ≥5",
		"40": "count ≥1",
		"43": "count ≥40", // hours
		"45": "percentage ≥95",
		"46": "percentage ≥100",
		"49": "percentage ≥100",
		"55": "count ≥3 ≥2 ≥1", // together; lectures; hearings
		"56": "count ≥1",
		"B1": "bonus", "B2": "bonus", "V1": "veto", "V2": "veto",
	}
	chapters := []int{13, 21, 29, 44, 49, 53, 56, 60} // the last indicator of each
	var numbers []string
	chapterOf := map[string]int{}
	for _, item := range i.Items {
		numbers = append(numbers, item.Number)
		said := string(item.Kind)
		for _, threshold := range item.Thresholds {
			said += " " + threshold.String()
		}
		expected, special := want[item.Number]
		if !special {
			expected = "met"
		}
		if said != expected {
			t.Errorf("item %s is %q, want %q", item.Number, said, expected)
		}
		if item.Title.En == "" || item.Chapter.En == "" || len([]rune(item.Title.Zh)) > 20 {
			t.Errorf("item %s: title %q, chapter %q: want short ones in both languages", item.Number, item.Title, item.Chapter)
		}
		if (item.Weight == 0) != (item.Kind == survey.ItemVeto) {
			t.Errorf("item %s weighs %v", item.Number, item.Weight)
		}
		var n int
		if _, err := fmt.Sscan(item.Number, &n); err == nil {
			chapter, _ := slices.BinarySearch(chapters, n)
			if first, known := chapterOf[item.Chapter.Zh]; known && first != chapter {
				t.Errorf("item %s stands in the chapter %s", item.Number, item.Chapter.Zh)
			}
			chapterOf[item.Chapter.Zh] = chapter
		}
	}
	var expected []string
	for n := 1; n <= 60; n++ {
		expected = append(expected, fmt.Sprint(n))
	}
	if expected = append(expected, "B1", "B2", "V1", "V2"); !slices.Equal(numbers, expected) {
		t.Errorf("items %v", numbers)
	}
	if len(chapterOf) != 8 || i.Gate != 90 {
		t.Errorf("chapters %v, gate %v", slices.Collect(maps.Keys(chapterOf)), i.Gate)
	}
}

func TestThresholdsHold(t *testing.T) {
	for text, c := range map[string]struct {
		threshold survey.Threshold
		v         float64
		want      bool
	}{
		"at least, reached":  {survey.Threshold{Value: 90}, 90, true},
		"at least, below":    {survey.Threshold{Value: 90}, 89.9999, false},
		"at most, reached":   {survey.Threshold{Value: 7, AtMost: true}, 7, true},
		"at most, above":     {survey.Threshold{Value: 7, AtMost: true}, 7.1, false},
		"at most, far below": {survey.Threshold{Value: 7, AtMost: true}, 0, true},
	} {
		if got := c.threshold.Holds(c.v); got != c.want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestEveryFaultOfAnInstrumentIsListed(t *testing.T) {
	row := func(change func(*survey.ItemRow)) survey.ItemRow {
		r := survey.ItemRow{Number: "1", ChapterZh: "章", TitleZh: "指标", Kind: "met", Weight: "1"}
		change(&r)
		return r
	}
	rows := []survey.ItemRow{
		row(func(*survey.ItemRow) {}),
		row(func(r *survey.ItemRow) { r.TitleZh, r.Kind = "", "maybe" }), // and the number again
		row(func(r *survey.ItemRow) { r.Number, r.Kind = "3", "percentage" }),
		row(func(r *survey.ItemRow) { r.Number, r.Kind, r.Thresholds = "4", "percentage", "101" }),
		row(func(r *survey.ItemRow) { r.Number, r.Kind, r.Thresholds = "5", "count", "many" }),
		row(func(r *survey.ItemRow) { r.Number, r.Thresholds = "6", "90" }),
		row(func(r *survey.ItemRow) { r.Number, r.Weight = "7", "-1" }),
		row(func(r *survey.ItemRow) { r.Number, r.Kind, r.Thresholds = "8", "count", "1;2" }), // which is which?
		row(func(r *survey.ItemRow) { r.Number, r.Kind, r.Thresholds, r.MeasuresZh = "9", "count", "1;2", "甲" }),
		row(func(r *survey.ItemRow) { r.Number = "no spaces" }),
		row(func(r *survey.ItemRow) { r.Number, r.ChapterZh = "11", strings.Repeat("长", 101) }),
		row(func(r *survey.ItemRow) {
			r.Number, r.Kind, r.Thresholds, r.MeasuresZh = "12", "count", "≤7；2", "甲；乙"
		}),
	}
	for n := range rows {
		rows[n].Row = 10 * (n + 1)
	}
	_, faults := survey.NewInstrument(survey.InstrumentRef{ID: "Bad ID"}, survey.Text{}, 101, rows)
	got := map[string]bool{}
	for _, f := range faults {
		got[fmt.Sprint(f.Row, " ", f.Field, " ", f.Why)] = true
	}
	for _, want := range []string{"0 id instrument_id", "0 version version", "0 title missing", "0 gate gate", "20 number repeated", "20 title_zh missing", "20 kind item_kind",
		"30 thresholds threshold_missing", "40 thresholds threshold", "50 thresholds threshold", "60 thresholds threshold_unused", "70 weight weight",
		"80 measures_zh measures", "90 measures_zh measures", "100 number item_number", "110 chapter_zh too_long"} {
		if !got[want] {
			t.Errorf("not listed: %s", want)
		}
		delete(got, want)
	}
	if len(got) > 0 {
		t.Errorf("listed besides: %v", slices.Sorted(maps.Keys(got)))
	}
	for name, i := range map[string]survey.Instrument{
		"without items": {InstrumentRef: survey.InstrumentRef{ID: "x", Version: 1}, Title: survey.Text{Zh: "x"}},
		"weighing nothing": {InstrumentRef: survey.InstrumentRef{ID: "x", Version: 1}, Title: survey.Text{Zh: "x"},
			Items: []survey.Item{{Number: "1", Chapter: survey.Text{Zh: "x"}, Title: survey.Text{Zh: "x"}, Kind: survey.ItemVeto, Weight: 1}}},
	} {
		if faults := i.Validate(); len(faults) != 1 {
			t.Errorf("%s: %v", name, faults)
		}
	}
	if i := storetest.Instrument(1); len(i.Validate()) > 0 {
		t.Errorf("a sound one: %v", i.Validate())
	}
}

// TestTheInstrumentFreezesWithTheSurvey, as figures follow from its weights.
func TestTheInstrumentFreezesWithTheSurvey(t *testing.T) {
	s := storetest.Survey()
	next := s
	next.Rules.Instrument = survey.InstrumentRef{ID: "short", Version: 2}
	if _, err := s.Revise(next, s.Opens.Add(-1)); err != nil {
		t.Errorf("before it opens: %v", err)
	}
	if _, err := s.Revise(next, s.Opens); err != survey.ErrFrozen {
		t.Errorf("once it is open: %v, want frozen", err)
	}
	next.Rules.Instrument.Version = 0
	if faults := next.Check(storetest.Tree()); faults.On("rules.instrument") != survey.WhyInstrumentID {
		t.Errorf("a version of 0: %v", faults)
	}
}
