package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"manyi/survey"
)

var evaluationChecks = []Check{
	{"instruments/a version is stored once and never changes", instrumentOnce},
	{"evaluations/entries are added under the next number only", evaluationNumbers},
	{"evaluations/of many who add at once one wins", evaluationRace},
	{"evaluations/what is sent again counts once", evaluationAgain},
	{"evaluations/several entries are added all or none", evaluationGroups},
	{"evaluations/of several evaluations none is added if one does not fit", evaluationsTogether},
	{"evaluations/several evaluations cut short are each whole, and are completed", evaluationsCut},
	{"evaluations/they are listed by survey and bureau", evaluationLists},
	{"evaluations/an assignment takes the place of the last", assignments},
}

// Instrument is a small sound instrument in a version: one item of each kind.
func Instrument(version int) survey.Instrument {
	item := func(number string, kind survey.ItemKind, weight float64, thresholds ...survey.Threshold) survey.Item {
		return survey.Item{Number: number, Chapter: survey.Text{Zh: "章", En: "Chapter"}, Title: survey.Text{Zh: "指标" + number, En: "Item $." + number},
			Kind: kind, Weight: weight, Thresholds: thresholds}
	}
	return survey.Instrument{InstrumentRef: survey.InstrumentRef{ID: "short", Version: version}, Title: survey.Text{Zh: "简表"}, Gate: 90, Items: []survey.Item{
		item("1", survey.ItemMet, 2), item("2", survey.ItemPercentage, 1.5, survey.Threshold{Value: 90, Measure: survey.Text{Zh: "网上"}}, survey.Threshold{Value: 80, Measure: survey.Text{Zh: "一窗"}}),
		item("3", survey.ItemCount, 1, survey.Threshold{Value: 7, AtMost: true}), item("B1", survey.ItemBonus, 1), item("V1", survey.ItemVeto, 0)}}
}

func instrumentOnce(t testing.TB, s survey.Store) {
	_, err := s.Instrument(t.Context(), survey.InstrumentRef{ID: "short", Version: 1})
	wantErr(t, "an unknown instrument", err, survey.ErrNotFound)
	first, second := Instrument(1), Instrument(2)
	second.Items = second.Items[:2]
	other := Instrument(10)
	other.ID = "another"
	for _, i := range []survey.Instrument{second, first, other} {
		must(t, "add", s.AddInstrument(t.Context(), i))
	}
	changed := Instrument(1)
	changed.Items[0].Weight = 3
	wantErr(t, "add a version again", s.AddInstrument(t.Context(), changed), survey.ErrExists)
	got, err := s.Instrument(t.Context(), first.InstrumentRef)
	must(t, "read", err)
	same(t, "instrument", got, first)
	all, err := s.Instruments(t.Context())
	must(t, "list", err)
	same(t, "instruments", all, []survey.Instrument{other, first, second})
	third := Instrument(3)
	onlyOne(t, "add", together(8, func(int) error { return s.AddInstrument(t.Context(), third) }), survey.ErrExists)
}

var evaluationAt = At("2024-03-05 08:00:00.007")

func evaluationOf(bureau, evaluator string) survey.EvaluationID {
	return survey.EvaluationID{Survey: "y2024", Bureau: bureau, Evaluator: evaluator}
}

// EvaluationAnswer is a sound entry: that an item is met.
func EvaluationAnswer(no int, item string) survey.EvaluationEntry {
	return survey.EvaluationEntry{No: no, Key: fmt.Sprintf("key-%05d", no), Step: survey.StepAnswered, At: evaluationAt.Add(time.Duration(no) * time.Minute),
		Item: item, Finding: survey.FindingMet}
}

// Evaluated is the entries of a whole version that was submitted, after a number of others:
// every item is met, and no bonus and no veto found, but for what is given.
func Evaluated(i survey.Instrument, after int, at time.Time, but map[string]survey.Finding) (list []survey.EvaluationEntry) {
	add := func(e survey.EvaluationEntry) {
		e.No, e.At = after+len(list)+1, at
		e.Key = fmt.Sprintf("key-%05d", e.No)
		list = append(list, e)
	}
	if after > 0 {
		add(survey.EvaluationEntry{Step: survey.StepRevised, Note: "again"})
	}
	for _, item := range i.Items {
		e := survey.EvaluationEntry{Step: survey.StepAnswered, Item: item.Number, Finding: survey.FindingMet}
		if !item.Kind.Scored() {
			e.Finding = survey.FindingNotMet
		}
		if f, other := but[item.Number]; other {
			e.Finding = f
		}
		for _, t := range item.Thresholds {
			if e.Finding == survey.FindingMet {
				e.Values = append(e.Values, strconv.FormatFloat(t.Value, 'f', -1, 64))
			}
		}
		add(e)
	}
	add(survey.EvaluationEntry{Step: survey.StepSubmitted})
	return list
}

