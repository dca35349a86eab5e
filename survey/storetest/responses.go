package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"manyi/survey"
)

var responseChecks = []Check{
	{"responses/every field comes back to the byte", responseRoundTrip},
	{"responses/a repeated key is stored once", responseRepeated},
	{"responses/a form used again is stored and flagged", responseFormReused},
	{"responses/one key from many writers is stored once", responseOneKey},
	{"responses/one form from many writers is flagged on all but one", responseOneForm},
	{"responses/writers at once lose nothing", responseWriters},
	{"responses/the first key of a form is found", responseFormKeys},
	{"responses/a group cut short can be sent again", responseCutShort},
	{"responses/a contact is kept apart", responseContact},
}

// oddTexts are texts that have broken stores before, all within what the domain lets in.
var oddTexts = []string{
	"好，谢谢！\n第二行\t完", "👨‍👩‍👧‍👦🙂🏛", "مرحبا \u202eabc\u202c", "e\u0301 and \u00e9", "$set", "a.b", "$.a.$[]", "%_*?",
	`'; DROP TABLE responses; --`, `"\" \\ \u0000`, "=1+1", "{\"a\":1}", "\ufeffBOM", "\ufffd", "\u2028\u2029", "𠮷\U0010ffff",
	" leading and trailing ", "null", "0x00", "1e400",
	strings.Repeat("🙂", survey.MaxComment),
}

// plain makes empty and missing alike, which no reader tells apart.
func plain(r survey.Response) survey.Response {
	if len(r.Answers) == 0 {
		r.Answers = nil
	}
	if len(r.Reasons) == 0 {
		r.Reasons = nil
	}
	if len(r.Secret) == 0 {
		r.Secret = nil
	}
	r.Contact = nil
	return r
}

func responseRoundTrip(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	want := map[survey.Key]survey.Response{}
	var group []survey.Response
	for i, text := range oddTexts {
		r := f.Response(Windows()[i%len(Windows())], At("2024-02-29 23:59:59.999"), Commented(text))
		r.Case = survey.CaseRef{Number: text, Stage: text}
		r.Channel = survey.Channel(1 + i%int(survey.ChannelInterview))
		r.Level = survey.Levels[i%len(survey.Levels)]
		r.Version = i * 1000
		if i%3 == 0 {
			r.Paper = &survey.PaperForm{Number: i, Day: 20240228, By: text}
		}
		if i%4 == 0 { // also beside a sheet, as an engine knows nothing of what they mean
			r.Interview = &survey.Interview{Mode: survey.InterviewModes[i/4%2], By: text}
		}
		if i%2 == 0 {
			r.Answers = map[string]survey.Level{text: survey.Satisfied, "a.b": survey.VeryDissatisfied, "$set": survey.VerySatisfied}
			r.Reasons = []int{214, 207, 115} // the order is kept
			r.Secret = []byte{0, 0xff, '\'', byte(i)}
		}
		r.Flags = survey.FlagManyDevice | survey.FlagTooFast
		group = append(group, r)
	}
	zeros, ones := f.Response(GulouHR1, At("2024-02-01")), f.Response(GulouHR1, At("2024-03-31 23:59:59.999"))
	zeros.Key, zeros.ID = survey.Key{}, survey.ID{}
	for i := range ones.Key {
		ones.Key[i] = 0xff
	}
	for i := range ones.ID {
		ones.ID[i] = 0xff
	}
	ones.Flags = 1 << 31 // an engine knows nothing of what flags mean
	group = append(group, zeros, ones)
	for _, r := range group {
		want[r.Key] = plain(r)
	}
	add(t, s, group...)
	got := List(t, s, survey.ResponseQuery{})
	same(t, "number of responses", len(got), len(want))
	for _, l := range got {
		same(t, "response", plain(l.Response), want[l.Key])
	}
}

