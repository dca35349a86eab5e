package web

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/public"
	"manyi/survey"
	"manyi/survey/intake"
)

// tabletCookie holds the secret of the link a tablet (大厅平板) was set up with.
const (
	tabletCookie = "manyi_tablet"
	tabletLife   = 400 * 24 * time.Hour // the longest browsers keep; every visit begins it anew
)

// kioskCSP allows the one page that has a script, as answers have to outlive a lost
// connection: files of this server, and nothing inline.
const kioskCSP = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// KioskView is the page of a tablet.
type KioskView struct {
	Survey       survey.Survey
	Windows      []survey.Place // to choose from; a tablet at a window has that one
	Hall, Bureau string
	Groups       []ReasonGroup
	Pause        int // seconds between two citizens
	MaxComment   int
}

func (a *app) setTablet(c *fiber.Ctx, secret string) {
	c.Cookie(&fiber.Cookie{Name: tabletCookie, Value: secret, Path: "/kiosk", HTTPOnly: true, Secure: a.secure,
		SameSite: fiber.CookieSameSiteLaxMode, Expires: a.Now().Add(tabletLife)})
}

// setUpTablet makes the browser that opens the link a tablet of its place.
func (a *app) setUpTablet(c *fiber.Ctx) error {
	secret := c.Params("secret")
	who, err := a.holder(c, secret)
	if err == nil && !who.Can(survey.RateInHall) {
		err = errAnonymous // a token of another kind
	}
	if err != nil {
		return err
	}
	a.setTablet(c, secret)
	return c.Redirect("/kiosk/rate", fiber.StatusSeeOther)
}

// showKiosk shows the page to rate on again and again.
func (a *app) showKiosk(c *fiber.Ctx) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	place := actor(c).Place
	v := KioskView{Hall: w.name(survey.HallOf(place)), Bureau: w.name(survey.BureauOf(place)),
		Pause: int(a.KioskPause.Seconds()), MaxComment: survey.MaxComment}
	var s stand
	closed := survey.ErrRevoked
	for _, s.Survey = range w.surveys {
		if !s.Survey.Candidate(place) {
			continue
		}
		if closed = s.Survey.Accepting(a.Now()); closed == nil {
			break
		}
	}
	if closed != nil {
		return a.refuseScan(c, s, closed)
	}
	v.Survey, v.Windows = s.Survey, Windows(s.Survey, w.tree, place)
	if len(v.Windows) == 0 {
		return a.refuseScan(c, s, survey.ErrRevoked)
	}
	v.Groups = RateView{Survey: v.Survey}.ReasonGroups()
	a.setTablet(c, c.Cookies(tabletCookie))
	if err := a.page(c, fiber.StatusOK, "kiosk", v); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, kioskCSP)
	return nil
}

// kioskWorker is the script that shows the page while there is no connection. It
// stands beside the page, since a worker sees no further than its own folder.
func (a *app) kioskWorker(c *fiber.Ctx) error {
	text, err := fs.ReadFile(public.Files, "scripts/kiosk-worker.js")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextJavaScriptCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy, kioskCSP)
	return c.Send(text)
}

// kioskAnswer acknowledges an answer by its own id, so that nothing else that answers
// on the way, such as the sign-in page of a network, is taken for it. With Refused it
// was not stored and will not be: the tablet keeps and shows it.
type kioskAnswer struct {
	ID      string     `json:"id"`
	Stored  bool       `json:"stored,omitempty"`
	Refused survey.Why `json:"refused,omitempty"`
}

// Why an answer from a tablet was refused for good.
const (
	whyTabletPlace survey.Why = "place"  // the window is none of the tablet's
	whyTabletOver  survey.Why = "closed" // the survey is over, or the window is not in it any more
	whyTabletForm  survey.Why = "rules"  // it does not follow the survey's rules
)

// sendKiosk takes one answer. The tablet keeps it until it is acknowledged, and the
// id it was given there makes it count once.
func (a *app) sendKiosk(c *fiber.Ctx) error {
	id, err := hex.DecodeString(c.FormValue("id"))
	if err != nil || len(id) != survey.FormKeyLen {
		return fiber.ErrBadRequest
	}
	refuse := func(status int, why survey.Why) error {
		return c.Status(status).JSON(kioskAnswer{ID: c.FormValue("id"), Refused: why})
	}
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	s, err := w.survey(cmp.Or(c.FormValue("survey"), "-"))
	if err != nil {
		return refuse(fiber.StatusGone, whyTabletOver)
	}
	window, ok := w.tree.Place(c.FormValue("window"))
	switch {
	case !ok || window.Kind != survey.Window || !sees(w.tree, actor(c), window.Code):
		return refuse(fiber.StatusUnprocessableEntity, whyTabletPlace)
	case !window.Active || !s.Candidate(window.Code):
		return refuse(fiber.StatusGone, whyTabletOver)
	}
	code := survey.WindowCode{Serial: tabletSerial(window.Code), Survey: s.ID, Window: window.Code}
	receipt, err := a.Intake.Submit(c.UserContext(), intake.Request{
		Code: code, Survey: s, Path: w.tree.Path(window.Code), Channel: survey.ChannelTablet,
		FormKey: a.Intake.FormOf([survey.FormKeyLen]byte(id), code.Serial), Submission: readSubmission(c, s.Questionnaire),
	})
	a.metrics.submitted(err, receipt.New)
	var faults survey.Faults
	switch {
	case errors.As(err, &faults):
		return refuse(fiber.StatusUnprocessableEntity, whyTabletForm)
	case errors.Is(err, survey.ErrClosed), errors.Is(err, survey.ErrNotOpen):
		return refuse(fiber.StatusGone, whyTabletOver)
	case errors.Is(err, intake.ErrFlood):
		return fiber.ErrTooManyRequests
	case err != nil:
		a.Log.Error("an answer from a tablet could not be stored; the tablet keeps it", "window", window.Code, "error", err)
		return fiber.ErrServiceUnavailable
	}
	return c.JSON(kioskAnswer{ID: c.FormValue("id"), Stored: true})
}

// tabletSerial stands for a window in the keys and limits of its tablets, whatever
// becomes of its printed codes: an answer that waits on a tablet stays good.
func tabletSerial(window string) uint32 {
	return binary.BigEndian.Uint32(digest("tablet\x00" + window))
}
