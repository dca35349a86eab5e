package export

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/survey"
)

func demoSurvey() survey.Survey {
	return survey.Survey{
		ID: "hall-2026", Title: survey.Text{Zh: "大厅满意度测评", En: "Hall survey"}, Zone: "Asia/Shanghai",
		Questionnaire: survey.OnSite(), Rules: survey.DefaultRules(), Sample: true,
	}
}

// secretBytes is n bytes that appear in no file by chance.
func secretBytes(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed ^ byte(i*37+i*i*11)
	}
	return b
}

// demoResponses are responses with every hard text and every shape of path.
func demoResponses() []survey.Listed {
	paths := []survey.Path{
		{"350000", "350100", "350102", "350102-HR", "350102-HR-01", "350102-HR-01-003"},
		{"350000", "350100", "350100-HR", "350100-HR-02", "350100-HR-02-001"},
		{"350000", "350128-HR", "350128-HR-01", "350128-HR-01-001"},
	}
	comments := []string{
		`=HYPERLINK("http://example.invalid","看这里")`, `他说"请稍等"，然后走了`, "第一行\n第二行", "很好👍🏽😀", "خدمة ممتازة", "", "-5 分", "'引号开头",
	}
	zone := demoSurvey().Location()
	var out []survey.Listed
	for i, comment := range comments {
		level := survey.Levels[i%len(survey.Levels)]
		received := time.Date(2026, 1, 31, 15, 59, 58, 7e6, time.UTC).Add(time.Duration(i) * time.Second)
		r := survey.Response{
			Survey: "hall-2026", Version: 1, Path: paths[i%len(paths)], Channel: survey.ChannelQR + survey.Channel(i),
			Level: level, Comment: comment, ReceivedAt: received, Day: survey.DayOf(received, zone),
			Secret:   secretBytes(1, 32),
			Contact:  &survey.SealedContact{KeyID: "contact-key-7", Sealed: secretBytes(2, 60), PhoneHash: secretBytes(3, 32)},
			Original: &survey.SealedText{KeyID: "contact-key-7", Sealed: secretBytes(5, 60)},
		}
		copy(r.Key[:], secretBytes(4, len(r.Key)))
		r.ID = survey.ID{0: 0xAB, 15: byte(i)}
		if i%2 == 0 {
			r.Case = survey.CaseRef{Number: "350102202601310001", Stage: "1"}
			r.Answers = map[string]survey.Level{"efficiency": survey.Satisfied, "hall": survey.Satisfied}
			r.Flags = survey.FlagTooFast | survey.FlagOtherWindow
		}
		if level.Bad() {
			r.Reasons = []int{207, 214}
		}
		if r.Channel == survey.ChannelPaper {
			r.Paper = &survey.PaperForm{Number: 42, Day: 20260130, By: "=录入员"}
		}
		standing := survey.Counted
		if i == 4 {
			standing = survey.Superseded
		}
		out = append(out, survey.Listed{Response: r, Tie: survey.Tie(i % 4), Standing: standing})
	}
	return out
}

