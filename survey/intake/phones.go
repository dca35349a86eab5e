package intake

import (
	"encoding/json"
	"fmt"

	"manyi/survey"
	"manyi/survey/keyring"
)

// Phones seals the phones of visits and messages, each for what it belongs to, and
// makes the keyed hashes they are found by.
type Phones struct{ sealer keyring.Sealer }

// NewPhones makes it from the keys of an installation.
func NewPhones(sealer keyring.Sealer) Phones { return Phones{sealer} }

// Hash is the keyed hash a phone is kept under.
func (p Phones) Hash(phone string) []byte {
	return p.sealer.Hash([]byte(survey.NationalPhone(phone)))
}

// Hashes are those under every key.
func (p Phones) Hashes(phone string) [][]byte {
	return p.sealer.Hashes([]byte(survey.NationalPhone(phone)))
}

// ForVisit seals a phone for a visit.
func (p Phones) ForVisit(v survey.Visit, phone string) (survey.SealedContact, error) {
	return p.seal("visit", v.ID(), phone)
}

// ForMessage seals a phone for the message with an ID.
func (p Phones) ForMessage(id, phone string) (survey.SealedContact, error) {
	return p.seal("message", id, phone)
}

// ForOptOut seals a phone for its opt-out.
func (p Phones) ForOptOut(phone string) (survey.SealedContact, error) {
	return p.seal("opt_out", "", phone)
}

// ForUser seals a phone for somebody who signs in. It is not found by a hash.
func (p Phones) ForUser(name, phone string) (*survey.SealedText, error) {
	c, err := p.seal("user", name, phone)
	return &survey.SealedText{KeyID: c.KeyID, Sealed: c.Sealed}, err
}

// OfUser opens the phone of somebody who signs in; survey.ErrNotFound if there is none.
func (p Phones) OfUser(u survey.User) (string, error) {
	if u.Phone == nil {
		return "", survey.ErrNotFound
	}
	return p.open("user", u.Name, survey.SealedContact{KeyID: u.Phone.KeyID, Sealed: u.Phone.Sealed})
}

// OfVisit opens the phone of a visit; survey.ErrNotFound if it has none.
func (p Phones) OfVisit(v survey.Visit) (string, error) {
	if v.Phone == nil {
		return "", survey.ErrNotFound
	}
	return p.open("visit", v.ID(), *v.Phone)
}

// OfMessage opens the phone of a message.
func (p Phones) OfMessage(m survey.Message) (string, error) {
	return p.open("message", m.ID(), m.Phone)
}

func bound(kind, id string) []byte { return []byte(kind + "\x00" + id) }

func (p Phones) seal(kind, id, phone string) (c survey.SealedContact, err error) {
	plain, err := json.Marshal(survey.Contact{Phone: survey.NationalPhone(phone)}) // as it is hashed, also when keys rotate
	if err == nil {
		c.KeyID, c.Sealed, err = p.sealer.Seal(plain, bound(kind, id))
	}
	if err != nil {
		return survey.SealedContact{}, fmt.Errorf("seal a phone: %w", err)
	}
	c.PhoneHash = p.Hash(phone)
	return c, nil
}

func (p Phones) open(kind, id string, c survey.SealedContact) (string, error) {
	if len(c.Sealed) == 0 {
		return "", fmt.Errorf("open a phone: it was erased: %w", survey.ErrNotFound)
	}
	plain, err := p.sealer.Open(c.KeyID, c.Sealed, bound(kind, id))
	if err != nil {
		return "", fmt.Errorf("open a phone: %w", err)
	}
	var contact survey.Contact
	err = json.Unmarshal(plain, &contact)
	return contact.Phone, err
}

// Phones seals with the intake's keys.
func (in *Intake) Phones() Phones { return NewPhones(in.sealer) }

// VisitSecret is the keyed hash of a visit's secret.
func (in *Intake) VisitSecret(secret string) []byte { return in.secrets.VisitSecret(secret) }
