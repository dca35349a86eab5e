package web

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// healthz says that the process serves.
func (a *app) healthz(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }

// readiness is what /readyz shows. "degraded" still takes ratings.
type readiness struct {
	Status    string      `json:"status"` // ok, degraded, unavailable
	Jobs      []jobStatus `json:"jobs"`
	NotRolled int         `json:"not_rolled"` // buckets waiting for the roll-up
}

type jobStatus struct {
	Job      string    `json:"job"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Done     int       `json:"done"`
	Failed   bool      `json:"failed"`
}

// readyz says whether ratings can be taken, and how the jobs are. A failed job
// degrades but does not unready: turning citizens away would help nobody.
func (a *app) readyz(c *fiber.Ctx) error {
	r := readiness{Status: "ok", Jobs: []jobStatus{}}
	ctx := c.UserContext()
	if err := a.Store.Ping(ctx); err != nil {
		a.Log.Error("the store does not answer", "error", err)
		r.Status = "unavailable"
		return c.Status(fiber.StatusServiceUnavailable).JSON(r)
	}
	runs, err := a.Store.LastRuns(ctx)
	if err == nil {
		r.NotRolled, _, err = a.Store.Rolled(ctx)
	}
	if err != nil || survey.Degraded(runs) {
		r.Status = "degraded"
	}
	for _, run := range runs {
		r.Jobs = append(r.Jobs, jobStatus{run.Job, run.StartedAt, run.FinishedAt, run.Done, run.Error != ""})
	}
	return c.JSON(r)
}
