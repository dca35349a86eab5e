package web

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"manyi/survey"
	"manyi/survey/intake"
)

// metrics are the product's counters. Labels are routes and outcomes, never
// codes, places or anything of a citizen's.
type metrics struct {
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	submissions *prometheus.CounterVec
	handler     fiber.Handler
}

func newMetrics(d Deps) *metrics {
	r := d.Metrics
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "manyi_http_requests_total", Help: "Requests by route and status."}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "manyi_http_seconds", Help: "Time to answer by route.", Buckets: prometheus.DefBuckets}, []string{"route"}),
		submissions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "manyi_submissions_total", Help: "Ratings sent, by outcome."}, []string{"outcome"}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "manyi_not_rolled", Help: "Buckets waiting for the roll-up."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		n, _, err := d.Store.Rolled(ctx)
		if err != nil {
			return -1
		}
		return float64(n)
	})
	r.MustRegister(m.requests, m.seconds, m.submissions, waiting, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(deliveryGauges{d}, logGauges{d})
	if d.Spool != nil {
		r.MustRegister(spoolGauges{d})
	}
	m.handler = adaptor.HTTPHandler(promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	return m
}

func (m *metrics) submitted(err error, isNew bool) {
	var faults survey.Faults
	outcome := "failed"
	switch {
	case err == nil && isNew:
		outcome = "stored"
	case err == nil:
		outcome = "repeated"
	case errors.As(err, &faults):
		outcome = "refused"
	case errors.Is(err, intake.ErrFlood):
		outcome = "flood"
	case errors.Is(err, survey.ErrClosed), errors.Is(err, survey.ErrNotOpen), errors.Is(err, survey.ErrRevoked):
		outcome = "closed"
	}
	m.submissions.WithLabelValues(outcome).Inc()
}

func (a *app) showMetrics(c *fiber.Ctx) error { return a.metrics.handler(c) }

// observe counts requests by route. The error is mapped here, once, so that the
// status that is counted is the one that is sent.
func (a *app) observe(c *fiber.Ctx) error {
	began := time.Now()
	err := c.Next()
	if err != nil {
		err = a.fail(c, err)
	}
	route := routeOf(c)
	a.metrics.requests.WithLabelValues(c.Method(), route, strconv.Itoa(c.Response().StatusCode())).Inc()
	a.metrics.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
	return err
}

// deliveryGauges are the reminders that are to leave the house.
type deliveryGauges struct{ Deps }

var (
	deliveriesWaiting = prometheus.NewDesc("manyi_deliveries_waiting", "Reminders that wait to be sent out.", nil, nil)
	deliveriesGivenUp = prometheus.NewDesc("manyi_deliveries_given_up", "Reminders that were given up; somebody must look.", nil, nil)
)

func (g deliveryGauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- deliveriesWaiting
	ch <- deliveriesGivenUp
}

// Collect says -1 while the database does not tell.
func (g deliveryGauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s, err := g.deliveryStatus(ctx)
	if err != nil {
		s = deliveryStatus{-1, -1}
	}
	ch <- prometheus.MustNewConstMetric(deliveriesWaiting, prometheus.GaugeValue, float64(s.Waiting))
	ch <- prometheus.MustNewConstMetric(deliveriesGivenUp, prometheus.GaugeValue, float64(s.GivenUp))
}

// logGauges are the append-only logs. Their leaves only grow, and a checkpoint that
// grows old while they do means that the job no longer signs.
type logGauges struct{ Deps }

var (
	logLeaves     = prometheus.NewDesc("manyi_log_leaves", "Leaves of an append-only log.", []string{"log"}, nil)
	logCheckpoint = prometheus.NewDesc("manyi_log_checkpoint_timestamp_seconds", "When the last checkpoint was signed; 0 before the first.", nil, nil)
)

func (g logGauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- logLeaves
	ch <- logCheckpoint
}

// Collect says -1 while the database does not tell.
func (g logGauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, l := range []survey.Log{survey.ReceiptLog, survey.DataLog} {
		n, err := g.Store.LogSize(ctx, l)
		if err != nil {
			n = -1
		}
		ch <- prometheus.MustNewConstMetric(logLeaves, prometheus.GaugeValue, float64(n), string(l))
	}
	at := -1.0
	switch last, err := g.Store.LastCheckpoint(ctx); {
	case err == nil:
		at = float64(last.At.UnixMilli()) / 1000
	case errors.Is(err, survey.ErrNotFound):
		at = 0
	}
	ch <- prometheus.MustNewConstMetric(logCheckpoint, prometheus.GaugeValue, at)
}

// spoolGauges are what waits on this machine's disk, read together so that they fit.
type spoolGauges struct{ Deps }

var (
	spoolWaiting = prometheus.NewDesc("manyi_spool_waiting", "Ratings kept on this machine until the database takes them.", nil, nil)
	spoolAside   = prometheus.NewDesc("manyi_spool_set_aside", "Ratings the database refused; somebody must look.", nil, nil)
	spoolAge     = prometheus.NewDesc("manyi_spool_oldest_seconds", "Age of the oldest rating that waits; 0 if none does.", nil, nil)
	storeAway    = prometheus.NewDesc("manyi_database_away", "1 while the database does not answer.", nil, nil)
)

func (g spoolGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{spoolWaiting, spoolAside, spoolAge, storeAway} {
		ch <- d
	}
}

func (g spoolGauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	away := 0.0
	if g.Intake.Away() {
		away = 1
	}
	gauge(storeAway, away)
	st, err := g.Spool.State(context.Background())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(spoolWaiting, err)
		return
	}
	age := 0.0
	if !st.Oldest.IsZero() {
		age = g.Now().Sub(st.Oldest).Seconds()
	}
	gauge(spoolWaiting, float64(st.Waiting))
	gauge(spoolAside, float64(st.SetAside))
	gauge(spoolAge, age)
}
