package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats/quality"
	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

func sheetsOf(t *testing.T, store survey.Store, bureau string) (sheets []survey.QualitySheet) {
	t.Helper()
	if err := store.Quality(t.Context(), "y2024", bureau, 0, survey.NoDeadline, func(q survey.QualitySheet) error {
		sheets = append(sheets, q)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return sheets
}

// surveyed is a store with the places and the survey of storetest.
func surveyed(t *testing.T) (*sqlitestore.Store, survey.Survey) {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := storetest.Survey()
	if err := errors.Join(store.PutPlaces(t.Context(), storetest.Places()), store.AddSurvey(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	return store, s
}

func flagsOf(sheets []survey.QualitySheet) (flags []survey.QualityFlag) {
	for _, q := range sheets {
		flags = append(flags, q.Flags...)
	}
	return flags
}

func TestQualityFlagsOfTheDaysThatAreOver(t *testing.T) {
	store, s := surveyed(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f := storetest.NewFacts(1, s)
	rate := func(window, at string, n int, every time.Duration) {
		t.Helper()
		var group []survey.Response
		for i := range n {
			group = append(group, f.Response(window, storetest.At(at).Add(time.Duration(i)*every), storetest.Good))
		}
		_, err := store.AddResponses(t.Context(), group)
		must(err)
	}
	for day := survey.Span(20240301); day <= 20240312; day = day.Plus(1) {
		rate(storetest.GulouHR1, day.String()+" 09:00", 6, 20*time.Minute)
	}
	rate(storetest.GulouHR1, "2024-03-11 15:00", 12, 30*time.Second) // a burst
	rate(storetest.SimingTax, "2024-03-12 09:00", 12, 20*time.Minute)
	look := func(at string) int {
		t.Helper()
		n, err := jobs.LookForFlags(t.Context(), store, s, storetest.Tree(), storetest.At(at))
		must(err)
		return n
	}
	if n := look("2024-03-13 01:00"); n == 0 {
		t.Error("nothing was looked at")
	}
	got := flagsOf(sheetsOf(t, store, ""))
	if len(got) != 1 || got[0].Kind != survey.QualityBurst || got[0].Window != storetest.GulouHR1 || got[0].Day != 20240311 || got[0].N != 12 || got[0].Of != 1 || got[0].From != "15:00" || len(got[0].Rows) != 12 {
		t.Fatalf("flags %+v, want the burst of the 11th", got)
	}
	sheets := sheetsOf(t, store, "350102-HR")
	if days := len(sheets); days != 36 { // 2024-02-06 to 03-12
		t.Errorf("%d days were looked at", days)
	}
	if last := sheets[len(sheets)-1]; last.Day != 20240312 || last.Rules != quality.Rules || last.Traces[storetest.GulouHR1].N != 6 {
		t.Errorf("the last sheet is %+v", last)
	}
	// The same day again finds nothing to do; the next looks at the last week anew.
	if n := look("2024-03-13 22:00"); n != 0 {
		t.Errorf("%d sheets on the same day", n)
	}
	var visits []survey.Visit
	for i := range 5 {
		visits = append(visits, f.Visit(storetest.SimingTax, string(rune('A'+i)), storetest.At("2024-03-12 09:00")))
	}
	_, err := store.PutVisits(t.Context(), visits)
	must(err)
	_, err = jobs.RollUp(t.Context(), store, 1, storetest.At("2024-03-13 23:00"))
	must(err)
	rate(storetest.GulouHR1, "2024-03-02 16:00", 12, 30*time.Second) // comes in too late to be looked at
	look("2024-03-14 01:00")
	got = flagsOf(sheetsOf(t, store, ""))
	if len(got) != 2 || got[1].Kind != survey.QualityMoreThanServed || got[1].Window != storetest.SimingTax || got[1].N != 12 || got[1].Of != 5 {
		t.Errorf("flags %+v, want those of the list of visits too", got)
	}
	// A long time after the end nothing is looked at.
	if n := look("2026-01-01 01:00"); n != 0 {
		t.Errorf("%d sheets long after the end", n)
	}
}

// A month is judged once, when its last day is over: by its tally, whether or not
// anybody rated on that day.
func TestQualityFlagOfAMonth(t *testing.T) {
	store, s := surveyed(t)
	f := storetest.NewFacts(1, s)
	rate := func(window string, first survey.Span, n int, c survey.Channel, bad int) {
		t.Helper()
		var group []survey.Response
		for i := range n {
			at := storetest.At(first.Plus(i/4).String() + " 09:00").Add(time.Duration(i%4) * time.Hour)
			group = append(group, f.Response(window, at, func(r *survey.Response) {
				r.Channel, r.Level = c, survey.Satisfied
				if i < bad {
					r.Level = survey.Dissatisfied
				}
			}))
		}
		if _, err := store.AddResponses(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	look := func(at string) (flags []survey.QualityFlag) {
		t.Helper()
		if _, err := jobs.RollUp(t.Context(), store, 1, storetest.At(at)); err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.LookForFlags(t.Context(), store, s, storetest.Tree(), storetest.At(at)); err != nil {
			t.Fatal(err)
		}
		for _, f := range flagsOf(sheetsOf(t, store, "")) {
			if f.Kind == survey.QualityChannels {
				flags = append(flags, f)
			}
		}
		return flags
	}
	for _, window := range []string{storetest.GulouHR1, storetest.SimingTax} {
		rate(window, 20240301, 60, survey.ChannelTablet, 0)
		rate(window, 20240303, 45, survey.ChannelQR, map[string]int{storetest.GulouHR1: 20}[window])
	}
	rate(storetest.GulouHR1, 20240220, 40, survey.ChannelTablet, 0) // in another month, with nothing beside it
	if got := look("2024-03-31 23:00"); len(got) != 0 {
		t.Errorf("%+v before the month is over", got)
	}
	want := survey.QualityFlag{Kind: survey.QualityChannels, Window: storetest.GulouHR1, Day: 20240331, N: 60, Of: 45}
	check := func(at string) {
		t.Helper()
		got := look(at)
		if !reflect.DeepEqual(got, []survey.QualityFlag{want}) {
			told, _ := json.Marshal(got)
			t.Errorf("%s: flags %s, want one with %+v", at, told, *want.Channels)
		}
	}
	want.Channels = &survey.ChannelsApart{Kiosk: 60, Phones: 25, Low: .2465, High: .6298}
	check("2024-04-01 01:00")
	check("2024-04-02 01:00") // looked at anew, and the same
	// Ratings that come late are counted with the others, and may explain it away.
	rate(storetest.GulouHR1, 20240312, 5, survey.ChannelSMS, 5)
	want.Of, want.Channels = 50, &survey.ChannelsApart{Kiosk: 60, Phones: 25, Low: .302, High: .6711}
	check("2024-04-03 01:00")
	rate(storetest.GulouHR1, 20240301, 100, survey.ChannelSMS, 0)
	if got := look("2024-04-04 01:00"); len(got) != 0 {
		t.Errorf("%+v after more ratings", got)
	}
}

// A day that was cut short is judged anew: the sheet that tells it is whole comes last.
func TestQualityFlagsOfADayCutShort(t *testing.T) {
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := storetest.Survey()
	if err := store.AddSurvey(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	f := storetest.NewFacts(1, s)
	var group []survey.Response
	for i, w := range storetest.Windows() {
		for n := range 30 {
			group = append(group, f.Response(w, storetest.At("2024-02-01 09:00").Add(time.Duration(n)*time.Second+time.Duration(i)*time.Hour), storetest.Good))
		}
	}
	if _, err := store.AddResponses(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	at := storetest.At("2024-02-02 03:00")
	var want []survey.QualityFlag
	for cut := 1; ; cut++ {
		c := &cutStore{Store: store, puts: cut}
		_, err := jobs.LookForFlags(t.Context(), c, s, storetest.Tree(), at)
		if err == nil {
			break
		}
		if !errors.Is(err, errCut) {
			t.Fatal(err)
		}
	}
	want = flagsOf(sheetsOf(t, store, ""))
	whole, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { whole.Close() })
	if err := whole.AddSurvey(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := whole.AddResponses(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.LookForFlags(t.Context(), whole, s, storetest.Tree(), at); err != nil {
		t.Fatal(err)
	}
	if got := flagsOf(sheetsOf(t, whole, "")); len(got) == 0 || len(got) != len(want) {
		t.Errorf("cut short %d flags, at once %d", len(want), len(got))
	}
}

var errCut = errors.New("cut")

// cutStore dies at a sheet.
type cutStore struct {
	survey.Store
	puts int
}

func (s *cutStore) PutQuality(ctx context.Context, q survey.QualitySheet) error {
	if s.puts--; s.puts < 0 {
		return errCut
	}
	return s.Store.PutQuality(ctx, q)
}

// Somebody's interviews about a bureau are judged when the month is over, of all its
// windows together, and each interviewer alone.
func TestQualityFlagOfAnInterviewer(t *testing.T) {
	store, s := surveyed(t)
	f := storetest.NewFacts(1, s)
	ask := func(window, by string, first survey.Span, n, straight int) {
		t.Helper()
		var group []survey.Response
		for i := range n {
			at := storetest.At(first.Plus(i/4).String() + " 09:00").Add(time.Duration(i%4) * time.Hour)
			group = append(group, f.Response(window, at, func(r *survey.Response) {
				r.Channel, r.Level, r.Interview = survey.ChannelInterview, survey.Satisfied, &survey.Interview{Mode: survey.Street, By: by}
				r.Answers = map[string]survey.Level{"ability": survey.Satisfied, "attitude": survey.Satisfied, "efficiency": survey.VerySatisfied}
				if i < straight {
					r.Answers["efficiency"] = survey.Satisfied
				}
			}))
		}
		if _, err := store.AddResponses(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	look := func(at string) []survey.QualityFlag {
		t.Helper()
		if _, err := jobs.LookForFlags(t.Context(), store, s, storetest.Tree(), storetest.At(at)); err != nil {
			t.Fatal(err)
		}
		return flagsOf(sheetsOf(t, store, ""))
	}
	ask(storetest.GulouHR1, "li", 20240301, 30, 30)
	ask(storetest.GulouHR3, "li", 20240320, 30, 30) // the same bureau
	ask(storetest.SimingTax, "li", 20240301, 40, 40)
	ask(storetest.GulouHR1, "wang", 20240301, 60, 50)
	ask(storetest.CangshanHR, "chen", 20240220, 60, 60) // in two months
	if got := look("2024-03-31 23:00"); len(got) != 0 {
		t.Errorf("%+v before the month is over", got)
	}
	want := []survey.QualityFlag{{Kind: survey.QualityStraight, Window: "350102-HR", Day: 20240331, N: 60, Of: 60, By: "li"}}
	for _, at := range []string{"2024-04-01 01:00", "2024-04-02 01:00"} {
		if got := look(at); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: flags %+v, want %+v", at, got, want)
		}
	}
	ask(storetest.GulouHR3, "li", 20240329, 8, 0) // come late, and are counted with the others
	if got := look("2024-04-03 01:00"); len(got) != 0 {
		t.Errorf("%+v after interviews that are not straight", got)
	}
}

// What lies further back than a window's past does not excuse a burst, also on the last
// day of a month, for which more days are read.
func TestThePastOfAWindowIsNoLonger(t *testing.T) {
	store, s := surveyed(t)
	f := storetest.NewFacts(1, s)
	rate := func(at string, n int, every time.Duration) {
		t.Helper()
		var group []survey.Response
		for i := range n {
			group = append(group, f.Response(storetest.GulouHR1, storetest.At(at).Add(time.Duration(i)*every), storetest.Good))
		}
		if _, err := store.AddResponses(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	rate("2024-03-01 09:00", 12, 30*time.Second) // 30 days before
	for day := survey.Span(20240304); day <= 20240312; day = day.Plus(1) {
		rate(day.String()+" 09:00", 2, time.Hour)
	}
	rate("2024-03-31 09:00", 10, 30*time.Second)
	if _, err := jobs.LookForFlags(t.Context(), store, s, storetest.Tree(), storetest.At("2024-04-01 01:00")); err != nil {
		t.Fatal(err)
	}
	got := flagsOf(sheetsOf(t, store, ""))
	if len(got) != 1 || got[0].Kind != survey.QualityBurst || got[0].Day != 20240331 || got[0].Of != 1 {
		t.Errorf("flags %+v, want one burst on the last day, measured by the 28 days before", got)
	}
}
