package imports

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

func (b *builder) readCSV(data []byte) error {
	data, err := decode(data)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		return fmt.Errorf("%w: a web page, whatever its name says", ErrNotTable)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = separator(data)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	// A row of the file is a row of the sheet Excel shows: a line break within
	// quotes does not begin one, and a blank line, which the reader skips, is one.
	row, lines, end := 0, 0, int64(0)
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotTable, err)
		}
		start, _ := r.FieldPos(0)
		row += start - lines
		lines += bytes.Count(data[end:r.InputOffset()], []byte("\n"))
		end = r.InputOffset()
		if isTrailer(cells) && len(bytes.TrimSpace(data[end:])) == 0 {
			return nil
		}
		for i, cell := range cells {
			cells[i] = unguarded(cell)
		}
		if err := b.add(row, cells); err != nil {
			return err
		}
	}
}

// unguarded takes away the one ' that our own exports put before a text a
// spreadsheet would run as a formula.
func unguarded(cell string) string {
	rest, guarded := strings.CutPrefix(cell, "'")
	if guarded && rest != "" && strings.ContainsAny(rest[:1], "=+-@\t\r\n'") || guarded && wideFormula(rest) {
		return rest
	}
	return cell
}

// wideFormula reports a full-width sign that Excel may take for its plain one.
func wideFormula(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return strings.ContainsRune("＝＋－＠", r)
}

// isTrailer recognizes the last line of our own exports, so that an export can
// be corrected and imported again.
func isTrailer(cells []string) bool { return cells[0] == "#end" }

// decode gives the text in UTF-8 without a byte order mark. Chinese Excel writes
// GB18030 as "CSV" and UTF-16 as "Unicode text".
func decode(data []byte) ([]byte, error) {
	var from encoding.Encoding
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xFE")), bytes.HasPrefix(data, []byte("\xFE\xFF")):
		from = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	case utf8.Valid(data):
		data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	default:
		from = simplifiedchinese.GB18030
	}
	if from != nil {
		text, err := from.NewDecoder().Bytes(data)
		if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
			return nil, fmt.Errorf("%w: neither UTF-8 nor GB18030", ErrNotTable)
		}
		data = text
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, fmt.Errorf("%w: not text", ErrNotTable)
	}
	return data, nil
}

// separator is the sign that stands most often between the names of the columns.
func separator(data []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	count := map[byte]int{}
	quoted := false
	for _, c := range header {
		if c == '"' {
			quoted = !quoted
		} else if !quoted {
			count[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte("\t;") {
		if count[c] > count[best] {
			best = c
		}
	}
	return rune(best)
}
