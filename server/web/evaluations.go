package web

import (
	"context"
	"io"
	"slices"

	"github.com/gofiber/fiber/v2"

	"manyi/stats"
	"manyi/stats/export"
	"manyi/stats/figures"
	"manyi/survey"
)

// evaluationTable reads a query of evaluations; the page, the API and files read the
// same one, so that they cannot differ.
func (a *app) evaluationTable(c *fiber.Ctx) (t figures.EvaluationTable, w *world, s survey.Survey, err error) {
	if w, s, err = a.chosen(c); err != nil {
		return t, w, s, err
	}
	place, err := within(c, w, actor(c))
	if err != nil {
		return t, w, s, err
	}
	t, err = figures.LoadEvaluations(c.UserContext(), a.Store, s, w.tree, place, a.Now())
	return t, w, s, err
}

func (a *app) showEvaluations(c *fiber.Ctx) error {
	t, w, s, err := a.evaluationTable(c)
	if err != nil {
		return err
	}
	v := EvaluationsView{Console: a.console(c, s, w), Table: t, Within: c.Query("within"), Show: evaluationState(c.Query("show"))}
	if v.Show != "" && !slices.Contains(evaluationStates, v.Show) {
		return survey.Faults{{Field: "show", Value: string(v.Show), Why: WhyCaseShow}}
	}
	v.list(w)
	for _, row := range t.Rows {
		if row.Submitted > 0 {
			v.Submitted++
		}
		if row.Gate == stats.Met {
			v.GateMet++
		}
		if len(row.Vetoes) > 0 {
			v.VetoFlagged++
		}
	}
	if actor(c).Can(survey.AssignBureaus) {
		if v.Evaluators, err = a.evaluatorForms(c, w, s); err != nil {
			return err
		}
	}
	return a.page(c, fiber.StatusOK, "evaluations", v)
}

func (a *app) evaluatorForms(c *fiber.Ctx, w *world, s survey.Survey) (forms []EvaluatorForm, err error) {
	users, err := a.Store.Users(c.UserContext())
	if err != nil {
		return nil, err
	}
	given, err := a.Store.Assignments(c.UserContext(), s.ID)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if u.Role != survey.Evaluator {
			continue
		}
		form := EvaluatorForm{Name: u.Name}
		var choices []AssignChoice
		for _, bureau := range slices.Sorted(slices.Values(s.Candidates)) {
			has := survey.Assigned(given, survey.EvaluationID{Survey: s.ID, Bureau: bureau, Evaluator: u.Name})
			if has {
				form.Given++
			}
			choices = append(choices, AssignChoice{bureau, w.name(bureau), has})
		}
		form.Cities = groupByCity(w, choices, func(c AssignChoice) string { return c.Place })
		forms = append(forms, form)
	}
	return forms, nil
}

// assignBureaus gives an evaluator the bureaus a form ticks, in place of those before.
func (a *app) assignBureaus(c *fiber.Ctx) error {
	_, s, err := a.inForm(c)
	if err != nil {
		return err
	}
	u, err := a.Store.User(c.UserContext(), c.FormValue("evaluator"))
	if err != nil {
		return err
	}
	var bureaus []string
	for _, b := range c.Request().PostArgs().PeekMulti("bureau") {
		bureaus = append(bureaus, string(b))
	}
	if err := survey.Assign(c.UserContext(), a.Store, s, u, bureaus); err != nil {
		return err
	}
	a.Log.Info("bureaus assigned", "by", actor(c).Name, "evaluator", u.Name, "bureaus", len(bureaus))
	return c.Redirect("/console/evaluations?survey="+s.ID, fiber.StatusSeeOther)
}

func (a *app) apiEvaluations(c *fiber.Ctx) error {
	return a.sendEvaluations(c, c.Query("format", string(export.JSON)))
}

func (a *app) downloadEvaluations(c *fiber.Ctx) error {
	return a.sendEvaluations(c, c.Params("format"))
}

func (a *app) sendEvaluations(c *fiber.Ctx, format string) error {
	f, err := formatOf(format)
	if err != nil {
		return err
	}
	t, _, s, err := a.evaluationTable(c)
	if err != nil {
		return err
	}
	if routeOf(c) == "/api/v1/evaluations" && f == export.JSON {
		return c.JSON(t)
	}
	return a.stream(c, s.ID+"-evaluations"+f.Extension(), f.ContentType(), func(_ context.Context, out io.Writer) error {
		_, err := export.Evaluations(out, f, t)
		return err
	})
}

// JudgedView is what every evaluator found of one bureau, item by item.
type JudgedView struct {
	Console
	Bureau, Name string
	Evaluators   []string
	Rows         []JudgedRow
}

// JudgedRow is one item.
type JudgedRow struct {
	EvaluateItem
	Cells  []JudgedCell // by evaluator
	Differ bool
}

// JudgedCell is what one evaluator found; nothing if it was not submitted.
type JudgedCell struct {
	survey.Judgement
	Word string
}

// showJudged shows what was submitted about a bureau.
func (a *app) showJudged(c *fiber.Ctx) error {
	w, s, bureau, err := a.judgedBureau(c)
	if err != nil {
		return err
	}
	i, err := s.Instrument(c.UserContext(), a.Store)
	if err != nil {
		return err
	}
	v := JudgedView{Console: a.console(c, s, w), Bureau: bureau, Name: w.name(bureau)}
	var submitted []map[string]survey.Judgement
	err = a.Store.Evaluations(c.UserContext(), s.ID, bureau, func(e survey.Evaluation) error {
		if state := e.State(); state.SubmittedVersion > 0 {
			v.Evaluators, submitted = append(v.Evaluators, e.Evaluator), append(submitted, state.Submitted)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, item := range i.Items {
		row := JudgedRow{EvaluateItem: EvaluateItem{Item: item}}
		for _, answers := range submitted {
			j := answers[item.Number]
			cell := JudgedCell{Judgement: j}
			if j.Finding != "" {
				cell.Word = row.Word(j.Finding)
			}
			row.Cells = append(row.Cells, cell)
			row.Differ = row.Differ || j.Finding != submitted[0][item.Number].Finding
		}
		v.Rows = append(v.Rows, row)
	}
	return a.page(c, fiber.StatusOK, "judged", v)
}

// judgedBureau is the bureau an address names, if the actor sees it.
func (a *app) judgedBureau(c *fiber.Ctx) (*world, survey.Survey, string, error) {
	w, s, err := a.chosen(c)
	bureau := c.Params("bureau")
	if err == nil && (!slices.Contains(s.Candidates, bureau) || !sees(w.tree, actor(c), bureau)) {
		err = survey.ErrNotFound
	}
	return w, s, bureau, err
}

// showJudgedPhoto serves a photo of any evaluation of a bureau.
func (a *app) showJudgedPhoto(c *fiber.Ctx) error {
	_, s, bureau, err := a.judgedBureau(c)
	if err != nil {
		return err
	}
	belongs := false
	err = a.Store.Evaluations(c.UserContext(), s.ID, bureau, func(e survey.Evaluation) error {
		belongs = belongs || e.HasPhoto(c.Params("hash"))
		return nil
	})
	if err != nil {
		return err
	}
	return a.sendPhoto(c, belongs)
}
