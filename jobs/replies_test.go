package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// talk is a hall whose citizens write text messages.
type talk struct {
	*sqlitestore.Store
	t      testing.TB
	in     *intake.Intake
	survey survey.Survey
	now    time.Time
	log    strings.Builder
	came   int
}

func newTalk(t testing.TB) *talk {
	t.Helper()
	store, err := sqlitestore.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := intake.NewSecrets([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Load(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := &talk{Store: store, t: t, survey: storetest.Survey(), now: storetest.At("2024-03-04 10:00")}
	h.in = intake.New(store, secrets, ring, intake.Options{Now: func() time.Time { return h.now }})
	t.Cleanup(func() { h.in.Close(context.Background()); store.Close() })
	h.must(store.PutPlaces(context.Background(), storetest.Places()))
	h.must(store.AddSurvey(context.Background(), h.survey))
	return h
}

func (h *talk) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// invite sends a phone an invitation about a case; it is delivered.
func (h *talk) invite(phone, number, code string) string {
	h.t.Helper()
	m := storetest.Invitation(number, phone, h.now)
	m.Code = code
	var err error
	m.Phone, err = h.in.SealPhone(phone, "message", m.ID())
	h.must(err)
	_, err = h.AddMessages(h.t.Context(), []survey.Message{m})
	h.must(err)
	_, err = h.ChangeMessage(h.t.Context(), m.ID(), func(m *survey.Message) error {
		if err := m.Take(h.now, h.now.Add(time.Minute)); err != nil {
			return err
		}
		return m.Note(1, survey.MessageEvent{At: h.now, State: survey.MessageHanded})
	})
	h.must(err)
	return m.ID()
}

// write lets a text come in, and settles it.
func (h *talk) write(phone, text string) {
	h.t.Helper()
	h.comes(phone, text)
	h.settle()
}

func (h *talk) comes(phone, text string) {
	h.t.Helper()
	h.came++
	h.now = h.now.Add(time.Minute)
	m, err := h.in.Inbound(fmt.Sprintf("m-%d", h.came), phone, text, h.now)
	h.must(err)
	_, err = h.AddInbound(h.t.Context(), []survey.Inbound{m})
	h.must(err)
}

func words(say survey.Say, language string) string { return string(say) + " " + language }

func (h *talk) settle() {
	h.t.Helper()
	_, err := jobs.TakeReplies(h.t.Context(), h.Store, h.in, words, "【满意】", slog.New(slog.NewTextHandler(&h.log, nil)), h.now)
	h.must(err)
}

// said is what was said back, in order.
func (h *talk) said() (texts []string) {
	h.t.Helper()
	list, err := h.MessagesDue(h.t.Context(), survey.QueueLane(""), h.now, 100)
	h.must(err)
	for _, m := range list {
		texts = append(texts, strings.TrimSuffix(strings.TrimPrefix(m.Text, "【满意】"), " zh"))
	}
	return texts
}

func (h *talk) fates() (list []survey.Fate) {
	h.t.Helper()
	all, err := h.Inbounds(h.t.Context(), survey.InboundQuery{Limit: 100})
	h.must(err)
	slices.Reverse(all)
	for _, in := range all {
		list = append(list, in.Fate)
	}
	return list
}

func (h *talk) want(what string, got, want any) {
	h.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// counted are the responses that count.
func (h *talk) counted() []survey.Listed {
	return slices.DeleteFunc(storetest.List(h.t, h.Store, survey.ResponseQuery{}), func(l survey.Listed) bool { return l.Standing != survey.Counted })
}

const phone = "13800138000"

func TestAReplyBecomesAResponse(t *testing.T) {
	h := newTalk(t)
	id := h.invite(phone, "N1", "KF")
	h.write(phone, "５。很好")
	list := storetest.List(t, h.Store, survey.ResponseQuery{})
	if len(list) != 1 {
		t.Fatalf("%d responses", len(list))
	}
	r := list[0]
	if r.Level != survey.VerySatisfied || r.Comment != "很好" || r.Channel != survey.ChannelSMS || r.Case.Number != "N1" || r.Path.Window() != storetest.GulouHR1 || !r.ReceivedAt.Equal(h.now.UTC()) {
		t.Errorf("the response: %+v", r)
	}
	if _, err := h.Contact(t.Context(), r.Key); err == nil {
		t.Error("a good rating keeps the phone")
	}
	m, err := h.Message(t.Context(), id)
	h.must(err)
	h.want("answered at", m.AnsweredAt, h.now.UTC())
	h.want("fates", h.fates(), []survey.Fate{survey.FateCounted})
	h.want("said", h.said(), []string{"thanks"})
	if text := h.log.String(); strings.Contains(text, phone) || strings.Contains(text, "很好") {
		t.Errorf("the log holds what a citizen wrote: %s", text)
	}
}

// bad answers an invitation badly, then goes on, and returns the only response.
func (h *talk) bad(then func()) survey.Listed {
	h.t.Helper()
	h.invite(phone, "N1", "KF")
	h.write(phone, "不满意")
	if list := storetest.List(h.t, h.Store, survey.ResponseQuery{}); len(list) != 0 {
		h.t.Errorf("before its reason could come: %+v", list)
	}
	asked := h.now
	then()
	list := storetest.List(h.t, h.Store, survey.ResponseQuery{})
	if len(list) != 1 {
		h.t.Fatalf("%d responses, %v", len(list), h.fates())
	}
	if r := list[0]; r.Level != survey.Dissatisfied || !r.ReceivedAt.Equal(asked.UTC()) {
		h.t.Errorf("the response: %+v", r)
	}
	_, err := jobs.OpenCases(h.t.Context(), h.Store, followUp, h.now)
	h.must(err)
	return list[0]
}

func (h *talk) realName(key survey.Key) bool {
	h.t.Helper()
	c, err := h.Case(h.t.Context(), key)
	h.must(err)
	return c.RealName(c.Progress(time.Time{}, h.survey.Location()))
}

func TestABadLevelIsAskedForItsReason(t *testing.T) {
	h := newTalk(t)
	r := h.bad(func() { h.write(phone, "等了两个小时？") })
	h.want("the comment", r.Comment, "等了两个小时？")
	h.want("real-name", h.realName(r.Key), true)
	contact, err := h.Contact(t.Context(), r.Key)
	h.must(err)
	opened, err := h.in.Contact(contact, r.Key)
	h.must(err)
	h.want("the contact", opened.Phone, phone)
	h.want("fates", h.fates(), []survey.Fate{survey.FateCounted, survey.FateReason})
	h.want("said", h.said(), []string{"reason", "noted"})
}

func TestWhoAnswersAnonymousStaysSo(t *testing.T) {
	h := newTalk(t)
	r := h.bad(func() { h.write(phone, "匿名，等太久") })
	h.want("the comment", r.Comment, "等太久")
	h.want("anonymous", r.Anonymous, true)
	h.want("real-name", h.realName(r.Key), false)
	if _, err := h.Contact(t.Context(), r.Key); err == nil {
		t.Error("the phone of somebody anonymous is kept with the rating")
	}
}

func TestABadLevelIsCountedWithoutAReason(t *testing.T) {
	h := newTalk(t)
	r := h.bad(func() {
		h.now = h.now.Add(survey.ReasonWait - time.Millisecond)
		h.settle()
		h.want("fates before the hour is over", h.fates(), []survey.Fate{survey.FateWaiting})
		h.now = h.now.Add(time.Millisecond)
		h.settle()
	})
	h.want("the comment", r.Comment, "")
	h.want("real-name", h.realName(r.Key), true)
	h.want("fates", h.fates(), []survey.Fate{survey.FateCounted})
}

func TestWhatCameInTimeCountsAfterTheEnd(t *testing.T) {
	h := newTalk(t)
	h.now = h.survey.Closes.Add(-10 * time.Minute)
	h.bad(func() { h.now = h.now.Add(2 * time.Hour); h.settle() })
	h.write(phone, "更正 5")
	h.want("fates", h.fates(), []survey.Fate{survey.FateCounted, survey.FateLate})
	h.want("said", h.said(), []string{"reason", "late"})
}

func TestTheFirstAnswerCounts(t *testing.T) {
	h := newTalk(t)
	h.invite(phone, "N1", "KF")
	for _, text := range []string{"2", "等太久", "5", "5", "更正 4", "更正 5"} {
		h.write(phone, text)
	}
	h.want("fates", h.fates(), []survey.Fate{survey.FateCounted, survey.FateReason, survey.FateRepeated, survey.FateRepeated, survey.FateCorrected, survey.FateRepeated})
	h.want("responses kept", len(storetest.List(t, h.Store, survey.ResponseQuery{})), 5)
	if list := h.counted(); len(list) != 1 || list[0].Level != survey.Satisfied {
		t.Errorf("counted: %+v", list)
	}
	h.want("said", h.said(), []string{"reason", "noted", "first", "thanks"})
}

func TestAfterContactNothingIsCorrected(t *testing.T) {
	h := newTalk(t)
	h.invite(phone, "N1", "KF")
	h.write(phone, "2 等太久")
	h.write(phone, "匿名")
	_, err := jobs.OpenCases(t.Context(), h.Store, followUp, h.now)
	h.must(err)
	first := h.counted()[0]
	c, err := h.Case(t.Context(), first.Key)
	h.must(err)
	cal, err := survey.LoadCalendar(t.Context(), h.Store)
	h.must(err)
	made, sum, err := c.Take(h.survey, cal, survey.Worker{Name: "li", Party: survey.Own}, h.now, survey.Entry{Step: survey.StepContacted, Outcome: survey.OutcomeNoContact})
	h.must(err)
	h.must(h.AddEntries(t.Context(), first.Key, made, sum))
	h.write(phone, "更正 5")
	h.want("fates", h.fates(), []survey.Fate{survey.FateCounted, survey.FateReason, survey.FateRepeated})
	if list := h.counted(); len(list) != 1 || list[0].Key != first.Key {
		t.Errorf("counted: %+v", list)
	}
}

func TestTheCodeTellsInvitationsApart(t *testing.T) {
	h := newTalk(t)
	h.invite(phone, "N1", "KF")
	h.invite(phone, "N2", "MW")
	for _, text := range []string{"5", "4", "mw4", "5 KF"} {
		h.write(phone, text)
	}
	h.want("fates", h.fates(), []survey.Fate{survey.FateWhich, survey.FateWhich, survey.FateCounted, survey.FateCounted})
	h.want("said", h.said(), []string{"which", "thanks", "thanks"})
	got := map[string]survey.Level{}
	for _, r := range h.counted() {
		got[r.Case.Number] = r.Level
	}
	h.want("counted", got, map[string]survey.Level{"N1": survey.VerySatisfied, "N2": survey.Satisfied})
}

func TestOptOutAndStrangers(t *testing.T) {
	h := newTalk(t)
	h.invite(phone, "N1", "KF")
	for _, text := range []string{"TD", "退订", "4"} {
		h.write(phone, text)
	}
	h.write("13900139000", "5")
	h.write("13900139000", "Ｔ")
	h.want("fates", h.fates(), []survey.Fate{survey.FateStop, survey.FateStop, survey.FateCounted, survey.FateStranger, survey.FateStop})
	h.want("said", h.said(), []string{"stopped", "stopped"})
	for _, p := range []string{phone, "13900139000"} {
		if out, err := h.OptedOut(t.Context(), h.in.PhoneHashes(p)); err != nil || !out {
			t.Errorf("%s is not opted out: %v", p, err)
		}
	}
}

// dies is a store that stops at its nth change.
type dies struct {
	*sqlitestore.Store
	left int
}

func (d *dies) step() error {
	if d.left--; d.left == 0 {
		return errDied
	}
	return nil
}

func (d *dies) AddMessages(ctx context.Context, list []survey.Message) (int, error) {
	if err := d.step(); err != nil {
		return 0, err
	}
	return d.Store.AddMessages(ctx, list)
}

func (d *dies) SettleInbound(ctx context.Context, id string, f survey.Fate, due time.Time, i string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.Store.SettleInbound(ctx, id, f, due, i)
}

func (d *dies) OptOut(ctx context.Context, o survey.OptOut) (bool, error) {
	if err := d.step(); err != nil {
		return false, err
	}
	return d.Store.OptOut(ctx, o)
}

func (d *dies) ChangeMessage(ctx context.Context, id string, change func(*survey.Message) error) (survey.Message, error) {
	if err := d.step(); err != nil {
		return survey.Message{}, err
	}
	return d.Store.ChangeMessage(ctx, id, change)
}

func (d *dies) PutCode(ctx context.Context, key survey.Key, code []byte, expires time.Time) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.Store.PutCode(ctx, key, code, expires)
}

func (d *dies) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (survey.CodeTry, error) {
	if err := d.step(); err != nil {
		return "", err
	}
	return d.Store.TryCode(ctx, key, code, now)
}

// Wherever the run dies, the next one comes to the same.
func TestRepliesSurviveADeathAnywhere(t *testing.T) {
	texts := []string{"2", "等太久", "5", "更正 4", "什么？", "退订"}
	run := func(dieAt int) (string, bool) {
		h := newTalk(t)
		h.invite(phone, "N1", "KF")
		for _, text := range texts {
			h.comes(phone, text)
		}
		d := &dies{h.Store, dieAt}
		_, err := jobs.TakeReplies(t.Context(), d, h.in, words, "", slog.New(slog.DiscardHandler), h.now)
		h.settle()
		said := h.said()
		slices.Sort(said)
		var levels []string
		for _, r := range h.counted() {
			levels = append(levels, r.Level.String(), r.Comment)
		}
		return fmt.Sprint(h.fates(), said, levels, len(storetest.List(t, h.Store, survey.ResponseQuery{}))), err != nil
	}
	whole, _ := run(0)
	for n := 1; ; n++ {
		got, died := run(n)
		if got != whole {
			t.Errorf("died at change %d: %s; want %s", n, got, whole)
		}
		if !died {
			if n < 10 {
				t.Errorf("only %d changes", n)
			}
			return
		}
	}
}

// BenchmarkReplies is replies a second through the conversation and the intake, beside
// the bare intake of the same ratings.
func BenchmarkReplies(b *testing.B) {
	for _, bare := range []bool{false, true} {
		b.Run(map[bool]string{false: "conversation", true: "bare intake"}[bare], func(b *testing.B) {
			h := newTalk(b)
			numbers := make([]string, b.N)
			for i := range numbers {
				numbers[i] = fmt.Sprintf("139%08d", i)
				m := storetest.Invitation(fmt.Sprint("N", i), numbers[i], h.now)
				m.State, m.OpenUntil = survey.MessageDelivered, h.now.Add(24*time.Hour)
				m.Phone, _ = h.in.SealPhone(numbers[i], "message", m.ID())
				_, err := h.AddMessages(context.Background(), []survey.Message{m})
				h.must(err)
			}
			path := storetest.Tree().Path(storetest.GulouHR1)
			b.ResetTimer()
			if bare {
				for i := range numbers {
					_, _, err := h.in.TakeText(context.Background(), survey.TextAnswer{Survey: h.survey, Path: path, From: numbers[i], At: h.now,
						Submission: survey.Submission{Survey: h.survey.ID, Level: "satisfied", CaseNumber: fmt.Sprint("N", i), Stage: "1"}})
					h.must(err)
				}
			} else {
				for i := range numbers {
					m, err := h.in.Inbound(fmt.Sprint("m-", i), numbers[i], "4", h.now)
					h.must(err)
					_, err = h.AddInbound(context.Background(), []survey.Inbound{m})
					h.must(err)
				}
				_, err := jobs.TakeReplies(context.Background(), h.Store, h.in, words, "", slog.New(slog.DiscardHandler), h.now)
				h.must(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "replies/s")
		})
	}
}
