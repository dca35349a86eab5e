package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"manyi/stats/proof"
	"manyi/survey"
)

// fact is what a line of the leaves' file says, as far as it is counted.
type fact struct {
	leaf survey.LeafHash
	kind factKind
	rating
	ofCase mark
	tag    mark
	step   *stepFact
	named  uint8       // of a step: its number in survey.CaseSteps, from 1
	bad    *badReview  // for auditors
	visits *visitsFact // for auditors
	ofStep *loggedStep
	judged *judged
}

// loggedStep is a step with the review and the calendar it names.
type loggedStep struct {
	caseStep
	tag      mark
	calendar string
}

// rating is what a response counts as.
type rating struct {
	unit    *unitShape
	channel uint8
	level   survey.Level // NoLevel if it is not told
	good    bool
}

type factKind uint8

const (
	factOther   factKind = iota // of another survey
	factOutside                 // the period
	factApart
	factBeaten
	factCounted
	factStep
	factVisits
	factEvaluation
)

type stepFact struct{ step, no, tag string }

// mark stands for a tag; the zero mark for none.
type mark [16]byte

// short stands for a mark where two that are taken for the same do no more than to refuse
// a bundle: of a million that happens once in thirty million bundles.
func (m mark) short() uint64 { return binary.BigEndian.Uint64(m[:8]) }

func markOf(text []byte) (m mark) {
	if len(text) == 0 {
		return m
	}
	sum := sha256.Sum256(text)
	copy(m[:], sum[:])
	return m
}

// The fields that are read from every line.
var (
	fieldSurvey  = proof.FieldOf(survey.FactResponse, "survey")
	fieldYear    = proof.FieldOf(survey.FactResponse, "year")
	fieldMonth   = proof.FieldOf(survey.FactResponse, "month")
	fieldCity    = proof.FieldOf(survey.FactResponse, "city")
	fieldBureau  = proof.FieldOf(survey.FactResponse, "bureau")
	fieldChannel = proof.FieldOf(survey.FactResponse, "channel")
	fieldGood    = proof.FieldOf(survey.FactResponse, "good")
	fieldLevel   = proof.FieldOf(survey.FactResponse, "level")
	fieldCase    = proof.FieldOf(survey.FactResponse, "case")
	fieldTag     = proof.FieldOf(survey.FactResponse, "tag")
	fieldDay     = proof.FieldOf(survey.FactResponse, "day")
	fieldPath    = proof.FieldOf(survey.FactResponse, "path")
	fieldAt      = proof.FieldOf(survey.FactResponse, "at")
	fieldUnnamed = proof.FieldOf(survey.FactResponse, "anonymous")

	stepSurvey   = proof.FieldOf(survey.FactStep, "survey")
	stepName     = proof.FieldOf(survey.FactStep, "step")
	stepNo       = proof.FieldOf(survey.FactStep, "no")
	stepResponse = proof.FieldOf(survey.FactStep, "response")
	stepDay      = proof.FieldOf(survey.FactStep, "day")
	stepAt       = proof.FieldOf(survey.FactStep, "at")
	stepOutcome  = proof.FieldOf(survey.FactStep, "outcome")
	stepDays     = proof.FieldOf(survey.FactStep, "days")
	stepLevel    = proof.FieldOf(survey.FactStep, "level")
	stepClock    = proof.FieldOf(survey.FactStep, "clock")

	visitsSurvey = proof.FieldOf(survey.FactVisits, "survey")

	auditorResponse = proof.AllFields(survey.FactResponse) &^ response("comment")
	auditorStep     = proof.AllFields(survey.FactStep) &^ step("note")
	auditorVisits   = proof.AllFields(survey.FactVisits)
	publicVisits    = proof.FieldsOf(survey.FactVisits, "survey")
	openCase        = response("case")
)

// judge reads lines of one document. It keeps nothing, so several may work at a time.
type judge struct {
	doc    *Document
	shape  *shape
	zone   *time.Location
	judged *evaluationBook
}

// read says what a line is, and refuses one that opens more or less than it has to.
func (j *judge) read(l *proof.Line, text []byte, index int64) (f fact, err error) {
	if err := l.Read(text); err != nil {
		return f, err
	}
	f.leaf = l.Leaf
	of := fieldSurvey
	switch l.Kind {
	case survey.FactStep:
		of = stepSurvey
	case survey.FactVisits:
		of = visitsSurvey
	case survey.FactEvaluation:
		of = evaluationSurvey
	}
	id := l.Value(of)
	if id == nil {
		return f, errors.New("it does not open its survey")
	}
	if string(id) != j.doc.Survey.ID {
		return f, wants(l, proof.FieldsOf(l.Kind, "survey"))
	}
	switch l.Kind {
	case survey.FactStep:
		return j.step(l, f, index)
	case survey.FactVisits:
		return j.visits(l, f)
	case survey.FactEvaluation:
		return j.evaluation(l, f)
	}
	return j.response(l, f, index)
}

func wants(l *proof.Line, want proof.Fields) error {
	if l.Open != want {
		return fmt.Errorf("it opens %s; want %s", strings.Join(l.Open.Names(l.Kind), " "), strings.Join(want.Names(l.Kind), " "))
	}
	return nil
}

func (j *judge) step(l *proof.Line, f fact, index int64) (fact, error) {
	f.kind = factStep
	name := string(l.Value(stepName))
	want := stepFields(name)
	if j.doc.Audience == Auditor {
		want = auditorStep
	}
	if err := wants(l, want); err != nil {
		return f, err
	}
	if decides(name) {
		f.step = &stepFact{name, string(l.Value(stepNo)), string(l.Value(stepResponse))}
	}
	f.named = uint8(slices.Index(survey.CaseSteps[:], survey.CaseStep(name)) + 1)
	if j.doc.Cases == nil {
		return f, nil
	}
	text := func(of proof.Field) string { return string(l.Value(of)) }
	s, calendar, err := readStep(stepText{name, text(stepNo), text(stepDay), text(stepAt), text(stepOutcome), text(stepDays), text(stepLevel), text(stepClock)}, index, j.zone)
	f.ofStep = &loggedStep{s, markOf(l.Value(stepResponse)), calendar}
	return f, err
}