func responseRepeated(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	a, b := f.Response(GulouHR1, At("2024-02-29")), f.Response(GulouHR1, At("2024-02-29"))
	late := a // the same form sent again: later, from another place, and with another row number
	late.ReceivedAt, late.Day = At("2024-03-01"), 20240301
	late.Path, late.ID, late.Comment = Tree().Path(SimingTax), survey.ID{1}, "again"

	same(t, "stored, repeated within a group", add(t, s, a, late, b), []bool{true, false, true})
	before := List(t, s, survey.ResponseQuery{})
	Roll(t, s)
	same(t, "stored, repeated in a later group", add(t, s, late, b), []bool{false, false})
	after := List(t, s, survey.ResponseQuery{})
	same(t, "responses after a repeated group", after, before)
	same(t, "number of responses", len(after), 2)
	for _, l := range after {
		if l.Key == a.Key {
			same(t, "response that was sent twice", plain(l.Response), plain(a))
		}
	}
	tallies := allTallies(t, s, "y2024")
	Roll(t, s) // whether or not a repetition marks, it changes no count
	sameTallies(t, "tallies after a repeated group", allTallies(t, s, "y2024"), tallies)
	if len(tallies) == 0 {
		t.Error("nothing was counted")
	}
	same(t, "stored, empty group", len(add(t, s)), 0)
}

// reuse is another answer typed into the same form.
func reuse(r survey.Response, n byte) survey.Response {
	r.Key[len(r.Key)-1] ^= n
	r.ID[0] ^= n
	return r
}

func flagsOf(t testing.TB, s survey.Store) map[survey.Key]survey.Flags {
	t.Helper()
	flags := map[survey.Key]survey.Flags{}
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		flags[l.Key] = l.Flags
	}
	return flags
}

func responseFormReused(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	a := f.Response(GulouHR1, At("2024-02-29"), func(r *survey.Response) { r.Flags = survey.FlagTooFast })
	b, c := reuse(a, 1), reuse(a, 2)
	d := f.Response(GulouHR1, At("2024-02-29"))
	same(t, "stored, form used twice in a group", add(t, s, a, b, d), []bool{true, true, true})
	same(t, "stored, form used again later", add(t, s, c), []bool{true})
	same(t, "stored, each again", add(t, s, c, b, a), []bool{false, false, false})
	same(t, "flags", flagsOf(t, s), map[survey.Key]survey.Flags{
		a.Key: survey.FlagTooFast,
		b.Key: survey.FlagTooFast | survey.FlagKeyReused,
		c.Key: survey.FlagTooFast | survey.FlagKeyReused,
		d.Key: 0,
	})
}

func responseFormKeys(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	var forms [][survey.FormKeyLen]byte
	want := map[[survey.FormKeyLen]byte]survey.Key{}
	for range 1200 {
		r := f.Response(GulouHR1, At("2024-02-29"))
		add(t, s, r)
		forms = append(forms, r.Key.Form())
		want[r.Key.Form()] = r.Key
	}
	again := f.Response(GulouHR1, At("2024-02-29"))
	add(t, s, again)
	for n := range byte(3) { // the later ones have smaller and greater keys
		later := reuse(again, n+1)
		add(t, s, later)
	}
	want[again.Key.Form()] = again.Key
	nothing := f.Response(GulouHR1, At("2024-02-29")).Key.Form()
	forms = append(forms, again.Key.Form(), nothing, forms[0])
	got, err := s.FormKeys(t.Context(), forms)
	must(t, "look for forms", err)
	same(t, "number of forms found", len(got), len(want))
	for form, key := range want {
		if got[form] != key {
			t.Fatalf("the first key of form %x: got %v, want %v", form, got[form], key)
		}
	}
	none, err := s.FormKeys(t.Context(), nil)
	must(t, "look for no forms", err)
	same(t, "forms found among none", len(none), 0)
}

func responseOneKey(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	r := f.Response(GulouHR1, At("2024-02-29"))
	wins := make([]bool, 20)
	errs := together(len(wins), func(i int) error {
		ok, err := s.AddResponses(t.Context(), []survey.Response{r})
		wins[i] = len(ok) == 1 && ok[0]
		return err
	})
	n := 0
	for i, err := range errs {
		must(t, "add one response from many writers", err)
		if wins[i] {
			n++
		}
	}
	same(t, "writers told that the response was new", n, 1)
	same(t, "responses", len(List(t, s, survey.ResponseQuery{})), 1)
}

