package proof

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"manyi/survey"
)

// kindFields are the names of a kind's fields, in the order their commitments are
// hashed. Public ones may be opened one by one in what is published; the private ones
// stand behind one hash, and only auditors open them.
type kindFields struct{ public, private []string }

// kinds lists the kinds of facts. A list never changes; another one needs another kind.
var kinds = map[survey.FactKind]kindFields{
	survey.FactResponse: {
		public:  []string{"survey", "year", "month", "city", "bureau", "channel", "good", "level", "case", "tag", "corrects"},
		private: []string{"id", "day", "at", "path", "version", "answers", "reasons", "comment", "flags", "anonymous"},
	},
	survey.FactStep: {
		public:  []string{"survey", "step", "no", "response"},
		private: []string{"day", "at", "recorded", "by", "party", "outcome", "ground", "days", "level", "note", "photos", "clock"},
	},
	survey.FactVisits: {
		public:  []string{"survey", "year", "month", "bureau"},
		private: []string{"day", "window", "visits"},
	},
	survey.FactEvaluation: {
		public:  []string{"survey", "bureau", "evaluation", "version", "imported", "instrument", "findings"},
		private: []string{"evaluator", "day", "at", "notes", "photos"},
	},
}

// saltLen is 128 bits: a value of five cannot be found by trying.
const saltLen = 16

// Part is one field of a record: open with its value and salt, or closed with its
// commitment alone.
type Part struct {
	Salt   []byte
	Value  string
	Closed []byte // the commitment; nil if open
}

// Open reports whether the value is there.
func (p Part) Open() bool { return p.Closed == nil }

// Close leaves the commitment of a field and nothing else.
func (p Part) Close(name string) Part {
	if !p.Open() {
		return p
	}
	return Part{Closed: p.commitment(name)}
}

// commitment is SHA-256("manyi field 1\n" name "\n" salt value).
func (p Part) commitment(name string) []byte {
	if !p.Open() {
		return p.Closed
	}
	h := sha256.New()
	h.Write([]byte("manyi field 1\n" + name + "\n"))
	h.Write(p.Salt)
	h.Write([]byte(p.Value))
	return h.Sum(nil)
}

// MarshalJSON writes ["salt","value"], or "commitment", in base64.
func (p Part) MarshalJSON() ([]byte, error) {
	if !p.Open() {
		return json.Marshal(b64.EncodeToString(p.Closed))
	}
	return json.Marshal([2]string{b64.EncodeToString(p.Salt), p.Value})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Part) UnmarshalJSON(doc []byte) (err error) {
	*p = Part{}
	if len(doc) > 0 && doc[0] == '"' {
		var text string
		if err := json.Unmarshal(doc, &text); err != nil {
			return err
		}
		if p.Closed, err = b64.DecodeString(text); err == nil && len(p.Closed) != sha256.Size {
			err = errForm
		}
		return err
	}
	var pair []string
	if err := json.Unmarshal(doc, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return errForm
	}
	p.Value = pair[1]
	if p.Salt, err = b64.DecodeString(pair[0]); err == nil && len(p.Salt) != saltLen {
		err = errForm
	}
	return err
}

// b64 is strict, so that one value has one form.
var b64 = base64.RawStdEncoding.Strict()

var errForm = errors.New("not in the form of a leaf")

// Record is what a data leaf commits to.
type Record struct {
	Kind    survey.FactKind
	Public  []Part
	Private []Part // nil if only Behind is known
	Behind  []byte // the hash the private fields stand behind, if Private is nil
}

// newRecord commits to the values of a kind, each with a random salt of its own.
// Values of other names do not belong.
func newRecord(kind survey.FactKind, values map[string]string) Record {
	k := kinds[kind]
	seal := func(names []string) []Part {
		parts := make([]Part, len(names))
		for i, name := range names {
			parts[i] = Part{Salt: make([]byte, saltLen), Value: values[name]}
			rand.Read(parts[i].Salt)
		}
		return parts
	}
	return Record{Kind: kind, Public: seal(k.public), Private: seal(k.private)}
}

