package survey_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"manyi/survey"
	"manyi/survey/storetest"
)

var (
	own    = survey.Worker{Name: "wang", Party: survey.Own}
	second = survey.Worker{Name: "zhao", Party: survey.Own}
	higher = survey.Worker{Name: "li", Party: survey.Higher}
	guest  = survey.Worker{Party: survey.Citizen}
)

// walk is a case that is being worked.
type walk struct {
	t      *testing.T
	survey survey.Survey
	cal    survey.Calendar
	survey.Case
}

// newWalk is a bad review of a local time.
func newWalk(t *testing.T, at string) *walk {
	s := storetest.Survey(func(s *survey.Survey) { s.Opens, s.Closes = storetest.At("2021-01-01"), storetest.At("2027-06-01") })
	r := storetest.NewFacts(1, s).Response(storetest.GulouHR1, storetest.At(at), func(r *survey.Response) { r.Level = survey.Dissatisfied })
	return &walk{t: t, survey: s, cal: survey.NewCalendar(nil), Case: survey.Case{Response: survey.Listed{Response: r}, Reachable: true}}
}

// try takes a step at a local time.
func (w *walk) try(at string, who survey.Worker, want survey.Entry) error {
	if want.Note == "" {
		want.Note = "。"
	}
	made, _, err := w.Take(w.survey, w.cal, who, storetest.At(at), want)
	w.Entries = append(w.Entries, made...)
	if _, wrong := w.CheckClocks(w.survey.Rules.Deadlines, w.survey.Location(), w.cal.Grown()); wrong != nil {
		w.t.Errorf("%s at %s: computed anew: %v", want.Step, at, wrong)
	}
	return err
}

// TestADeadlineThatWasShiftedIsFound: computed anew every deadline of a case is the one it
// has, whatever moved it; and of every one that is a day off its step is named.
func TestADeadlineThatWasShiftedIsFound(t *testing.T) {
	w := newWalk(t, "2024-03-04 10:00")
	w.steps("2024-03-04 12:00", survey.StepContacted, survey.StepVerified)
	w.take("2024-03-06 12:00", own, survey.Entry{Step: survey.StepExtensionAsked, Days: 4})
	w.take("2024-03-07 12:00", second, survey.Entry{Step: survey.StepExtensionGranted})
	w.steps("2024-03-08 12:00", survey.StepRectified)
	w.take("2024-03-11 12:00", own, survey.Entry{Step: survey.StepCallback, Outcome: survey.OutcomeUnsatisfied})
	w.steps("2024-03-12 12:00", survey.StepRectified)
	check := func(calendar survey.Calendar) (int, error) {
		unknown, wrong := w.CheckClocks(w.survey.Rules.Deadlines, w.survey.Location(), calendar.Grown())
		if len(wrong) == 0 {
			return unknown, nil
		}
		return unknown, wrong[0]
	}
	shifted := 0
	for i := range w.Entries {
		e := &w.Entries[i]
		if e.Clock == nil {
			continue
		}
		was := *e.Clock
		for _, day := range []*survey.Span{&e.Clock.Contact, &e.Clock.Rectify, &e.Clock.Callback} {
			for _, to := range []survey.Span{*day + 1, 0} {
				*day = to
				var wrong *survey.WrongClock
				if _, err := check(w.cal); !errors.As(err, &wrong) || wrong.No != e.No || wrong.Got.Calendar != was.Calendar {
					t.Errorf("step %d, %s, %v for %v: %v", e.No, e.Step, *e.Clock, was, err)
				}
				*e.Clock = was
				shifted++
			}
		}
		e.Clock = nil
		if _, err := check(w.cal); err == nil {
			t.Errorf("step %d, %s, without its deadlines passes", e.No, e.Step)
		}
		e.Clock = &was
	}
	if shifted != 6*6 {
		t.Errorf("%d deadlines were shifted", shifted)
	}
	// A year that is added leaves the earlier calendar to be had; a day that is replaced does
	// not, and where it matters the deadlines cannot be checked.
	for _, c := range []struct {
		day     survey.CalendarDay
		unknown bool
	}{{survey.CalendarDay{Day: 20270101}, false}, {survey.CalendarDay{Day: 20240102}, false}, {survey.CalendarDay{Day: 20240313}, true}} {
		cal := survey.NewCalendar([]survey.CalendarDay{c.day})
		if unknown, err := check(cal); err != nil || unknown > 0 != c.unknown {
			t.Errorf("with %v: %d unknown, %v", c.day, unknown, err)
		}
		if again := survey.CalendarOf(cal.Days()); again.Version != cal.Version {
			t.Errorf("with %v: made again it is another calendar", c.day)
		}
	}
}

