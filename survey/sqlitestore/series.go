package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"manyi/survey"
)

// seriesPath is what a series number stands for. Rows of series never change, so
// they are kept in memory once read.
type seriesPath struct {
	survey string
	path   survey.Path
}

// setSeries fills in the survey and path of a page's rows.
func (p *pager) setSeries(ctx context.Context) error {
	known := *p.store.known.Load()
	for i, no := range p.series {
		at, ok := known[no]
		if !ok {
			var err error
			if known, err = p.store.loadSeries(ctx); err != nil {
				return err
			}
			if at, ok = known[no]; !ok {
				return fmt.Errorf("series %d is missing", no)
			}
		}
		r := &p.page[i]
		r.Survey, r.Path = at.survey, at.path
	}
	return nil
}

// loadSeries reads the series anew. Each load makes another map, since readers
// use the one before without a lock.
func (s *Store) loadSeries(ctx context.Context) (map[int64]seriesPath, error) {
	known := map[int64]seriesPath{}
	rows, err := s.read.QueryContext(ctx, "SELECT no, survey, path FROM series")
	err = each(rows, err, func(r *sql.Rows) error {
		var no int64
		var at seriesPath
		var path string
		err := r.Scan(&no, &at.survey, &path)
		at.path = survey.ParsePath(path)
		known[no] = at
		return err
	})
	if err == nil {
		s.known.Store(&known)
	}
	return known, err
}
