package web

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/figures"
	"manyi/survey"
	"manyi/survey/intake"
)

// InterviewsView is the page on which an evaluator enters what somebody answered when
// asked in the hall or by phone (第三方访问): the citizen's questionnaire.
type InterviewsView struct {
	Console
	Rate    RateView // the questionnaire, with what was typed and what is at fault in it
	Bureaus []InterviewedBureau
	Windows []PlaceOption
	Window  string
	Mode    survey.InterviewMode
	Closed  bool   // the survey takes no answers now
	Done    string // receipt of the interview that was just stored
	Again   bool   // it was there before, and counts once
	Away    bool   // it could not be stored just now
}

// InterviewedBureau is a bureau the evaluator was given, and how many interviews about it
// are done and wanted.
type InterviewedBureau struct {
	Place, Name string
	figures.Quota
}

// Modes lists the ways to ask.
func (InterviewsView) Modes() []survey.InterviewMode { return survey.InterviewModes[:] }

func (a *app) showInterviews(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	v := InterviewsView{Window: c.Query("window")}
	c.Set(keepHeader, Console{Who: actor(c)}.Keep())
	return a.interviewsPage(c, fiber.StatusOK, w, s, v)
}

func (a *app) interviewsPage(c *fiber.Ctx, status int, w *world, s survey.Survey, v InterviewsView) error {
	bureaus, err := a.given(c, w, s)
	if err != nil {
		return err
	}
	interviewed, err := figures.Interviewed(c.UserContext(), a.Store, s)
	if err != nil {
		return err
	}
	for _, b := range bureaus {
		v.Bureaus = append(v.Bureaus, InterviewedBureau{b, w.name(b), interviewed[b]})
		for _, o := range windowOptions(s, w, b) {
			o.Name = w.name(b) + " · " + o.Name
			v.Windows = append(v.Windows, o)
		}
	}
	v.Console, v.Closed, v.Rate.Survey = a.console(c, s, w), s.Accepting(a.Now()) != nil, s
	v.Mode = cmp.Or(v.Mode, survey.Street)
	// Which window it is about is chosen in the form, so its key is bound to the survey's
	// interviews and not to a window.
	v.Rate.FormKey = cmp.Or(v.Rate.FormKey, a.Intake.NewForm(interviewSerial(s)))
	if err := a.page(c, status, "interviews", v); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, evaluateCSP)
	return nil
}

// interviewSerial stands for the interviews of a survey in the keys of their forms.
func interviewSerial(s survey.Survey) uint32 { return tabletSerial("interviews of " + s.ID) }

// given lists the bureaus that the evaluator who asks was given, in code order.
func (a *app) given(c *fiber.Ctx, w *world, s survey.Survey) (bureaus []string, err error) {
	list, err := a.Store.Assignments(c.UserContext(), s.ID)
	for _, one := range list {
		for _, b := range one.Bureaus {
			if one.Evaluator == actor(c).Name && sees(w.tree, actor(c), b) {
				bureaus = append(bureaus, b)
			}
		}
	}
	return bureaus, err
}

// addInterview takes one interview: from the form, or from the page's script, which asks
// for JSON.
func (a *app) addInterview(c *fiber.Ctx) error {
	w, s, v, receipt, err := a.storeInterview(c)
	if strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMEApplicationJSON) {
		return a.answerInterview(c, receipt, err)
	}
	switch {
	case v.Window == "": // it did not come so far as to be stored
		return err
	case errors.As(err, &v.Rate.Faults):
		if v.Rate.Faults.On("form_key") != "" {
			v.Rate.FormKey = ""
		}
		return a.interviewsPage(c, fiber.StatusUnprocessableEntity, w, s, v)
	case errors.Is(err, survey.ErrClosed), errors.Is(err, survey.ErrNotOpen):
		return a.interviewsPage(c, fiber.StatusGone, w, s, v)
	case err != nil: // flooded, or the store does not answer: everything typed comes back, with the same key
		v.Away = true
		c.Set(fiber.HeaderRetryAfter, "30")
		return a.interviewsPage(c, fiber.StatusServiceUnavailable, w, s, v)
	}
	return a.interviewsPage(c, fiber.StatusOK, w, s, InterviewsView{Window: v.Window, Mode: v.Mode, Done: receipt.Number, Again: !receipt.New})
}

// errNotGiven means that the evaluator was not given the window's bureau.
var errNotGiven = fiber.NewError(fiber.StatusForbidden, "the bureau was not given to this evaluator")

