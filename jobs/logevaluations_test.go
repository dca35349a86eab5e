package jobs_test

import (
	"strings"
	"testing"

	"manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/storetest"
)

// TestSubmittedEvaluationsAreLogged: each version once, as soon as it was submitted, and
// what is being worked on not at all. Neither a note nor its salt is kept in the opening.
func TestSubmittedEvaluationsAreLogged(t *testing.T) {
	store := logStore(t)
	l := newLogger(t, store)
	const note = "请张先生周一再来"
	id := survey.EvaluationID{Survey: "y2024", Bureau: "350102-HR", Evaluator: "chen"}
	at := storetest.At("2024-03-05 10:00")
	first := storetest.Evaluated(survey.BuiltIn(), 0, at, nil)
	first[0].Note, first[0].Photos = note, []string{survey.PhotoName([32]byte{7})}
	second := storetest.Evaluated(survey.BuiltIn(), len(first), at.AddDate(0, 0, 1), map[string]survey.Finding{"2": survey.FindingNotMet})
	for _, c := range []struct {
		add  []survey.EvaluationEntry
		want int
	}{{first[:len(first)-1], 0}, {first[len(first)-1:], 1}, {nil, 0}, {second[:5], 0}, {second[5:], 1}, {nil, 0}} {
		if err := store.AddEvaluationEntries(t.Context(), id, c.add); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Data(t.Context(), storetest.At("2024-03-06 03:00")); err != nil || n != c.want {
			t.Errorf("after %d more entries %d were appended, want %d; %v", len(c.add), n, c.want, err)
		}
	}
	wantSizes(t, store, 0, 2)
	var versions []string
	err := store.Openings(t.Context(), 0, 2, func(o survey.FactOpening) error {
		r, err := proof.ReadOpening(o)
		if err != nil {
			return err
		}
		value := func(name string) string { v, _ := r.Value(name); return v }
		versions = append(versions, value("version")+" "+value("day"))
		if _, open := r.Value("notes"); open || strings.Contains(string(o.Fields), note) {
			t.Errorf("the opening of version %s keeps a note", value("version"))
		}
		if value("evaluator") != "chen" || value("bureau") != "350102-HR" || value("imported") != "false" || value("instrument") != survey.BuiltIn().SHA256() ||
			value("evaluation") != l.Keys.EvaluationTag(id) || !strings.Contains(value("photos"), survey.PhotoName([32]byte{7})) {
			t.Errorf("the leaf says %+v", r)
		}
		if turned := strings.Contains(value("findings"), `{"item":"2","finding":"not_met"}`); turned != (value("version") == "2") || !strings.HasPrefix(value("findings"), `[{"item":"1","finding":"met"`) {
			t.Errorf("version %s says %s", value("version"), value("findings"))
		}
		return nil
	})
	if err != nil || strings.Join(versions, ", ") != "1 20240305, 2 20240306" {
		t.Errorf("logged are versions %q, %v", versions, err)
	}
	other := id
	other.Evaluator = "lin"
	if tag := l.Keys.EvaluationTag(id); tag == l.Keys.EvaluationTag(other) || strings.Contains(tag, "chen") {
		t.Errorf("the tag is %q", tag)
	}
}
