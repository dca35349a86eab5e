package mongostore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

type deliveryDoc struct {
	Key     string               `bson:"_id"`
	Channel string               `bson:"channel"`
	Body    []byte               `bson:"body"`
	Made    time.Time            `bson:"made"`
	State   survey.DeliveryState `bson:"state"`
	At      time.Time            `bson:"at"`
	Claim   int64                `bson:"claim"`
	Result  string               `bson:"result,omitempty"`

	Decisions []decisionDoc `bson:"decisions,omitempty"`
}

type decisionDoc struct {
	By    string    `bson:"by"`
	At    time.Time `bson:"at"`
	Again bool      `bson:"again,omitempty"`
}

func (d deliveryDoc) delivery() survey.Delivery {
	out := survey.Delivery{Key: d.Key, Channel: d.Channel, Body: d.Body, MadeAt: d.Made.UTC(), State: d.State, At: d.At.UTC(), Claim: d.Claim, Result: d.Result}
	for _, x := range d.Decisions {
		out.Decisions = append(out.Decisions, survey.DeliveryDecision{By: x.By, At: x.At.UTC(), Again: x.Again})
	}
	return out
}

// AddDeliveries implements survey.DeliveryStore.
func (s *Store) AddDeliveries(ctx context.Context, list []survey.Delivery) (added int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	docs := make([]any, len(list))
	for i, d := range list {
		doc := deliveryDoc{d.Key, d.Channel, d.Body, d.MadeAt, d.State, d.At, d.Claim, d.Result, nil}
		for _, x := range d.Decisions {
			doc.Decisions = append(doc.Decisions, decisionDoc(x))
		}
		docs[i] = doc
	}
	err = s.do(ctx, "queue deliveries", func() error {
		there, err := insertNew(ctx, s.db.Collection("deliveries"), docs)
		added = len(list) - len(there)
		return err
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

// ClaimDelivery implements survey.DeliveryStore. The server looks at the filter again
// when it writes, so of two claimers one finds the next delivery, or none.
func (s *Store) ClaimDelivery(ctx context.Context, channel string, now time.Time, ttl time.Duration) (survey.Delivery, error) {
	var doc deliveryDoc
	err := s.do(ctx, "claim a delivery", func() error {
		return s.db.Collection("deliveries").FindOneAndUpdate(ctx,
			bson.D{{Key: "channel", Value: channel}, {Key: "state", Value: survey.DeliveryWaiting}, {Key: "at", Value: bson.D{{Key: "$lte", Value: now}}}},
			bson.D{{Key: "$set", Value: field("at", now.Add(ttl))}, {Key: "$inc", Value: field("claim", int64(1))}},
			options.FindOneAndUpdate().SetReturnDocument(options.After).SetSort(bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}})).Decode(&doc)
	})
	if err != nil {
		return survey.Delivery{}, err
	}
	return doc.delivery(), nil
}

// NoteDelivery implements survey.DeliveryStore.
func (s *Store) NoteDelivery(ctx context.Context, d survey.Delivery) error {
	return s.do(ctx, "note a delivery", func() error {
		done, err := s.db.Collection("deliveries").UpdateOne(ctx, bson.D{{Key: "_id", Value: d.Key}, {Key: "claim", Value: d.Claim}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: d.State}, {Key: "at", Value: d.At}, {Key: "result", Value: d.Result}}}})
		if err == nil && done.MatchedCount == 0 {
			err = survey.ErrFenced
		}
		return err
	})
}

// DecideDelivery implements survey.DeliveryStore. Of two who decide at once the
// filter lets one through.
func (s *Store) DecideDelivery(ctx context.Context, key string, d survey.DeliveryDecision) error {
	return s.do(ctx, "decide about a delivery", func() error {
		done, err := s.db.Collection("deliveries").UpdateOne(ctx, bson.D{{Key: "_id", Value: key}, {Key: "state", Value: survey.DeliveryGivenUp}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: d.State()}, {Key: "at", Value: d.At}}}, {Key: "$push", Value: field("decisions", decisionDoc(d))}})
		if err == nil && done.MatchedCount == 0 {
			err = survey.ErrNotFound
		}
		return err
	})
}

// DeliveryCounts implements survey.DeliveryStore.
func (s *Store) DeliveryCounts(ctx context.Context) (out []survey.DeliveryCount, err error) {
	err = s.do(ctx, "count deliveries", func() error {
		cursor, err := s.db.Collection("deliveries").Aggregate(ctx, bson.A{bson.D{{Key: "$group", Value: bson.D{
			{Key: "_id", Value: bson.D{{Key: "channel", Value: "$channel"}, {Key: "state", Value: "$state"}}},
			{Key: "n", Value: field("$sum", 1)}, {Key: "first", Value: field("$min", "$at")}}}}})
		if err != nil {
			return err
		}
		var rows []struct {
			ID struct {
				Channel string               `bson:"channel"`
				State   survey.DeliveryState `bson:"state"`
			} `bson:"_id"`
			N     int64     `bson:"n"`
			First time.Time `bson:"first"`
		}
		err = cursor.All(ctx, &rows)
		for _, r := range rows {
			out = append(out, survey.DeliveryCount{Channel: r.ID.Channel, State: r.ID.State, N: r.N, First: r.First.UTC()})
		}
		return err
	})
	slices.SortFunc(out, func(a, b survey.DeliveryCount) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.State, b.State))
	})
	return out, err
}

// DropDeliveries implements survey.DeliveryStore.
func (s *Store) DropDeliveries(ctx context.Context, ended time.Time) (n int, err error) {
	err = s.do(ctx, "drop deliveries", func() error {
		done, err := s.db.Collection("deliveries").DeleteMany(ctx, bson.D{
			{Key: "state", Value: bson.D{{Key: "$in", Value: bson.A{survey.DeliveryDelivered, survey.DeliveryGivenUp, survey.DeliveryDismissed}}}},
			{Key: "at", Value: bson.D{{Key: "$lt", Value: ended}}}})
		if err == nil {
			n = int(done.DeletedCount)
		}
		return err
	})
	return n, err
}

// Deliveries implements survey.DeliveryStore.
func (s *Store) Deliveries(ctx context.Context, state survey.DeliveryState, yield func(survey.Delivery) error) error {
	filter := bson.D{}
	if state != "" {
		filter = field("state", state)
	}
	return s.do(ctx, "read deliveries", func() error {
		return pages(ctx, s.db.Collection("deliveries"), filter, func(d deliveryDoc) any { return d.Key }, func(page []deliveryDoc) error {
			for _, d := range page {
				if err := yield(d.delivery()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
