package figures

import (
	"context"
	"fmt"
	"time"

	"manyi/stats/sheet"
	"manyi/survey"
)

// InputsReader is what [LoadInputs] needs of a store.
type InputsReader interface {
	Reader
	EvaluationReader
	Quality(ctx context.Context, survey, bureau string, from, to survey.Span, yield func(survey.QualitySheet) error) error
}

// LoadInputs returns what score sheets say of each candidate beside what is in the log:
// visits and quality flags of some days, both included and 0 for the survey's ends, and
// the evaluations of the survey, whatever the days. What it holds grows with bureaus and
// evaluations only.
func LoadInputs(ctx context.Context, r InputsReader, s survey.Survey, tree *survey.Tree, from, to survey.Span, asOf time.Time) (map[string]sheet.Inputs, error) {
	v, err := newView(Query{Survey: s, Tree: tree, By: survey.Bureau, From: from, To: to, AsOf: asOf}, survey.Actor{Role: survey.Organiser})
	if err != nil {
		return nil, err
	}
	v.question = survey.NoQuestion
	visits := sums{}
	if err := v.read(ctx, r, v.cover(), func(survey.Span) sums { return visits }); err != nil {
		return nil, fmt.Errorf("visits of survey %q: %w", s.ID, err)
	}
	all := make(map[string]sheet.Inputs, len(s.Candidates))
	for _, bureau := range s.Candidates {
		f := v.figure(*visits.at(bureau))
		all[bureau] = sheet.Inputs{Visits: sheet.Visits{Served: int64(f.Served), Rated: int64(f.Rated), Defaults: int64(f.Defaults)},
			Flags: map[survey.QualityKind]int64{}}
	}
	evaluations, err := LoadEvaluations(ctx, r, s, tree, "", asOf)
	if err != nil {
		return nil, fmt.Errorf("evaluations of survey %q: %w", s.ID, err)
	}
	for _, row := range evaluations.Rows {
		in := all[row.Place]
		if row.Submitted > 0 {
			e := sheet.EvaluationOf(row.Evaluation, row.Submitted, evaluations.Gate)
			e.Unfinished = row.Unfinished
			for _, p := range row.Agreements {
				e.Agreements = append(e.Agreements, sheet.AgreementOf(p.Agreement))
			}
			in.Evaluation = &e
		}
		all[row.Place] = in
	}
	err = r.Quality(ctx, s.ID, "", v.From, v.To, func(q survey.QualitySheet) error {
		for _, f := range q.Flags {
			if in, ok := all[q.Bureau]; ok {
				in.Flags[f.Kind]++
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("quality flags of survey %q: %w", s.ID, err)
	}
	return all, nil
}
