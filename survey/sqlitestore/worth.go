package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"manyi/survey"
)

// worth is what a response that names a case is worth at the moment. It follows
// from the visit of the case and from the other responses that name it, and is kept
// beside the response since looking for those costs a reader more than the response
// itself. Whoever stores a response or changes a visit weighs the case again.
type worth int64

// The bits of worth; without any no visit is listed. The migration says the same.
const (
	listed    worth = 1 << iota // a visit of the case and stage is listed
	proven                      // and the secret of the response proves it
	elsewhere                   // and it was at another window
	disputed                    // other responses of the survey name the case and stage too
)

// tie is that of a response which names a case.
func (w worth) tie() survey.Tie {
	switch {
	case w&listed == 0:
		return survey.TieUnmatched
	case w&proven == 0:
		return survey.TieClaimed
	}
	return survey.TieProven
}

const (
	responsesOfCase = `SELECT r.seq, s.window, r.day, r.secret, r.worth FROM responses r CROSS JOIN series s ON s.no = r.series
		WHERE r.case_number = ? AND r.stage = ? AND s.survey = ?`
	putWorth = "UPDATE responses SET worth = ? WHERE seq = ?"
)

// weighCase weighs the responses of a case and stage, and marks every bucket that
// touches: they compete for being the one that counts, and their visit may turn from
// unrated to rated.
func (s *Store) weighCase(ctx context.Context, tx *sql.Tx, m marker, id string, c survey.CaseRef) error {
	v, err := s.visitOf(ctx, tx, survey.Visit{Survey: id, Case: c})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s.weigh(ctx, tx, m, id, c, nil)
	case err != nil:
		return err
	}
	m.add(v.Bucket())
	return s.weigh(ctx, tx, m, id, c, &v)
}

// weigh is weighCase for whoever knows the visit; nil if none is listed.
func (s *Store) weigh(ctx context.Context, tx *sql.Tx, m marker, id string, c survey.CaseRef, v *survey.Visit) error {
	type response struct {
		seq      int64
		was, now worth
	}
	var found []response
	rows, err := s.in(ctx, tx, responsesOfCase).QueryContext(ctx, c.Number, c.Stage, id)
	err = each(rows, err, func(rows *sql.Rows) error {
		var r response
		var secret sql.RawBytes
		b := survey.Bucket{Survey: id, Kind: survey.Window}
		err := rows.Scan(&r.seq, &b.Place, &b.Span, &secret, &r.was)
		m.add(b)
		if v != nil {
			r.now = listed
			if v.ProvenBy(secret) {
				r.now |= proven
			}
			if v.Window != b.Place {
				r.now |= elsewhere
			}
		}
		found = append(found, r)
		return err
	})
	for _, r := range found {
		if len(found) > 1 {
			r.now |= disputed
		}
		if r.now != r.was && err == nil {
			_, err = s.in(ctx, tx, putWorth).ExecContext(ctx, int64(r.now), r.seq)
		}
	}
	return err
}
