package main

import (
	"net"
	"sync"
	"sync/atomic"
)

// listener closes, together with itself, the connections that never sent anything.
// Browsers open such ones to be quick later. The HTTP server takes them for requests
// under way, and a stop would wait for them until their time to be read is over, which
// is longer than a stop may take.
type listener struct {
	net.Listener
	mu     sync.Mutex
	silent map[*conn]struct{}
	closed bool
}

func listen(ln net.Listener) *listener {
	return &listener{Listener: ln, silent: map[*conn]struct{}{}}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, of: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		inner.Close() // whoever reads from it finds out
	} else {
		l.silent[c] = struct{}{}
	}
	return c, nil
}

// Close implements net.Listener.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.silent {
		c.Conn.Close()
	}
	clear(l.silent)
	return err
}

func (l *listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, c)
}

// conn is a connection that may be silent.
type conn struct {
	net.Conn
	of    *listener
	heard atomic.Bool
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.heard.Load() && !c.heard.Swap(true) {
		c.of.forget(c)
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.of.forget(c)
	return c.Conn.Close()
}
