package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A scanner is a reading connection for what goes through all responses, such as
// an export. It asks SQLite itself: through the driver every row takes twice the
// processor time, as the driver locks the connection for each look at a column
// and allocates what it hands over. Only one goroutine may use it at a time, which
// scanners sees to; nothing can be written through it. This file alone handles
// addresses in SQLite's memory.
type scanner struct {
	tls  *libc.TLS
	db   uintptr // sqlite3 *
	stmt uintptr // sqlite3_stmt * of the query that runs
}

func openScanner(file string) (*scanner, error) {
	s := &scanner{tls: libc.NewTLS()}
	name, err := libc.CString(address(file))
	if err != nil {
		s.tls.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	defer libc.Xfree(s.tls, name)
	rc := s.handle(&s.db, func(db uintptr) int32 {
		return sqlite3.Xsqlite3_open_v2(s.tls, name, db, sqlite3.SQLITE_OPEN_READONLY|sqlite3.SQLITE_OPEN_URI|sqlite3.SQLITE_OPEN_NOMUTEX, 0)
	})
	if rc == sqlite3.SQLITE_OK {
		rc = sqlite3.Xsqlite3_busy_timeout(s.tls, s.db, 15000)
	}
	if rc != sqlite3.SQLITE_OK {
		err := fmt.Errorf("open database: %w", s.fault())
		s.close()
		return nil, err
	}
	return s, nil
}

// handle keeps what a function of SQLite hands out through a pointer.
func (s *scanner) handle(keep *uintptr, make func(to uintptr) int32) int32 {
	to := s.tls.Alloc(int(unsafe.Sizeof(*keep)))
	defer s.tls.Free(int(unsafe.Sizeof(*keep)))
	*(*uintptr)(pointer(to)) = 0
	rc := make(to)
	*keep = *(*uintptr)(pointer(to))
	return rc
}

// pointer is an address in SQLite's memory, which Go's collector neither moves nor
// frees.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// each runs a query and calls row for every row of its result. The end of the
// context ends a step that finds no row, too.
func (s *scanner) each(ctx context.Context, query string, args []int64, row func() error) (err error) {
	text, err := libc.CString(query)
	if err != nil {
		return err
	}
	defer libc.Xfree(s.tls, text)
	if rc := s.handle(&s.stmt, func(stmt uintptr) int32 {
		return sqlite3.Xsqlite3_prepare_v2(s.tls, s.db, text, -1, stmt, 0)
	}); rc != sqlite3.SQLITE_OK {
		return s.fault()
	}
	defer sqlite3.Xsqlite3_finalize(s.tls, s.stmt)
	for i, n := range args {
		if sqlite3.Xsqlite3_bind_int64(s.tls, s.stmt, int32(i+1), n) != sqlite3.SQLITE_OK {
			return s.fault()
		}
	}
	defer s.interruptAt(ctx)()
	for ctx.Err() == nil {
		switch sqlite3.Xsqlite3_step(s.tls, s.stmt) {
		case sqlite3.SQLITE_ROW:
			if err := row(); err != nil {
				return err
			}
		case sqlite3.SQLITE_DONE:
			return nil
		default:
			if ctx.Err() == nil {
				return s.fault()
			}
		}
	}
	return ctx.Err()
}

// interruptAt interrupts the query when the context ends, until the function it
// returns was called.
func (s *scanner) interruptAt(ctx context.Context) func() {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		sqlite3.Xsqlite3_interrupt(s.tls, s.db)
	})
	return func() {
		if !stop() {
			<-over
		}
	}
}

// int is a column of the row; NULL is 0.
func (s *scanner) int(column int32) int64 {
	return sqlite3.Xsqlite3_column_int64(s.tls, s.stmt, column)
}

// bytes is a column of the row, of use until the next one; NULL is nil.
func (s *scanner) bytes(column int32) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.tls, s.stmt, column)
	if p == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(p)), sqlite3.Xsqlite3_column_bytes(s.tls, s.stmt, column))
}

// fault is the last error of the connection.
func (s *scanner) fault() error {
	return fmt.Errorf("sqlite: %s (%d)", libc.GoString(sqlite3.Xsqlite3_errmsg(s.tls, s.db)), sqlite3.Xsqlite3_extended_errcode(s.tls, s.db))
}

func (s *scanner) close() {
	sqlite3.Xsqlite3_close_v2(s.tls, s.db)
	s.tls.Close()
}

// idleScanners is how many scanners stay open for the next who reads: each has
// the schema in memory and 2 MB of the file.
const idleScanners = 4

// scanners opens scanners of a file as they are needed and keeps a few.
type scanners struct {
	file   string
	mu     sync.Mutex
	idle   []*scanner
	closed bool
}

func (p *scanners) use(f func(*scanner) error) error {
	s, err := p.take()
	if err != nil {
		return err
	}
	defer p.giveBack(s)
	return f(s)
}

func (p *scanners) take() (*scanner, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, sql.ErrConnDone
	}
	if last := len(p.idle) - 1; last >= 0 {
		s := p.idle[last]
		p.idle = p.idle[:last]
		return s, nil
	}
	return openScanner(p.file)
}

func (p *scanners) giveBack(s *scanner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) == idleScanners {
		s.close()
		return
	}
	p.idle = append(p.idle, s)
}

func (p *scanners) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, s := range p.idle {
		s.close()
	}
	p.idle = nil
}
