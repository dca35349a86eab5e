package stats

import "manyi/survey"

// CaseDefinition is how a figure about cases is made. Its texts stand in the
// product's texts, under its name: what it is called, and its formula.
type CaseDefinition struct {
	// ID is C and a number for a rate, N and a number for a count. It never stands
	// for another formula: a changed one gets the next number.
	ID   string
	Name string // in files, in JSON and in the keys of texts
	// Source is where the formula is from: "indicator13" of the notice, "practice" of
	// the 好差评 system, or this product's "own".
	Source string
	// About is set on the figures a verdict is given on: whose word it goes by.
	About About

	num, den, pending func(survey.CaseCounts) int64 // pending is nil for what is not about due cases
	whole             func(survey.CaseTally) int64  // for a count that is not divided by adoption
}

// About says whose word a verdict goes by.
type About string

// Whose word it is: "closed by the bureau" and "confirmed by the citizen" are two facts.
const (
	Declared  About = "declared"  // by the bureau (单位填报)
	Confirmed About = "confirmed" // by the citizen (群众确认)
)

func cases(n survey.CaseCounts) int64   { return n.Cases }
func due(n survey.CaseCounts) int64     { return n.Due }
func pending(n survey.CaseCounts) int64 { return n.Pending }
func realDue(n survey.CaseCounts) int64 { return n.Real.Due }

func realPending(n survey.CaseCounts) int64 { return n.Real.Cases - n.Real.Due }

func levels(n survey.CaseCounts) (sum int64) {
	for _, x := range n.After {
		sum += x
	}
	return sum
}

// CaseDefinitions is every figure about cases, in the order they are shown.
var CaseDefinitions = [...]CaseDefinition{
	{ID: "C1", Name: "callback", Source: "practice", num: func(n survey.CaseCounts) int64 { return n.CalledBack }, den: due, pending: pending},
	{ID: "C2", Name: "rectification", Source: "practice", num: func(n survey.CaseCounts) int64 { return n.Rectified }, den: due, pending: pending},
	{ID: "C3", Name: "on_time", Source: "practice", num: func(n survey.CaseCounts) int64 { return n.OnTime }, den: due, pending: pending},
	{ID: "C4", Name: "real_name", Source: "indicator13", About: Declared, num: func(n survey.CaseCounts) int64 { return n.Real.Done }, den: realDue, pending: realPending},
	{ID: "C5", Name: "real_name_confirmed", Source: "own", About: Confirmed, num: func(n survey.CaseCounts) int64 { return n.Real.Confirmed }, den: realDue, pending: realPending},
	{ID: "C6", Name: "rectification_confirmed", Source: "own", num: func(n survey.CaseCounts) int64 { return n.Confirmed }, den: due, pending: pending},
	{ID: "C7", Name: "explained", Source: "own", num: func(n survey.CaseCounts) int64 { return n.Explained }, den: due, pending: pending},
	{ID: "C8", Name: "open", Source: "own", num: func(n survey.CaseCounts) int64 { return n.Open }, den: due, pending: pending},
	{ID: "C9", Name: "unreachable", Source: "own", num: func(n survey.CaseCounts) int64 { return n.Unreachable }, den: due, pending: pending},
	{ID: "C10", Name: "reopened", Source: "own", num: func(n survey.CaseCounts) int64 { return n.Reopened }, den: due, pending: pending},
	{ID: "C11", Name: "after_callback", Source: "own", num: func(n survey.CaseCounts) int64 { return n.After[0] + n.After[1] + n.After[2] }, den: levels},

	{ID: "N1", Name: "cases", num: cases},
	{ID: "N2", Name: "due", num: due},
	{ID: "N3", Name: "pending", num: pending},
	{ID: "N4", Name: "unknown_due", num: func(n survey.CaseCounts) int64 { return n.CalendarPending }},
	{ID: "N5", Name: "overdue", num: func(n survey.CaseCounts) int64 { return n.Overdue }},
	{ID: "N6", Name: "declined", num: func(n survey.CaseCounts) int64 { return n.Declined }},
	{ID: "N7", Name: "denied", num: func(n survey.CaseCounts) int64 { return n.Denied }},
	{ID: "N8", Name: "not_adopted", whole: func(t survey.CaseTally) int64 { return t.NotAdopted.Cases }},
	{ID: "N9", Name: "superseded", whole: func(t survey.CaseTally) int64 { return t.Superseded }},
	{ID: "N10", Name: "imported", whole: func(t survey.CaseTally) int64 { return t.Imported.Cases }},
	{ID: "N11", Name: "revealed", whole: func(t survey.CaseTally) int64 { return t.Revealed }},
	{ID: AfterID, Name: "after"},
	{ID: ReasonsID, Name: "reasons"},
}

