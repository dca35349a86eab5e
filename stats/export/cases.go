package export

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
)

// caseColumns: one line a figure, so that each carries its definition, numerator,
// denominator and day.
var caseColumns = []Column{
	{"line", survey.Text{Zh: "行类型", En: "row, or total"}},
	{"survey", survey.Text{Zh: "测评", En: "Survey"}},
	{"sample", survey.Text{Zh: "是否演示数据", En: "Whether this is demonstration data"}},
	{"as_of", survey.Text{Zh: "截至日（当日结束时）", En: "Counted at the end of this day"}},
	{"sheet", survey.Text{Zh: "当日第几次统计", En: "Number of the day's count"}},
	{"place", survey.Text{Zh: "地点编码", En: "Place"}},
	{"name", survey.Text{Zh: "地点名称", En: "Name"}},
	{"definition", survey.Text{Zh: "定义编号", En: "Number of the definition"}},
	{"figure", survey.Text{Zh: "指标代号", En: "Figure"}},
	{"title_zh", survey.Text{Zh: "指标名称", En: "Its name in Chinese"}},
	{"title_en", survey.Text{Zh: "指标英文名称", En: "Its name in English"}},
	{"numerator", survey.Text{Zh: "分子，或数目", En: "Numerator, or the count"}},
	{"denominator", survey.Text{Zh: "分母", En: "Denominator"}},
	{"rate", survey.Text{Zh: "比率", En: "Rate"}},
	{"numerator_all", survey.Text{Zh: "含不予采纳：分子，或数目", En: "With reviews not adopted: numerator, or the count"}},
	{"denominator_all", survey.Text{Zh: "含不予采纳：分母", En: "With reviews not adopted: denominator"}},
	{"rate_all", survey.Text{Zh: "含不予采纳：比率", En: "With reviews not adopted: rate"}},
	{"not_adopted", survey.Text{Zh: "其中不予采纳数", En: "Of them not adopted"}},
	{"pending", survey.Text{Zh: "未到期数", En: "Cases whose deadlines still run"}},
	{"about", survey.Text{Zh: "结论依据：declared 单位填报，confirmed 群众确认", En: "Whose word the verdict goes by"}},
	{"verdict", survey.Text{Zh: "是否达到100%", En: "Whether it is 100 %"}},
	{"verdict_all", survey.Text{Zh: "含不予采纳：是否达到100%", En: "With reviews not adopted: whether it is 100 %"}},
}

// Cases writes a table of figures about cases, the total last. text gives the
// product's sentences by key.
func Cases(w io.Writer, f Format, t figures.CaseTable, text func(key string) survey.Text) (Manifest, error) {
	table := Table{Name: "case_rates", Columns: caseColumns, Meta: []KV{
		{"survey", t.Survey}, {"title_zh", t.Title.Zh}, {"title_en", t.Title.En}, {"sample", strconv.FormatBool(t.Sample)},
		{"as_of", t.AsOf}, {"sheet", strconv.Itoa(t.Sheet)}, {"made_at", t.MadeAt.Format(time.RFC3339)},
	}}
	for _, d := range stats.CaseDefinitions {
		formula := text("case_formula." + d.Name)
		table.Meta = append(table.Meta, KV{d.ID, formula.Zh + " " + formula.En})
	}
	x, err := NewWriter(w, f, table)
	if err != nil {
		return Manifest{}, err
	}
	for i := range len(t.Rows) + 1 {
		line, row := "total", t.Total
		if i < len(t.Rows) {
			line, row = "row", t.Rows[i]
		}
		for _, figure := range caseLines(row, text) {
			if err := x.Row(append([]any{line, t.Survey, t.Sample, t.AsOf, t.Sheet, row.Place, row.Name}, figure...)...); err != nil {
				return Manifest{}, err
			}
		}
	}
	return x.Close()
}

// caseLines are the cells from definition on.
func caseLines(row figures.CaseRow, text func(string) survey.Text) (lines [][]any) {
	for _, r := range row.Rates {
		var about, verdict, all any
		if v := r.Verdict; v != nil {
			about, verdict, all = string(v.About), string(v.Adopted), string(v.WithNotAdopted)
		}
		title := text("case_rate." + r.Name)
		lines = append(lines, []any{r.Definition, r.Name, title.Zh, title.En, r.Adopted.Num, r.Adopted.Den, ratioCell(r.Adopted),
			r.All.Num, r.All.Den, ratioCell(r.All), countCell(r.NotAdopted), countCell(r.Pending), about, verdict, all})
	}
	count := func(definition, name string, title survey.Text, adopted, all stats.Count) {
		lines = append(lines, []any{definition, name, title.Zh, title.En, countCell(adopted), nil, nil, countCell(all), nil, nil, nil, nil, nil, nil, nil})
	}
	for _, c := range row.Counts {
		count(c.Definition, c.Name, text("case_rate."+c.Name), c.Adopted, c.All)
	}
	after := text("case_rate.after")
	for i, l := range survey.Levels {
		level := text("level." + l.String())
		count(stats.AfterID, "after_"+l.String(), survey.Text{Zh: after.Zh + "：" + level.Zh, En: after.En + ": " + level.En}, row.After[i], stats.Withheld)
	}
	for _, code := range slices.Sorted(maps.Keys(row.Reasons)) {
		n := strconv.Itoa(code)
		count(stats.ReasonsID, "reason_"+n, survey.Text{Zh: "原因 " + n, En: "Reason " + n}, row.Reasons[code], stats.Withheld)
	}
	return lines
}
