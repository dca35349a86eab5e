package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"manyi/survey"
)

// PutVisits implements survey.VisitStore.
func (s *Store) PutVisits(ctx context.Context, visits []survey.Visit) (change survey.VisitChange, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		change = survey.VisitChange{}
		marks := marker{}
		for _, v := range visits {
			old, err := visitOf(ctx, tx, v)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				change.Added++
			case err != nil:
				return err
			case sameVisit(old, v):
				change.Unchanged++
				continue
			default:
				change.Changed++
				marks.add(old.Bucket())
			}
			_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO visits(survey, case_number, stage, window, item, finished, day, secret)
				VALUES (?,?,?,?,?,?,?,?)`, v.Survey, v.Case.Number, v.Case.Stage, v.Window, v.Item, millis(v.FinishedAt), v.Day, nullableBytes(v.Secret))
			if err != nil {
				return err
			}
			marks.add(v.Bucket())
			if err := marks.addResponsesOf(ctx, tx, v.Survey, v.Case); err != nil {
				return err
			}
		}
		return s.storeMarks(ctx, tx, marks)
	})
	return change, wrap("store visits", err)
}

func visitOf(ctx context.Context, tx *sql.Tx, v survey.Visit) (old survey.Visit, err error) {
	old.Survey, old.Case = v.Survey, v.Case
	var finished int64
	err = tx.QueryRowContext(ctx, "SELECT window, item, finished, day, secret FROM visits WHERE survey = ? AND case_number = ? AND stage = ?",
		v.Survey, v.Case.Number, v.Case.Stage).Scan(&old.Window, &old.Item, &finished, &old.Day, &old.Secret)
	old.FinishedAt = instant(finished)
	return old, err
}

func sameVisit(a, b survey.Visit) bool {
	return a.Window == b.Window && a.Item == b.Item && a.FinishedAt.Equal(b.FinishedAt) && a.Day == b.Day && bytes.Equal(a.Secret, b.Secret)
}

// marker collects the buckets that a transaction makes out of date.
type marker map[survey.Bucket]bool

func (m marker) add(b survey.Bucket) { m[b] = true }

// addCase marks every bucket that a case and stage touches: its responses
// compete for being the one that counts, and its visit may turn from unrated to rated.
func (m marker) addCase(ctx context.Context, tx *sql.Tx, id string, c survey.CaseRef) error {
	v, err := visitOf(ctx, tx, survey.Visit{Survey: id, Case: c})
	if err == nil {
		m.add(v.Bucket())
	} else if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return m.addResponsesOf(ctx, tx, id, c)
}

func (m marker) addResponsesOf(ctx context.Context, tx *sql.Tx, id string, c survey.CaseRef) error {
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT s.window, r.day FROM responses r JOIN series s ON s.no = r.series
		WHERE r.case_number = ? AND r.stage = ? AND s.survey = ?`, c.Number, c.Stage, id)
	return each(rows, err, func(r *sql.Rows) error {
		b := survey.Bucket{Survey: id, Kind: survey.Window}
		err := r.Scan(&b.Place, &b.Span)
		m.add(b)
		return err
	})
}

// storeMarks writes the marks with a Gen no mark ever had.
func (s *Store) storeMarks(ctx context.Context, tx *sql.Tx, m marker) error {
	if len(m) == 0 {
		return nil
	}
	var gen int64
	if err := tx.StmtContext(ctx, s.nextGen).QueryRowContext(ctx).Scan(&gen); err != nil {
		return err
	}
	put := tx.StmtContext(ctx, s.mark)
	for b := range m {
		if _, err := put.ExecContext(ctx, b.Step(), b.Survey, b.Span, b.Place, b.Kind, gen); err != nil {
			return err
		}
	}
	return nil
}

const (
	nextGen = "UPDATE mark_sequence SET gen = gen + 1 RETURNING gen"
	putMark = "INSERT OR REPLACE INTO marks(step, survey, span, place, kind, gen) VALUES (?,?,?,?,?,?)"
)
