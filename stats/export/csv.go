package export

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	byteOrderMark = "\uFEFF"
	crlf          = "\r\n"
)

// csvEncoder appends records itself: encoding/csv wants a string for every
// cell, which would cost more than writing it.
type csvEncoder struct {
	sink
	columns []Column
}

func newCSV(w io.Writer, t Table) *csvEncoder {
	return &csvEncoder{sink: sink{to: w, sum: sha256.New()}, columns: t.Columns}
}

func (e *csvEncoder) start() error {
	e.buf = append(e.buf, byteOrderMark...)
	for i, c := range e.columns {
		e.text(i, c.Name)
	}
	return e.endRow()
}

func (e *csvEncoder) separate(col int) {
	if col > 0 {
		e.buf = append(e.buf, ',')
	}
}

func (e *csvEncoder) text(col int, s string) {
	if s == "" {
		e.empty(col)
		return
	}
	e.separate(col)
	quoted := needsQuotes(s)
	if quoted {
		e.buf = append(e.buf, '"')
	}
	if runsAsFormula(s) {
		e.buf = append(e.buf, '\'')
	}
	if !quoted {
		e.buf = append(e.buf, s...)
		return
	}
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		e.buf = append(append(e.buf, s[:i]...), `""`...)
		s = s[i+1:]
	}
	e.buf = append(append(e.buf, s...), '"')
}

func (e *csvEncoder) token(col int, b []byte) { e.number(col, b) }

func (e *csvEncoder) number(col int, b []byte) {
	e.separate(col)
	e.buf = append(e.buf, b...)
}

func (e *csvEncoder) boolean(col int, v bool) {
	e.separate(col)
	e.buf = strconv.AppendBool(e.buf, v)
}

func (e *csvEncoder) list(col int, items []string) { e.text(col, strings.Join(items, ";")) }

func (e *csvEncoder) empty(col int) {
	e.separate(col)
	if len(e.columns) == 1 { // readers skip a blank line
		e.buf = append(e.buf, `""`...)
	}
}

func (e *csvEncoder) endRow() error {
	e.buf = append(e.buf, crlf...)
	return e.sink.endRow()
}

func (e *csvEncoder) close(rows int64) (Manifest, error) {
	m, err := e.manifest(rows)
	if err != nil {
		return m, err
	}
	padding := strings.Repeat(",", max(0, len(e.columns)-3))
	_, err = fmt.Fprintf(e.to, "#end,rows=%d,sha256=%s%s"+crlf, m.Rows, m.SHA256, padding)
	return m, err
}

var mustQuote = [256]bool{',': true, '"': true, '\r': true, '\n': true, '\t': true}

func needsQuotes(s string) bool {
	for i := range len(s) {
		if mustQuote[s[i]] {
			return true
		}
	}
	return s[0] == ' ' || s[len(s)-1] == ' '
}

// runsAsFormula reports a text that gets a leading ' in CSV. The full-width signs
// are formulas to East Asian versions of Excel.
func runsAsFormula(s string) bool {
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n', '\'':
		return true
	case "＝"[0]:
		return strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") ||
			strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠")
	}
	return false
}
