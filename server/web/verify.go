package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/sms"
)

// VerifyView is the page on which a citizen proves the phone left with a rating. It
// holds nothing that depends on the level.
type VerifyView struct {
	Elder   bool
	Receipt string
	Notice  VerifyNotice
	Code    bool   // a code may be typed
	Phone   string // where it went, as it may be shown
	Fault   FieldFault
}

// VerifyNotice is what there is to say, by the end of its text's key; empty for nothing.
type VerifyNotice string

// The notices. All but VerifyLater are said whatever the level was.
const (
	VerifySent    VerifyNotice = "sent"
	VerifyWrong   VerifyNotice = "wrong"
	VerifyOver    VerifyNotice = "over"
	VerifyProved  VerifyNotice = "proved"
	VerifyNone    VerifyNotice = "none"    // no phone can be proved with this receipt, whyever
	VerifyLimited VerifyNotice = "limited" // nothing was sent, whether or not a phone was left
	VerifyRefused VerifyNotice = "refused" // the message will not be carried to this number
	VerifyLater   VerifyNotice = "later"   // the database or the gateway is away
)

// VerifyNotices lists the notices.
var VerifyNotices = [...]VerifyNotice{VerifySent, VerifyWrong, VerifyOver, VerifyProved, VerifyNone, VerifyLimited, VerifyRefused, VerifyLater}

// Good reports whether the notice is no bad news.
func (n VerifyNotice) Good() bool { return n == VerifySent || n == VerifyProved }

// offersProof reports whether phones can be proved here: whoever reads a code must
// be the phone's owner, so there has to be a way out that staff cannot read.
func (a *app) offersProof() bool { return a.SMS != nil }

func (a *app) showVerify(c *fiber.Ctx) error {
	if !a.offersProof() {
		return fiber.ErrNotFound
	}
	return a.page(c, fiber.StatusOK, "verify", VerifyView{Elder: elder(c)})
}

// verify sends a code, or takes one. The receipt travels in the body, so that no
// history or log keeps it. What follows from a proof is a job's: all levels are
// answered alike, and as fast.
func (a *app) verify(c *fiber.Ctx) error {
	if !a.offersProof() {
		return fiber.ErrNotFound
	}
	view := VerifyView{Elder: elder(c), Receipt: c.FormValue("receipt")}
	var err error
	switch {
	case c.FormValue("do") == "":
	case a.Intake.Away():
		err = survey.ErrUnavailable
	case c.FormValue("do") == "send":
		err = a.sendCode(c, &view)
	default:
		err = a.takeCode(c, &view)
	}
	status := fiber.StatusOK
	switch {
	case errors.Is(err, survey.ErrFull), errors.Is(err, errNotSent), silent(err):
		a.Log.Warn("no phone can be proved at the moment", "error", err)
		view.Notice, view.Code, status = VerifyLater, false, fiber.StatusServiceUnavailable
		c.Set(fiber.HeaderRetryAfter, "60")
	case err != nil:
		return err
	case view.Notice == VerifyLimited:
		status = fiber.StatusTooManyRequests
	case view.Fault.Why != "":
		status = fiber.StatusUnprocessableEntity
	}
	return a.page(c, status, "verify", view)
}

// proving finds the response of a receipt and the number to be proved. Without one,
// for whatever reason, the number is empty.
func (a *app) proving(ctx context.Context, receipt string) (r survey.Response, phone string, err error) {
	r, err = a.Store.FollowedResponse(ctx, a.Intake.FollowUp(receipt))
	if errors.Is(err, survey.ErrNotFound) {
		return r, "", nil
	}
	// Nobody's visit is proved by an interview, and who made it is not to learn from the
	// receipt whether it was drawn, see survey.Recheck.
	if err != nil || r.Anonymous || r.Channel == survey.ChannelInterview {
		return r, "", err
	}
	contact, err := a.Intake.Contact(*r.Contact, r.Key)
	return r, contact.Phone, err
}

// errNotSent means that the gateway did not take the message over, and may later.
var errNotSent = errors.New("code not sent")

