package web

import (
	"strings"
	"testing"
	"unicode/utf8"

	"manyi/survey"
)

func TestReminderText(t *testing.T) {
	text, err := ReminderText("【满意】")
	must(t, err)
	key := survey.Key{29: 0xab}
	for _, kind := range []survey.ReminderKind{survey.RemindBefore, survey.RemindOverdue} {
		for deadline, word := range map[string]string{"contact": "联系", "rectify": "整改", "callback": "回访"} {
			got := text(survey.Reminder{Kind: kind, Case: key, Deadline: deadline, LastDay: 20260105, Window: "350102-HR-01-001"}, "鼓楼区人社局")
			for _, want := range []string{"【满意】鼓楼区人社局", "0000AB", "1月5日", word} {
				if !strings.Contains(got, want) {
					t.Errorf("%s lacks %s", got, want)
				}
			}
			if strings.Contains(got, "%!") || utf8.RuneCountInString(got) > 70 || (kind == survey.RemindOverdue) != strings.Contains(got, "逾期") {
				t.Errorf("%s: %d characters", got, utf8.RuneCountInString(got))
			}
		}
	}
}
