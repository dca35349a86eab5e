package survey_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// TestWhatIsSubmittedCanBePublished: whatever an evaluator may enter, in whatever writing,
// the findings of the submitted version are such as are published, also read from their JSON.
func TestWhatIsSubmittedCanBePublished(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 6))
	values := []string{"", "0", "6.5", "7", "80", "90", "92.5%", "９５", "100", "x"}
	findings := []survey.Finding{"", survey.FindingMet, survey.FindingNotMet, survey.FindingNotApplicable}
	for range 60 {
		p := &pen{t: t, inst: storetest.Instrument(1), Evaluation: survey.Evaluation{EvaluationID: survey.EvaluationID{Survey: "y2024", Bureau: "350102-HR", Evaluator: "chen"}}}
		for open := p.State().Open(p.inst); len(open) > 0; open = p.State().Open(p.inst) {
			want := answer(p.inst.Items[r.IntN(len(p.inst.Items))].Number, findings[r.IntN(len(findings))])
			for range r.IntN(3) {
				want.Values = append(want.Values, values[r.IntN(len(values))])
			}
			_ = p.try(want) // many are refused
		}
		p.write(survey.EvaluationEntry{Step: survey.StepSubmitted})
		submitted := p.Submissions()
		if len(submitted) != 1 {
			t.Fatalf("%d submissions", len(submitted))
		}
		list := p.inst.Findings(submitted[0].Submitted)
		doc, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		var read []survey.ItemFinding
		if err := json.Unmarshal(doc, &read); err != nil {
			t.Fatal(err)
		}
		for _, l := range [][]survey.ItemFinding{list, read} {
			if err := p.inst.CheckFindings(l); err != nil {
				t.Errorf("%s: %v", doc, err)
			}
		}
	}
}

func TestFindingsThatCannotBe(t *testing.T) {
	i := storetest.Instrument(1)
	sound := func() []survey.ItemFinding {
		return []survey.ItemFinding{{Item: "1", Finding: "met"}, {Item: "2", Finding: "met", Values: []string{"90", ""}}, {Item: "3", Finding: "not_met", Values: []string{"8"}},
			{Item: "B1", Finding: "not_met"}, {Item: "V1", Finding: "not_applicable"}}
	}
	if err := i.CheckFindings(sound()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(l []survey.ItemFinding) []survey.ItemFinding
		want   string
	}{
		"one left out":          {func(l []survey.ItemFinding) []survey.ItemFinding { return l[:4] }, "item V1 has no finding"},
		"two swapped":           {func(l []survey.ItemFinding) []survey.ItemFinding { l[0], l[1] = l[1], l[0]; return l }, "item 1 has no finding, or not in its place"},
		"one twice":             {func(l []survey.ItemFinding) []survey.ItemFinding { return append(l, l[0]) }, `item "1" is none of the instrument, or there twice`},
		"below the threshold":   {func(l []survey.ItemFinding) []survey.ItemFinding { l[1].Values[0] = "89"; return l }, "below_threshold"},
		"above the threshold":   {func(l []survey.ItemFinding) []survey.ItemFinding { l[2].Finding = "met"; return l }, "below_threshold"},
		"a number in words":     {func(l []survey.ItemFinding) []survey.ItemFinding { l[2].Values[0] = "eight"; return l }, "item 3 cannot be"},
		"another writing":       {func(l []survey.ItemFinding) []survey.ItemFinding { l[1].Values[0] = "90%"; return l }, "not in the form it is kept in"},
		"a value of no measure": {func(l []survey.ItemFinding) []survey.ItemFinding { l[0].Values = []string{"1"}; return l }, "item 1 cannot be"},
		"no finding":            {func(l []survey.ItemFinding) []survey.ItemFinding { l[0].Finding = ""; return l }, "item 1"},
		"another word":          {func(l []survey.ItemFinding) []survey.ItemFinding { l[0].Finding = "so_so"; return l }, "item 1 cannot be"},
	} {
		if err := i.CheckFindings(c.change(sound())); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestAnInstrumentKeepsItsHash: logged evaluations name it, so a change of the JSON of an
// instrument would make every one of them one by another instrument.
func TestAnInstrumentKeepsItsHash(t *testing.T) {
	for name, c := range map[string]struct {
		i    survey.Instrument
		want string
	}{
		"short":    {storetest.Instrument(1), "78130d92072e29c4db6c4e958e5b6fab0beb9244fac5464f82c5c26335848726"},
		"built in": {survey.BuiltIn(), "b01c3d487827fc122b1a271a722923b2e9db1f3b0875660f8e9f1fa486e052e6"},
	} {
		if got := c.i.SHA256(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		doc, err := json.Marshal(c.i)
		if err != nil {
			t.Fatal(err)
		}
		var again survey.Instrument
		if err := json.Unmarshal(doc, &again); err != nil || again.SHA256() != c.want {
			t.Errorf("%s: read from its JSON it is another one, %v", name, err)
		}
	}
}
