package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// Cases implements survey.CaseStore.
func (s *Store) Cases(ctx context.Context, q survey.CaseQuery, yield func(survey.Case) error) error {
	give := func(found []survey.Case, err error) error {
		for i := 0; err == nil && i < len(found); i++ {
			err = yield(found[i])
		}
		return err
	}
	return s.do(ctx, "read cases", func() error {
		filter := caseFilter(q)
		if q.Limit == 0 {
			return pages(ctx, s.db.Collection("cases"), filter, func(d badDoc) any { return d.Key }, func(page []badDoc) error {
				return give(s.fillCases(ctx, page))
			})
		}
		beyond := bson.A{bson.D{{Key: "next", Value: bson.D{{Key: "$gt", Value: q.After.Next}}}},
			bson.D{{Key: "next", Value: q.After.Next}, {Key: "_id", Value: bson.D{{Key: "$gt", Value: q.After.Key[:]}}}}}
		filter = append(filter, bson.E{Key: "next", Value: bson.D{{Key: "$gte", Value: q.After.Next}}}, bson.E{Key: "$or", Value: beyond})
		if q.Before != 0 { // beside the bound on next above
			filter = bson.D{{Key: "$and", Value: bson.A{filter, overdue(q.Before)}}}
		}
		return give(s.findCases(ctx, filter, options.Find().SetSort(bson.D{{Key: "next", Value: 1}, {Key: "_id", Value: 1}}).SetLimit(int64(q.Limit))))
	})
}

func overdue(before survey.Span) bson.D {
	return field("next", bson.D{{Key: "$gt", Value: 0}, {Key: "$lt", Value: before}})
}

func caseFilter(q survey.CaseQuery) bson.D {
	filter := bson.D{}
	is := func(name string, value any) { filter = append(filter, bson.E{Key: name, Value: value}) }
	if q.Survey != "" {
		is("survey", q.Survey)
	}
	if bureau := survey.BureauOf(q.Place); bureau != "" {
		is("bureau", bureau)
	}
	if q.Place != "" {
		is("path", q.Place)
	}
	days := bson.D{}
	if q.From != 0 {
		days = append(days, bson.E{Key: "$gte", Value: q.From})
	}
	if q.To != 0 {
		days = append(days, bson.E{Key: "$lte", Value: q.To})
	}
	if len(days) > 0 {
		is("day", days)
	}
	if len(q.States) > 0 {
		is("state", bson.D{{Key: "$in", Value: q.States}})
	}
	if q.Marks != 0 {
		is("marks", bson.D{{Key: "$in", Value: survey.CaseMarksWith(q.Marks)}})
	}
	var besides bson.A // other bounds on the same fields
	if q.Since != 0 {
		besides = append(besides, field("next", bson.D{{Key: "$gte", Value: q.Since}}))
	}
	if q.Unnamed != 0 {
		besides = append(besides, field("$or", bson.A{
			field("marks", bson.D{{Key: "$nin", Value: survey.CaseMarksWith(survey.MarkUnnamed)}}),
			field("day", bson.D{{Key: "$lt", Value: q.Unnamed}}),
		}))
	}
	if besides != nil {
		is("$and", besides)
	}
	if q.Before != 0 && q.Limit == 0 {
		filter = append(filter, overdue(q.Before)...)
	}
	if q.Pending {
		is("pending", true)
	}
	if q.Number != "" {
		is("number", q.Number)
	}
	return filter
}

// CaseLoads implements survey.CaseStore.
func (s *Store) CaseLoads(ctx context.Context, q survey.CaseQuery, today survey.Span) (out []survey.CaseLoad, err error) {
	err = s.do(ctx, "count cases", func() error {
		late := bson.D{{Key: "$and", Value: bson.A{bson.D{{Key: "$gt", Value: bson.A{"$next", 0}}}, bson.D{{Key: "$lt", Value: bson.A{"$next", today}}}}}}
		cursor, err := s.db.Collection("cases").Aggregate(ctx, bson.A{
			bson.D{{Key: "$match", Value: caseFilter(q)}},
			bson.D{{Key: "$group", Value: bson.D{
				{Key: "_id", Value: bson.D{{Key: "bureau", Value: "$bureau"}, {Key: "state", Value: "$state"}, {Key: "marks", Value: "$marks"}, {Key: "late", Value: late}}},
				{Key: "n", Value: field("$sum", 1)}}}},
		})
		if err != nil {
			return err
		}
		var rows []struct {
			ID struct {
				Bureau string           `bson:"bureau"`
				State  survey.CaseState `bson:"state"`
				Marks  int64            `bson:"marks"`
				Late   bool             `bson:"late"`
			} `bson:"_id"`
			N int64 `bson:"n"`
		}
		err = cursor.All(ctx, &rows)
		for _, r := range rows {
			out = append(out, survey.CaseLoad{Bureau: r.ID.Bureau, State: r.ID.State, Marks: survey.CaseMarks(r.ID.Marks), Overdue: r.ID.Late, N: r.N})
		}
		return err
	})
	return out, err
}

// CasesDue implements survey.CaseStore.
func (s *Store) CasesDue(ctx context.Context, q survey.CaseQuery) (map[survey.Span]int64, error) {
	out := map[survey.Span]int64{}
	err := s.do(ctx, "count cases that are due", func() error {
		cursor, err := s.db.Collection("cases").Aggregate(ctx, bson.A{
			bson.D{{Key: "$match", Value: caseFilter(q)}},
			bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$next"}, {Key: "n", Value: field("$sum", 1)}}}},
		})
		if err != nil {
			return err
		}
		var rows []struct {
			Day survey.Span `bson:"_id"`
			N   int64       `bson:"n"`
		}
		err = cursor.All(ctx, &rows)
		for _, r := range rows {
			out[r.Day] = r.N
		}
		return err
	})
	return out, err
}
