package imports

import "manyi/survey"

// WhyRounded refuses a number that Excel has rounded, as it does with more than
// 15 digits: the column must be formatted as text before the numbers are typed.
const WhyRounded survey.Why = "rounded"

var visitColumns = []column{
	{name: "case_number", aliases: []string{"办件编号"}},
	{name: "stage", aliases: []string{"阶段"}, optional: true},
	{name: "window", aliases: []string{"窗口"}},
	{name: "item", aliases: []string{"事项"}},
	{name: "finished_at", aliases: []string{"办结时间"}},
	{name: "secret", aliases: []string{"凭证码"}, optional: true},
	{name: "phone", aliases: []string{"手机号", "手机号码"}, optional: true},
	{name: "consent", aliases: []string{"同意短信邀请", "同意"}, optional: true},
	{name: "language", aliases: []string{"语言"}, optional: true},
}

// Visits reads the columns case_number (办件编号), stage (阶段, optional), window
// (窗口), item (事项), finished_at (办结时间), and the optional secret (凭证码), phone
// (手机号), consent (同意短信邀请) and language (语言). The faults
// are those of reading: what a visit must be is checked by survey.CheckVisits,
// so the rows are given even with faults, unless a column is missing.
func Visits(t Table) ([]survey.VisitRow, survey.Faults) {
	at, faults := t.find(visitColumns)
	if len(faults) > 0 {
		return nil, faults
	}
	rows := make([]survey.VisitRow, 0, len(t.Rows))
	for _, row := range t.Rows {
		v := survey.VisitRow{
			Row:        row.Number,
			CaseNumber: whole(row.Cell(at[0]), false),
			Stage:      whole(row.Cell(at[1]), false),
			Window:     row.Cell(at[2]),
			Item:       row.Cell(at[3]),
			Finish:     t.localTime(row.Cell(at[4])),
			Secret:     whole(row.Cell(at[5]), false),
			Phone:      whole(row.Cell(at[6]), true),
			Consent:    whole(row.Cell(at[7]), false),
			Language:   row.Cell(at[8]),
		}
		if rounded(v.CaseNumber) {
			faults = append(faults, survey.Fault{Row: v.Row, Field: "case_number", Value: v.CaseNumber, Why: WhyRounded})
		}
		if rounded(v.Secret) {
			faults = append(faults, survey.Fault{Row: v.Row, Field: "secret", Why: WhyRounded})
		}
		rows = append(rows, v)
	}
	return rows, faults
}
