package bundle

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"manyi/stats"
	"manyi/stats/sheet"
)

//go:embed report.html
var reportText string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"percent": percent, "points": points, "word": word, "numbered": inWords,
}).Parse(reportText))

// words is what stands in the report for the names in a document. They and the texts of
// the page stand here, not among the product's texts: a report is checked by making it
// anew, so a text may change only together with [Format].
var words = map[string]string{
	"qr": "扫码 QR code", "pc": "电脑 PC", "mobile": "手机 mobile", "tablet": "大厅平板 tablet", "device": "大厅其他设备 other device", "phone": "电话 phone",
	"sms": "短信 SMS", "paper": "纸质表单 paper", "interview": "第三方访问 interview", sheet.AllChannels: "各渠道合计 all channels",
	"burst": "十分钟内评价突增 burst", "more_than_served": "评价多于办件 more than served", "same_answers": "雷同作答 same answers",
	"one_device": "同一设备 one device", "agreeing_comments": "评语雷同 agreeing comments", "night_hours": "夜间评价 at night", "channels_apart": "平板与手机满意率背离 tablet and phones apart", "straight_lining": "访问逐题同级 straight-lining",
	"callback": "回访率 Callback", "rectification": "整改率 Rectification", "on_time": "按期整改率 Rectified on time",
	"real_name": "实名差评回访整改率（单位填报） Real-name, declared", "real_name_confirmed": "实名差评回访整改率（群众确认） Real-name, confirmed",
	"met": "达到 met", "not_met": "未达到 not met", "none": "无 none",
	string(sheet.FarBelow): "明显偏低 far below", string(sheet.Below): "偏低 below", string(sheet.Inside): "正常 inside",
	string(sheet.Above): "偏高 above", string(sheet.FarAbove): "明显偏高 far above",
	string(sheet.MergedCounts): "全部数字 all numbers", string(sheet.MergedChannels): "分渠道 channels", string(sheet.MergedLevels): "分等级 levels",
	string(sheet.MergedNotAdopted): "不予采纳数 not adopted", string(sheet.MergedSuperseded): "重复评价数 superseded",
	string(sheet.MergedVisits): "办件数 visits", string(sheet.MergedCases): "部分差评办理数 some of the cases",
}

// word is what a name is called; the name itself if it has no word.
func word(name any) string {
	text := fmt.Sprint(name)
	if w, ok := words[text]; ok {
		return w
	}
	return text
}

const nothing = "—"

func percent(n sheet.Number) string {
	if n == nil {
		return nothing
	}
	return fmt.Sprintf("%.1f%%", float64(*n*100))
}

func points(n sheet.Number) string {
	if n == nil {
		return nothing
	}
	return fmt.Sprintf("%.2f", *n)
}

func between(low, high sheet.Number, show func(sheet.Number) string) string {
	if low == nil || high == nil {
		return ""
	}
	return "[" + show(low) + ", " + show(high) + "]"
}

// inWords is numbers by name.
func inWords(m map[string]int64) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s %d", word(name), m[name]))
	}
	return strings.Join(list, "；")
}

// reported is a line of the report.
type reported struct {
	summaryRow
	Name, Within, Ranks string
	No                  int
	Judged              *sheet.Judged
	Told                bool // whether figures without reviews not adopted are
}

func (r reported) FlagNumbers() map[string]int64 {
	m := map[string]int64{}
	for kind, n := range r.Flags {
		m[string(kind)] = n
	}
	return m
}

// Interval is an interval in percent, MeanInterval and CompositeInterval are in points.
func (reported) Interval(r *sheet.Rate) string { return between(r.Low, r.High, percent) }

func (reported) MeanInterval(m *sheet.Mean) string { return between(m.Low, m.High, points) }

func (reported) CompositeInterval(c *sheet.Composite) string { return between(c.Low, c.High, points) }

