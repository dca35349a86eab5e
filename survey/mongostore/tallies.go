package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// bucketID names a bucket.
type bucketID struct {
	Survey string      `bson:"survey"`
	Kind   survey.Kind `bson:"kind"`
	Span   survey.Span `bson:"span"`
	Place  string      `bson:"place"`
}

func idOf(b survey.Bucket) bucketID { return bucketID{b.Survey, b.Kind, b.Span, b.Place} }

func (id bucketID) bucket() survey.Bucket {
	return survey.Bucket{Survey: id.Survey, Place: id.Place, Kind: id.Kind, Span: id.Span}
}

// bucketDoc is a bucket's mark and its tally.
type bucketDoc struct {
	ID  bucketID `bson:"_id"`
	Gen int64    `bson:"gen"`           // grows with each marking
	Due *int     `bson:"due,omitempty"` // the step of the roll-up that is to count it; absent unless marked

	Tally tallyDoc `bson:",inline"`
}

// tallyDoc is a tally and what it was counted at.
type tallyDoc struct {
	Counted    int64     `bson:"counted"` // the gen; 0 if it never was
	Fence      int64     `bson:"fence"`   // of the lease it was counted under
	Served     int64     `bson:"served,omitempty"`
	Rated      int64     `bson:"rated,omitempty"`
	Superseded int64     `bson:"superseded,omitempty"`
	Overall    []cellDoc `bson:"overall,omitempty"` // the cells most readers want
	Others     []cellDoc `bson:"others,omitempty"`
}

type cellDoc struct {
	Question string `bson:"q,omitempty"`
	Channel  int    `bson:"c"`
	Tie      int    `bson:"t"`
	Value    int    `bson:"v"`
	N        int64  `bson:"n"`
}

func tallyDocOf(t survey.Tally, gen, fence int64) tallyDoc {
	d := tallyDoc{Counted: gen, Fence: fence, Served: t.Served, Rated: t.Rated, Superseded: t.Superseded}
	for _, c := range t.Cells {
		cell := cellDoc{c.Question, int(c.Channel), int(c.Tie), c.Value, c.N}
		if c.Question == survey.Overall {
			cell.Question = ""
			d.Overall = append(d.Overall, cell)
		} else {
			d.Others = append(d.Others, cell)
		}
	}
	return d
}

// tally is the counts of one question, or of all if it is empty.
func (d *tallyDoc) tally(question string) survey.Tally {
	t := survey.Tally{Served: d.Served, Rated: d.Rated, Superseded: d.Superseded}
	add := func(name string, c cellDoc) {
		if question == "" || question == name {
			t.Cells.Add(survey.Cell{Question: name, Channel: survey.Channel(c.Channel), Tie: survey.Tie(c.Tie), Value: c.Value}, c.N)
		}
	}
	for _, c := range d.Overall {
		add(survey.Overall, c)
	}
	for _, c := range d.Others {
		add(c.Question, c)
	}
	return t
}

// mark marks buckets for counting. Two who mark a new bucket at once may both try
// to add it; the one who finds it there tries again.
func (s *Store) mark(ctx context.Context, buckets map[bucketID]bool) error {
	if len(buckets) == 0 {
		return nil
	}
	models := make([]mongo.WriteModel, 0, len(buckets))
	for id := range buckets {
		models = append(models, mongo.NewUpdateOneModel().SetFilter(byID(id)).SetUpsert(true).SetUpdate(bson.D{
			{Key: "$inc", Value: field("gen", int64(1))},
			{Key: "$set", Value: field("due", int(id.bucket().Step()))},
			{Key: "$setOnInsert", Value: bson.D{{Key: "counted", Value: int64(0)}, {Key: "fence", Value: int64(0)}}},
		}))
	}
	for {
		_, err := s.db.Collection("buckets").BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		var bulk mongo.BulkWriteException
		if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
			return err
		}
		again := make([]mongo.WriteModel, 0, len(bulk.WriteErrors))
		for _, e := range bulk.WriteErrors {
			if !mongo.IsDuplicateKeyError(e.WriteError) {
				return err
			}
			again = append(again, models[e.Index])
		}
		models = again
	}
}

