package export

import (
	"io"
	"strconv"
	"time"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
)

// none stands in a rate's cell when there is nothing to divide by. An empty
// cell is a number that is not shown to this viewer.
const none = "none"

// figureColumn is a column of the figures and how a row fills it.
type figureColumn struct {
	Column
	value func(t figures.Table, r figures.Row) any
}

// Figures writes a table of figures, its total, and the total by channel.
func Figures(w io.Writer, f Format, t figures.Table) (Manifest, error) {
	columns := figureColumns()
	table := Table{Name: "figures", Meta: []KV{
		{"survey", t.Survey}, {"title_zh", t.Title.Zh}, {"title_en", t.Title.En}, {"sample", strconv.FormatBool(t.Sample)},
		{"as_of", t.AsOf.Format(time.RFC3339)}, {"from", t.From.String()}, {"to", t.To.String()},
		{"interval", "Wilson 95 %, chance error only: respondents choose themselves"},
		{"with_defaults", "unrated visits counted by the survey's default rule once matured"},
	}}
	for _, c := range columns {
		table.Columns = append(table.Columns, c.Column)
	}
	x, err := NewWriter(w, f, table)
	if err != nil {
		return Manifest{}, err
	}
	values := make([]any, len(columns))
	line := func(kind string, row figures.Row, channel any) error {
		for j, c := range columns {
			values[j] = c.value(t, row)
		}
		values[0], values[len(values)-1] = kind, channel
		return x.Row(values...)
	}
	for _, row := range t.Rows {
		if err := line("row", row, nil); err != nil {
			return Manifest{}, err
		}
	}
	if err := line("total", t.Total, nil); err != nil {
		return Manifest{}, err
	}
	for _, c := range t.Channels {
		if c.N == 0 {
			continue
		}
		row := figures.Row{Place: t.Total.Place, Name: t.Total.Name, Figure: c.Alone()}
		if err := line("channel", row, c.Channel.String()); err != nil {
			return Manifest{}, err
		}
	}
	return x.Close()
}

