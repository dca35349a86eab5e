package bundle

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"manyi/stats/export"
	"manyi/stats/sheet"
	"manyi/survey"
)

// summaryRow is a line of the summary table (汇总表): a unit, or one of the bureaus that
// are counted together in it.
type summaryRow struct {
	sheet.Sheet
	no      int
	name    string
	within  string // the unit a bureau is counted in; empty if the line is the unit's
	judged  *sheet.Judged
	Adopted sheet.Figures // zero where it is not told
}

// summaryOf is the lines in the order of their ranks, then of their codes.
func summaryOf(d Document) (rows []summaryRow) {
	sheets := slices.Clone(d.Sheets)
	slices.SortStableFunc(sheets, func(a, b sheet.Sheet) int {
		switch {
		case a.Rank == nil && b.Rank == nil:
			return strings.Compare(a.Place, b.Place)
		case a.Rank == nil:
			return 1
		case b.Rank == nil:
			return -1
		}
		return cmp.Or(cmp.Compare(a.Rank.Best, b.Rank.Best), cmp.Compare(a.Rank.Worst, b.Rank.Worst), strings.Compare(a.Place, b.Place))
	})
	judged := func(s sheet.Sheet, bureau string) *sheet.Judged {
		if j, ok := s.Evaluations[bureau]; ok {
			return &j
		}
		return nil
	}
	for _, s := range sheets {
		r := summaryRow{Sheet: s, no: len(rows) + 1, name: d.Names[s.Place], judged: judged(s, s.Place)}
		if s.Adopted != nil {
			r.Adopted = *s.Adopted
		}
		rows = append(rows, r)
		for _, bureau := range s.Pooled {
			rows = append(rows, summaryRow{Sheet: sheet.Sheet{Place: bureau}, no: len(rows) + 1, name: d.Names[bureau], within: s.Place, judged: judged(s, bureau)})
		}
	}
	return rows
}

// caseRate is the rate of a name; nil if there is none.
func (r summaryRow) caseRate(name string) *sheet.CaseRate {
	for i := range r.Cases {
		if r.Cases[i].Name == name {
			return &r.Cases[i]
		}
	}
	return nil
}

// stated begins the name of a column whose numbers rest on what is not recomputed.
const stated = "stated_"

type summaryColumn struct {
	export.Column
	value func(r summaryRow) any
	// counted is for what is there only since evaluations are counted from the log.
	counted bool
}

func column(name, zh, en string, value func(r summaryRow) any) summaryColumn {
	return summaryColumn{Column: export.Column{Name: name, Label: survey.Text{Zh: zh, En: en}}, value: value}
}

