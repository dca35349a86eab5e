package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// phoneStandIn is the gateway's end of the line: it takes the messages a server
// sends, and shows the last one to whoever asks.
func phoneStandIn(t *testing.T) string {
	var mu sync.Mutex
	var last string
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodGet {
			io.WriteString(w, last)
			return
		}
		var m struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		last = m.Text
	}))
	t.Cleanup(gateway.Close)
	return gateway.URL
}

// hall is an installation whose clock a test moves on by starting its server anew.
type hall struct {
	commands
	prepare func(ahead time.Duration) *process
	server  *process
}

// TestBrowserCases takes bad reviews their whole way in a real browser, on either
// engine, and lets the nightly count run as of a day when every deadline is over.
func TestBrowserCases(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		c := newFolder(t)
		caseJourneys(t, &hall{commands: c, prepare: func(time.Duration) *process {
			return newProcess("serve", "--data", c.env["MANYI_DATA"], "--addr", "127.0.0.1:0")
		}})
	})
	t.Run("MongoDB", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		direct := mongotest.Open(t)
		link := mongotest.NewLink(t, direct) // nodes go by the database's clock, so that is what has to move
		i := newInstallation(t, direct, link.URI())
		data := t.TempDir()
		c := commands{t, i.env(link.URI(), "MANYI_DATA", t.TempDir())}
		caseJourneys(t, &hall{commands: c, prepare: func(ahead time.Duration) *process {
			link.Ahead(ahead)
			return i.node(data, "127.0.0.1:0")
		}})
	})
}

// open starts the server with a clock that is ahead, after stopping the one before.
func (h *hall) open(t *testing.T, j *journey, ahead time.Duration) {
	t.Helper()
	if h.server != nil {
		h.server.cmd.Process.Kill()
		h.server.cmd.Wait()
	}
	h.server = h.prepare(ahead)
	h.server.cmd.Env = append(h.server.cmd.Env, clockSkew+"="+ahead.String(), "MANYI_SMS_URL="+j.SMS, "MANYI_SMS_SECRET="+strings.Repeat("s", 32))
	h.server.serve(t)
	j.Base = h.server.base
	j.First, j.Second = h.scan(j.Base, storetest.GulouHR1), h.scan(j.Base, storetest.GulouHR3)
}

// count lets the nightly count run as of a time, and tells the journey its day.
func (h *hall) count(t *testing.T, j *journey, at time.Time) {
	t.Helper()
	h.run("compute", "--as-of", at.Format(time.RFC3339))
	j.AsOf = survey.DayOf(at, openZone(t)).Plus(-1).String()
}

const day = 24 * time.Hour

func caseJourneys(t *testing.T, h *hall) {
	now := time.Now()
	h.run("places", "import", h.file("places.csv", placesCSV(storetest.Places())))
	h.run("survey", "add", h.file("survey.json", surveyJSON("now", now.Year())))
	for year := now.Year(); year <= now.Year()+1; year++ { // whatever is shipped by then
		h.run("calendar", "import", h.file("calendar.csv", fmt.Sprintf("date,kind,holiday\n%d-01-01,off,元旦节\n", year)))
	}
	j := &journey{Chromium: chromium(t), Shots: os.Getenv("MANYI_SHOTS"), User: "boss", SMS: phoneStandIn(t),
		Symbol: filepath.Join(t.TempDir(), "photo.png"), Kept: filepath.Join(t.TempDir(), "kept.json")}
	j.Password = last(h.run("user", "add", j.User, "--role", "supervisor", "--place", "350102-HR", "--generate"))
	j.Above = login{"city", last(h.run("user", "add", "city", "--role", "supervisor", "--place", "350100", "--generate"))}
	j.Token = last(h.run("token", "add", "browser", "--role", "organiser"))
	h.run("codes", "--place", storetest.GulouHR1, "--as", "png", "--out", j.Symbol, "--base-url", "http://pj.example.gov.cn") // any picture will do

	h.open(t, j, 0)
	j.run(t, "cases")
	h.count(t, j, now.Add(60*day))
	j.run(t, "caserates")
	for format, got := range map[string]map[string][2]string{"JSON": ratesInJSON(t, *j), "XLSX": ratesInXLSX(t, *j)} {
		if got["C4"] != [2]string{"1/1 met", "1/1 met"} {
			t.Errorf("the real-name rate in %s: %s, want 1/1, met", format, got["C4"])
		}
	}

	for j.Day = 1; j.Day <= 3; j.Day++ {
		h.open(t, j, time.Duration(60+j.Day)*day)
		j.run(t, "fates")
	}
	h.count(t, j, now.Add(121*day))
	j.Rates, j.Reasons = fates, fateReasons
	j.run(t, "faterates")
	want := maps.Clone(fates)
	for _, verdict := range []string{"C4", "C5"} {
		want[verdict] = [2]string{fates[verdict][0] + " not_met", fates[verdict][1] + " not_met"}
	}
	if got := ratesInJSON(t, *j); !maps.Equal(got, want) {
		t.Errorf("JSON gives\n%v, want\n%v", got, want)
	}
	if got := ratesInXLSX(t, *j); !maps.Equal(got, want) {
		t.Errorf("XLSX gives\n%v, want\n%v", got, want)
	}
}

