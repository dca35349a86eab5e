package intake

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
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
	others  map[source]int // what the other nodes counted in this minute
}

type source struct {
	serial uint32
	device string // empty: all devices at the code
}

// name is what other nodes know a source by. The device's cookie is not shown.
func (s source) name() string {
	code := strconv.FormatUint(uint64(s.serial), 36)
	if s.device == "" {
		return code
	}
	sum := sha256.Sum256([]byte(s.device))
	return code + "-" + base64.RawURLEncoding.EncodeToString(sum[:9])
}

// window counts within a fixed stretch of time, the same on every node, and then starts anew.
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

// at returns the counts of the stretch that holds now, and whether it has just begun.
func (w *window) at(now time.Time) (counts map[source]int, begun bool) {
	start := now.Truncate(w.length)
	if begun = w.counts == nil || !start.Equal(w.start) || len(w.counts) > maxSources; begun {
		w.start, w.counts = start, map[source]int{}
	}
	return w.counts, begun
}

// flooded counts a submission and reports whether it is one too many.
func (l *limits) flooded(serial uint32, device string, now time.Time, o Options) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts, begun := l.minute.at(now)
	if begun {
		l.others = nil
	}
	code, one := source{serial: serial}, source{serial, device}
	counts[code]++
	if device == "" {
		return counts[code]+l.others[code] > o.PerCode
	}
	counts[one]++
	return counts[code]+l.others[code] > o.PerCode || counts[one]+l.others[one] > o.PerDevice
}

func (l *limits) flags(serial uint32, device string, now time.Time) survey.Flags {
	l.mu.Lock()
	defer l.mu.Unlock()
	if counts, _ := l.tenMins.at(now); device != "" && counts[source{serial, device}] >= manyPerDevice {
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
	counts, _ := l.tenMins.at(now)
	counts[source{serial, device}]++
}

// Most sources are seen once. Those seen more often than a tenth of their limit
// are worth telling the other nodes; above maxShared some are left out, which
// can only let a submission pass.
const (
	worthSharing = 10
	maxShared    = 5_000
)

// toShare returns the sources of the current minute that are worth telling.
func (l *limits) toShare(now time.Time, o Options) map[source]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[source]int{}
	counts, begun := l.minute.at(now)
	if begun {
		l.others = nil
	}
	for s, n := range counts {
		limit := o.PerDevice
		if s.device == "" {
			limit = o.PerCode
		}
		if n*worthSharing > limit && len(out) < maxShared {
			out[s] = n
		}
	}
	return out
}

// share tells the other nodes what was counted in the minute of now, and keeps
// what they counted.
func (l *limits) share(ctx context.Context, store HitStore, node string, now time.Time, o Options) error {
	mine := l.toShare(now, o)
	if len(mine) == 0 {
		return nil
	}
	named := make(map[string]int, len(mine))
	for s, n := range mine {
		named[s.name()] = n
	}
	heard, err := store.ShareHits(ctx, node, now.Unix()/60, named)
	if err != nil {
		return err
	}
	others := make(map[source]int, len(heard))
	for s := range mine {
		if n := heard[s.name()]; n > 0 {
			others[s] = n
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.minute.start.Equal(now.Truncate(l.minute.length)) {
		l.others = others
	}
	return nil
}

// HitStore is the part of a store through which nodes share their limits.
type HitStore interface {
	ShareHits(ctx context.Context, node string, minute int64, hits map[string]int) (others map[string]int, err error)
}

// ShareLimits tells the other nodes once how often each busy source was seen in
// this minute, and learns how often they saw it. A node calls it every second or
// so, so that the limits hold for the nodes together, give or take that second.
func (in *Intake) ShareLimits(ctx context.Context, store HitStore, node string) error {
	return in.limits.share(ctx, store, node, in.opts.Now(), in.opts)
}
