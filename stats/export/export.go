package export

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"manyi/survey"
)

// Format is a file format, by the name it has in addresses and commands.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	XLSX  Format = "xlsx"
	JSONL Format = "jsonl"
	JSON  Format = "json"
	// Parquet is Apache Parquet, for statistics programs.
	Parquet Format = "parquet"
)

// Formats lists the formats.
var Formats = [...]Format{CSV, XLSX, JSONL, JSON, Parquet}

var contentTypes = map[Format]string{
	CSV:   "text/csv; charset=utf-8",
	XLSX:  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	JSONL: "application/x-ndjson",
	JSON:  "application/json",

	Parquet: "application/vnd.apache.parquet",
}

// ParseFormat reads a format's name.
func ParseFormat(name string) (Format, bool) {
	f := Format(name)
	return f, slices.Contains(Formats[:], f)
}

// ContentType is the media type of the format.
func (f Format) ContentType() string { return contentTypes[f] }

// Extension is the end of a file name, with its dot.
func (f Format) Extension() string { return "." + string(f) }

// Table describes a table before its rows are known.
type Table struct {
	Name    string // a-z, 0-9, _ and -, at most 24; names the sheet in XLSX
	Columns []Column
	// Meta says what the rows are: the survey, the period, the time of the
	// export. JSON and XLSX hold it; CSV and JSON Lines hold rows only.
	Meta []KV
	// Whole names the columns that hold nothing but whole numbers. Parquet, which has
	// types, keeps them as such.
	Whole []string
	// Stored keeps the parts of XLSX as they are, not compressed, so that the bytes
	// follow from the content alone.
	Stored bool
}

// Column is a column of a table.
type Column struct {
	Name  string // header cell and JSON key
	Label survey.Text
}

// KV is one line of a table's meta.
type KV struct{ Key, Value string }

// Manifest says what a whole file holds.
type Manifest struct {
	Rows   int64  `json:"rows"`   // without header and trailer
	SHA256 string `json:"sha256"` // in hex; see the package comment for the bytes it covers
}

// Writer writes one table. It is not safe for concurrent use. After an error
// every call fails, and the file stays without its trailer.
type Writer struct {
	table   Table
	out     encoder
	col     int // the next cell's column
	rows    int64
	scratch []byte
	err     error
}

// encoder writes one format. Cells come in column order, checked by Writer, and
// text is valid UTF-8.
type encoder interface {
	start() error
	text(col int, s string)
	token(col int, b []byte)  // text of ASCII letters, digits, ":" and "-" that starts with a letter or digit
	number(col int, b []byte) // decimal
	boolean(col int, v bool)
	list(col int, items []string)
	empty(col int)
	endRow() error
	close(rows int64) (Manifest, error)
}

