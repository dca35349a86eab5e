package quality_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"manyi/stats/quality"
	"manyi/survey"
	"manyi/survey/storetest"
)

// seen are ratings as the rules see them; more is done to each.
func seen(n int, at string, every time.Duration, more func(i int, r *survey.Response)) (made []survey.Response) {
	for i := range n {
		r := survey.Response{Level: survey.VerySatisfied, Channel: survey.ChannelQR, ReceivedAt: storetest.At(at).Add(time.Duration(i) * every)}
		r.ID[0], r.ID[1] = byte(i), byte(len(at))
		if more != nil {
			more(i, &r)
		}
		made = append(made, r)
	}
	return made
}

// TestRules holds each rule at its edge: what is flagged, and what just is not.
func TestRules(t *testing.T) {
	minute := time.Minute
	quiet := func(peak int) (past []survey.QualityTrace) {
		for range 10 {
			past = append(past, survey.QualityTrace{N: 40, Peak: peak, Answers: map[string]int64{"1": 20, "2": 18}})
		}
		return past
	}
	mixed := func(i int, r *survey.Response) { r.Level = survey.Levels[i%2] } // no run of the same
	device := func(i int, r *survey.Response) { mixed(i, r); r.Flags = survey.FlagManyDevice }
	words := func(text string) func(int, *survey.Response) {
		return func(i int, r *survey.Response) {
			mixed(i, r)
			if i < 4 {
				r.Comment = text
			} else {
				r.Comment = fmt.Sprint("每个人写的都不一样的话", i)
			}
		}
	}
	for _, c := range []struct {
		name   string
		made   []survey.Response
		past   []survey.QualityTrace
		served int64
		want   string
	}{
		{"nothing", nil, quiet(4), 9, ""},
		{"eight in ten minutes, three at most before", seen(8, "2024-03-05 09:00", minute, mixed), quiet(3), 0, "burst 8/3 09:00-09:07"},
		{"eight in ten minutes, four at most before", seen(8, "2024-03-05 09:00", minute, mixed), quiet(4), 0, ""},
		{"seven in ten minutes, none before", seen(7, "2024-03-05 09:00", minute, mixed), quiet(0), 0, ""},
		{"the eighth comes when the ten minutes are over", seen(8, "2024-03-05 09:00", 10*minute/7+1, mixed), quiet(3), 0, ""},
		{"no past to go by", seen(24, "2024-03-05 09:00", time.Second, mixed), quiet(3)[:4], 0, ""},
		{"no past to go by, and very many", seen(25, "2024-03-05 09:00", time.Second, mixed), quiet(3)[:4], 0, "burst 25/0 09:00-09:00"},
		{"as many as were served", seen(12, "2024-03-05 09:00", 20*minute, mixed), quiet(4), 12, ""},
		{"one more than were served", seen(12, "2024-03-05 09:00", 20*minute, mixed), quiet(4), 11, "more_than_served 12/11"},
		{"few, though more than were served", seen(9, "2024-03-05 09:00", 20*minute, mixed), quiet(4), 2, ""},
		// Half of the 400 before said the same: twenty in a row have a chance of 20/2^20
		// or so, which is not below one in 100,000; twenty-two have.
		{"a run that chance brings about", seen(20, "2024-03-05 09:00", 20*minute, nil), quiet(4), 0, ""},
		{"a run that chance hardly brings about", seen(22, "2024-03-05 09:00", 20*minute, nil), quiet(4), 0, "same_answers 22/22 09:00-16:00"},
		{"a run of what nobody said before", seen(8, "2024-03-05 09:00", 20*minute, func(_ int, r *survey.Response) { r.Level = survey.VeryDissatisfied }), quiet(4), 0, "same_answers 8/8 09:00-11:20"},
		{"the same without a past", seen(8, "2024-03-05 09:00", 20*minute, func(_ int, r *survey.Response) { r.Level = survey.VeryDissatisfied }), nil, 0, ""},
		{"nine by one device", seen(9, "2024-03-05 09:00", 11*minute, device), quiet(4), 0, ""},
		{"ten by one device", seen(10, "2024-03-05 09:00", 11*minute, device), quiet(4), 0, "one_device 10/10 09:00-10:39"},
		{"ten by a tablet of the hall", seen(10, "2024-03-05 09:00", 11*minute, func(i int, r *survey.Response) { device(i, r); r.Channel = survey.ChannelTablet }), quiet(4), 0, ""},
		{"four comments that say the same", seen(9, "2024-03-05 09:00", 11*minute, words("窗口同志耐心，讲解清楚！")), quiet(4), 0, "agreeing_comments 4/9 09:00-09:33"},
		{"four short ones", seen(9, "2024-03-05 09:00", 11*minute, words("服务态度好，谢谢")), quiet(4), 0, ""},
		{"six at night", seen(6, "2024-03-05 23:00", 6*minute, mixed), quiet(4), 0, "night_hours 6/6 23:00-23:30"},
		{"six at night among many", append(seen(6, "2024-03-05 23:00", 6*minute, mixed), seen(18, "2024-03-05 09:00", 11*minute, mixed)...), quiet(4), 0, ""},
		{"answers by message at night", seen(6, "2024-03-05 23:00", 6*minute, func(i int, r *survey.Response) { mixed(i, r); r.Channel = survey.ChannelSMS }), quiet(4), 0, ""},
		{"a heap of paper forms", seen(60, "2024-03-05 23:00", time.Second, func(_ int, r *survey.Response) { r.Channel = survey.ChannelPaper }), quiet(1), 3, ""},
	} {
		d := quality.NewDay(storetest.GulouHR1, 20240305, storetest.Survey().Location())
		for _, r := range c.made {
			d.Add(r)
		}
		var past quality.Past
		for _, t := range c.past {
			past.Add(t)
		}
		got := ""
		for _, f := range d.Flags(past, c.served) {
			if f.Window != storetest.GulouHR1 || f.Day != 20240305 {
				t.Errorf("%s: flag of %s on %s", c.name, f.Window, f.Day)
			}
			got += fmt.Sprintf("%s %d/%d", f.Kind, f.N, f.Of)
			if f.From != "" {
				got += " " + f.From + "-" + f.To
			}
			if f.Kind != survey.QualityMoreThanServed && len(f.Rows) != min(int(f.N), quality.MaxRows) {
				t.Errorf("%s: %d rows of %d", c.name, len(f.Rows), f.N)
			}
		}
		if got != c.want {
			t.Errorf("%s: flagged %q, want %q", c.name, got, c.want)
		}
	}
}

// The order in which responses are read does not matter, and what a day leaves is what
// the next is judged by.
func TestADayIsTheSameInAnyOrder(t *testing.T) {
	made := seen(30, "2024-03-05 09:00", 3*time.Minute, func(i int, r *survey.Response) { r.Level = survey.Levels[i%3] })
	there := quality.NewDay(storetest.GulouHR1, 20240305, storetest.Survey().Location())
	back := quality.NewDay(storetest.GulouHR1, 20240305, storetest.Survey().Location())
	for i := range made {
		there.Add(made[i])
		back.Add(made[len(made)-1-i])
	}
	if a, b := there.Flags(quality.Past{}, 20), back.Flags(quality.Past{}, 20); len(a) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("forwards %+v, backwards %+v", a, b)
	}
	want := survey.QualityTrace{N: 30, Peak: 4, Answers: map[string]int64{"1": 10, "2": 10, "3": 10}}
	if got := back.Trace(); !reflect.DeepEqual(got, want) {
		t.Errorf("left %+v, want %+v", got, want)
	}
}
