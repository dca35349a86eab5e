package survey

import (
	"fmt"
	"slices"
	"time"
)

// Worker is who acts on a case.
type Worker struct {
	Name  string // account; empty for the system and the citizen
	Party Party
}

// workers says whose act each step is. A decision is taken by somebody else than
// asked for it, and the one on adopting a review also higher up.
var workers = map[CaseStep][]Party{
	StepOpened: {System}, StepClock: {System},
	StepContacted: {Own, Higher}, StepVerified: {Own, Higher}, StepRectified: {Own, Higher}, StepExplained: {Own, Higher},
	StepCallback: {Own, Higher}, StepClosed: {Own, Higher},
	StepExtensionAsked: {Own, Higher}, StepExtensionGranted: {Own, Higher}, StepExtensionRefused: {Own, Higher},
	StepExclusionAsked: {Own, Higher}, StepExclusionGranted: {Higher}, StepExclusionRefused: {Higher},
	StepNoted: {Own, Higher}, StepReleased: {Own, Higher}, StepRevealed: {Own, Higher}, StepErased: {Own, Higher},
	StepObjected: {Citizen}, StepSaid: {Citizen}, StepIdentified: {Citizen},
}

// CaseSteps lists the steps in the order they are offered.
var CaseSteps = [...]CaseStep{StepOpened, StepClock, StepContacted, StepVerified, StepRectified, StepExplained, StepCallback, StepClosed,
	StepExtensionAsked, StepExtensionGranted, StepExtensionRefused, StepExclusionAsked, StepExclusionGranted, StepExclusionRefused,
	StepObjected, StepIdentified, StepSaid, StepNoted, StepReleased, StepRevealed, StepErased}

// IllegalStep is a step that the case does not allow, or not to this person.
type IllegalStep struct {
	Step  CaseStep
	Legal []CaseStep // what is allowed instead
}

func (e *IllegalStep) Error() string {
	return fmt.Sprintf("step %s is not possible now; possible: %v", e.Step, e.Legal)
}

// Legal lists the steps somebody may take on a local day.
func (c Case) Legal(p Progress, who Worker, today Span) []CaseStep {
	var legal []CaseStep
	for _, s := range CaseSteps {
		if slices.Contains(workers[s], who.Party) && c.allows(p, s, today) && !p.decidesOwn(s, who) {
			legal = append(legal, s)
		}
	}
	return legal
}

// decidesOwn reports whether somebody would decide what they asked for themselves.
func (p Progress) decidesOwn(s CaseStep, who Worker) bool {
	switch s {
	case StepExtensionGranted, StepExtensionRefused:
		return p.extensionBy == who.Name
	case StepExclusionGranted, StepExclusionRefused:
		return p.exclusionBy == who.Name
	}
	return false
}

// allows is the order of the steps.
func (c Case) allows(p Progress, s CaseStep, today Span) bool {
	working := !p.Done() && p.State != CaseOwed
	repaired := p.State == CaseRectified || p.State == CaseExplained
	switch s {
	case StepOpened:
		return p.State == CaseOwed
	case StepClock:
		return false // Take adds it by itself when there is something to set
	case StepContacted:
		return working && p.State == CaseOpen
	case StepVerified:
		return working && p.State == CaseContacted
	case StepRectified, StepExplained:
		return working && p.State == CaseVerified
	case StepCallback:
		return working && c.Reachable && (repaired || p.State == CaseUnreachable)
	case StepClosed:
		if p.Exclusion == RequestAsked {
			return false
		}
		return working && (p.State == CaseCalledBack || p.State == CaseUnreachable || repaired && !c.Reachable)
	case StepExtensionAsked:
		return working && p.Extension == NotAsked && p.extendable(today)
	case StepExtensionGranted:
		return working && p.Extension == RequestAsked && p.extendable(today)
	case StepExtensionRefused:
		return working && p.Extension == RequestAsked
	case StepExclusionAsked:
		return working && p.Exclusion == NotAsked
	case StepExclusionGranted, StepExclusionRefused:
		return p.Exclusion == RequestAsked && p.State != CaseClosed
	case StepObjected:
		return p.Excluded() && !p.Objected
	case StepIdentified:
		return p.State != CaseOwed && c.Reachable && !p.Identified && !c.Response.Anonymous
	case StepSaid:
		return p.Said == "" && !p.Excluded() && (repaired || p.State == CaseCalledBack || p.State == CaseUnreachable || p.State == CaseClosed)
	case StepReleased:
		return p.State != CaseOwed && !p.Released
	case StepRevealed, StepErased:
		return p.State != CaseOwed && c.Hides()
	case StepNoted:
		return p.State != CaseOwed
	}
	return false
}

