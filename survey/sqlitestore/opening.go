package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

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
	owes     = "substr(r.body, 1, 1) IN (x'04', x'05') AND substr(r.body, 3, 1) <> x'0a'" // [survey.OwesCase]
	owedCase = "SELECT r.seq, r.key, EXISTS (SELECT 1 FROM contacts k WHERE k.key = r.key), '" + string(survey.CaseOwed) + "', 0, 0, 0, NULL FROM responses r WHERE " + owes +
		" AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.seq = r.seq) AND "
	owedBetween = owedCase + "r.seq > ? AND r.seq <= ? ORDER BY r.seq LIMIT ?"
	// sweepRows is how many responses are looked through at once.
	sweepRows = 4096
)

// The body of a response begins with its level, and its third byte is the channel.
var _ = [1]struct{}{}[survey.Dissatisfied-4+survey.VeryDissatisfied-5]
var _ = [1]struct{}{}[survey.ChannelInterview-10]

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

// OpenCases implements survey.CaseStore. The intake waits while this writes, so what a
// case says of its response, which never changes, is read and everything is encoded
// before the transaction begins.
func (s *Store) OpenCases(ctx context.Context, list []survey.Opening) (opened int, err error) {
	heads, err := s.caseHeads(ctx, list)
	if err != nil {
		return 0, wrap("open cases", err)
	}
	docs := make([][]string, len(list))
	for i, o := range list {
		if docs[i], err = entryDocs(o.Entries); err != nil {
			return 0, wrap("open cases", err)
		}
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		opened = 0
		inCases, inEntries := s.in(ctx, tx, insertCase), s.in(ctx, tx, insertEntry)
		for i, o := range list {
			if o.Entries[0].No != 1 {
				continue
			}
			h := heads[o.Key]
			fresh, err := h.insert(ctx, inCases, o)
			if err != nil {
				return err
			}
			if !fresh {
				continue
			}
			if err := insertEntries(ctx, inEntries, h.seq, 1, docs[i]); err != nil {
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
	headOf = `SELECT r.key, r.seq, r.day, r.case_number, s.survey, s.path, s.window
	FROM responses r JOIN series s ON s.no = r.series WHERE ` + owes + ` AND r.key`
	caseHead    = headOf + " = ?"
	caseSize    = "SELECT n FROM cases WHERE seq = ?"
	insertEntry = "INSERT INTO entries(seq, no, doc) VALUES (?,?,?)"
	insertCase  = `INSERT INTO cases(seq, key, survey, bureau, path, day, case_number, n, state, next, pending, marks, follow)
	VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(seq) DO NOTHING`
	updateCase = "UPDATE cases SET n = ?, state = ?, next = ?, pending = ?, marks = ?, follow = coalesce(?, follow) WHERE seq = ?"
)

// head is what the row of a case says of its response.
type head struct {
	key                  []byte
	seq, day             int64
	number               sql.NullString
	survey, path, window string
}

func (h *head) scan(scan func(...any) error) error {
	return scan(&h.key, &h.seq, &h.day, &h.number, &h.survey, &h.path, &h.window)
}

// insert makes the row of a case with its first entries, and reports whether there was none.
func (h head) insert(ctx context.Context, stmt *sql.Stmt, o survey.Opening) (fresh bool, err error) {
	sum := o.Summary
	r, err := stmt.ExecContext(ctx, h.seq, h.key, h.survey, survey.BureauOf(h.window), h.path, h.day, h.number,
		o.Entries[len(o.Entries)-1].No, sum.State, sum.Next, sum.Pending, sum.Marks, nullableBytes(sum.Follow))
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// caseHeads reads the heads of all openings. ErrNotFound if a response is missing, or owes none.
func (s *Store) caseHeads(ctx context.Context, list []survey.Opening) (map[survey.Key]head, error) {
	heads := make(map[survey.Key]head, len(list))
	for some := range slices.Chunk(list, 500) {
		keys := make([]any, len(some))
		for i := range some {
			keys[i] = some[i].Key[:]
		}
		rows, err := s.read.QueryContext(ctx, headOf+" IN (?"+strings.Repeat(",?", len(keys)-1)+")", keys...)
		err = each(rows, err, func(r *sql.Rows) error {
			var h head
			err := h.scan(r.Scan)
			heads[survey.Key(h.key)] = h
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, o := range list {
		if _, ok := heads[o.Key]; !ok {
			return nil, survey.ErrNotFound
		}
	}
	return heads, nil
}

func entryDocs(made []survey.Entry) ([]string, error) {
	docs := make([]string, len(made))
	for i, e := range made {
		doc, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		docs[i] = string(doc)
	}
	return docs, nil
}

func insertEntries(ctx context.Context, stmt *sql.Stmt, seq int64, first int, docs []string) error {
	for i, doc := range docs {
		if _, err := stmt.ExecContext(ctx, seq, first+i, doc); err != nil {
			return err
		}
	}
	return nil
}

// addEntries adds the entries of one case, or none: survey.ErrExists.
func (s *Store) addEntries(ctx context.Context, tx *sql.Tx, o survey.Opening) error {
	var h head
	if err := h.scan(s.in(ctx, tx, caseHead).QueryRowContext(ctx, o.Key[:]).Scan); err != nil {
		return err
	}
	n := 0
	err := s.in(ctx, tx, caseSize).QueryRowContext(ctx, h.seq).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	first, sum := o.Entries[0].No, o.Summary
	if first != n+1 {
		return survey.ErrExists
	}
	docs, err := entryDocs(o.Entries)
	if err != nil {
		return err
	}
	if n > 0 {
		_, err = s.in(ctx, tx, updateCase).ExecContext(ctx, o.Entries[len(docs)-1].No, sum.State, sum.Next, sum.Pending, sum.Marks, nullableBytes(sum.Follow), h.seq)
	} else {
		_, err = h.insert(ctx, s.in(ctx, tx, insertCase), o)
	}
	if err != nil {
		return err
	}
	return insertEntries(ctx, s.in(ctx, tx, insertEntry), h.seq, first, docs)
}
