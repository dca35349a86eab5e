package web

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/qrcodes"
	"manyi/survey"
	"manyi/survey/intake"
)

// showRate answers a scan with the page to rate on.
func (a *app) showRate(c *fiber.Ctx) error {
	s, err := a.places.resolve(c.UserContext(), c.Params("code"))
	if err == nil {
		err = s.Survey.Accepting(a.Now())
	}
	if err != nil {
		return a.refuseScan(c, s, err)
	}
	a.device(c)
	return a.page(c, fiber.StatusOK, "rate", a.rateView(c, s, a.formKey(c, s.Code.Serial)))
}

// sentCookie holds the form key of the rating a browser just sent. Pages are not
// cached, so going back loads the form anew, with what was chosen still in it;
// with the same key, sending it again is seen as the repetition it is. It lasts
// only as long as somebody goes back by mistake: a new scan later, or another
// answer from a shared phone, counts for itself.
const (
	sentCookie = "manyi_sent"
	backWithin = 90 * time.Second
)

func (a *app) formKey(c *fiber.Ctx, serial uint32) string {
	if sent := c.Cookies(sentCookie); sent != "" && a.Intake.IsForm(sent, serial) {
		return sent
	}
	return a.Intake.NewForm(serial)
}

// sendRate takes a rating and answers with its receipt. Whatever goes wrong, the
// page comes back with everything that was typed and the same form key, so that
// sending it again cannot count twice.
func (a *app) sendRate(c *fiber.Ctx) error {
	s, err := a.places.resolve(c.UserContext(), c.Params("code"))
	if err != nil {
		return a.refuseScan(c, s, err)
	}
	typed := readSubmission(c, s.Survey.Questionnaire)
	key := c.FormValue("form_key")
	receipt, err := a.Intake.Submit(c.UserContext(), intake.Request{
		Code: s.Code, Survey: s.Survey, Path: s.Path, Channel: survey.ChannelQR,
		FormKey: key, Device: a.device(c), Submission: typed,
	})
	a.metrics.submitted(err, receipt.New)
	if err == nil {
		c.Cookie(&fiber.Cookie{Name: sentCookie, Value: key, Path: "/", HTTPOnly: true, Secure: a.secure,
			SameSite: fiber.CookieSameSiteLaxMode, MaxAge: int(backWithin.Seconds())})
		return a.thanks(c, ThanksView{Survey: s.Survey, Window: s.Window, Hall: s.Hall, Bureau: s.Bureau,
			Receipt: receipt.Number, Elder: elder(c), Verify: a.offersProof()}, s.Code.Serial)
	}
	view := a.rateView(c, s, key)
	view.Typed = typed
	var faults survey.Faults
	switch {
	case errors.As(err, &faults):
		view.Faults = faults
		if faults.On("form_key") != "" {
			view.FormKey = a.Intake.NewForm(s.Code.Serial)
		}
		return a.page(c, fiber.StatusUnprocessableEntity, "rate", view)
	case errors.Is(err, survey.ErrNotOpen), errors.Is(err, survey.ErrClosed), errors.Is(err, survey.ErrRevoked):
		return a.refuseScan(c, s, err)
	case errors.Is(err, intake.ErrFlood):
		view.Notice = NoticeBusy
		c.Set(fiber.HeaderRetryAfter, "60")
		return a.page(c, fiber.StatusTooManyRequests, "rate", view)
	}
	a.Log.Error("a rating could not be stored; the page came back with what was typed", "window", s.Code.Window, "error", err)
	view.Notice = NoticeNotStored
	c.Set(fiber.HeaderRetryAfter, "30")
	return a.page(c, fiber.StatusServiceUnavailable, "rate", view)
}

// refuseScan shows why a code cannot be rated at.
func (a *app) refuseScan(c *fiber.Ctx, s stand, err error) error {
	view := NoticeView{Elder: elder(c)}
	status := fiber.StatusGone
	switch {
	case errors.Is(err, qrcodes.ErrCode), errors.Is(err, survey.ErrNotFound):
		view.Key, status = "unknown", fiber.StatusNotFound
	case errors.Is(err, survey.ErrRevoked):
		view.Key = "revoked"
	case errors.Is(err, survey.ErrNotOpen):
		view.Key, status = "not_open", fiber.StatusForbidden
		view.When = s.Survey.FirstDay().String()
	case errors.Is(err, survey.ErrClosed):
		view.Key = "closed"
	default:
		return err
	}
	return a.page(c, status, "notice", view)
}

func (a *app) rateView(c *fiber.Ctx, s stand, formKey string) RateView {
	path := "/q/" + c.Params("code")
	v := RateView{Action: path, FormKey: formKey, Survey: s.Survey, Window: s.Window, Hall: s.Hall, Bureau: s.Bureau,
		Elder: elder(c), ElderLink: path + "?elder=1"}
	if v.Elder {
		v.ElderLink = path
	}
	return v
}

func elder(c *fiber.Ctx) bool { return c.Query("elder") == "1" || c.FormValue("elder") == "1" }

func readSubmission(c *fiber.Ctx, q survey.Questionnaire) survey.Submission {
	in := survey.Submission{
		Survey: c.FormValue("survey"), Level: c.FormValue("level"), Reasons: formValues(c, "reason"),
		Comment: c.FormValue("comment"), CaseNumber: c.FormValue("case_number"), Stage: c.FormValue("stage"),
		VisitSecret: c.FormValue("visit_secret"), Name: c.FormValue("name"), Phone: c.FormValue("phone"),
		Consent: c.FormValue("consent") != "", Anonymous: c.FormValue("anonymous") != "", Answers: map[string]string{},
	}
	for _, question := range q.Questions {
		in.Answers[question.Name] = c.FormValue(question.Name)
	}
	return in
}

// formValues reads a field that may come several times, in either form encoding.
func formValues(c *fiber.Ctx, name string) []string {
	if form, err := c.MultipartForm(); err == nil {
		return form.Value[name]
	}
	var out []string
	for _, v := range c.Context().PostArgs().PeekMulti(name) {
		out = append(out, string(v))
	}
	return out
}

// NoticeNotStored is the Notice of a rating that could not be stored just now.
const NoticeNotStored = "notice.not_stored"

// deviceCookie holds a random number that tells one browser from another. It is
// used to notice many ratings from one device, lives in memory here and is
// never stored with a response.
const deviceCookie = "manyi_device"

func (a *app) device(c *fiber.Ctx) string {
	if v := c.Cookies(deviceCookie); len(v) == len(rand.Text()) {
		return v
	}
	v := rand.Text()
	c.Cookie(&fiber.Cookie{Name: deviceCookie, Value: v, Path: "/", HTTPOnly: true, Secure: a.secure,
		SameSite: fiber.CookieSameSiteLaxMode, Expires: a.Now().Add(30 * 24 * time.Hour)})
	return v
}
