package storetest

import (
	"testing"
	"time"

	"manyi/survey"
)

var accountChecks = []Check{
	{"accounts/a user is added and replaced by name", accountUsers},
	{"accounts/a token is found by its hash, revoked or not", accountTokens},
	{"accounts/a session lasts until it expires", accountSessions},
	{"accounts/failures are counted since a time and cleared", accountFailures},
	{"accounts/failures at once are all counted", accountFailuresAtOnce},
}

func accountUsers(t testing.TB, s survey.Store) {
	actor := survey.Actor{Name: "李华 $.a", Role: survey.Supervisor, Place: "350102-HR"}
	u := survey.User{Actor: actor, PasswordHash: "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"}
	other := survey.User{Actor: survey.Actor{Name: "李华", Role: survey.Organiser, Place: "350000"}, PasswordHash: "$x"}
	want := func(w survey.User) {
		t.Helper()
		got, err := s.User(t.Context(), w.Name)
		must(t, "user", err)
		same(t, "user", got, w)
	}
	must(t, "put user", s.PutUser(t.Context(), u))
	must(t, "put user", s.PutUser(t.Context(), other))
	want(u)
	u.Role, u.Place, u.PasswordHash, u.Phone = survey.Staff, GulouHR1, "$new", &survey.SealedText{KeyID: "k1", Sealed: []byte{0, 0xff}}
	must(t, "put user again", s.PutUser(t.Context(), u))
	want(u)
	want(other)
	all, err := s.Users(t.Context())
	must(t, "users", err)
	same(t, "users by name", all, []survey.User{other, u})
	_, err = s.User(t.Context(), "")
	wantErr(t, "unknown user", err, survey.ErrNotFound)
}

func accountTokens(t testing.TB, s survey.Store) {
	token := func(name string, hash ...byte) survey.Token {
		return survey.Token{Actor: survey.Actor{Name: name, Role: survey.Staff, Place: GulouHR1}, Hash: hash, CreatedAt: At("2024-02-29 08:00:00.001")}
	}
	a, b, c := token("reader", 0, 1), token("reader", 0, 2), token("other", 0)
	want := func(w survey.Token) {
		t.Helper()
		got, err := s.Token(t.Context(), w.Hash)
		must(t, "token", err)
		same(t, "token", got, w)
	}
	for _, v := range []survey.Token{a, b, c} {
		must(t, "add token", s.AddToken(t.Context(), v))
	}
	wantErr(t, "add token with a taken hash", s.AddToken(t.Context(), token("thief", 0, 1)), survey.ErrExists)
	want(a)
	now := At("2024-03-01 08:00:00.002")
	must(t, "revoke tokens", s.RevokeTokens(t.Context(), "reader", now))
	a.RevokedAt, b.RevokedAt = now, now
	want(a)
	want(b)
	want(c)
	d := token("reader", 0, 3)
	must(t, "add token after its name was revoked", s.AddToken(t.Context(), d))
	want(d)
	wantErr(t, "add revoked token again", s.AddToken(t.Context(), token("reader", 0, 1)), survey.ErrExists)
	want(a)
	must(t, "add a token of another name", s.AddToken(t.Context(), token("later", 7)))
	all, err := s.Tokens(t.Context())
	must(t, "tokens", err)
	var names []string
	for _, v := range all {
		names = append(names, v.Name)
	}
	same(t, "names of all tokens", names, []string{"later", "other", "reader", "reader", "reader"})
	same(t, "a token in the list", all[2].Actor, a.Actor)
	_, err = s.Token(t.Context(), []byte{9})
	wantErr(t, "unknown token", err, survey.ErrNotFound)
}

