package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"manyi/survey"
)

// CountSend implements survey.ProofStore.
func (s *Store) CountSend(ctx context.Context, limits []survey.SendLimit, now time.Time) error {
	return wrap("count a message", s.tx(ctx, func(tx *sql.Tx) error {
		names := map[string]bool{}
		for _, l := range limits {
			var n int
			err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sends WHERE name = ? AND at > ?", l.Name, millis(now.Add(-l.Within))).Scan(&n)
			if err != nil {
				return err
			}
			if n >= l.Most {
				return survey.ErrLimited
			}
			names[l.Name] = true
		}
		for name := range names {
			if _, err := tx.ExecContext(ctx, "INSERT INTO sends(name, at) VALUES (?,?)", name, millis(now)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Sends implements survey.ProofStore.
func (s *Store) Sends(ctx context.Context, name string, after time.Time) (n int, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT count(*) FROM sends WHERE name = ? AND at > ?", name, millis(after)).Scan(&n)
	return n, wrap("count messages", translate(err))
}

// PutCode implements survey.ProofStore.
func (s *Store) PutCode(ctx context.Context, key survey.Key, code []byte, expires time.Time) error {
	return wrap("put a code in force", s.tx(ctx, func(tx *sql.Tx) error {
		put, err := changed(tx.ExecContext(ctx, `INSERT INTO proofs(key, code, expires) VALUES (?,?,?)
			ON CONFLICT(key) DO UPDATE SET code = excluded.code, expires = excluded.expires, wrong = 0 WHERE proved = 0`, key[:], code, millis(expires)))
		if err == nil && !put {
			err = survey.ErrExists
		}
		return err
	}))
}

// TryCode implements survey.ProofStore.
func (s *Store) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (try survey.CodeTry, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		p, err := scanProof(tx.QueryRowContext(ctx, selectProof+"WHERE key = ?", key[:]))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			try = survey.CodeOver
			return nil
		case err != nil:
			return err
		case p.Proved():
			try = survey.CodeProved
			return nil
		case p.Wrong >= survey.CodeTries, !now.Before(p.ExpiresAt):
			try = survey.CodeOver
			return nil
		case string(p.Code) != string(code):
			try = survey.CodeWrong
			_, err = tx.ExecContext(ctx, "UPDATE proofs SET wrong = wrong + 1 WHERE key = ?", key[:])
			return err
		}
		try = survey.CodeRight
		_, err = tx.ExecContext(ctx, "UPDATE proofs SET proved = ?, owed = 1 WHERE key = ?", millis(now), key[:])
		return err
	})
	if err != nil {
		try = ""
	}
	return try, wrap("try a code", err)
}

const selectProof = "SELECT key, code, expires, wrong, proved, owed FROM proofs "

func scanProof(row interface{ Scan(...any) error }) (p survey.Proof, err error) {
	var key []byte
	var expires, proved int64
	err = row.Scan(&key, &p.Code, &expires, &p.Wrong, &proved, &p.Owed)
	copy(p.Key[:], key)
	p.ExpiresAt, p.ProvedAt = instant(expires), instant(proved)
	return p, err
}

// Proof implements survey.ProofStore.
func (s *Store) Proof(ctx context.Context, key survey.Key) (survey.Proof, error) {
	p, err := scanProof(s.read.QueryRowContext(ctx, selectProof+"WHERE key = ?", key[:]))
	if err != nil {
		p = survey.Proof{}
	}
	return p, wrap("read proof", translate(err))
}

// OwedProofs implements survey.ProofStore.
func (s *Store) OwedProofs(ctx context.Context, limit int) (keys []survey.Key, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT key FROM proofs WHERE owed = 1 ORDER BY key LIMIT ?", limit)
	err = each(rows, err, func(r *sql.Rows) error {
		var key []byte
		err := r.Scan(&key)
		keys = append(keys, survey.Key(key))
		return err
	})
	return keys, wrap("read owed proofs", err)
}

// NoteProof implements survey.ProofStore.
func (s *Store) NoteProof(ctx context.Context, key survey.Key) error {
	return s.exec(ctx, "note proof", "UPDATE proofs SET owed = 0 WHERE key = ?", key[:])
}
