package jobs

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"manyi/survey"
)

// CaseWork is what the jobs about cases stand on.
type CaseWork interface {
	survey.SurveyStore
	survey.CaseStore
	survey.CaseSheetStore
	survey.CalendarStore
	survey.ProofStore
}

var system = survey.Worker{Party: survey.System}

// CasesJob opens the cases that bad responses owe, sets the deadlines that waited
// for a calendar, and notes whose phone was proved, every five seconds. followUp is the hash a case is found
// by when its citizen comes back.
func CasesJob(store CaseWork, followUp func(survey.Key) []byte) Job {
	return Job{
		Name:     "cases",
		Schedule: "*/5 * * * * *",
		Due: func(ctx context.Context) (bool, error) {
			owed, err := store.OwedCases(ctx, 1)
			if err != nil || len(owed) > 0 {
				return err == nil, err
			}
			proofs, err := store.OwedProofs(ctx, 1)
			if err != nil || len(proofs) > 0 {
				return err == nil, err
			}
			n, err := eachPending(ctx, store, time.Time{}, 1, func(survey.Case, []survey.Entry, survey.CaseSummary) error { return nil })
			return n > 0, err
		},
		Run: func(ctx context.Context, turn Turn) (int, error) { return OpenCases(ctx, store, followUp, turn.Now) },
	}
}

// caseBatch is how many cases are read at a time.
const caseBatch = 200

// OpenCases adds what the system owes to cases, and returns to how many. It may be
// killed anywhere and run twice at once: an entry's number is taken once.
func OpenCases(ctx context.Context, store CaseWork, followUp func(survey.Key) []byte, now time.Time) (done int, err error) {
	surveys, err := surveysByID(ctx, store)
	if err != nil {
		return 0, err
	}
	cal, err := survey.LoadCalendar(ctx, store)
	if err != nil {
		return 0, err
	}
	// Looked for before the owed cases: whatever has a proof by now has a case below.
	proofs, err := store.OwedProofs(ctx, proofBatch)
	if err != nil {
		return 0, err
	}
	for {
		owed, err := store.OwedCases(ctx, caseBatch)
		if err != nil {
			return done, err
		}
		var list []survey.Opening
		for _, c := range owed {
			s, ok := surveys[c.Response.Survey]
			if !ok {
				return done, fmt.Errorf("open case: survey %s: %w", c.Response.Survey, survey.ErrNotFound)
			}
			made, sum, err := c.Take(s, cal, system, now, survey.Entry{Step: survey.StepOpened})
			var illegal *survey.IllegalStep
			if errors.As(err, &illegal) {
				continue // another run opened it while it was being read
			}
			if err != nil {
				return done, fmt.Errorf("open case: %w", err)
			}
			sum.Follow = followUp(c.Response.Key)
			list = append(list, survey.Opening{Key: c.Response.Key, Entries: made, Summary: sum})
		}
		n, err := store.OpenCases(ctx, list)
		if done += n; err != nil {
			return done, err
		}
		if len(owed) < caseBatch {
			break
		}
	}
	n, err := noteProofs(ctx, store, surveys, cal, proofs, now)
	if done += n; err != nil {
		return done, err
	}
	n, err = eachPending(ctx, store, now, 0, func(c survey.Case, made []survey.Entry, sum survey.CaseSummary) error {
		if err := store.AddEntries(ctx, c.Response.Key, made, sum); err != nil && !errors.Is(err, survey.ErrExists) {
			return err
		}
		return nil
	})
	return done + n, err
}

