package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"manyi/survey"
)

var proofChecks = []Check{
	{"proofs/a code is right once, and only for its response", proofOnce},
	{"proofs/a code is over at the instant it expires", proofExpiry},
	{"proofs/wrong guesses are counted, and five are the end", proofTries},
	{"proofs/a new code takes the place of the last", proofReplaced},
	{"proofs/of many right guesses at once one proves", proofAtOnce},
	{"proofs/of many wrong guesses at once five are compared", proofWrongAtOnce},
	{"proofs/what is owed stays until it is noted", proofOwed},
	{"proofs/what has served its time expires", proofExpire},
	{"sends/each name has its limits", sendLimits},
	{"sends/of many at once none is one too many", sendsAtOnce},
	{"responses/a receipt finds the response and its contact", responseFollowed},
}

var proofAt = At("2024-02-29 08:00").UTC()

func codeOf(n int) []byte { return fmt.Appendf(nil, "hash of %d", n) }

func putCode(t testing.TB, s survey.Store, key survey.Key, n int, expires time.Time) {
	t.Helper()
	must(t, "put code", s.PutCode(t.Context(), key, codeOf(n), expires))
}

func wantTry(t testing.TB, s survey.Store, key survey.Key, n int, at time.Time, want survey.CodeTry) {
	t.Helper()
	got, err := s.TryCode(t.Context(), key, codeOf(n), at)
	must(t, "try code", err)
	same(t, "what the guess came to", got, want)
}

func wantProof(t testing.TB, s survey.Store, want survey.Proof) {
	t.Helper()
	got, err := s.Proof(t.Context(), want.Key)
	must(t, "proof", err)
	same(t, "proof", got, want)
}

func proofOnce(t testing.TB, s survey.Store) {
	mine, theirs, none := survey.Key{1}, survey.Key{2}, survey.Key{3}
	end := proofAt.Add(survey.CodeLife)
	putCode(t, s, mine, 1, end)
	putCode(t, s, theirs, 2, end)
	wantTry(t, s, none, 1, proofAt, survey.CodeOver)
	wantTry(t, s, theirs, 1, proofAt, survey.CodeWrong)
	wantProof(t, s, survey.Proof{Key: mine, Code: codeOf(1), ExpiresAt: end})
	wantTry(t, s, mine, 1, proofAt.Add(time.Minute), survey.CodeRight)
	wantTry(t, s, mine, 1, proofAt.Add(2*time.Minute), survey.CodeProved)
	wantTry(t, s, mine, 7, proofAt.Add(24*time.Hour), survey.CodeProved)
	wantErr(t, "a code for a phone that is proved", s.PutCode(t.Context(), mine, codeOf(3), end.Add(time.Hour)), survey.ErrExists)
	wantProof(t, s, survey.Proof{Key: mine, Code: codeOf(1), ExpiresAt: end, ProvedAt: proofAt.Add(time.Minute), Owed: true})
	wantProof(t, s, survey.Proof{Key: theirs, Code: codeOf(2), ExpiresAt: end, Wrong: 1})
	_, err := s.Proof(t.Context(), none)
	wantErr(t, "proof of a response no code was sent for", err, survey.ErrNotFound)
}

func proofExpiry(t testing.TB, s survey.Store) {
	key, end := survey.Key{1}, proofAt.Add(survey.CodeLife)
	putCode(t, s, key, 1, end)
	wantTry(t, s, key, 1, end, survey.CodeOver)
	wantTry(t, s, key, 2, end, survey.CodeOver)
	wantTry(t, s, key, 1, end.Add(time.Hour), survey.CodeOver)
	wantProof(t, s, survey.Proof{Key: key, Code: codeOf(1), ExpiresAt: end})
	wantTry(t, s, key, 1, end.Add(-time.Millisecond), survey.CodeRight)
}

func proofTries(t testing.TB, s survey.Store) {
	key, end := survey.Key{1}, proofAt.Add(survey.CodeLife)
	putCode(t, s, key, 1, end)
	for range survey.CodeTries {
		wantTry(t, s, key, 2, proofAt, survey.CodeWrong)
	}
	wantTry(t, s, key, 1, proofAt, survey.CodeOver)
	wantProof(t, s, survey.Proof{Key: key, Code: codeOf(1), ExpiresAt: end, Wrong: survey.CodeTries})
	putCode(t, s, key, 3, end)
	for range survey.CodeTries - 1 {
		wantTry(t, s, key, 1, proofAt, survey.CodeWrong)
	}
	wantTry(t, s, key, 3, proofAt, survey.CodeRight)
}

