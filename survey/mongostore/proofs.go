package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// sendDoc is a message that went out, under one of the names it is limited by.
type sendDoc struct {
	ID   primitive.ObjectID `bson:"_id"`
	Name string             `bson:"name"`
	At   time.Time          `bson:"at"`
}

// CountSend implements survey.ProofStore. A message is counted first and looked at
// then, so that of many at once none is overlooked; one too many is taken back.
func (s *Store) CountSend(ctx context.Context, limits []survey.SendLimit, now time.Time) error {
	return s.do(ctx, "count a message", func() error {
		sends := s.db.Collection("sends")
		over := func(mine int) (bool, error) {
			for _, l := range limits {
				n, err := sends.CountDocuments(ctx, bson.D{{Key: "name", Value: l.Name}, {Key: "at", Value: bson.D{{Key: "$gt", Value: now.Add(-l.Within)}}}})
				if err != nil || int(n)+1-mine > l.Most {
					return true, err
				}
			}
			return false, nil
		}
		if full, err := over(0); err != nil || full {
			return limited(err)
		}
		var docs []any
		ids := bson.A{}
		names := map[string]bool{}
		for _, l := range limits {
			if !names[l.Name] {
				id := primitive.NewObjectID()
				docs, ids, names[l.Name] = append(docs, sendDoc{id, l.Name, now}), append(ids, id), true
			}
		}
		if len(docs) == 0 {
			return nil
		}
		if _, err := sends.InsertMany(ctx, docs); err != nil {
			return err
		}
		full, err := over(1)
		if err != nil || !full {
			return err // what went wrong here stays counted
		}
		_, err = sends.DeleteMany(ctx, byID(bson.D{{Key: "$in", Value: ids}}))
		return limited(err)
	})
}

// Sends implements survey.ProofStore.
func (s *Store) Sends(ctx context.Context, name string, after time.Time) (n int, err error) {
	err = s.do(ctx, "count messages", func() error {
		counted, err := s.db.Collection("sends").CountDocuments(ctx, bson.D{{Key: "name", Value: name}, {Key: "at", Value: bson.D{{Key: "$gt", Value: after}}}})
		n = int(counted)
		return err
	})
	return n, err
}

func limited(err error) error {
	if err == nil {
		err = survey.ErrLimited
	}
	return err
}

type proofDoc struct {
	Key     []byte    `bson:"_id"` // of the response
	Code    []byte    `bson:"code"`
	Expires time.Time `bson:"expires"`
	Wrong   int       `bson:"wrong"`
	Proved  time.Time `bson:"proved,omitempty"`
	Owed    bool      `bson:"owed,omitempty"`
}

func (d proofDoc) proof() survey.Proof {
	p := survey.Proof{Key: survey.Key(d.Key), Code: d.Code, ExpiresAt: d.Expires.UTC(), Wrong: d.Wrong, Owed: d.Owed}
	if !d.Proved.IsZero() {
		p.ProvedAt = d.Proved.UTC()
	}
	return p
}

var unproved = bson.E{Key: "proved", Value: bson.D{{Key: "$exists", Value: false}}}

// PutCode implements survey.ProofStore.
func (s *Store) PutCode(ctx context.Context, key survey.Key, code []byte, expires time.Time) error {
	return s.do(ctx, "put a code in force", func() (err error) {
		set := bson.D{{Key: "$set", Value: bson.D{{Key: "code", Value: code}, {Key: "expires", Value: expires}, {Key: "wrong", Value: 0}}}}
		for range 2 { // two may add it at once; then one of them finds it there
			_, err = s.db.Collection("proofs").UpdateOne(ctx, bson.D{{Key: "_id", Value: key[:]}, unproved}, set, options.Update().SetUpsert(true))
			if !mongo.IsDuplicateKeyError(err) {
				return err
			}
		}
		return err // there, and proved
	})
}

// TryCode implements survey.ProofStore. Either step changes the document only if
// what it was decided by still holds.
func (s *Store) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (try survey.CodeTry, err error) {
	err = s.do(ctx, "try a code", func() error {
		proofs := s.db.Collection("proofs")
		force := bson.D{{Key: "_id", Value: key[:]}, unproved,
			{Key: "expires", Value: bson.D{{Key: "$gt", Value: now}}}, {Key: "wrong", Value: bson.D{{Key: "$lt", Value: survey.CodeTries}}}}
		right := append(force[:len(force):len(force)], bson.E{Key: "code", Value: code})
		done, err := proofs.UpdateOne(ctx, right, bson.D{{Key: "$set", Value: bson.D{{Key: "proved", Value: now}, {Key: "owed", Value: true}}}})
		if err != nil || done.MatchedCount > 0 {
			try = survey.CodeRight
			return err
		}
		wrong := append(force[:len(force):len(force)], bson.E{Key: "code", Value: bson.D{{Key: "$ne", Value: code}}})
		done, err = proofs.UpdateOne(ctx, wrong, bson.D{{Key: "$inc", Value: field("wrong", 1)}})
		if err != nil || done.MatchedCount > 0 {
			try = survey.CodeWrong
			return err
		}
		d, err := one[proofDoc](ctx, proofs, byID(key[:]))
		if errors.Is(err, mongo.ErrNoDocuments) {
			err = nil
		}
		if try = survey.CodeOver; !d.Proved.IsZero() {
			try = survey.CodeProved
		}
		return err
	})
	if err != nil {
		try = ""
	}
	return try, err
}

// Proof implements survey.ProofStore.
func (s *Store) Proof(ctx context.Context, key survey.Key) (p survey.Proof, err error) {
	err = s.do(ctx, "read proof", func() error {
		d, err := one[proofDoc](ctx, s.db.Collection("proofs"), byID(key[:]))
		if err == nil {
			p = d.proof()
		}
		return err
	})
	return p, err
}

// OwedProofs implements survey.ProofStore.
func (s *Store) OwedProofs(ctx context.Context, limit int) (keys []survey.Key, err error) {
	err = s.do(ctx, "read owed proofs", func() error {
		docs, err := all[proofDoc](ctx, s.db.Collection("proofs"), field("owed", true), options.Find().SetLimit(int64(limit)))
		for _, d := range docs {
			keys = append(keys, survey.Key(d.Key))
		}
		return err
	})
	return keys, err
}

// NoteProof implements survey.ProofStore.
func (s *Store) NoteProof(ctx context.Context, key survey.Key) error {
	return s.do(ctx, "note proof", func() error {
		_, err := s.db.Collection("proofs").UpdateOne(ctx, byID(key[:]), bson.D{{Key: "$unset", Value: field("owed", "")}})
		return err
	})
}
