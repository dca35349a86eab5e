package web

import (
	"fmt"
	"io/fs"
	"mime"
	"path"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"manyi/public"
	"manyi/qrcodes"
	"manyi/survey"
)

func (a *app) home(c *fiber.Ctx) error { return c.Redirect("/console", fiber.StatusSeeOther) }

// consoleHome leads to the figures; in a reviewer's copy without a survey, to what was
// taken in.
func (a *app) consoleHome(c *fiber.Ctx) error {
	if w, err := a.places.look(c.UserContext()); err == nil && len(w.surveys) == 0 && actor(c).Can(survey.SeeReview) {
		return c.Redirect("/console/review", fiber.StatusSeeOther)
	}
	return c.Redirect("/console/figures", fiber.StatusSeeOther)
}

// staticFiles are the embedded files that pages link to.
var staticFiles = map[string]string{"console.css": "styles/console.css", "icon.svg": "icons/icon.svg",
	"kiosk.css": "styles/kiosk.css", "kiosk.js": "scripts/kiosk.js", "evaluate.js": "scripts/evaluate.js", "held.js": "scripts/held.js",
	"interviews.js": "scripts/interviews.js", "paper.css": "styles/paper.css"}

func (a *app) static(c *fiber.Ctx) error { return a.file(c, staticFiles[c.Params("file")]) }

func (a *app) favicon(c *fiber.Ctx) error { return a.file(c, staticFiles["icon.svg"]) }

func (a *app) file(c *fiber.Ctx, name string) error {
	text, err := fs.ReadFile(public.Files, name)
	if err != nil {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, mime.TypeByExtension(path.Ext(name)))
	c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
	return c.Send(text)
}

// chosen returns the places and surveys, and the survey the query names.
func (a *app) chosen(c *fiber.Ctx) (*world, survey.Survey, error) {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return nil, survey.Survey{}, err
	}
	if len(w.surveys) == 0 {
		return w, survey.Survey{}, errNoSurvey
	}
	s, err := w.survey(c.Query("survey"))
	return w, s, err
}

// inForm is the survey that a form names.
func (a *app) inForm(c *fiber.Ctx) (w *world, s survey.Survey, err error) {
	if w, err = a.places.look(c.UserContext()); err != nil {
		return w, s, err
	}
	s, err = w.survey(c.FormValue("survey"))
	return w, s, err
}

// errNoSurvey is a fresh installation's answer: its page tells how to begin.
var errNoSurvey = fmt.Errorf("no survey yet: %w", survey.ErrNotFound)

// within is the place the query names, or the actor's own; never one outside it.
func within(c *fiber.Ctx, w *world, who survey.Actor) (string, error) {
	place := c.Query("within")
	if place == "" {
		return who.Place, nil
	}
	if _, ok := w.tree.Place(place); !ok {
		return "", survey.Faults{{Field: "within", Value: place, Why: WhyPlace}}
	}
	if !sees(w.tree, who, place) {
		return "", errNoAccess
	}
	return place, nil
}

// Why a query was refused.
const (
	WhyPlace survey.Why = "place"
	WhyBy    survey.Why = "by"
	WhyForm  survey.Why = "format"
)

// console is what every console page shows around its content.
func (a *app) console(c *fiber.Ctx, s survey.Survey, w *world) Console {
	return Console{Who: actor(c), Survey: s, Surveys: w.surveys, CSRF: a.keys.token(c.Cookies(sessionCookie)), Outbox: a.Outbox != nil}
}

func (a *app) showCodes(c *fiber.Ctx) error {
	w, s, codes, place, err := a.codesIn(c)
	if err != nil {
		return err
	}
	view := CodesView{Console: a.console(c, s, w), Place: place, PlaceName: w.name(place)}
	labels := Labels(s, w.tree, a.Signer, a.BaseURL, codes)
	for i, l := range labels {
		view.Windows = append(view.Windows, CodeRow{Place: l.Place, Window: l.Window, Hall: l.Hall, Bureau: l.Bureau,
			Code: l.Code, Link: l.Link, IssuedAt: codes[i].IssuedAt.In(s.Location()), Revoked: codes[i].Revoked(),
			Serial: codes[i].Serial})
	}
	return a.page(c, fiber.StatusOK, "codes", view)
}

