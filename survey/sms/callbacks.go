package sms

import (
	"errors"
	"net/url"
	"time"
)

// Callbacks is the contract of a gateway that calls back: with what has become of
// messages, with what came in, or with both.
type Callbacks interface {
	// Parse reads a call. Whoever asks has made sure of the address and the secret path; what
	// else proves a gateway is checked here. The answer is given once all that was
	// received is stored; without it the gateway calls again. The error is ErrForged,
	// ErrReplayed or ErrCall and holds nothing of the call.
	Parse(call Call, now time.Time) (Received, Answer, error)
}

// Call is a gateway's request.
type Call struct {
	Method string
	Query  url.Values
	Header func(name string) string
	Body   []byte
}

// Received is what a call brought.
type Received struct {
	Reports []Report
	Inbound []Inbound
}

// Answer is what a gateway wants to hear.
type Answer struct{ Type, Body string }

// Report (状态报告) is what a gateway says has become of a message.
type Report struct {
	ID      string // the gateway's; the same when it says the same again
	Message string // Message.ID
	State   ReportState
	Reason  string    // the gateway's own word for it
	At      time.Time // UTC; zero if the gateway does not say
}

// ReportState is what has become of a message.
type ReportState string

// The states. A message that is underway may still end either way.
const (
	Delivered ReportState = "delivered"
	Failed    ReportState = "failed"
	Underway  ReportState = "underway"
)

// Inbound (上行短信) is a text message that came in.
type Inbound struct {
	ID   string // the gateway's; the same when it brings the message again
	From string // the number, in digits
	To   string // the number it was sent to
	Text string
	At   time.Time // UTC; zero if the gateway does not say
}

// What an error of Parse may be.
var (
	ErrForged   = errors.New("call not signed by the gateway")
	ErrReplayed = errors.New("call was made before")
	ErrCall     = errors.New("call cannot be read")
)

// Limits of what a call may hold. The longest text a phone sends is ten parts.
const (
	MaxCallItems = 1000
	MaxID        = 128
	MaxText      = 2000 // in bytes
)

// Check cuts what is too long, and refuses what has no name or no number: it could not
// be told from its repetition, or led to nobody.
func (r Received) Check() (Received, error) {
	if len(r.Reports)+len(r.Inbound) > MaxCallItems {
		return Received{}, ErrCall
	}
	for i, report := range r.Reports {
		if !plainID(report.Message) || !plainID(report.ID) {
			return Received{}, ErrCall
		}
		r.Reports[i].Reason = short(report.Reason, 64)
	}
	for i, in := range r.Inbound {
		in.From = Number(in.From)
		if !plainID(in.ID) || in.From == "" {
			return Received{}, ErrCall
		}
		in.To, in.Text = short(in.To, 32), short(in.Text, MaxText)
		r.Inbound[i] = in
	}
	return r, nil
}

func plainID(id string) bool {
	if id == "" || len(id) > MaxID {
		return false
	}
	for _, r := range id {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}

// Number is a phone as it is compared: digits only, without the country code of
// China in any of its spellings. Empty if it is no number.
func Number(text string) string {
	if text != "" && text[0] == '+' {
		text = text[1:]
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return ""
		}
	}
	for _, code := range []string{"0086", "86"} {
		if len(text) == len(code)+11 && text[:len(code)] == code && text[len(code)] == '1' {
			text = text[len(code):]
		}
	}
	if len(text) < 5 || len(text) > 20 {
		return ""
	}
	return text
}

func short(text string, most int) string {
	text = visible(text)
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xc0 == 0x80 { // not within a character
		most--
	}
	return text[:most]
}