// fates is what five bad reviews come to when all their deadlines are over, worked
// out by hand. Each rate stands without the one not adopted, and with it.
//
//	             real-name  rectified    called back  citizen says
//	good         yes        in time      yes          solved; level satisfied
//	overdue      yes        no           no           -
//	unreachable  yes        in time      no, 3 days   -
//	explained    no         explained    nobody to    -
//	not adopted  yes        no           no           -
//
// Four are adopted and due, of them three real-name ones; with the one that is not
// adopted five, and four.
var fates = map[string][2]string{
	"C1":  {"1/4", "1/5"}, // called back: good. Unreachable is not called back
	"C2":  {"2/4", "2/5"}, // rectified: good, unreachable. Explained is not rectified
	"C3":  {"2/4", "2/5"}, // both in time
	"C4":  {"1/3", "1/4"}, // real-name, called back and rectified: good
	"C5":  {"1/3", "1/4"}, // and the citizen says it is solved
	"C6":  {"1/4", "1/5"},
	"C7":  {"1/4", "1/5"}, // explained
	"C8":  {"1/4", "2/5"}, // open: overdue; and the one not adopted, which nobody put right. 2 + 1 + 1 = 4
	"C9":  {"1/4", "1/5"}, // unreachable
	"C10": {"0/4", "0/5"}, // none reopened
	"C11": {"1/1", "1/1"}, // one level given after the callback, and it is a good one
	"N1":  {"4", "5"},     // cases
	"N2":  {"4", "5"},     // due
	"N3":  {"0", "0"},     // pending
	"N4":  {"0", "0"},     // waiting for a calendar
	"N5":  {"1", "1"},     // overdue; nobody has to act on the one not adopted
	"N6":  {"0", "0"},     // would not talk
	"N7":  {"0", "0"},     // the citizen says it is not solved
	"N8":  {"—", "1"},     // not adopted: a count that is not divided
	"N9":  {"—", "0"},     // another review counts instead
	"N10": {"—", "0"},     // imported
	"N11": {"—", "1"},     // contacts looked at: once, to call the unreachable
}

// fateReasons are those of adopted reviews: 207 of the overdue one, not of the one
// that is not adopted, and 209 of the explained one.
var fateReasons = map[string]string{"207": "1", "209": "1"}

func openZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(storetest.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// rates asks the API for the bureau's rates as of the journey's day.
func rates(t *testing.T, j journey, format string) io.Reader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		fmt.Sprintf("%s/api/v1/case-rates?by=bureau&within=350102-HR&as_of=%s&format=%s", j.Base, j.AsOf, format), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+j.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("case-rates: status %d", res.StatusCode)
	}
	return res.Body
}

// ratesInJSON gives every figure of the bureau by its definition, as [fates] does,
// a rate that is judged with its verdict behind it.
func ratesInJSON(t *testing.T, j journey) map[string][2]string {
	t.Helper()
	type ratio struct{ Num, Den int64 }
	var table struct {
		Rows []struct {
			Place string
			Rates []struct {
				Definition string
				Adopted    ratio
				All        ratio `json:"with_not_adopted"`
				Verdict    *struct {
					Adopted string
					All     string `json:"with_not_adopted"`
				}
			}
			Counts []struct {
				Definition string
				Adopted    *int64
				All        *int64 `json:"with_not_adopted"`
			}
		}
	}
	if err := json.NewDecoder(rates(t, j, "json")).Decode(&table); err != nil || len(table.Rows) != 1 || table.Rows[0].Place != "350102-HR" {
		t.Fatalf("%v, %+v", err, table)
	}
	said := map[string][2]string{}
	for _, r := range table.Rows[0].Rates {
		figure := [2]string{fmt.Sprintf("%d/%d", r.Adopted.Num, r.Adopted.Den), fmt.Sprintf("%d/%d", r.All.Num, r.All.Den)}
		if r.Verdict != nil {
			figure[0] += " " + r.Verdict.Adopted
			figure[1] += " " + r.Verdict.All
		}
		said[r.Definition] = figure
	}
	for _, c := range table.Rows[0].Counts {
		figure := [2]string{"—", "—"}
		for i, n := range []*int64{c.Adopted, c.All} {
			if n != nil {
				figure[i] = fmt.Sprint(*n)
			}
		}
		said[c.Definition] = figure
	}
	return said
}

// ratesInXLSX is ratesInJSON of the spreadsheet.
func ratesInXLSX(t *testing.T, j journey) map[string][2]string {
	t.Helper()
	book, err := excelize.OpenReader(rates(t, j, "xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string][2]string{}
	var columns []string
	for _, row := range rows {
		if slices.Contains(row, "numerator") {
			columns = row
		}
		cell := func(name string) string {
			if i := slices.Index(columns, name); i >= 0 && i < len(row) {
				return row[i]
			}
			return ""
		}
		definition := cell("definition")
		if cell("line") != "row" || cell("place") != "350102-HR" || definition == "N12" || definition == "N13" { // those have several lines
			continue
		}
		var figure [2]string
		for i, end := range []string{"", "_all"} {
			figure[i] = cmp.Or(cell("numerator"+end), "—")
			if den := cell("denominator" + end); den != "" {
				figure[i] += "/" + den
			}
			if verdict := cell("verdict" + end); verdict != "" {
				figure[i] += " " + verdict
			}
		}
		said[definition] = figure
	}
	return said
}