// codesIn lists the codes of the place a query names.
func (a *app) codesIn(c *fiber.Ctx) (*world, survey.Survey, []survey.WindowCode, string, error) {
	w, s, err := a.chosen(c)
	if err != nil {
		return nil, s, nil, "", err
	}
	place, err := within(c, w, actor(c))
	if err != nil {
		return nil, s, nil, "", err
	}
	codes, err := a.Store.Codes(c.UserContext(), s.ID, place)
	return w, s, codes, place, err
}

// pickedCode is the code a form names, if the actor may see its window.
func (a *app) pickedCode(c *fiber.Ctx) (survey.WindowCode, error) {
	serial, err := strconv.ParseUint(c.FormValue("serial"), 10, 32)
	if err != nil {
		return survey.WindowCode{}, survey.ErrNotFound
	}
	return a.visibleCode(c, uint32(serial))
}

func (a *app) visibleCode(c *fiber.Ctx, serial uint32) (survey.WindowCode, error) {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return survey.WindowCode{}, err
	}
	code, err := a.Store.Code(c.UserContext(), serial)
	if err != nil {
		return code, err
	}
	if !sees(w.tree, actor(c), code.Window) {
		return code, errNoAccess
	}
	return code, nil
}

func (a *app) revokeCode(c *fiber.Ctx) error {
	code, err := a.pickedCode(c)
	if err != nil {
		return err
	}
	if err := a.Store.RevokeCode(c.UserContext(), code.Serial, a.Now()); err != nil {
		return err
	}
	return a.backToCodes(c, code, "revoked")
}

// reissueCode takes a code out of use and gives its window a new one.
func (a *app) reissueCode(c *fiber.Ctx) error {
	code, err := a.pickedCode(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	if err := a.Store.RevokeCode(ctx, code.Serial, a.Now()); err != nil {
		return err
	}
	if _, err := survey.IssueCode(ctx, a.Store, code.Survey, code.Window, a.Now()); err != nil {
		return err
	}
	return a.backToCodes(c, code, "reissued")
}

func (a *app) backToCodes(c *fiber.Ctx, code survey.WindowCode, done string) error {
	a.places.forget()
	a.Log.Info("window code "+done, "by", actor(c).Name, "window", code.Window)
	return c.Redirect("/console/codes?survey="+code.Survey+"&within="+survey.BureauOf(code.Window), fiber.StatusSeeOther)
}

// showCode draws one code as PNG or SVG.
func (a *app) showCode(c *fiber.Ctx) error {
	serial, err := a.Signer.Serial(c.Params("code"))
	if err != nil {
		return survey.ErrNotFound
	}
	if _, err := a.visibleCode(c, serial); err != nil {
		return err
	}
	link := qrcodes.Link(a.BaseURL, a.Signer.Code(serial))
	switch c.Params("format") {
	case "png":
		png, err := qrcodes.PNG(link, 12)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "image/png")
		return c.Send(png)
	case "svg":
		svg, err := qrcodes.SVG(link)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "image/svg+xml")
		return c.SendString(string(svg))
	}
	return fiber.ErrNotFound
}

// printSheet is a page to print; its style stands inside it.
func (a *app) printSheet(c *fiber.Ctx) error {
	w, s, codes, _, err := a.codesIn(c)
	if err != nil {
		return err
	}
	sheet := qrcodes.Sheet(c.Query("size", string(qrcodes.A4Poster)))
	if sheet != qrcodes.A4Poster && sheet != qrcodes.A6Card {
		return survey.Faults{{Field: "size", Value: string(sheet), Why: WhyForm}}
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	return qrcodes.WriteSheet(c.Response().BodyWriter(), sheet, Labels(s, w.tree, a.Signer, a.BaseURL, inForce(codes)))
}

func inForce(codes []survey.WindowCode) []survey.WindowCode {
	return slices.DeleteFunc(codes, survey.WindowCode.Revoked)
}
