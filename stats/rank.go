package stats

import "slices"

// RankRange is the ranks a place may have (名次范围), both included. The zero
// value is unranked.
type RankRange struct {
	Best  int `json:"best"`
	Worst int `json:"worst"`
	Of    int `json:"of"` // ranked places
}

// Ranked reports whether there is a rank.
func (r RankRange) Ranked() bool { return r.Of > 0 }

// Rank gives each rate its range of ranks among those with at least minN
// responses (M. Klein, T. Wright and J. Wieczorek, 2020, A joint confidence
// region for an overall ranking of populations, JRSS C 69):
//
//	best  = 1 + number of rates clearly above
//	worst = ranked rates − number clearly below
//
// One rate is clearly above another when its interval begins above the other's
// end. Overlap is no tie: it is not transitive, and ranges need not agree. As the
// intervals hold with 95 % each, not together, the ranges of a long table are to
// be read as a description, not as a joint 95 % statement.
//
// The result is in the order of rates. Rates with fewer responses stay unranked
// and push nobody down.
func Rank(rates []Rate, minN int) []RankRange {
	var lows, highs []float64
	enough := func(r Rate) bool { return r.Den > 0 && r.Den >= int64(minN) }
	for _, r := range rates {
		if enough(r) {
			lows, highs = append(lows, r.Low), append(highs, r.High)
		}
	}
	slices.Sort(lows)
	slices.Sort(highs)
	ranks := make([]RankRange, len(rates))
	for i, r := range rates {
		if !enough(r) {
			continue
		}
		notAbove, _ := slices.BinarySearchFunc(lows, r.High, func(low, high float64) int {
			if low <= high {
				return -1
			}
			return 1
		})
		below, _ := slices.BinarySearch(highs, r.Low)
		ranks[i] = RankRange{Best: 1 + len(lows) - notAbove, Worst: len(lows) - below, Of: len(lows)}
	}
	return ranks
}
