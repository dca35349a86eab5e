package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"manyi/jobs"
	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/storetest"
)

const goodResponses = `id,window,received,level,reasons,comment,case_number,stage
R1,350102-HR-01-001,2024-02-29 10:00,very_satisfied,,,,
R2,350102-HR-01-001,2024-02-29,不满意,207;208,,A-1,2
R3,350102-HR-01-002,2024/3/1 9:05,very_dissatisfied,,"等了很久
没人理",,
`

func importResponses(file string, more ...string) []string {
	return append([]string{"responses", "import", file, "--source", "city-platform"}, more...)
}

func importCases(file string, more ...string) []string {
	return append([]string{"cases", "import", file, "--source", "city-platform"}, more...)
}

// responses are the stored responses of the folder.
func (c commands) responses() (out []survey.Listed) {
	c.t.Helper()
	return storetest.List(c.t, c.base().store, survey.ResponseQuery{})
}

func TestResponsesImport(t *testing.T) {
	c := filledFolder(t)
	file := c.file("responses.csv", goodResponses)
	c.prints("responses: 3 added, 0 unchanged", importResponses(file)...)
	before := c.responses()
	c.prints("responses: 0 added, 3 unchanged", importResponses(file)...)
	c.prints("responses: 3 added, 0 unchanged", "responses", "import", file, "--source", "another") // their own numbers
	c.prints("responses: 1 added, 3 unchanged", importResponses(c.file("more.csv", goodResponses+"R4,350102-HR-01-001,2024-03-02,满意,,,,\n"))...)
	if len(before) != 3 {
		t.Fatalf("%d responses, want 3", len(before))
	}
	slices.SortFunc(before, func(a, b survey.Listed) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	r := before[0]
	if r.Channel != survey.ChannelImported || r.Level != survey.Dissatisfied || !slices.Equal(r.Reasons, []int{207, 208}) || r.Day != 20240229 ||
		!r.ReceivedAt.Equal(storetest.At("2024-02-29")) || r.Case != (survey.CaseRef{Number: "A-1", Stage: "2"}) || r.Path.Window() != storetest.GulouHR1 ||
		r.Flags != 0 || r.ID == (survey.ID{}) || r.Version != 1 {
		t.Errorf("stored %+v", r)
	}
	if before[2].Comment != "等了很久\n没人理" || !before[2].ReceivedAt.Equal(storetest.At("2024-03-01 09:05")) {
		t.Errorf("stored %+v", before[2])
	}
}

func TestResponsesImportOfAWorkbookWithNumbers(t *testing.T) {
	c := filledFolder(t)
	book := excelize.NewFile()
	defer book.Close()
	for i, row := range [][]any{{"原编号", "窗口", "评价时间", "满意度", "评价原因"},
		{350102001, storetest.GulouHR1, time.Date(2024, 2, 29, 10, 0, 0, 0, time.UTC), 5},
		{350102002, storetest.GulouHR1, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), 2, 207}} {
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "responses.xlsx")
	if err := book.SaveAs(file); err != nil {
		t.Fatal(err)
	}
	c.refused(importResponses(file), "error: 2 faults", `row 2, level "5": 两种国标代码方向相反`, `row 3, level "2": `)
	c.refused(importResponses(file, "--codes", "gb"), `--codes is "gb"`, "gbt39046")
	c.refused(importResponses(file, "--codes", "gbt39046"), "error: 2 faults", `row 2, reason "": 请选一个原因`, `row 3, reason "207": 原因与满意程度不符`)
	if len(c.responses()) != 0 {
		t.Fatal("something was stored")
	}
	c.prints("responses: 2 added, 0 unchanged", importResponses(file, "--codes", "haochaping")...)
	for _, r := range c.responses() {
		want := survey.VerySatisfied
		if len(r.Reasons) > 0 {
			want = survey.Dissatisfied
		}
		if r.Level != want {
			t.Errorf("%v was stored as %v", r.Reasons, r.Level)
		}
	}
}

