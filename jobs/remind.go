package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"manyi/survey"
)

// RemindWork is what the job that makes reminders stands on.
type RemindWork interface {
	Reminding
	survey.DeliveryStore
}

// RemindJob queues the reminders that cases owe, once for each channel. It looks
// every ten minutes from eight to eight, since people read what comes of it.
func RemindJob(store RemindWork, address func(survey.Key) string, channels ...string) Job {
	return Job{
		Name:     "remind",
		Schedule: "0 */10 8-19 * * *",
		Run: func(ctx context.Context, turn Turn) (int, error) {
			return Remind(ctx, store, address, channels, turn.Now)
		},
	}
}

// Notice is a reminder as it leaves the house. It says which case is meant and
// nothing of what the citizen said, left or is called.
type Notice struct {
	ID       string           `json:"id"`   // the same if it comes twice
	Kind     string           `json:"kind"` // reminder_before, reminder_overdue
	Survey   string           `json:"survey"`
	Sample   bool             `json:"sample,omitempty"` // of demonstration data
	Bureau   string           `json:"bureau"`
	Window   string           `json:"window"`
	Case     string           `json:"case"` // its page is /console/cases/ and this
	State    survey.CaseState `json:"state"`
	Deadline string           `json:"deadline"` // contact, rectify, callback
	LastDay  string           `json:"last_day"` // YYYY-MM-DD, in the survey's zone
	MadeAt   time.Time        `json:"made_at"`
}

// Remind queues what is owed on the day of now, and returns how many reminders were
// new. Its cost grows with the cases whose deadlines are near. It may be killed
// anywhere and run twice at once: a reminder's key is queued once.
func Remind(ctx context.Context, store RemindWork, address func(survey.Key) string, channels []string, now time.Time) (done int, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	err = reminders(ctx, store, now, func(s survey.Survey, owed []survey.Reminder) error {
		var list []survey.Delivery
		for _, r := range owed {
			for _, channel := range channels {
				d, err := notice(s, r, address(r.Case), channel, now)
				if err != nil {
					return err
				}
				list = append(list, d)
			}
		}
		n, err := store.AddDeliveries(ctx, list)
		done += n
		return err
	})
	return done, err
}

// Reminding is what reminders follow from.
type Reminding interface {
	survey.SurveyStore
	survey.CaseStore
	survey.CalendarStore
}

// reminders gives those owed on the day of now, page by page.
func reminders(ctx context.Context, store Reminding, now time.Time, give func(survey.Survey, []survey.Reminder) error) error {
	surveys, err := store.Surveys(ctx)
	if err != nil {
		return err
	}
	cal, err := survey.LoadCalendar(ctx, store)
	if err != nil {
		return err
	}
	for _, s := range surveys {
		today := survey.DayOf(now, s.Location())
		if today < s.FirstDay() || today > s.LastDay().Plus(countedFor) {
			continue
		}
		for _, q := range s.ReminderQueries(today, cal) {
			err := casesByDeadline(ctx, store, q, func(page []survey.Case) error {
				var owed []survey.Reminder
				for _, c := range page {
					owed = append(owed, c.Reminders(c.Progress(time.Time{}, s.Location()), today, cal)...)
				}
				return give(s, owed)
			})
			if err != nil {
				return fmt.Errorf("remind of the cases of %s: %w", s.ID, err)
			}
		}
	}
	return nil
}

func notice(s survey.Survey, r survey.Reminder, address, channel string, now time.Time) (survey.Delivery, error) {
	d := survey.Delivery{Key: channel + "/" + r.Key(), Channel: channel, MadeAt: now, State: survey.DeliveryWaiting, At: now}
	body, err := json.Marshal(Notice{ID: d.ID(), Kind: "reminder_" + string(r.Kind), Survey: r.Survey, Sample: s.Sample, Bureau: r.Bureau, Window: r.Window,
		Case: address, State: r.State, Deadline: r.Deadline, LastDay: r.LastDay.String(), MadeAt: now})
	d.Body = body
	return d, err
}

// casesByDeadline reads cases page by page, those due first.
func casesByDeadline(ctx context.Context, store survey.CaseStore, q survey.CaseQuery, give func([]survey.Case) error) error {
	for q.Limit = caseBatch; ; {
		var page []survey.Case
		err := store.Cases(ctx, q, func(c survey.Case) error {
			page = append(page, c)
			return nil
		})
		if err == nil && len(page) > 0 {
			err = give(page)
		}
		if err != nil || len(page) < q.Limit {
			return err
		}
		last := page[len(page)-1]
		q.After = survey.CaseCursor{Next: last.Summary.Next, Key: last.Response.Key}
	}
}
