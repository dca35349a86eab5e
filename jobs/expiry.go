package jobs

import (
	"context"

	"manyi/survey"
)

// ExpiryJob drops what has served its time, every ten minutes.
func ExpiryJob(store survey.ExpiryStore) Job {
	return Job{
		Name:     "expiry",
		Schedule: "15 */10 * * * *",
		Run:      func(ctx context.Context, turn Turn) (int, error) { return store.Expire(ctx, turn.Now) },
	}
}
