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

// CompletePublication implements survey.PublicationStore. The head says which documents
// there are, so whoever finds it changed was not the first.
func (s *Store) CompletePublication(ctx context.Context, p survey.Publication) error {
	there, before, err := s.publication(ctx, p.PublicationID)
	if err != nil {
		return err
	}
	if there, err = there.Completed(p); err != nil {
		return err
	}
	public, auditor := there.Public.Body, there.Auditor.Body
	there.Public.Body, there.Auditor.Body = nil, nil
	head, err := json.Marshal(there)
	if err != nil {
		return err
	}
	put, err := changed(s.write.ExecContext(ctx, `UPDATE publications SET head = ?, public = ?, auditor = ?
		WHERE source = ? AND survey = ? AND period = ? AND no = ? AND head = ?`, string(head), public, auditor, p.Source, p.Survey, p.Period, p.No, before))
	if err = translate(err); err == nil && !put {
		err = survey.ErrExists
	}
	return wrap("complete publication", err)
}

// Publication implements survey.PublicationStore.
func (s *Store) Publication(ctx context.Context, id survey.PublicationID) (survey.Publication, error) {
	p, _, err := s.publication(ctx, id)
	return p, err
}

func (s *Store) publication(ctx context.Context, id survey.PublicationID) (p survey.Publication, head string, err error) {
	var public, auditor []byte
	err = s.read.QueryRowContext(ctx, "SELECT head, public, auditor FROM publications WHERE source = ? AND survey = ? AND period = ? AND no = ?",
		id.Source, id.Survey, id.Period, id.No).Scan(&head, &public, &auditor)
	if err == nil {
		err = json.Unmarshal([]byte(head), &p)
	}
	p.Public.Body, p.Auditor.Body = public, auditor
	return p, head, wrap("read publication", translate(err))
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
