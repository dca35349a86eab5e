package sqlitestore

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"manyi/survey"
)

// A tally is stored as varints: version, served, rated, superseded, the number
// of question names and the names, then per cell question, channel, tie, value
// and count. Province pages add up thousands, so decoding must cost little.
const tallyVersion = 1

func encodeTally(t survey.Tally) []byte {
	cells := make([]survey.Cell, 0, len(t.Cells))
	names := []string{}
	for c, n := range t.Cells {
		if n == 0 {
			continue
		}
		cells = append(cells, c)
		if !slices.Contains(names, c.Question) {
			names = append(names, c.Question)
		}
	}
	slices.Sort(names)
	slices.SortFunc(cells, func(a, b survey.Cell) int { // equal tallies have equal bytes
		return cmp.Or(cmp.Compare(a.Question, b.Question), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Tie, b.Tie), cmp.Compare(a.Value, b.Value))
	})
	b := []byte{tallyVersion}
	for _, n := range []int64{t.Served, t.Rated, t.Superseded, int64(len(names))} {
		b = binary.AppendVarint(b, n)
	}
	for _, name := range names {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
	}
	for _, c := range cells {
		b = binary.AppendUvarint(b, uint64(slices.Index(names, c.Question)))
		b = append(b, byte(c.Channel), byte(c.Tie))
		b = binary.AppendUvarint(b, uint64(c.Value))
		b = binary.AppendVarint(b, t.Cells[c])
	}
	return b
}

var errTally = errors.New("stored tally is damaged: run the roll-up for the whole survey again")

// decodeTally reads what encodeTally wrote. b may be reused afterwards.
func decodeTally(b []byte) (t survey.Tally, err error) {
	if len(b) == 0 || b[0] != tallyVersion {
		return t, errTally
	}
	d := decoder{b: b[1:]}
	t.Served, t.Rated, t.Superseded = d.varint(), d.varint(), d.varint()
	names := make([]string, 0, 8)
	for range min(d.varint(), int64(len(d.b))) {
		names = append(names, string(d.bytes(int(d.uvarint()))))
	}
	t.Cells = make(map[survey.Cell]int64, len(d.b)/5)
	for len(d.b) > 0 && !d.bad {
		q := d.uvarint()
		kind := d.bytes(2)
		value, n := d.uvarint(), d.varint()
		if d.bad || q >= uint64(len(names)) {
			return t, errTally
		}
		t.Cells[survey.Cell{Question: names[q], Channel: survey.Channel(kind[0]), Tie: survey.Tie(kind[1]), Value: int(value)}] = n
	}
	if d.bad {
		return t, errTally
	}
	return t, nil
}

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.skip(n)
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.skip(n)
	return v
}

func (d *decoder) skip(n int) {
	if n <= 0 {
		d.bad, d.b = true, nil
		return
	}
	d.b = d.b[n:]
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return []byte{0, 0}
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}
