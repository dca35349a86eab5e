package sheet

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"manyi/stats"
	"manyi/survey"
)

var update = flag.Bool("update", false, "write the golden files")

func rules() survey.Survey {
	s := survey.Survey{ID: "s", Rules: survey.DefaultRules()}
	s.Rules.Composite = survey.Composite{Satisfaction: 0.7, Evaluation: 0.3}
	return s
}

func counts(l Levels) Counts {
	c := Counts{Levels: &l}
	for i, n := range l {
		c.N += n
		if !survey.Levels[i].Bad() {
			c.Good += n
		}
	}
	return c
}

func unit(place string, qr Levels) Unit {
	return Unit{Place: place, Counted: map[string]Counts{"qr": counts(qr)}, NotAdopted: map[string]Counts{},
		Visits:      &Visits{Served: 200, Rated: 90, Defaults: 100},
		Evaluations: map[string]Evaluation{place: {Submitted: 1, Met: 54, Items: 60, MetWeight: 54, Weight: 60, Gate: 90}}}
}

// TestBinomialIsExact: how often each number is drawn agrees with its probability, by
// the chi-squared test.
func TestBinomialIsExact(t *testing.T) {
	rng := rand.NewPCG(1, 2)
	for _, c := range []struct{ n, num, den int64 }{{1, 1, 3}, {5, 1, 2}, {10, 3, 10}, {70, 9, 10}} {
		const draws = 200_000
		seen := make([]float64, c.n+1)
		for range draws {
			seen[binomial(rng, c.n, c.num, c.den)]++
		}
		p := float64(c.num) / float64(c.den)
		chi, cells := 0.0, 0
		w := math.Pow(1-p, float64(c.n))
		for x := range c.n + 1 {
			if want := w * draws; want >= 5 {
				chi += (seen[x] - want) * (seen[x] - want) / want
				cells++
			}
			w *= float64(c.n-x) / float64(x+1) * p / (1 - p)
		}
		if most := float64(cells) + 5*math.Sqrt(2*float64(cells)); chi > most {
			t.Errorf("binomial(%v): chi-squared %.1f in %d cells, want at most %.1f", c, chi, cells, most)
		}
	}
	if got := binomial(rng, 9, 0, 4); got != 0 {
		t.Errorf("with chance 0: %d", got)
	}
	if got := binomial(rng, 9, 4, 4); got != 9 {
		t.Errorf("with chance 1: %d", got)
	}
}

// TestBootstrapOfOneShare: the interval of a share is that of the binomial
// distribution, whose quantiles are known.
func TestBootstrapOfOneShare(t *testing.T) {
	for _, c := range []struct{ n, good int64 }{{100, 90}, {1000, 700}, {1_000_000, 999_000}} {
		low, high := bootstrap([]int64{c.good, c.n - c.good}, "known", func(a []int64) float64 { return float64(a[0]) })
		p := float64(c.good) / float64(c.n)
		sd := math.Sqrt(float64(c.n) * p * (1 - p))
		// A quantile of 2,000 draws is off by about sqrt(0.025·0.975/2000)/0.0584 = 0.06 sd.
		for _, got := range []float64{(float64(c.good) - low) / sd, (high - float64(c.good)) / sd} {
			if math.Abs(got-1.96) > 0.25+1/sd {
				t.Errorf("%v: %v to %v; an end lies %.2f standard deviations away, want 1.96", c, low, high, got)
			}
		}
	}
}

func TestMultinomialKeepsTheTotal(t *testing.T) {
	rng := rand.NewPCG(3, 4)
	counts, sums := []int64{50, 0, 30, 15, 5}, make([]float64, 5)
	for range 20_000 {
		into := make([]int64, 5)
		multinomial(rng, counts, into)
		total := int64(0)
		for i, n := range into {
			total += n
			sums[i] += float64(n) / 20_000
		}
		if total != 100 || into[1] != 0 {
			t.Fatalf("drew %v", into)
		}
	}
	for i, n := range counts {
		if math.Abs(sums[i]-float64(n)) > 0.2 {
			t.Errorf("count %d is %.2f on average, want %d", i, sums[i], n)
		}
	}
}