// storeInterview stores one interview by the rules of the citizen's page, at a window of
// a bureau the evaluator was given. It goes in as what it is: by the channel of
// interviews, with who asked and how.
func (a *app) storeInterview(c *fiber.Ctx) (w *world, s survey.Survey, v InterviewsView, receipt intake.Receipt, err error) {
	if w, err = a.places.look(c.UserContext()); err != nil {
		return w, s, v, receipt, err
	}
	if s, err = w.survey(cmp.Or(c.FormValue("survey"), "-")); err != nil {
		return w, s, v, receipt, err
	}
	window, err := windowInForm(c, w, s)
	if err != nil {
		return w, s, v, receipt, err
	}
	list, err := a.Store.Assignments(c.UserContext(), s.ID)
	if err != nil {
		return w, s, v, receipt, err
	}
	id := survey.EvaluationID{Survey: s.ID, Bureau: survey.BureauOf(window.Code), Evaluator: actor(c).Name}
	if !survey.Assigned(list, id) {
		return w, s, v, receipt, errNotGiven
	}
	mode, ok := survey.ParseInterviewMode(c.FormValue("mode"))
	if !ok {
		return w, s, v, receipt, survey.Faults{{Field: "mode", Value: c.FormValue("mode"), Why: survey.WhyInterviewMode}}
	}
	typed := readSubmission(c, s.Questionnaire)
	v = InterviewsView{Window: window.Code, Mode: mode, Rate: RateView{Typed: typed, FormKey: a.interviewKey(c, s)}}
	receipt, err = a.Intake.Submit(c.UserContext(), intake.Request{
		Code:   survey.WindowCode{Serial: interviewSerial(s), Survey: s.ID, Window: window.Code},
		Survey: s, Path: w.tree.Path(window.Code), Channel: survey.ChannelInterview, FormKey: v.Rate.FormKey, Device: id.Evaluator,
		Submission: typed, Interview: &survey.Interview{Mode: mode, By: id.Evaluator},
	})
	a.metrics.submitted(err, receipt.New)
	var faults survey.Faults
	switch {
	case err == nil:
		a.Log.Info("interview entered", "by", id.Evaluator, "window", window.Code, "mode", mode, "new", receipt.New)
	case errors.As(err, &faults), errors.Is(err, survey.ErrClosed), errors.Is(err, survey.ErrNotOpen), errors.Is(err, intake.ErrFlood):
	default:
		a.Log.Error("an interview could not be stored; it is still where it was entered", "by", id.Evaluator, "window", window.Code, "error", err)
	}
	return w, s, v, receipt, err
}

// interviewKey is the key of the form: the one the page came with, or the one its script
// gave to what it keeps on the device.
func (a *app) interviewKey(c *fiber.Ctx, s survey.Survey) string {
	own, err := hex.DecodeString(c.FormValue("key"))
	if err == nil && len(own) == survey.FormKeyLen {
		return a.Intake.FormOf([survey.FormKeyLen]byte(own), interviewSerial(s))
	}
	return strings.Clone(c.FormValue("form_key"))
}

// interviewAnswer acknowledges an interview by its key, so that nothing else that answers
// on the way is taken for it.
type interviewAnswer struct {
	Key     string    `json:"key"`
	Stored  bool      `json:"stored"`
	Receipt string    `json:"receipt,omitempty"`
	Refused []refusal `json:"refused,omitempty"`
}

// Why an interview is refused for good, besides faults in it.
const (
	WhyNotGiven   survey.Why = "not_given"
	WhySurveyOver survey.Why = "survey_over"
)

// answerInterview tells the script what became of an interview. What is not acknowledged
// comes again.
func (a *app) answerInterview(c *fiber.Ctx, receipt intake.Receipt, err error) error {
	said := interviewAnswer{Key: c.FormValue("key"), Stored: err == nil, Receipt: receipt.Number}
	var faults survey.Faults
	switch {
	case err == nil, errors.As(err, &faults):
	case errors.Is(err, errNotGiven), errors.Is(err, errNoAccess):
		faults = survey.Faults{{Field: "window", Why: WhyNotGiven}}
	case errors.Is(err, survey.ErrNotOpen):
		faults = survey.Faults{{Field: "survey", Why: WhyEvaluationEarly}}
	case errors.Is(err, survey.ErrClosed):
		faults = survey.Faults{{Field: "survey", Why: WhySurveyOver}}
	case errors.Is(err, intake.ErrFlood):
		return fiber.ErrTooManyRequests
	default:
		return fmt.Errorf("store interview: %w", err)
	}
	said.Refused = refusals(faults)
	return c.JSON(said)
}
