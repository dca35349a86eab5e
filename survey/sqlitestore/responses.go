package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"manyi/survey"
)

type seriesKey struct{ survey, path string }

// insertResponse adds one response unless its key is there. The same statement
// looks for an earlier answer from the same form: keys share the form's part as
// prefix, so the unique index answers that too.
const insertResponse = `
INSERT INTO responses(key, id, series, day, received, version, channel, level, flags,
  answers, reasons, comment, case_number, stage, secret)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
  ?9 | EXISTS (SELECT 1 FROM responses WHERE key >= ?16 AND key < ?17),
  ?10, ?11, ?12, ?13, ?14, ?15)
ON CONFLICT(key) DO NOTHING`

// The statement ORs the result of EXISTS, 0 or 1, straight into the flags.
var _ = [1]struct{}{}[survey.FlagKeyReused-1]

// AddResponses implements survey.ResponseStore.
func (s *Store) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	stored := make([]bool, len(group))
	fresh := map[seriesKey]int64{}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		marks := marker{}
		insert := tx.StmtContext(ctx, s.insert)
		for i := range group {
			r := &group[i]
			no, err := s.seriesNo(ctx, tx, r, fresh)
			if err != nil {
				return err
			}
			stored[i], err = addResponse(ctx, tx, insert, r, no)
			if err != nil {
				return fmt.Errorf("window %s: %w", r.Path.Window(), err)
			}
			if !stored[i] {
				continue
			}
			marks.add(r.Bucket())
			if r.Case != (survey.CaseRef{}) {
				if err := marks.addCase(ctx, tx, r.Survey, r.Case); err != nil {
					return err
				}
			}
		}
		return s.storeMarks(ctx, tx, marks)
	})
	if err != nil {
		return nil, wrap("add responses", err)
	}
	s.mu.Lock()
	for k, no := range fresh {
		s.series[k] = no
	}
	s.mu.Unlock()
	return stored, nil
}

func addResponse(ctx context.Context, tx *sql.Tx, insert *sql.Stmt, r *survey.Response, series int64) (bool, error) {
	answers, err := textOf(r.Answers)
	if err != nil {
		return false, err
	}
	lo, hi := formRange(r.Key)
	var number, stage any
	if r.Case != (survey.CaseRef{}) {
		number, stage = r.Case.Number, r.Case.Stage
	}
	done, err := insert.ExecContext(ctx, r.Key[:], r.ID[:], series, r.Day, millis(r.ReceivedAt), r.Version, r.Channel, r.Level, r.Flags,
		answers, nullable(joinInts(r.Reasons)), nullable(r.Comment), number, stage, nullableBytes(r.Secret), lo, hi)
	if err != nil {
		return false, err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	if r.Contact != nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO contacts(key, key_id, sealed, phone_hash) VALUES (?,?,?,?)",
			r.Key[:], r.Contact.KeyID, r.Contact.Sealed, nullableBytes(r.Contact.PhoneHash))
	}
	return true, err
}

// formRange bounds the keys that share a form: [lo, hi).
func formRange(k survey.Key) (lo, hi []byte) {
	form := k.Form()
	lo = append(lo, form[:]...)
	hi = append(hi, form[:]...)
	for i := len(hi) - 1; i >= 0; i-- {
		hi[i]++
		if hi[i] != 0 {
			return lo, hi
		}
	}
	return lo, append(form[:], 0xff) // a key of 0xff only: no larger prefix exists
}

// seriesNo finds or makes the number of a response's survey and path. Numbers made in
// this transaction are kept in fresh until it commits.
func (s *Store) seriesNo(ctx context.Context, tx *sql.Tx, r *survey.Response, fresh map[seriesKey]int64) (int64, error) {
	k := seriesKey{r.Survey, r.Path.String()}
	if no, ok := fresh[k]; ok {
		return no, nil
	}
	s.mu.Lock()
	no, ok := s.series[k]
	s.mu.Unlock()
	if ok {
		return no, nil
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO series(survey, path, window) VALUES (?,?,?) ON CONFLICT DO NOTHING", k.survey, k.path, r.Path.Window())
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT no FROM series WHERE survey = ? AND path = ?", k.survey, k.path).Scan(&no)
	fresh[k] = no
	return no, err
}

// pageRows is how many responses one read holds the database's snapshot for.
const pageRows = 2000

// selectListed reads responses with the visit of their case, if one is listed,
// and whether other responses name the same case and stage.
const selectListed = `
SELECT r.seq, r.key, r.id, s.survey, s.path, r.day, r.received, r.version, r.channel, r.level, r.flags,
  r.answers, r.reasons, r.comment, r.case_number, r.stage, r.secret,
  v.window, v.secret IS NOT NULL AND v.secret = r.secret,
  r.case_number IS NOT NULL AND (SELECT count(*) FROM responses o JOIN series os ON os.no = o.series
    WHERE o.case_number = r.case_number AND o.stage = r.stage AND os.survey = s.survey) > 1
FROM responses r JOIN series s ON s.no = r.series
LEFT JOIN visits v ON v.survey = s.survey AND v.case_number = r.case_number AND v.stage = r.stage
`

// Responses implements survey.ResponseStore.
func (s *Store) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	series, err := s.matchingSeries(ctx, q)
	if err != nil || len(series) == 0 {
		return wrap("read responses", err)
	}
	var after int64
	limit := pageRows
	if q.Newest > 0 {
		limit = q.Newest
	}
	for {
		where, args := listFilter(q, series, after)
		page, last, err := s.listed(ctx, where+fmt.Sprintf(" LIMIT %d", limit), args...)
		if err != nil {
			return wrap("read responses", err)
		}
		for _, r := range page {
			if err := yield(r); err != nil {
				return err
			}
		}
		if len(page) < limit || q.Newest > 0 {
			return nil
		}
		after = last
	}
}

