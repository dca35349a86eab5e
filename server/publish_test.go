package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
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
	uri := mongotest.Open(t)
	i := newInstallation(t, uri, uri)
	c := i.commands(t)
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	c.run("survey", "add", c.file("survey.json", surveyJSON("y2024", 2024)))
	publishAndVerify(t, c, i.base())
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
	c.run("verify", at("2.zip"), "--key", key)
	for _, want := range []string{`"corrects": "y2024/whole/1"`, `"what": "counted.qr.n"`, `"was": 38`, `"will": 63`} {
		if !bytes.Contains(read(t, at("2.zip")), []byte(want)) {
			t.Errorf("the correction does not hold %s", want)
		}
	}

	// So do lists of visits and an evaluation, although nothing new is in the logs.
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
		err = b.store.AddEvaluationEntries(t.Context(), survey.EvaluationID{Survey: "y2024", Bureau: "350102-HR", Evaluator: "chen"}, []survey.EvaluationEntry{
			storetest.EvaluationAnswer(1, "1"), {No: 2, Key: "key-00002", Step: survey.StepSubmitted, At: storetest.At("2024-03-05 10:00")}})
	}
	if err != nil {
		t.Fatal(err)
	}
	c.run("publish", "--out", at("3.zip"))
	c.run("verify", at("3.zip"), "--key", key)
	for _, want := range []string{`"corrects": "y2024/whole/2"`, `"what": "visits.served"`, `"will": 90`, `"with_defaults": {`, `"items_met": 1`, `"not_recomputed_by_verify": [`} {
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
	c.refused([]string{"publish", "--out", at("x.zip")}, "node hall-2")
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

// TestSamplesArePublishedAsSuch: demo data cannot be taken for real.
func TestSamplesArePublishedAsSuch(t *testing.T) {
	c := commands{t, map[string]string{"MANYI_DATA": sampleFolder(t, 5)}}
	file := filepath.Join(t.TempDir(), "sample.zip")
	c.refused([]string{"publish", "--out", file}, "--sample")
	c.run("publish", "--out", file, "--sample")
	if got := c.run("verify", file); !strings.Contains(got, "SAMPLE") {
		t.Errorf("verify printed %q", got)
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
