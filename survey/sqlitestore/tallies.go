package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"manyi/survey"
)

// What the roll-up runs for every bucket.
const (
	selectMarks = "SELECT survey, place, kind, span, gen FROM marks WHERE step = ? LIMIT ?"
	countVisits = `SELECT EXISTS (SELECT 1 FROM responses r JOIN series s ON s.no = r.series
		WHERE r.case_number = v.case_number AND r.stage = v.stage AND s.survey = v.survey)
		FROM visits v WHERE v.survey = ? AND v.window = ? AND v.day = ?`
	sumWindows = "SELECT tally FROM tallies WHERE survey = ? AND kind = 'window' AND span = ? AND place > ? AND place < ?"
	sumMonths  = "SELECT tally FROM tallies WHERE survey = ? AND kind = 'bureau' AND span BETWEEN 1 AND 999999 AND place = ?"
	tallyRows  = "SELECT span, place, tally FROM tallies WHERE survey = ? AND kind = ? AND "
	talliesAll = tallyRows + "span BETWEEN ? AND ?"
	talliesAt  = tallyRows + "span = ? AND (place = ? OR (place > ? AND place < ?))"
	dropMark   = "DELETE FROM marks WHERE step = ? AND survey = ? AND span = ? AND place = ? AND gen = ?"
	putTally   = "INSERT OR REPLACE INTO tallies(survey, kind, span, place, tally, gen) VALUES (?,?,?,?,?,?)"
	// putBehind stores a count that facts have overtaken: better than the one
	// before it, and the bucket stays marked. A window that is rated all the time
	// would never be shown otherwise.
	putBehind = `INSERT INTO tallies(survey, kind, span, place, tally, gen)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM marks WHERE step = ?7 AND survey = ?1 AND span = ?3 AND place = ?4 AND gen > ?6)
		ON CONFLICT(survey, kind, span, place) DO UPDATE SET tally = excluded.tally, gen = excluded.gen WHERE excluded.gen > gen`
)

// sumDays names each day: BETWEEN would read every place of the month, since
// the table is ordered by span, then place. Days the month lacks find nothing.
var sumDays = func() string {
	days := "?4"
	for i := 1; i < 31; i++ {
		days += fmt.Sprintf(",?4+%d", i)
	}
	return "SELECT tally FROM tallies WHERE survey = ?1 AND kind = ?2 AND place = ?3 AND span IN (" + days + ")"
}()

// Marks implements survey.TallyStore.
func (s *Store) Marks(ctx context.Context, step survey.Step, limit int) ([]survey.Mark, error) {
	var out []survey.Mark
	rows, err := s.query(ctx, selectMarks, step, limit)
	err = each(rows, err, func(r *sql.Rows) error {
		var m survey.Mark
		err := r.Scan(&m.Survey, &m.Place, &m.Kind, &m.Span, &m.Gen)
		out = append(out, m)
		return err
	})
	return out, wrap("read marks", err)
}

// Count implements survey.TallyStore.
func (s *Store) Count(ctx context.Context, b survey.Bucket) (t survey.Tally, err error) {
	switch {
	case b.Finest():
		t, err = s.countFacts(ctx, b)
	case b.Span == survey.Whole:
		t, err = s.sum(ctx, sumMonths, b.Survey, b.Place)
	case b.Span.IsMonth():
		t, err = s.sum(ctx, sumDays, b.Survey, b.Kind, b.Place, b.Span.FirstDay())
	default: // a bureau's day: its windows, whose codes begin with its own
		t, err = s.sum(ctx, sumWindows, b.Survey, b.Span, b.Place+"-", b.Place+".")
	}
	return t, wrap(fmt.Sprintf("count %s %s", b.Place, b.Span), err)
}

func (s *Store) countFacts(ctx context.Context, b survey.Bucket) (t survey.Tally, err error) {
	for p := (pager{store: s}); ; {
		rows, err := s.query(ctx, selectBucket, b.Span, p.last, b.Survey, b.Place, pageRows)
		if err := p.load(ctx, rows, err); err != nil {
			return t, err
		}
		for i := range p.page {
			t.Add(p.page[i])
		}
		if len(p.page) < pageRows {
			break
		}
	}
	rows, err := s.query(ctx, countVisits, b.Survey, b.Place, b.Span)
	err = each(rows, err, func(r *sql.Rows) error {
		var rated bool
		err := r.Scan(&rated)
		t.AddVisit(rated)
		return err
	})
	return t, err
}

func (s *Store) sum(ctx context.Context, statement string, args ...any) (t survey.Tally, err error) {
	var reader tallyReader
	rows, err := s.query(ctx, statement, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var raw sql.RawBytes
		if err := r.Scan(&raw); err != nil {
			return err
		}
		return reader.merge(raw, &t)
	})
	return t, err
}

