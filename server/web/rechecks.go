package web

import (
	"cmp"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// recheckPage is how many re-checks a page of the list shows.
const recheckPage = 50

// RechecksView is the interviews that were drawn to be called back (回访复核), and what
// that came to, by interviewer.
type RechecksView struct {
	Console
	Counts []InterviewerChecks
	Show   string // which are listed, see Shows
	Rows   []RecheckRow
	Next   string // address of the next page; empty on the last
}

// InterviewerChecks is what the re-checks of somebody's interviews came to.
type InterviewerChecks struct {
	Name string
	survey.RecheckCount
}

// RecheckRow is one re-check of the list.
type RecheckRow struct {
	survey.Recheck
	Address        string // of its page, after /console/rechecks/
	Window, Bureau string
}

// recheckShows are the lists to choose from, the first if none is.
var recheckShows = []string{"open", "contradicted", "done"}

// Shows lists them.
func (RechecksView) Shows() []string { return recheckShows }

func (v RechecksView) shows(r survey.Recheck) bool {
	switch o := r.Outcome(); v.Show {
	case "contradicted":
		return o.Contradicts()
	case "done":
		return o.Settled()
	default:
		return !o.Settled()
	}
}

// RecheckView is the page of one re-check. What the citizen answered is not on it: the
// level stated now is compared without it.
type RecheckView struct {
	Console
	Recheck        survey.Recheck
	Address        string // see [RecheckRow]
	Window, Bureau string
	Revealed       bool   // the number was just looked at
	Phone          string // shown once after that; empty if it was erased
	Typed          survey.RecheckEntry
	Faults         survey.Faults
	Overtaken      bool
}

// No is the number the next entry would get.
func (v RecheckView) No() int { return len(v.Recheck.Entries) + 1 }

// Looked reports whether who looks at the page may enter an outcome.
func (v RecheckView) Looked() bool { return v.Recheck.LookedAt(v.Who.Name) }

// Outcomes lists what may be entered; of the two that a level decides the first.
func (RecheckView) Outcomes() []survey.RecheckOutcome {
	return []survey.RecheckOutcome{survey.RecheckConfirmed, survey.RecheckDenied, survey.RecheckRefused, survey.RecheckNotReached}
}

// TookPlace reports whether an outcome is the one that asks for a level.
func (RecheckView) TookPlace(o survey.RecheckOutcome) bool { return o == survey.RecheckConfirmed }

// Fault is why a field was refused.
func (v RecheckView) Fault(field string) survey.Why { return v.Faults.On(field) }

// showRechecks lists the re-checks of a survey. Nobody sees those of their own interviews.
func (a *app) showRechecks(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	var after survey.Key
	if c.Query("after") != "" {
		if after, err = a.Intake.KeyAt(c.Query("after")); err != nil {
			return survey.Faults{{Field: "after", Value: c.Query("after"), Why: WhyCursor}}
		}
	}
	v := RechecksView{Console: a.console(c, s, w), Show: recheckShows[0]}
	if i := slices.Index(recheckShows, c.Query("show")); i > 0 {
		v.Show = recheckShows[i]
	}
	counts := map[string]*InterviewerChecks{}
	err = a.Store.Rechecks(c.UserContext(), s.ID, func(r survey.Recheck) error {
		window := r.Response.Path.Window()
		if r.By() == actor(c).Name || !sees(w.tree, actor(c), window) {
			return nil
		}
		if counts[r.By()] == nil {
			counts[r.By()] = &InterviewerChecks{Name: r.By()}
		}
		counts[r.By()].Add(r)
		key := r.Response.Key
		if !v.shows(r) || slices.Compare(key[:], after[:]) <= 0 {
			return nil
		}
		if len(v.Rows) == recheckPage {
			v.Next = cmp.Or(v.Next, "/console/rechecks?"+url.Values{"survey": {s.ID}, "show": {v.Show}, "after": {v.Rows[recheckPage-1].Address}}.Encode())
			return nil
		}
		v.Rows = append(v.Rows, RecheckRow{Recheck: r, Address: a.Intake.Address(key), Window: w.name(window), Bureau: w.name(survey.BureauOf(window))})
		return nil
	})
	if err != nil {
		return err
	}
	for _, by := range slices.Sorted(maps.Keys(counts)) {
		v.Counts = append(v.Counts, *counts[by])
	}
	return a.page(c, fiber.StatusOK, "rechecks", v)
}

// recheckView is the re-check an address names. An interviewer's own is answered like one
// that was never drawn.
func (a *app) recheckView(c *fiber.Ctx) (v RecheckView, err error) {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return v, err
	}
	key, err := a.Intake.KeyAt(c.Params("key"))
	if err == nil {
		v.Recheck, err = a.Store.Recheck(c.UserContext(), key)
	}
	if err != nil {
		return v, err
	}
	window := v.Recheck.Response.Path.Window()
	if v.Recheck.By() == actor(c).Name {
		return v, survey.ErrNotFound
	}
	if !sees(w.tree, actor(c), window) {
		return v, errNoAccess
	}
	s, err := w.survey(v.Recheck.Response.Survey)
	v.Console, v.Address = a.console(c, s, w), a.Intake.Address(key)
	v.Window, v.Bureau = w.name(window), w.name(survey.BureauOf(window))
	return v, err
}

func (a *app) showRecheck(c *fiber.Ctx) error {
	v, err := a.recheckView(c)
	if err != nil {
		return err
	}
	return a.page(c, fiber.StatusOK, "recheck", v)
}

// takeRecheck looks at the number, or enters what a call came to. The form carries the
// number its entry would get: whoever was slower sees what happened instead.
func (a *app) takeRecheck(c *fiber.Ctx) error {
	v, err := a.recheckView(c)
	if err != nil {
		return err
	}
	want := survey.RecheckEntry{Step: survey.RecheckStep(c.FormValue("step")), Outcome: survey.RecheckOutcome(c.FormValue("outcome")), Note: c.FormValue("note")}
	want.Level, _ = survey.ParseLevel(c.FormValue("level")) // 0 is refused by the rules
	key := v.Recheck.Response.Key
	var made survey.RecheckEntry
	err = survey.ErrExists
	if c.FormValue("no") == strconv.Itoa(v.No()) {
		if made, err = v.Recheck.Take(actor(c).Name, a.Now(), want); err == nil {
			err = a.Store.AddRecheckEntries(c.UserContext(), key, []survey.RecheckEntry{made})
		}
	}
	switch {
	case errors.As(err, &v.Faults):
		v.Typed = want
		return a.page(c, fiber.StatusUnprocessableEntity, "recheck", v)
	case errors.Is(err, survey.ErrExists):
		if v, err = a.recheckView(c); err != nil {
			return err
		}
		v.Typed, v.Overtaken = want, true
		return a.page(c, fiber.StatusConflict, "recheck", v)
	case err != nil:
		return err
	}
	a.Log.Info("interview re-checked", "step", made.Step, "by", made.By, "window", v.Recheck.Response.Path.Window())
	if made.Step == survey.RecheckCalled {
		return c.Redirect("/console/rechecks/"+v.Address, fiber.StatusSeeOther)
	}
	v.Recheck.Entries, v.Revealed = append(v.Recheck.Entries, made), true
	sealed, err := a.Store.Contact(c.UserContext(), key)
	if err == nil {
		var contact survey.Contact
		contact, err = a.Intake.Contact(sealed, key)
		v.Phone = contact.Phone
	}
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	return a.page(c, fiber.StatusOK, "recheck", v)
}
