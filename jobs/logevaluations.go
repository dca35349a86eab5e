package jobs

import (
	"context"
	"errors"
	"fmt"

	"manyi/stats/proof"
	"manyi/survey"
)

// openEvaluations keeps what opens every version of an evaluation that was submitted. One
// that is there stays.
func (l Logger) openEvaluations(ctx context.Context, surveys map[string]survey.Survey) error {
	instruments := map[string]survey.Instrument{} // by survey
	add, keep := l.opener(ctx)
	err := l.Store.Evaluations(ctx, "", "", func(e survey.Evaluation) error {
		s, ok := surveys[e.Survey]
		if !ok {
			return nil
		}
		i, known := instruments[s.ID]
		if !known {
			var err error
			if i, err = s.Instrument(ctx, l.Store); errors.Is(err, survey.ErrNotFound) {
				return fmt.Errorf("the instrument %s of survey %s is not stored: restore it from a backup", s.Rules.Instrument, s.ID)
			} else if err != nil {
				return err
			}
			instruments[s.ID] = i
		}
		for _, state := range e.Submissions() {
			tag := l.Keys.EvaluationTag(e.EvaluationID)
			o, err := proof.OfEvaluation(e.EvaluationID, state, i, s.Location(), l.Keys).
				Opening(fmt.Appendf(nil, "%s/%04d", tag, state.SubmittedVersion), proof.EvaluationGroup(s.ID))
			if err != nil {
				return err
			}
			if err := add(o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return keep()
}
