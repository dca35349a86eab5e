package storetest_test

import (
	"context"
	"errors"

	"manyi/survey"
)

// overwritesLeaf lets a later leaf take the place of one that is there.
type overwritesLeaf struct {
	survey.Store
	over map[int64]survey.Leaf
}

func (s *overwritesLeaf) AppendLeaves(ctx context.Context, leaves []survey.Leaf) error {
	err := s.Store.AppendLeaves(ctx, leaves)
	if errors.Is(err, survey.ErrExists) && len(leaves) == 1 && leaves[0].Log == survey.ReceiptLog && leaves[0].Index < 2 {
		s.over = map[int64]survey.Leaf{leaves[0].Index: leaves[0]}
		return nil
	}
	return err
}

func (s *overwritesLeaf) Leaves(ctx context.Context, log survey.Log, from, to int64, yield func(survey.Leaf) error) error {
	return s.Store.Leaves(ctx, log, from, to, func(l survey.Leaf) error {
		if o, ok := s.over[l.Index]; ok && o.Log == log {
			l = o
		}
		return yield(l)
	})
}

// forksLog tells everybody that their leaf is in.
type forksLog struct{ survey.Store }

func (s *forksLog) AppendLeaves(ctx context.Context, leaves []survey.Leaf) error {
	if err := s.Store.AppendLeaves(ctx, leaves); !errors.Is(err, survey.ErrExists) {
		return err
	}
	return nil
}

// takesTwice moves a leaf that is in the log already on to another hash.
type takesTwice struct{ survey.Store }

func (s takesTwice) AppendLeaves(ctx context.Context, leaves []survey.Leaf) error {
	for i := range leaves {
		if _, err := s.Store.FindLeaf(ctx, leaves[i].Log, leaves[i].Hashes[0]); err == nil {
			leaves[i].Hashes[0][0] ^= 1
		}
	}
	return s.Store.AppendLeaves(ctx, leaves)
}

// losesLeaf stores all but the last of what is appended together.
type losesLeaf struct{ survey.Store }

func (s losesLeaf) AppendLeaves(ctx context.Context, leaves []survey.Leaf) error {
	if len(leaves) > 1 {
		leaves = leaves[:len(leaves)-1]
	}
	return s.Store.AppendLeaves(ctx, leaves)
}

// signsAnyway tells everybody that their checkpoint stands.
type signsAnyway struct{ survey.Store }

func (s signsAnyway) PutCheckpoint(ctx context.Context, c survey.Checkpoint) error {
	if err := s.Store.PutCheckpoint(ctx, c); !errors.Is(err, survey.ErrExists) {
		return err
	}
	return nil
}

// saltsAnew gives the opening that was put last.
type saltsAnew struct {
	survey.Store
	seen map[string]survey.FactOpening
}

func (s *saltsAnew) AddOpenings(ctx context.Context, list []survey.FactOpening) error {
	for _, o := range list {
		s.seen[string(o.Ref)] = o
	}
	return s.Store.AddOpenings(ctx, list)
}

func (s *saltsAnew) WaitingOpenings(ctx context.Context, yield func(survey.FactOpening) error) error {
	return s.Store.WaitingOpenings(ctx, func(o survey.FactOpening) error { return yield(s.seen[string(o.Ref)]) })
}

// forgetsUnlogged settles whatever there is.
type forgetsUnlogged struct{ survey.Store }

func (s forgetsUnlogged) LoggedResponses(ctx context.Context, keys []survey.Key) error {
	all, err := s.Store.UnloggedResponses(ctx, 1000)
	for _, r := range all {
		keys = append(keys, r.Key)
	}
	if err != nil {
		return err
	}
	return s.Store.LoggedResponses(ctx, keys)
}

// forgetsMoved settles a visit as it is by now, not as it was noted.
type forgetsMoved struct{ survey.Store }

func (s forgetsMoved) LoggedVisits(ctx context.Context, visits []survey.VisitFact) error {
	owed, err := s.Store.UnloggedVisits(ctx, 1000)
	if err != nil {
		return err
	}
	for _, o := range owed {
		for _, v := range visits {
			if o.Case == v.Case && o.Survey == v.Survey {
				visits = append(visits, o)
			}
		}
	}
	return s.Store.LoggedVisits(ctx, visits)
}

// numbersOnce says that every visit is where it was first.
type numbersOnce struct{ survey.Store }

func (s numbersOnce) UnloggedVisits(ctx context.Context, limit int) ([]survey.VisitFact, error) {
	list, err := s.Store.UnloggedVisits(ctx, limit)
	for i := range list {
		list[i].No = 1
	}
	return list, err
}
