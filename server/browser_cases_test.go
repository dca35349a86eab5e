package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// TestBrowserCases takes a bad review its whole way in a real browser, on either
// engine, and lets the nightly count run as of a day when every deadline is over.
func TestBrowserCases(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		chromium(t)
		c := newFolder(t)
		caseJourneyOn(t, newProcess("serve", "--data", c.env["MANYI_DATA"], "--addr", "127.0.0.1:0"), c)
	})
	t.Run("MongoDB", func(t *testing.T) {
		chromium(t)
		uri := mongotest.Open(t)
		i := newInstallation(t, uri, uri)
		caseJourneyOn(t, i.node(t.TempDir(), "127.0.0.1:0"), i.commands(t))
	})
}

func caseJourneyOn(t *testing.T, p *process, cmd commands) {
	now := time.Now()
	cmd.run("places", "import", cmd.file("places.csv", placesCSV(storetest.Places())))
	cmd.run("survey", "add", cmd.file("survey.json", surveyJSON("now", now.Year())))
	next := now.Year() + 1 // deadlines may fall in it
	cmd.run("calendar", "import", cmd.file("calendar.csv", fmt.Sprintf("date,kind,holiday\n%d-01-01,off,元旦节\n", next)))

	j := journey{Chromium: chromium(t), Shots: os.Getenv("MANYI_SHOTS"), User: "boss", SMS: phoneStandIn(t), Symbol: filepath.Join(t.TempDir(), "photo.png")}
	p.cmd.Env = append(p.cmd.Env, "MANYI_SMS_URL="+j.SMS, "MANYI_SMS_SECRET="+strings.Repeat("s", 32))
	p.serve(t)
	j.Base = p.base
	j.Password = last(cmd.run("user", "add", j.User, "--role", "supervisor", "--place", "350102-HR", "--generate"))
	j.Token = last(cmd.run("token", "add", "browser", "--role", "organiser"))
	j.First = cmd.scan(p.base, storetest.GulouHR1)
	cmd.run("codes", "--place", storetest.GulouHR1, "--as", "png", "--out", j.Symbol, "--base-url", p.base) // any picture will do
	j.run(t, "cases")

	later := now.AddDate(0, 0, 60)
	cmd.run("compute", "--as-of", later.Format(time.RFC3339))
	j.AsOf = survey.DayOf(later, openZone(t)).Plus(-1).String()
	j.run(t, "caserates")
	for _, format := range []string{"json", "xlsx"} {
		if got := realNameRate(t, j, format); got != "1/1 met" {
			t.Errorf("the real-name rate in %s: %s, want 1/1 met", format, got)
		}
	}
}

func openZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(storetest.Zone)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// realNameRate reads the bureau's real-name rate from the API.
func realNameRate(t *testing.T, j journey, format string) string {
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
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("case-rates: status %d", res.StatusCode)
	}
	if format == "json" {
		var table struct {
			Rows []struct {
				Rates []struct {
					Definition string
					Adopted    struct{ Num, Den int64 }
					Verdict    *struct{ Adopted string }
				}
			}
		}
		if err := json.NewDecoder(res.Body).Decode(&table); err != nil {
			t.Fatal(err)
		}
		for _, row := range table.Rows {
			for _, r := range row.Rates {
				if r.Definition == "C4" {
					return fmt.Sprintf("%d/%d %s", r.Adopted.Num, r.Adopted.Den, r.Verdict.Adopted)
				}
			}
		}
		return "none"
	}
	book, err := excelize.OpenReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		// line, survey, sample, as_of, sheet, place, name, definition, figure, two titles, numerator, denominator, …, verdict
		if len(row) > 20 && row[0] == "row" && row[5] == "350102-HR" && row[7] == "C4" {
			return fmt.Sprintf("%s/%s %s", row[11], row[12], row[20])
		}
	}
	return "none"
}
