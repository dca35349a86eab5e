package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/qrcode"

	"manyi/server/demo"
	"manyi/survey/mongostore/mongotest"
)

// journeys is the folder of the scripts that drive the browser.
const journeys = "../.ci/browser"

// journey is what the scripts are told.
type journey struct {
	Chromium string `json:"chromium"`
	Base     string `json:"base"`
	First    stand  `json:"first"`  // rated exactly once
	Second   stand  `json:"second"` // rated in all other ways
	Token    string `json:"token"`
	User     string `json:"user"`
	Password string `json:"password"`
	N        int    `json:"n"`      // ratings at the first window, as the API counts them
	Symbol   string `json:"symbol"` // file for a picture of a printed code
	SMS      string `json:"sms"`    // address that tells the last message sent to a phone
	AsOf     string `json:"asOf"`   // day of the nightly count
	Day      int    `json:"day"`    // of a journey that takes several
	Kept     string `json:"kept"`   // file for what such a journey has to remember
	Bureau   string `json:"bureau"` // to be judged
	Bundle   string `json:"bundle"` // file for a publication that is downloaded
	Scores   string `json:"scores"` // file of scores made elsewhere
	Above    login  `json:"above"`  // somebody who decides what the bureau asks for
	Other    login  `json:"other"`  // somebody who comes after
	// What the nightly count must say: by definition, without and with what is not adopted.
	Rates   map[string][2]string `json:"rates"`
	Reasons map[string]string    `json:"reasons"`

	Publication string `json:"publication"` // taken in from Signer
	Signer      string `json:"signer"`

	Shots string `json:"shots"` // folder for pictures of pages; empty for none
}

// login is somebody who signs in.
type login struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// stand is a window and the link its code carries.
type stand struct {
	Window string `json:"window"`
	Link   string `json:"link"`
}

// TestBrowser takes a real browser through the product as it runs: from a
// scanned code to the figures on the console, on either engine. MANYI_CHROMIUM
// names the browser, MANYI_SHOTS a folder for pictures of the pages.
func TestBrowser(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		data := demoFolder(t)
		p := newProcess("serve", "--data", data, "--addr", "127.0.0.1:0")
		journeyOn(t, p, commands{t, map[string]string{"MANYI_DATA": data}})
	})
	t.Run("MongoDB", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		uri := mongotest.Open(t)
		i := newInstallation(t, uri, uri)
		i.fillDemo()
		journeyOn(t, i.node(t.TempDir(), "127.0.0.1:0"), i.commands(t))
	})
}

func journeyOn(t *testing.T, p *process, cmd commands) {
	j := journey{Chromium: chromium(t), Shots: os.Getenv("MANYI_SHOTS"), Symbol: filepath.Join(t.TempDir(), "symbol.png"), User: "desk", Bundle: filepath.Join(t.TempDir(), "bundle.zip")}
	if j.Shots != "" {
		var err error
		if j.Shots, err = filepath.Abs(j.Shots); err != nil {
			t.Fatal(err)
		}
	}
	const printed = "http://pj.example.gov.cn" // what printed codes carry, apart from where this server listens
	p.cmd.Args = append(p.cmd.Args, "--base-url", printed, "--flood-per-code", "100000", "--flood-per-device", "100000")
	p.serve(t)
	j.Base = p.base
	j.Scores = cmd.file("scores.csv", scores(allScores("350102-HR")...))
	j.Password = last(cmd.run("user", "add", j.User, "--role", "organiser", "--generate"))
	j.Token = last(cmd.run("token", "add", "browser", "--role", "organiser"))
	j.First, j.Second = cmd.scan(p.base, "350102-HR-01-001"), cmd.scan(p.base, "350102-HR-01-002")

	cmd.run("compute")
	before := ratingsAt(t, j)
	j.run(t, "citizen")
	j.run(t, "reach")
	cmd.run("compute")
	if j.N = ratingsAt(t, j); j.N != before+1 {
		t.Errorf("the window had %d ratings and has %d after one more", before, j.N)
	}

	j.run(t, "console")
	j.run(t, "report")
	code := strings.TrimPrefix(j.First.Link, qrBase(p.base))
	if got, want := decodeFile(t, j.Symbol), qrBase(printed)+code; got != want {
		t.Errorf("the printed code reads %q, want %q", got, want)
	}
	if got := cmd.run("verify", j.Bundle); !strings.Contains(got, "SAMPLE") {
		t.Errorf("verify says of what was downloaded: %s", got)
	}
	changed := cmd.file("changed.zip", strings.Replace(string(read(t, j.Bundle)), ":true\t", ":trus\t", 1))
	cmd.refused([]string{"verify", changed}, "does not hold", "leaves.tsv")
}

