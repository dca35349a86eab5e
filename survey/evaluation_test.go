package survey_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// pen writes the entries of one evaluation.
type pen struct {
	t    *testing.T
	inst survey.Instrument
	survey.Evaluation
}

func (p *pen) try(want survey.EvaluationEntry) error {
	if want.Key == "" {
		want.Key = fmt.Sprintf("key-%05d", len(p.Entries))
	}
	made, err := p.Take(p.inst, storetest.At("2024-03-05 09:00"), want)
	if err == nil {
		p.Entries = append(p.Entries, made)
	}
	return err
}

func (p *pen) write(want survey.EvaluationEntry) {
	p.t.Helper()
	if err := p.try(want); err != nil {
		p.t.Fatalf("%+v: %v", want, err)
	}
}

func answer(item string, f survey.Finding, values ...string) survey.EvaluationEntry {
	return survey.EvaluationEntry{Step: survey.StepAnswered, Item: item, Finding: f, Values: values}
}

func TestFindingsGoWithTheirValues(t *testing.T) {
	const met, not, na = survey.FindingMet, survey.FindingNotMet, survey.FindingNotApplicable
	for name, c := range map[string]struct {
		want  survey.EvaluationEntry
		found survey.Finding
		why   survey.Why
	}{
		"met":                                   {answer("1", met), met, ""},
		"nothing said":                          {answer("1", ""), "", survey.WhyFinding},
		"another word":                          {answer("1", "yes"), "", survey.WhyFinding},
		"an item without thresholds, measured":  {answer("1", met, "3"), "", survey.WhyValues},
		"both reached":                          {answer("2", met, "90", "80.0"), met, ""},
		"reached, and still not met":            {answer("2", not, "95", "90"), not, ""},
		"one below":                             {answer("2", met, "90", "79.9"), "", survey.WhyBelow},
		"the values decide":                     {answer("2", "", "90", "79.9"), not, ""},
		"the values decide, met":                {answer("2", "", "９０％", "80"), met, ""},
		"one does not apply":                    {answer("2", met, "90", ""), met, ""},
		"met without a value":                   {answer("2", met), "", survey.WhyValue},
		"not met without a value":               {answer("2", not, "", ""), not, ""},
		"does not apply, with a value":          {answer("2", na, "1", "2"), "", survey.WhyValues},
		"does not apply":                        {answer("2", na, "", ""), na, ""},
		"one value too few":                     {answer("2", met, "90"), "", survey.WhyValues},
		"above 100 %":                           {answer("2", met, "101", "80"), "", survey.WhyValue},
		"no number":                             {answer("2", met, "9e1", "80"), "", survey.WhyValue},
		"negative":                              {answer("3", "", "-1"), "", survey.WhyValue},
		"at most, reached":                      {answer("3", met, "7"), met, ""},
		"at most, above":                        {answer("3", met, "8"), "", survey.WhyBelow},
		"a veto that is found":                  {answer("V1", met), met, ""},
		"an item of another instrument":         {answer("60", met), "", survey.WhyItemUnknown},
		"a photo that is none":                  {survey.EvaluationEntry{Step: survey.StepAnswered, Item: "1", Finding: met, Photos: []string{"x.jpg"}}, "", survey.WhyPhotoName},
		"a key too short":                       {survey.EvaluationEntry{Key: "k", Step: survey.StepAnswered, Item: "1", Finding: met}, "", survey.WhyEntryKey},
		"a note too long":                       {survey.EvaluationEntry{Step: survey.StepAnswered, Item: "1", Finding: met, Note: strings.Repeat("字", survey.MaxNote+1)}, "", survey.WhyNoteTooLong},
		"another step":                          {survey.EvaluationEntry{Step: "signed"}, "", survey.WhyEvaluationStep},
		"submitted with items that are open":    {survey.EvaluationEntry{Step: survey.StepSubmitted}, "", survey.WhyUnanswered},
		"revised before anything was submitted": {survey.EvaluationEntry{Step: survey.StepRevised, Note: "x"}, "", survey.WhyNotSubmitted},
	} {
		p := pen{t: t, inst: storetest.Instrument(1)}
		err := p.try(c.want)
		var faults survey.Faults
		errors.As(err, &faults)
		if c.why == "" && (err != nil || p.State().Answers[c.want.Item].Finding != c.found) {
			t.Errorf("%s: %v, found %q, want %q", name, err, p.State().Answers[c.want.Item].Finding, c.found)
		}
		if c.why != "" && !slices.ContainsFunc(faults, func(f survey.Fault) bool { return f.Why == c.why }) {
			t.Errorf("%s: %v, want %s", name, err, c.why)
		}
	}
}

