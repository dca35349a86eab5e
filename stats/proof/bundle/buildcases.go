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
	counted, err := b.book.count(cal, d.casesDay())
	if err != nil {
		return nil, fmt.Errorf("the cases cannot be counted: %w", err)
	}
	if d.WrongDeadlines = int64(len(counted.wrong)); d.WrongDeadlines != b.WrongDeadlines {
		return nil, &WrongDeadlines{counted.wrong, b.WrongDeadlines}
	}
	if b.Audience != Auditor {
		return counted.tallies, nil
	}
	err = store.WaitingHashes(ctx, func(o survey.FactOpening) error {
		if o.Group == proof.StepGroup(d.Survey.ID) {
			d.OutsideSteps++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.Cases = &CaseBasis{Workdays: workdays(cal), UnknownCalendar: counted.unknown}
	for _, w := range counted.wrong {
		d.Cases.WrongDeadlines = append(d.Cases.WrongDeadlines, w.index)
	}
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
	return counted.tallies, nil
}

// WrongDeadlines is the error that steps in the log set other deadlines than the rules
// give, and another number of them was to be published.
type WrongDeadlines struct {
	wrong    []*leafFault
	accepted int64
}

func (e *WrongDeadlines) Error() string {
	if len(e.wrong) == 0 {
		return fmt.Sprintf("the deadlines of all steps in the log are those that the rules give, and %d others were to be named", e.accepted)
	}
	return fmt.Sprintf("the cases cannot be counted by the deadlines in the log: of %d steps they are not those that the rules give, and %d were to be named; the first is %v. "+
		"What is in the log stays there: find out who set them", len(e.wrong), e.accepted, e.wrong[0])
}
