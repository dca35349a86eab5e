package intake

import (
	"sync"
	"time"

	"manyi/survey"
)

// manyPerDevice is how many stored responses from one device at one code within
// ten minutes are unusual enough to flag. A family at one counter shares a phone.
const manyPerDevice = 5

// limits counts submissions in the current minute and stored responses in the
// current ten minutes. It lives in memory: a restart forgives, it never refuses.
type limits struct {
	mu      sync.Mutex
	minute  window
	tenMins window
}

type source struct {
	serial uint32
	device string
}

// window counts within a fixed stretch of time and then starts anew.
type window struct {
	length time.Duration
	start  time.Time
	counts map[source]int
}

// maxSources bounds the memory of a window. Beyond it sources are forgotten,
// which can only let a submission pass.
const maxSources = 200_000

func newLimits() *limits {
	return &limits{minute: window{length: time.Minute}, tenMins: window{length: 10 * time.Minute}}
}

func (w *window) at(now time.Time) map[source]int {
	if w.counts == nil || now.Sub(w.start) >= w.length || len(w.counts) > maxSources {
		w.start, w.counts = now, map[source]int{}
	}
	return w.counts
}

// flooded counts a submission and reports whether it is one too many.
func (l *limits) flooded(serial uint32, device string, now time.Time, o Options) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := l.minute.at(now)
	code, one := source{serial: serial}, source{serial, device}
	counts[code]++
	if device == "" {
		return counts[code] > o.PerCode
	}
	counts[one]++
	return counts[code] > o.PerCode || counts[one] > o.PerDevice
}

func (l *limits) flags(serial uint32, device string, now time.Time) survey.Flags {
	l.mu.Lock()
	defer l.mu.Unlock()
	if device != "" && l.tenMins.at(now)[source{serial, device}] >= manyPerDevice {
		return survey.FlagManyDevice
	}
	return 0
}

func (l *limits) stored(serial uint32, device string, now time.Time) {
	if device == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tenMins.at(now)[source{serial, device}]++
}
