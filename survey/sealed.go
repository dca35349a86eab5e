package survey

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// SealedText (密文) is an encrypted text: what somebody typed, where the text in
// clear has a number hidden, see [Mask].
type SealedText struct {
	KeyID  string `json:"key"`
	Sealed []byte `json:"sealed"`
}

// SealedKind says where a sealed value stands.
type SealedKind string

// The kinds.
const (
	SealedContacts SealedKind = "contact" // of a response
	SealedComments SealedKind = "comment" // of a response, as typed
	SealedNotes    SealedKind = "note"    // of an entry, as typed
	SealedMessages SealedKind = "message" // the phone a message goes to
	SealedOptOuts  SealedKind = "opt_out" // the phone that wants no more messages
	SealedVisits   SealedKind = "visit"   // the phone of who was served
	SealedUsers    SealedKind = "user"    // the phone of somebody who signs in

	SealedInbound     SealedKind = "inbound"      // the phone a message came from
	SealedInboundText SealedKind = "inbound_text" // what it said
)

// SealedKinds lists the kinds.
var SealedKinds = [...]SealedKind{SealedContacts, SealedComments, SealedNotes, SealedMessages, SealedOptOuts, SealedVisits,
	SealedUsers, SealedInbound, SealedInboundText}

// SealedValue is an encrypted value, wherever it stands. So keys are rotated and
// values erased without knowing more of what they belong to.
type SealedValue struct {
	Kind      SealedKind
	ID        []byte // tells it from the others of its kind
	KeyID     string
	Sealed    []byte
	PhoneHash []byte // keyed hash of the phone in it; nil if it is not found by one
	// At is when a visit ended or a message came in, zero for all other kinds.
	At time.Time
}

// Bound is what a value is sealed for: opened as another one, it fails.
func (v SealedValue) Bound() []byte {
	switch v.Kind {
	case SealedContacts:
		return v.ID
	case SealedOptOuts: // its ID is the hash, which changes with the keys
		return append([]byte(v.Kind), 0)
	}
	return append(append([]byte(v.Kind), 0), v.ID...)
}

// Next is the value as it stands once it was sealed anew. An opt-out is kept under its
// hash.
func (v SealedValue) Next(keyID string, sealed, phoneHash []byte) SealedValue {
	v.KeyID, v.Sealed, v.PhoneHash = keyID, sealed, phoneHash
	if v.Kind == SealedOptOuts {
		v.ID = phoneHash
	}
	return v
}

// Response is the key of the response that the value belongs to.
func (v SealedValue) Response() (k Key) {
	copy(k[:], v.ID)
	return k
}

// No is the number of the entry a note belongs to.
func (v SealedValue) No() int {
	if v.Kind != SealedNotes || len(v.ID) != len(Key{})+4 {
		return 0
	}
	return int(binary.BigEndian.Uint32(v.ID[len(Key{}):]))
}

// Value is a sealed contact as a value of its own.
func (c SealedContact) Value(key Key) SealedValue {
	return SealedValue{Kind: SealedContacts, ID: key[:], KeyID: c.KeyID, Sealed: c.Sealed, PhoneHash: c.PhoneHash}
}

// Comment is the original of a response's comment as a value of its own.
func (t SealedText) Comment(key Key) SealedValue {
	return SealedValue{Kind: SealedComments, ID: key[:], KeyID: t.KeyID, Sealed: t.Sealed}
}

// Sealed is the phone of a message as a value of its own.
func (m Message) Sealed() SealedValue {
	return SealedValue{Kind: SealedMessages, ID: []byte(m.ID()), KeyID: m.Phone.KeyID, Sealed: m.Phone.Sealed, PhoneHash: m.Phone.PhoneHash}
}

// Sealed is the phone of an opt-out as a value of its own.
func (o OptOut) Sealed() SealedValue {
	return SealedValue{Kind: SealedOptOuts, ID: o.Phone.PhoneHash, KeyID: o.Phone.KeyID, Sealed: o.Phone.Sealed, PhoneHash: o.Phone.PhoneHash}
}

