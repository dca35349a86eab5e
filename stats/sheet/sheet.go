// Package sheet makes score sheets (评分表): what a publication says of each bureau.
//
// [Make] is a pure function of what was counted, the [Unit]s, and of the survey's
// frozen rules. So whoever has the units can make the same sheets, and package
// stats/proof can check every number of a publication by it.
package sheet

import (
	"slices"

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
}

// Sheet is what is published of one unit.
type Sheet struct {
	Place  string   `json:"place"`
	Pooled []string `json:"pooled,omitempty"`
	// Adopted is the satisfaction without what is not adopted, All with it.
	Adopted stats.Rate `json:"adopted"`
	All     stats.Rate `json:"with_not_adopted"`
}

// Make is the score sheets of units, in their order.
func Make(s survey.Survey, units []Unit) []Sheet {
	sheets := make([]Sheet, len(units))
	for i, u := range units {
		all, not := sum(u.Counted), sum(u.NotAdopted)
		sheets[i] = Sheet{Place: u.Place, Pooled: slices.Clone(u.Pooled),
			All: stats.NewRate(all.Good, all.N), Adopted: stats.NewRate(all.Good-not.Good, all.N-not.N)}
	}
	return sheets
}

func sum(channels map[string]Counts) (all Counts) {
	for _, c := range channels {
		all.N += c.N
		all.Good += c.Good
	}
	return all
}
