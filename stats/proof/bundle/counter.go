package bundle

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// counter adds facts up in the order of the log.
type counter struct {
	doc       *Document
	shape     *shape
	growth    proof.Growth
	size      int64
	states    []proof.State // checkpoints that are still to come
	responses int64
	apart     map[string]int64
	decisions decisions
	counted   map[*unitShape]*[len(survey.Channels) + 1]sheetCounts
	beaten    map[*unitShape]int64
	reviews   map[mark]rating     // bad ones that count, by tag, of units that tell what is not adopted
	cases     map[uint64]claims   // by case
	tags      map[uint64]struct{} // of all responses, for auditors
	book      *caseBook
	visits    visitBook
	judged    *evaluationBook
	proven    int // leaves that the document's lists of the same names name
	beatenBad int
	named     [len(survey.CaseSteps) + 1]int64 // steps by their number, from 1
}

type sheetCounts struct {
	n, good int64
	levels  sheet.Levels
}

func (c *sheetCounts) add(f rating) {
	c.n++
	if f.good {
		c.good++
	}
	if f.level != survey.NoLevel {
		c.levels[f.level-survey.VerySatisfied]++
	}
}

// claims is which leaves there are for a case.
type claims struct {
	unit                     *unitShape
	line                     int64
	counted, beaten, outside bool
}

func newCounter(d *Document, s *shape, states []proof.State) *counter {
	c := &counter{doc: d, shape: s, states: states, apart: map[string]int64{}, decisions: decisions{}, beaten: map[*unitShape]int64{},
		counted: map[*unitShape]*[len(survey.Channels) + 1]sheetCounts{}, reviews: map[mark]rating{}, cases: map[uint64]claims{}, tags: map[uint64]struct{}{}, book: newCaseBook(d.Survey), judged: newEvaluationBook(&d.Survey, d.Instrument)}
	for _, u := range s.units {
		c.counted[u] = &[len(survey.Channels) + 1]sheetCounts{}
	}
	return c
}

// roots compares the log's root with the checkpoints of its size.
func (c *counter) roots() error {
	for len(c.states) > 0 && c.states[0].Data.Size == c.size {
		if c.growth.Tree() != c.states[0].Data {
			return fmt.Errorf("the leaves up to here have another root than the checkpoint of %s says", c.states[0].At)
		}
		c.states = c.states[1:]
	}
	return nil
}

func (c *counter) add(f fact) error {
	c.growth.Add(tlog.Hash(f.leaf))
	c.size++
	if err := c.roots(); err != nil {
		return err
	}
	if f.kind == factStep {
		c.named[f.named]++
		if f.ofStep != nil {
			if err := c.book.step(f.ofStep.tag, f.ofStep.caseStep, f.ofStep.calendar); err != nil {
				return err
			}
		}
		if f.step == nil {
			return nil
		}
		return c.decisions.add(f.step.step, f.step.no, f.step.tag)
	}
	if f.kind == factVisits {
		if f.visits == nil {
			return nil
		}
		return c.visits.visits(c.size-1, f.visits)
	}
	if f.kind == factEvaluation {
		return c.judged.add(*f.judged, c.size-1)
	}
	if f.kind == factOther {
		return nil
	}
	if c.doc.Audience == Auditor {
		if _, twice := c.tags[f.tag.short()]; twice {
			return errors.New("the response is in the log twice")
		}
		c.tags[f.tag.short()] = struct{}{}
		c.visits.rated(f.ofCase)
	}
	if f.bad != nil {
		c.book.review(f.tag, *f.bad)
		if f.bad.within && f.bad.proven && !f.bad.beaten && !f.bad.anonymous {
			c.proven++
		}
		if f.bad.within && f.bad.imported && f.bad.beaten {
			c.beatenBad++
		}
	}
	if f.ofCase != (mark{}) && f.kind != factApart {
		if err := c.claim(f); err != nil {
			return err
		}
	}
	switch f.kind {
	case factOutside:
		return nil
	case factApart:
		c.apart[survey.Channel(f.channel).String()]++
	case factBeaten:
		if f.ofCase == (mark{}) {
			return errors.New("it is superseded, and names no case")
		}
		if !f.unit.superseded {
			return errors.New("it is superseded, and its unit does not tell such")
		}
		c.beaten[f.unit]++
	case factCounted:
		c.counted[f.unit][f.channel].add(f.rating)
		if !f.good && f.unit.notAdopted && f.unit.counted {
			if _, twice := c.reviews[f.tag]; twice {
				return errors.New("the response is in the log twice")
			}
			c.reviews[f.tag] = f.rating
		}
	}
	c.responses++
	return nil
}

