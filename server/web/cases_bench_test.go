package web

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// storedCases is how many cases the list chooses from.
const storedCases = 50_000

// BenchmarkCaseList shows a page of the list of cases without the network. Bare is
// the first page's 51 rows by the index alone, which reads neither responses nor
// entries and draws no page.
func BenchmarkCaseList(b *testing.B) {
	if testing.Short() {
		b.Skip("storing 50,000 cases takes a minute")
	}
	site := caseSite(b)
	b.Run("bare", func(b *testing.B) {
		db, err := sql.Open("sqlite", filepath.Join(site.dir, sqlitestore.FileName))
		must(b, err)
		defer db.Close()
		for b.Loop() {
			rows, err := db.QueryContext(b.Context(), `SELECT c.key, c.next, c.state, c.marks FROM cases c
				WHERE c.survey = ? ORDER BY c.next, c.key LIMIT ?`, site.survey.ID, casesPage+1)
			must(b, err)
			n := 0
			for rows.Next() {
				var key []byte
				var next, marks int
				var state string
				must(b, rows.Scan(&key, &next, &state, &marks))
				n++
			}
			must(b, rows.Close())
			if n != casesPage+1 {
				b.Fatalf("%d rows", n)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/op")
	})
	site.addUser("liu", survey.Organiser, "")
	as, _, _ := site.signIn("liu", password)
	_, last := desk{site, as, ""}.listed("/console/cases?state=closed")
	for _, page := range []struct{ name, path string }{
		{"by_due_date", "/console/cases"},
		{"a_later_page", last},
		{"overdue", "/console/cases?show=overdue"},
		{"a_city", "/console/cases?within=350200"},
		{"a_bureau", "/console/cases?within=350102-HR"},
		{"a_hall", "/console/cases?within=350102-HR-01"},
		{"a_state", "/console/cases?state=closed"},
		{"a_rare_state", "/console/cases?state=unreachable"},
		{"a_rare_state_of_a_city", "/console/cases?state=unreachable&within=350200"},
		{"a_rare_mark", "/console/cases?show=reopened"},
		{"waiting_for_a_calendar", "/console/cases?show=pending"},
		{"a_served_case", "/console/cases?number=N4711"},
		{"no_served_case", "/console/cases?number=X"},
	} {
		b.Run(page.name, func(b *testing.B) { site.serve(b, page.path, as) })
	}
}

// caseSite is a site with bad reviews of two months at the windows of Fujian, most
// of them contacted, verified, rectified and closed. None is unreachable or reopened.
func caseSite(b *testing.B) *site {
	ctx := b.Context()
	s := newEmptySite(b)
	places, err := demo.Places()
	must(b, err)
	tree, faults := survey.NewTree(places)
	must(b, faults.Err())
	must(b, s.store.PutPlaces(ctx, places))
	must(b, s.store.AddSurvey(ctx, s.survey))
	windows := tree.All(survey.Window, "")
	facts, cal := storetest.NewFacts(50, s.survey), survey.NewCalendar(nil)
	steps := []survey.Entry{{Step: survey.StepContacted, Outcome: survey.OutcomeNoContact}, {Step: survey.StepVerified, Note: "属实"},
		{Step: survey.StepRectified, Note: "已增开窗口"}, {Step: survey.StepClosed}}
	every := s.survey.Closes.Sub(s.survey.Opens) / storedCases
	for first := 0; first < storedCases; first += 5000 {
		var group []survey.Response
		for i := first; i < first+5000; i++ {
			group = append(group, facts.Response(windows[i%len(windows)].Code, s.survey.Opens.Add(time.Duration(i)*every), storetest.Bad,
				storetest.OnCase(fmt.Sprint("N", i)), storetest.Commented("等候时间较长，希望多开一个窗口。"),
				func(r *survey.Response) { r.Path = tree.Path(windows[i%len(windows)].Code) }))
		}
		_, err := s.store.AddResponses(ctx, group)
		must(b, err)
	}
	var all []survey.Case
	must(b, s.store.Cases(ctx, survey.CaseQuery{}, func(c survey.Case) error {
		all = append(all, c)
		return nil
	}))
	for i, c := range all {
		var sum survey.CaseSummary
		at := c.Response.ReceivedAt
		for _, want := range append([]survey.Entry{{Step: survey.StepOpened}}, steps[:i%(len(steps)+1)]...) {
			who := survey.Worker{Name: "chen", Party: survey.Own}
			if want.Step == survey.StepOpened {
				who = survey.Worker{Party: survey.System}
			}
			at = at.Add(time.Hour)
			made, after, err := c.Take(s.survey, cal, who, at, want)
			must(b, err)
			c.Entries, sum = append(c.Entries, made...), after
		}
		must(b, s.store.AddEntries(ctx, c.Response.Key, c.Entries, sum))
	}
	s.pass(s.survey.Closes.Sub(s.clock()))
	return s
}
