package sheet

import (
	"fmt"
	"reflect"
	"slices"

	"manyi/stats"
	"manyi/survey"
)

// Inputs is what is known of a bureau besides its responses and cases.
type Inputs struct {
	Visits     Visits
	Evaluation *Evaluation // nil if none was submitted
	Flags      map[survey.QualityKind]int64
}

// Fill adds up the inputs of a unit's bureaus. Numbers of people from 1 to below least
// are left out, and what they would follow from; of evaluations and flags nothing is,
// as no citizen's rating follows from them.
func (u *Unit) Fill(least int64, of map[string]Inputs) {
	visits := map[string]Visits{}
	u.Flags, u.Evaluations = map[survey.QualityKind]int64{}, map[string]Evaluation{}
	for _, bureau := range u.members() {
		in := of[bureau]
		visits[bureau] = in.Visits
		for kind, n := range in.Flags {
			u.Flags[kind] += n
		}
		if in.Evaluation != nil {
			u.Evaluations[bureau] = *in.Evaluation
		}
	}
	u.FillVisits(least, visits)
}

// FillVisits adds up the visits of a unit's bureaus, as [Unit.Fill] does.
func (u *Unit) FillVisits(least int64, of map[string]Visits) {
	u.Visits = nil
	u.Merged = slices.DeleteFunc(slices.Clone(u.Merged), func(m Merged) bool { return m == MergedVisits })
	if u.merged(MergedCounts) {
		return // nothing is told of how many rated
	}
	var visits Visits
	for _, bureau := range u.members() {
		visits.Served += of[bureau].Served
		visits.Rated += of[bureau].Rated
		visits.Defaults += of[bureau].Defaults
	}
	switch {
	case !told(least, visits.numbers()...):
		u.Merged = append(u.Merged, MergedVisits)
	case visits.Served > 0:
		u.Visits = &visits
	}
}

// FillCases adds up the cases of a unit's bureaus as they stood at the end of a day; 0 if
// none has ended since the survey began. Numbers are left out as in [Unit.Fill]. How many
// cases were rectified and how many of them in time may differ by less: that is the
// bureau's doing.
func (u *Unit) FillCases(least int64, of map[string]survey.CaseTally, asOf survey.Span) {
	u.Cases = nil
	u.Merged = slices.DeleteFunc(slices.Clone(u.Merged), func(m Merged) bool { return m == MergedCases })
	if asOf == 0 || u.merged(MergedCounts) {
		return
	}
	var cases survey.CaseTally
	for _, bureau := range u.members() {
		cases.Merge(of[bureau])
	}
	u.cases(least, cases, asOf)
}

func (u *Unit) members() []string {
	if len(u.Pooled) == 0 {
		return []string{u.Place}
	}
	return u.Pooled
}

// numbers is every number of people that follows from the visits.
func (v Visits) numbers() []int64 {
	return []int64{v.Served, v.Rated, v.Served - v.Rated, v.Defaults, v.Served - v.Rated - v.Defaults}
}

// told reports whether numbers are none or large enough.
func told(least int64, numbers ...int64) bool {
	return !slices.ContainsFunc(numbers, func(n int64) bool { return n != 0 && -least < n && n < least })
}

// inSheets are the rates of cases that a publication speaks of.
var inSheets = []string{"callback", "rectification", "on_time", "real_name", "real_name_confirmed"}

func (u *Unit) cases(least int64, t survey.CaseTally, asOf survey.Span) {
	u.Cases = &Cases{AsOf: asOf.String()}
	counted := sum(u.Counted)
	bad := counted.N - counted.Good
	// Bad reviews are told already, so those not due could be had by subtraction. How many
	// are pending is not told, and nothing depends on it: of a bureau whose reviews wait to
	// be logged it would say that some are bad.
	all := told(least, bad-t.Adopted.Due-t.NotAdopted.Due)
	not := sum(u.NotAdopted).N
	adopted := !u.merged(MergedNotAdopted) && told(least, bad-not-t.Adopted.Due, not-t.NotAdopted.Due)
	hidden := false
	for _, d := range stats.MakeCases(t, asOf).Rates {
		if !slices.Contains(inSheets, d.Name) {
			continue
		}
		r := CaseRate{Definition: d.Definition, Name: d.Name}
		ratio := func(q stats.Ratio, due int64) *Share {
			if !told(least, q.Num, q.Den, q.Den-q.Num, due, due-q.Den) {
				return nil
			}
			return share(q.Num, q.Den)
		}
		if all {
			r.All = ratio(d.All, t.Adopted.Due+t.NotAdopted.Due)
		}
		if r.All != nil && adopted && told(least, d.All.Den-d.Adopted.Den, d.All.Num-d.Adopted.Num) {
			r.Adopted = ratio(d.Adopted, t.Adopted.Due)
		}
		if d.Verdict != nil {
			r.Verdict = &Verdict{About: d.Verdict.About, WithNotAdopted: d.Verdict.WithNotAdopted}
			// Where numbers are not told, verdicts that differ would tell of a single review.
			if r.Adopted != nil {
				r.Verdict.Adopted = d.Verdict.Adopted
			}
		}
		hidden = hidden || r.Adopted == nil
		u.Cases.Rates = append(u.Cases.Rates, r)
	}
	if hidden {
		u.Merged = append(u.Merged, MergedCases)
	}
}

func (u Unit) merged(what Merged) bool {
	return slices.Contains(u.Merged, what) || slices.Contains(u.Merged, MergedCounts)
}

// Check finds what cannot be in what a unit says beside the log, or is too small a
// number to be told. That is all that can be checked of it: see package bundle.
func (u Unit) Check(least int64) error {
	if v := u.Visits; v != nil {
		if v.Rated < 0 || v.Defaults < 0 || v.Rated+v.Defaults > v.Served {
			return fmt.Errorf("visits: %d rated and %d defaults do not go into %d served", v.Rated, v.Defaults, v.Served)
		}
		if !told(least, v.numbers()...) {
			return fmt.Errorf("visits: a number is below %d, which may not be told", least)
		}
	}
	for bureau, e := range u.Evaluations {
		if bureau != u.Place && !slices.Contains(u.Pooled, bureau) {
			return fmt.Errorf("evaluations: bureau %s is not of the unit", bureau)
		}
		if e.Met < 0 || e.Met > e.Items || e.MetWeight < 0 || e.MetWeight > e.Weight {
			return fmt.Errorf("evaluations: of bureau %s more is met than there is", bureau)
		}
	}
	if u.Cases == nil {
		return nil
	}
	for i, r := range u.Cases.Rates {
		if i >= len(inSheets) || r.Name != inSheets[i] {
			return fmt.Errorf("cases: %q is no rate that belongs there", r.Name)
		}
		for _, s := range []*Share{r.Adopted, r.All} {
			if s != nil && (s.Num < 0 || s.Num > s.Den || !told(least, s.Num, s.Den, s.Den-s.Num)) {
				return fmt.Errorf("cases: %s is %d of %d, which cannot be or may not be told", r.Name, s.Num, s.Den)
			}
		}
		if again := r.again(); !reflect.DeepEqual(again, r) {
			return fmt.Errorf("cases: %s does not follow from its numbers", r.Name)
		}
	}
	return nil
}
