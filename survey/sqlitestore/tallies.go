package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"manyi/survey"
)

// Marks implements survey.TallyStore.
func (s *Store) Marks(ctx context.Context, step survey.Step, limit int) ([]survey.Mark, error) {
	var out []survey.Mark
	rows, err := s.read.QueryContext(ctx, "SELECT survey, place, kind, span, gen FROM marks WHERE step = ? LIMIT ?", step, limit)
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
		t, err = s.sum(ctx, "kind = 'bureau' AND span BETWEEN 1 AND 999999 AND place = ?", b.Survey, b.Place)
	case b.Span.IsMonth():
		t, err = s.sumDays(ctx, b)
	default: // a bureau's day: its windows, whose codes begin with its own
		t, err = s.sum(ctx, "kind = 'window' AND span = ? AND place > ? AND place < ?", b.Survey, b.Span, b.Place+"-", b.Place+".")
	}
	return t, wrap(fmt.Sprintf("count %s %s", b.Place, b.Span), err)
}

func (s *Store) countFacts(ctx context.Context, b survey.Bucket) (t survey.Tally, err error) {
	var after int64
	for {
		page, last, err := s.listed(ctx, fmt.Sprintf(`WHERE r.day = ? AND r.seq > ? AND r.series IN
			(SELECT no FROM series WHERE survey = ? AND window = ?) ORDER BY r.seq LIMIT %d`, pageRows), b.Span, after, b.Survey, b.Place)
		if err != nil {
			return t, err
		}
		for _, r := range page {
			t.Add(r)
		}
		if len(page) < pageRows {
			break
		}
		after = last
	}
	rows, err := s.read.QueryContext(ctx, `SELECT EXISTS (SELECT 1 FROM responses r JOIN series s ON s.no = r.series
			WHERE r.case_number = v.case_number AND r.stage = v.stage AND s.survey = v.survey)
		FROM visits v WHERE v.survey = ? AND v.window = ? AND v.day = ?`, b.Survey, b.Place, b.Span)
	err = each(rows, err, func(r *sql.Rows) error {
		var rated bool
		err := r.Scan(&rated)
		t.AddVisit(rated)
		return err
	})
	return t, err
}

// sumDays adds up the days of a month one by one: each is a single look-up,
// whatever else is stored.
func (s *Store) sumDays(ctx context.Context, b survey.Bucket) (t survey.Tally, err error) {
	for day := b.Span.FirstDay(); day <= b.Span.LastDay(); day++ {
		part, err := s.sum(ctx, "kind = ? AND span = ? AND place = ?", b.Survey, b.Kind, day, b.Place)
		if err != nil {
			return t, err
		}
		t.Merge(part)
	}
	return t, nil
}

func (s *Store) sum(ctx context.Context, where, id string, args ...any) (t survey.Tally, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT tally FROM tallies WHERE survey = ? AND "+where, append([]any{id}, args...)...)
	err = each(rows, err, func(r *sql.Rows) error {
		var raw sql.RawBytes
		if err := r.Scan(&raw); err != nil {
			return err
		}
		part, err := decodeTally(raw)
		t.Merge(part)
		return err
	})
	return t, err
}

// PutTallies implements survey.TallyStore. One transaction holds the tally, the
// mark taken away and the parents' marks, so a crash leaves either all or none.
func (s *Store) PutTallies(ctx context.Context, counted []survey.CountedBucket, now time.Time) error {
	return wrap("store tallies", s.tx(ctx, func(tx *sql.Tx) error {
		parents, stored := marker{}, false
		for _, c := range counted {
			b := c.Mark.Bucket
			done, err := tx.ExecContext(ctx, "DELETE FROM marks WHERE step = ? AND survey = ? AND span = ? AND place = ? AND gen = ?",
				b.Step(), b.Survey, b.Span, b.Place, c.Mark.Gen)
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil || n == 0 {
				continue // marked anew since: the next run counts it
			}
			if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO tallies(survey, kind, span, place, tally) VALUES (?,?,?,?,?)",
				b.Survey, b.Kind, b.Span, b.Place, encodeTally(c.Tally)); err != nil {
				return err
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

// Tallies implements survey.TallyStore.
func (s *Store) Tallies(ctx context.Context, q survey.TallyQuery, yield func(survey.Bucket, survey.Tally) error) error {
	if q.Place == "" {
		return wrap("read tallies", s.tallies(ctx, q, "span BETWEEN ? AND ?", yield, q.From, q.To))
	}
	// One look-up a span: the table is ordered by span, then place.
	for span := q.From; span <= q.To; span = next(span) {
		err := s.tallies(ctx, q, "span = ? AND (place = ? OR (place > ? AND place < ?))", yield, span, q.Place, q.Place+"-", q.Place+".")
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

func (s *Store) tallies(ctx context.Context, q survey.TallyQuery, where string, yield func(survey.Bucket, survey.Tally) error, args ...any) error {
	rows, err := s.read.QueryContext(ctx, "SELECT span, place, tally FROM tallies WHERE survey = ? AND kind = ? AND "+where,
		append([]any{q.Survey, q.Kind}, args...)...)
	return each(rows, err, func(r *sql.Rows) error {
		b := survey.Bucket{Survey: q.Survey, Kind: q.Kind}
		var raw sql.RawBytes
		if err := r.Scan(&b.Span, &b.Place, &raw); err != nil {
			return err
		}
		t, err := decodeTally(raw)
		if err != nil {
			return err
		}
		return yield(b, t)
	})
}

// Rolled implements survey.TallyStore.
func (s *Store) Rolled(ctx context.Context) (marked int, last time.Time, err error) {
	var at int64
	err = s.read.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM marks), at FROM rolled").Scan(&marked, &at)
	return marked, instant(at), wrap("read the state of the roll-up", err)
}
