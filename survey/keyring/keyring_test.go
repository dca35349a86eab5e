package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestSealedTextOpensOnlyForItsOwner(t *testing.T) {
	r, err := Load(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	id, sealed, err := r.Seal([]byte("13800138000"), []byte("response 1"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("138")) {
		t.Error("the sealed text shows the plain one")
	}
	plain, err := r.Open(id, sealed, []byte("response 1"))
	if err != nil || string(plain) != "13800138000" {
		t.Errorf("Open = %q, %v", plain, err)
	}
	if _, err := r.Open(id, sealed, []byte("response 2")); !errors.Is(err, ErrSealed) {
		t.Errorf("moved to another response: err = %v, want ErrSealed", err)
	}
	if _, err := r.Open("k9", sealed, nil); !errors.Is(err, ErrKey) {
		t.Errorf("unknown key: err = %v, want ErrKey", err)
	}
	if _, err := r.Open(id, sealed[:5], nil); !errors.Is(err, ErrSealed) {
		t.Errorf("cut short: err = %v, want ErrSealed", err)
	}
}

func TestKeysFileIsMadeOnceAndForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	first, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	id, sealed, _ := first.Seal([]byte("x"), nil)
	second, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Open(id, sealed, nil); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600", info.Mode().Perm())
	}
}

func TestManyStartingTogetherAgreeOnOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	rings := make([]*Ring, 20)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			var err error
			if rings[i], err = Load(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	id, sealed, err := rings[0].Seal([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rings {
		if _, err := r.Open(id, sealed, nil); err != nil {
			t.Errorf("ring %d: %v", i, err)
		}
	}
}

func TestOldKeysStillOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	r, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	id, sealed, _ := r.Seal([]byte("x"), nil)
	text, _ := os.ReadFile(path)
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	f.Keys = append(f.Keys, fileKey{ID: "k2", Key: bytes.Repeat([]byte{7}, 32)})
	f.Active = "k2"
	text, _ = json.Marshal(f)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	rotated, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotated.Open(id, sealed, nil); err != nil {
		t.Errorf("sealed before the rotation: %v", err)
	}
	if now, _, _ := rotated.Seal(nil, nil); now != "k2" {
		t.Errorf("seals with %q, want k2", now)
	}
}

func TestBadKeysFilesAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":       {"{", "want JSON"},
		"short key":      {`{"active":"a","keys":[{"id":"a","key":"AAAA"}]}`, "32 bytes"},
		"active missing": {`{"active":"b","keys":[]}`, "not among"},
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err = %v, want %q in it", name, err, c.want)
		}
	}
}

func TestARingNoticesThatItsFileChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	r, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	old := r.IDs()[0]
	id, sealed, _ := r.Seal([]byte("x"), nil)
	hash := r.Hash([]byte("13800138000"))
	newest, err := Add(path)
	if err != nil || newest == old {
		t.Fatalf("Add = %q, %v", newest, err)
	}
	if now, _, _ := r.Seal(nil, nil); now != old || r.Newest() != newest {
		t.Errorf("after Add it seals with %q, and %q is the newest", now, r.Newest())
	}
	if hashes := r.Hashes([]byte("13800138000")); len(hashes) != 2 || !bytes.Equal(hashes[0], hash) || bytes.Equal(hashes[1], hash) {
		t.Errorf("hashes = %x, want that of the active key first: %x", hashes, hash)
	}
	if err := Use(path, newest); err != nil {
		t.Fatal(err)
	}
	if now, _, _ := r.Seal(nil, nil); now != newest || !slices.Equal(r.IDs(), []string{newest, old}) {
		t.Errorf("after Use it seals with %q and has %v", now, r.IDs())
	}
	if hashes := r.Hashes([]byte("13800138000")); len(hashes) != 2 || !bytes.Equal(hashes[1], hash) || !bytes.Equal(hashes[0], r.Hash([]byte("13800138000"))) {
		t.Errorf("hashes = %x, want that of the old key too", hashes)
	}
	if err := Drop(path, newest); !errors.Is(err, ErrActive) {
		t.Errorf("drop the active key: %v", err)
	}
	for _, err := range []error{Drop(path, "k9"), Use(path, "k9")} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("a key that is not there: %v", err)
		}
	}
	if err := os.WriteFile(path+".x", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".x", path); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open(id, sealed, nil); err != nil {
		t.Errorf("while the file is broken: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open(id, sealed, nil); err != nil {
		t.Errorf("while the file is away: %v", err)
	}
}
