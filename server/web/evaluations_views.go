package web

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
)

// EvaluationsView is what evaluators found, bureau by bureau.
type EvaluationsView struct {
	Console
	Table       figures.EvaluationTable
	Within      string          // as it was asked for
	Show        evaluationState // bureaus that are listed; empty for all
	Of          map[evaluationState]int
	Cities      []EvaluationCity // with a bureau that is listed
	Unfold      bool             // the cities show their bureaus at once
	Evaluators  []EvaluatorForm
	Submitted   int // bureaus with a submitted evaluation
	GateMet     int
	VetoFlagged int
}

// evaluationState is how far the evaluation of a bureau is.
type evaluationState string

const (
	unassigned evaluationState = "unassigned" // nobody was given it
	open       evaluationState = "open"       // somebody who was given it has yet to submit
	submitted  evaluationState = "submitted"  // everybody who was given it has submitted
)

// evaluationStates are the states to choose from; each bureau is in one of them.
var evaluationStates = []evaluationState{unassigned, open, submitted}

func stateOf(r figures.EvaluationRow) evaluationState {
	switch {
	case len(r.Evaluators) == 0:
		return unassigned
	case r.Unfinished > 0:
		return open
	}
	return submitted
}

// EvaluationCity is the bureaus of a city.
type EvaluationCity struct {
	byCity[figures.EvaluationRow]                         // those listed
	Of                            map[evaluationState]int // all of them
}

// byCity is what there is of each bureau of a city (市), or of a bureau that has none above it.
type byCity[T any] struct {
	City, Name string
	Bureaus    []T
}

// groupByCity puts what there is of bureaus under their cities, those in the order of
// their first bureau: the code of a bureau without a city may lie between two of a city.
func groupByCity[T any](w *world, of []T, bureau func(T) string) (cities []byCity[T]) {
	at := map[string]int{}
	for _, one := range of {
		city := w.tree.Above(bureau(one), survey.City)
		n, known := at[city]
		if !known {
			n, at[city] = len(cities), len(cities)
			cities = append(cities, byCity[T]{City: city, Name: w.name(city)})
		}
		cities[n].Bureaus = append(cities[n].Bureaus, one)
	}
	return cities
}

// unfolded is how many bureaus are shown at once; more are folded by city.
const unfolded = 15

// list puts the bureaus of a table under their cities, and counts them.
func (v *EvaluationsView) list(w *world) {
	v.Of = map[evaluationState]int{}
	shown := 0
	for _, c := range groupByCity(w, v.Table.Rows, func(r figures.EvaluationRow) string { return r.Place }) {
		city := EvaluationCity{c, map[evaluationState]int{}}
		for _, row := range c.Bureaus {
			v.Of[stateOf(row)]++
			city.Of[stateOf(row)]++
		}
		city.Bureaus = slices.DeleteFunc(city.Bureaus, func(r figures.EvaluationRow) bool { return v.Show != "" && stateOf(r) != v.Show })
		if shown += len(city.Bureaus); len(city.Bureaus) > 0 {
			v.Cities = append(v.Cities, city)
		}
	}
	v.Unfold = shown <= unfolded || len(v.Cities) == 1
}

// States are the states to choose from.
func (EvaluationsView) States() []evaluationState { return evaluationStates }

// Address is the page with the bureaus in one state, or all.
func (v EvaluationsView) Address(show evaluationState) string {
	q := url.Values{"survey": {v.Survey.ID}}
	for name, value := range map[string]string{"within": v.Within, "show": string(show)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/console/evaluations?" + q.Encode()
}

// Chosen marks the state that is shown.
func (v EvaluationsView) Chosen(show evaluationState) template.HTMLAttr {
	if show == v.Show {
		return ` aria-current="true"`
	}
	return ""
}

// EvaluatorForm assigns bureaus to an evaluator.
type EvaluatorForm struct {
	Name   string
	Given  int
	Cities []byCity[AssignChoice]
}

// AssignChoice is a bureau that may be given.
type AssignChoice struct {
	Place, Name string
	Given       bool
}

// noneShown is a figure there is none of, as percent writes it.
const noneShown = "无 none"

// Points is a score as it is shown.
func (EvaluationsView) Points(s stats.Score) string {
	v, ok := s.Value()
	if !ok {
		return noneShown
	}
	return fmt.Sprintf("%.2f", stats.Round2(v))
}

// Kappa is a kappa as it is shown.
func (EvaluationsView) Kappa(p figures.EvaluatorPair) string {
	v, ok := p.Kappa()
	if !ok {
		return noneShown
	}
	return fmt.Sprintf("%.2f", stats.Round2(v))
}
