package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"manyi/survey"
)

// UnloggedResponses implements survey.LogStore. Responses are numbered in the order
// of their commitment, so what is not logged yet is what follows the sweep.
func (s *Store) UnloggedResponses(ctx context.Context, limit int) ([]survey.Response, error) {
	rows, err := s.read.QueryContext(ctx, selectPage+"WHERE r.seq > (SELECT seq FROM log_sweep) ORDER BY r.seq LIMIT ?", limit)
	p := pager{store: s}
	if err := p.load(ctx, rows, err); err != nil {
		return nil, wrap("read responses that are not logged", err)
	}
	out := make([]survey.Response, len(p.page))
	for i, r := range p.page {
		out[i] = r.Response
	}
	return out, nil
}

// LoggedResponses implements survey.LogStore. The sweep goes on as far as there is
// no response but these.
func (s *Store) LoggedResponses(ctx context.Context, keys []survey.Key) error {
	logged := make(map[string]bool, len(keys))
	for _, k := range keys {
		logged[string(k[:])] = true
	}
	return wrap("settle logged responses", s.tx(ctx, func(tx *sql.Tx) error {
		last, stop := int64(-1), errors.New("stop")
		rows, err := tx.QueryContext(ctx, "SELECT seq, key FROM responses WHERE seq > (SELECT seq FROM log_sweep) ORDER BY seq LIMIT ?", len(keys))
		err = each(rows, err, func(r *sql.Rows) error {
			var seq int64
			var key []byte
			if err := r.Scan(&seq, &key); err != nil {
				return err
			}
			if !logged[string(key)] {
				return stop
			}
			last = seq
			return nil
		})
		if (err != nil && !errors.Is(err, stop)) || last < 0 {
			return errUnless(err, stop)
		}
		_, err = tx.ExecContext(ctx, "UPDATE log_sweep SET seq = ?", last)
		return err
	}))
}

