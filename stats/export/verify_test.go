package export

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var trailed = []Format{CSV, JSONL, JSON}

func someRows(n int) (rows [][]any) {
	for i := range n {
		rows = append(rows, []any{i, "line\n\"end\"\r\n#end,rows=0", "=1"})
	}
	return rows
}

var verifyTable = Table{Name: "t", Columns: columns("n", "text", "c", "d")}

func TestVerifyWhole(t *testing.T) {
	for _, f := range trailed {
		for _, n := range []int{0, 1, 3, 5000} {
			rows := someRows(n)
			for i := range rows {
				rows[i] = append(rows[i], nil)
			}
			file, want := written(t, f, verifyTable, rows...)
			for name, r := range map[string]io.Reader{"whole": bytes.NewReader(file), "dribbled": iotest.HalfReader(bytes.NewReader(file))} {
				if m, err := Verify(r, f); m != want || err != nil {
					t.Errorf("%s of %d rows, %s: %v, %v; want %v", f, n, name, m, err, want)
				}
			}
			if want.Rows != int64(n) {
				t.Errorf("%s: manifest has %d rows, want %d", f, want.Rows, n)
			}
		}
	}
}

// The check promised to people who have only head and sha256sum.
func TestHashIsOfAllButTheLastLine(t *testing.T) {
	for _, f := range trailed {
		file, m := written(t, f, verifyTable, []any{1, "a", "b", "c"})
		last := bytes.LastIndexByte(file[:len(file)-1], '\n') + 1
		if got := fmt.Sprintf("%x", sha256.Sum256(file[:last])); got != m.SHA256 {
			t.Errorf("%s: %s, want %s", f, got, m.SHA256)
		}
	}
}

func TestVerifyCutAnywhere(t *testing.T) {
	for _, f := range trailed {
		file, _ := written(t, f, verifyTable, []any{1, "a\r\n#end,rows=1,sha256=" + strings.Repeat("0", 64) + ",\r\n", "b", "c"}, []any{2, "a", "b", "c"})
		for n := range file {
			if _, err := Verify(bytes.NewReader(file[:n]), f); !errors.Is(err, ErrCut) {
				t.Fatalf("%s cut after %d of %d bytes: %v", f, n, len(file), err)
			}
		}
	}
}

func TestCutXLSXDoesNotOpen(t *testing.T) {
	file, _ := written(t, XLSX, verifyTable, []any{1, "a", "b", "c"})
	for n := range file {
		if _, err := zip.NewReader(bytes.NewReader(file[:n]), int64(n)); err == nil {
			t.Fatalf("opens when cut after %d of %d bytes", n, len(file))
		}
	}
}

func TestVerifyChanged(t *testing.T) {
	for _, f := range trailed {
		file, _ := written(t, f, verifyTable, []any{1, "aaa", "b", "c"}, []any{22, "aaa", "b", "c"})
		last := bytes.LastIndexByte(file[:len(file)-1], '\n') + 1
		row := bytes.Index(file, []byte("22"))
		start := bytes.LastIndexByte(file[:row], '\n') + 1
		end := start + bytes.IndexByte(file[start:], '\n') + 1
		for why, changed := range map[string][]byte{
			"a value":     bytes.Replace(file, []byte("22"), []byte("23"), 1),
			"a row less":  append(bytes.Clone(file[:start]), file[end:]...),
			"a row twice": append(append(bytes.Clone(file[:end]), file[start:end]...), file[end:]...),
			"the count":   append(bytes.Clone(file[:last]), bytes.Replace(file[last:], []byte("2"), []byte("3"), 1)...),
			"the mark":    append([]byte(" "), file...),
		} {
			if _, err := Verify(bytes.NewReader(changed), f); !errors.Is(err, ErrChanged) {
				t.Errorf("%s, %s changed: %v", f, why, err)
			}
		}
		if _, err := Verify(bytes.NewReader(append(bytes.Clone(file), "x\n"...)), f); !errors.Is(err, ErrCut) {
			t.Errorf("%s with a line after the trailer: %v", f, err)
		}
	}
}

func TestVerifyPassesReadErrors(t *testing.T) {
	if _, err := Verify(iotest.ErrReader(errPipe), CSV); !errors.Is(err, errPipe) {
		t.Errorf("got %v", err)
	}
	if _, err := Verify(strings.NewReader(""), XLSX); err == nil || errors.Is(err, ErrCut) {
		t.Errorf("XLSX has no trailer, got %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte("\uFEFFa\r\n#end,rows=0,sha256=00\r\n"))
	f.Add([]byte(`{"end":{"rows":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}` + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, format := range trailed {
			m, err := Verify(bytes.NewReader(file), format)
			if err == nil && int64(bytes.Count(file, []byte("\n"))) < m.Rows {
				t.Errorf("%s: %d rows found in %q", format, m.Rows, file)
			}
			if err != nil && !errors.Is(err, ErrCut) && !errors.Is(err, ErrChanged) {
				t.Errorf("%s: %v", format, err)
			}
		}
	})
}
