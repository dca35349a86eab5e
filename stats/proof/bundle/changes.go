package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"manyi/stats/sheet"
)

// Changes lists every number of the units that is another one in a later publication, by
// place and then by where it stands; a number that is not there is nought.
func Changes(was, will Document) (list []Change) {
	old, now := numbersOf(was), numbersOf(will)
	keys := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(now)))
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	for _, k := range slices.Compact(keys) {
		if old[k] != now[k] {
			list = append(list, Change{Place: k[0], What: k[1], Was: old[k], Will: now[k]})
		}
	}
	return list
}

// CheckChanges reports the first number that a correction changes and does not list, or
// lists otherwise than it is. Why it changed is the publisher's word.
func CheckChanges(was, will Document) error {
	listed := map[[2]string][2]float64{}
	for _, c := range will.Changes {
		listed[[2]string{c.Place, c.What}] = [2]float64{c.Was, c.Will}
	}
	for _, c := range Changes(was, will) {
		if at := [2]string{c.Place, c.What}; listed[at] != [2]float64{c.Was, c.Will} {
			return fmt.Errorf("%s of %q was %v and is %v, which it does not list", c.What, c.Place, c.Was, c.Will)
		}
		delete(listed, [2]string{c.Place, c.What})
	}
	for _, c := range will.Changes {
		if _, left := listed[[2]string{c.Place, c.What}]; left {
			return fmt.Errorf("it lists %s of %q as changed from %v to %v, which it was not", c.What, c.Place, c.Was, c.Will)
		}
	}
	return nil
}

// SameUnits reports whether two documents say the same of their units, but for the day
// at whose end cases were counted.
func SameUnits(a, b Document) bool {
	return same(undated(a.Units), undated(b.Units)) == nil
}

func undated(units []sheet.Unit) []sheet.Unit {
	units = slices.Clone(units)
	for i, u := range units {
		if u.Cases != nil {
			units[i].Cases = &sheet.Cases{Rates: u.Cases.Rates}
		}
	}
	return units
}

// numbersOf is every number of the units, by place and by where it stands.
func numbersOf(d Document) map[[2]string]float64 {
	all := map[[2]string]float64{{"", "outside"}: float64(d.Outside), {"", "outside_steps"}: float64(d.OutsideSteps), {"", "outside_evaluations"}: float64(d.OutsideEvaluations), {"", "not_adopted"}: float64(d.NotAdopted)}
	if d.WrongDeadlines != 0 {
		all[[2]string{"", "wrong_deadlines"}] = float64(d.WrongDeadlines)
	}
	if d.Visits != nil {
		all[[2]string{"", "visits.outside"}] = float64(d.Visits.Outside)
	}
	for channel, n := range d.Apart {
		all[[2]string{"", "apart." + channel}] = float64(n)
	}
	for _, u := range d.Units {
		for name, n := range numbersIn(u) {
			all[[2]string{u.Place, name}] = n
		}
	}
	return all
}

// numbersIn is the numbers of a unit by where they stand in its JSON.
func numbersIn(u sheet.Unit) map[string]float64 {
	doc, err := json.Marshal(u)
	if err != nil {
		panic("bundle: a unit has no JSON: " + err.Error())
	}
	dec := json.NewDecoder(strings.NewReader(string(doc)))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		panic("bundle: a unit has no JSON: " + err.Error())
	}
	all := map[string]float64{}
	walk("", tree, all)
	return all
}

func walk(at string, v any, all map[string]float64) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			walk(strings.TrimPrefix(at+"."+name, "."), one, all)
		}
	case []any:
		for i, one := range v {
			walk(at+"."+strconv.Itoa(i), one, all)
		}
	case json.Number:
		if n, err := v.Float64(); err == nil {
			all[at] = n
		}
	}
}
