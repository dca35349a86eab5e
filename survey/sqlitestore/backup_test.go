package sqlitestore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

func open(t *testing.T, dir string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestBackupWhileRunning backs up under writers: the backup holds whole groups
// only, everything acknowledged before it began, and opens as a store.
func TestBackupWhileRunning(t *testing.T) {
	s, f := open(t, t.TempDir()), storetest.NewFacts(1, storetest.Survey())
	const size = 7
	group := func() []survey.Response {
		var g []survey.Response
		for range size {
			g = append(g, f.Response(storetest.GulouHR1, storetest.At("2024-02-29")))
		}
		return g
	}
	var work [60][]survey.Response
	for i := range work {
		work[i] = group()
	}
	write := func(groups [][]survey.Response) error {
		for _, g := range groups {
			if _, err := s.AddResponses(t.Context(), g); err != nil {
				return err
			}
		}
		return nil
	}
	if err := write(work[:20]); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- write(work[20:]) }()
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup's mode is %v, %v; want it readable by its owner only", info.Mode(), err)
	}

	dir := filepath.Join(t.TempDir(), "new")
	if err := sqlitestore.Restore(t.Context(), file, dir); err != nil {
		t.Fatal(err)
	}
	n := len(storetest.List(t, open(t, dir), survey.ResponseQuery{}))
	if n < 20*size || n > len(work)*size || n%size != 0 {
		t.Errorf("%d responses restored; want whole groups of %d, at least the %d stored before", n, size, 20*size)
	}
	if err := s.Backup(t.Context(), file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("backing up over a backup: err = %v, want ErrExist", err)
	}
	if err := sqlitestore.Restore(t.Context(), file, dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("restoring over a database: err = %v, want ErrExist", err)
	}
}

func TestDamagedBackupsAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	f := storetest.NewFacts(1, storetest.Survey())
	var group []survey.Response
	for range 500 {
		group = append(group, f.Response(storetest.GulouHR1, storetest.At("2024-02-29")))
	}
	if _, err := s.AddResponses(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "whole.db")
	if err := s.Backup(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"cut":      text[:len(text)/2],
		"empty":    {},
		"no file":  nil,
		"a letter": []byte("Dear Sir or Madam"),
		"a page overwritten": append(append(append([]byte{}, text[:8192]...), make([]byte, 4096)...),
			text[8192+4096:]...),
	} {
		file, dir := filepath.Join(t.TempDir(), "bad.db"), filepath.Join(t.TempDir(), "new")
		if bad != nil {
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := sqlitestore.Restore(t.Context(), file, dir); err == nil {
			t.Errorf("%s: restored", name)
		} else if name != "no file" && !errors.Is(err, sqlitestore.ErrDamaged) {
			t.Errorf("%s: err = %v, want ErrDamaged", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, sqlitestore.FileName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was left in the data folder", name)
		}
	}
}
