package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUserAdd(t *testing.T) {
	c := filledFolder(t)
	base := c.serve()
	add := func(in string, args ...string) string {
		t.Helper()
		out, err := runReading(t, c.env, in, append([]string{"user", "add"}, args...)...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	signs := func(name, password, to string) {
		t.Helper()
		if got := signIn(t, base, name, password); got != to {
			t.Errorf("%s signs in with %q and comes to %s, want %s", name, password, got, to)
		}
	}
	const in, out = "/console/figures", "/console/signin"

	if said := add("满意 horse battery\r\n", "chen", "--place", "350102-HR"); said != "" {
		t.Errorf("it printed %q", said)
	}
	signs("chen", "满意 horse battery", in)
	signs("chen", "满意 horse batter", out)
	add("no line end here", "chen", "--role", "organiser")
	signs("chen", "no line end here", in)
	signs("chen", "满意 horse battery", out)

	words := strings.Fields(add("", "desk", "--role", "organiser", "--generate"))
	if len(words) != 3 || words[0] != "user:" || words[1] != "desk" {
		t.Fatalf("--generate printed %q", words)
	}
	signs("desk", words[2], in)

	u, err := c.base().store.User(t.Context(), "chen")
	if err != nil || u.Role != "organiser" || u.Place != "" || strings.Contains(u.PasswordHash, "no line") {
		t.Errorf("the user is stored as %+v, %v", u.Actor, err)
	}
}

func TestUsersAndTokensThatAreRefused(t *testing.T) {
	c := filledFolder(t)
	const sound = "long enough password\n"
	for _, bad := range []struct {
		in, line string
		says     []string
	}{
		{sound, "user add chen --role boss", []string{`--role is "boss"`, "organiser, supervisor, staff, evaluator, reviewer, auditor"}},
		{sound, "user add chen", []string{"--place is missing", "supervisor"}},
		{sound, "user add chen --place 350102-XX", []string{`--place is "350102-XX"`, "places export"}},
		{sound, "user add chen --place 350000", []string{`--place is "350000", a province`, "role supervisor", "city, county, bureau"}},
		{sound, "user add chen --role staff --place 350102-HR", []string{"a bureau", "role staff", "hall, window"}},
		{sound, "user add chen --role organiser --place 350102", []string{"a county", "role organiser", "none, province"}},
		{sound, "token add chen --role reviewer --place 350100", []string{"a city", "role reviewer", "none, province"}},
		{sound, "token add chen --role auditor --place 350102-HR", []string{"a bureau", "role auditor", "none, province, city"}},
		{"too short\n", "user add chen --role organiser", []string{"password", "at least 10"}},
		{"\n", "user add chen --role organiser", []string{"password", "at least 10"}},
		{"", "user add chen --role organiser", []string{"standard input"}},
		{sound, "token add chen --role boss", []string{`--role is "boss"`}},
		{sound, "token add chen --role staff", []string{"--place is missing"}},
	} {
		c.refusedReading(bad.in, strings.Fields(bad.line), bad.says...)
	}
	for _, name := range []string{"", " ", " chen", "chen\n", "chen\x00", strings.Repeat("n", 65)} {
		for _, what := range []string{"user", "token"} { // such a name cannot sign in, or not be told from another
			c.refusedReading(sound, []string{what, "add", name, "--role", "organiser"}, "NAME is")
		}
	}
	if _, err := c.base().store.User(t.Context(), "chen"); err == nil {
		t.Error("the user was stored all the same")
	}
}

func TestToken(t *testing.T) {
	c := filledFolder(t)
	base := c.serve()
	out := c.run("token", "add", "warehouse", "--role", "organiser")
	token, ok := strings.CutPrefix(strings.TrimSuffix(out, "\n"), "api: ")
	if !ok || strings.ContainsAny(token, " \n") {
		t.Fatalf("token add printed %q, want one line with the token", out)
	}
	other := last(c.run("token", "add", "other", "--role", "organiser"))
	asks := func(token string, want int) {
		t.Helper()
		if got := askAPI(t, base, token); got != want {
			t.Errorf("the API answers %d, want %d", got, want)
		}
	}
	asks(token, http.StatusOK)
	asks(token[:len(token)-1], http.StatusUnauthorized)
	asks("", http.StatusUnauthorized)
	c.run("token", "revoke", "warehouse")
	asks(token, http.StatusUnauthorized)
	asks(other, http.StatusOK)

	files, err := filepath.Glob(filepath.Join(c.env["MANYI_DATA"], "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%v in the folder, %v", files, err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err != nil || bytes.Contains(text, []byte(token)) {
			t.Errorf("%s holds the token itself, %v", filepath.Base(name), err)
		}
	}
}
