package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats/export"
	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/storetest"
)

// evaluate submits a version of an evaluator's work on a bureau, after so many entries: all
// is met, and no bonus or veto found, but for what is given. It returns how many there are.
func (h *hall) evaluate(evaluator, bureau string, after int, but map[string]survey.Finding) int {
	h.t.Helper()
	made := storetest.Evaluated(storetest.Instrument(1), after, h.survey.Closes, but)
	h.must(h.store.AddEvaluationEntries(h.t.Context(), survey.EvaluationID{Survey: h.survey.ID, Bureau: bureau, Evaluator: evaluator}, made))
	return after + len(made)
}

// forgetInstrument makes a document one from before evaluations were counted from the log.
func forgetInstrument(d *bundle.Document) (err error) {
	d.Instrument = nil
	d.Stated = slices.DeleteFunc(d.Stated, func(s string) bool { return s == "outside_evaluations" })
	d.Stated[slices.Index(d.Stated, "units.evaluations.unfinished")] = "units.evaluations"
	d.Rules, err = rulesOf(*d)
	return err
}

func rulesOf(d bundle.Document) (string, error) {
	r, err := export.RulesOf(d.Survey, d.Instrument)
	return r.Version, err
}

// judgedHall has two evaluators of a bureau, one of whom submitted a second version, scores
// made elsewhere of a small one, and one evaluation that was only begun.
func judgedHall(t testing.TB) *hall {
	h := newHall(t, func(s *survey.Survey) {
		s.Rules.Composite, s.Rules.Instrument = survey.Composite{Satisfaction: 0.7, Evaluation: 0.3}, storetest.Instrument(1).InstrumentRef
	})
	h.must(h.store.AddInstrument(t.Context(), storetest.Instrument(1)))
	const no, none = survey.FindingNotMet, survey.FindingNotApplicable
	after := h.evaluate("chen", "350102-HR", 0, map[string]survey.Finding{"1": no, "2": no})
	h.evaluate("chen", "350102-HR", after, map[string]survey.Finding{"2": no, "V1": survey.FindingMet})
	h.evaluate("lin", "350102-HR", 0, map[string]survey.Finding{"3": none, "B1": survey.FindingMet})
	h.evaluate(survey.ImportedBy+"city/wang", "350104-HR", 0, map[string]survey.Finding{"1": no})
	h.must(h.store.AddEvaluationEntries(t.Context(), survey.EvaluationID{Survey: h.survey.ID, Bureau: "350102-HR", Evaluator: "wu"},
		storetest.Evaluated(storetest.Instrument(1), 0, h.survey.Opens, nil)[:3]))
	h.rate(storetest.GulouHR1, [5]int{20, 10, 8, 12, 7})
	h.rate(storetest.CangshanHR, [5]int{18, 0, 0, 0, 5})
	h.log()
	return h
}

// TestEvaluationsAreCountedFromTheLog: by hand, the last versions that were submitted, with
// the agreement of every two evaluators, for the public as for auditors.
func TestEvaluationsAreCountedFromTheLog(t *testing.T) {
	h := judgedHall(t)
	for _, a := range bundle.Audiences {
		d := h.build(a, bundle.WholePeriod)
		r, err := verify(h.write(d), h.signer.Key)
		if err != nil || r.Evaluations != 3 || r.Versions != 4 {
			t.Fatalf("%s: %v, %d evaluations with %d versions", a, err, r.Evaluations, r.Versions)
		}
		u := unit(t, d, "350102-HR")
		// Items 1, 2 and 3 weigh 2, 1.5 and 1; B1 adds a point. Chen found 1 and 3 met and 2
		// not, Lin 1 and 2 met and 3 not applicable. Of five items they found only one alike;
		// by chance 3·3 + 2·1 + 0·1 of 25 pairs are.
		want := sheet.Evaluation{Submitted: 2, Unfinished: 1, Met: 4, Items: 5, NotApplicable: 1, MetWeight: 6.5, Weight: 8, Bonus: 0.5, Gate: 90, Vetoes: []string{"V1"},
			Agreements: []sheet.Agreement{{Alike: 1, Items: 5, Chance: 11}}}
		if got := u.Evaluations["350102-HR"]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", a, got, want)
		}
		s := d.Sheets[slices.IndexFunc(d.Units, func(u sheet.Unit) bool { return u.Place == "350102-HR" })]
		j := s.Evaluations["350102-HR"]
		// κ = (0.2 − 0.44) / (1 − 0.44)
		if *j.Score != 81.75 || j.Verdict != "not_met" || len(j.Agreements) != 1 || *j.Agreements[0].Agreement.Rate != 0.2 || *j.Agreements[0].Kappa != -0.428571 {
			t.Errorf("%s: the sheet says %+v, agreements %+v", a, j, j.Agreements)
		}
		if c := s.All.Composite; c == nil || *c.Evaluation != 24.525 {
			t.Errorf("%s: composite %+v", a, c)
		}
		for _, name := range []string{"chen", "lin", "wang"} {
			if told := bytes.Contains(h.write(d), []byte(":"+name+"\t")) || bytes.Contains(h.write(d), []byte("/"+name+"\t")); told != (a == bundle.Auditor) {
				t.Errorf("%s: %s is named: %v", a, name, told)
			}
		}
	}
}

