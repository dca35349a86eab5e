package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"manyi/survey"
)

var messageChecks = []Check{
	{"messages/what is queued under a key stays as it is", messageOnce},
	{"messages/those due come by lane, the earliest first", messageOrder},
	{"messages/of many claimers one gets it", messageClaims},
	{"messages/a claim that ran out is unknown, and never given again", messageLapse},
	{"messages/one that is to be tried again waits, and the old claim notes nothing", messageAgain},
	{"messages/a report that comes early is kept", messageEarly},
	{"messages/a report counts once, and what was delivered stays so", messageReports},
	{"messages/changes at once are all kept", messageAtOnce},
	{"messages/a change that fails changes nothing", messageFails},
	{"messages/a phone's open invitations are found", messageOpen},
	{"messages/they are counted by what they are", messageCounted},
	{"messages/every message comes back once", messagesListed},
	{"optouts/the first holds for ever", optOuts},
}

var messageNow = At("2024-03-05 08:00:00.007")

// Invitation is a queued invitation to a phone, due at a time, open for a week.
func Invitation(number, phone string, at time.Time) survey.Message {
	return survey.Message{Key: "invitation/y2024/" + number + "/1 $.甲", Kind: survey.MessageInvitation, Queue: "y2024", Survey: "y2024",
		Case: survey.CaseRef{Number: number, Stage: "1"}, Window: GulouHR1, Code: "KF", Language: "zh", Text: "【满意】请评价 $.甲 " + number,
		Phone:  survey.SealedContact{KeyID: "k1", Sealed: []byte("sealed " + phone), PhoneHash: Secret(phone)},
		MadeAt: at, Until: at.Add(30 * 24 * time.Hour), OpenFor: 7 * 24 * time.Hour, State: survey.MessageQueued, At: at}
}

func queueMessages(t testing.TB, s survey.Store, want int, list ...survey.Message) {
	t.Helper()
	added, err := s.AddMessages(t.Context(), list)
	must(t, "queue messages", err)
	same(t, "queued anew", added, want)
}

func message(t testing.TB, s survey.Store, m survey.Message) survey.Message {
	t.Helper()
	got, err := s.Message(t.Context(), m.ID())
	must(t, "message", err)
	return got
}

func due(t testing.TB, s survey.Store, lane string, at time.Time, limit int) (keys []string) {
	t.Helper()
	list, err := s.MessagesDue(t.Context(), lane, at, limit)
	must(t, "messages due", err)
	for _, m := range list {
		keys = append(keys, m.Case.Number)
	}
	return keys
}

func takeMessage(ctx context.Context, s survey.Store, m survey.Message, now time.Time) (survey.Message, error) {
	return s.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Take(now, now.Add(time.Minute)) })
}

func noteMessage(t testing.TB, s survey.Store, m survey.Message, state survey.MessageState, at time.Time) error {
	t.Helper()
	_, err := s.ChangeMessage(t.Context(), m.ID(), func(c *survey.Message) error {
		return c.Note(m.Claim, survey.MessageEvent{At: at, State: state})
	})
	return err
}

func report(t testing.TB, s survey.Store, m survey.Message, id string, state survey.MessageState, at time.Time) {
	t.Helper()
	must(t, "note report", survey.NoteReport(t.Context(), s, survey.Report{ID: id, Message: m.ID(), State: state, Detail: "1 $.甲", At: at}))
}

func wantState(t testing.TB, s survey.Store, m survey.Message, state survey.MessageState, at time.Time) {
	t.Helper()
	got := message(t, s, m)
	same(t, "state of "+m.Case.Number, fmt.Sprint(got.State, " at ", got.At), fmt.Sprint(state, " at ", at))
}

