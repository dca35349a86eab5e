package sheet

import (
	"manyi/stats"
	"manyi/survey"
)

// Levels is how many responses gave each level, best first.
type Levels [len(survey.Levels)]int64

// N is how many there are.
func (l Levels) N() (n int64) {
	for _, x := range l {
		n += x
	}
	return n
}

// Good is how many are not bad reviews.
func (l Levels) Good() (n int64) {
	for i, level := range survey.Levels {
		if !level.Bad() {
			n += l[i]
		}
	}
	return n
}

// Counts is a number of responses, and how many of them gave what.
type Counts struct {
	N    int64 `json:"n"`
	Good int64 `json:"good"` // not bad reviews
	// Levels is nil where so few gave a level that it is not told.
	Levels *Levels `json:"levels,omitempty"`
}

// AllChannels stands for the channels where they are not told apart.
const AllChannels = "all"

// Merged names what is not told of a unit, because so few people are behind it: it is
// in the numbers of what is above only.
type Merged string

// What may be merged upwards.
const (
	MergedCounts     Merged = "counted" // nothing is told at all
	MergedChannels   Merged = "channel"
	MergedLevels     Merged = "level"
	MergedNotAdopted Merged = "not_adopted" // NotAdopted is not none but unknown
	MergedSuperseded Merged = "superseded"  // those superseded are in Counted
	MergedVisits     Merged = "visits"
	MergedCases      Merged = "cases" // of some rates, the numbers
)

// Unit is what was counted of one bureau; or of several together, because one alone
// would show how few people rated.
type Unit struct {
	// Place is the bureau; of several, the city or the province they are in.
	Place string `json:"place"`
	// Pooled names the bureaus counted together; none if a bureau stands alone.
	Pooled []string `json:"pooled,omitempty"`
	Merged []Merged `json:"merged,omitempty"` // in the order above
	// Counted is the responses that count, by channel, those not adopted among them.
	// Those made elsewhere are in none of these.
	Counted map[string]Counts `json:"counted"`
	// NotAdopted (不予采纳) is those of Counted that a decision that stands excludes.
	NotAdopted map[string]Counts `json:"not_adopted,omitempty"`
	Superseded int64             `json:"superseded"` // stored, but another response for the case counts

	// What follows does not come from leaves that are open to all, but for the evaluations:
	// see [Unit.Fill] and [Unit.FillCases].

	// Visits (办件) is nil where none are known, and where it is not told.
	Visits *Visits `json:"visits,omitempty"`
	// Cases is counted from the log's steps, which only auditors see; nil on the survey's
	// first day.
	Cases *Cases `json:"cases,omitempty"`
	// Evaluations is what third-party evaluators found, by bureau; only of bureaus of
	// which an evaluation was submitted. How many are unfinished is in no log.
	Evaluations map[string]Evaluation `json:"evaluations,omitempty"`
	// Flags is the quality flags (质量标记) by kind. They exclude nothing.
	Flags map[survey.QualityKind]int64 `json:"flags,omitempty"`
}

// Visits is the visits of the period.
type Visits struct {
	Served   int64 `json:"served"`
	Rated    int64 `json:"rated"`    // of them, those with a counted response
	Defaults int64 `json:"defaults"` // unrated, and past the days after which they count as the rules say
}

// Cases is what became of the bad reviews (差评) of the period.
type Cases struct {
	AsOf  string     `json:"as_of"` // counted at the end of this day, such as 2026-01-31
	Rates []CaseRate `json:"rates"` // in the order of stats.CaseDefinitions
}

// CaseRate is one rate of cases. What is nil is not told.
type CaseRate struct {
	Definition string   `json:"definition"` // such as C4, see stats.CaseDefinitions
	Name       string   `json:"name"`
	Adopted    *Share   `json:"adopted"`
	All        *Share   `json:"with_not_adopted"`
	Verdict    *Verdict `json:"verdict,omitempty"`
}

// Verdict is whether a rate is what it must be, 100 %. Adopted is empty where the
// numbers without reviews not adopted are not told.
type Verdict struct {
	About          stats.About   `json:"about"`
	Adopted        stats.Verdict `json:"adopted,omitempty"`
	WithNotAdopted stats.Verdict `json:"with_not_adopted"`
}

// Evaluation is what the submitted evaluations of a bureau come to together.
type Evaluation struct {
	Submitted     int      `json:"submitted"`
	Unfinished    int      `json:"unfinished"` // begun or assigned, and in no number
	Met           int64    `json:"items_met"`
	Items         int64    `json:"items"` // met or not met
	NotApplicable int64    `json:"not_applicable"`
	MetWeight     float64  `json:"met_weight"`
	Weight        float64  `json:"weight"`
	Bonus         float64  `json:"bonus"`
	Gate          float64  `json:"gate"` // least share of items met, in percent
	Vetoes        []string `json:"vetoes,omitempty"`
	// Agreements is how far every two evaluators agree, where several submitted.
	Agreements []Agreement `json:"agreements,omitempty"`
}

// Agreement is how far two evaluators agree, see [stats.Agreement].
type Agreement struct {
	Alike  int64 `json:"alike"`  // items both found alike
	Items  int64 `json:"items"`  // both answered
	Chance int64 `json:"chance"` // of items², the pairs that are alike
}

// AgreementOf is an agreement as a unit tells it.
func AgreementOf(a stats.Agreement) Agreement { return Agreement{a.Same.Num, a.Same.Den, a.Chance} }

// EvaluationOf is what a number of submitted evaluations come to, as a unit tells it.
func EvaluationOf(e stats.Evaluation, submitted int, gate float64) Evaluation {
	return Evaluation{Submitted: submitted, Met: e.Met.Num, Items: e.Met.Den, NotApplicable: int64(e.NotApplicable),
		MetWeight: e.Score.Met, Weight: e.Score.Of, Bonus: e.Score.Bonus, Gate: gate, Vetoes: e.Vetoes}
}
