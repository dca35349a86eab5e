package imports

import (
	"reflect"
	"testing"
	"time"

	"manyi/survey"
)

func TestResponses(t *testing.T) {
	want := []survey.ResponseRow{
		{Row: 2, ID: "20250001", Window: "w", Received: "2026-01-02 15:04:05", Level: "dissatisfied", Reasons: "207", Comment: "等", CaseNumber: "350102", Stage: "2"},
		{Row: 3, ID: "A-2", Window: "w", Received: "2026-01-02 00:00:00", Level: "very_satisfied"},
	}
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for name, data := range map[string][]byte{
		"CSV": []byte("原编号,窗口,评价时间,满意度,评价原因,留言,办件编号,阶段\n20250001,w,2026-01-02 15:04:05,不满意,207,等,350102,2\nA-2,w,2026-01-02 00:00:00,Very_Satisfied\n"),
		"XLSX": sheet(t, []any{"id", "window", "received", "level", "reasons", "comment", "case_number", "stage"},
			[]any{20250001, "w", at, "不满意", 207, "等", 350102, 2}, []any{"A-2", "w", at.Truncate(24 * time.Hour), "非常满意"}),
	} {
		got, faults := Responses(mustRead(t, data))
		if !reflect.DeepEqual(got, want) || len(faults) > 0 {
			t.Errorf("%s: got %+v, faults %v", name, got, faults)
		}
	}
	rows, faults := Responses(mustRead(t, []byte("id,window,received,level,case_number\n3.5E+17,w,x,满意,1.5E+16\n")))
	wrong := survey.Faults{{Row: 2, Field: "id", Value: "3.5E+17", Why: WhyRounded}, {Row: 2, Field: "case_number", Value: "1.5E+16", Why: WhyRounded}}
	if len(rows) != 1 || !reflect.DeepEqual(faults, wrong) {
		t.Errorf("rounded: %d rows, %v", len(rows), faults)
	}
	if _, faults := Responses(mustRead(t, []byte("id,level\n"))); faults.On("window") != survey.WhyColumnMissing || faults.On("received") != survey.WhyColumnMissing {
		t.Errorf("columns: %v", faults)
	}
}

func TestCases(t *testing.T) {
	got, faults := Cases(mustRead(t, []byte("原编号,步骤,时间,经办人,情况,结果,理由,延期工作日,回访满意度\n"+
		"1,核实,2026-01-02,陈,属实\n2,Called_Back,46024.5,陈,,拒绝回答\n3,提请不予采纳,2026-01-02,陈,x,,误评\n4,申请延期,2026-01-02,陈,x,,,5.0\n5,评价人确认,2026-01-02,,,已解决,,,满意\n")))
	want := []survey.CaseRow{
		{Row: 2, ID: "1", Step: "verified", At: "2026-01-02", By: "陈", Note: "属实"},
		{Row: 3, ID: "2", Step: "called_back", At: "2026-01-02 12:00:00", By: "陈", Outcome: "refused"},
		{Row: 4, ID: "3", Step: "exclusion_asked", At: "2026-01-02", By: "陈", Note: "x", Ground: "mistaken"},
		{Row: 5, ID: "4", Step: "extension_asked", At: "2026-01-02", By: "陈", Note: "x", Days: "5"},
		{Row: 6, ID: "5", Step: "said", At: "2026-01-02", Outcome: "solved", Level: "satisfied"},
	}
	if !reflect.DeepEqual(got, want) || len(faults) > 0 {
		t.Errorf("got %+v, faults %v", got, faults)
	}
	if _, faults := Cases(mustRead(t, []byte("id,by\n9E+20,x\n"))); faults.On("step") != survey.WhyColumnMissing || faults.On("at") != survey.WhyColumnMissing {
		t.Errorf("columns: %v", faults)
	}
	if _, faults := Cases(mustRead(t, []byte("id,step,at\n9E+20,x,y\n"))); faults.On("id") != WhyRounded {
		t.Errorf("rounded: %v", faults)
	}
}
