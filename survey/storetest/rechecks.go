package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"manyi/survey"
)

var recheckChecks = []Check{
	{"rechecks/those that were drawn are listed by survey, with their responses", recheckLists},
	{"rechecks/a response that comes again is drawn once, and keeps what was done", recheckAgain},
	{"rechecks/entries are added under the next number only", recheckNumbers},
	{"rechecks/several entries are added all or none", recheckGroups},
	{"rechecks/of many who add at once one wins", recheckRace},
}

// Drawn makes a response an interview that is drawn to be called back.
func Drawn(r *survey.Response) {
	r.Channel, r.Interview, r.Recheck = survey.ChannelInterview, &survey.Interview{Mode: survey.Street, By: "wu"}, true
	WithContact(r)
}

// RecheckLook is a sound entry: that the number was looked at.
func RecheckLook(no int) survey.RecheckEntry {
	return survey.RecheckEntry{No: no, Step: survey.RecheckRevealed, At: At("2024-03-05 08:00:00.007").Add(time.Duration(no) * time.Minute), By: "boss"}
}

// oddRecheck has a value in every field.
func oddRecheck(no int) survey.RecheckEntry {
	e := RecheckLook(no)
	e.Step, e.Outcome, e.Level, e.Note = survey.RecheckCalled, survey.RecheckDiffers, survey.Dissatisfied, "甲 $.\n'\"138****8000"
	return e
}

func recheckOf(t testing.TB, s survey.Store, key survey.Key) survey.Recheck {
	t.Helper()
	r, err := s.Recheck(t.Context(), key)
	must(t, "read re-check", err)
	return r
}

// recheck is a response that was drawn, without what is kept apart.
func recheck(r survey.Response, entries ...survey.RecheckEntry) survey.Recheck {
	r.Recheck = false
	return survey.Recheck{Response: plain(r), Entries: entries}
}

func recheckLists(t testing.TB, s survey.Store) {
	f, g := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	var group []survey.Response
	for i := range 450 { // more than an engine reads at a time
		at := At("2024-02-05 10:00").Add(time.Duration(i) * time.Minute)
		switch {
		case i%3 == 0:
			group = append(group, g.Response(SimingTax, at, Drawn))
		default:
			group = append(group, f.Response(Windows()[i%len(Windows())], at, Drawn, Commented("很好")))
		}
	}
	left := f.Response(GulouHR1, At("2024-02-05 09:00"), Drawn)
	left.Recheck = false
	shuffled := append(slices.Clone(group), left, f.Response(GulouHR1, At("2024-02-05 09:30"), WithContact))
	slices.Reverse(shuffled)
	add(t, s, shuffled...)
	for _, i := range []int{1, 2, 448} {
		must(t, "add", s.AddRecheckEntries(t.Context(), group[i].Key, []survey.RecheckEntry{RecheckLook(1), oddRecheck(2)}))
	}
	var want []survey.Recheck
	for i, r := range group {
		if of := recheck(r); r.Survey == "y2024" {
			if i == 1 || i == 2 || i == 448 {
				of.Entries = []survey.RecheckEntry{RecheckLook(1), oddRecheck(2)}
			}
			want = append(want, of)
		}
	}
	list := func(id string) (got []survey.Recheck) {
		must(t, "list", s.Rechecks(t.Context(), id, func(r survey.Recheck) error {
			got = append(got, survey.Recheck{Response: plain(r.Response), Entries: r.Entries})
			return nil
		}))
		return got
	}
	got := list("y2024")
	same(t, "number of re-checks", len(got), len(want))
	for i := range min(len(got), len(want)) {
		same(t, "re-check", got[i], want[i])
	}
	same(t, "those of another survey", len(list("other")), 150)
	same(t, "those of all", len(list("")), len(group))
	same(t, "those of no survey", len(list("y202")), 0)
	one := recheckOf(t, s, group[1].Key)
	same(t, "one of them", survey.Recheck{Response: plain(one.Response), Entries: one.Entries}, want[0])
	_, err := s.Recheck(t.Context(), left.Key)
	wantErr(t, "an interview that was not drawn", err, survey.ErrNotFound)
	wantErr(t, "add to it", s.AddRecheckEntries(t.Context(), left.Key, []survey.RecheckEntry{RecheckLook(1)}), survey.ErrNotFound)
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		same(t, "what is told of the draw to who lists responses", l.Recheck, false)
	}
	stop, n := errors.New("stop"), 0
	wantErr(t, "stopped", s.Rechecks(t.Context(), "", func(survey.Recheck) error { n++; return stop }), stop)
	same(t, "after a yield error", n, 1)
}