func (w *walk) take(at string, who survey.Worker, want survey.Entry) {
	w.t.Helper()
	if err := w.try(at, who, want); err != nil {
		w.t.Fatalf("%s at %s: %v", want.Step, at, err)
	}
}

func (w *walk) steps(at string, steps ...survey.CaseStep) {
	w.t.Helper()
	for _, s := range steps {
		e := survey.Entry{Step: s}
		if s == survey.StepContacted {
			e.Outcome = survey.OutcomeReached
		}
		w.take(at, own, e)
	}
}

func (w *walk) callback(at string, o survey.Outcome) {
	w.t.Helper()
	w.take(at, own, survey.Entry{Step: survey.StepCallback, Outcome: o})
}

func (w *walk) now() survey.Progress { return w.Progress(time.Time{}, w.survey.Location()) }

func (w *walk) wantClock(contact, rectify, callback, due survey.Span) {
	w.t.Helper()
	p := w.now()
	if got := [...]survey.Span{p.Clock.Contact, p.Clock.Rectify, p.Clock.Callback, p.Due}; got != [...]survey.Span{contact, rectify, callback, due} {
		w.t.Errorf("contact, rectify, callback, due: got %v, want %v", got, [...]survey.Span{contact, rectify, callback, due})
	}
}

var opened = survey.Entry{Step: survey.StepOpened}
var system = survey.Worker{Party: survey.System}

