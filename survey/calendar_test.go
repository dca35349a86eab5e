package survey_test

import (
	"testing"

	"manyi/survey"
)

func TestWorkingDaysAfter(t *testing.T) {
	c := survey.NewCalendar(nil)
	for _, test := range []struct {
		day  survey.Span
		n    int
		want survey.Span
		why  string
	}{
		{20220302, 1, 20220303, "an ordinary Wednesday"},
		{20220304, 1, 20220307, "a Friday: the weekend does not count"},
		{20220305, 1, 20220307, "a Saturday"},
		{20220128, 1, 20220129, "before spring festival 2022 a Saturday is worked"},
		{20220128, 3, 20220207, "spring festival 2022: the 29th and 30th are worked, then a week off"},
		{20220130, 1, 20220207, "the last day before the festival"},
		{20220205, 10, 20220218, "in the middle of the festival"},
		{20220930, 1, 20221008, "national day 2022: the make-up Saturday"},
		{20220930, 3, 20221010, "national day 2022: both make-up days, then Monday"},
		{20211231, 1, 20220104, "year end: three days off"},
		{20231229, 10, 20240115, "across a new year"},
		{20240228, 2, 20240301, "a leap day is worked"},
		{20261222, 7, 20261231, "the last working day known"},
	} {
		got, ok := c.After(test.day, test.n)
		if !ok || got != test.want {
			t.Errorf("%s: %d working days after %s: got %s, %v; want %s", test.why, test.n, test.day, got, ok, test.want)
		}
	}
	if due, ok := c.After(20261231, 1); ok {
		t.Errorf("a day of 2027 is known to be %s", due)
	}
	if due, ok := c.After(20201230, 1); ok {
		t.Errorf("a day of 2020 is known to be %s", due)
	}
}

func TestAnImportedYearIsKnown(t *testing.T) {
	before := survey.NewCalendar(nil)
	days, faults := survey.CheckCalendar([]survey.CalendarRow{
		{Row: 2, Date: "2027-01-01", Kind: "off", Day: "元旦节"},
		{Row: 3, Date: "2027-01-02", Kind: "work", Day: "元旦节"},
		{Row: 4, Date: "2026-12-31", Kind: "off"}, // a notice may reach back into the year before
	}, before)
	if faults != nil {
		t.Fatal(faults)
	}
	after := survey.NewCalendar(days)
	if due, ok := after.After(20261230, 1); !ok || due != 20270102 {
		t.Errorf("got %s, %v; want the worked Saturday", due, ok)
	}
	if before.Version == after.Version {
		t.Error("two calendars have the same version")
	}
	if again := survey.NewCalendar(days); again.Version != after.Version {
		t.Error("the same calendar has two versions")
	}
}

func TestCalendarFaults(t *testing.T) {
	_, faults := survey.CheckCalendar([]survey.CalendarRow{
		{Row: 2, Date: "2028/1/1", Kind: "off"},
		{Row: 3, Date: "2028-05-01", Kind: "free"},
		{Row: 4, Date: "2028-05-02", Kind: "work"}, // a Tuesday
		{Row: 5, Date: "2026-05-01", Kind: "off"},
		{Row: 6, Date: "2026-05-01", Kind: "off"},
	}, survey.NewCalendar(nil))
	want := []survey.Fault{
		{Row: 2, Field: "date", Value: "2028/1/1", Why: survey.WhyDay},
		{Row: 3, Field: "kind", Value: "free", Why: survey.WhyDayKind},
		{Row: 3, Field: "date", Value: "2028", Why: survey.WhyYearOpening},
		{Row: 4, Field: "kind", Value: "work", Why: survey.WhyDayChange},
		{Row: 6, Field: "date", Value: "2026-05-01", Why: survey.WhyRepeated},
	}
	if len(faults) != len(want) {
		t.Fatalf("got %v", faults)
	}
	for i := range want {
		if faults[i] != want[i] {
			t.Errorf("fault %d: got %+v, want %+v", i, faults[i], want[i])
		}
	}
}
