package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"

	"manyi/survey"
)

// PutQuality implements survey.QualityStore.
func (s *Store) PutQuality(ctx context.Context, sheet survey.QualitySheet) error {
	doc, err := json.Marshal(sheet)
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, "INSERT OR REPLACE INTO quality(survey, bureau, day, doc) VALUES (?,?,?,?)", sheet.Survey, sheet.Bureau, sheet.Day, string(doc))
	return wrap("store quality sheet", translate(err))
}

// qualityPage is how many sheets are read at a time.
const qualityPage = 100

// Quality implements survey.QualityStore.
func (s *Store) Quality(ctx context.Context, id, bureau string, from, to survey.Span, yield func(survey.QualitySheet) error) error {
	lastDay, lastBureau, lastSurvey := survey.Span(0), "", ""
	for {
		var page []survey.QualitySheet
		rows, err := s.read.QueryContext(ctx, `SELECT doc FROM quality WHERE day BETWEEN ?1 AND ?2 AND (?3 = '' OR survey = ?3) AND (?4 = '' OR bureau = ?4)
			AND (day, bureau, survey) > (?5, ?6, ?7) ORDER BY day, bureau, survey LIMIT ?8`, from, to, id, bureau, lastDay, lastBureau, lastSurvey, qualityPage)
		err = each(rows, err, func(r *sql.Rows) error {
			var doc sql.RawBytes
			var sheet survey.QualitySheet
			err := r.Scan(&doc)
			if err == nil {
				err = json.Unmarshal(doc, &sheet)
			}
			page = append(page, sheet)
			return err
		})
		if err != nil {
			return wrap("read quality sheets", err)
		}
		for _, sheet := range page {
			if err := yield(sheet); err != nil {
				return err
			}
			lastDay, lastBureau, lastSurvey = sheet.Day, sheet.Bureau, sheet.Survey
		}
		if len(page) < qualityPage {
			return nil
		}
	}
}
