package imports_test

import (
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/imports"
)

func TestCalendar(t *testing.T) {
	table, err := imports.Read(strings.NewReader("日期,类型,节日\n2027-01-01,放假,元旦节\n44927,work,\n"), "2027.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, faults := imports.Calendar(table)
	want := []survey.CalendarRow{{Row: 2, Date: "2027-01-01", Kind: "off", Day: "元旦节"}, {Row: 3, Date: "2023-01-01", Kind: "work"}}
	if faults != nil || len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
		t.Errorf("got %+v, %v", rows, faults)
	}
	table.Columns[0] = "tag"
	if _, faults := imports.Calendar(table); faults.On("date") != survey.WhyColumnMissing {
		t.Errorf("without the dates: %v", faults)
	}
}
