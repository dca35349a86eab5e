package imports

import (
	"strings"

	"manyi/survey"
)

var itemColumns = []column{
	{name: "number", aliases: []string{"指标编号", "序号"}},
	{name: "chapter_zh", aliases: []string{"一级指标", "chapter"}},
	{name: "chapter_en", optional: true},
	{name: "title_zh", aliases: []string{"指标名称", "title"}},
	{name: "title_en", optional: true},
	{name: "kind", aliases: []string{"类型"}},
	{name: "thresholds", aliases: []string{"标准值"}, optional: true},
	{name: "measures_zh", aliases: []string{"分项"}, optional: true},
	{name: "measures_en", optional: true},
	{name: "weight", aliases: []string{"权重"}},
}

var itemKindNames = map[string]survey.ItemKind{
	"符合": survey.ItemMet, "定性": survey.ItemMet, "比率": survey.ItemPercentage, "百分比": survey.ItemPercentage, "数量": survey.ItemCount,
	"否决": survey.ItemVeto, "否决项": survey.ItemVeto, "加分": survey.ItemBonus, "加分项": survey.ItemBonus,
}

// Items reads the columns of an instrument: number (指标编号), chapter_zh (一级指标),
// title_zh (指标名称), kind (类型), weight (权重) and, optional, chapter_en, title_en,
// thresholds (标准值), measures_zh (分项) and measures_en. What an item must be is
// checked by survey.NewInstrument.
func Items(t Table) (rows []survey.ItemRow, faults survey.Faults) {
	at, faults := t.find(itemColumns)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, r := range t.Rows {
		rows = append(rows, survey.ItemRow{Row: r.Number, Number: whole(r.Cell(at[0]), false), ChapterZh: r.Cell(at[1]), ChapterEn: r.Cell(at[2]),
			TitleZh: r.Cell(at[3]), TitleEn: r.Cell(at[4]), Kind: word(itemKindNames, r.Cell(at[5])), Thresholds: r.Cell(at[6]),
			MeasuresZh: r.Cell(at[7]), MeasuresEn: r.Cell(at[8]), Weight: r.Cell(at[9])})
	}
	return rows, nil
}

var evaluationColumns = []column{
	{name: "bureau", aliases: []string{"单位编码"}},
	{name: "evaluator", aliases: []string{"评估员"}, optional: true},
	{name: "item", aliases: []string{"指标编号", "序号"}},
	{name: "finding", aliases: []string{"认定"}, optional: true},
	{name: "values", aliases: []string{"数值"}, optional: true},
	{name: "note", aliases: []string{"说明"}, optional: true},
}

var findingNames = map[string]survey.Finding{
	"符合": survey.FindingMet, "是": survey.FindingMet, "有": survey.FindingMet,
	"不符合": survey.FindingNotMet, "否": survey.FindingNotMet, "无": survey.FindingNotMet,
	"不适用": survey.FindingNotApplicable,
}

// Evaluations reads the columns bureau (单位编码), item (指标编号) and, optional,
// evaluator (评估员), finding (认定), values (数值) and note (说明). What they must be is
// checked by survey.CheckEvaluations.
func Evaluations(t Table) (rows []survey.EvaluationRow, faults survey.Faults) {
	at, faults := t.find(evaluationColumns)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, r := range t.Rows {
		rows = append(rows, survey.EvaluationRow{Row: r.Number, Bureau: r.Cell(at[0]), Evaluator: r.Cell(at[1]), Item: whole(r.Cell(at[2]), false),
			Finding: word(findingNames, strings.TrimSpace(r.Cell(at[3]))), Values: r.Cell(at[4]), Note: r.Cell(at[5])})
	}
	return rows, nil
}
