package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manyi/server/web"
	"manyi/stats/proof/bundle"
	"manyi/survey"
	"manyi/survey/storetest"
)

// rated stores responses of a window, good and bad, as of a day in 2024.
func rated(t *testing.T, b *base, seed uint64, window string, good, bad int) {
	t.Helper()
	s, err := b.store.Survey(t.Context(), "y2024")
	if err != nil {
		t.Fatal(err)
	}
	f := storetest.NewFacts(seed, s)
	var made []survey.Response
	for i := range good + bad {
		made = append(made, f.Response(window, storetest.At("2024-03-04 10:00").Add(time.Duration(i)*time.Second), func(r *survey.Response) {
			if r.Level = survey.VerySatisfied; i >= good {
				r.Level = survey.Dissatisfied
			}
		}))
	}
	if _, err := b.store.AddResponses(t.Context(), made); err != nil {
		t.Fatal(err)
	}
}

func TestPublishedAndVerified(t *testing.T) {
	c := filledFolder(t)
	publishAndVerify(t, c, c.base())
}

func TestPublishedAndVerifiedOnMongoDB(t *testing.T) {
	c, b := filledOnMongoDB(t)
	publishAndVerify(t, c, b)
}

func publishAndVerify(t *testing.T, c commands, b *base) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	rated(t, b, 1, storetest.GulouHR1, 30, 8)
	rated(t, b, 2, storetest.SimingTax, 25, 3)
	rated(t, b, 3, storetest.CangshanHR, 25, 4)

	out := c.run("publish", "--out", at("1.zip"))
	id, rest, _ := strings.Cut(strings.TrimPrefix(out, "publication: "), "\nkey: ")
	key := strings.TrimSpace(rest)
	if id != "y2024/whole/1" || !strings.HasPrefix(key, "manyi+") {
		t.Fatalf("publish printed %q", out)
	}
	if got := c.run("verify", at("1.zip"), "--key", key); !strings.Contains(got, "ok: y2024/whole/1, public") || !strings.Contains(got, "95 responses") || strings.Contains(got, "WARNING") {
		t.Errorf("verify printed %q", got)
	}
	if got := c.run("verify", at("1.zip")); !strings.Contains(got, "WARNING") || !strings.Contains(got, key) {
		t.Errorf("verify without a key printed %q", got)
	}
	first := read(t, at("1.zip"))

	// Nothing came in since: the same publication is written again, to the byte.
	c.run("publish", "--out", at("again.zip"))
	if !bytes.Equal(read(t, at("again.zip")), first) {
		t.Error("published again with nothing new, the bundle is another one")
	}

	// Late responses make a correction, which lists what they changed.
	rated(t, b, 4, storetest.GulouHR1, 20, 5)
	if got := c.run("publish", "--out", at("2.zip"), "--audience", "auditor"); !strings.Contains(got, "y2024/whole/2") {
		t.Errorf("publish printed %q", got)
	}
	if got := c.run("verify", at("2.zip"), "--key", key); !strings.Contains(got, "real-name rates, of 20 cases with 20 steps") || !strings.Contains(got, "on the signature alone") {
		t.Errorf("verify for auditors printed %q", got)
	}
	if !bytes.Contains(read(t, at("2.zip")), []byte(`"num": 0,
       "den": 13`)) {
		t.Error("the cases of a bureau are not counted")
	}
	for _, want := range []string{`"corrects": "y2024/whole/1"`, `"what": "counted.qr.n"`, `"was": 38`, `"will": 63`, `"why": "responses `} {
		if !bytes.Contains(read(t, at("2.zip")), []byte(want)) {
			t.Errorf("the correction does not hold %s", want)
		}
	}

	// So do lists of visits, although nothing new is in the logs, and an evaluation.
	s, err := b.store.Survey(t.Context(), "y2024")
	if err != nil {
		t.Fatal(err)
	}
	facts := storetest.NewFacts(5, s)
	var visits []survey.Visit
	for i := range 90 {
		visits = append(visits, facts.Visit(storetest.GulouHR1, fmt.Sprint("V", i), storetest.At("2024-03-04 10:00")))
	}
	_, err = b.store.PutVisits(t.Context(), visits)
	if err == nil {
		err = b.store.AddEvaluationEntries(t.Context(), survey.EvaluationID{Survey: "y2024", Bureau: "350102-HR", Evaluator: "chen"},
			storetest.Evaluated(survey.BuiltIn(), 0, storetest.At("2024-03-05 10:00"), map[string]survey.Finding{"1": survey.FindingNotMet}))
	}
	if err != nil {
		t.Fatal(err)
	}
	c.run("publish", "--out", at("3.zip"))
	c.run("verify", at("3.zip"), "--key", key)
	for _, want := range []string{`"corrects": "y2024/whole/2"`, `"what": "visits.served"`, `"will": 90`, `"with_defaults": {`, `"items_met": 59`, `"not_recomputed_by_verify": [`} {
		if !bytes.Contains(read(t, at("3.zip")), []byte(want)) {
			t.Errorf("with visits and an evaluation the publication does not hold %s", want)
		}
	}
	if c.run("publish", "--out", at("again.zip")); !bytes.Equal(read(t, at("again.zip")), read(t, at("3.zip"))) {
		t.Error("published again with nothing new, the bundle is another one")
	}

	changed := bytes.Replace(first, []byte(":true\t"), []byte(":trus\t"), 1)
	if err := os.WriteFile(at("changed.zip"), changed, 0o600); err != nil {
		t.Fatal(err)
	}
	c.refused([]string{"verify", at("changed.zip"), "--key", key}, "changed.zip does not hold", "leaves.tsv")
	c.refused([]string{"publish", "--out", at("x.zip"), "--sample"}, "--sample")
	c.refused([]string{"publish", "--out", at("x.zip"), "--period", "2023-12"}, `period "2023-12"`, "2026-03")
	c.refused([]string{"publish"}, "--out")
	c.refused([]string{"publish", "--out", at("x.zip"), "--period", "2024-13"}, "2024-13")
	c.refused([]string{"publish", "--out", at("x.zip"), "--audience", "all"}, "audience")

	// A figure is not signed while ratings may still be on a node's disk.
	now, err := b.store.Now(t.Context())
	if err == nil {
		err = b.store.PutNode(t.Context(), survey.Node{Name: "hall-2", SeenAt: now, Spool: survey.SpoolState{Waiting: 1, Oldest: now}})
	}
	if err != nil {
		t.Fatal(err)
	}
	c.refused([]string{"publish", "--out", at("x.zip")}, `node "hall-2"`, "清空", "server nodes drop")
	if _, err := os.Stat(at("x.zip")); err == nil {
		t.Error("what was refused left a file")
	}

	// The API gives the same bundles, to the byte, also of what was corrected since.
	address := c.serve()
	token := last(c.run("token", "add", "checker", "--role", "auditor"))
	for path, file := range map[string]string{"1/bundle.zip": "1.zip", "2/bundle.zip?for=auditors": "2.zip"} {
		if got := get(t, address+"/api/v1/publications/y2024/whole/"+path, token); got != string(read(t, at(file))) {
			t.Errorf("%s is not the file that publish wrote; it has %d bytes", path, len(got))
		}
	}
}

