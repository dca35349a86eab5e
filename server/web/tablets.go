package web

import (
	"crypto/rand"
	"encoding/base64"
	"html/template"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/qrcodes"
	"manyi/survey"
)

// TabletsView lists the tablets of a place, and shows the link of one just made.
type TabletsView struct {
	Console
	Places []PlaceOption // halls and windows a tablet can be made for
	Rows   []TabletRow
	Made   *TabletRow
	Link   string       // of Made: shown this once, as only its hash is kept
	Symbol template.URL // the same as a picture to scan
}

// TabletRow is one tablet.
type TabletRow struct {
	Name, Place, PlaceName, Hall string
	MadeAt                       time.Time
	Revoked                      bool
}

func (a *app) showTablets(c *fiber.Ctx) error { return a.tabletsPage(c, TabletsView{}) }

func (a *app) tabletsPage(c *fiber.Ctx, v TabletsView) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	who := actor(c)
	v.Console = a.console(c, s, w)
	tokens, err := a.Store.Tokens(c.UserContext())
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.Role == survey.Tablet && sees(w.tree, who, t.Place) {
			v.Rows = append(v.Rows, a.tabletRow(w, t))
		}
	}
	slices.SortStableFunc(v.Rows, func(x, y TabletRow) int { return y.MadeAt.Compare(x.MadeAt) })
	for _, hall := range w.tree.All(survey.Hall, who.Place) {
		windows := Windows(s, w.tree, hall.Code)
		if len(windows) == 0 {
			continue
		}
		v.Places = append(v.Places, PlaceOption{Code: hall.Code, Name: w.name(survey.BureauOf(hall.Code)) + " · " + hall.Name})
		for _, window := range windows {
			v.Places = append(v.Places, PlaceOption{Code: window.Code, Name: window.Name, Indent: "　"})
		}
	}
	return a.page(c, fiber.StatusOK, "tablets", v)
}

func (a *app) tabletRow(w *world, t survey.Token) TabletRow {
	return TabletRow{Name: t.Name, Place: t.Place, PlaceName: w.name(t.Place), Hall: w.name(survey.HallOf(t.Place)),
		MadeAt: t.CreatedAt, Revoked: !t.RevokedAt.IsZero()}
}

// addTablet makes the link that turns a browser into a tablet of a hall or window.
func (a *app) addTablet(c *fiber.Ctx) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	place, ok := w.tree.Place(c.FormValue("place"))
	switch {
	case !ok || !slices.Contains(survey.Tablet.Places(), place.Kind):
		return survey.Faults{{Field: "place", Value: c.FormValue("place"), Why: WhyPlace}}
	case !sees(w.tree, actor(c), place.Code):
		return errNoAccess
	}
	secret, t := NewToken(survey.Actor{Name: "tablet-" + rand.Text()[:8], Role: survey.Tablet, Place: place.Code}, a.Now())
	if err := a.Store.AddToken(c.UserContext(), t); err != nil {
		return err
	}
	a.Log.Info("tablet added", "by", actor(c).Name, "tablet", t.Name, "place", t.Place)
	row := a.tabletRow(w, t)
	link := a.BaseURL + "/kiosk/set-up/" + secret
	png, err := qrcodes.PNG(link, 6)
	if err != nil {
		return err
	}
	return a.tabletsPage(c, TabletsView{Made: &row, Link: link,
		Symbol: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))})
}

// revokeTablet takes a tablet out of use. Whoever sees its place may, and no other
// token can be named.
func (a *app) revokeTablet(c *fiber.Ctx) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	tokens, err := a.Store.Tokens(c.UserContext())
	if err != nil {
		return err
	}
	name := c.FormValue("tablet")
	i := slices.IndexFunc(tokens, func(t survey.Token) bool { return t.Name == name && t.Role == survey.Tablet })
	switch {
	case i < 0:
		return survey.ErrNotFound
	case !sees(w.tree, actor(c), tokens[i].Place):
		return errNoAccess
	}
	if err := a.Store.RevokeTokens(c.UserContext(), name, a.Now()); err != nil {
		return err
	}
	a.Log.Info("tablet revoked", "by", actor(c).Name, "tablet", name, "place", tokens[i].Place)
	return c.Redirect("/console/tablets", fiber.StatusSeeOther)
}
