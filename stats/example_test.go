package stats_test

import (
	"fmt"

	"manyi/stats"
	"manyi/survey"
)

func ExampleMake() {
	counted := survey.Tally{Served: 400, Rated: 100, Cells: map[survey.Cell]int64{
		{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieProven, Value: int(survey.VerySatisfied)}: 80,
		{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieProven, Value: int(survey.Satisfied)}:     15,
		{Question: survey.Overall, Channel: survey.ChannelQR, Tie: survey.TieProven, Value: int(survey.Dissatisfied)}:  5,
	}}
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
	f := stats.Hide(stats.Make(survey.Tally{Cells: map[survey.Cell]int64{
		{Question: survey.Overall, Value: int(survey.VerySatisfied)}: 3,
	}}, 0, survey.DefaultRules()))
	fmt.Println(f.N, f.Satisfaction.Shown())
	// Output: <5 false
}