// Marks implements survey.TallyStore. What is owed is worked off first: it is here
// that marks are asked for.
func (s *Store) Marks(ctx context.Context, step survey.Step, limit int) (out []survey.Mark, err error) {
	err = s.do(ctx, "read marks", func() error {
		if step == survey.StepFacts {
			if err := s.finishLists(ctx); err != nil {
				return err
			}
			if err := s.drain(ctx); err != nil {
				return err
			}
		}
		docs, err := all[bucketDoc](ctx, s.db.Collection("buckets"), field("due", int(step)),
			options.Find().SetLimit(int64(limit)).SetProjection(field("gen", 1)))
		for _, d := range docs {
			out = append(out, survey.Mark{Bucket: d.ID.bucket(), Gen: d.Gen})
		}
		return err
	})
	return out, err
}

// PutTallies implements survey.TallyStore. The fence is checked twice: for the call
// as a whole, and in each bucket for what a call does that is held up in between.
// Such a call can still store a count where the new holder has not been yet. It
// does no harm: the bucket's gen says that no fact was owed since the count.
func (s *Store) PutTallies(ctx context.Context, fence int64, counted []survey.CountedBucket, now time.Time) error {
	return s.do(ctx, "store tallies", func() error {
		state := s.db.Collection("state")
		raised, err := state.UpdateOne(ctx, bson.D{{Key: "_id", Value: "rolled"}, {Key: "fence", Value: bson.D{{Key: "$lte", Value: fence}}}},
			bson.D{{Key: "$set", Value: field("fence", fence)}})
		if err != nil {
			return err
		}
		if raised.MatchedCount == 0 {
			return survey.ErrFenced
		}
		stored, err := s.putTallies(ctx, fence, counted)
		if err != nil || len(stored) == 0 {
			return err
		}
		parents := map[bucketID]bool{}
		for _, m := range stored {
			for _, p := range m.Parents() {
				parents[idOf(p)] = true
			}
		}
		if err := s.mark(ctx, parents); err != nil {
			return err
		}
		if _, err := state.UpdateOne(ctx, byID("rolled"), bson.D{{Key: "$set", Value: field("at", now)}}); err != nil {
			return err
		}
		return s.unmark(ctx, stored)
	})
}

// putTallies stores the counts that are not older than what is stored, and returns
// the marks of those.
func (s *Store) putTallies(ctx context.Context, fence int64, counted []survey.CountedBucket) ([]survey.Mark, error) {
	if len(counted) == 0 {
		return nil, nil
	}
	buckets := s.db.Collection("buckets")
	models := make([]mongo.WriteModel, len(counted))
	marks := make([]survey.Mark, len(counted))
	ids := make([]bucketID, len(counted))
	for i, c := range counted {
		gen := c.Mark.Gen
		marks[i], ids[i] = c.Mark, idOf(c.Mark.Bucket)
		atMost := func(n int64) bson.D { return bson.D{{Key: "$lte", Value: n}} }
		models[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{
			{Key: "_id", Value: ids[i]},
			{Key: "due", Value: int(c.Mark.Step())},
			{Key: "fence", Value: atMost(fence)},
			{Key: "$or", Value: bson.A{
				bson.D{{Key: "gen", Value: gen}, {Key: "counted", Value: atMost(gen)}},
				bson.D{{Key: "gen", Value: bson.D{{Key: "$gt", Value: gen}}}, {Key: "counted", Value: atMost(gen - 1)}}, // facts have overtaken it, yet it is the best there is
			}},
		}).SetUpdate(setTally(tallyDocOf(c.Tally, gen, fence)))
	}
	done, err := buckets.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	if err != nil || done.MatchedCount == int64(len(models)) {
		return marks, err
	}
	docs, err := all[bucketDoc](ctx, buckets, byID(bson.D{{Key: "$in", Value: ids}}), options.Find().SetProjection(bson.D{{Key: "counted", Value: 1}, {Key: "due", Value: 1}}))
	stored := map[bucketID]int64{}
	for _, d := range docs {
		if d.Due != nil {
			stored[d.ID] = d.Tally.Counted
		}
	}
	return slices.DeleteFunc(marks, func(m survey.Mark) bool { return stored[idOf(m.Bucket)] != m.Gen }), err
}

