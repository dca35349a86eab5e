package main

import (
	"archive/zip"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"

	"manyi/stats/export"
)

// rowsOf checks that an exported file is whole and returns how many rows it says it has.
func rowsOf(t *testing.T, path string, f export.Format) int64 {
	t.Helper()
	if f == export.XLSX {
		return rowsOfWorkbook(t, path)
	}
	if f == export.Parquet {
		return rowsOfParquet(t, path)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	m, err := export.Verify(file, f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return m.Rows
}

func rowsOfParquet(t *testing.T, path string) int64 {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(file, about.Size())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f.NumRows()
}

func rowsOfWorkbook(t *testing.T, path string) int64 {
	t.Helper()
	book, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	manifest, err := book.GetRows("manifest")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := book.GetRows(book.GetSheetList()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range manifest {
		if len(line) == 2 && line[0] == "rows" {
			n, err := strconv.ParseInt(line[1], 10, 64)
			if err != nil || int(n) != len(rows)-1 {
				t.Errorf("the manifest states %s rows, %v; the sheet has %d", line[1], err, len(rows)-1)
			}
			return n
		}
	}
	t.Fatalf("the manifest states no rows: %v", manifest)
	return 0
}

func TestExports(t *testing.T) {
	c := filledFolder(t)
	c.rate(7)
	for _, x := range []struct {
		name, line string
		rows       int64
	}{
		{"responses", "export responses", 7},
		{"responses of a day", "export responses --from 2024-02-29 --to 2024-02-29", 7},
		{"responses of another day", "export responses --from 2024-03-01", 0},
		{"responses within", "export responses --within 350104-HR", 0},
		{"figures", "export figures", 5 + 2}, // and the total, and its one channel
		{"figures of windows", "export figures --by window --within 350102-HR", 3 + 2},
		{"figures as of", "export figures --by city --as-of 2025-01-01T00:00:00+08:00", 3 + 2},
	} {
		for _, f := range export.Formats {
			t.Run(x.name+" in "+string(f), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "out"+f.Extension())
				c := commands{t, c.env}
				if said := c.run(append(strings.Fields(x.line), "--format", string(f), "--out", path)...); said != "" {
					t.Errorf("it printed %q", said)
				}
				if rows := rowsOf(t, path, f); rows != x.rows {
					t.Errorf("%d rows, want %d", rows, x.rows)
				}
			})
		}
	}
}

func TestExportOfADataset(t *testing.T) {
	c := filledFolder(t)
	c.rate(3)
	for role, restricted := range map[string]bool{"evaluator": true, "organiser": false} {
		path := filepath.Join(t.TempDir(), "dataset.zip")
		if said := c.run("export", "dataset", "--role", role, "--out", path); said != "" {
			t.Errorf("it printed %q", said)
		}
		z, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		in, err := z.Open("manifest.json")
		if err != nil {
			t.Fatal(err)
		}
		var m export.DatasetManifest
		if err := json.NewDecoder(in).Decode(&m); err != nil {
			t.Fatal(err)
		}
		rows := map[string]int64{}
		for _, f := range m.Files {
			rows[f.Name] = f.Rows
		}
		if m.Restricted != restricted || rows["responses.csv"] != 3 || rows["responses.parquet"] != 3 || rows["figures_city.csv"] == 0 {
			t.Errorf("%s: %+v", role, m)
		}
	}
	c.refused([]string{"export", "dataset", "--role", "staff"}, "--role", "staff", "evaluator or organiser")
}

func TestExportToStandardOutput(t *testing.T) {
	c := filledFolder(t)
	c.rate(2)
	m, err := export.Verify(strings.NewReader(c.run("export", "responses")), export.CSV)
	if err != nil || m.Rows != 2 {
		t.Errorf("%d rows, %v", m.Rows, err)
	}
}

func TestExportedFiguresCountWhatIsNew(t *testing.T) {
	c := filledFolder(t)
	c.rate(7)
	out := c.run("export", "figures", "--format", "jsonl", "--within", "350102-HR")
	if c.unrolled() != 0 || !strings.Contains(out, `"n":7`) {
		t.Errorf("%d buckets not counted:\n%s", c.unrolled(), out)
	}
}

func TestExportsThatAreRefused(t *testing.T) {
	c := filledFolder(t)
	for _, bad := range []struct {
		line string
		says []string
	}{
		{"export responses --format pdf", []string{`--format is "pdf"`, "csv, xlsx, jsonl, json or parquet"}},
		{"export figures --format CSV", []string{`--format is "CSV"`}},
		{"places export --format pdf", []string{`--format is "pdf"`}},
		{"export responses --from 2024-2-30", []string{"--from", "2024-2-30", "YYYY-MM-DD"}},
		{"export figures --to today", []string{"--to", "today", "YYYY-MM-DD"}},
		{"export figures --from 2024-03-02 --to 2024-03-01", []string{"--from is 2024-03-02", "--to is 2024-03-01"}},
		{"export responses --within 350102-XX", []string{`"350102-XX"`, "place"}},
		{"export figures --within 350102-XX", []string{`"350102-XX"`, "place"}},
		{"export figures --by street", []string{`"street"`}},
		{"export figures --as-of yesterday", []string{`--as-of is "yesterday"`}},
		{"export responses --survey gone", []string{`"gone"`, "survey list"}},
	} {
		dir := t.TempDir()
		c.refused(append(strings.Fields(bad.line), "--out", filepath.Join(dir, "out")), bad.says...)
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s left %v, %v", bad.line, left, err)
		}
	}
	c.refused([]string{"export", "responses", "--out", filepath.Join(t.TempDir(), "no", "folder", "out")})
}
