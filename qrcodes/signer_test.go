package qrcodes_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"manyi/qrcodes"
)

var signer = qrcodes.NewSigner([]byte("a secret for tests, 32 bytes long"))

// retype makes the canonical form of what a reader may type.
var retype = strings.NewReplacer("O", "0", "I", "1", "L", "1")

func TestCodeIsStable(t *testing.T) {
	// Labels hang for years. Worked out once from the package comment, outside this code.
	const want = "000000AY9ZRNAEKF"
	if got := signer.Code(1); got != want {
		t.Errorf("Code(1) = %q, want %q: every label in print would be refused", got, want)
	}
}

func TestCodeRoundTrip(t *testing.T) {
	seen := map[string]bool{}
	for _, serial := range []uint32{0, 1, 31, 32, 1 << 16, 1 << 31, 0xdeadbeef, math.MaxUint32 - 1, math.MaxUint32} {
		code := signer.Code(serial)
		if len(code) != 16 || strings.Trim(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
			t.Errorf("Code(%d) = %q, want 16 Crockford characters", serial, code)
		}
		if got, err := signer.Serial(code); err != nil || got != serial {
			t.Errorf("Serial(Code(%d)) = %d, %v", serial, got, err)
		}
		if tag := code[7:]; seen[tag] {
			t.Errorf("Code(%d) repeats a tag", serial)
		} else {
			seen[tag] = true
		}
	}
}

func TestSerialReadsTypedCodes(t *testing.T) {
	const serial = 0b00001_00001_00000 << 17 // begins 110: all that is often misread
	code := signer.Code(serial)
	if !strings.Contains(code, "0") || !strings.Contains(code, "1") {
		t.Fatalf("%s has no 0 or no 1", code)
	}
	for name, typed := range map[string]string{
		"as printed":     code,
		"lower case":     strings.ToLower(code),
		"mixed case":     code[:8] + strings.ToLower(code[8:]),
		"capital O":      strings.ReplaceAll(code, "0", "O"),
		"small o":        strings.ReplaceAll(code, "0", "o"),
		"capital I":      strings.ReplaceAll(code, "1", "I"),
		"small i":        strings.ReplaceAll(code, "1", "i"),
		"capital L":      strings.ReplaceAll(code, "1", "L"),
		"small l":        strings.ReplaceAll(code, "1", "l"),
		"all by mistake": strings.NewReplacer("0", "o", "1", "l").Replace(strings.ToLower(code)),
	} {
		if got, err := signer.Serial(typed); err != nil || got != serial {
			t.Errorf("%s: Serial(%q) = %d, %v", name, typed, got, err)
		}
	}
}

func TestSerialRefuses(t *testing.T) {
	code := signer.Code(33825)
	other := qrcodes.NewSigner([]byte("another secret"))
	for reason, bad := range map[string]string{
		"empty":                         "",
		"one short":                     code[:15],
		"one long":                      code + "0",
		"trailing space":                code + " ",
		"leading space":                 " " + code,
		"space in place of a character": code[:15] + " ",
		"hyphens":                       code[:8] + "-" + code[8:],
		"hyphen within 16":              code[:8] + "-" + code[9:],
		"line break within 16":          code[:15] + "\n",
		"carriage return within 16":     code[:15] + "\r",
		"padding":                       code[:15] + "=",
		"NUL":                           code[:15] + "\x00",
		"U is not in the alphabet":      "U" + code[1:],
		"small u is not either":         "u" + code[1:],
		"another secret":                other.Code(33825),
		"all zeros":                     strings.Repeat("0", 16),
		"all Z":                         strings.Repeat("Z", 16),
		"tag of another serial":         code[:6] + signer.Code(33825 ^ 1<<20)[6:],
		"full-width digit":              "０" + code[1:],
		"full-width digit, 16 bytes":    "０" + code[3:],
		"Cyrillic А, 16 bytes":          "А" + code[2:],
		"Kelvin sign, 16 bytes":         "K" + code[3:],
		"long s, 16 bytes":              "ſ" + code[2:],
		"dotless i, 16 bytes":           "ı" + code[2:],
		"broken UTF-8":                  "\xff" + code[1:],
		"10 KB":                         strings.Repeat(code, 640),
		"SQL":                           "' OR 1=1 -- 00000"[:16],
	} {
		if got, err := signer.Serial(bad); !errors.Is(err, qrcodes.ErrCode) || got != 0 {
			t.Errorf("%s: Serial(%.40q) = %d, %v, want ErrCode", reason, bad, got, err)
		}
	}
}

func TestSerialRefusesEveryFlippedCharacter(t *testing.T) {
	code := signer.Code(0xdeadbeef)
	for i := range code {
		for _, c := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
			flipped := code[:i] + string(c) + code[i+1:]
			if flipped == code {
				continue
			}
			if _, err := signer.Serial(flipped); !errors.Is(err, qrcodes.ErrCode) {
				t.Errorf("Serial(%q) with character %d changed: %v, want ErrCode", flipped, i, err)
			}
		}
	}
}

func TestNewSignerRefusesEmptySecret(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an empty secret was accepted")
		}
	}()
	qrcodes.NewSigner(nil)
}

func FuzzSerial(f *testing.F) {
	code := signer.Code(33825)
	for _, seed := range []string{code, strings.ToLower(code), "", code[:15], "０" + code[3:], "OIL0000000000000", code + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		serial, err := signer.Serial(text)
		if err != nil {
			if !errors.Is(err, qrcodes.ErrCode) || serial != 0 {
				t.Fatalf("Serial(%q) = %d, %v: want 0, ErrCode", text, serial, err)
			}
			return
		}
		if want := retype.Replace(strings.ToUpper(text)); signer.Code(serial) != want {
			t.Fatalf("Serial(%q) = %d, whose code is %s", text, serial, signer.Code(serial))
		}
	})
}