// writeReport writes the report for print.
func writeReport(w io.Writer, d Document) error {
	page := struct {
		Document
		Rows    []reported
		Formula string
		Plot    *plot
		MinN    int
	}{Document: d, MinN: d.Survey.Rules.MinN, Plot: plotOf(d)}
	if c := d.Survey.Rules.Composite; c.Set() {
		page.Formula = sheet.Formula(c)
	}
	for _, row := range summaryOf(d) {
		r := reported{summaryRow: row, Name: row.name, Within: row.within, No: row.no, Judged: row.judged, Told: row.Sheet.Adopted != nil, Ranks: nothing}
		if row.Rank != nil {
			r.Ranks = fmt.Sprintf("%d–%d / %d", row.Rank.Best, row.Rank.Worst, row.Rank.Of)
		}
		page.Rows = append(page.Rows, r)
	}
	return reportPage.Execute(w, page)
}

// plot is the funnel plot (漏斗图), in pixels of an SVG.
type plot struct {
	Width, Height, Left, Bottom, Right, Top float64
	Target                                  string // y of the rate of all together
	TargetRate                              string
	Lines                                   []line
	Points                                  []point
	Xs, Ys                                  []tick
}

type line struct {
	Outer  bool // of 99.8 %
	Points string
}

type point struct{ X, Y, No, What string }

type tick struct{ At, Text string }

// plotOf places units by the square root of their responses: limits narrow with it. It is
// nil if nobody rated. Products are converted before they are added, as in package sheet.
func plotOf(d Document) *plot {
	p := &plot{Width: 680, Height: 360, Left: 50, Right: 660, Top: 12, Bottom: 320}
	var whole, most, least int64
	var good int64
	lowest := 1.0
	for _, s := range d.Sheets {
		if s.N == 0 {
			continue
		}
		whole, good, most = whole+s.N, good+s.All.Satisfaction.Num, max(most, s.N)
		if least == 0 || s.N < least {
			least = s.N
		}
		lowest = min(lowest, *s.All.Satisfaction.Rate, s.Funnel.Limits.Low)
	}
	if whole == 0 {
		return nil
	}
	lowest = math.Floor(lowest*10) / 10
	lowest = min(lowest, 0.9)
	px := func(v float64) string { return fmt.Sprintf("%.1f", v) }
	x := func(n int64) string {
		return px(p.Left + float64((p.Right-p.Left)*math.Sqrt(float64(n)/float64(most))))
	}
	y := func(rate float64) string {
		return px(p.Bottom - float64((p.Bottom-p.Top)*((max(rate, lowest)-lowest)/(1-lowest))))
	}
	target := float64(good) / float64(whole)
	p.Target, p.TargetRate = y(target), fmt.Sprintf("%.1f%%", float64(target*100))
	for _, level := range []float64{0.95, 0.998} {
		var low, high []string
		const steps = 60
		for i := range int64(steps + 1) {
			n := max(1, least+(most-least)*i*i/(steps*steps))
			l, h := stats.Funnel(n, good, whole, level)
			low, high = append(low, x(n)+","+y(l)), append(high, x(n)+","+y(h))
		}
		for _, points := range [][]string{low, high} {
			p.Lines = append(p.Lines, line{level > 0.99, strings.Join(points, " ")})
		}
	}
	for _, r := range summaryOf(d) {
		if r.within == "" && r.N > 0 {
			p.Points = append(p.Points, point{x(r.N), y(*r.All.Satisfaction.Rate), fmt.Sprint(r.no),
				fmt.Sprintf("%s: %d, %s", r.name, r.N, percent(r.All.Satisfaction.Rate))})
		}
	}
	for tenth := int(math.Round(lowest * 10)); tenth <= 10; tenth++ {
		p.Ys = append(p.Ys, tick{y(float64(tenth) / 10), fmt.Sprintf("%d%%", tenth*10)})
	}
	var before int64
	for quarter := range int64(4) {
		if n := most * (quarter + 1) * (quarter + 1) / 16; n > before {
			p.Xs = append(p.Xs, tick{x(n), fmt.Sprint(n)})
			before = n
		}
	}
	return p
}
