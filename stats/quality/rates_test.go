package quality_test

import (
	"testing"
	"time"

	"manyi/stats/quality"
	"manyi/stats/quality/halls"
	"manyi/survey"
	"manyi/survey/storetest"
)

// watched are a window's days, one after the other, each judged by those before it.
type watched struct {
	hall *halls.Hall
	past []survey.QualityTrace
}

func (w *watched) next(day survey.Span, f halls.Fraud) []survey.QualityFlag {
	made, served := w.hall.Day(day)
	if f != "" {
		made = w.hall.Cheat(f, day, made, served)
	}
	d := quality.NewDay(storetest.GulouHR1, day, storetest.Survey().Location())
	for _, r := range made {
		d.Add(r)
	}
	var past quality.Past
	for _, t := range w.past {
		past.Add(t)
	}
	flags := d.Flags(past, served)
	w.past = append(w.past, d.Trace())
	w.past = w.past[max(0, len(w.past)-quality.PastDays):]
	return flags
}

// TestRates measures how often each rule is wrong about honest halls, and finds which
// fraud. The numbers are in the README; here stands what they must not fall behind.
func TestRates(t *testing.T) {
	windows := 150
	if testing.Short() {
		windows = 40
	}
	const days = 60
	zone, first := storetest.Survey().Location(), survey.Span(20240301)
	wrong, looked := map[survey.QualityKind]int{}, 0
	for seed := range windows {
		for _, makeHall := range []func(uint64, survey.Path, *time.Location) *halls.Hall{halls.New, halls.NewWithKiosk} {
			w := watched{hall: makeHall(uint64(seed), storetest.Tree().Path(storetest.GulouHR1), zone)}
			for i := range days {
				looked++
				for _, f := range w.next(first.Plus(i), "") {
					wrong[f.Kind]++
				}
			}
		}
	}
	for _, k := range survey.QualityKinds {
		if k == survey.QualityChannels || k == survey.QualityStraight { // of a month; see TestChannelRates and TestStraightRates
			continue
		}
		rate := float64(wrong[k]) / float64(looked)
		t.Logf("honest halls: %-18s wrong on %d of %d window days (%.3f %%)", k, wrong[k], looked, 100*rate)
		if rate > .001 {
			t.Errorf("%s is raised on %.2f %% of honest days; one in a thousand was promised", k, 100*rate)
		}
	}
	// What each fraud has to be found by, and how often at least; 0 for what cannot be.
	for _, want := range []struct {
		fraud halls.Fraud
		by    survey.QualityKind
		least float64
	}{
		{halls.OnePhone, survey.QualityOneDevice, .99}, {halls.OnePhone, survey.QualityBurst, .7}, {halls.Crowd, survey.QualityBurst, .95},
		{halls.Heap, survey.QualityMoreThanServed, .99}, {halls.Writers, survey.QualityAgreeingComment, .99}, {halls.Night, survey.QualityNightHours, .95},
		{halls.Grudge, survey.QualitySameAnswers, .2}, {halls.Stack, survey.QualitySameAnswers, .5}, {halls.Reworded, survey.QualityAgreeingComment, 0}, {halls.Patience, "", 0},
	} {
		found, any := 0, 0
		for seed := range windows {
			w := watched{hall: halls.New(uint64(10_000+seed), storetest.Tree().Path(storetest.GulouHR1), zone)}
			for i := range 30 {
				w.next(first.Plus(i), "")
			}
			flags := w.next(first.Plus(30), want.fraud)
			if len(flags) > 0 {
				any++
			}
			for _, f := range flags {
				if f.Kind == want.by {
					found++
				}
			}
		}
		t.Logf("%-18s found by %-18s in %3.0f %%, by any rule in %3.0f %%", want.fraud, want.by, 100*float64(found)/float64(windows), 100*float64(any)/float64(windows))
		if float64(found)/float64(windows) < want.least {
			t.Errorf("%s is found by %s in %d of %d", want.fraud, want.by, found, windows)
		}
	}
}
