package imports

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"manyi/stats/export"
	"manyi/survey"
)

var tree = []survey.Place{
	{Code: "350000", Name: "福建省", Kind: survey.Province, Active: true},
	{Code: "350100", Name: "福州市", Kind: survey.City, Parent: "350000", Active: true},
	{Code: "350102", Name: "鼓楼区", Kind: survey.County, Parent: "350100", Active: true},
	{Code: "350102-HR", Name: "人社局", Kind: survey.Bureau, Parent: "350102", Active: true},
	{Code: "350102-HR-01", Name: "一号大厅", Kind: survey.Hall, Parent: "350102-HR", Active: true},
	{Code: "350102-HR-01-003", Name: "3号窗口", Kind: survey.Window, Parent: "350102-HR-01", Active: false},
}

func TestPlaces(t *testing.T) {
	for name, data := range map[string][]byte{
		"English": []byte("code,name,kind,parent,active\n350000,福建省,province,,\n350100,福州市,City,350000,TRUE\n350102,鼓楼区,county,350100,1\n" +
			"350102-HR,人社局,bureau,350102,true\n350102-HR-01,一号大厅,hall,350102-HR,是\n350102-HR-01-003,3号窗口,window,350102-HR-01,0\n"),
		"Chinese, other order": []byte("备注,启用,上级,类型,名称,编码,备注\n,,,省,福建省,350000\nx,是,350000,市,福州市,350100,y\n,,350100,区,鼓楼区,350102\n" +
			",,350102,局,人社局,350102-HR\n,,350102-HR,大厅,一号大厅,350102-HR-01\n,否,350102-HR-01,窗口,3号窗口,350102-HR-01-003\n"),
		"numbers as text": []byte("CODE,Name,级别,parent,active\n350000.0,福建省,省,,\n3.501E5,福州市,市,3.50000E+05,\n3.50102E+05,鼓楼区,县,350100.00,\n" +
			"350102-HR,人社局,局,350102.0,\n350102-HR-01,一号大厅,大厅,350102-HR,\n350102-HR-01-003,3号窗口,窗口,350102-HR-01,false\n"),
		"numbers in cells": sheet(t, []any{"编码", "名称", "类型", "上级", "启用"}, []any{350000, "福建省", "省"}, []any{350100.0, "福州市", "市", 350000, true},
			[]any{"350102", "鼓楼区", "县", 350100, 1}, []any{"350102-HR", "人社局", "局", 350102, "是"},
			[]any{"350102-HR-01", "一号大厅", "大厅", "350102-HR"}, []any{"350102-HR-01-003", "3号窗口", "窗口", "350102-HR-01", false}),
		"our CSV":  exported(t, export.CSV),
		"our XLSX": exported(t, export.XLSX),
	} {
		places, rows, faults := Places(mustRead(t, data))
		if !reflect.DeepEqual(places, tree) || len(faults) > 0 {
			t.Errorf("%s: got %v, faults %v", name, places, faults)
		}
		if want := []int{2, 3, 4, 5, 6, 7}; !reflect.DeepEqual(rows, want) {
			t.Errorf("%s: rows %v", name, rows)
		}
	}
}

