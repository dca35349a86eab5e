package mongotest

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Link carries connections to a server and can be interrupted. Its methods are
// for one goroutine at a time.
type Link struct {
	t      testing.TB
	uri    string // of the database, by way of the server itself
	server string // host and port
	addr   string // where the link listens

	cut    context.CancelFunc // nil while cut
	frozen bool
	ahead  atomic.Int64   // nanoseconds the server's clock seems ahead
	gate   sync.RWMutex   // held for reading while bytes are handed on, for writing while frozen
	wg     sync.WaitGroup // accepting and carrying
}

// NewLink makes a link on 127.0.0.1 to the first server of a URI, which may be
// down as yet. It knows no DNS seed lists (mongodb+srv) and no TLS. It is cut for
// good when the test ends.
func NewLink(t testing.TB, uri string) *Link {
	t.Helper()
	l := &Link{t: t, uri: uri, server: firstHost(uri), addr: "127.0.0.1:0"}
	l.Restore()
	t.Cleanup(l.Cut)
	return l
}

// URI names the database by way of the link. It stays the same.
func (l *Link) URI() string { return withHost(l.uri, l.addr) }

// Cut closes all connections and refuses new ones. What the link had not handed
// on is lost, and nothing is handed on after Cut returns.
func (l *Link) Cut() {
	if l.cut == nil {
		return
	}
	l.cut()
	l.cut = nil
	l.thaw()
	l.wg.Wait()
}

// Freeze hands on nothing more, while connections stay open and new ones are
// accepted: to a client the server is silent. A cut link cannot be frozen.
func (l *Link) Freeze() {
	if l.cut == nil || l.frozen {
		return
	}
	l.gate.Lock()
	l.frozen = true
}

func (l *Link) thaw() {
	if l.frozen {
		l.frozen = false
		l.gate.Unlock()
	}
}

// Ahead makes whoever asks the server for the time by way of the link read it as
// ahead of what it is. Documents, whatever times they hold, are left alone.
func (l *Link) Ahead(by time.Duration) { l.ahead.Store(int64(by)) }

// Restore ends Cut and Freeze. What was sent into a frozen link arrives now, even
// if its sender has given up: an operation that failed may still be done.
func (l *Link) Restore() {
	l.t.Helper()
	l.thaw()
	if l.cut != nil {
		return
	}
	listener, err := net.Listen("tcp", l.addr)
	if err != nil {
		l.t.Fatalf("restore the link: %v", err)
	}
	l.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	l.cut = func() {
		cancel()
		listener.Close()
	}
	l.wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // cut
			}
			l.wg.Go(func() { l.carry(ctx, client) })
		}
	})
}

// carry continues a connection to the server until either side or Cut ends it.
func (l *Link) carry(ctx context.Context, client net.Conn) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	defer client.Close()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	server, err := dialer.DialContext(ctx, "tcp", l.server)
	if err != nil {
		return // closing at once is as near as a link comes to a server that is down
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { defer end(); l.pump(ctx, client, server) })
	both.Go(func() { defer end(); l.replies(ctx, server, client) })
	both.Wait()
}

// pump carries what the client asks.
func (l *Link) pump(ctx context.Context, from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !l.handOn(ctx, to, buf[:n]) || err != nil {
			return
		}
	}
}

// replies carries what the server answers, message by message.
func (l *Link) replies(ctx context.Context, from, to net.Conn) {
	for {
		var length [4]byte
		if _, err := io.ReadFull(from, length[:]); err != nil {
			return
		}
		message := make([]byte, max(4, binary.LittleEndian.Uint32(length[:])))
		copy(message, length[:])
		if _, err := io.ReadFull(from, message[4:]); err != nil {
			return
		}
		l.setClock(message)
		if !l.handOn(ctx, to, message) {
			return
		}
	}
}

// localTime is how a reply to hello or isMaster begins to tell the time: a date of that name,
// in milliseconds. No document of ours has a field of this name.
var localTime = []byte("\x09localTime\x00")

func (l *Link) setClock(message []byte) {
	by := time.Duration(l.ahead.Load()).Milliseconds()
	at := bytes.Index(message, localTime)
	if by == 0 || at < 0 || len(message) < at+len(localTime)+8 {
		return
	}
	date := message[at+len(localTime):]
	binary.LittleEndian.PutUint64(date, binary.LittleEndian.Uint64(date)+uint64(by))
}

// handOn waits while the link is frozen; false if the bytes did not arrive.
func (l *Link) handOn(ctx context.Context, to net.Conn, bytes []byte) bool {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if ctx.Err() != nil { // cut while it waited
		return false
	}
	_, err := to.Write(bytes)
	return err == nil
}
