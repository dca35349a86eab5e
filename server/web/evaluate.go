package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/figures"
	"manyi/survey"
)

// evaluateCSP allows the console pages that have a script: what is entered on site has
// to outlive a lost connection, and so have the pages.
const evaluateCSP = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// AssignedView lists the bureaus an evaluator was given.
type AssignedView struct {
	Console
	Items   int // of the instrument
	Bureaus []AssignedBureau
}

// AssignedBureau is one of them and how far it is judged.
type AssignedBureau struct {
	Place, Name string
	Answered    int
	Locked      bool
	Version     int
	Interviewed figures.Quota
}

// EvaluateView is the page on which an evaluator judges one bureau.
type EvaluateView struct {
	Console
	Bureau, Name string
	State        survey.EvaluationState
	Items        []EvaluateItem // all, or those that are open
	All          int
	Entries      int // made so far, in all versions
	OpenOnly     bool
	Kept         bool // the device keeps a copy of this very page
	Faults       survey.Faults
	Typed        survey.EvaluationEntry // what was refused, shown again
	Submitted    bool                   // somebody sent an entry to a submitted evaluation
	Key          string                 // of the forms that are no item's
}

// EvaluateItem is an item and what stands for it.
type EvaluateItem struct {
	survey.Item
	survey.Judgement
	Answered bool
	Begins   bool   // a chapter
	Key      string // makes the form count once, however often it is sent
	Faults   survey.Faults
}

// Findings are what may be said of an item.
func (EvaluateItem) Findings() []survey.Finding { return survey.Findings[:] }

// Word is the key of the words for a finding: a veto is found or not.
func (i EvaluateItem) Word(f survey.Finding) string {
	if i.Kind == survey.ItemVeto {
		return "veto." + string(f)
	}
	return "finding." + string(f)
}

// Value is what was measured for a threshold, by its place.
func (i EvaluateItem) Value(n int) string {
	if n < len(i.Values) {
		return i.Values[n]
	}
	return ""
}

// Address is that of the page, with what it shows.
func (v EvaluateView) Address(show string) string {
	q := url.Values{"survey": {v.Survey.ID}}
	if show != "" {
		q.Set("show", show)
	}
	return "/console/evaluate/" + v.Bureau + "?" + q.Encode()
}

// Send is the address forms go to.
func (v EvaluateView) Send() string {
	if v.OpenOnly {
		return v.Address("open")
	}
	return v.Address("")
}

// showAssigned lists the bureaus of the evaluator who asks.
func (a *app) showAssigned(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	i, err := s.Instrument(c.UserContext(), a.Store)
	if err != nil {
		return err
	}
	list, err := a.Store.Assignments(c.UserContext(), s.ID)
	if err != nil {
		return err
	}
	interviewed, err := figures.Interviewed(c.UserContext(), a.Store, s)
	if err != nil {
		return err
	}
	v := AssignedView{Console: a.console(c, s, w), Items: len(i.Items)}
	for _, given := range list {
		for _, bureau := range given.Bureaus {
			id := survey.EvaluationID{Survey: s.ID, Bureau: bureau, Evaluator: actor(c).Name}
			if given.Evaluator != id.Evaluator || !sees(w.tree, actor(c), bureau) {
				continue
			}
			e, err := a.Store.Evaluation(c.UserContext(), id)
			if err != nil {
				return err
			}
			state := e.State()
			v.Bureaus = append(v.Bureaus, AssignedBureau{bureau, w.name(bureau), len(state.Answers), state.Locked, state.Version, interviewed[bureau]})
		}
	}
	c.Set(keepHeader, v.Keep())
	return a.page(c, fiber.StatusOK, "assigned", v)
}

// judging is the evaluation an address names, if its bureau was given to the one who
// asks; for everybody else there is none.
func (a *app) judging(c *fiber.Ctx) (w *world, s survey.Survey, i survey.Instrument, id survey.EvaluationID, err error) {
	if w, s, err = a.chosen(c); err != nil {
		return w, s, i, id, err
	}
	id = survey.EvaluationID{Survey: s.ID, Bureau: c.Params("bureau"), Evaluator: actor(c).Name}
	list, err := a.Store.Assignments(c.UserContext(), s.ID)
	if err != nil {
		return w, s, i, id, err
	}
	if !survey.Assigned(list, id) || !sees(w.tree, actor(c), id.Bureau) {
		return w, s, i, id, survey.ErrNotFound
	}
	i, err = s.Instrument(c.UserContext(), a.Store)
	return w, s, i, id, err
}

func (a *app) showEvaluation(c *fiber.Ctx) error {
	w, s, i, id, err := a.judging(c)
	if err != nil {
		return err
	}
	e, err := a.Store.Evaluation(c.UserContext(), id)
	if err != nil {
		return err
	}
	v := a.evaluateView(c, w, s, i, e)
	if !v.OpenOnly { // a part, which would not be the page when it is opened again
		c.Set(keepHeader, v.Keep())
		v.Kept = true
	}
	return a.evaluationPage(c, fiber.StatusOK, v)
}

