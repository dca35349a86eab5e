package web

import (
	"errors"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// FollowView is the page on which a citizen sees with the receipt what was done
// about a bad review, and answers. Without a case it asks for the receipt.
type FollowView struct {
	Elder   bool
	Receipt string
	Verify  bool // phones can be proved here
	Unknown bool // nothing to show for the receipt, whyever
	Said    bool // the answer was just stored
	Moved   bool // it was not: the case had moved on

	Window, Hall, Bureau string
	Survey               survey.Survey
	Case                 *survey.Case
	Progress             survey.Progress
	Today                survey.Span
	Steps                []survey.CaseStep // those the citizen may take
	Typed                survey.Entry
	Faults               survey.Faults
}

// No is the number the next entry would get.
func (v FollowView) No() int { return len(v.Case.Entries) + 1 }

// Done lists what the citizen is shown of the entries.
func (v FollowView) Done() (shown []survey.Entry) {
	for _, e := range v.Case.Entries {
		if !e.Step.CitizenSees() {
			continue
		}
		if !e.Step.CitizenReads() {
			e.Note = ""
		}
		shown = append(shown, e)
	}
	return shown
}

// Day is the local day of an entry.
func (v FollowView) Day(e survey.Entry) survey.Span { return survey.DayOf(e.At, v.Survey.Location()) }

// Fault pairs a field with its fault.
func (v FollowView) Fault(field string) FieldFault { return FieldFault{field, v.Faults.On(field)} }

// May reports whether the citizen may take a step.
func (v FollowView) May(step string) bool {
	return slices.Contains(v.Steps, survey.CaseStep(step))
}

func (a *app) showFollow(c *fiber.Ctx) error {
	return a.page(c, fiber.StatusOK, "follow", FollowView{Elder: elder(c), Verify: a.offersProof()})
}

// follow shows the case of a receipt, and takes the citizen's word. The receipt
// travels in the body, so that no history or log keeps it.
func (a *app) follow(c *fiber.Ctx) error {
	view := FollowView{Elder: elder(c), Receipt: c.FormValue("receipt"), Verify: a.offersProof()}
	if err := a.followed(c, &view); err != nil {
		if !errors.Is(err, survey.ErrNotFound) {
			return err
		}
		view.Unknown = true
		return a.page(c, fiber.StatusOK, "follow", view)
	}
	want := survey.Entry{Step: survey.CaseStep(c.FormValue("step")), Outcome: survey.Outcome(c.FormValue("outcome")), Note: c.FormValue("note")}
	if want.Step == "" {
		return a.page(c, fiber.StatusOK, "follow", view)
	}
	var known bool
	if want.Level, known = survey.ParseLevel(c.FormValue("level")); !known && c.FormValue("level") != "" {
		return survey.Faults{{Field: "level", Value: c.FormValue("level"), Why: survey.WhyLevelUnknown}}
	}
	err := survey.ErrExists
	if c.FormValue("no") == strconv.Itoa(view.No()) && slices.Contains(view.Steps, want.Step) {
		err = a.addStep(c, view.Survey, *view.Case, survey.Worker{Party: survey.Citizen}, want)
	}
	var illegal *survey.IllegalStep
	status := fiber.StatusOK
	switch {
	case err == nil:
		view.Said = true
	case errors.As(err, &view.Faults):
		status, view.Typed = fiber.StatusUnprocessableEntity, want
	case errors.As(err, &illegal), errors.Is(err, survey.ErrExists):
		status, view.Moved = fiber.StatusConflict, true
	default:
		return err
	}
	if view.Faults == nil {
		if err := a.followed(c, &view); err != nil {
			return err
		}
	}
	return a.page(c, status, "follow", view)
}

// followed fills in the case of the receipt. ErrNotFound stands for a wrong
// receipt, for a rating that was not bad, and for a case nobody had to act on yet:
// whoever looks over a citizen's shoulder at the window learns nothing.
func (a *app) followed(c *fiber.Ctx, view *FollowView) error {
	k, err := a.Store.FollowedCase(c.UserContext(), a.Intake.FollowUp(view.Receipt))
	if err != nil {
		return err
	}
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	if view.Survey, err = w.survey(k.Response.Survey); err != nil {
		return err
	}
	view.Case, view.Progress = &k, k.Progress(zeroTime, view.Survey.Location())
	view.Today = survey.DayOf(a.Now(), view.Survey.Location())
	acted := slices.ContainsFunc(k.Entries, func(e survey.Entry) bool { return e.Party == survey.Own || e.Party == survey.Higher })
	if late := view.Progress.Clock.Contact; !acted && (late == 0 || view.Today <= late) {
		return survey.ErrNotFound
	}
	window := k.Response.Path.Window()
	view.Window, view.Hall, view.Bureau = w.name(window), w.name(survey.HallOf(window)), w.name(survey.BureauOf(window))
	view.Steps = nil
	for _, step := range k.Legal(view.Progress, survey.Worker{Party: survey.Citizen}, view.Today) {
		if step == survey.StepSaid || step == survey.StepObjected { // a phone is proved by its code, not by saying so
			view.Steps = append(view.Steps, step)
		}
	}
	return nil
}
