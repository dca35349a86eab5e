package storetest

import (
	"errors"
	"testing"

	"manyi/survey"
)

var qualityChecks = []Check{
	{"quality/sheets are chosen by survey, bureau and day, the last of each stands", qualitySheets},
}

func qualitySheets(t testing.TB, s survey.Store) {
	sheet := func(id, bureau string, day survey.Span, n int64) survey.QualitySheet {
		return survey.QualitySheet{Survey: id, Bureau: bureau, Day: day, MadeAt: At("2024-03-01 02:40:00.007"), Rules: 1,
			Traces: map[string]survey.QualityTrace{GulouHR1: {N: n, Peak: 3, Answers: map[string]int64{"1 attitude=1": n}}},
			Flags: []survey.QualityFlag{{Kind: survey.QualityBurst, Window: GulouHR1, Day: day, N: n, Of: 4, From: "09:10", To: "09:19", Share: .125,
				Rows: []string{"00ff"}},
				{Kind: survey.QualityChannels, Window: GulouHR1, Day: day, N: n, Of: 40, Channels: &survey.ChannelsApart{Kiosk: n - 1, Phones: 33, Low: -.0812, High: .1234}},
				{Kind: survey.QualityStraight, Window: bureau, Day: day, N: n, Of: n, By: "li"}},
			Interviews: map[string]survey.InterviewTrace{"li": {N: n, Straight: n}, "陈.先": {N: 3}}}
	}
	const hr, tax = "350102-HR", "350203-TAX"
	var all []survey.QualitySheet
	for _, id := range []string{"y2024", "other"} {
		for day := survey.Span(20240227); day <= 20240229; day++ {
			all = append(all, sheet(id, tax, day, 7), sheet(id, hr, day, 5))
		}
	}
	for _, q := range all {
		must(t, "put sheet", s.PutQuality(t.Context(), q))
	}
	again := sheet("y2024", hr, 20240228, 9)
	again.Flags = nil
	must(t, "put sheet again", s.PutQuality(t.Context(), again))
	read := func(id, bureau string, from, to survey.Span) (got []survey.QualitySheet) {
		must(t, "read", s.Quality(t.Context(), id, bureau, from, to, func(q survey.QualitySheet) error {
			got = append(got, q)
			return nil
		}))
		return got
	}
	same(t, "of a bureau", read("y2024", hr, 20240228, 20240301), []survey.QualitySheet{again, sheet("y2024", hr, 20240229, 5)})
	same(t, "of a survey", read("other", "", 20240229, 20240229), []survey.QualitySheet{sheet("other", hr, 20240229, 5), sheet("other", tax, 20240229, 7)})
	same(t, "all", len(read("", "", 0, survey.NoDeadline)), len(all))
	same(t, "of no day", len(read("y2024", "", 20240301, 20240310)), 0)
	stop := errors.New("enough")
	n := 0
	wantErr(t, "stopped", s.Quality(t.Context(), "", "", 0, survey.NoDeadline, func(survey.QualitySheet) error { n++; return stop }), stop)
	same(t, "read before the stop", n, 1)
}
