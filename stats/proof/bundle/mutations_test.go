package bundle_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/storetest"
)

// evaluationMutation changes the lines of evaluations.
func evaluationMutation(name string, change func(l [][]byte, n int) [][]byte) mutation {
	return lineMutation(name, "leaves.tsv", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		n := slices.IndexFunc(l, func(line []byte) bool { return bytes.HasPrefix(line, []byte("evaluation\t")) })
		return change(l, n), fmt.Sprint("line ", n+1)
	})
}

// judgedMutation changes what a unit says of its evaluation, and makes the sheets good again.
func judgedMutation(name string, change func(e *sheet.Evaluation)) mutation {
	return docMutation(name, func(_ *rand.Rand, d *bundle.Document) string {
		u := &d.Units[fullest(d)]
		e := u.Evaluations[u.Place]
		change(&e)
		u.Evaluations[u.Place] = e
		d.Sheets = sheet.Make(d.Survey, d.Units)
		return name
	})
}

// instrumentMutation changes the instrument, and names the rules anew.
func instrumentMutation(name string, change func(i *survey.Instrument)) mutation {
	return docMutation(name, func(_ *rand.Rand, d *bundle.Document) string {
		change(d.Instrument)
		var err error
		if d.Rules, err = rulesOf(*d); err != nil {
			return ""
		}
		return name
	})
}

