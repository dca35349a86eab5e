package jobs

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"manyi/survey"
)

// EraseWork is what erasing stands on.
type EraseWork interface {
	survey.SealedStore
	survey.CaseStore
	survey.MessageStore
}

// EraseJob erases personal data whose retention time (保存期限) is over, every night.
func EraseJob(store EraseWork, keep time.Duration, log *slog.Logger) Job {
	return Job{
		Name:     "erasure",
		Schedule: "20 20 3 * * *",
		Run: func(ctx context.Context, turn Turn) (int, error) {
			erased, err := EraseOld(ctx, store, keep, turn.Now)
			n := 0
			for _, kind := range slices.Sorted(maps.Keys(erased)) {
				n += erased[kind]
				log.Info("personal data erased", "kind", kind, "values", erased[kind])
			}
			return n, err
		},
	}
}

// EraseOld erases what has been kept for long enough, and returns how much by kind. It
// may be killed anywhere and repeated.
//
// A contact and what was typed are kept from the time the rating's form was made, or
// from the last act in its case once that is closed or the review was not adopted; a
// case that is worked on keeps everything. The phone of a message goes once the message
// has ended and cannot be answered any more, that of a visit as long after the visit,
// and a message that came in as long after it came, with its text. Opt-outs stay:
// without the phone there is nothing to heed. So do the phones of those who sign in,
// until somebody takes them back.
func EraseOld(ctx context.Context, store EraseWork, keep time.Duration, now time.Time) (map[survey.SealedKind]int, error) {
	erased := map[survey.SealedKind]int{}
	e := eraser{store: store, before: now.Add(-keep), now: now}
	for _, kind := range survey.SealedKinds {
		err := store.SealedValues(ctx, kind, func(v survey.SealedValue) error {
			over, err := e.over(ctx, v)
			if err != nil || !over {
				return err
			}
			done, err := store.ReplaceSealed(ctx, v, survey.SealedValue{})
			if done {
				erased[kind]++
			}
			return err
		})
		if err != nil {
			return erased, err
		}
	}
	if len(erased) == 0 {
		return erased, nil
	}
	return erased, store.Scrub(ctx)
}

// eraser remembers the last case it looked at: its values come one after the other.
type eraser struct {
	store       EraseWork
	before, now time.Time
	key         survey.Key
	last        survey.Case
	isCase      bool
}

// over reports whether a value has to go.
func (e *eraser) over(ctx context.Context, v survey.SealedValue) (bool, error) {
	switch v.Kind {
	case survey.SealedOptOuts, survey.SealedUsers:
		return false, nil
	case survey.SealedVisits, survey.SealedInbound, survey.SealedInboundText:
		return v.At.Before(e.before), nil
	case survey.SealedMessages:
		m, err := e.store.Message(ctx, string(v.ID))
		if errors.Is(err, survey.ErrNotFound) {
			return false, nil
		}
		return m.Lane() == "" && m.At.Before(e.before) && !e.now.Before(m.OpenUntil), err
	}
	key := v.Response()
	if !key.MadeAt().Before(e.before) {
		return false, nil
	}
	if e.key != key {
		c, err := e.store.Case(ctx, key)
		if err != nil && !errors.Is(err, survey.ErrNotFound) {
			return false, err
		}
		e.key, e.last, e.isCase = key, c, err == nil
	}
	if !e.isCase { // a good rating, or a contact whose response never came
		return true, nil
	}
	settled, at := e.last.Settled()
	return settled && at.Before(e.before), nil
}
