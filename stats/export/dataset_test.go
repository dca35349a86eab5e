package export

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

func datasetOf(t *testing.T, store DatasetStore, s survey.Survey, role survey.Role, within string) (map[string][]byte, DatasetManifest) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	said := func(key string) survey.Text { return survey.Text{Zh: "〔" + key + "〕", En: key + "'s"} }
	m, err := Dataset(t.Context(), &out, store, DatasetQuery{Survey: s, Tree: storetest.Tree(), Within: within, Who: survey.Actor{Name: "x", Role: role},
		AsOf: storetest.At("2024-04-15 08:00"), Version: "test", Text: said})
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("temporary files are left: %v", left)
	}
	r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
	return files, m
}

func cellsOf(t *testing.T, file []byte) (rows []map[string]string) {
	t.Helper()
	if _, err := Verify(bytes.NewReader(file), CSV); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte(byteOrderMark)))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1 : len(lines)-1] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func datasetStore(t *testing.T) (survey.Store, survey.Survey) {
	store, s := ledgerStore(t)
	must(t, store.PutQuality(t.Context(), survey.QualitySheet{Survey: s.ID, Bureau: "350102-HR", Day: 20240229, Rules: 1,
		Flags: []survey.QualityFlag{{Kind: survey.QualityBurst, Window: storetest.GulouHR1, Day: 20240229, N: 30, Of: 4, From: "09:00", To: "09:09", Rows: []string{"ab"}}}}))
	must(t, store.PutCaseSheet(t.Context(), survey.CaseSheet{Survey: s.ID, AsOf: 20240414, No: 1, MadeAt: storetest.At("2024-04-15 01:00"), Counting: survey.Counting,
		Bureaus: map[string]map[survey.Span]survey.CaseTally{"350102-HR": {202402: {Adopted: survey.CaseCounts{Cases: 2, Due: 2}}}}}))
	return store, s
}

func TestDataset(t *testing.T) {
	store, s := datasetStore(t)
	files, m := datasetOf(t, store, s, survey.Organiser, "")
	var told DatasetManifest
	must(t, json.Unmarshal(files["manifest.json"], &told))
	if len(told.Files) != len(files)-1 || told.Rules.Version != m.Rules.Version || len(told.Rules.Version) != 64 || told.Restricted || told.Rules.Survey != s.Rules {
		t.Errorf("the manifest says %+v", told)
	}
	for _, f := range told.Files {
		sum := sha256.Sum256(files[f.Name])
		if f.SHA256 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(files[f.Name])) {
			t.Errorf("%s: hash or length differ from the manifest", f.Name)
		}
		if strings.HasSuffix(f.Name, ".csv") {
			if rows := cellsOf(t, files[f.Name]); int64(len(rows)) != f.Rows {
				t.Errorf("%s: %d rows, the manifest says %d", f.Name, len(rows), f.Rows)
			}
		}
	}
	rows := cellsOf(t, files["responses.csv"])
	if len(rows) != 6 || rows[0]["case_number"] != "A-1" || rows[0]["received_at"] == "" {
		t.Errorf("responses %v", rows)
	}
	sameAsCSV(t, files["responses.parquet"], files["responses.csv"])
	if got := bytes.Count(files["responses.jsonl"], []byte("\n")); got != len(rows)+1 {
		t.Errorf("%d lines of JSON", got)
	}
	if got := len(parts(t, files["responses.xlsx"])); got == 0 {
		t.Error("no workbook")
	}
	out := map[string]map[string]string{}
	for _, row := range cellsOf(t, files["exclusions.csv"]) {
		out[row["id"]] = row
	}
	var notAdopted, superseded int
	for _, row := range rows {
		x, ok := out[row["id"]]
		if ok != (row["standing"] == "superseded" || x["why"] == "not_adopted") {
			t.Errorf("%v is %v in the exclusions", row["id"], ok)
		}
		switch x["why"] {
		case "not_adopted":
			notAdopted++
			if x["ground"] != "mistaken" || x["asked_on"] != "2024-03-01" || x["decided_on"] != "2024-03-01" || x["objected"] != "false" || x["window"] != storetest.GulouHR3 {
				t.Errorf("not adopted: %v", x)
			}
		case "superseded":
			superseded++
		}
	}
	if notAdopted != 1 || superseded != 1 || len(out) != 2 {
		t.Errorf("%d not adopted, %d superseded, %d in all", notAdopted, superseded, len(out))
	}
	swapped := cellsOf(t, files["exchange.csv"])
	if len(swapped) != len(rows) || swapped[0]["area"] != "350102" || swapped[0]["department"] != "350102-HR" || swapped[0]["item"] == "" || swapped[0]["case_number"] != "A-1" ||
		swapped[0]["rating_no"] != "1" || swapped[0]["reasons"] != "108;109" || swapped[0]["channel"] != rows[0]["channel"] || swapped[0]["anonymous"] != "false" {
		t.Errorf("for the exchange: %v", swapped)
	}
	for i, row := range swapped {
		if row["level"] != rows[i]["level"] || row["level_gbt39046"] != rows[i]["level_gbt39046"] || row["level_haochaping"] != rows[i]["level_haochaping"] ||
			(row["rating_no"] == "2") != (rows[i]["standing"] == "superseded") {
			t.Errorf("for the exchange %v, stored %v", row, rows[i])
		}
	}
	if flags := cellsOf(t, files["quality_flags.csv"]); len(flags) != 1 || flags[0]["rows"] != "ab" {
		t.Errorf("quality flags %v", flags)
	}
	if places := cellsOf(t, files["frame_places.csv"]); !slices.ContainsFunc(places, func(p map[string]string) bool {
		return p["code"] == storetest.GulouHR1 && p["kind"] == "window" && p["active"] == "true"
	}) {
		t.Errorf("places %v", places)
	}
	book := map[string]bool{}
	for _, row := range cellsOf(t, files["codebook.csv"]) {
		book[row["variable"]+"="+row["value"]] = true
	}
	for _, c := range responseColumns(s.Questionnaire) {
		if !book[c.Name+"="] {
			t.Errorf("the code book lacks %s", c.Name)
		}
	}
	for _, row := range rows {
		for _, name := range []string{"level", "standing", "level_gbt39046", "level_haochaping", "answer_attitude"} {
			if row[name] != "" && !book[name+"="+row[name]] {
				t.Errorf("the code book lacks %s = %s", name, row[name])
			}
		}
	}
	for _, private := range []string{"sealed", "hash", "陈", "chen", "lin"} { // contacts, and who worked on the cases
		for name, file := range files {
			if strings.HasSuffix(name, ".csv") && bytes.Contains(file, []byte(`,`+private+`,`)) {
				t.Errorf("%s holds %q", name, private)
			}
		}
	}
}