func responseOneForm(t testing.TB, s survey.Store) {
	first := NewFacts(1, Survey()).Response(GulouHR1, At("2024-02-29"))
	const n = 10
	errs := together(n, func(i int) error {
		_, err := s.AddResponses(t.Context(), []survey.Response{reuse(first, byte(i))})
		return err
	})
	for _, err := range errs {
		must(t, "add responses of one form", err)
	}
	flagged := 0
	for _, flags := range flagsOf(t, s) {
		if flags&survey.FlagKeyReused != 0 {
			flagged++
		}
	}
	same(t, "responses", len(flagsOf(t, s)), n)
	same(t, "responses flagged", flagged, n-1)
}

func responseWriters(t testing.TB, s survey.Store) {
	const writers, groups, size = 20, 5, 4
	f := NewFacts(1, Survey())
	var work [writers][groups][]survey.Response
	for w := range work {
		for g := range work[w] {
			for range size {
				r := f.Response(Windows()[w%len(Windows())], At("2024-02-29"))
				work[w][g] = append(work[w][g], r)
			}
		}
	}
	told := make([]int, writers)
	errs := together(writers, func(w int) error {
		for _, group := range work[w] {
			ok, err := s.AddResponses(t.Context(), group)
			if err != nil {
				return err
			}
			for _, first := range ok {
				if first {
					told[w]++
				}
			}
		}
		return nil
	})
	for w, err := range errs {
		must(t, "add responses", err)
		same(t, "responses a writer was told are new", told[w], groups*size)
	}
	same(t, "responses", len(flagsOf(t, s)), writers*groups*size)
}

func responseCutShort(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	made := 0
	var group []survey.Response
	do := func(ctx context.Context) error {
		group = nil
		for range 8 {
			group = append(group, f.Response(GulouHR1, At("2024-02-29")))
		}
		made += len(group)
		_, err := s.AddResponses(ctx, group)
		return err
	}
	cutShort(t, do, func(looks int64, err error) {
		if err == nil {
			same(t, "stored after a success", add(t, s, group...), make([]bool, len(group)))
		}
		add(t, s, group...)
		same(t, "responses", len(flagsOf(t, s)), made)
	})
	Roll(t, s)
	tally := TallyOf(t, s, f.Window(GulouHR1, 20240229))
	n := int64(0)
	for _, of := range tally.Cells {
		n += of.N
	}
	same(t, "counted responses", n, int64(made))
}

func responseContact(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	sealed := survey.SealedContact{KeyID: "2024-02", Sealed: []byte{0, 1, 0xff, '\n'}, PhoneHash: []byte{9, 0, 9}, Follow: []byte{7, 0}}
	with := f.Response(GulouHR1, At("2024-02-29"), func(r *survey.Response) { r.Contact = &sealed })
	without := f.Response(GulouHR1, At("2024-02-29"))
	add(t, s, with, without)

	again := with
	again.Contact = &survey.SealedContact{KeyID: "other", Sealed: []byte("x"), PhoneHash: []byte("y")}
	again.ReceivedAt = again.ReceivedAt.Add(time.Hour)
	add(t, s, again)

	got, err := s.Contact(t.Context(), with.Key)
	must(t, "contact", err)
	same(t, "contact", got, sealed)
	calls := 0
	must(t, "contacts", s.Contacts(t.Context(), func(key survey.Key, c survey.SealedContact) error {
		calls++
		same(t, "key of the only contact", key, with.Key)
		same(t, "the only contact", c, sealed)
		return nil
	}))
	same(t, "contacts", calls, 1)
	_, err = s.Contact(t.Context(), without.Key)
	wantErr(t, "contact of a response without one", err, survey.ErrNotFound)
	if has, err := s.HasResponse(t.Context(), with.Key); err != nil || !has {
		t.Errorf("HasResponse of a stored one = %v, %v", has, err)
	}
	if has, err := s.HasResponse(t.Context(), survey.Key{1}); err != nil || has {
		t.Errorf("HasResponse of none = %v, %v", has, err)
	}
	_, err = s.Contact(t.Context(), survey.Key{1})
	wantErr(t, "contact of an unknown response", err, survey.ErrNotFound)
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		if l.Contact != nil {
			t.Errorf("a listed response carries its contact")
		}
	}
}
