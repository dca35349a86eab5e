package stats_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"manyi/stats"
	"manyi/survey"
)

// TestWilson holds the intervals against those of R's prop.test(correct=FALSE).
func TestWilson(t *testing.T) {
	file, err := os.Open("testdata/wilson-95.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) < 10 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines[1:] {
		var v [4]float64
		for i, text := range line {
			if v[i], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
		got := stats.Wilson(int64(v[0]), int64(v[1]))
		if math.Abs(got.Low-v[2]) > 1e-9 || math.Abs(got.High-v[3]) > 1e-9 {
			t.Errorf("Wilson(%v, %v) = %v, want %v to %v", v[0], v[1], got, v[2], v[3])
		}
	}
	if got := stats.Wilson(0, 0); got != (stats.Interval{Low: 0, High: 1}) {
		t.Errorf("Wilson(0, 0) = %v", got)
	}
}

// TestNewcombe holds the difference of two shares against the examples of R. G. Newcombe's
// paper (Statistics in Medicine 17, 1998, table II, method 10).
func TestNewcombe(t *testing.T) {
	const z95 = 1.959963984540054
	for _, c := range []struct {
		a, b      stats.Ratio
		low, high float64
	}{
		{stats.Ratio{Num: 56, Den: 70}, stats.Ratio{Num: 48, Den: 80}, .0524, .3339},
		{stats.Ratio{Num: 9, Den: 10}, stats.Ratio{Num: 3, Den: 10}, .1705, .8090},
		{stats.Ratio{Num: 6, Den: 7}, stats.Ratio{Num: 2, Den: 7}, .0582, .8062},
		{stats.Ratio{Num: 5, Den: 56}, stats.Ratio{Num: 0, Den: 29}, -.0381, .1926},
		{stats.Ratio{Num: 0, Den: 10}, stats.Ratio{Num: 0, Den: 20}, -.1611, .2775},
		{stats.Ratio{Num: 10, Den: 10}, stats.Ratio{Num: 0, Den: 10}, .6075, 1},
	} {
		got := stats.Newcombe(c.a, c.b, z95)
		if math.Abs(got.Low-c.low) > 6e-5 || math.Abs(got.High-c.high) > 6e-5 {
			t.Errorf("Newcombe(%v, %v) = %v, want %v to %v", c.a, c.b, got, c.low, c.high)
		}
		back := stats.Newcombe(c.b, c.a, z95)
		if math.Abs(back.Low+got.High) > 1e-12 || math.Abs(back.High+got.Low) > 1e-12 {
			t.Errorf("Newcombe of %v and %v the other way is %v", c.a, c.b, back)
		}
		if sure := stats.Newcombe(c.a, c.b, 2.576); sure.Low >= got.Low || sure.High < got.High {
			t.Errorf("with more confidence %v, not wider than %v", sure, got)
		}
	}
}

func TestNoneIsNull(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{stats.Ratio{}, `{"rate":null,"num":0,"den":0}`},
		{stats.Ratio{Num: 1, Den: 4}, `{"rate":0.25,"num":1,"den":4}`},
		{stats.NewRate(0, 0), `{"rate":null,"low":null,"high":null,"num":0,"den":0}`},
		{stats.Mean{}, `null`},
		{stats.Mean{Sum: 18, N: 2}, `9`},
		{stats.Few, `null`},
		{stats.Withheld, `null`},
		{stats.Count(0), `0`},
		{stats.Counts{5, 6, 0, 0, stats.Withheld}, `{"very_satisfied":5,"satisfied":6,"basically_satisfied":0,"dissatisfied":0,"very_dissatisfied":null}`},
		{stats.Channels{survey.ChannelSMS: 5, survey.ChannelQR: 7}, `{"qr":7,"sms":5}`},
	} {
		got, err := json.Marshal(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%#v: %s, %v; want %s", c.value, got, err, c.want)
		}
	}
}

// naiveRank follows the definition, comparing each with each.
func naiveRank(rates []stats.Rate, minN int) []stats.RankRange {
	out := make([]stats.RankRange, len(rates))
	for i, me := range rates {
		if me.Den == 0 || me.Den < int64(minN) {
			continue
		}
		above, below, n := 0, 0, 0
		for _, other := range rates {
			if other.Den == 0 || other.Den < int64(minN) {
				continue
			}
			n++
			if other.Low > me.High {
				above++
			}
			if me.Low > other.High {
				below++
			}
		}
		out[i] = stats.RankRange{Best: 1 + above, Worst: n - below, Of: n}
	}
	return out
}

