// Package keyring encrypts contacts (联系方式) at rest.
//
// It is the one seam for ciphers: everything else sees [Sealer]. The keys live
// in a file of their own, never in the database; backups leave the file out.
// A ring may hold several keys: the active one seals, all of them open, so keys
// can be rotated without a day on which old contacts cannot be read.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

// Sealer encrypts and decrypts small texts. bound is what the text belongs to;
// a sealed text opened for something else fails.
type Sealer interface {
	Seal(plain, bound []byte) (keyID string, sealed []byte, err error)
	Open(keyID string, sealed, bound []byte) ([]byte, error)
}

// Ring is a Sealer with AES-256-GCM.
type Ring struct {
	active string
	aeads  map[string]cipher.AEAD
	prints map[string]string
}

var _ Sealer = (*Ring)(nil)

// ErrKey means the file holds no key of that name: restore the keys file the contacts were sealed with.
var ErrKey = errors.New("no such key in the keys file")

// ErrSealed means the sealed text is damaged or belongs to something else.
var ErrSealed = errors.New("sealed text does not open")

// file is the form of a keys file.
type file struct {
	Active string    `json:"active"`
	Keys   []fileKey `json:"keys"`
}

type fileKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"` // 32 bytes, base64
}

// Load reads a keys file, and makes one with a single new key, mode 0600, if there is none.
func Load(path string) (*Ring, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = Create(path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keys file: %w", err)
	}
	return Read(path)
}

// Read reads a keys file.
func Read(path string) (*Ring, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("keys file: %w", err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("keys file: want JSON with active and keys: %w", err)
	}
	r := &Ring{active: f.Active, aeads: map[string]cipher.AEAD{}, prints: map[string]string{}}
	for _, k := range f.Keys {
		block, err := aes.NewCipher(k.Key)
		if err != nil || len(k.Key) != 32 {
			return nil, fmt.Errorf("keys file: key %q: want 32 bytes in base64", k.ID)
		}
		if r.aeads[k.ID], err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("keys file: key %q: %w", k.ID, err)
		}
		r.prints[k.ID] = Fingerprint(k.Key)
	}
	if r.aeads[f.Active] == nil {
		return nil, fmt.Errorf("keys file: active key %q is not among the keys", f.Active)
	}
	return r, nil
}

// Create makes a keys file with a single new key, mode 0600; fs.ErrExist if there is one.
func Create(path string) error {
	k := fileKey{ID: "k1", Key: make([]byte, 32)}
	rand.Read(k.Key)
	text, err := json.MarshalIndent(file{Active: k.ID, Keys: []fileKey{k}}, "", "  ")
	if err != nil {
		return err
	}
	return WriteNew(path, append(text, '\n'))
}

// Fingerprints tells the ring's keys apart, by id, without giving them away.
func (r *Ring) Fingerprints() map[string]string { return maps.Clone(r.prints) }

// Fingerprint tells one secret from another without giving it away.
func Fingerprint(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("manyi fingerprint"))
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// WriteNew writes a secret to a new file, mode 0600. The file appears under its
// name only when it is whole; fs.ErrExist if another is there. So two processes
// starting together agree on one.
func WriteNew(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// Seal implements Sealer. The nonce stands before the ciphertext.
func (r *Ring) Seal(plain, bound []byte) (string, []byte, error) {
	aead := r.aeads[r.active]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce)
	return r.active, aead.Seal(nonce, nonce, plain, bound), nil
}

// Open implements Sealer.
func (r *Ring) Open(keyID string, sealed, bound []byte) ([]byte, error) {
	aead := r.aeads[keyID]
	if aead == nil {
		return nil, fmt.Errorf("key %q: %w", keyID, ErrKey)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, ErrSealed
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], bound)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
