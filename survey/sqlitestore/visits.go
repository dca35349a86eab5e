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
			old, err := s.visitOf(ctx, tx, v)
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
			_, err = s.in(ctx, tx, putVisit).ExecContext(ctx, v.Survey, v.Case.Number, v.Case.Stage, v.Window, v.Item, millis(v.FinishedAt), v.Day, nullableBytes(v.Secret))
			if err != nil {
				return err
			}
			marks.add(v.Bucket())
			if _, err := s.markResponsesOf(ctx, tx, marks, v.Survey, v.Case); err != nil {
				return err
			}
		}
		return s.storeMarks(ctx, tx, marks)
	})
	return change, wrap("store visits", err)
}

// Visits implements survey.VisitStore.
func (s *Store) Visits(ctx context.Context, yield func(survey.Visit) error) error {
	var last survey.Visit
	for {
		page := make([]survey.Visit, 0, pageRows)
		rows, err := s.read.QueryContext(ctx, `SELECT survey, case_number, stage, window, item, finished, day, secret FROM visits
			WHERE (survey, case_number, stage) > (?, ?, ?) ORDER BY survey, case_number, stage LIMIT ?`,
			last.Survey, last.Case.Number, last.Case.Stage, pageRows)
		err = each(rows, err, func(r *sql.Rows) error {
			var v survey.Visit
			var finished int64
			err := r.Scan(&v.Survey, &v.Case.Number, &v.Case.Stage, &v.Window, &v.Item, &finished, &v.Day, &v.Secret)
			v.FinishedAt = instant(finished)
			page = append(page, v)
			return err
		})
		if err != nil {
			return wrap("read visits", err)
		}
		for _, last = range page {
			if err := yield(last); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

func (s *Store) visitOf(ctx context.Context, tx *sql.Tx, v survey.Visit) (old survey.Visit, err error) {
	old.Survey, old.Case = v.Survey, v.Case
	var finished int64
	err = s.in(ctx, tx, selectVisit).QueryRowContext(ctx, v.Survey, v.Case.Number, v.Case.Stage).Scan(&old.Window, &old.Item, &finished, &old.Day, &old.Secret)
	old.FinishedAt = instant(finished)
	return old, err
}

func sameVisit(a, b survey.Visit) bool {
	return a.Window == b.Window && a.Item == b.Item && a.FinishedAt.Equal(b.FinishedAt) && a.Day == b.Day && bytes.Equal(a.Secret, b.Secret)
}

// marker collects the buckets that a transaction makes out of date.
type marker map[survey.Bucket]bool

func (m marker) add(b survey.Bucket) { m[b] = true }

// markCase marks every bucket that the case and stage of a new response touches:
// its responses compete for being the one that counts, and its visit may turn from
// unrated to rated. Competing ones are noted as disputed.
func (s *Store) markCase(ctx context.Context, tx *sql.Tx, m marker, id string, c survey.CaseRef) error {
	v, err := s.visitOf(ctx, tx, survey.Visit{Survey: id, Case: c})
	if err == nil {
		m.add(v.Bucket())
	} else if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	rivals, err := s.markResponsesOf(ctx, tx, m, id, c)
	if err != nil || len(rivals) < 2 {
		return err
	}
	// Of three and more all but the new one were noted when the one before came.
	for _, seq := range rivals[len(rivals)-2:] {
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO disputed(seq) VALUES (?)", seq); err != nil {
			return err
		}
	}
	return nil
}

// markResponsesOf returns the responses of the case, the latest last.
func (s *Store) markResponsesOf(ctx context.Context, tx *sql.Tx, m marker, id string, c survey.CaseRef) (seqs []int64, err error) {
	rows, err := s.in(ctx, tx, bucketsOfCase).QueryContext(ctx, c.Number, c.Stage, id)
	err = each(rows, err, func(r *sql.Rows) error {
		b := survey.Bucket{Survey: id, Kind: survey.Window}
		var seq int64
		err := r.Scan(&seq, &b.Place, &b.Span)
		m.add(b)
		seqs = append(seqs, seq)
		return err
	})
	return seqs, err
}

// storeMarks writes the marks with a Gen no mark ever had.
func (s *Store) storeMarks(ctx context.Context, tx *sql.Tx, m marker) error {
	if len(m) == 0 {
		return nil
	}
	var gen int64
	if err := s.in(ctx, tx, nextGen).QueryRowContext(ctx).Scan(&gen); err != nil {
		return err
	}
	put := s.in(ctx, tx, putMark)
	for b := range m {
		if _, err := put.ExecContext(ctx, b.Step(), b.Survey, b.Span, b.Place, b.Kind, gen); err != nil {
			return err
		}
	}
	return nil
}

const (
	selectVisit = "SELECT window, item, finished, day, secret FROM visits WHERE survey = ? AND case_number = ? AND stage = ?"
	putVisit    = `INSERT OR REPLACE INTO visits(survey, case_number, stage, window, item, finished, day, secret)
		VALUES (?,?,?,?,?,?,?,?)`
	bucketsOfCase = `SELECT r.seq, s.window, r.day FROM responses r CROSS JOIN series s ON s.no = r.series
		WHERE r.case_number = ? AND r.stage = ? AND s.survey = ? ORDER BY r.seq`
	nextGen = "UPDATE mark_sequence SET gen = gen + 1 RETURNING gen"
	putMark = "INSERT OR REPLACE INTO marks(step, survey, span, place, kind, gen) VALUES (?,?,?,?,?,?)"
)
