// Package kannel carries text messages through Kannel, the gateway that speaks SMPP,
// CMPP by way of a module, and modems, over the HTTP interface of its smsbox.
//
// Kannel gives messages no name of its own when it takes them over, so ours travels in
// the address it reports to. Its calls carry no signature: they are known by the
// secret path and the address they come from.
package kannel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"manyi/survey/outward"
	"manyi/survey/sms"
)

// Options say where smsbox is and who we are.
type Options struct {
	URL            string // of sendsms, such as http://127.0.0.1:13013/cgi-bin/sendsms
	User, Password string // of the sendsms-user
	From           string // the number replies go to
	Callback       string // the address of our callbacks; empty: no reports are asked for
}

// Gateway is a [sms.Sender] and [sms.Callbacks], safe for use by several goroutines.
type Gateway struct {
	opts   Options
	client *outward.Client
}

// New makes a gateway at an address that [outward.Allowed] lets through.
func New(o Options) *Gateway { return &Gateway{o, outward.NewClient()} }

// The states Kannel reports. What the carrier has taken over (8) is still underway.
const (
	dlrDelivered = 1
	dlrFailed    = 2
	dlrBuffered  = 4
	dlrAccepted  = 8
	dlrRejected  = 16
	dlrAll       = dlrDelivered | dlrFailed | dlrBuffered | dlrAccepted | dlrRejected
)

// Send implements sms.Sender. 202 means that the message was taken over, also when it
// waits for the carrier ("3: Queued"). ErrAgain if no connection came about, if smsbox has no
// bearerbox (503), and if it does not let us in or knows no way to the number (403,
// 404): that is for the operator to put right, and no message's fault. ErrRefused with
// any other from 400 to 499: number or text are not accepted. With anything else nobody knows.
func (g *Gateway) Send(ctx context.Context, m sms.Message) error {
	q := url.Values{"username": {g.opts.User}, "password": {g.opts.Password}, "from": {g.opts.From}, "to": {m.To},
		"coding": {"2"}, "charset": {"UTF-8"}, "text": {m.Text}}
	if gsm7(m.Text) {
		q.Set("coding", "0")
	}
	if g.opts.Callback != "" {
		q.Set("dlr-mask", strconv.Itoa(dlrAll))
		q.Set("dlr-url", g.opts.Callback+"?report="+url.QueryEscape(m.ID)+"&state=%d&reason=%A")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.opts.URL+"?"+q.Encode(), nil)
	if err != nil {
		return fmt.Errorf("kannel: %w: its address cannot be used", sms.ErrAgain)
	}
	status, answer, err := g.client.Do(req)
	switch {
	case errors.Is(err, outward.ErrNotSent):
		return fmt.Errorf("kannel: %w: %w", sms.ErrAgain, err)
	case err != nil:
		return fmt.Errorf("kannel: %w", err)
	case status == http.StatusAccepted && (strings.HasPrefix(string(answer), "0:") || strings.HasPrefix(string(answer), "3:")):
		return nil
	case status == http.StatusServiceUnavailable, status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusTooManyRequests:
		return fmt.Errorf("kannel: %w: status %d", sms.ErrAgain, status)
	case status/100 == 4 && status != http.StatusRequestTimeout:
		return fmt.Errorf("kannel: %w: status %d", sms.ErrRefused, status)
	}
	return fmt.Errorf("kannel: status %d", status)
}

// gsm7 reports whether a text needs no Chinese: plain ASCII without the signs that
// the alphabet of GSM puts elsewhere.
func gsm7(text string) bool {
	for _, r := range text {
		if r > '~' || r < ' ' && r != '\n' || strings.ContainsRune("`[]{}\\^|~", r) {
			return false
		}
	}
	return true
}

// Parse implements sms.Callbacks. A report comes to the address given with its message,
// a reply with the parameters the README's sms-service names.
func (g *Gateway) Parse(call sms.Call, now time.Time) (sms.Received, sms.Answer, error) {
	fail := func() (sms.Received, sms.Answer, error) { return sms.Received{}, sms.Answer{}, sms.ErrCall }
	q := call.Query
	var out sms.Received
	switch {
	case call.Method != http.MethodGet:
		return fail()
	case q.Has("report"):
		report := sms.Report{ID: q.Get("report") + "/" + q.Get("state"), Message: q.Get("report"), State: sms.Underway, Reason: q.Get("reason"), At: now.UTC()}
		switch q.Get("state") {
		case "1":
			report.State = sms.Delivered
		case "2", "16":
			report.State = sms.Failed
		case "4", "8":
		default:
			return fail()
		}
		out.Reports = []sms.Report{report}
	case q.Has("reply"):
		in := sms.Inbound{ID: q.Get("reply"), From: q.Get("from"), To: q.Get("to"), Text: q.Get("text")}
		if seconds, err := strconv.ParseInt(q.Get("time"), 10, 64); err == nil && seconds > 0 && seconds < 1<<40 {
			in.At = time.Unix(seconds, 0).UTC()
		}
		out.Inbound = []sms.Inbound{in}
	default:
		return fail()
	}
	out, err := out.Check()
	return out, sms.Answer{Type: "text/plain; charset=utf-8"}, err // Kannel would send words back to the citizen
}