func messageOnce(t testing.TB, s survey.Store) {
	queueMessages(t, s, 0)
	a, b := Invitation("A", "13800138000", messageNow), Invitation("B", "13800138001", messageNow)
	bare := survey.Message{Key: "bare", Kind: survey.MessageReminder, Text: "x", MadeAt: messageNow, State: survey.MessageQueued, At: messageNow}
	full := Invitation("C", "13800138002", messageNow)
	full.State, full.Reason, full.Claim, full.OpenUntil, full.AnsweredAt = survey.MessageFailed, survey.ReasonRefused, 3, messageNow.Add(time.Hour), messageNow
	full.Trail = []survey.MessageEvent{{At: messageNow, State: survey.MessageClaimed, Claim: 3},
		{At: messageNow, State: survey.MessageFailed, Reason: survey.ReasonRefused, Report: "r $.1", Detail: "甲", Claim: 3}}
	queueMessages(t, s, 4, a, b, bare, full)
	for _, m := range []survey.Message{a, b, bare, full} {
		same(t, "message as it was queued", message(t, s, m), m)
	}
	other := a
	other.Text, other.At = "other", messageNow.Add(time.Hour)
	queueMessages(t, s, 1, other, Invitation("D", "13800138000", messageNow), other)
	same(t, "message queued again", message(t, s, a), a)
	_, err := s.Message(t.Context(), survey.MessageID("none"))
	wantErr(t, "message that is not there", err, survey.ErrNotFound)
	_, err = s.ChangeMessage(t.Context(), survey.MessageID("none"), func(*survey.Message) error { return nil })
	wantErr(t, "change of what is not there", err, survey.ErrNotFound)
	same(t, "queued at once", sum(together(20, func(int) error {
		n, err := s.AddMessages(t.Context(), []survey.Message{Invitation("E", "13800138000", messageNow)})
		if err == nil && n == 0 {
			err = survey.ErrExists
		}
		return err
	}), survey.ErrExists), 19)
}

func messageOrder(t testing.TB, s survey.Store) {
	first := Invitation("first", "1", messageNow)
	first.Queue = ""
	queueMessages(t, s, 5, Invitation("late", "1", messageNow.Add(time.Millisecond)), Invitation("second", "1", messageNow.Add(-time.Millisecond)),
		Invitation("third", "1", messageNow), Invitation("earliest", "1", messageNow.Add(-time.Hour)), first)
	lane := survey.QueueLane("y2024")
	same(t, "due", due(t, s, lane, messageNow, 10), []string{"earliest", "second", "third"})
	same(t, "the first two", due(t, s, lane, messageNow, 2), []string{"earliest", "second"})
	same(t, "due in the lane that goes first", due(t, s, survey.QueueLane(""), messageNow, 10), []string{"first"})
	same(t, "due in another lane", due(t, s, survey.QueueLane("other"), messageNow, 10), []string(nil))
	got, err := takeMessage(t.Context(), s, Invitation("earliest", "1", messageNow), messageNow)
	must(t, "claim", err)
	same(t, "claimed", fmt.Sprint(got.State, got.Claim, got.At, got.OpenUntil), fmt.Sprint(survey.MessageClaimed, 1, messageNow.Add(time.Minute), messageNow.Add(7*24*time.Hour)))
	same(t, "due after a claim", due(t, s, lane, messageNow, 10), []string{"second", "third"})
	same(t, "claimed and not over", due(t, s, survey.ClaimedLane, messageNow.Add(time.Minute-time.Millisecond), 10), []string(nil))
	same(t, "claimed and over", due(t, s, survey.ClaimedLane, messageNow.Add(time.Minute), 10), []string{"earliest"})
	_, err = s.ChangeMessage(t.Context(), Invitation("second", "1", messageNow).ID(), func(m *survey.Message) error { return m.Cancel(survey.ReasonRated, messageNow) })
	must(t, "cancel", err)
	same(t, "due after a cancellation", due(t, s, lane, messageNow, 10), []string{"third"})
	_, err = s.ChangeMessage(t.Context(), Invitation("third", "1", messageNow).ID(), func(m *survey.Message) error { return m.Postpone(messageNow.Add(time.Hour)) })
	must(t, "postpone", err)
	same(t, "due after it was postponed", due(t, s, lane, messageNow.Add(time.Hour), 10), []string{"late", "third"})
}

func messageClaims(t testing.TB, s survey.Store) {
	m := Invitation("A", "1", messageNow)
	queueMessages(t, s, 1, m)
	onlyOne(t, "claim", together(20, func(int) error {
		_, err := takeMessage(t.Context(), s, m, messageNow)
		return err
	}), survey.ErrUnchanged)
	same(t, "claims", message(t, s, m).Claim, 1)
}

