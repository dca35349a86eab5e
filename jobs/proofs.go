package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"manyi/survey"
)

// proofBatch is how many proofs are noted in one run; the rest follow in the next.
const proofBatch = 500

var citizen = survey.Worker{Party: survey.Citizen}

// noteProofs adds to the cases of bad reviews that their citizens proved the phone
// (实名), and returns how many proofs are settled. A good review has no case, and an
// anonymous one stays anonymous: nothing follows from their proofs. That it happens
// here and not in the citizen's request makes all levels answer alike, and a
// crash between the proof and the case costs nothing.
func noteProofs(ctx context.Context, store CaseWork, surveys map[string]survey.Survey, cal survey.Calendar, keys []survey.Key, now time.Time) (done int, err error) {
	for _, key := range keys {
		err := identify(ctx, store, surveys, cal, key, now)
		if errors.Is(err, survey.ErrExists) {
			continue // somebody acts on the case right now: the next run looks again
		}
		if err == nil {
			err = store.NoteProof(ctx, key)
		}
		if err != nil {
			return done, fmt.Errorf("note proof: %w", err)
		}
		done++
	}
	return done, nil
}

func identify(ctx context.Context, store CaseWork, surveys map[string]survey.Survey, cal survey.Calendar, key survey.Key, now time.Time) error {
	c, err := store.Case(ctx, key)
	if errors.Is(err, survey.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	made, sum, err := c.Take(surveys[c.Response.Survey], cal, citizen, now, survey.Entry{Step: survey.StepIdentified})
	var illegal *survey.IllegalStep
	if errors.As(err, &illegal) {
		return nil // noted before, or not to be
	}
	if err != nil {
		return err
	}
	return store.AddEntries(ctx, key, made, sum)
}
