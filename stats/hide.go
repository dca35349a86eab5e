package stats

// smallest is the smallest count above zero that a restricted viewer sees.
const smallest = 5

func small(n int64) bool { return 0 < n && n < smallest }

// Parts names the parts of a figure that are shown or hidden as one, because
// each number of a part follows from the others.
type Parts uint16

// The parts.
const (
	PartN            Parts = 1 << iota // the number of responses; without it nothing else is shown
	PartSatisfaction                   // the satisfaction rates; without them none of the next three
	PartCounts                         // the level counts, the very satisfied share and the mean
	PartTies                           // Tied and Bare
	PartReasons
	PartChannels
	PartQuestions // some number of some sub-question
	PartSuperseded
	PartVisits // everything that is made from visits
	everything = 1<<iota - 1
)

// Has reports whether p is among the parts.
func (ps Parts) Has(p Parts) bool { return ps&p != 0 }

// MarshalJSON writes true: whatever is hidden is null and speaks for itself.
func (ps Parts) MarshalJSON() ([]byte, error) { return []byte("true"), nil }

// hide adds parts, and those that would give them away.
func (r *Ratings) hide(ps Parts) {
	if ps.Has(PartN) {
		ps = everything
	}
	if ps.Has(PartSatisfaction) {
		ps |= PartCounts | PartTies | PartReasons
	}
	r.Hidden |= ps
}

// Hide returns the figure as a restricted viewer may see it: without counts from
// 1 to 4, and without what they follow from. A figure of 1 to 4 responses shows
// nothing, and [Few] as its N.
//
//   - The level counts, very satisfied share and mean go together; the
//     satisfaction rate stays while both good and bad are 0 or at least 5.
//   - Tied and Bare go when any of their good or bad groups is small.
//   - Channels, reasons, superseded and visits go when any of their counts is
//     small; each sub-question is treated as the whole is.
//   - Imported and Interviews go always.
//
// It is for a figure that stands alone. Rows of a table need [HideSiblings] too.
//
// Not protected: subtracting figures of two periods that differ by a day;
// figures seen by two viewers who talk; what somebody knows from elsewhere; and
// how many people skipped a sub-question, which says nothing of their opinion.
func Hide(f Figure) Figure {
	tiny := small(int64(f.N))
	f = HideSiblings(Figure{}, []Figure{f})[0]
	if tiny {
		f.N = Few
	}
	return f
}

func smallCount(c Count) bool { return small(int64(c)) }

func anySmall[K comparable](counts map[K]Count) bool {
	for _, c := range counts {
		if smallCount(c) {
			return true
		}
	}
	return false
}

// smallTies looks at the tied and bare responses of one group, good or bad.
func (f *Figure) smallTies(group func(*Ratings) int64) bool {
	in := func(s Share) int64 { return group(&Ratings{Satisfaction: Rate{Ratio: s.Satisfaction}}) }
	return small(in(f.Tied)) || small(in(f.Bare))
}

// smallReasons also looks at the bad reviews that do not give the reason: all but
// one would say as much.
func (f *Figure) smallReasons() bool {
	for _, n := range f.Reasons {
		if smallCount(n) || small(bad(&f.Ratings)-int64(n)) {
			return true
		}
	}
	return false
}

// smallVisits also looks at N − Rated, which is about the number of bare responses.
func (f *Figure) smallVisits() bool {
	return smallCount(f.Rated) || smallCount(f.Pending) || smallCount(f.Defaults) ||
		smallCount(f.N-f.Rated) || smallCount(f.Rated-f.N)
}

// erase puts the marks of hidden numbers in place of the numbers.
func (f *Figure) erase() {
	f.Ratings.erase()
	for i := range f.Questions {
		f.Questions[i].erase()
	}
	gone := Share{Withheld, withheldRatio}
	f.Imported = gone // beside Rated it would tell how many tied responses there are
	f.Interviews = gone
	if f.Hidden.Has(PartN) {
		f.Questions = nil
	}
	if f.Hidden.Has(PartTies) {
		f.Tied, f.Bare = gone, gone
	}
	if f.Hidden.Has(PartReasons) {
		f.Reasons = nil
	}
	if f.Hidden.Has(PartChannels) {
		f.Channels = nil
	}
	if f.Hidden.Has(PartSuperseded) {
		f.Superseded = Withheld
	}
	if f.Hidden.Has(PartVisits) {
		f.Served, f.Rated, f.Pending, f.Defaults = Withheld, Withheld, Withheld, Withheld
		f.ActiveOfVisits, f.ActiveOfAll, f.WithDefaults = withheldRatio, withheldRatio, gone
	}
	if f.Hidden.Has(PartSatisfaction) {
		f.WithDefaults.Satisfaction = withheldRatio
	}
}

func (r *Ratings) erase() {
	hiddenRate := Rate{Ratio: withheldRatio}
	if r.Hidden.Has(PartN) {
		r.N = Withheld
	}
	if r.Hidden.Has(PartSatisfaction) {
		r.Satisfaction = hiddenRate
	}
	if r.Hidden.Has(PartCounts) {
		r.Counts = Counts{Withheld, Withheld, Withheld, Withheld, Withheld}
		r.VerySatisfied, r.Mean = hiddenRate, Mean{N: int64(Withheld)}
	}
}
