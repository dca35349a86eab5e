package imports

import (
	"strings"
	"time"

	"manyi/survey"
)

var calendarColumns = []column{
	{name: "date", aliases: []string{"日期"}},
	{name: "kind", aliases: []string{"类型"}},
	{name: "holiday", aliases: []string{"节日"}, optional: true},
}

// calendarKinds are the words people use for the two kinds of days.
var calendarKinds = map[string]string{"放假": "off", "休": "off", "上班": "work", "班": "work", "调休上班": "work"}

// Calendar reads the columns date (日期), kind (类型: off 放假 or work 上班) and holiday
// (节日, optional). What a day must be is checked by survey.CheckCalendar.
func Calendar(t Table) ([]survey.CalendarRow, survey.Faults) {
	at, faults := t.find(calendarColumns)
	if len(faults) > 0 {
		return nil, faults
	}
	rows := make([]survey.CalendarRow, 0, len(t.Rows))
	for _, row := range t.Rows {
		r := survey.CalendarRow{Row: row.Number, Date: t.localTime(row.Cell(at[0])), Kind: strings.ToLower(row.Cell(at[1])), Day: row.Cell(at[2])}
		if day, err := time.Parse(time.DateTime, r.Date); err == nil { // as Excel keeps days
			r.Date = day.Format(time.DateOnly)
		}
		if kind, ok := calendarKinds[r.Kind]; ok {
			r.Kind = kind
		}
		rows = append(rows, r)
	}
	return rows, nil
}
