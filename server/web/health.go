package web

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// healthz says that the process serves.
func (a *app) healthz(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }

// readiness is what /readyz shows. "degraded" still takes ratings.
type readiness struct {
	Status    string       `json:"status"` // ok, degraded, unavailable
	Database  string       `json:"database"`
	Spool     *spoolStatus `json:"spool,omitempty"`
	Jobs      []jobStatus  `json:"jobs"`
	NotRolled int          `json:"not_rolled"` // buckets waiting for the roll-up
	// Deliveries wait to be sent out, or were given up.
	Deliveries deliveryStatus `json:"deliveries"`
	// CodesOut: as many codes as may go out in a day have done so, and no phone can be proved.
	CodesOut bool `json:"codes_out"`
	// CalendarMissing: deadlines of cases wait for a year's working days to be imported.
	CalendarMissing bool `json:"calendar_missing"`
}

type deliveryStatus struct {
	Waiting int64 `json:"waiting"`
	GivenUp int64 `json:"given_up"`
}

// deliveryStatus adds up the channels.
func (d Deps) deliveryStatus(ctx context.Context) (s deliveryStatus, err error) {
	counts, err := d.Store.DeliveryCounts(ctx)
	for _, n := range counts {
		switch n.State {
		case survey.DeliveryWaiting:
			s.Waiting += n.N
		case survey.DeliveryGivenUp:
			s.GivenUp += n.N
		}
	}
	return s, err
}

// spoolStatus is what waits on this machine's disk.
type spoolStatus struct {
	Waiting       int `json:"waiting"`
	SetAside      int `json:"set_aside"`
	OldestSeconds int `json:"oldest_seconds"`
}

type jobStatus struct {
	Job      string    `json:"job"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Done     int       `json:"done"`
	Failed   bool      `json:"failed"`
}

// readyz says whether ratings can be taken, and how the jobs are. A failed job,
// or a database that is away while this machine keeps the ratings, degrades but
// does not unready: turning citizens away would help nobody.
func (a *app) readyz(c *fiber.Ctx) error {
	r := readiness{Status: "ok", Database: "ok", Jobs: []jobStatus{}}
	taking := true
	if a.Spool != nil {
		var err error
		if r.Spool, err = a.spoolStatus(c.UserContext()); err != nil {
			a.Log.Error("the spool cannot be read", "error", err)
			taking, r.Status, r.Spool = false, "degraded", &spoolStatus{Waiting: -1}
		} else if *r.Spool != (spoolStatus{}) {
			r.Status = "degraded"
		}
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), patience)
	defer cancel()
	if err := a.Store.Ping(ctx); err != nil {
		a.Log.Error("the database does not answer", "error", err)
		r.Status, r.Database = "degraded", "away"
		if a.Spool == nil || !taking {
			r.Status = "unavailable"
			return c.Status(fiber.StatusServiceUnavailable).JSON(r)
		}
		return c.JSON(r)
	}
	runs, err := a.Store.LastRuns(ctx)
	if err == nil {
		r.NotRolled, _, err = a.Store.Rolled(ctx)
	}
	if err == nil {
		r.CalendarMissing, err = a.calendarMissing(ctx)
	}
	if err == nil {
		r.Deliveries, err = a.deliveryStatus(ctx)
	}
	if err == nil && a.offersProof() {
		r.CodesOut, err = a.codesOut(ctx)
	}
	if err != nil || survey.Degraded(runs) || r.CalendarMissing || r.CodesOut || r.Deliveries.GivenUp > 0 {
		r.Status = "degraded"
	}
	for _, run := range runs {
		r.Jobs = append(r.Jobs, jobStatus{run.Job, run.StartedAt, run.FinishedAt, run.Done, run.Error != ""})
	}
	return c.JSON(r)
}

// calendarMissing reports whether a deadline waits for a calendar.
func (a *app) calendarMissing(ctx context.Context) (missing bool, err error) {
	err = a.Store.Cases(ctx, survey.CaseQuery{Pending: true, Limit: 1}, func(survey.Case) error {
		missing = true
		return nil
	})
	return missing, err
}

func (a *app) spoolStatus(ctx context.Context) (*spoolStatus, error) {
	st, err := a.Spool.State(ctx)
	s := &spoolStatus{Waiting: st.Waiting, SetAside: st.SetAside}
	if !st.Oldest.IsZero() {
		s.OldestSeconds = int(a.Now().Sub(st.Oldest).Seconds())
	}
	return s, err
}
