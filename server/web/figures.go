package web

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/export"
	"manyi/stats/figures"
	"manyi/survey"
)

// figureKinds are the places figures are given by.
var figureKinds = []survey.Kind{survey.Province, survey.City, survey.Bureau, survey.Hall, survey.Window}

// FiguresView is the table of figures and its trend.
type FiguresView struct {
	Console
	Query QueryView
	Table figures.Table
	Trend []figures.Point
	Step  string   // of the trend: day, week or month
	Due   *DueView // of the viewer's place; nil for those who do not work cases, and while the database is away
	Stale bool     // the database does not answer: the table is the last one that was shown
}

// shownFigures is what the page remembers.
type shownFigures struct {
	table figures.Table
	trend []figures.Point
}

// QueryView is the query as it stands in the form and in links.
type QueryView struct {
	By         survey.Kind
	Within     string
	WithinName string
	From, To   string // YYYY-MM-DD, empty for the whole period
	Kinds      []survey.Kind
	Places     []PlaceOption
}

// PlaceOption is a place to choose by name.
type PlaceOption struct {
	Code, Name string
	Indent     string
}

// placesBelow lists the divisions and bureaus somebody may see, as a tree, and the
// place that is chosen, if it is a hall or window.
func placesBelow(tree *survey.Tree, top, chosen string) (out []PlaceOption) {
	var add func(code string, depth int)
	add = func(code string, depth int) {
		p, ok := tree.Place(code)
		if !ok || (p.Kind == survey.Hall || p.Kind == survey.Window) && !tree.Within(chosen, code) {
			return
		}
		out = append(out, PlaceOption{code, p.Name, strings.Repeat("　", depth)})
		for _, below := range tree.Children(code) {
			add(below, depth+1)
		}
	}
	add(cmp.Or(top, tree.Root()), 0)
	return out
}

// by is the kind of places a query asks for: bureaus if it does not say, but for the
// first page of who sees a whole province, which is of its cities.
func (a *app) by(c *fiber.Ctx, w *world) survey.Kind {
	if c.Query("by") == "" && c.Query("within") == "" && strings.HasPrefix(routeOf(c), "/console/") && !strings.HasSuffix(routeOf(c), "/:format") {
		if p, ok := w.tree.Place(cmp.Or(actor(c).Place, w.tree.Root())); ok && p.Kind == survey.Province {
			return survey.City
		}
	}
	return survey.Kind(c.Query("by", string(survey.Bureau)))
}

// figuresQuery reads a query of figures; the API, the page and the downloads
// read the same one, so that they cannot differ.
func (a *app) figuresQuery(c *fiber.Ctx) (figures.Query, *world, error) {
	w, s, err := a.chosen(c)
	if err != nil {
		return figures.Query{}, nil, err
	}
	q := figures.Query{Survey: s, Tree: w.tree, By: a.by(c, w), AsOf: a.Now()}
	if !slices.Contains(figureKinds, q.By) {
		return q, nil, survey.Faults{{Field: "by", Value: string(q.By), Why: WhyBy}}
	}
	if q.From, q.To, err = period(c); err != nil {
		return q, nil, err
	}
	if q.From != 0 && q.To != 0 && q.From > q.To {
		return q, nil, survey.Faults{{Field: "to", Value: q.To.String(), Why: survey.WhyPeriod}}
	}
	q.Within, err = within(c, w, actor(c))
	return q, w, err
}

func (a *app) showFigures(c *fiber.Ctx) error {
	q, w, err := a.figuresQuery(c)
	if err != nil {
		return err
	}
	ctx, who := c.UserContext(), actor(c)
	past, step := untilToday(q)
	view := FiguresView{Console: a.console(c, q.Survey, w), Step: step}
	view.Query = QueryView{By: q.By, Within: q.Within, WithinName: w.name(q.Within), From: c.Query("from"), To: c.Query("to"), Kinds: figureKinds,
		Places: placesBelow(w.tree, who.Place, q.Within)}
	key := strings.Join([]string{who.Name, string(who.Role), who.Place, q.Survey.ID, string(q.By), q.Within, q.From.String(), q.To.String()}, "\x00")
	shown, err := a.tables.ask(ctx, a.Intake.Away(), q.AsOf, key, func(ctx context.Context) (s shownFigures, err error) {
		var other sync.WaitGroup
		var otherErr error
		other.Go(func() { s.trend, otherErr = figures.Series(ctx, a.Store, past, who, figures.Step(step)) })
		s.table, err = figures.Load(ctx, a.Store, q, who)
		other.Wait()
		return s, cmp.Or(err, otherErr)
	})
	if err != nil {
		return err
	}
	view.Table, view.Trend, view.Stale = shown.table, shown.trend, !shown.table.AsOf.Equal(q.AsOf)
	if view.May(survey.WorkCases) && !view.Stale && !a.Intake.Away() {
		view.Due = a.dueAtHome(c, q.Survey)
	}
	return a.page(c, fiber.StatusOK, "figures", view)
}

// dueAtHome is what is due of the viewer's own place. The figures do not fail for it.
func (a *app) dueAtHome(c *fiber.Ctx, s survey.Survey) *DueView {
	cal, err := survey.LoadCalendar(c.UserContext(), a.Store)
	if err != nil {
		return nil
	}
	v, err := a.due(c, s, actor(c).Place, cal.NextWorkday(survey.DayOf(a.Now(), s.Location())))
	if err != nil {
		return nil
	}
	return &v
}

// untilToday ends the query with today, as the days to come have nothing to show, and
// names the step that gives a chart of readable width.
func untilToday(q figures.Query) (figures.Query, string) {
	from := q.From
	if from == 0 {
		from = q.Survey.FirstDay()
	}
	if today := survey.DayOf(q.AsOf, q.Survey.Location()); q.To == 0 || q.To > today {
		q.To = max(today, from)
	}
	days := q.To.Start(time.UTC).Sub(from.Start(time.UTC)).Hours() / 24
	switch {
	case days > 180:
		return q, "month"
	case days > 31:
		return q, "week"
	}
	return q, "day"
}

func (a *app) apiFigures(c *fiber.Ctx) error {
	return a.sendFigures(c, c.Query("format", string(export.JSON)))
}

// apiTrend gives the figures of one place by day, week or month.
func (a *app) apiTrend(c *fiber.Ctx) error {
	q, _, err := a.figuresQuery(c)
	if err != nil {
		return err
	}
	q, readable := untilToday(q)
	name := c.Query("step", readable)
	step, ok := figures.ParseStep(name)
	if !ok {
		return survey.Faults{{Field: "step", Value: name, Why: WhyBy}}
	}
	points, err := figures.Series(c.UserContext(), a.Store, q, actor(c), step)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"as_of": q.AsOf.Format(time.RFC3339), "survey": q.Survey.ID, "sample": q.Survey.Sample,
		"step": step, "points": points})
}

func (a *app) downloadFigures(c *fiber.Ctx) error { return a.sendFigures(c, c.Params("format")) }

func (a *app) sendFigures(c *fiber.Ctx, format string) error {
	f, err := formatOf(format)
	if err != nil {
		return err
	}
	q, _, err := a.figuresQuery(c)
	if err != nil {
		return err
	}
	table, err := figures.Load(c.UserContext(), a.Store, q, actor(c))
	if err != nil {
		return err
	}
	if f == export.JSON {
		return c.JSON(table)
	}
	return a.stream(c, q.Survey.ID+"-figures"+f.Extension(), f.ContentType(), func(_ context.Context, out io.Writer) error {
		_, err := export.Figures(out, f, table)
		return err
	})
}
