package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"manyi/survey"
)

var sealedChecks = []Check{
	{"sealed/every value of a kind is walked once", sealedWalk},
	{"sealed/originals stay with what they belong to", sealedOriginals},
	{"sealed/a value is replaced only while it is what was read", sealedReplaced},
	{"sealed/of many who replace at once one does", sealedAtOnce},
	{"sealed/what is erased is gone, and the rating stays", sealedErased},
	{"sealed/a yield error stops the walk and is returned", sealedStop},
}

// WithOriginal gives a response a comment with a hidden number and its sealed original.
func WithOriginal(r *survey.Response) {
	r.Comment = "请回电138****8000"
	r.Original = &survey.SealedText{KeyID: "k1", Sealed: append([]byte{0, 0xff, '"'}, r.Key[:]...)}
}

// UserWithPhone is somebody reminders go to.
func UserWithPhone(name string) survey.User {
	return survey.User{Actor: survey.Actor{Name: name, Role: survey.Supervisor, Place: "350102-HR"}, PasswordHash: "$x",
		Phone: &survey.SealedText{KeyID: "k1", Sealed: []byte("sealed for " + name)}}
}

// sealedField stores a bad review with everything that can be sealed, and as many
// notes as are asked for.
func sealedField(t testing.TB, s survey.Store, notes int) (survey.Survey, survey.Response) {
	of := Survey()
	f := NewFacts(1, of)
	r := f.Response(GulouHR1, At("2024-02-05 10:00"), Bad, WithContact, WithOriginal)
	r.Contact.Follow = []byte("receipt")
	add(t, s, f.Response(GulouHR1, At("2024-02-05 09:00"), Good), r)
	OpenAll(t, s, of)
	c, err := s.Case(t.Context(), r.Key)
	must(t, "case", err)
	var made []survey.Entry
	for i := range notes {
		no := len(c.Entries) + len(made) + 1
		made = append(made, survey.Entry{No: no, Step: survey.StepNoted, At: At("2024-02-05 11:00"), By: "wang", Party: survey.Own,
			Note: `电话"original":{138****8000`, Original: &survey.SealedText{KeyID: "k1", Sealed: []byte(fmt.Sprint("\x00<>&", i))}})
		if i%2 == 1 {
			made[i].Original = nil
		}
	}
	must(t, "add entries", s.AddEntries(t.Context(), r.Key, made, c.Summary))
	m := Invitation("A1", "13800138000", At("2024-02-06"))
	_, err = s.AddMessages(t.Context(), []survey.Message{m})
	must(t, "queue a message", err)
	_, err = s.OptOut(t.Context(), survey.OptOut{Phone: m.Phone, At: At("2024-02-06"), Source: "sms"})
	must(t, "opt out", err)
	_, err = s.AddInbound(t.Context(), []survey.Inbound{{ID: "in 1", From: m.Phone, TextKey: "k1", Text: []byte("text"), ReceivedAt: At("2024-02-06")}})
	must(t, "add inbound", err)
	v := f.Visit(GulouHR1, "A1 $.甲", At("2024-02-05"))
	v.Phone = &m.Phone
	_, err = s.PutVisits(t.Context(), []survey.Visit{v, f.Visit(GulouHR1, "A2", At("2024-02-05"))})
	must(t, "put visits", err)
	must(t, "put user", s.PutUser(t.Context(), UserWithPhone("wang $")))
	must(t, "put user", s.PutUser(t.Context(), survey.User{Actor: survey.Actor{Name: "li", Role: survey.Organiser}}))
	return of, r
}

func walkSealed(t testing.TB, s survey.Store, kind survey.SealedKind) (all []survey.SealedValue) {
	t.Helper()
	must(t, fmt.Sprint("sealed values of ", kind), s.SealedValues(t.Context(), kind, func(v survey.SealedValue) error {
		if len(v.PhoneHash) == 0 {
			v.PhoneHash = nil
		}
		all = append(all, v)
		return nil
	}))
	return all
}

