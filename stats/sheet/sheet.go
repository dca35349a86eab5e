// Package sheet makes score sheets (评分表): what a publication says of each bureau.
//
// [Make] is a pure function of what was counted, the [Unit]s, and of the survey's
// frozen rules. So whoever has the units can make the same sheets, and package
// stats/proof can check every number of a publication by it.
package sheet

import (
	"fmt"
	"math"

	"manyi/stats"
	"manyi/survey"
)

// Number is rounded to six decimals, so that every processor makes the same text of
// it: some multiply and add with one rounding, others with two. nil is none (无).
type Number = *float64

func number(v float64, ok bool) Number {
	if !ok || math.IsNaN(v) {
		return nil
	}
	v = math.Round(v*1e6) / 1e6
	return &v
}

// Share is a part of a whole.
type Share struct {
	Rate Number `json:"rate"` // from 0 to 1
	Num  int64  `json:"num"`
	Den  int64  `json:"den"`
}

func share(num, den int64) *Share {
	return &Share{number(stats.Ratio{Num: num, Den: den}.Value()), num, den}
}

// Rate is a share of responses with its Wilson 95 % interval.
type Rate struct {
	Share
	Low  Number `json:"low"`
	High Number `json:"high"`
}

func rate(c Counts) *Rate {
	r := stats.NewRate(c.Good, c.N)
	return &Rate{*share(c.Good, c.N), number(r.Low, c.N > 0), number(r.High, c.N > 0)}
}

