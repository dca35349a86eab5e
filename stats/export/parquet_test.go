package export

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"manyi/survey"
)

// sameAsCSV reads a Parquet file with the library's own reader and compares every cell
// with the CSV of the same table.
func sameAsCSV(t *testing.T, file, text []byte) *parquet.File {
	t.Helper()
	m, err := Verify(bytes.NewReader(text), CSV)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	lines = lines[:len(lines)-1] // the trailer
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"rows": strconv.FormatInt(m.Rows, 10), "sha256": m.SHA256} {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("%s is %q, want %q as in the CSV", key, got, want)
		}
	}
	var names []string
	for _, c := range f.Schema().Fields() {
		names = append(names, c.Name())
	}
	lines[0][0] = strings.TrimPrefix(lines[0][0], byteOrderMark)
	if fmt.Sprint(names) != fmt.Sprint(lines[0]) {
		t.Errorf("columns %v, want %v", names, lines[0])
	}
	n := 1
	for _, group := range f.RowGroups() {
		rows := group.Rows()
		buf := make([]parquet.Row, 100)
		for {
			got, err := rows.ReadRows(buf)
			for _, row := range buf[:got] {
				for i, v := range row {
					want := strings.TrimPrefix(lines[n][i], "'") // what keeps a spreadsheet from running it
					if cell := v.String(); cell != want && !(v.IsNull() && want == "") {
						t.Fatalf("row %d, %s: %q, want %q", n, lines[0][i], cell, want)
					}
				}
				n++
			}
			if err != nil {
				break
			}
		}
		rows.Close()
	}
	if n != len(lines) {
		t.Errorf("%d rows, want %d", n-1, len(lines)-1)
	}
	return f
}

func TestParquetHoldsTheSameCells(t *testing.T) {
	table := everyKind
	table.Whole = []string{table.Columns[1].Name}
	file, _ := written(t, Parquet, table, kindRows...)
	text, _ := written(t, CSV, table, kindRows...)
	f := sameAsCSV(t, file, text)
	if kind := f.Schema().Fields()[1].Type().String(); !strings.Contains(kind, "INT") {
		t.Errorf("the column of whole numbers is %s", kind)
	}
	// Several groups of rows.
	long := Table{Name: "long", Columns: []Column{{"n", survey.Text{}}, {"text", survey.Text{}}, {"none", survey.Text{}}}, Whole: []string{"n"}}
	var rows [][]any
	for i := range 2*parquetRows + 7 {
		rows = append(rows, []any{i, fmt.Sprint("第", i, "行"), nil})
	}
	file, _ = written(t, Parquet, long, rows...)
	text, _ = written(t, CSV, long, rows...)
	if f := sameAsCSV(t, file, text); len(f.RowGroups()) != 3 {
		t.Errorf("%d groups of rows", len(f.RowGroups()))
	}
	if _, err := parquet.OpenFile(bytes.NewReader(file[:len(file)*2/3]), int64(len(file)*2/3)); err == nil {
		t.Error("two thirds of a file open")
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, Parquet, long)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Row("one", "two", nil); err == nil {
		t.Error("a text stands in the column of whole numbers")
	}
}
