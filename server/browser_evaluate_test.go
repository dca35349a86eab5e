package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// TestBrowserEvaluation takes an evaluator on a phone through an evaluation, with the
// connection lost in the middle, on either engine.
func TestBrowserEvaluation(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		c := newFolder(t)
		evaluationJourney(t, c, newProcess("serve", "--data", c.env["MANYI_DATA"], "--addr", "127.0.0.1:0"), func() survey.Store { return c.base().store })
	})
	t.Run("MongoDB", func(t *testing.T) {
		t.Parallel()
		chromium(t)
		uri := mongotest.Open(t)
		i := newInstallation(t, uri, uri)
		c := commands{t, i.env(uri, "MANYI_DATA", t.TempDir())}
		evaluationJourney(t, c, i.node(t.TempDir(), "127.0.0.1:0"), func() survey.Store { return i.base().store })
	})
}

func evaluationJourney(t *testing.T, c commands, p *process, store func() survey.Store) {
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	c.run("survey", "add", c.file("survey.json", `{"id": "now", "title": {"zh": "测评"}, "opens": "2024-01-01T00:00:00+08:00", "closes": "2099-01-01T00:00:00+08:00"}`))
	j := &journey{Chromium: chromium(t), Shots: os.Getenv("MANYI_SHOTS"), User: "chen", Bureau: "350102-HR", Symbol: filepath.Join(t.TempDir(), "photo.png")}
	j.Password = last(c.run("user", "add", "chen", "--role", "evaluator", "--generate"))
	c.run("evaluations", "assign", "chen", j.Bureau)
	c.run("codes", "--place", storetest.GulouHR1, "--as", "png", "--out", j.Symbol, "--base-url", "http://pj.example.gov.cn") // any picture will do
	p.serve(t)
	j.Base = p.base
	j.run(t, "evaluate")

	e, err := store().Evaluation(t.Context(), survey.EvaluationID{Survey: "now", Bureau: j.Bureau, Evaluator: "chen"})
	if err != nil {
		t.Fatal(err)
	}
	var of3 []string
	keys := map[string]bool{}
	for _, entry := range e.Entries {
		keys[entry.Key] = true
		if entry.Item == "3" {
			of3 = append(of3, string(entry.Finding))
		}
	}
	s := e.State()
	if len(keys) != len(e.Entries) || s.Version != 2 || s.SubmittedVersion != 1 || len(s.Submitted) != 64 {
		t.Errorf("%d entries under %d keys, version %d, submitted %d with %d items", len(e.Entries), len(keys), s.Version, s.SubmittedVersion, len(s.Submitted))
	}
	if want := []string{"met", "not_applicable"}; !slices.Equal(of3, want) {
		t.Errorf("item 3 was answered %s, want %s", strings.Join(of3, ", "), strings.Join(want, ", "))
	}
}
