package intake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"manyi/survey"
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

// TestAddressesTellNothingAndComeBack: of two keys that differ in one bit nothing in the
// addresses is alike, and no address but the right one is taken for any.
func TestAddressesTellNothingAndComeBack(t *testing.T) {
	s, err := NewSecrets(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := NewSecrets(bytes.Repeat([]byte("t"), 32))
	a := survey.Key{29: 1}
	b := survey.Key{29: 3}
	x, y := s.Address(a), s.Address(b)
	alike := 0
	for i := range x {
		if x[i] == y[i] {
			alike++
		}
	}
	if len(x) != len(y) || alike > 12 || strings.Contains(x, "AAAA") {
		t.Errorf("%s and %s are alike in %d of %d places", x, y, alike, len(x))
	}
	if got, err := s.KeyAt(x); err != nil || got != a || s.Address(a) != x {
		t.Errorf("%s comes back as %s, %v", a, got, err)
	}
	if got, err := s.KeyAt(a.String()); err != nil || got != a {
		t.Errorf("a key written out comes back as %s, %v", got, err)
	}
	if got, err := other.KeyAt(x); !errors.Is(err, survey.ErrNotFound) {
		t.Errorf("another installation reads %s, %v", got, err)
	}
	raw := []byte(x)
	for i := range raw {
		raw[i] ^= 1
		if got, err := s.KeyAt(string(raw)); !errors.Is(err, survey.ErrNotFound) {
			t.Errorf("changed at %d it reads %s, %v", i, got, err)
		}
		raw[i] ^= 1
	}
}

// TestTheDrawIsTheShareAndFollowsFromTheSecret: nobody without the secret foresees it,
// and every node with it draws the same.
func TestTheDrawIsTheShareAndFollowsFromTheSecret(t *testing.T) {
	mine, err := NewSecrets(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	same, _ := NewSecrets(bytes.Repeat([]byte("s"), 32))
	other, _ := NewSecrets(bytes.Repeat([]byte("t"), 32))
	const n = 20_000
	var drawn, both, more int
	for i := range n {
		var k survey.Key
		binary.BigEndian.PutUint32(k[:], uint32(i))
		in := mine.Drawn(k, .1)
		if in != same.Drawn(k, .1) {
			t.Fatal("another node with the same secret draws otherwise")
		}
		if in && !mine.Drawn(k, .3) {
			t.Fatal("what is drawn at a share is not at a larger one")
		}
		if mine.Drawn(k, 0) || !mine.Drawn(k, 1) {
			t.Fatal("a share of 0 draws some, or one of 1 leaves some out")
		}
		if in {
			drawn++
		}
		if mine.Drawn(k, .3) {
			more++
		}
		if in && other.Drawn(k, .1) {
			both++
		}
	}
	// Six standard deviations of a binomial count, either way.
	near := func(got int, p float64) bool { return math.Abs(float64(got)-n*p) < 6*math.Sqrt(n*p*(1-p)) }
	if !near(drawn, .1) || !near(more, .3) || !near(both, .01) {
		t.Errorf("of %d: %d at 0.1, %d at 0.3, %d by another secret too", n, drawn, more, both)
	}
}
