package survey

import (
	"context"
	"encoding/hex"
	"slices"
	"time"
)

// Case (差评工单) is a bad review and what is done about it: the closed loop
// (闭环). Every bad response owes one, under its own key. What is done is a row of
// entries that are only ever added; where the case stands follows from them, see
// [Case.Progress]. It is not to be mistaken for the served case (办件) that a
// [CaseRef] names.
type Case struct {
	Response  Listed
	Reachable bool // the citizen left a contact
	Masked    bool // the comment has a number hidden, and its original is there
	Entries   []Entry
	Summary   CaseSummary
}

// Entry is one thing done about a case. It is written once, under the case's key
// and its number, so of two people who act at once one finds the number taken.
type Entry struct {
	No   int       `json:"no"` // from 1
	Step CaseStep  `json:"step"`
	At   time.Time `json:"at"` // UTC, milliseconds
	// Recorded is when the entry was written down, where that is later than At: a
	// review is opened as of the time it came in, and steps are imported at their own.
	Recorded time.Time `json:"recorded,omitzero"`
	By       string    `json:"by,omitempty"` // account; empty for the system and the citizen
	Party    Party     `json:"party"`
	Note     string    `json:"note,omitempty"` // with numbers hidden, see [Mask]
	// Original is the note as typed; nil if nothing is hidden in it.
	Original *SealedText `json:"original,omitempty"`
	Outcome  Outcome     `json:"outcome,omitempty"` // of a contact or callback, and of what the citizen says
	Ground   Ground      `json:"ground,omitempty"`  // why a review shall not be adopted
	Days     int         `json:"days,omitempty"`    // working days of an extension
	Level    Level       `json:"level,omitempty"`   // the citizen's level after the callback
	Photos   []string    `json:"photos,omitempty"`  // names of attachments, see [PhotoName]
	// Clock is set where the step starts or moves a deadline.
	Clock *Clock `json:"clock,omitempty"`
}

// CaseStep is what an entry records.
type CaseStep string

// The steps of a case.
const (
	StepOpened    CaseStep = "opened"      // by the system, when the review came in
	StepClock     CaseStep = "clock"       // by the system: deadlines that waited for a calendar
	StepContacted CaseStep = "contacted"   // 联系
	StepVerified  CaseStep = "verified"    // 核实
	StepRectified CaseStep = "rectified"   // 整改
	StepExplained CaseStep = "explained"   // 说明: there is nothing to put right
	StepCallback  CaseStep = "called_back" // 回访
	StepClosed    CaseStep = "closed"      // 办结, by the bureau; whether the citizen agrees is another fact

	StepExtensionAsked   CaseStep = "extension_asked" // 申请延期
	StepExtensionGranted CaseStep = "extension_granted"
	StepExtensionRefused CaseStep = "extension_refused"

	StepExclusionAsked   CaseStep = "exclusion_asked" // 提请不予采纳
	StepExclusionGranted CaseStep = "exclusion_granted"
	StepExclusionRefused CaseStep = "exclusion_refused"
	StepObjected         CaseStep = "objected" // the citizen, once

	StepIdentified CaseStep = "identified" // the citizen proved the phone: 实名
	StepSaid       CaseStep = "said"       // the citizen says whether it is solved

	StepNoted    CaseStep = "noted"
	StepReleased CaseStep = "released" // a named text may be shown to the window
	StepRevealed CaseStep = "revealed" // the contact and what was hidden were looked at
	StepErased   CaseStep = "erased"   // the same was erased, as the citizen asked
)

// Party is whose act an entry is.
type Party string

// The parties. Higher is whoever answers for more than the bureau.
const (
	System  Party = "system"
	Citizen Party = "citizen"
	Own     Party = "bureau"
	Higher  Party = "higher"
)

// Outcome is how a contact or callback went, or what the citizen says.
type Outcome string

// The outcomes. Of a callback, the first three are the citizen's answer.
const (
	OutcomeSatisfied   Outcome = "satisfied"
	OutcomeBasically   Outcome = "basically_satisfied"
	OutcomeUnsatisfied Outcome = "dissatisfied"
	OutcomeRefused     Outcome = "refused"     // reached, and would not talk
	OutcomeUnreachable Outcome = "unreachable" // one try; after three on different days the callback is given up
	OutcomeReached     Outcome = "reached"
	OutcomeNoContact   Outcome = "no_contact" // there is nothing to reach the citizen by
	OutcomeSolved      Outcome = "solved"
	OutcomeUnsolved    Outcome = "unsolved"
)

// outcomes lists the outcomes a step may have; see [Case.Outcomes].
var outcomes = map[CaseStep][]Outcome{
	StepContacted: {OutcomeReached, OutcomeUnreachable, OutcomeNoContact},
	StepCallback:  {OutcomeSatisfied, OutcomeBasically, OutcomeUnsatisfied, OutcomeRefused, OutcomeUnreachable},
	StepSaid:      {OutcomeSolved, OutcomeUnsolved},
}

