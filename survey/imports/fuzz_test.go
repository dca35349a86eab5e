package imports

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"

	"manyi/survey"
)

func checkTable(t *testing.T, data []byte) {
	table, err := Read(bytes.NewReader(data), "f")
	if err != nil {
		if !errors.Is(err, ErrNotTable) && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("error of no kind: %v", err)
		}
		return
	}
	last := table.HeaderRow
	if last < 1 || len(table.Columns) == 0 {
		t.Fatalf("no header: %+v", table)
	}
	for _, row := range table.Rows {
		if row.Number <= last || row.Number > MaxRows || len(row.Cells) == 0 || len(row.Cells) > len(table.Columns) {
			t.Fatalf("row after %d is %+v", last, row)
		}
		last = row.Number
		for _, cell := range row.Cells {
			if cell != trim(cell) || !utf8.ValidString(cell) {
				t.Fatalf("row %d holds %q", row.Number, cell)
			}
		}
	}
	if _, faults := Visits(table); len(faults) > 0 && faults[0].Row < 1 {
		t.Fatalf("fault in no row: %v", faults)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte(plainCSV))
	f.Add([]byte("\uFEFFa;\"b\n\"\"\";c\r\n\r\n#end;1\r\n"))
	f.Add([]byte("\xFF\xFEa\x00\t\x00b\x00\n\x00c\x00"))
	f.Add([]byte("\xB1\xE0\xC2\xEB,b\n3.5E+05,46024.5\n"))
	f.Add([]byte("case_number,window,item,finished_at\n1.5E+20,,,46024\n"))
	f.Fuzz(checkTable)
}

func FuzzReadXLSX(f *testing.F) {
	f.Add(sheet(f, []any{"code"}, nil, []any{1.5, true, "x"}))
	// Mutations of a zip rarely get past its checksums: these are parts to put in.
	book := sheet(f, []any{"code"})
	f.Add([]byte(`<worksheet><sheetData><row r="3"><c r="B3" t="s"><v>7</v></c></row><row><c t="b"><v>1</v></c></row></sheetData></worksheet>`))
	f.Add([]byte(`<sst><si><t>a</t></si><si><r><t>b</t></r></si></sst>`))
	f.Add([]byte(`<workbook><workbookPr date1904="1"/><sheets><sheet name="x" sheetId="1"/></sheets></workbook>`))
	f.Add([]byte(`<Relationships><Relationship Id="rId1" Target="worksheets/sheet9.xml"/></Relationships>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkTable(t, data)
		for _, part := range []string{sheetPart, "xl/sharedStrings.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"} {
			checkTable(t, repack(t, book, func(name string, old []byte) []byte {
				if name == part {
					return data
				}
				return old
			}))
		}
	})
}

func FuzzPlaces(f *testing.F) {
	f.Add([]byte("code,name,level,parent\n350000,福建省,province,\n350100,福州市,city,350000\n"), "")
	f.Add([]byte("编码,名称,类型,上级,启用\n350102-HR,人社局,局,350100,否\n350102-HR-01,大厅,大厅,350102-HR,\n"), "350102-HR")
	f.Add([]byte("code,name,kind,parent\n350102,x,bureau,\n,,,\n\n350102,x,y,z\n"), "350102")
	f.Fuzz(func(t *testing.T, data []byte, under string) {
		table, err := Read(bytes.NewReader(data), "f")
		if err != nil {
			return
		}
		plan, faults := PlanPlaces(tree, table, under)
		if len(faults) > 0 {
			rows := map[int]bool{table.HeaderRow: true, table.HeaderRow + 1: true}
			for _, row := range table.Rows {
				rows[row.Number] = true
			}
			for _, fault := range faults {
				if !rows[fault.Row] {
					t.Fatalf("fault in a row that is not there: %v", fault)
				}
			}
			if len(plan.Writes()) > 0 {
				t.Fatalf("plan beside faults %v: %v", faults, plan)
			}
			return
		}
		after := map[string]survey.Place{}
		for _, p := range slices.Concat(tree, plan.Writes()) {
			after[p.Code] = p
		}
		if _, faults := survey.NewTree(slices.Collect(maps.Values(after))); len(faults) > 0 {
			t.Fatalf("accepted, and no tree: %v", faults)
		}
	})
}
