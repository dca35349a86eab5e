package imports

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"manyi/survey"
)

func TestVisits(t *testing.T) {
	const window = "350102-HR-01-003"
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	want := []survey.VisitRow{
		{Row: 2, CaseNumber: "20260102", Stage: "2", Window: window, Item: "社保卡", Finish: "2026-01-02 15:04:05", Secret: "8813"},
		{Row: 4, CaseNumber: "2E10", Window: window, Item: "社保卡", Finish: "2026-01-02 00:00:00"},
	}
	for name, data := range map[string][]byte{
		"CSV": []byte("办件编号,阶段,窗口,事项,办结时间,凭证码\n20260102,2," + window + ",社保卡,2026-01-02 15:04:05,8813\n,,\n" +
			"2E10,," + window + ",社保卡,2026-01-02 00:00:00,\n"),
		"CSV with numbers": []byte("case_number,stage,window,item,finished_at,secret\n2.0260102E7,2.0," + window + ",社保卡,46024.62783564815,8813.0\n\n" +
			"2E10,," + window + ",社保卡,46024\n"),
		"XLSX with dates": sheet(t, []any{"办件编号", "阶段", "窗口", "事项", "办结时间", "凭证码"},
			[]any{20260102, 2, window, "社保卡", at, 8813}, nil, []any{"2E10", nil, window, "社保卡", at.Truncate(24 * time.Hour)}),
	} {
		got, faults := Visits(mustRead(t, data))
		if !reflect.DeepEqual(got, want) || len(faults) > 0 {
			t.Errorf("%s: got %+v, faults %v", name, got, faults)
		}
	}
}

func TestVisitsWithoutOptionalColumns(t *testing.T) {
	got, faults := Visits(mustRead(t, []byte("办件编号,窗口,事项,办结时间\n1,w,i,昨天\n")))
	want := []survey.VisitRow{{Row: 2, CaseNumber: "1", Window: "w", Item: "i", Finish: "昨天"}}
	if !reflect.DeepEqual(got, want) || len(faults) > 0 {
		t.Errorf("got %+v, faults %v", got, faults)
	}
}

func TestVisitFaults(t *testing.T) {
	_, faults := Visits(mustRead(t, []byte("办件编号,item,事项\n1,a,b")))
	want := survey.Faults{
		{Row: 1, Field: "window", Why: survey.WhyColumnMissing},
		{Row: 1, Field: "item", Value: "事项", Why: survey.WhyRepeated},
		{Row: 1, Field: "finished_at", Why: survey.WhyColumnMissing},
	}
	if !reflect.DeepEqual(faults, want) {
		t.Errorf("columns: got %v", faults)
	}
	book := sheet(t, []any{"case_number", "window", "item", "finished_at", "secret"},
		[]any{111111, "w", "i", "x", "s"}, nil, []any{"A1", "w", "i", "x", 111111}, []any{"350102202601010123", "w", "i", "x"})
	rows, faults := Visits(mustRead(t, repack(t, book, func(_ string, data []byte) []byte {
		return bytes.ReplaceAll(data, []byte("111111"), []byte("3.5010220260101001E+17"))
	})))
	if len(rows) != 3 {
		t.Errorf("got %d rows beside the faults", len(rows))
	}
	want = survey.Faults{
		{Row: 2, Field: "case_number", Value: "3.5010220260101001E+17", Why: WhyRounded},
		{Row: 4, Field: "secret", Why: WhyRounded}, // and never what it was
	}
	if !reflect.DeepEqual(faults, want) {
		t.Errorf("rounded: got %v", faults)
	}
	_, faults = Visits(mustRead(t, []byte("case_number,window,item,finished_at\n1,w,i,x\n3.50102E+17,w,i,x\n1E+17,w,i,x")))
	want = survey.Faults{
		{Row: 3, Field: "case_number", Value: "3.50102E+17", Why: WhyRounded},
		{Row: 4, Field: "case_number", Value: "1E+17", Why: WhyRounded},
	}
	if !reflect.DeepEqual(faults, want) {
		t.Errorf("rounded in CSV: got %v", faults)
	}
}

func TestLocalTime(t *testing.T) {
	for in, want := range map[string]string{
		"46024":                  "2026-01-02 00:00:00",
		"46024.5":                "2026-01-02 12:00:00",
		"46024.999999999":        "2026-01-03 00:00:00", // a rounding error, not a second of 23:59
		"46024.627835648":        "2026-01-02 15:04:05",
		"2026-01-02T15:04:05":    "2026-01-02 15:04:05",
		"2026-01-02T15:04:05Z":   "2026-01-02T15:04:05Z",
		"2026/1/2 15:04":         "2026/1/2 15:04",
		"1.5":                    "1.5", // a time without a day
		"20260102":               "20260102",
		"":                       "",
		"2026-01-02T15:04:05.25": "2026-01-02 15:04:05",
	} {
		if got := (Table{}).localTime(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestDatesFrom1904(t *testing.T) {
	book := excelize.NewFile()
	defer book.Close()
	yes := true
	if err := book.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &yes}); err != nil {
		t.Fatal(err)
	}
	for i, row := range [][]any{{"case_number", "window", "item", "finished_at"}, {"1", "w", "i", 44562.5}} {
		if err := book.SetSheetRow("Sheet1", []string{"A1", "A2"}[i], &row); err != nil {
			t.Fatal(err)
		}
	}
	rows, faults := Visits(mustRead(t, written(t, book)))
	if len(faults) > 0 || rows[0].Finish != "2026-01-02 12:00:00" {
		t.Errorf("got %+v, %v", rows, faults)
	}
}
