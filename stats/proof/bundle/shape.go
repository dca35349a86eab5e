package bundle

import (
	"slices"
	"strings"

	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// apart reports whether responses of a channel are in no unit; no channel is not.
func apart(rules survey.Rules, channel string) bool {
	no := channelNo([]byte(channel))
	return no != 0 && rules.Apart(survey.Channel(no))
}

// decides reports whether a step asks for a review not to be adopted, or decides it. The
// last of a case says whether its review is adopted.
func decides(step string) bool {
	switch survey.CaseStep(step) {
	case survey.StepExclusionAsked, survey.StepExclusionGranted, survey.StepExclusionRefused, survey.StepObjected:
		return true
	}
	return false
}

// isCity tells a city's code from a bureau's and the province's.
func isCity(place string) bool {
	return len(place) == 6 && strings.HasSuffix(place, "00") && !strings.HasSuffix(place, "0000")
}

// shape is which fields a leaf opens to the public.
type shape struct {
	rules          survey.Rules // of what stands apart
	survey, period proof.Fields // of every response
	periodName     string       // of the field that proves the period
	within         string       // what it has to be; empty if the period is whole
	units          map[string]*unitShape
	provincial     *unitShape // the pool of the province, if there is one
	superseded     []int64
}

type unitShape struct {
	*sheet.Unit
	fields                          proof.Fields // of what counts
	place                           proof.Fields
	channels, levels                bool
	counted, superseded, notAdopted bool // whether they are told
}

func response(names ...string) proof.Fields { return proof.FieldsOf(survey.FactResponse, names...) }
func step(names ...string) proof.Fields     { return proof.FieldsOf(survey.FactStep, names...) }

func shapeOf(d *Document) *shape {
	s := &shape{rules: d.Survey.Rules, survey: response("survey"), units: map[string]*unitShape{}, superseded: d.Superseded}
	if s.periodName, s.within = d.Period.field(); s.within != "" {
		s.period = response(s.periodName)
	}
	for i := range d.Units {
		u := &unitShape{Unit: &d.Units[i]}
		has := func(m sheet.Merged) bool { return slices.Contains(u.Merged, m) }
		switch {
		case len(u.Pooled) == 0:
			u.place = response("bureau")
		case isCity(u.Place):
			u.place = response("city")
		default:
			s.provincial = u
		}
		u.counted, u.channels, u.levels = !has(sheet.MergedCounts), !has(sheet.MergedChannels), !has(sheet.MergedLevels)
		u.notAdopted, u.superseded = !has(sheet.MergedNotAdopted), !has(sheet.MergedSuperseded)
		u.fields = u.place
		if u.counted {
			u.fields |= response("good")
		}
		if u.channels {
			u.fields |= response("channel")
		}
		if u.levels {
			u.fields |= response("level")
		}
		s.units[u.Place] = u
	}
	return s
}

// counted is what a leaf of a unit opens that counts, or would if it were told which of
// its case does.
func (s *shape) counted(u *unitShape, winner, good bool) proof.Fields {
	f := s.survey | s.period | u.fields
	if winner {
		f |= response("case")
	}
	if u.notAdopted && !good {
		f |= response("tag")
	}
	return f
}

// beaten is what a leaf of a unit opens that is superseded by another.
func (s *shape) beaten(u *unitShape) proof.Fields {
	return s.survey | s.period | u.place | response("case")
}

func (s *shape) isSuperseded(index int64) bool {
	_, found := slices.BinarySearch(s.superseded, index)
	return found
}

// stepFields is what a step of the survey opens.
func stepFields(name string) proof.Fields {
	if decides(name) {
		return step("survey", "step", "no", "response")
	}
	return step("survey", "step")
}