// Ground is why a review shall not be adopted (不予采纳).
type Ground string

// The grounds.
const (
	GroundMistaken  Ground = "mistaken"      // 误评
	GroundMalicious Ground = "malicious"     // 恶意
	GroundRules     Ground = "against_rules" // the demand is against the rules, and that was explained
)

// Outcomes lists the outcomes.
var Outcomes = [...]Outcome{OutcomeSatisfied, OutcomeBasically, OutcomeUnsatisfied, OutcomeRefused, OutcomeUnreachable,
	OutcomeReached, OutcomeNoContact, OutcomeSolved, OutcomeUnsolved}

// Grounds lists the grounds.
var Grounds = [...]Ground{GroundMistaken, GroundMalicious, GroundRules}

// CaseState is how far a case has come.
type CaseState string

// The states. A case whose review is there and whose clock is not yet is owed.
const (
	CaseOwed        CaseState = "owed"
	CaseOpen        CaseState = "open"
	CaseContacted   CaseState = "contacted"
	CaseVerified    CaseState = "verified" // also after it was reopened
	CaseRectified   CaseState = "rectified"
	CaseExplained   CaseState = "explained"
	CaseCalledBack  CaseState = "called_back"
	CaseUnreachable CaseState = "unreachable" // three tries on different days
	CaseClosed      CaseState = "closed"
)

// CaseStates lists the states.
var CaseStates = [...]CaseState{CaseOwed, CaseOpen, CaseContacted, CaseVerified, CaseRectified, CaseExplained, CaseCalledBack, CaseUnreachable, CaseClosed}

// NoDeadline is the Next of a case nothing more is due of; it sorts last.
const NoDeadline Span = 99991231

// CaseSummary is what lists choose and sort by. It follows from the entries, and
// is stored with each so that nobody has to read them all.
type CaseSummary struct {
	State CaseState
	// Next is the last day of the deadline the case works towards, 0 while the
	// calendar does not tell it.
	Next    Span
	Pending bool // a deadline waits for a calendar
	Marks   CaseMarks
	Follow  []byte // keyed hash of the follow-up code; nil leaves what is stored
}

// CaseMarks are what lists filter by besides.
type CaseMarks uint32

// The marks.
const (
	MarkReopened CaseMarks = 1 << iota
	MarkExcluded
	MarkExclusionAsked
	MarkExtensionAsked
	MarkIdentified
	MarkUnnamed // see [Case.Unnamed]
)

// CaseMarksWith lists every set of marks that holds all of some.
func CaseMarksWith(all CaseMarks) (sets []int64) {
	for m := CaseMarks(0); m <= MarkReopened|MarkExcluded|MarkExclusionAsked|MarkExtensionAsked|MarkIdentified|MarkUnnamed; m++ {
		if m&all == all {
			sets = append(sets, int64(m))
		}
	}
	return sets
}

// RealName reports whether the case is a real-name one (实名): the phone or the visit
// is proved. Anonymous and unproven reviews are worked and counted, but stand outside the
// real-name rate (实名差评回访整改率): a typed number is only a claim.
func (c Case) RealName(p Progress) bool {
	return (p.Identified || c.Response.Tie == TieProven) && !c.Response.Anonymous
}

// Unnamed reports whether the citizen gave nothing to be known by, or asked to stay
// anonymous (匿名). The bureau sees such a review from the next day on, and never its
// time: seen at once, it would tell who of those that were just served was not content.
// No deadline suffers, as the shortest ends on the next working day.
func (c Case) Unnamed() bool {
	_, erased := c.last(StepErased) // what the bureau has seen already
	return c.Response.Anonymous || !c.Reachable && !erased && c.Response.Tie != TieProven
}

// Hides reports whether something about the case is sealed that can be revealed: the
// contact, or what was typed where a number is hidden.
func (c Case) Hides() bool {
	return c.Reachable || c.Masked || slices.ContainsFunc(c.Entries, func(e Entry) bool { return e.Original != nil })
}

// Settled reports whether the case is closed or its review not adopted, and when the
// last was done about it, looks at what is sealed apart.
func (c Case) Settled() (settled bool, last time.Time) {
	for _, e := range c.Entries {
		if e.Step != StepRevealed && e.Step != StepErased && e.At.After(last) {
			last = e.At
		}
	}
	return c.Progress(time.Time{}, time.UTC).Done(), last
}

// last is the latest entry of a step.
func (c Case) last(step CaseStep) (Entry, bool) {
	for _, e := range slices.Backward(c.Entries) {
		if e.Step == step {
			return e, true
		}
	}
	return Entry{}, false
}

// CaseQuery selects cases. Zero fields select everything.
type CaseQuery struct {
	Survey   string
	Place    string // a bureau, hall or window code, or a division in the path
	From, To Span   // days the reviews came in, both included
	States   []CaseState
	Marks    CaseMarks // all of these
	Since    Span      // the next deadline is known and not before this day
	Before   Span      // the next deadline is known and before this day
	Pending  bool      // only those a deadline of which waits for a calendar
	Number   string    // of the served case (办件编号)
	// Unnamed, if not 0, leaves out unnamed reviews that came in on this day or later,
	// see [Case.Unnamed].
	Unnamed Span
	// Limit, if > 0, asks for one page in the order of the next deadline, those
	// that follow After. Otherwise all come, in an order nothing changes.
	Limit int
	After CaseCursor
}