func errUnless(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

// UnloggedVisits implements survey.LogStore.
func (s *Store) UnloggedVisits(ctx context.Context, limit int) (list []survey.VisitFact, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT survey, case_number, stage, window, day, no FROM visits
		WHERE logged < no ORDER BY survey, window, day LIMIT ?`, limit)
	err = each(rows, err, func(r *sql.Rows) error {
		var v survey.VisitFact
		err := r.Scan(&v.Survey, &v.Case.Number, &v.Case.Stage, &v.Window, &v.Day, &v.No)
		list = append(list, v)
		return err
	})
	return list, wrap("read visits that are not logged", err)
}

// LoggedVisits implements survey.LogStore.
func (s *Store) LoggedVisits(ctx context.Context, visits []survey.VisitFact) error {
	return wrap("settle logged visits", s.tx(ctx, func(tx *sql.Tx) error {
		for _, v := range visits {
			if _, err := s.in(ctx, tx, settleVisit).ExecContext(ctx, v.No, v.Survey, v.Case.Number, v.Case.Stage); err != nil {
				return err
			}
		}
		return nil
	}))
}

const settleVisit = "UPDATE visits SET logged = max(logged, ?) WHERE survey = ? AND case_number = ? AND stage = ?"

// AddOpenings implements survey.LogStore.
func (s *Store) AddOpenings(ctx context.Context, list []survey.FactOpening) error {
	return wrap("keep openings", s.tx(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, "INSERT INTO log_openings(kind, ref, family, hash, fields) VALUES (?,?,?,?,?) ON CONFLICT(kind, ref) DO NOTHING")
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, o := range list {
			if _, err := insert.ExecContext(ctx, o.Kind, o.Ref, o.Group, o.Hash[:], o.Fields); err != nil {
				return err
			}
		}
		return nil
	}))
}

const (
	selectOpening = "SELECT kind, ref, family, hash, n, fields FROM log_openings "
	// selectWaiting is answered by the index alone.
	selectWaiting = "SELECT kind, ref, family, hash, NULL, NULL FROM log_openings "
	areWaiting    = "WHERE n IS NULL AND (family, hash) > (?, ?) ORDER BY family, hash LIMIT ?"
)

// openings gives what a query finds page by page, so that no snapshot is held while
// yield works. next is the arguments of the page after an opening.
func (s *Store) openings(ctx context.Context, query string, args []any, next func(survey.FactOpening) []any, yield func(survey.FactOpening) error) error {
	for {
		var page []survey.FactOpening
		rows, err := s.read.QueryContext(ctx, query, append(args, pageRows)...)
		err = each(rows, err, func(r *sql.Rows) error {
			var o survey.FactOpening
			var hash []byte
			var n sql.NullInt64
			err := r.Scan(&o.Kind, &o.Ref, &o.Group, &hash, &n, &o.Fields)
			copy(o.Hash[:], hash)
			if o.Index = survey.Waiting; n.Valid {
				o.Index = n.Int64
			}
			page = append(page, o)
			return err
		})
		if err != nil {
			return wrap("read openings", err)
		}
		for _, o := range page {
			if err := yield(o); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		args = next(page[len(page)-1])
	}
}

// WaitingOpenings implements survey.LogStore.
func (s *Store) WaitingOpenings(ctx context.Context, yield func(survey.FactOpening) error) error {
	return s.waiting(ctx, selectOpening, yield)
}

// WaitingHashes implements survey.LogStore.
func (s *Store) WaitingHashes(ctx context.Context, yield func(survey.FactOpening) error) error {
	return s.waiting(ctx, selectWaiting, yield)
}

func (s *Store) waiting(ctx context.Context, columns string, yield func(survey.FactOpening) error) error {
	return s.openings(ctx, columns+areWaiting, []any{"", []byte{}},
		func(o survey.FactOpening) []any { return []any{o.Group, o.Hash[:]} }, yield)
}

// Openings implements survey.LogStore.
func (s *Store) Openings(ctx context.Context, from, to int64, yield func(survey.FactOpening) error) error {
	return s.openings(ctx, selectOpening+"WHERE n >= ? AND n < ? ORDER BY n LIMIT ?", []any{from, to},
		func(o survey.FactOpening) []any { return []any{o.Index + 1, to} }, yield)
}

// PlaceOpenings implements survey.LogStore.
func (s *Store) PlaceOpenings(ctx context.Context, list []survey.FactOpening) error {
	return wrap("place openings", s.tx(ctx, func(tx *sql.Tx) error {
		place, err := tx.PrepareContext(ctx, "UPDATE log_openings SET n = ? WHERE kind = ? AND ref = ? AND n IS NULL")
		if err != nil {
			return err
		}
		defer place.Close()
		for _, o := range list {
			if _, err := place.ExecContext(ctx, o.Index, o.Kind, o.Ref); err != nil {
				return err
			}
		}
		return nil
	}))
}

// AppendLeaves implements survey.LogStore.
func (s *Store) AppendLeaves(ctx context.Context, leaves []survey.Leaf) error {
	if len(leaves) == 0 {
		return nil
	}
	var late error
	err := s.tx(ctx, func(tx *sql.Tx) error {
		late = nil
		var size int64
		if err := tx.QueryRowContext(ctx, logSize, leaves[0].Log).Scan(&size); err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, "INSERT INTO log_leaves(log, n, hash, hashes) VALUES (?,?,?,?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for i, l := range leaves {
			if l.Index != size+int64(i) {
				late = survey.ErrExists
				return nil
			}
			_, err := insert.ExecContext(ctx, l.Log, l.Index, l.Hashes[0][:], joinHashes(l.Hashes))
			if err = translate(err); errors.Is(err, survey.ErrExists) {
				late = err // the statement alone is undone
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("append to log", firstErr(err, late))
}

func joinHashes(hashes []survey.LeafHash) []byte {
	b := make([]byte, 0, len(hashes)*len(survey.LeafHash{}))
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func scanLeaf(row interface{ Scan(...any) error }) (l survey.Leaf, err error) {
	var b []byte
	if err := row.Scan(&l.Log, &l.Index, &b); err != nil {
		return l, err
	}
	for ; len(b) >= len(survey.LeafHash{}); b = b[len(survey.LeafHash{}):] {
		l.Hashes = append(l.Hashes, survey.LeafHash(b))
	}
	return l, nil
}

const logSize = "SELECT coalesce(max(n) + 1, 0) FROM log_leaves WHERE log = ?"

// LogSize implements survey.LogStore.
func (s *Store) LogSize(ctx context.Context, log survey.Log) (size int64, err error) {
	err = s.read.QueryRowContext(ctx, logSize, log).Scan(&size)
	return size, wrap("read size of log", translate(err))
}

// Leaves implements survey.LogStore.
func (s *Store) Leaves(ctx context.Context, log survey.Log, from, to int64, yield func(survey.Leaf) error) error {
	for from < to {
		var page []survey.Leaf
		rows, err := s.read.QueryContext(ctx, "SELECT log, n, hashes FROM log_leaves WHERE log = ? AND n >= ? AND n < ? ORDER BY n LIMIT ?", log, from, to, pageRows)
		err = each(rows, err, func(r *sql.Rows) error {
			l, err := scanLeaf(r)
			page = append(page, l)
			return err
		})
		if err != nil {
			return wrap("read log", err)
		}
		for _, l := range page {
			if err := yield(l); err != nil {
				return err
			}
			from = l.Index + 1
		}
		if len(page) < pageRows {
			break
		}
	}
	return nil
}

// FindLeaf implements survey.LogStore.
func (s *Store) FindLeaf(ctx context.Context, log survey.Log, hash survey.LeafHash) (survey.Leaf, error) {
	l, err := scanLeaf(s.read.QueryRowContext(ctx, "SELECT log, n, hashes FROM log_leaves WHERE log = ? AND hash = ?", log, hash[:]))
	if err != nil {
		return survey.Leaf{}, wrap("find leaf", translate(err))
	}
	return l, nil
}

// PutCheckpoint implements survey.LogStore.
func (s *Store) PutCheckpoint(ctx context.Context, c survey.Checkpoint) error {
	put, err := changed(s.write.ExecContext(ctx, `INSERT INTO log_checkpoints(no, at, note)
		SELECT ?1, ?2, ?3 WHERE ?1 = (SELECT coalesce(max(no), 0) + 1 FROM log_checkpoints)`, c.No, millis(c.At), c.Note))
	if err = translate(err); err == nil && !put {
		err = survey.ErrExists
	}
	return wrap("store checkpoint", err)
}

const selectCheckpoint = "SELECT no, at, note FROM log_checkpoints "

func scanCheckpoint(row interface{ Scan(...any) error }) (c survey.Checkpoint, err error) {
	var at int64
	err = row.Scan(&c.No, &at, &c.Note)
	c.At = instant(at)
	return c, err
}

// LastCheckpoint implements survey.LogStore.
func (s *Store) LastCheckpoint(ctx context.Context) (survey.Checkpoint, error) {
	c, err := scanCheckpoint(s.read.QueryRowContext(ctx, selectCheckpoint+"ORDER BY no DESC LIMIT 1"))
	if err != nil {
		return survey.Checkpoint{}, wrap("read checkpoint", translate(err))
	}
	return c, nil
}

// Checkpoints implements survey.LogStore.
func (s *Store) Checkpoints(ctx context.Context, yield func(survey.Checkpoint) error) error {
	for last := int64(0); ; {
		var page []survey.Checkpoint
		rows, err := s.read.QueryContext(ctx, selectCheckpoint+"WHERE no > ? ORDER BY no LIMIT ?", last, pageRows)
		err = each(rows, err, func(r *sql.Rows) error {
			c, err := scanCheckpoint(r)
			page = append(page, c)
			return err
		})
		if err != nil {
			return wrap("read checkpoints", err)
		}
		for _, c := range page {
			if err := yield(c); err != nil {
				return err
			}
			last = c.No
		}
		if len(page) < pageRows {
			return nil
		}
	}
}
