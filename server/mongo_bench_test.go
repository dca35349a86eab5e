package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"manyi/survey/mongostore/mongotest"
)

var peakIn = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// BenchmarkNodeMemory sends ratings to a node on MongoDB from 32 browsers, and
// reports the most memory the process ever held. Run it with -benchtime 1000x and
// 10000x: what it reports must not grow with them.
func BenchmarkNodeMemory(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("the peak is read from /proc: ", err)
	}
	if !mongotest.Real(b) {
		b.Log("not measured on a real server")
	}
	uri := mongotest.Open(b)
	i := newInstallation(b, uri, uri)
	store := i.fillDemo()
	p := i.node(b.TempDir(), "127.0.0.1:0")
	p.serve(b)
	codes := someCodes(b, store, 4)
	var left atomic.Int64
	left.Store(int64(b.N))
	var people sync.WaitGroup
	b.ResetTimer()
	for range 32 {
		people.Go(func() {
			client := browser(b)
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				code := codes[n%int64(len(codes))]
				key, err := openForm(client, p.base, code)
				if err == nil {
					_, err = sendForm(client, p.base, code, rating(key, "satisfied"))
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	people.Wait()
	b.StopTimer()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	m := peakIn.FindSubmatch(status)
	if err != nil || m == nil {
		b.Fatalf("peak memory: %v", err)
	}
	kB, _ := strconv.ParseFloat(string(m[1]), 64)
	b.ReportMetric(kB/1024, "MB-peak")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ratings/s")
}
