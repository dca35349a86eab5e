package mongostore

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// Lease implements survey.JobStore.
func (s *Store) Lease(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (fence int64, err error) {
	err = s.do(ctx, "lease job "+job, func() error {
		fence, err = s.lease(ctx, job, holder, now, ttl)
		return err
	})
	return fence, err
}

type leaseDoc struct {
	Fence int64 `bson:"fence"`
}

// lease renews what holder has, or takes what has ended. A lease in somebody
// else's hands fits neither filter, and adding it anew finds its _id taken.
func (s *Store) lease(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (int64, error) {
	leases, until := s.db.Collection("leases"), now.Add(ttl)
	after := options.FindOneAndUpdate().SetReturnDocument(options.After)
	var doc leaseDoc
	err := leases.FindOneAndUpdate(ctx,
		bson.D{{Key: "_id", Value: job}, {Key: "holder", Value: holder}, {Key: "until", Value: bson.D{{Key: "$gt", Value: now}}}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "until", Value: until}}}}, after).Decode(&doc)
	if err == nil || err != mongo.ErrNoDocuments {
		return doc.Fence, err
	}
	err = leases.FindOneAndUpdate(ctx,
		bson.D{{Key: "_id", Value: job}, {Key: "until", Value: bson.D{{Key: "$lte", Value: now}}}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "holder", Value: holder}, {Key: "until", Value: until}}}, {Key: "$inc", Value: bson.D{{Key: "fence", Value: int64(1)}}}},
		after.SetUpsert(true)).Decode(&doc)
	if mongo.IsDuplicateKeyError(err) {
		err = survey.ErrLeaseHeld
	}
	return doc.Fence, err
}

// Release implements survey.JobStore.
func (s *Store) Release(ctx context.Context, job, holder string) error {
	return s.do(ctx, "release job "+job, func() error { return s.release(ctx, job, holder) })
}

// release keeps the document, so that its fence goes on growing.
func (s *Store) release(ctx context.Context, job, holder string) error {
	_, err := s.db.Collection("leases").UpdateOne(ctx, bson.D{{Key: "_id", Value: job}, {Key: "holder", Value: holder}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "holder", Value: ""}, {Key: "until", Value: time.Unix(0, 0)}}}})
	return err
}

type runDoc struct {
	ID       primitive.ObjectID `bson:"_id"`
	Job      string             `bson:"job"`
	Started  time.Time          `bson:"started"`
	Finished time.Time          `bson:"finished"`
	Done     int64              `bson:"done"`
	Error    string             `bson:"error,omitempty"`
}

// keptRuns is how many runs of each job stay on record.
const keptRuns = 500

// AddRun implements survey.JobStore.
func (s *Store) AddRun(ctx context.Context, r survey.Run) error {
	return s.do(ctx, "record run of "+r.Job, func() error {
		runs := s.db.Collection("runs")
		if _, err := runs.InsertOne(ctx, runDoc{primitive.NewObjectID(), r.Job, r.StartedAt, r.FinishedAt, int64(r.Done), r.Error}); err != nil {
			return err
		}
		last, err := one[runDoc](ctx, runs, field("job", r.Job), options.FindOne().SetSort(field("finished", -1)).SetSkip(keptRuns))
		if err == mongo.ErrNoDocuments {
			return nil
		}
		if err == nil {
			_, err = runs.DeleteMany(ctx, bson.D{{Key: "job", Value: r.Job}, {Key: "finished", Value: bson.D{{Key: "$lte", Value: last.Finished}}}})
		}
		return err
	})
}

// LastRuns implements survey.JobStore.
func (s *Store) LastRuns(ctx context.Context) (out []survey.Run, err error) {
	err = s.do(ctx, "read runs", func() error {
		runs := s.db.Collection("runs")
		jobs, err := runs.Distinct(ctx, "job", bson.D{})
		if err != nil {
			return err
		}
		for _, job := range jobs {
			d, err := one[runDoc](ctx, runs, field("job", job), options.FindOne().SetSort(bson.D{{Key: "finished", Value: -1}, {Key: "_id", Value: -1}}))
			if err != nil {
				return err
			}
			out = append(out, survey.Run{Job: d.Job, StartedAt: d.Started.UTC(), FinishedAt: d.Finished.UTC(), Done: int(d.Done), Error: d.Error})
		}
		return nil
	})
	slices.SortFunc(out, func(a, b survey.Run) int { return strings.Compare(a.Job, b.Job) })
	return out, err
}
