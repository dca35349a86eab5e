package survey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ImportedBy begins the By of every entry that was made elsewhere before. No
// account's name may begin so. The citizen's entries have nothing after it.
const ImportedBy = "imported:"

// Imported reports whether an entry was made elsewhere and read in from a file.
func (e Entry) Imported() bool { return strings.HasPrefix(e.By, ImportedBy) }

// Name is who made the entry, here or elsewhere.
func (e Entry) Name() string { return strings.TrimPrefix(e.By, ImportedBy) }

// importableSteps are the steps a file may tell, and whose acts they count as. What
// the system does is done here; a phone that was proved elsewhere proves nothing
// here; releasing a text and looking at a contact are acts in this system.
var importableSteps = map[CaseStep]Party{
	StepContacted: Own, StepVerified: Own, StepRectified: Own, StepExplained: Own, StepCallback: Own, StepClosed: Own,
	StepExtensionAsked: Own, StepExtensionGranted: Own, StepExtensionRefused: Own,
	StepExclusionAsked: Own, StepExclusionGranted: Higher, StepExclusionRefused: Higher,
	StepObjected: Citizen, StepSaid: Citizen, StepNoted: Own,
}

// Why a record of what was done elsewhere was refused.
const (
	WhyNotImported Why = "not_imported" // no response with that id came from that source
	WhyNotBad      Why = "not_bad"      // the response is no bad review
	WhyStep        Why = "step"
	WhyStepIllegal Why = "step_illegal" // the value lists what is possible instead
	WhyStepOrder   Why = "step_order"   // earlier than what is there
	WhyCaseWorked  Why = "case_worked"  // somebody has worked on the case here
)

// CaseRow is one line of a list of what was done about imported bad reviews, as text.
type CaseRow struct {
	Row                                                  int
	ID, Step, At, By, Note, Outcome, Ground, Days, Level string
}

// CaseList is what an import of steps comes to, once no row has a fault.
type CaseList struct {
	New       []CaseAddition
	Added     int // steps
	Unchanged int // imported before
}

// CaseAddition is the entries a case gets.
type CaseAddition struct {
	Key  Key
	Made []Entry
	Sum  CaseSummary
}

// caseReader is what checking an import of steps reads.
type caseReader interface {
	FormKeys(ctx context.Context, forms [][FormKeyLen]byte) (map[[FormKeyLen]byte]Key, error)
	Case(ctx context.Context, key Key) (Case, error)
}

// CheckCases replays rows through the rules of a case, each step at its own time,
// and returns the entries they come to, or every fault. source is that of the
// responses. Rows of one response stand in the order they were done. A row that was
// imported before changes nothing; the rules are broken by the first illegal step
// of a case, so of its later rows only the words are checked.
func (s Survey) CheckCases(ctx context.Context, store caseReader, rows []CaseRow, cal Calendar, source string, now time.Time) (CaseList, Faults, error) {
	byForm := map[[FormKeyLen]byte][]CaseRow{}
	var order [][FormKeyLen]byte
	var faults Faults
	for _, row := range rows {
		if why := nameFault(row.ID); why != "" {
			faults = append(faults, Fault{Row: row.Row, Field: "id", Value: row.ID, Why: why})
			continue
		}
		form := s.importForm(source, row.ID)
		if byForm[form] == nil {
			order = append(order, form)
		}
		byForm[form] = append(byForm[form], row)
	}
	keys, err := store.FormKeys(ctx, order)
	if err != nil {
		return CaseList{}, nil, err
	}
	var list CaseList
	for _, form := range order {
		first := byForm[form][0]
		key, there := keys[form]
		if !there {
			faults = append(faults, Fault{Row: first.Row, Field: "id", Value: first.ID, Why: WhyNotImported})
			continue
		}
		c, err := store.Case(ctx, key)
		if errors.Is(err, ErrNotFound) {
			faults = append(faults, Fault{Row: first.Row, Field: "id", Value: first.ID, Why: WhyNotBad})
			continue
		}
		if err != nil {
			return CaseList{}, nil, err
		}
		r := replay{survey: s, cal: cal, now: now, c: c, first: len(c.Entries)}
		r.rows(byForm[form])
		faults = append(faults, r.faults...)
		list.Unchanged += r.unchanged
		list.Added += r.added
		if made := r.c.Entries[r.first:]; len(made) > 0 {
			list.New = append(list.New, CaseAddition{key, made, r.sum})
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Row, b.Row) })
		return CaseList{}, faults, nil
	}
	return list, nil, nil
}

// replay takes the rows of one case through its rules.
type replay struct {
	survey           Survey
	cal              Calendar
	now              time.Time
	c                Case
	first            int // entries that are stored
	used             []bool
	sum              CaseSummary
	added, unchanged int
	broken           bool
	faults           Faults
}

func (r *replay) rows(rows []CaseRow) {
	r.used = make([]bool, len(r.c.Entries))
	// The contact stays where the case was worked: whether there was one is what
	// the rows say.
	none := func(o Outcome) bool { return o == OutcomeNoContact }
	r.c.Reachable = !slices.ContainsFunc(rows, func(row CaseRow) bool { return none(Outcome(row.Outcome)) }) &&
		!slices.ContainsFunc(r.c.Entries, func(e Entry) bool { return none(e.Outcome) })
	for _, row := range rows {
		n := len(r.faults)
		e, party, isDay := r.entry(row)
		if len(r.faults) == n && !r.broken && !r.known(e, isDay) {
			r.take(row, e, party, isDay)
		}
		r.broken = r.broken || len(r.faults) > n
	}
}