func messageLapse(t testing.TB, s survey.Store) {
	m := Invitation("A", "1", messageNow)
	queueMessages(t, s, 1, m)
	claimed, err := takeMessage(t.Context(), s, m, messageNow)
	must(t, "claim", err)
	later := messageNow.Add(time.Minute)
	_, err = takeMessage(t.Context(), s, m, later)
	wantErr(t, "claim of what is claimed", err, survey.ErrUnchanged)
	lapse := func(at time.Time) error {
		_, err := s.ChangeMessage(t.Context(), m.ID(), func(m *survey.Message) error { return m.Lapse(at) })
		return err
	}
	wantErr(t, "lapse before the claim is over", lapse(later.Add(-time.Millisecond)), survey.ErrUnchanged)
	must(t, "lapse", lapse(later))
	wantState(t, s, m, survey.MessageUnknown, later)
	same(t, "waiting after that", len(due(t, s, survey.QueueLane("y2024"), later.AddDate(9, 0, 0), 10))+len(due(t, s, survey.ClaimedLane, later.AddDate(9, 0, 0), 10)), 0)
	_, err = takeMessage(t.Context(), s, m, later.AddDate(1, 0, 0))
	wantErr(t, "claim of what is unknown", err, survey.ErrUnchanged)
	must(t, "note after all", noteMessage(t, s, claimed, survey.MessageHanded, later.Add(time.Second)))
	wantState(t, s, m, survey.MessageHanded, later.Add(time.Second))
}

func messageAgain(t testing.TB, s survey.Store) {
	m := Invitation("A", "1", messageNow)
	queueMessages(t, s, 1, m)
	now := messageNow
	for claim := 1; claim <= survey.MostSends; claim++ {
		claimed, err := takeMessage(t.Context(), s, m, now)
		must(t, "claim", err)
		same(t, "number of the claim", claimed.Claim, claim)
		must(t, "note", noteMessage(t, s, claimed, survey.MessageQueued, now))
		wantErr(t, "the same note again", noteMessage(t, s, claimed, survey.MessageQueued, now), survey.ErrUnchanged)
		if claim == survey.MostSends {
			break
		}
		next := message(t, s, m).At
		_, err = takeMessage(t.Context(), s, m, next.Add(-time.Millisecond))
		wantErr(t, "claim before its time", err, survey.ErrUnchanged)
		if now = next; claim > 1 {
			old := claimed
			old.Claim--
			wantErr(t, "note by an old claim", noteMessage(t, s, old, survey.MessageHanded, now), survey.ErrFenced)
		}
	}
	got := message(t, s, m)
	same(t, "after the last try", fmt.Sprint(got.State, got.Reason), fmt.Sprint(survey.MessageFailed, survey.ReasonBusy))
	if took := now.Sub(messageNow); took < 12*time.Hour || took > 24*time.Hour {
		t.Errorf("the last try is %v after the first, want most of a day", took)
	}
	_, err := takeMessage(t.Context(), s, m, now.AddDate(1, 0, 0))
	wantErr(t, "claim of what failed", err, survey.ErrUnchanged)
}

func messageEarly(t testing.TB, s survey.Store) {
	m, n, o := Invitation("A", "1", messageNow), Invitation("B", "1", messageNow), Invitation("C", "1", messageNow)
	queueMessages(t, s, 3, m, n, o)
	at := messageNow.Add(time.Second)
	// While it is claimed: applied when the hand-over is noted, or the claim runs out.
	claimed, err := takeMessage(t.Context(), s, m, messageNow)
	must(t, "claim", err)
	report(t, s, m, "r1", survey.MessageDelivered, at)
	wantState(t, s, m, survey.MessageClaimed, messageNow.Add(time.Minute))
	must(t, "note", noteMessage(t, s, claimed, survey.MessageHanded, at.Add(time.Second)))
	wantState(t, s, m, survey.MessageDelivered, at)
	_, err = takeMessage(t.Context(), s, n, messageNow)
	must(t, "claim", err)
	report(t, s, n, "r1", survey.MessageFailed, at)
	_, err = s.ChangeMessage(t.Context(), n.ID(), func(m *survey.Message) error { return m.Lapse(messageNow.Add(time.Minute)) })
	must(t, "lapse", err)
	wantState(t, s, n, survey.MessageFailed, at)
	// The gateway said to come back, and delivered it all the same: it is not sent again.
	claimed, err = takeMessage(t.Context(), s, o, messageNow)
	must(t, "claim", err)
	must(t, "note", noteMessage(t, s, claimed, survey.MessageQueued, at))
	report(t, s, o, "r1", survey.MessageDelivered, at.Add(time.Second))
	wantState(t, s, o, survey.MessageDelivered, at.Add(time.Second))
	same(t, "waiting to be sent again", len(due(t, s, survey.QueueLane("y2024"), messageNow.AddDate(1, 0, 0), 10)), 0)
	wantErr(t, "report of what was never queued", survey.NoteReport(t.Context(), s, survey.Report{ID: "r1", Message: survey.MessageID("none"), State: survey.MessageDelivered, At: at}), survey.ErrNotFound)
}

