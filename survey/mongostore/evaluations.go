package mongostore

import (
	"context"
	"encoding/json"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"

	"manyi/survey"
)

type instrumentDoc struct {
	ID  instrumentID `bson:"_id"`
	Doc string       `bson:"doc"` // the instrument as JSON
}

type instrumentID struct {
	ID      string `bson:"id"`
	Version int    `bson:"version"`
}

func (d instrumentDoc) instrument() (i survey.Instrument, err error) {
	err = json.Unmarshal([]byte(d.Doc), &i)
	return i, err
}

// AddInstrument implements survey.InstrumentStore.
func (s *Store) AddInstrument(ctx context.Context, i survey.Instrument) error {
	return s.do(ctx, "add instrument", func() error {
		doc, err := json.Marshal(i)
		if err == nil {
			_, err = s.db.Collection("instruments").InsertOne(ctx, instrumentDoc{instrumentID{i.ID, i.Version}, string(doc)})
		}
		return err
	})
}

// Instrument implements survey.InstrumentStore.
func (s *Store) Instrument(ctx context.Context, ref survey.InstrumentRef) (i survey.Instrument, err error) {
	err = s.do(ctx, "read instrument", func() error {
		d, err := one[instrumentDoc](ctx, s.db.Collection("instruments"), byID(instrumentID{ref.ID, ref.Version}))
		if err == nil {
			i, err = d.instrument()
		}
		return err
	})
	return i, err
}

// Instruments implements survey.InstrumentStore.
func (s *Store) Instruments(ctx context.Context) (out []survey.Instrument, err error) {
	err = s.do(ctx, "read instruments", func() error {
		docs, err := all[instrumentDoc](ctx, s.db.Collection("instruments"), bson.D{}, sorted("_id.id", "_id.version"))
		for _, d := range docs {
			i, err := d.instrument()
			if err != nil {
				return err
			}
			out = append(out, i)
		}
		return err
	})
	return out, err
}

type assignmentDoc struct {
	ID      assignmentID `bson:"_id"`
	Bureaus []string     `bson:"bureaus"`
}

type assignmentID struct {
	Survey    string `bson:"survey"`
	Evaluator string `bson:"evaluator"`
}

// PutAssignment implements survey.EvaluationStore.
func (s *Store) PutAssignment(ctx context.Context, a survey.Assignment) error {
	return s.do(ctx, "store assignment", func() error {
		id := assignmentID{a.Survey, a.Evaluator}
		return put(ctx, s.db.Collection("assignments"), id, assignmentDoc{id, a.Bureaus})
	})
}

// Assignments implements survey.EvaluationStore.
func (s *Store) Assignments(ctx context.Context, id string) (out []survey.Assignment, err error) {
	err = s.do(ctx, "read assignments", func() error {
		filter := bson.D{}
		if id != "" {
			filter = field("_id.survey", id)
		}
		docs, err := all[assignmentDoc](ctx, s.db.Collection("assignments"), filter, sorted("_id.survey", "_id.evaluator"))
		for _, d := range docs {
			if len(d.Bureaus) > 0 {
				out = append(out, survey.Assignment{Survey: d.ID.Survey, Evaluator: d.ID.Evaluator, Bureaus: d.Bureaus})
			}
		}
		return err
	})
	return out, err
}

// evaluationDoc is an evaluation, entries and all: one document, so that entries
// are added in one step, and only if n is still what was seen.
type evaluationDoc struct {
	ID      evaluationID `bson:"_id"`
	N       int          `bson:"n"`
	Entries []string     `bson:"entries"` // each as JSON
}

type evaluationID struct {
	Survey    string `bson:"survey"`
	Bureau    string `bson:"bureau"`
	Evaluator string `bson:"evaluator"`
}

func (d evaluationDoc) evaluation() (survey.Evaluation, error) {
	e := survey.Evaluation{EvaluationID: survey.EvaluationID(d.ID)}
	for _, doc := range d.Entries {
		var entry survey.EvaluationEntry
		if err := json.Unmarshal([]byte(doc), &entry); err != nil {
			return e, err
		}
		e.Entries = append(e.Entries, entry)
	}
	return e, nil
}

// AddEvaluationEntries implements survey.EvaluationStore.
func (s *Store) AddEvaluationEntries(ctx context.Context, id survey.EvaluationID, made []survey.EvaluationEntry) error {
	if len(made) == 0 {
		return nil
	}
	return s.do(ctx, "add entries of an evaluation", func() error {
		docs := make([]string, len(made))
		for i, e := range made {
			doc, err := json.Marshal(e)
			if err != nil {
				return err
			}
			docs[i] = string(doc)
		}
		n := made[len(made)-1].No
		c := s.db.Collection("evaluations")
		if made[0].No == 1 {
			_, err := c.InsertOne(ctx, evaluationDoc{evaluationID(id), n, docs})
			return err // a duplicate is somebody who was faster
		}
		done, err := c.UpdateOne(ctx, bson.D{{Key: "_id", Value: evaluationID(id)}, {Key: "n", Value: made[0].No - 1}}, bson.D{
			{Key: "$push", Value: field("entries", bson.D{{Key: "$each", Value: docs}})}, {Key: "$set", Value: field("n", n)}})
		if err == nil && done.MatchedCount == 0 {
			err = survey.ErrExists
		}
		return err
	})
}

// AddEvaluations implements survey.EvaluationStore: all are looked at before any is
// stored, and each is one document. There is no transaction across them.
func (s *Store) AddEvaluations(ctx context.Context, groups []survey.EvaluationGroup) error {
	for _, g := range groups {
		if len(g.Made) == 0 {
			continue
		}
		e, err := s.Evaluation(ctx, g.ID)
		if err != nil {
			return err
		}
		if g.Made[0].No != len(e.Entries)+1 {
			return fmt.Errorf("evaluation of %s: %w", g.ID.Bureau, survey.ErrExists)
		}
	}
	for _, g := range groups {
		if err := s.AddEvaluationEntries(ctx, g.ID, g.Made); err != nil {
			return fmt.Errorf("evaluation of %s: %w", g.ID.Bureau, err)
		}
	}
	return nil
}

// Evaluation implements survey.EvaluationStore.
func (s *Store) Evaluation(ctx context.Context, id survey.EvaluationID) (e survey.Evaluation, err error) {
	e.EvaluationID = id
	err = s.do(ctx, "read evaluation", func() error {
		docs, err := all[evaluationDoc](ctx, s.db.Collection("evaluations"), byID(evaluationID(id)))
		if err == nil && len(docs) > 0 {
			e, err = docs[0].evaluation()
		}
		return err
	})
	return e, err
}

// Evaluations implements survey.EvaluationStore.
func (s *Store) Evaluations(ctx context.Context, id, bureau string, yield func(survey.Evaluation) error) error {
	return s.do(ctx, "read evaluations", func() error {
		filter := bson.D{}
		if id != "" {
			filter = append(filter, bson.E{Key: "_id.survey", Value: id})
		}
		if bureau != "" {
			filter = append(filter, bson.E{Key: "_id.bureau", Value: bureau})
		}
		cursor, err := s.db.Collection("evaluations").Find(ctx, filter, sorted("_id.survey", "_id.bureau", "_id.evaluator").SetBatchSize(20))
		if err != nil {
			return err
		}
		defer cursor.Close(ctx)
		for cursor.Next(ctx) {
			var d evaluationDoc
			if err := cursor.Decode(&d); err != nil {
				return err
			}
			e, err := d.evaluation()
			if err == nil {
				err = yield(e)
			}
			if err != nil {
				return err
			}
		}
		return cursor.Err()
	})
}
