package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"manyi/survey"
)

// caseRow is a row of the table.
type caseRow struct {
	seq       int64
	key       survey.Key
	reachable bool
	sum       survey.CaseSummary
}

const selectCase = `SELECT c.seq, c.key, EXISTS (SELECT 1 FROM contacts k WHERE k.key = c.key),
	c.state, c.next, c.pending, c.marks, c.follow FROM cases c `

// listedBy names the index a page of a list is read by, where the engine would
// rather read all cases in the order of the page than find the few and sort them.
func listedBy(q survey.CaseQuery) string {
	switch {
	case q.Number != "":
		return "INDEXED BY cases_number "
	case q.Pending && q.Survey != "":
		return "INDEXED BY cases_waiting "
	}
	return ""
}

// Case implements survey.CaseStore.
func (s *Store) Case(ctx context.Context, key survey.Key) (survey.Case, error) {
	c, err := s.oneCase(ctx, selectCase+"WHERE c.seq = (SELECT seq FROM responses WHERE key = ?)", key[:])
	if errors.Is(err, survey.ErrNotFound) {
		c, err = s.oneCase(ctx, owedCase+"r.key = ?", key[:])
	}
	return c, wrap("read case", err)
}

// FollowedCase implements survey.CaseStore.
func (s *Store) FollowedCase(ctx context.Context, follow []byte) (survey.Case, error) {
	c, err := s.oneCase(ctx, selectCase+"WHERE c.follow = ?", follow)
	return c, wrap("read followed case", err)
}

func (s *Store) oneCase(ctx context.Context, query string, arg any) (survey.Case, error) {
	rows, err := s.caseRows(ctx, query, arg)
	if err != nil {
		return survey.Case{}, translate(err)
	}
	found, err := s.fillCases(ctx, rows)
	if err != nil || len(found) == 0 {
		return survey.Case{}, firstErr(err, survey.ErrNotFound)
	}
	return found[0], nil
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Cases implements survey.CaseStore.
func (s *Store) Cases(ctx context.Context, q survey.CaseQuery, yield func(survey.Case) error) error {
	where, args := caseFilter(q)
	page := func(tail string, more ...any) ([]survey.Case, error) {
		rows, err := s.caseRows(ctx, selectCase+where+tail, append(slices.Clone(args), more...)...)
		if err != nil {
			return nil, err
		}
		return s.fillCases(ctx, rows)
	}
	give := func(found []survey.Case) error {
		for _, c := range found {
			if err := yield(c); err != nil {
				return err
			}
		}
		return nil
	}
	if q.Limit > 0 {
		where = listedBy(q) + where
		found, err := page(" AND (c.next, c.key) > (?, ?) ORDER BY c.next, c.key LIMIT ?", q.After.Next, q.After.Key[:], q.Limit)
		if err != nil {
			return wrap("read cases", err)
		}
		return give(found)
	}
	for last := int64(0); ; {
		rows, err := s.caseRows(ctx, selectCase+where+" AND c.seq > ? ORDER BY c.seq LIMIT ?", append(slices.Clone(args), last, pageRows)...)
		if err != nil {
			return wrap("read cases", err)
		}
		found, err := s.fillCases(ctx, rows)
		if err != nil {
			return wrap("read cases", err)
		}
		if err := give(found); err != nil {
			return err
		}
		if len(rows) < pageRows {
			return nil
		}
		last = rows[len(rows)-1].seq
	}
}

func caseFilter(q survey.CaseQuery) (string, []any) {
	var b strings.Builder
	var args []any
	add := func(condition string, values ...any) {
		if b.Len() == 0 {
			b.WriteString("WHERE ")
		} else {
			b.WriteString(" AND ")
		}
		b.WriteString(condition)
		args = append(args, values...)
	}
	add("c.survey = ?", q.Survey)
	if q.Survey == "" {
		b.Reset()
		args = nil
		add("1")
	}
	if bureau := survey.BureauOf(q.Place); bureau != "" {
		add("c.bureau = ?", bureau)
	}
	if q.Place != "" && q.Place != survey.BureauOf(q.Place) {
		add("instr('/' || c.path || '/', ?) > 0", "/"+q.Place+"/")
	}
	if q.From != 0 {
		add("c.day >= ?", q.From)
	}
	if q.To != 0 {
		add("c.day <= ?", q.To)
	}
	if len(q.States) > 0 {
		states := make([]any, len(q.States))
		for i, st := range q.States {
			states[i] = st
		}
		add("c.state IN (?"+strings.Repeat(",?", len(states)-1)+")", states...)
	}
	if q.Marks != 0 {
		add("c.marks & ? = ?", q.Marks, q.Marks)
	}
	if q.Unnamed != 0 {
		add("(c.marks & ? = 0 OR c.day < ?)", survey.MarkUnnamed, q.Unnamed)
	}
	if q.Since != 0 {
		add("c.next >= ?", q.Since)
	}
	if q.Before != 0 {
		add("c.next BETWEEN 1 AND ?", q.Before.Plus(-1))
	}
	if q.Pending {
		add("c.pending = 1")
	}
	if q.Number != "" {
		add("c.case_number = ?", q.Number)
	}
	return b.String(), args
}

func (s *Store) caseRows(ctx context.Context, query string, args ...any) (found []caseRow, err error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var c caseRow
		var key sql.RawBytes
		err := r.Scan(&c.seq, &key, &c.reachable, &c.sum.State, &c.sum.Next, &c.sum.Pending, &c.sum.Marks, &c.sum.Follow)
		copy(c.key[:], key)
		found = append(found, c)
		return err
	})
	return found, err
}

