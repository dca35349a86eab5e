package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"manyi/survey"
)

// PutVisits implements survey.VisitStore.
func (s *Store) PutVisits(ctx context.Context, visits []survey.Visit) (change survey.VisitChange, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		change = survey.VisitChange{}
		marks := marker{}
		for _, v := range visits {
			if len(v.Secret) == 0 {
				v.Secret = nil
			}
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
				if v.Invited == nil {
					v.Invited = old.Invited
				}
				if v.SamePhone(old) {
					v.Phone = old.Phone
				}
			}
			phone := survey.SealedContact{}
			if v.Phone != nil {
				phone = *v.Phone
			}
			_, err = s.in(ctx, tx, putVisit).ExecContext(ctx, v.Survey, v.Case.Number, v.Case.Stage, v.Window, v.Item, millis(v.FinishedAt), v.Day, nullableBytes(v.Secret),
				nullableBytes(phone.PhoneHash), phone.KeyID, nullableBytes(phone.Sealed), v.Language, nullableBytes(v.Invited))
			if err != nil {
				return err
			}
			marks.add(v.Bucket())
			if err := s.weigh(ctx, tx, marks, v.Survey, v.Case, &v); err != nil {
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
		rows, err := s.read.QueryContext(ctx, "SELECT "+visitColumns+` FROM visits
			WHERE (survey, case_number, stage) > (?, ?, ?) ORDER BY survey, case_number, stage LIMIT ?`,
			last.Survey, last.Case.Number, last.Case.Stage, pageRows)
		err = each(rows, err, func(r *sql.Rows) error {
			v, err := scanVisit(r)
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
	return scanVisit(s.in(ctx, tx, selectVisit).QueryRowContext(ctx, v.Survey, v.Case.Number, v.Case.Stage))
}

func sameVisit(old, v survey.Visit) bool {
	return old.Window == v.Window && old.Item == v.Item && old.FinishedAt.Equal(v.FinishedAt) && old.Day == v.Day && bytes.Equal(old.Secret, v.Secret) &&
		old.SamePhone(v) && old.Language == v.Language && (v.Invited == nil || bytes.Equal(old.Invited, v.Invited))
}

const visitColumns = "survey, case_number, stage, window, item, finished, day, secret, phone, key_id, sealed, language, invited"

func scanVisit(row interface{ Scan(...any) error }) (v survey.Visit, err error) {
	var finished int64
	var phone survey.SealedContact
	err = row.Scan(&v.Survey, &v.Case.Number, &v.Case.Stage, &v.Window, &v.Item, &finished, &v.Day, &v.Secret,
		&phone.PhoneHash, &phone.KeyID, &phone.Sealed, &v.Language, &v.Invited)
	v.FinishedAt = instant(finished)
	if phone.PhoneHash != nil {
		v.Phone = &phone
	}
	return v, err
}

// Visit implements survey.VisitStore.
func (s *Store) Visit(ctx context.Context, id string, c survey.CaseRef) (v survey.Visit, rated bool, err error) {
	v, err = scanVisit(s.read.QueryRowContext(ctx, "SELECT "+visitColumns+" FROM visits WHERE survey = ? AND case_number = ? AND stage = ?", id, c.Number, c.Stage))
	if err == nil {
		err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM responses r JOIN series s ON s.no = r.series
			WHERE r.case_number = ? AND r.stage = ? AND s.survey = ?)`, c.Number, c.Stage, id).Scan(&rated)
	}
	return v, rated, wrap("read a visit", translate(err))
}

// UninvitedVisits implements survey.VisitStore.
func (s *Store) UninvitedVisits(ctx context.Context, id string, ended time.Time, limit int) (list []survey.Visit, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+visitColumns+` FROM visits
		WHERE survey = ? AND finished < ? AND phone IS NOT NULL AND invited IS NULL ORDER BY finished LIMIT ?`, id, millis(ended), limit)
	err = each(rows, err, func(r *sql.Rows) error {
		v, err := scanVisit(r)
		list = append(list, v)
		return err
	})
	return list, wrap("read visits to invite", err)
}

// MarkInvited implements survey.VisitStore.
func (s *Store) MarkInvited(ctx context.Context, visits []survey.Visit) error {
	return wrap("note who is invited", s.tx(ctx, func(tx *sql.Tx) error {
		marks := marker{}
		for _, v := range visits {
			_, err := tx.ExecContext(ctx, "UPDATE visits SET invited = ? WHERE survey = ? AND case_number = ? AND stage = ? AND invited IS NULL",
				v.Invited, v.Survey, v.Case.Number, v.Case.Stage)
			if err != nil {
				return err
			}
			if err := s.weighCase(ctx, tx, marks, v.Survey, v.Case); err != nil {
				return err
			}
		}
		return s.storeMarks(ctx, tx, marks)
	}))
}

// marker collects the buckets that a transaction makes out of date.
type marker map[survey.Bucket]bool

func (m marker) add(b survey.Bucket) { m[b] = true }

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
	selectVisit = "SELECT " + visitColumns + " FROM visits WHERE survey = ? AND case_number = ? AND stage = ?"
	putVisit    = "INSERT INTO visits(" + visitColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT(survey, case_number, stage) DO UPDATE SET no = no + (window <> excluded.window OR day <> excluded.day),
		window = excluded.window, item = excluded.item, finished = excluded.finished, day = excluded.day, secret = excluded.secret,
		phone = excluded.phone, key_id = excluded.key_id, sealed = excluded.sealed, language = excluded.language, invited = excluded.invited`
	nextGen = "UPDATE mark_sequence SET gen = gen + 1 RETURNING gen"
	putMark = "INSERT OR REPLACE INTO marks(step, survey, span, place, kind, gen) VALUES (?,?,?,?,?,?)"
)
