package figures

import "manyi/survey"

// SpanRange is a run of stored buckets of one length: days, months or the whole
// survey; both ends are included.
type SpanRange struct{ From, To survey.Span }

// Cover divides the days from..to into the fewest runs of months and days. An
// empty range gives none.
func Cover(from, to survey.Span) []SpanRange {
	if from > to {
		return nil
	}
	first, last := from.Month(), to.Month() // the whole months, once the edges are cut
	var head, tail []SpanRange
	if from != from.FirstDay() {
		head = []SpanRange{{from, min(to, from.LastDay())}}
		first = from.LastDay().Plus(1).Month()
	}
	if to != to.LastDay() && last >= first {
		tail = []SpanRange{{max(from, to.FirstDay()), to}}
		last = to.FirstDay().Plus(-1).Month()
	}
	if first <= last {
		head = append(head, SpanRange{first, last})
	}
	return append(head, tail...)
}
