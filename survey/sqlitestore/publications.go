package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"

	"manyi/survey"
)

// PutPublication implements survey.PublicationStore.
func (s *Store) PutPublication(ctx context.Context, p survey.Publication) error {
	if err := p.Check(); err != nil {
		return err
	}
	public, auditor := p.Public.Body, p.Auditor.Body
	p.Public.Body, p.Auditor.Body = nil, nil
	head, err := json.Marshal(p)
	if err != nil {
		return err
	}
	put, err := changed(s.write.ExecContext(ctx, `INSERT INTO publications(source, survey, period, no, head, public, auditor)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?1 <> '' OR ?4 = (SELECT coalesce(max(no), 0) + 1 FROM publications WHERE source = ?1 AND survey = ?2 AND period = ?3)`,
		p.Source, p.Survey, p.Period, p.No, string(head), public, auditor))
	if err = translate(err); err == nil && !put {
		err = survey.ErrExists
	}
	return wrap("store publication", err)
}

// Publication implements survey.PublicationStore.
func (s *Store) Publication(ctx context.Context, id survey.PublicationID) (p survey.Publication, err error) {
	var head, public, auditor []byte
	err = s.read.QueryRowContext(ctx, "SELECT head, public, auditor FROM publications WHERE source = ? AND survey = ? AND period = ? AND no = ?",
		id.Source, id.Survey, id.Period, id.No).Scan(&head, &public, &auditor)
	if err == nil {
		err = json.Unmarshal(head, &p)
	}
	p.Public.Body, p.Auditor.Body = public, auditor
	return p, wrap("read publication", translate(err))
}

// Publications implements survey.PublicationStore. No read lock is held while yield works.
func (s *Store) Publications(ctx context.Context, q survey.PublicationQuery, yield func(survey.Publication) error) error {
	var list []survey.Publication
	rows, err := s.read.QueryContext(ctx, `SELECT head FROM publications
		WHERE (?1 = '' OR survey = ?1) AND (?2 = '' OR period = ?2) AND (NOT ?3 OR source = '') AND (NOT ?4 OR source <> '') ORDER BY source, survey, period, no`,
		q.Survey, q.Period, q.Here, q.Taken)
	err = each(rows, err, func(r *sql.Rows) error {
		var head sql.RawBytes
		var p survey.Publication
		err := r.Scan(&head)
		if err == nil {
			err = json.Unmarshal(head, &p)
		}
		list = append(list, p)
		return err
	})
	if err != nil {
		return wrap("list publications", err)
	}
	for _, p := range list {
		if err := yield(p); err != nil {
			return err
		}
	}
	return nil
}
