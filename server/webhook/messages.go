package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"manyi/survey/sms"
)

// Messages hands text messages (短信) to a gateway, {"id", "to", "text"} each, for
// platforms that a small adapter of their own stands in front of. It is a [sms.Sender]
// and safe for use by several goroutines. A receiver that knows a message's id takes
// it for the repetition it is.
type Messages struct{ client *Client }

// NewMessages makes a sender to an address that [Allowed] lets through.
func NewMessages(address string, secret []byte, now func() time.Time) *Messages {
	return &Messages{New(address, secret, now)}
}

// Send implements sms.Sender. Any status from 200 to 299 means that the message was
// taken over. ErrAgain if no connection came about, or the status is 429 or 503;
// ErrRefused if it is another from 400 to 499, but for 408 and 409; with any other, or
// no answer, nobody knows.
func (m *Messages) Send(ctx context.Context, msg sms.Message) error {
	body, err := json.Marshal(struct {
		ID   string `json:"id"`
		To   string `json:"to"`
		Text string `json:"text"`
	}{msg.ID, msg.To, msg.Text})
	if err != nil {
		return err
	}
	var begun atomic.Bool // from here on something may have reached the gateway
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { begun.Store(true) }})
	status, err := m.client.post(ctx, body)
	switch {
	case err != nil && !begun.Load():
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