func TestClock(t *testing.T) {
	t.Run("opening", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 23:59")
		w.take("2022-03-03", system, opened)
		w.wantClock(20220303, 20220317, 20220324, 20220324)
	})
	t.Run("spring festival", func(t *testing.T) {
		w := newWalk(t, "2022-01-28 10:00")
		w.take("2022-01-28", system, opened)
		w.wantClock(20220129, 20220217, 20220224, 20220224)
	})
	t.Run("verified early moves both", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 09:00")
		w.steps("2022-03-02 11:00", survey.StepContacted, survey.StepVerified)
		w.wantClock(20220303, 20220316, 20220323, 20220323)
	})
	t.Run("verified late gains nothing", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 09:00")
		w.steps("2022-03-10 11:00", survey.StepContacted, survey.StepVerified)
		w.wantClock(20220303, 20220317, 20220324, 20220324)
	})
	t.Run("rectified early", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 09:00")
		w.steps("2022-03-04 11:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
		w.wantClock(20220303, 20220317, 20220311, 20220317)
	})
	t.Run("rectified late: the callback clock began at the deadline", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 09:00")
		w.steps("2022-03-22 11:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
		w.wantClock(20220303, 20220317, 20220324, 20220324)
		if w.now().OnTime() {
			t.Error("counted as on time")
		}
	})
	t.Run("extended", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 09:00")
		w.take("2022-03-17 20:00", own, survey.Entry{Step: survey.StepExtensionAsked, Days: 2})
		w.take("2022-03-17 21:00", second, survey.Entry{Step: survey.StepExtensionGranted})
		w.wantClock(20220303, 20220321, 20220328, 20220328)
	})
	t.Run("reopened within the time", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 09:00")
		w.steps("2022-03-04 11:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
		w.callback("2022-03-07 09:00", survey.OutcomeUnsatisfied)
		w.wantClock(20220303, 20220321, 20220328, 20220328)
	})
	t.Run("reopened when it is due already: it stays due", func(t *testing.T) {
		w := newWalk(t, "2022-03-02 09:00")
		w.steps("2022-03-04 11:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
		w.callback("2022-03-18 09:00", survey.OutcomeUnsatisfied)
		w.wantClock(20220303, 20220401, 20220411, 20220317)
	})
	t.Run("year not known yet", func(t *testing.T) {
		w := newWalk(t, "2026-12-30 09:00")
		w.take("2026-12-30 09:01", system, opened)
		w.wantClock(20261231, 0, 0, 0)
		w.steps("2026-12-31 09:00", survey.StepContacted, survey.StepVerified)
		if !w.Summarize(w.now()).Pending {
			t.Error("the calendar is not waited for")
		}
		w.cal = survey.NewCalendar([]survey.CalendarDay{{Day: 20270101}})
		w.take("2027-01-04 09:00", system, survey.Entry{Step: survey.StepClock})
		w.wantClock(20261231, 20270115, 20270122, 20270122)
		if last := w.Entries[len(w.Entries)-1].Clock; last.Calendar != w.cal.Version {
			t.Errorf("computed with calendar %s, want %s", last.Calendar, w.cal.Version)
		}
		if err := w.try("2027-01-04 10:00", system, survey.Entry{Step: survey.StepClock}); err == nil {
			t.Error("a known clock was set anew")
		}
	})
	t.Run("a year comes known while the case is worked", func(t *testing.T) {
		w := newWalk(t, "2026-12-31 09:00")
		w.take("2026-12-31 09:01", system, opened)
		w.wantClock(0, 0, 0, 0)
		w.cal = survey.NewCalendar([]survey.CalendarDay{{Day: 20270101}})
		w.steps("2027-01-11 09:00", survey.StepContacted, survey.StepVerified)
		w.wantClock(20270104, 20270118, 20270125, 20270125) // from the contact deadline, which was missed
	})
}

func TestOrderOfSteps(t *testing.T) {
	w := newWalk(t, "2022-03-02 09:00")
	err := w.try("2022-03-02 10:00", own, survey.Entry{Step: survey.StepRectified})
	var illegal *survey.IllegalStep
	if !errors.As(err, &illegal) || !slices.Contains(illegal.Legal, survey.StepContacted) || slices.Contains(illegal.Legal, survey.StepVerified) {
		t.Fatalf("rectified at once: %v", err)
	}
	refused := func(why string, who survey.Worker, e survey.Entry) {
		t.Helper()
		if err := w.try("2022-03-02 10:00", who, e); !errors.As(err, &illegal) {
			t.Errorf("%s: %v", why, err)
		}
	}
	w.steps("2022-03-02 10:00", survey.StepContacted)
	refused("the system works the case", system, survey.Entry{Step: survey.StepVerified})
	refused("the citizen works the case", guest, survey.Entry{Step: survey.StepVerified})
	w.take("2022-03-02 10:00", own, survey.Entry{Step: survey.StepExtensionAsked, Days: 10})
	refused("the same person grants", own, survey.Entry{Step: survey.StepExtensionGranted})
	w.take("2022-03-02 10:00", own, survey.Entry{Step: survey.StepExclusionAsked, Ground: survey.GroundMistaken})
	refused("the bureau decides on its own review", second, survey.Entry{Step: survey.StepExclusionGranted})
	w.take("2022-03-02 10:00", higher, survey.Entry{Step: survey.StepExclusionGranted})
	refused("work on an excluded case", own, survey.Entry{Step: survey.StepVerified})
	if p := w.now(); !p.Excluded() || p.Next() != survey.NoDeadline {
		t.Errorf("not excluded: %+v", p)
	}
	w.take("2022-03-03 10:00", guest, survey.Entry{Step: survey.StepObjected})
	if w.now().Excluded() {
		t.Error("excluded while the objection waits")
	}
	w.take("2022-03-04 10:00", higher, survey.Entry{Step: survey.StepExclusionRefused})
	w.steps("2022-03-04 10:00", survey.StepVerified, survey.StepExplained)
	w.callback("2022-03-04 11:00", survey.OutcomeRefused)
	w.steps("2022-03-04 12:00", survey.StepClosed)
	refused("work on a closed case", own, survey.Entry{Step: survey.StepContacted, Outcome: survey.OutcomeReached})
	w.take("2022-03-05 10:00", guest, survey.Entry{Step: survey.StepSaid, Outcome: survey.OutcomeUnsolved, Level: survey.VeryDissatisfied})
	if p := w.now(); p.State != survey.CaseClosed || p.Said != survey.OutcomeUnsolved || p.After != survey.VeryDissatisfied {
		t.Errorf("closed by the bureau and denied by the citizen: %+v", p)
	}
}

