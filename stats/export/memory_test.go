package export

import (
	"io"
	"runtime"
	"testing"
)

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryStaysConstant(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("300,000 rows take long here")
	}
	rows := demoResponses()
	for _, f := range Formats {
		w, err := NewResponses(io.Discard, f, demoSurvey(), false)
		if err != nil {
			t.Fatal(err)
		}
		var early int64
		for i := range 300_000 {
			if i == 100_000 {
				early = liveHeap()
			}
			if err := w.Write(rows[i%len(rows)]); err != nil {
				t.Fatal(err)
			}
		}
		if grown := liveHeap() - early; grown > 1<<20 {
			t.Errorf("%s: the heap grew by %d bytes from 100,000 to 300,000 rows", f, grown)
		}
		if m, err := w.Close(); m.Rows != 300_000 || err != nil {
			t.Errorf("%s: %v, %v", f, m, err)
		}
	}
}
