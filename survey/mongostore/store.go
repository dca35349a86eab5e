// Package mongostore is the engine for several nodes: MongoDB, from version 5.0 on,
// through the official driver.
//
// Every write is acknowledged by a majority of the replica set, so that what was
// acknowledged outlives the loss of a member, and what is read was acknowledged.
// There are no transactions over several documents. Each operation is safe without:
//
//   - Responses are facts: inserted once, under an _id that is the form's key, which
//     cannot repeat. Another answer from the same form finds the _id taken and is
//     stored under its whole key, flagged. Sending a group again changes nothing.
//   - What follows from facts (buckets to be counted anew) is owed: an entry in
//     "owed" is written before the facts, and worked off after them. An entry whose
//     writer died is worked off all the same. Working one off twice does no harm.
//   - The case of a bad response is owed in the same way. It is one document with all
//     its entries, and an entry is added only if their number is still what was seen.
//   - A bucket's mark and its tally are one document, so both change in one step,
//     and only if the bucket was not counted later meanwhile. Its parents are marked
//     before its mark is taken away: cut anywhere, it is counted again.
//   - A list of visits is laid down, then accepted by one insert, then applied visit
//     by visit, each by compare-and-set with the list's number. An accepted list
//     whose writer died is applied by whoever comes next.
//   - Places are written beside the old ones and taken up by one compare-and-set.
//   - A photo is one document under the hash of its content, put by one insert: it is
//     there whole or not at all, and whoever puts it again finds the _id taken. As kept
//     it is below 5 MB, and a document may have 16 MB. GridFS would cut it into
//     pieces and a head, so that a writer that died in between leaves a torso which the
//     next has to notice, take away and write anew beside others who do the same.
//   - A text message is one document with all that happened to it. Whatever changes it
//     replaces only the one it was made from, so of two who claim it one does, and no
//     report is written over. One that nobody noted stays claimed until its time is over.
//   - An evaluation is one document with all its entries, added to like a case. Scores
//     made elsewhere are several: all are looked at first, then each is added to. A writer
//     that dies in between leaves some out, which the same import adds.
//   - A leaf of a log is one document under the log and its index, and a checkpoint one
//     under its number, each put by one insert: of two nodes that append at once one
//     finds the place taken. What opens a leaf is put before it, and finds out its
//     index after it, by its hash.
//   - A publication is one document under its id, put by one insert and never changed.
//     One made here needs the one before it, which is never removed.
//   - Surveys, codes, accounts, leases, pins, reports, instruments and assignments are
//     one document each.
package mongostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/x/mongo/driver/connstring"

	"manyi/survey"
)

// Store implements survey.Store.
type Store struct {
	client *mongo.Client
	db     *mongo.Database
	check  func(ctx context.Context, s *Store) error

	preparing sync.Mutex  // held by Ready
	ready     atomic.Bool // the database was found fit and this node to belong to it
}

var _ survey.Store = (*Store)(nil)

const (
	// openWithin bounds the first contact: an operator waits for its outcome.
	openWithin = 10 * time.Second
	// answerWithin bounds an operation whose caller set no deadline.
	answerWithin = 15 * time.Second
	// DefaultDatabase is used if the URI names none.
	DefaultDatabase = "manyi"
)

