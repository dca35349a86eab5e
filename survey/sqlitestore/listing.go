package sqlitestore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"manyi/survey"
)

// pageRows is how many responses one read holds the database's snapshot for.
const pageRows = 2000

// selectPage reads responses.
const selectPage = `SELECT r.seq, r.key, r.series, r.day, r.flags, r.body, r.case_number, r.stage, r.secret, r.worth FROM responses r `

// selectBucket reads a page of the responses counted in one window's day.
const selectBucket = selectPage + `WHERE r.day = ? AND r.seq > ? AND r.series IN
	(SELECT no FROM series WHERE survey = ? AND window = ?) ORDER BY r.seq LIMIT ?`

// rivalClaims reads what competes for being the one response of a case and stage.
const rivalClaims = `SELECT o.key, o.body, o.worth FROM responses o JOIN series os ON os.no = o.series
	WHERE o.case_number = ? AND o.stage = ? AND os.survey = ?`

// Responses implements survey.ResponseStore. While one page is filled and handed
// out the next is read, which holds two pages in memory whatever there is to read.
func (s *Store) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	series, err := s.matchingSeries(ctx, q)
	if err != nil || len(series) == 0 {
		return wrap("read responses", err)
	}
	limit := pageRows
	if q.Newest > 0 {
		limit = q.Newest
	}
	read := func(ctx context.Context, p *pager, after int64) error {
		where, args := listFilter(q, series, after)
		return wrap("read responses", p.read(ctx, selectPage+where+fmt.Sprintf(" LIMIT %d", limit), args))
	}
	now, ahead := &pager{store: s}, &pager{store: s}
	if err := read(ctx, now, 0); err != nil {
		return err
	}
	for len(now.page) == limit && q.Newest == 0 {
		err := meanwhile(ctx,
			func(ctx context.Context) error { return read(ctx, ahead, now.last) },
			func() error { return now.yield(ctx, yield) })
		if err != nil {
			return err
		}
		now, ahead = ahead, now
	}
	return now.yield(ctx, yield)
}

// meanwhile runs next in another goroutine while it runs this, and returns when
// both have ended: early for next if this fails.
func meanwhile(ctx context.Context, next func(context.Context) error, this func() error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	end := make(chan error, 1)
	go func() { end <- next(ctx) }()
	err := this()
	if err != nil {
		stop()
	}
	return cmp.Or(err, <-end)
}

func listFilter(q survey.ResponseQuery, series []int64, after int64) (string, []int64) {
	var b strings.Builder
	b.WriteString("WHERE r.seq > ?")
	args := []int64{after}
	if first, last := series[0], series[len(series)-1]; last-first == int64(len(series)-1) && !q.Texts {
		// Without gaps, as with a single survey: comparing is faster than looking
		// up. The index of texts wants single numbers, to begin after seq in each.
		fmt.Fprintf(&b, " AND r.series BETWEEN %d AND %d", first, last)
	} else {
		b.WriteString(" AND r.series IN (" + joinInts(series) + ")")
	}
	if q.From != 0 {
		b.WriteString(" AND r.day >= ?")
		args = append(args, int64(q.From))
	}
	if q.To != 0 {
		b.WriteString(" AND r.day <= ?")
		args = append(args, int64(q.To))
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

	rest  []rest
	blobs []byte // bodies, one after the other
	names names
}

// rest is what fill makes the rest of a row from.
type rest struct {
	series int64
	worth  worth
	body   int // where it ends in blobs
}

// pageRow is a row of selectPage. Its bytes are of use until the next one.
type pageRow struct {
	seq, series, day, flags, worth           int64
	key, body, caseNumber, caseStage, secret sql.RawBytes
}

// load reads and fills a page. The connection is given back before another is
// asked for: readers that held one each could wait for each other.
func (p *pager) load(ctx context.Context, rows *sql.Rows, err error) error {
	p.clear()
	var row pageRow
	err = each(rows, err, func(rows *sql.Rows) error {
		err := rows.Scan(&row.seq, &row.key, &row.series, &row.day, &row.flags, &row.body,
			&row.caseNumber, &row.caseStage, &row.secret, &row.worth)
		p.add(&row)
		return err
	})
	if err != nil {
		return err
	}
	return p.fill(ctx)
}

// read takes a page from the database and leaves the rest to fill, so that one
// page can be read while the one before is filled.
func (p *pager) read(ctx context.Context, query string, args []int64) error {
	p.clear()
	return p.store.scan.use(func(s *scanner) error {
		return s.each(ctx, query, args, func() error {
			p.add(&pageRow{
				seq: s.int(0), key: s.bytes(1), series: s.int(2), day: s.int(3), flags: s.int(4), body: s.bytes(5),
				caseNumber: s.bytes(6), caseStage: s.bytes(7), secret: s.bytes(8), worth: s.int(9),
			})
			return nil
		})
	})
}

func (p *pager) clear() { p.page, p.rest, p.blobs = p.page[:0], p.rest[:0], p.blobs[:0] }

// add takes what is in columns of their own.
func (p *pager) add(row *pageRow) {
	p.last = row.seq
	p.page = append(p.page, survey.Listed{Standing: survey.Counted})
	r := &p.page[len(p.page)-1]
	copy(r.Key[:], row.key)
	r.Day, r.Flags = survey.Span(row.day), survey.Flags(row.flags)
	p.blobs = append(p.blobs, row.body...)
	r.Case = survey.CaseRef{Number: string(row.caseNumber), Stage: string(row.caseStage)}
	r.Secret = bytes.Clone(row.secret)
	p.rest = append(p.rest, rest{row.series, worth(row.worth), len(p.blobs)})
}

// fill completes the rows of the page.
func (p *pager) fill(ctx context.Context) error {
	known, begin := *p.store.known.Load(), 0
	for i, rest := range p.rest {
		r := &p.page[i]
		if err := decodeBody(p.blobs[begin:rest.body], &r.Response, &p.names); err != nil {
			return fmt.Errorf("response %s: %w", r.Key, err)
		}
		begin = rest.body
		at, ok := known[rest.series]
		if !ok {
			var err error
			if known, err = p.store.loadSeries(ctx); err != nil {
				return err
			}
			if at, ok = known[rest.series]; !ok {
				return fmt.Errorf("series %d is missing", rest.series)
			}
		}
		r.Survey, r.Path = at.survey, at.path
		if r.Case == (survey.CaseRef{}) {
			continue
		}
		r.Tie = rest.worth.tie()
		if rest.worth&elsewhere != 0 {
			r.Flags |= survey.FlagOtherWindow
		}
		if rest.worth&disputed != 0 {
			if err := p.store.settle(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// yield fills the page and hands it out.
func (p *pager) yield(ctx context.Context, yield func(survey.Listed) error) error {
	err := ctx.Err()
	if err == nil {
		err = p.fill(ctx)
	}
	if err != nil {
		return wrap("read responses", err)
	}
	for i := range p.page {
		if err := yield(p.page[i]); err != nil {
			return err
		}
	}
	return nil
}

// settle finds out whether a response wins its case and stage.
func (s *Store) settle(ctx context.Context, r *survey.Listed) error {
	var claims []survey.Claim
	rows, err := s.query(ctx, rivalClaims, r.Case.Number, r.Case.Stage, r.Survey)
	err = each(rows, err, func(rows *sql.Rows) error {
		var key []byte
		var body sql.RawBytes
		var w worth
		err := rows.Scan(&key, &body, &w)
		if err != nil {
			return err
		}
		c, err := claimIn(body)
		copy(c.Key[:], key)
		c.Proven = w&proven != 0
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
