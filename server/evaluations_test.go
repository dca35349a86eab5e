package main

import (
	"fmt"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

const items = `number,chapter_zh,title_zh,kind,thresholds,measures_zh,weight
1,服务,有无障碍通道,符合,,,2
2,服务,办理比例,percentage,90;80,网上;一窗,1
3,服务,公开用时,数量,≤7,,1
B1,附加,获奖,加分,,,1
V1,附加,造假,否决,,,0
`

func scores(rows ...string) string {
	return "bureau,item,finding,values,note,evaluator\n" + strings.Join(rows, "\n") + "\n"
}

// judged is a file that says of a bureau what one evaluator found of every item.
func judged(bureau, evaluator string, findings ...string) (rows []string) {
	for i, item := range []string{"1", "2", "3", "B1", "V1"} {
		rows = append(rows, fmt.Sprintf("%s,%s,%s,%s", bureau, item, findings[i], evaluator))
	}
	return rows
}

// allScores is a file that answers every item of the built-in instrument.
func allScores(bureau string) (rows []string) {
	for _, item := range survey.BuiltIn().Items {
		finding := "met"
		if !item.Kind.Scored() {
			finding = "not_met"
		}
		var values []string
		for _, t := range item.Thresholds {
			values = append(values, strings.Trim(t.String(), "≥≤"))
		}
		rows = append(rows, strings.Join([]string{bureau, item.Number, finding, strings.Join(values, ";"), "材料齐全", ""}, ","))
	}
	return rows
}

func TestInstrumentsImport(t *testing.T) {
	c := filledFolder(t)
	file := c.file("items.csv", items)
	args := []string{"instruments", "import", file, "--id", "city-2026", "--title", "市级评估"}
	c.prints("instrument city-2026 v1: added, 5 items", args...)
	c.prints("instrument city-2026 v1: unchanged, 5 items", args...)
	c.refused(append(args, "--gate", "80"), "error: 1 faults", "version", "这个版本已经有了")
	c.prints("instrument city-2026 v2: added, 5 items", append(args, "--version", "2", "--gate", "80")...)
	c.refused([]string{"instruments", "import", file, "--id", "rule-of-law-60", "--version", "2", "--title", "x"}, "这个版本已经有了")
	c.refused([]string{"instruments", "import", c.file("bad.csv", items+"1,服务,重复,maybe,,,x\n"), "--id", "x", "--title", "x"},
		"error: 3 faults", `row 7, number "1"`, `row 7, kind "maybe"`, `row 7, weight "x"`)
	if out := c.run("instruments", "list"); !strings.Contains(out, "rule-of-law-60") || strings.Count(out, "city-2026") != 2 {
		t.Errorf("listed:\n%s", out)
	}
}

// shortSurvey is a survey that is open and goes by the five items above.
func shortSurvey(t *testing.T) commands {
	t.Helper()
	c := newFolder(t)
	c.fillShort()
	return c
}

func (c commands) fillShort() {
	c.t.Helper()
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	c.run("instruments", "import", c.file("items.csv", items), "--id", "short", "--title", "简表")
	c.run("survey", "add", c.file("survey.json", `{"id": "now", "title": {"zh": "测评"}, "opens": "2024-01-01T00:00:00+08:00", "closes": "2099-01-01T00:00:00+08:00",
		"rules": {"weights": [10, 8, 6, 3, 0], "min_n": 30, "default_level": "satisfied", "default_days": 7, "deadlines": {"contact": 1, "rectify": 10, "callback": 5},
		"instrument": {"id": "short", "version": 1}}}`))
}

func TestASurveyNamesAnInstrumentThatIsThere(t *testing.T) {
	c := newFolder(t)
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	c.refused([]string{"survey", "add", c.file("survey.json", `{"id": "now", "title": {"zh": "测评"}, "opens": "2024-01-01T00:00:00+08:00", "closes": "2099-01-01T00:00:00+08:00",
		"rules": {"weights": [10, 8, 6, 3, 0], "min_n": 30, "default_level": "satisfied", "default_days": 7, "deadlines": {"contact": 1, "rectify": 10, "callback": 5},
		"instrument": {"id": "short", "version": 1}}}`)}, "rules.instrument", "short v1", "instruments import")
}

func TestEvaluationsImport(t *testing.T) {
	c := shortSurvey(t)
	importing := func(rows []string, more ...string) []string {
		return append([]string{"evaluations", "import", c.file("scores.csv", scores(rows...)), "--source", "institute"}, more...)
	}
	first := judged("350102-HR", "", "符合,,", ",95;85,", "met,6,", "否,,", "无,,")
	both := append(first, judged("350102-HR", "林", "符合,,", "not_met,,没有材料", "不适用,,", "否,,", "无,,")...)

	c.prints("answers: 5 added, 0 changed, 0 unchanged\ndry run: nothing was changed", importing(first, "--dry-run")...)
	c.prints("answers: 5 added, 0 changed, 0 unchanged", importing(first)...)
	c.prints("answers: 0 added, 0 changed, 5 unchanged", importing(first)...)
	c.prints("answers: 5 added, 0 changed, 5 unchanged", importing(both)...)

	changed := append([]string{}, both...)
	changed[1] = "350102-HR,2,,95;70,,"
	const difference = `row 3, 350102-HR, item 2: met 95;85 becomes not_met 95;70`
	c.refused(importing(changed), "1 answers differ", "--reason")
	c.prints("answers: 0 added, 0 changed, 10 unchanged", importing(both)...) // nothing was taken
	if out := c.run(importing(changed, "--reason", "复核")...); !strings.Contains(out, difference) || !strings.Contains(out, "answers: 0 added, 1 changed, 9 unchanged") {
		t.Errorf("taken:\n%s", out)
	}
	c.prints("answers: 0 added, 0 changed, 10 unchanged", importing(changed)...)

	e, err := c.base().store.Evaluation(t.Context(), survey.EvaluationID{Survey: "now", Bureau: "350102-HR", Evaluator: "imported:institute"})
	if err != nil {
		t.Fatal(err)
	}
	s := e.State()
	if s.SubmittedVersion != 2 || !s.Locked || s.Submitted["2"].Finding != survey.FindingNotMet || e.Entries[6].Note != "复核" || len(e.Entries) != 9 {
		t.Errorf("stored: %+v", e)
	}
	out := c.run("export", "evaluations")
	for _, line := range []string{
		"bureau,now,false,*,short v1,350102-HR,鼓楼区人社局,,,2,0,,3,5,0.6,not_met,1,", // 2 of 3 and 1 of 2
		"pair,now,false,*,short v1,350102-HR,鼓楼区人社局,imported:institute,imported:institute/林,",
		",4,5,0.8,",
		"bureau,now,false,*,short v1,350104-HR,仓山区人社局,,,0,0,,0,0,none,none,0,none,",
	} {
		before, after, _ := strings.Cut(line, "*")
		if !strings.Contains(out, before) || !strings.Contains(out, after) {
			t.Errorf("the export lacks %s:\n%s", line, out)
		}
	}
}

func TestEvaluationsImportTellsAllFaultsAndStoresNothing(t *testing.T) {
	c := shortSurvey(t)
	rows := append(judged("350102-HR", "", "符合,,", ",95;85,", "met,8,", "否,,", "无,,"), // 8 days are too many
		"350102-HR,1,符合,,,",        // again
		"350102,1,符合,,,",           // no bureau
		"350104-HR,1,maybe,,,",     // and the others are missing
		"350104-HR,60,met,,,",      // of another instrument
		"350104-HR,2,met,95,,",     // one value too few
		"350104-HR,3,,seven,,",     // no number
		"350203-TAX,1,符合,,,张三",     // all others are missing
		"350203-TAX,V1,符合,1;2,,张三", // a veto is not measured
	)
	c.refused([]string{"evaluations", "import", c.file("scores.csv", scores(rows...)), "--source", "institute"},
		`row 4, values "8": 数值没有达到标准`, `row 7, item "1": 重复`, `row 8, bureau "350102": 这个单位不在参评单位之内`, `row 9, finding "maybe"`, `row 10, item "60": 没有这个指标`,
		`row 11, values "95"`, `row 12, values "seven"`, `row 14, values "1;2"`)
	var n int
	if err := c.base().store.Evaluations(t.Context(), "", "", func(survey.Evaluation) error { n++; return nil }); err != nil || n != 0 {
		t.Errorf("%d evaluations were stored, %v", n, err)
	}
	c.refused([]string{"evaluations", "import", c.file("scores.csv", scores("350104-HR,1,符合,,,")), "--source", "institute"},
		"error: 4 faults", `row 2, item "2": 还没有填`, `row 2, item "V1": 还没有填`)
}

func TestAssign(t *testing.T) {
	c := shortSurvey(t)
	c.run("user", "add", "chen", "--role", "evaluator", "--generate")
	c.run("user", "add", "boss", "--role", "supervisor", "--place", "350102-HR", "--generate")
	c.prints("chen judges 2 bureaus", "evaluations", "assign", "chen", "350104-HR", "350102-HR")
	c.refused([]string{"evaluations", "assign", "boss", "350102-HR"}, "boss", "不是评估员")
	c.refused([]string{"evaluations", "assign", "chen", "350102"}, "350102", "不在参评单位")
	c.refused([]string{"evaluations", "assign", "nobody", "350102-HR"}, "user add nobody --role evaluator")
	list, err := c.base().store.Assignments(t.Context(), "now")
	if err != nil || len(list) != 1 || strings.Join(list[0].Bureaus, " ") != "350102-HR 350104-HR" {
		t.Errorf("%+v, %v", list, err)
	}
}