// Open connects, and prepares the database if need be.
func Open(ctx context.Context, uri string) (*Store, error) {
	s, err := Lazy(uri, nil)
	if err != nil {
		return nil, err
	}
	if err := s.Ready(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Lazy makes a store without contact. All it does is survey.ErrUnavailable until
// [Store.Ready] succeeded once. check, if not nil, is part of that: it may use the
// store, and says whether this node belongs to the database.
func Lazy(uri string, check func(ctx context.Context, s *Store) error) (*Store, error) {
	parsed, err := connstring.ParseAndValidate(uri)
	if err != nil {
		return nil, fmt.Errorf("MONGODB_URI is not a MongoDB connection string (want mongodb://user:password@host1,host2/database?replicaSet=name): %s", without(err.Error(), uri))
	}
	opts := options.Client().ApplyURI(uri).SetAppName("manyi").
		SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary())
	if opts.ServerSelectionTimeout == nil {
		opts.SetServerSelectionTimeout(openWithin / 2)
	}
	if opts.Timeout == nil {
		opts.SetTimeout(answerWithin)
	}
	client, err := mongo.Connect(context.Background(), opts)
	if err != nil {
		return nil, fmt.Errorf("MONGODB_URI: %s", without(err.Error(), uri, parsed.Password))
	}
	name := parsed.Database
	if name == "" {
		name = DefaultDatabase
	}
	return &Store{client: client, db: client.Database(name), check: check}, nil
}

// Ready finds out whether the database can be used, and brings its schema up to
// date. Once it has succeeded it costs nothing. An error says what to do about it;
// it is survey.ErrUnavailable if trying again may help.
func (s *Store) Ready(ctx context.Context) error {
	if s.ready.Load() {
		return nil
	}
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.ready.Load() {
		return nil
	}
	if err := s.contact(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("prepare the MongoDB database: %w", translate(err))
	}
	if s.check != nil {
		within := &Store{client: s.client, db: s.db}
		within.ready.Store(true)
		if err := s.check(ctx, within); err != nil {
			return err
		}
	}
	s.ready.Store(true)
	return nil
}

// contact finds a primary of a version that will do.
func (s *Store) contact(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	var built struct {
		Version string `bson:"version"`
		Array   []int  `bson:"versionArray"`
	}
	if err := s.db.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&built); err != nil {
		return explain(err)
	}
	if len(built.Array) == 0 || built.Array[0] < oldestMajor {
		return fmt.Errorf("MongoDB at MONGODB_URI is version %s: upgrade it to %d.0 or later", built.Version, oldestMajor)
	}
	// Only a command that signs in shows that the password is right.
	return explain(s.db.Collection("state").FindOne(ctx, bson.D{}).Err())
}

const oldestMajor = 5

// do runs one operation of the contract: not before the store is ready, with
// errors translated and named after the operation.
func (s *Store) do(ctx context.Context, operation string, f func() error) error {
	err := ctx.Err()
	if err == nil && !s.ready.Load() {
		err = fmt.Errorf("%w: no contact with MongoDB yet", survey.ErrUnavailable)
	}
	if err == nil {
		err = translate(f())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}

// Ping implements survey.Store.
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, "ping", func() error { return s.client.Ping(ctx, nil) })
}

// Close ends all connections.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// Now implements survey.JobStore: the primary's clock is the store's.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.do(ctx, "read the database's clock", func() error {
		now, err = s.now(ctx)
		return err
	})
	return now, err
}

func (s *Store) now(ctx context.Context) (time.Time, error) {
	var reply struct {
		LocalTime time.Time `bson:"localTime"`
	}
	err := s.db.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&reply)
	if code(err) == commandNotFound {
		err = s.db.RunCommand(ctx, bson.D{{Key: "isMaster", Value: 1}}).Decode(&reply)
	}
	if err == nil && reply.LocalTime.IsZero() {
		err = errors.New("the database does not tell the time")
	}
	return reply.LocalTime.UTC(), err
}

// all reads every document of a query.
func all[T any](ctx context.Context, c *mongo.Collection, filter any, opts ...*options.FindOptions) (docs []T, err error) {
	cursor, err := c.Find(ctx, filter, opts...)
	if err != nil {
		return nil, err
	}
	err = cursor.All(ctx, &docs)
	return docs, err
}

// one reads the first document of a query.
func one[T any](ctx context.Context, c *mongo.Collection, filter any, opts ...*options.FindOneOptions) (doc T, err error) {
	err = c.FindOne(ctx, filter, opts...).Decode(&doc)
	return doc, err
}

// put replaces the document with an _id, or adds it.
func put(ctx context.Context, c *mongo.Collection, id, doc any) error {
	_, err := c.ReplaceOne(ctx, byID(id), doc, options.Replace().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) { // two added it at once, and one of them may still replace
		_, err = c.ReplaceOne(ctx, byID(id), doc)
	}
	return err
}

func byID(id any) bson.D { return bson.D{{Key: "_id", Value: id}} }

func field(name string, value any) bson.D { return bson.D{{Key: name, Value: value}} }

func sorted(names ...string) *options.FindOptions {
	var keys bson.D
	for _, name := range names {
		keys = append(keys, bson.E{Key: name, Value: 1})
	}
	return options.Find().SetSort(keys)
}
