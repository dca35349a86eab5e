package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"manyi/survey"
	"manyi/survey/keyring"
)

// Resealed is what sealing everything anew came to.
type Resealed struct {
	Seen    int
	Changed int            // sealed or hashed anew
	Left    map[string]int // values that are still under another key than the active one, by key
	// Unreadable are values that no key of the file opens, by the key they name. They
	// stay as they are.
	Unreadable map[string]int
}

// Reseal seals every stored value that is not under the active key anew, and hashes
// anew what it is found by. It may be killed anywhere and repeated, and run beside
// servers: a value that changes or goes meanwhile is left alone.
func Reseal(ctx context.Context, store survey.SealedStore, ring *keyring.Ring) (Resealed, error) {
	r := Resealed{Left: map[string]int{}, Unreadable: map[string]int{}}
	for _, kind := range survey.SealedKinds {
		err := store.SealedValues(ctx, kind, func(old survey.SealedValue) error {
			r.Seen++
			next, err := resealed(ring, old)
			if errors.Is(err, keyring.ErrKey) || errors.Is(err, keyring.ErrSealed) {
				r.Unreadable[old.KeyID]++
				return nil
			}
			if err != nil || next.KeyID == old.KeyID && bytes.Equal(next.PhoneHash, old.PhoneHash) {
				return err
			}
			done, err := store.ReplaceSealed(ctx, old, next)
			switch {
			case err == nil && done:
				r.Changed++
			case err == nil:
				r.Left[old.KeyID]++ // perhaps; the next run tells
			}
			return err
		})
		if err != nil {
			return r, fmt.Errorf("seal %ss anew: %w", kind, err)
		}
	}
	return r, nil
}

// resealed is a value under the ring's active key; the same value if it is.
func resealed(ring *keyring.Ring, old survey.SealedValue) (survey.SealedValue, error) {
	plain, err := ring.Open(old.KeyID, old.Sealed, old.Bound())
	if err != nil {
		return old, err
	}
	var hash []byte
	if len(old.PhoneHash) > 0 {
		var c survey.Contact
		if err := json.Unmarshal(plain, &c); err != nil {
			return old, keyring.ErrSealed
		}
		hash = ring.Hash([]byte(c.Phone))
	}
	active := ring.IDs()[0]
	if old.KeyID == active {
		return old.Next(old.KeyID, old.Sealed, hash), nil
	}
	next := old.Next(active, nil, hash)
	next.KeyID, next.Sealed, err = ring.Seal(plain, next.Bound())
	return next, err
}

// Sealed counts the stored values by the key they are sealed with.
func Sealed(ctx context.Context, store survey.SealedStore) (map[string]int, error) {
	n := map[string]int{}
	for _, kind := range survey.SealedKinds {
		err := store.SealedValues(ctx, kind, func(v survey.SealedValue) error { n[v.KeyID]++; return nil })
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
