package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

var hardTexts = []string{
	"", " ", "  lead and trail  ", "a,b", `say "hi"`, "two\nlines", "two\r\nlines", "\r", "\t",
	"=1+1", "'=1", "'", "''", "😀👍🏽", "مرحبا بالعالم", "\u202Eright to left\u202C", "满意", "＝1",
	"<b>&amp;</b>", "]]>", "_x000D_", "_x005F_x000D_", "__x000D_", "_x_", "a_xABCD", "\x00\x01\x1f\x7f", "\uFFFE\uFFFF", "\xff\xfe broken",
	"#end", `{"end":{}}`, "\uFEFFbom", "\u2028\u2029", "1e5", "007", "true", `\n`, `\`,
}

// FuzzText writes a text as every format and reads it back with other people's readers.
func FuzzText(f *testing.F) {
	for _, s := range hardTexts {
		f.Add(s)
	}
	table := Table{Name: "t", Columns: columns("text", "n", "again")}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxUnits {
			t.Skip("longer than a spreadsheet cell, which is refused: see the tests of faults")
		}
		want := strings.ToValidUTF8(s, "\uFFFD")
		row := []any{s, 1, s}

		file, _ := written(t, CSV, table, row)
		checkVerified(t, file, CSV)
		// The reader of the standard library makes every CRLF inside quotes an LF.
		if got, want := readCSV(t, file), strings.ReplaceAll(want, "\r\n", "\n"); got != [2]string{want, want} {
			t.Errorf("CSV: %q, want %q twice", got, want)
		}

		file, _ = written(t, JSONL, table, row)
		checkVerified(t, file, JSONL)
		line, _, _ := bytes.Cut(file, []byte("\n"))
		var object struct{ Text, Again string }
		if err := json.Unmarshal(line, &object); err != nil || object.Text != want || object.Again != want {
			t.Errorf("JSON Lines: %q, %v; want %q", object, err, want)
		}

		file, _ = written(t, XLSX, table, row)
		if got, want := readXLSX(t, file), xmlText(want); got != [2]string{want, want} {
			t.Errorf("XLSX: %q, want %q twice", got, want)
		}
	})
}

func checkVerified(t *testing.T, file []byte, f Format) {
	t.Helper()
	if m, err := Verify(bytes.NewReader(file), f); m.Rows != 1 || err != nil {
		t.Errorf("%s: %v, %v", f, m, err)
	}
}

// readCSV returns the two texts of the only row, without their guards.
func readCSV(t *testing.T, file []byte) [2]string {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte(byteOrderMark)))).ReadAll()
	if err != nil || len(records) != 3 {
		t.Fatalf("CSV: %d records, %v", len(records), err)
	}
	row := records[1]
	for _, s := range row {
		if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
			t.Errorf("CSV: %q would run", s)
		}
	}
	return [2]string{strings.TrimPrefix(row[0], "'"), strings.TrimPrefix(row[2], "'")}
}

func readXLSX(t *testing.T, file []byte) (texts [2]string) {
	t.Helper()
	book := workbook(t, file)
	for i, cell := range []string{"A2", "C2"} {
		text, err := book.GetCellValue("t", cell, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = text
	}
	return texts
}
