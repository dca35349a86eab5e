package mongostore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"manyi/survey"
)

type userDoc struct {
	Name     string      `bson:"_id"`
	Role     survey.Role `bson:"role"`
	Place    string      `bson:"place"`
	Password string      `bson:"password"`
	Phone    *sealedDoc  `bson:"phone,omitempty"`
}

func (d userDoc) user() survey.User {
	u := survey.User{Actor: survey.Actor{Name: d.Name, Role: d.Role, Place: d.Place}, PasswordHash: d.Password}
	if d.Phone != nil {
		u.Phone = &survey.SealedText{KeyID: d.Phone.KeyID, Sealed: d.Phone.Sealed}
	}
	return u
}

// PutUser implements survey.AccountStore.
func (s *Store) PutUser(ctx context.Context, u survey.User) error {
	doc := userDoc{u.Name, u.Role, u.Place, u.PasswordHash, nil}
	if u.Phone != nil {
		doc.Phone = &sealedDoc{u.Phone.KeyID, u.Phone.Sealed}
	}
	return s.do(ctx, "store user", func() error {
		return put(ctx, s.db.Collection("users"), u.Name, doc)
	})
}

// User implements survey.AccountStore.
func (s *Store) User(ctx context.Context, name string) (u survey.User, err error) {
	err = s.do(ctx, "read user", func() error {
		d, err := one[userDoc](ctx, s.db.Collection("users"), byID(name))
		if err == nil {
			u = d.user()
		}
		return err
	})
	return u, err
}

// Users implements survey.AccountStore.
func (s *Store) Users(ctx context.Context) (out []survey.User, err error) {
	err = s.do(ctx, "read users", func() error {
		docs, err := all[userDoc](ctx, s.db.Collection("users"), bson.D{}, sorted("_id"))
		for _, d := range docs {
			out = append(out, d.user())
		}
		return err
	})
	return out, err
}

type tokenDoc struct {
	Hash    []byte      `bson:"_id"`
	Name    string      `bson:"name"`
	Role    survey.Role `bson:"role"`
	Place   string      `bson:"place"`
	Created time.Time   `bson:"created"`
	Revoked time.Time   `bson:"revoked,omitempty"`
}

func (d tokenDoc) token() survey.Token {
	return survey.Token{Actor: survey.Actor{Name: d.Name, Role: d.Role, Place: d.Place}, Hash: d.Hash, CreatedAt: d.Created.UTC(), RevokedAt: d.Revoked.UTC()}
}

// AddToken implements survey.AccountStore.
func (s *Store) AddToken(ctx context.Context, t survey.Token) error {
	return s.do(ctx, "add token", func() error {
		_, err := s.db.Collection("tokens").InsertOne(ctx, tokenDoc{t.Hash, t.Name, t.Role, t.Place, t.CreatedAt, t.RevokedAt})
		return err
	})
}

// Token implements survey.AccountStore.
func (s *Store) Token(ctx context.Context, hash []byte) (t survey.Token, err error) {
	err = s.do(ctx, "read token", func() error {
		d, err := one[tokenDoc](ctx, s.db.Collection("tokens"), byID(hash))
		if err == nil {
			t = d.token()
		}
		return err
	})
	return t, err
}

// Tokens implements survey.AccountStore.
func (s *Store) Tokens(ctx context.Context) (out []survey.Token, err error) {
	err = s.do(ctx, "read tokens", func() error {
		docs, err := all[tokenDoc](ctx, s.db.Collection("tokens"), bson.D{})
		for _, d := range docs {
			out = append(out, d.token())
		}
		return err
	})
	slices.SortFunc(out, func(a, b survey.Token) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.Hash, b.Hash))
	})
	return out, err
}

// RevokeTokens implements survey.AccountStore.
func (s *Store) RevokeTokens(ctx context.Context, name string, now time.Time) error {
	return s.do(ctx, "revoke tokens", func() error {
		_, err := s.db.Collection("tokens").UpdateMany(ctx,
			bson.D{{Key: "name", Value: name}, {Key: "revoked", Value: bson.D{{Key: "$exists", Value: false}}}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "revoked", Value: now}}}})
		return err
	})
}