func proofReplaced(t testing.TB, s survey.Store) {
	key, end := survey.Key{1}, proofAt.Add(survey.CodeLife)
	putCode(t, s, key, 1, end)
	wantTry(t, s, key, 9, proofAt, survey.CodeWrong)
	putCode(t, s, key, 2, end.Add(time.Minute))
	wantProof(t, s, survey.Proof{Key: key, Code: codeOf(2), ExpiresAt: end.Add(time.Minute)})
	wantTry(t, s, key, 1, proofAt, survey.CodeWrong)
	wantTry(t, s, key, 2, end, survey.CodeRight)
}

func proofAtOnce(t testing.TB, s survey.Store) {
	key := survey.Key{1}
	putCode(t, s, key, 1, proofAt.Add(survey.CodeLife))
	tries := make([]survey.CodeTry, 20)
	for _, err := range together(len(tries), func(i int) (err error) {
		tries[i], err = s.TryCode(t.Context(), key, codeOf(1), proofAt)
		return err
	}) {
		must(t, "try at once", err)
	}
	n := map[survey.CodeTry]int{}
	for _, try := range tries {
		n[try]++
	}
	same(t, "what 20 right guesses at once came to", n, map[survey.CodeTry]int{survey.CodeRight: 1, survey.CodeProved: 19})
}

func proofWrongAtOnce(t testing.TB, s survey.Store) {
	key, end := survey.Key{1}, proofAt.Add(survey.CodeLife)
	putCode(t, s, key, 1, end)
	tries := make([]survey.CodeTry, 20)
	for _, err := range together(len(tries), func(i int) (err error) {
		tries[i], err = s.TryCode(t.Context(), key, codeOf(2), proofAt)
		return err
	}) {
		must(t, "try at once", err)
	}
	n := map[survey.CodeTry]int{}
	for _, try := range tries {
		n[try]++
	}
	same(t, "what 20 wrong guesses at once came to", n, map[survey.CodeTry]int{survey.CodeWrong: survey.CodeTries, survey.CodeOver: 20 - survey.CodeTries})
	wantProof(t, s, survey.Proof{Key: key, Code: codeOf(1), ExpiresAt: end, Wrong: survey.CodeTries})
}

func proofOwed(t testing.TB, s survey.Store) {
	owed := func(limit int, want int) (keys []survey.Key) {
		t.Helper()
		keys, err := s.OwedProofs(t.Context(), limit)
		must(t, "owed proofs", err)
		same(t, "proofs owed", len(keys), want)
		return keys
	}
	for i := range byte(4) {
		putCode(t, s, survey.Key{i}, int(i), proofAt.Add(survey.CodeLife))
	}
	owed(10, 0)
	for i := range byte(3) {
		wantTry(t, s, survey.Key{i}, int(i), proofAt, survey.CodeRight)
	}
	owed(2, 2)
	for left := 3; left > 0; left-- {
		keys := owed(10, left)
		if len(keys) == 0 {
			return
		}
		key := keys[0]
		for range 2 {
			must(t, "note proof", s.NoteProof(t.Context(), key))
		}
		p, err := s.Proof(t.Context(), key)
		must(t, "proof", err)
		same(t, "a noted proof is proved and not owed", [2]bool{p.Proved(), p.Owed}, [2]bool{true, false})
	}
	owed(10, 0)
	must(t, "note what is not there", s.NoteProof(t.Context(), survey.Key{9}))
}

func proofExpire(t testing.TB, s survey.Store) {
	end := proofAt.Add(survey.CodeLife)
	typed, noted, owed := survey.Key{1}, survey.Key{2}, survey.Key{3}
	for i, key := range []survey.Key{typed, noted, owed} {
		putCode(t, s, key, i, end)
	}
	wantTry(t, s, noted, 1, proofAt, survey.CodeRight)
	must(t, "note", s.NoteProof(t.Context(), noted))
	wantTry(t, s, owed, 2, proofAt, survey.CodeRight)
	must(t, "count", s.CountSend(t.Context(), []survey.SendLimit{{Name: "a", Within: time.Hour, Most: 9}, {Name: "b", Within: time.Hour, Most: 9}}, proofAt))
	expire := func(at time.Time, want int) {
		t.Helper()
		n, err := s.Expire(t.Context(), at)
		must(t, "expire", err)
		same(t, "entries expired", n, want)
	}
	expire(proofAt.Add(survey.MaxLimit-time.Millisecond), 0)
	expire(proofAt.Add(survey.MaxLimit), 2)
	expire(end.Add(survey.KeptProofs), 0)
	expire(end.Add(survey.KeptProofs+time.Millisecond), 2)
	_, err := s.Proof(t.Context(), noted)
	wantErr(t, "proof dropped", err, survey.ErrNotFound)
	must(t, "note", s.NoteProof(t.Context(), owed))
	expire(end.Add(survey.KeptProofs+time.Millisecond), 1)
}

