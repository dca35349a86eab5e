package quality_test

import (
	"math"
	"testing"

	"manyi/stats/quality"
	"manyi/stats/quality/halls"
	"manyi/survey"
	"manyi/survey/storetest"
)

// TestInterviewer: the bound is where chance falls below one in a thousand. The tail of
// the binomial distribution is added up here in another way.
func TestInterviewer(t *testing.T) {
	tail := func(k, n int) (sum float64) {
		chance := math.Pow(1-quality.StraightShare, float64(n)) // of none
		for i := range n + 1 {
			if i >= k {
				sum += chance
			}
			chance *= float64(n-i) / float64(i+1) * quality.StraightShare / (1 - quality.StraightShare)
		}
		return sum
	}
	for n := range 200 {
		for k := range n + 1 {
			want := tail(k, n)
			if math.Abs(want-quality.StraightChance) < 1e-9 {
				t.Fatalf("%d of %d lie on the bound", k, n)
			}
			f := quality.Interviewer("li", "350102-HR", 20240331, survey.InterviewTrace{N: int64(n), Straight: int64(k)})
			if (f != nil) != (want < quality.StraightChance) {
				t.Errorf("%d of %d, with a chance of %g: %+v", k, n, want, f)
			}
			if f != nil && (f.Kind != survey.QualityStraight || f.N != int64(k) || f.Of != int64(n) || f.By != "li" || f.Window != "350102-HR" || f.Day != 20240331) {
				t.Errorf("the flag says %+v", f)
			}
		}
	}
	if f := quality.Interviewer("li", "350102-HR", 20240331, survey.InterviewTrace{N: 100_000, Straight: 84_000}); f != nil {
		t.Errorf("many interviews of honest people: %+v", f)
	}
	if f := quality.Interviewer("li", "350102-HR", 20240331, survey.InterviewTrace{N: 100_000, Straight: 90_000}); f == nil {
		t.Error("many interviews, one in ten of them too straight, are not flagged")
	}
}

func TestTraceOf(t *testing.T) {
	answers := func(overall survey.Level, others ...survey.Level) survey.Response {
		r := survey.Response{Level: overall, Answers: map[string]survey.Level{}}
		for i, l := range others {
			r.Answers[string(rune('a'+i))] = l
		}
		return r
	}
	for name, c := range map[string]struct {
		r    survey.Response
		want survey.InterviewTrace
	}{
		"straight":       {answers(5, 5, 5, 5, 5), survey.InterviewTrace{N: 1, Straight: 1}},
		"one is not":     {answers(5, 5, 5, 4, 5), survey.InterviewTrace{N: 1}},
		"but overall":    {answers(4, 5, 5), survey.InterviewTrace{N: 1}},
		"too few to say": {answers(5, 5), survey.InterviewTrace{}},
	} {
		if got := quality.TraceOf(c.r); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestStraightRates measures how often honest interviewers are flagged, and those who
// make up all of their interviews or half of them. The numbers are in the README.
func TestStraightRates(t *testing.T) {
	interviewers := 5_000
	if testing.Short() {
		interviewers = 1_000
	}
	path, zone := storetest.Tree().Path(storetest.GulouHR1), storetest.Survey().Location()
	flagged := func(n int, madeUp func(i int) bool) (found int) {
		for seed := range interviewers {
			h := halls.New(uint64(seed), path, zone)
			var month survey.InterviewTrace
			for i := range n {
				month.Add(quality.TraceOf(h.Interview(20240304, storetest.At("2024-03-04 10:00"), madeUp(i))))
			}
			if quality.Interviewer("li", "350102-HR", 20240331, month) != nil {
				found++
			}
		}
		return found
	}
	for _, c := range []struct {
		name        string
		n           int
		madeUp      func(int) bool
		least, most float64
	}{
		{"honest", 50, func(int) bool { return false }, 0, .001},
		{"honest", 200, func(int) bool { return false }, 0, .001},
		{"half made up", 50, func(i int) bool { return i%2 == 0 }, 0, .2},
		{"half made up", 200, func(i int) bool { return i%2 == 0 }, .05, 1},
		{"all made up", 40, func(int) bool { return true }, 0, 0}, // too few to tell
		{"all made up", 50, func(int) bool { return true }, 1, 1},
	} {
		rate := float64(flagged(c.n, c.madeUp)) / float64(interviewers)
		t.Logf("%-12s %3d interviews a month: flagged %.3f %%", c.name, c.n, 100*rate)
		if rate < c.least || rate > c.most {
			t.Errorf("%s, %d interviews: flagged %.3f %%", c.name, c.n, 100*rate)
		}
	}
}
