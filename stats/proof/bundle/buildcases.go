package bundle

import (
	"context"
	"fmt"
	"slices"

	"manyi/stats/proof"
	"manyi/survey"
)

// bad takes in the leaf of a bad review.
func (b *builder) bad(o survey.FactOpening, value func(string) string, within bool) error {
	at, err := readInstant(value("at"), value("day"), b.book.zone)
	if err != nil || len(o.Ref) != len(survey.Key{}) {
		return fmt.Errorf("leaf %d of the data log is of no response, or of no time: %w", o.Index, err)
	}
	key := survey.Key(o.Ref)
	r := badReview{index: o.Index, place: value("bureau"), at: at, within: within, anonymous: value("anonymous") == "true", proven: b.proven[key], imported: value("channel") == survey.ChannelImported.String()}
	r.beaten = r.imported && b.beaten[key]
	b.book.review(markOf([]byte(value("tag"))), r)
	return nil
}

// step takes in the leaf of a step.
func (b *builder) step(o survey.FactOpening, value func(string) string) error {
	s, calendar, err := readStep(stepText{value("step"), value("no"), value("day"), value("at"), value("outcome"), value("days"), value("level"), value("clock")}, o.Index, b.book.zone)
	if err == nil {
		err = b.book.step(markOf([]byte(value("response"))), s, calendar)
	}
	if err != nil {
		return &leafFault{o.Index, err}
	}
	return nil
}

// cases counts the cases of each bureau, and notes in a document for auditors what they
// need to do the same. beaten is the leaves that do not count.
func (b *builder) cases(ctx context.Context, store Store, d *Document, beaten []dispute) (map[string]survey.CaseTally, error) {
	for _, l := range beaten {
		if r := b.book.reviews[markOf([]byte(l.tag))]; r != nil {
			r.beaten = true
		}
	}
	cal, err := survey.LoadCalendar(ctx, store)
	if err != nil {
		return nil, err
	}
	tallies, unknown, err := b.book.count(cal, d.casesDay())
	if err != nil {
		return nil, fmt.Errorf("the cases cannot be counted: %w", err)
	}
	if b.Audience != Auditor {
		return tallies, nil
	}
	err = store.WaitingOpenings(ctx, func(o survey.FactOpening) error {
		if o.Group == proof.StepGroup(d.Survey.ID) {
			d.OutsideSteps++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.Cases = &CaseBasis{Workdays: workdays(cal), UnknownCalendar: unknown}
	for _, r := range b.book.reviews {
		switch {
		case !r.within:
		case r.imported && r.beaten:
			d.Cases.Beaten = append(d.Cases.Beaten, r.index)
		case r.proven && !r.beaten && !r.anonymous:
			d.Cases.Proven = append(d.Cases.Proven, r.index)
		}
	}
	slices.Sort(d.Cases.Proven)
	slices.Sort(d.Cases.Beaten)
	return tallies, nil
}
