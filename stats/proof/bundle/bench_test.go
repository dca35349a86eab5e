package bundle_test

import (
	"bufio"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// BenchmarkVerify checks bundles of 100,000 responses, one in ten of them bad with a case
// of six steps, from a file, beside SHA-256 over the same bytes, and reports the largest heap. MANYI_BENCH_RESPONSES is another number; a
// million takes minutes to store and log.
func BenchmarkVerify(b *testing.B) {
	n := 100_000
	if text := os.Getenv("MANYI_BENCH_RESPONSES"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	paths, key := largeBundles(b, n)
	for _, a := range bundle.Audiences {
		b.Run(string(a)+"/verify", func(b *testing.B) {
			file, size := opened(b, paths[a])
			for range b.N {
				peak := watch()
				r, err := bundle.Verify(file, size, bundle.Options{Key: key})
				b.ReportMetric(peak(), "peak-MB")
				if err != nil || r.Responses == 0 {
					b.Fatalf("%d responses, %v", r.Responses, err)
				}
				b.ReportMetric(float64(r.Responses), "responses")
				b.ReportMetric(float64(r.Steps), "steps")
			}
			b.SetBytes(size)
		})
		b.Run(string(a)+"/sha256", func(b *testing.B) {
			file, size := opened(b, paths[a])
			for range b.N {
				if _, err := io.Copy(sha256.New(), io.NewSectionReader(file, 0, size)); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(size)
		})
	}
}

// largeBundles stores, logs and publishes n responses.
func largeBundles(b *testing.B, n int) (paths map[bundle.Audience]string, key string) {
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	store, err := sqlitestore.Open(b.Context(), b.TempDir())
	must(err)
	defer store.Close()
	bulk := storetest.NewBulk(storetest.Tree())
	must(store.AddSurvey(b.Context(), bulk.Survey))
	must(bulk.StoreYear(b.Context(), store, n))
	workAll(b, store, bulk.Survey)
	keys, err := intake.NewSecrets([]byte(secret))
	must(err)
	signer, err := proof.NewSigner([]byte(secret))
	must(err)
	l := jobs.Logger{Store: store, Keys: keys, Signer: signer, Zone: bulk.Survey.Location()}
	start := time.Now()
	_, err = l.Receipts(b.Context(), bulk.Survey.Closes)
	must(err)
	_, err = l.Data(b.Context(), bulk.Survey.Closes)
	must(err)
	b.Logf("logged in %s", time.Since(start))
	paths = map[bundle.Audience]string{}
	for _, a := range bundle.Audiences {
		start = time.Now()
		d, err := bundle.Build(b.Context(), store, bundle.Query{Survey: bulk.Survey, Tree: storetest.Tree(), Period: bundle.WholePeriod,
			Audience: a, No: 1, AsOf: bulk.Survey.Closes, Program: "bench", Tags: keys, Signer: signer})
		must(err)
		b.Logf("%s: built in %s", a, time.Since(start))
		start = time.Now()
		paths[a] = filepath.Join(b.TempDir(), string(a))
		f, err := os.Create(paths[a])
		must(err)
		w := bufio.NewWriterSize(f, 1<<20)
		must(bundle.Write(b.Context(), w, store, d, signer))
		must(w.Flush())
		must(f.Close())
		b.Logf("%s: written in %s", a, time.Since(start))
	}
	return paths, signer.Key
}

// workAll works every case that is owed, some of them late.
func workAll(b *testing.B, store survey.Store, s survey.Survey) {
	cal, boss := survey.NewCalendar(nil), survey.Worker{Name: "wang", Party: survey.Own}
	n := 0
	for {
		owed, err := store.OwedCases(b.Context(), 2000)
		if err != nil {
			b.Fatal(err)
		}
		if len(owed) == 0 {
			return
		}
		var list []survey.Opening
		for _, c := range owed {
			o, at := survey.Opening{Key: c.Response.Key}, c.Response.ReceivedAt
			c.Reachable, n = true, n+1
			for _, e := range []survey.Entry{{Step: survey.StepContacted, Outcome: survey.OutcomeReached}, {Step: survey.StepVerified, Note: "情况属实"},
				{Step: survey.StepRectified, Note: "已增开窗口"}, {Step: survey.StepCallback, Outcome: survey.OutcomeSatisfied}, {Step: survey.StepClosed}} {
				at = at.Add(time.Duration(8+n%90) * time.Hour)
				made, sum, err := c.Take(s, cal, boss, at, e)
				if err != nil {
					b.Fatal(err)
				}
				c.Entries, o.Entries, o.Summary = append(c.Entries, made...), append(o.Entries, made...), sum
			}
			list = append(list, o)
		}
		if _, err := store.OpenCases(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	}
}

func opened(b *testing.B, path string) (*os.File, int64) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	about, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	return f, about.Size()
}

// watch looks at the heap until it is told to stop, which returns the most it saw in MB.
func watch() (stop func() float64) {
	done, most := make(chan struct{}), make(chan uint64)
	runtime.GC()
	go func() {
		var peak uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
			select {
			case <-done:
				most <- peak
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() float64 {
		close(done)
		return float64(<-most) / (1 << 20)
	}
}
