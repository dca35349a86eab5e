package mongostore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// migrations bring the database from one version of the schema to the next; the
// version is their number. Each may be cut short and run again.
var migrations = []func(ctx context.Context, s *Store) error{
	func(ctx context.Context, s *Store) error {
		if err := s.makeIndexes(ctx); err != nil {
			return err
		}
		_, err := s.db.Collection("state").UpdateOne(ctx, byID("rolled"),
			bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "fence", Value: int64(0)}}}}, options.Update().SetUpsert(true))
		return err
	},
	func(ctx context.Context, s *Store) error {
		if err := s.makeIndexes(ctx); err != nil {
			return err
		}
		if err := s.setDeadlines(ctx); err != nil {
			return err
		}
		return pages(ctx, s.db.Collection("responses"), field("level", bson.D{{Key: "$gte", Value: int(survey.Dissatisfied)}}),
			func(d responseDoc) any { return d.ID }, func(page []responseDoc) error { return s.addCases(ctx, page) })
	},
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of deliveries
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of contacts, proofs and sends
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of messages
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of cases with originals
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of quality
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of evaluations
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of visits to invite
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of inbound
	func(ctx context.Context, s *Store) error { // of the logs, which no response is in yet
		if err := s.makeIndexes(ctx); err != nil {
			return err
		}
		_, err := s.db.Collection("responses").UpdateMany(ctx, bson.D{}, bson.D{{Key: "$set", Value: field("unlogged", true)}})
		return err
	},
	func(context.Context, *Store) error { return nil },                      // sheets in responses, which earlier versions would lose
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of publications
	func(context.Context, *Store) error { return nil },                      // interviews in responses, which earlier versions would lose
	func(ctx context.Context, s *Store) error { // of visits in the log, which none is in yet
		if err := s.makeIndexes(ctx); err != nil {
			return err
		}
		_, err := s.db.Collection("visits").UpdateMany(ctx, field("no", bson.D{{Key: "$exists", Value: false}}),
			bson.D{{Key: "$set", Value: bson.D{{Key: "no", Value: 1}, {Key: "unlogged", Value: true}}}})
		return err
	},
	func(ctx context.Context, s *Store) error { return s.makeIndexes(ctx) }, // of rechecks
}

// setDeadlines gives surveys from before there were cases the deadlines of the closed loop.
func (s *Store) setDeadlines(ctx context.Context) error {
	docs, err := all[surveyDoc](ctx, s.db.Collection("surveys"), bson.D{})
	for _, d := range docs {
		v, err := d.survey()
		if err != nil {
			return err
		}
		if v.Rules.Deadlines != (survey.Deadlines{}) {
			continue
		}
		v.Rules.Deadlines = survey.DefaultDeadlines()
		next, err := surveyDocOf(v, d.Rev+1)
		if err != nil {
			return err
		}
		if _, err := s.db.Collection("surveys").ReplaceOne(ctx, bson.D{{Key: "_id", Value: d.ID}, {Key: "rev", Value: d.Rev}}, next); err != nil {
			return err
		}
	}
	return err
}

