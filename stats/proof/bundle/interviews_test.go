package bundle_test

import (
	"testing"

	"manyi/stats/export"
	"manyi/stats/proof/bundle"
	"manyi/survey"
	"manyi/survey/storetest"
)

// TestInterviewsArePublishedApart: how many there were is told and in no unit, unless the
// rules count them; both verify, and neither does as the other.
func TestInterviewsArePublishedApart(t *testing.T) {
	asked := func(r *survey.Response) {
		r.Channel, r.Interview = survey.ChannelInterview, &survey.Interview{Mode: survey.Street, By: "wu"}
	}
	for name, counted := range map[string]bool{"apart": false, "counted": true} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, func(s *survey.Survey) { s.Rules.Interviews.Counted = counted })
			h.rate(storetest.GulouHR1, [5]int{30, 20, 10, 0, 8})
			h.rate(storetest.GulouHR1, [5]int{6, 0, 0, 0, 9}, asked)
			h.log()
			for _, a := range []bundle.Audience{bundle.Public, bundle.Auditor} {
				d := h.build(a, bundle.WholePeriod)
				if _, err := verify(h.write(d), d.Key); err != nil {
					t.Fatalf("%s: %v", a, err)
				}
				var n, bad int64
				for _, u := range d.Units {
					for _, c := range u.Counted {
						n, bad = n+c.N, bad+c.N-c.Good
					}
				}
				want, wantBad, wantApart := int64(68), int64(8), int64(15)
				if counted {
					want, wantBad, wantApart = 83, 17, 0
				}
				if n != want || bad != wantBad || d.Apart["interview"] != wantApart {
					t.Errorf("%s: %d counted, %d bad, apart %v", a, n, bad, d.Apart)
				}
				other := d
				other.Survey.Rules.Interviews.Counted = !counted
				r, err := export.RulesOf(other.Survey, other.Instrument)
				h.must(err)
				other.Rules = r.Version
				if _, err := verify(h.write(other), d.Key); err == nil {
					t.Errorf("%s: what was counted by one rule verifies with the other", a)
				}
			}
		})
	}
}
