package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// SealedValues implements survey.SealedStore.
func (s *Store) SealedValues(ctx context.Context, kind survey.SealedKind, yield func(survey.SealedValue) error) error {
	give := func(values ...survey.SealedValue) error {
		for _, v := range values {
			if err := yield(v); err != nil {
				return err
			}
		}
		return nil
	}
	return s.do(ctx, "read sealed values", func() error {
		switch kind {
		case survey.SealedContacts:
			return s.Contacts(ctx, func(key survey.Key, c survey.SealedContact) error { return yield(c.Value(key)) })
		case survey.SealedComments:
			return pages(ctx, s.db.Collection("originals"), bson.D{}, func(d originalDoc) any { return d.Key }, func(page []originalDoc) error {
				for _, d := range page {
					if err := give((survey.SealedText{KeyID: d.KeyID, Sealed: d.Sealed}).Comment(survey.Key(d.Key))); err != nil {
						return err
					}
				}
				return nil
			})
		case survey.SealedUsers:
			users, err := s.Users(ctx)
			for _, u := range users {
				if v := u.Sealed(); err == nil && len(v.Sealed) > 0 {
					err = yield(v)
				}
			}
			return err
		case survey.SealedNotes:
			return pages(ctx, s.db.Collection("cases"), field("sealed", true), func(d badDoc) any { return d.Key }, func(page []badDoc) error {
				for _, d := range page {
					for _, e := range d.Entries {
						if e.Original == nil {
							continue
						}
						if err := give((survey.SealedText{KeyID: e.Original.KeyID, Sealed: e.Original.Sealed}).Note(survey.Key(d.Key), e.No)); err != nil {
							return err
						}
					}
				}
				return nil
			})
		case survey.SealedMessages:
			return pages(ctx, s.db.Collection("messages"), bson.D{}, func(d messagePhone) any { return d.ID }, func(page []messagePhone) error {
				for _, d := range page {
					if len(d.Sealed) == 0 {
						continue
					}
					if err := yield(survey.SealedValue{Kind: kind, ID: []byte(d.ID), KeyID: d.KeyID, Sealed: d.Sealed, PhoneHash: d.Phone}); err != nil {
						return err
					}
				}
				return nil
			})
		case survey.SealedVisits:
			return s.Visits(ctx, func(v survey.Visit) error { return give(sealedOnly(v.Sealed())...) })
		case survey.SealedInbound, survey.SealedInboundText:
			return pages(ctx, s.db.Collection("inbound"), bson.D{}, func(d inboundDoc) any { return d.ID }, func(page []inboundDoc) error {
				for _, d := range page {
					both := survey.Inbound{ID: d.ID, From: survey.SealedContact{KeyID: d.KeyID, Sealed: d.Sealed, PhoneHash: d.Phone},
						TextKey: d.TextKey, Text: d.Text, ReceivedAt: d.At.UTC()}.Sealed()
					v := both[0]
					if kind == survey.SealedInboundText {
						v = both[1]
					}
					if err := give(sealedOnly(v)...); err != nil {
						return err
					}
				}
				return nil
			})
		case survey.SealedOptOuts:
			return s.OptOuts(ctx, func(o survey.OptOut) error {
				if len(o.Phone.Sealed) == 0 {
					return nil
				}
				return yield(o.Sealed())
			})
		}
		return fmt.Errorf("no kind %q", kind)
	})
}

// replaceInbound replaces the phone of a message that came in, or its text.
func (s *Store) replaceInbound(ctx context.Context, old, next survey.SealedValue) (bool, error) {
	keyField, sealedField := "key_id", "sealed"
	if old.Kind == survey.SealedInboundText {
		keyField, sealedField = "text_key", "text"
	}
	there := bson.D{{Key: "_id", Value: string(old.ID)}, {Key: sealedField, Value: old.Sealed}}
	set := bson.D{{Key: keyField, Value: next.KeyID}}
	unset := bson.D{}
	if len(next.Sealed) > 0 {
		set = append(set, bson.E{Key: sealedField, Value: next.Sealed})
	} else {
		unset = append(unset, bson.E{Key: sealedField, Value: ""})
	}
	if old.Kind == survey.SealedInbound && len(next.PhoneHash) > 0 {
		set = append(set, bson.E{Key: "phone", Value: next.PhoneHash})
	} else if old.Kind == survey.SealedInbound {
		unset = append(unset, bson.E{Key: "phone", Value: ""})
	}
	change := bson.D{{Key: "$set", Value: set}}
	if len(unset) > 0 {
		change = append(change, bson.E{Key: "$unset", Value: unset})
	}
	return updated(s.db.Collection("inbound").UpdateOne(ctx, there, change))
}

// sealedOnly is a value, if anything is sealed in it.
func sealedOnly(v survey.SealedValue) []survey.SealedValue {
	if len(v.Sealed) == 0 {
		return nil
	}
	return []survey.SealedValue{v}
}

// messagePhone is what is sealed of a message.
type messagePhone struct {
	ID     string `bson:"_id"`
	Phone  []byte `bson:"phone"`
	KeyID  string `bson:"key_id"`
	Sealed []byte `bson:"sealed"`
}

// moveOptOut puts an opt-out under its new hash before it takes away the old one: cut
// short, both are there, and the phone is opted out by either.
func (s *Store) moveOptOut(ctx context.Context, old, next survey.SealedValue) (bool, error) {
	c := s.db.Collection("opt_outs")
	there := bson.D{{Key: "_id", Value: old.ID}, {Key: "sealed", Value: old.Sealed}}
	d, err := one[optOutDoc](ctx, c, there)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	if err == nil {
		d.Phone, d.KeyID, d.Sealed = next.ID, next.KeyID, next.Sealed
		err = put(ctx, c, d.Phone, d)
	}
	if err != nil {
		return false, err
	}
	res, err := c.DeleteOne(ctx, there)
	return err == nil && res.DeletedCount > 0, err
}