func recheckAgain(t testing.TB, s survey.Store) {
	r := NewFacts(1, Survey()).Response(GulouHR1, At("2024-02-05 10:00"), Drawn)
	same(t, "stored", add(t, s, r, r), []bool{true, false})
	must(t, "look", s.AddRecheckEntries(t.Context(), r.Key, []survey.RecheckEntry{RecheckLook(1)}))
	same(t, "stored again", add(t, s, r), []bool{false})
	same(t, "entries", recheckOf(t, s, r.Key).Entries, []survey.RecheckEntry{RecheckLook(1)})
	n := 0
	must(t, "list", s.Rechecks(t.Context(), "", func(survey.Recheck) error { n++; return nil }))
	same(t, "re-checks", n, 1)
}

func recheckNumbers(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	r, other := f.Response(GulouHR1, At("2024-02-05 10:00"), Drawn), f.Response(GulouHR1, At("2024-02-05 10:00"), Drawn)
	copy(other.Key[:survey.FormKeyLen], r.Key[:survey.FormKeyLen]) // another answer from the same form
	add(t, s, r, other)
	put := func(e ...survey.RecheckEntry) error { return s.AddRecheckEntries(t.Context(), r.Key, e) }
	wantErr(t, "begin with the second", put(oddRecheck(2)), survey.ErrExists)
	must(t, "add nothing", put())
	must(t, "add", put(RecheckLook(1)))
	wantErr(t, "add the first again", put(RecheckLook(1)), survey.ErrExists)
	wantErr(t, "leave one out", put(oddRecheck(3)), survey.ErrExists)
	must(t, "add", put(oddRecheck(2)))
	wantErr(t, "change the second", put(RecheckLook(2)), survey.ErrExists)
	same(t, "entries", recheckOf(t, s, r.Key).Entries, []survey.RecheckEntry{RecheckLook(1), oddRecheck(2)})
	same(t, "entries of another", len(recheckOf(t, s, other.Key).Entries), 0)
}

func recheckGroups(t testing.TB, s survey.Store) {
	r := NewFacts(1, Survey()).Response(GulouHR1, At("2024-02-05 10:00"), Drawn)
	add(t, s, r)
	must(t, "begin", s.AddRecheckEntries(t.Context(), r.Key, []survey.RecheckEntry{RecheckLook(1)}))
	cutShort(t, func(ctx context.Context) error {
		return s.AddRecheckEntries(ctx, r.Key, []survey.RecheckEntry{RecheckLook(2), oddRecheck(3), oddRecheck(4)})
	}, func(looks int64, err error) {
		if n := len(recheckOf(t, s, r.Key).Entries); n != 1 && n != 4 || err == nil && n != 4 {
			t.Errorf("cut at look %d: %d entries, %v", looks, n, err)
		}
	})
}

func recheckRace(t testing.TB, s survey.Store) {
	r := NewFacts(1, Survey()).Response(GulouHR1, At("2024-02-05 10:00"), Drawn)
	add(t, s, r)
	for no := 1; no <= 3; no++ {
		onlyOne(t, "add", together(8, func(i int) error {
			e := oddRecheck(no)
			e.By = string(rune('a' + i))
			return s.AddRecheckEntries(t.Context(), r.Key, []survey.RecheckEntry{e})
		}), survey.ErrExists)
	}
	same(t, "entries", len(recheckOf(t, s, r.Key).Entries), 3)
}
