// Package web is the product's face: the citizen's page, the console, the API
// and what an operator's tools ask for.
//
// A handler decodes, calls and renders; rules live in package survey, figures
// in stats. Every route is registered with who may use it (see access.go), so
// that a route nobody thought about is refused.
package web

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"manyi/qrcodes"
	logs "manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/sms"
)

// Deps is what the pages stand on.
type Deps struct {
	Store   survey.Store
	Intake  *intake.Intake
	Signer  *qrcodes.Signer
	BaseURL string // scheme://host[:port] that links and codes carry; never taken from a request
	Secret  []byte // the installation's secret; keys are derived from it
	Version string
	Now     func() time.Time
	Log     *slog.Logger
	Spool   survey.Spool // what Intake spools to; nil if it does not
	Node    string       // this process's name among the nodes; empty if it is the only one
	// SMS carries the codes by which citizens prove their phones, each after the
	// signature; nil: none can be proved, and it is not offered.
	SMS          sms.Sender
	SMSSignature string
	CodesPerDay  int // that may go out in all; 0 is survey.CodesPerDay
	Gateway      Gateway
	// Outbox lists messages that stayed here, the last one first; nil if they go out.
	Outbox func() []sms.Sent
	// KioskPause is how long a tablet lets nobody rate after it was rated on; zero: 15 s.
	KioskPause time.Duration
	// Publish closes a period, as the command publish does: false if nothing was added
	// since its last publication, which is returned then. survey.Faults say why not.
	Publish    func(context.Context, Publishing) (survey.Publication, bool, error)
	ReviewKeys []string // public keys of the sources whose publications are taken in
	// Metrics gathers what /metrics shows; nil makes a new registry.
	Metrics *prometheus.Registry
}

// app holds what the handlers share.
type app struct {
	Deps
	pages   *Pages
	places  *directory
	keys    pageKeys
	logKey  logs.Signer // of the checkpoints
	metrics *metrics
	thanked thanksPages
	secure  bool         // cookies go over TLS only
	toldOut atomic.Int64 // when the log last said that no more codes may go out, in Unix seconds

	actors remembered[[32]byte, survey.Actor] // by the digest of what proves them
	tables remembered[string, shownFigures]   // by the query, and who asks

	publishing sync.Mutex // held while a period is closed

	uploading chan struct{} // a place for each upload that may be read at once
	reviewing sync.Mutex    // held while a bundle is received, checked and taken in
	cleaning  sync.Mutex    // held while a photo or a table is decoded
}

// maxBody is far above any honest form: 500 characters are 6 KB when encoded.
const maxBody = 64 << 10

// New builds the server. An error is a mistake in the embedded files.
func New(d Deps) (*fiber.App, error) {
	a, err := newApp(d)
	if err != nil {
		return nil, err
	}
	f := fiber.New(fiber.Config{
		AppName:               "Manyi",
		DisableStartupMessage: true,
		// Fiber reuses the memory of its strings once a handler returns; responses
		// wait for their commit in another goroutine.
		Immutable: true,
		BodyLimit: maxBody,
		// takeBody reads bodies, so that photos need not be held as they come.
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		ReadTimeout:                  30 * time.Second,
		IdleTimeout:                  75 * time.Second,
		ErrorHandler:                 a.fail,
	})
	f.Server().HeaderReceived = received
	f.Use(a.observe, recover.New(), secureHeaders, deadline(20*time.Second), a.takeBody)
	a.register(f)
	f.Use(func(*fiber.Ctx) error { return fiber.ErrNotFound })
	return f, nil
}

func newApp(d Deps) (*app, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	d.CodesPerDay = cmp.Or(d.CodesPerDay, survey.CodesPerDay)
	if d.KioskPause == 0 {
		d.KioskPause = 15 * time.Second
	}
	if d.Metrics == nil {
		d.Metrics = prometheus.NewRegistry()
	}
	pages, err := NewPages()
	if err != nil {
		return nil, err
	}
	keys, err := newPageKeys(d.Secret)
	if err != nil {
		return nil, err
	}
	logKey, err := logs.NewSigner(d.Secret)
	if err != nil {
		return nil, err
	}
	return &app{Deps: d, pages: pages, keys: keys, logKey: logKey, metrics: newMetrics(d),
		uploading: make(chan struct{}, maxUploads),
		thanked:   thanksPages{pages: map[thanksKey]thanksPage{}},
		places:    newDirectory(d.Store, d.Signer, d.Spool, d.Now, d.Log),
		secure:    len(d.BaseURL) > 8 && d.BaseURL[:8] == "https://",
		actors:    remembered[[32]byte, survey.Actor]{most: 10_000, life: knownFor},
		tables:    remembered[string, shownFigures]{most: 200, life: 24 * time.Hour}}, nil
}

// deadline bounds the work of a request; Fiber's contexts have none of their own.
func deadline(d time.Duration) fiber.Handler {
	return func(c *fiber.Ctx) error {
		within := d
		if uploads(&c.Request().Header) {
			within += uploadWithin // it comes slower than it is worked on
		}
		if bundles(&c.Request().Header) {
			within += bundleWithin
		}
		ctx, cancel := context.WithTimeout(c.UserContext(), within)
		defer cancel()
		c.SetUserContext(ctx)
		return c.Next()
	}
}

func secureHeaders(c *fiber.Ctx) error {
	h := &c.Response().Header
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set(fiber.HeaderCacheControl, "no-store")
	h.Set(fiber.HeaderContentSecurityPolicy, consoleCSP)
	return c.Next()
}

// page renders a page with a status. The page is whole before its first byte is sent.
func (a *app) page(c *fiber.Ctx, status int, name string, view any) error {
	c.Status(status).Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	if err := a.pages.Render(c.Response().BodyWriter(), name, view); err != nil || !citizenPages[name] {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, a.pages.CSP())
	if strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
		squeeze(c)
	}
	return nil
}

// citizenPages carry their style inside.
var citizenPages = map[string]bool{"rate": true, "thanks": true, "notice": true, "follow": true, "verify": true, "receipt": true}

// squeeze compresses the answer: a third of the bytes, for phones far from a mast.
// Console pages go as they are, since they hold tokens beside text from a query.
func squeeze(c *fiber.Ctx) {
	small := fasthttp.AppendGzipBytesLevel(nil, c.Response().Body(), fasthttp.CompressBestSpeed)
	c.Response().SetBodyRaw(small)
	c.Set(fiber.HeaderContentEncoding, "gzip")
	c.Vary(fiber.HeaderAcceptEncoding)
}
