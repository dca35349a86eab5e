package web

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/proof/bundle"
	"manyi/survey"
)

// Publishing asks for a period of a survey to be closed.
type Publishing struct {
	Survey survey.Survey
	Period bundle.Period
	Sample bool   // it is to be marked as demo data
	By     string // account
	// WrongDeadlines is how many steps are published although their deadlines in the log
	// are not those that the rules give, see bundle.Query.
	WrongDeadlines int64
}

// publishWithin bounds the closing of the largest period.
const publishWithin = time.Hour

// WhyPublishing means that this process is closing a period already.
const WhyPublishing survey.Why = "publishing"

// PublicationsView lists what was published of a survey, and closes a period.
type PublicationsView struct {
	Console
	Key     string // of the signer
	Rows    []PublicationRow
	Periods []bundle.Period // that can be closed
	Period  string          // chosen
	Faults  survey.Faults
	Made    string // id of what was just published
	Same    string // id of the last publication, when there was nothing to add to it
}

// PublicationRow is one publication.
type PublicationRow struct{ survey.Publication }

// Address is where its document is; its bundle is under it.
func (r PublicationRow) Address() string { return "/console/publications/" + r.PublicationID.String() }

// FileName is the name of its files, without what they end with.
func (r PublicationRow) FileName() string { return fileName(r.PublicationID) }

func (a *app) showPublications(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	return a.publicationsPage(c, fiber.StatusOK, w, s, PublicationsView{Period: string(bundle.WholePeriod), Made: c.Query("made"), Same: c.Query("same")})
}

func (a *app) publicationsPage(c *fiber.Ctx, status int, w *world, s survey.Survey, v PublicationsView) error {
	v.Console, v.Key, v.Periods = a.console(c, s, w), a.logKey.Key, bundle.Periods(s, a.Now())
	err := a.Store.Publications(c.UserContext(), survey.PublicationQuery{Survey: s.ID, Here: true}, func(p survey.Publication) error {
		v.Rows = append(v.Rows, PublicationRow{p})
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(v.Rows) // a correction above what it corrects
	slices.SortStableFunc(v.Rows, func(x, y PublicationRow) int { return y.At.Compare(x.At) })
	has := func(id string) bool {
		return slices.ContainsFunc(v.Rows, func(r PublicationRow) bool { return r.PublicationID.String() == id })
	}
	if !has(v.Made) { // an address can name anything
		v.Made = ""
	}
	if !has(v.Same) {
		v.Same = ""
	}
	return a.page(c, status, "publications", v)
}

// publish closes the period that a form names. Whoever asks waits for it; where a
// proxy is less patient, the publication is in the list later all the same.
func (a *app) publish(c *fiber.Ctx) error {
	w, s, err := a.inForm(c)
	if err != nil {
		return err
	}
	q := Publishing{Survey: s, Period: bundle.Period(c.FormValue("period")), Sample: c.FormValue("sample") != "", By: actor(c).Name}
	p, made, err := a.closePeriod(q)
	var faults survey.Faults
	if errors.As(err, &faults) {
		return a.publicationsPage(c, fiber.StatusUnprocessableEntity, w, s, PublicationsView{Period: string(q.Period), Faults: faults})
	}
	if err != nil {
		return err
	}
	a.Log.Info("period closed", "by", q.By, "publication", p.PublicationID.String(), "new", made)
	done := "same"
	if made {
		done = "made"
	}
	return c.Redirect("/console/publications?survey="+s.ID+"&"+done+"="+p.PublicationID.String(), fiber.StatusSeeOther)
}

// closePeriod has one period at a time closed here. Others who come second find out
// from the store.
func (a *app) closePeriod(q Publishing) (survey.Publication, bool, error) {
	if a.Publish == nil {
		return survey.Publication{}, false, survey.ErrNotFound
	}
	if !a.publishing.TryLock() {
		return survey.Publication{}, false, survey.Faults{{Field: "period", Value: string(q.Period), Why: WhyPublishing}}
	}
	defer a.publishing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), publishWithin)
	defer cancel()
	return a.Publish(ctx, q)
}
