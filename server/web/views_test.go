package web

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/survey"
	"manyi/survey/storetest"
)

func rateView() RateView {
	return RateView{
		Action: "/q/7F3KQ2MZ9XA4C8BD", FormKey: "AZq3n7c4mWxKp2Rt8LsYv1",
		Survey: survey.Survey{ID: "fujian-2026-model", Title: survey.Text{Zh: "2026年全省人社系统示范单位群众满意度测评", En: "Citizen satisfaction survey 2026"},
			Questionnaire: survey.OnSite(), Rules: survey.DefaultRules(), Zone: "Asia/Shanghai"},
		Window: "社保综合窗口", Hall: "鼓楼区行政服务中心", Bureau: "福州市鼓楼区人力资源和社会保障局",
		ElderLink: "/q/7F3KQ2MZ9XA4C8BD?elder=1",
	}
}

func TestRatePage(t *testing.T) {
	doc, _ := render(t, "rate", rateView())
	form := doc.Find("form#rate")
	if form.AttrOr("method", "") != "post" || form.AttrOr("action", "") != "/q/7F3KQ2MZ9XA4C8BD" {
		t.Error("the form does not post to the code's address")
	}
	var levels []string
	form.Find("input[name=level]").Each(func(_ int, in *goquery.Selection) {
		levels = append(levels, in.AttrOr("value", ""))
		if _, checked := in.Attr("checked"); checked {
			t.Error("a level is picked beforehand")
		}
	})
	if want := []string{"very_satisfied", "satisfied", "basically_satisfied", "dissatisfied", "very_dissatisfied"}; !slices.Equal(levels, want) {
		t.Errorf("levels %v, want %v", levels, want)
	}
	for _, level := range []survey.Level{survey.Dissatisfied, survey.VeryDissatisfied} {
		group := form.Find(fmt.Sprintf("input[name=level] ~ fieldset.reasons#r%d", level))
		if group.Find("legend").Length() != 1 || group.Find("input[name=reason]").Length() != 8 {
			t.Errorf("%s: its reasons do not follow the levels", level)
		}
	}
	for _, q := range survey.OnSite().Questions {
		if n := form.Find("details select[name=" + q.Name + "] option").Length(); n != 6 {
			t.Errorf("%s: %d choices, want five levels and none", q.Name, n)
		}
	}
	for _, name := range []string{"comment", "case_number", "visit_secret", "name", "phone", "consent", "anonymous", "form_key", "survey", "elder"} {
		if form.Find("[name="+name+"]").Length() != 1 {
			t.Errorf("no field %s", name)
		}
	}
	if !form.Find("input,select,textarea,button").Last().Is("button[type=submit]") {
		t.Error("the submit button is not last")
	}
	if doc.Find("details[open],.fault,.sample").Length() != 0 {
		t.Error("a new page shows unfolded parts, faults or the sample banner")
	}
}

func TestRatePageNeedsOneSmallRequest(t *testing.T) {
	v := rateView()
	long := strings.Repeat("社会保险关系转移接续综合受理窗口福州市鼓", 2)
	v.Window, v.Hall, v.Bureau = long, long, long
	v.Survey.Sample = true
	doc, text := render(t, "rate", v)
	if len(text) >= 10_240 {
		t.Errorf("%d bytes, want less than 10,240", len(text))
	}
	if n := doc.Find("[src],link:not([href^='data:']),iframe,object").Length(); n != 0 {
		t.Errorf("%d further resources", n)
	}
	if !strings.Contains(doc.Find(".sample").Text(), "示例") {
		t.Error("a sample survey has no banner")
	}
}

