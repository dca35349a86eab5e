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

func newMetrics(r *prometheus.Registry, store survey.Store) *metrics {
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
		n, _, err := store.Rolled(ctx)
		if err != nil {
			return -1
		}
		return float64(n)
	})
	r.MustRegister(m.requests, m.seconds, m.submissions, waiting, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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
