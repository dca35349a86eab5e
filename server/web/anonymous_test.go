package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/storetest"
)

// Who asks to stay unnamed has a case like everybody, outside the real-name rate
// even though the visit is proved.
func TestAnonymousIsWorkedOutsideTheRealNameRate(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	f := storetest.NewFacts(1, s.survey)
	for _, number := range []string{"N1", "N2"} {
		v := f.Visit(storetest.GulouHR1, number, s.clock())
		v.Secret = s.secrets().VisitSecret("s" + number)
		_, err := s.store.PutVisits(t.Context(), []survey.Visit{v})
		must(t, err)
	}
	s.rate(code, "dissatisfied", "comment", "x", "case_number", "N1", "visit_secret", "sN1")
	if a := s.rate(code, "dissatisfied", "comment", "x", "case_number", "N2", "visit_secret", "sN2", "anonymous", "on", "phone", citizenPhone); a.StatusCode != http.StatusUnprocessableEntity ||
		a.page(t).Find("[name=anonymous][checked]").Length() != 1 {
		t.Errorf("a phone without consent: status %d, or the wish to stay unnamed was forgotten", a.StatusCode)
	}
	s.rate(code, "dissatisfied", "comment", "y", "case_number", "N2", "visit_secret", "sN2", "anonymous", "on")
	s.openCases()
	s.pass(24 * time.Hour) // the bureau sees unnamed reviews from the next day on

	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	cases, _ := boss.listed("/console/cases")
	unnamed := 0
	for _, address := range cases {
		page := boss.get(address, boss.as).page(t)
		if strings.Contains(page.Find(".facts").Text(), "要求匿名") {
			unnamed++
			for _, step := range [][]string{{"contacted", "outcome", "no_contact"}, {"verified", "note", "x"}, {"rectified", "note", "x"}, {"closed"}} {
				boss.done(address, step[0], step[1:]...)
			}
		}
	}
	if len(cases) != 2 || unnamed != 1 {
		t.Fatalf("%d cases, %d of somebody who stays unnamed", len(cases), unnamed)
	}
	s.pass(60 * 24 * time.Hour)
	day := survey.DayOf(s.clock(), s.survey.Location()).Plus(-1)
	must(t, ignore(jobs.PutSheet(t.Context(), s.store, s.survey, day, s.clock())))
	said := s.caseRates("by=bureau&within=350102-HR", s.token(survey.Organiser, "")).Rows[0].said()
	for definition, want := range map[string]string{"N1": "2", "C2": "1/2", "C4": "0/1", "C5": "0/1"} { // the one rectified is the unnamed one
		if said[definition] != want {
			t.Errorf("%s: %s, want %s", definition, said[definition], want)
		}
	}
}
