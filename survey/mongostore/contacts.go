package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"

	"manyi/survey"
)

type contactDoc struct {
	Key       []byte `bson:"_id"`
	KeyID     string `bson:"key_id"`
	Sealed    []byte `bson:"sealed"`
	PhoneHash []byte `bson:"phone_hash,omitempty"`
	Follow    []byte `bson:"follow,omitempty"`
}

func (d contactDoc) contact() survey.SealedContact {
	return survey.SealedContact{KeyID: d.KeyID, Sealed: d.Sealed, PhoneHash: d.PhoneHash, Follow: d.Follow}
}

func (s *Store) addContacts(ctx context.Context, group []survey.Response) error {
	var docs []any
	for i := range group {
		if c := group[i].Contact; c != nil {
			docs = append(docs, contactDoc{group[i].Key[:], c.KeyID, c.Sealed, c.PhoneHash, c.Follow})
		}
	}
	if len(docs) == 0 {
		return nil
	}
	_, err := insertNew(ctx, s.db.Collection("contacts"), docs)
	return err
}

// originalDoc is what was typed where a comment has a number hidden.
type originalDoc struct {
	Key    []byte `bson:"_id"` // of the response
	KeyID  string `bson:"key_id"`
	Sealed []byte `bson:"sealed"`
}

func (s *Store) addOriginals(ctx context.Context, group []survey.Response) error {
	var docs []any
	for i := range group {
		if o := group[i].Original; o != nil {
			docs = append(docs, originalDoc{group[i].Key[:], o.KeyID, o.Sealed})
		}
	}
	if len(docs) == 0 {
		return nil
	}
	_, err := insertNew(ctx, s.db.Collection("originals"), docs)
	return err
}

// Contact implements survey.ResponseStore.
func (s *Store) Contact(ctx context.Context, key survey.Key) (c survey.SealedContact, err error) {
	err = s.do(ctx, "read contact", func() error {
		d, err := one[contactDoc](ctx, s.db.Collection("contacts"), byID(key[:]))
		if err == nil {
			c = d.contact()
		}
		return err
	})
	return c, err
}

// Contacts implements survey.ResponseStore.
func (s *Store) Contacts(ctx context.Context, yield func(survey.Key, survey.SealedContact) error) error {
	return s.do(ctx, "read contacts", func() error {
		return pages(ctx, s.db.Collection("contacts"), bson.D{}, func(d contactDoc) any { return d.Key }, func(page []contactDoc) error {
			for _, d := range page {
				if err := yield(survey.Key(d.Key), d.contact()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