func (a *app) evaluationPage(c *fiber.Ctx, status int, v EvaluateView) error {
	if err := a.page(c, status, "evaluate", v); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, evaluateCSP)
	return nil
}

func (a *app) evaluateView(c *fiber.Ctx, w *world, s survey.Survey, i survey.Instrument, e survey.Evaluation) EvaluateView {
	v := EvaluateView{Console: a.console(c, s, w), Bureau: e.Bureau, Name: w.name(e.Bureau), State: e.State(), All: len(i.Items),
		Entries: len(e.Entries), OpenOnly: c.Query("show") == "open", Key: rand.Text()}
	chapter := ""
	for _, item := range i.Items {
		j, answered := v.State.Answers[item.Number]
		if v.OpenOnly && answered {
			continue
		}
		v.Items = append(v.Items, EvaluateItem{Item: item, Judgement: j, Answered: answered, Begins: item.Chapter.Zh != chapter, Key: rand.Text()})
		chapter = item.Chapter.Zh
	}
	return v
}

// evaluateAnswer acknowledges an entry by its key, so that nothing else that answers
// on the way is taken for it.
type evaluateAnswer struct {
	Key      string         `json:"key"`
	Stored   bool           `json:"stored"`
	Finding  survey.Finding `json:"finding,omitempty"` // as it stands for the item
	Answered int            `json:"answered"`
	Entries  int            `json:"entries"` // with this one, which tells what a page shows already
	Refused  []refusal      `json:"refused,omitempty"`
}

// refusal is why an entry was not stored and will not be.
type refusal struct {
	Field string      `json:"field"`
	Why   survey.Why  `json:"why"`
	Text  survey.Text `json:"text"`
}

func refusals(faults survey.Faults) (out []refusal) {
	for _, f := range faults {
		out = append(out, refusal{f.Field, f.Why, FaultText(f.Why)})
	}
	return out
}

// Why an entry is refused before it is looked at.
const (
	WhySubmitted       survey.Why = "submitted"
	WhyEvaluationEarly survey.Why = "survey_not_open"
)

// sendEvaluation takes one entry: from a form, or from the page's script, which asks
// for JSON.
func (a *app) sendEvaluation(c *fiber.Ctx) error {
	w, s, i, id, err := a.judging(c)
	if err != nil {
		return err
	}
	up := uploaded(c)
	want := survey.EvaluationEntry{Key: c.FormValue("key"), Step: survey.EvaluationStep(c.FormValue("step")), Item: c.FormValue("item"),
		Finding: survey.Finding(c.FormValue("finding")), Note: c.FormValue("note"), Photos: up.names()}
	if item, ok := i.Item(want.Item); ok {
		for n := range item.Thresholds {
			want.Values = append(want.Values, c.FormValue(fmt.Sprint("value", n+1)))
		}
	}
	e, err := survey.Evaluation{EvaluationID: id}, error(nil)
	if err = up.faults.Err(); err == nil {
		err = up.keep(c, a.Store)
	}
	if err == nil {
		e, err = survey.AddEvaluationEntry(c.UserContext(), a.Store, s, i, id, a.Now(), want)
	}
	var faults survey.Faults
	switch {
	case errors.As(err, &faults):
	case errors.Is(err, survey.ErrSubmitted):
		faults = survey.Faults{{Field: "step", Why: WhySubmitted}}
	case errors.Is(err, survey.ErrNotOpen):
		faults = survey.Faults{{Field: "step", Why: WhyEvaluationEarly}}
	case err != nil:
		return err
	}
	if faults != nil {
		if e, err = a.Store.Evaluation(c.UserContext(), id); err != nil {
			return err
		}
	} else {
		a.Log.Info("evaluation", "step", want.Step, "by", id.Evaluator, "bureau", id.Bureau)
	}
	if strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMEApplicationJSON) {
		state := e.State()
		return c.JSON(evaluateAnswer{Key: want.Key, Stored: faults == nil, Finding: state.Answers[want.Item].Finding, Answered: len(state.Answers),
			Entries: len(e.Entries), Refused: refusals(faults)})
	}
	v := a.evaluateView(c, w, s, i, e)
	if faults == nil {
		to := v.Send()
		if want.Step == survey.StepAnswered {
			to += "#i-" + want.Item
		}
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	v.Faults, v.Typed = faults, want
	for n := range v.Items {
		if item := &v.Items[n]; want.Step == survey.StepAnswered && item.Number == want.Item {
			item.Finding, item.Values, item.Note, item.Faults = want.Finding, want.Values, want.Note, faults
		}
	}
	status := fiber.StatusUnprocessableEntity
	if faults.On("step") == WhySubmitted {
		status = fiber.StatusConflict
	}
	return a.evaluationPage(c, status, v)
}

// showOwnPhoto serves a photo of the asker's own evaluation.
func (a *app) showOwnPhoto(c *fiber.Ctx) error {
	_, _, _, id, err := a.judging(c)
	if err != nil {
		return err
	}
	e, err := a.Store.Evaluation(c.UserContext(), id)
	if err != nil {
		return err
	}
	return a.sendPhoto(c, e.HasPhoto(c.Params("hash")))
}
