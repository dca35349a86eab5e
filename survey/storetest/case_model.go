package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"manyi/survey"
)

// caseModel is a bad review told in the plainest way: flags that are set, and days
// that are counted on a list of holidays typed in by hand. It shares nothing with
// package survey, which has to come to the same.
type caseModel struct {
	reachable                  bool
	state                      string
	extension, exclusion       string // "", asked, granted, refused
	extensionBy, exclusionBy   string
	reopened, objected, said   bool
	identified, released       bool
	tries                      map[int]bool
	contact, rectify, callback int // last days, as days since 1970
	due                        int
	rectified, calledBack      bool
}

// worked tells the working days of the first half of 2024.
func worked(day int) bool {
	date := time.Unix(int64(day)*86400, 0).UTC()
	text := date.Format("01-02")
	switch {
	case slices.Contains([]string{"02-04", "02-18", "04-07", "04-28", "05-11"}, text): // made up for holidays
		return true
	case text == "01-01", text >= "02-10" && text <= "02-17", text >= "04-04" && text <= "04-06", text >= "05-01" && text <= "05-05", text == "06-10":
		return false
	}
	return date.Weekday() != time.Saturday && date.Weekday() != time.Sunday
}

func afterWorked(day, n int) int {
	for n > 0 {
		if day++; worked(day) {
			n--
		}
	}
	return day
}

func dayNumber(s survey.Span) int { return int(s.Start(time.UTC).Unix() / 86400) }

func newCaseModel(opened int, reachable bool) *caseModel {
	m := &caseModel{state: "open", reachable: reachable, tries: map[int]bool{}}
	m.contact = afterWorked(opened, 1)
	m.setRectify(afterWorked(m.contact, 10))
	m.due = max(m.contact, m.rectify, m.callback)
	return m
}

func (m *caseModel) setRectify(day int) { m.rectify, m.callback = day, afterWorked(day, 5) }

// may tells whether somebody may take a step on a day.
func (m *caseModel) may(who survey.Worker, step survey.CaseStep, day int) bool {
	citizen := who.Party == survey.Citizen
	over := m.state == "closed" || m.exclusion == "granted"
	repaired := m.state == "rectified" || m.state == "explained"
	inTime := day <= m.rectify && slices.Contains([]string{"open", "contacted", "verified"}, m.state)
	switch step {
	case survey.StepObjected:
		return citizen && m.exclusion == "granted" && !m.objected
	case survey.StepSaid:
		return citizen && !m.said && m.exclusion != "granted" && (repaired || m.state == "called_back" || m.state == "unreachable" || m.state == "closed")
	case survey.StepIdentified:
		return citizen && m.reachable && !m.identified
	}
	if citizen || who.Party == survey.System {
		return false
	}
	switch step {
	case survey.StepNoted:
		return true
	case survey.StepReleased:
		return !m.released
	case survey.StepRevealed, survey.StepErased:
		return m.reachable
	case survey.StepExclusionGranted, survey.StepExclusionRefused:
		return who.Party == survey.Higher && who.Name != m.exclusionBy && m.exclusion == "asked" && m.state != "closed"
	}
	if over {
		return false
	}
	switch step {
	case survey.StepContacted:
		return m.state == "open"
	case survey.StepVerified:
		return m.state == "contacted"
	case survey.StepRectified, survey.StepExplained:
		return m.state == "verified"
	case survey.StepCallback:
		return m.reachable && (repaired || m.state == "unreachable")
	case survey.StepClosed:
		return m.exclusion != "asked" && (m.state == "called_back" || m.state == "unreachable" || repaired && !m.reachable)
	case survey.StepExtensionAsked:
		return m.extension == "" && inTime
	case survey.StepExtensionGranted:
		return m.extension == "asked" && inTime && who.Name != m.extensionBy
	case survey.StepExtensionRefused:
		return m.extension == "asked" && who.Name != m.extensionBy
	case survey.StepExclusionAsked:
		return m.exclusion == ""
	}
	return false
}

// take is what a step that is allowed comes to.
func (m *caseModel) take(who survey.Worker, e survey.Entry, day, asked int) {
	fixed := day > m.due // what was due stays due
	switch e.Step {
	case survey.StepContacted:
		m.state = "contacted"
	case survey.StepVerified:
		m.state = "verified"
		if day < m.contact {
			m.setRectify(afterWorked(day, 10))
		}
	case survey.StepRectified, survey.StepExplained:
		m.state, m.rectified = string(e.Step), e.Step == survey.StepRectified
		if day < m.rectify {
			m.callback = afterWorked(day, 5)
		}
	case survey.StepCallback:
		switch {
		case e.Outcome == survey.OutcomeUnreachable:
			if m.tries[day] = true; len(m.tries) >= 3 {
				m.state = "unreachable"
			}
		case e.Outcome == survey.OutcomeUnsatisfied && !m.reopened:
			m.reopen(day)
		default:
			m.state, m.calledBack = "called_back", true
		}
	case survey.StepSaid:
		m.said = true
		if e.Outcome == survey.OutcomeUnsolved && !m.reopened && m.state != "closed" {
			m.reopen(day)
		}
	case survey.StepClosed:
		m.state = "closed"
	case survey.StepExtensionAsked:
		m.extension, m.extensionBy = "asked", who.Name
	case survey.StepExtensionGranted:
		m.extension = "granted"
		m.setRectify(afterWorked(m.rectify, asked))
	case survey.StepExtensionRefused:
		m.extension = "refused"
	case survey.StepExclusionAsked:
		m.exclusion, m.exclusionBy = "asked", who.Name
	case survey.StepExclusionGranted:
		m.exclusion = "granted"
	case survey.StepExclusionRefused:
		m.exclusion = "refused"
	case survey.StepObjected:
		m.exclusion, m.objected = "asked", true
	case survey.StepIdentified:
		m.identified = true
	case survey.StepReleased:
		m.released = true
	}
	if !fixed {
		m.due = max(m.contact, m.rectify, m.callback)
	}
}