// indexes are all there are besides those on _id. TestIndexesAreUsed lists the
// queries each is for.
var indexes = map[string][]mongo.IndexModel{
	"responses": {
		index("order", "survey", "at", "_id"),
		index("bucket", "survey", "window", "day"),
		partial(index("case", "case.n", "case.s", "survey"), "case"),
		partial(index("texts", "survey", "window", "at"), "comment"),
		partial(index("unlogged", "unlogged"), "unlogged"),
	},
	"contacts": {partial(index("follow", "follow"), "follow")},
	"proofs":   {partial(index("owed", "owed"), "owed"), index("expires", "expires")},
	"sends":    {index("name", "name", "at"), index("at", "at")},
	"visits": {index("bucket", "_id.survey", "window", "day"), partial(index("invite", "_id.survey", "invite"), "invite"),
		partial(index("unlogged", "_id.survey", "window", "day"), "unlogged")},
	"inbound":   {partial(index("due", "due", "at", "_id"), "due"), index("phone", "phone", "at"), index("at", "at", "_id")},
	"buckets":   {index("span", "_id.survey", "_id.kind", "_id.span", "_id.place"), partial(index("due", "due"), "due")},
	"codes":     {index("window", "survey", "window", "issued")},
	"tokens":    {index("name", "name")},
	"sessions":  {index("expires", "expires")},
	"failures":  {index("name", "name", "at"), index("at", "at")},
	"runs":      {index("job", "job", "finished")},
	"list_rows": {index("list", "list")},
	"cases": {
		index("next", "survey", "next", "_id"),
		index("bureau", "survey", "bureau", "next", "_id"),
		partial(index("owed", "owed", "at", "_id"), "owed"),
		partial(index("pending", "pending"), "pending"),
		partial(index("number", "number"), "number"),
		partial(index("follow", "follow"), "follow"),
		partial(index("sealed", "sealed", "_id"), "sealed"),
	},
	"deliveries": {index("due", "channel", "state", "at", "_id"), index("ended", "state", "at")},
	"messages": {
		partial(index("due", "lane", "at", "_id"), "lane"),
		index("phone", "phone", "kind", "made", "_id"),
		index("count", "survey", "kind", "state", "reason", "is_answered"),
	},
	"quality":    {index("day", "_id.day", "_id.bureau", "_id.survey")},
	"log_leaves": {unique(index("hash", "log", "hash"))},
	"log_openings": {
		partial(index("waiting", "waiting", "group", "hash"), "waiting"),
		partial(index("n", "n"), "n"),
	},
	"case_sheets":  {index("latest", "_id.survey", "_id.as_of", "_id.no")},
	"evaluations":  {index("bureau", "_id.survey", "_id.bureau", "_id.evaluator")},
	"rechecks":     {index("survey", "survey", "_id")},
	"publications": {index("order", "_id.source", "_id.survey", "_id.period", "_id.no")},
}

func index(name string, fields ...string) mongo.IndexModel {
	var keys bson.D
	for _, f := range fields {
		keys = append(keys, bson.E{Key: f, Value: 1})
	}
	return mongo.IndexModel{Keys: keys, Options: options.Index().SetName(name)}
}

// unique lets no two documents have the same values.
func unique(m mongo.IndexModel) mongo.IndexModel {
	m.Options.SetUnique(true)
	return m
}

// partial leaves out documents without a field.
func partial(m mongo.IndexModel, field string) mongo.IndexModel {
	m.Options.SetPartialFilterExpression(bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}})
	return m
}

// indexWithin is how long the indexes may take on a database that is full already.
const indexWithin = time.Hour

func (s *Store) makeIndexes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, indexWithin)
	defer cancel()
	for collection, models := range indexes {
		if _, err := s.db.Collection(collection).Indexes().CreateMany(ctx, models); err != nil {
			return fmt.Errorf("indexes of %s: %w", collection, err)
		}
	}
	return nil
}

// migrate runs the migrations that are missing. Of several nodes one does; the
// others wait for it.
func (s *Store) migrate(ctx context.Context) error {
	const ttl = 15 * time.Second
	holder := rand.Text()
	for {
		version, err := s.version(ctx)
		switch {
		case err != nil:
			return err
		case version > len(migrations):
			return survey.ErrNewer
		case version == len(migrations):
			return nil
		}
		now, err := s.now(ctx)
		if err != nil {
			return err
		}
		_, err = s.lease(ctx, "migrate", holder, now, ttl)
		if errors.Is(err, survey.ErrLeaseHeld) {
			select {
			case <-time.After(ttl / 50):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err != nil {
			return err
		}
		// A migration that outlives the lease may meet another run of itself; each can.
		err = migrations[version](ctx, s)
		if err == nil {
			_, err = s.db.Collection("state").UpdateOne(ctx, byID("schema"),
				bson.D{{Key: "$max", Value: bson.D{{Key: "version", Value: version + 1}}}}, options.Update().SetUpsert(true))
		}
		if rerr := s.release(ctx, "migrate", holder); err == nil {
			err = rerr
		}
		if err != nil {
			return err
		}
	}
}

func (s *Store) version(ctx context.Context) (int, error) {
	schema, err := one[struct {
		Version int `bson:"version"`
	}](ctx, s.db.Collection("state"), byID("schema"))
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = nil
	}
	return schema.Version, err
}
