package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"manyi/survey"
)

// exec runs one writing statement.
func (s *Store) exec(ctx context.Context, operation, statement string, args ...any) error {
	return wrap(operation, s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	}))
}

// PutUser implements survey.AccountStore.
func (s *Store) PutUser(ctx context.Context, u survey.User) error {
	var key *string
	var phone []byte
	if u.Phone != nil {
		key, phone = &u.Phone.KeyID, u.Phone.Sealed
	}
	return s.exec(ctx, "store user", "INSERT OR REPLACE INTO users(name, role, place, password, phone_key, phone) VALUES (?,?,?,?,?,?)",
		u.Name, u.Role, u.Place, u.PasswordHash, key, phone)
}

const selectUser = "SELECT name, role, place, password, phone_key, phone FROM users "

func scanUser(row interface{ Scan(...any) error }) (u survey.User, err error) {
	var key sql.NullString
	var phone []byte
	err = row.Scan(&u.Name, &u.Role, &u.Place, &u.PasswordHash, &key, &phone)
	if phone != nil {
		u.Phone = &survey.SealedText{KeyID: key.String, Sealed: phone}
	}
	return u, err
}

// User implements survey.AccountStore.
func (s *Store) User(ctx context.Context, name string) (u survey.User, err error) {
	u, err = scanUser(s.read.QueryRowContext(ctx, selectUser+"WHERE name = ?", name))
	return u, wrap("read user", translate(err))
}

// Users implements survey.AccountStore.
func (s *Store) Users(ctx context.Context) ([]survey.User, error) {
	var out []survey.User
	rows, err := s.read.QueryContext(ctx, selectUser+"ORDER BY name")
	err = each(rows, err, func(r *sql.Rows) error {
		u, err := scanUser(r)
		out = append(out, u)
		return err
	})
	return out, wrap("read users", err)
}

// AddToken implements survey.AccountStore.
func (s *Store) AddToken(ctx context.Context, t survey.Token) error {
	return s.exec(ctx, "add token", "INSERT INTO tokens(hash, name, role, place, created, revoked) VALUES (?,?,?,?,?,?)",
		t.Hash, t.Name, t.Role, t.Place, millis(t.CreatedAt), millis(t.RevokedAt))
}

// Token implements survey.AccountStore.
func (s *Store) Token(ctx context.Context, hash []byte) (survey.Token, error) {
	t, err := scanToken(s.read.QueryRowContext(ctx, selectToken+"WHERE hash = ?", hash))
	return t, wrap("read token", translate(err))
}

const selectToken = "SELECT hash, name, role, place, created, revoked FROM tokens "

func scanToken(row interface{ Scan(...any) error }) (t survey.Token, err error) {
	var created, revoked int64
	err = row.Scan(&t.Hash, &t.Name, &t.Role, &t.Place, &created, &revoked)
	t.CreatedAt, t.RevokedAt = instant(created), instant(revoked)
	return t, err
}

// Tokens implements survey.AccountStore.
func (s *Store) Tokens(ctx context.Context) ([]survey.Token, error) {
	var out []survey.Token
	rows, err := s.read.QueryContext(ctx, selectToken+"ORDER BY name, created, hash")
	err = each(rows, err, func(r *sql.Rows) error {
		t, err := scanToken(r)
		out = append(out, t)
		return err
	})
	return out, wrap("read tokens", err)
}

// RevokeTokens implements survey.AccountStore.
func (s *Store) RevokeTokens(ctx context.Context, name string, now time.Time) error {
	return s.exec(ctx, "revoke tokens", "UPDATE tokens SET revoked = ? WHERE name = ? AND revoked = 0", millis(now), name)
}

// PutSession implements survey.AccountStore.
func (s *Store) PutSession(ctx context.Context, v survey.Session) error {
	return s.exec(ctx, "store session", "INSERT OR REPLACE INTO sessions(hash, user, expires) VALUES (?,?,?)", v.Hash, v.User, millis(v.ExpiresAt))
}

// Session implements survey.AccountStore.
func (s *Store) Session(ctx context.Context, hash []byte, now time.Time) (v survey.Session, err error) {
	var expires int64
	err = s.read.QueryRowContext(ctx, "SELECT hash, user, expires FROM sessions WHERE hash = ? AND expires > ?", hash, millis(now)).
		Scan(&v.Hash, &v.User, &expires)
	v.ExpiresAt = instant(expires)
	return v, wrap("read session", translate(err))
}