// TestWhatWaitsIsInNoScore: a version that was submitted after the checkpoint changes no
// number, and is said to wait.
func TestWhatWaitsIsInNoScore(t *testing.T) {
	h := judgedHall(t)
	was := h.build(bundle.Public, bundle.WholePeriod)
	h.evaluate("zhao", "350102-HR", 0, nil)
	waits := h.build(bundle.Public, bundle.WholePeriod)
	if was.OutsideEvaluations != 0 || waits.OutsideEvaluations != 1 || !bundle.SameUnits(was, waits) {
		t.Errorf("%d and %d wait, changes %+v", was.OutsideEvaluations, waits.OutsideEvaluations, bundle.Changes(was, waits))
	}
	h.log()
	now := h.build(bundle.Public, bundle.WholePeriod)
	if e := unit(t, now, "350102-HR").Evaluations["350102-HR"]; now.OutsideEvaluations != 0 || e.Submitted != 3 || len(e.Agreements) != 3 {
		t.Errorf("%d wait, and it says %+v", now.OutsideEvaluations, e)
	}
	if _, err := verify(h.write(now), h.signer.Key); err != nil {
		t.Error(err)
	}
}

// TestACheatedEvaluationIsNamed: what a publisher changes in a document, or in the log's
// lines, and signs anew with all that follows from it, is found, and named.
func TestACheatedEvaluationIsNamed(t *testing.T) {
	h := judgedHall(t)
	for _, a := range bundle.Audiences {
		whole := h.write(h.build(a, bundle.WholePeriod))
		at := func(d *bundle.Document) *sheet.Unit {
			return &d.Units[slices.IndexFunc(d.Units, func(u sheet.Unit) bool { return u.Place == "350102-HR" })]
		}
		judged := func(change func(e *sheet.Evaluation)) func(d *bundle.Document) {
			return func(d *bundle.Document) {
				e := at(d).Evaluations["350102-HR"]
				change(&e)
				at(d).Evaluations["350102-HR"] = e
			}
		}
		for name, c := range map[string]struct {
			change func(d *bundle.Document)
			want   string
		}{
			"an item more met": {judged(func(e *sheet.Evaluation) { e.Met++ }), "350102-HR: at evaluations.350102-HR.items_met it says 5, and the leaves come to 4"},
			"a higher score":   {judged(func(e *sheet.Evaluation) { e.MetWeight = 8 }), "at evaluations.350102-HR.met_weight it says 8, and the leaves come to 6.5"},
			"no veto":          {judged(func(e *sheet.Evaluation) { e.Vetoes = nil }), `at evaluations.350102-HR.vetoes it says null, and the leaves come to ["V1"]`},
			"a lower gate":     {judged(func(e *sheet.Evaluation) { e.Gate = 80 }), "at evaluations.350102-HR.gate it says 80"},
			"a better kappa":   {judged(func(e *sheet.Evaluation) { e.Agreements[0].Alike = 5 }), "at evaluations.350102-HR.agreements.0.alike it says 5, and the leaves come to 1"},
			"an evaluation dropped": {func(d *bundle.Document) { delete(at(d).Evaluations, "350102-HR") },
				"at evaluations it says null"},
			"one made up": {func(d *bundle.Document) {
				for i := range d.Units {
					if u := &d.Units[i]; u.Place != "350102-HR" {
						u.Evaluations = map[string]sheet.Evaluation{u.Place: {Submitted: 1, Met: 1, Items: 1, MetWeight: 1, Weight: 1, Gate: 90}}
					}
				}
			}, ": at evaluations"},
			"weights swapped": {func(d *bundle.Document) {
				items := d.Instrument.Items
				items[0].Weight, items[2].Weight = items[2].Weight, items[0].Weight
			}, "it was made by the instrument with the hash"},
			"a threshold":        {func(d *bundle.Document) { d.Instrument.Items[1].Thresholds[0].Value = 95 }, "it was made by the instrument with the hash"},
			"the gate":           {func(d *bundle.Document) { d.Instrument.Gate = 70 }, "it was made by the instrument with the hash"},
			"an item left out":   {func(d *bundle.Document) { d.Instrument.Items = d.Instrument.Items[1:] }, "it was made by the instrument with the hash"},
			"another instrument": {func(d *bundle.Document) { d.Instrument.Version = 2 }, "it is short v2, and the survey's rules name short v1"},
			"an item twice": {func(d *bundle.Document) {
				d.Instrument.Items = append(d.Instrument.Items, d.Instrument.Items[0])
			}, "publication.json: instrument: "},
			"no instrument, as before": {func(d *bundle.Document) { h.must(forgetInstrument(d)) }, "the document names no instrument to count it with"},
			"some said to wait of no instrument": {func(d *bundle.Document) {
				h.must(forgetInstrument(d))
				d.OutsideEvaluations = 1
			}, "outside_evaluations"},
		} {
			p := takeApart(t, whole)
			cheat, err := bundle.Decode(p.text["publication.json"])
			h.must(err)
			c.change(&cheat)
			cheat.Rules, err = rulesOf(cheat)
			h.must(err)
			p.publish(t, cheat)
			p.resign(t, h.signer)
			if _, err := verify(p.zip(t), h.signer.Key); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v, want %q", a, name, err, c.want)
			} else {
				t.Logf("%s, %s: %v", a, name, err)
			}
		}
		// With the rules' version left as it was, that is what is named.
		p := takeApart(t, whole)
		cheat, err := bundle.Decode(p.text["publication.json"])
		h.must(err)
		cheat.Instrument.Items[0].Weight = 9
		p.publish(t, cheat)
		p.resign(t, h.signer)
		if _, err := verify(p.zip(t), h.signer.Key); err == nil || !strings.Contains(err.Error(), "the rules it holds have the version") {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// TestWhatWasEvaluatedWrongIsNotPublished: a version that is logged and could never have
// been submitted, or has none before it, stops the publication, with its leaf.
func TestWhatWasEvaluatedWrongIsNotPublished(t *testing.T) {
	for name, c := range map[string]struct {
		change func(list []survey.EvaluationEntry) []survey.EvaluationEntry
		want   string
	}{
		"nothing":           {func(l []survey.EvaluationEntry) []survey.EvaluationEntry { return l }, ""},
		"a value too small": {func(l []survey.EvaluationEntry) []survey.EvaluationEntry { l[1].Values[0] = "85"; return l }, `item 2 cannot be "met" with the values ["85" "80"]`},
		"a value missing":   {func(l []survey.EvaluationEntry) []survey.EvaluationEntry { l[2].Values = nil; return l }, `item 3 cannot be "met"`},
		"an item open": {func(l []survey.EvaluationEntry) []survey.EvaluationEntry {
			l[3] = survey.EvaluationEntry{No: 4, Key: l[3].Key, Step: survey.StepAnswered, Item: "1", Finding: survey.FindingMet}
			return l
		}, "item B1 has no finding"},
		"another word": {func(l []survey.EvaluationEntry) []survey.EvaluationEntry { l[0].Finding = "nearly"; return l }, `item 1 cannot be "nearly"`},
		"no first version": {func(l []survey.EvaluationEntry) []survey.EvaluationEntry {
			return slices.Insert(l[:len(l)-1], len(l)-1, survey.EvaluationEntry{No: len(l), Key: "key-revised", Step: survey.StepRevised, Note: "x"}, survey.EvaluationEntry{No: len(l) + 1, Key: "key-submitted", Step: survey.StepSubmitted})
		}, "it is version 2 of its evaluation, and version 1 is not in the log"},
	} {
		h := newHall(t, func(s *survey.Survey) { s.Rules.Instrument = storetest.Instrument(1).InstrumentRef })
		h.must(h.store.AddInstrument(t.Context(), storetest.Instrument(1)))
		h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 5})
		list := c.change(storetest.Evaluated(storetest.Instrument(1), 0, h.survey.Closes, nil))
		h.must(h.store.AddEvaluationEntries(t.Context(), survey.EvaluationID{Survey: h.survey.ID, Bureau: "350102-HR", Evaluator: "chen"}, list))
		h.log()
		for _, a := range bundle.Audiences {
			_, err := bundle.Build(t.Context(), h.store, h.query(a, bundle.WholePeriod))
			if got := fmt.Sprint(err); (err != nil) != (c.want != "") || !strings.Contains(got, c.want) || err != nil && !strings.Contains(got, "leaf ") {
				t.Errorf("%s, %s: %v, want %q", name, a, err, c.want)
			}
		}
	}
}