func TestResponsesImportTellsAllFaultsAndStoresNothing(t *testing.T) {
	c := filledFolder(t)
	c.prints("responses: 3 added, 0 unchanged", importResponses(c.file("responses.csv", goodResponses))...)
	faulty := strings.Replace(goodResponses, "没人理", "没人管", 1) + `,350102-HR-01-001,2024-03-02,满意,,,,
R1,350102-HR-01-001,2024-02-29 10:00,very_satisfied,,,,
R5,350102-HR-01,2024-03-02,满意,,,,
R6,350102-HR-01-001,2023-12-31,满意,,,,
R7,350102-HR-01-001,昨天,好,,,,
R8,350102-HR-01-001,2024-03-02,不满意,,,,
R9,350102-HR-01-001,2024-03-02,不满意,999,,,
R10,350102-HR-01-001,2024-03-02,满意,,,` + strings.Repeat("7", 60) + `,
R11,350102-HR-01-001,2024-03-02,满意,,` + strings.Repeat("电话13800138000", 50) + `,,
3.5012E+17,350102-HR-01-001,2024-03-02,满意,,,,
R12,350102-HR-01-001,2024-03-02,,,,,
`
	args := importResponses(c.file("faulty.csv", faulty))
	out, _ := runCommand(t, c.env, args...)
	if strings.Contains(out, "13800138000") {
		t.Error("a comment was printed")
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want := []string{"error: 13 faults, nothing was changed",
		`  row 4, id "R3": 这条以前导入过，内容不同`, `  row 5, id "": 不能为空`, `  row 6, id "R1": 重复`,
		`  row 7, window "350102-HR-01": 没有这个窗口`, `  row 8, received "2023-12-31": 不在测评期内`,
		`  row 9, received "昨天": 看不懂这个时间`, `  row 9, level "好": 请从列出的五个程度中选`,
		`  row 10, reason "": 请选一个原因`, `  row 11, reason "999": 请从列出的原因中选`, `  row 12, case_number "": 编号最多50字`,
		`  row 13, comment "": 太长了`, `  row 14, id "3.5012E+17": 长数字被表格软件改过`, `  row 15, level "": 请选一个满意程度`}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out)
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], w) {
			t.Errorf("line %d should begin %q: %s", i+1, w, lines[i])
		}
	}
	if n := len(c.responses()); n != 3 {
		t.Errorf("%d responses, want the 3 from before", n)
	}
	c.refused([]string{"responses", "import", c.file("r.csv", goodResponses)}, "--source is missing")
	c.refused(importResponses(c.file("r.csv", "id,window,level\n")), `received`, "缺少这一列")
}

// The future is told by the command's own clock; a survey may be running still.
func TestResponsesOfTheFutureAreRefused(t *testing.T) {
	c := newFolder(t)
	c.run("places", "import", c.file("places.csv", placesCSV(storetest.Places())))
	year := time.Now().Year()
	c.run("survey", "add", c.file("survey.json", surveyJSON("now", year)))
	later := time.Now().AddDate(0, 0, 3).Format(time.DateOnly)
	c.refused(importResponses(c.file("r.csv", "id,window,received,level\nR1,350102-HR-01-001,"+later+",满意\n")), "received", "时间还没到")
}

const importedSteps = `id,step,at,by,note,outcome,ground,days,level
R2,联系,2024-03-01 9:00,陈科长,,已联系上,,,
R2,核实,2024-03-01,陈科长,属实,,,,
R2,整改,2024-03-04,陈科长,已增开窗口,,,,
R2,回访,2024-03-05,陈科长,,满意,,,
R2,评价人确认,2024-03-06,林女士,,已解决,,,satisfied
R3,contacted,2024-03-04,chen,,no_contact,,,
R3,exclusion_asked,2024-03-04,chen,评错了,,mistaken,,
R3,exclusion_granted,2024-03-05,lin,同意,,,,
`

