package survey

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// CalendarDay is a day on which the State Council's yearly notice differs from
// the week: a holiday (放假), or a weekend day that is worked instead (调休上班).
type CalendarDay struct {
	Day  Span
	Work bool   // worked; else off
	Name string // of the holiday it belongs to
}

// Calendar is the working days (工作日) of the years it knows. Monday to Friday are
// worked, but for what the notices say. It is immutable.
type Calendar struct {
	days map[Span]bool
	// Version identifies the content: deadlines keep the version they were
	// computed with. 12 hexadecimal digits of a SHA-256.
	Version string
}

//go:embed workdays.csv
var shippedDays []byte

// shipped is the calendar of 2021 to 2026 as published.
var shipped = sync.OnceValue(func() (days []CalendarDay) {
	rows, err := csv.NewReader(bytes.NewReader(shippedDays)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("survey: the shipped calendar is broken: %v", err))
	}
	for _, row := range rows[1:] {
		day, err := ParseDay(row[0])
		if err != nil {
			panic(fmt.Sprintf("survey: the shipped calendar is broken: %v", err))
		}
		days = append(days, CalendarDay{Day: day, Work: row[1] == calendarWork, Name: row[2]})
	}
	return days
})

// NewCalendar is the shipped calendar with the given days added or put in place
// of shipped ones.
func NewCalendar(imported []CalendarDay) Calendar {
	return CalendarOf(slices.Concat(shipped(), imported))
}

// CalendarOf is the calendar of some days and no others; of two for a day the later stands.
func CalendarOf(days []CalendarDay) Calendar {
	c := Calendar{days: map[Span]bool{}}
	for _, d := range days {
		c.days[d.Day] = d.Work
	}
	h := sha256.New()
	for _, day := range slices.Sorted(maps.Keys(c.days)) {
		fmt.Fprintln(h, day, c.days[day])
	}
	c.Version = fmt.Sprintf("%x", h.Sum(nil))[:12]
	return c
}

// Days is what the calendar knows, by date and without the names of holidays:
// [CalendarOf] makes the same calendar of it.
func (c Calendar) Days() []CalendarDay {
	days := make([]CalendarDay, 0, len(c.days))
	for _, day := range slices.Sorted(maps.Keys(c.days)) {
		days = append(days, CalendarDay{Day: day, Work: c.days[day]})
	}
	return days
}

// Calendars is a calendar, and those it grew from as the notices of new years came in.
type Calendars struct {
	newest    Calendar
	byVersion map[string]Calendar
}

// Grown is the calendar with what it was before its last year was added, and so on. A
// calendar some day of which was replaced is not among them: nobody has the day it had.
func (c Calendar) Grown() Calendars {
	all := Calendars{c, map[string]Calendar{c.Version: c}}
	days := c.Days()
	for len(days) > 0 {
		year := days[len(days)-1].Day / 10000
		days = slices.DeleteFunc(days, func(d CalendarDay) bool { return d.Day/10000 == year })
		earlier := CalendarOf(days)
		all.byVersion[earlier.Version] = earlier
	}
	return all
}

// Knows reports whether a year's notice is in the calendar. Every notice names
// the 1st of January, so a year without it has not been published, or not been imported.
func (c Calendar) Knows(year int) bool {
	_, ok := c.days[Span(year*10000+101)]
	return ok
}

// Works reports whether a day of a known year is a working day.
func (c Calendar) Works(day Span) bool {
	if work, ok := c.days[day]; ok {
		return work
	}
	wd := day.Start(time.UTC).Weekday()
	return wd != time.Saturday && wd != time.Sunday
}

// After is the n-th working day after a day, which itself does not count; n > 0.
// ok is false where that needs a year the calendar does not know.
func (c Calendar) After(day Span, n int) (due Span, ok bool) {
	for n > 0 {
		day = day.Plus(1)
		if !c.Knows(int(day / 10000)) {
			return 0, false
		}
		if c.Works(day) {
			n--
		}
	}
	return day, true
}

// Why a day of a calendar was refused.
const (
	WhyDay         Why = "day"
	WhyDayKind     Why = "day_kind"
	WhyDayChange   Why = "day_change"
	WhyYearOpening Why = "year_opening"
)

const (
	calendarOff  = "off"
	calendarWork = "work"
)

// CalendarRow is one line of a calendar's file, as text.
type CalendarRow struct {
	Row             int
	Date, Kind, Day string // Day is the holiday's name
}

// CheckCalendar turns rows into days or returns every fault. known is the
// calendar so far: a year it lacks must begin with its 1st of January.
func CheckCalendar(rows []CalendarRow, known Calendar) ([]CalendarDay, Faults) {
	var faults Faults
	days := make([]CalendarDay, 0, len(rows))
	years := map[int]int{} // year → its first row
	seen := map[Span]bool{}
	for _, row := range rows {
		add := func(field, value string, why Why) {
			faults = append(faults, Fault{Row: row.Row, Field: field, Value: value, Why: why})
		}
		day, err := ParseDay(row.Date)
		if err != nil {
			add("date", row.Date, WhyDay)
			continue
		}
		if seen[day] {
			add("date", row.Date, WhyRepeated)
		}
		seen[day] = true
		if year := int(day / 10000); years[year] == 0 {
			years[year] = row.Row
		}
		d := CalendarDay{Day: day, Work: row.Kind == calendarWork, Name: row.Day}
		if !d.Work && row.Kind != calendarOff {
			add("kind", row.Kind, WhyDayKind)
		}
		wd := day.Start(time.UTC).Weekday()
		if weekend := wd == time.Saturday || wd == time.Sunday; d.Work && !weekend {
			add("kind", row.Kind, WhyDayChange) // nobody announces that a Tuesday is worked
		}
		if why := nameFault(row.Day); why != "" && row.Day != "" {
			add("holiday", row.Day, why)
		}
		days = append(days, d)
	}
	for year, row := range years {
		if !known.Knows(year) && !seen[Span(year*10000+101)] {
			faults = append(faults, Fault{Row: row, Field: "date", Value: fmt.Sprint(year), Why: WhyYearOpening})
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b Fault) int { return a.Row - b.Row })
		return nil, faults
	}
	return days, nil
}

// LoadCalendar is the calendar with what was imported.
func LoadCalendar(ctx context.Context, store CalendarStore) (Calendar, error) {
	days, err := store.CalendarDays(ctx)
	if err != nil {
		return Calendar{}, fmt.Errorf("load calendar: %w", err)
	}
	return NewCalendar(days), nil
}
