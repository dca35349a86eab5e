package proof

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// State is how both logs stood at a time. One signature is over both, so that
// neither can be shown with an older or newer other one.
type State struct {
	At       time.Time
	Receipts Tree
	Data     Tree
}

const stateHead = "manyi log 1\n"

// text is the signed text, four lines:
//
//	manyi log 1
//	2026-11-25T03:20:00Z
//	receipts SIZE ROOT
//	data SIZE ROOT
func (s State) text() string {
	return fmt.Sprintf("%s%s\nreceipts %d %s\ndata %d %s\n", stateHead, s.At.UTC().Format(time.RFC3339),
		s.Receipts.Size, s.Receipts.Root, s.Data.Size, s.Data.Root)
}

func parseState(text string) (s State, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 {
		return s, fmt.Errorf("the checkpoint has not the form of one")
	}
	if s.At, err = time.Parse(time.RFC3339, lines[1]); err != nil {
		return s, err
	}
	for i, t := range []*Tree{&s.Receipts, &s.Data} {
		words := strings.Split(lines[2+i], " ")
		if len(words) != 3 {
			return s, fmt.Errorf("the checkpoint has not the form of one")
		}
		if t.Size, err = strconv.ParseInt(words[1], 10, 64); err != nil {
			return s, err
		}
		if t.Root, err = tlog.ParseHash(words[2]); err != nil {
			return s, err
		}
	}
	if s.text() != text { // one state has one text
		return s, fmt.Errorf("the checkpoint has not the form of one")
	}
	return s, nil
}

// Sign is the state as a signed note (golang.org/x/mod/sumdb/note).
func (s State) Sign(signer note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: s.text()}, signer)
}

// OpenState reads a signed state, and refuses any other signature than the verifier's.
func OpenState(signed []byte, verifier note.Verifier) (State, error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return State{}, err
	}
	return parseState(n.Text)
}

// Signer signs checkpoints and publications. It is the seam by which another
// algorithm, such as SM2, joins: whatever has a name, a key hash and a signature.
type Signer struct {
	note.Signer
	// Key is the public key as note.NewVerifier reads it. It is no secret: whoever
	// checks has to have it from elsewhere than from what is checked.
	Key string
}

// signerName stands in every signature.
const signerName = "manyi"

// NewSigner derives an Ed25519 key from an installation's secret, so that all its
// nodes sign alike.
func NewSigner(secret []byte) (Signer, error) {
	seed, err := hkdf.Key(sha256.New, secret, nil, "manyi log signature", ed25519.SeedSize)
	if err != nil {
		return Signer{}, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	public, err := note.NewEd25519VerifierKey(signerName, key.Public().(ed25519.PublicKey))
	if err != nil {
		return Signer{}, err
	}
	verifier, err := note.NewVerifier(public)
	return Signer{ed25519Signer{key, verifier}, public}, err
}

// Verifier checks what this signer signed.
func (s Signer) Verifier() note.Verifier {
	v, err := note.NewVerifier(s.Key)
	if err != nil {
		panic("proof: a signer's own key cannot be read: " + err.Error())
	}
	return v
}

type ed25519Signer struct {
	key ed25519.PrivateKey
	note.Verifier
}

func (s ed25519Signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }
