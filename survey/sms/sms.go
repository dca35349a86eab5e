// Package sms (短信) is the contract with whoever carries text messages to phones.
//
// A way out, such as a provincial platform, is one folder below this one and the
// one method of [Sender]. What more a way out can do, such as report that a message
// was delivered or bring a reply, is a contract of its own beside it. Which one is
// used is decided where the program is put together.
package sms

import (
	"context"
	"errors"
	"time"
)

// Sender hands messages over.
type Sender interface {
	// Send hands over one message. nil means that it was taken over, not that it
	// arrived. Of the errors, those that are ErrRefused or ErrAgain say that it was
	// not; after any other nobody knows, and sending it again may send it twice.
	// No error holds the number, the text or a secret: errors go to the log.
	Send(ctx context.Context, m Message) error
}

// Message is one text message to one phone.
type Message struct {
	// ID is the sender's name for the message, up to 64 letters, digits and
	// hyphens. It is the same when the same message is sent again, so that a
	// gateway can tell, and names it in reports.
	ID   string
	To   string // the number as it was typed: 7 to 15 digits, perhaps after a "+"
	Text string // with the signature (签名) in front, such as 【满意】
}

// Sent is a message and when it was handed over.
type Sent struct {
	At      time.Time // UTC
	Message Message
}

// What an error of Send may be.
var (
	// ErrRefused means that this message will never be taken over: by its number
	// or its text, or because the gateway does not let us in.
	ErrRefused = errors.New("message refused for good")
	// ErrAgain means that the message was not taken over, and may be later:
	// sending it again sends it once.
	ErrAgain = errors.New("message not taken over; try again")
)
