package qrcodes_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"manyi/qrcodes"
)

func TestWriteZipRoundTrip(t *testing.T) {
	labels := testLabels()
	var archive bytes.Buffer
	var progress []int
	if err := qrcodes.WriteZip(&archive, labels, func(done int) { progress = append(progress, done) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(progress, []int{1, 2, 3}) {
		t.Errorf("progress %v, want 1, 2, 3", progress)
	}
	files := unzip(t, archive.Bytes())
	if want := 1 + 2*len(labels); len(files) != want {
		t.Errorf("%d files, want %d", len(files), want)
	}
	rows := readContents(t, files["contents.csv"])
	if len(rows) != 1+len(labels) {
		t.Fatalf("%d rows in contents.csv, want a heading and %d", len(rows), len(labels))
	}
	for i, label := range labels {
		row := rows[i+1]
		if want := []string{label.Place, label.Window, label.Hall, label.Bureau, label.Link}; !slices.Equal(row[1:], quoted(want)) {
			t.Errorf("row %d is %q, want %q", i+1, row[1:], want)
		}
		if got := scan(t, decodePNG(t, files[row[0]])); got != label.Link {
			t.Errorf("%s reads %q, want %q", row[0], got, label.Link)
		}
		svg := strings.TrimSuffix(row[0], ".png") + ".svg"
		if got := scan(t, rasterise(t, string(files[svg]))); got != label.Link {
			t.Errorf("%s reads %q, want %q", svg, got, label.Link)
		}
	}
}

// quoted expects the apostrophe before a hall whose name begins like a formula.
func quoted(cells []string) []string {
	for i, cell := range cells {
		if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) {
			cells[i] = "'" + cell
		}
	}
	return cells
}

func TestZipFileNames(t *testing.T) {
	safe := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]*\.(png|svg)$`)
	for place, want := range map[string]string{
		"A-07":                   "A-07-",
		"../../etc/passwd":       "_etc_passwd-",
		`C:\Windows`:             "C_Windows-",
		"-rf":                    "_rf-",
		".hidden":                "_hidden-",
		"三楼/7":                   "_7-",
		"":                       "",
		"CON":                    "CON-",
		strings.Repeat("A", 500): strings.Repeat("A", 40) + "-",
		"A\x00B\n":               "A_B_-",
	} {
		label := testLabels()[0]
		label.Place = place
		var archive bytes.Buffer
		if err := qrcodes.WriteZip(&archive, []qrcodes.Label{label}, nil); err != nil {
			t.Fatal(err)
		}
		for name := range unzip(t, archive.Bytes()) {
			if name == "contents.csv" {
				continue
			}
			if !strings.HasPrefix(name, want+label.Code) || !safe.MatchString(name) {
				t.Errorf("place %.40q: file %q, want %q and the code", place, name, want)
			}
		}
	}
}

func TestZipKeepsLikePlacesApart(t *testing.T) {
	labels := testLabels()
	labels[0].Place, labels[1].Place = "东/1", "西/1" // both become _1
	var archive bytes.Buffer
	if err := qrcodes.WriteZip(&archive, labels, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(unzip(t, archive.Bytes())); n != 7 {
		t.Errorf("%d different names, want 7", n)
	}
}

func TestZipMarksSamples(t *testing.T) {
	var archive bytes.Buffer
	if err := qrcodes.WriteZip(&archive, testLabels(), nil); err != nil {
		t.Fatal(err)
	}
	samples := 0
	for name := range unzip(t, archive.Bytes()) {
		if strings.HasPrefix(name, "SAMPLE-") {
			samples++
		}
	}
	if samples != 2 {
		t.Errorf("%d files are marked as samples, want the PNG and the SVG of one label", samples)
	}
}

func TestContentsHoldNoFormula(t *testing.T) {
	for _, start := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx"} {
		label := testLabels()[0]
		label.Window = start
		var archive bytes.Buffer
		if err := qrcodes.WriteZip(&archive, []qrcodes.Label{label}, nil); err != nil {
			t.Fatal(err)
		}
		rows := readContents(t, unzip(t, archive.Bytes())["contents.csv"])
		if got := rows[1][2]; got != "'"+start {
			t.Errorf("window %q is listed as %q", start, got)
		}
	}
}

// All but the buffer of the archive writer must have left by the time a label
// is reported done: a writer that gathers the archive first would show here.
func TestWriteZipStreams(t *testing.T) {
	const buffer, leastPerLabel = 4096, 1000
	labels := make([]qrcodes.Label, 50)
	for i := range labels {
		labels[i] = testLabels()[0]
		labels[i].Place = fmt.Sprint(i)
		labels[i].Code = signer.Code(uint32(i))
		labels[i].Link = qrcodes.Link(typicalBase, labels[i].Code)
	}
	var out counter
	err := qrcodes.WriteZip(&out, labels, func(done int) {
		if least := done*leastPerLabel - buffer; int(out) < least {
			t.Errorf("after %d labels only %d bytes have been written, want %d", done, out, least)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriteZipFails(t *testing.T) {
	if err := qrcodes.WriteZip(fullDisk{}, testLabels(), nil); !errors.Is(err, errFull) {
		t.Errorf("writer failed, WriteZip says %v", err)
	}
	labels := testLabels()
	labels[1].Link = ""
	done := 0
	err := qrcodes.WriteZip(io.Discard, labels, func(n int) { done = n })
	if err == nil || !strings.Contains(err.Error(), `"A-02"`) || done != 1 {
		t.Errorf("no link: %v after %d labels, want an error naming place A-02 after 1", err, done)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func unzip(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range archive.File {
		file, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name] = must(io.ReadAll(file))
		file.Close()
	}
	return files
}

func readContents(t *testing.T, data []byte) [][]string {
	t.Helper()
	text, marked := bytes.CutPrefix(data, []byte("\ufeff"))
	if !marked {
		t.Error("contents.csv has no byte order mark")
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
