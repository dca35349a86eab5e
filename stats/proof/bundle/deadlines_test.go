package bundle_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"manyi/stats/proof/bundle"
	"manyi/survey"
	"manyi/survey/storetest"
)

// shifted is a hall whose six cases were rectified on time, one of them only because its
// deadline in the log is a week later than the rules give.
func shifted(t *testing.T) *hall {
	h := newHall(t)
	calendar := survey.NewCalendar(nil).Version
	for i, r := range h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 6})[20:] {
		clock := survey.Clock{Contact: 20240305, Rectify: 20240319, Callback: 20240326, Calendar: calendar}
		done := survey.Clock{Contact: 20240305, Rectify: 20240319, Callback: 20240321, Calendar: calendar}
		day := "2024-03-14 10:00"
		if i == 2 {
			clock.Rectify, clock.Callback, done.Rectify, done.Callback = 20240326, 20240402, 20240326, 20240328
			day = "2024-03-21 10:00"
		}
		h.must(h.store.AddEntries(t.Context(), r.Key, []survey.Entry{
			{No: 1, Step: survey.StepOpened, At: r.ReceivedAt, Party: survey.System, Clock: &clock},
			{No: 2, Step: survey.StepRectified, At: storetest.At(day).Add(time.Second), By: "bureau", Party: survey.Own, Clock: &done},
		}, survey.CaseSummary{State: survey.CaseOpen}))
	}
	h.log()
	return h
}

// TestAWrongDeadlineInTheLogCanBePublishedNamed: not by itself, but by who says how many
// there are; the steps are named, and the rate is what the rules give.
func TestAWrongDeadlineInTheLogCanBePublishedNamed(t *testing.T) {
	h := shifted(t)
	for _, a := range bundle.Audiences {
		for _, n := range []int64{0, 1, 3} {
			q := h.query(a, bundle.WholePeriod)
			q.WrongDeadlines = n
			_, err := bundle.Build(t.Context(), h.store, q)
			if w := new(bundle.WrongDeadlines); !errors.As(err, &w) || !strings.Contains(err.Error(), "of 2 steps they are not those that the rules give") || !strings.Contains(err.Error(), "step 1, opened, sets") && !strings.Contains(err.Error(), "step 2, rectified, sets") {
				t.Errorf("%s, %d said: %v", a, n, err)
			}
		}
		q := h.query(a, bundle.WholePeriod)
		q.WrongDeadlines = 2
		d, err := bundle.Build(t.Context(), h.store, q)
		h.must(err)
		r, err := verify(h.write(d), h.signer.Key)
		if err != nil || r.Document.WrongDeadlines != 2 {
			t.Errorf("%s: %v, %d wrong deadlines are told", a, err, r.Document.WrongDeadlines)
		}
		if report := string(takeApart(t, h.write(d)).text["report.html"]); !strings.Contains(report, "日志中有2个办理步骤的期限与规则不符") {
			t.Errorf("%s: the report does not say so", a)
		}
	}
	sound := newHall(t)
	sound.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 0})
	sound.log()
	q := sound.query(bundle.Auditor, bundle.WholePeriod)
	q.WrongDeadlines = 1
	if _, err := bundle.Build(t.Context(), sound.store, q); err == nil || !strings.Contains(err.Error(), "of all steps in the log are those that the rules give") {
		t.Errorf("one that is not there: %v", err)
	}
}

// TestWrongDeadlinesAreEachNamed: five of six are on time by the rules, and a publisher who
// names fewer wrong deadlines, or more, or counts by them, is found.
func TestWrongDeadlinesAreEachNamed(t *testing.T) {
	h := shifted(t)
	q := h.query(bundle.Auditor, bundle.WholePeriod)
	q.WrongDeadlines = 2
	d, err := bundle.Build(t.Context(), h.store, q)
	h.must(err)
	u := unit(t, d, "350102-HR")
	for i, r := range u.Cases.Rates {
		if r.Name == "on_time" && (r.All.Num != 5 || r.All.Den != 6) {
			t.Errorf("rate %d, on time: %d of %d", i, r.All.Num, r.All.Den)
		}
	}
	p := takeApart(t, h.write(d))
	for name, c := range map[string]struct {
		change func(d *bundle.Document)
		want   string
	}{
		"none named": {func(d *bundle.Document) { d.Cases.WrongDeadlines, d.WrongDeadlines = nil, 0 }, "leaves.tsv, line "},
		"one named":  {func(d *bundle.Document) { d.Cases.WrongDeadlines, d.WrongDeadlines = d.Cases.WrongDeadlines[:1], 1 }, "leaves.tsv, line "},
		"one more": {func(d *bundle.Document) {
			d.Cases.WrongDeadlines, d.WrongDeadlines = append(d.Cases.WrongDeadlines, d.Leaves), 3
		}, "cases.wrong_deadlines names 3 leaves, and 2 of them"},
		"another count": {func(d *bundle.Document) { d.WrongDeadlines = 1 }, "wrong_deadlines says 1, and"},
		"counted by them": {func(d *bundle.Document) {
			for i := range d.Units {
				if d.Units[i].Place == "350102-HR" {
					d.Units[i].Cases.Rates[2].All.Num = 6
				}
			}
		}, "with_not_adopted.num it says 6, and the leaves come to 5"},
	} {
		cheat, err := bundle.Decode(p.text["publication.json"])
		h.must(err)
		c.change(&cheat)
		cheated := p.clone()
		cheated.publish(t, cheat)
		cheated.resign(t, h.signer)
		if _, err := verify(cheated.zip(t), h.signer.Key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
