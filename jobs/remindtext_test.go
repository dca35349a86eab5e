package jobs_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// TestRemindersByText: who supervises the bureau and left a phone gets one message for
// each deadline and side of it, in the daytime, and nobody else does.
func TestRemindersByText(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := storetest.Survey()
	must(store.AddSurvey(t.Context(), s))
	must(store.PutPlaces(t.Context(), storetest.Places()))
	keys := filepath.Join(t.TempDir(), "keys.json")
	ring, err := keyring.Load(keys)
	must(err)
	phones := intake.NewPhones(ring)
	user := func(name string, role survey.Role, place string, phone bool) {
		u := survey.User{Actor: survey.Actor{Name: name, Role: role, Place: place}}
		if phone {
			sealed, err := phones.ForUser(name, "138001380"+fmt.Sprintf("%02d", len(name)))
			must(err)
			u.Phone = sealed
		}
		must(store.PutUser(t.Context(), u))
	}
	user("wang", survey.Supervisor, "350102-HR", true)
	user("lin", survey.Supervisor, "350102-HR", true)
	user("silent", survey.Supervisor, "350102-HR", false)
	user("window", survey.Staff, storetest.GulouHR1, true)
	user("city", survey.Supervisor, "350100", true)
	user("elsewhere", survey.Supervisor, "350203-TAX", true)
	f := storetest.NewFacts(1, s)
	bad := f.Response(storetest.GulouHR1, storetest.At("2024-03-04 10:00"), storetest.Bad, storetest.WithContact) // a Monday: contact by the 5th
	_, err = store.AddResponses(t.Context(), []survey.Response{bad})
	must(err)
	if n, err := jobs.OpenCases(t.Context(), store, followUp, storetest.At("2024-03-04 10:01")); err != nil || n != 1 {
		t.Fatalf("%d cases opened, %v", n, err)
	}
	out := &texting{Store: store, t: t, survey: s, phones: phones, gate: &gateway{}}
	texts := jobs.Texting{Store: store, Zone: s.Location(),
		Phones: phones,
		Text: func(r survey.Reminder, bureau string) string {
			return fmt.Sprint(bureau, " ", r.Case.Tail(), " ", r.Deadline, " ", r.LastDay, " ", r.Kind)
		},
	}
	var want []string
	for _, c := range []struct {
		at   string
		says []string
	}{
		{"2024-03-04 07:59", nil}, // night
		{"2024-03-04 10:10", []string{"contact 2024-03-05 before"}},
		{"2024-03-04 10:20", nil}, // again
		{"2024-03-05 19:59", nil},
		{"2024-03-05 20:00", nil},
		{"2024-03-06 09:00", []string{"contact 2024-03-05 overdue"}},
		{"2024-03-19 09:00", []string{"rectify 2024-03-19 before"}},
	} {
		n, err := texts.Remind(t.Context(), storetest.At(c.at))
		if err != nil || n != 2*len(c.says) {
			t.Errorf("at %s: %d messages, %v; want %d", c.at, n, err, 2*len(c.says))
		}
		out.now = storetest.At(c.at)
		out.wantSent(2 * len(c.says))
		for _, says := range c.says {
			for _, name := range []string{"wang", "lin"} {
				want = append(want, name+": 鼓楼区人社局 "+bad.Key.Tail()+" "+says)
			}
		}
	}
	var got []string
	must(store.Messages(t.Context(), func(m survey.Message) error {
		if day := survey.DayOf(m.MadeAt, s.Location()); !m.Until.Equal(storetest.At(day.String() + " 20:00")) {
			t.Errorf("a message made at %v may be handed over until %v", m.MadeAt, m.Until)
		}
		if m.Kind != survey.MessageReminder || m.State != survey.MessageHanded || m.Queue != "" {
			t.Errorf("queued and sent: %+v", m)
		}
		return nil
	}))
	for _, m := range out.gate.got {
		for _, name := range []string{"wang", "lin"} {
			if m.To == fmt.Sprintf("138001380%02d", len(name)) {
				got = append(got, name+": "+m.Text)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("messages\n%q, want\n%q", got, want)
	}

	// A phone that cannot be opened is no reason to send to some and be silent about it.
	other, err := keyring.Load(filepath.Join(t.TempDir(), "other.json"))
	must(err)
	texts.Phones = intake.NewPhones(other)
	if n, err := texts.Remind(t.Context(), storetest.At("2024-03-20 09:00")); err == nil || n != 0 {
		t.Errorf("%d messages, %v", n, err)
	}
}
