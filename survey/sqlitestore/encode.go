package sqlitestore

import (
	"encoding/binary"
	"errors"
	"slices"

	"manyi/survey"
)

// A tally is stored as varints: version, served, rated, superseded, the number
// of question names and the names, then per cell question, channel, tie, value
// and count. Province pages add up thousands, so decoding must cost little: the
// cells of the visit as a whole come first, and most readers stop after them.
const tallyVersion = 1

func encodeTally(t survey.Tally) []byte {
	names := []string{}
	for _, c := range t.Cells {
		if len(names) == 0 || names[len(names)-1] != c.Question {
			names = append(names, c.Question)
		}
	}
	b := []byte{tallyVersion}
	for _, n := range []int64{t.Served, t.Rated, t.Superseded, int64(len(names))} {
		b = binary.AppendVarint(b, n)
	}
	for _, name := range names {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
	}
	for _, c := range t.Cells {
		b = binary.AppendUvarint(b, uint64(slices.Index(names, c.Question)))
		b = append(b, byte(c.Channel), byte(c.Tie))
		b = binary.AppendUvarint(b, uint64(c.Value))
		b = binary.AppendVarint(b, c.N)
	}
	return b
}

var errTally = errors.New("stored tally is damaged: run the roll-up for the whole survey again")

// before reports whether a question's cells come before another's.
func before(a, b string) bool {
	return survey.Cell{Question: a}.Compare(survey.Cell{Question: b}) < 0
}

// tallyReader reads what encodeTally wrote. It serves the tallies of one query,
// whose question names it keeps instead of making them anew for every tally.
type tallyReader struct {
	question string // if set, cells of other questions are passed over
	names    names
	of       []string // the names of the tally being read
}

// read decodes one tally. b may be reused afterwards.
func (r *tallyReader) read(b []byte) (t survey.Tally, err error) {
	err = r.merge(b, &t)
	return t, err
}

// merge adds a stored tally to t; on an error t is of no use.
func (r *tallyReader) merge(b []byte, t *survey.Tally) error {
	if len(b) == 0 || b[0] != tallyVersion {
		return errTally
	}
	d := decoder{b: b[1:]}
	t.Served += d.varint()
	t.Rated += d.varint()
	t.Superseded += d.varint()
	if r.question == survey.NoQuestion && !d.bad {
		return nil
	}
	r.of = r.of[:0]
	for i := range min(d.varint(), int64(len(d.b))) {
		name := d.bytes(int(d.uvarint()))
		if r.question != "" && string(name) != r.question {
			r.of = append(r.of, "") // nobody asks for it
			continue
		}
		r.of = append(r.of, r.names.of(name))
		if r.question == "" && i > 0 && !before(r.of[i-1], r.of[i]) {
			return errTally
		}
	}
	if t.Cells == nil && r.question == "" {
		t.Cells = make(survey.Cells, 0, len(d.b)/5)
	}
	found, at := false, 0
	var last survey.Cell
	for len(d.b) > 0 && !d.bad {
		q := d.uvarint()
		kind := d.bytes(2)
		value, n := d.uvarint(), d.varint()
		if d.bad || q >= uint64(len(r.of)) {
			return errTally
		}
		cell := survey.Cell{Question: r.of[q], Channel: survey.Channel(kind[0]), Tie: survey.Tie(kind[1]), Value: int(value)}
		if r.question == "" || r.question == cell.Question {
			if found && last.Compare(cell) >= 0 {
				return errTally
			}
			found, last = true, cell
			at = t.Cells.AddFrom(at, cell, n)
		} else if found {
			break // a question's cells stand together
		}
	}
	if d.bad {
		return errTally
	}
	return nil
}