func TestComposite(t *testing.T) {
	s := rules()
	got := Make(s, []Unit{unit("a", Levels{40, 30, 20, 6, 4})})[0]
	c := got.All.Composite // 0.7 × 90 + 0.3 × 90
	if c == nil || c.Score == nil || *c.Score != 90 || *c.Satisfaction != 63 || *c.Evaluation != 27 || c.N != 100 {
		t.Fatalf("composite %+v, want 63 + 27 = 90", c)
	}
	// The evaluation does not vary, so the interval is 0.7 of that of the share, whose
	// standard deviation is 3 points.
	for _, off := range []float64{90 - *c.Low, *c.High - 90} {
		if off < 3 || off > 5.5 {
			t.Errorf("interval %v to %v, want about 4.1 on either side", *c.Low, *c.High)
		}
	}
	if v := got.Evaluations["a"]; v.Verdict != stats.Met || *v.Score != 90 {
		t.Errorf("54 of 60 items: %+v, want the gate of 90 %% met", v)
	}
	u := unit("a", Levels{40, 30, 20, 6, 4})
	u.Evaluations = nil
	if c := Make(s, []Unit{u})[0].All.Composite; c == nil || c.Score != nil || c.Low != nil || c.Satisfaction != nil {
		t.Errorf("without an evaluation the composite is %+v, want none", c)
	}
	few, pooled := unit("a", Levels{29}), unit("a", Levels{40, 30, 20, 6, 4})
	pooled.Pooled = []string{"a", "b"}
	for _, u := range []Unit{few, pooled} {
		if c := Make(s, []Unit{u})[0].All.Composite; c != nil {
			t.Errorf("of fewer than the minimum, or of several bureaus, the composite is %+v, want none", c)
		}
	}
	s.Rules.Composite = survey.Composite{}
	if c := Make(s, []Unit{unit("a", Levels{40})})[0].All.Composite; c != nil {
		t.Errorf("without weights there is a composite: %+v", c)
	}
}

// TestNotAdoptedOnlyMovesAdopted: not adopting reviews changes no figure, rank or place
// in the funnel that is made with them.
func TestNotAdoptedOnlyMovesAdopted(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	s := rules()
	for range 30 {
		before := []Unit{unit("a", Levels{1 + rng.Int64N(90), rng.Int64N(40), rng.Int64N(20), 10, 10}), unit("b", Levels{50, 50, 50, 1, 1})}
		after := []Unit{before[0], before[1]}
		after[0].NotAdopted = map[string]Counts{"qr": counts(Levels{0, 0, 0, rng.Int64N(10) + 1, rng.Int64N(10)})}
		x, y := Make(s, before), Make(s, after)
		if !reflect.DeepEqual(x[0].All, y[0].All) || !reflect.DeepEqual(x[0].Rank, y[0].Rank) || !reflect.DeepEqual(x[0].Funnel, y[0].Funnel) || !reflect.DeepEqual(x[1], y[1]) {
			t.Fatalf("not adopting moved\n%+v\n%+v", x[0], y[0])
		}
		if *y[0].Adopted.Satisfaction.Rate <= *x[0].Adopted.Satisfaction.Rate || *y[0].NotAdopted == 0 {
			t.Fatalf("fewer bad reviews do not show: %v", *y[0].Adopted.Satisfaction.Rate)
		}
	}
}

func TestWhatIsNotToldIsNotThere(t *testing.T) {
	u := unit("a", Levels{})
	u.Counted = map[string]Counts{AllChannels: {N: 100, Good: 90}}
	u.Merged = []Merged{MergedChannels, MergedLevels, MergedNotAdopted, MergedSuperseded}
	got := Make(rules(), []Unit{u})[0]
	if got.Adopted != nil || got.NotAdopted != nil || got.Superseded != nil || got.All.Mean != nil {
		t.Errorf("told: %+v", got)
	}
}

func TestRanksAndFunnel(t *testing.T) {
	pooled := unit("350100", Levels{0, 0, 0, 50, 50})
	pooled.Pooled = []string{"x", "y"}
	got := Make(rules(), []Unit{unit("a", Levels{900, 90, 0, 5, 5}), unit("b", Levels{500, 200, 0, 200, 100}), unit("c", Levels{29}), pooled, unit("none", Levels{})})
	if r := got[0].Rank; r == nil || *r != (stats.RankRange{Best: 1, Worst: 1, Of: 2}) {
		t.Errorf("rank of the best: %v", r)
	}
	for _, i := range []int{2, 3, 4} {
		if got[i].Rank != nil {
			t.Errorf("%s is ranked", got[i].Place)
		}
	}
	if got[0].Funnel.Position != FarAbove || got[1].Funnel.Position != FarBelow || got[3].Funnel.Position != FarBelow || got[4].Funnel != nil {
		t.Errorf("positions %v, %v, %v, %v", got[0].Funnel, got[1].Funnel, got[3].Funnel, got[4].Funnel)
	}
}