func TestRankAsDefined(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		rates := make([]stats.Rate, rng.IntN(40))
		for i := range rates {
			n := rng.Int64N(120)
			if rng.IntN(2) == 0 {
				n = 30 * rng.Int64N(4) // equal intervals, and touching ones
			}
			rates[i] = stats.NewRate(rng.Int64N(n+1), n)
		}
		minN := rng.IntN(60)
		if got, want := stats.Rank(rates, minN), naiveRank(rates, minN); !reflect.DeepEqual(got, want) {
			t.Fatalf("minimum %d, %v:\n got %v\nwant %v", minN, rates, got, want)
		}
	}
	touching := []stats.Rate{
		{Ratio: stats.Ratio{Num: 1, Den: 30}, Interval: stats.Interval{Low: 0.1, High: 0.5}},
		{Ratio: stats.Ratio{Num: 9, Den: 30}, Interval: stats.Interval{Low: 0.5, High: 0.9}},
	}
	if got := stats.Rank(touching, 30); got[0].Best != 1 || got[1].Worst != 2 {
		t.Errorf("intervals that only touch are not clearly apart: %v", got)
	}
}

// tally counts responses of one tie and channel, and visits.
func tally(counts [5]int64, served, rated int64) survey.Tally {
	t := survey.Tally{Served: served, Rated: rated}
	for i, n := range counts {
		t.Cells.Add(survey.Cell{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieProven, Value: i + 1}, n)
	}
	return t
}

func TestMake(t *testing.T) {
	var tal survey.Tally
	add := func(level survey.Level, tie survey.Tie, answers map[string]survey.Level, reasons ...int) {
		tal.Add(survey.Listed{Response: survey.Response{Level: level, Channel: survey.ChannelQR, Answers: answers, Reasons: reasons},
			Tie: tie, Standing: survey.Counted})
	}
	add(survey.VerySatisfied, survey.TieProven, map[string]survey.Level{"attitude": survey.Dissatisfied})
	add(survey.BasicallySatisfied, survey.TieClaimed, nil)
	add(survey.VeryDissatisfied, survey.TieUnmatched, nil, 108, 115)
	add(survey.Satisfied, survey.TieNone, nil)
	for _, level := range []survey.Level{survey.Satisfied, survey.VeryDissatisfied, survey.Dissatisfied} { // apart from all others
		tal.Add(survey.Listed{Response: survey.Response{Level: level, Channel: survey.ChannelImported, Reasons: []int{108},
			Answers: map[string]survey.Level{"attitude": survey.Satisfied}}, Tie: survey.TieClaimed, Standing: survey.Counted})
	}
	tal.Add(survey.Listed{Standing: survey.Superseded})
	tal.Served, tal.Rated = 10, 2

	f := stats.Make(tal, 3, survey.DefaultRules())
	if f.N != 4 || f.Counts != (stats.Counts{1, 1, 1, 0, 1}) || f.Superseded != 1 {
		t.Errorf("n %v, counts %v, superseded %v", f.N, f.Counts, f.Superseded)
	}
	if f.Satisfaction != stats.NewRate(3, 4) || f.VerySatisfied != stats.NewRate(1, 4) || f.Mean != (stats.Mean{Sum: 24, N: 4}) {
		t.Errorf("satisfaction %v, very satisfied %v, mean %v", f.Satisfaction, f.VerySatisfied, f.Mean)
	}
	if f.Pending != 3 || f.Defaults != 5 || f.ActiveOfVisits != (stats.Ratio{Num: 2, Den: 10}) || f.ActiveOfAll != (stats.Ratio{Num: 4, Den: 9}) {
		t.Errorf("pending %v, defaults %v, active %v and %v", f.Pending, f.Defaults, f.ActiveOfVisits, f.ActiveOfAll)
	}
	if f.WithDefaults != (stats.Share{N: 9, Satisfaction: stats.Ratio{Num: 8, Den: 9}}) {
		t.Errorf("with defaults %v", f.WithDefaults)
	}
	if f.Tied != (stats.Share{N: 2, Satisfaction: stats.Ratio{Num: 2, Den: 2}}) || f.Bare != (stats.Share{N: 2, Satisfaction: stats.Ratio{Num: 1, Den: 2}}) {
		t.Errorf("tied %v, bare %v; an unmatched number is no visit", f.Tied, f.Bare)
	}
	if f.Channels[survey.ChannelQR] != 4 || f.Reasons[108] != 1 || f.Reasons[115] != 1 || f.Question("attitude").Satisfaction != stats.NewRate(0, 1) {
		t.Errorf("channels %v, reasons %v, questions %v", f.Channels, f.Reasons, f.Questions)
	}
	if f.Imported != (stats.Share{N: 3, Satisfaction: stats.Ratio{Num: 1, Den: 3}}) || len(f.Channels) != 1 {
		t.Errorf("imported %v, channels %v", f.Imported, f.Channels)
	}
	// Interviews: in no number but their own, or in all if the survey counts them.
	var with survey.Tally
	with.Merge(tal)
	with.Merge(survey.Tally{Cells: survey.CellsOf(map[survey.Cell]int64{
		{Question: survey.Overall, Channel: survey.ChannelInterview, Value: int(survey.Satisfied)}:        3,
		{Question: survey.Overall, Channel: survey.ChannelInterview, Value: int(survey.VeryDissatisfied)}: 1,
		{Question: "attitude", Channel: survey.ChannelInterview, Value: int(survey.Satisfied)}:            4,
		{Question: survey.ReasonCell, Channel: survey.ChannelInterview, Value: 108}:                       1})})
	own := stats.Share{N: 4, Satisfaction: stats.Ratio{Num: 3, Den: 4}}
	asked := stats.Make(with, 3, survey.DefaultRules())
	if asked.Interviews != own {
		t.Errorf("interviews %v", asked.Interviews)
	}
	if asked.Interviews = f.Interviews; !reflect.DeepEqual(asked, f) {
		t.Errorf("interviews changed the other figures: %+v, want %+v", asked, f)
	}
	rules := survey.DefaultRules()
	rules.Interviews.Counted = true
	if in := stats.Make(with, 3, rules); in.Interviews != own || in.N != 8 || in.Channels[survey.ChannelInterview] != 4 || in.Reasons[108] != 2 ||
		in.Question("attitude").Satisfaction != stats.NewRate(4, 5) || in.Satisfaction != stats.NewRate(6, 8) || in.Imported != f.Imported {
		t.Errorf("counted, interviews come to %+v", in)
	}
	if hidden := stats.Hide(stats.Make(with, 3, rules)); hidden.Interviews.N.Shown() || hidden.Interviews.Satisfaction.Shown() {
		t.Errorf("a restricted viewer sees the interviews: %v", hidden.Interviews)
	}
	if hidden := stats.Hide(f); hidden.Imported.N.Shown() || hidden.Imported.Satisfaction.Shown() {
		t.Errorf("a restricted viewer sees the imported: %v", hidden.Imported)
	}
	if more := stats.Make(tal, 99, survey.DefaultRules()); more.Pending != 8 || more.Defaults != 0 {
		t.Errorf("more pending than unrated: pending %v, defaults %v", more.Pending, more.Defaults)
	}
}

