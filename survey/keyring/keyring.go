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
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("keys file: %w", err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("keys file: want JSON with active and keys: %w", err)
	}
	r := &Ring{active: f.Active, aeads: map[string]cipher.AEAD{}}
	for _, k := range f.Keys {
		block, err := aes.NewCipher(k.Key)
		if err != nil || len(k.Key) != 32 {
			return nil, fmt.Errorf("keys file: key %q: want 32 bytes in base64", k.ID)
		}
		if r.aeads[k.ID], err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("keys file: key %q: %w", k.ID, err)
		}
	}
	if r.aeads[f.Active] == nil {
		return nil, fmt.Errorf("keys file: active key %q is not among the keys", f.Active)
	}
	return r, nil
}

func create(path string) ([]byte, error) {
	k := fileKey{ID: "k1", Key: make([]byte, 32)}
	rand.Read(k.Key)
	text, err := json.MarshalIndent(file{Active: k.ID, Keys: []fileKey{k}}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := WriteNew(path, append(text, '\n')); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
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
