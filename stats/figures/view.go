package figures

import (
	"context"
	"fmt"
	"slices"

	"manyi/stats"
	"manyi/survey"
)

// view is a query cut to what its viewer may see.
type view struct {
	Query
	// root is where adding up ends. For a restricted viewer it is their own
	// place, as hiding starts there; else it is Within.
	root       string
	restricted bool
	question   string          // the only one that is read; empty for all
	kind       survey.Kind     // of the buckets to read
	candidates map[string]bool // bureaus
	rows       []string        // the places tallies are added up at, all under root, in code order
}

// sum is what is read for one place.
type sum struct {
	tally  survey.Tally
	recent survey.Tally // of the days whose unrated visits are pending
}

func (s *sum) add(o sum) {
	s.tally.Merge(o.tally)
	s.recent.Merge(o.recent)
}

// sums are by place, for the rows of a view.
type sums map[string]*sum

func (s sums) at(place string) *sum {
	if s[place] == nil {
		s[place] = &sum{}
	}
	return s[place]
}

func newView(q Query, who survey.Actor) (*view, error) {
	if who.Place == "" && !who.Restricted() {
		who.Place = q.Tree.Root()
	}
	if q.Within == "" {
		q.Within = who.Place
	}
	within, ok := q.Tree.Place(q.Within)
	if !ok || !q.Tree.Within(q.Within, who.Place) {
		return nil, fmt.Errorf("figures of place %q: %w", q.Within, survey.ErrNotFound)
	}
	depth, ok := depthOf(q.By)
	if !ok {
		return nil, fmt.Errorf("figures by %q: no such kind of place", q.By)
	}
	if d, _ := depthOf(within.Kind); d > depth {
		q.By = within.Kind
	}
	q.From = max(q.From, q.Survey.FirstDay())
	if last := q.Survey.LastDay(); q.To == 0 || q.To > last {
		q.To = last
	}
	if who.Restricted() { // the day that runs would tell who of those at the window just rated how
		q.To = min(q.To, survey.DayOf(q.AsOf, q.Survey.Location()).Plus(-1))
	}
	v := &view{Query: q, root: q.Within, restricted: who.Restricted(), kind: survey.Bureau, candidates: map[string]bool{}}
	if v.restricted {
		v.root = who.Place
	}
	if q.By == survey.Hall || q.By == survey.Window {
		v.kind = survey.Window
	}
	for _, code := range q.Survey.Candidates {
		v.candidates[code] = true
	}
	v.rows = v.places()
	return v, nil
}

func depthOf(kind survey.Kind) (int, bool) {
	i := slices.Index(survey.Kinds[:], kind)
	return i, i >= 0
}

// below lists the candidates' halls or windows at or under the root.
func (v *view) below(kind survey.Kind) (codes []string) {
	for _, p := range v.Tree.All(kind, v.root) {
		if v.candidates[survey.BureauOf(p.Code)] {
			codes = append(codes, p.Code)
		}
	}
	return codes
}

