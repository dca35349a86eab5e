package jobs

import (
	"context"
	"fmt"
	"time"

	"manyi/survey"
)

// rollUpBatch is how many buckets are stored together: enough to share a sync,
// few enough that a citizen's response never waits long behind it.
const rollUpBatch = 200

// RollUp (汇总) brings the stored tallies up to date and returns how many buckets
// it counted. It reads marks, not clocks: a bucket is counted whole, stored, and
// unmarked only if nothing was added meanwhile. So it may be killed anywhere,
// repeated, or run twice at once, and the counts come out the same. fence is
// that of the lease it runs under: once it has begun, holders of earlier leases
// store nothing any more (survey.ErrFenced).
func RollUp(ctx context.Context, store survey.TallyStore, fence int64, now time.Time) (int, error) {
	if err := store.PutTallies(ctx, fence, nil, now); err != nil {
		return 0, fmt.Errorf("begin a roll-up: %w", err)
	}
	done := 0
	for _, step := range survey.Steps {
		n, err := rollStep(ctx, store, step, fence, now)
		done += n
		if err != nil {
			return done, fmt.Errorf("roll up step %d: %w", step, err)
		}
	}
	return done, nil
}

// rollStep counts the marked buckets of one step. Windows that are rated all the
// time are marked all the time; the number of rounds is fixed at the start so
// that the coarser steps get their turn.
func rollStep(ctx context.Context, store survey.TallyStore, step survey.Step, fence int64, now time.Time) (done int, err error) {
	marked, _, err := store.Rolled(ctx)
	if err != nil {
		return 0, err
	}
	for range marked/rollUpBatch + 1 {
		marks, err := store.Marks(ctx, step, rollUpBatch)
		if err != nil || len(marks) == 0 {
			return done, err
		}
		counted := make([]survey.CountedBucket, len(marks))
		for i, m := range marks {
			t, err := store.Count(ctx, m.Bucket)
			if err != nil {
				return done, err
			}
			counted[i] = survey.CountedBucket{Mark: m, Tally: t}
		}
		if err := store.PutTallies(ctx, fence, counted, now); err != nil {
			return done, err
		}
		done += len(counted)
		if len(marks) < rollUpBatch {
			break
		}
	}
	return done, nil
}
