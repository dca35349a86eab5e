package mongostore

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

type inboundDoc struct {
	ID         string     `bson:"_id"` // the gateway's
	KeyID      string     `bson:"key_id"`
	Sealed     []byte     `bson:"sealed,omitempty"`
	Phone      []byte     `bson:"phone,omitempty"`
	TextKey    string     `bson:"text_key"`
	Text       []byte     `bson:"text,omitempty"`
	At         time.Time  `bson:"at"`
	Fate       string     `bson:"fate"`
	Due        *time.Time `bson:"due,omitempty"` // none: done with
	Invitation string     `bson:"invitation,omitempty"`
}

func inboundDocOf(in survey.Inbound) inboundDoc {
	d := inboundDoc{in.ID, in.From.KeyID, in.From.Sealed, in.From.PhoneHash, in.TextKey, in.Text, in.ReceivedAt, string(in.Fate), nil, in.Invitation}
	if !in.Due.IsZero() {
		d.Due = &in.Due
	}
	return d
}

func (d inboundDoc) inbound() survey.Inbound {
	in := survey.Inbound{ID: d.ID, From: survey.SealedContact{KeyID: d.KeyID, Sealed: d.Sealed, PhoneHash: d.Phone}, TextKey: d.TextKey, Text: d.Text,
		ReceivedAt: d.At.UTC(), Fate: survey.Fate(d.Fate), Invitation: d.Invitation}
	if d.Due != nil {
		in.Due = d.Due.UTC()
	}
	return in
}

// AddInbound implements survey.InboundStore.
func (s *Store) AddInbound(ctx context.Context, list []survey.Inbound) (added int, err error) {
	err = s.do(ctx, "keep messages that came in", func() error {
		for _, in := range list {
			_, err := s.db.Collection("inbound").InsertOne(ctx, inboundDocOf(in))
			switch {
			case err == nil:
				added++
			case !mongo.IsDuplicateKeyError(err):
				return err
			}
		}
		return nil
	})
	return added, err
}

func (s *Store) inbounds(ctx context.Context, filter bson.D, order bson.D, limit int) (list []survey.Inbound, err error) {
	err = s.do(ctx, "read messages that came in", func() error {
		docs, err := all[inboundDoc](ctx, s.db.Collection("inbound"), filter, options.Find().SetSort(order).SetLimit(int64(limit)))
		for _, d := range docs {
			list = append(list, d.inbound())
		}
		return err
	})
	return list, err
}

// InboundDue implements survey.InboundStore.
func (s *Store) InboundDue(ctx context.Context, now time.Time, limit int) ([]survey.Inbound, error) {
	return s.inbounds(ctx, field("due", bson.D{{Key: "$lte", Value: now}}), bson.D{{Key: "due", Value: 1}, {Key: "at", Value: 1}, {Key: "_id", Value: 1}}, limit)
}

// SettleInbound implements survey.InboundStore.
func (s *Store) SettleInbound(ctx context.Context, id string, fate survey.Fate, due time.Time, invitation string) error {
	return s.do(ctx, "settle a message that came in", func() error {
		set := bson.D{{Key: "fate", Value: string(fate)}, {Key: "invitation", Value: invitation}}
		change := bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: field("due", "")}}
		if !due.IsZero() {
			change = bson.D{{Key: "$set", Value: append(set, bson.E{Key: "due", Value: due})}}
		}
		done, err := s.db.Collection("inbound").UpdateOne(ctx, byID(id), change)
		if err == nil && done.MatchedCount == 0 {
			err = survey.ErrNotFound
		}
		return err
	})
}

// InboundOf implements survey.InboundStore.
func (s *Store) InboundOf(ctx context.Context, phone [][]byte) ([]survey.Inbound, error) {
	if len(phone) == 0 {
		return nil, nil
	}
	return s.inbounds(ctx, field("phone", bson.D{{Key: "$in", Value: phone}}), bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}}, 0)
}

// Inbounds implements survey.InboundStore.
func (s *Store) Inbounds(ctx context.Context, q survey.InboundQuery) ([]survey.Inbound, error) {
	filter := bson.D{}
	if len(q.Fates) > 0 {
		fates := bson.A{}
		for _, f := range q.Fates {
			fates = append(fates, string(f))
		}
		filter = append(filter, bson.E{Key: "fate", Value: bson.D{{Key: "$in", Value: fates}}})
	}
	if !q.Until.IsZero() {
		filter = append(filter, bson.E{Key: "at", Value: bson.D{{Key: "$lt", Value: q.Until}}})
	}
	if q.Before != "" {
		var at time.Time
		err := s.do(ctx, "read messages that came in", func() error {
			d, err := one[inboundDoc](ctx, s.db.Collection("inbound"), byID(q.Before))
			at = d.At
			return err
		})
		if errors.Is(err, survey.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{field("at", bson.D{{Key: "$lt", Value: at}}),
			bson.D{{Key: "at", Value: at}, {Key: "_id", Value: bson.D{{Key: "$lt", Value: q.Before}}}}}})
	}
	return s.inbounds(ctx, filter, bson.D{{Key: "at", Value: -1}, {Key: "_id", Value: -1}}, q.Limit)
}
