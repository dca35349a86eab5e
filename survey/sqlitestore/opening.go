package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"manyi/survey"
)

// A case is owed from the moment its response is in, and nothing is written for it
// then: that would slow the intake down. Its row is made with its first entries. Up to
// the seq in case_sweep no response owes a case. A response's seq is larger than those
// of all that were committed before it, and none is ever removed, so nothing appears
// behind it.
const (
	sweptTo  = "SELECT c.seq, coalesce((SELECT max(seq) FROM responses), 0) FROM case_sweep c"
	sweepSet = "UPDATE case_sweep SET seq = ? WHERE seq = ?"
	isBad    = "substr(r.body, 1, 1) IN (x'04', x'05')"
	owedCase = "SELECT r.seq, r.key, EXISTS (SELECT 1 FROM contacts k WHERE k.key = r.key), '" + string(survey.CaseOwed) + "', 0, 0, 0, NULL FROM responses r WHERE " + isBad +
		" AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.seq = r.seq) AND "
	owedBetween = owedCase + "r.seq > ? AND r.seq <= ? ORDER BY r.seq LIMIT ?"
	// sweepRows is how many responses are looked through at once.
	sweepRows = 4096
)

// The body of a response begins with its level.
var _ = [1]struct{}{}[survey.Dissatisfied-4+survey.VeryDissatisfied-5]

// OwedCases implements survey.CaseStore.
func (s *Store) OwedCases(ctx context.Context, limit int) ([]survey.Case, error) {
	found, err := s.owedRows(ctx, limit)
	if err != nil {
		return nil, wrap("read owed cases", err)
	}
	out, err := s.fillCases(ctx, found)
	return out, wrap("read owed cases", err)
}

func (s *Store) owedRows(ctx context.Context, limit int) (found []caseRow, err error) {
	var from, last int64
	if err := s.read.QueryRowContext(ctx, sweptTo).Scan(&from, &last); err != nil {
		return nil, translate(err)
	}
	for from < last && len(found) < limit {
		to := min(last, from+sweepRows)
		more, err := s.caseRows(ctx, owedBetween, from, to, limit-len(found))
		if err != nil {
			return nil, err
		}
		// What comes first and owes nothing is not looked at again. A few rows are,
		// which costs less than a commit.
		if found = append(found, more...); len(found) == 0 && to == from+sweepRows {
			if _, err := s.write.ExecContext(ctx, sweepSet, to, from); err != nil {
				return nil, translate(err)
			}
		}
		from = to
	}
	return found, nil
}

// AddEntries implements survey.CaseStore.
func (s *Store) AddEntries(ctx context.Context, key survey.Key, made []survey.Entry, sum survey.CaseSummary) error {
	if len(made) == 0 {
		return nil
	}
	return wrap("add entries", s.tx(ctx, func(tx *sql.Tx) error {
		return s.addEntries(ctx, tx, survey.Opening{Key: key, Entries: made, Summary: sum})
	}))
}

// OpenCases implements survey.CaseStore.
func (s *Store) OpenCases(ctx context.Context, list []survey.Opening) (opened int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		opened = 0
		for _, o := range list {
			err := s.addEntries(ctx, tx, o)
			if errors.Is(err, survey.ErrExists) {
				continue
			}
			if err != nil {
				return err
			}
			opened++
		}
		return nil
	})
	if err != nil {
		return 0, wrap("open cases", err)
	}
	return opened, nil
}

const (
	caseHead = `SELECT r.seq, r.day, r.case_number, s.survey, s.path, s.window, c.n
	FROM responses r JOIN series s ON s.no = r.series LEFT JOIN cases c ON c.seq = r.seq
	WHERE r.key = ? AND ` + isBad
	insertEntry = "INSERT INTO entries(seq, no, doc) VALUES (?,?,?)"
	insertCase  = `INSERT INTO cases(seq, key, survey, bureau, path, day, case_number, n, state, next, pending, marks, follow)
	VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`
	updateCase = "UPDATE cases SET n = ?, state = ?, next = ?, pending = ?, marks = ?, follow = coalesce(?, follow) WHERE seq = ?"
)

// addEntries adds the entries of one case, or none: survey.ErrExists.
func (s *Store) addEntries(ctx context.Context, tx *sql.Tx, o survey.Opening) error {
	var seq, day int64
	var id, path, window string
	var number sql.NullString
	var n sql.NullInt64
	if err := s.in(ctx, tx, caseHead).QueryRowContext(ctx, o.Key[:]).Scan(&seq, &day, &number, &id, &path, &window, &n); err != nil {
		return err
	}
	if o.Entries[0].No != int(n.Int64)+1 {
		return survey.ErrExists
	}
	last, sum := o.Entries[len(o.Entries)-1].No, o.Summary
	var err error
	if n.Valid {
		_, err = s.in(ctx, tx, updateCase).ExecContext(ctx, last, sum.State, sum.Next, sum.Pending, sum.Marks, nullableBytes(sum.Follow), seq)
	} else {
		_, err = s.in(ctx, tx, insertCase).ExecContext(ctx, seq, o.Key[:], id, survey.BureauOf(window), path, day, number,
			last, sum.State, sum.Next, sum.Pending, sum.Marks, nullableBytes(sum.Follow))
	}
	if err != nil {
		return err
	}
	insert := s.in(ctx, tx, insertEntry)
	for _, e := range o.Entries {
		doc, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, seq, e.No, string(doc)); err != nil {
			return err
		}
	}
	return nil
}
