package web

import (
	"fmt"

	"manyi/survey"
)

// ReminderText makes the text message of a reminder, after the signature. It names the
// bureau, the case, the deadline and its last day, and nothing of the citizen.
func ReminderText(signature string) (func(r survey.Reminder, bureau string) string, error) {
	pages, err := NewPages()
	if err != nil {
		return nil, err
	}
	return func(r survey.Reminder, bureau string) string {
		day := fmt.Sprintf("%d月%d日", int(r.LastDay)/100%100, int(r.LastDay)%100)
		return signature + fmt.Sprintf(pages.Words("reminder."+string(r.Kind)).Zh, bureau, r.Case.Tail(), day, pages.Words("deadline."+r.Deadline).Zh)
	}, nil
}