func evaluation(t testing.TB, s survey.Store, id survey.EvaluationID) []survey.EvaluationEntry {
	t.Helper()
	e, err := s.Evaluation(t.Context(), id)
	must(t, "read evaluation", err)
	same(t, "whose it is", e.EvaluationID, id)
	return e.Entries
}

func evaluationNumbers(t testing.TB, s survey.Store) {
	id := evaluationOf("350102-HR", "chen $.")
	same(t, "entries of nothing", len(evaluation(t, s, id)), 0)
	first := EvaluationAnswer(1, "2")
	first.Values, first.Note, first.Photos = []string{"92.5", ""}, "甲 $.\n'", []string{survey.PhotoName([32]byte{1})}
	second := survey.EvaluationEntry{No: 2, Key: "key-00002", Step: survey.StepSubmitted, At: evaluationAt}
	wantErr(t, "begin with the second", s.AddEvaluationEntries(t.Context(), id, []survey.EvaluationEntry{second}), survey.ErrExists)
	must(t, "add nothing", s.AddEvaluationEntries(t.Context(), id, nil))
	must(t, "add", s.AddEvaluationEntries(t.Context(), id, []survey.EvaluationEntry{first}))
	wantErr(t, "add the first again", s.AddEvaluationEntries(t.Context(), id, []survey.EvaluationEntry{first}), survey.ErrExists)
	wantErr(t, "leave one out", s.AddEvaluationEntries(t.Context(), id, []survey.EvaluationEntry{EvaluationAnswer(3, "1")}), survey.ErrExists)
	must(t, "add", s.AddEvaluationEntries(t.Context(), id, []survey.EvaluationEntry{second}))
	changed := second
	changed.Step, changed.Note = survey.StepRevised, "other"
	wantErr(t, "change the second", s.AddEvaluationEntries(t.Context(), id, []survey.EvaluationEntry{changed}), survey.ErrExists)
	same(t, "entries", evaluation(t, s, id), []survey.EvaluationEntry{first, second})
	same(t, "entries of another evaluator", len(evaluation(t, s, evaluationOf("350102-HR", "lin"))), 0)
}

func evaluationRace(t testing.TB, s survey.Store) {
	id := evaluationOf("350102-HR", "chen")
	for no := 1; no <= 3; no++ {
		entries := make([]survey.EvaluationEntry, 8)
		onlyOne(t, "add", together(len(entries), func(i int) error {
			entries[i] = EvaluationAnswer(no, "1")
			entries[i].Key = fmt.Sprintf("writer-%d-%d", no, i)
			return s.AddEvaluationEntries(t.Context(), id, entries[i:i+1])
		}), survey.ErrExists)
	}
	same(t, "entries", len(evaluation(t, s, id)), 3)
}

// evaluationAgain sends the same and other entries at once, as a phone does that
// does not know what arrived.
func evaluationAgain(t testing.TB, s survey.Store) {
	v, i := Survey(), survey.BuiltIn()
	id := evaluationOf("350102-HR", "chen")
	for _, err := range together(12, func(n int) error {
		item := fmt.Sprint(n%4 + 1)
		_, err := survey.AddEvaluationEntry(t.Context(), s, v, i, id, evaluationAt, survey.EvaluationEntry{Key: "phone-key-" + item, Step: survey.StepAnswered, Item: item, Finding: survey.FindingMet})
		return err
	}) {
		must(t, "send", err)
	}
	seen := map[string]bool{}
	for n, e := range evaluation(t, s, id) {
		if seen[e.Key] || e.No != n+1 {
			t.Errorf("entry %d has the number %d and the key %s, which was there: %v", n+1, e.No, e.Key, seen[e.Key])
		}
		seen[e.Key] = true
	}
	same(t, "entries", len(seen), 4)
}

func evaluationGroups(t testing.TB, s survey.Store) {
	id := evaluationOf("350102-HR", "chen")
	var made []survey.EvaluationEntry
	for no := 1; no <= 5; no++ {
		made = append(made, EvaluationAnswer(no, fmt.Sprint(no)))
	}
	must(t, "begin", s.AddEvaluationEntries(t.Context(), id, made[:1]))
	cutShort(t, func(ctx context.Context) error { return s.AddEvaluationEntries(ctx, id, made[1:]) }, func(looks int64, err error) {
		if n := len(evaluation(t, s, id)); n != 1 && n != 5 || err == nil && n != 5 && !errors.Is(err, survey.ErrExists) {
			t.Errorf("cut at look %d: %d entries, %v", looks, n, err)
		}
	})
}

// evaluationGroupsOf begins evaluations of several bureaus.
func evaluationGroupsOf(bureaus ...string) (groups []survey.EvaluationGroup) {
	for _, b := range bureaus {
		groups = append(groups, survey.EvaluationGroup{ID: evaluationOf(b, "imported:institute"), Made: []survey.EvaluationEntry{EvaluationAnswer(1, "1"), EvaluationAnswer(2, "2")}})
	}
	return groups
}

