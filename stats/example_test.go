package stats_test

import (
	"fmt"

	"manyi/stats"
	"manyi/survey"
)

func ExampleMake() {
	counted := survey.Tally{Served: 400, Rated: 100, Cells: survey.CellsOf(map[survey.Cell]int64{
		{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieProven, Value: int(survey.VerySatisfied)}: 80,
		{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieProven, Value: int(survey.Satisfied)}:     15,
		{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieProven, Value: int(survey.Dissatisfied)}:  5,
	})}
	f := stats.Make(counted, 50, survey.DefaultRules())
	rate, _ := f.Satisfaction.Value()
	fmt.Printf("满意率 %.1f%% (%.1f%%–%.1f%%), n %v\n", 100*rate, 100*f.Satisfaction.Low, 100*f.Satisfaction.High, f.N)
	mean, _ := f.Mean.Value()
	fmt.Printf("平均分 %.2f\n", mean)
	fmt.Printf("主动评价率 %d/%d visits, %d/%d of all\n", f.ActiveOfVisits.Num, f.ActiveOfVisits.Den, f.ActiveOfAll.Num, f.ActiveOfAll.Den)
	fmt.Printf("含默认 %d/%d\n", f.WithDefaults.Satisfaction.Num, f.WithDefaults.Satisfaction.Den)
	// Output:
	// 满意率 95.0% (88.8%–97.8%), n 100
	// 平均分 9.35
	// 主动评价率 100/400 visits, 100/350 of all
	// 含默认 345/350
}

func ExampleMakeCases() {
	f := stats.MakeCases(survey.CaseTally{
		Adopted: survey.CaseCounts{Cases: 12, Pending: 2, Due: 10, Rectified: 8, OnTime: 7, Explained: 1, Open: 1, CalledBack: 8, Confirmed: 5,
			Real: survey.RealCounts{Cases: 5, Due: 4, Done: 4, Confirmed: 3}},
		NotAdopted: survey.CaseCounts{Cases: 1, Due: 1, Open: 1},
	}, 20260331)
	for _, name := range []string{"rectification", "real_name", "real_name_confirmed", "after_callback"} {
		r := f.Rate(name)
		rate, ok := r.Adopted.Value()
		fmt.Printf("%s %s: %d/%d = %.2f (%v), pending %v; with %v not adopted %d/%d\n",
			r.Definition, name, r.Adopted.Num, r.Adopted.Den, rate, ok, r.Pending, r.NotAdopted, r.All.Num, r.All.Den)
		if r.Verdict != nil {
			fmt.Printf("   as %s: %s\n", r.Verdict.About, r.Verdict.Adopted)
		}
	}
	// Output:
	// C2 rectification: 8/10 = 0.80 (true), pending 2; with 1 not adopted 8/11
	// C4 real_name: 4/4 = 1.00 (true), pending 1; with 0 not adopted 4/4
	//    as declared: met
	// C5 real_name_confirmed: 3/4 = 0.75 (true), pending 1; with 0 not adopted 3/4
	//    as confirmed: not_met
	// C11 after_callback: 0/0 = 0.00 (false), pending *; with 0 not adopted 0/0
}

func ExampleRatio_Value() {
	_, ok := stats.Ratio{Num: 0, Den: 0}.Value()
	fmt.Println(ok)
	// Output: false
}

func ExampleRank() {
	rates := []stats.Rate{stats.NewRate(990, 1000), stats.NewRate(95, 100), stats.NewRate(800, 1000), stats.NewRate(5, 5)}
	for _, r := range stats.Rank(rates, 30) {
		fmt.Println(r.Best, r.Worst, r.Ranked())
	}
	// Output:
	// 1 1 true
	// 2 2 true
	// 3 3 true
	// 0 0 false
}

func ExampleHide() {
	f := stats.Hide(stats.Make(survey.Tally{Cells: survey.CellsOf(map[survey.Cell]int64{
		{Question: survey.Overall, Value: int(survey.VerySatisfied)}: 3,
	})}, 0, survey.DefaultRules()))
	fmt.Println(f.N, f.Satisfaction.Shown())
	// Output: <5 false
}
