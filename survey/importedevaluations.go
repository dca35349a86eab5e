package survey

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// EvaluationRow is what a file says of one item of one bureau: text in every column.
type EvaluationRow struct {
	Row       int
	Bureau    string
	Evaluator string // may be empty
	Item      string
	Finding   string
	Values    string // separated by ";", one for each threshold
	Note      string
}

// EvaluationImport is scores made elsewhere, checked and not stored yet.
type EvaluationImport struct {
	Groups                    []EvaluationGroup // those with anything to add
	Rows                      []EvaluationChange
	Added, Changed, Unchanged int // rows
	// Seen is the digest of what the import was checked against: survey, instrument,
	// source, the rows of the file, and what was stored of each evaluation. What is
	// shown under it and what is stored under it later is the same, however much time
	// is in between. The reason is not in it.
	Seen [sha256.Size]byte
}

// EvaluationGroup is what an import adds to one evaluation.
type EvaluationGroup struct {
	ID   EvaluationID
	Made []EvaluationEntry
}

// EvaluationChange is what a row of a file says of an item, beside what was said of it
// before. Was has no finding if nothing was.
type EvaluationChange struct {
	EvaluationID
	Row       int
	Item      string
	Was, Will Judgement
}

// New reports whether the item had no answer yet.
func (c EvaluationChange) New() bool { return c.Was.Finding == "" }

// Same reports whether the row says what is stored already.
func (c EvaluationChange) Same() bool { return c.Was.same(c.Will) }

// maxEvaluatorName is the longest name of who made scores elsewhere, and of where, in
// code points.
const maxEvaluatorName = 60

// ErrDifferent means that a file differs from what was imported before: look at the
// differences, and import again with a reason to take them.
var ErrDifferent = errors.New("the file differs from what was imported before")

// CheckEvaluations checks scores made elsewhere against what is stored and returns
// every fault. Each bureau and evaluator of a file is an evaluation of its own,
// under [ImportedBy], the source and the evaluator's name. It has to answer every
// item, and is submitted with it. Answers that were imported before and differ are
// taken as a new version, with the reason; of a first version the reason, if there is
// one, is kept with its submission. Errors: ErrNotOpen before the survey opens.
func (s Survey) CheckEvaluations(ctx context.Context, store EvaluationStore, i Instrument, rows []EvaluationRow, source, reason string, now time.Time) (list EvaluationImport, faults Faults, err error) {
	if now.Before(s.Opens) {
		return list, nil, ErrNotOpen
	}
	if why := whyName(source); why != "" {
		faults = append(faults, Fault{Field: "source", Value: source, Why: why})
	} else if blank(source) {
		faults = append(faults, Fault{Field: "source", Why: WhyMissing})
	}
	if note := evaluationNote(reason); runes(note) > MaxNote {
		faults, reason = append(faults, Fault{Field: "reason", Why: WhyNoteTooLong}), ""
	} else if badText(note) {
		faults, reason = append(faults, Fault{Field: "reason", Why: WhyBadText}), ""
	}
	seen := sha256.New()
	see := json.NewEncoder(seen)
	if err := see.Encode([]any{s.ID, i.InstrumentRef, source, rows}); err != nil {
		return list, nil, err
	}
	byID := map[EvaluationID][]EvaluationRow{}
	said := map[[3]string]bool{}
	for _, r := range rows {
		add := func(field, value string, why Why) {
			faults = append(faults, Fault{Row: r.Row, Field: field, Value: value, Why: why})
		}
		if !slices.Contains(s.Candidates, r.Bureau) {
			add("bureau", r.Bureau, WhyBureau)
		}
		if why := whyName(r.Evaluator); why != "" {
			add("evaluator", r.Evaluator, why)
		}
		what := [3]string{r.Bureau, r.Evaluator, r.Item}
		if said[what] {
			add("item", r.Item, WhyRepeated)
		}
		said[what] = true
		name := ImportedBy + source
		if r.Evaluator != "" {
			name += "/" + r.Evaluator
		}
		id := EvaluationID{s.ID, r.Bureau, name}
		byID[id] = append(byID[id], r)
	}
	for _, id := range slices.SortedFunc(maps.Keys(byID), EvaluationID.compare) {
		e, err := store.Evaluation(ctx, id)
		if err != nil {
			return list, nil, err
		}
		var last EvaluationEntry // entries are only ever added
		if n := len(e.Entries); n > 0 {
			last = e.Entries[n-1]
		}
		if err := see.Encode([]any{id, last}); err != nil {
			return list, nil, err
		}
		faults = append(faults, list.check(i, e, byID[id], reason, now)...)
	}
	seen.Sum(list.Seen[:0])
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Row, b.Row) })
	slices.SortStableFunc(list.Rows, func(a, b EvaluationChange) int { return cmp.Compare(a.Row, b.Row) })
	return list, faults, nil
}