func accountSessions(t testing.TB, s survey.Store) {
	now := At("2024-02-29 08:00")
	session := survey.Session{Hash: []byte{0, 1}, User: "", ExpiresAt: now.Add(time.Hour)}
	long := survey.Session{Hash: []byte{0, 1, 2}, User: "李华", ExpiresAt: now.Add(48 * time.Hour)}
	want := func(w survey.Session, at time.Time) {
		t.Helper()
		got, err := s.Session(t.Context(), w.Hash, at)
		must(t, "session", err)
		same(t, "session", got, w)
	}
	gone := func(what string, w survey.Session, at time.Time) {
		t.Helper()
		_, err := s.Session(t.Context(), w.Hash, at)
		wantErr(t, what, err, survey.ErrNotFound)
	}
	gone("unknown session", session, now)
	must(t, "put session", s.PutSession(t.Context(), session))
	must(t, "put session", s.PutSession(t.Context(), long))
	want(session, session.ExpiresAt.Add(-time.Millisecond))
	gone("expired session", session, session.ExpiresAt.Add(time.Millisecond))
	want(session, now) // asking does not end it: the clock is the caller's

	session.User, session.ExpiresAt = "李华", now.Add(2*time.Hour)
	must(t, "put session again", s.PutSession(t.Context(), session))
	want(session, now.Add(90*time.Minute))

	third := survey.Session{Hash: []byte{3}, ExpiresAt: now.Add(30 * time.Hour)}
	must(t, "put another session", s.PutSession(t.Context(), third))
	want(session, now)
	expire := func(at time.Time, want int) {
		t.Helper()
		n, err := s.Expire(t.Context(), at)
		must(t, "expire", err)
		same(t, "entries expired", n, want)
	}
	expire(session.ExpiresAt.Add(-time.Millisecond), 0)
	expire(session.ExpiresAt, 1)
	expire(session.ExpiresAt, 0)
	gone("session dropped once expired, asked for with an old clock", session, now)
	want(long, now.Add(24*time.Hour))

	must(t, "drop session", s.DropSession(t.Context(), long.Hash))
	must(t, "drop session again", s.DropSession(t.Context(), long.Hash))
	gone("dropped session", long, now)
	want(third, now)
}

func accountFailures(t testing.TB, s survey.Store) {
	now := At("2024-02-29 08:00")
	fail := func(name string, at, since time.Time, want int) {
		t.Helper()
		n, err := s.CountFailure(t.Context(), name, at, since)
		must(t, "count failure", err)
		same(t, "failures counted", n, want)
	}
	have := func(name string, since time.Time, want int) {
		t.Helper()
		n, err := s.Failures(t.Context(), name, since)
		must(t, "failures", err)
		same(t, "failures", n, want)
	}
	have("a", now, 0)
	long := now.Add(-time.Hour)
	fail("a", now, long, 1)
	fail("a", now, long, 2) // in the same millisecond
	fail("a", now.Add(10*time.Minute), long, 3)
	fail("b", now.Add(10*time.Minute), long, 1)
	have("a", long, 3)
	have("a", now.Add(time.Millisecond), 1)
	have("a", now.Add(11*time.Minute), 0)
	fail("a", now.Add(20*time.Minute), now.Add(5*time.Minute), 2)
	must(t, "clear failures", s.ClearFailures(t.Context(), "a"))
	must(t, "clear failures again", s.ClearFailures(t.Context(), "a"))
	have("a", long, 0)
	have("b", long, 1)
	fail("a", now.Add(21*time.Minute), long, 1)

	expire := func(at time.Time, want int) {
		t.Helper()
		n, err := s.Expire(t.Context(), at)
		must(t, "expire", err)
		same(t, "entries expired", n, want)
	}
	last := now.Add(10 * time.Minute).Add(survey.KeptFailures) // of b's
	expire(last, 0)
	expire(last.Add(time.Millisecond), 1)
	have("b", long, 0)
	have("a", long, 1)
}

func accountFailuresAtOnce(t testing.TB, s survey.Store) {
	now := At("2024-02-29 08:00")
	const n = 20
	counts := make([]int, n)
	errs := together(n, func(i int) (err error) {
		counts[i], err = s.CountFailure(t.Context(), "a", now.Add(time.Duration(i)*time.Millisecond), now.Add(-time.Hour))
		return err
	})
	for i, err := range errs {
		must(t, "count failure", err)
		if counts[i] < 1 || counts[i] > n {
			t.Errorf("failures counted: got %d of %d", counts[i], n)
		}
	}
	got, err := s.Failures(t.Context(), "a", now.Add(-time.Hour))
	must(t, "failures", err)
	same(t, "failures", got, n)
}
