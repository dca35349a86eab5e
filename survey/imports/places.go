package imports

import (
	"cmp"
	"slices"
	"strings"

	"manyi/survey"
)

// WhyActive refuses a cell of the column active that is neither yes nor no.
const WhyActive survey.Why = "active"

// placeColumns also fit the official lists of divisions (行政区划), which have a
// level where the tree of places has kinds.
var placeColumns = []column{
	{name: "code", aliases: []string{"编码"}},
	{name: "name", aliases: []string{"名称"}},
	{name: "kind", aliases: []string{"类型", "level", "级别"}},
	{name: "parent", aliases: []string{"上级"}},
	{name: "active", aliases: []string{"启用"}, optional: true},
}

var kindNames = map[string]survey.Kind{
	"省": survey.Province, "市": survey.City, "县": survey.County, "区": survey.County,
	"局": survey.Bureau, "大厅": survey.Hall, "窗口": survey.Window,
}

var activeNames = map[string]bool{
	"": true, "true": true, "1": true, "是": true,
	"false": false, "0": false, "否": false,
}

// Places reads the columns code (编码), name (名称), kind (类型; also level, 级别),
// parent (上级) and, optional, active (启用, empty for yes). Kinds stand in English
// or as 省, 市, 县 or 区, 局, 大厅, 窗口. rows gives the row of each place. The
// faults are those of reading: what a place must be is checked by PlanPlaces.
func Places(t Table) (places []survey.Place, rows []int, faults survey.Faults) {
	at, faults := t.find(placeColumns)
	if len(faults) > 0 {
		return nil, nil, faults
	}
	if len(t.Rows) == 0 {
		// Taken at its word, a file without places would deactivate them all.
		return nil, nil, survey.Faults{{Row: t.HeaderRow + 1, Field: "code", Why: survey.WhyMissing}}
	}
	for _, row := range t.Rows {
		p := survey.Place{
			Code:   whole(row.Cell(at[0]), false),
			Name:   row.Cell(at[1]),
			Kind:   kind(row.Cell(at[2])),
			Parent: whole(row.Cell(at[3]), false),
		}
		active, known := activeNames[strings.ToLower(row.Cell(at[4]))]
		if !known {
			faults = append(faults, survey.Fault{Row: row.Number, Field: "active", Value: row.Cell(at[4]), Why: WhyActive})
		}
		p.Active = active
		places, rows = append(places, p), append(rows, row.Number)
	}
	return places, rows, faults
}

func kind(name string) survey.Kind {
	if k, ok := kindNames[name]; ok {
		return k
	}
	return survey.Kind(strings.ToLower(name))
}

// PlanPlaces is survey.PlanPlaces for a table. The faults are all of the file,
// of reading and of the tree, in the order of their rows; with any, nothing may
// be written.
func PlanPlaces(stored []survey.Place, t Table, under string) (survey.PlacePlan, survey.Faults) {
	places, rows, faults := Places(t)
	if len(places) == 0 {
		return survey.PlacePlan{}, faults
	}
	plan, wrong := survey.PlanPlaces(stored, places, under)
	for _, f := range wrong {
		f.Row = rows[f.Row-2] // survey numbers places from 2, in order
		faults = append(faults, f)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b survey.Fault) int { return cmp.Compare(a.Row, b.Row) })
		return survey.PlacePlan{}, faults
	}
	return plan, nil
}
