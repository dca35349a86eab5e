package survey

import (
	"fmt"
	"time"
)

// Span is a stretch of local calendar time in the survey's zone, written as a
// number that reads as what it is: 20260131 a day, 202601 a month, 0 the whole survey.
type Span int32

// Whole is the span of everything a survey holds.
const Whole Span = 0

// DayOf is the local day an instant falls on.
func DayOf(t time.Time, zone *time.Location) Span {
	y, m, d := t.In(zone).Date()
	return Span(y*10000 + int(m)*100 + d)
}

// ParseDay reads "2026-01-31".
func ParseDay(text string) (Span, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("day %q: want YYYY-MM-DD", text)
	}
	return DayOf(t, time.UTC), nil
}

// IsDay reports whether the span is one day.
func (s Span) IsDay() bool { return s > 9999_99 }

// IsMonth reports whether the span is one month.
func (s Span) IsMonth() bool { return s > 0 && s <= 9999_99 }

// Month is the month a day lies in.
func (s Span) Month() Span {
	if s.IsDay() {
		return s / 100
	}
	return s
}

// Start is the first instant of the span in its zone; zero for Whole.
func (s Span) Start(zone *time.Location) time.Time {
	switch {
	case s.IsDay():
		return time.Date(int(s/10000), time.Month(s/100%100), int(s%100), 0, 0, 0, 0, zone)
	case s.IsMonth():
		return time.Date(int(s/100), time.Month(s%100), 1, 0, 0, 0, 0, zone)
	}
	return time.Time{}
}

// Plus is the day n days later.
func (s Span) Plus(n int) Span {
	return DayOf(s.Start(time.UTC).AddDate(0, 0, n), time.UTC)
}

// FirstDay and LastDay bound a month.
func (s Span) FirstDay() Span { return s.Month()*100 + 1 }

// LastDay is the month's last day.
func (s Span) LastDay() Span {
	return DayOf(s.Month().Start(time.UTC).AddDate(0, 1, -1), time.UTC)
}

// String is "2026-01-31", "2026-01" or "whole".
func (s Span) String() string {
	switch {
	case s.IsDay():
		return fmt.Sprintf("%04d-%02d-%02d", s/10000, s/100%100, s%100)
	case s.IsMonth():
		return fmt.Sprintf("%04d-%02d", s/100, s%100)
	}
	return "whole"
}
