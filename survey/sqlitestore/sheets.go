package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"manyi/survey"
)

// PutCaseSheet implements survey.CaseSheetStore.
func (s *Store) PutCaseSheet(ctx context.Context, sheet survey.CaseSheet) error {
	doc, err := json.Marshal(sheet)
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, "INSERT INTO case_sheets(survey, as_of, no, made, doc) VALUES (?,?,?,?,?)",
		sheet.Survey, sheet.AsOf, sheet.No, millis(sheet.MadeAt), string(doc))
	return wrap("store case sheet", translate(err))
}

// CaseSheet implements survey.CaseSheetStore.
func (s *Store) CaseSheet(ctx context.Context, id string, day survey.Span) (sheet survey.CaseSheet, err error) {
	var doc []byte
	err = s.read.QueryRowContext(ctx, `SELECT doc FROM case_sheets WHERE survey = ?1 AND (?2 = 0 OR as_of = ?2)
		ORDER BY as_of DESC, no DESC LIMIT 1`, id, day).Scan(&doc)
	if err == nil {
		err = json.Unmarshal(doc, &sheet)
	}
	return sheet, wrap("read case sheet", translate(err))
}

// CaseSheets implements survey.CaseSheetStore.
func (s *Store) CaseSheets(ctx context.Context, yield func(survey.CaseSheet) error) error {
	type id struct {
		survey string
		asOf   survey.Span
		no     int
	}
	for last := (id{}); ; {
		var sheet survey.CaseSheet
		var doc []byte
		err := s.read.QueryRowContext(ctx, `SELECT survey, as_of, no, doc FROM case_sheets WHERE (survey, as_of, no) > (?, ?, ?)
			ORDER BY survey, as_of, no LIMIT 1`, last.survey, last.asOf, last.no).Scan(&last.survey, &last.asOf, &last.no, &doc)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = json.Unmarshal(doc, &sheet)
		}
		if err != nil {
			return wrap("read case sheets", err)
		}
		if err := yield(sheet); err != nil {
			return err
		}
	}
}

// PutFile implements survey.FileStore.
func (s *Store) PutFile(ctx context.Context, hash [32]byte, data []byte) error {
	_, err := s.write.ExecContext(ctx, "INSERT INTO files(hash, data) VALUES (?,?) ON CONFLICT DO NOTHING", hash[:], data)
	return wrap("store file", translate(err))
}

// File implements survey.FileStore.
func (s *Store) File(ctx context.Context, hash [32]byte) (data []byte, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT data FROM files WHERE hash = ?", hash[:]).Scan(&data)
	return data, wrap("read file", translate(err))
}

// Files implements survey.FileStore.
func (s *Store) Files(ctx context.Context, yield func([32]byte, []byte) error) error {
	for last := []byte{}; ; {
		var data []byte
		err := s.read.QueryRowContext(ctx, "SELECT hash, data FROM files WHERE hash > ? ORDER BY hash LIMIT 1", last).Scan(&last, &data)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return wrap("read files", err)
		}
		if err := yield([32]byte(last), data); err != nil {
			return err
		}
	}
}

// PutCalendar implements survey.CalendarStore.
func (s *Store) PutCalendar(ctx context.Context, days []survey.CalendarDay) error {
	return wrap("store calendar", s.tx(ctx, func(tx *sql.Tx) error {
		for _, d := range days {
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO calendar(day, work, name) VALUES (?,?,?)", d.Day, d.Work, d.Name); err != nil {
				return err
			}
		}
		return nil
	}))
}

// CalendarDays implements survey.CalendarStore.
func (s *Store) CalendarDays(ctx context.Context) (out []survey.CalendarDay, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT day, work, name FROM calendar ORDER BY day")
	err = each(rows, err, func(r *sql.Rows) error {
		var d survey.CalendarDay
		err := r.Scan(&d.Day, &d.Work, &d.Name)
		out = append(out, d)
		return err
	})
	return out, wrap("read calendar", err)
}
