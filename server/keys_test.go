package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// sealedRating is a response as a server stores it, with everything that is sealed.
func sealedRating(t *testing.T, ring *keyring.Ring, r survey.Response, phone string) survey.Response {
	t.Helper()
	id, sealed, err := ring.Seal([]byte(`{"phone":"`+phone+`"}`), r.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	r.Contact = &survey.SealedContact{KeyID: id, Sealed: sealed, PhoneHash: ring.Hash([]byte(phone))}
	r.Comment = "请回电" + phone
	if err := intake.HideComment(ring, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// optOut is an opt-out as a server stores it.
func optOut(t *testing.T, ring *keyring.Ring, phone string) survey.OptOut {
	t.Helper()
	id, sealed, err := ring.Seal([]byte(`{"phone":"`+phone+`"}`), survey.OptOut{}.Sealed().Bound())
	if err != nil {
		t.Fatal(err)
	}
	return survey.OptOut{Phone: survey.SealedContact{KeyID: id, Sealed: sealed, PhoneHash: ring.Hash([]byte(phone))}, At: storetest.At("2024-02-06"), Source: "sms"}
}

// dying is a store whose process is killed at a replacement.
type dying struct {
	survey.SealedStore
	left int
}

var errKilled = errors.New("killed")

func (d *dying) ReplaceSealed(ctx context.Context, old, next survey.SealedValue) (bool, error) {
	if d.left--; d.left < 0 {
		return false, errKilled
	}
	return d.SealedStore.ReplaceSealed(ctx, old, next)
}

// TestKeysAreRotated: what is sealed goes from the old key to the new one beside a
// server that goes on storing, killed again and again; everything is found and opens
// all the while; and the old key can be dropped then, and not before.
func TestKeysAreRotated(t *testing.T) {
	for engine, open := range map[string]func(t *testing.T) (commands, *base){
		"embedded": func(t *testing.T) (commands, *base) {
			c := commands{t, map[string]string{"MANYI_DATA": t.TempDir()}}
			return c, c.base()
		},
		"MongoDB": func(t *testing.T) (commands, *base) {
			uri := mongotest.Open(t)
			i := newInstallation(t, uri, uri)
			return i.commands(t), i.base()
		},
	} {
		t.Run(engine, func(t *testing.T) {
			c, b := open(t)
			ctx := t.Context()
			ring, err := keyring.Load(b.cfg.keys())
			if err != nil {
				t.Fatal(err)
			}
			s := storetest.Survey()
			f := storetest.NewFacts(5, s)
			var mu sync.Mutex
			phones := map[string]string{} // by key of the response
			store := func(n int) {
				for range n {
					mu.Lock()
					phone := fmt.Sprintf("138%08d", len(phones))
					r := sealedRating(t, ring, f.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00"), storetest.Bad), phone)
					phones[r.Key.String()] = phone
					mu.Unlock()
					if _, err := b.store.AddResponses(ctx, []survey.Response{r}); err != nil {
						t.Error(err)
					}
					if _, err := b.store.OptOut(ctx, optOut(t, ring, phone)); err != nil {
						t.Error(err)
					}
				}
			}
			store(60)
			old := ring.IDs()[0]
			node := func(keys ...string) {
				t.Helper()
				if b.cfg.MongoURI == "" {
					return
				}
				now, err := b.store.Now(ctx)
				if err == nil {
					err = b.store.PutNode(ctx, survey.Node{Name: "hall.abc", SeenAt: now, Keys: keys})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			node(old)
			c.run("keys", "add")
			newest := ring.Newest() // the server noticed by itself
			if newest == old || ring.IDs()[0] != old {
				t.Fatalf("after keys add: %v", ring.IDs())
			}
			c.refused([]string{"keys", "drop", newest + "x"}, "want a key")
			if b.cfg.MongoURI != "" {
				c.refused([]string{"keys", "rotate"}, "hall.abc", "does not hold key "+newest)
				node(old, newest)
				if out := c.run("keys", "rotate"); !strings.Contains(out, "copy") {
					t.Errorf("the first rotate: %s", out)
				}
				c.refused([]string{"keys", "rotate"}, "hall.abc", "does not seal with "+newest)
				node(newest, old)
			} else if err := keyring.Use(b.cfg.keys(), newest); err != nil {
				t.Fatal(err)
			}

			// Killed at every other replacement, beside a server that stores and looks up.
			stop := make(chan struct{})
			var server sync.WaitGroup
			server.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					if i < 20 {
						store(1)
					}
					phone := fmt.Sprintf("138%08d", i%60)
					if out, err := b.store.OptedOut(ctx, ring.Hashes([]byte(phone))); err != nil || !out {
						t.Errorf("%s is opted out: %v, %v", phone, out, err)
						return
					}
				}
			})
			kills := 0
			for {
				d := &dying{SealedStore: b.store, left: 1 + kills%5}
				_, err := intake.Reseal(ctx, d, ring)
				if err == nil {
					break
				}
				if kills++; !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
			}
			close(stop)
			server.Wait()
			if kills < 20 {
				t.Errorf("killed %d times; the test shows little", kills)
			}
			c.refused([]string{"keys", "drop", old}, "ago") // a server may still hold something
			before := time.Now().Add(-2 * settleFor)
			if err := os.Chtimes(b.cfg.keys(), before, before); err != nil {
				t.Fatal(err)
			}
			// A straggler, as a server that was slow leaves it.
			late := f.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00"), storetest.Bad)
			id, sealed, err := oldRing(t, b.cfg.keys(), old).Seal([]byte(`{"phone":"13712345678"}`), late.Key[:])
			if err != nil {
				t.Fatal(err)
			}
			late.Contact = &survey.SealedContact{KeyID: id, Sealed: sealed, PhoneHash: []byte("from another time")}
			phones[late.Key.String()] = "13712345678"
			if _, err := b.store.AddResponses(ctx, []survey.Response{late}); err != nil {
				t.Fatal(err)
			}
			c.refused([]string{"keys", "drop", old}, "1 values are sealed with "+old)
			if out := c.run("keys", "rotate"); !strings.Contains(out, "keys drop "+old) || !strings.Contains(out, " 1 sealed or hashed anew") {
				t.Errorf("rotate: %s", out)
			}
			if out := c.run("keys", "list"); !strings.Contains(out, old+"\tsealed 0\n") || !strings.Contains(out, "active") {
				t.Errorf("list: %s", out)
			}
			if b.cfg.MongoURI != "" {
				if err := b.store.PutNode(ctx, survey.Node{Name: "hall.abc", SeenAt: time.Now(), Keys: []string{newest, old}, Spool: survey.SpoolState{Waiting: 1}}); err != nil {
					t.Fatal(err)
				}
				c.refused([]string{"keys", "drop", old}, "hall.abc", "ratings")
				node(newest, old)
			}
			c.run("keys", "drop", old)
			c.refused([]string{"keys", "drop", newest}, "want a key")

			left := oldRing(t, b.cfg.keys(), newest)
			if ids := left.IDs(); len(ids) != 1 || ids[0] != newest {
				t.Fatalf("keys left: %v", ids)
			}
			opened := 0
			for _, kind := range survey.SealedKinds {
				err := b.store.SealedValues(ctx, kind, func(v survey.SealedValue) error {
					plain, err := left.Open(v.KeyID, v.Sealed, v.Bound())
					if err != nil {
						return fmt.Errorf("%s: %w", kind, err)
					}
					key := v.Response()
					if phone, ok := phones[key.String()]; ok && !strings.Contains(string(plain), phone) {
						t.Errorf("%s opens as %q, want %s in it", kind, plain, phone)
					}
					if phone, ok := phones[key.String()]; ok && kind == survey.SealedContacts && string(v.PhoneHash) != string(left.Hash([]byte(phone))) {
						t.Errorf("%s is not found by the hash under the new key", phone)
					}
					opened++
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			if want := 3*len(phones) - 2; opened != want { // the late one has a contact only
				t.Errorf("%d values open with the new key alone, want %d", opened, want)
			}
			c.run("survey", "list") // a node with the file of now belongs to the database
		})
	}
}

// oldRing is a ring with its file as it is now, with another active key.
func oldRing(t *testing.T, path, active string) *keyring.Ring {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir() + "/keys.json"
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keyring.Use(copied, active); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Read(copied)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// TestWhatOlderVersionsHashedIsHashedAnew: hashes once came from MANYI_SECRET.
func TestWhatOlderVersionsHashedIsHashedAnew(t *testing.T) {
	c := commands{t, map[string]string{"MANYI_DATA": t.TempDir()}}
	b := c.base()
	ring, err := keyring.Load(b.cfg.keys())
	if err != nil {
		t.Fatal(err)
	}
	r := sealedRating(t, ring, storetest.NewFacts(5, storetest.Survey()).Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00")), "13800138000")
	r.Contact.PhoneHash = []byte("from another time")
	if _, err := b.store.AddResponses(t.Context(), []survey.Response{r}); err != nil {
		t.Fatal(err)
	}
	if out := c.run("keys", "rotate"); !strings.Contains(out, " 1 sealed or hashed anew") {
		t.Errorf("rotate: %s", out)
	}
	got, err := b.store.Contact(t.Context(), r.Key)
	if err != nil || string(got.PhoneHash) != string(ring.Hash([]byte("13800138000"))) || string(got.Sealed) != string(r.Contact.Sealed) {
		t.Errorf("the contact is %+v, %v", got, err)
	}
}

// TestADroppedKeyDoesNotComeBack: a node that still seals with it does not start, and
// one that merely has it does.
func TestADroppedKeyDoesNotComeBack(t *testing.T) {
	c := commands{t, map[string]string{"MANYI_DATA": t.TempDir()}}
	b := c.base()
	path := b.cfg.keys()
	ring, err := keyring.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(r *keyring.Ring) error { return checkSecrets(t.Context(), b.store, []byte(demo.SurveyID), r) }
	if err := check(ring); err != nil {
		t.Fatal(err)
	}
	old := ring.IDs()[0]
	newest, err := keyring.Add(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(oldRing(t, path, old)); err != nil {
		t.Errorf("a node that knows the new key: %v", err)
	}
	if err := check(oldRing(t, path, newest)); err != nil {
		t.Errorf("a node that seals with the new key: %v", err)
	}
	if _, err := b.store.Pin(t.Context(), pinDropped+old, "2026-11-25"); err != nil {
		t.Fatal(err)
	}
	if err := check(oldRing(t, path, newest)); err != nil {
		t.Errorf("a node that still has the dropped key: %v", err)
	}
	if err := check(oldRing(t, path, old)); !errors.Is(err, errForeign) || !strings.Contains(err.Error(), "dropped") {
		t.Errorf("a node that seals with the dropped key: %v", err)
	}
	other, err := keyring.Load(t.TempDir() + "/other.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := check(other); !errors.Is(err, errForeign) {
		t.Errorf("a node with other keys: %v", err)
	}
	if err := errors.Join(keyring.Use(path, newest), keyring.Drop(path, old)); err != nil {
		t.Fatal(err)
	}
	if err := check(oldRing(t, path, newest)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
