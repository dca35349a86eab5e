package demo_test

import (
	"context"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/sqlitestore"
)

func TestCandidatesAreTheBureausOfFujian(t *testing.T) {
	places, err := demo.Places()
	if err != nil {
		t.Fatal(err)
	}
	tree, faults := survey.NewTree(places)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	parents := map[survey.Kind]int{}
	for _, b := range tree.All(survey.Bureau, "") {
		p, _ := tree.Place(b.Parent)
		parents[p.Kind]++
		if b.Code == "350527-HR" {
			t.Error("金门 has a bureau")
		}
	}
	// Nine cities; the counties of the division table but 金门 and 平潭, whose bureau reports to the province.
	counties := len(tree.All(survey.County, "")) - 2
	if parents[survey.City] != 9 || parents[survey.County] != counties || parents[survey.Province] != 1 {
		t.Errorf("bureaus by parent = %v, want 9 cities, %d counties, 1 province", parents, counties)
	}
}

func seal(survey.Contact, survey.Key) (*survey.SealedContact, error) {
	return &survey.SealedContact{KeyID: "k", Sealed: []byte("sealed")}, nil
}

func TestFillTwiceIsFillOnce(t *testing.T) {
	ctx := context.Background()
	store, err := sqlitestore.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, zone)
	count := func() (n int, sample bool) {
		s, err := store.Survey(ctx, demo.SurveyID)
		if err != nil {
			t.Fatal(err)
		}
		err = store.Responses(ctx, survey.ResponseQuery{Survey: demo.SurveyID}, func(survey.Listed) error { n++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return n, s.Sample
	}
	if err := demo.Fill(ctx, store, zone, now, demo.Days, seal); err != nil {
		t.Fatal(err)
	}
	first, sample := count()
	if err := demo.Fill(ctx, store, zone, now.Add(time.Hour), demo.Days, seal); err != nil {
		t.Fatal(err)
	}
	second, _ := count()
	if first == 0 || first != second || !sample {
		t.Errorf("%d responses, then %d, sample %v", first, second, sample)
	}
	// The cases were worked, and no step lies ahead.
	reached := map[survey.CaseState]int{}
	err = store.Cases(ctx, survey.CaseQuery{Survey: demo.SurveyID}, func(c survey.Case) error {
		reached[c.Summary.State]++
		if last := c.Entries[len(c.Entries)-1]; last.At.After(now) || c.Progress(time.Time{}, zone).State != c.Summary.State {
			t.Errorf("case of %s ends with %+v, is %s", c.Response.Day, last, c.Summary.State)
		}
		return nil
	})
	if err != nil || reached[survey.CaseOwed] != 0 || reached[survey.CaseClosed] == 0 || reached[survey.CaseOpen] == 0 || len(reached) < 6 {
		t.Errorf("cases by state: %v, %v", reached, err)
	}
	// Two evaluations were submitted, one is under way, and no entry lies ahead.
	submitted, begun := 0, 0
	err = store.Evaluations(ctx, demo.SurveyID, "", func(e survey.Evaluation) error {
		if begun++; e.State().Locked {
			submitted++
		}
		if last := e.Entries[len(e.Entries)-1]; last.At.After(now) {
			t.Errorf("evaluation of %s ends with %+v", e.Bureau, last)
		}
		return nil
	})
	if err != nil || submitted != 2 || begun != 3 {
		t.Errorf("%d of %d evaluations submitted, %v", submitted, begun, err)
	}
	done, err := jobs.RollUp(ctx, store, 0, now)
	if err != nil || done == 0 {
		t.Fatalf("rolled %d, %v", done, err)
	}
	if again, err := jobs.RollUp(ctx, store, 0, now); err != nil || again != 0 {
		t.Errorf("rolled again: %d, %v; want nothing left", again, err)
	}
}
