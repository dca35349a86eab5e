// Package qrcodes makes the signed code that stands at each service window
// (窗口评价码) and everything that is printed from it.
//
// # What a window code is
//
// A citizen scans the symbol on the counter, and the link in it tells the
// server which window served them. Were that link just a window number, anyone
// could walk through the numbers and fill every window in the country with
// answers nobody gave. So a code carries its own proof:
//
//	serial, 32 bits          a random number, the store's key for the window
//	tag, 48 bits             HMAC-SHA256(subkey, serial), cut to 48 bits
//	                         -------
//	80 bits                  = 16 characters of Crockford base32
//
// Whoever does not hold the secret finds a valid code once in 2^48 tries, and a
// wrong one is refused by arithmetic alone, so a flood of guesses never reaches
// the store. The secret must outlive the labels: changing it makes every
// printed label a piece of waste paper.
//
// A code says where, never who or when. Everyone at one window scans the same
// one, and that is what keeps a scanned rating anonymous.
//
// # Why the link is in capitals
//
// A QR symbol packs digits, A–Z and "$%*+-./: " into 5.5 bits a character and
// anything else into 8. Scheme and host do not care about case, so [Link]
// writes them in capitals, and a typical link fits version 3 (29 × 29 modules)
// where lower case would need version 4. Fewer and larger modules scan from
// further away, and survive a scratched label longer. The alphabet of the codes
// leaves out I, L, O and U, so that a code can be read out over the telephone.
//
// # What can be made of it
//
// [PNG], [SVG] and [Terminal] draw one symbol. [WriteSheet] makes a document to
// print from the browser, and [WriteZip] an archive for a print shop.
package qrcodes

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
)

// ErrCode means the text is not a code of ours: show the unknown-code page, do
// not look it up.
var ErrCode = errors.New("not a window code of ours")

const (
	serialLen = 4
	tagLen    = 6
	codeLen   = (serialLen + tagLen) * 8 / 5

	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

	// The label keeps these tags apart from anything else that is signed with
	// the same secret.
	subkeyLabel = "manyi window code v1"
)

var crockford = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// canonical maps each byte a reader may type to the character it stands for,
// and every other byte to 0, which is outside the alphabet.
var canonical = func() (table [256]byte) {
	for _, c := range []byte(alphabet) {
		table[c] = c
		if c >= 'A' {
			table[c+'a'-'A'] = c
		}
	}
	for from, to := range map[byte]byte{'O': '0', 'I': '1', 'L': '1'} {
		table[from], table[from+'a'-'A'] = to, to
	}
	return table
}()

// Signer makes and checks window codes. It is safe for concurrent use.
type Signer struct{ key []byte }

// NewSigner returns a signer whose key is derived from secret, so the same
// secret may serve other purposes too. Use 32 random bytes. An empty secret
// would let anyone sign, and panics.
func NewSigner(secret []byte) *Signer {
	if len(secret) == 0 {
		panic("qrcodes: empty secret")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(subkeyLabel))
	return &Signer{key: mac.Sum(nil)}
}

// Code returns the 16 characters that stand for serial: always the same for
// one secret and serial.
func (s *Signer) Code(serial uint32) string {
	raw := make([]byte, serialLen, serialLen+tagLen)
	binary.BigEndian.PutUint32(raw, serial)
	return crockford.EncodeToString(append(raw, s.tag(raw)...))
}

// Serial returns the serial of a code this signer made, and ErrCode for any
// other text. A code typed by hand may be in either case, with O for 0 and with
// I or L for 1; nothing may be added, not even a space or a hyphen.
func (s *Signer) Serial(code string) (uint32, error) {
	if len(code) != codeLen {
		return 0, ErrCode
	}
	var text [codeLen]byte
	for i := range text {
		text[i] = canonical[code[i]]
	}
	var raw [serialLen + tagLen]byte
	if _, err := crockford.Decode(raw[:], text[:]); err != nil {
		return 0, ErrCode
	}
	if !hmac.Equal(raw[serialLen:], s.tag(raw[:serialLen])) {
		return 0, ErrCode
	}
	return binary.BigEndian.Uint32(raw[:serialLen]), nil
}

func (s *Signer) tag(serial []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(serial)
	return mac.Sum(nil)[:tagLen]
}
