package stats

import (
	"encoding/json"
	"maps"
	"math"
	"slices"

	"manyi/survey"
)

// Score is the weighted score of an evaluation (评估得分), E2:
//
//	100 × weight of the items met / weight of the items met or not met + points of the bonus items met
type Score struct {
	Met, Of float64 // weights; of items that apply
	Bonus   float64 // points
}

// Value is the score in points; ok is false when there is none (无): no item that
// applies weighs anything.
func (s Score) Value() (v float64, ok bool) {
	if !(s.Of > 0) {
		return 0, false
	}
	return 100*s.Met/s.Of + s.Bonus, true
}

// MarshalJSON writes {"score", "met_weight", "weight", "bonus"}; the score is null
// when there is none.
func (s Score) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Score *float64 `json:"score"`
		Met   float64  `json:"met_weight"`
		Of    float64  `json:"weight"`
		Bonus float64  `json:"bonus"`
	}{pointer(s.Value()), s.Met, s.Of, s.Bonus})
}

// Evaluation is what the answers of one evaluator come to, or those of several
// together.
type Evaluation struct {
	// Met is the share of items met, E1: items met / items met or not met. Items
	// that do not apply are not in it; veto and bonus items neither.
	Met           Ratio `json:"items_met"`
	NotApplicable Count `json:"not_applicable"` // items left out of E1
	Score         Score `json:"score"`
	// Gate is whether E1 reaches the instrument's gate; none if there is no E1.
	Gate   Verdict  `json:"gate"`
	Vetoes []string `json:"vetoes"` // numbers of the veto items found
	Bonus  []string `json:"bonus"`  // numbers of the bonus items met
}

// MakeEvaluation turns the answers to an instrument, by item, into figures. Items
// without an answer are left out: whoever shows an unfinished evaluation says so.
// With the answers of several evaluators it counts each of them, so that E1 and E2
// are their common share and score, and a bonus item adds its points as often as
// it was found among them; a veto that one of them found stands.
func MakeEvaluation(i survey.Instrument, answers ...map[string]survey.Judgement) Evaluation {
	e := Evaluation{Vetoes: []string{}, Bonus: []string{}}
	for _, item := range i.Items {
		for _, of := range answers {
			f := of[item.Number].Finding
			met := f == survey.FindingMet
			switch {
			case item.Kind == survey.ItemVeto && met:
				e.Vetoes = append(e.Vetoes, item.Number)
			case item.Kind == survey.ItemBonus && met:
				e.Bonus = append(e.Bonus, item.Number)
				e.Score.Bonus += item.Weight / float64(len(answers))
			case !item.Kind.Scored():
			case f == survey.FindingNotApplicable:
				e.NotApplicable++
			case met, f == survey.FindingNotMet:
				e.Met.Den++
				e.Score.Of += item.Weight
				if met {
					e.Met.Num++
					e.Score.Met += item.Weight
				}
			}
		}
	}
	e.Vetoes, e.Bonus = slices.Compact(e.Vetoes), slices.Compact(e.Bonus)
	e.Gate = gate(e.Met, i.Gate)
	return e
}

// gate compares Num/Den with a percentage without dividing: 9 of 10 is 90 %.
func gate(r Ratio, percent float64) Verdict {
	switch {
	case r.Den <= 0:
		return None
	case 100*float64(r.Num) >= percent*float64(r.Den):
		return Met
	}
	return NotMet
}

// Agreement is how far two evaluators of one bureau agree, over the items both
// answered.
type Agreement struct {
	// Same is the percent agreement, E3: items both found alike / items both answered.
	Same Ratio
	// Chance is Σ a·b over the findings: how many of the n² pairs of one item of each
	// would be alike by chance.
	Chance int64
}

// NewAgreement compares the answers of two evaluators: all items count, those that
// do not apply, veto and bonus items too.
func NewAgreement(a, b map[string]survey.Judgement) (g Agreement) {
	var ofA, ofB = map[survey.Finding]int64{}, map[survey.Finding]int64{}
	for _, item := range slices.Sorted(maps.Keys(a)) {
		y, both := b[item]
		if !both {
			continue
		}
		x := a[item]
		g.Same.Den++
		if x.Finding == y.Finding {
			g.Same.Num++
		}
		ofA[x.Finding]++
		ofB[y.Finding]++
	}
	for f, n := range ofA {
		g.Chance += n * ofB[f]
	}
	return g
}

// Kappa is Cohen's κ (J. Cohen, 1960, Educational and Psychological Measurement
// 20), E4, from −1 to 1:
//
//	( pₒ − pₑ ) / ( 1 − pₑ ),  pₒ = same / n,  pₑ = Σ a·b / n²
//
// ok is false when there is none (无): nothing both answered, or both found the same
// of every item, so that agreement by chance is certain.
func (g Agreement) Kappa() (v float64, ok bool) {
	n := g.Same.Den
	if n <= 0 || g.Chance == n*n {
		return 0, false
	}
	return float64(g.Same.Num*n-g.Chance) / float64(n*n-g.Chance), true
}

// MarshalJSON writes {"agreement": {"rate", "num", "den"}, "kappa"}; kappa is null
// when there is none.
func (g Agreement) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Same  Ratio    `json:"agreement"`
		Kappa *float64 `json:"kappa"`
	}{g.Same, pointer(g.Kappa())})
}

// Round2 is a score to two decimals, half away from zero, as scores are shown.
func Round2(v float64) float64 { return math.Round(v*100) / 100 }
