package survey

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// CaseSheet is what the cases of a survey came to at the end of a day, by bureau
// and the month the reviews came in.
type CaseSheet struct {
	Survey   string                        `json:"survey"`
	AsOf     Span                          `json:"as_of"` // a day: counted as of its end
	No       int                           `json:"no"`    // from 1; above 1 the day was counted again, and came out differently
	MadeAt   time.Time                     `json:"made_at"`
	Counting int                           `json:"counting,omitempty"` // version of what is counted, see [Counting]
	Bureaus  map[string]map[Span]CaseTally `json:"bureaus"`
	// Changes is how the sheets of this day differ, and why, up to this one.
	Changes []SheetChange `json:"changes,omitempty"`
}

// Counting is the version of what a sheet counts. It grows when a program counts a
// day otherwise than the one before it did.
const Counting = 2

// SheetChange is how a bureau and month were counted anew.
type SheetChange struct {
	No     int           `json:"no"` // of the sheet that counts differently than the one before it
	Bureau string        `json:"bureau"`
	Month  Span          `json:"month"`
	Counts []CountChange `json:"counts"`
	Causes []SheetCause  `json:"causes,omitempty"`
	// Explained is false where the causes do not account for the difference:
	// somebody has to find out what happened.
	Explained bool `json:"explained"`
}

