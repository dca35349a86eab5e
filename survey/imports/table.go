// Package imports reads the tables people bring, CSV or XLSX as Excel writes
// them, and turns them into places, lists of visits, working days, and records
// made elsewhere before. It decides only what a cell says; what it must be is
// decided by package survey.
package imports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Limits of one file.
const (
	MaxBytes = 64 << 20 // as sent
	MaxRows  = 1 << 20  // with the header, as in Excel

	// Wide and sparse sheets are small to send and large to hold.
	maxColumns = 1024
	maxCells   = 16 << 20
)

var (
	ErrTooLarge = errors.New("table is too large")             // split the file
	ErrNotTable = errors.New("file cannot be read as a table") // save it as .xlsx or CSV
)

// Table is the first sheet of a file: rows under named columns.
type Table struct {
	Columns   []string // header cells, without the spaces around them; empty for a column without a name
	HeaderRow int      // row in the file that names the columns: the first that is not blank
	Rows      []Row    // without blank rows

	date1904 bool // serial dates count from 1904, as workbooks from old Macs do
}

// Row is a row below the header.
type Row struct {
	Number int      // in the file, counting from 1 and including the header
	Cells  []string // in column order, without the spaces around them; blank cells at the end are left out
}

// Cell is the text of a column, counted from 0, and empty past the row's end.
func (r Row) Cell(column int) string {
	if column < 0 || column >= len(r.Cells) {
		return ""
	}
	return r.Cells[column]
}

// Read reads CSV (UTF-8, UTF-16 or GB18030; separated by commas, tabs or
// semicolons) or the first sheet of an XLSX. What the file holds decides, not
// its name, which is only for the error. Numbers of an XLSX come as stored, not
// as formatted. The error is ErrTooLarge, ErrNotTable (with a *csv.ParseError,
// which names the line, where quoting is wrong) or one of r.
func Read(r io.Reader, name string) (Table, error) {
	t, err := read(r)
	if err != nil {
		return Table{}, fmt.Errorf("read table %s: %w", filepath.Base(name), err)
	}
	return t, nil
}

func read(r io.Reader) (Table, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Table{}, err
	}
	if len(data) > MaxBytes {
		return Table{}, fmt.Errorf("%w: more than %d MB", ErrTooLarge, MaxBytes>>20)
	}
	var b builder
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		err = b.readXLSX(data)
	case bytes.HasPrefix(data, []byte("\xD0\xCF\x11\xE0")):
		err = fmt.Errorf("%w: an old .xls or one with a password", ErrNotTable)
	default:
		err = b.readCSV(data)
	}
	if err == nil && b.table.HeaderRow == 0 {
		err = fmt.Errorf("%w: it is empty", ErrNotTable)
	}
	return b.table, err
}

// builder takes the rows of a file in order.
type builder struct {
	table Table
	cells int // kept so far
}

func (b *builder) add(number int, cells []string) error {
	if number > MaxRows {
		return fmt.Errorf("%w: more than %d rows", ErrTooLarge, MaxRows)
	}
	if len(cells) > maxColumns {
		return fmt.Errorf("%w: row %d has more than %d columns", ErrTooLarge, number, maxColumns)
	}
	header := b.table.HeaderRow == 0
	if !header {
		cells = cells[:min(len(cells), len(b.table.Columns))]
	}
	cells = clean(cells)
	if len(cells) == 0 {
		return nil
	}
	if header {
		b.table.HeaderRow, b.table.Columns = number, cells
		return nil
	}
	if b.cells += len(cells); b.cells > maxCells {
		return fmt.Errorf("%w: more than %d cells", ErrTooLarge, maxCells)
	}
	b.table.Rows = append(b.table.Rows, Row{Number: number, Cells: cells})
	return nil
}

// clean copies the cells without the spaces around them and without the blank ones at the end.
func clean(cells []string) []string {
	n := len(cells)
	for n > 0 && trim(cells[n-1]) == "" {
		n--
	}
	out := slices.Clone(cells[:n])
	for i, cell := range out {
		out[i] = trim(cell)
	}
	return out
}

// trim also drops the non-breaking, full-width and zero-width spaces that come
// with cells copied from web pages and documents.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\u200B' || r == '\uFEFF'
	})
}
