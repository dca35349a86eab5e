package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"manyi/stats"
	"manyi/survey"
)

// Step is the length of time between the points of a series.
type Step string

// The steps. Weeks start on Monday, as in ISO 8601.
const (
	Day   Step = "day"
	Week  Step = "week"
	Month Step = "month"
)

// ParseStep reads a step's name.
func ParseStep(name string) (Step, bool) {
	s := Step(name)
	return s, s == Day || s == Week || s == Month
}

// first is the first day of the step a day lies in.
func (s Step) first(day survey.Span) survey.Span {
	switch s {
	case Week:
		sinceMonday := (int(day.Start(time.UTC).Weekday()) + 6) % 7
		return day.Plus(-sinceMonday)
	case Month:
		return day.FirstDay()
	}
	return day
}

// next is the first day of the step after the one that starts on first.
func (s Step) next(first survey.Span) survey.Span {
	switch s {
	case Week:
		return first.Plus(7)
	case Month:
		return first.LastDay().Plus(1)
	}
	return first.Plus(1)
}

// Point is the figures of one step. The first and last may be cut by the query.
type Point struct {
	From, To survey.Span // days, both included
	stats.Figure
}

// MarshalJSON writes the days as 2026-01-31.
func (p Point) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		From string `json:"from"`
		To   string `json:"to"`
		stats.Figure
	}{p.From.String(), p.To.String(), p.Figure})
}

// Series returns the figures of one place, Within, step by step, also steps
// without data, of the visit as a whole: sub-questions and reasons are left out,
// as they are most of what there is to read. By is ignored. Errors are as with [Load].
func Series(ctx context.Context, r Reader, q Query, who survey.Actor, step Step) ([]Point, error) {
	if _, ok := ParseStep(string(step)); !ok {
		return nil, fmt.Errorf("series by %q: want day, week or month", step)
	}
	q.By = survey.Province // the view takes the kind of Within, if that is lower
	v, err := newView(q, who)
	if err != nil {
		return nil, err
	}
	if v.From > v.To {
		return []Point{}, nil
	}
	v.question = survey.Overall
	ranges := []SpanRange{{v.From, v.To}}
	if step == Month {
		ranges = v.months()
	}
	steps := map[survey.Span]sums{}
	into := func(span survey.Span) sums {
		if span.IsMonth() {
			span = span.FirstDay()
		}
		first := step.first(span)
		if steps[first] == nil {
			steps[first] = sums{}
		}
		return steps[first]
	}
	if err := v.read(ctx, r, ranges, into); err != nil {
		return nil, fmt.Errorf("series of survey %q: %w", q.Survey.ID, err)
	}
	points := []Point{}
	for first := step.first(v.From); first <= v.To; first = step.next(first) {
		points = append(points, Point{
			From: max(first, v.From), To: min(step.next(first).Plus(-1), v.To),
			Figure: v.figures(into(first))[v.Within],
		})
	}
	return points, nil
}