func (j *judge) visits(l *proof.Line, f fact) (fact, error) {
	f.kind = factVisits
	if j.doc.Audience != Auditor {
		return f, wants(l, publicVisits)
	}
	err := wants(l, auditorVisits)
	if err == nil {
		f.visits, err = readVisits(func(name string) string { return string(l.Value(proof.FieldOf(survey.FactVisits, name))) })
	}
	return f, err
}

// bad reads a bad review for auditors.
func (j *judge) bad(l *proof.Line, index int64) (r *badReview, err error) {
	r = &badReview{index: index, place: string(l.Value(fieldBureau)), within: true, anonymous: string(l.Value(fieldUnnamed)) == "true", imported: string(l.Value(fieldChannel)) == survey.ChannelImported.String()}
	if u := j.shape.units[r.place]; u != nil {
		r.place = u.Place // which is there already
	}
	_, r.proven = slices.BinarySearch(j.doc.Cases.Proven, index)
	_, r.beaten = slices.BinarySearch(j.doc.Cases.Beaten, index)
	r.at, err = readInstant(string(l.Value(fieldAt)), string(l.Value(fieldDay)), j.zone)
	if err == nil && r.beaten && (!r.imported || len(l.Value(fieldCase)) == 0) {
		err = errors.New("cases.beaten names it, and it was not made elsewhere or is for no case")
	}
	return r, err
}

func (j *judge) response(l *proof.Line, f fact, index int64) (fact, error) {
	audit := j.doc.Audience == Auditor
	if audit {
		if err := errors.Join(wants(l, auditorResponse), agree(l)); err != nil {
			return f, err
		}
		f.ofCase, f.tag = markOf(l.Value(fieldCase)), markOf(l.Value(fieldTag))
	}
	if level, ok := survey.ParseLevel(string(l.Value(fieldLevel))); j.doc.Cases != nil && ok && survey.OwesCase(level, survey.Channel(channelNo(l.Value(fieldChannel)))) {
		var err error
		if f.bad, err = j.bad(l, index); err != nil {
			return f, err
		}
	}
	want := j.shape.survey | j.shape.period
	if j.shape.within != "" {
		of := fieldMonth
		if j.shape.periodName == "year" {
			of = fieldYear
		}
		if string(l.Value(of)) != j.shape.within {
			f.kind = factOutside
			if f.bad != nil {
				f.bad.within = false
			}
			return f, j.opens(l, want)
		}
	}
	channel := l.Value(fieldChannel)
	if apart(j.doc.Survey.Rules, string(channel)) {
		f.kind = factApart
		f.channel = channelNo(channel)
		return f, j.opens(l, want|response("channel"))
	}
	f.unit = j.shape.provincial
	if bureau := l.Value(fieldBureau); bureau != nil {
		f.unit = j.shape.units[string(bureau)]
	} else if city := l.Value(fieldCity); city != nil {
		f.unit = j.shape.units[string(city)]
	}
	if f.unit == nil {
		return f, errors.New("it is of no unit of the document")
	}
	if j.shape.isSuperseded(index) {
		f.kind, f.ofCase = factBeaten, markOf(l.Value(fieldCase))
		if f.bad != nil {
			f.bad.beaten = true
		}
		return f, j.opens(l, j.shape.beaten(f.unit))
	}
	f.kind = factCounted
	f.good = string(l.Value(fieldGood)) == "true"
	if err := j.opens(l, j.shape.counted(f.unit, l.Open&openCase != 0, f.good || !f.unit.counted)); err != nil {
		return f, err
	}
	if f.unit.channels {
		if f.channel = channelNo(channel); f.channel == 0 {
			return f, fmt.Errorf("channel %q is none", channel)
		}
	}
	if f.unit.levels {
		var ok bool
		if f.level, ok = survey.ParseLevel(string(l.Value(fieldLevel))); !ok || f.level.Bad() == f.good {
			return f, fmt.Errorf("level %q is none, or does not go with good", l.Value(fieldLevel))
		}
	}
	if !audit {
		f.ofCase, f.tag = markOf(l.Value(fieldCase)), markOf(l.Value(fieldTag))
	}
	return f, nil
}

func (j *judge) opens(l *proof.Line, want proof.Fields) error {
	if j.doc.Audience == Auditor {
		return nil
	}
	return wants(l, want)
}

// agree checks that a leaf's public fields follow from its private ones.
func agree(l *proof.Line) error {
	path := survey.Path(strings.Split(string(l.Value(fieldPath)), "/"))
	day := l.Value(fieldDay)
	for _, f := range []struct {
		name      string
		got, want string
	}{
		{"bureau", string(l.Value(fieldBureau)), survey.BureauOf(path.Window())}, {"city", string(l.Value(fieldCity)), proof.CityOf(path)},
		{"year", string(l.Value(fieldYear)), string(day[:min(4, len(day))])}, {"month", string(l.Value(fieldMonth)), string(day[:min(6, len(day))])},
	} {
		if f.got != f.want {
			return fmt.Errorf("its %s is %q, and should be %q", f.name, f.got, f.want)
		}
	}
	return nil
}

// channelNo is a channel's number; 0 if there is none of that name.
func channelNo(name []byte) uint8 {
	for _, c := range survey.Channels {
		if string(name) == c.String() {
			return uint8(c)
		}
	}
	return 0
}
