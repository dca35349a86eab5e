package stats

import (
	"encoding/json"
	"slices"

	"manyi/survey"
)

// ChannelRatings is the ratings that came by one channel (评价渠道), of the visit as a whole.
type ChannelRatings struct {
	Channel survey.Channel
	Ratings
}

// MarshalJSON writes the channel by name.
func (r ChannelRatings) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Channel string `json:"channel"`
		Ratings
	}{r.Channel.String(), r.Ratings})
}

// ByChannel takes the counts of a place apart by channel, those left out that stand
// apart in [Make] too. Every other channel has its row, so that a missing one says nothing.
func ByChannel(t survey.Tally, rules survey.Rules) []ChannelRatings {
	levels := map[survey.Channel]*Counts{}
	for _, cell := range t.Cells {
		if cell.Question != survey.Overall || rules.Apart(cell.Channel) {
			continue
		}
		if levels[cell.Channel] == nil {
			levels[cell.Channel] = &Counts{}
		}
		levels[cell.Channel][survey.Level(cell.Value)-survey.VerySatisfied] += Count(cell.N)
	}
	rows := make([]ChannelRatings, 0, len(survey.Channels))
	for _, c := range survey.Channels {
		if rules.Apart(c) {
			continue
		}
		var counts Counts
		if levels[c] != nil {
			counts = *levels[c]
		}
		rows = append(rows, ChannelRatings{c, makeRatings(counts, rules)})
	}
	return rows
}

// HideChannels returns the channels of one place as a restricted viewer may see them,
// beside the figure of the place as [Hide] left it. It is for the viewer's own place
// only: the channels of the places below it, side by side with these, would give
// hidden ones away by subtraction.
func HideChannels(total Figure, rows []ChannelRatings) []ChannelRatings {
	family := make([]Figure, len(rows))
	for i, r := range rows {
		family[i] = Figure{Ratings: r.Ratings}
	}
	out := slices.Clone(rows)
	for i, f := range HideSiblings(total, family) {
		out[i].Ratings = f.Ratings
	}
	return out
}

// Alone is a figure that says nothing but the ratings.
func (r Ratings) Alone() Figure {
	f := Figure{Ratings: r}
	f.Hidden |= PartTies | PartReasons | PartChannels | PartSuperseded | PartVisits
	f.erase()
	return f
}

// Divergence is two channels of one place whose satisfaction is clearly apart.
type Divergence struct{ Higher, Lower ChannelRatings }

// MarshalJSON writes the channels by name; their numbers stand beside.
func (d Divergence) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Higher string `json:"higher"`
		Lower  string `json:"lower"`
	}{d.Higher.Channel.String(), d.Lower.Channel.String()})
}

// Diverging lists the pairs of channels whose 95 % intervals do not meet, both with at
// least minN responses and shown. It is a sign to look at and excludes nothing: other
// people come by other channels, and of many pairs some are apart by chance.
func Diverging(rows []ChannelRatings, minN int) []Divergence {
	out := []Divergence{}
	for _, a := range rows {
		for _, b := range rows {
			if enough(a, minN) && enough(b, minN) && a.Satisfaction.Low > b.Satisfaction.High {
				out = append(out, Divergence{a, b})
			}
		}
	}
	return out
}

func enough(r ChannelRatings, minN int) bool {
	_, ok := r.Satisfaction.Value() // hidden ones have none
	return ok && r.Satisfaction.Den >= int64(minN)
}
