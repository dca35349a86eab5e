package jobs_test

import (
	"os"
	"testing"
	"time"

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

// BenchmarkCaseSheet counts the cases of a survey as of a day, as every night does,
// beside a bare reading of the same cases. The responses around them should cost nothing.
func BenchmarkCaseSheet(b *testing.B) {
	for _, size := range []struct {
		name             string
		responses, cases int
	}{{"responses=20k/cases=2k", 20_000, 2_000}, {"responses=1M/cases=20k", 1_000_000, 20_000}} {
		b.Run(size.name, func(b *testing.B) {
			if size.responses > 100_000 && testing.Short() {
				b.Skip("storing a million responses takes minutes")
			}
			store, s, day := workedStore(b, size.responses, size.cases)
			b.Run("sheet", func(b *testing.B) {
				for b.Loop() {
					_, err := jobs.PutSheet(b.Context(), store, s, day, day.Plus(1).Start(s.Location()))
					must(b, err)
				}
			})
			b.Run("bare-read", func(b *testing.B) {
				n := 0
				for b.Loop() {
					n = 0
					must(b, store.Cases(b.Context(), survey.CaseQuery{Survey: s.ID, To: day}, func(survey.Case) error { n++; return nil }))
				}
				if n != size.cases {
					b.Fatalf("%d cases", n)
				}
			})
		})
	}
}

// workedStore holds responses of the past year, so many of them bad and worked on,
// with six entries each.
func workedStore(b *testing.B, responses, cases int) (survey.Store, survey.Survey, survey.Span) {
	ctx := b.Context()
	places, err := demo.Places()
	must(b, err)
	tree, faults := survey.NewTree(places)
	must(b, faults.Err())
	store, err := sqlitestore.Open(ctx, b.TempDir())
	must(b, err)
	b.Cleanup(func() { must(b, store.Close()) })
	bulk := storetest.NewBulk(tree)
	bulk.OneBadIn = responses / cases
	must(b, bulk.StoreYear(ctx, store, responses))
	cal, boss := survey.NewCalendar(nil), survey.Worker{Name: "wang", Party: survey.Own}
	for {
		owed, err := store.OwedCases(ctx, 1000)
		must(b, err)
		if len(owed) == 0 {
			return store, bulk.Survey, bulk.Today
		}
		for _, c := range owed {
			at := c.Response.ReceivedAt
			var sum survey.CaseSummary
			for _, e := range []survey.Entry{{Step: survey.StepContacted, Outcome: survey.OutcomeNoContact}, {Step: survey.StepVerified, Note: "情况属实"},
				{Step: survey.StepNoted, Note: "已约谈窗口负责人，明日增开窗口"}, {Step: survey.StepRectified, Note: "已增开窗口"}, {Step: survey.StepClosed}} {
				at = at.Add(9 * time.Hour)
				made, next, err := c.Take(bulk.Survey, cal, boss, at, e)
				must(b, err)
				c.Entries, sum = append(c.Entries, made...), next
			}
			must(b, store.AddEntries(ctx, c.Response.Key, c.Entries, sum))
		}
	}
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

// BenchmarkQuality looks for quality flags in the last eight days of a year, as every
// night does, beside a bare reading of the same responses.
func BenchmarkQuality(b *testing.B) {
	for _, size := range []struct {
		name      string
		responses int
	}{{"responses=20k", 20_000}, {"responses=1M", 1_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			if size.responses > 100_000 && testing.Short() {
				b.Skip("storing a million responses takes minutes")
			}
			store, s, last := workedStore(b, size.responses, 20)
			places, err := demo.Places()
			must(b, err)
			tree, faults := survey.NewTree(places)
			must(b, faults.Err())
			last = last.Plus(-10)
			at := func(day survey.Span) time.Time { return day.Plus(1).Start(s.Location()).Add(time.Hour) }
			_, err = jobs.LookForFlags(b.Context(), store, s, tree, at(last))
			must(b, err)
			b.Run("night", func(b *testing.B) {
				for i := 0; b.Loop(); i++ { // another night each time, since a day is looked at once a day
					_, err := jobs.LookForFlags(b.Context(), store, s, tree, at(last.Plus(1+i%8)))
					must(b, err)
				}
			})
			b.Run("bare-read", func(b *testing.B) {
				for b.Loop() {
					for day := last.Plus(-6); day <= last.Plus(1); day = day.Plus(1) {
						must(b, store.Responses(b.Context(), survey.ResponseQuery{Survey: s.ID, From: day, To: day}, func(survey.Listed) error { return nil }))
					}
				}
			})
		})
	}
}

// BenchmarkOpeningCases stores responses in the intake's groups: none of them bad; one
// in twenty bad, which owes a case; and the same with the cases opened beside it, every
// hundred groups: with groups going in at 20,000 responses/s that is every second, and
// the job runs every five. It should cost the intake no more than 5 %.
func BenchmarkOpeningCases(b *testing.B) {
	const size = 256
	for _, c := range []struct {
		name      string
		bad, open bool
	}{{"none-bad", false, false}, {"owed", true, false}, {"opened", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			ctx := b.Context()
			s := storetest.Survey()
			store, err := sqlitestore.Open(ctx, b.TempDir())
			must(b, err)
			b.Cleanup(func() { must(b, store.Close()) })
			must(b, store.AddSurvey(ctx, s))
			f, at := storetest.NewFacts(1, s), storetest.At("2024-02-29 08:00")
			wake, done := make(chan struct{}, 1), make(chan error, 1)
			go func() {
				var err error
				for range wake {
					if err == nil {
						_, err = jobs.OpenCases(ctx, store, func(k survey.Key) []byte { return k[:16] }, at.AddDate(0, 0, 1))
					}
				}
				done <- err
			}()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				group := make([]survey.Response, size)
				for n := range group {
					level := storetest.Good
					if c.bad && n%20 == 0 {
						level = storetest.Bad
					}
					group[n] = f.Response(storetest.Windows()[n%7], at.Add(time.Duration(i*size+n)*time.Millisecond), level)
				}
				b.StartTimer()
				_, err := store.AddResponses(ctx, group)
				must(b, err)
				if c.open && i%100 == 99 {
					select {
					case wake <- struct{}{}:
					default: // it is at it
					}
				}
			}
			close(wake)
			must(b, <-done)
			b.ReportMetric(size*float64(b.N)/b.Elapsed().Seconds(), "responses/s")
		})
	}
}