func TestAnEvaluationFromItsFirstEntryToItsSecondVersion(t *testing.T) {
	p := pen{t: t, inst: storetest.Instrument(1)}
	one, two := survey.PhotoName([32]byte{1}), survey.PhotoName([32]byte{2})
	first := answer("1", survey.FindingMet)
	first.Photos = []string{one}
	p.write(first)
	again := answer("1", survey.FindingNotMet)
	again.Photos, again.Note = []string{two}, "  灯不亮\r\n"
	p.write(again)
	p.write(answer("2", "", "95", "85"))
	p.write(answer("3", survey.FindingNotApplicable))
	if open := p.State().Open(p.inst); !slices.Equal(open, []string{"B1", "V1"}) {
		t.Errorf("open: %v", open)
	}
	var faults survey.Faults
	if err := p.try(survey.EvaluationEntry{Step: survey.StepSubmitted}); !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("submitted with two open items: %v", err)
	}
	p.write(answer("B1", survey.FindingNotMet))
	p.write(answer("V1", survey.FindingNotMet))
	p.write(survey.EvaluationEntry{Step: survey.StepSubmitted})
	s := p.State()
	if a := s.Submitted["1"]; !s.Locked || s.SubmittedVersion != 1 || a.Finding != survey.FindingNotMet || a.Note != "灯不亮" || !slices.Equal(a.Photos, []string{one, two}) {
		t.Fatalf("submitted: %+v", s)
	}
	for _, e := range []survey.EvaluationEntry{answer("1", survey.FindingMet), {Step: survey.StepSubmitted}} {
		if err := p.try(e); !errors.Is(err, survey.ErrSubmitted) {
			t.Errorf("%s after submitting: %v", e.Step, err)
		}
	}
	if err := p.try(survey.EvaluationEntry{Step: survey.StepRevised, Note: "  "}); !errors.As(err, &faults) || faults.On("note") != survey.WhyReason {
		t.Errorf("revised without a reason: %v", err)
	}
	p.write(survey.EvaluationEntry{Step: survey.StepRevised, Note: "复核"})
	p.write(answer("1", survey.FindingMet))
	if s = p.State(); s.Locked || s.Version != 2 || s.SubmittedVersion != 1 || s.Submitted["1"].Finding != survey.FindingNotMet || s.Answers["1"].Finding != survey.FindingMet {
		t.Errorf("being revised: %+v", s)
	}
	p.write(survey.EvaluationEntry{Step: survey.StepSubmitted})
	if s = p.State(); s.SubmittedVersion != 2 || s.Submitted["1"].Finding != survey.FindingMet {
		t.Errorf("submitted again: %+v", s)
	}
	if !p.HasPhoto(two) || p.HasPhoto(survey.PhotoName([32]byte{3})) {
		t.Error("it does not know its photos")
	}
}

func TestAnItemHasItsPhotosInAll(t *testing.T) {
	p := pen{t: t, inst: storetest.Instrument(1)}
	e := answer("1", survey.FindingMet)
	for n := range survey.MaxPhotos {
		e.Photos = append(e.Photos, survey.PhotoName([32]byte{byte(n)}))
	}
	p.write(e)
	p.write(e) // the same ones again
	e.Photos = []string{survey.PhotoName([32]byte{99})}
	var faults survey.Faults
	if err := p.try(e); !errors.As(err, &faults) || faults.On("photos") != survey.WhyPhotos {
		t.Errorf("one too many: %v", err)
	}
}

func TestAssigningBureaus(t *testing.T) {
	s := storetest.Survey()
	var faults survey.Faults
	err := survey.Assign(t.Context(), nil, s, survey.User{Actor: survey.Actor{Name: "lin", Role: survey.Reviewer}}, []string{"350102", "350102-HR"})
	if !errors.As(err, &faults) || faults.On("evaluator") != survey.WhyNotEvaluator || len(faults) != 2 || faults[1].Value != "350102" {
		t.Errorf("%v", err)
	}
}
