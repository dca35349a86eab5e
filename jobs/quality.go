package jobs

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"manyi/stats/quality"
	"manyi/survey"
)

// QualityWork is what the job that looks for quality flags stands on.
type QualityWork interface {
	survey.SurveyStore
	survey.PlaceStore
	survey.ResponseStore
	survey.TallyStore
	survey.QualityStore
}

const (
	// lookedAgain is how many of the last days are looked at anew, once a day: what
	// was kept on a node's disk and lists of visits come in late.
	lookedAgain = 7
	// lookedBack is how many days are made up for after a time without the job.
	lookedBack = 36
)

// QualityJob looks for quality flags in the days that are over. It looks once an hour
// for days that were not looked at.
func QualityJob(store QualityWork) Job {
	return Job{
		Name:     "quality",
		Schedule: "30 35 * * * *",
		Run: func(ctx context.Context, turn Turn) (done int, err error) {
			places, err := store.Places(ctx)
			if err != nil {
				return 0, err
			}
			surveys, err := store.Surveys(ctx)
			if err != nil {
				return 0, err
			}
			tree, faults := survey.NewTree(places)
			if len(faults) > 0 {
				return 0, faults
			}
			for _, s := range surveys {
				n, err := LookForFlags(ctx, store, s, tree, turn.Now)
				if done += n; err != nil {
					return done, fmt.Errorf("look for quality flags of %s: %w", s.ID, err)
				}
			}
			return done, nil
		},
	}
}

// LookForFlags judges the days of a survey that are over at now and were not judged, or
// not today, and returns how many sheets came out new. What it holds grows with the
// windows and the ratings of one day. It may be killed anywhere and run twice at once.
func LookForFlags(ctx context.Context, store QualityWork, s survey.Survey, tree *survey.Tree, now time.Time) (done int, err error) {
	var bureaus []string
	for _, b := range tree.All(survey.Bureau, tree.Root()) {
		if s.Candidate(b.Code) {
			bureaus = append(bureaus, b.Code)
		}
	}
	today := survey.DayOf(now, s.Location())
	last := min(today.Plus(-1), s.LastDay())
	first := max(s.FirstDay(), last.Plus(1-lookedBack))
	if len(bureaus) == 0 || first > last || today > s.LastDay().Plus(lookedBack) {
		return 0, nil
	}
	// The sheet of the first bureau is stored last: if it is there, the day is whole.
	judged := map[survey.Span]survey.Span{} // when
	err = store.Quality(ctx, s.ID, bureaus[0], first, last, func(q survey.QualitySheet) error {
		if q.Rules == quality.Rules {
			judged[q.Day] = survey.DayOf(q.MadeAt, s.Location())
		}
		return nil
	})
	for day := first; day <= last && err == nil; day = day.Plus(1) {
		when, ok := judged[day]
		if ok && (when == today || day <= last.Plus(-lookedAgain)) {
			continue
		}
		var n int
		n, err = judgeDay(ctx, store, s, bureaus, day, now)
		done += n
	}
	return done, err
}

// judgeDay judges one day of all bureaus.
func judgeDay(ctx context.Context, store QualityWork, s survey.Survey, bureaus []string, day survey.Span, now time.Time) (done int, err error) {
	past := map[string]quality.Past{}
	month := monthsInterviews{}
	since := day.Plus(-quality.PastDays)
	if err := store.Quality(ctx, s.ID, "", min(since, day.FirstDay()), day.Plus(-1), func(q survey.QualitySheet) error {
		if q.Day >= day.FirstDay() {
			month.add(q)
		}
		if q.Day < since {
			return nil
		}
		for window, t := range q.Traces {
			p := past[window]
			p.Add(t)
			past[window] = p
		}
		return nil
	}); err != nil {
		return 0, err
	}
	before := map[string]survey.QualitySheet{}
	if err := store.Quality(ctx, s.ID, "", day, day, func(q survey.QualitySheet) error { before[q.Bureau] = q; return nil }); err != nil {
		return 0, err
	}
	sheets := map[string]*survey.QualitySheet{}
	sheetOf := func(place string) *survey.QualitySheet {
		bureau := survey.BureauOf(place)
		if sheets[bureau] == nil {
			sheets[bureau] = &survey.QualitySheet{Survey: s.ID, Bureau: bureau, Day: day, Rules: quality.Rules}
		}
		return sheets[bureau]
	}
	days := map[string]*quality.Day{}
	if err := store.Responses(ctx, survey.ResponseQuery{Survey: s.ID, From: day, To: day}, func(r survey.Listed) error {
		window := r.Path.Window()
		if days[window] == nil {
			days[window] = quality.NewDay(window, day, s.Location())
		}
		days[window].Add(r.Response)
		if r.Interview != nil {
			sheetOf(window).AddInterview(r.Interview.By, quality.TraceOf(r.Response))
		}
		return nil
	}); err != nil {
		return 0, err
	}
	served := map[string]int64{}
	if err := store.Tallies(ctx, survey.TallyQuery{Survey: s.ID, Kind: survey.Window, From: day, To: day, Question: survey.NoQuestion}, func(b survey.Bucket, t survey.Tally) error {
		served[b.Place] = t.Served
		return nil
	}); err != nil {
		return 0, err
	}
	var flags []survey.QualityFlag
	for window, d := range days {
		if t := d.Trace(); t.N > 0 {
			q := sheetOf(window)
			if q.Traces == nil {
				q.Traces = map[string]survey.QualityTrace{}
			}
			q.Traces[window] = t
		}
		flags = append(flags, d.Flags(past[window], served[window])...)
	}
	if quality.LastOfMonth(day, s) {
		for _, q := range sheets {
			month.add(*q)
		}
		flags = append(flags, month.flags(day)...)
		if err := store.Tallies(ctx, survey.TallyQuery{Survey: s.ID, Kind: survey.Window, From: day.Month(), To: day.Month(), Question: survey.Overall}, func(b survey.Bucket, t survey.Tally) error {
			if f := quality.Channels(b.Place, day, t, s.Rules); f != nil {
				flags = append(flags, *f)
			}
			return nil
		}); err != nil {
			return 0, err
		}
	}
	slices.SortFunc(flags, func(a, b survey.QualityFlag) int {
		return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.By, b.By))
	})
	for _, f := range flags {
		q := sheetOf(f.Window)
		q.Flags = append(q.Flags, f)
	}
	for _, bureau := range slices.Backward(bureaus) {
		q := *sheetOf(bureau)
		old := before[bureau]
		q.MadeAt = old.MadeAt
		if reflect.DeepEqual(q, old) && bureau != bureaus[0] {
			continue
		}
		if !reflect.DeepEqual(q, old) {
			done++
		}
		q.MadeAt = now.UTC().Truncate(time.Millisecond)
		if err := store.PutQuality(ctx, q); err != nil {
			return done, err
		}
	}
	return done, nil
}

// monthsInterviews is what interviews a month brought, by bureau and interviewer.
type monthsInterviews map[[2]string]survey.InterviewTrace

// add takes a day of a bureau.
func (m monthsInterviews) add(q survey.QualitySheet) {
	for by, t := range q.Interviews {
		t.Add(m[[2]string{q.Bureau, by}])
		m[[2]string{q.Bureau, by}] = t
	}
}

// flags judges each interviewer at each bureau.
func (m monthsInterviews) flags(day survey.Span) (flags []survey.QualityFlag) {
	for of, month := range m {
		if f := quality.Interviewer(of[1], of[0], day, month); f != nil {
			flags = append(flags, *f)
		}
	}
	return flags
}
