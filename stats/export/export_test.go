package export

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"manyi/survey"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what was written:\n%s", path, got)
	}
}

func columns(names ...string) []Column {
	var out []Column
	for _, n := range names {
		out = append(out, Column{n, survey.Text{Zh: n + " 中文", En: n + " <English>"}})
	}
	return out
}

// written is a finished file and its manifest.
func written(t *testing.T, f Format, table Table, rows ...[]any) ([]byte, Manifest) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, f, table)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), m
}

// parts is the content of every part of a package, in order, under its name.
func parts(t testing.TB, file []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, part := range z.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "== %s\n%s\n", part.Name, strings.ReplaceAll(string(content), "<row", "\n<row"))
	}
	return out.Bytes()
}

func workbook(t testing.TB, file []byte) *excelize.File {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	return book
}

var everyKind = Table{
	Name:    "kinds",
	Columns: columns("text", "int", "int64", "float", "bool", "level", "time", "list", "nothing"),
	Meta:    []KV{{"note", `=1+1 & "quoted"`}},
}

var kindRows = [][]any{
	{"=SUM(A1:A9)", 1, int64(-2), 0.25, true, survey.Satisfied,
		time.Date(2026, 1, 31, 9, 8, 7, 6e6, time.FixedZone("", 8*3600)), []string{"a", "b"}, nil},
	{"-", -1, int64(1) << 53, -1e-7, false, survey.NoLevel, time.Time{}, []string{}, nil},
	{"", 0, int64(0), math.NaN(), false, survey.VeryDissatisfied, time.Unix(0, 0).UTC(), []string(nil), "x"},
}

func TestEveryKindOfValue(t *testing.T) {
	for _, f := range Formats {
		file, _ := written(t, f, everyKind, kindRows...)
		switch f {
		case XLSX:
			golden(t, "kinds.xlsx.txt", parts(t, file))
			continue
		case Parquet: // see TestParquetHoldsTheSameCells
			continue
		}
		golden(t, "kinds"+f.Extension(), file)
	}
}

func TestNumbersStayNumbersInXLSX(t *testing.T) {
	file, _ := written(t, XLSX, everyKind, kindRows...)
	book := workbook(t, file)
	for cell, want := range map[string]excelize.CellType{
		"A2": excelize.CellTypeInlineString, "B2": excelize.CellTypeUnset, "C2": excelize.CellTypeUnset,
		"D2": excelize.CellTypeUnset, "E2": excelize.CellTypeBool, "F2": excelize.CellTypeInlineString,
	} {
		if got, err := book.GetCellType("kinds", cell); got != want || err != nil {
			t.Errorf("%s has type %v (%v), want %v", cell, got, err, want)
		}
	}
	if formula, err := book.GetCellFormula("kinds", "A2"); formula != "" || err != nil {
		t.Errorf("text became the formula %q (%v)", formula, err)
	}
	style, err := book.GetCellStyle("kinds", "A2")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := book.GetStyle(style); err != nil || s.NumFmt != 49 {
		t.Errorf("a text cell has number format %+v (%v), want 49, Text", s, err)
	}
}

func TestJSONIsOneDocument(t *testing.T) {
	file, m := written(t, JSON, everyKind, kindRows...)
	var doc struct {
		Meta    map[string]string
		Columns []struct{ Name, Zh, En string }
		Rows    []map[string]any
		Count   int64
		SHA256  string
	}
	if err := json.Unmarshal(file, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Rows) != 3 || doc.Count != 3 || doc.SHA256 != m.SHA256 || len(doc.Columns) != 9 || doc.Meta["note"] != `=1+1 & "quoted"` {
		t.Errorf("got %+v", doc)
	}
	if got := doc.Rows[0]["text"]; got != "=SUM(A1:A9)" {
		t.Errorf("JSON text is %q, want it without a prefix", got)
	}
}

func TestCSVIsRectangular(t *testing.T) {
	file, m := written(t, CSV, everyKind, kindRows...)
	records, err := csv.NewReader(bytes.NewReader(file)).ReadAll() // refuses records of other lengths
	if err != nil {
		t.Fatal(err)
	}
	last := records[len(records)-1]
	if len(records) != 1+3+1 || last[0] != "#end" || last[1] != "rows=3" || last[2] != "sha256="+m.SHA256 {
		t.Errorf("last record is %q of %d", last, len(records))
	}
}