// eachPending calls do for up to most cases (0 for all) whose missing deadlines the
// calendar tells by now, with the entries that set them.
func eachPending(ctx context.Context, store CaseWork, now time.Time, most int, do func(survey.Case, []survey.Entry, survey.CaseSummary) error) (n int, err error) {
	surveys, err := surveysByID(ctx, store)
	if err != nil {
		return 0, err
	}
	cal, err := survey.LoadCalendar(ctx, store)
	if err != nil {
		return 0, err
	}
	enough := errors.New("enough")
	err = store.Cases(ctx, survey.CaseQuery{Pending: true}, func(c survey.Case) error {
		made, sum, err := c.Take(surveys[c.Response.Survey], cal, system, now, survey.Entry{Step: survey.StepClock})
		var illegal *survey.IllegalStep
		if errors.As(err, &illegal) {
			return nil // still not known
		}
		if err == nil {
			err = do(c, made, sum)
		}
		if n++; err == nil && n == most {
			err = enough
		}
		return err
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return n, err
}

func surveysByID(ctx context.Context, store survey.SurveyStore) (map[string]survey.Survey, error) {
	all, err := store.Surveys(ctx)
	out := make(map[string]survey.Survey, len(all))
	for _, s := range all {
		out[s.ID] = s
	}
	return out, err
}

// countedFor is how long after a survey's end its cases are counted every night:
// longer than any deadline.
const countedFor = 400

// CaseSheetsJob counts the cases of every survey as of the end of the day before.
// It looks once an hour, so that a night without power is made up for.
func CaseSheetsJob(store CaseWork) Job {
	return Job{
		Name:     "case_sheets",
		Schedule: "30 5 * * * *",
		Run: func(ctx context.Context, turn Turn) (done int, err error) {
			all, err := store.Surveys(ctx)
			for _, s := range all {
				day := survey.DayOf(turn.Now, s.Location()).Plus(-1)
				if day < s.FirstDay() || day > s.LastDay().Plus(countedFor) {
					continue
				}
				added, failed := PutSheet(ctx, store, s, day, turn.Now)
				if failed != nil {
					failed = fmt.Errorf("count the cases of %s on %s: %w", s.ID, day, failed)
				}
				if failed != nil && !errors.Is(failed, ErrUnexplained) {
					return done, failed
				}
				err = errors.Join(err, failed)
				if added {
					done++
				}
			}
			return done, err
		},
	}
}

// ErrUnexplained means that a day was counted anew and differs, and that nothing on
// record says why: the sheet is stored, and somebody has to look into it.
var ErrUnexplained = errors.New("the day was counted before with other numbers, and nothing on record explains the difference; see the rates page of that day")

// ErrOwed means that cases of the day, or too many to tell, are not opened yet: a sheet
// without them would be wrong, and the job that opens them is seconds away.
var ErrOwed = errors.New("bad reviews of the day still owe their cases; the sheet is made when those are opened")

// PutSheet counts the cases of a survey as they stood at the end of a day, and keeps
// the sheet unless the last one of that day says the same. Where it says something
// else, the cases are gone through once more to find out why; ErrUnexplained if that
// fails. ErrOwed if
// cases are not opened yet. They are read one page at a time; what is held grows with
// bureaus and months only.
func PutSheet(ctx context.Context, store CaseWork, s survey.Survey, day survey.Span, now time.Time) (added bool, err error) {
	sheet := survey.CaseSheet{Survey: s.ID, AsOf: day, No: 1, MadeAt: now.UTC().Truncate(time.Millisecond), Counting: survey.Counting,
		Bureaus: map[string]map[survey.Span]survey.CaseTally{}}
	owed, err := store.OwedCases(ctx, caseBatch)
	if err != nil {
		return false, err
	}
	if len(owed) == caseBatch || slices.ContainsFunc(owed, func(c survey.Case) bool { return c.Response.Survey == s.ID && c.Response.Day <= day }) {
		return false, ErrOwed
	}
	zone, end := s.Location(), day.Plus(1).Start(s.Location())
	cases := survey.CaseQuery{Survey: s.ID, To: day}
	err = store.Cases(ctx, cases, func(c survey.Case) error {
		bureau := survey.BureauOf(c.Response.Path.Window())
		months := sheet.Bureaus[bureau]
		if months == nil {
			months = map[survey.Span]survey.CaseTally{}
			sheet.Bureaus[bureau] = months
		}
		t := months[c.Response.Day.Month()]
		t.Add(c, c.Progress(end, zone), day)
		months[c.Response.Day.Month()] = t
		return nil
	})
	if err != nil {
		return false, err
	}
	last, err := store.CaseSheet(ctx, s.ID, day)
	switch {
	case err == nil && reflect.DeepEqual(last.Bureaus, sheet.Bureaus):
		return false, nil
	case err == nil:
		sheet.No = last.No + 1
		why := survey.NewRecount(last, sheet, zone)
		if err := store.Cases(ctx, cases, func(c survey.Case) error { why.Add(c); return nil }); err != nil {
			return false, err
		}
		sheet.Changes = append(last.Changes, why.Changes()...)
	case !errors.Is(err, survey.ErrNotFound):
		return false, err
	}
	err = store.PutCaseSheet(ctx, sheet)
	switch {
	case errors.Is(err, survey.ErrExists): // another run was faster
		return false, nil
	case err != nil:
		return false, err
	case slices.ContainsFunc(sheet.Changes, func(c survey.SheetChange) bool { return c.No == sheet.No && !c.Explained }):
		return true, ErrUnexplained
	}
	return true, nil
}
