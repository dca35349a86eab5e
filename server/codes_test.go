package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manyi/survey/storetest"
)

// draw runs the codes command and returns what it wrote.
func (c commands) draw(place, as string) []byte {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "codes."+as)
	c.run("codes", "--place", place, "--as", as, "--out", path)
	text, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// link is the link of a window's code in force.
func (c commands) link(window string) string {
	c.t.Helper()
	b := c.base()
	codes, err := b.store.Codes(c.t.Context(), "y2024", window)
	if err != nil || len(codes) != 1 {
		c.t.Fatalf("%d codes for %s, %v; want one", len(codes), window, err)
	}
	return qrBase(c.env["MANYI_BASE_URL"]) + b.signer.Code(codes[0].Serial)
}

func TestCodeOfOneWindow(t *testing.T) {
	c := filledFolder(t)
	path := filepath.Join(t.TempDir(), "window.png")
	c.run("codes", "--place", storetest.GulouHR1, "--as", "png", "--out", path)
	read, link := decodeFile(t, path), c.link(storetest.GulouHR1)
	if read != link {
		t.Errorf("the picture reads %q, want %q", read, link)
	}
	if svg := c.draw(storetest.GulouHR1, "svg"); !bytes.HasPrefix(svg, []byte("<svg")) || !bytes.HasSuffix(bytes.TrimSpace(svg), []byte("</svg>")) {
		t.Errorf("no drawing: %.100s", svg)
	}
	if out := c.run("codes", "--place", storetest.GulouHR1, "--as", "svg"); !strings.HasPrefix(out, "<svg") {
		t.Errorf("without --out it prints %.100q", out)
	}
	if again := c.link(storetest.GulouHR1); again != link {
		t.Errorf("drawing the code again made another: %s, then %s", link, again)
	}
}

func TestCodesOfAHall(t *testing.T) {
	c := filledFolder(t)
	text := c.draw("350102-HR-01", "zip")
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range archive.File {
		got = append(got, f.Name)
	}
	want := []string{"contents.csv"}
	for _, window := range []string{storetest.GulouHR1, storetest.GulouHR2} {
		link := c.link(window)
		code := link[strings.LastIndexByte(link, '/')+1:]
		want = append(want, window+"-"+code+".png", window+"-"+code+".svg")
	}
	if !slices.Equal(got, want) {
		t.Errorf("the archive holds %v, want %v", got, want)
	}
	for _, sheet := range []string{"a4", "a6"} {
		page := string(c.draw("350102-HR-01", sheet))
		if !strings.HasPrefix(page, "<!") || strings.Count(page, "<svg") != 2 || !strings.Contains(page, "人社大厅") {
			t.Errorf("%s: no sheet of two codes: %.200s", sheet, page)
		}
	}
}

func TestCodesThatAreRefused(t *testing.T) {
	c := filledFolder(t)
	for _, bad := range []struct {
		line string
		says []string
	}{
		{"codes --as png --place 350102-HR-01", []string{"--as png draws one window", "names 2", "zip"}},
		{"codes --as svg", []string{"--as svg draws one window", "names 7"}},
		{"codes --as gif --place 350102-HR", []string{`--as is "gif"`, "png, svg, zip, a4 or a6"}},
		{"codes --place 350102-XX", []string{`--place is "350102-XX"`, "survey y2024"}},
		{"codes --place 350102-HR --survey closed", []string{`"closed"`, "survey list"}},
	} {
		out := filepath.Join(t.TempDir(), "codes")
		c.refused(append(strings.Fields(bad.line), "--out", out), bad.says...)
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s left a file", bad.line)
		}
	}
	delete(c.env, "MANYI_BASE_URL")
	c.refused([]string{"codes", "--place", "350102-HR"}, "MANYI_BASE_URL is not set", "https://")
}
