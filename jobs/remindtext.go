package jobs

import (
	"context"
	"fmt"
	"time"

	"manyi/survey"
)

// RemindTextWork is what the job that reminds by text message stands on.
type RemindTextWork interface {
	Reminding
	survey.PlaceStore
	survey.AccountStore
	survey.MessageStore
}

// UserPhones opens the phones of users and seals them for messages.
type UserPhones interface {
	OfUser(u survey.User) (string, error)
	ForMessage(id, phone string) (survey.SealedContact, error)
}

// Texting is how reminders become text messages.
type Texting struct {
	Store  RemindTextWork
	Phones UserPhones
	// Text is what a reminder says, given the bureau's name.
	Text func(r survey.Reminder, bureau string) string
	Zone *time.Location // in which it is day or night
}

// Text messages wake people: they leave in the daytime only.
const textsFrom, textsTo = 8, 20 // hours

// RemindTextJob queues a text message for each reminder that cases owe, to everybody
// who supervises the bureau and left a phone. It looks every ten minutes in the
// daytime.
func RemindTextJob(texting Texting) Job {
	return Job{
		Name:     "remind_text",
		Schedule: fmt.Sprintf("30 */10 %d-%d * * *", textsFrom, textsTo-1),
		Run:      func(ctx context.Context, turn Turn) (int, error) { return texting.Remind(ctx, turn.Now) },
	}
}

// Remind queues what is owed on the day of now, and returns how many messages were
// new: one for each reminder and user. What is not handed over by the evening is not
// sent at night, nor later: the console still counts it. It may be killed anywhere
// and run twice at once.
func (t Texting) Remind(ctx context.Context, now time.Time) (done int, err error) {
	now = now.UTC().Truncate(time.Millisecond)
	local := now.In(t.Zone)
	evening := time.Date(local.Year(), local.Month(), local.Day(), textsTo, 0, 0, 0, t.Zone).UTC()
	morning := time.Date(local.Year(), local.Month(), local.Day(), textsFrom, 0, 0, 0, t.Zone)
	if now.Before(morning) || !now.Before(evening) {
		return 0, nil // run by hand at night
	}
	readers, err := t.readers(ctx)
	if err != nil || len(readers) == 0 {
		return 0, err
	}
	places, err := t.Store.Places(ctx)
	if err != nil {
		return 0, err
	}
	names := map[string]string{}
	for _, p := range places {
		names[p.Code] = p.Name
	}
	err = reminders(ctx, t.Store, now, func(_ survey.Survey, owed []survey.Reminder) error {
		var list []survey.Message
		for _, r := range owed {
			for _, reader := range readers[r.Bureau] {
				m := survey.Message{Key: "text/" + reader.name + "/" + r.Key(), Kind: survey.MessageReminder, Survey: r.Survey, Window: r.Window,
					Language: "zh", Text: t.Text(r, names[r.Bureau]), MadeAt: now, Until: evening, State: survey.MessageQueued, At: now}
				if m.Phone, err = t.Phones.ForMessage(m.ID(), reader.phone); err != nil {
					return err
				}
				list = append(list, m)
			}
		}
		n, err := t.Store.AddMessages(ctx, list)
		done += n
		return err
	})
	return done, err
}

// reader is somebody reminders go to.
type reader struct{ name, phone string }

// readers are the supervisors of each bureau who left a phone.
func (t Texting) readers(ctx context.Context) (map[string][]reader, error) {
	users, err := t.Store.Users(ctx)
	readers := map[string][]reader{}
	for _, u := range users {
		if u.Phone == nil || u.Role != survey.Supervisor || survey.BureauOf(u.Place) != u.Place || u.Place == "" {
			continue
		}
		phone, err := t.Phones.OfUser(u)
		if err != nil {
			return nil, fmt.Errorf("the phone of user %s: %w", u.Name, err)
		}
		readers[u.Place] = append(readers[u.Place], reader{u.Name, phone})
	}
	return readers, err
}
