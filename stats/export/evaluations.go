package export

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
)

// evaluationColumns: a bureau's line, then one for each evaluator, then one for
// each two of them.
var evaluationColumns = []Column{
	{"line", survey.Text{Zh: "行类型：bureau 单位，evaluator 评估员，pair 两人一致性", En: "bureau, evaluator, or pair of evaluators"}},
	{"survey", survey.Text{Zh: "测评", En: "Survey"}},
	{"sample", survey.Text{Zh: "是否演示数据", En: "Whether this is demonstration data"}},
	{"as_of", survey.Text{Zh: "截至时间", En: "As-of time"}},
	{"instrument", survey.Text{Zh: "评估指标及版本", En: "Instrument and version"}},
	{"place", survey.Text{Zh: "单位编码", En: "Bureau"}},
	{"name", survey.Text{Zh: "单位名称", En: "Name"}},
	{"evaluator", survey.Text{Zh: "评估员", En: "Evaluator"}},
	{"other", survey.Text{Zh: "另一评估员", En: "The other evaluator"}},
	{"submitted", survey.Text{Zh: "已提交评估数；评估员行为已提交的版本", En: "Submitted evaluations; of an evaluator, the version submitted"}},
	{"unfinished", survey.Text{Zh: "未完成评估数", En: "Unfinished evaluations"}},
	{"answered", survey.Text{Zh: "已填指标数", En: "Items answered"}},
	{"items_met", survey.Text{Zh: "E1 符合指标数", En: "E1: items met"}},
	{"items_judged", survey.Text{Zh: "E1 参评指标数（不含不适用）", En: "E1: items met or not met"}},
	{"share_met", survey.Text{Zh: "E1 符合率", En: "E1: share of items met"}},
	{"gate", survey.Text{Zh: "是否达到门槛：met 达到，not_met 未达到，none 无", En: "Whether E1 reaches the gate"}},
	{"not_applicable", survey.Text{Zh: "不适用指标数", En: "Items that do not apply"}},
	{"score", survey.Text{Zh: "E2 得分", En: "E2: score"}},
	{"weight_met", survey.Text{Zh: "E2 符合指标权重", En: "E2: weight met"}},
	{"weight", survey.Text{Zh: "E2 参评指标权重", En: "E2: weight met or not met"}},
	{"bonus_points", survey.Text{Zh: "E2 加分", En: "E2: bonus points"}},
	{"vetoes", survey.Text{Zh: "发现的否决项", En: "Veto items found"}},
	{"bonus", survey.Text{Zh: "符合的加分项", En: "Bonus items met"}},
	{"same", survey.Text{Zh: "E3 认定一致的指标数", En: "E3: items found alike"}},
	{"both", survey.Text{Zh: "E3 两人都填的指标数", En: "E3: items both answered"}},
	{"agreement", survey.Text{Zh: "E3 一致率", En: "E3: percent agreement"}},
	{"kappa", survey.Text{Zh: "E4 科恩 κ 系数", En: "E4: Cohen's kappa"}},
}

// Evaluations writes what evaluators found.
func Evaluations(w io.Writer, f Format, t figures.EvaluationTable) (Manifest, error) {
	x, err := NewWriter(w, f, Table{Name: "evaluations", Columns: evaluationColumns, Meta: []KV{
		{"survey", t.Survey}, {"title_zh", t.Title.Zh}, {"title_en", t.Title.En}, {"sample", strconv.FormatBool(t.Sample)},
		{"as_of", t.AsOf.Format(time.RFC3339)}, {"instrument", t.Instrument.String()}, {"gate", fmt.Sprint(t.Gate)},
		{"E1", "items met / items met or not met; items that do not apply are left out"},
		{"E2", "100 x weight met / weight met or not met + points of bonus items met"},
		{"E3", "items two evaluators found alike / items both answered"},
		{"E4", "Cohen's kappa = (po - pe) / (1 - pe)"},
	}, Whole: []string{"submitted", "unfinished", "answered", "items_met", "items_judged", "not_applicable", "same", "both"}})
	if err != nil {
		return Manifest{}, err
	}
	write := func(line string, row figures.EvaluationRow, evaluator, other any, rest ...any) error {
		return x.Row(append([]any{line, t.Survey, t.Sample, t.AsOf, t.Instrument.String(), row.Place, row.Name, evaluator, other}, rest...)...)
	}
	for _, row := range t.Rows {
		if err := write("bureau", row, nil, nil, append([]any{row.Submitted, row.Unfinished, nil}, evaluationCells(row.Evaluation)...)...); err != nil {
			return Manifest{}, err
		}
		for _, e := range row.Evaluators {
			open := 0
			if e.Open {
				open = 1
			}
			if err := write("evaluator", row, e.Evaluator, nil, append([]any{e.Version, open, e.Answered}, evaluationCells(e.Evaluation)...)...); err != nil {
				return Manifest{}, err
			}
		}
		for _, p := range row.Agreements {
			cells := append(make([]any, 14), p.Same.Num, p.Same.Den, ratioCell(p.Same), noneCell(p.Kappa()))
			if err := write("pair", row, p.A, p.B, cells...); err != nil {
				return Manifest{}, err
			}
		}
	}
	return x.Close()
}

// evaluationCells are the cells from items_met on.
func evaluationCells(e stats.Evaluation) []any {
	return []any{e.Met.Num, e.Met.Den, ratioCell(e.Met), string(e.Gate), countCell(e.NotApplicable), noneCell(e.Score.Value()), e.Score.Met, e.Score.Of, e.Score.Bonus,
		strings.Join(e.Vetoes, ";"), strings.Join(e.Bonus, ";"), nil, nil, nil, nil}
}

// noneCell is a value, or the word for none.
func noneCell(v float64, ok bool) any {
	if !ok {
		return none
	}
	return v
}
