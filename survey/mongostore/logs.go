package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// leafDoc is a leaf of a log. Its _id is the log and the index, so that two nodes
// cannot put different leaves in one place, and reading in order is reading by _id.
type leafDoc struct {
	ID     string     `bson:"_id"`
	Log    survey.Log `bson:"log"`
	Index  int64      `bson:"n"`
	Hash   []byte     `bson:"hash"`
	Hashes []byte     `bson:"hashes"` // 32 bytes each
}

func leafID(log survey.Log, index int64) string { return fmt.Sprintf("%s/%019d", log, index) }

func (d leafDoc) leaf() (l survey.Leaf) {
	l.Log, l.Index = d.Log, d.Index
	for h := range slices.Chunk(d.Hashes, len(survey.LeafHash{})) {
		l.Hashes = append(l.Hashes, survey.LeafHash(h))
	}
	return l
}

// openingDoc is what opens a leaf. Its _id is kind and ref.
type openingDoc struct {
	ID      []byte          `bson:"_id"`
	Kind    survey.FactKind `bson:"kind"`
	Ref     []byte          `bson:"ref"`
	Group   string          `bson:"group"`
	Hash    []byte          `bson:"hash"`
	Waiting bool            `bson:"waiting,omitempty"`
	Index   *int64          `bson:"n,omitempty"`
	Fields  []byte          `bson:"fields"`
}

func openingID(o survey.FactOpening) []byte { return append([]byte(o.Kind+"/"), o.Ref...) }

func (d openingDoc) opening() survey.FactOpening {
	o := survey.FactOpening{Kind: d.Kind, Ref: d.Ref, Group: d.Group, Index: survey.Waiting, Fields: d.Fields}
	copy(o.Hash[:], d.Hash)
	if d.Index != nil {
		o.Index = *d.Index
	}
	return o
}

type checkpointDoc struct {
	No   int64     `bson:"_id"`
	At   time.Time `bson:"at"`
	Note []byte    `bson:"note"`
}

func (d checkpointDoc) checkpoint() survey.Checkpoint {
	return survey.Checkpoint{No: d.No, At: d.At.UTC(), Note: d.Note}
}

// UnloggedResponses implements survey.LogStore. A response is stored with a mark that
// its receipt is not logged yet.
func (s *Store) UnloggedResponses(ctx context.Context, limit int) (out []survey.Response, err error) {
	err = s.do(ctx, "read responses that are not logged", func() error {
		docs, err := all[responseDoc](ctx, s.db.Collection("responses"), field("unlogged", true), options.Find().SetLimit(int64(limit)))
		for i := range docs {
			r, rerr := docs[i].response()
			if rerr != nil {
				return rerr
			}
			out = append(out, r)
		}
		return err
	})
	return out, err
}

