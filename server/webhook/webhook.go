// Package webhook sends deliveries, and text messages, to one address as signed JSON.
//
// Each is a POST with the header "Manyi-Signature: t=TIME,v1=HEX": the Unix time of
// sending and the HMAC-SHA-256 of TIME, a dot and the body, under the shared secret.
// A receiver compares the signature, refuses times that are long past, and knows a
// delivery that comes twice by the id in its body.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"manyi/survey"
)

// Client sends to one address. It is safe for use by several goroutines.
type Client struct {
	url    string
	secret []byte
	now    func() time.Time
	http   *http.Client
}

const (
	answerWithin = 10 * time.Second
	mostHeader   = 16 << 10
	mostAnswer   = 4 << 10 // read so that the connection can be used again; what it says does not matter
)

// New makes a client for an address that [Allowed] lets through.
func New(address string, secret []byte, now func() time.Time) *Client {
	dialer := &net.Dialer{Timeout: answerWithin / 2}
	return &Client{url: address, secret: secret, now: now, http: &http.Client{
		Timeout: answerWithin,
		// A redirect would take the body somewhere nobody has set.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // no proxy: one set for the machine must not see it
			DialContext: dialer.DialContext, TLSHandshakeTimeout: answerWithin / 2, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: mostHeader, MaxConnsPerHost: 8, IdleConnTimeout: time.Minute,
		},
	}}
}

// Allowed reports whether an address may be sent to: https, or http on this machine.
func Allowed(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// Sign is the signature of a body that is sent at a time.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Send hands a delivery over. Any status from 200 to 299 means that it was taken. 410
// Gone is survey.ErrRefused. No error holds the address, which may carry a token.
func (c *Client) Send(ctx context.Context, d survey.Delivery) error {
	status, err := c.post(ctx, d.Body)
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

// post sends a signed body and returns the status of the answer.
func (c *Client) post(ctx context.Context, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the webhook's address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Manyi")
	req.Header.Set("Manyi-Signature", Sign(c.secret, c.now(), body))
	res, err := c.http.Do(req)
	if err != nil {
		return 0, withoutAddress(err)
	}
	defer res.Body.Close()
	io.CopyN(io.Discard, res.Body, mostAnswer)
	return res.StatusCode, nil
}

func withoutAddress(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	if u.Timeout() {
		return fmt.Errorf("no answer within %v", answerWithin)
	}
	return u.Err
}