// Leaf is the hash of the record's leaf in the log: the leaf hash of RFC 6962 over
//
//	"manyi leaf 1\n" kind "\n" commitments of the public fields, hash of the private ones
func (r Record) Leaf() (survey.LeafHash, error) {
	k, ok := kinds[r.Kind]
	if !ok || len(r.Public) != len(k.public) || (r.Private != nil && len(r.Private) != len(k.private)) {
		return survey.LeafHash{}, errForm
	}
	data := make([]byte, 0, 32*(len(k.public)+2))
	data = append(data, "manyi leaf 1\n"...)
	data = append(data, r.Kind...)
	data = append(data, '\n')
	for i, name := range k.public {
		data = append(data, r.Public[i].commitment(name)...)
	}
	behind := r.behind()
	if len(behind) != sha256.Size {
		return survey.LeafHash{}, errForm
	}
	return survey.LeafHash(tlog.RecordHash(append(data, behind...))), nil
}

// behind is SHA-256("manyi private 1\n" commitments of the private fields).
func (r Record) behind() []byte {
	if r.Private == nil {
		return r.Behind
	}
	h := sha256.New()
	h.Write([]byte("manyi private 1\n"))
	for i, name := range kinds[r.Kind].private {
		h.Write(r.Private[i].commitment(name))
	}
	return h.Sum(nil)
}

// Show is the record with some of its public fields open, and nothing else.
func (r Record) Show(names ...string) Record {
	out := Record{Kind: r.Kind, Behind: r.behind(), Public: make([]Part, len(r.Public))}
	for i, name := range kinds[r.Kind].public {
		if out.Public[i] = r.Public[i]; !slices.Contains(names, name) {
			out.Public[i] = r.Public[i].Close(name)
		}
	}
	return out
}

// Erase closes a field for good: value and salt are gone, and the leaf still stands.
func (r Record) Erase(name string) Record {
	k := kinds[r.Kind]
	r.Public, r.Private = slices.Clone(r.Public), slices.Clone(r.Private)
	if i := slices.Index(k.public, name); i >= 0 {
		r.Public[i] = r.Public[i].Close(name)
	}
	if i := slices.Index(k.private, name); i >= 0 && r.Private != nil {
		r.Private[i] = r.Private[i].Close(name)
	}
	return r
}

// Value is the value of a field; ok is false if it is closed.
func (r Record) Value(name string) (value string, ok bool) {
	k := kinds[r.Kind]
	parts, i := r.Public, slices.Index(k.public, name)
	if i < 0 {
		parts, i = r.Private, slices.Index(k.private, name)
	}
	if i < 0 || i >= len(parts) || !parts[i].Open() {
		return "", false
	}
	return parts[i].Value, true
}

// storedRecord is a record as an opening keeps it.
type storedRecord struct {
	Public  []Part `json:"public"`
	Private []Part `json:"private"`
}

// Opening is how a record is kept, waiting for its place in the log.
func (r Record) Opening(ref []byte, group string) (survey.FactOpening, error) {
	hash, err := r.Leaf()
	if err != nil {
		return survey.FactOpening{}, err
	}
	fields, err := json.Marshal(storedRecord{r.Public, r.Private})
	return survey.FactOpening{Kind: r.Kind, Ref: ref, Group: group, Hash: hash, Index: survey.Waiting, Fields: fields}, err
}

// ReadOpening reads the record of an opening, and checks that it is what the leaf
// commits to.
func ReadOpening(o survey.FactOpening) (Record, error) {
	var s storedRecord
	if err := json.Unmarshal(o.Fields, &s); err != nil {
		return Record{}, fmt.Errorf("opening of leaf %d: %w", o.Index, err)
	}
	r := Record{Kind: o.Kind, Public: s.Public, Private: s.Private}
	hash, err := r.Leaf()
	if err == nil && hash != o.Hash {
		err = errors.New("it does not open its leaf")
	}
	if err != nil {
		return Record{}, fmt.Errorf("opening of leaf %d: %w", o.Index, err)
	}
	return r, nil
}

// ReceiptLeaf is the hash of a receipt's leaf: the leaf hash of RFC 6962 over the
// receipt in its own form, after "manyi receipt 1\n". So anybody can compute it:
//
//	printf '\0manyi receipt 1\n%s' 7K3M-0Q9A-XW2D-51TZ | sha256sum
func ReceiptLeaf(receipt string) survey.LeafHash {
	return survey.LeafHash(tlog.RecordHash([]byte("manyi receipt 1\n" + receipt)))
}
