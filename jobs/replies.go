package jobs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"manyi/survey"
	"manyi/survey/sms"
)

// ReplyWork is what the job about replies stands on.
type ReplyWork interface {
	survey.SurveyStore
	survey.PlaceStore
	survey.ResponseStore
	survey.CaseStore
	survey.ProofStore
	survey.InboundStore
	survey.MessageStore
	survey.OptOutStore
	Now(ctx context.Context) (time.Time, error) // of survey.JobStore
}

// Answers is the intake as the job about replies needs it.
type Answers interface {
	OpenInbound(m survey.Inbound) (phone, text string, err error)
	TakeText(ctx context.Context, a survey.TextAnswer) (key survey.Key, isNew bool, err error)
	TextForm(from string, at time.Time) [survey.FormKeyLen]byte
	SealPhone(phone, kind, id string) (survey.SealedContact, error)
	PhoneHashes(phone string) [][]byte
	// InvitationSecret is what the answer to an invitation proves its visit by.
	InvitationSecret(key string) string
}

// Words are what is said back, without the signature that goes in front.
type Words func(say survey.Say, language string) string

// replyBatch is how many messages are taken in one look at the store.
const replyBatch = 200

// ReplyJob takes the text messages that came in: it makes responses of them by way of
// the intake and queues what is said back. It looks every two seconds.
func ReplyJob(store ReplyWork, in Answers, words Words, signature string, log *slog.Logger) Job {
	return Job{
		Name:     "replies",
		Schedule: "*/2 * * * * *",
		Due: func(ctx context.Context) (bool, error) {
			at, err := store.Now(ctx)
			if err != nil {
				return false, err
			}
			list, err := store.InboundDue(ctx, at, 1)
			return len(list) > 0, err
		},
		Run: func(ctx context.Context, turn Turn) (int, error) {
			return TakeReplies(ctx, store, in, words, signature, log, turn.Now)
		},
	}
}

// TakeReplies takes every message that is due. It may be killed anywhere: what a
// message leads to follows from it and from those settled before, and counts once.
func TakeReplies(ctx context.Context, store ReplyWork, in Answers, words Words, signature string, log *slog.Logger, now time.Time) (done int, err error) {
	r := &replies{ReplyWork: store, in: in, words: words, signature: signature, log: log, now: now}
	if r.surveys, err = surveysByID(ctx, store); err != nil {
		return 0, err
	}
	places, err := store.Places(ctx)
	if err != nil {
		return 0, err
	}
	var faults survey.Faults
	if r.tree, faults = survey.NewTree(places); len(faults) > 0 {
		return 0, faults
	}
	for {
		list, err := store.InboundDue(ctx, now, replyBatch)
		if err != nil {
			return done, err
		}
		for _, m := range list {
			if err := r.take(ctx, m); err != nil {
				return done, fmt.Errorf("take a message that came in: %w", err)
			}
			done++
		}
		if len(list) < replyBatch {
			return done, nil
		}
	}
}

type replies struct {
	ReplyWork
	in        Answers
	words     Words
	signature string
	log       *slog.Logger
	now       time.Time
	surveys   map[string]survey.Survey
	tree      *survey.Tree
}

// read is a message that came in, as it can be read.
type read struct {
	survey.Inbound
	phone, text string
}

func (r *replies) open(m survey.Inbound) (read, error) {
	phone, text, err := r.in.OpenInbound(m)
	return read{m, phone, text}, err
}