func TestBlankCellOfOnlyColumnIsARow(t *testing.T) {
	file, _ := written(t, CSV, Table{Name: "t", Columns: columns("a")}, []any{""}, []any{nil})
	r := csv.NewReader(bytes.NewReader(file))
	r.FieldsPerRecord = -1
	if records, err := r.ReadAll(); len(records) != 4 || err != nil {
		t.Errorf("got %q, %v", records, err)
	}
}

func TestCSVGuard(t *testing.T) {
	for _, c := range []struct{ in, want, why string }{
		{"=1+1", "'=1+1", "formula"},
		{"+86", "'+86", "formula"},
		{"-", "'-", "formula in some readers"},
		{"@SUM(1)", "'@SUM(1)", "formula of old"},
		{"\t=1", "\"'\t=1\"", "the tab is skipped"},
		{"\r=1", "\"'\r=1\"", "the line end is skipped"},
		{"\n=1", "\"'\n=1\"", "the line end is skipped"},
		{"＝1+1", "'＝1+1", "full-width"},
		{"'=1", "''=1", "else not told from a guarded text"},
		{`=HYPERLINK("a","b")`, `"'=HYPERLINK(""a"",""b"")"`, "guard inside the quotes"},
		{"a=1", "a=1", "sign not first"},
		{"满意", "满意", "plain"},
		{"ｘ", "ｘ", "shares its first byte with the full-width signs"},
		{" =1", `" =1"`, "stays text behind a space, which quotes keep"},
	} {
		file, _ := written(t, CSV, Table{Name: "t", Columns: columns("a", "b")}, []any{c.in, 1})
		_, body, _ := strings.Cut(string(file), crlf)
		if got, _, _ := strings.Cut(body, ",1\r\n"); got != c.want {
			t.Errorf("%q is written %q, want %q: %s", c.in, got, c.want, c.why)
		}
	}
}

func TestXLSXGoesOnInNextSheet(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, XLSX, Table{Name: "t", Columns: columns("n")})
	if err != nil {
		t.Fatal(err)
	}
	w.out.(*xlsxEncoder).limit = 3 // header and two rows
	for i := range 5 {
		if err := w.Row(i); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	book := workbook(t, out.Bytes())
	if got := fmt.Sprint(book.GetSheetList()); got != "[t t 2 t 3 manifest]" {
		t.Fatalf("sheets are %s", got)
	}
	for sheet, want := range map[string]string{"t": "[[n] [0] [1]]", "t 2": "[[n] [2] [3]]", "t 3": "[[n] [4]]"} {
		if rows, err := book.GetRows(sheet); fmt.Sprint(rows) != want || err != nil {
			t.Errorf("sheet %q holds %v (%v), want %s", sheet, rows, err, want)
		}
	}
	_, same := written(t, CSV, Table{Name: "t", Columns: columns("n")}, []any{0}, []any{1}, []any{2}, []any{3}, []any{4})
	if m != same {
		t.Errorf("manifest %v, want that of the CSV, %v", m, same)
	}
	if got, _ := book.GetCellValue(manifestSheet, "B3"); got != m.SHA256 {
		t.Errorf("manifest sheet states %q, want %q", got, m.SHA256)
	}
	if got, _ := book.GetCellValue(manifestSheet, "B2"); got != "5" {
		t.Errorf("manifest sheet states %q rows, want 5", got)
	}
}

func TestXLSXFullSheetIsNotFollowedByAnEmptyOne(t *testing.T) {
	var out bytes.Buffer
	w, _ := NewWriter(&out, XLSX, Table{Name: "t", Columns: columns("n")})
	w.out.(*xlsxEncoder).limit = 3
	w.Row(1)
	w.Row(2)
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(workbook(t, out.Bytes()).GetSheetList()); got != "[t manifest]" {
		t.Errorf("sheets are %s", got)
	}
}

func TestXLSXCellLimit(t *testing.T) {
	table := Table{Name: "t", Columns: columns("a")}
	for _, c := range []struct {
		text string
		fits bool
	}{
		{strings.Repeat("满", maxUnits), true},
		{strings.Repeat("满", maxUnits+1), false},
		{strings.Repeat("😀", maxUnits/2), true},
		{strings.Repeat("😀", maxUnits/2+1), false},
	} {
		w, err := NewWriter(io.Discard, XLSX, table)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Row(c.text); (err == nil) != c.fits {
			t.Errorf("%d bytes: %v, want fitting %v", len(c.text), err, c.fits)
		}
		if _, err := w.Close(); (err == nil) != c.fits {
			t.Errorf("close after %d bytes: %v", len(c.text), err)
		}
	}
}