// setTally replaces a tally as a whole.
func setTally(d tallyDoc) bson.D {
	set := bson.D{{Key: "counted", Value: d.Counted}, {Key: "fence", Value: d.Fence},
		{Key: "served", Value: d.Served}, {Key: "rated", Value: d.Rated}, {Key: "superseded", Value: d.Superseded},
		{Key: "overall", Value: d.Overall}, {Key: "others", Value: d.Others}}
	return bson.D{{Key: "$set", Value: set}}
}

// unmark takes marks away where no newer one was set.
func (s *Store) unmark(ctx context.Context, marks []survey.Mark) error {
	models := make([]mongo.WriteModel, len(marks))
	for i, m := range marks {
		models[i] = mongo.NewUpdateOneModel().
			SetFilter(bson.D{{Key: "_id", Value: idOf(m.Bucket)}, {Key: "gen", Value: m.Gen}, {Key: "counted", Value: m.Gen}}).
			SetUpdate(bson.D{{Key: "$unset", Value: field("due", "")}})
	}
	_, err := s.db.Collection("buckets").BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	return err
}

// SumTallies implements survey.TallyStore.
func (s *Store) SumTallies(ctx context.Context, q survey.TallyQuery, into func(survey.Bucket) *survey.Tally) error {
	return s.Tallies(ctx, q, func(b survey.Bucket, t survey.Tally) error {
		if sum := into(b); sum != nil {
			sum.Merge(t)
		}
		return nil
	})
}

// Tallies implements survey.TallyStore.
func (s *Store) Tallies(ctx context.Context, q survey.TallyQuery, yield func(survey.Bucket, survey.Tally) error) error {
	return s.do(ctx, "read tallies", func() error {
		filter := bson.D{{Key: "_id.survey", Value: q.Survey}, {Key: "_id.kind", Value: q.Kind},
			{Key: "_id.span", Value: bson.D{{Key: "$gte", Value: q.From}, {Key: "$lte", Value: q.To}}},
			{Key: "counted", Value: bson.D{{Key: "$gt", Value: 0}}}}
		if q.Place != "" {
			filter = append(filter, bson.E{Key: "_id.place", Value: atOrBelow(q.Place)})
		}
		hidden := bson.D{{Key: "gen", Value: 0}, {Key: "due", Value: 0}}
		if q.Question == survey.Overall || q.Question == survey.NoQuestion {
			hidden = append(hidden, bson.E{Key: "others", Value: 0})
		}
		if q.Question == survey.NoQuestion {
			hidden = append(hidden, bson.E{Key: "overall", Value: 0})
		}
		cursor, err := s.db.Collection("buckets").Find(ctx, filter, options.Find().SetProjection(hidden).SetBatchSize(1000))
		if err != nil {
			return err
		}
		defer cursor.Close(ctx)
		for cursor.Next(ctx) {
			var d bucketDoc
			if err := cursor.Decode(&d); err != nil {
				return err
			}
			if err := yield(d.ID.bucket(), d.Tally.tally(q.Question)); err != nil {
				return err
			}
		}
		return cursor.Err()
	})
}

// Rolled implements survey.TallyStore.
func (s *Store) Rolled(ctx context.Context) (marked int, last time.Time, err error) {
	err = s.do(ctx, "read the state of the roll-up", func() error {
		owing, err := s.owing(ctx)
		if err != nil {
			return err
		}
		due, err := s.db.Collection("buckets").CountDocuments(ctx, field("due", bson.D{{Key: "$exists", Value: true}}))
		if err != nil {
			return err
		}
		marked = owing + int(due)
		state, err := one[struct {
			At time.Time `bson:"at"`
		}](ctx, s.db.Collection("state"), byID("rolled"))
		last = state.At.UTC()
		return err
	})
	return marked, last, err
}
