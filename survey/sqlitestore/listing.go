package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"manyi/survey"
)

// pageRows is how many responses one read holds the database's snapshot for.
const pageRows = 2000

// selectPage reads what is in the row itself: millions of rows are read for an
// export, and most of them name no case.
const selectPage = "SELECT r.seq, r.key, r.series, r.day, r.flags, r.body FROM responses r "

// selectBucket reads a page of the responses counted in one window's day.
const selectBucket = selectPage + `WHERE r.day = ? AND r.seq > ? AND r.series IN
	(SELECT no FROM series WHERE survey = ? AND window = ?) ORDER BY r.seq LIMIT ?`

// selectCases reads the cases of listed responses, given as a JSON array of their
// seq: the visit, if one is listed, and whether other responses name the same
// case and stage. CROSS JOIN keeps SQLite from reading the table the other way round.
const selectCases = `
SELECT j.key, r.case_number, r.stage, r.secret, v.window, v.secret IS NOT NULL AND v.secret = r.secret,
  EXISTS (SELECT 1 FROM responses o JOIN series os ON os.no = o.series
    WHERE o.case_number = r.case_number AND o.stage = r.stage AND o.seq <> r.seq AND os.survey = s.survey)
FROM json_each(?) j CROSS JOIN responses r ON r.seq = j.value CROSS JOIN series s ON s.no = r.series
LEFT JOIN visits v ON v.survey = s.survey AND v.case_number = r.case_number AND v.stage = r.stage`

// rivalClaims reads what competes for being the one response of a case and stage.
const rivalClaims = `SELECT o.key, o.body, v.secret IS NOT NULL AND v.secret = o.secret
	FROM responses o JOIN series os ON os.no = o.series
	LEFT JOIN visits v ON v.survey = os.survey AND v.case_number = o.case_number AND v.stage = o.stage
	WHERE o.case_number = ? AND o.stage = ? AND os.survey = ?`

// Responses implements survey.ResponseStore.
func (s *Store) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	series, err := s.matchingSeries(ctx, q)
	if err != nil || len(series) == 0 {
		return wrap("read responses", err)
	}
	limit := pageRows
	if q.Newest > 0 {
		limit = q.Newest
	}
	p := pager{store: s}
	for {
		where, args := listFilter(q, series, p.last)
		rows, err := s.read.QueryContext(ctx, selectPage+where+fmt.Sprintf(" LIMIT %d", limit), args...)
		if err := p.read(ctx, rows, err); err != nil {
			return wrap("read responses", err)
		}
		for i := range p.page {
			if err := yield(p.page[i]); err != nil {
				return err
			}
		}
		if len(p.page) < limit || q.Newest > 0 {
			return nil
		}
	}
}

func listFilter(q survey.ResponseQuery, series []int64, after int64) (string, []any) {
	var b strings.Builder
	b.WriteString("WHERE r.seq > ?")
	args := []any{after}
	if first, last := series[0], series[len(series)-1]; last-first == int64(len(series)-1) && !q.Texts {
		// Without gaps, as with a single survey: comparing is faster than looking
		// up. The index of texts wants single numbers, to begin after seq in each.
		fmt.Fprintf(&b, " AND r.series BETWEEN %d AND %d", first, last)
	} else {
		b.WriteString(" AND r.series IN (" + joinInts(series) + ")")
	}
	if q.From != 0 {
		b.WriteString(" AND r.day >= ?")
		args = append(args, q.From)
	}
	if q.To != 0 {
		b.WriteString(" AND r.day <= ?")
		args = append(args, q.To)
	}
	if q.Texts {
		b.WriteString(" AND r.has_text = 1")
	}
	if q.Newest > 0 {
		b.WriteString(" ORDER BY r.seq DESC")
	} else {
		b.WriteString(" ORDER BY r.seq")
	}
	return b.String(), args
}

func (s *Store) matchingSeries(ctx context.Context, q survey.ResponseQuery) ([]int64, error) {
	var nos []int64
	rows, err := s.read.QueryContext(ctx, `SELECT no FROM series
		WHERE (?1 = '' OR survey = ?1) AND (?2 = '' OR instr('/' || path || '/', '/' || ?2 || '/') > 0) ORDER BY no`, q.Survey, q.Place)
	err = each(rows, err, func(r *sql.Rows) error {
		var no int64
		err := r.Scan(&no)
		nos = append(nos, no)
		return err
	})
	return nos, err
}

