// Package outward sends requests to addresses of somebody else, and signs bodies so
// that the two sides know each other.
//
// A signature is the header "Manyi-Signature: t=TIME,v1=HEX": the Unix time of sending
// and the HMAC-SHA-256 of TIME, a dot and the body, under the shared secret. A receiver
// compares it, refuses times that are long past, and knows what comes twice by the id
// in the body.
package outward

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Header carries a signature.
const Header = "Manyi-Signature"

// Skew is how far the time of a signature may be from the receiver's.
const Skew = 5 * time.Minute

const (
	answerWithin = 10 * time.Second
	mostHeader   = 16 << 10
	mostAnswer   = 4 << 10
)

// ErrNotSent means that no connection came about: nothing has reached anybody.
var ErrNotSent = errors.New("no connection")

// Client sends requests. It is safe for use by several goroutines.
type Client struct{ http *http.Client }

// NewClient makes a client that follows no redirect, uses no proxy and waits ten
// seconds for an answer.
func NewClient() *Client {
	dialer := &net.Dialer{Timeout: answerWithin / 2}
	return &Client{&http.Client{
		Timeout: answerWithin,
		// A redirect would take the body somewhere nobody has set.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{ // no proxy: one set for the machine must not see it
			DialContext: dialer.DialContext, TLSHandshakeTimeout: answerWithin / 2, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: mostHeader, MaxConnsPerHost: 8, IdleConnTimeout: time.Minute,
		},
	}}
}

// Do sends a request, once, and returns the status and the beginning of the answer. An error
// that is not ErrNotSent leaves open whether the request arrived. None holds the
// address, which may carry a secret.
func (c *Client) Do(req *http.Request) (status int, answer []byte, err error) {
	var begun atomic.Bool // from here on something may have reached the other side
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { begun.Store(true) }}
	req.Header.Set("User-Agent", "Manyi")
	// A request without a body that dies on a connection used before is sent again by
	// net/http, unasked. One that has a connection of its own is not.
	req.Close = req.Body == nil
	res, err := c.http.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		if err = withoutAddress(err); !begun.Load() {
			err = fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, _ = io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	return res.StatusCode, answer, nil
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

// Genuine reports whether a signature is of a body, and made within Skew of now.
func Genuine(secret []byte, now time.Time, signature string, body []byte) bool {
	t, _, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",")
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return false
	}
	at := time.Unix(seconds, 0)
	return hmac.Equal([]byte(signature), []byte(Sign(secret, at, body))) && now.Sub(at).Abs() <= Skew
}
