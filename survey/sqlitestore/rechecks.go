package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"manyi/survey"
)

// recheckPage is how many re-checks are read at a time.
const recheckPage = 200

// Recheck implements survey.RecheckStore.
func (s *Store) Recheck(ctx context.Context, key survey.Key) (survey.Recheck, error) {
	page, err := s.rechecks(ctx, "k.key = ?1", key[:])
	if err == nil && len(page) == 0 {
		err = survey.ErrNotFound
	}
	if err != nil {
		return survey.Recheck{}, wrap("read re-check", err)
	}
	return page[0], nil
}

// Rechecks implements survey.RecheckStore. No read lock is held while yield works.
func (s *Store) Rechecks(ctx context.Context, id string, yield func(survey.Recheck) error) error {
	for after := []byte{}; ; {
		page, err := s.rechecks(ctx, "k.key > ?1 AND (?2 = '' OR k.survey = ?2)", after, id)
		if err != nil {
			return wrap("read re-checks", err)
		}
		for _, r := range page {
			if err := yield(r); err != nil {
				return err
			}
		}
		if len(page) < recheckPage {
			return nil
		}
		last := page[len(page)-1].Response.Key
		after = last[:]
	}
}

// rechecks reads a page of those that a condition on k chooses, by key.
func (s *Store) rechecks(ctx context.Context, where string, args ...any) (page []survey.Recheck, err error) {
	p := pager{store: s}
	rows, err := s.read.QueryContext(ctx, fmt.Sprintf("%s JOIN rechecks k ON k.key = r.key WHERE %s ORDER BY k.key LIMIT %d", selectPage, where, recheckPage), args...)
	if err := p.load(ctx, rows, err); err != nil || len(p.page) == 0 {
		return nil, err
	}
	at := make(map[survey.Key]int, len(p.page))
	for i, l := range p.page {
		at[l.Key] = i
		page = append(page, survey.Recheck{Response: l.Response})
	}
	first, last := p.page[0].Key, p.page[len(p.page)-1].Key
	rows, err = s.read.QueryContext(ctx, "SELECT key, doc FROM recheck_entries WHERE key BETWEEN ? AND ? ORDER BY key, no", first[:], last[:])
	return page, each(rows, err, func(r *sql.Rows) error {
		var key, doc sql.RawBytes
		if err := r.Scan(&key, &doc); err != nil {
			return err
		}
		i, ok := at[survey.Key(key)]
		if !ok { // of another survey
			return nil
		}
		var e survey.RecheckEntry
		err := json.Unmarshal(doc, &e)
		page[i].Entries = append(page[i].Entries, e)
		return err
	})
}

// AddRecheckEntries implements survey.RecheckStore.
func (s *Store) AddRecheckEntries(ctx context.Context, key survey.Key, made []survey.RecheckEntry) error {
	return wrap("add entries of a re-check", s.tx(ctx, func(tx *sql.Tx) error {
		var drawn bool
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM rechecks WHERE key = ?1),
			(SELECT coalesce(max(no), 0) FROM recheck_entries WHERE key = ?1)`, key[:]).Scan(&drawn, &n); err != nil {
			return err
		}
		if !drawn {
			return survey.ErrNotFound
		}
		if len(made) > 0 && made[0].No != n+1 {
			return survey.ErrExists
		}
		for _, e := range made {
			doc, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO recheck_entries(key, no, doc) VALUES (?,?,?)", key[:], e.No, string(doc)); err != nil {
				return err
			}
		}
		return nil
	}))
}
