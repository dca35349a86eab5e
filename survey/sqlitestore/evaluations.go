package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"manyi/survey"
)

// AddInstrument implements survey.InstrumentStore.
func (s *Store) AddInstrument(ctx context.Context, i survey.Instrument) error {
	doc, err := json.Marshal(i)
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, "INSERT INTO instruments(id, version, doc) VALUES (?,?,?)", i.ID, i.Version, string(doc))
	return wrap("add instrument", translate(err))
}

// Instrument implements survey.InstrumentStore.
func (s *Store) Instrument(ctx context.Context, ref survey.InstrumentRef) (i survey.Instrument, err error) {
	var doc []byte
	err = s.read.QueryRowContext(ctx, "SELECT doc FROM instruments WHERE id = ? AND version = ?", ref.ID, ref.Version).Scan(&doc)
	if err == nil {
		err = json.Unmarshal(doc, &i)
	}
	return i, wrap("read instrument", translate(err))
}

// Instruments implements survey.InstrumentStore.
func (s *Store) Instruments(ctx context.Context) (out []survey.Instrument, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT doc FROM instruments ORDER BY id, version")
	err = each(rows, err, func(r *sql.Rows) error {
		var doc sql.RawBytes
		if err := r.Scan(&doc); err != nil {
			return err
		}
		var i survey.Instrument
		err := json.Unmarshal(doc, &i)
		out = append(out, i)
		return err
	})
	return out, wrap("read instruments", err)
}

// PutAssignment implements survey.EvaluationStore.
func (s *Store) PutAssignment(ctx context.Context, a survey.Assignment) error {
	bureaus, err := json.Marshal(a.Bureaus)
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, "INSERT OR REPLACE INTO assignments(survey, evaluator, bureaus) VALUES (?,?,?)", a.Survey, a.Evaluator, string(bureaus))
	return wrap("store assignment", translate(err))
}

// Assignments implements survey.EvaluationStore.
func (s *Store) Assignments(ctx context.Context, id string) (out []survey.Assignment, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT survey, evaluator, bureaus FROM assignments WHERE ?1 = '' OR survey = ?1 ORDER BY survey, evaluator", id)
	err = each(rows, err, func(r *sql.Rows) error {
		var a survey.Assignment
		var bureaus sql.RawBytes
		if err := r.Scan(&a.Survey, &a.Evaluator, &bureaus); err != nil {
			return err
		}
		if err := json.Unmarshal(bureaus, &a.Bureaus); err != nil {
			return err
		}
		if len(a.Bureaus) > 0 {
			out = append(out, a)
		}
		return nil
	})
	return out, wrap("read assignments", err)
}

// AddEvaluationEntries implements survey.EvaluationStore.
func (s *Store) AddEvaluationEntries(ctx context.Context, id survey.EvaluationID, made []survey.EvaluationEntry) error {
	return s.AddEvaluations(ctx, []survey.EvaluationGroup{{ID: id, Made: made}})
}

// AddEvaluations implements survey.EvaluationStore, in one transaction.
func (s *Store) AddEvaluations(ctx context.Context, groups []survey.EvaluationGroup) error {
	return wrap("add entries of evaluations", s.tx(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, "INSERT INTO evaluations(survey, bureau, evaluator, no, doc) VALUES (?,?,?,?,?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, g := range groups {
			if err := addEntries(ctx, tx, insert, g); err != nil {
				return err
			}
		}
		return nil
	}))
}

func addEntries(ctx context.Context, tx *sql.Tx, insert *sql.Stmt, g survey.EvaluationGroup) error {
	if len(g.Made) == 0 {
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(no), 0) FROM evaluations WHERE survey = ? AND bureau = ? AND evaluator = ?",
		g.ID.Survey, g.ID.Bureau, g.ID.Evaluator).Scan(&n); err != nil {
		return err
	}
	if g.Made[0].No != n+1 {
		return survey.ErrExists
	}
	for _, e := range g.Made {
		doc, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, g.ID.Survey, g.ID.Bureau, g.ID.Evaluator, e.No, string(doc)); err != nil {
			return err
		}
	}
	return nil
}

// Evaluation implements survey.EvaluationStore.
func (s *Store) Evaluation(ctx context.Context, id survey.EvaluationID) (survey.Evaluation, error) {
	e := survey.Evaluation{EvaluationID: id}
	rows, err := s.read.QueryContext(ctx, "SELECT doc FROM evaluations WHERE survey = ? AND bureau = ? AND evaluator = ? ORDER BY no", id.Survey, id.Bureau, id.Evaluator)
	err = each(rows, err, func(r *sql.Rows) error {
		var doc sql.RawBytes
		if err := r.Scan(&doc); err != nil {
			return err
		}
		var entry survey.EvaluationEntry
		if err := json.Unmarshal(doc, &entry); err != nil {
			return fmt.Errorf("an entry of %s by %s is damaged: %w", id.Bureau, id.Evaluator, err)
		}
		e.Entries = append(e.Entries, entry)
		return nil
	})
	return e, wrap("read evaluation", err)
}

// Evaluations implements survey.EvaluationStore. No read lock is held while yield works.
func (s *Store) Evaluations(ctx context.Context, id, bureau string, yield func(survey.Evaluation) error) error {
	var begun []survey.EvaluationID
	rows, err := s.read.QueryContext(ctx, `SELECT survey, bureau, evaluator FROM evaluations
		WHERE no = 1 AND (?1 = '' OR survey = ?1) AND (?2 = '' OR bureau = ?2) ORDER BY survey, bureau, evaluator`, id, bureau)
	err = each(rows, err, func(r *sql.Rows) error {
		var id survey.EvaluationID
		err := r.Scan(&id.Survey, &id.Bureau, &id.Evaluator)
		begun = append(begun, id)
		return err
	})
	if err != nil {
		return wrap("list evaluations", err)
	}
	for _, id := range begun {
		e, err := s.Evaluation(ctx, id)
		if err == nil {
			err = yield(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
