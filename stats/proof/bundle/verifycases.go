package bundle

import (
	"errors"
	"fmt"
	"slices"

	"manyi/survey"
)

// check finds what cannot be in a basis.
func (c *CaseBasis) check(a Audience) error {
	if a != Auditor {
		return errors.New("cases: it tells the public what only auditors are told")
	}
	for name, list := range map[string][]int64{"proven": c.Proven, "beaten": c.Beaten, "wrong_deadlines": c.WrongDeadlines} {
		if again := slices.Compact(slices.Sorted(slices.Values(list))); !slices.Equal(again, list) {
			return fmt.Errorf("cases.%s: it is not in order, or names a leaf twice", name)
		}
	}
	if err := same(workdays(c.Workdays.calendar()), c.Workdays); err != nil {
		return fmt.Errorf("cases.workdays: it is not in order, or names a day twice: %w", err)
	}
	return nil
}

// cases counts the cases of each bureau anew where everything is open. Elsewhere it only
// finds rates that have more cases than there are steps in the log.
func (v *verifier) cases() (map[string]survey.CaseTally, error) {
	basis, c := v.Document.Cases, v.count
	if v.Document.before() {
		return nil, nil
	}
	if basis == nil {
		err := c.bounded()
		if n := v.Document.WrongDeadlines; err == nil && (n < 0 || n > c.steps()) {
			err = fmt.Errorf("wrong_deadlines says %d, and the log holds %d steps", n, c.steps())
		}
		if err == nil && v.Document.OutsideSteps != 0 {
			err = errors.New("outside_steps: it tells the public what only auditors are told")
		}
		return nil, at(documentFile, 0, err)
	}
	cal := basis.Workdays.calendar()
	counted, err := c.book.count(cal, v.Document.casesDay())
	var fault *leafFault
	if errors.As(err, &fault) {
		return nil, at(leavesFile, fault.index+1, fault.err)
	}
	for _, w := range counted.wrong {
		if _, named := slices.BinarySearch(basis.WrongDeadlines, w.index); !named {
			return nil, at(leavesFile, w.index+1, w.err)
		}
	}
	switch wrong := len(counted.wrong); {
	case err != nil:
	case wrong != len(basis.WrongDeadlines):
		err = fmt.Errorf("cases.wrong_deadlines names %d leaves, and %d of them set other deadlines than the rules give", len(basis.WrongDeadlines), wrong)
	case v.Document.WrongDeadlines != int64(wrong):
		err = fmt.Errorf("wrong_deadlines says %d, and cases.wrong_deadlines names %d leaves", v.Document.WrongDeadlines, wrong)
	case counted.unknown != basis.UnknownCalendar:
		err = fmt.Errorf("cases.unknown_calendar says %d, and the leaves come to %d", basis.UnknownCalendar, counted.unknown)
	case c.proven != len(basis.Proven):
		err = fmt.Errorf("cases.proven names %d leaves, and %d of them are bad reviews that count and are not anonymous", len(basis.Proven), c.proven)
	case c.beatenBad != len(basis.Beaten):
		err = fmt.Errorf("cases.beaten names %d leaves, and %d of them are bad reviews made elsewhere", len(basis.Beaten), c.beatenBad)
	}
	v.Recounted, v.Workdays = true, unlike(cal)
	v.Cases, v.Steps = int64(len(c.book.last)), int64(c.book.n)
	return counted.tallies, at(documentFile, 0, err)
}

// unlike is the days of the years that this program knows on which a calendar differs.
func unlike(cal survey.Calendar) (days []survey.Span) {
	shipped := survey.NewCalendar(nil)
	for _, d := range slices.Concat(shipped.Days(), cal.Days()) {
		if shipped.Knows(int(d.Day/10000)) && shipped.Works(d.Day) != cal.Works(d.Day) {
			days = append(days, d.Day)
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// steps is how many steps of cases of the survey the log holds.
func (c *counter) steps() (n int64) {
	for _, of := range c.named {
		n += of
	}
	return n
}

// needs is the step without which no case is in the numerator of a rate. None is in a
// denominator without its opening.
var needs = map[string]survey.CaseStep{"callback": survey.StepCallback, "rectification": survey.StepRectified, "on_time": survey.StepRectified,
	"real_name": survey.StepCallback, "real_name_confirmed": survey.StepSaid}

// bounded finds a rate of cases that all units together have more cases of than there
// are steps.
func (c *counter) bounded() error {
	logged := func(step survey.CaseStep) int64 { return c.named[slices.Index(survey.CaseSteps[:], step)+1] }
	num, den := map[string]int64{}, map[string]int64{}
	for _, u := range c.doc.Units {
		if u.Cases == nil {
			continue
		}
		if day := c.doc.casesDay(); u.Cases.AsOf != day.String() {
			return fmt.Errorf("unit %s, cases: as of %s; a publication of that time counts them at the end of %s", u.Place, u.Cases.AsOf, day)
		}
		for _, r := range u.Cases.Rates {
			if r.All == nil {
				continue
			}
			num[r.Name] += r.All.Num
			den[r.Name] += r.All.Den
			if n, most := num[r.Name], logged(needs[r.Name]); n > most {
				return fmt.Errorf("unit %s, cases: %s is of %d cases by now, and the log holds %d steps %q", u.Place, r.Name, n, most, needs[r.Name])
			}
			if n, most := den[r.Name], logged(survey.StepOpened); n > most {
				return fmt.Errorf("unit %s, cases: %s is out of %d cases by now, and the log holds %d that were opened", u.Place, r.Name, n, most)
			}
		}
	}
	return nil
}