// TestPublishedInTheConsole closes a period with the button: the same publication, by
// the same rules, as the command makes.
func TestPublishedInTheConsole(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		c := filledFolder(t)
		publishInTheConsole(t, c, c.base())
	})
	t.Run("MongoDB", func(t *testing.T) {
		c, b := filledOnMongoDB(t)
		publishInTheConsole(t, c, b)
	})
}

func publishInTheConsole(t *testing.T, c commands, b *base) {
	base := c.serve()
	office := browser(t)
	signInAs(t, office, base, "chen", last(c.run("user", "add", "chen", "--role", "organiser", "--generate")))
	_, page, err := fetch(office, base+"/console/publications")
	if err != nil {
		t.Fatal(err)
	}
	csrf := csrfIn.FindStringSubmatch(page)
	if csrf == nil {
		t.Fatalf("no form: %.300s", page)
	}
	press := func(csrf string, status int, words ...string) (page string) {
		t.Helper()
		res, err := office.PostForm(base+"/console/publications", url.Values{"csrf": {csrf}, "survey": {"y2024"}, "period": {"2024-03"}})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status {
			t.Errorf("status %d, %v, want %d", res.StatusCode, err, status)
		}
		for _, w := range words {
			if !strings.Contains(string(text), w) {
				t.Errorf("the page lacks %s:\n%s", w, text)
			}
		}
		return string(text)
	}
	press("forged", http.StatusForbidden)
	press(csrf[1], http.StatusUnprocessableEntity, `data-fault="publish_nothing"`)

	rated(t, b, 1, storetest.GulouHR1, 30, 8)
	press(csrf[1], http.StatusOK, `data-made="y2024/2024-03/1"`, `data-publication="y2024/2024-03/1"`, "chen")
	press(csrf[1], http.StatusOK, `data-same="y2024/2024-03/1"`)
	rated(t, b, 2, storetest.GulouHR1, 30, 9)
	page = press(csrf[1], http.StatusOK, `data-made="y2024/2024-03/2"`)
	if n := strings.Count(page, "data-publication="); n != 2 {
		t.Errorf("%d publications are listed", n)
	}
	p, err := b.store.Publication(t.Context(), survey.PublicationID{Survey: "y2024", Period: "2024-03", No: 2})
	if err != nil || p.By != "chen" || p.Corrects != 1 || p.N != 77 {
		t.Errorf("by %q, corrects %d, n = %d, %v", p.By, p.Corrects, p.N, err)
	}

	// The command takes it for its own, and what is downloaded is what it writes.
	dir := t.TempDir()
	for file, link := range map[string]string{"public": "/bundle.zip", "auditor": "/bundle.zip?for=auditors"} {
		out := filepath.Join(dir, file)
		if got := c.run("publish", "--period", "2024-03", "--out", out, "--audience", file); !strings.Contains(got, "y2024/2024-03/2") {
			t.Errorf("publish printed %q", got)
		}
		status, got, err := fetch(office, base+"/console/publications/y2024/2024-03/2"+link)
		if err != nil || status != http.StatusOK || got != string(read(t, out)) {
			t.Errorf("%s: status %d, %d bytes that the command does not write, %v", link, status, len(got), err)
		}
		c.run("verify", out, "--key", b.log.Key)
	}

	now, err := b.store.Now(t.Context())
	if err == nil {
		err = b.store.PutNode(t.Context(), survey.Node{Name: "hall-2", SeenAt: now, Spool: survey.SpoolState{Waiting: 1, Oldest: now}})
	}
	if err != nil {
		t.Fatal(err)
	}
	press(csrf[1], http.StatusUnprocessableEntity, `data-fault="publish_unsettled"`, "hall-2")
}

