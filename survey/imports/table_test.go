package imports

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// sheet is a workbook whose first sheet has these rows; nil is a row left out.
func sheet(t testing.TB, rows ...[]any) []byte {
	t.Helper()
	book := excelize.NewFile()
	defer book.Close()
	for i, row := range rows {
		if row == nil {
			continue
		}
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	return written(t, book)
}

func written(t testing.TB, book *excelize.File) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// repack copies a workbook, passing every part through change.
func repack(t testing.TB, book []byte, change func(name string, data []byte) []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, part := range in.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.Create(part.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(change(part.Name, data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const sheetPart = "xl/worksheets/sheet1.xml"

func mustRead(t testing.TB, data []byte) Table {
	t.Helper()
	table, err := Read(bytes.NewReader(data), "dir/f")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func encoded(t testing.TB, data []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// plainCSV and the files of TestSameTable say the same.
const plainCSV = "编码,名称\r\n\r\n350102,鼓楼区\r\n,\r\n350103,\"台江,区\"\r\n"

func TestSameTable(t *testing.T) {
	want := Table{Columns: []string{"编码", "名称"}, HeaderRow: 1, Rows: []Row{
		{3, []string{"350102", "鼓楼区"}}, {5, []string{"350103", "台江,区"}},
	}}
	gb, gbErr := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(plainCSV))
	tabs := strings.NewReplacer("\"台江,区\"", "台江,区", ",", "\t").Replace(plainCSV)
	wide, wideErr := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(tabs))
	for name, data := range map[string][]byte{
		"UTF-8":             []byte(plainCSV),
		"UTF-8 with mark":   []byte("\uFEFF" + plainCSV),
		"line feeds":        []byte(strings.ReplaceAll(plainCSV, "\r\n", "\n")),
		"no end":            []byte(strings.TrimSuffix(plainCSV, "\r\n")),
		"blank end":         []byte(plainCSV + ",\r\n\r\n , \r\n"),
		"GB18030":           encoded(t, gb, gbErr),
		"tabs":              []byte(tabs),
		"UTF-16 tabs":       encoded(t, wide, wideErr),
		"semicolons":        []byte("编码;名称\n\n350102;鼓楼区\n;\n350103;台江,区\n"),
		"blank columns":     []byte("编码,名称,,\n\n350102,鼓楼区,,\n,,,\n350103,\"台江,区\",,\n"),
		"spaces":            []byte("\u00a0编码,\u3000名称 \n\n350102\u00a0,\u3000鼓楼区\u3000\n\u00a0,\u200b\n 350103 ,\"台江,区 \"\n"),
		"beyond the header": []byte("编码,名称\n\n350102,鼓楼区,备注\n,,备注\n350103,\"台江,区\",,备注\n"),
		"our export's end":  []byte(plainCSV + "#end,rows=2,sha256=00\r\n"),
		"xlsx text":         sheet(t, []any{"编码", "名称"}, nil, []any{"350102", "鼓楼区"}, nil, []any{"350103", "台江,区"}),
		"xlsx numbers":      sheet(t, []any{"编码", "名称 ", ""}, nil, []any{350102, "鼓楼区"}, []any{" ", "\u3000"}, []any{350103.0, "\u00a0台江,区", ""}, nil, []any{""}),
	} {
		if got := mustRead(t, data); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestRowsAreThoseOfTheSheet(t *testing.T) {
	table := mustRead(t, []byte("\n\ncode,name\r\n\"a\",\"two\r\nlines\"\r\nb,\"\n\n\"\n\n\nc,z"))
	var got []int
	for _, row := range table.Rows {
		got = append(got, row.Number)
	}
	// The line breaks in quotes do not count, the blank lines do.
	if want := []int{4, 5, 8}; table.HeaderRow != 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("header %d, rows %v; want 3, %v", table.HeaderRow, got, want)
	}
	table = mustRead(t, sheet(t, nil, []any{"code"}, nil, nil, []any{"a"}))
	if table.HeaderRow != 2 || len(table.Rows) != 1 || table.Rows[0].Number != 5 {
		t.Errorf("xlsx: got %+v", table)
	}
}

func TestOnlyFirstSheet(t *testing.T) {
	book := excelize.NewFile()
	defer book.Close()
	if _, err := book.NewSheet("说明"); err != nil {
		t.Fatal(err)
	}
	for sheet, text := range map[string]string{"Sheet1": "code", "说明": "wrong"} {
		if err := book.SetCellValue(sheet, "A1", text); err != nil {
			t.Fatal(err)
		}
	}
	book.SetActiveSheet(1) // the sheet last looked at is not the first
	if got := mustRead(t, written(t, book)); !reflect.DeepEqual(got.Columns, []string{"code"}) {
		t.Errorf("got columns %v", got.Columns)
	}
}

// A sheet past a certain size is read from a temporary file, which must not stay.
func TestLargeSheet(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	const rows = 40_000
	long := strings.Repeat("鼓", 150)
	var part bytes.Buffer
	part.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for i := 1; i <= rows; i++ {
		fmt.Fprintf(&part, `<row r="%d"><c r="A%d" t="inlineStr"><is><t>%s</t></is></c></row>`, i, i, long)
	}
	part.WriteString(`</sheetData></worksheet>`)
	if part.Len() < maxInMemory {
		t.Fatal("too small to prove anything")
	}
	table := mustRead(t, repack(t, sheet(t), func(name string, data []byte) []byte {
		if name == sheetPart {
			return part.Bytes()
		}
		return data
	}))
	if len(table.Rows) != rows-1 || table.Rows[rows-2].Cell(0) != long {
		t.Errorf("got %d rows", len(table.Rows))
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBadFiles(t *testing.T) {
	book := sheet(t, []any{"code", "name"}, []any{"350102", "鼓楼区"})
	part := func(name string, change func(string) string) []byte {
		return repack(t, book, func(n string, data []byte) []byte {
			if n == name {
				return []byte(change(string(data)))
			}
			return data
		})
	}
	stored := repack(t, book, func(_ string, data []byte) []byte { return data })
	bomb := bytes.Repeat([]byte(" "), maxOther+1)
	for _, bad := range []struct {
		data []byte
		is   error
		says string
		why  string
	}{
		{nil, ErrNotTable, "empty", "no bytes"},
		{[]byte("\r\n , \r\n"), ErrNotTable, "empty", "blank rows only"},
		{sheet(t), ErrNotTable, "empty", "blank sheet"},
		{[]byte("\xD0\xCF\x11\xE0\xA1\xB1"), ErrNotTable, ".xls", "Excel 97 or encrypted"},
		{[]byte("\r\n<html><table>"), ErrNotTable, "web page", "HTML named .xls"},
		{[]byte("code\xFF\n"), ErrNotTable, "GB18030", "neither encoding"},
		{[]byte("code\n\xB9\xC4\xC2"), ErrNotTable, "GB18030", "cut within a character"},
		{[]byte("code\nx\x00"), ErrNotTable, "not text", "zero byte"},
		{[]byte("a,b\nc,d\ne,\"f\"g\n"), ErrNotTable, "line 3", "text after a quote"},
		{[]byte("a,b\nc,\"d\ne,f\ng,h"), ErrNotTable, "line 2", "quote never closed"},
		{[]byte("a,b\nc,d\"\n"), ErrNotTable, "line 2", "quote in plain text"},
		{[]byte("PK\x03\x04nothing"), ErrNotTable, "zip", "zip in name only"},
		{book[:len(book)/2], ErrNotTable, "zip", "xlsx cut off"},
		{part(sheetPart, func(s string) string { return s[:strings.LastIndex(s, "<row")] }), ErrNotTable, "XML", "sheet cut off"},
		{part(sheetPart, func(s string) string { return strings.Replace(s, "鼓楼区", "鼓\x0b区", 1) + "<" }), ErrNotTable, "XML", "sheet broken"},
		{part(sheetPart, func(s string) string { return strings.Repeat("<a>", maxDepth+1) }), ErrTooLarge, "deep", "nested"},
		{part(sheetPart, func(s string) string { return strings.Replace(s, `r="B2"`, `r="2"`, 1) }), ErrNotTable, "xlsx", "cell nowhere"},
		{part(sheetPart, func(s string) string { return strings.Replace(s, `r="B2"`, `r="AMK2"`, 1) }), ErrTooLarge, "columns", "column 1025"},
		{part(sheetPart, func(s string) string { return strings.Replace(s, `row r="2"`, `row r="1048577"`, 1) }), ErrNotTable, "xlsx", "row past Excel's last"},
		{part("xl/styles.xml", func(string) string { return string(bomb) }), ErrTooLarge, "unpacks", "bomb"},
		{damaged(t, stored), ErrNotTable, "checksum", "bytes changed"},
		{[]byte(strings.Repeat(",", maxColumns) + "code"), ErrTooLarge, "columns", "too many columns"},
		{[]byte("code\n" + strings.Repeat("\n", MaxRows-1) + "x"), ErrTooLarge, "rows", "too many rows"},
	} {
		_, err := Read(bytes.NewReader(bad.data), "dir/f")
		if !errors.Is(err, bad.is) || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%s: got %v; want %v that says %q", bad.why, err, bad.is, bad.says)
		}
	}
}

// damaged flips a bit in the sheet's text, which is stored without compression.
func damaged(t testing.TB, book []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	in, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range in.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.CreateHeader(&zip.FileHeader{Name: part.Name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(to, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(out.Bytes(), []byte("350102"), []byte("350103"), 1)
}

func TestLimitsHold(t *testing.T) {
	if table := mustRead(t, []byte("code\n"+strings.Repeat("\n", MaxRows-2)+"x")); table.Rows[0].Number != MaxRows {
		t.Errorf("last row is %d", table.Rows[0].Number)
	}
	if _, err := Read(io.LimitReader(spaces{}, MaxBytes+1), "f"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReaderError(t *testing.T) {
	_, err := Read(io.MultiReader(strings.NewReader("code\n"), broken{}), "secret/dir/f.csv")
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrNotTable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	var quoting *csv.ParseError
	if _, err := Read(strings.NewReader("a\n\"b"), "f"); !errors.As(err, &quoting) || quoting.StartLine != 2 {
		t.Errorf("quoting: got %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// What our exports guard against formulas must come back as it was.
func TestGuardedTextsComeBack(t *testing.T) {
	for in, want := range map[string]string{"'-1层窗口": "-1层窗口", "''": "'", "'=1+1": "=1+1", "'＝1": "＝1", "O'Neill": "O'Neill", "'abc": "'abc", "'": "'"} {
		if got := unguarded(in); got != want {
			t.Errorf("%q is read as %q, want %q", in, got, want)
		}
	}
}