func evaluationsTogether(t testing.TB, s survey.Store) {
	must(t, "add none", s.AddEvaluations(t.Context(), nil))
	groups := evaluationGroupsOf("350102-HR", "350104-HR", "350203-TAX")
	must(t, "begin the last", s.AddEvaluationEntries(t.Context(), groups[2].ID, groups[2].Made[:1]))
	wantErr(t, "add one that was begun", s.AddEvaluations(t.Context(), groups), survey.ErrExists)
	for i, want := range []int{0, 0, 1} {
		same(t, "entries after a refusal", len(evaluation(t, s, groups[i].ID)), want)
	}
	groups[2].Made = groups[2].Made[1:]
	must(t, "add where they go on from", s.AddEvaluations(t.Context(), groups))
	for _, g := range groups {
		same(t, "entries", evaluation(t, s, g.ID), []survey.EvaluationEntry{EvaluationAnswer(1, "1"), EvaluationAnswer(2, "2")})
	}
	wantErr(t, "add again", s.AddEvaluations(t.Context(), groups), survey.ErrExists)
}

// evaluationsCut stops at every step, and goes on each time with what is missing, as an
// import does that is run again.
func evaluationsCut(t testing.TB, s survey.Store) {
	groups := evaluationGroupsOf("350102-HR", "350104-HR", "350203-TAX")
	missing := func() (left []survey.EvaluationGroup) {
		for _, g := range groups {
			switch n := len(evaluation(t, s, g.ID)); n {
			case 0:
				left = append(left, g)
			case len(g.Made):
			default:
				t.Errorf("%s was left with %d of %d entries", g.ID.Bureau, n, len(g.Made))
			}
		}
		return left
	}
	cutShort(t, func(ctx context.Context) error { return s.AddEvaluations(ctx, missing()) }, func(looks int64, err error) {
		if left := len(missing()); err == nil && left > 0 {
			t.Errorf("cut at look %d: %d evaluations are missing, and no error", looks, left)
		}
	})
	same(t, "evaluations that are missing at last", len(missing()), 0)
}

func evaluationLists(t testing.TB, s survey.Store) {
	other := evaluationOf("350102-HR", "chen")
	other.Survey = "y2025"
	all := []survey.EvaluationID{evaluationOf("350102-HR", "chen"), evaluationOf("350102-HR", "lin"), evaluationOf("350102-HRS", "chen"), other}
	for n := range all {
		must(t, "begin", s.AddEvaluationEntries(t.Context(), all[len(all)-1-n], []survey.EvaluationEntry{EvaluationAnswer(1, "1"), EvaluationAnswer(2, "2")}))
	}
	list := func(id, bureau string) (got []survey.EvaluationID) {
		must(t, "list", s.Evaluations(t.Context(), id, bureau, func(e survey.Evaluation) error {
			got = append(got, e.EvaluationID)
			same(t, "entries", e.Entries, []survey.EvaluationEntry{EvaluationAnswer(1, "1"), EvaluationAnswer(2, "2")})
			return nil
		}))
		return got
	}
	same(t, "all", list("", ""), all)
	same(t, "of a survey", list("y2024", ""), all[:3])
	same(t, "of a bureau", list("y2024", "350102-HR"), all[:2])
	same(t, "of a bureau in all surveys", list("", "350102-HRS"), all[2:3])
	same(t, "of nothing", len(list("y2026", "")), 0)
	stop, n := errors.New("stop"), 0
	wantErr(t, "stopped", s.Evaluations(t.Context(), "", "", func(survey.Evaluation) error { n++; return stop }), stop)
	same(t, "after a yield error", n, 1)
}

func assignments(t testing.TB, s survey.Store) {
	list := func(id string) []survey.Assignment {
		t.Helper()
		got, err := s.Assignments(t.Context(), id)
		must(t, "assignments", err)
		return got
	}
	same(t, "assignments of nothing", len(list("")), 0)
	chen := survey.Assignment{Survey: "y2024", Evaluator: "chen", Bureaus: []string{"350102-HR", "350104-HR"}}
	lin := survey.Assignment{Survey: "y2024", Evaluator: "lin", Bureaus: []string{"350102-HR"}}
	later := survey.Assignment{Survey: "y2025", Evaluator: "chen", Bureaus: []string{"350102-HRS"}}
	for _, a := range []survey.Assignment{later, lin, {Survey: "y2024", Evaluator: "chen", Bureaus: []string{"350203-TAX"}}, chen} {
		must(t, "assign", s.PutAssignment(t.Context(), a))
	}
	same(t, "all assignments", list(""), []survey.Assignment{chen, lin, later})
	same(t, "assignments of a survey", list("y2024"), []survey.Assignment{chen, lin})
	lin.Bureaus = nil
	must(t, "take all away", s.PutAssignment(t.Context(), lin))
	same(t, "after taking all away", list("y2024"), []survey.Assignment{chen})
}
