package mongostore

import (
	"context"
	"encoding/json"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

type surveyDoc struct {
	ID    string    `bson:"_id"`
	Rev   int64     `bson:"rev"`
	Opens time.Time `bson:"opens"`
	Doc   string    `bson:"doc"` // the survey as JSON
}

func surveyDocOf(v survey.Survey, rev int64) (surveyDoc, error) {
	doc, err := json.Marshal(v)
	return surveyDoc{v.ID, rev, v.Opens, string(doc)}, err
}

func (d surveyDoc) survey() (v survey.Survey, err error) {
	err = json.Unmarshal([]byte(d.Doc), &v)
	return v, err
}

// AddSurvey implements survey.SurveyStore.
func (s *Store) AddSurvey(ctx context.Context, v survey.Survey) error {
	return s.do(ctx, "add survey "+v.ID, func() error {
		doc, err := surveyDocOf(v, 1)
		if err == nil {
			_, err = s.db.Collection("surveys").InsertOne(ctx, doc)
		}
		return err
	})
}

// ReviseSurvey implements survey.SurveyStore.
func (s *Store) ReviseSurvey(ctx context.Context, next survey.Survey, now time.Time) error {
	return s.do(ctx, "revise survey "+next.ID, func() error {
		c := s.db.Collection("surveys")
		for {
			stored, err := one[surveyDoc](ctx, c, byID(next.ID))
			if err != nil {
				return err
			}
			old, err := stored.survey()
			if err != nil {
				return err
			}
			revised, err := old.Revise(next, now)
			if err != nil {
				return err
			}
			doc, err := surveyDocOf(revised, stored.Rev+1)
			if err != nil {
				return err
			}
			done, err := c.ReplaceOne(ctx, bson.D{{Key: "_id", Value: next.ID}, {Key: "rev", Value: stored.Rev}}, doc)
			if err != nil || done.MatchedCount > 0 {
				return err
			}
		}
	})
}

// Survey implements survey.SurveyStore.
func (s *Store) Survey(ctx context.Context, id string) (v survey.Survey, err error) {
	err = s.do(ctx, "read survey "+id, func() error {
		d, err := one[surveyDoc](ctx, s.db.Collection("surveys"), byID(id))
		if err == nil {
			v, err = d.survey()
		}
		return err
	})
	return v, err
}

// Surveys implements survey.SurveyStore.
func (s *Store) Surveys(ctx context.Context) (out []survey.Survey, err error) {
	err = s.do(ctx, "read surveys", func() error {
		docs, err := all[surveyDoc](ctx, s.db.Collection("surveys"), bson.D{}, options.Find().SetSort(bson.D{{Key: "opens", Value: -1}, {Key: "_id", Value: 1}}))
		if err != nil {
			return err
		}
		for _, d := range docs {
			v, err := d.survey()
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

type codeDoc struct {
	Serial  int64     `bson:"_id"`
	Survey  string    `bson:"survey"`
	Window  string    `bson:"window"`
	Issued  time.Time `bson:"issued"`
	Revoked time.Time `bson:"revoked,omitempty"`
}

func (d codeDoc) code() survey.WindowCode {
	return survey.WindowCode{Serial: uint32(d.Serial), Survey: d.Survey, Window: d.Window, IssuedAt: d.Issued.UTC(), RevokedAt: d.Revoked.UTC()}
}

// AddCode implements survey.CodeStore.
func (s *Store) AddCode(ctx context.Context, c survey.WindowCode) error {
	return s.do(ctx, "add code for window "+c.Window, func() error {
		_, err := s.db.Collection("codes").InsertOne(ctx, codeDoc{int64(c.Serial), c.Survey, c.Window, c.IssuedAt, c.RevokedAt})
		return err
	})
}

// Code implements survey.CodeStore.
func (s *Store) Code(ctx context.Context, serial uint32) (c survey.WindowCode, err error) {
	err = s.do(ctx, "read code", func() error {
		d, err := one[codeDoc](ctx, s.db.Collection("codes"), byID(int64(serial)))
		if err == nil {
			c = d.code()
		}
		return err
	})
	return c, err
}

// Codes implements survey.CodeStore.
func (s *Store) Codes(ctx context.Context, id, place string) (out []survey.WindowCode, err error) {
	err = s.do(ctx, "read codes", func() error {
		places, _, err := s.places(ctx)
		if err != nil {
			return err
		}
		tree, _ := survey.NewTree(places) // stored places were checked on the way in
		docs, err := all[codeDoc](ctx, s.db.Collection("codes"), field("survey", id), sorted("window", "issued", "_id"))
		for _, d := range docs {
			if place == "" || tree.Within(d.Window, place) {
				out = append(out, d.code())
			}
		}
		return err
	})
	return out, err
}

// RevokeCode implements survey.CodeStore.
func (s *Store) RevokeCode(ctx context.Context, serial uint32, now time.Time) error {
	return s.do(ctx, "revoke code", func() error {
		codes := s.db.Collection("codes")
		_, err := codes.UpdateOne(ctx,
			bson.D{{Key: "_id", Value: int64(serial)}, {Key: "revoked", Value: bson.D{{Key: "$exists", Value: false}}}},
			bson.D{{Key: "$set", Value: bson.D{{Key: "revoked", Value: now}}}})
		if err == nil {
			err = codes.FindOne(ctx, byID(int64(serial))).Err() // which tells an unknown code
		}
		return err
	})
}
