package web

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// OutboxView lists the messages that stayed here, the last one first.
type OutboxView struct {
	Console
	Messages []OutboxRow
}

// OutboxRow is one message.
type OutboxRow struct {
	At    time.Time
	Phone string // as it may be shown
	Text  string
}

// showOutbox shows the demo's stand-in for phones.
func (a *app) showOutbox(c *fiber.Ctx) error {
	if a.Outbox == nil {
		return fiber.ErrNotFound
	}
	w, err := a.places.look(c.UserContext())
	if err != nil {
		return err
	}
	s, err := w.survey(c.Query("survey"))
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	view := OutboxView{Console: a.console(c, s, w)}
	for _, m := range a.Outbox() {
		view.Messages = append(view.Messages, OutboxRow{m.At, survey.MaskPhone(m.Message.To), m.Message.Text})
	}
	return a.page(c, fiber.StatusOK, "outbox", view)
}
