package review

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"manyi/stats"
	"manyi/stats/export"
	"manyi/stats/sheet"
	"manyi/survey"
)

// none stands where there is nothing to divide by; an empty cell is a number that is
// not told.
const none = "none"

// caseRates are the rates of cases that sheets hold.
var caseRates = []string{"callback", "rectification", "on_time", "real_name", "real_name_confirmed"}

// column is a column of the table's files, and how a row fills it.
type column struct {
	export.Column
	value func(Row) any
}

// columns: where it comes from, then the sheet in its own order.
var columns = func() (list []column) {
	add := func(name, zh, en string, value func(Row) any) {
		list = append(list, column{export.Column{Name: name, Label: survey.Text{Zh: zh, En: en}}, value})
	}
	add("publication", "发布编号", "Publication", func(r Row) any { return r.PublicationID.String() })
	add("signer", "签名者", "Signer", func(r Row) any { return r.Signer })
	add("source", "来源公钥", "Public key of the source", func(r Row) any { return r.Source })
	add("audience", "公开版或审计版", "Public or auditors' document", func(r Row) any { return string(r.Audience) })
	add("sample", "是否演示数据", "Whether this is demonstration data", func(r Row) any { return r.Sample })
	add("survey", "测评", "Survey", func(r Row) any { return r.Survey })
	add("period", "时段", "Period", func(r Row) any { return r.Period })
	add("corrects", "更正第几号", "Number of the publication it corrects", func(r Row) any {
		if r.Corrects == 0 {
			return nil
		}
		return r.Corrects
	})
	add("as_of", "截至时间", "As-of time", func(r Row) any { return r.AsOf })
	add("taken", "接收时间", "When it was taken in", func(r Row) any { return r.Taken })
	add("taken_by", "接收人", "Who took it in", func(r Row) any { return r.By })
	add("rules", "规则版本", "Version of the rules", func(r Row) any { return r.Rules })
	add("place", "单位编码；合并的为所在市或省", "Bureau; of several together, the city or province", func(r Row) any { return r.Place })
	add("name", "名称（来源所称）", "Name, by the source", func(r Row) any { return r.Name })
	add("pooled", "合并的单位", "Bureaus counted together", func(r Row) any { return strings.Join(r.Pooled, ";") })
	add("merged", "因人数少而不单列的内容", "What is not told, as few people are behind it", func(r Row) any { return joined(r.Merged) })

	add("n", "计入评价数", "Counted responses", func(r Row) any {
		if !r.Told() {
			return nil
		}
		return r.N
	})
	for _, c := range survey.Channels {
		if c == survey.ChannelImported {
			continue // made elsewhere: in no unit
		}
		add("n_"+c.String(), "其中渠道 "+c.String(), "Of them by channel "+c.String(), func(r Row) any {
			n, ok := r.Channels[c.String()]
			if _, all := r.Channels[sheet.AllChannels]; !ok && all || !r.Told() {
				return nil // channels are not told apart
			}
			return n
		})
	}
	add("not_adopted", "不予采纳数", "Not adopted", func(r Row) any { return whole(r.NotAdopted) })
	add("superseded", "被取代数", "Superseded", func(r Row) any { return whole(r.Superseded) })
	for _, f := range []struct {
		name, zh, en string
		of           func(Row) *sheet.Figures
	}{
		{"all", "含不予采纳", "with those not adopted", func(r Row) *sheet.Figures { return &r.All }},
		{"adopted", "不含不予采纳", "without those not adopted", func(r Row) *sheet.Figures { return r.Adopted }},
	} {
		figure := func(name, zh, en string, value func(sheet.Figures) any) {
			add(f.name+"_"+name, zh+"，"+f.zh, en+", "+f.en, func(r Row) any {
				if of := f.of(r); of != nil && r.Told() {
					return value(*of)
				}
				return nil
			})
		}
		figure("satisfaction", "满意率", "Satisfaction", func(f sheet.Figures) any { return rate(shareOf(f.Satisfaction)) })
		figure("satisfaction_num", "满意率分子", "Satisfaction, numerator", func(f sheet.Figures) any { return f.Satisfaction.Num })
		figure("satisfaction_den", "满意率分母", "Satisfaction, denominator", func(f sheet.Figures) any { return f.Satisfaction.Den })
		figure("satisfaction_low", "满意率 95% 区间下限", "Satisfaction, 95 % interval from", func(f sheet.Figures) any { return number(f.Satisfaction.Low) })
		figure("satisfaction_high", "满意率 95% 区间上限", "Satisfaction, 95 % interval to", func(f sheet.Figures) any { return number(f.Satisfaction.High) })
		figure("with_defaults", "含默认满意率", "Satisfaction with defaults", func(f sheet.Figures) any { return rate(f.WithDefaults) })
		mean := func(of func(sheet.Mean) sheet.Number) func(sheet.Figures) any {
			return func(f sheet.Figures) any {
				if f.Mean == nil {
					return nil
				}
				return number(of(*f.Mean))
			}
		}
		figure("mean_score", "平均分", "Mean score", mean(func(m sheet.Mean) sheet.Number { return m.Score }))
		figure("mean_low", "平均分 95% 区间下限（自助法）", "Mean score, 95 % bootstrap interval from", mean(func(m sheet.Mean) sheet.Number { return m.Low }))
		figure("mean_high", "平均分 95% 区间上限（自助法）", "Mean score, 95 % bootstrap interval to", mean(func(m sheet.Mean) sheet.Number { return m.High }))
		composite := func(of func(sheet.Composite) any) func(sheet.Figures) any {
			return func(f sheet.Figures) any {
				if f.Composite == nil {
					return none
				}
				return of(*f.Composite)
			}
		}
		figure("composite", "综合得分", "Composite score", composite(func(c sheet.Composite) any { return number(c.Score) }))
		figure("composite_low", "综合得分 95% 区间下限（自助法）", "Composite score, 95 % bootstrap interval from", composite(func(c sheet.Composite) any { return number(c.Low) }))
		figure("composite_high", "综合得分 95% 区间上限（自助法）", "Composite score, 95 % bootstrap interval to", composite(func(c sheet.Composite) any { return number(c.High) }))
		figure("composite_formula", "综合得分公式", "Formula of the composite score", composite(func(c sheet.Composite) any { return c.Formula }))
	}
	add("active_of_visits", "主动评价率（已评办件/办件）", "Active rate: rated visits / visits", func(r Row) any { return rate(r.Active) })
	for _, d := range stats.CaseDefinitions {
		if !slices.Contains(caseRates, d.Name) {
			continue
		}
		of := func(value func(sheet.CaseRate) any) func(Row) any {
			return func(r Row) any {
				if c, ok := r.CaseRate(d.Name); ok {
					return value(c)
				}
				return none
			}
		}
		label := d.ID + " " + d.Name
		add(d.Name, label+" 含不予采纳", label+" with those not adopted", of(func(c sheet.CaseRate) any { return rate(c.All) }))
		add(d.Name+"_adopted", label+" 不含不予采纳", label+" without those not adopted", of(func(c sheet.CaseRate) any { return rate(c.Adopted) }))
		if strings.HasPrefix(d.Name, "real_name") {
			add(d.Name+"_verdict", label+" 是否达到：met 达到，not_met 未达到，none 无", label+": whether it is what it must be", of(func(c sheet.CaseRate) any {
				if c.Verdict == nil {
					return none
				}
				return string(c.Verdict.WithNotAdopted)
			}))
		}
	}
	add("cases_as_of", "案件统计日", "Cases as of the end of", func(r Row) any { return r.CasesAsOf })
	judged := func(name, zh, en string, value func(sheet.Judged) any) {
		add(name, zh, en, func(r Row) any {
			if j, ok := r.Evaluations[r.Place]; ok {
				return value(j)
			}
			return none
		})
	}
	judged("share_met", "E1 符合率", "E1: share of items met", func(j sheet.Judged) any { return rate(j.Met) })
	judged("gate", "E1 是否达到门槛", "Whether E1 reaches the gate", func(j sheet.Judged) any { return string(j.Verdict) })
	judged("score", "E2 第三方得分", "E2: third-party score", func(j sheet.Judged) any { return number(j.Score) })
	judged("vetoes", "否决项", "Veto items found", func(j sheet.Judged) any { return strings.Join(j.Vetoes, ";") })
	agreed := func(name, zh, en string, value func(sheet.Agreed) sheet.Number) {
		judged(name, zh, en, func(j sheet.Judged) any {
			var list []string
			for _, a := range j.Agreements {
				list = append(list, fmt.Sprint(number(value(a))))
			}
			return strings.Join(list, "; ")
		})
	}
	agreed("evaluators_agree", "E3 每两名评估员的一致率", "E3: percent agreement of every two evaluators", func(a sheet.Agreed) sheet.Number { return a.Agreement.Rate })
	agreed("evaluators_kappa", "E4 每两名评估员的 Cohen κ", "E4: Cohen's kappa of every two evaluators", func(a sheet.Agreed) sheet.Number { return a.Kappa })
	add("evaluations", "合并的单位各自的评估得分", "Scores of bureaus counted together", func(r Row) any { return r.Scores() })
	for _, k := range survey.QualityKinds {
		add("flags_"+string(k), "质量标记数 "+string(k), "Quality flags: "+string(k), func(r Row) any { return r.Flags[k] })
	}
	rank := func(name, zh, en string, of func(stats.RankRange) int) {
		add(name, zh, en, func(r Row) any {
			if r.Rank == nil {
				return none
			}
			return of(*r.Rank)
		})
	}
	rank("rank_best", "名次范围，最好", "Rank range, best", func(r stats.RankRange) int { return r.Best })
	rank("rank_worst", "名次范围，最差", "Rank range, worst", func(r stats.RankRange) int { return r.Worst })
	rank("rank_of", "参加排名的单位数（该发布内）", "Places ranked in the publication", func(r stats.RankRange) int { return r.Of })
	add("funnel", "漏斗图位置", "Position in the funnel plot", func(r Row) any {
		if r.Funnel == nil {
			return none
		}
		return string(r.Funnel.Position)
	})
	return list
}()

