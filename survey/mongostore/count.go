package mongostore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"manyi/survey"
)

// Count implements survey.TallyStore.
func (s *Store) Count(ctx context.Context, b survey.Bucket) (t survey.Tally, err error) {
	err = s.do(ctx, fmt.Sprintf("count %s %s", b.Place, b.Span), func() error {
		if b.Finest() {
			t, err = s.countFacts(ctx, b)
		} else {
			t, err = s.sum(ctx, b)
		}
		return err
	})
	return t, err
}

// sum adds up the tallies one step finer; there are thirty, or the windows of a bureau.
func (s *Store) sum(ctx context.Context, b survey.Bucket) (t survey.Tally, err error) {
	below := bson.D{{Key: "_id.survey", Value: b.Survey}}
	between := func(from, to survey.Span) bson.E {
		return bson.E{Key: "_id.span", Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lte", Value: to}}}
	}
	switch {
	case b.Span == survey.Whole:
		below = append(below, bson.E{Key: "_id.kind", Value: survey.Bureau}, between(1, 999999), bson.E{Key: "_id.place", Value: b.Place})
	case b.Span.IsMonth():
		below = append(below, bson.E{Key: "_id.kind", Value: b.Kind}, between(b.Span.FirstDay(), b.Span.LastDay()), bson.E{Key: "_id.place", Value: b.Place})
	default: // a bureau's day
		below = append(below, bson.E{Key: "_id.kind", Value: survey.Window}, between(b.Span, b.Span), bson.E{Key: "_id.place", Value: atOrBelow(b.Place)})
	}
	docs, err := all[bucketDoc](ctx, s.db.Collection("buckets"), below)
	for i := range docs {
		t.Merge(docs[i].Tally.tally(""))
	}
	return t, err
}

// countFacts counts a window's day: responses without a case where they are, since
// each of them counts; those with one after looking at their rivals.
func (s *Store) countFacts(ctx context.Context, b survey.Bucket) (t survey.Tally, err error) {
	here := bson.D{{Key: "survey", Value: b.Survey}, {Key: "window", Value: b.Place}, {Key: "day", Value: b.Span}}
	has := func(yes bool) bson.E { return bson.E{Key: "case", Value: bson.D{{Key: "$exists", Value: yes}}} }
	if err := s.countBare(ctx, append(slices.Clone(here), has(false)), &t); err != nil {
		return t, err
	}
	err = s.list(ctx, append(slices.Clone(here), has(true)), 1, pageRows, func(page []survey.Listed) (bool, error) {
		for i := range page {
			t.Add(page[i])
		}
		return true, nil
	})
	if err != nil {
		return t, err
	}
	visits := bson.D{{Key: "_id.survey", Value: b.Survey}, {Key: "window", Value: b.Place}, {Key: "day", Value: b.Span}}
	return t, pages(ctx, s.db.Collection("visits"), visits, func(v visitDoc) any { return v.ID }, func(page []visitDoc) error {
		cases := make([]caseID, len(page))
		for i, v := range page {
			cases[i] = v.ID
		}
		rivals, err := s.rivalsOf(ctx, cases)
		for _, c := range cases {
			t.AddVisit(len(rivals[c]) > 0)
		}
		return err
	})
}

// nameMark stands before a question's name while it is counted, so that no server
// takes a name that begins with "$" for a field's.
const nameMark = "="

// countBare has the database count responses without a case: one pass, and one
// line for each level, answer and reason of a channel.
func (s *Store) countBare(ctx context.Context, match bson.D, t *survey.Tally) error {
	by := func(id bson.D) bson.D {
		return field("$group", bson.D{{Key: "_id", Value: append(id, bson.E{Key: "c", Value: "$channel"})}, {Key: "n", Value: field("$sum", int64(1))}})
	}
	cursor, err := s.db.Collection("responses").Aggregate(ctx, bson.A{
		field("$match", match),
		field("$facet", bson.D{
			{Key: "levels", Value: bson.A{by(field("v", "$level"))}},
			{Key: "answers", Value: bson.A{field("$unwind", "$answers"), by(bson.D{{Key: "q", Value: field("$concat", bson.A{nameMark, "$answers.q"})}, {Key: "v", Value: "$answers.v"}})}},
			{Key: "reasons", Value: bson.A{field("$unwind", "$reasons"), by(field("v", "$reasons"))}},
		}),
	})
	if err != nil {
		return err
	}
	type line struct {
		ID cellDoc `bson:"_id"`
		N  int64   `bson:"n"`
	}
	var sums []struct{ Levels, Answers, Reasons []line }
	if err := cursor.All(ctx, &sums); err != nil {
		return err
	}
	var counted survey.Tally
	add := func(question string, l line) {
		counted.Cells.Add(survey.Cell{Question: question, Channel: survey.Channel(l.ID.Channel), Tie: survey.TieNone, Value: l.ID.Value}, l.N)
	}
	for _, sum := range sums {
		for _, l := range sum.Levels {
			add(survey.Overall, l)
		}
		for _, l := range sum.Answers {
			add(strings.TrimPrefix(l.ID.Question, nameMark), l)
		}
		for _, l := range sum.Reasons {
			add(survey.ReasonCell, l)
		}
	}
	t.Merge(counted)
	return nil
}
