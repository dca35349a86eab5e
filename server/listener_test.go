package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A connection over which nothing was said, like those browsers open in advance, does
// not hold up a stop: it used to take longer than a stop may, and ended in an error.
func TestStopDoesNotWaitForSilentConnections(t *testing.T) {
	c := newFolder(t)
	after := t.Cleanup
	t.Run("serve", func(t *testing.T) { // its end stops the server, and wants no error
		base := commands{t, c.env}.serve()
		client := browser(t)
		if status, _, err := fetch(client, base+"/healthz"); status != http.StatusOK || err != nil {
			t.Fatal(status, err)
		}
		for range 3 {
			silent, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			after(func() { silent.Close() }) // once the server has stopped
		}
		// They are accepted in turn, so this one comes after them.
		if status, _, err := fetch(browser(t), base+"/healthz"); status != http.StatusOK || err != nil {
			t.Fatal(status, err)
		}
	})
}

func TestListenerForgetsWhoSpoke(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := listen(inner)
	dial := func() (client, server net.Conn) {
		t.Helper()
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err = l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close(); server.Close() })
		return client, server
	}
	speaks, heard := dial()
	silent, _ := dial()
	_, gone := dial()
	gone.Close()
	buf := make([]byte, 2)
	if _, err := speaks.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if n, err := heard.Read(buf); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n := len(l.silent); n != 1 {
		t.Errorf("%d connections are taken for silent, want 1", n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	silent.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := silent.Read(buf); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the silent connection is open still: %v", err)
	}
	if _, err := heard.Write([]byte("b")); err != nil {
		t.Errorf("the connection that spoke was closed: %v", err)
	}
}