// TestSamplesArePublishedAsSuch: demo data cannot be taken for real.
func TestSamplesArePublishedAsSuch(t *testing.T) {
	c := commands{t, map[string]string{"MANYI_DATA": sampleFolder(t, 20)}}
	file := filepath.Join(t.TempDir(), "sample.zip")
	c.refused([]string{"publish", "--out", file}, "--sample")
	c.run("publish", "--out", file, "--sample")
	if got := c.run("verify", file); !strings.Contains(got, "SAMPLE") {
		t.Errorf("verify printed %q", got)
	}
	// The sample shows all a publication can hold.
	for _, want := range []string{`"formula": "100 × 0.7`, `"evaluations": {`, `"with_defaults": {`, `"cases_as_of":`, `"rank": {`, "SAMPLE: demo data"} {
		if !bytes.Contains(read(t, file), []byte(want)) {
			t.Errorf("the sample does not hold %s", want)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAWrongDeadlineIsPublishedByWhoSaysSo: what is in the log cannot be put right, so it
// is said, by the publication and by who checks it.
func TestAWrongDeadlineIsPublishedByWhoSaysSo(t *testing.T) {
	c := filledFolder(t)
	b := c.base()
	rated(t, b, 1, storetest.GulouHR1, 30, 8)
	owed, err := b.store.OwedCases(t.Context(), 1)
	if err != nil || len(owed) != 1 {
		t.Fatalf("%d cases are owed, %v", len(owed), err)
	}
	r := owed[0].Response
	err = b.store.AddEntries(t.Context(), r.Key, []survey.Entry{{No: 1, Step: survey.StepOpened, At: r.ReceivedAt, Party: survey.System,
		Clock: &survey.Clock{Contact: 20240305, Rectify: 20240520, Callback: 20240527, Calendar: survey.NewCalendar(nil).Version}}}, survey.CaseSummary{State: survey.CaseOpen})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "1.zip")
	c.refused([]string{"publish", "--out", file}, "of 1 steps", "20240305 20240520 20240527", "--wrong-deadlines")
	v, err := b.store.Survey(t.Context(), "y2024")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = b.publisher(t.Context())(t.Context(), web.Publishing{Survey: v, Period: bundle.WholePeriod, By: "chen"})
	var faults survey.Faults
	if !errors.As(err, &faults) || faults[0].Why != survey.WhyPublishDeadlines {
		t.Errorf("the console's button: %v", err)
	}
	c.refused([]string{"publish", "--out", file, "--wrong-deadlines", "2"}, "of 1 steps", "2 were to be named")
	for _, audience := range bundle.Audiences {
		_, key, _ := strings.Cut(c.run("publish", "--out", file, "--wrong-deadlines", "1", "--audience", string(audience)), "\nkey: ")
		if got := c.run("verify", file, "--key", strings.TrimSpace(key)); !strings.Contains(got, "LOOK: 1 steps in the log set other deadlines than the rules give") {
			t.Errorf("%s: verify printed %q", audience, got)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