// PutTallies implements survey.TallyStore. One transaction holds the tally, the
// mark taken away and the parents' marks, so a crash leaves either all or none.
func (s *Store) PutTallies(ctx context.Context, fence int64, counted []survey.CountedBucket, now time.Time) error {
	return wrap("store tallies", s.tx(ctx, func(tx *sql.Tx) error {
		if ok, err := changed(tx.ExecContext(ctx, "UPDATE rolled SET fence = ?1 WHERE fence <= ?1", fence)); err != nil || !ok {
			return cmp.Or(err, survey.ErrFenced)
		}
		drop, put, behind := s.in(ctx, tx, dropMark), s.in(ctx, tx, putTally), s.in(ctx, tx, putBehind)
		parents, stored := marker{}, false
		for _, c := range counted {
			b := c.Mark.Bucket
			done, err := changed(drop.ExecContext(ctx, b.Step(), b.Survey, b.Span, b.Place, c.Mark.Gen))
			if err != nil {
				return err
			}
			args := []any{b.Survey, b.Kind, b.Span, b.Place, encodeTally(c.Tally), c.Mark.Gen}
			if done {
				_, err = put.ExecContext(ctx, args...)
			} else {
				done, err = changed(behind.ExecContext(ctx, append(args, b.Step())...))
			}
			if err != nil {
				return err
			}
			if !done {
				continue // another run counted it meanwhile
			}
			stored = true
			for _, p := range b.Parents() {
				parents.add(p)
			}
		}
		if !stored {
			return nil
		}
		if _, err := tx.ExecContext(ctx, "UPDATE rolled SET at = ?", millis(now)); err != nil {
			return err
		}
		return s.storeMarks(ctx, tx, parents)
	}))
}

// changed reports whether a statement touched any row.
func changed(done sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// Tallies implements survey.TallyStore.
func (s *Store) Tallies(ctx context.Context, q survey.TallyQuery, yield func(survey.Bucket, survey.Tally) error) error {
	reader := tallyReader{question: q.Question}
	return s.tallies(ctx, q, func(b survey.Bucket, raw []byte) error {
		t, err := reader.read(raw)
		if err != nil {
			return err
		}
		return yield(b, t)
	})
}

// SumTallies implements survey.TallyStore.
func (s *Store) SumTallies(ctx context.Context, q survey.TallyQuery, into func(survey.Bucket) *survey.Tally) error {
	reader := tallyReader{question: q.Question}
	return s.tallies(ctx, q, func(b survey.Bucket, raw []byte) error {
		if t := into(b); t != nil {
			return reader.merge(raw, t)
		}
		return nil
	})
}

// tallies calls yield for the stored bytes of every tally matching q; they last
// until it returns.
func (s *Store) tallies(ctx context.Context, q survey.TallyQuery, yield func(survey.Bucket, []byte) error) error {
	if q.Place == "" {
		return wrap("read tallies", s.talliesOf(ctx, talliesAll, q, yield, q.From, q.To))
	}
	// One look-up a span: the table is ordered by span, then place.
	for span := q.From; span <= q.To; span = next(span) {
		err := s.talliesOf(ctx, talliesAt, q, yield, span, q.Place, q.Place+"-", q.Place+".")
		if err != nil {
			return wrap("read tallies", err)
		}
		if span == survey.Whole {
			break
		}
	}
	return nil
}

func next(s survey.Span) survey.Span {
	if s.IsMonth() {
		return s.LastDay().Plus(1).Month()
	}
	if s.IsDay() {
		return s.Plus(1)
	}
	return s
}

func (s *Store) talliesOf(ctx context.Context, statement string, q survey.TallyQuery, yield func(survey.Bucket, []byte) error, args ...any) error {
	rows, err := s.query(ctx, statement, append([]any{q.Survey, q.Kind}, args...)...)
	b := survey.Bucket{Survey: q.Survey, Kind: q.Kind}
	var span any // converting it would cost more than reading it
	var raw sql.RawBytes
	return each(rows, err, func(r *sql.Rows) error {
		if err := r.Scan(&span, &b.Place, &raw); err != nil {
			return err
		}
		n, _ := span.(int64)
		b.Span = survey.Span(n)
		return yield(b, raw)
	})
}

// Rolled implements survey.TallyStore.
func (s *Store) Rolled(ctx context.Context) (marked int, last time.Time, err error) {
	var at int64
	err = s.read.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM marks), at FROM rolled").Scan(&marked, &at)
	return marked, instant(at), wrap("read the state of the roll-up", err)
}