func TestRatePageKeepsWhatWasTyped(t *testing.T) {
	const nasty = `</textarea><script>alert("1")</script>'`
	v := rateView()
	v.Elder = true
	v.Typed = survey.Submission{Level: "dissatisfied", Reasons: []string{"209", nasty}, Comment: "\n" + nasty, CaseNumber: nasty, Stage: nasty,
		VisitSecret: nasty, Name: nasty, Phone: nasty, Consent: true, Answers: map[string]string{"attitude": "satisfied", "ability": nasty}}
	v.FormKey, v.Window, v.Hall, v.Bureau = nasty, nasty, nasty, nasty
	v.Survey.Title = survey.Text{Zh: nasty, En: nasty}
	v.Faults = survey.Faults{
		{Field: "level", Why: survey.WhyLevelUnknown}, {Field: "reason", Why: survey.WhyReasonMissing}, {Field: "comment", Why: survey.WhyBadText},
		{Field: "attitude", Why: survey.WhyLevelUnknown}, {Field: "case_number", Why: survey.WhyCaseForm}, {Field: "visit_secret", Why: survey.WhySecretForm},
		{Field: "name", Why: survey.WhyPersonTooLong}, {Field: "phone", Why: survey.WhyPhoneForm}, {Field: "consent", Why: survey.WhyConsentMissing},
		{Field: "survey", Why: survey.WhyWrongSurvey},
	}
	doc, _ := render(t, "rate", v)
	for name, want := range map[string]string{"case_number": nasty, "stage": nasty, "visit_secret": nasty, "name": nasty, "phone": nasty, "form_key": nasty, "elder": "1"} {
		if got := doc.Find("[name="+name+"]").AttrOr("value", ""); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if got := doc.Find("textarea").Text(); got != "\n"+nasty {
		t.Errorf("comment %q", got)
	}
	var picked []string
	doc.Find("[checked],[selected]").Each(func(_ int, s *goquery.Selection) { picked = append(picked, s.AttrOr("value", "")) })
	if want := []string{"dissatisfied", "209", "satisfied", "yes"}; !slices.Equal(picked, want) {
		t.Errorf("picked %v, want %v", picked, want)
	}
	for _, f := range v.Faults {
		if fault := doc.Find("#f-" + f.Field + "[role=alert]"); strings.TrimSpace(fault.Text()) == "" {
			t.Errorf("no words about %s", f.Field)
		}
	}
	for _, field := range []string{"comment", "attitude", "case_number", "visit_secret", "name", "phone", "consent"} {
		in := doc.Find("[name=" + field + "]")
		if in.AttrOr("aria-invalid", "") != "true" || in.AttrOr("aria-describedby", "") != "f-"+field {
			t.Errorf("%s is not tied to its fault", field)
		}
		if !in.Closest("label").Prev().Is("#f-" + field) {
			t.Errorf("the fault of %s is not beside it", field)
		}
	}
	if doc.Find("details[open]").Length() != 2 {
		t.Error("parts with faults are folded away")
	}
}

func TestBusyKeepsThePage(t *testing.T) {
	for _, notice := range []string{NoticeBusy, NoticeNotStored} {
		v := rateView()
		v.Notice = notice
		v.Typed.Level = "satisfied"
		doc, _ := render(t, "rate", v)
		if doc.Find("main > [role=alert]").Text() == "" || doc.Find("[name=level][checked]").Length() != 1 {
			t.Errorf("%s: no notice, or the level is lost", notice)
		}
	}
}

func TestElderView(t *testing.T) {
	v := rateView()
	normal, _ := render(t, "rate", v)
	v.Elder, v.ElderLink = true, "/q/7F3KQ2MZ9XA4C8BD"
	elder, _ := render(t, "rate", v)
	if !elder.Find("html").HasClass("elder") || normal.Find("html").HasClass("elder") {
		t.Error("the elder view is not told from the other")
	}
	for _, doc := range []*goquery.Document{normal, elder} {
		if doc.Find("body a").Length() != 1 || doc.Find("form#rate").Find("input,select,textarea").Length() != normal.Find("form#rate").Find("input,select,textarea").Length() {
			t.Error("the two views differ in more than their size")
		}
	}
}

func TestThanksPageShowsTheReceipt(t *testing.T) {
	v := rateView()
	doc, text := render(t, "thanks", ThanksView{Survey: v.Survey, Window: v.Window, Hall: v.Hall, Bureau: v.Bureau, Receipt: "7F3KQ2MZ9X-A4"})
	receipt := doc.Find("[data-receipt]")
	if receipt.AttrOr("data-receipt", "") != "7F3KQ2MZ9X-A4" {
		t.Error("the receipt is not there as it is")
	}
	var groups []string
	receipt.Find("span").Each(func(_ int, s *goquery.Selection) { groups = append(groups, s.Text()) })
	if want := []string{"7F3K", "Q2MZ", "9X", "A4"}; !slices.Equal(groups, want) {
		t.Errorf("groups %v, want %v", groups, want)
	}
	if strings.Contains(text, "非常满意") || !strings.Contains(text, "工作人员不需要") {
		t.Error("the page names a level, or does not say that staff need not see it")
	}
}

func TestNoticePages(t *testing.T) {
	for _, key := range Notices {
		doc, _ := render(t, "notice", NoticeView{Key: key})
		if doc.Find("h1").Text() == "" || doc.Find("main p").Last().Text() == "" {
			t.Errorf("%s: no words, or nothing to do next", key)
		}
	}
	doc, _ := render(t, "notice", NoticeView{Key: "not_open", When: "2026-11-01", Elder: true})
	if !strings.Contains(doc.Find("main").Text(), "2026-11-01") {
		t.Error("the opening day is missing")
	}
	var out bytes.Buffer
	if err := newTestPages(t).Render(&out, "notice", NoticeView{Key: "nonsense"}); err == nil || out.Len() > 0 {
		t.Errorf("an unknown notice gave error %v and %d bytes", err, out.Len())
	}
}

func testConsole(role survey.Role) Console {
	s := rateView().Survey
	return Console{Who: survey.Actor{Name: "lin", Role: role, Place: "350102-HR"}, Survey: s, Surveys: []survey.Survey{s}, CSRF: "token"}
}

func figuresView(role survey.Role) FiguresView {
	row := func(place, name string, counts ...int64) figures.Row {
		t := survey.Tally{Served: 400, Rated: 100}
		for i, n := range counts {
			t.Cells.Add(survey.Cell{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieClaimed, Value: i + 1}, n)
		}
		return figures.Row{Place: place, Name: name, Figure: stats.Make(t, 7, survey.DefaultRules())}
	}
	v := FiguresView{Console: testConsole(role), Step: "month"}
	v.Query = QueryView{By: survey.Bureau, Kinds: figureKinds, From: "2026-01-01"}
	first := row("350102-HR", `鼓楼<b>"局`, 80, 10, 5, 3, 2)
	first.Rank = &stats.RankRange{Best: 1, Worst: 2, Of: 2}
	few := row("350104-HR", "仓山局", 1, 1)
	few.Figure = stats.Hide(few.Figure)
	v.Table = figures.Table{AsOf: time.Date(2026, 2, 1, 4, 0, 0, 0, time.UTC), Title: v.Survey.Title, By: survey.Bureau, From: 20260101, To: 20260131, Marked: 3,
		Rows: []figures.Row{first, few, row("350105-HR", "马尾局")}, Total: row("350100", "福州市", 80, 10, 5, 3, 2)}
	v.Trend = []figures.Point{{From: 20260101, To: 20260131, Figure: first.Figure}, {From: 20260201, To: 20260228}, {From: 20260301, To: 20260331, Figure: first.Figure}}
	return v
}

func TestFiguresPage(t *testing.T) {
	v := figuresView(survey.Organiser)
	doc, _ := render(t, "figures", v)
	cells := func(place string) string {
		return strings.Join(doc.Find("#figures tr[data-place='"+place+"']").Find("th,td").Map(func(_ int, s *goquery.Selection) string { return s.Text() }), " ")
	}
	width := 0
	doc.Find("#figures thead tr").First().Find("th").Each(func(_ int, s *goquery.Selection) {
		n, _ := strconv.Atoi(s.AttrOr("colspan", "1"))
		width += n
	})
	doc.Find("#figures tbody tr").Each(func(_ int, s *goquery.Selection) {
		if n := s.Find("th,td").Length(); n != width {
			t.Errorf("a row of %d cells under a head of %d", n, width)
		}
	})
	// 400 served, 100 rated and 7 pending leave 293 defaults, counted as 满意.
	for _, want := range []string{`鼓楼<b>"局`, "100", "95.00%", "88.82–97.85%", "1–2 / 2", "80.00%", "98.73%", "25.00%", "25.45%", "393"} {
		if !strings.Contains(cells("350102-HR"), want) {
			t.Errorf("no %q in %q", want, cells("350102-HR"))
		}
	}
	if got := cells("350104-HR"); !strings.Contains(got, "<5") || !strings.Contains(got, "—") || !strings.Contains(got, "不排名") {
		t.Errorf("hidden row %q", got)
	}
	if got := cells("350105-HR"); !strings.Contains(got, "无 none") {
		t.Errorf("row without ratings %q", got)
	}
	if doc.Find("[data-marked='3']").Length() != 1 || !strings.Contains(doc.Find("main").Text(), "2026-02-01 12:00") {
		t.Error("the page does not say how old its figures are")
	}
	if got := doc.Find("#figures tr[data-place='350102-HR'] a").AttrOr("href", ""); got != "/console/figures?by=hall&from=2026-01-01&survey=fujian-2026-model&within=350102-HR" {
		t.Errorf("drill-down to %q", got)
	}
	if doc.Find("svg[role=img] > title").Length() != 2 || doc.Find("svg rect.fill").Length() != 1 || doc.Find("svg circle").Length() != 2 {
		t.Error("the charts do not draw one bar and two points")
	}
	if d := doc.Find("svg path.path").AttrOr("d", ""); strings.Count(d, "M") != 2 || strings.Contains(d, "L") {
		t.Errorf("the line %q crosses a month without ratings", d)
	}
	if !strings.Contains(doc.Find("caption").First().Text(), "chance error only") {
		t.Error("no caption on what the intervals leave out")
	}
	for format, n := range map[string]int{"csv": 2, "xlsx": 2, "jsonl": 2} {
		if got := doc.Find("a[href*='/" + format + "?']").Length(); got != n {
			t.Errorf("%d links to %s, want %d", got, format, n)
		}
	}
	restricted, _ := render(t, "figures", figuresView(survey.Staff))
	if restricted.Find("a[href*='/responses/']").Length() != 0 {
		t.Error("staff are offered the response rows")
	}
	empty := figuresView(survey.Organiser)
	empty.Table.Rows, empty.Trend = nil, nil
	if none, _ := render(t, "figures", empty); none.Find("svg").Length() != 0 {
		t.Error("charts of nothing")
	}
}

func TestPercentIsNeverRoundedToCertainty(t *testing.T) {
	for want, r := range map[string]stats.Ratio{
		"100.00%": {Num: 5, Den: 5}, ">99.99%": {Num: 999_999, Den: 1_000_000}, "99.99%": {Num: 2_039_419, Den: 2_039_662},
		"0.00%": {Num: 0, Den: 5}, "<0.01%": {Num: 1, Den: 1_000_000}, "无 none": {}, "—": {Num: -1, Den: -1},
	} {
		if got := percent(r); got != want {
			t.Errorf("%v: %q, want %q", r, got, want)
		}
	}
}

func TestOtherConsolePages(t *testing.T) {
	for _, wrong := range []bool{false, true} {
		doc, _ := render(t, "signin", SigninView{CSRF: "token", Name: `<b>"lin`, Wrong: wrong})
		if doc.Find("input[name=csrf]").AttrOr("value", "") != "token" || doc.Find("input[name=name]").AttrOr("value", "") != `<b>"lin` ||
			(doc.Find("[role=alert]").Length() == 1) != wrong {
			t.Errorf("sign-in page, wrong=%v", wrong)
		}
	}
	rows := []CodeRow{{Place: "350102-HR-01-001", Window: "一号<b>", Code: "ABCD", Link: "https://pj.example/q/ABCD", Serial: 7}, {Place: "350102-HR-01-001", Serial: 6, Revoked: true}}
	doc, _ := render(t, "codes", CodesView{Console: testConsole(survey.Organiser), Windows: rows})
	if doc.Find("[data-serial='7'] form[method=post] input[name=csrf][value=token]").Length() != 2 || doc.Find("[data-serial='6'] form").Length() != 0 {
		t.Error("a code in force has two forms, a revoked one none")
	}
	doc, _ = render(t, "codes", CodesView{Console: testConsole(survey.Staff), Place: "350102-HR", Windows: rows})
	if doc.Find("td form").Length() != 0 || doc.Find("a[href='/console/status']").Length() != 0 {
		t.Error("staff are offered what they may not do")
	}
	texts := []TextRow{{Comment: "<script>x</script>", Window: "一号", Level: "dissatisfied", Day: "2026-01-31"}, {Comment: "好"}}
	doc, _ = render(t, "texts", TextsView{Console: testConsole(survey.Organiser), Rows: texts})
	if got := doc.Find("tbody tr").First().Text(); !strings.Contains(got, "<script>x</script>") || !strings.Contains(got, "不满意") {
		t.Errorf("text row %q", got)
	}
	render(t, "texts", TextsView{Console: testConsole(survey.Staff)})
	render(t, "codes", CodesView{Console: testConsole(survey.Staff)})
	doc, _ = render(t, "status", StatusView{Console: testConsole(survey.Organiser), Version: "v1", Marked: 4, Degraded: true,
		Runs: []survey.Run{{Job: "rollup", Done: 12, StartedAt: time.UnixMilli(0), FinishedAt: time.UnixMilli(1)}, {Job: "erase", Error: "disk <full>"}}})
	if got := doc.Find("main").Text(); !strings.Contains(got, "disk <full>") || !strings.Contains(got, "v1") || doc.Find("[data-marked='4']").Length() != 1 {
		t.Errorf("status %q", got)
	}
	render(t, "status", StatusView{Console: Console{Who: survey.Actor{Role: survey.Organiser}}})
}

// TestPlacesAreChosenByName: everybody is offered their own place and what lies
// below it, and a hall or window only if it is the one that is shown.
func TestPlacesAreChosenByName(t *testing.T) {
	tree := storetest.Tree()
	codes := func(top, chosen string) (out []string) {
		for _, o := range placesBelow(tree, top, chosen) {
			out = append(out, o.Indent+o.Code)
		}
		return out
	}
	for _, c := range []struct {
		top, chosen string
		want        []string
	}{
		{"350102", "350102", []string{"350102", "　350102-HR", "　350102-HRS"}},
		{"350102-HR", "350102-HR-01-002", []string{"350102-HR", "　350102-HR-01", "　　350102-HR-01-002"}},
		{"350102-HR-01-001", "350102-HR-01-001", []string{"350102-HR-01-001"}},
	} {
		if got := codes(c.top, c.chosen); !slices.Equal(got, c.want) {
			t.Errorf("under %s, with %s chosen: %q, want %q", c.top, c.chosen, got, c.want)
		}
	}
	if all := codes("", ""); all[0] != "350000" || len(all) != 11 {
		t.Errorf("the whole province: %q", all)
	}
}
