package stats

import (
	"cmp"
	"slices"
)

// HideSiblings returns rows as a restricted viewer may see them beside total,
// their sum, which has been hidden already. What total hides, all rows hide.
// Otherwise one hidden row would follow by subtraction, so it takes others along:
//
//   - N: where only one is hidden, or all hidden ones are equal, the next smallest
//     goes too.
//   - All other parts: rows with N are paired by size (the last three together
//     when odd), and what one of a pair hides, both hide.
//
// The pairs depend only on what is shown, so even a viewer who knows these rules
// cannot tell which of two is small. For the same reason N never says [Few] here.
//
// Applied from the viewer's own place down, level by level, it protects the
// tables of all levels together: below a hidden row everything is hidden.
//
// Not protected, besides what [Hide] names: Rated is close to the N of Tied, so
// where nearly all tied responses are bad, the two may together give away Tied;
// and that nobody answers a sub-question without rating the visit, so where
// everybody answered it next door, its N may follow (its levels do not).
func HideSiblings(total Figure, rows []Figure) []Figure {
	rows = alignQuestions(total, rows)
	own := make([]*Ratings, len(rows))
	for i := range rows {
		own[i] = &rows[i].Ratings
		own[i].hide(total.Hidden &^ PartQuestions)
	}
	hideRatings(own)
	hidePairs(own, PartTies,
		split{bySatisfaction(own, good), func(i int) bool { return rows[i].smallTies(good) }},
		split{bySatisfaction(own, bad), func(i int) bool { return rows[i].smallTies(bad) }})
	hasBad := func(i int) bool { return bad(own[i]) > 0 }
	smallReason := func(i int) bool { return rows[i].smallReasons() }
	// A row without bad reviews is no cover for one with: it has no bad reasons.
	hidePairs(own, PartReasons,
		split{bySatisfaction(own, bad), smallReason},
		split{func(i int) bool { return own[i].N > 0 && !hasBad(i) }, smallReason})
	hidePairs(own, PartChannels, split{answered(own), func(i int) bool { return anySmall(rows[i].Channels) }})
	hidePairs(own, PartSuperseded, split{always, func(i int) bool { return small(int64(rows[i].Superseded)) }})
	hidePairs(own, PartVisits, split{always, func(i int) bool { return rows[i].smallVisits() }})
	hideQuestions(total, rows)
	for i := range rows {
		rows[i].erase()
	}
	return rows
}

// alignQuestions copies the rows, giving each every question any of them has: a
// missing question would say 0.
func alignQuestions(total Figure, rows []Figure) []Figure {
	var names []string
	for _, f := range append([]Figure{total}, rows...) {
		for _, q := range f.Questions {
			names = append(names, q.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	out := make([]Figure, len(rows))
	for i, f := range rows {
		out[i] = f.clone()
		out[i].Questions = nil
		for _, name := range names {
			out[i].Questions = append(out[i].Questions, Question{name, f.Question(name)})
		}
	}
	return out
}

func hideQuestions(total Figure, rows []Figure) {
	if len(rows) == 0 {
		return
	}
	for q := range rows[0].Questions {
		answers := make([]*Ratings, len(rows))
		for i := range rows {
			answers[i] = &rows[i].Questions[q].Ratings
			answers[i].hide(rows[i].Hidden&PartN | total.Question(rows[i].Questions[q].Name).Hidden)
		}
		hideRatings(answers)
		for i, a := range answers {
			if a.Hidden != 0 {
				rows[i].Hidden |= PartQuestions
			}
		}
	}
}

// hideRatings hides N, the satisfaction rate and the level counts of siblings.
func hideRatings(rs []*Ratings) {
	hideSmallest(rs)
	hidePairs(rs, PartSatisfaction, split{answered(rs), func(i int) bool { return small(good(rs[i])) || small(bad(rs[i])) }})
	hidePairs(rs, PartCounts,
		split{bySatisfaction(rs, good), func(i int) bool { return slices.ContainsFunc(rs[i].Counts[:3], smallCount) }},
		split{bySatisfaction(rs, bad), func(i int) bool { return slices.ContainsFunc(rs[i].Counts[3:], smallCount) }})
}

// hideSmallest hides every small N, and the next smallest ones until the hidden
// ones are not all equal. Rows of equal N are hidden or shown together, so any
// other order of the hidden numbers would look the same.
func hideSmallest(rs []*Ratings) {
	var open []*Ratings
	before := false
	for _, r := range rs {
		if r.Hidden.Has(PartN) {
			before = true
		} else if r.N > 0 {
			open = append(open, r)
		}
	}
	slices.SortFunc(open, func(a, b *Ratings) int { return cmp.Compare(a.N, b.N) })
	k := 0
	takes := func(n Count) bool {
		return smallCount(n) || k > 0 && (n == open[k-1].N || open[0].N == open[k-1].N)
	}
	for k < len(open) && takes(open[k].N) {
		k++
	}
	if before && len(open) == 1 {
		k = 1 // without a peer, hiding it only when it is small would say that it is
	}
	hidden := open[:k]
	if k > 0 && k == len(open) {
		hidden = rs // rows without responses are the last cover
	}
	for _, r := range hidden {
		r.hide(PartN)
	}
}

// split is one way a shown number divides into smaller ones: which rows have that
// number above zero, and whether any of the smaller ones is small.
type split struct {
	takesPart func(i int) bool
	small     func(i int) bool
}

// hidePairs hides a part in rows where a split has something small, and in those
// paired with them.
func hidePairs(rs []*Ratings, part Parts, splits ...split) {
	var hidden []int
	for _, s := range splits {
		hidden = append(hidden, s.hidden(rs, part)...)
	}
	for _, i := range hidden {
		rs[i].hide(part)
	}
}

func (s split) hidden(rs []*Ratings, part Parts) (hidden []int) {
	var open, all []int
	before := false
	for i, r := range rs {
		all = append(all, i)
		if r.Hidden.Has(part) {
			before = true
		} else if s.takesPart(i) {
			open = append(open, i)
		}
	}
	slices.SortStableFunc(open, func(a, b int) int { return cmp.Compare(rs[a].N, rs[b].N) })
	if len(open) == 1 {
		// Without a peer, hiding it only when it is small would say that it is.
		switch {
		case before:
			return open
		case s.small(open[0]):
			return all
		}
		return nil
	}
	for len(open) > 0 {
		k := 2
		if len(open) == 3 {
			k = 3
		}
		if slices.ContainsFunc(open[:k], s.small) {
			hidden = append(hidden, open[:k]...)
		}
		open = open[k:]
	}
	return hidden
}

func always(int) bool { return true }

func answered(rs []*Ratings) func(int) bool { return func(i int) bool { return rs[i].N > 0 } }

func bySatisfaction(rs []*Ratings, group func(*Ratings) int64) func(int) bool {
	return func(i int) bool { return group(rs[i]) > 0 }
}

func good(r *Ratings) int64 { return r.Satisfaction.Num }
func bad(r *Ratings) int64  { return r.Satisfaction.Den - r.Satisfaction.Num }
