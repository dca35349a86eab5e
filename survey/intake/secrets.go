package intake

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"manyi/survey"
)

// Secrets are the keyed functions of the intake, each with a key of its own
// derived from the installation's secret, so that what one of them shows says
// nothing about another.
type Secrets struct{ form, digest, receiptKey, visit, follow, codeKey, limitKey, invite, tagKey, address, recheck keyed }

// NewSecrets derives the keys. Every node of an installation must have the same master.
func NewSecrets(master []byte) (Secrets, error) {
	var s Secrets
	for label, key := range map[string]*keyed{
		"manyi form key": &s.form, "manyi content digest": &s.digest, "manyi receipt": &s.receiptKey,
		"manyi visit secret": &s.visit, "manyi follow-up": &s.follow,
		"manyi one-time code": &s.codeKey, "manyi message limit": &s.limitKey,
		"manyi invitation": &s.invite,
		"manyi tag":        &s.tagKey, "manyi address": &s.address,
		"manyi re-check draw": &s.recheck,
	} {
		k, err := hkdf.Key(sha256.New, master, nil, label, 32)
		if err != nil {
			return s, fmt.Errorf("derive %s: %w", label, err)
		}
		*key = newKeyed(k)
	}
	return s, nil
}

// keyed is HMAC-SHA256 with one key. Its states are used again, since preparing
// one costs as much as the sum.
type keyed struct{ states *sync.Pool }

func newKeyed(key []byte) keyed {
	return keyed{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (k keyed) mac(parts ...[]byte) []byte {
	h := k.states.Get().(hash.Hash)
	defer k.states.Put(h)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// A form key as handed out is 6 bytes of time in milliseconds, 8 random bytes,
// and 6 bytes of a MAC that binds them to the code, in base64url.
const (
	formMAC = 6
	formRaw = survey.FormKeyLen + formMAC
)

var formText = base64.RawURLEncoding

func (s Secrets) newForm(serial uint32, now time.Time) string {
	raw := make([]byte, 8, formRaw)
	binary.BigEndian.PutUint64(raw, uint64(now.UnixMilli())<<16)
	raw = raw[:survey.FormKeyLen]
	rand.Read(raw[6:])
	return s.signForm([survey.FormKeyLen]byte(raw), serial)
}

func (s Secrets) signForm(form [survey.FormKeyLen]byte, serial uint32) string {
	return formText.EncodeToString(append(form[:], s.formMAC(form[:], serial)...))
}

// namedForm is a form key that follows from a name, for what comes without a form.
func (s Secrets) namedForm(kind, name string, at time.Time) (form [survey.FormKeyLen]byte) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli())<<16)
	copy(form[:], ms[:6])
	copy(form[6:], s.form.mac([]byte(kind), []byte{0}, []byte(name)))
	return form
}

func (s Secrets) formMAC(form []byte, serial uint32) []byte {
	return s.form.mac(form, binary.BigEndian.AppendUint32(nil, serial))[:formMAC]
}

var errForm = errors.New("form key was not handed out for this code")

// parseForm returns the form's key and when it was made.
func (s Secrets) parseForm(text string, serial uint32) (form [survey.FormKeyLen]byte, made time.Time, err error) {
	raw, err := formText.Strict().DecodeString(text)
	if err != nil || len(raw) != formRaw {
		return form, made, errForm
	}
	copy(form[:], raw)
	if !hmac.Equal(s.formMAC(form[:], serial), raw[survey.FormKeyLen:]) {
		return form, made, errForm
	}
	ms := binary.BigEndian.Uint64(append([]byte{0, 0}, form[:6]...))
	return form, time.UnixMilli(int64(ms)), nil
}

// key joins the form's key with a digest of the content. The digest is keyed: an
// unkeyed one would let anybody with the database try out phone numbers.
func (s Secrets) key(form [survey.FormKeyLen]byte, req Request, a survey.Answer) (k survey.Key) {
	var b []byte
	field := func(text string) {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	field(req.Survey.ID)
	field(req.Path.Window())
	b = append(b, byte(req.Channel), byte(a.Level))
	names := make([]string, 0, len(a.Answers))
	for name := range a.Answers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		field(name)
		b = append(b, byte(a.Answers[name]))
	}
	b = append(b, 0)
	for _, code := range a.Reasons {
		b = binary.AppendUvarint(b, uint64(code))
	}
	b = append(b, 0)
	for _, text := range []string{a.Comment, a.Case.Number, a.Case.Stage, a.VisitSecret, a.Contact.Name, a.Contact.Phone} {
		field(text)
	}
	if a.Anonymous {
		field("anonymous")
	}
	if req.Paper != nil { // not who keyed it in: somebody else may do it again
		field("paper " + req.Paper.Day.String())
	}
	if req.Interview != nil {
		field("interview " + string(req.Interview.Mode))
	}
	copy(k[:], form[:])
	copy(k[survey.FormKeyLen:], s.digest.mac(b))
	return k
}