func figureColumns() []figureColumn {
	var columns []figureColumn
	add := func(name, zh, en string, value func(t figures.Table, r figures.Row) any) {
		columns = append(columns, figureColumn{Column{name, survey.Text{Zh: zh, En: en}}, value})
	}
	add("line", "行类型", "row, total, or channel: a part of the total", func(figures.Table, figures.Row) any { return nil })
	add("survey", "测评", "Survey", func(t figures.Table, _ figures.Row) any { return t.Survey })
	add("sample", "是否演示数据", "Whether this is demonstration data", func(t figures.Table, _ figures.Row) any { return t.Sample })
	add("as_of", "截至时间", "As-of time", func(t figures.Table, _ figures.Row) any { return t.AsOf })
	add("place", "地点编码", "Place", func(_ figures.Table, r figures.Row) any { return r.Place })
	add("name", "地点名称", "Name", func(_ figures.Table, r figures.Row) any { return r.Name })
	count := func(name, zh, en string, of func(figures.Row) stats.Count) {
		add(name, zh, en, func(_ figures.Table, r figures.Row) any { return countCell(of(r)) })
	}
	ratio := func(name, zh, en string, of func(figures.Row) stats.Ratio) {
		add(name, zh, en, func(_ figures.Table, r figures.Row) any { return ratioCell(of(r)) })
	}
	count("n", "计入评价数", "Counted responses", func(r figures.Row) stats.Count { return r.N })
	for _, l := range survey.Levels {
		count(l.String(), "选此等级的评价数", "Responses of this level", func(r figures.Row) stats.Count { return r.Counts.Of(l) })
	}
	ratio("satisfaction", "满意率 = 前三个等级 / 计入评价数", "The three good levels / n", func(r figures.Row) stats.Ratio { return r.Satisfaction.Ratio })
	add("satisfaction_low", "满意率95%区间下限", "Low end of the interval", func(_ figures.Table, r figures.Row) any { return intervalCell(r.Satisfaction, r.Satisfaction.Low) })
	add("satisfaction_high", "满意率95%区间上限", "High end of the interval", func(_ figures.Table, r figures.Row) any { return intervalCell(r.Satisfaction, r.Satisfaction.High) })
	ratio("very_satisfied_share", "非常满意占比", "Very satisfied / n", func(r figures.Row) stats.Ratio { return r.VerySatisfied.Ratio })
	add("mean_score", "平均分", "Mean score", func(_ figures.Table, r figures.Row) any { return meanCell(r.Mean) })
	count("superseded", "同一办件的其他评价，不计入", "Not counted: another response for the case counts", func(r figures.Row) stats.Count { return r.Superseded })
	count("served", "办件数", "Visits served", func(r figures.Row) stats.Count { return r.Served })
	count("rated", "其中已评价", "Of them rated", func(r figures.Row) stats.Count { return r.Rated })
	count("pending", "未评价且未到默认期限", "Unrated, not matured", func(r figures.Row) stats.Count { return r.Pending })
	count("defaults", "未评价按默认等级计入", "Unrated, counted by default", func(r figures.Row) stats.Count { return r.Defaults })
	ratio("active_of_visits", "主动评价率 = 已评价办件 / 办件数", "Rated visits / visits served", func(r figures.Row) stats.Ratio { return r.ActiveOfVisits })
	ratio("active_of_all", "主动评价占比 = 主动评价 /（主动评价 + 默认评价）", "Active / (active + default)", func(r figures.Row) stats.Ratio { return r.ActiveOfAll })
	count("with_defaults_n", "含默认评价数", "Responses with defaults", func(r figures.Row) stats.Count { return r.WithDefaults.N })
	ratio("with_defaults_satisfaction", "含默认满意率", "Satisfaction with defaults", func(r figures.Row) stats.Ratio { return r.WithDefaults.Satisfaction })
	count("tied_n", "关联办件的评价数", "Responses tied to a visit", func(r figures.Row) stats.Count { return r.Tied.N })
	ratio("tied_satisfaction", "关联办件的满意率", "Their satisfaction", func(r figures.Row) stats.Ratio { return r.Tied.Satisfaction })
	count("bare_n", "未关联办件的评价数", "Responses tied to no visit", func(r figures.Row) stats.Count { return r.Bare.N })
	ratio("bare_satisfaction", "未关联办件的满意率", "Their satisfaction", func(r figures.Row) stats.Ratio { return r.Bare.Satisfaction })
	count("imported_n", "导入的其他系统评价数，不计入以上各数", "Responses made elsewhere, in none of the numbers above", func(r figures.Row) stats.Count { return r.Imported.N })
	ratio("imported_satisfaction", "导入评价的满意率", "Their satisfaction", func(r figures.Row) stats.Ratio { return r.Imported.Satisfaction })
	count("interviews_n", "第三方访问数；测评未规定计入时，不计入以上各数", "Interviews by a third party, in none of the numbers above unless the survey counts them", func(r figures.Row) stats.Count { return r.Interviews.N })
	ratio("interviews_satisfaction", "第三方访问的满意率", "Their satisfaction", func(r figures.Row) stats.Ratio { return r.Interviews.Satisfaction })
	rank := func(name, zh, en string, of func(*stats.RankRange) int) {
		add(name, zh, en, func(_ figures.Table, r figures.Row) any {
			if r.Rank == nil {
				return nil
			}
			return of(r.Rank)
		})
	}
	rank("rank_best", "名次范围：最好", "Best rank", func(r *stats.RankRange) int { return r.Best })
	rank("rank_worst", "名次范围：最差", "Worst rank", func(r *stats.RankRange) int { return r.Worst })
	rank("rank_of", "参与排名数", "Ranked places", func(r *stats.RankRange) int { return r.Of })
	add("channel", "评价渠道，仅用于 channel 行", "Channel, in lines of that type", func(figures.Table, figures.Row) any { return nil })
	return columns
}

func countCell(n stats.Count) any {
	if !n.Shown() {
		return nil
	}
	return int64(n)
}

func ratioCell(r stats.Ratio) any {
	v, ok := r.Value()
	switch {
	case !r.Shown():
		return nil
	case !ok:
		return none
	}
	return v
}

func intervalCell(r stats.Rate, end float64) any {
	if _, ok := r.Value(); !ok {
		return ratioCell(r.Ratio)
	}
	return end
}

func meanCell(m stats.Mean) any {
	v, ok := m.Value()
	switch {
	case m.N < 0:
		return nil
	case !ok:
		return none
	}
	return v
}
