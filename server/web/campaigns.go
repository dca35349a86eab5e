package web

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// CampaignView is the page on which a survey's invitations are set up and watched.
type CampaignView struct {
	Console
	Campaign survey.Campaign
	Faults   survey.Faults
	Previews []CampaignPreview
	Counts   []CampaignCount
	Kept     bool // no gateway is set: nothing leaves
	Saved    bool
}

// CampaignPreview is a template as long as it may become.
type CampaignPreview struct {
	Language, Text string
	Parts          survey.TextParts
	Warnings       []survey.TextWarning
}

// CampaignCount is how many invitations stand alike.
type CampaignCount struct {
	Key    string // of a state, or "answered"
	Reason survey.MessageReason
	N      int64
}

// campaignStates is the order in which the page counts.
var campaignStates = []survey.MessageState{survey.MessageQueued, survey.MessageClaimed, survey.MessageHanded, survey.MessageDelivered,
	survey.MessageFailed, survey.MessageUnknown, survey.MessageCancelled}

func (a *app) showCampaign(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	campaign, err := a.Store.Campaign(c.UserContext(), s.ID)
	if errors.Is(err, survey.ErrNotFound) {
		campaign, err = survey.NewCampaign(s.ID, a.SMSSignature), nil
	}
	if err != nil {
		return err
	}
	return a.campaignPage(c, w, s, CampaignView{Campaign: campaign})
}

func (a *app) campaignPage(c *fiber.Ctx, w *world, s survey.Survey, v CampaignView) error {
	v.Console, v.Kept = a.console(c, s, w), a.Outbox != nil
	sample := s.LongestVariables(w.tree)
	for _, t := range []struct{ language, template string }{{"zh", v.Campaign.Text.Zh}, {"en", v.Campaign.Text.En}} {
		if t.template != "" {
			text := sample.In(t.template)
			v.Previews = append(v.Previews, CampaignPreview{t.language, text, survey.Parts(text), survey.Warnings(text)})
		}
	}
	counts, err := a.Store.MessageCounts(c.UserContext())
	if err != nil {
		return err
	}
	answered := CampaignCount{Key: "answered"}
	for _, state := range campaignStates {
		total := CampaignCount{Key: string(state)}
		var reasons []CampaignCount
		for _, n := range counts {
			if n.Survey != s.ID || n.Kind != survey.MessageInvitation || n.State != state {
				continue
			}
			total.N += n.N
			if n.Answered {
				answered.N += n.N
			}
			if last := len(reasons) - 1; last >= 0 && reasons[last].Reason == n.Reason {
				reasons[last].N += n.N
			} else if n.Reason != "" {
				reasons = append(reasons, CampaignCount{string(state), n.Reason, n.N})
			}
		}
		v.Counts = append(append(v.Counts, total), reasons...)
	}
	v.Counts = append(v.Counts, answered)
	return a.page(c, fiber.StatusOK, "campaign", v)
}

// saveCampaign takes the form: "preview" only shows it, "save" keeps it, "start" and
// "cancel" do so and change its state. With a fault nothing is kept but a cancellation.
func (a *app) saveCampaign(c *fiber.Ctx) error {
	w, s, err := a.inForm(c)
	if err != nil {
		return err
	}
	now := survey.NewCampaign(s.ID, a.SMSSignature)
	if stored, err := a.Store.Campaign(c.UserContext(), s.ID); err == nil {
		now = stored
	} else if !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	action := c.FormValue("action")
	next := now
	var faults survey.Faults
	if action != "cancel" {
		next, faults = readCampaign(c, now)
		faults = append(faults, next.Check(s.LongestVariables(w.tree))...)
	}
	switch action {
	case "start":
		next.State = survey.CampaignRunning
	case "cancel":
		next.State = survey.CampaignCancelled
	}
	view := CampaignView{Campaign: next, Faults: faults}
	if len(faults) > 0 || action == "preview" {
		view.Campaign.State = now.State
		return a.campaignPage(c, w, s, view)
	}
	next.ChangedAt, next.ChangedBy = a.Now().UTC(), actor(c).Name
	if err := a.Store.PutCampaign(c.UserContext(), next); err != nil {
		return err
	}
	a.Log.Info("campaign changed", "survey", s.ID, "action", action, "state", next.State, "by", next.ChangedBy)
	view.Campaign, view.Saved = next, true
	return a.campaignPage(c, w, s, view)
}

func readCampaign(c *fiber.Ctx, old survey.Campaign) (survey.Campaign, survey.Faults) {
	var faults survey.Faults
	old.Text = survey.Text{Zh: strings.TrimSpace(c.FormValue("text_zh")), En: strings.TrimSpace(c.FormValue("text_en"))}
	for _, f := range []struct {
		name string
		n    *int
	}{{"delay", &old.Delay}, {"open_days", &old.OpenDays}, {"from", &old.From}, {"to", &old.To}, {"per_phone", &old.PerPhone}, {"most", &old.Most}, {"per_second", &old.PerSecond}} {
		n, err := strconv.Atoi(strings.TrimSpace(c.FormValue(f.name)))
		if err != nil {
			faults = append(faults, survey.Fault{Field: f.name, Value: c.FormValue(f.name), Why: survey.WhyNumberBounds})
			continue
		}
		*f.n = n
	}
	return old, faults
}

// Fields lists the numbers of the form in order.
func (v CampaignView) Fields() []struct {
	Name  string
	Value int
} {
	type field = struct {
		Name  string
		Value int
	}
	c := v.Campaign
	return []field{{"delay", c.Delay}, {"open_days", c.OpenDays}, {"from", c.From}, {"to", c.To}, {"per_phone", c.PerPhone}, {"most", c.Most}, {"per_second", c.PerSecond}}
}
