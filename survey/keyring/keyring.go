// Package keyring encrypts personal data at rest: contacts (联系方式), phones, and what
// was typed where a number is hidden.
//
// It is the one seam for ciphers: everything else sees [Sealer]. The keys live
// in a file of their own, never in the database; backups leave the file out.
// A ring may hold several keys: the active one seals, all of them open, so keys
// can be rotated (轮换) without a day on which old contacts cannot be read. A ring
// notices by itself when its file has changed.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Sealer encrypts and decrypts small texts. bound is what the text belongs to;
// a sealed text opened for something else fails.
type Sealer interface {
	Seal(plain, bound []byte) (keyID string, sealed []byte, err error)
	Open(keyID string, sealed, bound []byte) ([]byte, error)
	// Hash is the keyed hash that something sealed is found by, such as a phone, under
	// the active key. Hashes are those under every key, the active one's first: what was
	// stored before or while keys rotate is found by one of them.
	Hash(text []byte) []byte
	Hashes(text []byte) [][]byte
}

// Ring is a Sealer with AES-256-GCM and HMAC-SHA-256.
type Ring struct {
	path string

	mu   sync.Mutex
	seen os.FileInfo // of the file as it was read
	keys keys
}

// keys is what a file holds. It is never changed, only replaced.
type keys struct {
	active string
	ids    []string // in the order of the file, the newest last
	byID   map[string]key
}

type key struct {
	aead  cipher.AEAD
	hash  []byte
	print string
}

var _ Sealer = (*Ring)(nil)

// ErrKey means the file holds no key of that name: restore the keys file the contacts were sealed with.
var ErrKey = errors.New("no such key in the keys file")

// ErrActive means that the active key was to be dropped: make another one active first.
var ErrActive = errors.New("this is the active key")

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
	r := &Ring{path: path}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("keys file: %w", err)
	}
	f, err := readFile(path)
	if err != nil {
		return nil, err
	}
	r.seen = info
	r.keys, err = f.keys()
	return r, err
}

func readFile(path string) (f file, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("keys file: %w", err)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("keys file: want JSON with active and keys: %w", err)
	}
	return f, nil
}

func (f file) keys() (keys, error) {
	k := keys{active: f.Active, byID: map[string]key{}}
	for _, in := range f.Keys {
		block, err := aes.NewCipher(in.Key)
		if err != nil || len(in.Key) != 32 {
			return k, fmt.Errorf("keys file: key %q: want 32 bytes in base64", in.ID)
		}
		if _, again := k.byID[in.ID]; again {
			return k, fmt.Errorf("keys file: key %q is there twice", in.ID)
		}
		one := key{print: Fingerprint(in.Key)}
		if one.aead, err = cipher.NewGCM(block); err == nil {
			one.hash, err = hkdf.Key(sha256.New, in.Key, nil, "manyi lookup hash", 32)
		}
		if err != nil {
			return k, fmt.Errorf("keys file: key %q: %w", in.ID, err)
		}
		k.byID[in.ID], k.ids = one, append(k.ids, in.ID)
	}
	if _, ok := k.byID[f.Active]; !ok {
		return k, fmt.Errorf("keys file: active key %q is not among the keys", f.Active)
	}
	return k, nil
}

// now is the ring's keys, read anew if the file has changed. A file that is gone or
// cannot be read leaves the keys as they were.
func (r *Ring) now() keys {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.path)
	if err != nil || os.SameFile(info, r.seen) && info.ModTime().Equal(r.seen.ModTime()) && info.Size() == r.seen.Size() {
		return r.keys
	}
	f, err := readFile(r.path)
	if err == nil {
		var k keys
		if k, err = f.keys(); err == nil {
			r.keys, r.seen = k, info
		}
	}
	return r.keys
}

// IDs lists the ring's keys, the active one first, then the others, the newest last.
func (r *Ring) IDs() []string {
	k := r.now()
	return append([]string{k.active}, slices.DeleteFunc(slices.Clone(k.ids), func(id string) bool { return id == k.active })...)
}