// pager reads page after page into the same memory. A page is read whole, so
// that the snapshot is let go before anything is done with it.
type pager struct {
	store *Store
	page  []survey.Listed
	last  int64 // seq of the page's last row

	series   []int64 // of each row
	named    []int   // rows with a case or a secret
	seqs     []byte  // theirs, as a JSON array
	disputed []int   // rows whose case other responses name too
	names    names
	row      pageRow
}

// pageRow is what a row is scanned into; the bytes last until the next one.
type pageRow struct {
	seq, series int64
	key, body   sql.RawBytes
}

// read takes the rows of selectPage. The connection is given back before
// another is asked for: readers that held one each could wait for each other.
func (p *pager) read(ctx context.Context, rows *sql.Rows, err error) error {
	p.page, p.series, p.named, p.disputed = p.page[:0], p.series[:0], p.named[:0], p.disputed[:0]
	p.seqs = append(p.seqs[:0], '[')
	if err := each(rows, err, p.scan); err != nil {
		return err
	}
	p.seqs = append(p.seqs, ']')
	if err := p.setSeries(ctx); err != nil {
		return err
	}
	if len(p.named) > 0 {
		rows, err := p.store.query(ctx, selectCases, string(p.seqs))
		if err := each(rows, err, p.scanCase); err != nil {
			return err
		}
	}
	for _, i := range p.disputed {
		if err := p.store.settle(ctx, &p.page[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *pager) scan(rows *sql.Rows) error {
	p.page = append(p.page, survey.Listed{Standing: survey.Counted})
	r, row := &p.page[len(p.page)-1], &p.row
	if err := rows.Scan(&row.seq, &row.key, &row.series, &r.Day, &r.Flags, &row.body); err != nil {
		return err
	}
	copy(r.Key[:], row.key)
	named, err := decodeBody(row.body, &r.Response, &p.names)
	if err != nil {
		return fmt.Errorf("response %d: %w", row.seq, err)
	}
	if named {
		if len(p.named) > 0 {
			p.seqs = append(p.seqs, ',')
		}
		p.seqs = strconv.AppendInt(p.seqs, row.seq, 10)
		p.named = append(p.named, len(p.page)-1)
	}
	p.series = append(p.series, row.series)
	p.last = row.seq
	return nil
}

func (p *pager) scanCase(rows *sql.Rows) error {
	var no int
	var number, stage, window sql.NullString
	var secret []byte
	var proven sql.NullBool
	var rivals bool
	if err := rows.Scan(&no, &number, &stage, &secret, &window, &proven, &rivals); err != nil {
		return err
	}
	r := &p.page[p.named[no]]
	r.Case, r.Secret = survey.CaseRef{Number: number.String, Stage: stage.String}, secret
	r.Tie = tie(number.Valid, window.Valid, proven.Bool)
	if window.Valid && window.String != r.Path.Window() {
		r.Flags |= survey.FlagOtherWindow
	}
	if rivals {
		p.disputed = append(p.disputed, p.named[no])
	}
	return nil
}

func tie(named, listed, proven bool) survey.Tie {
	switch {
	case !named:
		return survey.TieNone
	case !listed:
		return survey.TieUnmatched
	case !proven:
		return survey.TieClaimed
	}
	return survey.TieProven
}

// settle finds out whether a response wins its case and stage.
func (s *Store) settle(ctx context.Context, r *survey.Listed) error {
	var claims []survey.Claim
	rows, err := s.query(ctx, rivalClaims, r.Case.Number, r.Case.Stage, r.Survey)
	err = each(rows, err, func(rows *sql.Rows) error {
		var key []byte
		var body sql.RawBytes
		var proven sql.NullBool
		err := rows.Scan(&key, &body, &proven)
		if err != nil {
			return err
		}
		c, err := claimIn(body)
		copy(c.Key[:], key)
		c.Proven = proven.Bool
		claims = append(claims, c)
		return err
	})
	if err == nil && survey.Winner(claims) != r.Key {
		r.Standing = survey.Superseded
	}
	return err
}

func joinInts[T int | int64](ns []T) string {
	if len(ns) == 0 {
		return ""
	}
	var b []byte
	for i, n := range ns {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return string(b)
}