// places lists the rows under the root.
func (v *view) places() (codes []string) {
	if v.kind == survey.Window {
		return v.below(v.By)
	}
	for _, bureau := range v.bureaus() {
		codes = append(codes, v.rowOf(bureau))
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// bureaus lists the candidates at or under the root.
func (v *view) bureaus() (codes []string) {
	for code := range v.candidates {
		if v.Tree.Within(code, v.root) {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// rowOf is the row a place under the root is added up at.
func (v *view) rowOf(place string) string {
	row := v.Tree.Above(place, v.By)
	if !v.Tree.Within(row, v.root) {
		return v.root
	}
	return row
}

// queries are the places to read tallies of: all at once for the province, the
// bureaus of a city one by one, as engines know no divisions.
func (v *view) queries() []string {
	switch {
	case v.root == v.Tree.Root():
		return []string{""}
	case survey.BureauOf(v.root) != "":
		return []string{v.root}
	}
	return v.bureaus()
}

// cover divides the view's days into stored buckets, the coarsest there are.
func (v *view) cover() []SpanRange {
	if v.kind == survey.Bureau && v.From == v.Survey.FirstDay() && v.To == v.Survey.LastDay() {
		return []SpanRange{{survey.Whole, survey.Whole}}
	}
	return v.months()
}

// months divides the view's days into months and the days at the edges. A survey
// that begins or ends within a month has nothing in the rest of it, so that month
// counts as whole.
func (v *view) months() []SpanRange {
	from, to := v.From, v.To
	if from > to {
		return nil
	}
	first, last := v.Survey.FirstDay(), v.Survey.LastDay()
	if from == first {
		from = first.FirstDay()
	}
	if to == last {
		to = last.LastDay()
	}
	return Cover(from, to)
}

// pendingDays are the days whose unrated visits have not matured: a visit
// finished on day D matures when the as-of day is past D + DefaultDays.
func (v *view) pendingDays() []SpanRange {
	asOf := survey.DayOf(v.AsOf, v.Survey.Location())
	days := SpanRange{max(v.From, asOf.Plus(-v.Survey.Rules.DefaultDays)), v.To}
	if days.From > days.To {
		return nil
	}
	return []SpanRange{days}
}

// read adds the tallies of ranges, and what is pending, to the sums that into
// returns for their span.
func (v *view) read(ctx context.Context, r Reader, ranges []SpanRange, into func(survey.Span) sums) error {
	tallies := func(ranges []SpanRange, question string, part func(*sum) *survey.Tally) error {
		rowOf := map[string]string{} // a place has many buckets
		for _, place := range v.queries() {
			for _, spans := range ranges {
				q := survey.TallyQuery{Survey: v.Survey.ID, Kind: v.kind, Place: place, From: spans.From, To: spans.To, Question: question}
				err := r.SumTallies(ctx, q, func(b survey.Bucket) *survey.Tally {
					row, ok := rowOf[b.Place]
					if !ok {
						if v.candidates[survey.BureauOf(b.Place)] {
							row = v.rowOf(b.Place)
						}
						rowOf[b.Place] = row
					}
					if row == "" {
						return nil
					}
					return part(into(b.Span).at(row))
				})
				if err != nil {
					return fmt.Errorf("tallies from %v to %v: %w", spans.From, spans.To, err)
				}
			}
		}
		return nil
	}
	if err := tallies(ranges, v.question, func(s *sum) *survey.Tally { return &s.tally }); err != nil {
		return err
	}
	return tallies(v.pendingDays(), survey.NoQuestion, func(s *sum) *survey.Tally { return &s.recent })
}

// figures makes the figures of Within and of the rows in it, as the viewer may
// see them.
func (v *view) figures(s sums) map[string]stats.Figure {
	out := map[string]stats.Figure{}
	if v.restricted {
		out[v.Within] = v.figure(sum{}) // stays if no candidate is there
		v.hideBelow(s, out)
		return out
	}
	var total sum
	for _, code := range v.rows {
		total.add(*s.at(code))
		out[code] = v.figure(*s.at(code))
	}
	out[v.Within] = v.figure(total)
	return out
}

// channels takes Within apart by channel, as the viewer may see it beside its figure.
func (v *view) channels(s sums, total stats.Figure) []stats.ChannelRatings {
	if v.restricted && v.Within != v.root {
		return nil
	}
	var all survey.Tally
	for _, code := range v.rows {
		all.Merge(s.at(code).tally)
	}
	rows := stats.ByChannel(all, v.Survey.Rules)
	if v.restricted {
		return stats.HideChannels(total, rows)
	}
	return rows
}

func (v *view) figure(s sum) stats.Figure {
	return stats.Make(s.tally, s.recent.Served-s.recent.Rated, v.Survey.Rules)
}

// hideBelow makes the figures of every place from the root down to the rows, and
// hides level by level.
func (v *view) hideBelow(rows sums, out map[string]stats.Figure) {
	all := sums{}
	children := map[string][]string{}
	places := v.rows
	if v.kind == survey.Window {
		// A bureau or hall without anything below still has its part in its
		// family, or a finer table would hide otherwise than a coarser one.
		places = slices.Concat(v.bureaus(), v.below(survey.Hall), v.rows)
		slices.Sort(places)
		places = slices.Compact(places)
	}
	for _, row := range places {
		path := v.Tree.Path(row)
		path = path[slices.Index(path, v.root):]
		own := rows.at(row) // nothing, unless it is a row of the view
		for i, code := range path {
			if i > 0 && all[code] == nil {
				children[path[i-1]] = append(children[path[i-1]], code)
			}
			all.at(code).add(*own)
		}
	}
	out[v.root] = stats.Hide(v.figure(*all.at(v.root)))
	level := []string{v.root}
	for len(level) > 0 {
		parent := level[0]
		level = append(level[1:], children[parent]...)
		family := make([]stats.Figure, len(children[parent]))
		for i, code := range children[parent] {
			family[i] = v.figure(*all[code])
		}
		for i, f := range stats.HideSiblings(out[parent], family) {
			out[children[parent][i]] = f
		}
	}
}
