package web

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/figures"
	"manyi/survey"
)

const (
	textsPage = 200
	// TextDelayDays is how many days pass before staff and supervisors see a text.
	TextDelayDays = 7
)

// showTexts lists the newest comments. Those who could trace a comment to a
// visitor see it late, without its level, its day or anything else; the window
// itself also not if somebody could be known by it.
func (a *app) showTexts(c *fiber.Ctx) error {
	who := actor(c)
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	place, err := within(c, w, who)
	if err != nil {
		return err
	}
	q := survey.ResponseQuery{Survey: s.ID, Place: place, Texts: true, Newest: textsPage}
	if !who.Can(survey.ReadAtOnce) {
		q.To = survey.DayOf(a.Now(), s.Location()).Plus(-TextDelayDays)
	}
	var found []survey.Listed
	err = a.Store.Responses(c.UserContext(), q, func(r survey.Listed) error {
		found = append(found, r)
		return nil
	})
	if err == nil && !who.Can(survey.ReadNamed) {
		found, err = a.forWindow(c.UserContext(), w, s, who, q, found)
	}
	if err != nil {
		return err
	}
	view := TextsView{Console: a.console(c, s, w), Place: place, PlaceName: w.name(place)}
	for _, r := range found {
		row := TextRow{Comment: r.Comment, Window: w.name(r.Path.Window()), Bureau: w.name(survey.BureauOf(r.Path.Window()))}
		if who.Can(survey.ReadAtOnce) {
			row.Level, row.Day = r.Level.String(), r.Day.String()
		}
		view.Rows = append(view.Rows, row)
	}
	return a.page(c, fiber.StatusOK, "texts", view)
}

// forWindow leaves the comments their window may see: those of windows with so many
// responses that it may see the number, and that nobody can be known by, and those that a
// supervisor released.
func (a *app) forWindow(ctx context.Context, w *world, s survey.Survey, who survey.Actor, q survey.ResponseQuery, found []survey.Listed) ([]survey.Listed, error) {
	enough := map[string]bool{}
	var left []survey.Listed
	for _, r := range found {
		window := r.Path.Window()
		if _, asked := enough[window]; !asked {
			who.Place = window // as its own staff: what else is hidden in a hall hides no text
			table, err := figures.Load(ctx, a.Store, figures.Query{Survey: s, Tree: w.tree, By: survey.Window, To: q.To, AsOf: a.Now()}, who)
			if err != nil {
				return nil, err
			}
			enough[window] = table.Total.N > 0 // a small count is hidden, which is below
		}
		_, err := a.Store.Contact(ctx, r.Key)
		if err != nil && !errors.Is(err, survey.ErrNotFound) {
			return nil, err
		}
		show := enough[window] && survey.ForWindow(r.Comment, err == nil, false)
		if !show && r.Level.Bad() {
			k, err := a.Store.Case(ctx, r.Key)
			if err != nil {
				return nil, err
			}
			show = survey.ForWindow(r.Comment, true, k.Progress(zeroTime, s.Location()).Released)
		}
		if show {
			left = append(left, r)
		}
	}
	return left, nil
}