func writtenResponses(t testing.TB, f Format, restricted bool, rows []survey.Listed) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewResponses(&out, f, demoSurvey(), restricted, KV{"as_of", "2026-02-01T00:00:00Z"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestResponsesGolden(t *testing.T) {
	for _, f := range Formats {
		for name, restricted := range map[string]bool{"responses": false, "restricted": true} {
			file := writtenResponses(t, f, restricted, demoResponses())
			if f == XLSX {
				golden(t, name+".xlsx.txt", parts(t, file))
				continue
			}
			if f == Parquet {
				sameAsCSV(t, file, writtenResponses(t, CSV, restricted, demoResponses()))
				continue
			}
			golden(t, name+f.Extension(), file)
			if m, err := Verify(bytes.NewReader(file), f); m.Rows != int64(len(demoResponses())) || err != nil {
				t.Errorf("%s: %v, %v", f, m, err)
			}
		}
	}
}

// objects reads a table back as one map a row, from JSON Lines.
func objects(t *testing.T, file []byte) (rows []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(file) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if row["end"] == nil {
			rows = append(rows, row)
		}
	}
	return rows
}

func TestResponseCells(t *testing.T) {
	rows := objects(t, writtenResponses(t, JSONL, false, demoResponses()))
	for _, c := range []struct {
		row    int
		column string
		want   any
	}{
		{0, "id", "ab000000000000000000000000000000"},
		{0, "sample", true},
		{0, "questionnaire_version", 1.0},
		{0, "province", "350000"}, {0, "city", "350100"}, {0, "county", "350102"},
		{0, "bureau", "350102-HR"}, {0, "hall", "350102-HR-01"}, {0, "window", "350102-HR-01-003"},
		{1, "city", "350100"}, {1, "county", nil}, {1, "bureau", "350100-HR"}, // a bureau of the city
		{2, "city", nil}, {2, "county", nil}, {2, "bureau", "350128-HR"}, // one of the province
		{0, "channel", "qr"},
		{0, "level", "very_satisfied"}, {0, "level_gbt39046", 1.0}, {0, "level_haochaping", 5.0},
		{4, "level", "very_dissatisfied"}, {4, "level_gbt39046", 5.0}, {4, "level_haochaping", 1.0},
		{0, "answer_efficiency", "satisfied"}, {0, "answer_attitude", nil}, {1, "answer_efficiency", nil},
		{0, "comment", `=HYPERLINK("http://example.invalid","看这里")`}, {5, "comment", nil},
		{0, "case_number", "350102202601310001"}, {0, "stage", "1"}, {1, "case_number", nil},
		{3, "tie", "proven"}, {4, "standing", "superseded"},
		{0, "received_at", "2026-01-31T23:59:58.007+08:00"}, {0, "day", "2026-01-31"},
	} {
		if got, ok := rows[c.row][c.column]; got != c.want || !ok {
			t.Errorf("row %d, %s is %v, want %v", c.row, c.column, got, c.want)
		}
	}
	if got := rows[4]["reasons"]; !reflect.DeepEqual(got, []any{"207", "214"}) {
		t.Errorf("reasons are %v", got)
	}
	if got := rows[0]["flags"]; !reflect.DeepEqual(got, []any{"too_fast", "other_window"}) {
		t.Errorf("flags are %v", got)
	}
	if got := rows[1]["flags"]; !reflect.DeepEqual(got, []any{}) {
		t.Errorf("no flags are %v, want an empty list", got)
	}
}

func TestRestrictedDiffersOnlyInWhatTraces(t *testing.T) {
	all := objects(t, writtenResponses(t, JSONL, false, demoResponses()))
	hidden := objects(t, writtenResponses(t, JSONL, true, demoResponses()))
	for i, row := range hidden {
		for _, name := range []string{"received_at", "case_number", "stage", "paper_number", "paper_day", "keyed_by"} {
			if row[name] != nil {
				t.Errorf("row %d shows %s", i, name)
			}
			delete(row, name)
			delete(all[i], name)
		}
		if !reflect.DeepEqual(row, all[i]) {
			t.Errorf("row %d: %v, want %v", i, row, all[i])
		}
	}
}

func TestQuestionNamedAsAColumn(t *testing.T) {
	s := demoSurvey()
	for _, c := range responseColumns(survey.Questionnaire{}) {
		s.Questionnaire.Questions = append(s.Questionnaire.Questions, survey.Question{Name: c.Name})
	}
	if _, err := NewResponses(&bytes.Buffer{}, CSV, s, false); err != nil {
		t.Error(err)
	}
}

func TestPlaceKind(t *testing.T) {
	for code, want := range map[string]survey.Kind{
		"350000": survey.Province, "350100": survey.City, "350102": survey.County,
		"350102-HR": survey.Bureau, "350102-HR-01": survey.Hall, "350102-HR-01-003": survey.Window,
	} {
		if got := survey.Kinds[placeKind(code)]; got != want {
			t.Errorf("%s is a %s, want %s", code, got, want)
		}
	}
}

// A new field of a response must be put in one of these lists, with a thought.
var (
	exported = []string{"ID", "Survey", "Version", "Path", "Channel", "Level", "Answers", "Reasons", "Comment", "Case", "ReceivedAt", "Day", "Flags", "Paper", "Corrects", "Interview"}
	withheld = []string{"Key", "Secret", "Contact", "Original", "Recheck", "Anonymous"} // the last is for the rates of cases alone
)

func TestEveryFieldIsExportedOrWithheld(t *testing.T) {
	var fields []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[survey.Response]()) {
		fields = append(fields, f.Name)
	}
	known := slices.Concat(exported, withheld)
	slices.Sort(known)
	slices.Sort(fields)
	if !slices.Equal(fields, known) {
		t.Errorf("fields of a response are %v, but only %v are decided", fields, known)
	}
}