// exported is the tree as the product itself writes it.
func exported(t *testing.T, f export.Format) []byte {
	t.Helper()
	var out bytes.Buffer
	table := export.Table{Name: "places"}
	for _, c := range placeColumns {
		table.Columns = append(table.Columns, export.Column{Name: c.name})
	}
	w, err := export.NewWriter(&out, f, table)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range tree {
		if err := w.Row(p.Code, p.Name, string(p.Kind), p.Parent, p.Active); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The numbers other programs store in a sheet, as they stand in its XML.
func TestNumbersInXML(t *testing.T) {
	book := sheet(t, []any{"code"}, []any{111111})
	for stored, want := range map[string]string{
		"350100":               "350100",
		"350100.0":             "350100",
		"3.501E5":              "350100",
		"3.501E+05":            "350100", // exact here, unlike in CSV
		"2.0260101E7":          "20260101",
		"3.5010220260101E+17":  "3.5010220260101E+17", // digits are lost
		"46023.645833333336":   "46023.645833333336",
		"1.5E-3":               "1.5E-3",
		"3.5010220260101E1":    "3.5010220260101E1",
		"1.23456789012345E+14": "123456789012345",
	} {
		data := repack(t, book, func(_ string, data []byte) []byte {
			return bytes.ReplaceAll(data, []byte("111111"), []byte(stored))
		})
		if got := mustRead(t, data).Rows[0].Cell(0); got != want {
			t.Errorf("%s: got %s, want %s", stored, got, want)
		}
	}
}

func TestOfficialDivisions(t *testing.T) {
	data, err := os.ReadFile("../../server/demo/fujian-divisions.csv")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("code,name,level,parent")) {
		t.Fatal("the list no longer has a level in place of a kind")
	}
	plan, faults := PlanPlaces(nil, mustRead(t, data), "")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(plan.Added) != 94 || !plan.Added[93].Active {
		t.Errorf("got %d places", len(plan.Added))
	}
}

func TestColumnFaults(t *testing.T) {
	for _, bad := range []struct {
		csv  string
		want survey.Faults
		why  string
	}{
		{"code,name,parent\na,b,c", survey.Faults{{Row: 1, Field: "kind", Why: survey.WhyColumnMissing}}, "no kind, told once"},
		{"名称,active\nb,1", survey.Faults{{Row: 1, Field: "code", Why: survey.WhyColumnMissing}, {Row: 1, Field: "kind", Why: survey.WhyColumnMissing},
			{Row: 1, Field: "parent", Why: survey.WhyColumnMissing}}, "all that are missing"},
		{"\n\ncode,name,level\na,b,c", survey.Faults{{Row: 3, Field: "parent", Why: survey.WhyColumnMissing}}, "header in row 3"},
		{"code,name,kind,parent,Code\na,b,c,d,e", survey.Faults{{Row: 1, Field: "code", Value: "Code", Why: survey.WhyRepeated}}, "column twice"},
		{"code,name,level,parent,类型\na,b,c,d,e", survey.Faults{{Row: 1, Field: "kind", Value: "类型", Why: survey.WhyRepeated}}, "one column by two names"},
		{"code,name,kind,parent\n", survey.Faults{{Row: 2, Field: "code", Why: survey.WhyMissing}}, "no place would mean deactivate all"},
		{"code，name，kind，parent\n", survey.Faults{{Row: 1, Field: "code", Why: survey.WhyColumnMissing}, {Row: 1, Field: "name", Why: survey.WhyColumnMissing},
			{Row: 1, Field: "kind", Why: survey.WhyColumnMissing}, {Row: 1, Field: "parent", Why: survey.WhyColumnMissing}}, "full-width commas"},
	} {
		if plan, got := PlanPlaces(tree, mustRead(t, []byte(bad.csv)), ""); !reflect.DeepEqual(got, bad.want) || plan.Writes() != nil {
			t.Errorf("%s: got %v, plan %v", bad.why, got, plan)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	// Rows 3 and 6 are blank; every other row but the second is wrong.
	table := mustRead(t, []byte(strings.Join([]string{
		"编码,名称,类型,上级,启用",
		"350000,福建省,省,,",
		",,,,",
		"3501,福州市,市,350000,maybe",
		"350200,,市,350000,2",
		"",
		"350300,莆田市,村,350000,",
		"3.50E+05,泉州市,市,350000,",
		"350600,漳州市,市,359999,",
		"350000,福建省,省,,",
	}, "\n")))
	want := survey.Faults{
		{Row: 4, Field: "active", Value: "maybe", Why: WhyActive},
		{Row: 4, Field: "code", Value: "3501", Why: survey.WhyPlaceCode},
		{Row: 5, Field: "active", Value: "2", Why: WhyActive},
		{Row: 5, Field: "name", Why: survey.WhyMissing},
		{Row: 7, Field: "kind", Value: "村", Why: survey.WhyKind},
		{Row: 8, Field: "code", Value: "3.50E+05", Why: survey.WhyPlaceCode},
		{Row: 9, Field: "parent", Value: "359999", Why: survey.WhyParentUnknown},
		{Row: 10, Field: "code", Value: "350000", Why: survey.WhyRepeated},
	}
	plan, got := PlanPlaces(nil, table, "")
	// The parent of a row whose kind is unknown may be refused as well.
	var without survey.Faults
	for _, f := range got {
		if f.Row != 7 || f.Field != "parent" {
			without = append(without, f)
		}
	}
	if !reflect.DeepEqual(without, want) || plan.Writes() != nil {
		t.Errorf("got\n%v\nwant\n%v", without, want)
	}
}

func TestPlan(t *testing.T) {
	table := mustRead(t, []byte("code,name,kind,parent,active\n\n"+
		"350102-HR,人社局,局,350102,\n350102-HR-01,大厅,大厅,350102-HR,\n350102-HR-02,二号大厅,大厅,350102-HR,\n350102-HR-01-003,3号窗口,窗口,350102-HR-01,否\n"))
	plan, faults := PlanPlaces(tree, table, "350102-HR")
	if len(faults) > 0 || len(plan.Added) != 1 || len(plan.Changed) != 1 || len(plan.Unchanged) != 2 || len(plan.Deactivated) != 0 {
		t.Errorf("got %+v, faults %v", plan, faults)
	}
	plan, faults = PlanPlaces(tree, table, "350102-HR-01")
	want := survey.Faults{
		{Row: 3, Field: "code", Value: "350102-HR", Why: survey.WhyOutside},
		{Row: 5, Field: "code", Value: "350102-HR-02", Why: survey.WhyOutside},
	}
	if !reflect.DeepEqual(faults, want) || plan.Writes() != nil {
		t.Errorf("outside: got %v", faults)
	}
}
