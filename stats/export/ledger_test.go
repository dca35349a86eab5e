package export

import (
	"bytes"
	"context"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// ledgerSteps is what is done about the cases of the ledger under test, by account
// and local time. 29 February 2024 is a Thursday.
var ledgerSteps = []struct {
	of    int // case, by the order the reviews came in
	at    string
	party survey.Party
	survey.Entry
}{
	// In time, after an extension, confirmed by the citizen.
	{0, "2024-03-01 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepContacted, Outcome: survey.OutcomeReached}},
	{0, "2024-03-04 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepVerified, Note: "属实"}},
	{0, "2024-03-05 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepExtensionAsked, Note: "系统改造", Days: 5}},
	{0, "2024-03-05 10:00", survey.Higher, survey.Entry{By: "lin", Step: survey.StepExtensionGranted}},
	{0, "2024-03-18 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepRectified, Note: "=已增开一个窗口"}},
	{0, "2024-03-19 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepCallback, Outcome: survey.OutcomeSatisfied}},
	{0, "2024-03-20 09:00", survey.Citizen, survey.Entry{Step: survey.StepSaid, Outcome: survey.OutcomeSolved, Level: survey.Satisfied}},
	{0, "2024-03-21 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepClosed}},
	// Reopened, and the second rectification was late.
	{1, "2024-03-01 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepContacted, Outcome: survey.OutcomeReached}},
	{1, "2024-03-01 10:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepVerified, Note: "属实"}},
	{1, "2024-03-04 10:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepRectified, Note: "已道歉"}},
	{1, "2024-03-05 10:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepCallback, Outcome: survey.OutcomeUnsatisfied}},
	{1, "2024-03-28 10:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepRectified, Note: "已退费"}},
	// Not adopted.
	{2, "2024-03-01 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepExclusionAsked, Note: "评错了窗口", Ground: survey.GroundMistaken}},
	{2, "2024-03-01 11:00", survey.Higher, survey.Entry{By: "lin", Step: survey.StepExclusionGranted, Note: "同意"}},
	// Explained; 3 stays open and is overdue.
	{4, "2024-03-01 09:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepContacted, Outcome: survey.OutcomeNoContact}},
	{4, "2024-03-01 10:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepVerified, Note: "不属实"}},
	{4, "2024-03-01 11:00", survey.Own, survey.Entry{By: "chen", Step: survey.StepExplained, Note: "'按规定需要原件"}},
}

// ledgerStore holds the cases of ledgerSteps and the answers that owe none.
func ledgerStore(t *testing.T) (survey.Store, survey.Survey) {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := storetest.Survey()
	f := storetest.NewFacts(7, s)
	contact := func(r *survey.Response) {
		r.Contact = &survey.SealedContact{KeyID: "k", Sealed: []byte("sealed"), PhoneHash: []byte("hash")}
	}
	group := []survey.Response{
		f.Response(storetest.GulouHR1, storetest.At("2024-02-29 09:30"), storetest.Bad, contact, storetest.Proving("A-1", "s"),
			storetest.Commented("=HYPERLINK(\"http://example.invalid\")\n第二行"), func(r *survey.Response) { r.Reasons = []int{108, 109} }),
		f.Response(storetest.GulouHR3, storetest.At("2024-02-29 09:31"), storetest.Bad, contact),
		f.Response(storetest.GulouHR3, storetest.At("2024-02-29 09:32"), storetest.Bad, storetest.OnCase("A-2")),
		f.Response(storetest.CangshanHR, storetest.At("2024-02-29 09:33"), storetest.Bad, storetest.OnCase("A-2")),
		f.Response(storetest.SimingTax, storetest.At("2024-02-29 09:34"), storetest.Bad, func(r *survey.Response) { r.Channel = survey.ChannelImported }),
		f.Response(storetest.SimingTax, storetest.At("2024-02-29 09:35"), func(r *survey.Response) { r.Level = survey.Satisfied }),
	}
	if _, err := store.PutVisits(t.Context(), []survey.Visit{f.Visit(storetest.GulouHR1, "A-1", storetest.At("2024-02-29 09:00"), storetest.WithSecret("s"))}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.AddResponses(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	cal := survey.NewCalendar(nil)
	take := func(key survey.Key, who survey.Worker, at string, want survey.Entry) {
		c, err := store.Case(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		made, sum, err := c.Take(s, cal, who, storetest.At(at), want)
		if err == nil {
			err = store.AddEntries(t.Context(), key, made, sum)
		}
		if err != nil {
			t.Fatalf("%s at %s: %v", want.Step, at, err)
		}
	}
	for _, r := range group[:5] {
		take(r.Key, survey.Worker{Party: survey.System}, "2024-02-29 10:00", survey.Entry{Step: survey.StepOpened})
	}
	for _, x := range ledgerSteps {
		take(group[x.of].Key, survey.Worker{Name: x.By, Party: x.party}, x.at, x.Entry)
	}
	return store, s
}

func ledger(t *testing.T, store survey.Store, s survey.Survey, f Format, q survey.CaseQuery) ([]byte, Manifest) {
	t.Helper()
	var out bytes.Buffer
	m, err := Ledger(t.Context(), &out, f, s, storetest.Tree(), store, q, storetest.At("2024-04-01 08:00"))
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), m
}

func TestLedgerGolden(t *testing.T) {
	store, s := ledgerStore(t)
	for _, f := range Formats {
		file, m := ledger(t, store, s, f, survey.CaseQuery{})
		if m.Rows != 5 {
			t.Errorf("%s: %d rows, want the five bad reviews", f, m.Rows)
		}
		if f == XLSX {
			golden(t, "ledger.xlsx.txt", parts(t, file))
			continue
		}
		if f == Parquet {
			continue
		}
		golden(t, "ledger"+f.Extension(), file)
		if got, err := Verify(bytes.NewReader(file), f); got != m || err != nil {
			t.Errorf("%s: %v, %v", f, got, err)
		}
	}
}

func TestLedgerCells(t *testing.T) {
	store, s := ledgerStore(t)
	file, _ := ledger(t, store, s, JSONL, survey.CaseQuery{})
	rows := objects(t, file)
	for i, want := range []map[string]any{
		{"no": 1.0, "bureau_name": "鼓楼区人社局", "level": "dissatisfied", "case_number": "A-1", "real_name": true, "state": "closed",
			"contact_due": "2024-03-01", "contacted": "2024-03-01", "rectify_due": "2024-03-22", "rectified": "2024-03-18", "on_time": true,
			"called_back": "2024-03-19", "callback": "satisfied", "closed": "2024-03-21", "extension": "granted", "extension_days": 5.0,
			"citizen": "solved", "later_level": "satisfied", "done": "=已增开一个窗口", "calendar": survey.NewCalendar(nil).Version},
		{"state": "rectified", "reopened": "2024-03-05", "rectified": "2024-03-28", "on_time": false, "done": "已退费", "callback": "dissatisfied", "real_name": false},
		{"state": "open", "exclusion": "granted", "ground": "mistaken", "on_time": nil, "standing": "counted"},
		{"state": "open", "on_time": false, "rectified": nil, "standing": "superseded", "done": nil},
		{"state": "explained", "explained": "2024-03-01", "on_time": nil, "channel": "imported", "done": "'按规定需要原件"},
	} {
		for name, value := range want {
			if got, there := rows[i][name]; got != value || !there {
				t.Errorf("case %d, %s: got %v, want %v", i+1, name, got, value)
			}
		}
	}
}

func TestLedgerKeepsToItsQuery(t *testing.T) {
	store, s := ledgerStore(t)
	for _, c := range []struct {
		why  string
		q    survey.CaseQuery
		rows int64
	}{
		{"a bureau", survey.CaseQuery{Place: "350102-HR"}, 3},
		{"a hall", survey.CaseQuery{Place: "350102-HR-02"}, 2},
		{"a city", survey.CaseQuery{Place: "350200"}, 1},
		{"a state", survey.CaseQuery{States: []survey.CaseState{survey.CaseClosed}}, 1},
		{"a served case", survey.CaseQuery{Number: "A-2"}, 2},
		{"another survey's filter is overruled", survey.CaseQuery{Survey: "other"}, 5},
		{"a page is not a ledger", survey.CaseQuery{Limit: 2}, 5},
	} {
		if _, m := ledger(t, store, s, CSV, c.q); m.Rows != c.rows {
			t.Errorf("%s: %d rows, want %d", c.why, m.Rows, c.rows)
		}
	}
}

func TestLedgerThatBreaksOffHasNoTrailer(t *testing.T) {
	store, s := ledgerStore(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	if _, err := Ledger(ctx, &out, CSV, s, storetest.Tree(), store, survey.CaseQuery{}, time.Now()); err == nil {
		t.Error("a ledger whose reading was stopped is called whole")
	}
	if _, err := Verify(bytes.NewReader(out.Bytes()), CSV); err == nil {
		t.Error("and it verifies")
	}
}
