package web

import (
	"cmp"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/intake"
)

// InterviewsView is the page on which an evaluator enters what somebody answered when
// asked in the hall or by phone (第三方访问): the citizen's questionnaire.
type InterviewsView struct {
	Console
	Rate    RateView // the questionnaire, with what was typed and what is at fault in it
	Windows []PlaceOption
	Window  string
	Mode    survey.InterviewMode
	Closed  bool   // the survey takes no answers now
	Done    string // receipt of the interview that was just stored
	Again   bool   // it was there before, and counts once
	Away    bool   // it could not be stored just now
}

// Modes lists the ways to ask.
func (InterviewsView) Modes() []survey.InterviewMode { return survey.InterviewModes[:] }

func (a *app) showInterviews(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	return a.interviewsPage(c, fiber.StatusOK, w, s, InterviewsView{Window: c.Query("window")})
}

func (a *app) interviewsPage(c *fiber.Ctx, status int, w *world, s survey.Survey, v InterviewsView) error {
	bureaus, err := a.given(c, w, s)
	if err != nil {
		return err
	}
	for _, b := range bureaus {
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
	return a.page(c, status, "interviews", v)
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

// addInterview stores one interview by the rules of the citizen's page, at a window of
// a bureau the evaluator was given. It goes in as what it is: by the channel of
// interviews, with who asked and how.
func (a *app) addInterview(c *fiber.Ctx) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	s, err := w.survey(cmp.Or(c.FormValue("survey"), "-"))
	if err != nil {
		return err
	}
	window, err := windowInForm(c, w, s)
	if err != nil {
		return err
	}
	list, err := a.Store.Assignments(c.UserContext(), s.ID)
	if err != nil {
		return err
	}
	id := survey.EvaluationID{Survey: s.ID, Bureau: survey.BureauOf(window.Code), Evaluator: actor(c).Name}
	if !survey.Assigned(list, id) {
		return errNoAccess
	}
	mode, ok := survey.ParseInterviewMode(c.FormValue("mode"))
	if !ok {
		return survey.Faults{{Field: "mode", Value: c.FormValue("mode"), Why: survey.WhyInterviewMode}}
	}
	typed := readSubmission(c, s.Questionnaire)
	v := InterviewsView{Window: window.Code, Mode: mode, Rate: RateView{Typed: typed, FormKey: strings.Clone(c.FormValue("form_key"))}}
	receipt, err := a.Intake.Submit(c.UserContext(), intake.Request{
		Code:   survey.WindowCode{Serial: interviewSerial(s), Survey: s.ID, Window: window.Code},
		Survey: s, Path: w.tree.Path(window.Code), Channel: survey.ChannelInterview, FormKey: v.Rate.FormKey, Device: id.Evaluator,
		Submission: typed, Interview: &survey.Interview{Mode: mode, By: id.Evaluator},
	})
	a.metrics.submitted(err, receipt.New)
	switch {
	case errors.As(err, &v.Rate.Faults):
		if v.Rate.Faults.On("form_key") != "" {
			v.Rate.FormKey = ""
		}
		return a.interviewsPage(c, fiber.StatusUnprocessableEntity, w, s, v)
	case errors.Is(err, survey.ErrClosed), errors.Is(err, survey.ErrNotOpen):
		return a.interviewsPage(c, fiber.StatusGone, w, s, v)
	case err != nil: // flooded, or the store does not answer: everything typed comes back, with the same key
		a.Log.Error("an interview could not be stored; the page came back with what was entered", "by", id.Evaluator, "window", window.Code, "error", err)
		v.Away = true
		c.Set(fiber.HeaderRetryAfter, "30")
		return a.interviewsPage(c, fiber.StatusServiceUnavailable, w, s, v)
	}
	a.Log.Info("interview entered", "by", id.Evaluator, "window", window.Code, "mode", mode, "new", receipt.New)
	return a.interviewsPage(c, fiber.StatusOK, w, s, InterviewsView{Window: window.Code, Mode: mode, Done: receipt.Number, Again: !receipt.New})
}
