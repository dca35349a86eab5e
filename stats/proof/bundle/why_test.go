package bundle_test

import (
	"fmt"
	"slices"
	"testing"

	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/survey"
	"manyi/survey/storetest"
)

// explained is what differs by now, and why.
func (h *hall) explained(was bundle.Document) []bundle.Change {
	h.t.Helper()
	will := h.build(was.Audience, was.Period)
	list := bundle.Changes(was, will)
	h.must(bundle.Explain(h.t.Context(), h.store, list, was, will))
	return list
}

// TestACorrectionSaysWhy: with each number stands what changed it, and for auditors the
// leaves that say so, which are all there are of the unit since.
func TestACorrectionSaysWhy(t *testing.T) {
	h := busy(t, false)
	was := map[bundle.Audience]bundle.Document{}
	for _, a := range bundle.Audiences {
		was[a] = h.build(a, bundle.WholePeriod)
	}
	late := h.rate(storetest.GulouHR1, [5]int{6, 0, 0, 6, 0})
	for _, r := range late[6:] {
		h.open(r, notAdopted...)
	}
	h.evaluate("lin", "350102-HR", 0, map[string]survey.Finding{"1": survey.FindingNotMet})
	h.log()
	size, err := h.store.LogSize(t.Context(), survey.DataLog)
	h.must(err)
	var responses, decisions, evaluations []int64
	h.must(h.store.Openings(t.Context(), was[bundle.Auditor].Leaves, size, func(o survey.FactOpening) error {
		r, err := proof.ReadOpening(o)
		step, _ := r.Value("step")
		switch {
		case o.Kind == survey.FactResponse:
			responses = append(responses, o.Index)
		case step == "exclusion_asked" || step == "exclusion_granted":
			decisions = append(decisions, o.Index)
		case o.Kind == survey.FactEvaluation:
			evaluations = append(evaluations, o.Index)
		}
		return err
	}))
	if len(responses) != 12 || len(decisions) != 12 || len(evaluations) != 1 {
		t.Fatalf("%d responses, %d decisions and %d evaluations are new", len(responses), len(decisions), len(evaluations))
	}
	for _, a := range bundle.Audiences {
		list := h.explained(was[a])
		leaves := func(word string, at ...[]int64) string {
			if a == bundle.Public {
				return word
			}
			return word + " " + bundle.Spans(slices.Concat(at...))
		}
		newOnes, decided := leaves("responses", responses), leaves("decisions", decisions)
		for what, why := range map[string]string{"counted.qr.n": newOnes, "not_adopted.qr.n": decided + "; " + newOnes, "evaluations.350102-HR.submitted": leaves("evaluations", evaluations)} {
			if !slices.ContainsFunc(list, func(c bundle.Change) bool { return c.Place == "350102-HR" && c.What == what && c.Why == why }) {
				t.Errorf("%s: no change of %s because of %q in %+v", a, what, why, list)
			}
		}
		for _, c := range list {
			if c.Why == "" || c.Place != "" && c.Place != "350102-HR" {
				t.Errorf("%s: %+v", a, c)
			}
		}
	}
}

// TestABureauThatIsNewIsNoPooling: its first responses are why it has numbers.
func TestABureauThatIsNewIsNoPooling(t *testing.T) {
	h := newHall(t)
	h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 10})
	h.log()
	was := h.build(bundle.Public, bundle.WholePeriod)
	h.rate(storetest.SimingTax, [5]int{30, 0, 0, 0, 10})
	h.log()
	list := h.explained(was)
	if len(list) == 0 {
		t.Error("nothing changed")
	}
	for _, c := range list {
		if c.Place != "350203-TAX" || c.Why != bundle.WhyResponses {
			t.Errorf("%+v", c)
		}
	}
}

// TestPoolingExplainsNumbers: a bureau that comes to stand alone changes those of the
// others, without any leaf of theirs.
func TestPoolingExplainsNumbers(t *testing.T) {
	h := busy(t, false)
	was := h.build(bundle.Public, bundle.WholePeriod)
	h.rate(storetest.GulouHRS, [5]int{10, 0, 0, 0, 20})
	h.log()
	list := h.explained(was)
	got := map[string]bool{}
	for _, c := range list {
		if c.Place != "" {
			got[c.Why] = true
		}
	}
	if !got[bundle.WhyPooling] {
		t.Errorf("no number changed by pooling: %v", fmt.Sprint(list))
	}
}

func TestSpans(t *testing.T) {
	for want, at := range map[string][]int64{"": nil, "7": {7}, "1-3 5 8-9": {1, 2, 3, 5, 8, 9}} {
		if got := bundle.Spans(at); got != want {
			t.Errorf("%v: %q, want %q", at, got, want)
		}
	}
}