// TestAnInstrumentThatChangedIsNotPublished: evaluations keep the weights they were made by.
func TestAnInstrumentThatChangedIsNotPublished(t *testing.T) {
	h := judgedHall(t)
	other := storetest.Instrument(1)
	other.Items[0].Weight = 9
	_, err := bundle.Build(t.Context(), swapped{h.store, other}, h.query(bundle.Public, bundle.WholePeriod))
	if err == nil || !strings.Contains(err.Error(), "it was made by the instrument with the hash "+storetest.Instrument(1).SHA256()) {
		t.Errorf("%v", err)
	}
}

// swapped is a store in whose database somebody changed an instrument.
type swapped struct {
	survey.Store
	instrument survey.Instrument
}

func (s swapped) Instrument(_ context.Context, _ survey.InstrumentRef) (survey.Instrument, error) {
	return s.instrument, nil
}

// TestOneEvaluationIsNotLoggedAsTwo: under another tag, an evaluator's work would count twice.
func TestOneEvaluationIsNotLoggedAsTwo(t *testing.T) {
	h := judgedHall(t)
	l := jobs.Logger{Store: h.store, Keys: otherTags{h.keys}, Signer: h.signer, Zone: h.survey.Location()}
	n, err := l.Data(t.Context(), h.survey.Closes.Add(2*time.Hour))
	h.must(err)
	_, err = bundle.Build(t.Context(), h.store, h.query(bundle.Public, bundle.WholePeriod))
	if n != 4 || err == nil || !strings.Contains(err.Error(), "in the log as two evaluations") {
		t.Errorf("%d logged again, %v", n, err)
	}
}

