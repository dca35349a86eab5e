package jobs

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"manyi/survey"
)

// AnnounceWork is what the job that tells of publications stands on.
type AnnounceWork interface {
	survey.PublicationStore
	survey.DeliveryStore
	survey.JobStore
}

const (
	// announcedFor is how long a publication is announced if it was not. It has to be
	// shorter than what ended is kept, or it would be announced again.
	announcedFor = 7 * 24 * time.Hour
	// storedWithin is more than lies between the time a publication is of and its
	// being stored.
	storedWithin = time.Hour
)

// AnnounceJob queues that there is a publication, once for each channel. Whoever hears
// of it finds it under base and its id. It looks every minute.
func AnnounceJob(store AnnounceWork, base string, channels ...string) Job {
	const name = "announce"
	return Job{
		Name:     name,
		Schedule: "0 * * * * *",
		Due: func(ctx context.Context) (bool, error) {
			runs, err := store.LastRuns(ctx)
			if err != nil {
				return false, err
			}
			var since time.Time
			for _, r := range runs {
				if r.Job == name && r.Error == "" {
					since = r.StartedAt.Add(-storedWithin)
				}
			}
			some := false
			err = store.Publications(ctx, survey.PublicationQuery{Here: true}, func(p survey.Publication) error {
				some = some || p.At.After(since)
				return nil
			})
			return some, err
		},
		Run: func(ctx context.Context, turn Turn) (int, error) {
			return Announce(ctx, store, base, channels, turn.Now)
		},
	}
}

// Announcement is what is sent of a publication: enough to fetch it and to see that it
// is the one that was meant.
type Announcement struct {
	ID          string    `json:"id"`   // the same if it comes twice
	Kind        string    `json:"kind"` // publication
	Publication string    `json:"publication"`
	Survey      string    `json:"survey"`
	Period      string    `json:"period"`
	No          int       `json:"no"`
	Corrects    int       `json:"corrects,omitempty"` // number of the publication it corrects
	Sample      bool      `json:"sample,omitempty"`   // of demonstration data
	SHA256      string    `json:"sha256"`             // of the public document
	URL         string    `json:"url"`                // of the public document
	At          time.Time `json:"at"`
}

// Announce queues what was published in the week before now and is not queued yet, and
// returns how many announcements were new. It may be killed anywhere and run twice at
// once: an announcement's key is queued once.
func Announce(ctx context.Context, store AnnounceWork, base string, channels []string, now time.Time) (int, error) {
	now = now.UTC().Truncate(time.Millisecond)
	var list []survey.Delivery
	err := store.Publications(ctx, survey.PublicationQuery{Here: true}, func(p survey.Publication) error {
		if !p.Public.There() || p.At.Before(now.Add(-announcedFor)) {
			return nil
		}
		for _, channel := range channels {
			d := survey.Delivery{Key: channel + "/publication/" + p.PublicationID.String(), Channel: channel, MadeAt: now, State: survey.DeliveryWaiting, At: now}
			body, err := json.Marshal(Announcement{ID: d.ID(), Kind: "publication", Publication: p.PublicationID.String(), Survey: p.Survey, Period: p.Period, No: p.No,
				Corrects: p.Corrects, Sample: p.Sample, SHA256: hex.EncodeToString(p.Public.SHA256[:]), URL: base + p.PublicationID.String(), At: p.At})
			if err != nil {
				return err
			}
			d.Body = body
			list = append(list, d)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return store.AddDeliveries(ctx, list)
}