// CaseCursor is a place in the order of the next deadline.
type CaseCursor struct {
	Next Span
	Key  Key
}

// CaseLoad is how many cases of a bureau stand alike.
type CaseLoad struct {
	Bureau  string
	State   CaseState
	Marks   CaseMarks
	Overdue bool
	N       int64
}

// Opening is what the system adds to a case that is owed.
type Opening struct {
	Key     Key
	Entries []Entry
	Summary CaseSummary
}

// CaseStore keeps what is done about bad reviews. Entries are only ever added.
type CaseStore interface {
	// OwedCases returns up to limit cases that have no entry yet, the oldest first.
	// Every bad response owes a case from the moment it is stored, also if whoever
	// stored it died right after. It may be missing from the lists and counts below
	// until it has its first entry.
	OwedCases(ctx context.Context, limit int) ([]Case, error)
	// AddEntries adds entries, numbered on from those that are there, and replaces
	// the case's summary, all or nothing. ErrExists if the first number is taken:
	// somebody was faster, and the case has to be looked at again. ErrNotFound.
	AddEntries(ctx context.Context, key Key, made []Entry, sum CaseSummary) error
	// OpenCases adds the first entries to many cases, as AddEntries does to one, and
	// returns how many it did: one that has entries is left as it is. Cut short,
	// some are opened and the call may be repeated.
	OpenCases(ctx context.Context, list []Opening) (int, error)
	// Case returns a case by the key of its response; ErrNotFound.
	Case(ctx context.Context, key Key) (Case, error)
	// FollowedCase returns the case with a hash of its follow-up code; ErrNotFound.
	FollowedCase(ctx context.Context, follow []byte) (Case, error)
	// Cases calls yield for the cases matching q, each with its response as it
	// counts at that moment. It stops at yield's first error.
	Cases(ctx context.Context, q CaseQuery, yield func(Case) error) error
	// CaseLoads counts the cases a query selects, by bureau, as they stand on a day.
	// Limit and After are ignored, here and below.
	CaseLoads(ctx context.Context, q CaseQuery, today Span) ([]CaseLoad, error)
	// CasesDue counts the cases a query selects by the last day of the deadline they
	// work towards. Those that work towards none are left out if Before is set.
	CasesDue(ctx context.Context, q CaseQuery) (map[Span]int64, error)
}

// CaseSheetStore keeps what the cases came to, day by day. Sheets are only ever added.
type CaseSheetStore interface {
	// PutCaseSheet adds a sheet; ErrExists if its number is taken for that day.
	PutCaseSheet(ctx context.Context, s CaseSheet) error
	// CaseSheet returns the sheet of a day with the highest number, or of the
	// latest day if day is 0; ErrNotFound.
	CaseSheet(ctx context.Context, survey string, day Span) (CaseSheet, error)
	// CaseSheets calls yield for every sheet, by survey, day and number.
	CaseSheets(ctx context.Context, yield func(CaseSheet) error) error
}

// PhotoName is the name of an attachment: the SHA-256 of its content in hexadecimal.
func PhotoName(hash [32]byte) string { return hex.EncodeToString(hash[:]) }

// ParsePhoto reads a name that PhotoName wrote; ErrNotFound for anything else.
func ParsePhoto(name string) (hash [32]byte, err error) {
	b, err := hex.DecodeString(name)
	if err != nil || len(b) != len(hash) || hex.EncodeToString(b) != name {
		return hash, ErrNotFound
	}
	return [32]byte(b), nil
}

// HasPhoto reports whether an entry of the case names an attachment.
func (c Case) HasPhoto(name string) bool {
	return slices.ContainsFunc(c.Entries, func(e Entry) bool { return slices.Contains(e.Photos, name) })
}

// FileStore keeps attachments. They are put before an entry names them; one that no
// entry names does no harm.
type FileStore interface {
	// PutFile keeps an attachment of at most 5 MB under the SHA-256 of its content;
	// idempotent.
	PutFile(ctx context.Context, hash [32]byte, data []byte) error
	// File returns an attachment; ErrNotFound.
	File(ctx context.Context, hash [32]byte) ([]byte, error)
	// Files calls yield for every attachment, by hash.
	Files(ctx context.Context, yield func(hash [32]byte, data []byte) error) error
}

// CalendarStore keeps what the yearly notices say, beside what is shipped.
type CalendarStore interface {
	// PutCalendar adds days or replaces them by date, all or none.
	PutCalendar(ctx context.Context, days []CalendarDay) error
	// CalendarDays returns the days put, by date.
	CalendarDays(ctx context.Context) ([]CalendarDay, error)
}