func sendLimits(t testing.TB, s survey.Store) {
	limits := func(names ...string) (l []survey.SendLimit) {
		for _, name := range names {
			l = append(l, survey.SendLimit{Name: name, Within: time.Hour, Most: 2}, survey.SendLimit{Name: name, Within: survey.MaxLimit, Most: 3})
		}
		return l
	}
	send := func(at time.Duration, want error, names ...string) {
		t.Helper()
		err := s.CountSend(t.Context(), limits(names...), proofAt.Add(at))
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("a message for %v after %v: got error %v, want %v", names, at, err, want)
		}
	}
	send(0, nil, "phone 1", "$device")
	send(time.Minute, nil, "phone 1", "device 2")
	send(2*time.Minute, survey.ErrLimited, "phone 1", "device 3") // the hour is full, and nothing is counted:
	send(2*time.Minute, nil, "device 3")
	send(2*time.Minute, nil, "device 3")
	send(time.Hour-time.Millisecond, survey.ErrLimited, "phone 1")
	send(time.Hour, nil, "phone 1") // the first counts no more; within the day it is the third
	send(3*time.Hour, survey.ErrLimited, "phone 1")
	send(3*time.Hour, nil, "phone 2", "$device")
	send(survey.MaxLimit-time.Millisecond, survey.ErrLimited, "phone 1")
	send(survey.MaxLimit, nil, "phone 1")
	send(survey.MaxLimit, survey.ErrLimited, "phone 1")
	send(0, nil)
	for name, want := range map[string][2]int{"phone 1": {4, 1}, "device 3": {2, 0}, "$device": {2, 1}, "none": {0, 0}} {
		for i, after := range []time.Duration{-time.Millisecond, time.Hour} { // what was counted right then is not after
			n, err := s.Sends(t.Context(), name, proofAt.Add(after))
			must(t, "sends", err)
			same(t, fmt.Sprintf("messages for %s after %v", name, after), n, want[i])
		}
	}
}

func sendsAtOnce(t testing.TB, s survey.Store) {
	const most = 3
	limits := []survey.SendLimit{{Name: "phone", Within: time.Hour, Most: most}, {Name: "window", Within: time.Hour, Most: 100}}
	sent := 0
	count := func(err error) {
		switch {
		case err == nil:
			sent++
		case !errors.Is(err, survey.ErrLimited):
			t.Errorf("count at once: %v", err)
		}
	}
	for _, err := range together(20, func(int) error { return s.CountSend(t.Context(), limits, proofAt) }) {
		count(err)
	}
	if sent > most {
		t.Errorf("%d messages at once were let through, want at most %d", sent, most)
	}
	for range most + 1 {
		count(s.CountSend(t.Context(), limits, proofAt)) // whoever lost may come again
	}
	same(t, "messages let through altogether", sent, most)
}

func responseFollowed(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	following := func(name string) func(*survey.Response) {
		return func(r *survey.Response) {
			r.Contact = &survey.SealedContact{KeyID: "k1", Sealed: []byte("sealed for " + name), PhoneHash: []byte("p"), Follow: []byte(name)}
		}
	}
	bad := f.Response(GulouHR1, At("2024-02-05 10:00"), Bad, following("one"))
	good := f.Response(GulouHR1, At("2024-02-05 11:00"), Good, following("two"))
	old := f.Response(GulouHR1, At("2024-02-05 12:00"), WithContact)
	bare := f.Response(GulouHR1, At("2024-02-05 13:00"))
	add(t, s, bad, good, old, bare)
	for _, want := range []survey.Response{bad, good} {
		got, err := s.FollowedResponse(t.Context(), want.Contact.Follow)
		must(t, "followed response", err)
		same(t, "followed response", [2]any{got.Key, got.Level}, [2]any{want.Key, want.Level})
		same(t, "its contact", *got.Contact, *want.Contact)
	}
	for _, unknown := range [][]byte{nil, {}, []byte("three"), []byte("on")} {
		_, err := s.FollowedResponse(t.Context(), unknown)
		wantErr(t, fmt.Sprintf("response of the receipt %q", unknown), err, survey.ErrNotFound)
	}
}
