package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"manyi/survey"
)

type seriesKey struct{ survey, path string }

// insertResponse adds one response unless its key is there. The same statement
// looks for an earlier answer from the same form: keys share the form's part as
// prefix, so the unique index answers that too.
const insertResponse = `
INSERT INTO responses(key, series, day, flags, has_text, case_number, stage, secret, body)
VALUES (?1, ?2, ?3, ?4 | EXISTS (SELECT 1 FROM responses WHERE key >= ?10 AND key < ?11),
  ?5, ?6, ?7, ?8, ?9)
ON CONFLICT(key) DO NOTHING`

// The statement ORs the result of EXISTS, 0 or 1, straight into the flags.
var _ = [1]struct{}{}[survey.FlagKeyReused-1]

// AddResponses implements survey.ResponseStore.
func (s *Store) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	stored := make([]bool, len(group))
	fresh := map[seriesKey]int64{}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		marks := marker{}
		insert := s.in(ctx, tx, insertResponse)
		for i := range group {
			r := &group[i]
			no, err := s.seriesNo(ctx, tx, r, fresh)
			if err != nil {
				return err
			}
			stored[i], err = addResponse(ctx, tx, insert, r, no)
			if err != nil {
				return fmt.Errorf("window %s: %w", r.Path.Window(), err)
			}
			if !stored[i] {
				continue
			}
			marks.add(r.Bucket())
			if r.Case != (survey.CaseRef{}) {
				if err := s.weighCase(ctx, tx, marks, r.Survey, r.Case); err != nil {
					return err
				}
			}
		}
		return s.storeMarks(ctx, tx, marks)
	})
	if err != nil {
		return nil, wrap("add responses", err)
	}
	s.mu.Lock()
	for k, no := range fresh {
		s.series[k] = no
	}
	s.mu.Unlock()
	return stored, nil
}

func addResponse(ctx context.Context, tx *sql.Tx, insert *sql.Stmt, r *survey.Response, series int64) (bool, error) {
	lo, hi := formRange(r.Key)
	var number, stage any
	if r.Case != (survey.CaseRef{}) {
		number, stage = r.Case.Number, r.Case.Stage
	}
	done, err := insert.ExecContext(ctx, r.Key[:], series, r.Day, r.Flags, r.Comment != "",
		number, stage, nullableBytes(r.Secret), encodeBody(r), lo, hi)
	if err != nil {
		return false, err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if r.Contact != nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO contacts(key, key_id, sealed, phone_hash, follow) VALUES (?,?,?,?,?)",
			r.Key[:], r.Contact.KeyID, r.Contact.Sealed, nullableBytes(r.Contact.PhoneHash), nullableBytes(r.Contact.Follow))
	}
	if r.Original != nil && err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO originals(key, key_id, sealed) VALUES (?,?,?)", r.Key[:], r.Original.KeyID, r.Original.Sealed)
	}
	if r.Recheck && err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO rechecks(key, survey) VALUES (?,?)", r.Key[:], r.Survey)
	}
	return true, err
}

// formRange bounds the keys that share a form: [lo, hi).
func formRange(k survey.Key) (lo, hi []byte) {
	form := k.Form()
	lo = append(lo, form[:]...)
	hi = append(hi, form[:]...)
	for i := len(hi) - 1; i >= 0; i-- {
		hi[i]++
		if hi[i] != 0 {
			return lo, hi
		}
	}
	return lo, append(form[:], 0xff) // a key of 0xff only: no larger prefix exists
}

// seriesNo finds or makes the number of a response's survey and path. Numbers made in
// this transaction are kept in fresh until it commits.
func (s *Store) seriesNo(ctx context.Context, tx *sql.Tx, r *survey.Response, fresh map[seriesKey]int64) (int64, error) {
	k := seriesKey{r.Survey, r.Path.String()}
	if no, ok := fresh[k]; ok {
		return no, nil
	}
	s.mu.Lock()
	no, ok := s.series[k]
	s.mu.Unlock()
	if ok {
		return no, nil
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO series(survey, path, window) VALUES (?,?,?) ON CONFLICT DO NOTHING", k.survey, k.path, r.Path.Window())
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT no FROM series WHERE survey = ? AND path = ?", k.survey, k.path).Scan(&no)
	fresh[k] = no
	return no, err
}

// HasResponse implements survey.ResponseStore.
func (s *Store) HasResponse(ctx context.Context, key survey.Key) (has bool, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM responses WHERE key = ?)", key[:]).Scan(&has)
	return has, wrap("look for a response", err)
}

const firstOfForm = "SELECT key FROM responses WHERE key >= ? AND key < ? ORDER BY seq LIMIT 1"

// FormKeys implements survey.ResponseStore.
func (s *Store) FormKeys(ctx context.Context, forms [][survey.FormKeyLen]byte) (map[[survey.FormKeyLen]byte]survey.Key, error) {
	out := map[[survey.FormKeyLen]byte]survey.Key{}
	for _, form := range forms {
		var k survey.Key
		copy(k[:], form[:])
		lo, hi := formRange(k)
		rows, err := s.query(ctx, firstOfForm, lo, hi)
		err = each(rows, err, func(r *sql.Rows) error {
			var key sql.RawBytes
			err := r.Scan(&key)
			copy(k[:], key)
			out[form] = k
			return err
		})
		if err != nil {
			return nil, wrap("look for forms", err)
		}
	}
	return out, nil
}

// Contact implements survey.ResponseStore.
func (s *Store) Contact(ctx context.Context, key survey.Key) (c survey.SealedContact, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT key_id, sealed, phone_hash, follow FROM contacts WHERE key = ?", key[:]).
		Scan(&c.KeyID, &c.Sealed, &c.PhoneHash, &c.Follow)
	return c, wrap("read contact", translate(err))
}

// FollowedResponse implements survey.ResponseStore.
func (s *Store) FollowedResponse(ctx context.Context, follow []byte) (r survey.Response, err error) {
	rows, err := s.read.QueryContext(ctx, selectPage+"WHERE r.key = (SELECT key FROM contacts WHERE follow = ? LIMIT 1)", nullableBytes(follow))
	p := pager{store: s}
	if err := p.load(ctx, rows, err); err != nil {
		return r, wrap("read followed response", err)
	}
	if len(p.page) == 0 {
		return r, wrap("read followed response", survey.ErrNotFound)
	}
	r = p.page[0].Response
	c, err := s.Contact(ctx, r.Key)
	r.Contact = &c
	return r, err
}

// Contacts implements survey.ResponseStore.
func (s *Store) Contacts(ctx context.Context, yield func(survey.Key, survey.SealedContact) error) error {
	type row struct {
		key     survey.Key
		contact survey.SealedContact
	}
	for last := []byte{}; ; {
		var page []row
		rows, err := s.read.QueryContext(ctx, "SELECT key, key_id, sealed, phone_hash, follow FROM contacts WHERE key > ? ORDER BY key LIMIT ?", last, pageRows)
		err = each(rows, err, func(r *sql.Rows) error {
			var c row
			var key []byte
			err := r.Scan(&key, &c.contact.KeyID, &c.contact.Sealed, &c.contact.PhoneHash, &c.contact.Follow)
			copy(c.key[:], key)
			page = append(page, c)
			return err
		})
		if err != nil {
			return wrap("read contacts", err)
		}
		for _, c := range page {
			if err := yield(c.key, c.contact); err != nil {
				return err
			}
			last = c.key[:]
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

func nullableBytes(b []byte) any {
	if len(b) == 0 { // an empty secret proves nothing
		return nil
	}
	return b
}
