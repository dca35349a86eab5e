package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"manyi/stats"
	"manyi/survey"
)

// Reader is what figures need of a store; a [survey.TallyStore] has it.
type Reader interface {
	SumTallies(ctx context.Context, q survey.TallyQuery, into func(survey.Bucket) *survey.Tally) error
	Rolled(ctx context.Context) (marked int, last time.Time, err error)
}

// Query asks for the figures of places over a stretch of days.
type Query struct {
	Survey survey.Survey
	Tree   *survey.Tree
	By     survey.Kind // one row per place of this kind
	Within string      // a place; empty for all the viewer sees
	// From and To are days, both included, cut to the survey's period; zero for its ends.
	// For a restricted viewer the last is the day before AsOf.
	From, To survey.Span
	AsOf     time.Time // decides which unrated visits have matured
}

// Row is the figures of one place.
type Row struct {
	Place string `json:"place"`
	Name  string `json:"name"`
	stats.Figure
	Rank *stats.RankRange `json:"rank"` // nil if unranked
}

// Table is the figures of places side by side, and of all together.
type Table struct {
	AsOf     time.Time
	RolledAt time.Time // when a tally was last stored; zero if never
	Marked   int       // buckets whose tallies are older than their facts
	Survey   string
	Title    survey.Text
	Sample   bool // demonstration data
	By       survey.Kind
	Within   string
	From, To survey.Span
	Rows     []Row // in code order, also places without data
	Total    Row   // of Within; never ranked
	// Channels is Total by channel; nil for a restricted viewer below their own place.
	Channels  []stats.ChannelRatings
	Diverging []stats.Divergence // pairs of them that are clearly apart
}

// MarshalJSON writes times in RFC 3339 and days as 2026-01-31.
func (t Table) MarshalJSON() ([]byte, error) {
	var rolled *string
	if !t.RolledAt.IsZero() {
		at := t.RolledAt.Format(time.RFC3339)
		rolled = &at
	}
	return json.Marshal(struct {
		AsOf     string      `json:"as_of"`
		RolledAt *string     `json:"rolled_at"`
		Marked   int         `json:"marked"`
		Survey   string      `json:"survey"`
		Title    survey.Text `json:"title"`
		Sample   bool        `json:"sample"`
		By       survey.Kind `json:"by"`
		Within   string      `json:"within"`
		From     string      `json:"from"`
		To       string      `json:"to"`
		Rows     []Row       `json:"rows"`
		Total    Row         `json:"total"`

		Channels  []stats.ChannelRatings `json:"by_channel"`
		Diverging []stats.Divergence     `json:"diverging"`
	}{t.AsOf.Format(time.RFC3339), rolled, t.Marked, t.Survey, t.Title, t.Sample, t.By, t.Within,
		t.From.String(), t.To.String(), t.Rows, t.Total, t.Channels, t.Diverging})
}

// Load returns the figures a viewer may see; survey.ErrNotFound if Within is no
// place or outside the viewer's. Where By lies above Within, the one row is
// Within itself.
func Load(ctx context.Context, r Reader, q Query, who survey.Actor) (Table, error) {
	v, err := newView(q, who)
	if err != nil {
		return Table{}, err
	}
	t := Table{AsOf: q.AsOf, Survey: q.Survey.ID, Title: q.Survey.Title, Sample: q.Survey.Sample,
		By: v.By, Within: v.Within, From: v.From, To: v.To, Rows: []Row{}}
	// Asked first, so that the tallies are never older than said.
	if t.Marked, t.RolledAt, err = r.Rolled(ctx); err != nil {
		return Table{}, fmt.Errorf("figures of survey %q: %w", q.Survey.ID, err)
	}
	s := sums{}
	if err := v.read(ctx, r, v.cover(), func(survey.Span) sums { return s }); err != nil {
		return Table{}, fmt.Errorf("figures of survey %q: %w", q.Survey.ID, err)
	}
	figures := v.figures(s)
	for _, code := range v.rows {
		if q.Tree.Within(code, v.Within) {
			t.Rows = append(t.Rows, v.row(code, figures))
		}
	}
	t.Total = v.row(v.Within, figures)
	rank(t.Rows, q.Survey.Rules.MinN)
	t.Channels = v.channels(s, figures[v.Within])
	t.Diverging = stats.Diverging(t.Channels, q.Survey.Rules.MinN)
	return t, nil
}

func (v *view) row(code string, figures map[string]stats.Figure) Row {
	p, _ := v.Tree.Place(code)
	return Row{Place: code, Name: p.Name, Figure: figures[code]}
}

// rank ranks the rows whose satisfaction is shown: ranks among hidden rows would
// tell how they stand.
func rank(rows []Row, minN int) {
	rates := make([]stats.Rate, len(rows))
	for i, row := range rows {
		rates[i] = row.Satisfaction // hidden ones have no denominator
	}
	for i, r := range stats.Rank(rates, minN) {
		if r.Ranked() {
			rows[i].Rank = &r
		}
	}
}
