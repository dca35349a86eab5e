package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"manyi/survey"
)

// TakeText takes a rating that came by text message, as of the time it came in, by
// the rules and with the durability of Submit. What it was made of names it: the same
// again is seen as such. No limit of windows or devices applies, since an invitation
// is answered by its own phone only. The error is survey.Faults, survey.ErrNotOpen or ErrClosed,
// ErrBusy or survey.ErrFull.
func (in *Intake) TakeText(ctx context.Context, a survey.TextAnswer) (key survey.Key, isNew bool, err error) {
	at := a.At.UTC().Truncate(time.Millisecond)
	if err := a.Survey.Accepting(at); err != nil {
		return key, false, err
	}
	answer, faults := a.Survey.Accept(a.Submission)
	if len(faults) > 0 {
		return key, false, faults
	}
	req := Request{Survey: a.Survey, Path: a.Path, Channel: survey.ChannelSMS}
	r, err := in.response(in.TextForm(a.From, at), req, answer, at)
	if err != nil {
		return key, false, err
	}
	r.Corrects = a.Corrects
	isNew, err = in.commits.add(ctx, r)
	return r.Key, isNew, err
}

// TextForm is the form key of what was made of a message that came in at a time.
func (in *Intake) TextForm(from string, at time.Time) [survey.FormKeyLen]byte {
	return in.secrets.namedForm("text", from, at)
}

// Inbound makes a message that came in fit to be kept: its phone and its text are
// encrypted. The phone is its plain digits.
func (in *Intake) Inbound(id, phone, text string, at time.Time) (survey.Inbound, error) {
	m := survey.Inbound{ID: id, ReceivedAt: at.UTC().Truncate(time.Millisecond)}
	m.Due = m.ReceivedAt
	var err error
	if m.From, err = in.SealPhone(phone, "inbound", id); err == nil {
		m.TextKey, m.Text, err = in.sealer.Seal([]byte(text), bound("inbound_text", id))
	}
	if err != nil {
		return m, fmt.Errorf("seal a message that came in: %w", err)
	}
	return m, nil
}

// SealPhone encrypts a phone for its place, and has it found by its hash.
func (in *Intake) SealPhone(phone, kind, id string) (survey.SealedContact, error) {
	return NewPhones(in.sealer).seal(kind, id, phone)
}

// InvitationSecret is what the answer to an invitation proves its visit by.
func (in *Intake) InvitationSecret(key string) string { return in.secrets.InvitationSecret(key) }

// OpenInbound is the reverse of Inbound.
func (in *Intake) OpenInbound(m survey.Inbound) (phone, text string, err error) {
	var c survey.Contact
	plain, err := in.sealer.Open(m.From.KeyID, m.From.Sealed, bound("inbound", m.ID))
	if err == nil {
		err = json.Unmarshal(plain, &c)
	}
	if err != nil {
		return "", "", fmt.Errorf("open a message that came in: %w", err)
	}
	plain, err = in.sealer.Open(m.TextKey, m.Text, bound("inbound_text", m.ID))
	if err != nil {
		return "", "", fmt.Errorf("open a message that came in: %w", err)
	}
	return c.Phone, string(plain), nil
}