// fillCases adds to the rows of cases their responses and entries.
func (s *Store) fillCases(ctx context.Context, found []caseRow) ([]survey.Case, error) {
	if len(found) == 0 {
		return nil, nil
	}
	out := make([]survey.Case, len(found))
	at := make(map[int64]int, len(found))
	byKey := make(map[survey.Key]int, len(found))
	seqs := make([]int64, len(found))
	for i, c := range found {
		out[i] = survey.Case{Reachable: c.reachable, Summary: c.sum}
		at[c.seq], byKey[c.key], seqs[i] = i, i, c.seq
	}
	list := joinInts(seqs)
	rows, err := s.read.QueryContext(ctx, selectPage+"WHERE r.seq IN ("+list+")")
	p := pager{store: s}
	if err := p.load(ctx, rows, err); err != nil {
		return nil, err
	}
	for _, r := range p.page {
		out[byKey[r.Key]].Response = r
	}
	rows, err = s.read.QueryContext(ctx, "SELECT seq, doc FROM entries WHERE seq IN ("+list+") ORDER BY seq, no")
	err = each(rows, err, func(r *sql.Rows) error {
		var seq int64
		var doc sql.RawBytes
		if err := r.Scan(&seq, &doc); err != nil {
			return err
		}
		var e survey.Entry
		if err := json.Unmarshal(doc, &e); err != nil {
			return fmt.Errorf("entry of case %d is damaged: %w", seq, err)
		}
		c := &out[at[seq]]
		c.Entries = append(c.Entries, e)
		return nil
	})
	return out, firstErr(err, s.addMasked(ctx, out))
}

// CaseLoads implements survey.CaseStore.
func (s *Store) CaseLoads(ctx context.Context, q survey.CaseQuery, today survey.Span) (out []survey.CaseLoad, err error) {
	where, args := caseFilter(q)
	rows, err := s.read.QueryContext(ctx, `SELECT c.bureau, c.state, c.marks, c.next BETWEEN 1 AND ? AS late, count(*) FROM cases c `+where+
		` GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, append([]any{today.Plus(-1)}, args...)...)
	err = each(rows, err, func(r *sql.Rows) error {
		var l survey.CaseLoad
		err := r.Scan(&l.Bureau, &l.State, &l.Marks, &l.Overdue, &l.N)
		out = append(out, l)
		return err
	})
	return out, wrap("count cases", err)
}

// CasesDue implements survey.CaseStore.
func (s *Store) CasesDue(ctx context.Context, q survey.CaseQuery) (map[survey.Span]int64, error) {
	where, args := caseFilter(q)
	out := map[survey.Span]int64{}
	rows, err := s.read.QueryContext(ctx, "SELECT c.next, count(*) FROM cases c "+where+" GROUP BY 1", args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var day survey.Span
		var n int64
		err := r.Scan(&day, &n)
		out[day] = n
		return err
	})
	return out, wrap("count cases that are due", err)
}