func sealedWalk(t testing.TB, s survey.Store) {
	of := Survey()
	for _, kind := range survey.SealedKinds {
		same(t, fmt.Sprint("values of ", kind, " in an empty store"), len(walkSealed(t, s, kind)), 0)
	}
	const many = 2103 // more than a page
	f := NewFacts(3, of)
	want := map[survey.SealedKind]map[string]survey.SealedValue{survey.SealedContacts: {}, survey.SealedComments: {}, survey.SealedNotes: {}, survey.SealedMessages: {}, survey.SealedOptOuts: {}, survey.SealedVisits: {},
		survey.SealedUsers: {}, survey.SealedInbound: {}, survey.SealedInboundText: {}}
	put := func(v survey.SealedValue) { want[v.Kind][string(v.ID)] = v }
	var group []survey.Response
	for i := range many {
		r := f.Response(Windows()[i%3], At("2024-02-05 10:00").Add(time.Duration(i)*time.Second), Good, WithContact, WithOriginal)
		if i%7 == 0 {
			r.Contact.PhoneHash = nil
		}
		group = append(group, r)
		put(r.Contact.Value(r.Key))
		put(r.Original.Comment(r.Key))
	}
	add(t, s, group...)
	add(t, s, group[:5]...) // sent again
	bad := f.Response(GulouHR1, At("2024-02-05 10:00"), Bad)
	add(t, s, bad)
	OpenAll(t, s, of)
	c, err := s.Case(t.Context(), bad.Key)
	must(t, "case", err)
	var made []survey.Entry
	for i := range many {
		e := survey.Entry{No: i + 2, Step: survey.StepNoted, At: At("2024-02-05 11:00"), By: "wang", Party: survey.Own, Note: "138****8000"}
		if i%50 != 0 {
			e.Original = &survey.SealedText{KeyID: "k1", Sealed: []byte(fmt.Sprint(i))}
			put(e.Original.Note(bad.Key, e.No))
		}
		made = append(made, e)
	}
	must(t, "add entries", s.AddEntries(t.Context(), bad.Key, made, c.Summary))
	var messages []survey.Message
	for i := range many {
		m := Invitation(fmt.Sprint("A", i), fmt.Sprint("phone ", i), At("2024-02-06"))
		o := survey.OptOut{Phone: m.Phone, At: At("2024-02-06"), Source: "sms"}
		if i%50 == 0 {
			m.Phone = survey.SealedContact{}
		} else {
			put(m.Sealed())
		}
		messages = append(messages, m)
		if i < 5 {
			_, err := s.OptOut(t.Context(), o)
			must(t, "opt out", err)
			put(o.Sealed())
		}
	}
	var inbound []survey.Inbound
	for i := range many {
		in := survey.Inbound{ID: fmt.Sprint("in ", i), TextKey: "k1", Text: []byte(fmt.Sprint("text ", i)), ReceivedAt: At("2024-02-06"),
			From: survey.SealedContact{KeyID: "k1", Sealed: []byte(fmt.Sprint("from ", i)), PhoneHash: Secret(fmt.Sprint(i))}}
		for _, v := range in.Sealed() {
			put(v)
		}
		inbound = append(inbound, in)
	}
	_, err = s.AddInbound(t.Context(), inbound)
	must(t, "add inbound", err)
	var visits []survey.Visit
	for i := range many {
		v := f.Visit(GulouHR1, fmt.Sprint("A", i), At("2024-02-05"))
		if i%50 != 0 {
			v.Phone = &survey.SealedContact{KeyID: "k1", Sealed: []byte(fmt.Sprint("visit ", i)), PhoneHash: Secret(fmt.Sprint(i))}
			put(v.Sealed())
		}
		visits = append(visits, v)
	}
	_, err = s.PutVisits(t.Context(), visits)
	must(t, "put visits", err)
	_, err = s.AddMessages(t.Context(), messages)
	must(t, "queue messages", err)
	for i := range 5 {
		u := UserWithPhone(fmt.Sprint("user ", i))
		if i == 0 {
			u.Phone = nil
		} else {
			put(u.Sealed())
		}
		must(t, "put user", s.PutUser(t.Context(), u))
	}
	for _, kind := range survey.SealedKinds {
		got := walkSealed(t, s, kind)
		same(t, fmt.Sprint("values of ", kind), len(got), len(want[kind]))
		for _, v := range got {
			same(t, fmt.Sprint("a value of ", kind), v, want[kind][string(v.ID)])
			delete(want[kind], string(v.ID))
		}
	}
}

func sealedOriginals(t testing.TB, s survey.Store) {
	_, r := sealedField(t, s, 3)
	again := r
	again.Original = &survey.SealedText{KeyID: "other", Sealed: []byte("x")}
	add(t, s, again)
	got, err := s.OriginalComment(t.Context(), r.Key)
	must(t, "original comment", err)
	same(t, "original comment", got, *r.Original)
	_, err = s.OriginalComment(t.Context(), survey.Key{1})
	wantErr(t, "original comment of none", err, survey.ErrNotFound)
	c, err := s.Case(t.Context(), r.Key)
	must(t, "case", err)
	if !c.Masked || !c.Hides() {
		t.Errorf("a case whose comment has its original says it has none")
	}
	for _, e := range c.Entries[1:] {
		if has := e.Original != nil; has != (e.No%2 == 0) || has && (e.Original.KeyID != "k1" || string(e.Original.Sealed) != fmt.Sprint("\x00<>&", e.No-2)) {
			t.Errorf("entry %d has the original %+v", e.No, e.Original)
		}
	}
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		if l.Original != nil {
			t.Errorf("a listed response carries its original")
		}
		if l.Key == r.Key {
			same(t, "comment", l.Comment, r.Comment)
		}
	}
}