// Mean is a mean score (平均分) with its bootstrap interval.
type Mean struct {
	Score Number `json:"score"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
	N     int64  `json:"n"`
}

// Composite is the composite score (综合得分), from 0 to 100, or above it by bonus points:
//
//	100 × weight of satisfaction × satisfaction + weight of evaluation × evaluation score
//
// Score is nil if a part that weighs anything is missing.
type Composite struct {
	Formula string `json:"formula"` // with the survey's weights
	Score   Number `json:"score"`
	// Low and High are the percentile bootstrap interval: chance error of the responses
	// only, the evaluation taken as it is.
	Low  Number `json:"low"`
	High Number `json:"high"`
	N    int64  `json:"n"` // responses
	// Satisfaction and Evaluation are the parts, in points.
	Satisfaction Number `json:"satisfaction"`
	Evaluation   Number `json:"evaluation"`
}

// Figures are the figures that depend on whether reviews that are not adopted count.
type Figures struct {
	Satisfaction *Rate  `json:"satisfaction"`
	WithDefaults *Share `json:"with_defaults"` // no interval: defaults are no sample
	Mean         *Mean  `json:"mean_score"`    // nil where levels are not told
	// Composite is nil if the survey has no weights, for several bureaus together, and
	// for fewer responses than the survey's minimum.
	Composite *Composite `json:"composite"`
}

// Judged is the third-party evaluation of a bureau.
type Judged struct {
	Submitted int           `json:"submitted"`
	Met       *Share        `json:"items_met"`
	Gate      float64       `json:"gate"` // least share, in percent
	Verdict   stats.Verdict `json:"verdict"`
	Score     Number        `json:"score"`
	Vetoes    []string      `json:"vetoes,omitempty"`
	// Agreements are of every two evaluators, where several submitted.
	Agreements []Agreed `json:"agreements,omitempty"`
}

// Agreed is how far two evaluators agree.
type Agreed struct {
	Agreement *Share `json:"agreement"` // items found alike / items
	Kappa     Number `json:"kappa"`     // Cohen's κ; nil if agreement by chance is certain
}

// Sheet is what is published of one unit. What is nil is none (无), or not told where
// Merged names it.
type Sheet struct {
	Place  string   `json:"place"`
	Pooled []string `json:"pooled,omitempty"`
	Merged []Merged `json:"merged,omitempty"`

	N          int64            `json:"n"` // counted, those not adopted among them
	Channels   map[string]int64 `json:"channels"`
	NotAdopted *int64           `json:"not_adopted"`
	Superseded *int64           `json:"superseded"`

	// All is with the reviews not adopted, Adopted without. Ranks and the funnel go by
	// All, so that not adopting a review moves nobody up.
	All     Figures  `json:"with_not_adopted"`
	Adopted *Figures `json:"adopted"`

	// Active is rated visits / visits.
	Active *Share     `json:"active_of_visits"`
	Cases  []CaseRate `json:"cases,omitempty"`
	// CasesAsOf is the day at whose end cases were counted.
	CasesAsOf   string                       `json:"cases_as_of,omitempty"`
	Evaluations map[string]Judged            `json:"evaluations,omitempty"` // by bureau
	Flags       map[survey.QualityKind]int64 `json:"flags,omitempty"`

	// Rank is nil for fewer responses than the survey's minimum, and for several
	// bureaus together.
	Rank   *stats.RankRange `json:"rank"`
	Funnel *Funnel          `json:"funnel"` // nil without responses
}

// Funnel is where the limits of [stats.Funnel] lie for a unit of its size.
type Funnel struct {
	Target   float64  `json:"target"` // rate of all units together
	Limits95 Limits   `json:"limits_95"`
	Limits   Limits   `json:"limits_99_8"`
	Position Position `json:"position"`
}

// Limits are the control limits of a rate, from 0 to 1.
type Limits struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Position is where a rate lies among the limits.
type Position string

// The positions.
const (
	FarBelow Position = "below_99_8"
	Below    Position = "below_95"
	Inside   Position = "inside"
	Above    Position = "above_95"
	FarAbove Position = "above_99_8"
)

// Make is the score sheets of units, in their order.
func Make(s survey.Survey, units []Unit) []Sheet {
	sheets := make([]Sheet, len(units))
	rates := make([]stats.Rate, len(units))
	var whole Counts
	for i, u := range units {
		all := sum(u.Counted)
		whole.N, whole.Good = whole.N+all.N, whole.Good+all.Good
		if len(u.Pooled) == 0 {
			rates[i] = stats.NewRate(all.Good, all.N)
		}
		sheets[i] = one(s, u, all)
	}
	for i, r := range stats.Rank(rates, s.Rules.MinN) {
		if r.Ranked() {
			sheets[i].Rank = &r
		}
	}
	for i := range sheets {
		sheets[i].Funnel = funnel(*sheets[i].All.Satisfaction, whole)
	}
	return sheets
}

// one is a sheet without what needs the others.
func one(s survey.Survey, u Unit, all Counts) Sheet {
	m := Sheet{Place: u.Place, Pooled: u.Pooled, Merged: u.Merged, N: all.N, Channels: map[string]int64{}, Flags: u.Flags}
	for channel, c := range u.Counted {
		m.Channels[channel] = c.N
	}
	if !u.merged(MergedSuperseded) {
		m.Superseded = &u.Superseded
	}
	var score Number // none for several bureaus together: each has its own
	for bureau, e := range u.Evaluations {
		if m.Evaluations == nil {
			m.Evaluations = map[string]Judged{}
		}
		j := e.judged()
		m.Evaluations[bureau] = j
		if len(u.Pooled) == 0 && bureau == u.Place {
			score = j.Score
		}
	}
	m.All = figures(s, u, all, score, "all")
	if !u.merged(MergedNotAdopted) {
		not := sum(u.NotAdopted)
		m.NotAdopted = &not.N
		adopted := figures(s, u, all.minus(not), score, "adopted")
		m.Adopted = &adopted
	}
	if u.Visits != nil {
		m.Active = share(u.Visits.Rated, u.Visits.Served)
	}
	if u.Cases != nil {
		m.CasesAsOf = u.Cases.AsOf
		for _, r := range u.Cases.Rates {
			m.Cases = append(m.Cases, r.again())
		}
	}
	return m
}

func figures(s survey.Survey, u Unit, c Counts, score Number, name string) Figures {
	f := Figures{Satisfaction: rate(c)}
	if u.Visits != nil {
		good := c.Good
		if !s.Rules.DefaultLevel.Bad() {
			good += u.Visits.Defaults
		}
		f.WithDefaults = share(good, c.N+u.Visits.Defaults)
	}
	seed := s.ID + "\n" + u.Place + "\n" + name
	if c.Levels != nil {
		f.Mean = mean(*c.Levels, s.Rules.Weights, seed)
	}
	if all := sum(u.Counted); s.Rules.Composite.Set() && len(u.Pooled) == 0 && all.N >= int64(s.Rules.MinN) {
		f.Composite = composite(s.Rules.Composite, c, score, seed)
	}
	return f
}

// Formula is how the composite score is made with some weights.
func Formula(w survey.Composite) string {
	return fmt.Sprintf("100 × %v × satisfaction + %v × evaluation score", w.Satisfaction, w.Evaluation)
}

// Products are converted before they are added, so that no processor joins the two.

func composite(w survey.Composite, c Counts, score Number, seed string) *Composite {
	out := &Composite{Formula: Formula(w), N: c.N}
	evaluation := 0.0
	if w.Evaluation > 0 {
		if score == nil {
			return out
		}
		evaluation = float64(w.Evaluation * *score)
	}
	if c.N == 0 && w.Satisfaction > 0 {
		return out
	}
	satisfied := func(good int64) float64 {
		if c.N == 0 {
			return 0
		}
		return float64(float64(100*w.Satisfaction) * float64(good) / float64(c.N))
	}
	out.Satisfaction, out.Evaluation = number(satisfied(c.Good), true), number(evaluation, true)
	out.Score = number(satisfied(c.Good)+evaluation, true)
	low, high := bootstrap([]int64{c.Good, c.N - c.Good}, seed, func(again []int64) float64 { return satisfied(again[0]) + evaluation })
	out.Low, out.High = number(low, true), number(high, true)
	return out
}

func mean(levels Levels, weights [5]float64, seed string) *Mean {
	m := &Mean{}
	for _, n := range levels {
		m.N += n
	}
	if m.N == 0 {
		return m
	}
	points := func(of []int64) float64 {
		sum := 0.0
		for i, n := range of {
			sum += float64(float64(n) * weights[i])
		}
		return sum / float64(m.N)
	}
	low, high := bootstrap(levels[:], seed+"\nmean", points)
	m.Score, m.Low, m.High = number(points(levels[:]), true), number(low, true), number(high, true)
	return m
}

func (e Evaluation) judged() Judged {
	j := Judged{Submitted: e.Submitted, Met: share(e.Met, e.Items), Gate: e.Gate, Vetoes: e.Vetoes, Verdict: stats.None}
	j.Score = number(stats.Score{Met: e.MetWeight, Of: e.Weight, Bonus: e.Bonus}.Value())
	for _, a := range e.Agreements {
		kappa := number(stats.Agreement{Same: stats.Ratio{Num: a.Alike, Den: a.Items}, Chance: a.Chance}.Kappa())
		j.Agreements = append(j.Agreements, Agreed{share(a.Alike, a.Items), kappa})
	}
	if e.Items > 0 {
		j.Verdict = stats.NotMet
		if 100*float64(e.Met) >= float64(e.Gate*float64(e.Items)) {
			j.Verdict = stats.Met
		}
	}
	return j
}

// again makes the rate and its verdict anew where its numbers are told.
func (r CaseRate) again() CaseRate {
	verdict := func(s *Share, said stats.Verdict) stats.Verdict {
		switch {
		case s == nil:
			return said
		case s.Den == 0:
			return stats.None
		case s.Num == s.Den:
			return stats.Met
		}
		return stats.NotMet
	}
	anew := func(s *Share) *Share {
		if s == nil {
			return nil
		}
		return share(s.Num, s.Den)
	}
	r.Adopted, r.All = anew(r.Adopted), anew(r.All)
	if r.Verdict != nil {
		r.Verdict = &Verdict{About: r.Verdict.About, Adopted: verdict(r.Adopted, ""), WithNotAdopted: verdict(r.All, r.Verdict.WithNotAdopted)}
	}
	return r
}

func funnel(r Rate, whole Counts) *Funnel {
	if r.Den == 0 {
		return nil
	}
	limits := func(p float64) Limits {
		low, high := stats.Funnel(r.Den, whole.Good, whole.N, p)
		return Limits{*number(low, true), *number(high, true)}
	}
	target := float64(whole.Good) / float64(whole.N)
	f := &Funnel{Target: *number(target, true), Limits95: limits(0.95), Limits: limits(0.998), Position: Inside}
	switch v := *r.Rate; {
	case v < f.Limits.Low:
		f.Position = FarBelow
	case v > f.Limits.High:
		f.Position = FarAbove
	case v < f.Limits95.Low:
		f.Position = Below
	case v > f.Limits95.High:
		f.Position = Above
	}
	return f
}

// sum adds channels up; levels only if every channel tells them.
func sum(channels map[string]Counts) Counts {
	all := Counts{Levels: &Levels{}}
	for _, c := range channels {
		all.N += c.N
		all.Good += c.Good
		if c.Levels == nil {
			all.Levels = nil
		}
		for i := 0; all.Levels != nil && i < len(c.Levels); i++ {
			all.Levels[i] += c.Levels[i]
		}
	}
	return all
}

func (c Counts) minus(o Counts) Counts {
	left := Counts{N: c.N - o.N, Good: c.Good - o.Good}
	if c.Levels != nil && o.Levels != nil {
		left.Levels = &Levels{}
		for i := range left.Levels {
			left.Levels[i] = c.Levels[i] - o.Levels[i]
		}
	}
	return left
}