func TestTimeForm(t *testing.T) {
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 8*3600), time.FixedZone("", -(3*3600 + 1800))} {
		for _, ns := range []int{0, 7e6, 120e6, 999_999_999} {
			at := time.Date(2026, 1, 31, 23, 59, 58, ns, zone)
			if got, want := string(appendTime(nil, at)), at.Format("2006-01-02T15:04:05.000Z07:00"); got != want {
				t.Errorf("%v is written %s, want %s", at, got, want)
			}
		}
	}
}

func TestColumnLetters(t *testing.T) {
	for _, i := range []int{0, 25, 26, 51, 52, 701, 702, 16383} {
		want, _ := excelize.ColumnNumberToName(i + 1)
		if got := columnLetters(i); got != want {
			t.Errorf("column %d is %s, want %s", i, got, want)
		}
	}
}

func TestTablesRefused(t *testing.T) {
	for _, c := range []struct {
		table Table
		f     Format
		why   string
	}{
		{Table{Name: "", Columns: columns("a")}, CSV, "no name"},
		{Table{Name: "a/b", Columns: columns("a")}, CSV, "no sheet may have that name"},
		{Table{Name: strings.Repeat("a", 25), Columns: columns("a")}, CSV, "no room for the sheet's number"},
		{Table{Name: manifestSheet, Columns: columns("a")}, XLSX, "name taken"},
		{Table{Name: "t"}, CSV, "no columns"},
		{Table{Name: "t", Columns: columns("a", "a")}, JSON, "one key twice"},
		{Table{Name: "t", Columns: columns("")}, JSON, "a column without name"},
		{Table{Name: "t", Columns: columns("a")}, "pdf", "unknown format"},
	} {
		if _, err := NewWriter(io.Discard, c.f, c.table); err == nil {
			t.Errorf("accepted: %s", c.why)
		}
	}
}

func TestBadRowEndsTheFile(t *testing.T) {
	for why, row := range map[string][]any{
		"too few": {1}, "too many": {1, 2, 3}, "no such kind": {1, struct{}{}},
	} {
		for _, f := range Formats {
			var out bytes.Buffer
			w, err := NewWriter(&out, f, Table{Name: "t", Columns: columns("a", "b")})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Row(row...); err == nil {
				t.Errorf("%s, %s: accepted", f, why)
			}
			if err := w.Row(1, 2); err == nil {
				t.Errorf("%s, %s: went on", f, why)
			}
			if _, err := w.Close(); err == nil {
				t.Errorf("%s, %s: closed with a trailer", f, why)
			}
		}
	}
}

// brokenPipe fails after some bytes, as a connection does.
type brokenPipe struct{ left int }

var errPipe = errors.New("broken pipe")

func (p *brokenPipe) Write(b []byte) (int, error) {
	if p.left -= len(b); p.left < 0 {
		return 0, errPipe
	}
	return len(b), nil
}

func TestBrokenConnectionIsReported(t *testing.T) {
	for _, f := range Formats {
		for _, left := range []int{0, 10, 100_000} {
			w, err := NewWriter(&brokenPipe{left}, f, Table{Name: "t", Columns: columns("a", "b")})
			for i := 0; err == nil && i < 100_000; i++ {
				err = w.Row(fmt.Sprintf("%x", i*i*7919), "text")
			}
			if err == nil {
				_, err = w.Close()
			}
			if !errors.Is(err, errPipe) {
				t.Errorf("%s after %d bytes: %v", f, left, err)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	for _, f := range Formats {
		if got, ok := ParseFormat(string(f)); got != f || !ok {
			t.Errorf("%s is not read back", f)
		}
		if f.ContentType() == "" || f.Extension() != "."+string(f) {
			t.Errorf("%s: %q %q", f, f.ContentType(), f.Extension())
		}
	}
	for _, name := range []string{"", "CSV", "pdf"} {
		if _, ok := ParseFormat(name); ok {
			t.Errorf("%q is read as a format", name)
		}
	}
}
