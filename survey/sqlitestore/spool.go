package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"manyi/survey"
)

// SpoolName is the spool's file inside the data folder.
const SpoolName = "spool.db"

// Spool implements survey.Spool in a file of its own: it outlives the process,
// and knows nothing of the tables a store has.
type Spool struct{ write, read *sql.DB }

var _ survey.Spool = (*Spool)(nil)

const spoolSchema = `
CREATE TABLE IF NOT EXISTS held (
  seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- the order they came in
  key      BLOB NOT NULL UNIQUE,
  received INTEGER NOT NULL,
  aside    TEXT, -- why the store refused it; null while it waits
  doc      TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS held_waiting ON held(seq) WHERE aside IS NULL;
CREATE TABLE IF NOT EXISTS remembered (
  name TEXT PRIMARY KEY,
  doc  BLOB NOT NULL
) WITHOUT ROWID;`

// OpenSpool opens the spool in a folder, making both if needed. The folder and
// file are readable by their owner only.
func OpenSpool(ctx context.Context, dir string) (*Spool, error) {
	file, err := makeFile(dir, SpoolName)
	if err != nil {
		return nil, err
	}
	s := &Spool{}
	if s.write, s.read, err = openPair(file); err != nil {
		return nil, err
	}
	if _, err := s.write.ExecContext(ctx, spoolSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the spool: %w", translate(err)), s.Close())
	}
	return s, nil
}

func (s *Spool) tx(ctx context.Context, f func(*sql.Tx) error) error { return inTx(ctx, s.write, f) }

// Hold implements survey.Spool.
func (s *Spool) Hold(ctx context.Context, group []survey.Response) ([]bool, error) {
	fresh := make([]bool, len(group))
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for i := range group {
			r := &group[i]
			doc, err := json.Marshal(r)
			if err != nil {
				return err
			}
			fresh[i], err = changed(tx.ExecContext(ctx, "INSERT INTO held(key, received, doc) VALUES (?,?,?) ON CONFLICT(key) DO NOTHING",
				r.Key[:], millis(r.ReceivedAt), string(doc)))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, wrap("hold responses", err)
	}
	return fresh, nil
}

// Oldest implements survey.Spool.
func (s *Spool) Oldest(ctx context.Context, limit int) ([]survey.Response, error) {
	var out []survey.Response
	rows, err := s.read.QueryContext(ctx, "SELECT doc, '' FROM held WHERE aside IS NULL ORDER BY seq LIMIT ?", limit)
	err = eachHeld(rows, err, func(r survey.Refused) { out = append(out, r.Response) })
	return out, wrap("read held responses", err)
}

// Aside implements survey.Spool.
func (s *Spool) Aside(ctx context.Context) ([]survey.Refused, error) {
	var out []survey.Refused
	rows, err := s.read.QueryContext(ctx, "SELECT doc, aside FROM held WHERE aside IS NOT NULL ORDER BY seq")
	err = eachHeld(rows, err, func(r survey.Refused) { out = append(out, r) })
	return out, wrap("read responses set aside", err)
}

func eachHeld(rows *sql.Rows, err error, add func(survey.Refused)) error {
	return each(rows, err, func(rows *sql.Rows) error {
		var r survey.Refused
		var doc sql.RawBytes
		if err := rows.Scan(&doc, &r.Why); err != nil {
			return err
		}
		if err := json.Unmarshal(doc, &r.Response); err != nil {
			return fmt.Errorf("held response is damaged: %w", err)
		}
		add(r)
		return nil
	})
}

// Forwarded implements survey.Spool.
func (s *Spool) Forwarded(ctx context.Context, keys []survey.Key) error {
	return wrap("drop forwarded responses", s.tx(ctx, func(tx *sql.Tx) error {
		for _, k := range keys {
			if _, err := tx.ExecContext(ctx, "DELETE FROM held WHERE key = ?", k[:]); err != nil {
				return err
			}
		}
		return nil
	}))
}

// SetAside implements survey.Spool.
func (s *Spool) SetAside(ctx context.Context, key survey.Key, why string) error {
	return wrap("set a response aside", s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE held SET aside = ? WHERE key = ?", why, key[:])
		return err
	}))
}

// PutBack implements survey.Spool.
func (s *Spool) PutBack(ctx context.Context) (int, error) {
	n := int64(0)
	err := s.tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE held SET aside = NULL WHERE aside IS NOT NULL")
		if err == nil {
			n, err = done.RowsAffected()
		}
		return err
	})
	return int(n), wrap("put responses back", err)
}

// Holds implements survey.Spool.
func (s *Spool) Holds(ctx context.Context, key survey.Key) (has bool, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM held WHERE key = ?)", key[:]).Scan(&has)
	return has, wrap("look for a held response", err)
}

// State implements survey.Spool.
func (s *Spool) State(ctx context.Context) (st survey.SpoolState, err error) {
	var oldest int64
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE aside IS NULL), count(*) FILTER (WHERE aside IS NOT NULL),
		coalesce(min(received) FILTER (WHERE aside IS NULL), 0) FROM held`).Scan(&st.Waiting, &st.SetAside, &oldest)
	st.Oldest = instant(oldest)
	return st, wrap("read the state of the spool", err)
}

// Remember implements survey.Spool.
func (s *Spool) Remember(ctx context.Context, name string, doc []byte) error {
	return wrap("remember "+name, s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO remembered(name, doc) VALUES (?,?)", name, doc)
		return err
	}))
}

// Recall implements survey.Spool.
func (s *Spool) Recall(ctx context.Context, name string) (doc []byte, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT doc FROM remembered WHERE name = ?", name).Scan(&doc)
	return doc, wrap("recall "+name, translate(err))
}

// Close ends all connections.
func (s *Spool) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// Synchronous is the writer's setting; 2 is FULL. Tests assert it.
func (s *Spool) Synchronous(ctx context.Context) (n int, err error) {
	return n, s.write.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&n)
}
