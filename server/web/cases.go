package web

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/export"
	"manyi/survey"
)

// casesPage is how many cases a page of the list shows.
const casesPage = 50

// Why a query for cases was refused.
const (
	WhyCaseState survey.Why = "case_state"
	WhyCaseShow  survey.Why = "case_show"
	WhyCursor    survey.Why = "cursor"
	WhyPlaces    survey.Why = "places"
)

// casesView is the list without its rows, as the address asks for it.
func (a *app) casesView(c *fiber.Ctx) (*world, CasesView, error) {
	w, s, err := a.chosen(c)
	if err != nil {
		return w, CasesView{}, err
	}
	place, err := sought(c, w, actor(c))
	if err != nil {
		place = c.Query("within") // shown again beside the fault
	}
	cal, cerr := survey.LoadCalendar(c.UserContext(), a.Store)
	if cerr != nil {
		return w, CasesView{}, cerr
	}
	today := survey.DayOf(a.Now(), s.Location())
	return w, CasesView{Console: a.console(c, s, w), scope: a.caseScope(actor(c), s, place), Place: place, PlaceName: w.name(place), Today: today, NextDay: cal.NextWorkday(today),
		State: c.Query("state"), Show: c.Query("show"), Number: strings.TrimSpace(c.Query("number"))}, err
}

// sought is the place asked for, by its code or by words of its name; the actor's
// own if none is.
func sought(c *fiber.Ctx, w *world, who survey.Actor) (string, error) {
	text := strings.TrimSpace(c.Query("within"))
	if text == "" {
		return who.Place, nil
	}
	if _, isCode := w.tree.Place(text); isCode {
		if !sees(w.tree, who, text) {
			return "", errNoAccess
		}
		return text, nil
	}
	found := w.tree.Find(text, who.Place)
	switch len(found) {
	case 0:
		return "", survey.Faults{{Field: "within", Value: text, Why: WhyPlace}}
	case 1:
		return found[0].Code, nil
	}
	return "", survey.Faults{{Field: "within", Value: text, Why: WhyPlaces}}
}

// showCases lists the cases of a place, those due first on top.
func (a *app) showCases(c *fiber.Ctx) error {
	w, view, err := a.casesView(c)
	var q survey.CaseQuery
	if err == nil {
		q, err = view.query(c.Query("after"), a.Intake.KeyAt)
	}
	if errors.As(err, &view.Faults) {
		return a.page(c, fiber.StatusUnprocessableEntity, "cases", view)
	}
	if err != nil {
		return err
	}
	if view.Due, err = a.due(c, view.Survey, view.Place, view.NextDay); err != nil {
		return err
	}
	err = a.Store.Cases(c.UserContext(), q, func(k survey.Case) error {
		if len(view.Rows) == casesPage {
			view.Next = view.after(view.Rows[casesPage-1])
			return nil
		}
		window := k.Response.Path.Window()
		view.Rows = append(view.Rows, CaseRow{Case: k, Address: a.Intake.Address(k.Response.Key), Window: w.name(window), Bureau: w.name(survey.BureauOf(window)),
			Overdue: k.Summary.Next != 0 && k.Summary.Next < view.Today})
		return nil
	})
	if err != nil {
		return err
	}
	return a.page(c, fiber.StatusOK, "cases", view)
}

// downloadLedger streams the ledger of all cases the list's filters choose.
func (a *app) downloadLedger(c *fiber.Ctx) error {
	f, err := formatOf(c.Params("format"))
	if err != nil {
		return err
	}
	w, view, err := a.casesView(c)
	if err != nil {
		return err
	}
	q, err := view.query("", a.Intake.KeyAt)
	if err != nil {
		return err
	}
	now := a.Now()
	return a.stream(c, view.Survey.ID+"-ledger"+f.Extension(), f.ContentType(), func(ctx context.Context, out io.Writer) error {
		_, err := export.Ledger(ctx, out, f, view.Survey, w.tree, a.Store, q, now)
		return err
	})
}