// take does everything that follows from one message, and settles it last.
func (r *replies) take(ctx context.Context, m survey.Inbound) error {
	in, err := r.open(m)
	if err != nil { // erased, or its key is gone: nothing follows any more
		r.log.Error("a text message that came in cannot be read", "error", err)
		return r.SettleInbound(ctx, m.ID, survey.FateUnclear, time.Time{}, "")
	}
	if m.Fate == survey.FateWaiting { // no reason came
		return r.finish(ctx, in, "", false)
	}
	talk, err := r.conversation(ctx, in)
	if err != nil {
		return err
	}
	turn := talk.Take(m, sms.ParseReply(in.text, codesOf(talk.Open(m.ReceivedAt))))
	if turn.Finish != "" {
		// Settled and still due: whoever goes on after a crash knows it for the reason it
		// is, although nothing waits for one any more.
		if turn.Fate == survey.FateReason {
			if err := r.SettleInbound(ctx, m.ID, turn.Fate, m.Due, turn.Invitation); err != nil {
				return err
			}
		}
		if err := r.finishOther(ctx, talk, turn); err != nil {
			return err
		}
	}
	if turn.Rate {
		late, err := r.rate(ctx, in, turn)
		if err != nil {
			return err
		}
		if late {
			turn.Fate, turn.Say = survey.FateLate, survey.SayLate
		}
	}
	if turn.Stop {
		if err := r.stop(ctx, in); err != nil {
			return err
		}
	}
	if err := r.say(ctx, in, talk, turn); err != nil {
		return err
	}
	return r.SettleInbound(ctx, m.ID, turn.Fate, turn.Due, turn.Invitation)
}

func (r *replies) stop(ctx context.Context, in read) error {
	phone, err := r.in.SealPhone(in.phone, "opt_out", "")
	if err == nil {
		_, err = r.OptOut(ctx, survey.OptOut{Phone: phone, At: in.ReceivedAt, Source: "sms"})
	}
	return err
}

func codesOf(open []survey.Message) (codes []string) {
	for _, m := range open {
		codes = append(codes, m.Code)
	}
	return codes
}