// Sealed is the phone of a visit as a value of its own; with nothing sealed if it has none.
func (v Visit) Sealed() SealedValue {
	out := SealedValue{Kind: SealedVisits, ID: []byte(v.ID()), At: v.FinishedAt}
	if v.Phone != nil {
		out.KeyID, out.Sealed, out.PhoneHash = v.Phone.KeyID, v.Phone.Sealed, v.Phone.PhoneHash
	}
	return out
}

// Visit is which visit the value belongs to.
func (v SealedValue) Visit() (survey string, c CaseRef) {
	survey, rest, _ := strings.Cut(string(v.ID), "\x00")
	c.Number, c.Stage, _ = strings.Cut(rest, "\x00")
	return survey, c
}

// Sealed is the phone of a message that came in, and its text, as values of their own.
func (in Inbound) Sealed() [2]SealedValue {
	return [2]SealedValue{
		{Kind: SealedInbound, ID: []byte(in.ID), KeyID: in.From.KeyID, Sealed: in.From.Sealed, PhoneHash: in.From.PhoneHash, At: in.ReceivedAt},
		{Kind: SealedInboundText, ID: []byte(in.ID), KeyID: in.TextKey, Sealed: in.Text, At: in.ReceivedAt},
	}
}

// Note is the original of an entry's note as a value of its own.
func (t SealedText) Note(key Key, no int) SealedValue {
	return SealedValue{Kind: SealedNotes, ID: NoteID(key, no), KeyID: t.KeyID, Sealed: t.Sealed}
}

// NoteID is the ID of the original of an entry's note.
func NoteID(key Key, no int) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{}, key[:]...), uint32(no))
}

// EraseCase erases everything sealed that belongs to a response: the contact, the
// original of its comment, and those of the notes of its case. The entries say that it
// was done, see [StepErased]; cut short, it may be repeated.
func EraseCase(ctx context.Context, store interface {
	SealedStore
	ResponseStore
	CaseStore
}, key Key) (erased int, err error) {
	var values []SealedValue
	contact, err := store.Contact(ctx, key)
	if err == nil {
		values = append(values, contact.Value(key))
	} else if !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	comment, err := store.OriginalComment(ctx, key)
	if err == nil {
		values = append(values, comment.Comment(key))
	} else if !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	c, err := store.Case(ctx, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	for _, e := range c.Entries {
		if e.Original != nil {
			values = append(values, e.Original.Note(key, e.No))
		}
	}
	for _, v := range values {
		done, err := store.ReplaceSealed(ctx, v, SealedValue{})
		if err != nil {
			return erased, err
		}
		if done {
			erased++
		}
	}
	return erased, store.Scrub(ctx)
}

// SealedStore walks what is encrypted.
type SealedStore interface {
	// SealedValues calls yield for every sealed value of a kind, in a fixed order. What is
	// stored or replaced meanwhile comes once or not at all. No read lock is held
	// while yield runs. It stops at yield's first error.
	SealedValues(ctx context.Context, kind SealedKind, yield func(SealedValue) error) error
	// ReplaceSealed puts next in the place of old, in one step, or erases it if next
	// has nothing sealed: with all its hashes. It reports whether it did: not if what
	// is stored is no longer old. An opt-out takes the place of another one under its
	// new hash; all else keeps its ID.
	ReplaceSealed(ctx context.Context, old, next SealedValue) (bool, error)
	// Scrub sees to it that no copy of what was replaced is left in files an engine
	// keeps by itself.
	Scrub(ctx context.Context) error
	// OriginalComment returns the sealed original of a response's comment;
	// ErrNotFound if nothing was hidden in it, or if it was erased.
	OriginalComment(ctx context.Context, key Key) (SealedText, error)
}
