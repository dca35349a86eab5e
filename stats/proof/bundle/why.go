package bundle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"manyi/stats/sheet"
	"manyi/survey"
)

// Why a number changed. Auditors are told the leaves of the data log that say so.
const (
	WhyResponses = "responses" // appended to the log since
	WhyDecisions = "decisions" // about adopting reviews, appended since
	// WhyStanding means that other ones of the leaves there were count: of several
	// responses for a case another one, or another number is large enough to be told.
	WhyStanding = "standing"
	WhyPooling  = "pooling" // the unit is made of other bureaus than before
	WhyWaiting  = "waiting" // for the log
	WhySteps    = "steps"   // of cases, appended since
	WhyVisits   = "visits"  // that lists added or moved, appended since; or, of bureaus they left, without leaves
	// WhyDays means that cases were counted at the end of a later day, at which deadlines
	// had passed, or that a list of visits came that proves some; of unrated visits that
	// more of them are defaults by now.
	WhyDays = "days"
	// WhyEvaluations means that versions of evaluations were submitted since, or that another
	// number of them is not finished.
	WhyEvaluations = "evaluations"
)

// events are the leaves that came between two publications, in order.
type events struct {
	responses, decisions map[string][]int64 // by bureau
	steps                map[string][]int64 // decisions among them
	apart                map[string][]int64 // responses that are in no unit, by channel
	visits               map[string][]int64 // by bureau
	evaluations          map[string][]int64 // submitted versions, by bureau
}

// Explain says of each number that a publication changes why it did: what stands in
// the log by what was appended since, what stands beside it by what it is.
func Explain(ctx context.Context, store survey.LogStore, list []Change, was, will Document) error {
	e, err := eventsBetween(ctx, store, will, was.Leaves)
	if err != nil {
		return err
	}
	before, now := members(was), members(will)
	for i := range list {
		list[i].Why = e.why(list[i], before, now, will.Audience == Auditor)
	}
	return nil
}

// members is the bureaus of every unit, by its place.
func members(d Document) map[string][]string {
	of := map[string][]string{}
	for _, u := range d.Units {
		of[u.Place] = bureausOf(u)
	}
	return of
}

func bureausOf(u sheet.Unit) []string {
	if len(u.Pooled) == 0 {
		return []string{u.Place}
	}
	return u.Pooled
}

func eventsBetween(ctx context.Context, store survey.LogStore, d Document, from int64) (events, error) {
	e := events{map[string][]int64{}, map[string][]int64{}, map[string][]int64{}, map[string][]int64{}, map[string][]int64{}, map[string][]int64{}}
	field, want := d.Period.field()
	decided, made := map[string][]int64{}, map[string][]int64{} // by the tag of the review
	err := eachFact(ctx, store, d.Survey.ID, from, d.Leaves, func(o survey.FactOpening, value func(string) string) error {
		switch {
		case o.Kind == survey.FactStep:
			tag := strings.Clone(value("response"))
			made[tag] = append(made[tag], o.Index)
			if decides(value("step")) {
				decided[tag] = append(decided[tag], o.Index)
			}
		case o.Kind == survey.FactVisits && (field == "" || value(field) == want):
			e.visits[value("bureau")] = append(e.visits[value("bureau")], o.Index)
		case o.Kind == survey.FactEvaluation:
			e.evaluations[value("bureau")] = append(e.evaluations[value("bureau")], o.Index)
		case o.Kind != survey.FactResponse || field != "" && value(field) != want:
		case apart(d.Survey.Rules, value("channel")):
			e.apart[value("channel")] = append(e.apart[value("channel")], o.Index)
		default:
			e.responses[value("bureau")] = append(e.responses[value("bureau")], o.Index)
		}
		return nil
	})
	if err != nil || len(made) == 0 {
		return e, err
	}
	// A step does not say which bureau it is about; its review does.
	err = eachFact(ctx, store, d.Survey.ID, 0, d.Leaves, func(o survey.FactOpening, value func(string) string) error {
		if at := made[value("tag")]; o.Kind == survey.FactResponse && at != nil {
			e.steps[value("bureau")] = append(e.steps[value("bureau")], at...)
			e.decisions[value("bureau")] = append(e.decisions[value("bureau")], decided[value("tag")]...)
		}
		return nil
	})
	return e, err
}

func (e events) why(c Change, before, now map[string][]string, leaves bool) string {
	kind, rest, _ := strings.Cut(c.What, ".")
	bureaus := now[c.Place]
	if c.Place == "" { // of all
		for _, of := range now {
			bureaus = append(bureaus, of...)
		}
	} else if !slices.Equal(before[c.Place], bureaus) && !unseen(before, c.Place, bureaus) {
		return WhyPooling
	}
	of := func(word string, by map[string][]int64, names ...string) string {
		var at []int64
		for _, name := range names {
			at = append(at, by[name]...)
		}
		switch slices.Sort(at); {
		case len(at) == 0:
			return ""
		case leaves:
			return word + " " + spans(at)
		}
		return word
	}
	join := func(none string, all ...string) string {
		all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
		if len(all) == 0 {
			return none
		}
		return strings.Join(all, "; ")
	}
	either := func(all ...string) string { return join(WhyStanding, all...) }
	switch kind {
	case "counted", "superseded":
		return either(of(WhyResponses, e.responses, bureaus...))
	case "not_adopted":
		return either(of(WhyDecisions, e.decisions, bureaus...), of(WhyResponses, e.responses, bureaus...))
	case "apart":
		return either(of(WhyResponses, e.apart, rest))
	case "cases", "wrong_deadlines":
		return join(WhyDays, of(WhySteps, e.steps, bureaus...), of(WhyResponses, e.responses, bureaus...))
	case "visits":
		if c.Place == "" {
			return WhyWaiting
		}
		none := WhyVisits
		if rest == "defaults" {
			none = WhyDays
		}
		return join(none, of(WhyVisits, e.visits, bureaus...), of(WhyResponses, e.responses, bureaus...))
	case "evaluations":
		return join(WhyEvaluations, of(WhyEvaluations, e.evaluations, bureaus...))
	case "outside", "outside_steps", "outside_evaluations":
		return WhyWaiting
	}
	return kind // beside the log: flags
}

// unseen reports whether neither a unit nor any of its bureaus was there before.
func unseen(before map[string][]string, place string, bureaus []string) bool {
	for at, of := range before {
		if at == place || slices.ContainsFunc(bureaus, func(b string) bool { return slices.Contains(of, b) }) {
			return false
		}
	}
	return true
}

// spans writes indexes in order, those that follow one another as 5-9.
func spans(at []int64) string {
	var b strings.Builder
	for i := 0; i < len(at); {
		j := i
		for j+1 < len(at) && at[j+1] <= at[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if fmt.Fprint(&b, at[i]); at[j] > at[i] {
			fmt.Fprintf(&b, "-%d", at[j])
		}
		i = j + 1
	}
	return b.String()
}
