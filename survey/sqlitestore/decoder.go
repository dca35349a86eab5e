package sqlitestore

import "encoding/binary"

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

// rest takes all that is left.
func (d *decoder) rest() []byte { return d.bytes(len(d.b)) }

// names keeps the question names met in one query: there are a few, in every row.
type names map[string]string

func (n *names) of(b []byte) string {
	if name, ok := (*n)[string(b)]; ok {
		return name
	}
	if *n == nil {
		*n = names{}
	}
	name := string(b)
	(*n)[name] = name
	return name
}
