package stats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"manyi/survey"
)

// Counts is how many responses chose each level, best first.
type Counts [len(survey.Levels)]Count

// Of is the count of one level.
func (c Counts) Of(l survey.Level) Count { return c[l-survey.VerySatisfied] }

// MarshalJSON writes an object by level name, best first.
func (c Counts) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, l := range survey.Levels {
		n, _ := c[i].MarshalJSON() // never fails
		fmt.Fprintf(&b, ",%q:%s", l, n)
	}
	b.WriteByte('}')
	out := b.Bytes()
	out[0] = '{'
	return out, nil
}

// Ratings is what the answers to one question come to.
type Ratings struct {
	N             Count  `json:"n"` // counted responses that answer it
	Counts        Counts `json:"counts"`
	Satisfaction  Rate   `json:"satisfaction"`         // 满意率: the three good levels / N
	VerySatisfied Rate   `json:"very_satisfied_share"` // 非常满意占比: 非常满意 / N
	Mean          Mean   `json:"mean_score"`           // 平均分: Σ weight / N
	// Hidden names the parts not shown to this viewer.
	Hidden Parts `json:"hidden,omitempty"`
}

func makeRatings(counts Counts, rules survey.Rules) Ratings {
	var n, good int64
	var points float64
	for i, l := range survey.Levels {
		c := int64(counts[i])
		n += c
		points += float64(c) * rules.Weights[i]
		if !l.Bad() {
			good += c
		}
	}
	return Ratings{
		N: Count(n), Counts: counts,
		Satisfaction: NewRate(good, n), VerySatisfied: NewRate(int64(counts[0]), n),
		Mean: Mean{points, n},
	}
}

// Question is the ratings of one sub-question (分项).
type Question struct {
	Name string `json:"name"`
	Ratings
}

// Share is the satisfaction of some of the responses.
type Share struct {
	N            Count `json:"n"`
	Satisfaction Ratio `json:"satisfaction"`
}

// Channels is how many responses came each way, those that stand apart left out.
type Channels map[survey.Channel]Count

// MarshalJSON writes an object by channel name, or null when not shown.
func (c Channels) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("null"), nil
	}
	named := make(map[string]Count, len(c))
	for channel, n := range c {
		named[channel.String()] = n
	}
	return json.Marshal(named)
}

// Figure is everything that is said about one place and time.
type Figure struct {
	Ratings          // of the visit as a whole
	Superseded Count `json:"superseded"` // stored, but another response for the case counts

	Served   Count `json:"served"`   // visits (办件)
	Rated    Count `json:"rated"`    // of them, those with a counted response
	Pending  Count `json:"pending"`  // unrated and not yet matured
	Defaults Count `json:"defaults"` // unrated and matured: Served − Rated − Pending

	ActiveOfVisits Ratio `json:"active_of_visits"` // Rated / Served
	ActiveOfAll    Ratio `json:"active_of_all"`    // N / (N + Defaults)
	WithDefaults   Share `json:"with_defaults"`    // Defaults counted as the rules say; no interval, as they are no sample

	Tied Share `json:"tied"` // responses that belong to a listed visit
	Bare Share `json:"bare"` // the others

	// Imported is the responses made elsewhere before, which are in no other number
	// but Superseded and Rated. Restricted viewers do not see it.
	Imported Share `json:"imported"`
	// Interviews is the interviews by a third party (第三方访问). They are in no other
	// number unless the survey counts them. Restricted viewers do not see it.
	Interviews Share `json:"interviews"`

	Channels  Channels      `json:"channels"`
	Questions []Question    `json:"questions"` // by name
	Reasons   map[int]Count `json:"reasons"`   // by code; one response may have several
}

// Make turns counts into figures. pending is how many of the tally's unrated
// visits have not matured at the as-of time.
func Make(t survey.Tally, pending int64, rules survey.Rules) Figure {
	f := Figure{
		Superseded: Count(t.Superseded), Served: Count(t.Served), Rated: Count(t.Rated),
		Channels: Channels{}, Reasons: map[int]Count{},
	}
	var overall, counts Counts
	question := "" // whose counts are being added up; those of one stand together
	end := func() {
		if question != "" {
			f.Questions = append(f.Questions, Question{question, makeRatings(counts, rules)})
		}
		question, counts = "", Counts{}
	}
	for _, cell := range t.Cells {
		level, n := survey.Level(cell.Value), cell.N
		if cell.Question == survey.Overall {
			f.countApart(cell.Channel, level, n)
		}
		if rules.Apart(cell.Channel) {
			continue
		}
		switch cell.Question {
		case survey.Overall:
			overall[level-survey.VerySatisfied] += Count(n)
			f.Channels[cell.Channel] += Count(n)
			f.countTie(cell.Tie, level, n)
		case survey.ReasonCell:
			f.Reasons[cell.Value] += Count(n)
		default:
			if cell.Question != question {
				end()
				question = cell.Question
			}
			counts[level-survey.VerySatisfied] += Count(n)
		}
	}
	end()
	f.Ratings = makeRatings(overall, rules)
	f.visits(t, pending, rules)
	return f
}

// countApart counts what has a share of its own.
func (f *Figure) countApart(c survey.Channel, level survey.Level, n int64) {
	switch c {
	case survey.ChannelImported:
		f.Imported.count(level, n)
	case survey.ChannelInterview:
		f.Interviews.count(level, n)
	}
}

func (f *Figure) countTie(tie survey.Tie, level survey.Level, n int64) {
	share := &f.Bare
	if tie.ToVisit() {
		share = &f.Tied
	}
	share.count(level, n)
}

func (s *Share) count(level survey.Level, n int64) {
	s.N += Count(n)
	s.Satisfaction.Den += n
	if !level.Bad() {
		s.Satisfaction.Num += n
	}
}

// visits fills in what needs the visits. Pending is held between none and all of
// the unrated, as a visit may have been rated between two reads.
func (f *Figure) visits(t survey.Tally, pending int64, rules survey.Rules) {
	unrated := t.Served - t.Rated
	pending = max(0, min(pending, unrated))
	defaults := unrated - pending
	n, good := int64(f.N), f.Satisfaction.Num
	if !rules.DefaultLevel.Bad() {
		good += defaults
	}
	f.Pending, f.Defaults = Count(pending), Count(defaults)
	f.ActiveOfVisits = Ratio{t.Rated, t.Served}
	f.ActiveOfAll = Ratio{n, n + defaults}
	f.WithDefaults = Share{Count(n + defaults), Ratio{good, n + defaults}}
}

// Question returns the ratings of a sub-question; the zero value if nobody answered it.
func (f Figure) Question(name string) Ratings {
	for _, q := range f.Questions {
		if q.Name == name {
			return q.Ratings
		}
	}
	return Ratings{}
}

// clone is a copy that shares nothing with f.
func (f Figure) clone() Figure {
	f.Channels, f.Reasons = maps.Clone(f.Channels), maps.Clone(f.Reasons)
	f.Questions = slices.Clone(f.Questions)
	return f
}
