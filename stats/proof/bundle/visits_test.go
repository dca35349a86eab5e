package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"manyi/jobs"
	"manyi/stats/figures"
	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/storetest"
)

// visit lists visits of a window on a day, numbered from one number to before another.
func (h *hall) visit(window, prefix string, from, to int, day string, with ...func(*survey.Visit)) {
	h.t.Helper()
	var list []survey.Visit
	for i := from; i < to; i++ {
		list = append(list, h.facts.Visit(window, fmt.Sprint(prefix, i), storetest.At(day), with...))
	}
	_, err := h.store.PutVisits(h.t.Context(), list)
	h.must(err)
}

// served is a hall with visits of two months, some of them moved, rated late, or rated by
// what was made elsewhere, and responses for cases nobody was served for.
func served(t *testing.T) *hall {
	h := newHall(t)
	h.visit(storetest.GulouHR1, "A", 0, 30, "2024-02-20 10:00")
	h.visit(storetest.GulouHR1, "B", 0, 20, "2024-03-11 10:00")
	h.visit(storetest.GulouHR2, "C", 0, 15, "2024-03-12 10:00")
	h.visit(storetest.SimingTax, "D", 0, 25, "2024-03-13 23:59")
	h.visit(storetest.CangshanHR, "E", 0, 3, "2024-03-01 10:00")
	on := func(prefix string, from, to int, with ...func(*survey.Response)) {
		for i := from; i < to; i++ {
			h.rate(storetest.GulouHR1, [5]int{1, 0, 0, 0, 0}, append(with, storetest.OnCase(fmt.Sprint(prefix, i)))...)
		}
	}
	h.rate(storetest.GulouHR1, [5]int{20, 5, 0, 0, 6})
	h.rate(storetest.SimingTax, [5]int{20, 0, 0, 0, 7})
	h.rate(storetest.CangshanHR, [5]int{5, 0, 0, 0, 0})
	on("A", 0, 7)
	on("A", 5, 9) // two of them for the second time
	on("B", 0, 6)
	on("D", 0, 6)
	on("D", 6, 11, func(r *survey.Response) { r.Channel = survey.ChannelImported })
	on("E", 0, 1)
	on("nobody", 0, 5)
	h.log()
	// To another day, another month, and another bureau; then one of them back.
	h.visit(storetest.GulouHR1, "A", 0, 2, "2024-02-21 10:00")
	h.visit(storetest.GulouHR1, "A", 2, 4, "2024-03-02 10:00")
	h.visit(storetest.SimingTax, "B", 0, 3, "2024-03-11 10:00")
	h.log()
	h.visit(storetest.GulouHR1, "B", 0, 1, "2024-03-11 10:00")
	h.log()
	return h
}

// roll brings the store's own counts up to date.
func (h *hall) roll() {
	h.t.Helper()
	_, err := jobs.RollUp(h.t.Context(), h.store, 0, h.survey.Closes)
	h.must(err)
}

// TestVisitsAreCountedAnew: what auditors count from the log is what the store's own
// figures say, in every period and whether or not unrated visits have matured.
func TestVisitsAreCountedAnew(t *testing.T) {
	h := served(t)
	h.roll()
	seen := map[sheet.Visits]bool{}
	for _, p := range []bundle.Period{bundle.WholePeriod, "2024", "2024-02", "2024-03"} {
		for _, asOf := range []string{"2024-03-18 23:59", "2024-03-19 00:00", "2024-03-20 10:00", "2024-03-21 10:00", "2024-05-01 10:00"} {
			q := h.query(bundle.Auditor, p)
			q.AsOf = storetest.At(asOf)
			d, err := bundle.Build(t.Context(), h.store, q)
			h.must(err)
			from, to := p.Days()
			stored, err := figures.LoadInputs(t.Context(), h.store, h.survey, storetest.Tree(), from, to, q.AsOf)
			h.must(err)
			for _, u := range d.Units {
				var got sheet.Visits
				if u.Visits != nil {
					got = *u.Visits
				}
				if want := stored[u.Place].Visits; got != want {
					t.Errorf("%s as of %s, %s: %+v, the store has %+v", p, asOf, u.Place, got, want)
				}
				seen[got] = true
			}
			r, err := verify(h.write(d), h.signer.Key)
			if err != nil || !r.VisitsRecounted || d.Visits.Outside != 0 {
				t.Errorf("%s as of %s: %v, recounted %v, %d outside", p, asOf, err, r.VisitsRecounted, d.Visits.Outside)
			}
		}
	}
	// Or the test would compare little: of the visits some are rated, and some not yet defaults.
	for _, want := range []sheet.Visits{{Served: 63, Rated: 13, Defaults: 50}, {Served: 63, Rated: 13, Defaults: 21}, {Served: 27, Rated: 13, Defaults: 14}, {Served: 3, Rated: 1, Defaults: 2}} {
		if !seen[want] {
			t.Errorf("%+v is never counted; there are %v", want, seen)
		}
	}
}

