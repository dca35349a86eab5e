package survey_test

import (
	"slices"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

// reminded is what a case owes on a day, as "deadline kind".
func reminded(c survey.Case, today survey.Span) (out []string) {
	zone := storetest.Survey().Location()
	for _, r := range c.Reminders(c.Progress(time.Time{}, zone), today, survey.NewCalendar(nil)) {
		out = append(out, r.Deadline+" "+string(r.Kind))
	}
	return out
}

// remindedCase is a case that came in on Monday, 4 March 2024: contact by the 5th, rectify
// by the 19th, callback by the 26th.
func remindedCase(t *testing.T) survey.Case {
	t.Helper()
	s := storetest.Survey()
	r := storetest.NewFacts(1, s).Response(storetest.GulouHR1, storetest.At("2024-03-04 10:00"), storetest.Bad)
	c := survey.Case{Response: survey.Listed{Response: r}, Reachable: true}
	made, _, err := c.Take(s, survey.NewCalendar(nil), survey.Worker{Party: survey.System}, storetest.At("2024-03-04 10:01"), survey.Entry{Step: survey.StepOpened})
	if err != nil {
		t.Fatal(err)
	}
	c.Entries = made
	return c
}

func TestReminders(t *testing.T) {
	c := remindedCase(t)
	for _, want := range []struct {
		day  survey.Span
		owed []string
	}{
		{20240303, nil}, // Sunday: the next working day is the 4th
		{20240304, []string{"contact before"}},
		{20240305, []string{"contact before"}}, // the last day itself
		{20240306, []string{"contact overdue"}},
		{20240312, []string{"contact overdue"}},
		{20240313, nil}, // eight days late
		{20240315, nil}, // Friday: the next working day is the 18th
		{20240318, []string{"rectify before"}},
		{20240320, []string{"rectify overdue"}},
		{20240325, []string{"rectify overdue", "callback before"}},
		{20240327, []string{"callback overdue"}},
		{20240403, nil},
	} {
		if got := reminded(c, want.day); !slices.Equal(got, want.owed) {
			t.Errorf("%s: %v, want %v", want.day, got, want.owed)
		}
	}
	c.Reachable = false // nobody can be called back
	if got := reminded(c, 20240327); got != nil {
		t.Errorf("without a contact: %v", got)
	}
	// Nor does a reminder tell what its bureau does not see before tomorrow.
	if today, tomorrow := reminded(c, 20240304), reminded(c, 20240305); today != nil || !slices.Equal(tomorrow, []string{"contact before"}) {
		t.Errorf("of an unnamed review: %v on its day, %v on the next", today, tomorrow)
	}
}

func TestRemindersBeforeAWeekendAndAHoliday(t *testing.T) {
	for _, c := range []struct {
		last, day survey.Span
		owed      bool
	}{
		{20240311, 20240307, false}, // a Monday: the Thursday before
		{20240311, 20240308, true},  // the Friday
		{20240311, 20240309, true},  // the Saturday
		{20240218, 20240208, false}, // the 10th to the 17th are off for the Spring Festival, Sunday the 18th is worked
		{20240218, 20240209, true},  // the last working day before
		{20240218, 20240214, true},
		{20240219, 20240214, false},
		{20240219, 20240218, true},
		{20241231, 20241230, true},
	} {
		k := survey.Case{Response: survey.Listed{Response: storetest.NewFacts(1, storetest.Survey()).Response(storetest.GulouHR1, storetest.At("2024-02-01"), storetest.Bad)},
			Entries: []survey.Entry{{No: 1, Step: survey.StepOpened, Clock: &survey.Clock{Contact: c.last, Rectify: 20260101, Callback: 20260102}}}}
		if got := len(reminded(k, c.day)) == 1; got != c.owed {
			next, _ := survey.NewCalendar(nil).After(c.day, 1)
			t.Errorf("last day %s, on %s (next working day %s): owed %v, want %v", c.last, c.day, next, got, c.owed)
		}
	}
	// The calendar ends with 2026: what ends on its last days is reminded of all the same.
	if next := survey.NewCalendar(nil).NextWorkday(20261231); next != 20261231 {
		t.Errorf("after the last known year: %s", next)
	}
}

func TestReminderKeys(t *testing.T) {
	s := storetest.Survey()
	key := func(c survey.Case, day survey.Span, n int) string {
		return c.Reminders(c.Progress(time.Time{}, s.Location()), day, survey.NewCalendar(nil))[n].Key()
	}
	c := remindedCase(t)
	seen := map[string]bool{}
	for _, k := range []string{key(c, 20240304, 0), key(c, 20240306, 0), key(c, 20240318, 0), key(c, 20240320, 0)} {
		seen[k] = true
	}
	if len(seen) != 4 || key(c, 20240304, 0) != key(c, 20240305, 0) {
		t.Errorf("keys %v", seen)
	}
	// An extension moves the last day: the deadline has a reminder of its own.
	moved := c
	moved.Entries = append(slices.Clone(c.Entries), survey.Entry{No: 2, Step: survey.StepExtensionGranted, At: storetest.At("2024-03-18 11:00"), Days: 1,
		Clock: &survey.Clock{Contact: 20240305, Rectify: 20240320, Callback: 20240327}})
	if a, b := key(c, 20240319, 0), key(moved, 20240319, 0); a == b {
		t.Errorf("both deadlines have the key %s", a)
	}
	done := c
	done.Entries = append(slices.Clone(c.Entries), survey.Entry{No: 2, Step: survey.StepExclusionGranted, At: storetest.At("2024-03-05 11:00")})
	if got := reminded(done, 20240320); got != nil {
		t.Errorf("not adopted: %v", got)
	}
}

// What the queries leave out must owe nothing, however the holidays fall.
func TestReminderQueriesReachFarEnough(t *testing.T) {
	cal := survey.NewCalendar(nil)
	for _, d := range []survey.Deadlines{survey.DefaultDeadlines(), {Contact: 1, Rectify: 1, Callback: 1}, {Contact: 60, Rectify: 60, Callback: 60}} {
		s := storetest.Survey(func(s *survey.Survey) { s.Rules.Deadlines = d })
		for opened := survey.Span(20240101); opened < 20250301; opened = opened.Plus(1) {
			last, ok := cal.After(opened, d.Contact+2*d.Rectify+d.Callback)
			if !ok {
				t.Fatal("no calendar")
			}
			today := last.Plus(survey.RemindedFor)
			if from := s.ReminderQueries(today, cal)[0].From; opened < from {
				t.Fatalf("opened on %s, last day %s with %+v: the query of %s begins with %s", opened, last, d, today, from)
			}
		}
	}
}
