package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"runtime/metrics"
	"testing"
	"time"

	"manyi/server/demo"
	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// storedRows is how many responses an operation reads and writes.
const storedRows = 1_000_000

// BenchmarkExportResponses writes a million stored responses as CSV. Store only
// reads them; bare is encoding/csv given the cells of as many rows as finished
// strings, the first hundred thousand over and over.
func BenchmarkExportResponses(b *testing.B) {
	if testing.Short() {
		b.Skip("storing a million responses takes minutes")
	}
	store, s := storedYear(b)
	query := survey.ResponseQuery{Survey: s.ID}
	b.Run("manyi", func(b *testing.B) {
		measureRows(b, func(ctx context.Context) (int64, error) {
			m, err := export.Responses(ctx, io.Discard, export.CSV, s, false, store, query)
			return m.Rows, err
		})
	})
	b.Run("store", func(b *testing.B) {
		measureRows(b, func(ctx context.Context) (n int64, err error) {
			err = store.Responses(ctx, query, func(survey.Listed) error { n++; return nil })
			return n, err
		})
	})
	b.Run("bare", func(b *testing.B) {
		records := finishedCells(b, store, s, 100_000)
		measureRows(b, func(context.Context) (int64, error) {
			w := csv.NewWriter(io.Discard)
			w.UseCRLF = true
			for i := range storedRows {
				if err := w.Write(records[i%len(records)]); err != nil {
					return 0, err
				}
			}
			w.Flush()
			return storedRows, w.Error()
		})
	})
}

func storedYear(b *testing.B) (survey.Store, survey.Survey) {
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
	must(b, bulk.StoreYear(ctx, store, storedRows))
	return store, bulk.Survey
}

// finishedCells are the first n rows of the file that the export writes.
func finishedCells(b *testing.B, store survey.Store, s survey.Survey, n int) [][]string {
	var file bytes.Buffer
	w, err := export.NewResponses(&file, export.CSV, s, false)
	must(b, err)
	must(b, store.Responses(b.Context(), survey.ResponseQuery{Survey: s.ID}, func(r survey.Listed) error {
		if n--; n < 0 {
			return nil
		}
		return w.Write(r)
	}))
	_, err = w.Close()
	must(b, err)
	records, err := csv.NewReader(&file).ReadAll()
	must(b, err)
	return records[1 : len(records)-1]
}

// measureRows reports rows a second and the largest heap seen; the database's
// own page cache is not on the heap.
func measureRows(b *testing.B, pass func(context.Context) (int64, error)) {
	ctx, cancel := context.WithCancel(b.Context())
	peak := make(chan float64)
	go func() { peak <- peakHeap(ctx) }()
	b.ReportAllocs()
	for b.Loop() {
		n, err := pass(ctx)
		must(b, err)
		if n != storedRows {
			b.Fatalf("%d rows", n)
		}
	}
	cancel()
	b.ReportMetric(storedRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(<-peak, "peak-MB")
}

// peakHeap watches the heap, garbage included, until the context ends.
func peakHeap(ctx context.Context) (most float64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		metrics.Read(sample)
		most = max(most, float64(sample[0].Value.Uint64()+sample[1].Value.Uint64())/1e6)
		select {
		case <-ctx.Done():
			return most
		case <-tick.C:
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
