package mongostore

import (
	"bytes"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

type visitDoc struct {
	ID       caseID      `bson:"_id"`
	Window   string      `bson:"window"`
	Item     string      `bson:"item"`
	Finished time.Time   `bson:"finished"`
	Day      survey.Span `bson:"day"`
	Secret   []byte      `bson:"secret,omitempty"`
	Phone    []byte      `bson:"phone,omitempty"` // keyed hash
	KeyID    string      `bson:"key_id,omitempty"`
	Sealed   []byte      `bson:"sealed,omitempty"`
	Language string      `bson:"language,omitempty"`
	Invited  []byte      `bson:"invited,omitempty"`
	Invite   time.Time   `bson:"invite,omitempty"` // Finished, if it has a phone and was not invited
	List     int64       `bson:"list"`             // number of the list that last named it
	No       int         `bson:"no"`               // what lists said of window and day, from 1
	Unlogged bool        `bson:"unlogged,omitempty"`
}

func visitDocOf(v survey.Visit) visitDoc {
	d := visitDoc{ID: caseID{v.Survey, v.Case.Number, v.Case.Stage}, Window: v.Window, Item: v.Item, Finished: v.FinishedAt, Day: v.Day, Secret: v.Secret,
		Language: v.Language, Invited: v.Invited}
	if v.Phone != nil {
		d.Phone, d.KeyID, d.Sealed = v.Phone.PhoneHash, v.Phone.KeyID, v.Phone.Sealed
	}
	return d.waiting()
}

// waiting sets by what the visits to invite are found.
func (d visitDoc) waiting() visitDoc {
	d.Invite = time.Time{}
	if len(d.Phone) > 0 && len(d.Invited) == 0 {
		d.Invite = d.Finished
	}
	return d
}

// over is what a list says of a visit, with what it leaves as it was.
func (d visitDoc) over(old visitDoc) visitDoc {
	if len(d.Invited) == 0 {
		d.Invited = old.Invited
	}
	if bytes.Equal(d.Phone, old.Phone) {
		d.KeyID, d.Sealed = old.KeyID, old.Sealed
	}
	d.No, d.Unlogged = old.No, old.Unlogged
	if d.Window != old.Window || d.Day != old.Day {
		d.No, d.Unlogged = old.No+1, true
	}
	return d.waiting()
}

func (d visitDoc) visit() survey.Visit {
	v := survey.Visit{Survey: d.ID.Survey, Case: d.ID.ref(), Window: d.Window, Item: d.Item, FinishedAt: d.Finished.UTC(), Day: d.Day, Secret: d.Secret,
		Language: d.Language, Invited: d.Invited}
	if len(d.Phone) > 0 {
		v.Phone = &survey.SealedContact{KeyID: d.KeyID, Sealed: d.Sealed, PhoneHash: d.Phone}
	}
	return v
}

func (d visitDoc) bucket() bucketID { return bucketID{d.ID.Survey, survey.Window, d.Day, d.Window} }

func (d visitDoc) same(o visitDoc) bool {
	return d.Window == o.Window && d.Item == o.Item && d.Finished.UnixMilli() == o.Finished.UnixMilli() && d.Day == o.Day && bytes.Equal(d.Secret, o.Secret) &&
		bytes.Equal(d.Phone, o.Phone) && d.Language == o.Language && (len(o.Invited) == 0 || bytes.Equal(d.Invited, o.Invited))
}

// visitsOf reads the visits of some cases.
func (s *Store) visitsOf(ctx context.Context, cases []caseID) (map[caseID]visitDoc, error) {
	out := make(map[caseID]visitDoc, len(cases))
	for some := range slices.Chunk(cases, lookUp) {
		docs, err := all[visitDoc](ctx, s.db.Collection("visits"), byID(bson.D{{Key: "$in", Value: some}}))
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			out[d.ID] = d
		}
	}
	return out, nil
}