// traces are the forms in which any ten bytes of a secret could stand in a file.
func traces(secret []byte) map[string]bool {
	out := map[string]bool{}
	for i := 0; i+10 <= len(secret); i++ {
		part := secret[i : i+10]
		out[string(part)] = true
		out[hex.EncodeToString(part)] = true
		out[strings.ToUpper(hex.EncodeToString(part))] = true
		out[base64.StdEncoding.EncodeToString(part[:9])] = true
		out[base64.URLEncoding.EncodeToString(part[:9])] = true
		out[base32.StdEncoding.EncodeToString(part)] = true
		out[base32.HexEncoding.EncodeToString(part)] = true
		out[strings.ToLower(base32.StdEncoding.EncodeToString(part))] = true
		out[base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(part)] = true
	}
	return out
}

func TestNothingLeadsBackToTheCitizen(t *testing.T) {
	r := demoResponses()[0]
	secrets := maps.Clone(traces(r.Key[:]))
	for _, b := range [][]byte{r.Secret, r.Original.Sealed, r.Contact.Sealed, r.Contact.PhoneHash, []byte(r.Contact.KeyID)} {
		maps.Copy(secrets, traces(b))
	}
	if len(secrets) < 100 {
		t.Fatalf("only %d traces to look for", len(secrets))
	}
	for _, f := range Formats {
		for _, restricted := range []bool{false, true} {
			file := writtenResponses(t, f, restricted, []survey.Listed{r})
			if f == XLSX {
				file = append(parts(t, file), file...)
			}
			if !bytes.Contains(file, []byte(hex.EncodeToString(r.ID[:]))) {
				t.Errorf("%s: even the ID is not found, so the search proves nothing", f)
			}
			for trace := range secrets {
				if bytes.Contains(file, []byte(trace)) {
					t.Errorf("%s holds %q", f, trace)
				}
			}
		}
	}
}

// A leak that is planted is found; else the test above would mean little.
func TestPlantedLeakIsFound(t *testing.T) {
	r := demoResponses()[0]
	for name, leak := range map[string]string{
		"hex": hex.EncodeToString(r.Key[:]), "base64": base64.RawURLEncoding.EncodeToString(r.Key[1:]),
		"base32": base32.StdEncoding.EncodeToString(r.Key[2:]), "raw": string(r.Key[:]),
	} {
		found := false
		for trace := range traces(r.Key[:]) {
			found = found || strings.Contains("x"+leak+"x", trace)
		}
		if !found {
			t.Errorf("%s is not found", name)
		}
	}
}

func TestXLSXHoldsTheCellsOfTheCSV(t *testing.T) {
	rows := demoResponses()
	book := workbook(t, writtenResponses(t, XLSX, false, rows))
	got, err := book.GetRows("responses")
	if err != nil {
		t.Fatal(err)
	}
	file := bytes.TrimPrefix(writtenResponses(t, CSV, false, rows), []byte(byteOrderMark))
	want, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want = want[:len(want)-1]
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		for j, cell := range want[i] {
			if j >= len(got[i]) { // empty cells at the end are left out
				got[i] = append(got[i], "")
			}
			if g, w := strings.ToLower(got[i][j]), strings.ToLower(strings.TrimPrefix(cell, "'")); g != w {
				t.Errorf("row %d, %s: %q, want %q", i, want[0][j], g, w)
			}
		}
	}
}
