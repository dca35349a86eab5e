package main

import (
	"fmt"
	"log/slog"

	"manyi/jobs"
	"manyi/server/web"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sms"
)

// phones seals and opens the phones of visits and messages.
func (b *base) phones() (intake.Phones, error) {
	ring, err := keyring.Load(b.cfg.keys())
	if err != nil {
		return intake.Phones{}, fmt.Errorf("MANYI_KEYS_FILE: %w", err)
	}
	return intake.NewPhones(ring), nil
}

// messageJobs make invitations and reminders, and hand over what is queued.
func (b *base) messageJobs(to sms.Sender, log *slog.Logger) ([]jobs.Job, error) {
	phones, err := b.phones()
	if err != nil {
		return nil, err
	}
	text, err := web.ReminderText(b.cfg.SMSSignature)
	if err != nil {
		return nil, err
	}
	secret := func(key string) []byte { return b.secrets.VisitSecret(b.secrets.InvitationSecret(key)) }
	return []jobs.Job{
		jobs.InviteJob(jobs.Inviting{Store: b.store, Phones: phones, Secret: secret}),
		jobs.RemindTextJob(jobs.Texting{Store: b.store, Phones: phones, Text: text, Zone: b.cfg.Zone}),
		jobs.SendJob(b.store, to, phones, log),
	}, nil
}
