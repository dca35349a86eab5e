package web

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"manyi/jobs"
	"manyi/qrcodes"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// connections is how many browsers send at once.
const connections = 256

// BenchmarkIntake sends ratings over loopback HTTP: to Manyi, which answers after
// the response is durable, and to the same route on bare Fiber, which checks the
// form and stores nothing. The load generator shares the machine with both.
func BenchmarkIntake(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		thanks := bytes.Repeat([]byte("谢"), 500)
		app.Post("/q/:code", func(c *fiber.Ctx) error {
			if _, ok := survey.ParseLevel(c.FormValue("level")); !ok || c.FormValue("form_key") == "" || c.FormValue("survey") == "" {
				return fiber.ErrUnprocessableEntity
			}
			c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
			return c.Send(thanks)
		})
		load(b, app, func(int) (string, string) { return "/q/0123456789ABCDEF", "key" }, 0)
	})
	b.Run("manyi", func(b *testing.B) {
		app, in, codes, _ := benchSite(b)
		load(b, app, manyiForms(in, codes), 0)
	})
}

func manyiForms(in *intake.Intake, codes []benchCode) func(int) (path, key string) {
	return func(i int) (string, string) {
		c := codes[i%len(codes)]
		return "/q/" + c.text, in.NewForm(c.serial)
	}
}

// BenchmarkIntakeOfBadReviews sends ratings one in twenty of which is bad: to a server
// that leaves their cases owed, and to one that opens them once a second, five times as
// often as the job does. Opening cases should cost the intake no more than 5 %.
func BenchmarkIntakeOfBadReviews(b *testing.B) {
	for _, opens := range []bool{false, true} {
		b.Run(fmt.Sprintf("opened=%v", opens), func(b *testing.B) {
			app, in, codes, store := benchSite(b)
			stop, done := make(chan struct{}), make(chan int)
			go func() {
				tick, opened := time.NewTicker(time.Second), 0
				defer tick.Stop()
				for running := true; running; {
					select {
					case <-tick.C:
					case <-stop:
						running = false
					}
					if opens {
						n, err := jobs.OpenCases(context.Background(), store, func(k survey.Key) []byte { return k[:16] }, time.Now())
						if err != nil {
							b.Error(err)
						}
						opened += n
					}
				}
				done <- opened
			}()
			load(b, app, manyiForms(in, codes), 20)
			close(stop)
			b.ReportMetric(float64(<-done), "opened")
		})
	}
}

type benchCode struct {
	serial uint32
	text   string
}

// benchSite is the product as it serves, over a fresh database.
func benchSite(b *testing.B) (*fiber.App, *intake.Intake, []benchCode, survey.Store) {
	ctx := context.Background()
	store, err := sqlitestore.Open(ctx, b.TempDir())
	must(b, err)
	must(b, store.PutPlaces(ctx, storetest.Places()))
	now := time.Now()
	must(b, store.AddSurvey(ctx, storetest.Survey(func(s *survey.Survey) { s.Opens, s.Closes = now.Add(-time.Hour), now.AddDate(1, 0, 0) })))
	secrets, err := intake.NewSecrets(siteSecret)
	must(b, err)
	ring, err := keyring.Load(filepath.Join(b.TempDir(), "keys.json"))
	must(b, err)
	in := intake.New(store, secrets, ring, intake.Options{PerCode: 1 << 30, PerDevice: 1 << 30})
	signer := qrcodes.NewSigner(siteSecret)
	app, err := New(Deps{Store: store, Intake: in, Signer: signer, BaseURL: "http://localhost", Secret: siteSecret})
	must(b, err)
	var codes []benchCode
	for _, w := range storetest.Windows() {
		c, err := survey.IssueCode(ctx, store, "y2024", w, now)
		must(b, err)
		codes = append(codes, benchCode{c.Serial, signer.Code(c.Serial)})
	}
	b.Cleanup(func() {
		must(b, in.Close(ctx))
		must(b, store.Close())
	})
	return app, in, codes, store
}

// load sends b.N ratings over many connections and reports requests a second and the slowest hundredth.
// A real browser sends every field, filled in or not. One in badOf is a bad one, if not 0.
func load(b *testing.B, app *fiber.App, next func(i int) (path, key string), badOf int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	go app.Listener(ln)
	defer app.Shutdown()
	bodies := make([][]byte, b.N)
	paths := make([]string, b.N)
	for i := range bodies {
		path, key := next(i)
		paths[i] = "http://" + ln.Addr().String() + path
		form := url.Values{"form_key": {key}, "survey": {"y2024"}, "level": {"satisfied"}, "comment": {""}, "case_number": {""},
			"efficiency": {""}, "ability": {""}, "attitude": {""}, "environment": {""}, "name": {""}, "phone": {""}}
		if i%5 == 0 { // most people tap a level; one in five says more
			form.Set("efficiency", "satisfied")
			form.Set("attitude", "very_satisfied")
			form.Set("comment", fmt.Sprint("办得快 ", i))
		}
		if badOf > 0 && i%badOf == 0 {
			form.Set("level", "dissatisfied")
			form.Set("reason", "115")
		}
		bodies[i] = []byte(form.Encode())
	}
	client := &fasthttp.HostClient{Addr: ln.Addr().String(), MaxConns: connections}
	took := make([]time.Duration, b.N)
	var sent atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range min(connections, b.N) {
		wg.Go(func() {
			req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			defer fasthttp.ReleaseRequest(req)
			defer fasthttp.ReleaseResponse(res)
			for {
				i := int(sent.Add(1)) - 1
				if i >= b.N {
					return
				}
				req.SetRequestURI(paths[i])
				req.Header.SetMethod("POST")
				req.Header.SetContentType("application/x-www-form-urlencoded")
				req.Header.SetCookie(deviceCookie, "AAAAAAAAAAAAAAAAAAAAAAAAAA")
				req.SetBodyRaw(bodies[i])
				began := time.Now()
				if err := client.Do(req, res); err != nil || res.StatusCode() != fiber.StatusOK {
					b.Errorf("request %d: status %d, %v", i, res.StatusCode(), err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkScan is the page a scan opens, without the network.
func BenchmarkScan(b *testing.B) {
	app, _, codes, _ := benchSite(b)
	handler := app.Handler()
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI("/q/" + codes[0].text)
	for b.Loop() {
		ctx.Response.Reset()
		ctx.ResetUserValues()
		handler(&ctx)
		if ctx.Response.StatusCode() != fiber.StatusOK {
			b.Fatal(ctx.Response.StatusCode())
		}
	}
	b.ReportMetric(float64(len(ctx.Response.Body())), "bytes/page")
}
