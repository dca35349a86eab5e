package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sms"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// gateway stands for the network: it keeps what was handed over, and answers as told.
type gateway struct {
	mu     sync.Mutex
	got    []sms.Message
	answer func(m sms.Message) error
}

func (g *gateway) Send(_ context.Context, m sms.Message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.got = append(g.got, m)
	if g.answer != nil {
		return g.answer(m)
	}
	return nil
}

// texting is a survey with a campaign, its clock and its gateway.
type texting struct {
	*sqlitestore.Store
	t        *testing.T
	now      time.Time
	survey   survey.Survey
	campaign survey.Campaign
	phones   intake.Phones
	secrets  intake.Secrets
	gate     *gateway
	facts    *storetest.Facts
	fail     func(operation string) error // where the process dies
}

func (x *texting) Now(context.Context) (time.Time, error) { return x.now, nil }

func (x *texting) ChangeMessage(ctx context.Context, id string, change func(*survey.Message) error) (survey.Message, error) {
	if x.fail != nil {
		m, err := x.Store.Message(ctx, id)
		if err == nil {
			err = x.fail(string(m.State))
		}
		if err != nil {
			return m, err
		}
	}
	return x.Store.ChangeMessage(ctx, id, change)
}

func newTexting(t *testing.T, change ...func(*survey.Campaign)) *texting {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	ring, err := keyring.Load(t.TempDir() + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	x := &texting{Store: store, t: t, now: storetest.At("2024-03-05 09:00"), survey: storetest.Survey(), gate: &gateway{}}
	if x.secrets, err = intake.NewSecrets([]byte(strings.Repeat("s", 32))); err != nil {
		t.Fatal(err)
	}
	x.phones = intake.NewPhones(ring)
	x.facts = storetest.NewFacts(1, x.survey)
	x.must(store.PutPlaces(t.Context(), storetest.Places()))
	x.must(store.AddSurvey(t.Context(), x.survey))
	x.campaign = survey.NewCampaign(x.survey.ID, "【满意】")
	x.campaign.State, x.campaign.PerPhone, x.campaign.PerSecond = survey.CampaignRunning, 9, 1000
	for _, c := range change {
		c(&x.campaign)
	}
	x.must(store.PutCampaign(t.Context(), x.campaign))
	return x
}

func (x *texting) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// visit stores a visit with a phone, days ago.
func (x *texting) visit(number, phone string, days int, with ...func(*survey.Visit)) survey.Visit {
	x.t.Helper()
	v := x.facts.Visit(storetest.GulouHR1, number, x.now.AddDate(0, 0, -days), with...)
	if phone != "" {
		sealed, err := x.phones.ForVisit(v, phone)
		x.must(err)
		v.Phone = &sealed
	}
	_, err := x.PutVisits(x.t.Context(), []survey.Visit{v})
	x.must(err)
	return v
}

func (x *texting) invite() int {
	x.t.Helper()
	n, err := jobs.Inviting{Store: x, Phones: x.phones, Secret: func(key string) []byte { return x.secrets.VisitSecret(x.secrets.InvitationSecret(key)) }}.Run(x.t.Context(), x.now)
	x.must(err)
	return n
}

func (x *texting) send() (int, error) {
	s := &jobs.Sending{Store: x, To: x.gate, Phones: x.phones, Log: slog.New(slog.DiscardHandler), For: time.Minute,
		Sleep: func(context.Context, time.Duration) bool { return true }}
	return s.Run(x.t.Context())
}

func (x *texting) wantSent(want int) {
	x.t.Helper()
	n, err := x.send()
	x.must(err)
	if n != want {
		x.t.Errorf("%d messages were sent, want %d", n, want)
	}
}

// states lists what became of every invitation, by case number.
func (x *texting) states() (list []string) {
	x.t.Helper()
	x.must(x.Messages(x.t.Context(), func(m survey.Message) error {
		list = append(list, strings.TrimSpace(fmt.Sprint(m.Case.Number, " ", m.State, " ", m.Reason)))
		return nil
	}))
	slices.Sort(list)
	return list
}

func (x *texting) wantStates(want ...string) {
	x.t.Helper()
	if got := x.states(); !slices.Equal(got, want) {
		x.t.Errorf("messages:\n got %q\nwant %q", got, want)
	}
}

func english(v *survey.Visit) { v.Language = "en" }

func TestUnratedVisitsAreInvitedOnce(t *testing.T) {
	x := newTexting(t)
	x.visit("A", "13800138000", 4)
	x.visit("B", "+8613800138000", 3, english)
	x.visit("fresh", "13800138001", 2)
	x.visit("bare", "", 9)
	x.visit("rated", "13800138002", 9)
	x.visit("out", "13800138003", 9)
	_, err := x.AddResponses(t.Context(), []survey.Response{x.facts.Response(storetest.GulouHR1, x.now, storetest.OnCase("rated"))})
	x.must(err)
	_, err = x.OptOut(t.Context(), survey.OptOut{Phone: survey.SealedContact{PhoneHash: x.phones.Hash("13800138003")}, At: x.now})
	x.must(err)
	x.now = x.now.Add(time.Millisecond)
	if n := x.invite(); n != 3 {
		t.Errorf("%d invitations, want 3", n)
	}
	for range 2 {
		if n := x.invite(); n != 0 {
			t.Errorf("%d invitations the second time", n)
		}
	}
	x.wantStates("A queued", "B queued", "out cancelled opted_out")
	x.wantSent(2)
	x.wantSent(0)
	x.wantStates("A handed", "B handed", "out cancelled opted_out")
	open, err := survey.OpenInvitations(t.Context(), x, x.phones.Hashes("13800138000"), x.now)
	x.must(err)
	if len(open) != 2 || open[0].Code == open[1].Code {
		t.Fatalf("open invitations: %+v", open)
	}
	texts := map[string]string{}
	for _, m := range open {
		texts[m.Language] = strings.ReplaceAll(m.Text, m.Code, "KF")
	}
	for language, want := range map[string]string{
		"zh": "【满意】您3月1日在人社大厅办理的社会保险登记，请回复数字评价：5非常满意4满意3基本满意2不满意1非常不满意。编码KF，退订回T",
		"en": "【满意】Please rate 社会保险登记, 人社大厅, 2 Mar. Reply 5 very satisfied, 4 satisfied, 3 basically satisfied, 2 dissatisfied or 1 very dissatisfied. Code KF. T to opt out",
	} {
		if texts[language] != want {
			t.Errorf("%s: got %s", language, texts[language])
		}
	}
	for _, m := range x.gate.got {
		if m.To != "13800138000" || len(m.ID) != 32 {
			t.Errorf("handed over: %+v", m)
		}
	}
	x.now = x.now.AddDate(0, 0, 1) // the fresh one has waited long enough
	x.invite()
	x.wantStates("A handed", "B handed", "fresh queued", "out cancelled opted_out")
}

func TestCampaignQueuesNoMoreThanItMay(t *testing.T) {
	x := newTexting(t, func(c *survey.Campaign) { c.Most = 2 })
	for i := range 5 {
		x.visit(fmt.Sprint("A", i), fmt.Sprint("1380013800", i), 9-i%2)
	}
	for range 3 {
		x.invite()
	}
	x.wantStates("A0 queued", "A2 queued")
}

func TestWhatSpeaksAgainstAMessageIsSeenRightBefore(t *testing.T) {
	x := newTexting(t, func(c *survey.Campaign) { c.PerPhone = 1 })
	for i, number := range []string{"fine", "rated", "out", "withdrawn"} {
		x.visit(number, fmt.Sprint("1380013800", i), 9)
	}
	x.visit("same phone", "13800138000", 4)
	x.invite()
	_, err := x.AddResponses(t.Context(), []survey.Response{x.facts.Response(storetest.GulouHR1, x.now, storetest.OnCase("rated"))})
	x.must(err)
	_, err = x.OptOut(t.Context(), survey.OptOut{Phone: survey.SealedContact{PhoneHash: x.phones.Hash("13800138002")}, At: x.now})
	x.must(err)
	x.visit("withdrawn", "", 9)

	x.now = storetest.At("2024-03-05 20:00") // the evening begins
	x.wantSent(0)
	if got := x.states(); slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, "queued") }) {
		t.Errorf("in the evening: %q", got)
	}
	x.now = storetest.At("2024-03-06 07:59:59.999")
	x.wantSent(0)
	x.now = storetest.At("2024-03-06 08:00")
	x.wantSent(1)
	x.wantStates("fine handed", "out cancelled opted_out", "rated cancelled rated", "same phone queued", "withdrawn cancelled withdrawn")
	x.now = x.now.Add(time.Hour)
	x.wantSent(0) // the phone had one today
	x.now = storetest.At("2024-03-07 08:00")
	x.wantSent(1)

	x.visit("late", "13800138009", 9)
	x.invite()
	x.now = storetest.At("2024-04-01 09:00") // the survey is over
	x.wantSent(0)
	x.wantStates("fine handed", "late cancelled expired", "out cancelled opted_out", "rated cancelled rated", "same phone handed", "withdrawn cancelled withdrawn")
}