// TestFillHidesFew: no number of people from 1 to 4 is told, nor a difference that is.
func TestFillHidesFew(t *testing.T) {
	for _, c := range []struct {
		in      Visits
		cases   survey.CaseTally
		visits  bool
		verdict stats.Verdict
		told    bool
	}{
		{Visits{20, 10, 10}, tally(10, 10), true, stats.Met, true},
		{Visits{20, 17, 0}, tally(3, 3), false, stats.Met, false},
		{Visits{20, 10, 7}, tally(10, 8), false, stats.NotMet, false},
		{Visits{}, tally(0, 0), false, stats.None, true},
	} {
		u := Unit{Place: "a", Counted: map[string]Counts{"qr": counts(Levels{90, 0, 0, 10, 0})}}
		fill := func(least int64) {
			u.Fill(least, map[string]Inputs{"a": {Visits: c.in}})
			u.FillCases(least, map[string]survey.CaseTally{"a": c.cases}, 20260131)
		}
		fill(5)
		var real CaseRate
		for _, r := range Make(rules(), []Unit{u})[0].Cases {
			if r.Name == "real_name" {
				real = r
			}
		}
		if (u.Visits != nil) != c.visits || (real.All != nil) != c.told || real.Verdict == nil || real.Verdict.WithNotAdopted != c.verdict {
			t.Errorf("%+v: visits %v, real-name %+v %+v", c.in, u.Visits, real.All, real.Verdict)
		}
		// Verdicts that differ would tell of a single review that is not adopted.
		if (real.Verdict.Adopted != "") != c.told {
			t.Errorf("%+v: verdicts %+v, want both only beside the numbers", c.in, real.Verdict)
		}
		if fill(1); (u.Visits == nil) != (c.in.Served == 0) || u.Cases.Rates[0].All == nil || len(u.Merged) > 0 {
			t.Errorf("auditors do not see %+v: %v", c.in, u.Merged)
		}
	}
}

// TestCasesThatArePendingDoNotShow: bad reviews that wait to be logged are cases already.
// A publication says the same whether there are any or none, and no number of those in
// the log that are not due.
func TestCasesThatArePendingDoNotShow(t *testing.T) {
	filled := func(c survey.CaseTally, levels Levels) Unit {
		u := Unit{Place: "a", Counted: map[string]Counts{"qr": counts(levels)}}
		u.FillCases(5, map[string]survey.CaseTally{"a": c}, 20260131)
		return u
	}
	none := filled(survey.CaseTally{}, Levels{})
	for n := range int64(4) {
		got := filled(survey.CaseTally{Adopted: survey.CaseCounts{Cases: n + 1, Pending: n + 1, Real: survey.RealCounts{Cases: n}}}, Levels{})
		if !reflect.DeepEqual(got, none) {
			t.Errorf("%d pending: %+v, with none %+v", n+1, got, none)
		}
	}
	for due := int64(5); due <= 12; due++ {
		told := filled(survey.CaseTally{Adopted: survey.CaseCounts{Cases: 12, Due: due, Pending: 12 - due, CalledBack: due}}, Levels{90, 0, 0, 12, 0}).Cases.Rates[0].All != nil
		if want := due == 12 || due <= 7; told != want {
			t.Errorf("12 bad reviews, %d due: told %v", due, told)
		}
	}
}

func tally(due, done int64) survey.CaseTally {
	return survey.CaseTally{Adopted: survey.CaseCounts{Cases: due, Due: due, CalledBack: due, Rectified: due, OnTime: due,
		Real: survey.RealCounts{Cases: due, Due: due, Done: done, Confirmed: done}}}
}

// TestGolden: a sheet keeps its form, and comes through JSON unchanged. Publications
// that are out there are checked by it.
func TestGolden(t *testing.T) {
	a := unit("350102-HR", Levels{80, 30, 20, 6, 14})
	a.NotAdopted = map[string]Counts{"qr": counts(Levels{0, 0, 0, 0, 5})}
	a.Fill(5, map[string]Inputs{"350102-HR": {Visits: Visits{400, 150, 200},
		Evaluation: &Evaluation{Submitted: 2, Met: 110, Items: 118, NotApplicable: 2, MetWeight: 110, Weight: 118, Bonus: 1, Gate: 90, Vetoes: []string{"V1"}},
		Flags:      map[survey.QualityKind]int64{survey.QualityBurst: 2}}})
	a.FillCases(5, map[string]survey.CaseTally{"350102-HR": tally(10, 10)}, 20260131)
	b := Unit{Place: "350100", Pooled: []string{"350103-HR", "350104-HR"}, Merged: []Merged{MergedChannels, MergedLevels},
		Counted: map[string]Counts{AllChannels: {N: 40, Good: 35}}, Superseded: 5}
	sheets := Make(rules(), []Unit{a, b})
	doc, err := json.MarshalIndent(sheets, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	doc = append(doc, '\n')
	const file = "testdata/sheets.json"
	if *update {
		if err := os.WriteFile(file, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")), doc) {
		t.Errorf("sheets are\n%s\nand not those of %s", doc, file)
	}
	var again []Sheet
	if err := json.Unmarshal(doc, &again); err != nil || !reflect.DeepEqual(again, sheets) {
		t.Errorf("read again: %v\n%+v", err, again)
	}
}

// BenchmarkMake is beside the random bits alone that the bootstrap of the same
// responses takes: a composite and a mean, each with and without what is not adopted.
func BenchmarkMake(b *testing.B) {
	b.Run("make", func(b *testing.B) {
		units := []Unit{unit("a", Levels{800_000, 150_000, 40_000, 6_000, 4_000})}
		for b.Loop() {
			Make(rules(), units)
		}
	})
	b.Run("bits", func(b *testing.B) {
		rng := rand.NewPCG(1, 1)
		for b.Loop() {
			for range Resamples {
				ones(rng, 4*2_000_000)
			}
		}
	})
}
