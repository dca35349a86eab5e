package jobs_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

func TestAPublicationIsAnnouncedOnce(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	put := func(p survey.Publication) survey.Publication {
		t.Helper()
		if err := store.PutPublication(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	job := jobs.AnnounceJob(store, "https://pj.example.gov.cn/api/v1/publications/", "webhook")
	due := func(want bool) {
		t.Helper()
		if got, err := job.Due(t.Context()); err != nil || got != want {
			t.Errorf("due %v, %v, want %v", got, err, want)
		}
	}
	run := func(now time.Time, want int) {
		t.Helper()
		n, err := job.Run(t.Context(), jobs.Turn{Now: now})
		if err == nil {
			err = store.AddRun(t.Context(), survey.Run{Job: job.Name, StartedAt: now, FinishedAt: now, Done: n})
		}
		if err != nil || n != want {
			t.Errorf("%d announced, %v, want %d", n, err, want)
		}
	}
	due(false)
	put(storetest.TakenPublication("manyi+1+A", "2024", 7))
	due(false) // it is not ours to announce
	first := put(storetest.Publication("2024", 1))
	due(true)
	run(first.At.Add(time.Minute), 1)
	due(true) // another may be on its way to the store
	run(first.At.Add(2*time.Hour), 0)
	due(false)
	second := storetest.Publication("2024", 2)
	second.At, second.Sample = first.At.Add(90*time.Minute), true
	put(second)
	due(true)
	run(first.At.Add(2*time.Hour), 1)

	old := storetest.Publication("2023", 1)
	old.At = first.At.AddDate(-1, 0, 0)
	put(old)
	run(first.At.Add(3*time.Hour), 0) // nobody waits for it any more

	var got []jobs.Announcement
	err = store.Deliveries(t.Context(), survey.DeliveryWaiting, func(d survey.Delivery) error {
		var a jobs.Announcement
		err := json.Unmarshal(d.Body, &a)
		if a.ID != d.ID() || d.Channel != "webhook" {
			t.Errorf("%s goes by %s and says it is %s", d.Key, d.Channel, a.ID)
		}
		a.ID = ""
		got = append(got, a)
		return err
	})
	want := []jobs.Announcement{
		{Kind: "publication", Publication: "y2024/2024/1", Survey: "y2024", Period: "2024", No: 1, At: first.At},
		{Kind: "publication", Publication: "y2024/2024/2", Survey: "y2024", Period: "2024", No: 2, Corrects: 1, Sample: true, At: second.At},
	}
	for i, p := range []survey.Publication{first, second} {
		want[i].SHA256 = hex.EncodeToString(p.Public.SHA256[:])
		want[i].URL = "https://pj.example.gov.cn/api/v1/publications/" + want[i].Publication
	}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("announced %+v, %v\nwant %+v", got, err, want)
	}
}