func (m *caseModel) reopen(day int) {
	m.state, m.reopened, m.said, m.rectified, m.calledBack = "verified", true, false, false, false
	m.tries = map[int]bool{}
	m.setRectify(afterWorked(day, 10))
}

// caseRandomSteps lets random people do random things to many stored cases: what
// is let through, where each case stands, its deadlines and what lists count are
// those of the model.
func caseRandomSteps(t testing.TB, s survey.Store) {
	people := []survey.Worker{{Name: "wang", Party: survey.Own}, {Name: "zhao", Party: survey.Own}, {Name: "li", Party: survey.Higher},
		{Name: "sun", Party: survey.Higher}, {Party: survey.Citizen}, {Party: survey.System}}
	f, of, rnd := NewFacts(4, Survey()), Survey(), rand.New(rand.NewPCG(5, 5))
	models := map[survey.Key]*caseModel{}
	var keys []survey.Key
	for i := range 24 {
		r := f.Response(Windows()[i%len(Windows())], At("2024-02-05 10:00").Add(time.Duration(i)*17*time.Hour), Bad)
		if i%4 != 0 {
			WithContact(&r)
		}
		add(t, s, r)
		keys = append(keys, r.Key)
		models[r.Key] = newCaseModel(dayNumber(r.Day), r.Contact != nil)
	}
	OpenAll(t, s, of)
	cal, now, taken := survey.NewCalendar(nil), At("2024-02-22 11:00"), map[survey.CaseStep]int{}
	for range 900 {
		now = now.Add(time.Duration(rnd.IntN(170)) * time.Minute)
		today := survey.DayOf(now, of.Location())
		key, who := keys[rnd.IntN(len(keys))], people[rnd.IntN(len(people))]
		step := survey.CaseSteps[rnd.IntN(len(survey.CaseSteps))]
		m := models[key]
		c, err := s.Case(t.Context(), key)
		must(t, "case", err)
		if legal := c.Legal(c.Progress(time.Time{}, of.Location()), who, today); len(legal) > 0 && rnd.IntN(5) > 0 {
			step = legal[rnd.IntN(len(legal))]
		}
		want := survey.Entry{Step: step, Note: "。", Ground: survey.GroundMistaken, Days: 1 + rnd.IntN(10)}
		if outcomes := c.Outcomes(step); len(outcomes) > 0 {
			want.Outcome = outcomes[rnd.IntN(len(outcomes))]
		}
		made, sum, err := c.Take(of, cal, who, now, want)
		may := m.may(who, step, dayNumber(today))
		var illegal *survey.IllegalStep
		switch {
		case may && err != nil, !may && !errors.As(err, &illegal):
			t.Fatalf("%s by %+v on %s: got %v; may it be: %v, %+v", step, who, today, err, may, m)
		case !may:
			continue
		}
		days := want.Days
		for _, e := range c.Entries {
			if e.Step == survey.StepExtensionAsked {
				days = e.Days
			}
		}
		m.take(who, want, dayNumber(today), days)
		must(t, "add entries", s.AddEntries(t.Context(), key, made, sum))
		taken[step]++
	}
	for _, step := range survey.CaseSteps {
		if taken[step] == 0 && step != survey.StepOpened && step != survey.StepClock {
			t.Errorf("nobody took the step %s: the walk shows too little", step)
		}
	}
	loads := map[string]int64{}
	for _, key := range keys {
		c, err := s.Case(t.Context(), key)
		must(t, "case", err)
		p, m := c.Progress(time.Time{}, of.Location()), models[key]
		got := fmt.Sprint(p.State, dayNumber(p.Clock.Contact), dayNumber(p.Clock.Rectify), dayNumber(p.Clock.Callback), dayNumber(p.Due),
			p.Extension, p.Exclusion, p.Reopened != 0, p.Objected, p.Identified, p.Released, p.Rectified != 0, p.CalledBack != 0)
		same(t, "a case", got, fmt.Sprint(m.state, m.contact, m.rectify, m.callback, m.due,
			m.extension, m.exclusion, m.reopened, m.objected, m.identified, m.released, m.rectified, m.calledBack))
		loads[fmt.Sprint(m.state, m.exclusion == "granted")]++
	}
	counted, err := s.CaseLoads(t.Context(), survey.CaseQuery{Survey: of.ID}, survey.DayOf(now, of.Location()))
	must(t, "loads", err)
	for _, l := range counted {
		loads[fmt.Sprint(l.State, l.Marks&survey.MarkExcluded != 0)] -= l.N
	}
	for what, n := range loads {
		same(t, "cases in the model beyond those counted: "+what, n, 0)
	}
}