// cell is a value, or an empty cell for nil.
func cell[T any](v *T) any {
	if v == nil {
		return nil
	}
	return *v
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// ofUnit is for what only units have: the lines of bureaus counted together leave it empty.
func ofUnit(value func(r summaryRow) any) func(r summaryRow) any {
	return func(r summaryRow) any {
		if r.within != "" {
			return nil
		}
		return value(r)
	}
}

func rateOf(s *sheet.Share) any {
	if s == nil {
		return nil
	}
	return cell(s.Rate)
}

func rateColumns(prefix, zh, en string, of func(r summaryRow) *sheet.Rate) []summaryColumn {
	part := func(get func(*sheet.Rate) sheet.Number) func(r summaryRow) any {
		return ofUnit(func(r summaryRow) any {
			if rate := of(r); rate != nil {
				return cell(get(rate))
			}
			return nil
		})
	}
	return []summaryColumn{
		column(prefix, zh, en, part(func(r *sheet.Rate) sheet.Number { return r.Rate })),
		column(prefix+"_low", zh+"95%区间下限", en+", lower end of the 95 % interval", part(func(r *sheet.Rate) sheet.Number { return r.Low })),
		column(prefix+"_high", zh+"95%区间上限", en+", upper end", part(func(r *sheet.Rate) sheet.Number { return r.High })),
	}
}

func caseColumns(name, zh, en string) []summaryColumn {
	share := func(get func(*sheet.Share) any) func(summaryRow) any {
		return func(r summaryRow) any {
			if c := r.caseRate(name); c != nil && c.All != nil {
				return get(c.All)
			}
			return nil
		}
	}
	all := []summaryColumn{
		column(stated+name, zh, en, share(func(s *sheet.Share) any { return cell(s.Rate) })),
		column(stated+name+"_num", zh+"：达到的差评件数", en+": cases that are", share(func(s *sheet.Share) any { return s.Num })),
		column(stated+name+"_den", zh+"：应办的差评件数", en+": of cases due", share(func(s *sheet.Share) any { return s.Den })),
		column(stated+"adopted_"+name, zh+"（不含不予采纳）", en+", without reviews not adopted", func(r summaryRow) any {
			if c := r.caseRate(name); c != nil {
				return rateOf(c.Adopted)
			}
			return nil
		}),
	}
	if strings.HasPrefix(name, "real_name") {
		all = append(all, column(stated+name+"_verdict", zh+"结论：met 达到100%，not_met 未达到，none 无", en+": verdict", func(r summaryRow) any {
			if c := r.caseRate(name); c != nil && c.Verdict != nil {
				return string(c.Verdict.WithNotAdopted)
			}
			return nil
		}))
	}
	return all
}

func judgedColumn(name, zh, en string, value func(j *sheet.Judged) any) summaryColumn {
	return column(stated+name, zh, en, func(r summaryRow) any {
		if r.judged == nil {
			return nil
		}
		return value(r.judged)
	})
}

// agreedColumn is of every two evaluators, such as "0.9;0.85".
func agreedColumn(name, zh, en string, value func(a sheet.Agreed) sheet.Number) summaryColumn {
	return summaryColumn{export.Column{Name: name, Label: survey.Text{Zh: zh, En: en}}, func(r summaryRow) any {
		if r.judged == nil {
			return nil
		}
		var list []string
		for _, a := range r.judged.Agreements {
			if n := value(a); n != nil {
				list = append(list, strconv.FormatFloat(*n, 'f', -1, 64))
			} else {
				list = append(list, "none")
			}
		}
		return text(strings.Join(list, ";"))
	}, true}
}

func compositeColumn(name, zh, en string, of func(r summaryRow) *sheet.Composite, get func(*sheet.Composite) sheet.Number) summaryColumn {
	return column(stated+name, zh, en, func(r summaryRow) any {
		if c := of(r); c != nil {
			return cell(get(c))
		}
		return nil
	})
}

// summaryColumns begin and end as annex 3 of the notice does: number, unit, …, remarks.
// What stands there of officials belongs to the bureau's own record. Numbers are with
// reviews not adopted unless the name says otherwise. The labels belong to [Format]: a
// bundle is checked by making it anew.
var summaryColumns = slices.Concat(
	[]summaryColumn{
		column("no", "序号", "Number", func(r summaryRow) any { return r.no }),
		column("name", "单位名称", "Unit", func(r summaryRow) any { return r.name }),
		column("place", "单位编码", "Code", func(r summaryRow) any { return r.Place }),
		column("counted_in", "合并计入", "Counted together in", func(r summaryRow) any { return text(r.within) }),
		column("n", "评价数", "Responses", ofUnit(func(r summaryRow) any { return r.N })),
		column("channels", "各渠道评价数", "Responses by channel", ofUnit(func(r summaryRow) any { return numbered(r.Channels) })),
	},
	rateColumns("satisfaction", "满意率", "Satisfaction", func(r summaryRow) *sheet.Rate { return r.All.Satisfaction }),
	[]summaryColumn{
		column("not_adopted", "不予采纳数", "Reviews not adopted", func(r summaryRow) any { return cell(r.NotAdopted) }),
	},
	rateColumns("adopted_satisfaction", "满意率（不含不予采纳）", "Satisfaction without reviews not adopted", func(r summaryRow) *sheet.Rate { return r.Adopted.Satisfaction }),
	[]summaryColumn{
		column("mean_score", "平均分", "Mean score", func(r summaryRow) any {
			if r.All.Mean == nil {
				return nil
			}
			return cell(r.All.Mean.Score)
		}),
		column("superseded", "未计入的重复评价数", "Superseded responses", func(r summaryRow) any { return cell(r.Superseded) }),
		column(stated+"with_defaults", "默认计入后的满意率", "Satisfaction with defaults", func(r summaryRow) any { return rateOf(r.All.WithDefaults) }),
		column(stated+"adopted_with_defaults", "默认计入后的满意率（不含不予采纳）", "Satisfaction with defaults, without reviews not adopted", func(r summaryRow) any { return rateOf(r.Adopted.WithDefaults) }),
		column(stated+"active_of_visits", "主动评价率", "Rated visits / visits", func(r summaryRow) any { return rateOf(r.Active) }),
	},
	caseColumns("callback", "回访率", "Callback rate"),
	caseColumns("rectification", "整改率", "Rectification rate"),
	caseColumns("on_time", "按期整改率", "On-time rate"),
	caseColumns("real_name", "实名差评回访整改率（单位填报）", "Real-name rate, declared by the bureau"),
	caseColumns("real_name_confirmed", "实名差评回访整改率（群众确认）", "Real-name rate, confirmed by citizens"),
	[]summaryColumn{
		judgedColumn("evaluation_score", "第三方评估得分", "Third-party score", func(j *sheet.Judged) any { return cell(j.Score) }),
		judgedColumn("items_met", "符合指标占比", "Share of items met", func(j *sheet.Judged) any { return rateOf(j.Met) }),
		judgedColumn("gate", "门槛（%）", "Gate, in percent", func(j *sheet.Judged) any { return j.Gate }),
		judgedColumn("gate_verdict", "门槛结论：met 达到，not_met 未达到，none 无", "Whether the gate is reached", func(j *sheet.Judged) any { return string(j.Verdict) }),
		judgedColumn("vetoes", "否决项", "Veto items found", func(j *sheet.Judged) any { return text(strings.Join(j.Vetoes, ";")) }),
		agreedColumn("evaluators_agree", "两名评估员一致率", "Percent agreement of two evaluators", func(a sheet.Agreed) sheet.Number { return a.Agreement.Rate }),
		agreedColumn("evaluators_kappa", "两名评估员 Cohen κ", "Cohen's kappa of two evaluators", func(a sheet.Agreed) sheet.Number { return a.Kappa }),
		column(stated+"flags", "质量标记", "Quality flags", func(r summaryRow) any { return numbered(r.Flags) }),
		compositeColumn("composite", "综合得分", "Composite score", func(r summaryRow) *sheet.Composite { return r.All.Composite }, func(c *sheet.Composite) sheet.Number { return c.Score }),
		compositeColumn("composite_low", "综合得分95%区间下限", "Composite score, lower end of the 95 % interval", func(r summaryRow) *sheet.Composite { return r.All.Composite }, func(c *sheet.Composite) sheet.Number { return c.Low }),
		compositeColumn("composite_high", "综合得分95%区间上限", "Composite score, upper end", func(r summaryRow) *sheet.Composite { return r.All.Composite }, func(c *sheet.Composite) sheet.Number { return c.High }),
		compositeColumn("adopted_composite", "综合得分（不含不予采纳）", "Composite score without reviews not adopted", func(r summaryRow) *sheet.Composite { return r.Adopted.Composite }, func(c *sheet.Composite) sheet.Number { return c.Score }),
		column("ranks", "名次范围", "Range of ranks", func(r summaryRow) any {
			if r.Rank == nil {
				return nil
			}
			return fmt.Sprintf("%d-%d/%d", r.Rank.Best, r.Rank.Worst, r.Rank.Of)
		}),
		column("funnel", "漏斗图位置：below_99_8、below_95 偏低，inside 正常，above_95、above_99_8 偏高", "Place in the funnel plot", func(r summaryRow) any {
			if r.Funnel == nil {
				return nil
			}
			return string(r.Funnel.Position)
		}),
		column("remarks", "备注：因人数过少未公布的项", "Remarks: what so few people are behind that it is not told", func(r summaryRow) any {
			var left []string
			for _, m := range r.Merged {
				left = append(left, string(m))
			}
			return text(strings.Join(left, ";"))
		}),
	})

// numbered is numbers by name, such as "kiosk 20;qr 130".
func numbered[K ~string](m map[K]int64) any {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, string(name)+" "+strconv.FormatInt(m[name], 10))
	}
	return text(strings.Join(list, ";"))
}