func listFilter(q survey.ResponseQuery, series []int64, after int64) (string, []any) {
	var b strings.Builder
	b.WriteString("WHERE r.seq > ?")
	args := []any{after}
	if q.Survey != "" || q.Place != "" {
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
		b.WriteString(" AND r.comment IS NOT NULL")
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

// listed reads one page whole, so that the snapshot is let go before anything is done with it.
func (s *Store) listed(ctx context.Context, where string, args ...any) (page []survey.Listed, last int64, err error) {
	var disputed []int
	rows, err := s.read.QueryContext(ctx, selectListed+where, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		r, seq, rivals, err := scanListed(rows)
		if rivals {
			disputed = append(disputed, len(page))
		}
		page, last = append(page, r), seq
		return err
	})
	for _, i := range disputed {
		if err == nil {
			err = s.settle(ctx, &page[i])
		}
	}
	return page, last, err
}

func scanListed(rows *sql.Rows) (r survey.Listed, seq int64, rivals bool, err error) {
	var key, id, secret []byte
	var path string
	var received int64
	var answers, reasons, comment, number, stage, visitWindow sql.NullString
	var proven sql.NullBool
	err = rows.Scan(&seq, &key, &id, &r.Survey, &path, &r.Day, &received, &r.Version, &r.Channel, &r.Level, &r.Flags,
		&answers, &reasons, &comment, &number, &stage, &secret, &visitWindow, &proven, &rivals)
	if err != nil {
		return r, 0, false, err
	}
	copy(r.Key[:], key)
	copy(r.ID[:], id)
	r.Path = survey.ParsePath(path)
	r.ReceivedAt = instant(received)
	r.Comment = comment.String
	r.Case = survey.CaseRef{Number: number.String, Stage: stage.String}
	r.Secret = secret
	r.Standing = survey.Counted
	r.Tie = tie(number.Valid, visitWindow.Valid, proven.Bool)
	if visitWindow.Valid && visitWindow.String != r.Path.Window() {
		r.Flags |= survey.FlagOtherWindow
	}
	if answers.Valid {
		if err := json.Unmarshal([]byte(answers.String), &r.Answers); err != nil {
			return r, 0, false, fmt.Errorf("answers of response %d: %w", seq, err)
		}
	}
	for part := range strings.SplitSeq(reasons.String, ",") {
		if code, err := strconv.Atoi(part); err == nil {
			r.Reasons = append(r.Reasons, code)
		}
	}
	return r, seq, rivals, nil
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
	rows, err := s.read.QueryContext(ctx, `SELECT o.key, o.received, v.secret IS NOT NULL AND v.secret = o.secret
		FROM responses o JOIN series os ON os.no = o.series
		LEFT JOIN visits v ON v.survey = os.survey AND v.case_number = o.case_number AND v.stage = o.stage
		WHERE o.case_number = ? AND o.stage = ? AND os.survey = ?`, r.Case.Number, r.Case.Stage, r.Survey)
	err = each(rows, err, func(rows *sql.Rows) error {
		var c survey.Claim
		var key []byte
		var received int64
		var proven sql.NullBool
		err := rows.Scan(&key, &received, &proven)
		copy(c.Key[:], key)
		c.ReceivedAt, c.Proven = instant(received), proven.Bool
		claims = append(claims, c)
		return err
	})
	if err == nil && survey.Winner(claims) != r.Key {
		r.Standing = survey.Superseded
	}
	return err
}

// HasResponse implements survey.ResponseStore.
func (s *Store) HasResponse(ctx context.Context, key survey.Key) (has bool, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM responses WHERE key = ?)", key[:]).Scan(&has)
	return has, wrap("look for a response", err)
}

// Contact implements survey.ResponseStore.
func (s *Store) Contact(ctx context.Context, key survey.Key) (c survey.SealedContact, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT key_id, sealed, phone_hash FROM contacts WHERE key = ?", key[:]).
		Scan(&c.KeyID, &c.Sealed, &c.PhoneHash)
	return c, wrap("read contact", translate(err))
}

func textOf(answers map[string]survey.Level) (any, error) {
	if len(answers) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(answers)
	return string(b), err
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullableBytes(b []byte) any {
	if len(b) == 0 { // an empty secret proves nothing
		return nil
	}
	return b
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
