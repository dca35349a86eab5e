package web

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/sms"
)

// A page shows up to repliesPage messages, and looks at up to repliesLooked for them:
// of somebody's own place there may be few among many.
const (
	repliesPage   = 50
	repliesLooked = 500
)

// RepliesView lists what came in by text message and was not counted, the last first.
type RepliesView struct {
	Console
	Fates []survey.Fate // to choose from
	Fate  string        // chosen; empty for any
	Rows  []ReplyRow
	Next  string // address of the next page; empty if this is the last one
}

// ReplyRow is one message. At is zero for viewers who might trace it to a visitor;
// Phone and Text have their numbers hidden, and are empty once they were erased.
type ReplyRow struct {
	At          time.Time
	Fate        survey.Fate
	Phone, Text string
	About       []ReplyAbout
}

// ReplyAbout is a window somebody was invited to rate.
type ReplyAbout struct{ Window, Bureau string }

// showReplies lists what was not counted, and why. Who might trace a comment to a
// visitor sees it as comments are seen: of their own place, late, without level and
// day. A second answer they do not see at all: nobody who asked for one is to learn
// whether it came.
func (a *app) showReplies(c *fiber.Ctx) error {
	who := actor(c)
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	view := RepliesView{Console: a.console(c, s, w), Fates: survey.NotCounted, Fate: c.Query("fate")}
	q := survey.InboundQuery{Before: c.Query("before"), Limit: repliesPage}
	if who.Can(survey.ReadAtOnce) {
		view.Fates = append(slices.Clone(view.Fates), survey.FateRepeated)
	} else {
		y, m, d := a.Now().In(s.Location()).Date()
		q.Until = time.Date(y, m, d-TextDelayDays+1, 0, 0, 0, 0, s.Location())
	}
	q.Fates = view.Fates
	if view.Fate != "" {
		q.Fates = []survey.Fate{survey.Fate(view.Fate)}
		if !slices.Contains(view.Fates, q.Fates[0]) {
			return survey.Faults{{Field: "fate", Value: view.Fate, Why: WhyCaseShow}}
		}
	}
	for looked := 0; ; {
		list, err := a.Store.Inbounds(c.UserContext(), q)
		if err != nil {
			return err
		}
		for _, m := range list {
			if len(view.Rows) == repliesPage {
				view.Next = view.after(q.Before)
				return a.page(c, fiber.StatusOK, "replies", view)
			}
			row, sees, err := a.replyRow(c.UserContext(), w, s, who, m)
			if err != nil {
				return err
			}
			if sees {
				view.Rows = append(view.Rows, row)
			}
			q.Before = m.ID
		}
		if looked += len(list); len(list) < q.Limit {
			return a.page(c, fiber.StatusOK, "replies", view)
		}
		if looked >= repliesLooked {
			view.Next = view.after(q.Before)
			return a.page(c, fiber.StatusOK, "replies", view)
		}
	}
}

// after is the address of the page that follows a message.
func (v RepliesView) after(id string) string {
	return "/console/replies?" + url.Values{"survey": {v.Survey.ID}, "fate": {v.Fate}, "before": {id}}.Encode()
}

// replyRow is a message as somebody sees it, if they do: who is tied to a place has to
// have all in it that the message may be about. It stands with each survey it may be
// about, and with all if nobody knows.
func (a *app) replyRow(ctx context.Context, w *world, s survey.Survey, who survey.Actor, m survey.Inbound) (row ReplyRow, visible bool, err error) {
	phone, text, unreadable := a.Intake.OpenInbound(m) // erased, or its key is gone
	var about []survey.Message
	if m.Invitation != "" {
		one, err := a.Store.Message(ctx, m.Invitation)
		if err == nil {
			about = append(about, one)
		} else if !errors.Is(err, survey.ErrNotFound) {
			return row, false, err
		}
	} else if unreadable == nil {
		all, err := a.Store.Invitations(ctx, a.Intake.PhoneHashes(phone))
		if err != nil {
			return row, false, err
		}
		about = m.About(all)
	}
	if who.Place != "" && (len(about) == 0 || slices.ContainsFunc(about, func(i survey.Message) bool { return !sees(w.tree, who, i.Window) })) {
		return row, false, nil
	}
	if len(about) > 0 && !slices.ContainsFunc(about, func(i survey.Message) bool { return i.Survey == s.ID }) {
		return row, false, nil
	}
	row.Fate = m.Fate
	var codes, windows []string
	for _, i := range about {
		codes = append(codes, i.Code)
		if !slices.Contains(windows, i.Window) {
			windows = append(windows, i.Window)
			row.About = append(row.About, ReplyAbout{w.name(i.Window), w.name(survey.BureauOf(i.Window))})
		}
	}
	if who.Can(survey.ReadAtOnce) {
		row.At = m.ReceivedAt
	} else if said := sms.ParseReply(text, codes); said.Level != survey.NoLevel {
		text = said.Comment
	}
	if unreadable == nil {
		row.Phone, row.Text = survey.MaskPhone(phone), survey.Mask(text)
	}
	return row, true, nil
}