func messageReports(t testing.TB, s survey.Store) {
	m := Invitation("A", "1", messageNow)
	queueMessages(t, s, 1, m)
	claimed, err := takeMessage(t.Context(), s, m, messageNow)
	must(t, "claim", err)
	must(t, "note", noteMessage(t, s, claimed, survey.MessageHanded, messageNow))
	at := func(seconds int) time.Time { return messageNow.Add(time.Duration(seconds) * time.Second) }
	report(t, s, m, "r1", survey.MessageFailed, at(1))
	wantState(t, s, m, survey.MessageFailed, at(1))
	report(t, s, m, "r1", survey.MessageDelivered, at(2)) // the same report, garbled
	wantState(t, s, m, survey.MessageFailed, at(1))
	report(t, s, m, "r2", survey.MessageDelivered, at(3))
	wantState(t, s, m, survey.MessageDelivered, at(3))
	for i, state := range []survey.MessageState{survey.MessageFailed, survey.MessageHanded, survey.MessageUnknown, survey.MessageDelivered} {
		report(t, s, m, fmt.Sprint("late", i), state, at(10+i))
		wantState(t, s, m, survey.MessageDelivered, at(3))
	}
	for range 3 {
		report(t, s, m, "r2", survey.MessageDelivered, at(99))
	}
	wantState(t, s, m, survey.MessageDelivered, at(3))
	var trail []string
	for _, e := range message(t, s, m).Trail {
		trail = append(trail, fmt.Sprintf("%s %s %v", e.State, e.Report, e.At.Sub(messageNow)))
	}
	same(t, "trail", trail, []string{"claimed  0s", "handed  0s", "failed r1 1s", "delivered r2 3s",
		"failed late0 10s", "handed late1 11s", "unknown late2 12s", "delivered late3 13s"})
}

func messageAtOnce(t testing.TB, s survey.Store) {
	m := Invitation("A", "1", messageNow)
	queueMessages(t, s, 1, m)
	claimed, err := takeMessage(t.Context(), s, m, messageNow)
	must(t, "claim", err)
	const n = 20
	for i, err := range together(n, func(i int) error {
		if i == 0 {
			return noteMessage(t, s, claimed, survey.MessageHanded, messageNow)
		}
		return survey.NoteReport(t.Context(), s, survey.Report{ID: fmt.Sprint("r", i%10), Message: m.ID(), State: survey.MessageDelivered, At: messageNow})
	}) {
		must(t, fmt.Sprint("change at once ", i), err)
	}
	got := message(t, s, m)
	same(t, "events", len(got.Trail), 1+1+10)
	same(t, "state", got.State, survey.MessageDelivered)
}

func messageFails(t testing.TB, s survey.Store) {
	m := Invitation("A", "1", messageNow)
	queueMessages(t, s, 1, m)
	wrong := errors.New("wrong")
	_, err := s.ChangeMessage(t.Context(), m.ID(), func(m *survey.Message) error {
		must(t, "cancel", m.Cancel(survey.ReasonRated, messageNow))
		return wrong
	})
	wantErr(t, "change that fails", err, wrong)
	same(t, "message", message(t, s, m), m)
}

func messageOpen(t testing.TB, s survey.Store) {
	a, b, c, d := Invitation("A", "1", messageNow), Invitation("B", "1", messageNow.Add(-time.Second)), Invitation("C", "2", messageNow), Invitation("D", "1", messageNow)
	queueMessages(t, s, 4, a, b, c, d)
	open := func(phone string, at time.Time) (numbers []string) {
		t.Helper()
		list, err := survey.OpenInvitations(t.Context(), s, [][]byte{Secret(phone)}, at)
		must(t, "open invitations", err)
		for _, m := range list {
			numbers = append(numbers, m.Case.Number)
		}
		return numbers
	}
	same(t, "open while all wait", open("1", messageNow), []string(nil))
	for _, m := range []survey.Message{a, b, c, d} {
		claimed, err := takeMessage(t.Context(), s, m, messageNow)
		must(t, "claim", err)
		state := survey.MessageHanded
		if m.Key == d.Key {
			state = survey.MessageFailed
		}
		must(t, "note", noteMessage(t, s, claimed, state, messageNow))
	}
	same(t, "open once they went out", open("1", messageNow), []string{"B", "A"})
	same(t, "open of another phone", open("2", messageNow), []string{"C"})
	same(t, "open at the end", open("1", messageNow.Add(7*24*time.Hour-time.Millisecond)), []string{"B", "A"})
	same(t, "open after the end", open("1", messageNow.Add(7*24*time.Hour)), []string(nil))
	all, err := s.Invitations(t.Context(), [][]byte{Secret("9"), Secret("1")})
	must(t, "invitations", err)
	same(t, "invitations of a phone", len(all), 3)
	_, err = s.ChangeMessage(t.Context(), a.ID(), func(m *survey.Message) error { return m.Answer(messageNow) })
	must(t, "answer", err)
	same(t, "answered", message(t, s, a).AnsweredAt, messageNow)
}

