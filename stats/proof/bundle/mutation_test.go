package bundle_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
)

// parts is a bundle taken apart.
type parts struct {
	names []string
	text  map[string][]byte
}

func takeApart(t testing.TB, b []byte) parts {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	p := parts{text: map[string][]byte{}}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		p.names, p.text[f.Name] = append(p.names, f.Name), text
	}
	return p
}

func (p parts) clone() parts {
	c := parts{slices.Clone(p.names), map[string][]byte{}}
	for name, text := range p.text {
		c.text[name] = bytes.Clone(text)
	}
	return c
}

func (p parts) zip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range p.names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(p.text[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// resign is what a publisher does who cheats: everything is signed anew with the right key.
func (p parts) resign(t testing.TB, signer proof.Signer) {
	t.Helper()
	text, err := note.Open(p.text["signature.txt"], note.VerifierList(signer.Verifier()))
	if err != nil {
		t.Fatal(err)
	}
	head := strings.SplitN(text.Text, "\n", 3)
	if d, err := bundle.Decode(p.text["publication.json"]); err == nil {
		head[1] = d.ID + " " + string(d.Audience)
		if p.text["publication.sig"], err = bundle.SignDocument(d, p.text["publication.json"], signer); err != nil {
			t.Fatal(err)
		}
	}
	list := head[0] + "\n" + head[1] + "\n"
	for _, name := range p.names[:len(p.names)-1] {
		sum := sha256.Sum256(p.text[name])
		list += fmt.Sprintf("%s %d %s\n", name, len(p.text[name]), hex.EncodeToString(sum[:]))
	}
	if p.text["signature.txt"], err = note.Sign(&note.Note{Text: list}, signer); err != nil {
		t.Fatal(err)
	}
}

// mutation changes a bundle's files, and says what it did; empty if there was nothing
// to change.
type mutation struct {
	name   string
	change func(r *rand.Rand, p parts) string
}

func lineMutation(name, file string, change func(r *rand.Rand, lines [][]byte) ([][]byte, string)) mutation {
	return mutation{name, func(r *rand.Rand, p parts) string {
		lines := bytes.SplitAfter(p.text[file], []byte("\n"))
		lines, what := change(r, lines[:len(lines)-1])
		p.text[file] = bytes.Join(lines, nil)
		return what
	}}
}

// field replaces a column of a random line of which a test holds.
func fieldMutation(name, kind, field string, change func(r *rand.Rand, column string) string) mutation {
	return lineMutation(name, "leaves.tsv", func(r *rand.Rand, lines [][]byte) ([][]byte, string) {
		at := int(proof.FieldOf(survey.FactKind(kind), field)) + 1
		for _, n := range r.Perm(len(lines)) {
			columns := strings.Split(strings.TrimSuffix(string(lines[n]), "\n"), "\t")
			if columns[0] != kind || at >= len(columns) || !strings.Contains(columns[at], ":") {
				continue
			}
			was := columns[at]
			if columns[at] = change(r, was); columns[at] == was {
				continue
			}
			lines[n] = []byte(strings.Join(columns, "\t") + "\n")
			return lines, fmt.Sprintf("line %d, %s: %s to %s", n+1, field, was, columns[at])
		}
		return lines, ""
	})
}

func docMutation(name string, change func(r *rand.Rand, d *bundle.Document) string) mutation {
	return mutation{name, func(r *rand.Rand, p parts) string {
		d, err := bundle.Decode(p.text["publication.json"])
		if err != nil {
			return ""
		}
		what := change(r, &d)
		if p.text["publication.json"], err = d.Encode(); err != nil {
			return ""
		}
		return what
	}}
}

// fullest is the unit that says most.
func fullest(d *bundle.Document) int {
	return slices.IndexFunc(d.Units, func(u sheet.Unit) bool { return u.Visits != nil })
}

// sheetMutation changes the sheet of the unit that says most.
func sheetMutation(name string, change func(s *sheet.Sheet)) mutation {
	return docMutation(name, func(_ *rand.Rand, d *bundle.Document) string {
		change(&d.Sheets[fullest(d)])
		return name
	})
}

// value changes an open column's value to another.
func value(options ...string) func(*rand.Rand, string) string {
	return func(r *rand.Rand, column string) string {
		salt, _, _ := strings.Cut(column, ":")
		return salt + ":" + options[r.IntN(len(options))]
	}
}

// closed is a column as it stands when it is not open: an honest commitment.
func closed(field string) func(*rand.Rand, string) string {
	return func(_ *rand.Rand, column string) string {
		salt, text, _ := strings.Cut(column, ":")
		part := proof.Part{Value: text}
		if err := part.UnmarshalJSON([]byte(fmt.Sprintf("[%q,%q]", salt, text))); err != nil {
			return column
		}
		doc, err := part.Close(field).MarshalJSON()
		if err != nil {
			return column
		}
		return strings.Trim(string(doc), `"`)
	}
}

// caseMutation changes a number of a rate of cases, and makes the sheets good again. The
// public can only find numbers that the log has too few steps for.
func caseMutation(name string, change func(s *sheet.Share, by int64)) mutation {
	return docMutation(name, func(r *rand.Rand, d *bundle.Document) string {
		rate := &d.Units[fullest(d)].Cases.Rates[r.IntN(5)]
		by := int64(1 + r.IntN(3))
		if d.Audience == bundle.Public {
			rate.All.Den += 500
			by += 500
		}
		change(rate.All, by)
		made := sheet.Make(d.Survey, d.Units)
		for i := range d.Units { // rates and verdicts follow from the numbers
			if u := d.Units[i]; u.Cases != nil {
				copy(u.Cases.Rates, made[i].Cases)
			}
		}
		d.Sheets = made
		return fmt.Sprintf("%s by %d", rate.Name, by)
	})
}

// visitsMutation changes the lines where a list of visits is.
func visitsMutation(name string, change func(lines [][]byte, n int) [][]byte) mutation {
	return lineMutation(name, "leaves.tsv", func(r *rand.Rand, lines [][]byte) ([][]byte, string) {
		n := slices.IndexFunc(lines, func(l []byte) bool { return bytes.HasPrefix(l, []byte("visits\t")) })
		if n < 0 {
			return lines, ""
		}
		return change(lines, n), fmt.Sprint("line ", n+1)
	})
}

// servedMutation changes the visits of a unit, and makes the sheets good again.
func servedMutation(name string, change func(v *sheet.Visits)) mutation {
	return docMutation(name, func(_ *rand.Rand, d *bundle.Document) string {
		if d.Audience != bundle.Auditor {
			return ""
		}
		change(d.Units[fullest(d)].Visits)
		d.Sheets = sheet.Make(d.Survey, d.Units)
		return name
	})
}

// onlyForAuditors is what cannot be tried on what is public: it is not there.
var onlyForAuditors = []string{"a deadline shifted", "a step's time shifted", "a day shifted", "a step's day shifted", "a step's outcome", "more time than was granted",
	"who asked to stay unnamed", "a day off more", "one proved that owes no case", "what cases are counted with hidden",
	"a visit dropped", "a visit doubled", "a visit added", "a visit moved", "visits of another bureau", "fewer visits served", "more visits served",
	"more visits rated", "fewer defaults", "visits left to the signature"}

type fakeTags struct{}

func (fakeTags) CaseTag(string, survey.CaseRef) string    { return "" }
func (fakeTags) FactTag(k survey.Key) string              { return k.String() }
func (fakeTags) EvaluationTag(survey.EvaluationID) string { return "" }

func TestNoMutationPasses(t *testing.T) {
	const times = 200
	h := busy(t, false)
	for _, a := range bundle.Audiences {
		whole := h.write(h.build(a, bundle.WholePeriod))
		if _, err := verify(whole, h.signer.Key); err != nil {
			t.Fatal(err)
		}
		original := takeApart(t, whole)
		if !bytes.Equal(original.zip(t), whole) {
			t.Fatal("the test puts a bundle together otherwise than it is written")
		}
		tried := map[string]int{}
		for seed := range uint64(times) {
			r := rand.New(rand.NewPCG(seed, 6))
			m := mutations[seed%uint64(len(mutations))]
			for _, resigned := range []bool{false, true} {
				p := original.clone()
				what := m.change(r, p)
				if what == "" || bytes.Equal(p.zip(t), whole) {
					continue
				}
				if resigned {
					if strings.Contains(what, ".sig") || strings.Contains(what, "signature.txt") {
						continue // it would be made good
					}
					p.resign(t, h.signer)
				}
				tried[m.name]++
				_, err := verify(p.zip(t), h.signer.Key)
				if err == nil {
					t.Errorf("%s, seed %d, signed anew %v: %s (%s) passes", a, seed, resigned, m.name, what)
				} else if resigned && seed < uint64(len(mutations)) {
					t.Logf("%s, %s (%s): %v", a, m.name, what, err)
				}
			}
		}
		for _, m := range mutations {
			if tried[m.name] == 0 && !(a == bundle.Public && slices.Contains(onlyForAuditors, m.name)) {
				t.Errorf("%s: %s was never tried", a, m.name)
			}
		}
	}
}

func TestNoByteOfABundleMayChange(t *testing.T) {
	h := busy(t, false)
	whole := h.write(h.build(bundle.Public, bundle.WholePeriod))
	r := rand.New(rand.NewPCG(1, 6))
	// The ends of the file are where ZIP keeps what nobody reads.
	at := []int{}
	for i := range 120 {
		at = append(at, i, len(whole)-1-i*7)
	}
	for range 200 {
		at = append(at, r.IntN(len(whole)))
	}
	for _, i := range at {
		b := bytes.Clone(whole)
		b[i] ^= byte(1 + r.IntN(255))
		if _, err := verify(b, h.signer.Key); err == nil {
			t.Errorf("with byte %d of %d changed it passes", i, len(whole))
		}
	}
	for name, b := range map[string][]byte{"more at the end": append(bytes.Clone(whole), 'x'), "more at the beginning": append([]byte("x"), whole...), "less": whole[:len(whole)-1]} {
		if _, err := verify(b, h.signer.Key); err == nil {
			t.Errorf("with %s it passes", name)
		}
	}
	other, err := proof.NewSigner([]byte("another secret of thirty-two letters"))
	h.must(err)
	if _, err := verify(whole, other.Key); err == nil || !strings.Contains(err.Error(), "not with the one given") {
		t.Errorf("with another key: %v", err)
	}
	if rep, err := verify(whole, ""); err != nil || rep.KeyGiven {
		t.Errorf("without a key: %+v, %v", rep.KeyGiven, err)
	}
}
