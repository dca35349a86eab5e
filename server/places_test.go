package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"manyi/server/demo"
	"manyi/survey"
	"manyi/survey/storetest"
)

// stored are the places of the folder by code.
func (c commands) stored() map[string]survey.Place {
	c.t.Helper()
	places, err := c.base().store.Places(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	out := map[string]survey.Place{}
	for _, p := range places {
		out[p.Code] = p
	}
	return out
}

func placesLine(added, changed, unchanged, deactivated int) string {
	return fmt.Sprintf("places: %d added, %d changed, %d unchanged, %d deactivated", added, changed, unchanged, deactivated)
}

func TestOfficialDivisionsAreImportedAsTheyCome(t *testing.T) {
	official, err := os.ReadFile("demo/fujian-divisions.csv")
	if err != nil {
		t.Fatal(err)
	}
	c := newFolder(t)
	divisions := c.file("fujian.csv", string(official))
	n := strings.Count(strings.TrimSpace(string(official)), "\n") // one line is the header
	c.prints(placesLine(n, 0, 0, 0), "places", "import", divisions)

	bureaus := c.file("all.csv", string(official)+
		"350102-HR,鼓楼区人社局,局,350102\n350102-HR-01,人社大厅,大厅,350102-HR\n350102-HR-01-001,1号窗口,窗口,350102-HR-01\n")
	c.prints(placesLine(3, 0, n, 0), "places", "import", bureaus)
	c.prints(placesLine(0, 0, n, 3), "places", "import", divisions)
}

func TestPlacesImport(t *testing.T) {
	places, err := demo.Places()
	if err != nil {
		t.Fatal(err)
	}
	n := len(places)
	c := newFolder(t)
	file := c.file("places.csv", placesCSV(places))
	c.prints(placesLine(n, 0, 0, 0), "places", "import", file, "--dry-run")
	if left := len(c.stored()); left != 0 {
		t.Fatalf("a dry run stored %d places", left)
	}
	c.prints(placesLine(n, 0, 0, 0), "places", "import", file)
	c.prints(placesLine(0, 0, n, 0), "places", "import", file)

	isWindow := func(p survey.Place) bool { return p.Kind == survey.Window }
	renamed, gone := slices.IndexFunc(places, isWindow), n-1
	edited := slices.Clone(places)
	edited[renamed].Name = "一号窗口"
	added := survey.Place{Code: "350102-ZW", Name: "鼓楼区政务局", Kind: survey.Bureau, Parent: "350102", Active: true}
	edited = append(slices.Delete(edited, gone, n), added)
	file = c.file("edited.csv", placesCSV(edited))
	c.prints(placesLine(1, 1, n-2, 1), "places", "import", file, "--dry-run")
	c.prints(placesLine(1, 1, n-2, 1), "places", "import", file)
	c.prints(placesLine(0, 0, n, 0), "places", "import", file)
	now := c.stored()
	if p := now[places[gone].Code]; p.Active || p.Name != places[gone].Name {
		t.Errorf("the place that was left out is %+v, want it deactivated", p)
	}
	if now[places[renamed].Code].Name != "一号窗口" || now[added.Code] != added {
		t.Errorf("renamed: %+v, added: %+v", now[places[renamed].Code], now[added.Code])
	}
}

func TestPlacesImportTellsAllFaultsAndChangesNothing(t *testing.T) {
	c := filledFolder(t)
	before := c.stored()
	faulty := placesCSV(storetest.Places()) + strings.Join([]string{
		"350102-HR-01-003,3号窗口,planet,350102-HR-01,1",
		"350102-HR-01-004,,window,350102-HR-01,1",
		"350102-HR-9,九号大厅,hall,350102-HR,1",
		"350102-HR-01-005,5号窗口,window,350999-HR-01,maybe",
	}, "\n")
	row := len(before) + 2
	c.refused([]string{"places", "import", c.file("faulty.csv", faulty)},
		"error: 6 faults, nothing was changed\n",
		fmt.Sprintf("  row %d, kind \"planet\": 没有这种层级 No such kind of place\n", row),
		fmt.Sprintf("  row %d, name \"\": 不能为空 May not be empty\n", row+1),
		fmt.Sprintf("  row %d, code \"350102-HR-9\": 代码不合这一层级的格式 ", row+2),
		fmt.Sprintf("  row %d, parent \"350999-HR-01\": 没有这个上级 No such parent\n", row+3),
		fmt.Sprintf("  row %d, active \"maybe\": 请写1或0 Write 1 or 0\n", row+3))
	c.prints(placesLine(0, 0, len(before), 0), "places", "import", c.file("same.csv", placesCSV(storetest.Places())))

	for name, text := range map[string]string{"no file": "", "an empty file": "\n", "no places": "code,name,kind,parent\n", "a page": "<html></html>"} {
		file := "nowhere.csv"
		if text != "" {
			file = c.file("bad.csv", text)
		}
		if out, err := runCommand(t, c.env, "places", "import", file); err == nil {
			t.Errorf("%s was imported: %s", name, out)
		}
	}
}

func TestPlacesImportUnder(t *testing.T) {
	c := filledFolder(t)
	part := slices.DeleteFunc(storetest.Places(), func(p survey.Place) bool {
		return survey.BureauOf(p.Code) != "350102-HR" || p.Code == storetest.GulouHR2
	})
	file := c.file("part.csv", placesCSV(part))
	c.prints(placesLine(0, 0, len(part), 1), "places", "import", file, "--under", "350102-HR")
	for code, p := range c.stored() {
		if p.Active == (code == storetest.GulouHR2) {
			t.Errorf("%s: active is %t", code, p.Active)
		}
	}
	c.refused([]string{"places", "import", file, "--under", "350104-HR"}, "row 2, code \"350102-HR\": 不在导入的范围内")
}

func TestPlacesExportIsImportedUnchanged(t *testing.T) {
	for _, format := range []string{"csv", "xlsx"} {
		t.Run(format, func(t *testing.T) {
			c := filledFolder(t)
			odd := []survey.Place{
				{Code: "350102-HR-03", Name: `"总"厅; 二楼`, Kind: survey.Hall, Parent: "350102-HR", Active: true},
				{Code: "350102-HR-03-001", Name: "000123", Kind: survey.Window, Parent: "350102-HR-03", Active: true},
				{Code: "350102-HR-03-002", Name: "关闭的窗口", Kind: survey.Window, Parent: "350102-HR-03"},
				{Code: "350102-HR-03-003", Name: "TRUE", Kind: survey.Window, Parent: "350102-HR-03", Active: true},
				{Code: "350102-HR-03-004", Name: "甲,乙", Kind: survey.Window, Parent: "350102-HR-03", Active: true},
			}
			if err := c.base().store.PutPlaces(t.Context(), odd); err != nil {
				t.Fatal(err)
			}
			before := c.stored()
			file := c.file("places."+format, "")
			c.run("places", "export", "--format", format, "--out", file)
			c.prints(placesLine(0, 0, len(before), 0), "places", "import", file)
		})
	}
}

func TestSurveyCommands(t *testing.T) {
	c := newFolder(t)
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	future, open := surveyJSON("next", 2099), surveyJSON("y2024", 2024)
	titled := func(text, title string) string { return c.file("s.json", strings.Replace(text, "测评", title, 1)) }

	c.run("survey", "add", c.file("next.json", future))
	if out, err := runReading(t, c.env, open, "survey", "add", "-"); err != nil {
		t.Fatalf("from standard input: %v\n%s", err, out)
	}
	c.refused([]string{"survey", "add", c.file("again.json", open)}, "exists")
	c.refused([]string{"survey", "revise", c.file("other.json", surveyJSON("other", 2099))}, "not found")

	c.run("survey", "revise", titled(future, "改过的"))
	if out := c.run("survey", "list"); !strings.Contains(out, "改过的") || !strings.Contains(out, "2024-01-01") ||
		strings.Count(strings.TrimSpace(out), "\n") != 2 {
		t.Errorf("the list is\n%s", out)
	}
	c.refused([]string{"survey", "revise", titled(open, "改过的")}, "frozen")
	c.refused([]string{"survey", "revise", c.file("s.json", strings.Replace(open, "2026-", "2025-", 1))}, "frozen")
	c.run("survey", "revise", c.file("s.json", strings.Replace(open, "2026-", "2027-", 1)))
	if s, err := c.base().store.Survey(t.Context(), "y2024"); err != nil || s.Title.Zh != "测评" || s.Closes.Year() != 2027 {
		t.Errorf("%v, the open survey is %q and closes %v", err, s.Title.Zh, s.Closes)
	}
}

func TestSurveyDefaults(t *testing.T) {
	c := filledFolder(t)
	s, err := c.base().store.Survey(t.Context(), "y2024")
	if err != nil {
		t.Fatal(err)
	}
	if s.Zone != "Asia/Shanghai" || len(s.Candidates) != 5 || s.Rules != survey.DefaultRules() || s.Sample || s.Questionnaire.ID != "onsite" {
		t.Errorf("zone %s, candidates %v, rules %+v, sample %t, questionnaire %s", s.Zone, s.Candidates, s.Rules, s.Sample, s.Questionnaire.ID)
	}
}

func TestSurveyFilesThatAreRefused(t *testing.T) {
	c := filledFolder(t)
	with := func(old, new string) string { return strings.Replace(surveyJSON("s", 2099), old, new, 1) }
	for _, bad := range []struct{ text, says string }{
		{"not JSON", "want a survey as JSON"},
		{"", "want a survey as JSON"},
		{with(`"id"`, `"name"`), `unknown field "name"`},
		{with(`"s"`, `"S 1"`), `id "S 1": 只用小写字母`},
		{with(`测评`, ``), `title: 不能为空`},
		{with(`"closes": "2101`, `"closes": "2098`), `closes "2098-01-01T00:00:00+08:00": 结束应在开始之后`},
		{with(`{"id"`, `{"zone": "Mars", "id"`), `zone "Mars": 不认识这个时区`},
		{with(`{"id"`, `{"candidates": [], "id"`), `candidates: 至少要有一个参评单位`},
		{with(`{"id"`, `{"candidates": ["350102"], "id"`), `candidates "350102": 没有这个单位`},
		{with(`{"id"`, `{"rules": {"weights": [1, 2, 3, 4, 5]}, "id"`), `rules.weights "[1 2 3 4 5]": 分值应由高到低`},
		{with(``, surveyJSON("first", 2099)), "there is more after it"},
	} {
		c.refused([]string{"survey", "add", c.file("bad.json", bad.text)}, bad.says)
	}
	c.refused([]string{"survey", "add", c.file("two.json", with(`{"id": "s"`, `{"zone": "Mars", "id": "S"`))}, "error: 2 faults, nothing was changed", "  id ", "  zone ")
	if out := c.run("survey", "list"); strings.Count(out, "\n") != 2 {
		t.Errorf("something was stored:\n%s", out)
	}
}

const goodVisits = `case_number,stage,window,item,finished_at,secret
C1,1,350102-HR-01-001,社保,2024-02-29 10:00,A-1
C1,2,350102-HR-01-002,社保,2024-02-29 11:00,
C2,,350102-HR-01-001,就业,2024/3/1 9:05,
`

func TestVisitsImport(t *testing.T) {
	c := filledFolder(t)
	file := c.file("visits.csv", goodVisits)
	c.prints("visits: 3 added, 0 changed, 0 unchanged", "visits", "import", file)
	c.prints("visits: 0 added, 0 changed, 3 unchanged", "visits", "import", file)
	edited := c.file("visits.csv", strings.Replace(goodVisits, "就业", "人才", 1))
	c.prints("visits: 0 added, 1 changed, 2 unchanged", "visits", "import", edited)
}

func TestVisitsImportTellsAllFaultsAndStoresNothing(t *testing.T) {
	c := filledFolder(t)
	faulty := goodVisits + `,1,350102-HR-01-001,社保,2024-02-29 10:00,
C4,1,350102-HR-01,社保,2024-02-29 10:00,
C5,1,350102-HR-01-001,,2024-02-29 10:00,
C6,1,350102-HR-01-001,社保,昨天,
C7,1,350102-HR-01-001,社保,2023-12-31 23:59,
C2,1,350102-HR-01-001,社保,2024-02-29 10:00,
3.5012E+17,1,350102-HR-01-001,社保,2024-02-29 10:00,
` + "C8,1,350102-HR-01-001,社保,2024-02-29 10:00," + strings.Repeat("机密", 40)
	args := []string{"visits", "import", c.file("faulty.csv", faulty)}
	out, _ := runCommand(t, c.env, args...)
	if strings.Contains(out, "机密") {
		t.Error("a secret was printed")
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want := []string{"error: 8 faults, nothing was changed",
		`  row 5, case_number "": 不能为空 `, `  row 6, window "350102-HR-01": 没有这个窗口 `, `  row 7, item "": 不能为空 `,
		`  row 8, finished_at "昨天": 看不懂这个时间`, `  row 9, finished_at "2023-12-31 23:59": 不在测评期内 `,
		`  row 10, case_number "C2": 重复 `, `  row 11, case_number "3.5012E+17": 长数字被表格软件改过`, `  row 12, visit_secret "": 验证码最多50字`}
	for i, w := range want {
		if i >= len(lines) || !strings.HasPrefix(lines[i], w) {
			t.Fatalf("line %d should begin %q:\n%s", i+1, w, out)
		}
	}
	c.prints("visits: 3 added, 0 changed, 0 unchanged", "visits", "import", c.file("visits.csv", goodVisits))
}

func TestVisitsNeedOneSurvey(t *testing.T) {
	c := newFolder(t)
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	args := []string{"visits", "import", c.file("visits.csv", goodVisits)}
	c.refused(args, "there is no survey yet", "survey add")
	c.run("survey", "add", c.file("a.json", surveyJSON("a", 2024)))
	c.run("survey", "add", c.file("b.json", surveyJSON("b", 2024)))
	c.refused(args, "several surveys", "--survey")
	c.refused(append(args, "--survey", "c"), `"c"`, "survey list")
	c.prints("visits: 3 added, 0 changed, 0 unchanged", append(args, "--survey", "b")...)
}
