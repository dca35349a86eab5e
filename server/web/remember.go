package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"manyi/survey"
)

// remembered keeps the last good answers of the store, for when it does not answer.
type remembered[K comparable, V any] struct {
	most int           // answers kept
	life time.Duration // how long one may stand in

	mu   sync.Mutex
	kept map[K]answered[V]
}

type answered[V any] struct {
	value V
	at    time.Time
}

// hurry is how long the store may take when there is an answer to fall back on.
const hurry = 5 * time.Second

// ask asks the store; if it does not answer, or is known to be away, the last
// answer to the same question stands in for it.
func (r *remembered[K, V]) ask(ctx context.Context, away bool, now time.Time, key K, store func(context.Context) (V, error)) (V, error) {
	r.mu.Lock()
	last, known := r.kept[key]
	r.mu.Unlock()
	known = known && now.Sub(last.at) < r.life
	if known && away {
		return last.value, nil
	}
	if known {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, hurry)
		defer cancel()
	}
	v, err := store(ctx)
	switch {
	case err == nil:
		r.keep(key, v, now)
	case known && silent(err):
		return last.value, nil
	}
	return v, err
}

// silent reports whether an error means that the store does not answer.
func silent(err error) bool {
	return errors.Is(err, survey.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

func (r *remembered[K, V]) keep(key K, v V, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept = map[K]answered[V]{}
	}
	for old := range r.kept { // any one: which is lost matters little
		if len(r.kept) < r.most {
			break
		}
		delete(r.kept, old)
	}
	r.kept[key] = answered[V]{v, now}
}