// mutations is what is tried. Of the document only what the leaves or rules answer for
// is changed: the rest stands on the signature alone, as its docs say.
var mutations = []mutation{
	{"a byte of a file", func(r *rand.Rand, p parts) string {
		name := p.names[r.IntN(len(p.names))]
		if name == "publication.json" { // see below
			name = "leaves.tsv"
		}
		at := r.IntN(len(p.text[name]))
		p.text[name][at] ^= byte(1 + r.IntN(255))
		return fmt.Sprintf("%s, byte %d", name, at)
	}},
	lineMutation("a leaf dropped", "leaves.tsv", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		n := r.IntN(len(l))
		return slices.Delete(l, n, n+1), fmt.Sprint("line ", n+1)
	}),
	lineMutation("a leaf doubled", "leaves.tsv", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		n := r.IntN(len(l))
		return slices.Insert(l, n, l[n]), fmt.Sprint("line ", n+1)
	}),
	lineMutation("leaves swapped", "leaves.tsv", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		n := r.IntN(len(l) - 1)
		l[n], l[n+1] = l[n+1], l[n]
		return l, fmt.Sprint("line ", n+1)
	}),
	lineMutation("a leaf added", "leaves.tsv", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		n := r.IntN(len(l) + 1)
		made := proof.OfResponse(storetest.NewFacts(r.Uint64(), storetest.Survey()).Response(storetest.GulouHR1, storetest.At("2024-03-04 10:00")), fakeTags{})
		return slices.Insert(l, n, append(made.Show("survey", "bureau", "good", "channel", "level").AppendLine(nil), '\n')), fmt.Sprint("line ", n+1)
	}),
	fieldMutation("another level", "response", "level", value("very_satisfied", "satisfied", "dissatisfied")),
	fieldMutation("good for bad", "response", "good", value("true", "false")),
	fieldMutation("another bureau", "response", "bureau", value("350102-HR", "350203-TAX")),
	fieldMutation("another channel", "response", "channel", value("sms", "imported")),
	fieldMutation("another survey", "response", "survey", value("other")),
	fieldMutation("a decision turned", "step", "step", value("exclusion_refused", "noted")),
	fieldMutation("a decision closed", "step", "response", closed("response")),
	fieldMutation("a review's tag closed", "response", "tag", closed("tag")),
	fieldMutation("a survey closed", "response", "survey", closed("survey")),
	fieldMutation("a case closed", "response", "case", closed("case")),
	fieldMutation("a level closed", "response", "level", closed("level")),
	fieldMutation("a deadline shifted", "step", "clock", value("20240306 20240320 20240327 x")),
	fieldMutation("a step's time shifted", "step", "at", value("2024-03-01T00:00:00.000Z")),
	fieldMutation("a step's day shifted", "step", "day", value("20240301")),
	fieldMutation("a step's outcome", "step", "outcome", value("satisfied", "refused", "unreachable")),
	fieldMutation("a step's number", "step", "no", value("3", "30")),
	fieldMutation("another step", "step", "step", value("rectified", "called_back", "identified")),
	fieldMutation("a step given to another case", "step", "response", value("0000")),
	fieldMutation("more time than was granted", "step", "days", value("9")),
	fieldMutation("who asked to stay unnamed", "response", "anonymous", value("true", "false")),
	caseMutation("a numerator of cases", func(s *sheet.Share, by int64) { s.Num += by }),
	caseMutation("a denominator of cases", func(s *sheet.Share, by int64) { s.Den += by }),
	docMutation("another day of cases", func(r *rand.Rand, d *bundle.Document) string {
		u := &d.Units[fullest(d)]
		u.Cases.AsOf = "2024-03-30"
		d.Sheets = sheet.Make(d.Survey, d.Units)
		return u.Cases.AsOf
	}),
	docMutation("a day off more", func(r *rand.Rand, d *bundle.Document) string {
		if d.Cases == nil {
			return ""
		}
		at, _ := slices.BinarySearch(d.Cases.Workdays.Off, 20240312)
		d.Cases.Workdays.Off = slices.Insert(d.Cases.Workdays.Off, at, 20240312)
		return "20240312"
	}),
	// One more bad review would stand on the signature, and may change no number.
	{"one proved that owes no case", func(r *rand.Rand, p parts) string {
		var others []int64
		n := int64(0)
		for line := range bytes.Lines(p.text["leaves.tsv"]) {
			if !bytes.HasPrefix(line, []byte("response\t")) || bytes.Contains(line, []byte(":true\t")) {
				others = append(others, n)
			}
			n++
		}
		return docMutation("", func(r *rand.Rand, d *bundle.Document) string {
			if d.Cases == nil {
				return ""
			}
			d.Cases.Proven = append(d.Cases.Proven, others[r.IntN(len(others))])
			slices.Sort(d.Cases.Proven)
			return fmt.Sprint(d.Cases.Proven)
		}).change(r, p)
	}},
	docMutation("what cases are counted with hidden", func(r *rand.Rand, d *bundle.Document) string {
		if d.Cases == nil {
			return ""
		}
		d.Cases = nil
		return "all"
	}),
	fieldMutation("a day shifted", "response", "day", value("20240401")),
	fieldMutation("a visit dropped", "visits", "visits", func(_ *rand.Rand, column string) string {
		salt, names, _ := strings.Cut(column, ":")
		_, rest, _ := strings.Cut(names, " ")
		return salt + ":" + rest
	}),
	fieldMutation("a visit doubled", "visits", "visits", func(_ *rand.Rand, column string) string {
		_, names, _ := strings.Cut(column, ":")
		name, _, _ := strings.Cut(names, " ")
		return column + " " + name
	}),
	fieldMutation("a visit added", "visits", "visits", func(_ *rand.Rand, column string) string { return column + " made-up.1" }),
	fieldMutation("a visit moved", "visits", "day", value("20240305", "20240401")),
	fieldMutation("visits of another bureau", "visits", "bureau", value("350203-TAX")),
	fieldMutation("visits of another survey", "visits", "survey", value("other")),
	visitsMutation("a list of visits dropped", func(l [][]byte, n int) [][]byte { return slices.Delete(l, n, n+1) }),
	visitsMutation("a list of visits doubled", func(l [][]byte, n int) [][]byte { return slices.Insert(l, n, l[n]) }),
	servedMutation("fewer visits served", func(v *sheet.Visits) { v.Served -= 10 }),
	servedMutation("more visits served", func(v *sheet.Visits) { v.Served++ }),
	servedMutation("more visits rated", func(v *sheet.Visits) { v.Rated++; v.Defaults-- }),
	servedMutation("fewer defaults", func(v *sheet.Visits) { v.Defaults-- }),
	docMutation("visits left to the signature", func(r *rand.Rand, d *bundle.Document) string {
		if d.Visits == nil {
			return ""
		}
		d.Visits = nil
		d.Stated[slices.Index(d.Stated, "visits.outside")] = "units.visits"
		return "all"
	}),
	lineMutation("a checkpoint dropped", "checkpoints.txt", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		n := r.IntN(len(l))
		return slices.Delete(l, n, n+1), fmt.Sprint("line ", n+1)
	}),
	lineMutation("checkpoints swapped", "checkpoints.txt", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		l[0], l[1] = l[1], l[0]
		return l, "the first two"
	}),
	lineMutation("a row of the table dropped", "figures.csv", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		n := r.IntN(len(l))
		return slices.Delete(l, n, n+1), fmt.Sprint("line ", n+1)
	}),
	lineMutation("rows of the summary swapped", "summary.csv", func(r *rand.Rand, l [][]byte) ([][]byte, string) {
		l[1], l[2] = l[2], l[1]
		return l, "the first two"
	}),
	{"a number of the summary", func(r *rand.Rand, p parts) string {
		p.text["summary.csv"] = bytes.Replace(p.text["summary.csv"], []byte("0.698413"), []byte("0.798413"), 1)
		return "0.8"
	}},
	{"a number of the summary's XLSX", func(r *rand.Rand, p parts) string {
		p.text["summary.xlsx"] = bytes.Replace(p.text["summary.xlsx"], []byte("0.698413"), []byte("0.798413"), 1)
		return "0.8"
	}},
	{"a number of the report", func(r *rand.Rand, p parts) string {
		p.text["report.html"] = bytes.Replace(p.text["report.html"], []byte("69.8%"), []byte("79.8%"), 1)
		return "79.8 %"
	}},
	docMutation("a count", func(r *rand.Rand, d *bundle.Document) string {
		u := &d.Units[r.IntN(len(d.Units))]
		for name, c := range u.Counted {
			if r.IntN(2) == 0 {
				c.N++
			} else {
				c.Good--
			}
			u.Counted[name] = c
			return u.Place
		}
		return ""
	}),
	docMutation("a count of a level moved", func(r *rand.Rand, d *bundle.Document) string {
		u := &d.Units[r.IntN(len(d.Units))]
		for _, c := range u.Counted {
			if c.Levels != nil && c.Levels[1] > 0 {
				c.Levels[0]++
				c.Levels[1]--
				return u.Place
			}
		}
		return ""
	}),
	docMutation("nothing superseded", func(r *rand.Rand, d *bundle.Document) string {
		d.Superseded = nil
		return "all"
	}),
	docMutation("one more superseded", func(r *rand.Rand, d *bundle.Document) string {
		n := r.Int64N(d.Leaves)
		if at, found := slices.BinarySearch(d.Superseded, n); !found {
			d.Superseded = slices.Insert(d.Superseded, at, n)
			return fmt.Sprint(n)
		}
		return ""
	}),
	docMutation("fewer not adopted", func(r *rand.Rand, d *bundle.Document) string {
		d.NotAdopted--
		return fmt.Sprint(d.NotAdopted)
	}),
	docMutation("what is not adopted hidden", func(r *rand.Rand, d *bundle.Document) string {
		for i := range d.Units {
			if len(d.Units[i].NotAdopted) > 0 {
				d.Units[i].NotAdopted = nil
				return d.Units[i].Place
			}
		}
		return ""
	}),
	docMutation("weights swapped", func(r *rand.Rand, d *bundle.Document) string {
		w := &d.Survey.Rules.Weights
		w[0], w[1] = w[1], w[0]
		return "the first two"
	}),
	docMutation("deadlines changed", func(r *rand.Rand, d *bundle.Document) string {
		d.Survey.Rules.Deadlines.Rectify++
		return "rectify"
	}),
	docMutation("another rule", func(r *rand.Rand, d *bundle.Document) string {
		d.Rules = strings.Repeat("ab", 32)
		return d.Rules
	}),
	docMutation("a unit dropped", func(r *rand.Rand, d *bundle.Document) string {
		n := r.IntN(len(d.Units))
		place := d.Units[n].Place
		d.Units, d.Sheets = slices.Delete(d.Units, n, n+1), slices.Delete(d.Sheets, n, n+1)
		return place
	}),
	docMutation("a sheet swapped", func(r *rand.Rand, d *bundle.Document) string {
		d.Sheets[0], d.Sheets[1] = d.Sheets[1], d.Sheets[0]
		return "the first two"
	}),
	sheetMutation("a rate", func(s *sheet.Sheet) { *s.All.Satisfaction.Rate += 0.01 }),
	sheetMutation("an interval", func(s *sheet.Sheet) { *s.All.Satisfaction.Low += 0.01 }),
	sheetMutation("a rate with defaults", func(s *sheet.Sheet) { *s.All.WithDefaults.Rate += 0.01 }),
	sheetMutation("a composite", func(s *sheet.Sheet) { *s.All.Composite.Score++ }),
	sheetMutation("a bootstrap interval", func(s *sheet.Sheet) { *s.All.Composite.High++ }),
	sheetMutation("a formula", func(s *sheet.Sheet) { s.All.Composite.Formula = "100 × 0.8 × satisfaction" }),
	sheetMutation("a rank", func(s *sheet.Sheet) { s.Rank.Of++ }),
	sheetMutation("a funnel", func(s *sheet.Sheet) { s.Funnel.Position = sheet.FarAbove }),
	sheetMutation("a rate of cases", func(s *sheet.Sheet) { *s.Cases[1].All.Rate = 1 }),
	sheetMutation("a verdict", func(s *sheet.Sheet) { s.Cases[4].Verdict.WithNotAdopted = "met" }),
	sheetMutation("a gate", func(s *sheet.Sheet) {
		e := s.Evaluations[s.Place]
		e.Gate--
		s.Evaluations[s.Place] = e
	}),
	sheetMutation("a veto", func(s *sheet.Sheet) {
		e := s.Evaluations[s.Place]
		e.Vetoes = []string{"V1"}
		s.Evaluations[s.Place] = e
	}),
	fieldMutation("a finding turned", "evaluation", "findings", func(_ *rand.Rand, column string) string {
		return strings.Replace(column, `"finding":"met"`, `"finding":"not_met"`, 1)
	}),
	fieldMutation("a value measured", "evaluation", "findings", func(_ *rand.Rand, column string) string {
		return strings.Replace(column, `"values":["90"`, `"values":["99"`, 1)
	}),
	fieldMutation("findings closed", "evaluation", "findings", closed("findings")),
	fieldMutation("an evaluation of another bureau", "evaluation", "bureau", value("350104-HR")),
	fieldMutation("an evaluation's version", "evaluation", "version", value("2")),
	fieldMutation("whose evaluation it is", "evaluation", "evaluation", value("0000")),
	fieldMutation("what instrument it was made by", "evaluation", "instrument", value(strings.Repeat("ab", 32))),
	fieldMutation("an evaluation of another survey", "evaluation", "survey", value("other")),
	evaluationMutation("an evaluation dropped", func(l [][]byte, n int) [][]byte { return slices.Delete(l, n, n+1) }),
	evaluationMutation("an evaluation doubled", func(l [][]byte, n int) [][]byte { return slices.Insert(l, n, l[n]) }),
	judgedMutation("an item less met", func(e *sheet.Evaluation) { e.Met-- }),
	judgedMutation("a weight of items met", func(e *sheet.Evaluation) { e.MetWeight-- }),
	judgedMutation("a bonus point", func(e *sheet.Evaluation) { e.Bonus++ }),
	judgedMutation("a veto found", func(e *sheet.Evaluation) { e.Vetoes = []string{"V1"} }),
	judgedMutation("another gate", func(e *sheet.Evaluation) { e.Gate = 80 }),
	judgedMutation("two evaluators who agree", func(e *sheet.Evaluation) { e.Agreements = []sheet.Agreement{{Alike: 5, Items: 5, Chance: 13}} }),
	instrumentMutation("the weights of items swapped", func(i *survey.Instrument) {
		i.Items[0].Weight, i.Items[2].Weight = i.Items[2].Weight, i.Items[0].Weight
	}),
	instrumentMutation("a threshold lowered", func(i *survey.Instrument) { i.Items[1].Thresholds[0].Value-- }),
	instrumentMutation("the gate lowered", func(i *survey.Instrument) { i.Gate-- }),
	docMutation("evaluations said to stand on the signature", func(_ *rand.Rand, d *bundle.Document) string {
		if err := forgetInstrument(d); err != nil {
			return ""
		}
		return "all"
	}),
	docMutation("more defaults than unrated visits", func(r *rand.Rand, d *bundle.Document) string {
		d.Units[fullest(d)].Visits.Defaults += 10
		d.Sheets = sheet.Make(d.Survey, d.Units)
		return "10 more"
	}),
	docMutation("more rectified than due", func(r *rand.Rand, d *bundle.Document) string {
		d.Units[fullest(d)].Cases.Rates[1].All.Num = 20
		d.Sheets = sheet.Make(d.Survey, d.Units)
		return "20"
	}),
	docMutation("a number said to be recomputed", func(r *rand.Rand, d *bundle.Document) string {
		d.Stated = d.Stated[1:]
		return fmt.Sprint(d.Stated)
	}),
	docMutation("other weights of the composite", func(r *rand.Rand, d *bundle.Document) string {
		d.Survey.Rules.Composite = survey.Composite{Satisfaction: 0.5, Evaluation: 0.5}
		d.Sheets = sheet.Make(d.Survey, d.Units)
		return "half and half"
	}),
	docMutation("fewer leaves", func(r *rand.Rand, d *bundle.Document) string {
		d.Leaves--
		return fmt.Sprint(d.Leaves)
	}),
	docMutation("another period", func(r *rand.Rand, d *bundle.Document) string {
		d.Period = "2024-03"
		d.ID = strings.ReplaceAll(d.ID, "whole", "2024-03")
		return d.ID
	}),
	docMutation("another audience", func(r *rand.Rand, d *bundle.Document) string {
		d.Audience = map[bundle.Audience]bundle.Audience{bundle.Public: bundle.Auditor, bundle.Auditor: bundle.Public}[d.Audience]
		return string(d.Audience)
	}),
	docMutation("no sample", func(r *rand.Rand, d *bundle.Document) string {
		d.Sample = !d.Sample
		return fmt.Sprint(d.Sample)
	}),
}