func TestCancelledCampaignSendsNothingMore(t *testing.T) {
	x := newTexting(t)
	for i := range 120 {
		x.visit(fmt.Sprint("A", i), fmt.Sprint(13800138000+i), 9)
	}
	x.invite()
	x.gate.answer = func(sms.Message) error { // cancelled in the middle
		if len(x.gate.got) == 10 {
			x.campaign.State = survey.CampaignCancelled
			return x.PutCampaign(t.Context(), x.campaign)
		}
		return nil
	}
	_, err := x.send()
	x.must(err)
	_, err = x.send()
	x.must(err)
	if n := len(x.gate.got); n != 10 {
		t.Errorf("%d were sent, want 10", n)
	}
	counts, err := x.MessageCounts(t.Context())
	x.must(err)
	if len(counts) != 2 || counts[0].State != survey.MessageCancelled || counts[0].Reason != survey.ReasonCampaign || counts[0].N != 110 {
		t.Errorf("counts: %+v", counts)
	}
}

func TestAnswersOfTheGateway(t *testing.T) {
	x := newTexting(t)
	answers := map[string]error{"taken": nil, "refused": fmt.Errorf("number: %w", sms.ErrRefused), "unknown": errors.New("reset")}
	numbers := map[string]string{}
	for name := range answers {
		phone := fmt.Sprint(13800138000 + len(numbers))
		numbers[phone] = name
		x.visit(name, phone, 9)
	}
	x.invite()
	x.gate.answer = func(m sms.Message) error { return answers[numbers[m.To]] }
	x.wantSent(3)
	x.wantStates("refused failed refused", "taken handed", "unknown unknown gateway")
	x.now = x.now.AddDate(0, 0, 1)
	x.wantSent(0)

	busy := newTexting(t)
	busy.visit("again", "13800138000", 9)
	busy.visit("behind", "13800138001", 8)
	busy.invite()
	busy.gate.answer = func(sms.Message) error { return fmt.Errorf("busy: %w", sms.ErrAgain) }
	busy.wantSent(0)
	if len(busy.gate.got) != 1 {
		t.Errorf("a gateway that wants a rest was asked %d times", len(busy.gate.got))
	}
	busy.wantStates("again queued", "behind queued")
	busy.gate.answer = nil
	busy.wantSent(1)
	busy.now = busy.now.Add(survey.FirstResend)
	busy.wantSent(1)
	busy.wantStates("again handed", "behind handed")

	locked := newTexting(t)
	for i := range 20 {
		locked.visit(fmt.Sprint("A", i), fmt.Sprint(13800138000+i), 9)
	}
	locked.invite()
	locked.gate.answer = func(sms.Message) error { return sms.ErrRefused }
	if _, err := locked.send(); err == nil || len(locked.gate.got) != 5 {
		t.Errorf("a gateway that lets nobody in: %v after %d messages", err, len(locked.gate.got))
	}
}