// The definitions of what has several counts: [CaseFigure.After] and
// [CaseFigure.Reasons].
const (
	AfterID   = "N12"
	ReasonsID = "N13"
)

// Verdict is whether a rate is what it must be, which is 100 %.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "met"
	NotMet Verdict = "not_met"
	None   Verdict = "none" // 无: nothing was due
)

func verdict(r Ratio) Verdict {
	switch {
	case r.Den == 0:
		return None
	case r.Num == r.Den:
		return Met
	}
	return NotMet
}

// CaseVerdict is a verdict without and with the reviews that are not adopted.
type CaseVerdict struct {
	About          About   `json:"about"`
	Adopted        Verdict `json:"adopted"`
	WithNotAdopted Verdict `json:"with_not_adopted"`
}

// CaseRate is one rate with all it has to carry to be judged.
type CaseRate struct {
	Definition string       `json:"definition"` // its number
	Name       string       `json:"name"`
	AsOf       string       `json:"as_of"` // the day at the end of which it was counted
	Adopted    Ratio        `json:"adopted"`
	Pending    Count        `json:"pending"` // adopted cases that will come into the denominator; Withheld if none can
	All        Ratio        `json:"with_not_adopted"`
	NotAdopted Count        `json:"not_adopted"` // how many more All's denominator has
	Verdict    *CaseVerdict `json:"verdict"`     // nil where none is given
}

// CaseCount is a number of cases.
type CaseCount struct {
	Definition string `json:"definition"`
	Name       string `json:"name"`
	Adopted    Count  `json:"adopted"` // Withheld where a count is not divided by adoption
	All        Count  `json:"with_not_adopted"`
}

// CaseFigure is everything that is said about the cases of one place.
type CaseFigure struct {
	Rates   []CaseRate    `json:"rates"`
	Counts  []CaseCount   `json:"counts"`
	After   Counts        `json:"after"`   // levels given after the callback, in adopted cases; the first level always counts in satisfaction
	Reasons map[int]Count `json:"reasons"` // of adopted reviews, by code; one review may have several
}

// MakeCases turns the counts of cases at the end of a day into figures.
func MakeCases(t survey.CaseTally, asOf survey.Span) CaseFigure {
	all := t.Adopted
	all.Merge(t.NotAdopted)
	f := CaseFigure{Reasons: map[int]Count{}}
	for _, d := range CaseDefinitions {
		switch {
		case d.den != nil:
			f.Rates = append(f.Rates, d.rate(t.Adopted, all, asOf))
		case d.num != nil:
			f.Counts = append(f.Counts, CaseCount{d.ID, d.Name, Count(d.num(t.Adopted)), Count(d.num(all))})
		case d.whole != nil:
			f.Counts = append(f.Counts, CaseCount{d.ID, d.Name, Withheld, Count(d.whole(t))})
		}
	}
	for i, n := range t.Adopted.After {
		f.After[i] = Count(n)
	}
	for code, n := range t.Reasons {
		f.Reasons[code] = Count(n)
	}
	return f
}

func (d CaseDefinition) rate(adopted, all survey.CaseCounts, asOf survey.Span) CaseRate {
	r := CaseRate{Definition: d.ID, Name: d.Name, AsOf: asOf.String(), Pending: Withheld,
		Adopted: Ratio{d.num(adopted), d.den(adopted)}, All: Ratio{d.num(all), d.den(all)}}
	r.NotAdopted = Count(r.All.Den - r.Adopted.Den)
	if d.pending != nil {
		r.Pending = Count(d.pending(adopted))
	}
	if d.About != "" {
		r.Verdict = &CaseVerdict{d.About, verdict(r.Adopted), verdict(r.All)}
	}
	return r
}

// Rate is the rate of a name; the zero value if there is none.
func (f CaseFigure) Rate(name string) CaseRate {
	for _, r := range f.Rates {
		if r.Name == name {
			return r
		}
	}
	return CaseRate{}
}

// Count is the count of a name; the zero value if there is none.
func (f CaseFigure) Count(name string) CaseCount {
	for _, c := range f.Counts {
		if c.Name == name {
			return c
		}
	}
	return CaseCount{}
}
