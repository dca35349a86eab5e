package mongostore

import (
	"context"
	"encoding/json"

	"go.mongodb.org/mongo-driver/bson"

	"manyi/survey"
)

// campaignDoc is a survey's campaign, as JSON: nothing in it is asked for.
type campaignDoc struct {
	Survey string `bson:"_id"`
	Body   string `bson:"body"`
}

func (d campaignDoc) campaign() (c survey.Campaign, err error) {
	return c, json.Unmarshal([]byte(d.Body), &c)
}

// PutCampaign implements survey.CampaignStore.
func (s *Store) PutCampaign(ctx context.Context, c survey.Campaign) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return s.do(ctx, "store a campaign", func() error {
		return put(ctx, s.db.Collection("campaigns"), c.Survey, campaignDoc{c.Survey, string(body)})
	})
}

// Campaign implements survey.CampaignStore.
func (s *Store) Campaign(ctx context.Context, id string) (c survey.Campaign, err error) {
	err = s.do(ctx, "read a campaign", func() error {
		d, err := one[campaignDoc](ctx, s.db.Collection("campaigns"), byID(id))
		if err == nil {
			c, err = d.campaign()
		}
		return err
	})
	return c, err
}

// Campaigns implements survey.CampaignStore.
func (s *Store) Campaigns(ctx context.Context) (list []survey.Campaign, err error) {
	err = s.do(ctx, "read campaigns", func() error {
		docs, err := all[campaignDoc](ctx, s.db.Collection("campaigns"), bson.D{}, sorted("_id"))
		for _, d := range docs {
			c, cerr := d.campaign()
			if cerr != nil {
				return cerr
			}
			list = append(list, c)
		}
		return err
	})
	return list, err
}