// due counts what is overdue, due today and due on the next working day.
func (a *app) due(c *fiber.Ctx, s survey.Survey, place string, next survey.Span) (DueView, error) {
	today := survey.DayOf(a.Now(), s.Location())
	q := a.caseScope(actor(c), s, place)
	q.Before = next.Plus(1)
	days, err := a.Store.CasesDue(c.UserContext(), q)
	v := DueView{Survey: s.ID, Place: place}
	for day, n := range days {
		switch {
		case day < today:
			v.Overdue += n
		case day == today:
			v.Today += n
		default:
			v.Next += n
		}
	}
	return v, err
}

// query is what the list's filters ask for.
func (v CasesView) query(after string, keyAt func(string) (survey.Key, error)) (survey.CaseQuery, error) {
	// One more than is shown tells whether there is a next page.
	q := v.scope
	q.Number, q.Limit = v.Number, casesPage+1
	var faults survey.Faults
	if v.State != "" {
		q.States = []survey.CaseState{survey.CaseState(v.State)}
		if !slices.Contains(survey.CaseStates[:], q.States[0]) {
			faults = append(faults, survey.Fault{Field: "state", Value: v.State, Why: WhyCaseState})
		}
	}
	switch v.Show {
	case "":
	case "overdue":
		q.Before = v.Today
	case "due_today":
		q.Since, q.Before = v.Today, v.Today.Plus(1)
	case "due_next":
		q.Since, q.Before = v.Today.Plus(1), v.NextDay.Plus(1)
	case "pending":
		q.Pending = true
	default:
		mark, ok := caseMarks[v.Show]
		if q.Marks = mark; !ok {
			faults = append(faults, survey.Fault{Field: "show", Value: v.Show, Why: WhyCaseShow})
		}
	}
	if after != "" {
		next, key, _ := strings.Cut(after, "-")
		day, err := strconv.Atoi(next)
		if err == nil {
			q.After.Next = survey.Span(day)
			q.After.Key, err = keyAt(key)
		}
		if err != nil {
			faults = append(faults, survey.Fault{Field: "after", Value: after, Why: WhyCursor})
		}
	}
	if len(faults) > 0 {
		return q, faults
	}
	return q, nil
}

// caseMarks are the marks the list filters by, under their names in the address.
var caseMarks = map[string]survey.CaseMarks{
	"exclusion_asked": survey.MarkExclusionAsked, "excluded": survey.MarkExcluded, "reopened": survey.MarkReopened,
	"extension_asked": survey.MarkExtensionAsked, "identified": survey.MarkIdentified,
}

func (v CasesView) after(k CaseRow) string {
	q := v.filters()
	q.Set("after", strconv.Itoa(int(k.Summary.Next))+"-"+k.Address)
	return "/console/cases?" + q.Encode()
}

// Ledger is the address of the ledger in a format, of what the filters choose.
func (v CasesView) Ledger(format string) string {
	return "/console/cases/ledger/" + format + "?" + v.filters().Encode()
}

func (v CasesView) filters() url.Values {
	q := url.Values{"survey": {v.Survey.ID}}
	for name, value := range map[string]string{"within": v.Place, "state": v.State, "show": v.Show, "number": v.Number} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

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

// hiddenFrom is the day from which on unnamed reviews are hidden from somebody at a
// bureau, today; 0 for everybody else. See [survey.Case.Unnamed].
func (a *app) hiddenFrom(who survey.Actor, s survey.Survey) survey.Span {
	if !who.Restricted() {
		return 0
	}
	return survey.DayOf(a.Now(), s.Location())
}

// caseScope is what somebody sees of the cases of a place.
func (a *app) caseScope(who survey.Actor, s survey.Survey, place string) survey.CaseQuery {
	return survey.CaseQuery{Survey: s.ID, Place: place, Unnamed: a.hiddenFrom(who, s)}
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
