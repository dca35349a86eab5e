package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"manyi/survey"
)

// InviteWork is what the job that makes invitations stands on.
type InviteWork interface {
	survey.MessageStore
	survey.OptOutStore
	survey.CampaignStore
	survey.SurveyStore
	survey.VisitStore
	survey.PlaceStore
}

// InvitePhones opens the phones of visits and seals them for messages.
type InvitePhones interface {
	OfVisit(v survey.Visit) (string, error)
	Hashes(phone string) [][]byte
	ForMessage(id, phone string) (survey.SealedContact, error)
}

// Inviting makes the invitations of the campaigns that run.
type Inviting struct {
	Store  InviteWork
	Phones InvitePhones
	// Secret is the keyed hash of what the answer to an invitation, named by its key,
	// proves the visit by.
	Secret func(key string) []byte
}

// inviteBatch is how many visits are looked at together. Memory does not grow with
// more of them.
const inviteBatch = 500

// InviteJob queues the invitations of visits that nobody rated. It looks every five minutes.
func InviteJob(i Inviting) Job {
	return Job{Name: "invite", Schedule: "30 */5 * * * *", Run: func(ctx context.Context, turn Turn) (int, error) { return i.Run(ctx, turn.Now) }}
}

// Run queues what is to be invited at now, one message per case and stage, and returns
// how many are new. It may be killed anywhere and run twice at once: a key is queued once.
func (i Inviting) Run(ctx context.Context, now time.Time) (done int, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	campaigns, err := i.Store.Campaigns(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range campaigns {
		if c.State != survey.CampaignRunning {
			continue
		}
		s, err := i.Store.Survey(ctx, c.Survey)
		if err != nil {
			return done, err
		}
		if s.Accepting(now) != nil {
			continue
		}
		n, err := i.campaign(ctx, s, c, now)
		done += n
		if err != nil {
			return done, fmt.Errorf("invite for %s: %w", c.Survey, err)
		}
	}
	return done, nil
}

func (i Inviting) campaign(ctx context.Context, s survey.Survey, c survey.Campaign, now time.Time) (done int, err error) {
	places, err := i.Store.Places(ctx)
	if err != nil {
		return 0, err
	}
	tree, faults := survey.NewTree(places)
	if len(faults) > 0 {
		return 0, faults
	}
	left, err := i.left(ctx, c)
	if err != nil {
		return 0, err
	}
	ended := now.Add(-time.Duration(c.Delay) * 24 * time.Hour)
	for left > 0 {
		visits, err := i.Store.UninvitedVisits(ctx, s.ID, ended, min(inviteBatch, left))
		if err != nil || len(visits) == 0 {
			return done, err
		}
		list, err := i.messages(ctx, s, c, tree, visits, now)
		if err != nil {
			return done, err
		}
		n, err := i.Store.AddMessages(ctx, list)
		if err != nil {
			return done, err
		}
		done += n
		left -= n
		if err := i.Store.MarkInvited(ctx, visits); err != nil {
			return done, err
		}
	}
	return done, nil
}

// left is how many invitations a campaign may still queue.
func (i Inviting) left(ctx context.Context, c survey.Campaign) (int, error) {
	const endless = 1 << 30
	if c.Most == 0 {
		return endless, nil
	}
	counts, err := i.Store.MessageCounts(ctx)
	left := c.Most
	for _, n := range counts {
		if n.Survey == c.Survey && n.Kind == survey.MessageInvitation {
			left -= int(n.N)
		}
	}
	return left, err
}

// messages makes the invitations of some visits, and sets Invited of all of them: who
// rated meanwhile, or whose phone was erased, is not asked about again. Who wants no
// more messages has one that was cancelled, so that it is seen.
func (i Inviting) messages(ctx context.Context, s survey.Survey, c survey.Campaign, tree *survey.Tree, visits []survey.Visit, now time.Time) (list []survey.Message, err error) {
	others := map[string][]survey.Message{} // by phone
	for n := range visits {
		v := &visits[n]
		key := survey.InvitationKey(v.Survey, v.Case)
		v.Invited = i.Secret(key)
		phone, err := i.Phones.OfVisit(*v)
		if errors.Is(err, survey.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		_, rated, err := i.Store.Visit(ctx, v.Survey, v.Case)
		if err != nil && !errors.Is(err, survey.ErrNotFound) {
			return nil, err
		}
		if rated {
			continue
		}
		m := survey.Message{Key: key, Kind: survey.MessageInvitation, Queue: s.ID, Survey: s.ID, Case: v.Case, Window: v.Window,
			MadeAt: now, Until: s.Closes.UTC(), OpenFor: time.Duration(c.OpenDays) * 24 * time.Hour, State: survey.MessageQueued,
			At: v.FinishedAt.Add(time.Duration(c.Delay) * 24 * time.Hour)} // who has waited longest goes first
		if m.Phone, err = i.Phones.ForMessage(m.ID(), phone); err != nil {
			return nil, err
		}
		hash := string(m.Phone.PhoneHash)
		if _, read := others[hash]; !read {
			if others[hash], err = i.Store.Invitations(ctx, i.Phones.Hashes(phone)); err != nil {
				return nil, err
			}
		}
		if m.Code, err = survey.CodeFor(key, others[hash], now); err != nil {
			continue // hundreds wait for an answer from this phone already
		}
		var template string
		template, m.Language = c.Template(v.Language)
		m.Text = s.VariablesOf(*v, tree, m.Code, m.Language).In(template)
		out, err := i.Store.OptedOut(ctx, i.Phones.Hashes(phone))
		if err != nil {
			return nil, err
		}
		if out {
			if err := m.Cancel(survey.ReasonOptedOut, now); err != nil {
				return nil, err
			}
		}
		others[hash] = append(others[hash], m)
		list = append(list, m)
	}
	return list, nil
}