func whyName(name string) Why {
	switch {
	case runes(name) > maxEvaluatorName:
		return WhyTooLong
	case hasControl(name):
		return WhyControlLetters
	}
	return ""
}

func (id EvaluationID) compare(o EvaluationID) int {
	return cmp.Or(cmp.Compare(id.Survey, o.Survey), cmp.Compare(id.Bureau, o.Bureau), cmp.Compare(id.Evaluator, o.Evaluator))
}

// check replays the rows of one evaluation through the rules.
func (l *EvaluationImport) check(i Instrument, e Evaluation, rows []EvaluationRow, reason string, now time.Time) (faults Faults) {
	before := e.State()
	started := len(e.Entries)
	take := func(row int, want EvaluationEntry) {
		want.Key = fmt.Sprintf("imported-%d", len(e.Entries)+1)
		made, err := e.Take(i, now, want)
		var unfit Faults
		if errors.As(err, &unfit) {
			for _, f := range unfit {
				f.Row = row
				switch {
				case strings.HasPrefix(f.Field, "value"):
					f.Field = "values"
				case f.Why == WhyUnanswered:
					f.Row = rows[len(rows)-1].Row
				}
				faults = append(faults, f)
			}
			return
		}
		e.Entries = append(e.Entries, made)
	}
	revised := false
	for _, r := range rows {
		want := EvaluationEntry{Step: StepAnswered, Item: r.Item, Finding: Finding(r.Finding), Values: list(r.Values), Note: r.Note}
		will, known := Judgement{Note: evaluationNote(r.Note)}, false
		if item, ok := i.Item(r.Item); ok {
			var unfit Faults
			will.Finding, will.Values, unfit = item.judge(want.Finding, want.Values)
			known = unfit == nil
		}
		if known {
			change := EvaluationChange{e.EvaluationID, r.Row, r.Item, before.Answers[r.Item], will}
			l.Rows = append(l.Rows, change)
			switch {
			case change.Same():
				l.Unchanged++
				continue
			case change.New():
				l.Added++
			default:
				l.Changed++
			}
		}
		if before.Locked && !revised {
			revised = true
			note := reason
			if note == "" {
				note = "-" // Add refuses it
			}
			take(r.Row, EvaluationEntry{Step: StepRevised, Note: note})
		}
		take(r.Row, want)
	}
	if len(faults) == 0 && !e.State().Locked {
		submit := EvaluationEntry{Step: StepSubmitted}
		if !revised {
			submit.Note = reason
		}
		take(0, submit)
	}
	if len(faults) == 0 && len(e.Entries) > started {
		l.Groups = append(l.Groups, EvaluationGroup{e.EvaluationID, e.Entries[started:]})
	}
	return faults
}

func (j Judgement) same(o Judgement) bool {
	return j.Finding == o.Finding && slices.Equal(j.Values, o.Values) && j.Note == o.Note
}

// Add stores what the check found; cut short, the same import completes it (see
// [EvaluationStore].AddEvaluations for what may be left then). Errors: ErrDifferent, and
// nothing is stored, if there are differences and no reason was given for them; ErrExists
// if somebody stored others meanwhile: check again.
func (l EvaluationImport) Add(ctx context.Context, store EvaluationStore, reason string) error {
	if l.Changed > 0 && blank(reason) {
		return ErrDifferent
	}
	return store.AddEvaluations(ctx, l.Groups)
}