func (a *app) sendCode(c *fiber.Ctx, view *VerifyView) error {
	ctx, now := c.UserContext(), a.Now()
	r, phone, err := a.proving(ctx, view.Receipt)
	if err != nil {
		return err
	}
	if phone != "" {
		p, err := a.Store.Proof(ctx, r.Key)
		if err != nil && !errors.Is(err, survey.ErrNotFound) {
			return err
		}
		if p.Proved() {
			view.Notice = VerifyProved
			return nil
		}
	}
	err = a.Store.CountSend(ctx, a.codeLimits(view.Receipt, a.device(c), r, phone), now)
	switch {
	case errors.Is(err, survey.ErrLimited):
		_, err = a.codesOut(ctx)
		view.Notice, view.Code = VerifyLimited, true // an earlier code may be in force
		return err
	case err != nil:
		return err
	case phone == "":
		view.Notice = VerifyNone
		out, err := a.codesOut(ctx)
		if out {
			view.Notice, view.Code = VerifyLimited, true // as if there were a phone
		}
		return err
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return err
	}
	code := fmt.Sprintf("%0*d", survey.CodeDigits, n)
	switch err := a.Store.PutCode(ctx, r.Key, a.Intake.CodeHash(r.Key, code), now.Add(survey.CodeLife)); {
	case errors.Is(err, survey.ErrExists):
		view.Notice = VerifyProved
		return nil
	case err != nil:
		return err
	}
	err = a.SMS.Send(ctx, sms.Message{ID: rand.Text(), To: phone, Text: a.codeText(code)})
	window := r.Path.Window()
	switch {
	case errors.Is(err, sms.ErrRefused):
		a.Log.Warn("a code was refused by the gateway", "window", window, "error", err)
		view.Notice = VerifyRefused
		return nil
	case errors.Is(err, sms.ErrAgain):
		return fmt.Errorf("%w: %w", errNotSent, err)
	case err != nil: // it may have gone out: the citizen waits for it, and can ask again
		a.Log.Warn("it is not known whether a code was sent", "window", window, "error", err)
	default:
		a.Log.Info("a code was sent", "window", window)
	}
	view.Notice, view.Code, view.Phone = VerifySent, true, survey.MaskPhone(phone)
	return nil
}

// codeText is the message with a code, within the 70 characters that go as one.
func (a *app) codeText(code string) string {
	words := a.pages.Words("verify.message")
	return a.SMSSignature + fmt.Sprintf(words.Zh+words.En, code, code)
}

// codeLimits names what a code is counted under. Where there is no phone, the
// receipt stands for it: whoever asks too often is told the same.
func (a *app) codeLimits(receipt, device string, r survey.Response, phone string) []survey.SendLimit {
	device = a.Intake.LimitName("device", device)
	if phone == "" {
		receipt = a.Intake.LimitName("receipt", string(a.Intake.FollowUp(receipt)))
		return survey.CodeLimits(receipt, device, receipt)
	}
	limits := survey.CodeLimits(a.Intake.LimitName("phone", phone), device, a.Intake.LimitName("window", r.Survey+" "+r.Path.Window()))
	return append(limits, survey.SendLimit{Name: survey.AllCodes, Within: survey.MaxLimit, Most: a.CodesPerDay})
}

// codesOut reports whether as many codes as may go out in a day have done so. It
// says so in the log, once in a while.
func (a *app) codesOut(ctx context.Context) (bool, error) {
	now := a.Now()
	n, err := a.Store.Sends(ctx, survey.AllCodes, now.Add(-survey.MaxLimit))
	out := err == nil && n >= a.CodesPerDay
	if last := a.toldOut.Load(); out && now.Unix()-last >= int64(time.Hour/time.Second) && a.toldOut.CompareAndSwap(last, now.Unix()) {
		a.Log.Error("as many codes went out within a day as MANYI_SMS_CODES_PER_DAY allows; no phone can be proved until the first of them is a day old", "sent", n)
	}
	return out, err
}

func (a *app) takeCode(c *fiber.Ctx, view *VerifyView) error {
	ctx := c.UserContext()
	r, phone, err := a.proving(ctx, view.Receipt)
	if err != nil {
		return err
	}
	if phone == "" {
		view.Notice = VerifyNone
		return nil
	}
	view.Phone = survey.MaskPhone(phone)
	code, err := survey.ParseCode(c.FormValue("code"))
	var faults survey.Faults
	if errors.As(err, &faults) {
		view.Code, view.Fault = true, FieldFault{"code", faults.On("code")}
		return nil
	}
	try, err := a.Store.TryCode(ctx, r.Key, a.Intake.CodeHash(r.Key, code), a.Now())
	if err != nil {
		return err
	}
	switch try {
	case survey.CodeRight:
		a.Log.Info("a phone was proved", "window", r.Path.Window())
		view.Notice = VerifyProved
	case survey.CodeProved:
		view.Notice = VerifyProved
	case survey.CodeWrong:
		view.Notice, view.Code = VerifyWrong, true
	default:
		view.Notice = VerifyOver
	}
	return nil
}
