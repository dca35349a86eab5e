package intake

import (
	"bytes"
	"testing"
	"time"
)

func FuzzFormKey(f *testing.F) {
	s, err := NewSecrets(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		f.Fatal(err)
	}
	made := time.UnixMilli(1_770_000_000_000)
	f.Add(s.newForm(1, made), uint32(1))
	f.Add("", uint32(0))
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAA", uint32(9))
	f.Fuzz(func(t *testing.T, text string, serial uint32) {
		form, at, err := s.parseForm(text, serial)
		if err != nil {
			return
		}
		// Whatever is accepted was made by us for this code, and has one spelling.
		again := formText.EncodeToString(append(form[:], s.formMAC(form[:], serial)...))
		if again != text || at.UnixMilli() < 0 {
			t.Errorf("accepted %q, spelled %q", text, again)
		}
	})
}

func TestFormKeyCarriesItsTimeAndCode(t *testing.T) {
	s, err := NewSecrets(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	made := time.UnixMilli(1_770_000_000_123)
	key := s.newForm(5, made)
	if _, at, err := s.parseForm(key, 5); err != nil || !at.Equal(made) {
		t.Errorf("made %v, %v; want %v", at, err, made)
	}
	if _, _, err := s.parseForm(key, 6); err == nil {
		t.Error("accepted for another code")
	}
	other, _ := NewSecrets(bytes.Repeat([]byte("t"), 32))
	if _, _, err := other.parseForm(key, 5); err == nil {
		t.Error("accepted under another secret")
	}
}