func TestHide(t *testing.T) {
	for _, c := range []struct {
		why                     string
		counts                  [5]int64
		n                       string
		satisfaction, allLevels bool // shown
	}{
		{"nobody to protect", [5]int64{}, "0", true, true},
		{"four in all", [5]int64{4}, "<5", false, false},
		{"all large or none", [5]int64{20, 5, 0, 5, 0}, "30", true, true},
		{"a small level in large groups", [5]int64{20, 4, 0, 5, 0}, "29", true, false},
		{"bad is 5 together", [5]int64{20, 0, 0, 4, 1}, "25", true, false},
		{"bad is 4 together", [5]int64{20, 0, 0, 2, 2}, "24", false, false},
		{"good is small", [5]int64{0, 0, 3, 20, 0}, "23", false, false},
		{"five in all, one bad", [5]int64{4, 0, 0, 0, 1}, "5", false, false},
	} {
		f := stats.Hide(stats.Make(tally(c.counts, 100, 50), 20, survey.DefaultRules()))
		_, mean := f.Mean.Value()
		if f.N.String() != c.n || f.Satisfaction.Shown() != c.satisfaction || f.Counts[0].Shown() != c.allLevels ||
			f.VerySatisfied.Shown() != c.allLevels || (mean && !c.allLevels) {
			t.Errorf("%s: %+v", c.why, f)
		}
		text, err := json.Marshal(f)
		if err != nil || strings.Contains(string(text), `"hidden":true`) != (f.Hidden != 0) || strings.Contains(string(text), "-1") {
			t.Errorf("%s: %s, %v", c.why, text, err)
		}
		if c.n == "<5" && (f.Served.Shown() || f.Channels != nil || f.WithDefaults.Satisfaction.Shown()) {
			t.Errorf("%s: shows more than that: %+v", c.why, f)
		}
	}
}

func TestHideLeavesTheFigureAlone(t *testing.T) {
	fresh := func() stats.Figure {
		return stats.Make(tally([5]int64{20, 1, 0, 0, 2}, 9, 3), 0, survey.DefaultRules())
	}
	f := fresh()
	stats.HideSiblings(stats.Hide(f), []stats.Figure{f, f})
	if !reflect.DeepEqual(f, fresh()) {
		t.Error("hiding changed the figure it was given")
	}
}