type otherTags struct{ intake.Secrets }

func (t otherTags) EvaluationTag(id survey.EvaluationID) string {
	return "x" + t.Secrets.EvaluationTag(id)
}

// TestEvaluationsFromBeforeHold: a publication from before evaluations were in the log holds
// as it did, and is said to stand on the signature.
func TestEvaluationsFromBeforeHold(t *testing.T) {
	h := busyWith(t, false, false)
	for _, a := range bundle.Audiences {
		p := takeApart(t, h.write(h.build(a, bundle.WholePeriod)))
		d, err := bundle.Decode(p.text["publication.json"])
		h.must(err)
		h.must(forgetInstrument(&d))
		at := slices.IndexFunc(d.Units, func(u sheet.Unit) bool { return u.Place == "350102-HR" })
		d.Units[at].Evaluations = map[string]sheet.Evaluation{"350102-HR": {Submitted: 1, Met: 9, Items: 10, MetWeight: 9, Weight: 10, Gate: 90}}
		p.publish(t, d)
		p.resign(t, h.signer)
		r, err := verify(p.zip(t), h.signer.Key)
		if err != nil || r.Evaluations != 0 || !slices.Contains(r.Document.Stated, "units.evaluations") {
			t.Errorf("%s: %v, %d evaluations, stated %v", a, err, r.Evaluations, r.Document.Stated)
		}
		if table := string(p.text["summary.csv"]); strings.Contains(table, "evaluators_kappa") || !strings.Contains(string(p.text["report.html"]), "综合得分† Composite") {
			t.Errorf("%s: the table or the report is another one than before", a)
		}
	}
}
