package quality

import (
	"math"

	"manyi/survey"
)

// TraceOf is what an interview leaves to judge its interviewer by: whether every question
// was answered at the same level. It is nothing if too few were answered.
func TraceOf(r survey.Response) (t survey.InterviewTrace) {
	if len(r.Answers)+1 < MinQuestions {
		return t
	}
	t.N, t.Straight = 1, 1
	for _, l := range r.Answers {
		if l != r.Level {
			t.Straight = 0
		}
	}
	return t
}

// Interviewer judges what somebody entered about a bureau in a month: whoever makes
// interviews up at a desk ticks them straight down (直线作答). Content people answer like
// that as well, and most are content, so a day says nothing. It is looked at once, on the
// month's last day, see [LastOfMonth].
func Interviewer(by, bureau string, day survey.Span, month survey.InterviewTrace) *survey.QualityFlag {
	if atLeast(month.Straight, month.N, StraightShare) >= StraightChance {
		return nil
	}
	return &survey.QualityFlag{Kind: survey.QualityStraight, Window: bureau, Day: day, N: month.Straight, Of: month.N, By: by}
}

// atLeast is the chance that of n at least k are so, each with a chance of p.
func atLeast(k, n int64, p float64) (sum float64) {
	ways := func(n float64) float64 { l, _ := math.Lgamma(n + 1); return l }
	for i := k; i <= n; i++ {
		sum += math.Exp(ways(float64(n)) - ways(float64(i)) - ways(float64(n-i)) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}