// Newest is the key added last.
func (r *Ring) Newest() string {
	k := r.now()
	return k.ids[len(k.ids)-1]
}

// Create makes a keys file with a single new key, mode 0600; fs.ErrExist if there is one.
func Create(path string) error {
	k := newKey()
	text, err := file{Active: k.ID, Keys: []fileKey{k}}.text()
	if err != nil {
		return err
	}
	return WriteNew(path, text)
}

// newKey names a key after its fingerprint, so that two keys never share a name.
func newKey() fileKey {
	k := fileKey{Key: make([]byte, 32)}
	rand.Read(k.Key)
	k.ID = "k" + Fingerprint(k.Key)[:8]
	return k
}

func (f file) text() ([]byte, error) {
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

// Add adds a new key to a file and returns its name. The active key stays.
func Add(path string) (id string, err error) {
	k := newKey()
	return k.ID, change(path, func(f *file) error {
		f.Keys = append(f.Keys, k)
		return nil
	})
}

// Use makes a key of the file the active one; ErrKey.
func Use(path, id string) error {
	return change(path, func(f *file) error {
		if !slices.ContainsFunc(f.Keys, func(k fileKey) bool { return k.ID == id }) {
			return fmt.Errorf("key %q: %w", id, ErrKey)
		}
		f.Active = id
		return nil
	})
}

// Drop takes a key out of the file; ErrKey, and ErrActive for the active one.
func Drop(path, id string) error {
	return change(path, func(f *file) error {
		n := len(f.Keys)
		f.Keys = slices.DeleteFunc(f.Keys, func(k fileKey) bool { return k.ID == id })
		switch {
		case f.Active == id:
			return ErrActive
		case len(f.Keys) == n:
			return fmt.Errorf("key %q: %w", id, ErrKey)
		}
		return nil
	})
}

// change replaces the file as a whole: whoever reads it finds the old or the new one.
func change(path string, do func(*file) error) error {
	f, err := readFile(path)
	if err != nil {
		return err
	}
	if err := do(&f); err != nil {
		return err
	}
	if _, err := f.keys(); err != nil {
		return err
	}
	text, err := f.text()
	if err != nil {
		return err
	}
	return write(path, text, os.Rename)
}

// Fingerprints tells the ring's keys apart, by id, without giving them away.
func (r *Ring) Fingerprints() map[string]string {
	prints := map[string]string{}
	for id, k := range r.now().byID {
		prints[id] = k.print
	}
	return prints
}

// Fingerprint tells one secret from another without giving it away.
func Fingerprint(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("manyi fingerprint"))
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// WriteNew writes a secret to a new file, mode 0600. The file appears under its
// name only when it is whole; fs.ErrExist if another is there. So two processes
// starting together agree on one.
func WriteNew(path string, text []byte) error { return write(path, text, os.Link) }

// write makes a file beside and then puts it in its place.
func write(path string, text []byte, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), path)
}

// Seal implements Sealer. The nonce stands before the ciphertext.
func (r *Ring) Seal(plain, bound []byte) (string, []byte, error) {
	k := r.now()
	aead := k.byID[k.active].aead
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce)
	return k.active, aead.Seal(nonce, nonce, plain, bound), nil
}

// Open implements Sealer.
func (r *Ring) Open(keyID string, sealed, bound []byte) ([]byte, error) {
	aead := r.now().byID[keyID].aead
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

// Hash implements Sealer.
func (r *Ring) Hash(text []byte) []byte {
	k := r.now()
	return k.byID[k.active].lookup(text)
}

// Hashes implements Sealer.
func (r *Ring) Hashes(text []byte) [][]byte {
	k := r.now()
	hashes := [][]byte{k.byID[k.active].lookup(text)}
	for _, id := range k.ids {
		if id != k.active {
			hashes = append(hashes, k.byID[id].lookup(text))
		}
	}
	return hashes
}

func (k key) lookup(text []byte) []byte {
	h := hmac.New(sha256.New, k.hash)
	h.Write(text)
	return h.Sum(nil)[:16]
}
