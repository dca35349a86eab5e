package stats_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"manyi/stats"
	"manyi/survey"
)

// pairs makes the answers of two evaluators from a table of how often the first
// found the row and the second the column.
func pairs(table [][]int) (a, b map[string]survey.Judgement) {
	a, b = map[string]survey.Judgement{}, map[string]survey.Judgement{}
	for row, columns := range table {
		for column, n := range columns {
			for range n {
				item := fmt.Sprint(len(a) + 1)
				a[item] = survey.Judgement{Finding: survey.Findings[row]}
				b[item] = survey.Judgement{Finding: survey.Findings[column]}
			}
		}
	}
	return a, b
}

// The values were published by others: the first three in the article on Cohen's
// kappa of the English Wikipedia, the fourth as the example of J. L. Fleiss,
// Statistical Methods for Rates and Proportions, table 18.1.
func TestKappaAgainstPublishedValues(t *testing.T) {
	none := math.NaN()
	for name, c := range map[string]struct {
		table       [][]int
		same, kappa float64
	}{
		"fifty grants":             {[][]int{{20, 5}, {10, 15}}, 0.70, 0.40},
		"same agreement, one way":  {[][]int{{45, 15}, {25, 15}}, 0.60, 0.1304},
		"same agreement, another":  {[][]int{{25, 35}, {5, 35}}, 0.60, 0.2593},
		"Fleiss":                   {[][]int{{75, 1, 4}, {5, 4, 1}, {0, 0, 10}}, 0.89, 0.6765},
		"all alike":                {[][]int{{5, 0}, {0, 5}}, 1, 1},
		"all unlike":               {[][]int{{0, 5}, {5, 0}}, 0, -1},
		"one never varies":         {[][]int{{6, 4}, {0, 0}}, 0.6, 0},
		"both say the same of all": {[][]int{{10}}, 1, none},
		"each always says another": {[][]int{{0, 10}, {0, 0}}, 0, 0},
		"nothing both answered":    {nil, none, none},
		"one item, alike":          {[][]int{{0, 0}, {0, 1}}, 1, none},
	} {
		g := stats.NewAgreement(pairs(c.table))
		for what, got := range map[string]struct {
			v    float64
			ok   bool
			want float64
		}{"agreement": value(g.Same.Value())(c.same), "kappa": value(g.Kappa())(c.kappa)} {
			if got.ok == math.IsNaN(got.want) || got.ok && math.Abs(got.v-got.want) > 5e-5 {
				t.Errorf("%s: %s is %v (there is one: %v), want %v", name, what, got.v, got.ok, got.want)
			}
		}
		a, b := pairs(c.table)
		if back := stats.NewAgreement(b, a); back != g {
			t.Errorf("%s: the other way round %v, want %v", name, back, g)
		}
	}
}

func value(v float64, ok bool) func(float64) struct {
	v    float64
	ok   bool
	want float64
} {
	return func(want float64) struct {
		v    float64
		ok   bool
		want float64
	} {
		return struct {
			v    float64
			ok   bool
			want float64
		}{v, ok, want}
	}
}

func TestAgreementIsAboutWhatBothAnswered(t *testing.T) {
	met := survey.Judgement{Finding: survey.FindingMet}
	a := map[string]survey.Judgement{"1": met, "2": met, "3": met}
	b := map[string]survey.Judgement{"2": met, "3": {Finding: survey.FindingNotMet}, "4": met}
	g := stats.NewAgreement(a, b)
	if want := (stats.Ratio{Num: 1, Den: 2}); g.Same != want {
		t.Errorf("agreement %v, want %v", g.Same, want)
	}
	text, err := json.Marshal(stats.NewAgreement(nil, nil))
	if err != nil || string(text) != `{"agreement":{"rate":null,"num":0,"den":0},"kappa":null}` {
		t.Errorf("%s, %v", text, err)
	}
}

func instrument(weights ...float64) survey.Instrument {
	i := survey.Instrument{Gate: 90}
	for n, w := range weights {
		i.Items = append(i.Items, survey.Item{Number: fmt.Sprint(n + 1), Kind: survey.ItemMet, Weight: w})
	}
	i.Items = append(i.Items, survey.Item{Number: "B1", Kind: survey.ItemBonus, Weight: 2}, survey.Item{Number: "V1", Kind: survey.ItemVeto})
	return i
}

func found(words ...string) map[string]survey.Judgement {
	out := map[string]survey.Judgement{}
	for i := 0; i < len(words); i += 2 {
		out[words[i]] = survey.Judgement{Finding: survey.Finding(words[i+1])}
	}
	return out
}

func TestEvaluationByHand(t *testing.T) {
	i := instrument(1, 1, 2, 6)
	one := found("1", "met", "2", "not_met", "3", "not_applicable", "4", "met", "B1", "met", "V1", "not_met")
	two := found("1", "met", "2", "met", "3", "met", "4", "not_met", "B1", "not_met", "V1", "met")
	for name, c := range map[string]struct {
		answers    []map[string]survey.Judgement
		num, den   int64
		na         stats.Count
		score      float64
		gate       stats.Verdict
		veto, plus int
	}{
		// 100 × (1 + 6) / (1 + 1 + 6) + 2
		"one":  {[]map[string]survey.Judgement{one}, 2, 3, 1, 89.5, stats.NotMet, 0, 1},
		"two":  {[]map[string]survey.Judgement{two}, 3, 4, 0, 40, stats.NotMet, 1, 0},
		"both": {[]map[string]survey.Judgement{one, two}, 5, 7, 1, 100*(7.0+4.0)/18 + 1, stats.NotMet, 1, 1},
	} {
		e := stats.MakeEvaluation(i, c.answers...)
		score, ok := e.Score.Value()
		if (e.Met != stats.Ratio{Num: c.num, Den: c.den}) || e.NotApplicable != c.na || !ok || math.Abs(score-c.score) > 1e-9 ||
			e.Gate != c.gate || len(e.Vetoes) != c.veto || len(e.Bonus) != c.plus {
			t.Errorf("%s: %+v, score %v", name, e, score)
		}
	}
}

func TestTheGateIsNotRounded(t *testing.T) {
	for name, c := range map[string]struct {
		met, not, na int
		want         stats.Verdict
	}{
		"54 of 60":                            {54, 6, 0, stats.Met},
		"53 of 60":                            {53, 7, 0, stats.NotMet},
		"nothing applies":                     {0, 0, 60, stats.None},
		"what does not apply is no item less": {45, 5, 10, stats.Met},
		"none met":                            {0, 60, 0, stats.NotMet},
	} {
		i, answers := survey.Instrument{Gate: survey.DefaultGate}, map[string]survey.Judgement{}
		for finding, n := range map[survey.Finding]int{survey.FindingMet: c.met, survey.FindingNotMet: c.not, survey.FindingNotApplicable: c.na} {
			for range n {
				number := fmt.Sprint(len(i.Items) + 1)
				i.Items = append(i.Items, survey.Item{Number: number, Kind: survey.ItemMet, Weight: 1})
				answers[number] = survey.Judgement{Finding: finding}
			}
		}
		e := stats.MakeEvaluation(i, answers)
		if _, scored := e.Score.Value(); e.Gate != c.want || scored != (c.want != stats.None) || int(e.NotApplicable) != c.na {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := stats.MakeEvaluation(survey.BuiltIn()); e.Gate != stats.None {
		t.Errorf("without answers: %+v", e)
	}
}
