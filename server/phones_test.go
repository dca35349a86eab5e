package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUserPhones(t *testing.T) {
	c := filledFolder(t)
	const phone = "13800138000"
	add := func(more ...string) {
		t.Helper()
		c.run(append([]string{"user", "add", "chen", "--place", "350102-HR", "--generate"}, more...)...)
	}
	add()
	c.prints("none", "user", "phone", "chen")
	c.run("user", "phone", "chen", "138 0013-8000")
	c.prints("138****8000", "user", "phone", "chen")
	add() // a new password
	c.prints("138****8000", "user", "phone", "chen")
	add("--phone", "+8613900139000")
	c.prints("139****9000", "user", "phone", "chen")
	c.run("user", "phone", "chen", phone)

	b := c.base()
	u, err := b.store.User(t.Context(), "chen")
	if err != nil || u.Phone == nil {
		t.Fatalf("stored %+v, %v", u, err)
	}
	phones, err := b.phones()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := phones.OfUser(u); got != phone || err != nil {
		t.Errorf("the phone opens as %q, %v", got, err)
	}
	other := u
	other.Name = "lin"
	if got, err := phones.OfUser(other); err == nil {
		t.Errorf("as somebody else's it opens as %q", got)
	}
	files, err := filepath.Glob(filepath.Join(c.env["MANYI_DATA"], "manyi.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err != nil || bytes.Contains(text, []byte(phone)) || strings.Contains(string(text), "0013-8000") {
			t.Errorf("%s holds the phone in clear, or %v", filepath.Base(name), err)
		}
	}

	c.run("user", "phone", "chen", "--remove")
	c.prints("none", "user", "phone", "chen")
	c.refused([]string{"user", "phone", "nobody", phone}, `"nobody"`, "no such user")
	c.refused([]string{"user", "phone", "chen", "12"}, `NUMBER is "12"`, "7 to 15 digits")
	c.refused([]string{"user", "phone", "chen", phone, "--remove"}, "one of them")
	c.refused([]string{"user", "add", "chen", "--place", "350102-HR", "--generate", "--phone", "x"}, `--phone is "x"`)
}
