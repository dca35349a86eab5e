package mongostore

import (
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// TestAMessageChangedMeanwhileKeepsItsNewPhone: whoever changes a message writes it
// back whole, and must not put back the phone that was sealed anew in between.
func TestAMessageChangedMeanwhileKeepsItsNewPhone(t *testing.T) {
	s := open(t)
	m := storetest.Invitation("A1", "13800138000", storetest.At("2024-02-06"))
	if _, err := s.AddMessages(t.Context(), []survey.Message{m}); err != nil {
		t.Fatal(err)
	}
	old := m.Sealed()
	next := old.Next("k2", []byte("anew"), []byte("new hash"))
	tries := 0
	_, err := s.ChangeMessage(t.Context(), m.ID(), func(m *survey.Message) error {
		if tries++; tries == 1 {
			if done, err := s.ReplaceSealed(t.Context(), old, next); err != nil || !done {
				t.Errorf("replace: %v, %v", done, err)
			}
		}
		return m.Take(storetest.At("2024-02-06"), storetest.At("2024-02-07"))
	})
	if err != nil || tries != 2 {
		t.Errorf("changed after %d tries, %v; want 2", tries, err)
	}
	got, err := s.Message(t.Context(), m.ID())
	if err != nil || got.State != survey.MessageClaimed || got.Phone.KeyID != "k2" || string(got.Phone.PhoneHash) != "new hash" {
		t.Errorf("the message is %+v, %v", got, err)
	}
}
