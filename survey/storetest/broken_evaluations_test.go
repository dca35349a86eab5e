package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"manyi/survey"
)

// TestBrokenStoresOfEvaluationsAreCaught is TestBrokenStoresAreCaught for evaluations.
func TestBrokenStoresOfEvaluationsAreCaught(t *testing.T) {
	catch(t, []brokenStore{
		{"changes a version", func(s survey.Store) survey.Store {
			return changesVersion{s, new(sync.Map)}
		}, "instruments/a version is stored once and never changes"},
		{"adds under any number", func(s survey.Store) survey.Store { return numbersAnew{s} }, "evaluations/entries are added under the next number only"},
		{"lets all add at once", func(s survey.Store) survey.Store { return numbersAnew{s} }, "evaluations/of many who add at once one wins"},
		{"says it had stored what it had not", func(s survey.Store) survey.Store { return losesRaces{s} }, "evaluations/what is sent again counts once"},
		{"adds several one by one", func(s survey.Store) survey.Store { return entriesOneByOne{s} }, "evaluations/several entries are added all or none"},
		{"adds several evaluations without a look first", func(s survey.Store) survey.Store { return evaluationByEvaluation{s} }, "evaluations/of several evaluations none is added if one does not fit"},
		{"adds the entries of several evaluations one by one", func(s survey.Store) survey.Store { return evaluationByEvaluation{entriesOneByOne{s}} }, "evaluations/several evaluations cut short are each whole, and are completed"},
		{"lists a bureau by how its code begins", func(s survey.Store) survey.Store { return bureauByPrefix{s} }, "evaluations/they are listed by survey and bureau"},
		{"adds to an assignment", func(s survey.Store) survey.Store { return addsBureaus{s} }, "evaluations/an assignment takes the place of the last"},
	})
}

type changesVersion struct {
	survey.Store
	latest *sync.Map // of survey.Instrument, as several add at once
}

func (s changesVersion) AddInstrument(ctx context.Context, i survey.Instrument) error {
	s.latest.Store(i.InstrumentRef, i)
	return s.Store.AddInstrument(ctx, i)
}

func (s changesVersion) Instrument(ctx context.Context, ref survey.InstrumentRef) (survey.Instrument, error) {
	if i, ok := s.latest.Load(ref); ok {
		return i.(survey.Instrument), nil
	}
	return s.Store.Instrument(ctx, ref)
}

// numbersAnew adds an entry under the next number, whatever number it has.
type numbersAnew struct{ survey.Store }

func (s numbersAnew) AddEvaluationEntries(ctx context.Context, id survey.EvaluationID, made []survey.EvaluationEntry) error {
	for {
		e, err := s.Store.Evaluation(ctx, id)
		if err != nil {
			return err
		}
		made = slices.Clone(made)
		for i := range made {
			made[i].No = len(e.Entries) + 1 + i
		}
		if err = s.Store.AddEvaluationEntries(ctx, id, made); !errors.Is(err, survey.ErrExists) {
			return err
		}
	}
}

// losesRaces tells whoever was slower that the entry is stored.
type losesRaces struct{ survey.Store }

func (s losesRaces) AddEvaluationEntries(ctx context.Context, id survey.EvaluationID, made []survey.EvaluationEntry) error {
	err := s.Store.AddEvaluationEntries(ctx, id, made)
	if errors.Is(err, survey.ErrExists) || made[0].Item == "2" {
		return nil
	}
	return err
}

func (s losesRaces) Evaluation(ctx context.Context, id survey.EvaluationID) (survey.Evaluation, error) {
	e, err := s.Store.Evaluation(ctx, id)
	e.Entries = slices.DeleteFunc(e.Entries, func(e survey.EvaluationEntry) bool { return e.Item == "2" })
	return e, err
}

type entriesOneByOne struct{ survey.Store }

func (s entriesOneByOne) AddEvaluationEntries(ctx context.Context, id survey.EvaluationID, made []survey.EvaluationEntry) error {
	for i := range made {
		if err := s.Store.AddEvaluationEntries(ctx, id, made[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// evaluationByEvaluation adds one after the other until one does not fit.
type evaluationByEvaluation struct{ survey.Store }

func (s evaluationByEvaluation) AddEvaluations(ctx context.Context, groups []survey.EvaluationGroup) error {
	for _, g := range groups {
		if err := s.Store.AddEvaluationEntries(ctx, g.ID, g.Made); err != nil {
			return err
		}
	}
	return nil
}

type bureauByPrefix struct{ survey.Store }

func (s bureauByPrefix) Evaluations(ctx context.Context, id, bureau string, yield func(survey.Evaluation) error) error {
	return s.Store.Evaluations(ctx, id, "", func(e survey.Evaluation) error {
		if bureau != "" && (len(e.Bureau) < len(bureau) || e.Bureau[:len(bureau)] != bureau) {
			return nil
		}
		return yield(e)
	})
}

type addsBureaus struct{ survey.Store }

func (s addsBureaus) PutAssignment(ctx context.Context, a survey.Assignment) error {
	before, err := s.Store.Assignments(ctx, a.Survey)
	if err != nil {
		return err
	}
	for _, b := range before {
		if b.Evaluator == a.Evaluator {
			a.Bureaus = append(slices.Clone(a.Bureaus), b.Bureaus...)
		}
	}
	return s.Store.PutAssignment(ctx, a)
}