// claim notes a leaf for a case.
func (c *counter) claim(f fact) error {
	of, known := c.cases[f.ofCase.short()]
	if !known {
		of.line = c.size
	}
	if f.unit != nil && of.unit != nil && of.unit != f.unit && c.doc.Audience == Public {
		return errors.New("another leaf for its case is of another unit")
	}
	if f.kind == factCounted && of.counted {
		return errors.New("another leaf counts for its case")
	}
	of.unit = f.unit
	of.counted, of.beaten, of.outside = of.counted || f.kind == factCounted, of.beaten || f.kind == factBeaten, of.outside || f.kind == factOutside
	c.cases[f.ofCase.short()] = of
	return nil
}

// done checks what only the whole log shows.
func (c *counter) done() error {
	beaten := 0
	for _, n := range c.beaten {
		beaten += int(n)
	}
	if beaten != len(c.doc.Superseded) {
		return at(documentFile, 0, fmt.Errorf("superseded names %d leaves, and %d of them are responses that could be", len(c.doc.Superseded), beaten))
	}
	for _, of := range c.cases {
		switch {
		case of.beaten && !of.counted && !of.outside:
			return at(leavesFile, of.line, errors.New("it is superseded, and no leaf counts for its case"))
		case c.doc.Audience == Public && !of.beaten:
			return at(leavesFile, of.line, errors.New("it opens its case, and nothing is superseded by it"))
		}
	}
	return nil
}

// units makes the document's units from what was counted, with these cases, visits and
// evaluations if they were.
func (c *counter) units(cases map[string]survey.CaseTally, visits map[string]sheet.Visits, evaluations map[string]sheet.Evaluation) []sheet.Unit {
	out := map[*unitShape]*[len(survey.Channels) + 1]sheetCounts{}
	for tag, d := range c.decisions {
		if f, ok := c.reviews[markOf([]byte(tag))]; ok && d.granted {
			if out[f.unit] == nil {
				out[f.unit] = &[len(survey.Channels) + 1]sheetCounts{}
			}
			out[f.unit][f.channel].add(f)
		}
	}
	var units []sheet.Unit
	for _, said := range c.doc.Units {
		u := c.shape.units[said.Place]
		made := said // what is not in the log is taken over
		made.Counted, made.NotAdopted, made.Superseded = u.told(c.counted[u]), u.told(out[u]), c.beaten[u]
		if c.doc.Visits != nil {
			made.FillVisits(c.doc.Audience.least(), visits)
		}
		if c.doc.Cases != nil {
			made.FillCases(c.doc.Audience.least(), cases, c.doc.casesDay())
		}
		if c.judged != nil {
			made.Evaluations = evaluationsOf(said, evaluations)
		}
		units = append(units, made)
	}
	return units
}

// told is counts as a unit tells them.
func (u *unitShape) told(counts *[len(survey.Channels) + 1]sheetCounts) map[string]sheet.Counts {
	m := map[string]sheet.Counts{}
	if counts == nil || !u.counted {
		return m
	}
	for channel, c := range counts {
		if c.n == 0 {
			continue
		}
		name := sheet.AllChannels
		if channel > 0 {
			name = survey.Channel(channel).String()
		}
		n := sheet.Counts{N: c.n, Good: c.good}
		if u.levels {
			n.Levels = &c.levels
		}
		m[name] = n
	}
	return m
}
