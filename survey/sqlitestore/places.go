package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"manyi/survey"
)

// Places implements survey.PlaceStore.
func (s *Store) Places(ctx context.Context) ([]survey.Place, error) {
	var out []survey.Place
	rows, err := s.read.QueryContext(ctx, "SELECT code, name, kind, parent, active FROM places ORDER BY code")
	err = each(rows, err, func(r *sql.Rows) error {
		var p survey.Place
		err := r.Scan(&p.Code, &p.Name, &p.Kind, &p.Parent, &p.Active)
		out = append(out, p)
		return err
	})
	return out, wrap("read places", err)
}

// PutPlaces implements survey.PlaceStore.
func (s *Store) PutPlaces(ctx context.Context, places []survey.Place) error {
	return wrap("store places", s.tx(ctx, func(tx *sql.Tx) error {
		for _, p := range places {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO places(code, name, kind, parent, active) VALUES (?,?,?,?,?)",
				p.Code, p.Name, p.Kind, p.Parent, p.Active); err != nil {
				return fmt.Errorf("place %s: %w", p.Code, err)
			}
		}
		return nil
	}))
}

// AddSurvey implements survey.SurveyStore.
func (s *Store) AddSurvey(ctx context.Context, v survey.Survey) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return wrap("add survey "+v.ID, s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO surveys(id, opens, doc) VALUES (?,?,?)", v.ID, millis(v.Opens), string(doc))
		return err
	}))
}

// ReviseSurvey implements survey.SurveyStore.
func (s *Store) ReviseSurvey(ctx context.Context, next survey.Survey, now time.Time) error {
	return wrap("revise survey "+next.ID, s.tx(ctx, func(tx *sql.Tx) error {
		old, err := scanSurvey(tx.QueryRowContext(ctx, "SELECT doc FROM surveys WHERE id = ?", next.ID))
		if err != nil {
			return err
		}
		revised, err := old.Revise(next, now)
		if err != nil {
			return err
		}
		doc, err := json.Marshal(revised)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE surveys SET opens = ?, doc = ? WHERE id = ?", millis(revised.Opens), string(doc), next.ID)
		return err
	}))
}

// Survey implements survey.SurveyStore.
func (s *Store) Survey(ctx context.Context, id string) (survey.Survey, error) {
	v, err := scanSurvey(s.read.QueryRowContext(ctx, "SELECT doc FROM surveys WHERE id = ?", id))
	return v, wrap("read survey "+id, translate(err))
}

// Surveys implements survey.SurveyStore.
func (s *Store) Surveys(ctx context.Context) ([]survey.Survey, error) {
	var out []survey.Survey
	rows, err := s.read.QueryContext(ctx, "SELECT doc FROM surveys ORDER BY opens DESC, id")
	err = each(rows, err, func(r *sql.Rows) error {
		v, err := scanSurvey(r)
		out = append(out, v)
		return err
	})
	return out, wrap("read surveys", err)
}

func scanSurvey(row interface{ Scan(...any) error }) (v survey.Survey, err error) {
	var doc string
	if err := row.Scan(&doc); err != nil {
		return v, err
	}
	err = json.Unmarshal([]byte(doc), &v)
	return v, err
}

// AddCode implements survey.CodeStore.
func (s *Store) AddCode(ctx context.Context, c survey.WindowCode) error {
	return wrap("add code for window "+c.Window, s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO codes(serial, survey, window, issued, revoked) VALUES (?,?,?,?,?)",
			c.Serial, c.Survey, c.Window, millis(c.IssuedAt), millis(c.RevokedAt))
		return err
	}))
}

const selectCode = "SELECT serial, survey, window, issued, revoked FROM codes "

// Code implements survey.CodeStore.
func (s *Store) Code(ctx context.Context, serial uint32) (survey.WindowCode, error) {
	c, err := scanCode(s.read.QueryRowContext(ctx, selectCode+"WHERE serial = ?", serial))
	return c, wrap("read code", translate(err))
}

// Codes implements survey.CodeStore.
func (s *Store) Codes(ctx context.Context, id, place string) ([]survey.WindowCode, error) {
	places, err := s.Places(ctx)
	if err != nil {
		return nil, err
	}
	tree, _ := survey.NewTree(places) // stored places were checked on the way in
	var out []survey.WindowCode
	rows, err := s.read.QueryContext(ctx, selectCode+"WHERE survey = ? ORDER BY window, issued, serial", id)
	err = each(rows, err, func(r *sql.Rows) error {
		c, err := scanCode(r)
		if err == nil && (place == "" || tree.Within(c.Window, place)) {
			out = append(out, c)
		}
		return err
	})
	return out, wrap("read codes", err)
}

// RevokeCode implements survey.CodeStore.
func (s *Store) RevokeCode(ctx context.Context, serial uint32, now time.Time) error {
	return wrap("revoke code", s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE codes SET revoked = ? WHERE serial = ? AND revoked = 0", millis(now), serial); err != nil {
			return err
		}
		_, err := scanCode(tx.QueryRowContext(ctx, selectCode+"WHERE serial = ?", serial))
		return err
	}))
}

func scanCode(row interface{ Scan(...any) error }) (c survey.WindowCode, err error) {
	var issued, revoked int64
	err = row.Scan(&c.Serial, &c.Survey, &c.Window, &issued, &revoked)
	c.IssuedAt, c.RevokedAt = instant(issued), instant(revoked)
	return c, err
}

// wrap names the operation of an error; nil stays nil.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