// conversation is what went to and fro with a message's phone before it.
func (r *replies) conversation(ctx context.Context, in read) (c survey.Conversation, err error) {
	phone := r.in.PhoneHashes(in.phone)
	if c.OptedOut, err = r.OptedOut(ctx, phone); err != nil {
		return c, err
	}
	if c.Invitations, err = r.Invitations(ctx, phone); err != nil {
		return c, err
	}
	all, err := r.InboundOf(ctx, phone)
	if err != nil {
		return c, err
	}
	for _, b := range all {
		if b.Fate != survey.FateNew && b.ID != in.ID {
			c.Before = append(c.Before, b)
		}
	}
	c.Contacted = map[string]bool{}
	for _, b := range c.Before {
		if b.Fate == survey.FateCounted {
			if c.Contacted[b.Invitation], err = r.contacted(ctx, b); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// contacted reports whether somebody made contact about a bad review.
func (r *replies) contacted(ctx context.Context, b survey.Inbound) (bool, error) {
	form := r.in.TextForm(b.ID, b.ReceivedAt)
	keys, err := r.FormKeys(ctx, [][survey.FormKeyLen]byte{form})
	if err != nil {
		return false, err
	}
	c, err := r.Case(ctx, keys[form])
	if errors.Is(err, survey.ErrNotFound) {
		return false, nil
	}
	return c.Summary.State != survey.CaseOwed && c.Summary.State != survey.CaseOpen && c.Summary.State != "", err
}

// finish makes the response of a bad level whose reason was waited for.
func (r *replies) finish(ctx context.Context, in read, reason string, anonymous bool) error {
	late, err := r.rateWith(ctx, in, in.Invitation, false, anonymous, reason)
	if err != nil {
		return err
	}
	fate := survey.FateCounted
	if late {
		fate = survey.FateLate
	}
	return r.SettleInbound(ctx, in.ID, fate, time.Time{}, in.Invitation)
}

func (r *replies) finishOther(ctx context.Context, talk survey.Conversation, turn survey.Turn) error {
	for _, b := range talk.Before {
		if b.ID != turn.Finish {
			continue
		}
		in, err := r.open(b)
		if err != nil {
			return err
		}
		anonymous := turn.Anonymous && turn.Fate == survey.FateReason
		return r.finish(ctx, in, turn.Reason, anonymous)
	}
	return nil
}

func (r *replies) rate(ctx context.Context, in read, turn survey.Turn) (late bool, err error) {
	return r.rateWith(ctx, in, turn.Invitation, turn.Corrects, turn.Anonymous, "")
}

// rateWith sends a level through the intake. It is late if the survey had closed when
// it came in. A bad review keeps the phone, for the callback, and is real-name: the
// message came from it. A good one needs no contact.
func (r *replies) rateWith(ctx context.Context, in read, invitation string, corrects, anonymous bool, reason string) (late bool, err error) {
	m, err := r.Message(ctx, invitation)
	if err != nil {
		return false, err
	}
	s, ok := r.surveys[m.Survey]
	if !ok {
		return false, fmt.Errorf("survey %s: %w", m.Survey, survey.ErrNotFound)
	}
	said := sms.ParseReply(in.text, []string{m.Code})
	comment := said.Comment
	if reason != "" {
		comment = joined(comment, reason)
	}
	typed := survey.Submission{Survey: s.ID, Level: said.Level.String(), Comment: comment, CaseNumber: m.Case.Number, Stage: m.Case.Stage,
		VisitSecret: r.in.InvitationSecret(m.Key), Anonymous: anonymous, Asked: true}
	if said.Level.Bad() && !anonymous {
		typed.Phone, typed.Consent = in.phone, true
	}
	key, _, err := r.in.TakeText(ctx, survey.TextAnswer{Survey: s, Path: r.tree.Path(m.Window), From: in.ID, At: in.ReceivedAt, Submission: typed, Corrects: corrects})
	if errors.Is(err, survey.ErrClosed) || errors.Is(err, survey.ErrNotOpen) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if typed.Phone != "" {
		if err := r.prove(ctx, key); err != nil {
			return false, err
		}
	}
	_, err = r.ChangeMessage(ctx, m.ID(), func(m *survey.Message) error { return m.Answer(in.ReceivedAt) })
	if errors.Is(err, survey.ErrUnchanged) {
		err = nil
	}
	return false, err
}

func joined(comment, reason string) string {
	if comment != "" {
		comment += "\n"
	}
	all := []rune(comment + reason)
	return string(all[:min(len(all), survey.MaxComment)])
}

// prove notes that the phone of a response is its citizen's own: no code has to go
// there, since the answer came from it.
func (r *replies) prove(ctx context.Context, key survey.Key) error {
	token := sha256.Sum256(key[:]) // nothing was sent, so nobody can type it
	err := r.PutCode(ctx, key, token[:16], r.now.Add(survey.CodeLife))
	if errors.Is(err, survey.ErrExists) {
		return nil
	}
	if err == nil {
		_, err = r.TryCode(ctx, key, token[:16], r.now)
	}
	return err
}

// say queues what is said back, once however often it is said.
func (r *replies) say(ctx context.Context, in read, talk survey.Conversation, turn survey.Turn) error {
	if turn.Say == survey.SayNothing {
		return nil
	}
	m := survey.Message{Key: "answer/" + in.ID, Kind: survey.MessageAnswer, Language: "zh", MadeAt: r.now,
		Until: r.now.Add(answerFor), State: survey.MessageQueued, At: r.now}
	if turn.Say == survey.SayStopped {
		m.Key = fmt.Sprintf("stopped/%x", in.From.PhoneHash) // confirmed once, for ever
	}
	for _, sent := range talk.Invitations { // in the language of the invitation it answers, or of the last
		if m.Survey, m.Language = sent.Survey, sent.Language; sent.ID() == turn.Invitation {
			break
		}
	}
	m.Text = r.signature + r.words(turn.Say, m.Language)
	var err error
	if m.Phone, err = r.in.SealPhone(in.phone, "message", m.ID()); err != nil {
		return err
	}
	_, err = r.AddMessages(ctx, []survey.Message{m})
	return err
}

// answerFor is how long an answer may wait for its gateway: later it would only puzzle.
const answerFor = 12 * time.Hour
