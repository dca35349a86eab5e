package sqlitestore

import (
	"context"
	"database/sql"

	"manyi/survey"
)

// seriesPath is what a series number stands for. Rows of series never change, so
// they are kept in memory once read.
type seriesPath struct {
	survey string
	path   survey.Path
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