// chromium finds the browser and what drives it, or skips the test.
func chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes a minute")
	}
	missing := t.Skipf
	if strings.Contains(os.Getenv("MANYI_REQUIRE"), "browser") {
		missing = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("no Node.js: %v", err)
	}
	if _, err := os.Stat(filepath.Join(journeys, "node_modules", "playwright-core")); err != nil {
		missing("run npm ci in .ci/browser: %v", err)
	}
	name := os.Getenv("MANYI_CHROMIUM")
	if name == "" {
		name = "chromium"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing("no browser; MANYI_CHROMIUM may name one: %v", err)
	}
	return path
}

// run takes the browser through one part; each check becomes a subtest.
func (j journey) run(t *testing.T, part string) {
	t.Helper()
	told, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(journeys, "journey.mjs"), part)
	cmd.Env = append(os.Environ(), "MANYI_JOURNEY="+string(told))
	cmd.Stdout, cmd.Stderr = &out, &errOut
	ended := cmd.Run()
	t.Run(part, func(t *testing.T) {
		checks := 0
		for lines := bufio.NewScanner(&out); lines.Scan(); checks++ {
			var c struct {
				Name, Detail string
				OK           bool
			}
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatalf("%v: %s", err, lines.Text())
			}
			t.Run(c.Name, func(t *testing.T) {
				if !c.OK {
					t.Error(c.Detail)
				} else if c.Detail != "" {
					t.Log(c.Detail)
				}
			})
		}
		if ended != nil || checks == 0 {
			t.Errorf("%d checks, then %v:\n%s", checks, ended, &errOut)
		}
	})
}

// commands runs the program's commands beside the server.
type commands struct {
	t   *testing.T
	env map[string]string
}

func (c commands) run(args ...string) string {
	c.t.Helper()
	out, err := runCommand(c.t, c.env, args...)
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// scan makes a window's code as it would be printed and reads it as a phone would.
func (c commands) scan(base, window string) stand {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "window.png")
	c.run("codes", "--place", window, "--as", "png", "--out", file, "--base-url", base)
	link := decodeFile(c.t, file)
	if !strings.HasPrefix(link, qrBase(base)) {
		c.t.Fatalf("the code of %s reads %q, want a link to %s", window, link, base)
	}
	return stand{window, link}
}

// decodeFile reads a code from a picture with a decoder that shares no code with the encoder.
func decodeFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		t.Fatal(err)
	}
	result, err := zxing.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil { // one in several hundred: its search for the symbol goes astray, though there is nothing else in the picture
		result, err = zxing.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	}
	if err != nil {
		t.Fatalf("no code in the picture: %v", err)
	}
	return result.GetText()
}

// qrBase is how a base address stands in a code.
func qrBase(base string) string { return strings.ToUpper(base) + "/Q/" }

// last is the last word a command printed.
func last(out string) string {
	words := strings.Fields(out)
	return words[len(words)-1]
}

// ratingsAt asks the API how many ratings the first window has.
func ratingsAt(t *testing.T, j journey) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		fmt.Sprintf("%s/api/v1/figures?survey=%s&by=window&within=%s", j.Base, demo.SurveyID, j.First.Window), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+j.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var table struct {
		Rows []struct {
			Place string
			N     int
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&table); err != nil || len(table.Rows) != 1 || table.Rows[0].Place != j.First.Window {
		t.Fatalf("status %d, %v, %+v", res.StatusCode, err, table)
	}
	return table.Rows[0].N
}
