package storetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"manyi/survey"
)

// TestBrokenStoresOfRechecksAreCaught is TestBrokenStoresAreCaught for re-checks.
func TestBrokenStoresOfRechecksAreCaught(t *testing.T) {
	const lists = "rechecks/those that were drawn are listed by survey, with their responses"
	catch(t, []brokenStore{
		{"draws none", func(s survey.Store) survey.Store { return drawsAll{s, false} }, lists},
		{"draws whoever left a contact", func(s survey.Store) survey.Store { return drawsAll{s, true} }, lists},
		{"lists the re-checks of all surveys", func(s survey.Store) survey.Store { return rechecksOfAll{s} }, lists},
		{"shows who lists responses what was drawn", func(s survey.Store) survey.Store { return showsDrawn{s} }, lists},
		{"forgets what was done when a response comes again", func(s survey.Store) survey.Store {
			return drawsAnew{s, map[survey.Key]int{}}
		}, "rechecks/a response that comes again is drawn once, and keeps what was done"},
		{"adds under any number", func(s survey.Store) survey.Store { return recheckNumbersAnew{s} }, "rechecks/entries are added under the next number only"},
		{"lets all add at once", func(s survey.Store) survey.Store { return recheckNumbersAnew{s} }, "rechecks/of many who add at once one wins"},
		{"adds several one by one", func(s survey.Store) survey.Store { return recheckOneByOne{s} }, "rechecks/several entries are added all or none"},
	})
}

type drawsAll struct {
	survey.Store
	all bool
}

func (s drawsAll) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	group = slices.Clone(group)
	for i := range group {
		group[i].Recheck = s.all && group[i].Contact != nil
	}
	return s.Store.AddResponses(ctx, group)
}

type rechecksOfAll struct{ survey.Store }

func (s rechecksOfAll) Rechecks(ctx context.Context, _ string, yield func(survey.Recheck) error) error {
	return s.Store.Rechecks(ctx, "", yield)
}

type showsDrawn struct{ survey.Store }

func (s showsDrawn) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	return s.Store.Responses(ctx, q, func(l survey.Listed) error {
		_, err := s.Store.Recheck(ctx, l.Key)
		l.Recheck = err == nil
		return yield(l)
	})
}

// drawsAnew begins a re-check anew whenever its response comes.
type drawsAnew struct {
	survey.Store
	forgotten map[survey.Key]int
}

func (s drawsAnew) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	for _, r := range group {
		if had, err := s.Store.Recheck(ctx, r.Key); err == nil {
			s.forgotten[r.Key] = len(had.Entries)
		}
	}
	return s.Store.AddResponses(ctx, group)
}

func (s drawsAnew) Recheck(ctx context.Context, key survey.Key) (survey.Recheck, error) {
	r, err := s.Store.Recheck(ctx, key)
	r.Entries = r.Entries[s.forgotten[key]:]
	return r, err
}

// recheckNumbersAnew adds entries under the next numbers, whatever they have.
type recheckNumbersAnew struct{ survey.Store }

func (s recheckNumbersAnew) AddRecheckEntries(ctx context.Context, key survey.Key, made []survey.RecheckEntry) error {
	for {
		r, err := s.Store.Recheck(ctx, key)
		if err != nil {
			return err
		}
		made = slices.Clone(made)
		for i := range made {
			made[i].No = len(r.Entries) + 1 + i
		}
		if err = s.Store.AddRecheckEntries(ctx, key, made); !errors.Is(err, survey.ErrExists) {
			return err
		}
	}
}

type recheckOneByOne struct{ survey.Store }

func (s recheckOneByOne) AddRecheckEntries(ctx context.Context, key survey.Key, made []survey.RecheckEntry) error {
	for i := range made {
		if err := s.Store.AddRecheckEntries(ctx, key, made[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
