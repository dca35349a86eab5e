package main

import (
	"maps"
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
// connection lost in the middle, on either engine; and another one, whose page is opened
// again meanwhile.
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
	c.run("survey", "add", c.file("survey.json", `{"id": "now", "title": {"zh": "测评"}, "opens": "2024-01-01T00:00:00+08:00", "closes": "2099-01-01T00:00:00+08:00", "rules": {"interviews": {"per_bureau": 30, "recheck": 1}}}`))
	j := &journey{Chromium: chromium(t), Shots: os.Getenv("MANYI_SHOTS"), User: "chen", Bureau: "350102-HR", Symbol: filepath.Join(t.TempDir(), "photo.png")}
	j.Password = last(c.run("user", "add", "chen", "--role", "evaluator", "--generate"))
	c.run("evaluations", "assign", "chen", j.Bureau)
	c.run("codes", "--place", storetest.GulouHR1, "--as", "png", "--out", j.Symbol, "--base-url", "http://pj.example.gov.cn") // any picture will do
	p.serve(t)
	j.Base = p.base
	j.run(t, "evaluate")

	var asked []survey.Listed
	err := store().Responses(t.Context(), survey.ResponseQuery{Survey: "now"}, func(r survey.Listed) error {
		asked = append(asked, r)
		return nil
	})
	if err != nil || len(asked) != 1 || asked[0].Level != survey.Dissatisfied || asked[0].Channel != survey.ChannelInterview ||
		asked[0].Interview == nil || *asked[0].Interview != (survey.Interview{Mode: survey.ByPhone, By: "chen"}) {
		t.Errorf("the interview: %+v, %v", asked, err)
	}
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
	j.Other = login{"lin", last(c.run("user", "add", "lin", "--role", "evaluator", "--generate"))}
	j.Above = login{"admin", last(c.run("user", "add", "admin", "--role", "organiser", "--generate"))}
	openedAgain(t, c, *j, store())
	interviewedOnTheWay(t, c, *j, store())
}

// interviewedOnTheWay enters interviews while the connection comes and goes, and has one
// called back.
func interviewedOnTheWay(t *testing.T, c commands, j journey, store survey.Store) {
	for _, name := range []string{j.User, j.Other.Name} {
		c.run("evaluations", "assign", name, j.Bureau)
	}
	before := map[survey.Key]bool{}
	each := func(use func(survey.Listed)) {
		t.Helper()
		if err := store.Responses(t.Context(), survey.ResponseQuery{Survey: "now"}, func(r survey.Listed) error { use(r); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	each(func(r survey.Listed) { before[r.Key] = true })
	j.run(t, "interviews")

	j.run(t, "worker") // enters no interview

	got := map[string]int{}
	each(func(r survey.Listed) {
		if before[r.Key] {
			return
		}
		got[r.Comment+" "+r.Level.String()]++
		if r.Interview == nil || r.Interview.By != j.User || r.Channel != survey.ChannelInterview {
			t.Errorf("%s: %+v", r.Comment, r.Interview)
		}
	})
	want := map[string]int{"在线 satisfied": 1, "断线一 very_satisfied": 1, "断线二 basically_satisfied": 1, "两次 satisfied": 1, "改好 dissatisfied": 1, "有话 dissatisfied": 1, "退出前 satisfied": 1, "可回访 satisfied": 1}
	if !maps.Equal(got, want) {
		t.Errorf("stored are %v, want %v", got, want)
	}
}

// openedAgain opens an evaluator's page without a connection, and lets others come after.
func openedAgain(t *testing.T, c commands, j journey, store survey.Store) {
	j.Bureau = "350104-HR"
	c.run("evaluations", "assign", "chen", j.Bureau)
	c.run("evaluations", "assign", "lin", j.Bureau)
	j.run(t, "offline")

	findings := map[string]survey.Finding{}
	e, err := store.Evaluation(t.Context(), survey.EvaluationID{Survey: "now", Bureau: j.Bureau, Evaluator: "chen"})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	var items []string
	for _, entry := range e.Entries {
		keys[entry.Key] = true
		if f := findings[entry.Item]; f != "" && entry.Item != "5" { // which was said bit by bit: note, photo, finding
			t.Errorf("item %s is stored as %s and again as %s", entry.Item, f, entry.Finding)
		}
		if findings[entry.Item] == "" {
			items = append(items, entry.Item)
		}
		findings[entry.Item] = entry.Finding
	}
	if want := []string{"1", "2", "5", "3", "6", "7", "8", "9", "10"}; !slices.Equal(items, want) || len(keys) != len(e.Entries) {
		t.Errorf("stored are the items %v, want %v; %d entries under %d keys", items, want, len(e.Entries), len(keys))
	}
	if findings["1"] != survey.FindingMet || findings["2"] != survey.FindingNotMet || findings["5"] != survey.FindingNotMet || findings["3"] != survey.FindingMet {
		t.Errorf("findings %v", findings)
	}
	if e, err := store.Evaluation(t.Context(), survey.EvaluationID{Survey: "now", Bureau: j.Bureau, Evaluator: "lin"}); err != nil || len(e.Entries) != 0 {
		t.Errorf("in the name of who came after: %d entries, %v", len(e.Entries), err)
	}
}
