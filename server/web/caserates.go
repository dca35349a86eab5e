package web

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/gofiber/fiber/v2"

	"manyi/stats"
	"manyi/stats/export"
	"manyi/stats/figures"
	"manyi/survey"
)

// WhyNotCounted is why there are no rates of a day.
const WhyNotCounted survey.Why = "not_counted"

// caseQuery reads a query of figures about cases; the API, the page and the
// downloads read the same one, so that they cannot differ.
func (a *app) caseQuery(c *fiber.Ctx) (figures.CaseQuery, *world, error) {
	w, s, err := a.chosen(c)
	if err != nil {
		return figures.CaseQuery{}, w, err
	}
	q := figures.CaseQuery{Survey: s, Tree: w.tree, By: a.by(c, w)}
	if !slices.Contains(figures.CaseKinds, q.By) {
		return q, w, survey.Faults{{Field: "by", Value: string(q.By), Why: WhyBy}}
	}
	if text := c.Query("as_of"); text != "" {
		if q.AsOf, err = survey.ParseDay(text); err != nil {
			return q, w, survey.Faults{{Field: "as_of", Value: text, Why: survey.WhyDay}}
		}
	}
	if q.Within, err = within(c, w, actor(c)); err != nil {
		return q, w, err
	}
	if p, ok := w.tree.Place(q.Within); ok && (p.Kind == survey.Hall || p.Kind == survey.Window) {
		if c.Query("within") == "" {
			return q, w, errNoAccess // cases are counted by bureau, which is more than this place
		}
		return q, w, survey.Faults{{Field: "within", Value: q.Within, Why: WhyBy}}
	}
	return q, w, nil
}

func (a *app) showCaseRates(c *fiber.Ctx) error {
	q, w, err := a.caseQuery(c)
	if err != nil {
		return err
	}
	who, ctx := actor(c), c.UserContext()
	view := CaseRatesView{Console: a.console(c, q.Survey, w), AsOf: c.Query("as_of"), By: q.By, Kinds: figures.CaseKinds,
		Within: q.Within, WithinName: w.name(q.Within), Places: placesBelow(w.tree, who.Place, q.Within), Counted: true}
	view.Table, err = figures.LoadCases(ctx, a.Store, q, who)
	if errors.Is(err, survey.ErrNotFound) {
		view.Counted, err = false, nil
	}
	if err != nil {
		return err
	}
	view.Reasons = reasonRows(view.Table.Total.Reasons, q.Survey.Questionnaire)
	loads, err := a.Store.CaseLoads(ctx, a.caseScope(who, q.Survey, q.Within), survey.DayOf(a.Now(), q.Survey.Location()))
	if err != nil {
		return err
	}
	view.Loads = loadRows(loads, w)
	return a.page(c, fiber.StatusOK, "caserates", view)
}

// reasonRows are the reasons by how often they were given.
func reasonRows(counts map[int]stats.Count, q survey.Questionnaire) (rows []ReasonRow) {
	for code, n := range counts {
		r, _ := q.Reason(code)
		rows = append(rows, ReasonRow{code, r.Text, n})
	}
	slices.SortFunc(rows, func(a, b ReasonRow) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Code, b.Code)) })
	return rows
}

// loadRows are the cases as they stand now, by bureau.
func loadRows(loads []survey.CaseLoad, w *world) []LoadRow {
	rows := map[string]LoadRow{}
	for _, l := range loads {
		row := rows[l.Bureau]
		row.Place, row.Name = l.Bureau, w.name(l.Bureau)
		if l.State != survey.CaseClosed && l.Marks&survey.MarkExcluded == 0 {
			row.Working += l.N
		}
		if l.Overdue {
			row.Overdue += l.N
		}
		if l.Marks&survey.MarkExclusionAsked != 0 {
			row.ExclusionAsked += l.N
		}
		if l.Marks&survey.MarkExtensionAsked != 0 {
			row.ExtensionAsked += l.N
		}
		rows[l.Bureau] = row
	}
	return slices.SortedFunc(maps.Values(rows), func(a, b LoadRow) int {
		return cmp.Or(cmp.Compare(b.Overdue, a.Overdue), cmp.Compare(a.Place, b.Place))
	})
}

func (a *app) apiCaseRates(c *fiber.Ctx) error {
	return a.sendCaseRates(c, c.Query("format", string(export.JSON)))
}

func (a *app) downloadCaseRates(c *fiber.Ctx) error { return a.sendCaseRates(c, c.Params("format")) }

func (a *app) sendCaseRates(c *fiber.Ctx, format string) error {
	f, err := formatOf(format)
	if err != nil {
		return err
	}
	q, _, err := a.caseQuery(c)
	if err != nil {
		return err
	}
	table, err := figures.LoadCases(c.UserContext(), a.Store, q, actor(c))
	if errors.Is(err, survey.ErrNotFound) {
		return survey.Faults{{Field: "as_of", Value: c.Query("as_of"), Why: WhyNotCounted}}
	}
	if err != nil {
		return err
	}
	if f == export.JSON {
		return c.JSON(definedCases{table, definedAs()})
	}
	return a.stream(c, q.Survey.ID+"-case-rates"+f.Extension(), f.ContentType(), func(_ context.Context, out io.Writer) error {
		_, err := export.Cases(out, f, table, textOf)
		return err
	})
}

// definedCases is a table with what its figures mean.
type definedCases struct {
	figures.CaseTable
	Definitions []CaseDefinition `json:"definitions"`
}

// CaseDefinition is a definition in words.
type CaseDefinition struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Title   survey.Text `json:"title"`
	Formula survey.Text `json:"formula"`
	Source  string      `json:"source,omitempty"`
}

func definedAs() (list []CaseDefinition) {
	for _, d := range stats.CaseDefinitions {
		list = append(list, CaseDefinition{d.ID, d.Name, textOf("case_rate." + d.Name), textOf("case_formula." + d.Name), d.Source})
	}
	return list
}
