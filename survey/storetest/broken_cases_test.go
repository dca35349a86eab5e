package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"manyi/survey"
)

// Stores that break a guarantee about cases, their sheets, files and deliveries.

// forgetsCase owes no case where another response of the group is good.
type forgetsCase struct{ survey.Store }

func (s forgetsCase) OwedCases(ctx context.Context, limit int) ([]survey.Case, error) {
	owed, err := s.Store.OwedCases(ctx, limit)
	return slices.DeleteFunc(owed, func(c survey.Case) bool { return c.Response.Level == survey.VeryDissatisfied }), err
}

// addsAnyway gives an entry the next number if its own is taken.
type addsAnyway struct{ survey.Store }

func (s addsAnyway) AddEntries(ctx context.Context, key survey.Key, made []survey.Entry, sum survey.CaseSummary) error {
	for {
		err := s.Store.AddEntries(ctx, key, made, sum)
		if !errors.Is(err, survey.ErrExists) {
			return err
		}
		c, err := s.Store.Case(ctx, key)
		if err != nil {
			return err
		}
		made = slices.Clone(made)
		for i := range made {
			made[i].No = len(c.Entries) + i + 1
		}
	}
}

// opensAnew opens cases that somebody works on already, as if each were owed.
type opensAnew struct{ survey.Store }

func (s opensAnew) OpenCases(ctx context.Context, list []survey.Opening) (int, error) {
	for _, o := range list {
		if err := addsAnyway(s).AddEntries(ctx, o.Key, o.Entries, o.Summary); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// losesRecorded keeps only what an entry stands for, not when it was written down.
type losesRecorded struct{ survey.Store }

func (s losesRecorded) AddEntries(ctx context.Context, key survey.Key, made []survey.Entry, sum survey.CaseSummary) error {
	made = slices.Clone(made)
	for i := range made {
		made[i].Recorded = time.Time{}
	}
	return s.Store.AddEntries(ctx, key, made, sum)
}

// losesChanges keeps the counts of a day, and not why they differ from the first.
type losesChanges struct{ survey.Store }

func (s losesChanges) PutCaseSheet(ctx context.Context, sheet survey.CaseSheet) error {
	sheet.Changes = nil
	return s.Store.PutCaseSheet(ctx, sheet)
}

// losesSummary keeps the summary of the first entry.
type losesSummary struct{ survey.Store }

func (s losesSummary) AddEntries(ctx context.Context, key survey.Key, made []survey.Entry, sum survey.CaseSummary) error {
	c, err := s.Store.Case(ctx, key)
	if err == nil && len(c.Entries) > 0 {
		sum = c.Summary
	}
	return s.Store.AddEntries(ctx, key, made, sum)
}

// skipsCase begins a page one case too late.
type skipsCase struct{ survey.Store }

func (s skipsCase) Cases(ctx context.Context, q survey.CaseQuery, yield func(survey.Case) error) error {
	first := q.Limit > 0 && q.After != survey.CaseCursor{}
	return s.Store.Cases(ctx, q, func(c survey.Case) error {
		if first {
			first = false
			return nil
		}
		return yield(c)
	})
}

// dropsByte keeps a file without its last byte.
type dropsByte struct{ survey.Store }

func (s dropsByte) PutFile(ctx context.Context, hash [32]byte, data []byte) error {
	return s.Store.PutFile(ctx, hash, data[:len(data)-1])
}

// losesFile says that a file is kept before it is, and then forgets it.
type losesFile struct{ survey.Store }

func (s *losesFile) PutFile(context.Context, [32]byte, []byte) error { return nil }

// refusesFile takes a file only once.
type refusesFile struct{ survey.Store }

func (s refusesFile) PutFile(ctx context.Context, hash [32]byte, data []byte) error {
	if _, err := s.Store.File(ctx, hash); err == nil {
		return survey.ErrExists
	}
	return s.Store.PutFile(ctx, hash, data)
}

// claimsTwice gives the last delivery that was claimed to the next claimer too.
type claimsTwice struct {
	survey.Store
	mu   sync.Mutex
	last *survey.Delivery
}

func (s *claimsTwice) ClaimDelivery(ctx context.Context, channel string, now time.Time, ttl time.Duration) (survey.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		d := *s.last
		s.last = nil
		return d, nil
	}
	d, err := s.Store.ClaimDelivery(ctx, channel, now, ttl)
	if err == nil {
		s.last = &d
	}
	return d, err
}

// notesAnyway notes for whoever comes, under the last claim.
type notesAnyway struct{ survey.Store }

func (s notesAnyway) NoteDelivery(ctx context.Context, d survey.Delivery) error {
	err := s.Store.NoteDelivery(ctx, d)
	for ; errors.Is(err, survey.ErrFenced) && d.Claim < 5; d.Claim++ {
		err = s.Store.NoteDelivery(ctx, d)
	}
	return err
}

// losesFailure notes successes only.
type losesFailure struct{ survey.Store }

func (s losesFailure) NoteDelivery(ctx context.Context, d survey.Delivery) error {
	if d.State != survey.DeliveryDelivered {
		return nil
	}
	return s.Store.NoteDelivery(ctx, d)
}

// decidesAnyway takes a decision about whatever it finds, in whatever state.
type decidesAnyway struct{ survey.Store }

func (s decidesAnyway) DecideDelivery(ctx context.Context, key string, d survey.DeliveryDecision) error {
	err := s.Store.DecideDelivery(ctx, key, d)
	if errors.Is(err, survey.ErrNotFound) {
		return nil
	}
	return err
}

// losesDecision does what was decided, and keeps the first decision only.
type losesDecision struct{ survey.Store }

func (s losesDecision) Deliveries(ctx context.Context, state survey.DeliveryState, yield func(survey.Delivery) error) error {
	return s.Store.Deliveries(ctx, state, func(d survey.Delivery) error {
		d.Decisions = d.Decisions[:min(len(d.Decisions), 1)]
		return yield(d)
	})
}

// queuesAgain forgets what was delivered.
type queuesAgain struct{ survey.Store }

func (s queuesAgain) AddDeliveries(ctx context.Context, list []survey.Delivery) (int, error) {
	for _, d := range list {
		d.Key += " again"
		if _, err := s.Store.AddDeliveries(ctx, []survey.Delivery{d}); err != nil {
			return 0, err
		}
	}
	return s.Store.AddDeliveries(ctx, list)
}

// keepsFirstQuality keeps the first sheet of a day.
type keepsFirstQuality struct{ survey.Store }

func (s keepsFirstQuality) PutQuality(ctx context.Context, sheet survey.QualitySheet) error {
	found := false
	err := s.Store.Quality(ctx, sheet.Survey, sheet.Bureau, sheet.Day, sheet.Day, func(survey.QualitySheet) error { found = true; return nil })
	if err != nil || found {
		return err
	}
	return s.Store.PutQuality(ctx, sheet)
}