var (
	tableName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,23}$`)
	errClosed = errors.New("closed")
)

// NewWriter begins a table. The caller closes w itself.
func NewWriter(w io.Writer, f Format, t Table) (*Writer, error) {
	if !tableName.MatchString(t.Name) || t.Name == manifestSheet {
		return nil, fmt.Errorf("export: table name %q: want a-z, 0-9, _ or -, at most 24", t.Name)
	}
	if len(t.Columns) == 0 {
		return nil, fmt.Errorf("export: table %s has no columns", t.Name)
	}
	names := map[string]bool{}
	for _, c := range t.Columns {
		if c.Name == "" || names[c.Name] || !utf8.ValidString(c.Name) {
			return nil, fmt.Errorf("export: table %s: column name %q is empty, repeated or broken", t.Name, c.Name)
		}
		names[c.Name] = true
	}
	out, err := newEncoder(w, f, t)
	if err != nil {
		return nil, err
	}
	if err := out.start(); err != nil {
		return nil, fmt.Errorf("export table %s: %w", t.Name, err)
	}
	return &Writer{table: t, out: out}, nil
}

func newEncoder(w io.Writer, f Format, t Table) (encoder, error) {
	switch f {
	case CSV:
		return newCSV(w, t), nil
	case XLSX:
		return newXLSX(w, t), nil
	case JSONL, JSON:
		return newJSON(w, t, f), nil
	case Parquet:
		return newParquet(w, t), nil
	}
	return nil, fmt.Errorf("export: unknown format %q", f)
}

// Row writes one row, a value for each column: string, int, int64, float64, bool,
// survey.Level (by name), time.Time (in its own zone), []string, or nil for an
// empty cell. NoLevel and the zero time are empty too.
func (w *Writer) Row(values ...any) error {
	if len(values) != len(w.table.Columns) {
		return w.fail(fmt.Errorf("row %d has %d values for %d columns", w.rows+1, len(values), len(w.table.Columns)))
	}
	if w.err != nil {
		return w.err
	}
	for _, v := range values {
		if !w.value(v) {
			return w.fail(fmt.Errorf("column %s cannot hold a %T", w.table.Columns[w.col].Name, v))
		}
	}
	return w.endRow()
}

func (w *Writer) value(v any) bool {
	switch v := v.(type) {
	case nil:
		w.empty()
	case string:
		w.text(v)
	case int:
		w.int(int64(v))
	case int64:
		w.int(v)
	case float64:
		w.float(v)
	case bool:
		w.out.boolean(w.next(), v)
	case survey.Level:
		w.filled(v.String())
	case time.Time:
		w.time(v)
	case []string:
		w.list(v)
	default:
		return false
	}
	return true
}

// The methods below write the next cell of the row. Tables with many rows use
// them instead of Row, which has to box every value.

func (w *Writer) next() int {
	w.col++
	return w.col - 1
}

func (w *Writer) empty() { w.out.empty(w.next()) }

func (w *Writer) text(s string) { w.out.text(w.next(), validText(s)) }

// filled is text, or an empty cell for "".
func (w *Writer) filled(s string) {
	if s == "" {
		w.empty()
		return
	}
	w.text(s)
}

func (w *Writer) token(b []byte) { w.out.token(w.next(), b) }

func (w *Writer) int(n int64) {
	w.scratch = strconv.AppendInt(w.scratch[:0], n, 10)
	w.out.number(w.next(), w.scratch)
}

func (w *Writer) float(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		w.empty()
		return
	}
	w.scratch = strconv.AppendFloat(w.scratch[:0], v, 'f', -1, 64)
	w.out.number(w.next(), w.scratch)
}

func (w *Writer) time(t time.Time) {
	if t.IsZero() {
		w.empty()
		return
	}
	w.scratch = appendTime(w.scratch[:0], t)
	w.token(w.scratch)
}

// appendTime appends RFC 3339 with milliseconds, by which the earliest of two
// responses is told; always three digits, as readers go by a fixed pattern. They
// are put in by hand because package time is several times faster without them.
func appendTime(buf []byte, t time.Time) []byte {
	ms := t.Nanosecond() / 1e6
	buf = t.AppendFormat(buf, time.RFC3339)
	return slices.Insert(buf, strings.LastIndexByte(time.RFC3339, 'Z'),
		'.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

func (w *Writer) list(items []string) {
	if slices.ContainsFunc(items, func(s string) bool { return !utf8.ValidString(s) }) {
		items = slices.Clone(items)
		for i, s := range items {
			items[i] = validText(s)
		}
	}
	w.out.list(w.next(), items)
}

func (w *Writer) endRow() error {
	if w.err != nil {
		return w.err
	}
	w.col = 0
	if err := w.out.endRow(); err != nil {
		return w.fail(fmt.Errorf("row %d: %w", w.rows+1, err))
	}
	w.rows++
	return nil
}

// Close writes the trailer. Without it the file counts as cut.
func (w *Writer) Close() (Manifest, error) {
	if w.err != nil {
		return Manifest{}, w.err
	}
	m, err := w.out.close(w.rows)
	if err != nil {
		return Manifest{}, w.fail(err)
	}
	w.err = fmt.Errorf("export table %s: %w", w.table.Name, errClosed)
	return m, nil
}

func (w *Writer) fail(err error) error {
	if w.err == nil {
		w.err = fmt.Errorf("export table %s: %w", w.table.Name, err)
	}
	return w.err
}

func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

// sink gathers output, hands it on in large pieces and keeps its hash.
type sink struct {
	to  io.Writer
	sum hash.Hash
	buf []byte
}

// flushAt is when a sink hands on, in bytes: large enough to make the calls
// rare, small enough that a reader sees progress.
const flushAt = 64 << 10

func (s *sink) flush() error {
	s.sum.Write(s.buf)
	_, err := s.to.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

func (s *sink) endRow() error {
	if len(s.buf) < flushAt {
		return nil
	}
	return s.flush()
}

// manifest hands on the rest; what is written later is not in the hash.
func (s *sink) manifest(rows int64) (Manifest, error) {
	err := s.flush()
	return Manifest{Rows: rows, SHA256: fmt.Sprintf("%x", s.sum.Sum(nil))}, err
}
