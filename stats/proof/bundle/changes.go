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
	listed := map[[2]string][2]int64{}
	for _, c := range will.Changes {
		listed[[2]string{c.Place, c.What}] = [2]int64{c.Was, c.Will}
	}
	for _, c := range Changes(was, will) {
		if at := [2]string{c.Place, c.What}; listed[at] != [2]int64{c.Was, c.Will} {
			return fmt.Errorf("%s of %q was %d and is %d, which it does not list", c.What, c.Place, c.Was, c.Will)
		}
		delete(listed, [2]string{c.Place, c.What})
	}
	for _, c := range will.Changes {
		if _, left := listed[[2]string{c.Place, c.What}]; left {
			return fmt.Errorf("it lists %s of %q as changed from %d to %d, which it was not", c.What, c.Place, c.Was, c.Will)
		}
	}
	return nil
}

// numbersOf is every number of the units, by place and by where it stands.
func numbersOf(d Document) map[[2]string]int64 {
	all := map[[2]string]int64{{"", "outside"}: d.Outside, {"", "not_adopted"}: d.NotAdopted}
	for channel, n := range d.Apart {
		all[[2]string{"", "apart." + channel}] = n
	}
	for _, u := range d.Units {
		for name, n := range numbersIn(u) {
			all[[2]string{u.Place, name}] = n
		}
	}
	return all
}

// numbersIn is the whole numbers of a unit by where they stand in its JSON.
func numbersIn(u sheet.Unit) map[string]int64 {
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
	all := map[string]int64{}
	walk("", tree, all)
	return all
}

func walk(at string, v any, all map[string]int64) {
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
		if n, err := v.Int64(); err == nil {
			all[at] = n
		}
	}
}
