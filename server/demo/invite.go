package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"manyi/survey"
)

// InviteStore is what the demo's campaign is made in.
type InviteStore interface {
	survey.CampaignStore
	survey.VisitStore
}

const invited = 12

// Invite gives a few visits that nobody rated phones that are nobody's, and starts a
// campaign that invites them; once. Nothing may carry its messages out of the house.
func Invite(ctx context.Context, store InviteStore, seal func(survey.Visit, string) (survey.SealedContact, error), signature string, now time.Time) error {
	if _, err := store.Campaign(ctx, SurveyID); !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	c := survey.NewCampaign(SurveyID, signature)
	c.From, c.To = 0, 24 // nobody is woken, and whoever tries it at night sees messages too
	c.State, c.ChangedAt, c.ChangedBy = survey.CampaignRunning, now.UTC().Truncate(time.Millisecond), "示例"
	var chosen []survey.Visit
	enough := errors.New("enough")
	err := store.Visits(ctx, func(v survey.Visit) error {
		if v.Survey != SurveyID || v.FinishedAt.After(now.AddDate(0, 0, -c.Delay-1)) {
			return nil
		}
		_, rated, err := store.Visit(ctx, v.Survey, v.Case)
		if err != nil || rated {
			return err
		}
		// No number in use begins with 100000.
		phone, err := seal(v, fmt.Sprintf("100000000%02d", len(chosen)))
		if err != nil {
			return err
		}
		v.Phone, v.Language = &phone, "zh"
		if chosen = append(chosen, v); len(chosen) == invited {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	if _, err := store.PutVisits(ctx, chosen); err != nil {
		return err
	}
	return store.PutCampaign(ctx, c)
}
