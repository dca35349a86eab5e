package imports

import (
	"strings"

	"manyi/survey"
)

var responseColumns = []column{
	{name: "id", aliases: []string{"原编号"}},
	{name: "window", aliases: []string{"窗口"}},
	{name: "received", aliases: []string{"评价时间"}},
	{name: "level", aliases: []string{"满意度"}},
	{name: "reasons", aliases: []string{"评价原因"}, optional: true},
	{name: "comment", aliases: []string{"留言"}, optional: true},
	{name: "case_number", aliases: []string{"办件编号"}, optional: true},
	{name: "stage", aliases: []string{"阶段"}, optional: true},
}

// levelNames are the levels as files write them in Chinese.
var levelNames = map[string]survey.Level{
	"非常满意": survey.VerySatisfied, "满意": survey.Satisfied, "基本满意": survey.BasicallySatisfied,
	"不满意": survey.Dissatisfied, "非常不满意": survey.VeryDissatisfied,
}

func level(text string) string {
	if l, ok := levelNames[text]; ok {
		return l.String()
	}
	return strings.ToLower(text)
}

// Responses reads the columns id (原编号), window (窗口), received (评价时间), level
// (满意度) and, optional, reasons (评价原因, codes), comment (留言), case_number (办件编号)
// and stage (阶段). The faults are those of reading, and the rows are given beside
// them unless a column is missing; what a response must be is checked by
// survey.CheckResponses.
func Responses(t Table) ([]survey.ResponseRow, survey.Faults) {
	at, faults := t.find(responseColumns)
	if len(faults) > 0 {
		return nil, faults
	}
	rows := make([]survey.ResponseRow, 0, len(t.Rows))
	for _, row := range t.Rows {
		r := survey.ResponseRow{
			Row:        row.Number,
			ID:         whole(row.Cell(at[0]), false),
			Window:     row.Cell(at[1]),
			Received:   t.localTime(row.Cell(at[2])),
			Level:      level(whole(row.Cell(at[3]), false)),
			Reasons:    whole(row.Cell(at[4]), false),
			Comment:    row.Cell(at[5]),
			CaseNumber: whole(row.Cell(at[6]), false),
			Stage:      whole(row.Cell(at[7]), false),
		}
		if rounded(r.ID) {
			faults = append(faults, survey.Fault{Row: r.Row, Field: "id", Value: r.ID, Why: WhyRounded})
		}
		if rounded(r.CaseNumber) {
			faults = append(faults, survey.Fault{Row: r.Row, Field: "case_number", Value: r.CaseNumber, Why: WhyRounded})
		}
		rows = append(rows, r)
	}
	return rows, faults
}

var caseColumns = []column{
	{name: "id", aliases: []string{"原编号"}},
	{name: "step", aliases: []string{"步骤"}},
	{name: "at", aliases: []string{"时间"}},
	{name: "by", aliases: []string{"经办人"}, optional: true},
	{name: "note", aliases: []string{"情况"}, optional: true},
	{name: "outcome", aliases: []string{"结果"}, optional: true},
	{name: "ground", aliases: []string{"理由"}, optional: true},
	{name: "days", aliases: []string{"延期工作日"}, optional: true},
	{name: "level", aliases: []string{"回访满意度"}, optional: true},
}

// The words people use for what was done, beside those of the console's pages.
var (
	stepNames = map[string]survey.CaseStep{
		"联系": survey.StepContacted, "联系评价人": survey.StepContacted, "核实": survey.StepVerified,
		"整改": survey.StepRectified, "完成整改": survey.StepRectified, "说明": survey.StepExplained, "解释说明": survey.StepExplained,
		"回访": survey.StepCallback, "办结": survey.StepClosed,
		"申请延期": survey.StepExtensionAsked, "同意延期": survey.StepExtensionGranted, "不同意延期": survey.StepExtensionRefused,
		"提请不予采纳": survey.StepExclusionAsked, "同意不予采纳": survey.StepExclusionGranted, "应予采纳": survey.StepExclusionRefused,
		"评价人提出异议": survey.StepObjected, "评价人确认": survey.StepSaid, "备注": survey.StepNoted, "添加备注": survey.StepNoted,
	}
	outcomeNames = map[string]survey.Outcome{
		"满意": survey.OutcomeSatisfied, "基本满意": survey.OutcomeBasically, "不满意": survey.OutcomeUnsatisfied,
		"拒绝回答": survey.OutcomeRefused, "未联系上": survey.OutcomeUnreachable, "已联系上": survey.OutcomeReached,
		"未留联系方式": survey.OutcomeNoContact, "已解决": survey.OutcomeSolved, "未解决": survey.OutcomeUnsolved,
	}
	groundNames = map[string]survey.Ground{
		"误评": survey.GroundMistaken, "恶意": survey.GroundMalicious, "恶意评价": survey.GroundMalicious,
		"诉求不合规定": survey.GroundRules, "诉求不合规定，已解释": survey.GroundRules,
	}
)

// word is the name of what a file says in Chinese, or the text itself.
func word[T ~string](names map[string]T, text string) string {
	if name, ok := names[text]; ok {
		return string(name)
	}
	return strings.ToLower(text)
}

// Cases reads the columns id (原编号, of the response), step (步骤), at (时间) and,
// optional, by (经办人), note (情况), outcome (结果), ground (理由), days (延期工作日) and
// level (回访满意度). The faults are those of reading, and the rows are given beside
// them unless a column is missing; what a step must be is checked by survey.CheckCases.
func Cases(t Table) ([]survey.CaseRow, survey.Faults) {
	at, faults := t.find(caseColumns)
	if len(faults) > 0 {
		return nil, faults
	}
	rows := make([]survey.CaseRow, 0, len(t.Rows))
	for _, row := range t.Rows {
		r := survey.CaseRow{
			Row:     row.Number,
			ID:      whole(row.Cell(at[0]), false),
			Step:    word(stepNames, row.Cell(at[1])),
			At:      t.localTime(row.Cell(at[2])),
			By:      row.Cell(at[3]),
			Note:    row.Cell(at[4]),
			Outcome: word(outcomeNames, row.Cell(at[5])),
			Ground:  word(groundNames, row.Cell(at[6])),
			Days:    whole(row.Cell(at[7]), false),
			Level:   level(row.Cell(at[8])),
		}
		if rounded(r.ID) {
			faults = append(faults, survey.Fault{Row: r.Row, Field: "id", Value: r.ID, Why: WhyRounded})
		}
		rows = append(rows, r)
	}
	return rows, faults
}
