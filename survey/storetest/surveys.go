package storetest

import (
	"testing"
	"time"

	"manyi/survey"
)

var surveyChecks = []Check{
	{"surveys/every field comes back", surveyRoundTrip},
	{"surveys/a taken id is refused", surveyTaken},
	{"surveys/latest opening first", surveyOrder},
	{"surveys/anything but id and sample changes before the opening", surveyRevisedBefore},
	{"surveys/only the closing moves after the opening, and only later", surveyFrozen},
	{"surveys/revisions made at once lose none", surveyRevisedAtOnce},
}

func stored(t testing.TB, s survey.SurveyStore, id string) survey.Survey {
	t.Helper()
	got, err := s.Survey(t.Context(), id)
	must(t, "survey", err)
	return got
}

func addSurvey(t testing.TB, s survey.SurveyStore, v survey.Survey) {
	t.Helper()
	must(t, "add survey", s.AddSurvey(t.Context(), v))
}

// oddSurvey has a value no default has in every field.
func oddSurvey(id string) survey.Survey {
	return survey.Survey{
		ID: id, Title: survey.Text{Zh: "“好差评” 🙂 $.", En: "<b>Rate & 'tell'</b>\n"}, Zone: "Asia/Urumqi",
		Opens: At("2024-02-29 00:00:00.001"), Closes: At("2024-03-01 23:59:59.999"),
		Candidates: []string{"350128-ZH", "350102-HR"}, // not sorted: the order is the organiser's
		Questionnaire: survey.Questionnaire{
			ID: "own", Version: 7, Overall: survey.Text{Zh: "满意吗？", En: "Satisfied?"},
			Questions: []survey.Question{{Name: "a.b", Text: survey.Text{Zh: "甲", En: "A"}}, {Name: "$set", Text: survey.Text{Zh: "乙", En: "B"}}},
			Reasons:   []survey.Reason{{Code: 999, Level: survey.VeryDissatisfied, Text: survey.Text{Zh: "丙", En: "C"}}},
		},
		Rules:  survey.Rules{Weights: [5]float64{100, 80.5, 0.1, 0.07, 0}, MinN: 11, DefaultLevel: survey.BasicallySatisfied, DefaultDays: 3, Composite: survey.Composite{Satisfaction: 0.7, Evaluation: 0.3}, Interviews: survey.Interviews{Counted: true, PerBureau: 30, Recheck: .1}},
		Sample: true,
	}
}

func surveyRoundTrip(t testing.TB, s survey.Store) {
	plain, odd := Survey(), oddSurvey("odd-1")
	addSurvey(t, s, plain)
	addSurvey(t, s, odd)
	same(t, "survey", stored(t, s, plain.ID), plain)
	same(t, "survey", stored(t, s, odd.ID), odd)
	_, err := s.Survey(t.Context(), "odd")
	wantErr(t, "unknown survey", err, survey.ErrNotFound)
}

func surveyTaken(t testing.TB, s survey.Store) {
	first := Survey()
	addSurvey(t, s, first)
	second := oddSurvey(first.ID)
	wantErr(t, "add survey with a taken id", s.AddSurvey(t.Context(), second), survey.ErrExists)
	same(t, "survey", stored(t, s, first.ID), first)
	onlyOne(t, "add survey", together(20, func(int) error {
		return s.AddSurvey(t.Context(), Survey(Named("contested")))
	}), survey.ErrExists)
}

func surveyOrder(t testing.TB, s survey.Store) {
	for id, day := range map[string]string{"b": "2024-01-01", "c": "2023-01-01", "a": "2024-06-01"} {
		addSurvey(t, s, Survey(Named(id), func(v *survey.Survey) { v.Opens, v.Closes = At(day), At("2025-01-01") }))
	}
	all, err := s.Surveys(t.Context())
	must(t, "surveys", err)
	var ids []string
	for _, v := range all {
		ids = append(ids, v.ID)
		same(t, "listed survey", v, stored(t, s, v.ID))
	}
	same(t, "order of surveys", ids, []string{"a", "b", "c"})
}

func surveyRevisedBefore(t testing.TB, s survey.Store) {
	first := Survey()
	addSurvey(t, s, first)
	before := first.Opens.Add(-time.Millisecond)
	next := oddSurvey(first.ID)
	next.Sample = false
	must(t, "revise survey", s.ReviseSurvey(t.Context(), next, before))
	same(t, "revised survey", stored(t, s, first.ID), next)

	sample := next
	sample.Sample = true
	wantErr(t, "turn a survey into a sample", s.ReviseSurvey(t.Context(), sample, before.AddDate(-1, 0, 0)), survey.ErrFrozen)
	same(t, "survey after a refused revision", stored(t, s, first.ID), next)
	wantErr(t, "revise unknown survey", s.ReviseSurvey(t.Context(), Survey(Named("none")), before), survey.ErrNotFound)
	_, err := s.Survey(t.Context(), "none")
	wantErr(t, "survey that was only revised", err, survey.ErrNotFound)
}

func surveyFrozen(t testing.TB, s survey.Store) {
	first := Survey()
	addSurvey(t, s, first)
	open := first.Opens // the first instant of the period
	for why, change := range map[string]func(*survey.Survey){
		"earlier closing":   func(v *survey.Survey) { v.Closes = v.Closes.Add(-time.Millisecond) },
		"other weights":     func(v *survey.Survey) { v.Rules.Weights[1] = 9 },
		"other candidates":  func(v *survey.Survey) { v.Candidates = v.Candidates[1:] },
		"other title":       func(v *survey.Survey) { v.Title.En = "x"; v.Closes = v.Closes.AddDate(0, 1, 0) },
		"other opening":     func(v *survey.Survey) { v.Opens = v.Opens.AddDate(0, 0, 1) },
		"other zone":        func(v *survey.Survey) { v.Zone = "UTC" },
		"other question":    func(v *survey.Survey) { v.Questionnaire.Questions = v.Questionnaire.Questions[:1] },
		"other first-level": func(v *survey.Survey) { v.Rules.DefaultLevel = survey.VerySatisfied },
	} {
		wantErr(t, why, s.ReviseSurvey(t.Context(), Survey(change), open), survey.ErrFrozen)
		same(t, "survey after "+why, stored(t, s, first.ID), first)
	}
	longer := first
	longer.Closes = At("2024-04-15")
	must(t, "extend survey", s.ReviseSurvey(t.Context(), longer, At("2024-04-02")))
	same(t, "extended survey", stored(t, s, first.ID), longer)
}

func surveyRevisedAtOnce(t testing.TB, s survey.Store) {
	first := Survey()
	addSurvey(t, s, first)
	const n = 20
	errs := together(n, func(i int) error {
		next := first
		next.Closes = first.Closes.AddDate(0, 0, i+1)
		return s.ReviseSurvey(t.Context(), next, first.Opens)
	})
	for i, err := range errs[:n-1] {
		if err != nil { // one that came after a later closing
			wantErr(t, "extend survey at once", errs[i], survey.ErrFrozen)
		}
	}
	must(t, "latest extension", errs[n-1])
	// A closing only moves later, so whoever came last the latest one stands.
	same(t, "closing", stored(t, s, first.ID).Closes, first.Closes.AddDate(0, 0, n))
}
