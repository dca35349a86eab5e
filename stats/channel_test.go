package stats_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"manyi/stats"
	"manyi/survey"
)

// byChannel makes a tally of so many good and bad responses by channel, with other
// cells that must not be counted.
func byChannel(counts map[survey.Channel][2]int64) survey.Tally {
	var t survey.Tally
	for c, n := range counts {
		t.Cells.Add(survey.Cell{Question: survey.Overall, Channel: c, Tie: survey.TieNone, Value: int(survey.Satisfied)}, n[0])
		t.Cells.Add(survey.Cell{Question: survey.Overall, Channel: c, Tie: survey.TieProven, Value: int(survey.Dissatisfied)}, n[1])
		t.Cells.Add(survey.Cell{Question: survey.ReasonCell, Channel: c, Value: 207}, n[1])
		t.Cells.Add(survey.Cell{Question: "attitude", Channel: c, Value: int(survey.Satisfied)}, n[0])
	}
	return t
}

func TestChannelsAddUpToTheFigure(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		counts := map[survey.Channel][2]int64{}
		for _, c := range survey.Channels {
			if rng.IntN(2) == 0 {
				counts[c] = [2]int64{rng.Int64N(50), rng.Int64N(20)}
			}
		}
		tally, rules := byChannel(counts), survey.DefaultRules()
		apart := 2 // the imported and interviews
		if rng.IntN(2) == 0 {
			rules.Interviews.Counted, apart = true, 1
		}
		whole := stats.Make(tally, 0, rules)
		rows := stats.ByChannel(tally, rules)
		if len(rows) != len(survey.Channels)-apart {
			t.Fatalf("%d rows, want every channel but %d", len(rows), apart)
		}
		var n stats.Count
		for _, r := range rows {
			want := counts[r.Channel]
			if r.N != stats.Count(want[0]+want[1]) || r.Satisfaction != stats.NewRate(want[0], want[0]+want[1]) || r.N != whole.Channels[r.Channel] {
				t.Fatalf("%v: %+v, want %v", r.Channel, r.Ratings, want)
			}
			n += r.N
		}
		if n != whole.N {
			t.Fatalf("channels add up to %v, the figure has %v", n, whole.N)
		}
	}
}

// TestChannelsHideSmallCounts: no small count is shown, and what is hidden does not
// follow from the figure and the other channels.
func TestChannelsHideSmallCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	hiddenAny := 0
	for range 2000 {
		counts := map[survey.Channel][2]int64{}
		for _, c := range survey.Channels[:4] {
			counts[c] = [2]int64{rng.Int64N(30) * rng.Int64N(2), rng.Int64N(8) * rng.Int64N(2)}
		}
		tally := byChannel(counts)
		total := stats.Hide(stats.Make(tally, 0, survey.DefaultRules()))
		rows := stats.HideChannels(total, stats.ByChannel(tally, survey.DefaultRules()))
		hidden, hiddenRates := 0, 0
		for _, r := range rows {
			good, bad := r.Satisfaction.Num, r.Satisfaction.Den-r.Satisfaction.Num
			switch {
			case !r.N.Shown():
				hidden++
			case 0 < r.N && r.N < 5:
				t.Fatalf("%v: shows n = %v of %v", r.Channel, r.N, counts)
			}
			if !r.Satisfaction.Shown() {
				hiddenRates++
			} else if 0 < good && good < 5 || 0 < bad && bad < 5 {
				t.Fatalf("%v: shows %d good and %d bad of %v", r.Channel, good, bad, counts)
			}
		}
		if hidden == 1 && total.N.Shown() || hiddenRates == 1 && total.Satisfaction.Shown() {
			t.Fatalf("of %v one number is hidden, and follows from the others: %+v", counts, rows)
		}
		if hidden > 0 {
			hiddenAny++
		}
	}
	if hiddenAny < 100 {
		t.Errorf("only %d tables hid anything", hiddenAny)
	}
}

func TestDiverging(t *testing.T) {
	const minN = 30
	for name, c := range map[string]struct {
		counts map[survey.Channel][2]int64
		want   string
	}{
		"clearly apart":    {map[survey.Channel][2]int64{survey.ChannelPhone: {395, 5}, survey.ChannelTablet: {80, 20}}, "phone>tablet"},
		"the other way":    {map[survey.Channel][2]int64{survey.ChannelPhone: {80, 20}, survey.ChannelTablet: {395, 5}}, "tablet>phone"},
		"near each other":  {map[survey.Channel][2]int64{survey.ChannelPhone: {95, 5}, survey.ChannelTablet: {90, 10}}, ""},
		"too few":          {map[survey.Channel][2]int64{survey.ChannelPhone: {395, 5}, survey.ChannelTablet: {0, 29}}, ""},
		"just enough":      {map[survey.Channel][2]int64{survey.ChannelPhone: {395, 5}, survey.ChannelTablet: {0, 30}}, "phone>tablet"},
		"imported is none": {map[survey.Channel][2]int64{survey.ChannelPhone: {395, 5}, survey.ChannelImported: {0, 300}}, ""},
		"three":            {map[survey.Channel][2]int64{survey.ChannelQR: {99, 1}, survey.ChannelTablet: {98, 2}, survey.ChannelPaper: {20, 80}}, "qr>paper tablet>paper"},
		"nobody":           {nil, ""},
	} {
		var got []string
		rows := stats.ByChannel(byChannel(c.counts), survey.DefaultRules())
		for _, d := range stats.Diverging(rows, minN) {
			got = append(got, d.Higher.Channel.String()+">"+d.Lower.Channel.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}

func TestChannelsInJSON(t *testing.T) {
	rows := stats.ByChannel(byChannel(map[survey.Channel][2]int64{survey.ChannelTablet: {80, 20}, survey.ChannelQR: {400, 0}}), survey.DefaultRules())
	text, err := json.Marshal(stats.Diverging(rows, 30))
	if err != nil || string(text) != `[{"higher":"qr","lower":"tablet"}]` {
		t.Errorf("%s, %v", text, err)
	}
	text, err = json.Marshal(rows[3])
	if err != nil || !strings.HasPrefix(string(text), `{"channel":"tablet","n":100,"counts":{`) {
		t.Errorf("%s, %v", text, err)
	}
}
