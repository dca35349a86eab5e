package survey

import (
	"cmp"
	"context"
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
	Groups      []EvaluationGroup // those with anything to add
	Added       int               // answers to items that had none
	Unchanged   int
	Differences []EvaluationDifference
}

// EvaluationGroup is what an import adds to one evaluation.
type EvaluationGroup struct {
	ID   EvaluationID
	Made []EvaluationEntry
}

// EvaluationDifference is an answer that was imported before and says something
// else now.
type EvaluationDifference struct {
	EvaluationID
	Row       int
	Item      string
	Was, Will Judgement
}

// maxEvaluatorName is the longest name of who made scores elsewhere, in code points.
const maxEvaluatorName = 60

// ErrDifferent means that a file differs from what was imported before: look at the
// differences, and import again with a reason to take them.
var ErrDifferent = errors.New("the file differs from what was imported before")

// CheckEvaluations checks scores made elsewhere against what is stored and returns
// every fault. Each bureau and evaluator of a file is an evaluation of its own,
// under [ImportedBy], the source and the evaluator's name. It has to answer every
// item, and is submitted with it. Answers that were imported before and differ are
// taken as a new version, with the reason.
func (s Survey) CheckEvaluations(ctx context.Context, store EvaluationStore, i Instrument, rows []EvaluationRow, source, reason string, now time.Time) (list EvaluationImport, faults Faults, err error) {
	if now.Before(s.Opens) {
		return list, nil, ErrNotOpen
	}
	byID := map[EvaluationID][]EvaluationRow{}
	seen := map[[3]string]bool{}
	for _, r := range rows {
		add := func(field, value string, why Why) {
			faults = append(faults, Fault{Row: r.Row, Field: field, Value: value, Why: why})
		}
		if !slices.Contains(s.Candidates, r.Bureau) {
			add("bureau", r.Bureau, WhyBureau)
		}
		if runes(r.Evaluator) > maxEvaluatorName {
			add("evaluator", r.Evaluator, WhyTooLong)
		} else if hasControl(r.Evaluator) {
			add("evaluator", r.Evaluator, WhyControlLetters)
		}
		what := [3]string{r.Bureau, r.Evaluator, r.Item}
		if seen[what] {
			add("item", r.Item, WhyRepeated)
		}
		seen[what] = true
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
		faults = append(faults, list.check(i, e, byID[id], reason, now)...)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Row, b.Row) })
	return list, faults, nil
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
		was, answered := before.Answers[r.Item]
		switch {
		case known && answered && was.same(will):
			l.Unchanged++
			continue
		case known && answered:
			l.Differences = append(l.Differences, EvaluationDifference{e.EvaluationID, r.Row, r.Item, was, will})
		case known:
			l.Added++
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
		take(0, EvaluationEntry{Step: StepSubmitted})
	}
	if len(faults) == 0 && len(e.Entries) > started {
		l.Groups = append(l.Groups, EvaluationGroup{e.EvaluationID, e.Entries[started:]})
	}
	return faults
}

func (j Judgement) same(o Judgement) bool {
	return j.Finding == o.Finding && slices.Equal(j.Values, o.Values) && j.Note == o.Note
}

// Add stores what the check found, evaluation by evaluation, each all or none; cut
// short, the same import completes it. ErrDifferent, and nothing is stored, if
// there are differences and no reason was given for them.
func (l EvaluationImport) Add(ctx context.Context, store EvaluationStore, reason string) error {
	if len(l.Differences) > 0 && blank(reason) {
		return ErrDifferent
	}
	for _, g := range l.Groups {
		if err := store.AddEvaluationEntries(ctx, g.ID, g.Made); err != nil {
			return fmt.Errorf("evaluation of %s: %w", g.ID.Bureau, err)
		}
	}
	return nil
}