// LoggedResponses implements survey.LogStore.
func (s *Store) LoggedResponses(ctx context.Context, keys []survey.Key) error {
	return s.do(ctx, "settle logged responses", func() error {
		for some := range slices.Chunk(keys, lookUp) {
			var list [][]byte
			for i := range some {
				list = append(list, some[i][:])
			}
			docs, err := s.responsesOf(ctx, list)
			if err != nil {
				return err
			}
			ids := bson.A{}
			for _, d := range docs {
				ids = append(ids, d.ID)
			}
			_, err = s.db.Collection("responses").UpdateMany(ctx, byID(bson.D{{Key: "$in", Value: ids}}), bson.D{{Key: "$unset", Value: field("unlogged", "")}})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// UnloggedVisits implements survey.LogStore. A visit is stored with a mark, as responses are.
func (s *Store) UnloggedVisits(ctx context.Context, limit int) (list []survey.VisitFact, err error) {
	err = s.do(ctx, "read visits that are not logged", func() error {
		docs, err := all[visitDoc](ctx, s.db.Collection("visits"), field("unlogged", true), sorted("_id.survey", "window", "day").SetLimit(int64(limit)))
		for _, d := range docs {
			list = append(list, survey.VisitFact{Survey: d.ID.Survey, Case: d.ID.ref(), Window: d.Window, Day: d.Day, No: d.No})
		}
		return err
	})
	return list, err
}

// LoggedVisits implements survey.LogStore.
func (s *Store) LoggedVisits(ctx context.Context, visits []survey.VisitFact) error {
	if len(visits) == 0 {
		return nil
	}
	return s.do(ctx, "settle logged visits", func() error {
		updates := make([]mongo.WriteModel, len(visits))
		for i, v := range visits {
			updates[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: caseID{v.Survey, v.Case.Number, v.Case.Stage}}, {Key: "no", Value: v.No}}).
				SetUpdate(bson.D{{Key: "$unset", Value: field("unlogged", "")}})
		}
		_, err := s.db.Collection("visits").BulkWrite(ctx, updates, options.BulkWrite().SetOrdered(false))
		return err
	})
}

// AddOpenings implements survey.LogStore.
func (s *Store) AddOpenings(ctx context.Context, list []survey.FactOpening) error {
	return s.do(ctx, "keep openings", func() error {
		if len(list) == 0 {
			return nil
		}
		docs := make([]any, len(list))
		for i, o := range list {
			docs[i] = openingDoc{ID: openingID(o), Kind: o.Kind, Ref: o.Ref, Group: o.Group, Hash: o.Hash[:], Waiting: true, Fields: o.Fields}
		}
		_, err := insertNew(ctx, s.db.Collection("log_openings"), docs)
		return err
	})
}

func (s *Store) openings(ctx context.Context, filter bson.D, order *options.FindOptions, yield func(survey.FactOpening) error) error {
	return s.do(ctx, "read openings", func() error {
		cursor, err := s.db.Collection("log_openings").Find(ctx, filter, order.SetBatchSize(1000))
		if err != nil {
			return err
		}
		defer cursor.Close(ctx)
		for cursor.Next(ctx) {
			var d openingDoc
			if err := cursor.Decode(&d); err != nil {
				return err
			}
			if err := yield(d.opening()); err != nil {
				return err
			}
		}
		return cursor.Err()
	})
}

// WaitingOpenings implements survey.LogStore.
func (s *Store) WaitingOpenings(ctx context.Context, yield func(survey.FactOpening) error) error {
	return s.openings(ctx, field("waiting", true), sorted("group", "hash"), yield)
}

// WaitingHashes implements survey.LogStore.
func (s *Store) WaitingHashes(ctx context.Context, yield func(survey.FactOpening) error) error {
	return s.openings(ctx, field("waiting", true), sorted("group", "hash").SetProjection(field("fields", 0)), yield)
}

// Openings implements survey.LogStore.
func (s *Store) Openings(ctx context.Context, from, to int64, yield func(survey.FactOpening) error) error {
	return s.openings(ctx, field("n", bson.D{{Key: "$gte", Value: from}, {Key: "$lt", Value: to}}), sorted("n"), yield)
}

// PlaceOpenings implements survey.LogStore.
func (s *Store) PlaceOpenings(ctx context.Context, list []survey.FactOpening) error {
	return s.do(ctx, "place openings", func() error {
		var changes []mongo.WriteModel
		for _, o := range list {
			changes = append(changes, mongo.NewUpdateOneModel().SetFilter(byID(openingID(o))).
				SetUpdate(bson.D{{Key: "$set", Value: field("n", o.Index)}, {Key: "$unset", Value: field("waiting", "")}}))
		}
		if len(changes) == 0 {
			return nil
		}
		_, err := s.db.Collection("log_openings").BulkWrite(ctx, changes, options.BulkWrite().SetOrdered(false))
		return err
	})
}

// AppendLeaves implements survey.LogStore. The leaves go in one after the other, and
// the first that finds its place or its hash taken ends it. The leaf before the first
// has to be there: every other then follows one that was just put.
func (s *Store) AppendLeaves(ctx context.Context, leaves []survey.Leaf) error {
	return s.do(ctx, "append to log", func() error {
		if len(leaves) == 0 {
			return nil
		}
		c := s.db.Collection("log_leaves")
		first := leaves[0]
		if first.Index > 0 {
			_, err := one[leafDoc](ctx, c, byID(leafID(first.Log, first.Index-1)))
			if errors.Is(err, mongo.ErrNoDocuments) {
				return survey.ErrExists
			}
			if err != nil {
				return err
			}
		}
		docs := make([]any, len(leaves))
		for i, l := range leaves {
			if l.Index != first.Index+int64(i) || l.Log != first.Log {
				return survey.ErrExists
			}
			var hashes []byte
			for _, h := range l.Hashes {
				hashes = append(hashes, h[:]...)
			}
			docs[i] = leafDoc{ID: leafID(l.Log, l.Index), Log: l.Log, Index: l.Index, Hash: l.Hashes[0][:], Hashes: hashes}
		}
		_, err := c.InsertMany(ctx, docs, options.InsertMany().SetOrdered(true))
		return err
	})
}

// LogSize implements survey.LogStore.
func (s *Store) LogSize(ctx context.Context, log survey.Log) (size int64, err error) {
	err = s.do(ctx, "read size of log", func() error {
		d, err := one[leafDoc](ctx, s.db.Collection("log_leaves"), idsOf(log, 0, maxIndex), options.FindOne().SetSort(field("_id", -1)))
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		size = d.Index + 1
		return err
	})
	return size, err
}

const maxIndex = 1<<63 - 1

func idsOf(log survey.Log, from, to int64) bson.D {
	return byID(bson.D{{Key: "$gte", Value: leafID(log, from)}, {Key: "$lt", Value: leafID(log, to)}})
}

// Leaves implements survey.LogStore.
func (s *Store) Leaves(ctx context.Context, log survey.Log, from, to int64, yield func(survey.Leaf) error) error {
	return s.do(ctx, "read log", func() error {
		cursor, err := s.db.Collection("log_leaves").Find(ctx, idsOf(log, from, to), sorted("_id").SetBatchSize(1000))
		if err != nil {
			return err
		}
		defer cursor.Close(ctx)
		for cursor.Next(ctx) {
			var d leafDoc
			if err := cursor.Decode(&d); err != nil {
				return err
			}
			if err := yield(d.leaf()); err != nil {
				return err
			}
		}
		return cursor.Err()
	})
}

// FindLeaf implements survey.LogStore.
func (s *Store) FindLeaf(ctx context.Context, log survey.Log, hash survey.LeafHash) (l survey.Leaf, err error) {
	err = s.do(ctx, "find leaf", func() error {
		d, err := one[leafDoc](ctx, s.db.Collection("log_leaves"), bson.D{{Key: "log", Value: log}, {Key: "hash", Value: hash[:]}})
		if err == nil {
			l = d.leaf()
		}
		return err
	})
	return l, err
}

// PutCheckpoint implements survey.LogStore.
func (s *Store) PutCheckpoint(ctx context.Context, c survey.Checkpoint) error {
	return s.do(ctx, "store checkpoint", func() error {
		points := s.db.Collection("log_checkpoints")
		if c.No > 1 {
			if _, err := one[checkpointDoc](ctx, points, byID(c.No-1)); err != nil {
				if errors.Is(err, mongo.ErrNoDocuments) {
					err = survey.ErrExists
				}
				return err
			}
		}
		if c.No < 1 {
			return survey.ErrExists
		}
		_, err := points.InsertOne(ctx, checkpointDoc{c.No, c.At, c.Note})
		return err
	})
}

// LastCheckpoint implements survey.LogStore.
func (s *Store) LastCheckpoint(ctx context.Context) (c survey.Checkpoint, err error) {
	err = s.do(ctx, "read checkpoint", func() error {
		d, err := one[checkpointDoc](ctx, s.db.Collection("log_checkpoints"), bson.D{}, options.FindOne().SetSort(field("_id", -1)))
		if err == nil {
			c = d.checkpoint()
		}
		return err
	})
	return c, err
}

// Checkpoints implements survey.LogStore.
func (s *Store) Checkpoints(ctx context.Context, yield func(survey.Checkpoint) error) error {
	return s.do(ctx, "read checkpoints", func() error {
		docs, err := all[checkpointDoc](ctx, s.db.Collection("log_checkpoints"), bson.D{}, sorted("_id"))
		for _, d := range docs {
			if err == nil {
				err = yield(d.checkpoint())
			}
		}
		return err
	})
}
