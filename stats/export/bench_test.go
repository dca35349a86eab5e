package export

import (
	"bytes"
	"encoding/csv"
	"io"
	"testing"
)

func benchmark(b *testing.B, f Format) {
	rows := demoResponses()
	var out byteCount
	w, err := NewResponses(&out, f, demoSurvey(), false)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := w.Write(rows[i%len(rows)]); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(out) / int64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// byteCount counts what a file would hold, after compression.
type byteCount int64

func (c *byteCount) Write(p []byte) (int, error) {
	*c += byteCount(len(p))
	return len(p), nil
}

// BenchmarkCSV writes one row an operation; bare is encoding/csv given the same
// cells as finished strings, without hash, guard or formatting.
func BenchmarkCSV(b *testing.B) {
	b.Run("responses", func(b *testing.B) { benchmark(b, CSV) })
	b.Run("bare", func(b *testing.B) {
		file := writtenResponses(b, CSV, false, demoResponses())
		records, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
		if err != nil {
			b.Fatal(err)
		}
		records = records[1 : len(records)-1]
		w := csv.NewWriter(io.Discard)
		w.UseCRLF = true
		b.ReportAllocs()
		b.SetBytes(int64(len(file) / len(records)))
		b.ResetTimer()
		for i := range b.N {
			if err := w.Write(records[i%len(records)]); err != nil {
				b.Fatal(err)
			}
		}
		w.Flush()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

func BenchmarkXLSX(b *testing.B)  { benchmark(b, XLSX) }
func BenchmarkJSONL(b *testing.B) { benchmark(b, JSONL) }