// extendable reports whether the time to rectify is still running: a deadline that
// was missed is not given back.
func (p Progress) extendable(today Span) bool {
	return p.Clock.Rectify != 0 && today <= p.Clock.Rectify &&
		(p.State == CaseOpen || p.State == CaseContacted || p.State == CaseVerified)
}

// MaxNote is the longest note of an entry, in code points, and MaxPhotos the most
// attachments of a case.
const (
	MaxNote   = 1000
	MaxPhotos = 9
)

// Why an entry was refused.
const (
	WhyNoteMissing Why = "note_missing"
	WhyNoteTooLong Why = "note_too_long"
	WhyOutcome     Why = "outcome"
	WhyGround      Why = "ground"
	WhyDays        Why = "days"
	WhyPhotos      Why = "photos"
	WhyPhotoName   Why = "photo_name"
	WhyPhotosHere  Why = "photos_here"
)

var needNote = []CaseStep{StepVerified, StepRectified, StepExplained, StepExtensionAsked, StepExtensionRefused,
	StepExclusionAsked, StepExclusionGranted, StepExclusionRefused, StepObjected, StepNoted, StepRevealed, StepErased}

// NeedsNote reports whether a step has to be put in words.
func (s CaseStep) NeedsNote() bool { return slices.Contains(needNote, s) }

// TakesPhotos reports whether a step may bring photos: where something is shown or
// claimed, and evidence says more than words.
func (s CaseStep) TakesPhotos() bool {
	switch s {
	case StepRectified, StepExplained, StepExtensionAsked, StepExclusionAsked, StepExclusionGranted, StepExclusionRefused, StepNoted:
		return true
	}
	return false
}

// CitizenSees reports whether a step is shown to the citizen who follows the case,
// and CitizenReads whether its words are.
func (s CaseStep) CitizenSees() bool {
	return s != StepClock && s != StepNoted && s != StepReleased && s != StepRevealed
}

// CitizenReads is for what is said to the citizen, or by them.
func (s CaseStep) CitizenReads() bool {
	switch s {
	case StepRectified, StepExplained, StepExclusionAsked, StepExclusionGranted, StepExclusionRefused, StepObjected, StepSaid:
		return true
	}
	return false
}

// Outcomes lists the outcomes a step of this case may have; a step that has none
// gives none. Who left no contact cannot be reached, and who left one can be tried.
func (c Case) Outcomes(s CaseStep) []Outcome {
	all := slices.Clone(outcomes[s])
	if s == StepContacted {
		all = slices.DeleteFunc(all, func(o Outcome) bool { return (o == OutcomeNoContact) == c.Reachable })
	}
	return all
}

