package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"

	"manyi/survey"
)

// PutCampaign implements survey.CampaignStore.
func (s *Store) PutCampaign(ctx context.Context, c survey.Campaign) error {
	body, err := json.Marshal(c)
	if err != nil {
		return wrap("store a campaign", err)
	}
	return s.exec(ctx, "store a campaign", "INSERT OR REPLACE INTO campaigns(survey, body) VALUES (?,?)", c.Survey, string(body))
}

// Campaign implements survey.CampaignStore.
func (s *Store) Campaign(ctx context.Context, id string) (survey.Campaign, error) {
	c, err := scanCampaign(s.read.QueryRowContext(ctx, "SELECT body FROM campaigns WHERE survey = ?", id))
	return c, wrap("read a campaign", translate(err))
}

func scanCampaign(row interface{ Scan(...any) error }) (c survey.Campaign, err error) {
	var body []byte
	if err = row.Scan(&body); err == nil {
		err = json.Unmarshal(body, &c)
	}
	return c, err
}

// Campaigns implements survey.CampaignStore.
func (s *Store) Campaigns(ctx context.Context) (list []survey.Campaign, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT body FROM campaigns ORDER BY survey")
	err = each(rows, err, func(r *sql.Rows) error {
		c, err := scanCampaign(r)
		list = append(list, c)
		return err
	})
	return list, wrap("read campaigns", err)
}