// Told reports whether anything is told of how many rated.
func (r Row) Told() bool { return !slices.Contains(r.Merged, sheet.MergedCounts) }

// CaseRate is the rate of cases of a name.
func (r Row) CaseRate(name string) (sheet.CaseRate, bool) {
	for _, c := range r.Cases {
		if c.Name == name {
			return c, true
		}
	}
	return sheet.CaseRate{}, false
}

// Scores is the third-party scores of bureaus counted together, as "bureau score; …".
func (r Row) Scores() string {
	if len(r.Pooled) == 0 {
		return ""
	}
	var list []string
	for _, bureau := range slices.Sorted(maps.Keys(r.Evaluations)) {
		list = append(list, fmt.Sprint(bureau, " ", number(r.Evaluations[bureau].Score)))
	}
	return strings.Join(list, "; ")
}

// Write writes the table, a line for each row.
func (t Table) Write(w io.Writer, f export.Format) (export.Manifest, error) {
	table := export.Table{Name: "review", Meta: []export.KV{
		{Key: "rows", Value: "the latest publication taken in of each source, survey and period; every figure is the source's, as it was signed and verified"},
		{Key: "none", Value: "nothing to divide by, or not evaluated; an empty cell is not told"},
	}}
	for _, c := range columns {
		table.Columns = append(table.Columns, c.Column)
	}
	x, err := export.NewWriter(w, f, table)
	if err != nil {
		return export.Manifest{}, err
	}
	cells := make([]any, len(columns))
	for _, r := range t.Rows {
		for i, c := range columns {
			cells[i] = c.value(r)
		}
		if err := x.Row(cells...); err != nil {
			return export.Manifest{}, err
		}
	}
	return x.Close()
}

func joined[T ~string](list []T) string {
	var words []string
	for _, w := range list {
		words = append(words, string(w))
	}
	return strings.Join(words, ";")
}

func shareOf(r *sheet.Rate) *sheet.Share { return &r.Share }

// rate is a share's cell; nil is one that is not told.
func rate(s *sheet.Share) any {
	if s == nil {
		return nil
	}
	return number(s.Rate)
}

func number(n sheet.Number) any {
	if n == nil {
		return none
	}
	return *n
}

func whole(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}