// Take returns the entries by which somebody takes a step now, and what the case
// then comes to: the step itself, after the opening and the deadlines that are
// still owed. The error is *IllegalStep or Faults. Only Step, Note, Outcome,
// Ground, Days, Level and Photos of the wanted entry are looked at.
func (c Case) Take(s Survey, cal Calendar, who Worker, now time.Time, want Entry) ([]Entry, CaseSummary, error) {
	zone := s.Location()
	now = now.UTC().Truncate(time.Millisecond)
	if n := len(c.Entries); n > 0 && now.Before(c.Entries[n-1].At) {
		now = c.Entries[n-1].At // nodes' clocks differ a little; what is done later never looks earlier
	}
	today := DayOf(now, zone)
	p := c.Progress(time.Time{}, zone)
	no := len(c.Entries)
	var made []Entry
	put := func(e Entry) {
		no++
		e.No, e.At = no, now
		day := today
		if e.Step == StepOpened {
			if e.At, day = c.Response.ReceivedAt, c.Response.Day; now.After(e.At) {
				e.Recorded = now
			}
		}
		p.add(e, day)
		if clock, moved := s.Rules.Deadlines.tick(p, e, c.Response.Day, day, cal); moved {
			e.Clock = &clock
			p.tick(clock)
		}
		made = append(made, e)
	}
	if p.State == CaseOwed {
		put(Entry{Step: StepOpened, Party: System})
	}
	if p.Clock.Pending() && s.Rules.Deadlines.fill(p, c.Response.Day, cal).gains(p.Clock) {
		put(Entry{Step: StepClock, Party: System})
	}
	if (want.Step == StepOpened || want.Step == StepClock) && len(made) > 0 {
		return made, c.Summarize(p), nil
	}
	if legal := c.Legal(p, who, today); !slices.Contains(legal, want.Step) {
		return nil, CaseSummary{}, &IllegalStep{want.Step, legal}
	}
	e := Entry{Step: want.Step, By: who.Name, Party: who.Party, Note: cleanLines(want.Note), Photos: want.Photos}
	if faults := c.fillEntry(&e, s.Rules.Deadlines, want); len(faults) > 0 {
		return nil, CaseSummary{}, faults
	}
	put(e)
	return made, c.Summarize(p), nil
}

// gains reports whether a clock knows a deadline that another lacks.
func (c Clock) gains(o Clock) bool {
	return o.Contact == 0 && c.Contact != 0 || o.Rectify == 0 && c.Rectify != 0 || o.Callback == 0 && c.Callback != 0
}

// tick takes over a clock that the last entry moved.
func (p *Progress) tick(c Clock) {
	p.Clock = c
	if !p.dueFixed {
		p.Due = c.last()
	}
}

func (c Case) fillEntry(e *Entry, d Deadlines, want Entry) (faults Faults) {
	add := func(field string, why Why) { faults = append(faults, Fault{Field: field, Why: why}) }
	switch {
	case badText(e.Note):
		add("note", WhyBadText)
	case runes(e.Note) > MaxNote:
		add("note", WhyNoteTooLong)
	case blank(e.Note) && e.Step.NeedsNote():
		add("note", WhyNoteMissing)
	}
	if outcomes := c.Outcomes(e.Step); outcomes != nil {
		if e.Outcome = want.Outcome; !slices.Contains(outcomes, e.Outcome) {
			add("outcome", WhyOutcome)
		}
	}
	switch e.Step {
	case StepExclusionAsked:
		if e.Ground = want.Ground; !slices.Contains(Grounds[:], e.Ground) {
			add("ground", WhyGround)
		}
	case StepExtensionAsked:
		if e.Days = want.Days; e.Days < 1 || e.Days > d.Rectify {
			add("days", WhyDays)
		}
	case StepExtensionGranted:
		if asked, ok := c.last(StepExtensionAsked); ok {
			e.Days = asked.Days
		}
	case StepSaid:
		if e.Level = want.Level; e.Level > VeryDissatisfied {
			add("level", WhyLevelUnknown)
		}
	}
	photos := len(e.Photos)
	for _, made := range c.Entries {
		photos += len(made.Photos)
	}
	switch {
	case photos > MaxPhotos:
		add("photos", WhyPhotos)
	case len(e.Photos) > 0 && !e.Step.TakesPhotos():
		add("photos", WhyPhotosHere)
	case slices.ContainsFunc(e.Photos, func(name string) bool { _, err := ParsePhoto(name); return err != nil }):
		add("photos", WhyPhotoName)
	}
	return faults
}
