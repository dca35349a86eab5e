package stats_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"manyi/stats"
	"manyi/survey"
	"manyi/survey/storetest"
)

// worked is a bad review on which random people take random legal steps.
type worked struct {
	survey.Case
	of   survey.Survey
	rand *rand.Rand
	now  time.Time
}

func newWorked(seed uint64) *worked {
	of := storetest.Survey()
	w := &worked{of: of, rand: rand.New(rand.NewPCG(seed, 11)), now: storetest.At("2024-02-20 09:00")}
	windows := storetest.Windows()
	r := storetest.NewFacts(seed, of).Response(windows[w.rand.IntN(len(windows))], w.now, storetest.Bad, func(r *survey.Response) { r.Reasons = []int{207} })
	r.Anonymous = seed%7 == 0
	w.Case = survey.Case{Response: survey.Listed{Response: r, Standing: survey.Counted}, Reachable: seed%5 != 0}
	if seed%3 == 0 {
		w.Response.Tie = survey.TieProven
	}
	return w
}

var parties = []survey.Worker{{Name: "wang", Party: survey.Own}, {Name: "zhao", Party: survey.Own}, {Name: "li", Party: survey.Higher},
	{Party: survey.Citizen}, {Party: survey.System}}

// step lets up to two days pass and takes a legal step, if there is one.
func (w *worked) step(t *testing.T) survey.CaseStep {
	t.Helper()
	w.now = w.now.Add(time.Duration(w.rand.IntN(48)) * time.Hour)
	zone := w.of.Location()
	who := parties[w.rand.IntN(len(parties))]
	if len(w.Entries) == 0 {
		who = parties[4]
	}
	legal := w.Legal(w.Progress(time.Time{}, zone), who, survey.DayOf(w.now, zone))
	if len(legal) == 0 {
		return ""
	}
	if slices.Contains(legal, survey.StepCallback) && w.rand.IntN(2) == 0 {
		legal = []survey.CaseStep{survey.StepCallback}
	}
	want := survey.Entry{Step: legal[w.rand.IntN(len(legal))], Note: "。", Days: 1 + w.rand.IntN(10), Ground: survey.GroundMistaken, Level: survey.Level(w.rand.IntN(6))}
	if outcomes := w.Outcomes(want.Step); len(outcomes) > 0 {
		want.Outcome = outcomes[w.rand.IntN(len(outcomes))]
	}
	if want.Step == survey.StepCallback && w.rand.IntN(2) == 0 {
		want.Outcome = survey.OutcomeUnreachable // it takes three on different days
	}
	made, _, err := w.Take(w.of, survey.NewCalendar(nil), who, w.now, want)
	if err != nil {
		t.Fatalf("the legal step %s: %v", want.Step, err)
	}
	w.Entries = append(w.Entries, made...)
	return want.Step
}

func (w *worked) tally(day survey.Span) (t survey.CaseTally) {
	zone := w.of.Location()
	t.Add(w.Case, w.Progress(day.Plus(1).Start(zone), zone), day)
	return t
}

// TestNoStepsBendTheRates: whatever legal steps are taken, no rate leaves 0 to 1,
// the parts add up, a case that is due stays due, and a day that has passed keeps
// its counts.
func TestNoStepsBendTheRates(t *testing.T) {
	reached := map[string]bool{}
	sums := map[survey.Span]*survey.CaseTally{}
	for seed := range uint64(300) {
		w := newWorked(seed)
		zone := w.of.Location()
		past := map[survey.Span]survey.CaseTally{}
		keeps := func(d survey.Span, step survey.CaseStep) {
			if was, ok := past[d]; ok && !reflect.DeepEqual(w.tally(d), was) {
				t.Fatalf("seed %d: %s changes %s, which has passed:\n%+v\n%+v", seed, step, d, was, w.tally(d))
			}
		}
		dueSince := survey.Span(0)
		day := survey.DayOf(w.now, zone)
		for range 45 {
			step := w.step(t)
			today := survey.DayOf(w.now, zone)
			for ; day < today; day = day.Plus(1) {
				past[day] = w.tally(day)
				due := past[day].Adopted.Due + past[day].NotAdopted.Due
				if due == 0 && dueSince != 0 {
					t.Fatalf("seed %d: due at the end of %s, and not any more on %s", seed, dueSince, day)
				}
				if due == 1 && dueSince == 0 {
					dueSince = day
				}
			}
			for d := today.Plus(-5); d < today; d = d.Plus(1) {
				keeps(d, step)
			}
			checkCases(t, fmt.Sprintf("seed %d, %s", seed, today), w.tally(today), reached)
		}
		for d, was := range past {
			keeps(d, "some step")
			if sums[d] == nil {
				sums[d] = &survey.CaseTally{}
			}
			sums[d].Merge(was)
		}
	}
	for d, sum := range sums {
		checkCases(t, "all on "+d.String(), *sum, reached)
	}
	for _, d := range stats.CaseDefinitions {
		if !reached[d.ID] && !slices.Contains([]string{"N4", "N9", "N10", stats.AfterID, stats.ReasonsID}, d.ID) {
			t.Errorf("no walk reaches %s: the test looks at too little", d.ID)
		}
	}
}

