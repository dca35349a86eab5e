package main

import (
	"context"
	"math"
	"slices"

	"manyi/stats/proof"
	"manyi/survey"
)

func readOpenings(ctx context.Context, s survey.Store, yield func(any) error) error {
	each := func(o survey.FactOpening) error { return yield(o) }
	if err := s.WaitingOpenings(ctx, each); err != nil {
		return err
	}
	return s.Openings(ctx, 0, math.MaxInt64, each)
}

func writeOpenings(ctx context.Context, to, _ survey.Store, items []any) error {
	list := allOf[survey.FactOpening](items)
	if err := to.AddOpenings(ctx, list); err != nil {
		return err
	}
	return to.PlaceOpenings(ctx, slices.DeleteFunc(list, func(o survey.FactOpening) bool { return o.Index == survey.Waiting }))
}

func readLeaves(ctx context.Context, s survey.Store, yield func(any) error) error {
	for _, log := range proof.Logs {
		if err := s.Leaves(ctx, log, 0, math.MaxInt64, func(l survey.Leaf) error { return yield(l) }); err != nil {
			return err
		}
	}
	return nil
}

// writeLeaves appends the leaves that are not there: a group may hold the end of one
// log and the beginning of the other.
func writeLeaves(ctx context.Context, to, _ survey.Store, items []any) error {
	for _, log := range proof.Logs {
		size, err := to.LogSize(ctx, log)
		if err != nil {
			return err
		}
		var list []survey.Leaf
		for _, l := range allOf[survey.Leaf](items) {
			if l.Log == log && l.Index >= size {
				list = append(list, l)
			}
		}
		if err := to.AppendLeaves(ctx, list); err != nil {
			return err
		}
	}
	return nil
}