func messageCounted(t testing.TB, s survey.Store) {
	var want []survey.MessageCount
	got, err := s.MessageCounts(t.Context())
	must(t, "counts", err)
	same(t, "counts of nothing", got, want)
	for i := range 5 {
		m := Invitation(fmt.Sprint(i), "1", messageNow)
		if i > 2 {
			m.State, m.Reason = survey.MessageCancelled, survey.ReasonOptedOut
		}
		if i == 2 {
			m.State, m.AnsweredAt = survey.MessageDelivered, messageNow
		}
		queueMessages(t, s, 1, m)
	}
	bare := survey.Message{Key: "bare", Kind: survey.MessageReminder, Text: "x", MadeAt: messageNow, State: survey.MessageQueued, At: messageNow}
	queueMessages(t, s, 1, bare)
	got, err = s.MessageCounts(t.Context())
	must(t, "counts", err)
	inv := survey.MessageInvitation
	same(t, "counts", got, []survey.MessageCount{{Kind: survey.MessageReminder, State: survey.MessageQueued, N: 1},
		{Survey: "y2024", Kind: inv, State: survey.MessageCancelled, Reason: survey.ReasonOptedOut, N: 2},
		{Survey: "y2024", Kind: inv, State: survey.MessageDelivered, Answered: true, N: 1},
		{Survey: "y2024", Kind: inv, State: survey.MessageQueued, N: 2}})
}

func messagesListed(t testing.TB, s survey.Store) {
	want := map[string]survey.Message{}
	var list []survey.Message
	for i := range bulk {
		m := Invitation(fmt.Sprint(i), fmt.Sprint(i%7), messageNow)
		want[m.ID()] = m
		list = append(list, m)
	}
	queueMessages(t, s, len(list), list...)
	n, last := 0, ""
	must(t, "messages", s.Messages(t.Context(), func(m survey.Message) error {
		if n++; m.ID() <= last {
			t.Errorf("%s comes after %s", m.ID(), last)
		}
		last = m.ID()
		same(t, "message", m, want[last])
		return nil
	}))
	same(t, "messages", n, len(list))
	stop := errors.New("enough")
	wantErr(t, "messages whose yield fails", s.Messages(t.Context(), func(survey.Message) error { return stop }), stop)
}

func optOuts(t testing.TB, s survey.Store) {
	out := func(phone string, want bool) {
		t.Helper()
		got, err := s.OptedOut(t.Context(), [][]byte{Secret("9"), Secret(phone)})
		must(t, "opted out", err)
		same(t, "opted out", got, want)
	}
	out("1", false)
	phone := func(n string) survey.SealedContact {
		return survey.SealedContact{KeyID: "k1", Sealed: []byte("sealed"), PhoneHash: Secret(n)}
	}
	first := survey.OptOut{Phone: phone("1"), At: messageNow, Source: "sms $.甲"}
	added := make([]bool, 10)
	for _, err := range together(len(added), func(i int) (err error) {
		added[i], err = s.OptOut(t.Context(), first)
		return err
	}) {
		must(t, "opt out at once", err)
	}
	n := 0
	for _, a := range added {
		n += map[bool]int{true: 1}[a]
	}
	same(t, "new opt-outs of one phone", n, 1)
	again, err := s.OptOut(t.Context(), survey.OptOut{Phone: phone("1"), At: messageNow.Add(time.Hour), Source: "other"})
	must(t, "opt out again", err)
	same(t, "new", again, false)
	out("1", true)
	out("2", false)
	_, err = s.OptOut(t.Context(), survey.OptOut{Phone: phone("2"), At: messageNow, Source: "x"})
	must(t, "opt out", err)
	got := map[string]survey.OptOut{}
	must(t, "opt-outs", s.OptOuts(t.Context(), func(o survey.OptOut) error { got[string(o.Phone.PhoneHash)] = o; return nil }))
	same(t, "opt-outs", got, map[string]survey.OptOut{string(Secret("1")): first, string(Secret("2")): {Phone: phone("2"), At: messageNow, Source: "x"}})
}
