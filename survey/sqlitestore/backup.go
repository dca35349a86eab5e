package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes the whole database as it is at one moment to a new file, also
// while servers write to it. The file is readable by its owner only, and appears
// under its name only when it is whole; fs.ErrExist if one is there. The secret
// and the keys are not in it.
func (s *Store) Backup(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("back up to %s: %w", file, fs.ErrExist)
	}
	part := file + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // VACUUM INTO takes an empty file
	if err != nil {
		return err
	}
	defer os.Remove(part)
	if _, err := s.read.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return errors.Join(wrap("back up", translate(err)), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(part, file)
}

// Restore puts a backup into a data folder that holds no database; fs.ErrExist
// if it does. The backup is checked to the last page first, and nothing is left
// behind if it is damaged or was written by a newer version (survey.ErrNewer).
func Restore(ctx context.Context, backup, dir string) (err error) {
	if err := check(ctx, backup); err != nil {
		return fmt.Errorf("restore %s: %w", backup, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, FileName)
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("restore to %s: %w", file, fs.ErrExist)
	}
	in, err := os.Open(backup)
	if err != nil {
		return err
	}
	defer in.Close()
	part := file + ".part"
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(part)
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := os.Link(part, file); err != nil {
		return err
	}
	s, err := Open(ctx, dir) // brings an older schema up to date
	if err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return s.Close()
}

// ErrDamaged means that a backup is not a whole database of ours: use another one.
var ErrDamaged = errors.New("not a whole backup")

func check(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", address(file, "mode=ro", "immutable=1"))
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name IN ('responses', 'surveys', 'places')").Scan(&tables); err != nil || verdict != "ok" || tables != 3 {
		return fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	return nil
}
