// Package webhook sends deliveries (reminders) to one address as JSON that is signed as
// package outward says. A receiver knows a delivery that comes twice by the id in its body.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"manyi/survey"
	"manyi/survey/outward"
)

// Client sends to one address. It is safe for use by several goroutines.
type Client struct {
	url    string
	secret []byte
	now    func() time.Time
	client *outward.Client
}

// New makes a client for an address that [outward.Allowed] lets through.
func New(address string, secret []byte, now func() time.Time) *Client {
	return &Client{url: address, secret: secret, now: now, client: outward.NewClient()}
}

// Send hands a delivery over. Any status from 200 to 299 means that it was taken. 410
// Gone is survey.ErrRefused. No error holds the address, which may carry a token.
func (c *Client) Send(ctx context.Context, d survey.Delivery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(d.Body))
	if err != nil {
		return errors.New("the webhook's address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(outward.Header, outward.Sign(c.secret, c.now(), d.Body))
	status, _, err := c.client.Do(req)
	switch {
	case err != nil:
		return err
	case status/100 == 2:
		return nil
	case status == http.StatusGone:
		return fmt.Errorf("%w: status %d", survey.ErrRefused, status)
	}
	return fmt.Errorf("status %d", status)
}