func sealedReplaced(t testing.TB, s survey.Store) {
	_, r := sealedField(t, s, 4)
	for _, kind := range survey.SealedKinds {
		values := walkSealed(t, s, kind)
		old := values[len(values)-1]
		var hash []byte
		if old.PhoneHash != nil {
			hash = []byte("new hash")
		}
		next := old.Next("k2", []byte{0, '"', 0xfe}, hash)
		stale := old
		stale.Sealed = []byte("something else")
		unknown := old
		unknown.ID = slices.Clone(old.ID)
		unknown.ID[len(unknown.ID)-1] ^= 0x40
		for what, v := range map[string]survey.SealedValue{"stale": stale, "unknown": unknown} {
			if done, err := s.ReplaceSealed(t.Context(), v, next); err != nil || done {
				t.Errorf("replace a %s value of %s: %v, %v", what, kind, done, err)
			}
		}
		if done, err := s.ReplaceSealed(t.Context(), old, next); err != nil || !done {
			t.Errorf("replace a value of %s: %v, %v", kind, done, err)
		}
		if done, err := s.ReplaceSealed(t.Context(), old, next); err != nil || done {
			t.Errorf("replace a value of %s that was replaced: %v, %v", kind, done, err)
		}
		values[len(values)-1] = next
		same(t, fmt.Sprint("values of ", kind, " afterwards"), walkSealed(t, s, kind), values)
	}
	for _, hashes := range [][][]byte{{[]byte("new hash")}, {Secret("13800138000")}} {
		isNew := len(hashes[0]) == len("new hash")
		found, err := s.Invitations(t.Context(), hashes)
		must(t, "invitations", err)
		out, err := s.OptedOut(t.Context(), hashes)
		must(t, "opted out", err)
		if (len(found) == 1) != isNew || out != isNew {
			t.Errorf("by the hash %q: %d invitations, opted out: %v", hashes[0], len(found), out)
		}
	}
	got, err := s.Contact(t.Context(), r.Key)
	must(t, "contact", err)
	same(t, "contact", got, survey.SealedContact{KeyID: "k2", Sealed: []byte{0, '"', 0xfe}, PhoneHash: []byte("new hash"), Follow: []byte("receipt")})
	c, err := s.Case(t.Context(), r.Key)
	must(t, "case", err)
	for _, e := range c.Entries[1:] {
		if e.Note != `电话"original":{138****8000` || e.By != "wang" {
			t.Errorf("an entry came out as %+v", e)
		}
	}
}

func sealedAtOnce(t testing.TB, s survey.Store) {
	sealedField(t, s, 2)
	lost := errors.New("lost")
	for _, kind := range survey.SealedKinds {
		old := walkSealed(t, s, kind)[0]
		onlyOne(t, fmt.Sprint("replace a value of ", kind), together(8, func(i int) error {
			next := old
			next.Sealed = []byte{1, byte(i)}
			done, err := s.ReplaceSealed(t.Context(), old, next)
			if err == nil && !done {
				err = lost
			}
			return err
		}), lost)
	}
}

func sealedErased(t testing.TB, s survey.Store) {
	_, r := sealedField(t, s, 4)
	before := List(t, s, survey.ResponseQuery{})
	was, err := s.Case(t.Context(), r.Key)
	must(t, "case", err)
	for _, kind := range survey.SealedKinds {
		for _, v := range walkSealed(t, s, kind) {
			if done, err := s.ReplaceSealed(t.Context(), v, survey.SealedValue{}); err != nil || !done {
				t.Errorf("erase a value of %s: %v, %v", kind, done, err)
			}
			if done, err := s.ReplaceSealed(t.Context(), v, survey.SealedValue{}); err != nil || done {
				t.Errorf("erase a value of %s twice: %v, %v", kind, done, err)
			}
		}
		same(t, fmt.Sprint("values of ", kind, " afterwards"), len(walkSealed(t, s, kind)), 0)
	}
	must(t, "scrub", s.Scrub(t.Context()))
	_, err = s.Contact(t.Context(), r.Key)
	wantErr(t, "contact that was erased", err, survey.ErrNotFound)
	_, err = s.FollowedResponse(t.Context(), []byte("receipt"))
	wantErr(t, "response whose contact was erased, by its receipt", err, survey.ErrNotFound)
	_, err = s.OriginalComment(t.Context(), r.Key)
	wantErr(t, "original that was erased", err, survey.ErrNotFound)
	same(t, "responses afterwards", List(t, s, survey.ResponseQuery{}), before)
	c, err := s.Case(t.Context(), r.Key)
	must(t, "case", err)
	if c.Hides() || c.Reachable {
		t.Errorf("a case whose contact and originals were erased says they are there")
	}
	for i := range was.Entries {
		was.Entries[i].Original = nil
	}
	same(t, "entries afterwards", c.Entries, was.Entries)
	same(t, "summary afterwards", c.Summary, was.Summary)
}

func sealedStop(t testing.TB, s survey.Store) {
	sealedField(t, s, 4)
	enough := errors.New("enough")
	for _, kind := range survey.SealedKinds {
		calls := 0
		err := s.SealedValues(t.Context(), kind, func(survey.SealedValue) error { calls++; return enough })
		wantErr(t, fmt.Sprint("walk over ", kind), err, enough)
		same(t, fmt.Sprint("calls for ", kind), calls, 1)
	}
}
