package jobs_test

import (
	"os"
	"testing"

	"manyi/jobs"
	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// BenchmarkRollUp counts 1,000 new responses beside more and more stored ones.
// The cost should not grow with them.
func BenchmarkRollUp(b *testing.B) {
	for _, size := range []struct {
		name   string
		stored int
	}{{"stored=100k", 100_000}, {"stored=1M", 1_000_000}, {"stored=10M", 10_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			if size.stored > 100_000 && testing.Short() {
				b.Skip("storing a million responses takes minutes")
			}
			if size.stored > 1_000_000 && os.Getenv("MANYI_BENCH_LARGE") != "1" {
				b.Skip("ten million responses take gigabytes and many minutes: set MANYI_BENCH_LARGE=1")
			}
			benchmarkRollUp(b, size.stored)
		})
	}
}

func benchmarkRollUp(b *testing.B, stored int) {
	ctx := b.Context()
	store, bulk := bulkStore(b, stored)
	today, buckets := bulk.Today, 0
	for b.Loop() {
		b.StopTimer()
		must(b, bulk.Store(ctx, store, 980, today, today))
		must(b, bulk.Store(ctx, store, 20, today.Plus(-30), today.Plus(-1)))
		// The next round has a day of its own: its buckets start empty again.
		now := today.Plus(1).Start(bulk.Survey.Location())
		today = today.Plus(1)
		b.StartTimer()
		n, err := jobs.RollUp(ctx, store, 0, now)
		must(b, err)
		buckets += n
	}
	b.ReportMetric(float64(buckets)/float64(b.N), "buckets/op")
}

// bulkStore holds n responses of the past year at the windows of Fujian, rolled up.
func bulkStore(b *testing.B, n int) (survey.Store, *storetest.Bulk) {
	ctx := b.Context()
	places, err := demo.Places()
	must(b, err)
	tree, faults := survey.NewTree(places)
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	store, err := sqlitestore.Open(ctx, b.TempDir())
	must(b, err)
	b.Cleanup(func() { must(b, store.Close()) })
	bulk := storetest.NewBulk(tree)
	must(b, bulk.StoreYear(ctx, store, n))
	_, err = jobs.RollUp(ctx, store, 0, bulk.Survey.Opens)
	must(b, err)
	return store, bulk
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