// caseOf is the case of a bad review of a level, with its entries but those of the system.
func (c commands) caseOf(level survey.Level) (k survey.Case, steps []string) {
	c.t.Helper()
	err := c.base().store.Cases(c.t.Context(), survey.CaseQuery{}, func(found survey.Case) error {
		if found.Response.Level == level {
			k = found
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range k.Entries {
		if e.Party != survey.System {
			steps = append(steps, fmt.Sprintf("%s %s %s", e.Step, e.Party, e.By))
		}
	}
	return k, steps
}

func TestCasesImport(t *testing.T) {
	c := filledFolder(t)
	c.run(importResponses(c.file("responses.csv", goodResponses))...)
	file := c.file("steps.csv", importedSteps)
	c.prints("steps: 8 added in 2 cases, 0 unchanged", importCases(file)...)
	c.prints("steps: 0 added in 0 cases, 8 unchanged", importCases(file)...)

	k, steps := c.caseOf(survey.Dissatisfied)
	want := []string{"contacted bureau imported:陈科长", "verified bureau imported:陈科长", "rectified bureau imported:陈科长",
		"called_back bureau imported:陈科长", "said citizen imported:"} // the citizen's name stays out
	if !slices.Equal(steps, want) {
		t.Errorf("entries %q, want %q", steps, want)
	}
	s, err := c.base().store.Survey(t.Context(), "y2024")
	if err != nil {
		t.Fatal(err)
	}
	p := k.Progress(time.Time{}, s.Location())
	if p.State != survey.CaseCalledBack || p.Clock.Contact != 20240301 || p.Contacted != 20240301 || p.Rectified != 20240304 || !p.OnTime() ||
		p.Said != survey.OutcomeSolved || p.After != survey.Satisfied || k.RealName(p) || !p.IsDue(20240401) {
		t.Errorf("progress %+v", p)
	}
	if k.Summary.State != survey.CaseCalledBack || k.Summary.Next == survey.NoDeadline {
		t.Errorf("summary %+v", k.Summary)
	}
	other, _ := c.caseOf(survey.VeryDissatisfied)
	if !other.Progress(time.Time{}, s.Location()).Excluded() || other.Summary.Marks&survey.MarkExcluded == 0 {
		t.Errorf("the case that was not adopted: %+v", other.Summary)
	}

	// What was done after is added; what is there stays.
	c.prints("steps: 1 added in 1 cases, 8 unchanged", importCases(c.file("more.csv", importedSteps+"R2,办结,2024-03-07,陈科长,,,,,\n"))...)
	c.prints("steps: 0 added in 0 cases, 1 unchanged", importCases(c.file("part.csv", "id,step,at,by\nR2,办结,2024-03-07,陈科长\n"))...)

	var tally survey.CaseTally
	tally.Add(k, p, 20240401)
	if tally.Imported.Cases != 1 || tally.Imported.OnTime != 1 || tally.Imported.Real.Cases != 0 {
		t.Errorf("counted as %+v", tally.Imported)
	}
}

// A day that was counted before and is counted otherwise after an import says why.
func TestAnImportExplainsWhyADayIsCountedAnew(t *testing.T) {
	c := filledFolder(t)
	store := c.base().store
	s, err := store.Survey(t.Context(), "y2024")
	if err != nil {
		t.Fatal(err)
	}
	count := func() survey.CaseSheet {
		t.Helper()
		if _, err := jobs.PutSheet(t.Context(), store, s, 20240601, time.Now()); err != nil {
			t.Fatal(err)
		}
		sheet, err := store.CaseSheet(t.Context(), s.ID, 20240601)
		if err != nil {
			t.Fatal(err)
		}
		return sheet
	}
	count()
	c.run(importResponses(c.file("responses.csv", goodResponses))...)
	if _, err := jobs.OpenCases(t.Context(), store, func(survey.Key) []byte { return nil }, time.Now()); err != nil {
		t.Fatal(err)
	}
	reviews := count()
	c.run(importCases(c.file("steps.csv", importedSteps))...)
	steps := count()
	for _, x := range []struct {
		sheet survey.CaseSheet
		no    int
		want  survey.Cause
	}{{reviews, 2, survey.CauseLateReview}, {steps, 3, survey.CauseLateEntry}} {
		found := false
		for _, change := range x.sheet.Changes {
			for _, cause := range change.Causes {
				found = found || change.No == x.no && change.Explained && cause.Kind == x.want
			}
		}
		if !found {
			t.Errorf("sheet %d: changes %+v, want the cause %s", x.no, x.sheet.Changes, x.want)
		}
	}
}

func TestCasesImportTellsAllFaultsAndStoresNothing(t *testing.T) {
	c := filledFolder(t)
	c.run(importResponses(c.file("responses.csv", goodResponses))...)
	for _, x := range []struct {
		why  string
		rows string
		says []string
	}{
		{"a step too early", "R2,整改,2024-03-01,chen,已整改,,,,", []string{`row 2, step "rectified; contacted `, "可做的步骤"}},
		{"who decides their own request", "R2,提请不予采纳,2024-03-01,chen,评错了,,误评,,\nR2,同意不予采纳,2024-03-01,chen,同意,,,,", []string{`row 3, step "exclusion_granted; contacted `}},
		{"only the first of a case", "R2,整改,2024-03-01,chen,已整改,,,,\nR2,回访,2024-03-01,chen,,满意,,,", []string{"error: 1 faults", "row 2"}},
		{"of every case", "R2,整改,2024-03-01,chen,x,,,,\nR3,整改,2024-03-02,chen,x,,,,", []string{"error: 2 faults", "row 2", "row 3"}},
		{"before the review", "R2,联系,2024-02-28,chen,,已联系上,,,", []string{`row 2, at "2024-02-28": 早于评价或上一步`}},
		{"before the last step", "R2,联系,2024-03-02,chen,,已联系上,,,\nR2,核实,2024-03-01,chen,x,,,,", []string{`row 3, at "2024-03-01": 早于`}},
		{"in the future", "R2,联系,2924-03-02,chen,,已联系上,,,", []string{`row 2, at "2924-03-02": 时间还没到`}},
		{"no time", "R2,联系,早上,chen,,已联系上,,,", []string{`row 2, at "早上": 看不懂这个时间`}},
		{"an unknown id", "R9,联系,2024-03-02,chen,,已联系上,,,", []string{`row 2, id "R9": 该来源没有导入过`}},
		{"no id", ",联系,2024-03-02,chen,,已联系上,,,", []string{`row 2, id "": 不能为空`}},
		{"a good review", "R1,联系,2024-03-02,chen,,已联系上,,,", []string{`row 2, id "R1": 这条评价不是差评`}},
		{"an unknown step", "R2,开会,2024-03-02,chen,,,,,", []string{`row 2, step "开会": 没有这个步骤`}},
		{"a proof from elsewhere", "R2,identified,2024-03-02,chen,,,,,", []string{`row 2, step "identified": `}},
		{"a step of the system", "R2,opened,2024-03-02,chen,,,,,", []string{`row 2, step "opened": `}},
		{"nobody", "R2,联系,2024-03-02,,,已联系上,,,", []string{`row 2, by "": 不能为空`}},
		{"no outcome", "R2,联系,2024-03-02,chen,,好,,,", []string{`row 2, outcome "好": 请选择结果`}},
		{"no note", "R2,联系,2024-03-01,chen,,已联系上,,,\nR2,核实,2024-03-01,chen,,,,,", []string{`row 3, note "": 请写明情况`}},
		{"no ground", "R2,提请不予采纳,2024-03-01,chen,x,,别的,,", []string{`row 2, ground "别的": 请选择理由`}},
		{"days that are none", "R2,申请延期,2024-03-01,chen,x,,,很多,", []string{`row 2, days "很多": `}},
		{"too many days", "R2,申请延期,2024-03-01,chen,x,,,99,", []string{`row 2, days "99": `}},
		{"a level that is none", "R2,联系,2024-03-02,chen,,已联系上,,,好", []string{`row 2, level "好": `}},
	} {
		file := c.file("steps.csv", "id,step,at,by,note,outcome,ground,days,level\n"+x.rows+"\n")
		t.Run(x.why, func(t *testing.T) { commands{t, c.env}.refused(importCases(file), x.says...) })
	}
	// One fault anywhere, and the sound case is not touched either.
	c.refused(importCases(c.file("steps.csv", importedSteps+"R9,联系,2024-03-02,chen,,已联系上,,,\n")), "error: 1 faults, nothing was changed")
	if _, steps := c.caseOf(survey.Dissatisfied); len(steps) != 0 {
		t.Errorf("something was stored: %v", steps)
	}
	c.refused([]string{"cases", "import", c.file("s.csv", importedSteps)}, "--source is missing")
	c.refused(importCases(c.file("s.csv", "id,step\n")), `at`, "缺少这一列")
}

func TestCasesThatWereWorkedHereTakeNoImport(t *testing.T) {
	c := filledFolder(t)
	c.run(importResponses(c.file("responses.csv", goodResponses))...)
	c.run(importCases(c.file("steps.csv", importedSteps))...)
	b := c.base()
	k, _ := c.caseOf(survey.Dissatisfied)
	s, err := b.store.Survey(t.Context(), "y2024")
	if err != nil {
		t.Fatal(err)
	}
	made, sum, err := k.Take(s, survey.NewCalendar(nil), survey.Worker{Name: "wang", Party: survey.Own}, time.Now(), survey.Entry{Step: survey.StepNoted, Note: "已归档"})
	if err == nil {
		err = b.store.AddEntries(t.Context(), k.Response.Key, made, sum)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.refused(importCases(c.file("more.csv", importedSteps+"R2,办结,2024-03-07,陈科长,,,,,\n")), "row 10", "本系统已经办过这条差评")
	c.prints("steps: 0 added in 0 cases, 8 unchanged", importCases(c.file("same.csv", importedSteps))...)
	c.refused([]string{"user", "add", survey.ImportedBy + "chen", "--role", "organiser", "--generate"}, "not beginning with imported:")
}

func TestImportedResponsesStandApartInTheFigures(t *testing.T) {
	c := filledFolder(t)
	c.rate(7)
	before := c.run("export", "figures", "--format", "jsonl", "--within", "350102-HR")
	c.run(importResponses(c.file("responses.csv", goodResponses))...)
	after := c.run("export", "figures", "--format", "jsonl", "--within", "350102-HR")
	if !strings.Contains(before, `"n":7`) || !strings.Contains(before, `"imported_n":0,"imported_satisfaction":"none"`) {
		t.Errorf("before:\n%s", before)
	}
	if !strings.Contains(after, `"imported_n":3,"imported_satisfaction":0.3333333333333333`) || !strings.Contains(after, `"n":7`) {
		t.Errorf("after:\n%s", after)
	}
	for _, line := range []string{"export cases", "export cases --from 2024-02-29 --to 2024-02-29", "export cases --within 350104-HR"} {
		want := map[string]int64{"export cases": 2, "export cases --from 2024-02-29 --to 2024-02-29": 1}[line]
		for _, f := range []export.Format{export.CSV, export.XLSX} {
			path := filepath.Join(t.TempDir(), "ledger"+f.Extension())
			c.run(append(strings.Fields(line), "--format", string(f), "--out", path)...)
			bad := 0
			for _, r := range c.responses() { // of those rated here, some are bad too
				if in := r.Level.Bad() && r.Channel != survey.ChannelImported; in && line != "export cases --within 350104-HR" {
					bad++
				}
			}
			if rows := rowsOf(t, path, f); rows != want+int64(bad) {
				t.Errorf("%s as %s: %d rows, want %d", line, f, rows, want+int64(bad))
			}
		}
	}
	c.refused([]string{"export", "cases", "--within", "350102-XX"}, `"350102-XX"`)
}
