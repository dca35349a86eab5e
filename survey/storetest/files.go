package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"manyi/survey"
)

var fileChecks = []Check{
	{"files/what was put is there, byte for byte", filesKept},
	{"files/a file put again is there once", filesAgain},
	{"files/of many who put the same file all succeed, and it is whole", filesAtOnce},
	{"files/a put that was cut short is made good by the next", filesCutShort},
}

// file is a file of random bytes, which every engine has to keep as they are.
func file(seed uint64, size int) (hash [32]byte, data []byte) {
	data = make([]byte, size)
	for i, random := 0, rand.New(rand.NewPCG(seed, 1)); i < size; i++ {
		data[i] = byte(random.Uint32())
	}
	return sha256.Sum256(data), data
}

func wantFile(t testing.TB, s survey.Store, hash [32]byte, data []byte) {
	t.Helper()
	got, err := s.File(t.Context(), hash)
	must(t, "file", err)
	if !bytes.Equal(got, data) {
		t.Errorf("file: got %d bytes, want the %d that were put", len(got), len(data))
	}
}

func wantFiles(t testing.TB, s survey.Store, n int) {
	t.Helper()
	seen := map[[32]byte]int{}
	must(t, "files", s.Files(t.Context(), func(hash [32]byte, data []byte) error {
		seen[hash]++
		if sha256.Sum256(data) != hash {
			t.Errorf("a file comes under another's hash")
		}
		return nil
	}))
	same(t, "files", len(seen), n)
	for hash, times := range seen {
		if times != 1 {
			t.Errorf("file %x comes %d times", hash[:4], times)
		}
	}
}

func filesKept(t testing.TB, s survey.Store) {
	wantFiles(t, s, 0)
	for i, size := range []int{1, 300_000, 5 << 20} {
		hash, data := file(uint64(i), size)
		_, err := s.File(t.Context(), hash)
		wantErr(t, "file not there", err, survey.ErrNotFound)
		must(t, "put file", s.PutFile(t.Context(), hash, data))
		wantFile(t, s, hash, data)
	}
	wantFiles(t, s, 3)
}

func filesAgain(t testing.TB, s survey.Store) {
	for i := range 3 {
		hash, data := file(uint64(i), 1000)
		for range 3 {
			must(t, "put file", s.PutFile(t.Context(), hash, data))
			wantFile(t, s, hash, data)
		}
	}
	wantFiles(t, s, 3)
}

func filesAtOnce(t testing.TB, s survey.Store) {
	hash, data := file(1, 1<<20)
	for _, err := range together(20, func(int) error { return s.PutFile(t.Context(), hash, data) }) {
		must(t, "put file at once", err)
	}
	wantFile(t, s, hash, data)
	wantFiles(t, s, 1)
}

func filesCutShort(t testing.TB, s survey.Store) {
	hash, data := file(1, 600_000)
	cutShort(t, func(ctx context.Context) error { return s.PutFile(ctx, hash, data) }, func(_ int64, err error) {
		switch got, ferr := s.File(t.Context(), hash); {
		case ferr == nil && !bytes.Equal(got, data):
			t.Fatalf("half a file is shown")
		case err == nil && ferr != nil:
			t.Fatalf("put, and not there: %v", ferr)
		}
	})
	must(t, "put file", s.PutFile(t.Context(), hash, data))
	wantFile(t, s, hash, data)
	wantFiles(t, s, 1)
}