func TestCallback(t *testing.T) {
	w := newWalk(t, "2022-03-02 09:00")
	w.steps("2022-03-02 10:00", survey.StepContacted, survey.StepVerified, survey.StepRectified)
	for _, at := range []string{"2022-03-02 11:00", "2022-03-02 16:00", "2022-03-03 09:00", "2022-03-03 16:00"} {
		w.callback(at, survey.OutcomeUnreachable)
	}
	if p := w.now(); p.State != survey.CaseRectified || len(p.Tries) != 2 {
		t.Fatalf("four tries on two days: %s, %v", p.State, p.Tries)
	}
	w.callback("2022-03-04 09:00", survey.OutcomeUnreachable)
	if p := w.now(); p.State != survey.CaseUnreachable || p.CalledBack != 0 {
		t.Fatalf("tries on three days: %s, called back %s", p.State, p.CalledBack)
	}
	w.callback("2022-03-07 09:00", survey.OutcomeUnsatisfied) // called after all
	if p := w.now(); p.State != survey.CaseVerified || p.Reopened != 20220307 || p.Rectified != 0 {
		t.Fatalf("not satisfied: %+v", p)
	}
	w.steps("2022-03-08 10:00", survey.StepRectified)
	w.callback("2022-03-09 10:00", survey.OutcomeUnsatisfied)
	if p := w.now(); p.State != survey.CaseCalledBack || p.Rectified != 20220308 || p.CalledBack != 20220309 {
		t.Fatalf("not satisfied twice: %+v", p)
	}

	none := newWalk(t, "2022-03-02 09:00")
	none.Reachable = false
	if err := none.try("2022-03-02 10:00", own, survey.Entry{Step: survey.StepContacted, Outcome: survey.OutcomeReached}); err == nil {
		t.Error("somebody without a contact was reached")
	}
	none.take("2022-03-02 10:00", own, survey.Entry{Step: survey.StepContacted, Outcome: survey.OutcomeNoContact})
	none.steps("2022-03-02 10:00", survey.StepVerified, survey.StepRectified, survey.StepClosed)
}

