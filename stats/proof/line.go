package proof

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"manyi/survey"
)

// A record as a line of text, for files of millions of them. Its columns, parted by
// tabs, are the kind, the public fields, and then either the private ones or the hash
// they stand behind. An open field is its salt, a colon and the value; a closed one
// its commitment. Salts and hashes are in base64 without padding.

const (
	saltText = 22 // of saltLen bytes
	hashText = 43 // of sha256.Size bytes
)

// AppendLine adds the record's line, without an end.
func (r Record) AppendLine(line []byte) []byte {
	line = append(line, r.Kind...)
	add := func(parts []Part) {
		for _, p := range parts {
			line = append(line, '\t')
			if !p.Open() {
				line = b64.AppendEncode(line, p.Closed)
				continue
			}
			line = append(b64.AppendEncode(line, p.Salt), ':')
			line = appendValue(line, p.Value)
		}
	}
	add(r.Public)
	if r.Private != nil {
		add(r.Private)
		return line
	}
	return b64.AppendEncode(append(line, '\t'), r.Behind)
}

// appendValue writes a value so that it holds neither a tab nor the end of a line.
func appendValue(line []byte, value string) []byte {
	for i := range len(value) {
		switch c := value[i]; c {
		case '\\':
			line = append(line, `\\`...)
		case '\t':
			line = append(line, `\t`...)
		case '\n':
			line = append(line, `\n`...)
		case '\r':
			line = append(line, `\r`...)
		default:
			line = append(line, c)
		}
	}
	return line
}

// readValue is the reverse of appendValue; a value has one form.
func readValue(text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '\\') < 0 {
		if bytes.IndexByte(text, '\r') >= 0 {
			return nil, errForm
		}
		return text, nil
	}
	value := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			if i++; i == len(text) {
				return nil, errForm
			}
			at := bytes.IndexByte([]byte(`\tnr`), text[i])
			if at < 0 {
				return nil, errForm
			}
			c = "\\\t\n\r"[at]
		}
		value = append(value, c)
	}
	return value, nil
}

// Fields is a set of a kind's fields.
type Fields uint32

// FieldsOf is the set of some fields of a kind. It panics on one that there is not.
func FieldsOf(kind survey.FactKind, names ...string) (f Fields) {
	for _, name := range names {
		i := slices.Index(kinds[kind].all(), name)
		if i < 0 {
			panic("proof: a " + string(kind) + " has no field " + name)
		}
		f |= 1 << i
	}
	return f
}

// AllFields is the set of all fields of a kind.
func AllFields(kind survey.FactKind) Fields { return FieldsOf(kind, kinds[kind].all()...) }

// Names lists the fields of a set.
func (f Fields) Names(kind survey.FactKind) (names []string) {
	for i, name := range kinds[kind].all() {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func (k kindFields) all() []string { return slices.Concat(k.public, k.private) }

// Field is one field of a kind, to read it from many lines.
type Field int

// FieldOf is a field of a kind by its name.
func FieldOf(kind survey.FactKind, name string) Field {
	FieldsOf(kind, name)
	return Field(slices.Index(kinds[kind].all(), name))
}

// Line is a record as read from its line.
type Line struct {
	Kind survey.FactKind
	Leaf survey.LeafHash // that the line opens
	Open Fields

	values  [32][]byte
	scratch []byte
}

// Value is the value of an open field, good until the next line is read; nil if it is closed.
func (l *Line) Value(f Field) []byte {
	if l.Open&(1<<f) == 0 {
		return nil
	}
	return l.values[f]
}

// lineKind is what reading the lines of a kind needs.
type lineKind struct {
	kind            survey.FactKind
	public, private int
	leaf            []byte   // the beginning of what is hashed for a leaf
	fields          [][]byte // the same for each field
}

var lineKinds = func() map[string]*lineKind {
	all := map[string]*lineKind{}
	for kind, k := range kinds {
		l := &lineKind{kind: kind, public: len(k.public), private: len(k.private), leaf: []byte("\x00manyi leaf 1\n" + string(kind) + "\n")}
		for _, name := range k.all() {
			l.fields = append(l.fields, []byte("manyi field 1\n"+name+"\n"))
		}
		all[string(kind)] = l
	}
	return all
}()

var privateHead = []byte("manyi private 1\n")

// Read reads a line, and computes the leaf it opens.
func (l *Line) Read(line []byte) error {
	column, rest, more := bytes.Cut(line, []byte{'\t'})
	k := lineKinds[string(column)]
	if k == nil || !more {
		return errForm
	}
	l.Kind, l.Open = k.kind, 0
	// What is hashed for the leaf is made here; the private fields' commitments go
	// behind it, until their hash takes their place.
	var hashed [1024]byte
	leaf := append(hashed[:0], k.leaf...)
	var behind [1024]byte
	private := append(behind[:0], privateHead...)
	n := 0
	for more {
		column, rest, more = bytes.Cut(rest, []byte{'\t'})
		if n >= k.public+k.private {
			return errForm
		}
		hash, err := l.column(k, n, column)
		if err != nil {
			return err
		}
		if n < k.public {
			leaf = append(leaf, hash[:]...)
		} else {
			private = append(private, hash[:]...)
		}
		n++
	}
	switch n {
	case k.public + 1:
		if l.Open&(1<<k.public) != 0 {
			return errForm
		}
		leaf = append(leaf, private[len(privateHead):]...)
	case k.public + k.private:
		sum := sha256.Sum256(private)
		leaf = append(leaf, sum[:]...)
	default:
		return errForm
	}
	l.Leaf = sha256.Sum256(leaf)
	return nil
}

// column is the commitment a column stands for.
func (l *Line) column(k *lineKind, n int, column []byte) (hash [sha256.Size]byte, err error) {
	if len(column) == hashText && column[saltText] != ':' {
		_, err := b64.Decode(hash[:], column)
		if err != nil || bytes.ContainsAny(column, "\r\n") {
			return hash, errForm
		}
		return hash, nil
	}
	if len(column) <= saltText || column[saltText] != ':' {
		return hash, errForm
	}
	value, err := readValue(column[saltText+1:])
	if err != nil {
		return hash, err
	}
	l.scratch = append(l.scratch[:0], k.fields[n]...)
	at := len(l.scratch)
	l.scratch = append(l.scratch, make([]byte, saltLen)...)
	if m, err := b64.Decode(l.scratch[at:], column[:saltText]); err != nil || m != saltLen {
		return hash, errForm
	}
	l.scratch = append(l.scratch, value...)
	l.Open |= 1 << n
	l.values[n] = value
	return sha256.Sum256(l.scratch), nil
}
