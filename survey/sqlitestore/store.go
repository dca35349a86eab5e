// Package sqlitestore is the embedded engine: one SQLite file in WAL mode.
//
// There is one writing connection, so writers queue in this process instead of
// failing on each other's locks, and every commit is synced to the disk before
// it is acknowledged (synchronous=FULL). Other processes, such as a command run
// beside the server, wait for the lock. Readers have connections of their own
// and never block the writer.
package sqlitestore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"manyi/survey"
)

// FileName is the database's name inside the data folder.
const FileName = "manyi.db"

//go:embed migrations/*.sql
var migrations embed.FS

// Store implements survey.Store.
type Store struct {
	write *sql.DB // one connection
	read  *sql.DB
	scan  scanners

	prepared map[string]*sql.Stmt // by their text

	mu     sync.Mutex
	series map[seriesKey]int64
	known  atomic.Pointer[map[int64]seriesPath] // the same by number
}

var _ survey.Store = (*Store)(nil)

// Open opens the database in a folder, making both if needed, and brings its
// schema up to date. The folder and file are readable by their owner only.
func Open(ctx context.Context, dir string) (*Store, error) {
	file, err := makeFile(dir, FileName)
	if err != nil {
		return nil, err
	}
	s := &Store{scan: scanners{file: file}, prepared: map[string]*sql.Stmt{}, series: map[seriesKey]int64{}}
	s.known.Store(&map[int64]seriesPath{})
	if s.write, s.read, err = openPair(file); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// makeFile makes a folder and a file in it, both readable by their owner only.
func makeFile(dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make data folder: %w", err)
	}
	file := filepath.Join(dir, name)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	return file, f.Close()
}

// openPair opens the one writing connection and the readers'.
func openPair(file string) (write, read *sql.DB, err error) {
	if write, err = open(file, "immediate"); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if read, err = open(file, "deferred"); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(8) // a connection dropped takes its prepared statements with it
	return write, read, nil
}

func open(file, lock string) (*sql.DB, error) {
	q := url.Values{"_txlock": {lock}, "_pragma": {
		"busy_timeout(15000)", "journal_mode(WAL)", "synchronous(FULL)",
		"cache_size(-32768)", "temp_store(MEMORY)", "foreign_keys(ON)", "wal_autocheckpoint(8000)",
	}}
	db, err := sql.Open("sqlite", address(file, q.Encode()))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// address is a file as the driver takes it.
func address(file string, query ...string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath(), RawQuery: strings.Join(query, "&")}
	return u.String()
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("bring the database's schema up to date: %w", err)
	}
	for db, texts := range map[*sql.DB][]string{s.write: preparedWrites, s.read: preparedReads} {
		for _, text := range texts {
			stmt, err := db.PrepareContext(ctx, text)
			if err != nil {
				return fmt.Errorf("prepare: %w", err)
			}
			s.prepared[text] = stmt
		}
	}
	return nil
}

// The statements that run once per bucket, response or visit: compiling them
// costs more than running them.
var (
	preparedWrites = []string{insertResponse, caseHead, caseSize, insertCase, insertEntry, updateCase, selectVisit, putVisit, settleVisit, responsesOfCase, putWorth, nextGen, putMark, dropMark, putTally, putBehind, insertMessage}
	preparedReads  = []string{firstOfForm, selectBucket, rivalClaims, selectMarks, countVisits, talliesAll, talliesAt, sumWindows, sumDays, sumMonths}
)

// query runs one of preparedReads.
func (s *Store) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return s.prepared[text].QueryContext(ctx, args...)
}

// in is one of preparedWrites inside a transaction.
func (s *Store) in(ctx context.Context, tx *sql.Tx, text string) *sql.Stmt {
	return tx.StmtContext(ctx, s.prepared[text])
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	// An index of millions of rows is sorted in the temporary store, which would take
	// gigabytes in memory. Within a transaction it cannot be changed.
	if _, err := s.write.ExecContext(ctx, "PRAGMA temp_store = FILE"); err != nil {
		return err
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		var have int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
			return err
		}
		if have > len(files) {
			return survey.ErrNewer
		}
		for _, name := range files[have:] {
			text, err := migrations.ReadFile(name)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, string(text)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(files)))
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.write.ExecContext(ctx, "PRAGMA temp_store = MEMORY")
	return err
}

// tx runs f in one writing transaction.
func (s *Store) tx(ctx context.Context, f func(*sql.Tx) error) error { return inTx(ctx, s.write, f) }

func inTx(ctx context.Context, write *sql.DB, f func(*sql.Tx) error) error {
	tx, err := write.BeginTx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	if err := f(tx); err != nil {
		tx.Rollback() // the cause is the error worth telling
		return translate(err)
	}
	return translate(tx.Commit())
}

// translate turns engine errors into those of the contract, by code.
func translate(err error) error {
	var e *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return survey.ErrNotFound
	case !errors.As(err, &e):
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %w", survey.ErrFull, err)
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return fmt.Errorf("%w: %w", survey.ErrExists, err)
	}
	return err
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.read.QueryRowContext(ctx, "SELECT 1 FROM mark_sequence").Scan(&one)
}

// Close ends all connections; the last one folds the log into the file.
func (s *Store) Close() error {
	for _, stmt := range s.prepared {
		stmt.Close()
	}
	s.scan.close()
	return errors.Join(s.read.Close(), s.write.Close())
}

// Synchronous is the writer's setting; 2 is FULL. Tests assert it.
func (s *Store) Synchronous(ctx context.Context) (n int, err error) {
	err = s.write.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&n)
	return n, err
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// each scans every row of a query.
func each(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