// TestRandomSteps lets everybody do anything at any time: whatever is let through,
// the case stays sound.
func TestRandomSteps(t *testing.T) {
	workers := []survey.Worker{own, second, higher, guest, system}
	all := []survey.CaseStep{}
	for _, s := range survey.CaseSteps {
		all = append(all, s)
	}
	outcomes := []survey.Outcome{""}
	for _, o := range survey.Outcomes {
		outcomes = append(outcomes, o)
	}
	reached := map[survey.CaseState]int{}
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := newWalk(t, "2022-01-20 09:00")
		w.Reachable = seed%5 != 0
		now := w.Response.ReceivedAt
		due := map[survey.Span]bool{} // days on which the case was seen to be due
		for range 75 {
			now = now.Add(time.Duration(rnd.IntN(40)) * time.Hour)
			who := workers[rnd.IntN(len(workers))]
			step := all[rnd.IntN(len(all))]
			if legal := w.Legal(w.now(), who, survey.DayOf(now, w.survey.Location())); len(legal) > 0 && rnd.IntN(3) > 0 {
				step = legal[rnd.IntN(len(legal))]
			}
			made, sum, err := w.Take(w.survey, w.cal, who, now, survey.Entry{Step: step, Note: "。", Days: 1 + rnd.IntN(10),
				Outcome: outcomes[rnd.IntN(len(outcomes))], Ground: survey.GroundMalicious, Level: survey.Level(rnd.IntN(6))})
			if (err == nil) != (len(made) > 0) {
				t.Fatalf("seed %d: %d entries and error %v", seed, len(made), err)
			}
			w.Entries = append(w.Entries, made...)
			p := w.now()
			if len(made) > 0 && (sum.State != p.State || sum.Next != p.Next() || sum.Marks != w.Summarize(p).Marks) {
				t.Fatalf("seed %d: the summary %+v does not follow from the entries: %+v", seed, sum, p)
			}
			day := survey.DayOf(now, w.survey.Location())
			for seen := range due {
				if !p.IsDue(seen) {
					t.Fatalf("seed %d: due on %s, and after %s not any more", seed, seen, step)
				}
			}
			if p.IsDue(day) {
				due[day] = true
			}
			if past := w.Progress(now.Add(-50*time.Hour), w.survey.Location()); past.State != survey.CaseOwed && past.Revealed > p.Revealed {
				t.Fatalf("seed %d: the past has more than the present", seed)
			}
		}
		for i, e := range w.Entries {
			if e.No != i+1 || i > 0 && e.At.Before(w.Entries[i-1].At) {
				t.Fatalf("seed %d: entry %d is number %d of %s", seed, i+1, e.No, e.At)
			}
		}
		p := w.now()
		reached[p.State]++
		if p.CalledBack != 0 && max(p.Rectified, p.Explained) == 0 || p.OnTime() && p.Rectified == 0 {
			t.Fatalf("seed %d: called back about nothing: %+v", seed, p)
		}
	}
	for _, s := range survey.CaseStates {
		if s != survey.CaseOwed && reached[s] == 0 {
			t.Errorf("no walk ended %s: the test looks at too little", s)
		}
	}
}

func TestPhotosOfAnEntry(t *testing.T) {
	name := survey.PhotoName([32]byte{1, 0xab})
	for what, c := range map[string]struct {
		step   survey.CaseStep
		photos []string
		want   survey.Why
	}{
		"a photo":            {survey.StepNoted, []string{name}, ""},
		"too many":           {survey.StepNoted, slices.Repeat([]string{name}, survey.MaxPhotos+1), survey.WhyPhotos},
		"no name":            {survey.StepNoted, []string{name, ""}, survey.WhyPhotoName},
		"capital letters":    {survey.StepNoted, []string{strings.ToUpper(name)}, survey.WhyPhotoName},
		"a path":             {survey.StepNoted, []string{"../" + name[3:]}, survey.WhyPhotoName},
		"with a mere report": {survey.StepContacted, []string{name}, survey.WhyPhotosHere},
	} {
		w := newWalk(t, "2024-02-05 10:00")
		err := w.try("2024-02-05 11:00", own, survey.Entry{Step: c.step, Outcome: survey.OutcomeReached, Photos: c.photos})
		var faults survey.Faults
		if errors.As(err, &faults); faults.On("photos") != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
		if err == nil && (!w.HasPhoto(name) || w.HasPhoto(survey.PhotoName([32]byte{2}))) {
			t.Errorf("%s: the case does not know its photos", what)
		}
	}
}