// receiptText is Crockford's base32: no letter is mistaken for a digit when read aloud.
const receiptText = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// receipt is 80 bits in four groups of four, e.g. 7K3M-0Q9A-XW2D-51TZ.
func (s Secrets) receipt(k survey.Key) string {
	sum := s.receiptKey.mac(k[:])
	out := make([]byte, 0, 19)
	for i := range 16 {
		if i > 0 && i%4 == 0 {
			out = append(out, '-')
		}
		out = append(out, receiptText[sum[i]&31])
	}
	return string(out)
}

// FollowUp is the keyed hash under which the case of a bad review is found by its
// receipt. The receipt itself is stored nowhere.
func (s Secrets) FollowUp(receipt string) []byte {
	return s.follow.mac([]byte(plainReceipt(receipt)))[:16]
}

// ReceiptOf is the receipt of a response.
func (s Secrets) ReceiptOf(k survey.Key) string { return s.receipt(k) }

// FollowUpOf is the same for the key of a response.
func (s Secrets) FollowUpOf(k survey.Key) []byte { return s.FollowUp(s.receipt(k)) }

// CaseTag names a served case and its stage in the log, and FactTag a response: equal
// for the same one, and nobody without the key can tell which it is.
func (s Secrets) CaseTag(id string, c survey.CaseRef) string {
	if c == (survey.CaseRef{}) {
		return ""
	}
	return s.tag("case\x00", id+"\x00"+c.Number+"\x00"+c.Stage)
}

// EvaluationTag names an evaluator's work on a bureau in the log.
func (s Secrets) EvaluationTag(id survey.EvaluationID) string {
	return s.tag("evaluation\x00", id.Survey+"\x00"+id.Bureau+"\x00"+id.Evaluator)
}

// FactTag is described at CaseTag.
func (s Secrets) FactTag(k survey.Key) string { return s.tag("response\x00", string(k[:])) }

// Address is a response's key for an address (网址): always the same one, and without the
// secret it tells nothing. A key tells to the millisecond when its form was made.
func (s Secrets) Address(k survey.Key) string {
	check := s.address.mac([]byte{0}, k[:])[:addressCheck]
	return base64.RawURLEncoding.EncodeToString(append(check, s.hidden(k, check)...))
}

// KeyAt is the key an address stands for, or the one that is written out in it;
// [survey.ErrNotFound] if it is neither.
func (s Secrets) KeyAt(address string) (survey.Key, error) {
	if b, err := base64.RawURLEncoding.Strict().DecodeString(address); err == nil && len(b) == addressCheck+len(survey.Key{}) {
		check := b[:addressCheck]
		k := survey.Key(s.hidden(survey.Key(b[addressCheck:]), check))
		if hmac.Equal(check, s.address.mac([]byte{0}, k[:])[:addressCheck]) {
			return k, nil
		}
		return survey.Key{}, survey.ErrNotFound
	}
	return survey.ParseKey(address)
}

// addressCheck is how many bytes of an address hide the key and prove that it is one.
const addressCheck = 16

// hidden makes a key unreadable, or readable again.
func (s Secrets) hidden(k survey.Key, check []byte) []byte {
	subtle.XORBytes(k[:], k[:], s.address.mac([]byte{1}, check))
	return k[:]
}

// Drawn draws a share of the interviews to be called back. The draw follows from the
// response and the secret: it is the same on every node, and no interviewer foresees it.
func (s Secrets) Drawn(k survey.Key, share float64) bool {
	const bits = 53 // what a float64 tells apart
	return float64(binary.BigEndian.Uint64(s.recheck.mac(k[:]))>>(64-bits))/(1<<bits) < share
}

func (s Secrets) tag(kind, what string) string {
	return base64.RawURLEncoding.EncodeToString(s.tagKey.mac([]byte(kind), []byte(what))[:16])
}

// PlainReceipt is a receipt in its own form, however it was typed; empty if it is none.
func PlainReceipt(typed string) string {
	plain := plainReceipt(typed)
	if len(plain) != 16 {
		return ""
	}
	return plain[:4] + "-" + plain[4:8] + "-" + plain[8:12] + "-" + plain[12:]
}

// plainReceipt reads a receipt as people type it: small letters, spaces for
// hyphens, and the letters that look like digits.
func plainReceipt(typed string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			r -= '０' - '0'
		case r >= 'Ａ' && r <= 'Ｚ':
			r -= 'Ａ' - 'A'
		}
		switch r = unicode.ToUpper(r); r {
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		if strings.ContainsRune(receiptText, r) {
			return r
		}
		return -1
	}, typed)
}

// VisitSecret is the keyed hash under which a visit's secret is stored and compared.
func (s Secrets) VisitSecret(secret string) []byte { return s.visit.mac([]byte(secret))[:16] }

// InvitationSecret is the secret of a visit that the answer to its invitation proves
// it by. Nobody else knows it: it stands in no text.
func (s Secrets) InvitationSecret(key string) string {
	return hex.EncodeToString(s.invite.mac([]byte(key))[:16])
}

func (s Secrets) code(k survey.Key, code string) []byte {
	return s.codeKey.mac(k[:], []byte(code))[:16]
}

func (s Secrets) limit(kind, what string) string {
	return kind + ":" + base64.RawURLEncoding.EncodeToString(s.limitKey.mac([]byte(kind), []byte{0}, []byte(what))[:16])
}

func newID() (id survey.ID) {
	rand.Read(id[:])
	return id
}
