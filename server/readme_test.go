package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"manyi/stats/proof/bundle"
)

// TestReadmeChecksAPublication runs the README's commands: they take and load what was
// published, and nothing that was changed.
func TestReadmeChecksAPublication(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "unzip", "openssl", "base64", "sha256sum", "awk", "sed", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s here", tool)
		}
	}
	commands := regexp.MustCompile(`(?m)^    curl .*/bundle\.zip.*\n(?:    .*\n)+`).FindString(string(read(t, filepath.Join("..", "README.md"))))
	if !strings.Contains(commands, "openssl") || !strings.Contains(commands, "jq") {
		t.Fatalf("no check of a publication in the README: %q", commands)
	}
	c := filledFolder(t)
	c.rate(100)
	var d bundle.Document
	if err := json.Unmarshal(published(t, c, bundle.Public), &d); err != nil {
		t.Fatal(err)
	}
	run := func(address, key, token string) (said, loaded string, err error) {
		dir := t.TempDir()
		cmd := exec.Command("sh", "-c", commands)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "URL="+address, "KEY="+key, "TOKEN="+token)
		out, err := cmd.CombinedOutput()
		table, _ := os.ReadFile(filepath.Join(dir, "sheets.csv"))
		return string(out), string(table), err
	}
	address := c.serve() + "/api/v1/publications/" + d.ID
	token := last(c.run("token", "add", "reader", "--role", "reviewer"))

	said, loaded, err := run(address, d.Key, token)
	if err != nil || !strings.Contains(said, "Signature Verified Successfully") || !strings.Contains(said, "publication.json: OK") || !strings.Contains(said, d.ID+" public") {
		t.Fatalf("the README's commands end with %v:\n%s", err, said)
	}
	rows, err := csv.NewReader(strings.NewReader(loaded)).ReadAll()
	if err != nil || len(rows) != len(d.Sheets) || len(rows) == 0 {
		t.Fatalf("%d rows of %d sheets, %v", len(rows), len(d.Sheets), err)
	}
	counted := int64(0)
	for i, s := range d.Sheets {
		want := []string{s.Place, d.Names[s.Place], fmt.Sprint(s.N), "", "", ""}
		if r := s.All.Satisfaction.Rate; r != nil {
			want[3] = fmt.Sprint(*r)
		}
		if s.Rank != nil {
			want[4], want[5] = fmt.Sprint(s.Rank.Best), fmt.Sprint(s.Rank.Worst)
		}
		if fmt.Sprint(rows[i]) != fmt.Sprint(want) {
			t.Errorf("row %d is %q, want %q", i+1, rows[i], want)
		}
		counted += s.N
	}
	if counted != 100 {
		t.Errorf("%d responses are loaded, want 100", counted)
	}

	whole := []byte(get(t, address+"/bundle.zip", token))
	other := filledFolder(t)
	other.rate(100)
	var foreign bundle.Document
	if err := json.Unmarshal(published(t, other, bundle.Public), &foreign); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		bundle []byte
		key    string
	}{
		"signed by another":      {whole, foreign.Key},
		"another number":         {repacked(t, whole, "publication.json", `"n": 100`, `"n": 101`), d.Key},
		"a file less":            {repacked(t, whole, "leaves.tsv", "", ""), d.Key},
		"another hash is signed": {repacked(t, whole, "signature.txt", "figures.csv ", "figures.csv 1"), d.Key},
		"cut off":                {whole[:len(whole)/2], d.Key},
	} {
		served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(bad.bundle) }))
		said, loaded, err := run(served.URL, bad.key, token)
		served.Close()
		if err == nil || loaded != "" {
			t.Errorf("%s: the README's commands take it:\n%s", name, said)
		}
	}
	if _, loaded, err := run(address, d.Key, "wrong"); err == nil || loaded != "" {
		t.Errorf("without access something is loaded: %v", err)
	}
}

// repacked is a bundle in which a file is another one, or without it.
func repacked(t *testing.T, whole []byte, name, old, text string) []byte {
	t.Helper()
	from, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to, done := zip.NewWriter(&out), false
	for _, f := range from.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == name {
			done = old == "" || bytes.Contains(content, []byte(old))
			if old == "" {
				continue
			}
			content = bytes.ReplaceAll(content, []byte(old), []byte(text))
		}
		w, err := to.Create(f.Name)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil || !done {
		t.Fatalf("%s does not hold %q, %v", name, old, err)
	}
	return out.Bytes()
}