func checkCases(t *testing.T, when string, tally survey.CaseTally, reached map[string]bool) {
	t.Helper()
	f := stats.MakeCases(tally, 20240401)
	num := map[string][2]int64{}
	for _, r := range f.Rates {
		num[r.Definition] = [2]int64{r.Adopted.Num, r.All.Num}
		for _, ratio := range []stats.Ratio{r.Adopted, r.All} {
			if v, ok := ratio.Value(); ok != (ratio.Den > 0) || v < 0 || v > 1 || ratio.Num < 0 || ratio.Num > ratio.Den {
				t.Fatalf("%s: %s is %d/%d", when, r.Definition, ratio.Num, ratio.Den)
			}
		}
		if r.All.Num < r.Adopted.Num || int64(r.NotAdopted) != r.All.Den-r.Adopted.Den || r.NotAdopted < 0 {
			t.Fatalf("%s: %s without and with: %+v", when, r.Definition, r)
		}
		if v := r.Verdict; v != nil && (v.Adopted == stats.Met) != (r.Adopted.Den > 0 && r.Adopted.Num == r.Adopted.Den) {
			t.Fatalf("%s: %s of %+v is %s", when, r.Definition, r.Adopted, v.Adopted)
		}
		reached[r.Definition] = reached[r.Definition] || r.Adopted.Num > 0
	}
	n := map[string]stats.CaseCount{}
	for _, c := range f.Counts {
		n[c.Name] = c
		reached[c.Definition] = reached[c.Definition] || c.All > 0
	}
	for i, of := range [][3]int64{
		{int64(n["cases"].Adopted), int64(n["due"].Adopted), int64(n["pending"].Adopted)},
		{int64(n["cases"].All), int64(n["due"].All), int64(n["pending"].All)},
	} {
		if of[0] != of[1]+of[2] {
			t.Fatalf("%s: cases, due, pending %v", when, of)
		}
		if parts := num["C2"][i] + num["C7"][i] + num["C8"][i]; parts != of[1] {
			t.Fatalf("%s: rectified, explained and open are %d of %d due", when, parts, of[1])
		}
		if num["C3"][i] > num["C2"][i] || num["C6"][i] > num["C2"][i] || num["C5"][i] > num["C4"][i] || num["C4"][i] > num["C1"][i] || num["C1"][i]+num["C9"][i] > of[1] {
			t.Fatalf("%s: a part is more than its whole: %v", when, num)
		}
	}
	if n["cases"].All-n["cases"].Adopted != n["not_adopted"].All {
		t.Fatalf("%s: %v cases, %v of them adopted, %v not", when, n["cases"].All, n["cases"].Adopted, n["not_adopted"].All)
	}
}

// Counts add up whichever way they are put together.
func TestFiguresOfASumAreTheSumOfFigures(t *testing.T) {
	var whole survey.CaseTally
	want := map[string]int64{}
	for seed := range uint64(200) {
		w := newWorked(seed)
		for range 30 {
			w.step(t)
		}
		part := w.tally(survey.DayOf(w.now, w.of.Location()))
		whole.Merge(part)
		f := stats.MakeCases(part, 20240401)
		for _, r := range f.Rates {
			want[r.Definition+" num"] += r.Adopted.Num
			want[r.Definition+" den"] += r.Adopted.Den
			want[r.Definition+" all"] += r.All.Den
		}
		for _, c := range f.Counts {
			want[c.Definition] += int64(c.All)
		}
		want["reason"] += int64(f.Reasons[207])
	}
	f := stats.MakeCases(whole, 20240401)
	got := map[string]int64{"reason": int64(f.Reasons[207])}
	for _, r := range f.Rates {
		got[r.Definition+" num"], got[r.Definition+" den"], got[r.Definition+" all"] = r.Adopted.Num, r.Adopted.Den, r.All.Den
	}
	for _, c := range f.Counts {
		got[c.Definition] = int64(c.All)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A number stands for one formula for ever.
func TestDefinitionsAreNumbered(t *testing.T) {
	form := regexp.MustCompile(`^[CN][1-9]\d*$`)
	names, ids := map[string]bool{}, map[string]bool{}
	last := map[byte]int{}
	for _, d := range stats.CaseDefinitions {
		if !form.MatchString(d.ID) || ids[d.ID] || names[d.Name] || d.ID[0] == 'C' && d.Source == "" {
			t.Errorf("definition %+v", d)
		}
		ids[d.ID], names[d.Name] = true, true
		if n, _ := strconv.Atoi(d.ID[1:]); n != last[d.ID[0]]+1 {
			t.Errorf("%s follows %c%d", d.ID, d.ID[0], last[d.ID[0]])
		}
		last[d.ID[0]]++
	}
	for name, id := range map[string]string{"callback": "C1", "rectification": "C2", "on_time": "C3", "real_name": "C4", "real_name_confirmed": "C5",
		"rectification_confirmed": "C6", "explained": "C7", "open": "C8", "unreachable": "C9", "reopened": "C10", "after_callback": "C11"} {
		if got := stats.MakeCases(survey.CaseTally{}, 20240401).Rate(name).Definition; got != id {
			t.Errorf("%s is %s, was published as %s", name, got, id)
		}
	}
}
