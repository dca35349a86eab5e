package web

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/sms"
)

// OutboxView lists the messages that stayed here, the last one first.
type OutboxView struct {
	Console
	Messages []OutboxRow
	Answered bool // an answer has come in
	Typed    string
	Faults   survey.Faults // of the answer that was typed
}

// OutboxRow is one message. Key is what an answer to it is known by, so that it comes
// once however often the form is sent; empty if it cannot be answered here.
type OutboxRow struct {
	ID    string
	At    time.Time
	Phone string // as it may be shown
	Text  string
	Key   string
}

// showOutbox shows the demo's stand-in for phones.
func (a *app) showOutbox(c *fiber.Ctx) error {
	if a.Outbox == nil {
		return fiber.ErrNotFound
	}
	return a.outboxPage(c, fiber.StatusOK, OutboxView{Answered: c.Query("answered") != ""})
}

func (a *app) outboxPage(c *fiber.Ctx, status int, view OutboxView) error {
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	s, err := w.survey(c.Query("survey"))
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	view.Console = a.console(c, s, w)
	for _, m := range a.Outbox() {
		row := OutboxRow{ID: m.Message.ID, At: m.At, Phone: survey.MaskPhone(m.Message.To), Text: m.Message.Text}
		answerable, err := a.answerable(c.UserContext(), w, m.Message.ID)
		if err != nil {
			return err
		}
		if answerable {
			row.Key = rand.Text()
		}
		view.Messages = append(view.Messages, row)
	}
	return a.page(c, status, "outbox", view)
}

// answerable reports whether somebody may answer a message in its citizen's place: an
// invitation, or what was said back. Whoever reads the outbox is not the citizen,
// so there must be nothing but samples here that an answer could count for.
func (a *app) answerable(ctx context.Context, w *world, id string) (bool, error) {
	if slices.ContainsFunc(w.surveys, func(s survey.Survey) bool { return !s.Sample }) {
		return false, nil
	}
	m, err := a.Store.Message(ctx, id)
	if errors.Is(err, survey.ErrNotFound) { // such as a code that proves a phone
		return false, nil
	}
	return m.Kind == survey.MessageInvitation || m.Kind == survey.MessageAnswer, err
}

// answerOutbox lets an answer to a message come in as a gateway would bring it.
func (a *app) answerOutbox(c *fiber.Ctx) error {
	if a.Outbox == nil {
		return fiber.ErrNotFound
	}
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	id, sent := c.FormValue("message"), a.Outbox()
	i := slices.IndexFunc(sent, func(m sms.Sent) bool { return m.Message.ID == id })
	if i < 0 {
		return survey.ErrNotFound // so many came since that it is kept no more
	}
	answerable, err := a.answerable(c.UserContext(), w, id)
	if err != nil {
		return err
	}
	if !answerable {
		return survey.ErrNotFound
	}
	text := c.FormValue("text")
	why := survey.Why("")
	switch {
	case strings.TrimSpace(text) == "":
		why = survey.WhyMissing
	case len(text) > sms.MaxText:
		why = WhyAnswerTooLong
	}
	if why != "" {
		return a.outboxPage(c, fiber.StatusUnprocessableEntity, OutboxView{Typed: id, Faults: survey.Faults{{Field: "text", Why: why}}})
	}
	key := c.FormValue("key")
	if key == "" {
		return fiber.ErrBadRequest
	}
	in, err := sms.Received{Inbound: []sms.Inbound{{ID: "outbox-" + key, From: sent[i].Message.To, Text: text}}}.Check()
	if err != nil {
		return fiber.ErrBadRequest
	}
	if err := a.receive(c.UserContext(), in); err != nil {
		return err
	}
	return c.Redirect("/console/outbox?answered=1", fiber.StatusSeeOther)
}

// WhyAnswerTooLong means that no phone sends a text so long.
const WhyAnswerTooLong survey.Why = "answer_too_long"