// TestAPublisherWhoChangesVisitsIsFound, who signs everything anew: the fault is named.
func TestAPublisherWhoChangesVisitsIsFound(t *testing.T) {
	h := served(t)
	h.roll()
	whole := h.write(h.build(bundle.Auditor, bundle.WholePeriod))
	for name, c := range map[string]struct {
		change func(d *bundle.Document, v *sheet.Visits)
		want   string
	}{
		"served":      {func(_ *bundle.Document, v *sheet.Visits) { v.Served-- }, "350102-HR: at visits.served it says 62, and the leaves come to 63"},
		"rated":       {func(_ *bundle.Document, v *sheet.Visits) { v.Rated++; v.Defaults-- }, "at visits.defaults it says 49, and the leaves come to 50"},
		"none":        {func(d *bundle.Document, _ *sheet.Visits) { d.Units[0].Visits = nil }, "at visits it says null"},
		"earlier":     {func(d *bundle.Document, _ *sheet.Visits) { d.AsOf = storetest.At("2024-03-19 10:00").UTC() }, "unit 1"},
		"other rules": {func(d *bundle.Document, _ *sheet.Visits) { d.Survey.Rules.DefaultDays = 60 }, "the rules it holds have the version"},
		"not counted": {func(d *bundle.Document, _ *sheet.Visits) {
			d.Visits = nil
			for i, s := range d.Stated {
				d.Stated[i] = strings.Replace(s, "visits.outside", "units.visits", 1)
			}
		}, "the log holds visits"},
	} {
		p := takeApart(t, whole)
		d, err := bundle.Decode(p.text["publication.json"])
		h.must(err)
		c.change(&d, d.Units[0].Visits)
		p.publish(t, d)
		p.resign(t, h.signer)
		if _, err := verify(p.zip(t), h.signer.Key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestThePublicSeesNoVisit: of a list of visits the public bundle opens which survey it is
// of, and nothing else, and its visits stand on the signature.
func TestThePublicSeesNoVisit(t *testing.T) {
	h := served(t)
	h.roll()
	d := h.build(bundle.Public, bundle.WholePeriod)
	whole := h.write(d)
	r, err := verify(whole, h.signer.Key)
	if err != nil || r.VisitsRecounted || d.Visits != nil {
		t.Errorf("%v, recounted %v, document %+v", err, r.VisitsRecounted, d.Visits)
	}
	lists := 0
	var l proof.Line
	for line := range bytes.Lines(takeApart(t, whole).text["leaves.tsv"]) {
		h.must(l.Read(bytes.TrimSuffix(line, []byte("\n"))))
		if l.Kind != survey.FactVisits {
			continue
		}
		if lists++; strings.Join(l.Open.Names(l.Kind), " ") != "survey" {
			t.Errorf("a list of visits opens %s", l.Open.Names(l.Kind))
		}
	}
	if lists != 9 { // five windows' days, three that visits moved to, and one they moved back to
		t.Errorf("%d lists of visits are in the log", lists)
	}
}

// TestVisitsThatWaitAreSaid: what is not in the log is in no number, and said to wait.
func TestVisitsThatWaitAreSaid(t *testing.T) {
	h := served(t)
	h.visit(storetest.GulouHR1, "F", 0, 4, "2024-03-12 10:00")
	h.roll()
	d := h.build(bundle.Auditor, bundle.WholePeriod)
	if v := unit(t, d, "350102-HR").Visits; v.Served != 63 || d.Visits.Outside != 4 {
		t.Errorf("%+v, and %d outside", v, d.Visits.Outside)
	}
	if _, err := verify(h.write(d), h.signer.Key); err != nil {
		t.Error(err)
	}
	h.log()
	now := h.build(bundle.Auditor, bundle.WholePeriod)
	size := now.Leaves - 1
	list := bundle.Changes(d, now)
	h.must(bundle.Explain(t.Context(), h.store, list, d, now))
	why := map[string]string{}
	for _, c := range list {
		why[c.Place+" "+c.What] = c.Why
	}
	want := map[string]string{" visits.outside": "waiting", "350102-HR visits.served": fmt.Sprint("visits ", size), "350102-HR visits.defaults": fmt.Sprint("visits ", size)}
	if fmt.Sprint(why) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", why, want)
	}
}

// unsettled is a store that is gone once, after visits were noted and before they are settled.
type unsettled struct {
	survey.Store
	left int
}

func (s *unsettled) LoggedVisits(ctx context.Context, visits []survey.VisitFact) error {
	if s.left--; s.left == 0 {
		return errors.New("gone")
	}
	return s.Store.LoggedVisits(ctx, visits)
}

// TestVisitsNotedTwiceCountOnce: cut short after a list was noted, it is noted again,
// alone or together with what came since.
func TestVisitsNotedTwiceCountOnce(t *testing.T) {
	h := newHall(t)
	h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 0})
	h.visit(storetest.GulouHR1, "A", 0, 10, "2024-03-11 10:00")
	cut := jobs.Logger{Store: &unsettled{h.store, 1}, Keys: h.keys, Signer: h.signer, Zone: h.survey.Location()}
	if _, err := cut.Data(t.Context(), h.survey.Closes); err == nil {
		t.Fatal("it was not cut short")
	}
	h.visit(storetest.GulouHR1, "A", 10, 14, "2024-03-11 10:00")
	h.visit(storetest.GulouHR1, "A", 3, 5, "2024-03-12 10:00")
	h.log()
	h.roll()
	d := h.build(bundle.Auditor, bundle.WholePeriod)
	r, err := verify(h.write(d), h.signer.Key)
	if v := unit(t, d, "350102-HR").Visits; err != nil || *v != (sheet.Visits{Served: 14, Defaults: 14}) || r.Visits != 10+12+2 {
		t.Errorf("%v, %+v of %d entries", err, v, r.Visits)
	}
}

// TestVisitsThatContradictAreNotCounted: somebody with the secret can log that a visit was
// in two places; nobody can publish from it.
func TestVisitsThatContradictAreNotCounted(t *testing.T) {
	h := newHall(t)
	h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 0})
	for i, window := range []string{storetest.GulouHR1, storetest.SimingTax} {
		o, err := proof.OfVisits([]survey.VisitFact{{Survey: h.survey.ID, Case: survey.CaseRef{Number: "A1"}, Window: window, Day: 20240311, No: 1}}, h.keys).
			Opening([]byte{byte(i)}, proof.VisitGroup(h.survey.ID))
		h.must(err)
		h.must(h.store.AddOpenings(t.Context(), []survey.FactOpening{o}))
	}
	h.log()
	for _, a := range bundle.Audiences {
		_, err := bundle.Build(t.Context(), h.store, h.query(a, bundle.WholePeriod))
		if err == nil || !strings.Contains(err.Error(), "names one of its visits with another bureau or day") {
			t.Errorf("%s: %v", a, err)
		}
	}
}
