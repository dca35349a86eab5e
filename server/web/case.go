package web

import (
	"context"
	"errors"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// opened is the case an address names, if the actor may work on it.
func (a *app) opened(c *fiber.Ctx) (*world, survey.Survey, survey.Case, error) {
	var k survey.Case
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return w, survey.Survey{}, k, err
	}
	key, err := a.Intake.KeyAt(c.Params("key"))
	if err == nil {
		k, err = a.Store.Case(c.UserContext(), key)
	}
	if err != nil {
		return w, survey.Survey{}, k, err
	}
	if !sees(w.tree, actor(c), k.Response.Path.Window()) {
		return w, survey.Survey{}, k, errNoAccess
	}
	s, err := w.survey(k.Response.Survey)
	if hidden := a.hiddenFrom(actor(c), s); err == nil && hidden != 0 && k.Unnamed() && k.Response.Day >= hidden {
		err = survey.ErrNotFound
	}
	return w, s, k, err
}

func (a *app) showCase(c *fiber.Ctx) error {
	w, s, k, err := a.opened(c)
	if err != nil {
		return err
	}
	return a.page(c, fiber.StatusOK, "case", a.caseView(c, w, s, k))
}

func (a *app) caseView(c *fiber.Ctx, w *world, s survey.Survey, k survey.Case) CaseView {
	window := k.Response.Path.Window()
	v := CaseView{Console: a.console(c, s, w), Case: k, Address: a.Intake.Address(k.Response.Key), Progress: k.Progress(zeroTime, s.Location()),
		Today:  survey.DayOf(a.Now(), s.Location()),
		Window: w.name(window), Hall: w.name(survey.HallOf(window)), Bureau: w.name(survey.BureauOf(window))}
	for _, code := range k.Response.Reasons {
		if r, ok := s.Questionnaire.Reason(code); ok {
			v.Reasons = append(v.Reasons, r.Text)
		}
	}
	for _, step := range k.Legal(v.Progress, actor(c).Worker(), v.Today) {
		if !actor(c).Takes(step) || step == survey.StepReleased && k.Response.Comment == "" {
			continue
		}
		f := StepForm{Step: step, Outcomes: k.Outcomes(step), NeedsNote: step.NeedsNote(), Days: step == survey.StepExtensionAsked}
		if step == survey.StepExclusionAsked {
			f.Grounds = survey.Grounds[:]
		}
		v.Steps = append(v.Steps, f)
	}
	return v
}

// takeStep is a step by somebody signed in. The form carries the number its entry
// would get: whoever was slower, or sends twice, sees what happened instead.
func (a *app) takeStep(c *fiber.Ctx) error {
	w, s, k, err := a.opened(c)
	if err != nil {
		return err
	}
	want := survey.Entry{Step: survey.CaseStep(c.FormValue("step")), Note: c.FormValue("note"),
		Outcome: survey.Outcome(c.FormValue("outcome")), Ground: survey.Ground(c.FormValue("ground"))}
	want.Photos = uploaded(c).names()
	want.Days, _ = strconv.Atoi(c.FormValue("days")) // 0 is refused by the rules
	if !actor(c).Takes(want.Step) {
		return errNoAccess
	}
	err = survey.ErrExists
	if c.FormValue("no") == strconv.Itoa(len(k.Entries)+1) {
		err = a.addStep(c, s, k, actor(c).Worker(), want)
	}
	var illegal *survey.IllegalStep
	var faults survey.Faults
	switch {
	case err == nil && want.Step == survey.StepErased:
		if _, err := survey.EraseCase(c.UserContext(), a.Store, k.Response.Key); err != nil {
			return err
		}
		return c.Redirect("/console/cases/"+a.Intake.Address(k.Response.Key), fiber.StatusSeeOther)
	case err == nil && want.Step == survey.StepRevealed:
		return a.showRevealed(c, w, s, k)
	case err == nil:
		return c.Redirect("/console/cases/"+a.Intake.Address(k.Response.Key), fiber.StatusSeeOther)
	case errors.As(err, &faults), errors.As(err, &illegal), errors.Is(err, survey.ErrExists):
	default:
		return err
	}
	if errors.Is(err, survey.ErrExists) {
		if k, err = a.Store.Case(c.UserContext(), k.Response.Key); err != nil {
			return err
		}
	}
	view := a.caseView(c, w, s, k)
	view.Typed, view.Faults = want, faults
	if faults != nil {
		return a.page(c, fiber.StatusUnprocessableEntity, "case", view)
	}
	view.Overtaken = true
	return a.page(c, fiber.StatusConflict, "case", view)
}

// addStep takes a step and stores it. Errors: *survey.IllegalStep, survey.Faults,
// and survey.ErrExists if somebody was faster.
func (a *app) addStep(c *fiber.Ctx, s survey.Survey, k survey.Case, who survey.Worker, want survey.Entry) error {
	cal, err := survey.LoadCalendar(c.UserContext(), a.Store)
	if err != nil {
		return err
	}
	made, sum, err := k.Take(s, cal, who, a.Now(), want)
	up := uploaded(c)
	var faults survey.Faults
	if len(up.faults) > 0 && (err == nil || errors.As(err, &faults)) {
		return append(faults, up.faults...)
	}
	if err != nil {
		return err
	}
	if err := a.Intake.HideNotes(k.Response.Key, made); err != nil {
		return err
	}
	if err := up.keep(c, a.Store); err != nil {
		return err
	}
	if len(k.Entries) == 0 {
		sum.Follow = a.Intake.FollowUpOf(k.Response.Key)
	}
	if err := a.Store.AddEntries(c.UserContext(), k.Response.Key, made, sum); err != nil {
		return err
	}
	a.Log.Info("case worked on", "step", want.Step, "party", who.Party, "by", who.Name, "window", k.Response.Path.Window())
	return nil
}

// showRevealed shows what is sealed once, after the reveal was stored with its reason:
// the contact, and what was typed where a number is hidden.
func (a *app) showRevealed(c *fiber.Ctx, w *world, s survey.Survey, k survey.Case) error {
	key := k.Response.Key
	k, err := a.Store.Case(c.UserContext(), key)
	if err != nil {
		return err
	}
	view := a.caseView(c, w, s, k)
	view.Revealed = true
	sealed, err := a.Store.Contact(c.UserContext(), key)
	if err == nil {
		var contact survey.Contact
		contact, err = a.Intake.Contact(sealed, key)
		view.Contact = &contact
	}
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	if view.Originals, err = a.originals(c.UserContext(), k); err != nil {
		return err
	}
	return a.page(c, fiber.StatusOK, "case", view)
}

// originals opens what was typed where a case has numbers hidden.
func (a *app) originals(ctx context.Context, k survey.Case) (list []Original, err error) {
	open := func(no int, v survey.SealedValue) error {
		text, err := a.Intake.Original(v)
		list = append(list, Original{No: no, Text: text})
		return err
	}
	key := k.Response.Key
	if k.Masked {
		sealed, err := a.Store.OriginalComment(ctx, key)
		if err == nil {
			err = open(0, sealed.Comment(key))
		}
		if err != nil && !errors.Is(err, survey.ErrNotFound) { // erased meanwhile
			return nil, err
		}
	}
	for _, e := range k.Entries {
		if e.Original != nil {
			if err := open(e.No, e.Original.Note(key, e.No)); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}
