//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBrowserMessages goes through the text messages of the demo in a real browser:
// an invitation is answered in its outbox and counts.
func TestBrowserMessages(t *testing.T) {
	t.Parallel()
	j := journey{Chromium: chromium(t)}
	if shots := os.Getenv("MANYI_SHOTS"); shots != "" {
		var err error
		if j.Shots, err = filepath.Abs(shots); err != nil {
			t.Fatal(err)
		}
	}
	d := startDemo(t, t.TempDir(), "--addr", "127.0.0.1:0")
	j.Base, j.User, j.Password, j.Token = d.base, d.user, d.secret, d.token
	j.run(t, "messages")
	d.stop()
}
