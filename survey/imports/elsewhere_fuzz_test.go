package imports_test

import (
	"bytes"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/imports"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

const fuzzSource = "elsewhere"

// fuzzResponses are imported before steps are fuzzed.
const fuzzResponses = "id,window,received,level,comment\nR1," + storetest.GulouHR1 + ",2024-02-29 10:00,不满意,等\nR2," + storetest.GulouHR1 + ",2024-02-29,满意,\n"

func openStore(f *testing.F) survey.Store {
	store, err := sqlitestore.Open(f.Context(), f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	return store
}

// inRows wants every fault to stand in a row of the table.
func inRows(t *testing.T, table imports.Table, faults survey.Faults) {
	t.Helper()
	rows := map[int]bool{table.HeaderRow: true}
	for _, row := range table.Rows {
		rows[row.Number] = true
	}
	for _, f := range faults {
		if !rows[f.Row] || f.Field == "" || f.Why == "" {
			t.Fatalf("fault in no row: %+v", f)
		}
	}
}

func FuzzResponses(f *testing.F) {
	store, s, now := openStore(f), storetest.Survey(), storetest.At("2024-06-01")
	f.Add([]byte(fuzzResponses), "")
	f.Add([]byte("id,window,received,level,reasons,case_number,stage\n1,"+storetest.GulouHR1+",2024/2/29 8:00,2,207;208,A-1,2\n1,x,,5,;,"), "haochaping")
	f.Add([]byte("id\twindow\treceived\tlevel\n1E+20\tw\t45351.5\t１\n"), "gbt39046")
	f.Fuzz(func(t *testing.T, data []byte, order string) {
		table, err := imports.Read(bytes.NewReader(data), "f")
		if err != nil {
			return
		}
		var codes *survey.CodeMap
		for _, m := range survey.CodeMaps {
			if m.Name == order {
				codes = &m
			}
		}
		rows, unread := imports.Responses(table)
		inRows(t, table, unread)
		list, faults, err := s.CheckResponses(t.Context(), store, rows, storetest.Tree(), fuzzSource, codes, now)
		if err != nil {
			t.Fatal(err)
		}
		inRows(t, table, faults)
		if len(faults) > 0 != (len(list.New) != len(rows)) {
			t.Fatalf("%d rows, %d responses, faults %v", len(rows), len(list.New), faults)
		}
		forms := map[[survey.FormKeyLen]byte]bool{}
		for _, r := range list.New {
			if r.Channel != survey.ChannelImported || r.Level < survey.VerySatisfied || r.Level > survey.VeryDissatisfied || r.ReceivedAt.Before(s.Opens) ||
				!r.ReceivedAt.Before(s.Closes) || !s.Candidate(r.Path.Window()) || r.Level.Bad() && len(r.Reasons) == 0 && strings.TrimSpace(r.Comment) == "" ||
				r.Contact != nil || forms[r.Key.Form()] {
				t.Fatalf("accepted %+v", r)
			}
			forms[r.Key.Form()] = true
		}
	})
}

func FuzzCases(f *testing.F) {
	store, s, now, cal := openStore(f), storetest.Survey(), storetest.At("2024-06-01"), survey.NewCalendar(nil)
	table, err := imports.Read(strings.NewReader(fuzzResponses), "f")
	if err != nil {
		f.Fatal(err)
	}
	rows, _ := imports.Responses(table)
	list, faults, err := s.CheckResponses(f.Context(), store, rows, storetest.Tree(), fuzzSource, nil, now)
	if err != nil || len(faults) > 0 {
		f.Fatal(err, faults)
	}
	if _, err := list.Add(f.Context(), store, func(*survey.Response) error { return nil }); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("id,step,at,by,note,outcome\nR1,联系,2024-03-01 9:00,chen,,已联系上\nR1,核实,2024-03-01,chen,属实,\nR1,整改,2024-03-04,chen,好,\nR1,回访,2024-03-05,chen,,不满意\nR1,整改,2024-03-06,chen,好,\n"))
	f.Add([]byte("id,step,at,by,note,days,ground\nR1,申请延期,2024-03-01,a,x,3,\nR1,同意延期,2024-03-01,b,,,\nR1,提请不予采纳,2024-03-01,a,x,,误评\nR1,同意不予采纳,2024-03-02,b,x,,\nR1,评价人提出异议,2024-03-03,,x,,\n"))
	f.Add([]byte("id,step,at\nR2,核实,\n,\nR9,x,9\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := imports.Read(bytes.NewReader(data), "f")
		if err != nil {
			return
		}
		rows, unread := imports.Cases(table)
		inRows(t, table, unread)
		list, faults, err := s.CheckCases(t.Context(), store, rows, cal, fuzzSource, now)
		if err != nil {
			t.Fatal(err)
		}
		inRows(t, table, faults)
		if len(faults) > 0 {
			if len(list.New) > 0 {
				t.Fatalf("additions beside faults %v", faults)
			}
			return
		}
		if list.Added+list.Unchanged != len(rows) {
			t.Fatalf("%d rows, %d added, %d unchanged", len(rows), list.Added, list.Unchanged)
		}
		for _, a := range list.New {
			last := now.AddDate(-9, 0, 0)
			for i, e := range a.Made {
				if e.No != i+1 || e.At.Before(last) || e.At.After(now) || e.Imported() == (e.Party == survey.System) ||
					e.Party == survey.Citizen && e.By != survey.ImportedBy {
					t.Fatalf("entry %d of %+v", i+1, a.Made)
				}
				last = e.At
			}
			end := survey.Case{Entries: a.Made}.Progress(now.AddDate(1, 0, 0), s.Location())
			if end.State != a.Sum.State || end.Next() != a.Sum.Next {
				t.Fatalf("summary %+v of %+v", a.Sum, end)
			}
		}
	})
}