// DropSession implements survey.AccountStore.
func (s *Store) DropSession(ctx context.Context, hash []byte) error {
	return s.exec(ctx, "drop session", "DELETE FROM sessions WHERE hash = ?", hash)
}

// CountFailure implements survey.AccountStore.
func (s *Store) CountFailure(ctx context.Context, name string, now, since time.Time) (n int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO failures(name, at) VALUES (?,?)", name, millis(now)); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT count(*) FROM failures WHERE name = ? AND at >= ?", name, millis(since)).Scan(&n)
	})
	return n, wrap("count failed sign-in", err)
}

// Failures implements survey.AccountStore.
func (s *Store) Failures(ctx context.Context, name string, since time.Time) (n int, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT count(*) FROM failures WHERE name = ? AND at >= ?", name, millis(since)).Scan(&n)
	return n, wrap("read failed sign-ins", err)
}

// ClearFailures implements survey.AccountStore.
func (s *Store) ClearFailures(ctx context.Context, name string) error {
	return s.exec(ctx, "clear failed sign-ins", "DELETE FROM failures WHERE name = ?", name)
}

// keptRuns is how many runs of each job stay on record.
const keptRuns = 500

// Now implements survey.JobStore: the machine's clock is the store's.
func (s *Store) Now(context.Context) (time.Time, error) { return time.Now().UTC(), nil }

// Lease implements survey.JobStore.
func (s *Store) Lease(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (fence int64, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO leases(job, holder, until, fence) VALUES (?1, ?2, ?3, 1)
			ON CONFLICT(job) DO UPDATE SET holder = ?2, until = ?3, fence = fence + (holder <> ?2 OR until <= ?4)
			WHERE holder = ?2 OR until <= ?4 RETURNING fence`,
			job, holder, millis(now.Add(ttl)), millis(now)).Scan(&fence)
	})
	if errors.Is(err, survey.ErrNotFound) {
		err = survey.ErrLeaseHeld
	}
	return fence, wrap("lease job "+job, err)
}

// Release implements survey.JobStore.
func (s *Store) Release(ctx context.Context, job, holder string) error {
	return s.exec(ctx, "release job "+job, "UPDATE leases SET holder = '', until = 0 WHERE job = ? AND holder = ?", job, holder)
}

// AddRun implements survey.JobStore.
func (s *Store) AddRun(ctx context.Context, r survey.Run) error {
	return wrap("record run of "+r.Job, s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO runs(job, started, finished, done, error) VALUES (?,?,?,?,?)",
			r.Job, millis(r.StartedAt), millis(r.FinishedAt), r.Done, r.Error)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM runs WHERE job = ?1 AND no <= (SELECT no FROM runs WHERE job = ?1 ORDER BY no DESC LIMIT 1 OFFSET ?2)`,
			r.Job, keptRuns)
		return err
	}))
}

// LastRuns implements survey.JobStore.
func (s *Store) LastRuns(ctx context.Context) ([]survey.Run, error) {
	var out []survey.Run
	rows, err := s.read.QueryContext(ctx, `SELECT job, started, finished, done, error FROM runs
		WHERE no IN (SELECT max(no) FROM runs GROUP BY job) ORDER BY job`)
	err = each(rows, err, func(r *sql.Rows) error {
		var v survey.Run
		var started, finished int64
		err := r.Scan(&v.Job, &started, &finished, &v.Done, &v.Error)
		v.StartedAt, v.FinishedAt = instant(started), instant(finished)
		out = append(out, v)
		return err
	})
	return out, wrap("read runs", err)
}

// Expire implements survey.ExpiryStore.
func (s *Store) Expire(ctx context.Context, now time.Time) (dropped int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		for _, d := range []struct {
			from   string
			before int64
		}{
			{"sessions WHERE expires <= ?", millis(now)},
			{"failures WHERE at < ?", millis(now.Add(-survey.KeptFailures))},
			{"hits WHERE minute < ?", now.Add(-survey.KeptHits).Unix() / 60},
			{"proofs WHERE owed = 0 AND expires < ?", millis(now.Add(-survey.KeptProofs))},
			{"inbound WHERE due = 0 AND at < ?", millis(now.Add(-survey.KeptInbound))},
			{"sends WHERE at <= ?", millis(now.Add(-survey.MaxLimit))},
		} {
			done, err := tx.ExecContext(ctx, "DELETE FROM "+d.from, d.before)
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			if err != nil {
				return err
			}
			dropped += int(n)
		}
		return nil
	})
	return dropped, wrap("expire", err)
}