// statedNote says what the columns are worth whose names begin with stated.
func statedNote(d Document) string {
	note := "columns whose names begin so rest on numbers not recomputed by verify: " + strings.Join(d.Stated, ", ")
	if d.Cases != nil {
		note += "; those about cases (callback, rectification, on_time, real_name) are recomputed from this bundle"
	}
	if d.Visits != nil {
		note += "; so are those about visits (with_defaults, active_of_visits)"
	}
	if d.Instrument != nil {
		note += "; those about evaluations (evaluation_score, items_met, gate, vetoes) and the composite are recomputed from this bundle"
	}
	return note
}

// writeSummary writes the summary table.
func writeSummary(w io.Writer, d Document, f export.Format) error {
	t := export.Table{Name: "summary", Stored: true, Meta: []export.KV{
		{Key: "publication", Value: d.ID}, {Key: "audience", Value: string(d.Audience)}, {Key: "sample", Value: strconv.FormatBool(d.Sample)},
		{Key: "title_zh", Value: d.Survey.Title.Zh}, {Key: "title_en", Value: d.Survey.Title.En}, {Key: "as_of", Value: d.AsOf.Format(time.RFC3339)},
		{Key: "rules", Value: d.Rules}, {Key: "key", Value: d.Key},
		{Key: "stated_", Value: statedNote(d)},
	}}
	if c := d.Survey.Rules.Composite; c.Set() {
		t.Meta = append(t.Meta, export.KV{Key: "composite", Value: sheet.Formula(c)})
	}
	columns := slices.DeleteFunc(slices.Clone(summaryColumns), func(c summaryColumn) bool { return c.counted && d.Instrument == nil })
	for _, c := range columns {
		t.Columns = append(t.Columns, c.Column)
	}
	x, err := export.NewWriter(w, f, t)
	if err != nil {
		return err
	}
	cells := make([]any, len(columns))
	for _, r := range summaryOf(d) {
		for i, c := range columns {
			cells[i] = c.value(r)
		}
		if err := x.Row(cells...); err != nil {
			return err
		}
	}
	_, err = x.Close()
	return err
}