// Wherever the process dies, what it was about to send leaves once or never.
func TestSenderThatDiesSendsNothingTwice(t *testing.T) {
	for _, c := range []struct {
		where string
		fail  func(state string) bool
		want  string
		sent  int
	}{
		{"before the claim", func(state string) bool { return state == "queued" }, "A handed", 1},
		{"between the hand-over and the note", func(state string) bool { return state == "claimed" }, "A unknown interrupted", 1},
	} {
		t.Run(c.where, func(t *testing.T) {
			x := newTexting(t)
			x.visit("A", "13800138000", 9)
			x.invite()
			died := errors.New("died")
			x.fail = func(state string) error {
				if c.fail(state) {
					return died
				}
				return nil
			}
			if _, err := x.send(); !errors.Is(err, died) {
				t.Fatalf("the run ended with %v", err)
			}
			x.fail = nil
			for range 3 {
				_, err := x.send()
				x.must(err)
				x.now = x.now.Add(time.Minute)
			}
			if len(x.gate.got) != c.sent {
				t.Errorf("handed over %d times, want %d", len(x.gate.got), c.sent)
			}
			x.wantStates(c.want)
		})
	}
}

func TestSeveralSendersSendEachOnce(t *testing.T) {
	x := newTexting(t)
	for i := range 40 {
		x.visit(fmt.Sprint("A", i), fmt.Sprint(13800138000+i), 9)
	}
	x.invite()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := x.send(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]int{}
	for _, m := range x.gate.got {
		seen[m.ID]++
	}
	if len(x.gate.got) != 40 || len(seen) != 40 {
		t.Errorf("%d were handed over, %d of them different", len(x.gate.got), len(seen))
	}
}

// Nothing leaves faster than the campaign allows, and answers go before invitations.
func TestMessagesLeaveNoFasterThanTheCampaignAllows(t *testing.T) {
	x := newTexting(t, func(c *survey.Campaign) { c.PerSecond = 10 })
	for i := range 40 {
		x.visit(fmt.Sprint("A", i), fmt.Sprint(13800138000+i), 9)
	}
	x.invite()
	answer := survey.Message{Key: "answer", Kind: "answer", Text: "thanks", MadeAt: x.now, State: survey.MessageQueued, At: x.now}
	var err error
	answer.Phone, err = x.phones.ForMessage(answer.ID(), "13900139000")
	x.must(err)
	_, err = x.AddMessages(t.Context(), []survey.Message{answer})
	x.must(err)
	s := &jobs.Sending{Store: x, To: x.gate, Phones: x.phones, Log: slog.New(slog.DiscardHandler), For: 2 * time.Second,
		Sleep: func(context.Context, time.Duration) bool { return true }}
	_, err = s.Run(t.Context())
	x.must(err)
	// Sleeping takes no time here, so that the run ends when the next may leave after it.
	if n := len(x.gate.got) - 1; n < 1 || n > 21 {
		t.Errorf("in two seconds %d were handed over, want ten a second at most", n)
	}
	if x.gate.got[0].ID != answer.ID() {
		t.Error("an answer waits behind the invitations")
	}
}