// ReplaceSealed implements survey.SealedStore. Each is one update or deletion of one
// document, which finds it only if the old value is still there.
func (s *Store) ReplaceSealed(ctx context.Context, old, next survey.SealedValue) (done bool, err error) {
	err = s.do(ctx, "replace sealed value", func() error {
		erase := len(next.Sealed) == 0
		there := bson.D{{Key: "_id", Value: old.ID}, {Key: "sealed", Value: old.Sealed}}
		collection := map[survey.SealedKind]string{survey.SealedContacts: "contacts", survey.SealedComments: "originals",
			survey.SealedMessages: "messages", survey.SealedOptOuts: "opt_outs", survey.SealedVisits: "visits"}[old.Kind]
		hash := "phone_hash"
		switch old.Kind {
		case survey.SealedMessages:
			hash, there[0].Value = "phone", string(old.ID)
		case survey.SealedVisits:
			of, c := old.Visit()
			hash, there[0].Value = "phone", caseID{of, c.Number, c.Stage}
		}
		switch {
		case old.Kind == survey.SealedNotes:
			key := old.Response()
			at := fmt.Sprintf("entries.%d.original", old.No()-1) // entries are numbered on from 1
			there = bson.D{{Key: "_id", Value: key[:]}, {Key: at + ".sealed", Value: old.Sealed}}
			change := bson.D{{Key: "$set", Value: field(at, sealedDoc{next.KeyID, next.Sealed})}}
			if erase {
				change = bson.D{{Key: "$unset", Value: field(at, "")}}
			}
			done, err = updated(s.db.Collection("cases").UpdateOne(ctx, there, change))
		case old.Kind == survey.SealedUsers:
			there = bson.D{{Key: "_id", Value: string(old.ID)}, {Key: "phone.sealed", Value: old.Sealed}}
			change := bson.D{{Key: "$set", Value: field("phone", sealedDoc{next.KeyID, next.Sealed})}}
			if erase {
				change = bson.D{{Key: "$unset", Value: field("phone", "")}}
			}
			done, err = updated(s.db.Collection("users").UpdateOne(ctx, there, change))
		case old.Kind == survey.SealedInbound || old.Kind == survey.SealedInboundText:
			done, err = s.replaceInbound(ctx, old, next)
		case collection == "":
			return fmt.Errorf("no kind %q", old.Kind)
		case erase && old.Kind == survey.SealedVisits: // and it waits for no invitation any more
			done, err = updated(s.db.Collection(collection).UpdateOne(ctx, there, bson.D{{Key: "$unset", Value: bson.D{
				{Key: "key_id", Value: ""}, {Key: "sealed", Value: ""}, {Key: hash, Value: ""}, {Key: "invite", Value: ""}}}}))
		case erase && old.Kind == survey.SealedMessages:
			done, err = updated(s.db.Collection(collection).UpdateOne(ctx, there, bson.D{{Key: "$unset", Value: bson.D{{Key: "key_id", Value: ""}, {Key: "sealed", Value: ""}, {Key: hash, Value: ""}}}, {Key: "$inc", Value: field("rev", int64(1))}}))
		case old.Kind == survey.SealedOptOuts && !erase && string(old.ID) != string(next.ID):
			done, err = s.moveOptOut(ctx, old, next)
		case erase:
			res, derr := s.db.Collection(collection).DeleteOne(ctx, there)
			if err = derr; err == nil {
				done = res.DeletedCount > 0
			}
		default:
			set := bson.D{{Key: "key_id", Value: next.KeyID}, {Key: "sealed", Value: next.Sealed}}
			if len(next.PhoneHash) > 0 && old.Kind != survey.SealedOptOuts {
				set = append(set, bson.E{Key: hash, Value: next.PhoneHash})
			}
			change := bson.D{{Key: "$set", Value: set}}
			if old.Kind == survey.SealedMessages { // or who changes the message at the same time would put the old phone back
				change = append(change, bson.E{Key: "$inc", Value: field("rev", int64(1))})
			}
			done, err = updated(s.db.Collection(collection).UpdateOne(ctx, there, change))
		}
		return err
	})
	return done, err
}

func updated(res *mongo.UpdateResult, err error) (bool, error) {
	return err == nil && res.MatchedCount > 0, err
}

// Scrub implements survey.SealedStore. The database's files are not ours: its journal
// and oplog forget in their own time.
func (s *Store) Scrub(context.Context) error { return nil }

// OriginalComment implements survey.SealedStore.
func (s *Store) OriginalComment(ctx context.Context, key survey.Key) (t survey.SealedText, err error) {
	err = s.do(ctx, "read original comment", func() error {
		d, err := one[originalDoc](ctx, s.db.Collection("originals"), byID(key[:]))
		t = survey.SealedText{KeyID: d.KeyID, Sealed: d.Sealed}
		return err
	})
	return t, err
}

// addMasked finds those of some cases whose comment has its original.
func (s *Store) addMasked(ctx context.Context, found []survey.Case) error {
	ids := bson.A{}
	for _, c := range found {
		if survey.ShowsMask(c.Response.Comment) {
			ids = append(ids, c.Response.Key[:])
		}
	}
	if len(ids) == 0 {
		return nil
	}
	docs, err := all[originalDoc](ctx, s.db.Collection("originals"), byID(bson.D{{Key: "$in", Value: ids}}), options.Find().SetProjection(field("_id", 1)))
	there := map[string]bool{}
	for _, d := range docs {
		there[string(d.Key)] = true
	}
	for i := range found {
		found[i].Masked = there[string(found[i].Response.Key[:])]
	}
	return err
}
