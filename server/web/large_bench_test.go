package web

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"github.com/valyala/fasthttp"

	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/storetest"
)

// BenchmarkProvinceFigures asks for the figures of the whole province with a
// million responses stored and rolled up, without the network. MANYI_BENCH_RESPONSES is
// another number; from 100,000 on there are as many tallies to add up.
func BenchmarkProvinceFigures(b *testing.B) {
	if testing.Short() {
		b.Skip("storing a million responses takes minutes")
	}
	n := 1_000_000
	if text := os.Getenv("MANYI_BENCH_RESPONSES"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	site := largeSite(b, n)
	bearing := site.token(survey.Organiser, "")
	site.addUser("liu", survey.Organiser, "")
	signedIn, _, _ := site.signIn("liu", password)
	for _, page := range []struct {
		name, path string
		as         func(*http.Request)
	}{
		{"page/by=city", "/console/figures?survey=bulk&by=city", signedIn},
		{"page/by=bureau", "/console/figures?survey=bulk&by=bureau", signedIn},
		{"page/by=window", "/console/figures?survey=bulk&by=window", signedIn},
		{"api/by=city", "/api/v1/figures?survey=bulk&by=city", bearing},
		{"api/by=bureau", "/api/v1/figures?survey=bulk&by=bureau", bearing},
	} {
		b.Run(page.name, func(b *testing.B) { site.serve(b, page.path, page.as) })
	}
}

// largeSite is a site with n responses of the past year at the windows of Fujian, rolled up.
func largeSite(b *testing.B, n int) *site {
	ctx := b.Context()
	s := newSite(b)
	places, err := demo.Places()
	must(b, err)
	tree, faults := survey.NewTree(places)
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	bulk := storetest.NewBulk(tree)
	must(b, s.store.PutPlaces(ctx, places))
	must(b, s.store.AddSurvey(ctx, bulk.Survey))
	must(b, bulk.StoreYear(ctx, s.store, n))
	s.rollUp()
	s.pass(bulk.Today.Start(bulk.Survey.Location()).Sub(s.clock()))
	return s
}

// serve hands a request straight to the server's handler, again and again.
func (s *site) serve(b *testing.B, path string, as func(*http.Request)) {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	as(req)
	handler := s.app.Handler()
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI(path)
	for name, values := range req.Header {
		ctx.Request.Header.Set(name, values[0])
	}
	for b.Loop() {
		ctx.Response.Reset()
		ctx.ResetUserValues()
		handler(&ctx)
		if code := ctx.Response.StatusCode(); code != http.StatusOK {
			b.Fatalf("%s: status %d: %s", path, code, ctx.Response.Body())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/op")
	b.ReportMetric(float64(len(ctx.Response.Body())), "bytes/page")
}