// Visits implements survey.VisitStore.
func (s *Store) Visits(ctx context.Context, yield func(survey.Visit) error) error {
	return s.do(ctx, "read visits", func() error {
		return pages(ctx, s.db.Collection("visits"), bson.D{}, func(d visitDoc) any { return d.ID }, func(page []visitDoc) error {
			for _, d := range page {
				if err := yield(d.visit()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// listDoc is a list of visits that was accepted and is being applied. Its rows lie
// in "list_rows", in chunks, since a document has a largest size.
type listDoc struct {
	ID primitive.ObjectID `bson:"_id"`
	No int64              `bson:"no"` // of two lists the one with the higher number holds
	At time.Time          `bson:"at"` // when it was accepted, by the server's clock
}

type listRows struct {
	ID   primitive.ObjectID `bson:"_id"`
	List primitive.ObjectID `bson:"list"`
	Rows []visitDoc         `bson:"rows"`
}

const (
	applyWithin = 10 * time.Minute // an accepted list goes on for so long although its caller gave up
	leftAfter   = time.Minute      // an accepted list that is older and still there was left by its writer
)

// PutVisits implements survey.VisitStore.
func (s *Store) PutVisits(ctx context.Context, visits []survey.Visit) (change survey.VisitChange, err error) {
	err = s.do(ctx, "store visits", func() error {
		if len(visits) == 0 {
			return nil
		}
		if err := s.finishLists(ctx); err != nil {
			return err
		}
		id := primitive.NewObjectID()
		if err := s.layDown(ctx, id, visits); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// From here on it is all, whoever waits for it or not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyWithin)
		defer cancel()
		list, err := s.accept(ctx, id)
		if err != nil {
			return err
		}
		change, err = s.apply(ctx, list)
		return err
	})
	return change, err
}

// layDown writes the rows of a list. Without being accepted they mean nothing.
func (s *Store) layDown(ctx context.Context, list primitive.ObjectID, visits []survey.Visit) error {
	rows := s.db.Collection("list_rows")
	for len(visits) > 0 {
		n := min(len(visits), chunkItems)
		chunk := listRows{ID: primitive.NewObjectID(), List: list}
		for _, v := range visits[:n] {
			chunk.Rows = append(chunk.Rows, visitDocOf(v))
		}
		if _, err := rows.InsertOne(ctx, chunk); err != nil {
			return err
		}
		visits = visits[n:]
	}
	return nil
}

// accept numbers a list and puts it in force.
func (s *Store) accept(ctx context.Context, id primitive.ObjectID) (list listDoc, err error) {
	var counter listDoc
	err = s.db.Collection("state").FindOneAndUpdate(ctx, byID("lists"), bson.D{{Key: "$inc", Value: field("no", int64(1))}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After).SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: "no", Value: 1}})).Decode(&counter)
	if err != nil {
		return list, err
	}
	_, err = s.db.Collection("lists").UpdateOne(ctx, byID(id),
		bson.D{{Key: "$setOnInsert", Value: field("no", counter.No)}, {Key: "$currentDate", Value: field("at", true)}}, options.Update().SetUpsert(true))
	return listDoc{ID: id, No: counter.No}, err
}

// finishLists applies the accepted lists whose writers left them, oldest first, and
// drops rows that were never accepted.
func (s *Store) finishLists(ctx context.Context) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	left, err := all[listDoc](ctx, s.db.Collection("lists"), field("at", bson.D{{Key: "$lt", Value: now.Add(-leftAfter)}}), sorted("no"))
	if err != nil {
		return err
	}
	for _, list := range left {
		if _, err := s.apply(ctx, list); err != nil {
			return err
		}
	}
	return s.dropLeftRows(ctx, now)
}

// dropLeftRows drops rows that were laid down a day ago and never accepted; what
// was accepted is applied and gone long before.
func (s *Store) dropLeftRows(ctx context.Context, now time.Time) error {
	old := primitive.NewObjectIDFromTimestamp(now.Add(-forgetAfter))
	_, err := s.db.Collection("list_rows").DeleteMany(ctx, field("list", bson.D{{Key: "$lt", Value: old}}))
	return err
}

// apply brings the visits to what an accepted list says. It may be cut short and
// run again, also at the same time elsewhere.
func (s *Store) apply(ctx context.Context, list listDoc) (change survey.VisitChange, err error) {
	rows := s.db.Collection("list_rows")
	mine := field("list", list.ID)
	err = pages(ctx, rows, mine, func(r listRows) any { return r.ID }, func(page []listRows) error {
		for _, chunk := range page {
			if err := s.applyRows(ctx, list.No, chunk.Rows, &change); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return change, err
	}
	if _, err := rows.DeleteMany(ctx, mine); err != nil {
		return change, err
	}
	_, err = s.db.Collection("lists").DeleteOne(ctx, byID(list.ID))
	return change, err
}

// applyRows brings some visits to what a list says. Each is written only if it
// is still as it was read, and read again otherwise, until this list or a later one
// has named them all.
func (s *Store) applyRows(ctx context.Context, no int64, rows []visitDoc, change *survey.VisitChange) error {
	ids := make([]caseID, len(rows))
	for i := range rows {
		rows[i].List = no
		ids[i] = rows[i].ID
	}
	done := survey.VisitChange{}
	for {
		stored, err := s.visitsOf(ctx, ids)
		if err != nil {
			return err
		}
		var owes debt
		var inserts []any
		var replaces, renumbers []mongo.WriteModel
		for _, v := range rows {
			old, there := stored[v.ID]
			if there && old.List >= no {
				continue
			}
			asRead := bson.D{{Key: "_id", Value: v.ID}, {Key: "list", Value: old.List}}
			if there && old.same(v) {
				renumbers = append(renumbers, mongo.NewUpdateOneModel().SetFilter(asRead).SetUpdate(bson.D{{Key: "$set", Value: field("list", no)}}))
				continue
			}
			if there {
				replaces = append(replaces, mongo.NewReplaceOneModel().SetFilter(slices.Concat(asRead, asInvited(old.Invited))).SetReplacement(v.over(old)))
				owes.Buckets = append(owes.Buckets, old.bucket())
			} else {
				v.No, v.Unlogged = 1, true
				inserts = append(inserts, v)
			}
			owes.Buckets = append(owes.Buckets, v.bucket())
			owes.Cases = append(owes.Cases, v.ID)
		}
		if len(inserts)+len(replaces)+len(renumbers) == 0 {
			change.Added += done.Added
			change.Changed += done.Changed
			change.Unchanged += len(rows) - done.Added - done.Changed
			return nil
		}
		if err := s.applyWrites(ctx, owes, inserts, replaces, renumbers, &done); err != nil {
			return err
		}
	}
}

// asInvited matches a visit only if nobody noted an invitation since it was read.
func asInvited(invited []byte) bson.D {
	if len(invited) == 0 {
		return field("invited", bson.D{{Key: "$exists", Value: false}})
	}
	return field("invited", invited)
}

// Visit implements survey.VisitStore.
func (s *Store) Visit(ctx context.Context, id string, c survey.CaseRef) (v survey.Visit, rated bool, err error) {
	err = s.do(ctx, "read a visit", func() error {
		d, err := one[visitDoc](ctx, s.db.Collection("visits"), byID(caseID{id, c.Number, c.Stage}))
		if err != nil {
			return err
		}
		v = d.visit()
		n, err := s.db.Collection("responses").CountDocuments(ctx, bson.D{{Key: "case.n", Value: c.Number}, {Key: "case.s", Value: c.Stage}, {Key: "survey", Value: id}},
			options.Count().SetLimit(1))
		rated = n > 0
		return err
	})
	return v, rated, err
}

// UninvitedVisits implements survey.VisitStore.
func (s *Store) UninvitedVisits(ctx context.Context, id string, ended time.Time, limit int) (list []survey.Visit, err error) {
	err = s.do(ctx, "read visits to invite", func() error {
		docs, err := all[visitDoc](ctx, s.db.Collection("visits"), bson.D{{Key: "_id.survey", Value: id}, {Key: "invite", Value: bson.D{{Key: "$lt", Value: ended}}}},
			sorted("invite").SetLimit(int64(limit)))
		for _, d := range docs {
			list = append(list, d.visit())
		}
		return err
	})
	return list, err
}

// MarkInvited implements survey.VisitStore.
func (s *Store) MarkInvited(ctx context.Context, visits []survey.Visit) error {
	if len(visits) == 0 {
		return nil
	}
	return s.do(ctx, "note who is invited", func() error {
		var updates []mongo.WriteModel
		for _, v := range visits {
			filter := slices.Concat(byID(caseID{v.Survey, v.Case.Number, v.Case.Stage}), asInvited(nil))
			updates = append(updates, mongo.NewUpdateOneModel().SetFilter(filter).
				SetUpdate(bson.D{{Key: "$set", Value: field("invited", v.Invited)}, {Key: "$unset", Value: field("invite", "")}}))
		}
		_, err := s.db.Collection("visits").BulkWrite(ctx, updates, options.BulkWrite().SetOrdered(false))
		return err
	})
}

func (s *Store) applyWrites(ctx context.Context, owes debt, inserts []any, replaces, renumbers []mongo.WriteModel, done *survey.VisitChange) error {
	visits := s.db.Collection("visits")
	if len(owes.Cases) > 0 {
		owed, err := s.owe(ctx, owes)
		if err != nil {
			return err
		}
		if len(inserts) > 0 {
			there, err := insertNew(ctx, visits, inserts)
			if err != nil {
				return err
			}
			done.Added += len(inserts) - len(there)
		}
		if len(replaces) > 0 {
			result, err := visits.BulkWrite(ctx, replaces, options.BulkWrite().SetOrdered(false))
			if err != nil {
				return err
			}
			done.Changed += int(result.MatchedCount)
		}
		if err := s.settle(ctx, owed, owes, false); err != nil {
			return err
		}
	}
	if len(renumbers) == 0 {
		return nil
	}
	_, err := visits.BulkWrite(ctx, renumbers, options.BulkWrite().SetOrdered(false))
	return err
}
