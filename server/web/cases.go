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