// CountChange is a count that came out differently; its name is its path in the
// sheet, such as adopted.due.
type CountChange struct {
	Name string `json:"name"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

// SheetCause is what is on record and accounts for a change.
type SheetCause struct {
	Kind Cause     `json:"kind"`
	N    int64     `json:"n"`
	Last time.Time `json:"last,omitzero"` // when the last of them was recorded; zero where that is not kept
}

// Cause is why a day that has passed is counted differently later. A deadline set
// once a calendar is known is none: it holds from that day on.
type Cause string

// The causes.
const (
	CauseLateReview Cause = "late_review" // a review of that day or before, stored or opened later: from a node's disk, or imported
	CauseLateEntry  Cause = "late_entry"  // an entry about that day or before, written down later; imported ones are among them
	// CauseStanding: another rating of the same visit counts now, or a list of visits
	// proves or moves one. When lists were imported is not kept.
	CauseStanding Cause = "standing"
	CauseCounting Cause = "counting" // the program counts otherwise than the one before
)

// Causes lists the causes.
var Causes = [...]Cause{CauseLateReview, CauseLateEntry, CauseStanding, CauseCounting}

// Counts are the tally's counts above zero by their path, such as adopted.due.
func (t CaseTally) Counts() map[string]int64 {
	doc, err := json.Marshal(t)
	var tree any
	if err == nil {
		err = json.Unmarshal(doc, &tree)
	}
	if err != nil {
		panic(fmt.Sprintf("survey: a tally is no JSON: %v", err)) // it holds numbers only
	}
	counts := map[string]int64{}
	flatten(counts, "", tree)
	return counts
}

func flatten(counts map[string]int64, path string, node any) {
	below := func(name string, v any) {
		if path != "" {
			name = path + "." + name
		}
		flatten(counts, name, v)
	}
	switch node := node.(type) {
	case map[string]any:
		for name, v := range node {
			below(name, v)
		}
	case []any:
		for i, v := range node {
			below(strconv.Itoa(i+1), v)
		}
	case float64:
		if node != 0 {
			counts[path] = int64(node)
		}
	}
}

// Recount finds out why a day is counted differently than before. It counts the
// cases once more as they were on record when the earlier sheet was made: where
// that gives the earlier numbers, what was recorded since accounts for the
// difference, and otherwise nothing does.
type Recount struct {
	before, after CaseSheet
	zone          *time.Location
	cells         map[sheetCell]*recounted
}

type sheetCell struct {
	bureau string
	month  Span
}

// recounted is a bureau and month that changed.
type recounted struct {
	was    CaseTally // as far as it was on record when the earlier sheet was made
	named  int64     // cases that name a visit, so that their worth may change
	causes map[Cause]SheetCause
}

// NewRecount compares two sheets of a day.
func NewRecount(before, after CaseSheet, zone *time.Location) *Recount {
	r := &Recount{before: before, after: after, zone: zone, cells: map[sheetCell]*recounted{}}
	for _, sheet := range []CaseSheet{before, after} {
		for bureau, months := range sheet.Bureaus {
			for month := range months {
				cell := sheetCell{bureau, month}
				if len(r.changed(cell)) > 0 {
					r.cells[cell] = &recounted{causes: map[Cause]SheetCause{}}
				}
			}
		}
	}
	return r
}

func (r *Recount) changed(cell sheetCell) (changes []CountChange) {
	from, to := r.before.Bureaus[cell.bureau][cell.month].Counts(), r.after.Bureaus[cell.bureau][cell.month].Counts()
	names := maps.Clone(from)
	maps.Copy(names, to)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if from[name] != to[name] {
			changes = append(changes, CountChange{Name: name, From: from[name], To: to[name]})
		}
	}
	return changes
}

// Add takes in a case of the day or before; all have to come.
func (r *Recount) Add(c Case) {
	cell := r.cells[sheetCell{BureauOf(c.Response.Path.Window()), c.Response.Day.Month()}]
	if cell == nil {
		return
	}
	end := r.before.AsOf.Plus(1).Start(r.zone)
	if c.Response.Case.Number != "" {
		cell.named++
	}
	var known []Entry
	for i, e := range c.Entries {
		switch late := e.recorded().After(r.before.MadeAt); {
		case !late:
			known = append(known, e)
		case i > 0 && e.At.Before(end):
			cell.note(CauseLateEntry, e.recorded())
		}
	}
	if len(known) == 0 {
		last := r.after.MadeAt // not opened to this day
		if len(c.Entries) > 0 {
			last = c.Entries[0].recorded()
		}
		cell.note(CauseLateReview, last)
		return
	}
	c.Entries = known
	cell.was.Add(c, c.Progress(end, r.zone), r.before.AsOf)
}

// recorded is when an entry was written down.
func (e Entry) recorded() time.Time {
	if e.Recorded.After(e.At) {
		return e.Recorded
	}
	return e.At
}

func (cell *recounted) note(kind Cause, at time.Time) {
	c := cell.causes[kind]
	c.Kind = kind
	c.N++
	if at.After(c.Last) {
		c.Last = at
	}
	cell.causes[kind] = c
}

// Changes are what differs, by bureau and month.
func (r *Recount) Changes() (changes []SheetChange) {
	for cell, found := range r.cells {
		c := SheetChange{No: r.after.No, Bureau: cell.bureau, Month: cell.month, Counts: r.changed(cell)}
		c.Explained = found.explains(r.before.Bureaus[cell.bureau][cell.month])
		if r.before.Counting != r.after.Counting {
			found.causes[CauseCounting] = SheetCause{Kind: CauseCounting, N: 1}
			c.Explained = true
		}
		for _, kind := range Causes {
			if cause, ok := found.causes[kind]; ok {
				c.Causes = append(c.Causes, cause)
			}
		}
		changes = append(changes, c)
	}
	slices.SortFunc(changes, func(a, b SheetChange) int {
		return cmp.Or(cmp.Compare(a.Bureau, b.Bureau), cmp.Compare(a.Month, b.Month))
	})
	return changes
}

// explains reports whether the earlier count follows from what was on record then.
//
// Two things are not known to the case: whether a late review was stored already,
// as not yet opened, and what each review was worth then. Both leave a trace in the
// counts, and no count may differ by more than those traces.
func (cell *recounted) explains(before CaseTally) bool {
	all := func(t CaseTally) int64 { return t.Adopted.Cases + t.NotAdopted.Cases + t.Superseded }
	stored := all(before) - all(cell.was)
	if stored < 0 || stored > cell.causes[CauseLateReview].N {
		return false
	}
	slack := stored
	if cell.named > 0 {
		real := func(t CaseTally) int64 { return t.Adopted.Real.Cases + t.NotAdopted.Real.Cases }
		moved := max(abs(before.Superseded-cell.was.Superseded), abs(real(before)-real(cell.was)))
		if moved > stored {
			cell.causes[CauseStanding] = SheetCause{Kind: CauseStanding, N: moved}
			slack += moved
		}
	}
	from, to := before.Counts(), cell.was.Counts()
	for name := range to {
		from[name] += 0 // so that every count of either is looked at
	}
	for name, n := range from {
		if abs(n-to[name]) > slack {
			return false
		}
	}
	return len(cell.causes) > 0
}

func abs(n int64) int64 { return max(n, -n) }
