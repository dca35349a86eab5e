// Package webhook carries text messages as signed JSON, for the platforms of
// governments and carriers that a small adapter of their own stands in front of.
//
// Out goes {"id", "to", "text"}, in come {"reports": [{"id", "state": "delivered" or
// "failed", "reason", "at"}], "replies": [{"id", "from", "to", "text", "at"}]}, times as
// RFC 3339. Both are signed as package outward says, each call anew; a call that was
// taken before is refused.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"manyi/survey/outward"
	"manyi/survey/sms"
)

// Gateway is a [sms.Sender] and [sms.Callbacks], safe for use by several goroutines. A
// receiver that knows a message's id takes it for the repetition it is.
type Gateway struct {
	url    string
	secret []byte
	now    func() time.Time
	client *outward.Client

	mu    sync.Mutex
	calls map[string]time.Time // signatures of calls taken within Skew
}

// New makes a gateway at an address that [outward.Allowed] lets through.
func New(address string, secret []byte, now func() time.Time) *Gateway {
	return &Gateway{url: address, secret: secret, now: now, client: outward.NewClient(), calls: map[string]time.Time{}}
}

// Send implements sms.Sender. Any status from 200 to 299 means that the message was
// taken over. ErrAgain if no connection came about, or the status is 429 or 503;
// ErrRefused if it is another from 400 to 499, but for 408 and 409; with any other, or
// no answer, nobody knows.
func (g *Gateway) Send(ctx context.Context, msg sms.Message) error {
	body, err := json.Marshal(struct {
		ID   string `json:"id"`
		To   string `json:"to"`
		Text string `json:"text"`
	}{msg.ID, msg.To, msg.Text})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("gateway: %w: its address cannot be used", sms.ErrAgain)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(outward.Header, outward.Sign(g.secret, g.now(), body))
	status, _, err := g.client.Do(req)
	switch {
	case errors.Is(err, outward.ErrNotSent):
		return fmt.Errorf("gateway: %w: %w", sms.ErrAgain, err)
	case err != nil:
		return fmt.Errorf("gateway: %w", err)
	case status/100 == 2:
		return nil
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return fmt.Errorf("gateway: %w: status %d", sms.ErrAgain, status)
	case status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusConflict:
		return fmt.Errorf("gateway: %w: status %d", sms.ErrRefused, status)
	}
	return fmt.Errorf("gateway: status %d", status)
}

// mostCalls bounds the memory of calls. Beyond it a call is refused: the gateway tries again.
const mostCalls = 100_000

// Parse implements sms.Callbacks.
func (g *Gateway) Parse(call sms.Call, now time.Time) (sms.Received, sms.Answer, error) {
	signature := call.Header(outward.Header)
	if call.Method != http.MethodPost || !outward.Genuine(g.secret, now, signature, call.Body) {
		return sms.Received{}, sms.Answer{}, sms.ErrForged
	}
	if !g.first(signature, now) {
		return sms.Received{}, sms.Answer{}, sms.ErrReplayed
	}
	var in struct {
		Reports []struct {
			ID, State, Reason string
			At                time.Time
		}
		Replies []struct {
			ID, From, To, Text string
			At                 time.Time
		}
	}
	if json.Unmarshal(call.Body, &in) != nil {
		return sms.Received{}, sms.Answer{}, sms.ErrCall
	}
	var out sms.Received
	for _, r := range in.Reports {
		state := sms.ReportState(r.State)
		if state != sms.Delivered && state != sms.Failed {
			return sms.Received{}, sms.Answer{}, sms.ErrCall
		}
		out.Reports = append(out.Reports, sms.Report{ID: r.ID + "/" + r.State, Message: r.ID, State: state, Reason: r.Reason, At: r.At.UTC()})
	}
	for _, r := range in.Replies {
		out.Inbound = append(out.Inbound, sms.Inbound{ID: r.ID, From: r.From, To: r.To, Text: r.Text, At: r.At.UTC()})
	}
	out, err := out.Check()
	return out, sms.Answer{Type: "application/json", Body: `{"ok":true}`}, err
}

// first reports whether a signature was not seen before, and remembers it for as long
// as it would be taken.
func (g *Gateway) first(signature string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s, at := range g.calls {
		if now.Sub(at) > 2*outward.Skew {
			delete(g.calls, s)
		}
	}
	if _, seen := g.calls[signature]; seen || len(g.calls) >= mostCalls {
		return false
	}
	g.calls[signature] = now
	return true
}
