package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"manyi/survey"
)

// debt is what follows from facts: buckets to be counted anew, those of the
// responses and visits of some served cases, and the cases of bad responses.
type debt struct {
	Buckets []bucketID `bson:"buckets"`
	Cases   []caseID   `bson:"cases"`
	Bad     [][]byte   `bson:"bad,omitempty"` // keys
}

// caseID names a case and stage of a survey; it is also the _id of a visit.
type caseID struct {
	Survey string `bson:"survey"`
	Number string `bson:"n"`
	Stage  string `bson:"s"`
}

func (c caseID) ref() survey.CaseRef { return survey.CaseRef{Number: c.Number, Stage: c.Stage} }

// owedDoc is a debt that is not worked off yet.
//
// It is written open, before the facts. When they are in, it is closed with what
// they came to, and the next drain works it off. An entry found open for longer than
// any writer takes belongs to one that died or was held up: it is worked off and
// marked swept, and once more a day later, in case the writer was only stopped.
type owedDoc struct {
	ID    primitive.ObjectID `bson:"_id"`
	At    time.Time          `bson:"at"` // by the server's clock
	Open  bool               `bson:"open"`
	Swept bool               `bson:"swept"`
	Size  int                `bson:"size"` // buckets and cases
	Debt  debt               `bson:",inline"`
}

const (
	sweepAfter  = time.Minute
	forgetAfter = 24 * time.Hour
	drainBatch  = 200
)

// primaryOnly is for writes that the primary alone acknowledges.
var primaryOnly = options.Collection().SetWriteConcern(writeconcern.W1())

func debtOf(docs []responseDoc) (d debt) {
	buckets, cases := map[bucketID]bool{}, map[caseID]bool{}
	for i := range docs {
		r := &docs[i]
		if b := r.bucket(); !buckets[b] {
			buckets[b] = true
			d.Buckets = append(d.Buckets, b)
		}
		if r.owesCase() {
			key := r.key()
			d.Bad = append(d.Bad, key[:])
		}
		if r.Case == nil {
			continue
		}
		if c := (caseID{r.Survey, r.Case.Number, r.Case.Stage}); !cases[c] {
			cases[c] = true
			d.Cases = append(d.Cases, c)
		}
	}
	return d
}

// owe writes an open entry.
func (s *Store) owe(ctx context.Context, d debt) (primitive.ObjectID, error) {
	id := primitive.NewObjectID()
	return id, s.putOwed(ctx, s.db.Collection("owed"), id, d, true)
}

// settle closes an entry. Losing this write is harmless, since the entry would stay
// open and be swept; so it waits for the primary only. But where something was found
// to be there already it waits for the majority, which then has that too: a primary
// that fails may take with it what it alone had, and nobody would send it again.
func (s *Store) settle(ctx context.Context, id primitive.ObjectID, d debt, found bool) error {
	owed := s.db.Collection("owed")
	if !found {
		owed = s.db.Collection("owed", primaryOnly)
	}
	return s.putOwed(ctx, owed, id, d, false)
}

func (s *Store) putOwed(ctx context.Context, c *mongo.Collection, id primitive.ObjectID, d debt, open bool) error {
	_, err := c.UpdateOne(ctx, byID(id), bson.D{
		{Key: "$currentDate", Value: field("at", true)},
		{Key: "$set", Value: bson.D{{Key: "open", Value: open}, {Key: "swept", Value: false}, {Key: "size", Value: len(d.Buckets) + len(d.Cases)},
			{Key: "buckets", Value: d.Buckets}, {Key: "cases", Value: d.Cases}, {Key: "bad", Value: d.Bad}}},
	}, options.Update().SetUpsert(true))
	return err
}

// drain works off what is owed.
func (s *Store) drain(ctx context.Context) error {
	owed := s.db.Collection("owed")
	for {
		now, err := s.now(ctx)
		if err != nil {
			return err
		}
		before := func(ago time.Duration) bson.E {
			return bson.E{Key: "at", Value: bson.D{{Key: "$lt", Value: now.Add(-ago)}}}
		}
		due := bson.A{
			bson.D{{Key: "open", Value: false}},
			bson.D{{Key: "open", Value: true}, {Key: "swept", Value: false}, before(sweepAfter)},
			bson.D{{Key: "open", Value: true}, {Key: "swept", Value: true}, before(forgetAfter)},
		}
		entries, err := all[owedDoc](ctx, owed, field("$or", due), sorted("_id").SetLimit(drainBatch))
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := s.workOff(ctx, entries); err != nil {
			return err
		}
		var done, swept []primitive.ObjectID
		for _, e := range entries {
			if e.Open && !e.Swept {
				swept = append(swept, e.ID)
			} else {
				done = append(done, e.ID)
			}
		}
		// An entry that its writer closed meanwhile is neither, and comes again.
		if len(done) > 0 {
			gone := field("$or", bson.A{bson.D{{Key: "open", Value: false}}, bson.D{{Key: "swept", Value: true}}})
			if _, err := owed.DeleteMany(ctx, append(gone, byID(bson.D{{Key: "$in", Value: done}})...)); err != nil {
				return err
			}
		}
		if len(swept) > 0 {
			_, err := owed.UpdateMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: swept}}}, {Key: "open", Value: true}},
				bson.D{{Key: "$set", Value: field("swept", true)}})
			if err != nil {
				return err
			}
		}
	}
}

// workOff opens the cases the entries are about, and marks every bucket.
func (s *Store) workOff(ctx context.Context, entries []owedDoc) error {
	buckets, cases := map[bucketID]bool{}, map[caseID]bool{}
	var bad [][]byte
	for _, e := range entries {
		bad = append(bad, e.Debt.Bad...)
		for _, b := range e.Debt.Buckets {
			buckets[b] = true
		}
		for _, c := range e.Debt.Cases {
			cases[c] = true
		}
	}
	if err := s.openCases(ctx, bad); err != nil {
		return err
	}
	list := make([]caseID, 0, len(cases))
	for c := range cases {
		list = append(list, c)
	}
	visits, err := s.visitsOf(ctx, list)
	if err != nil {
		return err
	}
	for _, v := range visits {
		buckets[v.bucket()] = true
	}
	rivals, err := s.rivalsOf(ctx, list)
	if err != nil {
		return err
	}
	for _, rs := range rivals {
		for _, r := range rs {
			buckets[r.bucket()] = true
		}
	}
	return s.mark(ctx, buckets)
}

// owing is how many buckets and cases are owed, leaving out what was swept.
func (s *Store) owing(ctx context.Context) (int, error) {
	cursor, err := s.db.Collection("owed").Aggregate(ctx, bson.A{
		bson.D{{Key: "$match", Value: field("swept", false)}},
		bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: nil}, {Key: "n", Value: field("$sum", "$size")}}}},
	})
	if err != nil {
		return 0, err
	}
	var sums []struct {
		N int `bson:"n"`
	}
	err = cursor.All(ctx, &sums)
	if len(sums) == 0 {
		return 0, err
	}
	return sums[0].N, err
}
