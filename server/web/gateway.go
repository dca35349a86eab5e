package web

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/netip"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/sms"
)

// Gateway is whose calls about text messages are taken, and from where.
type Gateway struct {
	Callbacks sms.Callbacks // nil: nobody's
	Path      string        // secret part of the address; empty: nobody's
	Callers   []netip.Prefix
	Proxies   []netip.Prefix // whose X-Real-IP is believed
}

// fromGateway takes a gateway's call: what has become of messages, and what came in.
// It is answered once everything is stored, and calls again until then. A call without the secret is answered like a page
// that is not there; nothing of a call goes to the log.
func (a *app) fromGateway(c *fiber.Ctx) error {
	g := a.Gateway
	given := []byte(c.Params("secret"))
	if g.Callbacks == nil || g.Path == "" || subtle.ConstantTimeCompare(given, []byte(g.Path)) != 1 {
		return fiber.ErrNotFound
	}
	if !g.letsIn(c) {
		a.Log.Warn("a gateway's call was refused: it comes from an address that MANYI_SMS_CALLERS does not hold")
		return fiber.ErrNotFound
	}
	query, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return fiber.ErrBadRequest
	}
	in, answer, err := g.Callbacks.Parse(sms.Call{Method: c.Method(), Query: query, Header: func(name string) string { return c.Get(name) }, Body: c.Body()}, a.Now())
	switch {
	case errors.Is(err, sms.ErrForged), errors.Is(err, sms.ErrReplayed):
		a.Log.Warn("a gateway's call was refused", "error", err)
		return fiber.ErrConflict
	case err != nil:
		a.Log.Warn("a gateway's call was refused", "error", err)
		return fiber.ErrBadRequest
	}
	if err := a.receive(c.UserContext(), in); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, answer.Type)
	return c.SendString(answer.Body)
}

// letsIn goes by the address of the other end of the connection. A proxy that is
// known says who is behind it, and has to; whatever comes through another one is refused, since its own
// address would stand for everybody's.
func (g Gateway) letsIn(c *fiber.Ctx) bool {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return false
	}
	real := c.Get("X-Real-IP")
	if holds(g.Proxies, peer.Unmap()) {
		behind, err := netip.ParseAddr(real)
		return err == nil && holds(g.Callers, behind.Unmap())
	}
	if real != "" || c.Get(fiber.HeaderXForwardedFor) != "" || c.Get("Forwarded") != "" {
		return false
	}
	return holds(g.Callers, peer.Unmap())
}

func holds(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// reportStates are what reports say, in the words of the queue.
var reportStates = map[sms.ReportState]survey.MessageState{
	sms.Delivered: survey.MessageDelivered, sms.Failed: survey.MessageFailed, sms.Underway: survey.MessageHanded,
}

// receive stores what a call brought. Reports of messages that are not ours are left
// out: others may use the same account.
func (a *app) receive(ctx context.Context, in sms.Received) error {
	var list []survey.Inbound
	for _, m := range in.Inbound {
		kept, err := a.Intake.Inbound(m.ID, m.From, m.Text, a.Now())
		if err != nil {
			return err
		}
		list = append(list, kept)
	}
	if len(list) > 0 {
		added, err := a.Store.AddInbound(ctx, list)
		if err != nil {
			return err
		}
		a.Log.Info("text messages came in", "new", added, "repeated", len(list)-added)
	}
	for _, r := range in.Reports {
		report := survey.Report{ID: r.ID, Message: r.Message, State: reportStates[r.State], Detail: r.Reason, At: r.At}
		if report.At.IsZero() {
			report.At = a.Now().UTC()
		}
		if report.State == survey.MessageFailed {
			report.Reason = survey.ReasonUndelivered
		}
		if err := survey.NoteReport(ctx, a.Store, report); err != nil && !errors.Is(err, survey.ErrNotFound) {
			return err
		}
	}
	return nil
}
