package demo

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"manyi/survey"
)

// Seal encrypts a contact for the response with a key.
type Seal func(c survey.Contact, key survey.Key) (*survey.SealedContact, error)

// workCases opens the case of every bad review of the sample and works it as
// bureaus do: most in time, some late, some not at all.
func workCases(ctx context.Context, store survey.Store, s survey.Survey, now time.Time) error {
	days, err := survey.LoadCalendar(ctx, store)
	if err != nil {
		return err
	}
	rng := mathrand.New(mathrand.NewPCG(2022, 268))
	for {
		owed, err := store.OwedCases(ctx, 200)
		if err != nil || len(owed) == 0 {
			return err
		}
		for _, c := range owed {
			w := worker{Case: c, survey: s, days: days, now: now, rand: rng, at: c.Response.ReceivedAt}
			if err := w.work(); err != nil && !errors.Is(err, errFuture) {
				return err
			}
			if err := store.AddEntries(ctx, c.Response.Key, w.Entries, w.sum); err != nil {
				return err
			}
		}
	}
}

// errFuture means that the next step is yet to come.
var errFuture = errors.New("not yet")

// worker works one case.
type worker struct {
	survey.Case
	sum    survey.CaseSummary
	survey survey.Survey
	days   survey.Calendar
	now    time.Time
	rand   *mathrand.Rand
	at     time.Time
}

var (
	supervisor = survey.Worker{Name: "示例主管", Party: survey.Own}
	chief      = survey.Worker{Name: "示例市局", Party: survey.Higher}
	citizen    = survey.Worker{Party: survey.Citizen}
	system     = survey.Worker{Party: survey.System}
)

func (w *worker) chance(share float64) bool { return w.rand.Float64() < share }

// take lets some hours pass and takes a step.
func (w *worker) take(hours int, who survey.Worker, e survey.Entry) error {
	at := w.at.Add(time.Duration(hours) * time.Hour)
	if at.After(w.now) {
		return errFuture
	}
	w.at = at
	if e.Note == "" && e.Step.NeedsNote() {
		e.Note = "（示例）"
	}
	made, sum, err := w.Take(w.survey, w.days, who, at, e)
	w.Entries = append(w.Entries, made...)
	if err == nil {
		w.sum = sum
	}
	return err
}

func (w *worker) work() error {
	if err := w.take(0, system, survey.Entry{Step: survey.StepOpened}); err != nil || w.chance(0.06) {
		return err
	}
	reached := survey.OutcomeNoContact
	if w.Reachable {
		reached = survey.OutcomeReached
		if err := w.take(1+w.rand.IntN(5), supervisor, survey.Entry{Step: survey.StepRevealed, Note: "（示例）联系评价人"}); err != nil {
			return err
		}
	}
	if w.chance(0.1) {
		w.at = w.at.Add(72 * time.Hour)
	}
	if err := w.take(1+w.rand.IntN(16), supervisor, survey.Entry{Step: survey.StepContacted, Outcome: reached}); err != nil {
		return err
	}
	if w.chance(0.08) {
		if err := w.take(3, supervisor, survey.Entry{Step: survey.StepExclusionAsked, Ground: survey.GroundMistaken, Note: "（示例）评价人说点错了"}); err != nil {
			return err
		}
		decision := survey.StepExclusionGranted
		if w.chance(0.5) {
			decision = survey.StepExclusionRefused
		}
		if err := w.take(24, chief, survey.Entry{Step: decision, Note: "（示例）已核对"}); err != nil || decision == survey.StepExclusionGranted {
			return err
		}
	}
	if err := w.take(1+w.rand.IntN(20), supervisor, survey.Entry{Step: survey.StepVerified, Note: "（示例）情况属实"}); err != nil {
		return err
	}
	repair := survey.Entry{Step: survey.StepRectified, Note: "（示例）已增开窗口"}
	if w.chance(0.15) {
		repair = survey.Entry{Step: survey.StepExplained, Note: "（示例）已说明政策"}
	}
	hours := 24 + w.rand.IntN(6*24)
	if w.chance(0.1) {
		hours += 14 * 24
	}
	if err := w.take(hours, supervisor, repair); err != nil {
		return err
	}
	if w.Reachable {
		if err := w.callBack(); err != nil {
			return err
		}
	}
	return w.take(20, supervisor, survey.Entry{Step: survey.StepClosed})
}

// callBack calls the citizen back, and lets most of them say what they think.
func (w *worker) callBack() error {
	outcomes := []survey.Outcome{survey.OutcomeSatisfied}
	switch x := w.rand.Float64(); {
	case x < 0.08:
		outcomes = []survey.Outcome{survey.OutcomeUnreachable, survey.OutcomeUnreachable, survey.OutcomeUnreachable}
	case x < 0.18:
		outcomes = []survey.Outcome{survey.OutcomeUnsatisfied, survey.OutcomeSatisfied}
	case x < 0.22:
		outcomes = []survey.Outcome{survey.OutcomeRefused}
	case x < 0.4:
		outcomes = []survey.Outcome{survey.OutcomeBasically}
	}
	for _, o := range outcomes {
		if err := w.take(24, supervisor, survey.Entry{Step: survey.StepCallback, Outcome: o}); err != nil {
			return err
		}
		if o == survey.OutcomeUnsatisfied {
			if err := w.take(40, supervisor, survey.Entry{Step: survey.StepRectified, Note: "（示例）重新整改"}); err != nil {
				return err
			}
		}
	}
	if !w.chance(0.6) {
		return nil
	}
	said := survey.Entry{Step: survey.StepSaid, Outcome: survey.OutcomeSolved, Level: survey.Satisfied}
	if w.chance(0.3) {
		said.Level = survey.BasicallySatisfied
	}
	return w.take(10, citizen, said)
}
