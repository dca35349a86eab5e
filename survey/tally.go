package survey

import "slices"

// Bucket is a place and a span of time whose facts are counted together. The
// finest bucket is a window on a local day; it is counted from the facts. The
// others add up the buckets below them.
type Bucket struct {
	Survey string
	Place  string
	Kind   Kind // Window or Bureau
	Span   Span
}

// Finest reports whether the bucket is counted from responses and visits.
func (b Bucket) Finest() bool { return b.Kind == Window && b.Span.IsDay() }

// Parents are the buckets one step coarser that add this one up:
//
//	window, day ─┬→ bureau, day → bureau, month → bureau, whole
//	             └→ window, month
func (b Bucket) Parents() []Bucket {
	switch {
	case b.Finest():
		return []Bucket{
			{b.Survey, BureauOf(b.Place), Bureau, b.Span},
			{b.Survey, b.Place, Window, b.Span.Month()},
		}
	case b.Kind == Bureau && b.Span.IsDay():
		return []Bucket{{b.Survey, b.Place, Bureau, b.Span.Month()}}
	case b.Kind == Bureau && b.Span.IsMonth():
		return []Bucket{{b.Survey, b.Place, Bureau, Whole}}
	}
	return nil
}

// Step is the bucket's distance from the facts: a roll-up works through the
// steps in order, so that every sum is made once.
type Step int

// The steps of a roll-up.
const (
	StepFacts  Step = iota // window, day
	StepFirst              // bureau, day and window, month
	StepMonth              // bureau, month
	StepWhole              // bureau, whole survey
	stepsCount             //
)

// Steps lists the steps in the order a roll-up takes them.
var Steps = [stepsCount]Step{StepFacts, StepFirst, StepMonth, StepWhole}

// Step is the bucket's place in that order.
func (b Bucket) Step() Step {
	switch {
	case b.Finest():
		return StepFacts
	case b.Kind == Window || b.Span.IsDay():
		return StepFirst
	case b.Span.IsMonth():
		return StepMonth
	}
	return StepWhole
}

// Mark says that a bucket's tally is older than its facts. Gen is new with every
// marking and never used again, even after the mark was taken away; a mark is taken away only at the Gen that was counted, so a fact that
// arrives during the count is never lost.
type Mark struct {
	Bucket
	Gen int64
}

// Tally is the counts of a bucket. Rates are made from it in package stats.
type Tally struct {
	Cells Cells
	// Served counts visits (办件) finished in the bucket, and Rated those of
	// them that a counted response belongs to, whenever it came.
	Served, Rated int64
	// Superseded counts stored responses that do not count because another
	// response for the same case and stage does.
	Superseded int64
}

// Add counts one response.
func (t *Tally) Add(r Listed) {
	if r.Standing != Counted {
		t.Superseded++
		return
	}
	t.Cells.Add(Cell{Overall, r.Channel, r.Tie, int(r.Level)}, 1)
	for name, level := range r.Answers {
		t.Cells.Add(Cell{name, r.Channel, r.Tie, int(level)}, 1)
	}
	for _, code := range r.Reasons {
		t.Cells.Add(Cell{ReasonCell, r.Channel, r.Tie, code}, 1)
	}
}

// AddVisit counts one visit.
func (t *Tally) AddVisit(rated bool) {
	t.Served++
	if rated {
		t.Rated++
	}
}

// Merge adds another tally to this one.
func (t *Tally) Merge(o Tally) {
	t.Cells.Merge(o.Cells)
	t.Served += o.Served
	t.Rated += o.Rated
	t.Superseded += o.Superseded
}

// Equal reports whether two tallies count the same.
func (t Tally) Equal(o Tally) bool {
	return t.Served == o.Served && t.Rated == o.Rated && t.Superseded == o.Superseded && slices.Equal(t.Cells, o.Cells)
}