type sessionDoc struct {
	Hash    []byte    `bson:"_id"`
	User    string    `bson:"user"`
	Expires time.Time `bson:"expires"`
}

// PutSession implements survey.AccountStore.
func (s *Store) PutSession(ctx context.Context, v survey.Session) error {
	return s.do(ctx, "store session", func() error {
		return put(ctx, s.db.Collection("sessions"), v.Hash, sessionDoc{v.Hash, v.User, v.ExpiresAt})
	})
}

// Session implements survey.AccountStore.
func (s *Store) Session(ctx context.Context, hash []byte, now time.Time) (v survey.Session, err error) {
	err = s.do(ctx, "read session", func() error {
		d, err := one[sessionDoc](ctx, s.db.Collection("sessions"), bson.D{{Key: "_id", Value: hash}, {Key: "expires", Value: bson.D{{Key: "$gt", Value: now}}}})
		if err == nil {
			v = survey.Session{Hash: d.Hash, User: d.User, ExpiresAt: d.Expires.UTC()}
		}
		return err
	})
	return v, err
}

// DropSession implements survey.AccountStore.
func (s *Store) DropSession(ctx context.Context, hash []byte) error {
	return s.do(ctx, "drop session", func() error {
		_, err := s.db.Collection("sessions").DeleteOne(ctx, byID(hash))
		return err
	})
}

type failureDoc struct {
	ID   primitive.ObjectID `bson:"_id"`
	Name string             `bson:"name"`
	At   time.Time          `bson:"at"`
}

// CountFailure implements survey.AccountStore.
func (s *Store) CountFailure(ctx context.Context, name string, now, since time.Time) (n int, err error) {
	err = s.do(ctx, "count failed sign-in", func() error {
		if _, err := s.db.Collection("failures").InsertOne(ctx, failureDoc{primitive.NewObjectID(), name, now}); err != nil {
			return err
		}
		n, err = s.failures(ctx, name, since)
		return err
	})
	return n, err
}

// Failures implements survey.AccountStore.
func (s *Store) Failures(ctx context.Context, name string, since time.Time) (n int, err error) {
	err = s.do(ctx, "read failed sign-ins", func() error {
		n, err = s.failures(ctx, name, since)
		return err
	})
	return n, err
}

func (s *Store) failures(ctx context.Context, name string, since time.Time) (int, error) {
	n, err := s.db.Collection("failures").CountDocuments(ctx, bson.D{{Key: "name", Value: name}, {Key: "at", Value: bson.D{{Key: "$gte", Value: since}}}})
	return int(n), err
}

// ClearFailures implements survey.AccountStore.
func (s *Store) ClearFailures(ctx context.Context, name string) error {
	return s.do(ctx, "clear failed sign-ins", func() error {
		_, err := s.db.Collection("failures").DeleteMany(ctx, field("name", name))
		return err
	})
}

// Expire implements survey.ExpiryStore.
func (s *Store) Expire(ctx context.Context, now time.Time) (dropped int, err error) {
	err = s.do(ctx, "expire", func() error {
		for collection, old := range map[string]bson.D{
			"sessions": field("expires", bson.D{{Key: "$lte", Value: now}}),
			"failures": field("at", bson.D{{Key: "$lt", Value: now.Add(-survey.KeptFailures)}}),
			"hits":     field("_id.minute", bson.D{{Key: "$lt", Value: now.Add(-survey.KeptHits).Unix() / 60}}),
			"proofs":   append(field("expires", bson.D{{Key: "$lt", Value: now.Add(-survey.KeptProofs)}}), bson.E{Key: "owed", Value: bson.D{{Key: "$ne", Value: true}}}),
			"inbound":  append(field("at", bson.D{{Key: "$lt", Value: now.Add(-survey.KeptInbound)}}), bson.E{Key: "due", Value: bson.D{{Key: "$exists", Value: false}}}),
			"sends":    field("at", bson.D{{Key: "$lte", Value: now.Add(-survey.MaxLimit)}}),
		} {
			done, err := s.db.Collection(collection).DeleteMany(ctx, old)
			if err != nil {
				return err
			}
			dropped += int(done.DeletedCount)
		}
		return nil
	})
	return dropped, err
}