func TestADatasetForAnEvaluatorTracesNobody(t *testing.T) {
	store, s := datasetStore(t)
	files, m := datasetOf(t, store, s, survey.Evaluator, "350102-HR")
	rows := cellsOf(t, files["responses.csv"])
	if len(rows) != 3 || !m.Restricted || m.Within != "350102-HR" {
		t.Errorf("%d responses, %+v", len(rows), m)
	}
	for _, row := range rows {
		if row["case_number"] != "" || row["received_at"] != "" || row["stage"] != "" || row["bureau"] != "350102-HR" {
			t.Errorf("traceable: %v", row)
		}
	}
	if flags := cellsOf(t, files["quality_flags.csv"]); len(flags) != 1 || flags[0]["rows"] != "" {
		t.Errorf("quality flags %v", flags)
	}
	if _, ok := files["exchange.csv"]; ok {
		t.Error("an evaluator gets case numbers in the layout of the exchange")
	}
	for _, file := range []string{"frame_places.csv", "figures_window.csv"} {
		if bytes.Contains(files[file], []byte("350203-TAX")) {
			t.Errorf("%s holds another bureau", file)
		}
	}
}

// A store that fails leaves a ZIP that does not open, and nothing behind.
func TestADatasetThatIsCut(t *testing.T) {
	store, s := datasetStore(t)
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	_, err := Dataset(t.Context(), &out, dying{store}, DatasetQuery{Survey: s, Tree: storetest.Tree(), Who: survey.Actor{Role: survey.Organiser}, Text: func(string) survey.Text { return survey.Text{} }})
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len())); err == nil {
		t.Error("it opens")
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

type dying struct{ survey.Store }

func (d dying) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	n := 0
	return d.Store.Responses(ctx, q, func(r survey.Listed) error {
		if n++; n > 3 {
			return io.ErrUnexpectedEOF
		}
		return yield(r)
	})
}

// PSPP reads the syntax of SPSS: every row comes in, with its labels.
func TestTheSyntaxForSPSSRuns(t *testing.T) {
	pspp, err := exec.LookPath("pspp")
	if err != nil {
		if strings.Contains(os.Getenv("MANYI_REQUIRE"), "pspp") {
			t.Fatal("pspp is missing: install the package pspp")
		}
		t.Skip("pspp is missing (package pspp): nothing here can run the syntax for SPSS")
	}
	store, s := datasetStore(t)
	files, _ := datasetOf(t, store, s, survey.Organiser, "")
	dir := t.TempDir()
	for _, name := range []string{"responses.csv", "responses.sps"} {
		must(t, os.WriteFile(filepath.Join(dir, name), files["spss/"+name], 0o600))
	}
	more := "\r\nDISPLAY DICTIONARY /VARIABLES=level level_gbt39046.\r\nFREQUENCIES /VARIABLES=level_haochaping /FORMAT=NOTABLE /STATISTICS=SUM.\r\nSAVE TRANSLATE /OUTFILE='back.csv' /TYPE=CSV /FIELDNAMES /REPLACE.\r\n"
	must(t, os.WriteFile(filepath.Join(dir, "run.sps"), append(files["spss/responses.sps"], more...), 0o600))
	cmd := exec.Command(pspp, "-O", "format=txt", "run.sps")
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(said, []byte("error:")) || bytes.Contains(said, []byte("warning:")) {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"〔level.satisfied〕", "满意度等级", "14.00"} { // 1 + 2 + 2 + … as 好差评 counts
		if !bytes.Contains(said, []byte(want)) {
			t.Errorf("it does not know %q:\n%s", want, said)
		}
	}
	back, err := os.ReadFile(filepath.Join(dir, "back.csv"))
	must(t, err)
	got, err := csv.NewReader(bytes.NewReader(back)).ReadAll()
	must(t, err)
	want := cellsOf(t, files["spss/responses.csv"])
	if len(got)-1 != len(want) {
		t.Fatalf("%d rows, want %d", len(got)-1, len(want))
	}
	for i, row := range want {
		for j, name := range got[0] {
			cell := strings.TrimSpace(got[i+1][j])
			if cell != row[name] {
				t.Errorf("row %d, %s: %q, want %q", i, name, cell, row[name])
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
