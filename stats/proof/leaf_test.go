package proof_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/storetest"
)

type tags struct{}

func (tags) CaseTag(id string, c survey.CaseRef) string {
	return strings.TrimSpace(id + " " + c.Number)
}
func (tags) FactTag(k survey.Key) string { return k.String() }
func (tags) EvaluationTag(id survey.EvaluationID) string {
	return id.Survey + "/" + id.Bureau + "/" + id.Evaluator
}

func sample() survey.Response {
	f := storetest.NewFacts(1, storetest.Survey())
	return f.Response(storetest.GulouHR1, storetest.At("2024-03-04 10:00"), storetest.Commented("等了很久"), func(r *survey.Response) { r.Level = survey.Dissatisfied })
}

func TestRecordOpensOnlyWhatIsShown(t *testing.T) {
	r := proof.OfResponse(sample(), tags{})
	leaf, err := r.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	shown := r.Show("survey", "level")
	if got, err := shown.Leaf(); err != nil || got != leaf {
		t.Errorf("with two fields open the leaf is %x (%v), want %x", got, err, leaf)
	}
	for name, want := range map[string]string{"survey": "y2024", "level": "dissatisfied"} {
		if got, ok := shown.Value(name); !ok || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, ok, want)
		}
	}
	doc, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"350102", "202403", "等了很久", sample().Key.String()} {
		if strings.Contains(string(doc), hidden) {
			t.Errorf("what is shown holds %q: %s", hidden, doc)
		}
	}
	if other, _ := proof.OfResponse(sample(), tags{}).Leaf(); other == leaf {
		t.Error("two records of one response have the same leaf: the salts are not random")
	}
}

func TestChangedValueHasAnotherLeaf(t *testing.T) {
	r := proof.OfResponse(sample(), tags{})
	leaf, _ := r.Leaf()
	for i := range r.Public {
		changed := r.Show("survey", "year", "month", "city", "bureau", "channel", "good", "level", "case", "tag", "corrects")
		changed.Public[i].Value += "x"
		if got, err := changed.Leaf(); err != nil || got == leaf {
			t.Errorf("public field %d changed: leaf %x, %v", i, got, err)
		}
	}
}

func TestErasedFieldIsGoneAndTheLeafStands(t *testing.T) {
	o, err := proof.OfResponse(sample(), tags{}).Opening([]byte("ref"), "group")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(o.Fields), "等了很久") {
		t.Error("an opening keeps a comment")
	}
	r, err := proof.ReadOpening(o)
	if err != nil {
		t.Fatal(err)
	}
	erased, err := r.Erase("path").Opening([]byte("ref"), "group")
	if err != nil || erased.Hash != o.Hash {
		t.Fatalf("after erasing, the leaf is %x, %v; want %x", erased.Hash, err, o.Hash)
	}
	if r, err = proof.ReadOpening(erased); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Value("path"); ok {
		t.Error("an erased field has a value")
	}
	o.Fields = []byte(strings.Replace(string(o.Fields), "350102-HR-01-001", "350102-HR-01-002", 1))
	if _, err := proof.ReadOpening(o); err == nil {
		t.Error("an opening that was changed opens its leaf")
	}
}

// TestAStepKeepsNoNote: what is written in free words is committed to, and neither it nor
// its salt stands in the opening.
func TestAStepKeepsNoNote(t *testing.T) {
	c := survey.Case{Response: survey.Listed{Response: sample()}}
	for _, note := range []string{"", "请张先生周一再来"} {
		e := survey.Entry{No: 2, Step: survey.StepNoted, At: sample().ReceivedAt, By: "chen", Party: survey.Own, Note: note}
		o, err := proof.OfStep(c, e, time.UTC, tags{}).Opening([]byte("ref"), "group")
		if err != nil {
			t.Fatal(err)
		}
		r, err := proof.ReadOpening(o)
		if err != nil {
			t.Fatal(err)
		}
		if value, ok := r.Value("note"); ok || note != "" && strings.Contains(string(o.Fields), note) {
			t.Errorf("the opening of a step with the note %q keeps %q", note, value)
		}
	}
}

func TestCheckpointIsBoundToItsSigner(t *testing.T) {
	mine, err := proof.NewSigner([]byte("a secret of at least thirty-two letters"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := proof.NewSigner([]byte("another secret of thirty-two letters"))
	if err != nil {
		t.Fatal(err)
	}
	s := proof.State{At: time.Unix(1700000000, 0).UTC(), Receipts: proof.Tree{Size: 3}, Data: proof.Tree{Size: 2}}
	signed, err := s.Sign(mine)
	if err != nil {
		t.Fatal(err)
	}
	got, err := proof.OpenState(signed, mine.Verifier())
	if err != nil || got != s {
		t.Errorf("opened: %+v, %v; want %+v", got, err, s)
	}
	if _, err := proof.OpenState(signed, other.Verifier()); err == nil {
		t.Error("another key's verifier takes the signature")
	}
	for i := range signed {
		changed := []byte(string(signed))
		changed[i] ^= 1
		if got, err := proof.OpenState(changed, mine.Verifier()); err == nil && got != s {
			t.Errorf("byte %d changed: %+v", i, got)
		}
	}
	if v, err := note.NewVerifier(mine.Key); err != nil || v.KeyHash() != mine.KeyHash() {
		t.Errorf("the public key %s cannot be read: %v", mine.Key, err)
	}
}
