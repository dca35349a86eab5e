package quality_test

import (
	"fmt"
	"testing"

	"manyi/stats/quality"
	"manyi/stats/quality/halls"
	"manyi/survey"
	"manyi/survey/storetest"
)

// TestChannelsAtTheirEdge holds the rule at its edge: what is flagged, and what just is not.
func TestChannelsAtTheirEdge(t *testing.T) {
	type side struct {
		channel   survey.Channel
		good, bad int64
	}
	sides := func(s ...side) []side { return s }
	const qr, sms, mobile, tablet, device = survey.ChannelQR, survey.ChannelSMS, survey.ChannelMobile, survey.ChannelTablet, survey.ChannelDevice
	for _, c := range []struct {
		name string
		made []side
		want string
	}{
		{"nothing", nil, ""},
		{"all is well on the tablet, a third is not on phones", sides(side{tablet, 100, 0}, side{qr, 70, 30}), "100/100 70/100 0.1801 0.4274"},
		{"the other way round", sides(side{tablet, 70, 30}, side{qr, 100, 0}), "70/100 100/100 -0.4274 -0.1801"},
		{"either side in parts", sides(side{tablet, 60, 0}, side{device, 40, 0}, side{qr, 30, 20}, side{sms, 30, 5}, side{mobile, 10, 5}), "100/100 70/100 0.1801 0.4274"},
		{"not enough on the tablet", sides(side{tablet, 29, 0}, side{qr, 10, 90}), ""},
		{"just enough on the tablet", sides(side{tablet, 30, 0}, side{qr, 10, 90}), "30/30 10/100 0.6913 0.954"},
		{"not enough on phones", sides(side{tablet, 100, 0}, side{qr, 0, 29}), ""},
		{"few on both, which chance brings about", sides(side{tablet, 30, 0}, side{qr, 25, 7}), ""},
		{"what honest people may make, however many say so", sides(side{tablet, 879_000, 121_000}, side{qr, 800_000, 200_000}), ""},
		{"a little more, by very many", sides(side{tablet, 883_000, 117_000}, side{qr, 800_000, 200_000}), "883000/1000000 800000/1000000 0.0817 0.0843"},
		{"what came in otherwise", sides(side{tablet, 100, 0}, side{survey.ChannelPaper, 10, 90}, side{survey.ChannelImported, 10, 90}, side{survey.ChannelInterview, 10, 90}, side{survey.ChannelPC, 10, 90}), ""},
	} {
		month := survey.Tally{Cells: survey.CellsOf(map[survey.Cell]int64{
			{Question: "attitude", Channel: qr, Value: int(survey.VeryDissatisfied)}: 1_000_000, // another question
		})}
		for _, s := range c.made {
			month.Cells.Add(survey.Cell{Question: survey.Overall, Channel: s.channel, Tie: 1, Value: int(survey.BasicallySatisfied)}, s.good)
			month.Cells.Add(survey.Cell{Question: survey.Overall, Channel: s.channel, Tie: 1, Value: int(survey.Dissatisfied)}, s.bad)
		}
		got := ""
		if f := quality.Channels(storetest.GulouHR1, 20240331, month, storetest.Survey().Rules); f != nil {
			got = fmt.Sprintf("%d/%d %d/%d %v %v", f.Channels.Kiosk, f.N, f.Channels.Phones, f.Of, f.Channels.Low, f.Channels.High)
			if f.Kind != survey.QualityChannels || f.Window != storetest.GulouHR1 || f.Day != 20240331 {
				t.Errorf("%s: flag %+v", c.name, f)
			}
		}
		if got != c.want {
			t.Errorf("%s: flagged %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLastOfMonth(t *testing.T) {
	s := storetest.Survey()
	for day, want := range map[survey.Span]bool{20240228: false, 20240229: true, 20240331: true, 20240330: false, s.LastDay(): true, s.LastDay().Plus(-1): false} {
		if got := quality.LastOfMonth(day, s); got != want {
			t.Errorf("%s: %v", day, got)
		}
	}
}

// TestChannelRates measures the rule on windows with a tablet: how often it is wrong about
// honest months, and how often it finds a fraud that goes on for one. What can be found
// depends on how content people really are. The numbers are in the README.
func TestChannelRates(t *testing.T) {
	windows := 500
	if testing.Short() {
		windows = 100
	}
	s := storetest.Survey()
	month := func(h *halls.Hall, first survey.Span, f halls.Fraud) *survey.QualityFlag {
		var tally survey.Tally
		for day := first; day <= first.LastDay(); day = day.Plus(1) {
			if w := day.Start(s.Location()).Weekday(); w == 0 || w == 6 {
				continue
			}
			made, served := h.Day(day)
			if f != "" {
				made = h.Cheat(f, day, made, served)
			}
			for _, r := range made {
				tally.Add(survey.Listed{Response: r, Standing: survey.Counted})
			}
		}
		return quality.Channels(storetest.GulouHR1, first.LastDay(), tally, s.Rules)
	}
	window := func(seed int) *halls.Hall {
		return halls.NewWithKiosk(uint64(seed), storetest.Tree().Path(storetest.GulouHR1), s.Location())
	}
	wrong, looked := 0, 0
	for seed := range windows {
		h := window(seed)
		for i := range survey.Span(12) {
			looked++
			if month(h, (202401+i).FirstDay(), "") != nil {
				wrong++
			}
		}
	}
	t.Logf("honest windows with a tablet: wrong on %d of %d window months (%.3f %%)", wrong, looked, 100*float64(wrong)/float64(looked))
	if float64(wrong)/float64(looked) > .001 {
		t.Errorf("raised on %d of %d honest window months; one in a thousand was promised", wrong, looked)
	}
	bands := [...]string{"below 80 %", "80 to 90 %", "above 90 %"}
	for fraud, least := range map[halls.Fraud][len(bands)]float64{halls.Taps: {.4, .05, 0}, halls.Kept: {.7, .3, 0}} {
		var found, done [len(bands)]int
		for seed := range windows {
			h := window(100_000 + seed)
			band := 0
			if h.Satisfied() >= .8 {
				band++
			}
			if h.Satisfied() >= .9 {
				band++
			}
			done[band]++
			if f := month(h, 20240301, fraud); f != nil && f.Channels.Low > 0 {
				found[band]++
			}
		}
		for i, band := range bands {
			rate := float64(found[i]) / float64(done[i])
			t.Logf("%-5s where satisfaction is %s: found in %d of %d months (%.0f %%)", fraud, band, found[i], done[i], 100*rate)
			if rate < least[i] {
				t.Errorf("%s where satisfaction is %s is found in %d of %d", fraud, band, found[i], done[i])
			}
		}
	}
}
