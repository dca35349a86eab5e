package export

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// jsonEncoder writes JSON Lines and, with a head and a tail around the same
// lines, JSON.
type jsonEncoder struct {
	sink
	table  Table
	format Format
	keys   []string // what stands before each value: `{"id":`, `,"survey":` …
	rows   int64
}

func newJSON(w io.Writer, t Table, f Format) *jsonEncoder {
	e := &jsonEncoder{sink: sink{to: w, sum: sha256.New()}, table: t, format: f}
	for i, c := range t.Columns {
		before := ","
		if i == 0 {
			before = "{"
		}
		e.keys = append(e.keys, string(appendString([]byte(before), c.Name))+":")
	}
	return e
}

func (e *jsonEncoder) start() error {
	if e.format == JSONL {
		return nil
	}
	e.buf = appendString(append(e.buf, `{"table":`...), e.table.Name)
	e.buf = append(e.buf, `,"meta":{`...)
	for i, kv := range e.table.Meta {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(appendString(e.buf, validText(kv.Key)), ':')
		e.buf = appendString(e.buf, validText(kv.Value))
	}
	type column struct {
		Name string `json:"name"`
		Zh   string `json:"zh"`
		En   string `json:"en"`
	}
	columns := make([]column, len(e.table.Columns))
	for i, c := range e.table.Columns {
		columns[i] = column{c.Name, c.Label.Zh, c.Label.En}
	}
	list, err := json.Marshal(columns)
	e.buf = append(append(append(e.buf, `},"columns":`...), list...), `,"rows":[`+"\n"...)
	return err
}

func (e *jsonEncoder) key(col int) {
	if col == 0 && e.format == JSON && e.rows > 0 {
		e.buf = append(e.buf, ",\n"...)
	}
	e.buf = append(e.buf, e.keys[col]...)
}

func (e *jsonEncoder) text(col int, s string) {
	e.key(col)
	e.buf = appendString(e.buf, s)
}

func (e *jsonEncoder) token(col int, b []byte) {
	e.key(col)
	e.buf = append(append(append(e.buf, '"'), b...), '"')
}

func (e *jsonEncoder) number(col int, b []byte) {
	e.key(col)
	e.buf = append(e.buf, b...)
}

func (e *jsonEncoder) boolean(col int, v bool) {
	e.key(col)
	e.buf = strconv.AppendBool(e.buf, v)
}

func (e *jsonEncoder) list(col int, items []string) {
	e.key(col)
	e.buf = append(e.buf, '[')
	for i, s := range items {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = appendString(e.buf, s)
	}
	e.buf = append(e.buf, ']')
}

func (e *jsonEncoder) empty(col int) {
	e.key(col)
	e.buf = append(e.buf, "null"...)
}

func (e *jsonEncoder) endRow() error {
	e.rows++
	e.buf = append(e.buf, '}')
	if e.format == JSONL {
		e.buf = append(e.buf, '\n')
	}
	return e.sink.endRow()
}

func (e *jsonEncoder) close(rows int64) (Manifest, error) {
	trailer := `{"end":{"rows":%d,"sha256":"%s"}}` + "\n"
	if e.format == JSON {
		trailer = `],"count":%d,"sha256":"%s"}` + "\n"
		if rows > 0 {
			e.buf = append(e.buf, '\n')
		}
	}
	m, err := e.manifest(rows)
	if err != nil {
		return m, err
	}
	_, err = fmt.Fprintf(e.to, trailer, m.Rows, m.SHA256)
	return m, err
}

// appendString appends a JSON string. Escaping every control character also
// keeps raw line ends out, so a row is always one line.
func appendString(buf []byte, s string) []byte {
	const hex = "0123456789abcdef"
	buf = append(buf, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		buf = append(buf, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			buf = append(buf, '\\', c)
		case '\n':
			buf = append(buf, '\\', 'n')
		default:
			buf = append(buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(buf, s[start:]...), '"')
}