func (r *replay) fault(row CaseRow, field, value string, why Why) {
	r.faults = append(r.faults, Fault{Row: row.Row, Field: field, Value: value, Why: why})
}

// entry is what a row says, as far as it can be told without the case's state.
func (r *replay) entry(row CaseRow) (e Entry, party Party, isDay bool) {
	e = Entry{Step: CaseStep(row.Step), Note: cleanLines(row.Note), Outcome: Outcome(row.Outcome), Ground: Ground(row.Ground)}
	party, ok := importableSteps[e.Step]
	if !ok {
		r.fault(row, "step", row.Step, WhyStep)
	}
	e.By = ImportedBy
	if party != Citizen {
		e.By += strings.TrimSpace(row.By)
		if ok && blank(row.By) {
			r.fault(row, "by", "", WhyMissing)
		} else if runes(e.By) > len(ImportedBy)+MaxPerson || badText(row.By) || hasControl(row.By) {
			r.fault(row, "by", "", WhyPersonTooLong)
		}
	}
	at, isDay, ok := parseMoment(row.At, r.survey.Location())
	if e.At = at; !ok {
		r.fault(row, "at", row.At, WhyTime)
	} else if at.After(r.now) {
		r.fault(row, "at", row.At, WhyFuture)
	}
	if text := narrow(row.Days); text != "" {
		var err error
		if e.Days, err = strconv.Atoi(text); err != nil {
			r.fault(row, "days", row.Days, WhyDays)
		}
	}
	if row.Level != "" {
		if e.Level, ok = ParseLevel(row.Level); !ok {
			r.fault(row, "level", row.Level, WhyLevelUnknown)
		}
	}
	return e, party, isDay
}

// known reports whether the row was imported before, and uses it up.
func (r *replay) known(want Entry, isDay bool) bool {
	zone := r.survey.Location()
	for i, e := range r.c.Entries[:r.first] {
		at := e.At.Equal(want.At.UTC().Truncate(time.Millisecond)) || isDay && DayOf(e.At, zone) == DayOf(want.At, zone)
		if r.used[i] || !e.Imported() || !at || e.Step != want.Step || e.By != want.By || e.Note != Mask(want.Note) {
			continue
		}
		// What a step does not take was not stored.
		if e.Outcome != "" && e.Outcome != want.Outcome || e.Ground != "" && e.Ground != want.Ground ||
			e.Step == StepExtensionAsked && e.Days != want.Days || e.Level != NoLevel && e.Level != want.Level {
			continue
		}
		r.used[i] = true
		r.unchanged++
		return true
	}
	return false
}

// take adds the row to the case by the rules that hold for everybody.
func (r *replay) take(row CaseRow, e Entry, party Party, isDay bool) {
	zone := r.survey.Location()
	last := r.c.Response.ReceivedAt
	if n := len(r.c.Entries); n > 0 {
		last = r.c.Entries[n-1].At
	}
	at := e.At
	if isDay && at.Before(last) && DayOf(at, zone) == DayOf(last, zone) {
		at = last // some time on that day
	}
	if slices.ContainsFunc(r.c.Entries[:r.first], func(e Entry) bool { return e.Party != System && !e.Imported() }) {
		r.fault(row, "id", row.ID, WhyCaseWorked)
		return
	}
	if at.Before(last) {
		r.fault(row, "at", row.At, WhyStepOrder)
		return
	}
	made, sum, err := r.c.Take(r.survey, r.cal, Worker{Name: e.By, Party: party}, at, e)
	var illegal *IllegalStep
	var wrong Faults
	switch {
	case errors.As(err, &illegal):
		r.fault(row, "step", fmt.Sprintf("%s; %s", row.Step, joinSteps(r.legal(e.By, at))), WhyStepIllegal)
	case errors.As(err, &wrong):
		for _, f := range wrong {
			value := map[string]string{"outcome": row.Outcome, "ground": row.Ground, "days": row.Days}[f.Field]
			r.fault(row, f.Field, value, f.Why)
		}
	default:
		for i := range made {
			made[i].Recorded = r.now.UTC().Truncate(time.Millisecond) // a day that was counted before says why it differs
		}
		r.c.Entries = append(slices.Clip(r.c.Entries), made...)
		r.sum = sum
		r.added++
	}
}

// legal lists the steps a file could tell next, if it names the same person.
func (r *replay) legal(by string, at time.Time) (legal []CaseStep) {
	zone := r.survey.Location()
	p := r.c.Progress(time.Time{}, zone)
	for _, step := range CaseSteps {
		party, ok := importableSteps[step]
		if ok && slices.Contains(r.c.Legal(p, Worker{Name: by, Party: party}, DayOf(at, zone)), step) {
			legal = append(legal, step)
		}
	}
	return legal
}

func joinSteps(steps []CaseStep) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

// Add stores the entries, case by case, each whole or not at all. followUp is the
// hash a case is found by when its citizen comes back, and hide masks notes and seals
// their originals. Cut short in between, the
// cases before stay: the same file again adds the rest, and nothing twice.
func (l CaseList) Add(ctx context.Context, store CaseStore, followUp func(Key) []byte, hide func(Key, []Entry) error) error {
	for i, a := range l.New {
		if a.Made[0].No == 1 {
			a.Sum.Follow = followUp(a.Key)
		}
		if err := hide(a.Key, a.Made); err != nil {
			return err
		}
		err := store.AddEntries(ctx, a.Key, a.Made, a.Sum)
		if errors.Is(err, ErrExists) {
			err = fmt.Errorf("somebody worked on a case meanwhile, import the file again: %w", err)
		}
		if err != nil {
			return errors.Join(err, importCut(i > 0))
		}
	}
	return nil
}
