package web

import (
	"fmt"
	"html/template"
	"strings"

	"manyi/stats/figures"
)

// Charts are drawn by hand: their axes begin at zero and end at 100 %, every
// estimate carries its 95 % interval, and the table beside them says the same in
// words. Colours stand in the console's style.

// Sizes in the units of the drawing.
const (
	chartWidth  = 720
	barLeft     = 210 // where 0 % is; names stand left of it
	barRight    = 620 // where 100 % is; numbers stand right of it
	barStep     = 26
	maxBars     = 40
	labelRunes  = 15
	trendLeft   = 48
	trendTop    = 16
	trendHeight = 200
	trendLabels = 9
)

// bars draws the satisfaction of places, one bar each, in the order of the table.
func bars(rows []figures.Row, title string) template.HTML {
	rows = rows[:min(len(rows), maxBars)]
	bottom := len(rows)*barStep + 10
	c := newChart("bars", title, "0–100%，95%区间 95 % intervals", bottom+26)
	x := func(share float64) float64 { return barLeft + share*(barRight-barLeft) }
	for tick := 0; tick <= 100; tick += 20 {
		at := x(float64(tick) / 100)
		c.line("grid", at, 4, at, float64(bottom))
		c.text("middle", at, float64(bottom+18), fmt.Sprintf("%d%%", tick))
	}
	for i, row := range rows {
		top := float64(i*barStep + 8)
		mid := top + barStep/2 - 3
		c.text("end", barLeft-8, mid+4, shorten(row.Name))
		share, ok := row.Satisfaction.Value()
		c.text("", barRight+12, mid+4, percent(row.Satisfaction.Ratio))
		if !ok {
			continue
		}
		fmt.Fprintf(&c.svg, `<rect class="fill" x="%d" y="%.1f" width="%.1f" height="%d"/>`, barLeft, top+2, x(share)-barLeft, barStep-10)
		low, high := x(row.Satisfaction.Low), x(row.Satisfaction.High)
		fmt.Fprintf(&c.svg, `<path class="whisker" d="M%.1f %.1fV%.1fM%.1f %.1fV%.1fM%.1f %.1fH%.1f"/>`,
			low, mid-4, mid+4, high, mid-4, mid+4, low, mid, high)
	}
	c.line("axis", barLeft, 4, barLeft, float64(bottom))
	return c.end()
}

// trend draws satisfaction over time. The line breaks where nothing is known.
func trend(points []figures.Point, title string) template.HTML {
	const bottom = trendTop + trendHeight
	c := newChart("trend", title, "0–100%，95%区间 95 % intervals", bottom+30)
	y := func(share float64) float64 { return bottom - share*trendHeight }
	for tick := 0; tick <= 100; tick += 25 {
		at := y(float64(tick) / 100)
		c.line("grid", trendLeft, at, chartWidth-10, at)
		c.text("end", trendLeft-6, at+4, fmt.Sprintf("%d%%", tick))
	}
	step := float64(chartWidth-10-trendLeft) / float64(max(len(points), 1))
	every := (len(points) + trendLabels - 1) / trendLabels
	var path strings.Builder
	pen := "M"
	for i, p := range points {
		x := trendLeft + step*(float64(i)+0.5)
		if i%every == 0 {
			c.text("middle", x, bottom+18, p.From.String()[2:])
		}
		share, ok := p.Satisfaction.Value()
		if !ok {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x, y(share))
		pen = "L"
		c.line("whisker", x, y(p.Satisfaction.Low), x, y(p.Satisfaction.High))
		fmt.Fprintf(&c.svg, `<circle class="dot" cx="%.1f" cy="%.1f" r="3.5"/>`, x, y(share))
	}
	fmt.Fprintf(&c.svg, `<path class="path" d="%s"/>`, path.String())
	c.line("axis", trendLeft, bottom, chartWidth-10, bottom)
	return c.end()
}

// chart is an SVG being written. Whatever comes from data passes escape.
type chart struct{ svg strings.Builder }

func newChart(id, title, desc string, height int) *chart {
	c := &chart{}
	fmt.Fprintf(&c.svg, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-title %s-desc"><title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`,
		chartWidth, height, id, id, id, escape(title), id, escape(desc))
	return c
}

func (c *chart) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&c.svg, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (c *chart) text(class string, x, y float64, words string) {
	fmt.Fprintf(&c.svg, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, escape(words))
}

func (c *chart) end() template.HTML {
	c.svg.WriteString("</svg>")
	return template.HTML(c.svg.String())
}

func escape(s string) string { return template.HTMLEscapeString(s) }

// shorten fits a name into the room left of the bars; the table has it whole.
func shorten(name string) string {
	if r := []rune(name); len(r) > labelRunes {
		return string(r[:labelRunes-1]) + "…"
	}
	return name
}
