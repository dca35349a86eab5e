package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/storetest"
)

// dyingEraser is a store whose process is killed at a replacement.
type dyingEraser struct {
	survey.Store
	left int
}

var errDead = errors.New("killed")

func (d *dyingEraser) ReplaceSealed(ctx context.Context, old, next survey.SealedValue) (bool, error) {
	if d.left--; d.left < 0 {
		return false, errDead
	}
	return d.Store.ReplaceSealed(ctx, old, next)
}

// TestPersonalDataGoesAfterItsTime: of good ratings by their own age, of bad ones once
// their case has been settled for as long; killed at every value; and everything that
// counts stays as it was.
func TestPersonalDataGoesAfterItsTime(t *testing.T) {
	const keep = 180 * 24 * time.Hour
	store := openStore(t)
	ctx := t.Context()
	s := storetest.Survey()
	f := storetest.NewFacts(1, s)
	at := storetest.At("2024-02-05 10:00")
	sealed := func(how func(*survey.Response), at time.Time) survey.Response {
		return f.Response(storetest.GulouHR1, at, how, storetest.WithContact, storetest.WithOriginal)
	}
	good := sealed(storetest.Good, at)
	young := sealed(storetest.Good, at.Add(10*24*time.Hour))
	open := sealed(storetest.Bad, at)
	closed := sealed(storetest.Bad, at)
	excluded := sealed(storetest.Bad, at)
	group := []survey.Response{good, young, open, closed, excluded}
	for i := range group {
		c := *group[i].Contact
		c.Follow = []byte{byte(i + 1)}
		group[i].Contact = &c
	}
	if _, err := store.AddResponses(ctx, group); err != nil {
		t.Fatal(err)
	}
	storetest.OpenAll(t, store, s)
	own, chief := survey.Worker{Name: "wang", Party: survey.Own}, survey.Worker{Name: "li", Party: survey.Higher}
	step := func(r survey.Response, at string, who survey.Worker, e survey.Entry) {
		t.Helper()
		storetest.TakeStep(t, store, s, r.Key, storetest.At(at), who, e)
	}
	for _, r := range []survey.Response{open, closed} {
		step(r, "2024-02-06 10:00", own, survey.Entry{Step: survey.StepContacted, Outcome: survey.OutcomeReached})
		step(r, "2024-02-06 11:00", own, survey.Entry{Step: survey.StepVerified, Note: "属实"})
		step(r, "2024-02-07 10:00", own, survey.Entry{Step: survey.StepRectified, Note: "已改"})
	}
	step(closed, "2024-02-08 10:00", own, survey.Entry{Step: survey.StepCallback, Outcome: survey.OutcomeSatisfied})
	step(closed, "2024-03-01 10:00", own, survey.Entry{Step: survey.StepClosed})
	step(closed, "2024-06-01 10:00", own, survey.Entry{Step: survey.StepRevealed, Note: "x"}) // a look keeps nothing alive
	step(excluded, "2024-02-06 10:00", own, survey.Entry{Step: survey.StepExclusionAsked, Ground: survey.GroundMistaken, Note: "x"})
	step(excluded, "2024-03-20 10:00", chief, survey.Entry{Step: survey.StepExclusionGranted, Note: "x"})
	c, err := store.Case(ctx, closed.Key)
	if err != nil {
		t.Fatal(err)
	}
	note := survey.Entry{No: len(c.Entries) + 1, Step: survey.StepNoted, At: storetest.At("2024-03-01 10:00"), By: "wang", Party: survey.Own, Note: "138****8000",
		Original: &survey.SealedText{KeyID: "k1", Sealed: []byte("note")}}
	if err := store.AddEntries(ctx, closed.Key, []survey.Entry{note}, c.Summary); err != nil {
		t.Fatal(err)
	}
	sent := storetest.Invitation("A1", "13800138000", at)
	sent.State, sent.At, sent.OpenUntil = survey.MessageDelivered, at, storetest.At("2024-09-15")
	queued := storetest.Invitation("A2", "13800138000", at)
	if _, err := store.AddMessages(ctx, []survey.Message{sent, queued}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OptOut(ctx, survey.OptOut{Phone: sent.Phone, At: at, Source: "sms"}); err != nil {
		t.Fatal(err)
	}
	facts := func() (out []any) {
		t.Helper()
		err := store.Responses(ctx, survey.ResponseQuery{}, func(l survey.Listed) error { out = append(out, l); return nil })
		if err == nil {
			err = store.Cases(ctx, survey.CaseQuery{}, func(c survey.Case) error {
				for i := range c.Entries {
					c.Entries[i].Original = nil
				}
				out = append(out, c.Entries, c.Summary, c.Progress(time.Time{}, s.Location()))
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := facts()
	left := func() string {
		t.Helper()
		names := map[survey.Key]string{good.Key: "good", young.Key: "young", open.Key: "open", closed.Key: "closed", excluded.Key: "excluded"}
		var there []string
		for _, name := range []string{"good", "young", "open", "closed", "excluded"} {
			n := 0
			for _, kind := range []survey.SealedKind{survey.SealedContacts, survey.SealedComments, survey.SealedNotes} {
				err := store.SealedValues(ctx, kind, func(v survey.SealedValue) error {
					if names[v.Response()] == name {
						n++
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if n > 0 {
				there = append(there, name)
			}
		}
		for _, kind := range []survey.SealedKind{survey.SealedMessages, survey.SealedOptOuts} {
			err := store.SealedValues(ctx, kind, func(v survey.SealedValue) error {
				there = append(there, string(v.Kind)+map[bool]string{true: " queued"}[string(v.ID) == queued.ID()])
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return strings.Join(there, ", ")
	}
	const both = ", message, message queued, opt_out"
	for _, c := range []struct{ now, want string }{
		{"2024-08-03 09:59", "good, young, open, closed, excluded" + both},
		{"2024-08-03 10:01", "young, open, closed, excluded" + both}, // 180 days after 5 February
		{"2024-08-14 10:01", "open, closed, excluded" + both},
		{"2024-08-28 09:59", "open, closed, excluded" + both},
		{"2024-08-28 10:01", "open, excluded" + both}, // after it was closed
		{"2024-09-16 10:01", "open, message queued, opt_out"},
		{"2029-01-01 10:01", "open, message queued, opt_out"}, // while somebody works on it
	} {
		now := storetest.At(c.now)
		for try := 0; ; try++ {
			_, err := jobs.EraseOld(ctx, &dyingEraser{store, try}, keep, now)
			if err == nil {
				break
			}
			if !errors.Is(err, errDead) {
				t.Fatal(err)
			}
		}
		// The messages come in the order of their hashes.
		got := strings.ReplaceAll(left(), "message queued, message,", "message, message queued,")
		if got != c.want {
			t.Errorf("at %s there is %s, want %s", c.now, got, c.want)
		}
	}
	after := facts()
	if len(after) != len(before) {
		t.Fatal("rows are missing")
	}
	for i := range before {
		if !reflect.DeepEqual(before[i], after[i]) {
			t.Errorf("what counts has changed:\n%+v\n%+v", before[i], after[i])
		}
	}
	var log bytes.Buffer
	job := jobs.EraseJob(store, 0, slog.New(slog.NewJSONHandler(&log, nil)))
	step(open, "2024-09-20 10:00", own, survey.Entry{Step: survey.StepCallback, Outcome: survey.OutcomeSatisfied})
	step(open, "2024-09-20 10:00", own, survey.Entry{Step: survey.StepClosed})
	n, err := job.Run(ctx, jobs.Turn{Now: storetest.At("2029-01-01")})
	if err != nil || n != 2 || !strings.Contains(log.String(), `"kind":"contact","values":1`) || strings.Contains(log.String(), "138****") || strings.Contains(log.String(), "13800138") {
		t.Errorf("the job erased %d, %v, and logged %s", n, err, log.String())
	}
}
