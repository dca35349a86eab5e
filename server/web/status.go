package web

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// StatusView is the state of the jobs and of the nodes.
type StatusView struct {
	Console
	Version  string
	Runs     []survey.Run // the last of each job
	Marked   int          // buckets waiting for the roll-up
	RolledAt time.Time
	Degraded bool

	Node       string // this process's name; empty if it is the only one
	Deliveries []survey.DeliveryCount
	GivenUp    []survey.Delivery // the first few
	Dismissed  []survey.Delivery // the first few
	Moved      bool              // what somebody decided about had been decided already
	Away       bool              // the database does not answer; what follows is what this node knows itself
	Spool      survey.SpoolState
	Nodes      []survey.Node
	Unsettled  map[string]bool // by name: they may hold ratings the database does not have
}

// shownDeliveries is how many deliveries the page shows of those that were given up,
// and of those dismissed.
const shownDeliveries = 20

func (a *app) showStatus(c *fiber.Ctx) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	s, err := w.survey(c.Query("survey"))
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	view := StatusView{Console: a.console(c, s, w), Version: a.Version, Node: a.Node, Moved: c.Query("moved") != ""}
	if a.Spool != nil {
		if view.Spool, err = a.Spool.State(c.UserContext()); err != nil {
			return err
		}
	}
	if view.Away = a.Intake.Away(); !view.Away {
		if err := a.fillStatus(c, &view); err != nil {
			if !silent(err) || a.Spool == nil {
				return err
			}
			view.Away = true
		}
	}
	return a.page(c, fiber.StatusOK, "status", view)
}

func (a *app) fillStatus(c *fiber.Ctx, view *StatusView) (err error) {
	ctx := c.UserContext()
	if view.Runs, err = a.Store.LastRuns(ctx); err != nil {
		return err
	}
	view.Degraded = survey.Degraded(view.Runs)
	if view.Deliveries, err = a.Store.DeliveryCounts(ctx); err != nil {
		return err
	}
	if view.GivenUp, err = a.deliveries(ctx, survey.DeliveryGivenUp); err != nil {
		return err
	}
	if view.Dismissed, err = a.deliveries(ctx, survey.DeliveryDismissed); err != nil {
		return err
	}
	if view.Marked, view.RolledAt, err = a.Store.Rolled(ctx); err != nil {
		return err
	}
	if view.Nodes, err = a.Store.Nodes(ctx); err != nil {
		return err
	}
	now, err := a.Store.Now(ctx)
	if err != nil {
		return err
	}
	view.Unsettled = map[string]bool{}
	for _, n := range survey.Unsettled(view.Nodes, now) {
		view.Unsettled[n.Name] = true
	}
	return nil
}

// deliveries are the first few in a state.
func (a *app) deliveries(ctx context.Context, state survey.DeliveryState) (list []survey.Delivery, err error) {
	enough := errors.New("enough")
	err = a.Store.Deliveries(ctx, state, func(d survey.Delivery) error {
		if list = append(list, d); len(list) == shownDeliveries {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return list, err
}

// decideDelivery has a delivery that was given up tried again, or dismisses it. Who
// did so, and when, stays with it and in the log.
func (a *app) decideDelivery(c *fiber.Ctx) error {
	do := c.FormValue("do")
	if do != "again" && do != "dismiss" {
		return survey.Faults{{Field: "do", Value: do, Why: WhyDecision}}
	}
	now, err := a.Store.Now(c.UserContext()) // the queue goes by the store's clock
	if err != nil {
		return err
	}
	d := survey.Delivery{Key: c.FormValue("delivery")}
	err = a.Store.DecideDelivery(c.UserContext(), d.Key, survey.DeliveryDecision{By: actor(c).Name, At: now.Truncate(time.Millisecond), Again: do == "again"})
	if errors.Is(err, survey.ErrNotFound) {
		return c.Redirect("/console/status?moved=1#deliveries", fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	a.Log.Info("a delivery that was given up is decided about", "by", actor(c).Name, "id", d.ID(), "do", do)
	return c.Redirect("/console/status#deliveries", fiber.StatusSeeOther)
}

// WhyDecision means that a form asks for neither of the decisions.
const WhyDecision survey.Why = "decision"

// dropNode forgets a node that is gone for good. Whoever does it says that no
// rating is left on its disk.
func (a *app) dropNode(c *fiber.Ctx) error {
	name := c.FormValue("node")
	if name == a.Node {
		return survey.Faults{{Field: "node", Value: name, Why: WhyOwnNode}}
	}
	if err := a.Store.DropNode(c.UserContext(), name); err != nil {
		return err
	}
	a.Log.Warn("node dropped", "by", actor(c).Name, "node", name)
	return c.Redirect("/console/status", fiber.StatusSeeOther)
}

// WhyOwnNode means that a node was told to forget itself.
const WhyOwnNode survey.Why = "own_node"
