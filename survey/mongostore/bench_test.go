package mongostore

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// onWhat says beside every figure what it was measured on.
func onWhat(b *testing.B) {
	b.Helper()
	if !mongotest.Real(b) {
		b.Log("not measured on a real server")
	}
}

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), mongotest.Open(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkIntake stores groups of 100 responses: with everything that belongs to
// it, and as the same documents by the driver's bare InsertMany into a collection
// with the same indexes. MONGODB_URI names the server; aim: at least 0.7 of bare.
func BenchmarkIntake(b *testing.B) {
	const size = 100
	group := func(f *storetest.Facts, i int) []survey.Response {
		out := make([]survey.Response, size)
		for n := range out {
			out[n] = f.Response(storetest.Windows()[n%7], storetest.At("2024-02-29").Add(time.Duration(i*size+n)*time.Millisecond), storetest.Commented("很好，谢谢。"))
		}
		return out
	}
	b.Run("store", func(b *testing.B) {
		onWhat(b)
		s, f := openBench(b), storetest.NewFacts(1, storetest.Survey())
		i := 0
		for b.Loop() {
			if _, err := s.AddResponses(b.Context(), group(f, i)); err != nil {
				b.Fatal(err)
			}
			i++
		}
		b.ReportMetric(size*float64(b.N)/b.Elapsed().Seconds(), "responses/s")
	})
	b.Run("bare InsertMany", func(b *testing.B) {
		onWhat(b)
		s, f := openBench(b), storetest.NewFacts(1, storetest.Survey())
		i := 0
		for b.Loop() {
			rs := group(f, i)
			docs := make([]any, size)
			for n := range rs {
				docs[n] = docOf(&rs[n])
			}
			if _, err := s.db.Collection("responses").InsertMany(b.Context(), docs, options.InsertMany().SetOrdered(false)); err != nil {
				b.Fatal(err)
			}
			i++
		}
		b.ReportMetric(size*float64(b.N)/b.Elapsed().Seconds(), "responses/s")
	})
}

// BenchmarkTalliesOfADay counts a day's ratings of all windows among a million of
// a year: those that came last are marked, and rolled up. The stand-in, which has
// no indexes, gets a thousand.
func BenchmarkTalliesOfADay(b *testing.B) {
	onWhat(b)
	stored := 1_000_000
	if testing.Short() || !mongotest.Real(b) {
		stored = 1_000
	}
	s, bulk := openBench(b), storetest.NewBulk(storetest.Tree())
	if err := bulk.StoreYear(b.Context(), s, stored); err != nil {
		b.Fatal(err)
	}
	storetest.Roll(b, s)
	for b.Loop() {
		b.StopTimer()
		if err := bulk.Store(b.Context(), s, max(stored/365, 100), bulk.Today, bulk.Today); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		storetest.Roll(b, s)
	}
	b.ReportMetric(float64(stored), "stored")
}

// BenchmarkDocumentSize reports what a response costs on the wire, for planning.
func BenchmarkDocumentSize(b *testing.B) {
	bulk, total, n := storetest.NewBulk(storetest.Tree()), 0, 0
	probe := sizer{Store: nil, add: func(r survey.Response) {
		doc, err := bson.Marshal(docOf(&r))
		if err != nil {
			b.Fatal(err)
		}
		total += len(doc)
		n++
	}}
	for b.Loop() {
		if err := bulk.StoreYear(b.Context(), probe, 5000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(total)/float64(n), "bytes/response")
}

// sizer takes responses and keeps none.
type sizer struct {
	survey.Store
	add func(survey.Response)
}

func (s sizer) AddResponses(_ context.Context, group []survey.Response) ([]bool, error) {
	for _, r := range group {
		s.add(r)
	}
	return make([]bool, len(group)), nil
}

func (s sizer) PutVisits(context.Context, []survey.Visit) (c survey.VisitChange, err error) {
	return c, nil
}
