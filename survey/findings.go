package survey

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// ItemFinding is what an evaluator found of one item, as it is published: notes and photos
// stay where they are.
type ItemFinding struct {
	Item    string   `json:"item"`
	Finding Finding  `json:"finding"`
	Values  []string `json:"values,omitempty"` // one for each threshold of the item, if anything was measured
}

// Findings is the answers in the instrument's order, without those to other items.
func (i Instrument) Findings(answers map[string]Judgement) []ItemFinding {
	list := []ItemFinding{}
	for _, item := range i.Items {
		if a, ok := answers[item.Number]; ok {
			list = append(list, ItemFinding{item.Number, a.Finding, a.Values})
		}
	}
	return list
}

// CheckFindings returns the first thing that no submitted evaluation says: each item has one
// finding, in the instrument's order, and the values measured go with it.
func (i Instrument) CheckFindings(list []ItemFinding) error {
	for n, item := range i.Items {
		if n >= len(list) || list[n].Item != item.Number {
			return fmt.Errorf("item %s has no finding, or not in its place", item.Number)
		}
		said := list[n]
		f, values, faults := item.judge(said.Finding, said.Values)
		if len(faults) > 0 {
			return fmt.Errorf("item %s cannot be %q with the values %q: %w", item.Number, said.Finding, said.Values, faults)
		}
		if said.Finding == "" || f != said.Finding || !slices.Equal(values, said.Values) {
			return fmt.Errorf("item %s: finding %q with the values %q is not in the form it is kept in", item.Number, said.Finding, said.Values)
		}
	}
	if len(list) > len(i.Items) {
		return fmt.Errorf("item %q is none of the instrument, or there twice", list[len(i.Items)].Item)
	}
	return nil
}

// SHA256 is the hash of the instrument's JSON, in hexadecimal. Logged evaluations and the
// version of the rules name it, so that the JSON of a version may never change: what is
// added to it later has to be left out where it is empty.
func (i Instrument) SHA256() string {
	doc, err := json.Marshal(i)
	if err != nil {
		panic("survey: an instrument has no JSON: " + err.Error())
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// Submissions are the states in which an evaluation was submitted, by version from 1.
func (e Evaluation) Submissions() (list []EvaluationState) {
	for n, entry := range e.Entries {
		if entry.Step == StepSubmitted {
			list = append(list, Evaluation{e.EvaluationID, e.Entries[:n+1]}.State())
		}
	}
	return list
}
