package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"manyi/survey"
)

// Names of the evaluators of the sample; they have no accounts.
const (
	evaluatorA = "示例评估员甲"
	evaluatorB = "示例评估员乙"
)

// evaluate lets two evaluators judge one bureau and one of them begin another.
func evaluate(ctx context.Context, store survey.EvaluationStore, s survey.Survey, now time.Time) error {
	i := survey.BuiltIn()
	bureaus := slices.Sorted(slices.Values(s.Candidates))[:2]
	at := now.Add(-3 * 24 * time.Hour)
	for _, work := range []struct {
		evaluator, bureau string
		items             int
		notMet            []string
	}{
		{evaluatorA, bureaus[0], len(i.Items), []string{"20", "29", "48"}},
		{evaluatorB, bureaus[0], len(i.Items), []string{"20", "37"}},
		{evaluatorA, bureaus[1], 23, []string{"7"}},
	} {
		e := survey.Evaluation{EvaluationID: survey.EvaluationID{Survey: s.ID, Bureau: work.bureau, Evaluator: work.evaluator}}
		take := func(want survey.EvaluationEntry) error {
			want.Key = fmt.Sprintf("sample-%05d", len(e.Entries))
			made, err := e.Take(i, at.Add(time.Duration(len(e.Entries))*time.Minute), want)
			e.Entries = append(e.Entries, made)
			return err
		}
		for _, item := range i.Items[:work.items] {
			want := survey.EvaluationEntry{Step: survey.StepAnswered, Item: item.Number, Finding: survey.FindingMet}
			for _, t := range item.Thresholds {
				want.Values = append(want.Values, fmt.Sprint(t.Value))
			}
			if !item.Kind.Scored() || slices.Contains(work.notMet, item.Number) {
				want.Finding, want.Values, want.Note = survey.FindingNotMet, nil, "（示例）"
			}
			if err := take(want); err != nil {
				return err
			}
		}
		if work.items == len(i.Items) {
			if err := take(survey.EvaluationEntry{Step: survey.StepSubmitted}); err != nil {
				return err
			}
		}
		if err := store.AddEvaluationEntries(ctx, e.EvaluationID, e.Entries); err != nil {
			return err
		}
	}
	for evaluator, given := range map[string][]string{evaluatorA: bureaus, evaluatorB: bureaus[:1]} {
		if err := store.PutAssignment(ctx, survey.Assignment{Survey: s.ID, Evaluator: evaluator, Bureaus: given}); err != nil {
			return err
		}
	}
	return nil
}
