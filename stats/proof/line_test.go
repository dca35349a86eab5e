package proof_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"manyi/stats/proof"
	"manyi/survey"
)

func lines(t testing.TB) map[string]proof.Record {
	t.Helper()
	r := proof.OfResponse(sample(), tags{})
	c := survey.Case{Response: survey.Listed{Response: sample()}}
	step := proof.OfStep(c, survey.Entry{No: 2, Step: survey.StepNoted, At: sample().ReceivedAt, By: "a\tb\\c\nd\re", Party: survey.Own}, time.UTC, tags{})
	return map[string]proof.Record{"all open": r, "all closed": r.Show(), "some": r.Show("survey", "good"), "step": step, "step closed": step.Show("step")}
}

func TestLineOpensTheLeafOfItsRecord(t *testing.T) {
	for name, r := range lines(t) {
		line := r.AppendLine(nil)
		var l proof.Line
		if err := l.Read(line); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want, err := r.Leaf(); err != nil || l.Leaf != want {
			t.Errorf("%s: leaf %x, want %x (%v)", name, l.Leaf, want, err)
		}
		for _, field := range proof.AllFields(r.Kind).Names(r.Kind) {
			want, open := r.Value(field)
			got := l.Value(proof.FieldOf(r.Kind, field))
			if open != (l.Open&proof.FieldsOf(r.Kind, field) != 0) || string(got) != want {
				t.Errorf("%s: field %s is %q, want %q, open %v", name, field, got, want, open)
			}
		}
	}
}

func TestChangedLineOpensAnotherLeafOrNone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, r := range lines(t) {
		line := r.AppendLine(nil)
		want, err := r.Leaf()
		if err != nil {
			t.Fatal(err)
		}
		for i := range line {
			for range 3 {
				changed := bytes.Clone(line)
				changed[i] ^= byte(1 + rnd.IntN(255))
				var l proof.Line
				if err := l.Read(changed); err == nil && l.Leaf == want {
					t.Fatalf("%s: with byte %d changed it opens the same leaf: %q", name, i, changed)
				}
			}
		}
	}
}

// FuzzLine reads what strangers send.
func FuzzLine(f *testing.F) {
	for _, r := range lines(f) {
		f.Add(r.AppendLine(nil))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var l proof.Line
		if l.Read(line) == nil && bytes.ContainsAny(line, "\n\r") {
			t.Errorf("a line with an end in it is read: %q", line)
		}
	})
}
