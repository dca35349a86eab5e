package sms

import (
	"strings"
	"testing"
	"unicode/utf8"

	"manyi/survey"
)

const (
	l5 = survey.VerySatisfied
	l4 = survey.Satisfied
	l3 = survey.BasicallySatisfied
	l2 = survey.Dissatisfied
	l1 = survey.VeryDissatisfied
)

var openCodes = []string{"KF", "MW"}

// good replies, and what they say.
var good = []struct {
	text string
	want survey.Reply
}{
	{"5", survey.Reply{Level: l5}},
	{"4", survey.Reply{Level: l4}},
	{"3", survey.Reply{Level: l3}},
	{"2", survey.Reply{Level: l2}},
	{"1", survey.Reply{Level: l1}},
	{"５", survey.Reply{Level: l5}},
	{"　２　", survey.Reply{Level: l2}},
	{" 5 ", survey.Reply{Level: l5}},
	{"5。", survey.Reply{Level: l5}},
	{"5!", survey.Reply{Level: l5}},
	{"“5”", survey.Reply{Level: l5}},
	{"【5】", survey.Reply{Level: l5}},
	{"\ufeff5\u200b", survey.Reply{Level: l5}},
	{"⑤", survey.Reply{Level: l5}},
	{"①", survey.Reply{Level: l1}},
	{"5\ufe0f\u20e3", survey.Reply{Level: l5}},
	{"五", survey.Reply{Level: l5}},
	{"一", survey.Reply{Level: l1}},
	{"5分", survey.Reply{Level: l5}},
	{"五分", survey.Reply{Level: l5}},
	{"5星", survey.Reply{Level: l5}},
	{"5颗星", survey.Reply{Level: l5}},
	{"五星好评", survey.Reply{Level: l5, Comment: "好评"}},
	{"5吧", survey.Reply{Level: l5}},
	{"5了", survey.Reply{Level: l5}},
	{"我选5", survey.Reply{Level: l5}},
	{"我给4分", survey.Reply{Level: l4}},
	{"回复5", survey.Reply{Level: l5}},
	{"评价：5", survey.Reply{Level: l5}},
	{"您好，5", survey.Reply{Level: l5}},
	{"你好 满意", survey.Reply{Level: l4}},
	{"5。很好", survey.Reply{Level: l5, Comment: "很好"}},
	{"5、很好", survey.Reply{Level: l5, Comment: "很好"}},
	{"5 很好 ", survey.Reply{Level: l5, Comment: "很好"}},
	{"5很好", survey.Reply{Level: l5, Comment: "很好"}},
	{"5谢谢", survey.Reply{Level: l5, Comment: "谢谢"}},
	{"5，谢谢！", survey.Reply{Level: l5, Comment: "谢谢！"}},
	{"2等太久", survey.Reply{Level: l2, Comment: "等太久"}},
	{"2，等了2个小时", survey.Reply{Level: l2, Comment: "等了2个小时"}},
	{"2 在3号窗口等", survey.Reply{Level: l2, Comment: "在3号窗口等"}},
	{"1 态度恶劣，要投诉", survey.Reply{Level: l1, Comment: "态度恶劣，要投诉"}},
	{"1\n窗口没人", survey.Reply{Level: l1, Comment: "窗口没人"}},
	{"2 Waited too long", survey.Reply{Level: l2, Comment: "Waited too long"}},
	{"5 13800138000", survey.Reply{Level: l5, Comment: "13800138000"}},
	{"5，什么时候能拿证？", survey.Reply{Level: l5, Comment: "什么时候能拿证？"}},
	{"5👍", survey.Reply{Level: l5}},
	{"5 无", survey.Reply{Level: l5, Comment: "无"}},
	{"态度很好，5", survey.Reply{Level: l5, Comment: "态度很好，5"}},
	{"满意", survey.Reply{Level: l4}},
	{"滿意", survey.Reply{Level: l4}},
	{"非常满意", survey.Reply{Level: l5}},
	{"十分满意", survey.Reply{Level: l5}},
	{"特别满意", survey.Reply{Level: l5}},
	{"非常 满意", survey.Reply{Level: l5}},
	{"非常非常满意", survey.Reply{Level: l5}},
	{"基本满意", survey.Reply{Level: l3}},
	{"不满意", survey.Reply{Level: l2}},
	{"非常不满意", survey.Reply{Level: l1}},
	{"非常 不满意", survey.Reply{Level: l1}},
	{"满意。", survey.Reply{Level: l4}},
	{"满意！！", survey.Reply{Level: l4}},
	{"满意的", survey.Reply{Level: l4}},
	{"满意哦", survey.Reply{Level: l4}},
	{"非常满意，谢谢", survey.Reply{Level: l5, Comment: "谢谢"}},
	{"非常满意谢谢", survey.Reply{Level: l5, Comment: "谢谢"}},
	{"满意，辛苦了", survey.Reply{Level: l4, Comment: "辛苦了"}},
	{"不满意 等了两个小时", survey.Reply{Level: l2, Comment: "等了两个小时"}},
	{"不满意，让我跑了3趟", survey.Reply{Level: l2, Comment: "让我跑了3趟"}},
	{"非常不满意！服务不好", survey.Reply{Level: l1, Comment: "服务不好"}},
	{"服务很好，非常满意", survey.Reply{Level: l5, Comment: "服务很好，非常满意"}},
	{"等了很久了 不满意", survey.Reply{Level: l2, Comment: "等了很久了 不满意"}},
	{"满意，满意", survey.Reply{Level: l4}},
	{"5 非常满意", survey.Reply{Level: l5}},
	{"5非常满意", survey.Reply{Level: l5}},
	{"2不满意", survey.Reply{Level: l2}},
	{"4满意，谢谢", survey.Reply{Level: l4, Comment: "谢谢"}},
	{"satisfied", survey.Reply{Level: l4}},
	{"Very satisfied", survey.Reply{Level: l5}},
	{"VERY DISSATISFIED", survey.Reply{Level: l1}},
	{"dissatisfied, slow", survey.Reply{Level: l2, Comment: "slow"}},
	{"basically satisfied.", survey.Reply{Level: l3}},
	{"5 KF", survey.Reply{Level: l5, Code: "KF"}},
	{"kf5", survey.Reply{Level: l5, Code: "KF"}},
	{"5kf", survey.Reply{Level: l5, Code: "KF"}},
	{"ＫＦ ５", survey.Reply{Level: l5, Code: "KF"}},
	{"MW：不满意，太慢", survey.Reply{Level: l2, Code: "MW", Comment: "太慢"}},
	{"满意 mw", survey.Reply{Level: l4, Code: "MW"}},
	{"R", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"t", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"Ｔ。", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"TD", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"td", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"ｔＤ", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"退订", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{" 退订！", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"请退订", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"我要退订短信", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"回复TD退订", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"unsubscribe", survey.Reply{Stop: true, Why: survey.ReplyNoLevel}},
	{"2 退订", survey.Reply{Level: l2, Stop: true}},
	{"匿名", survey.Reply{Anonymous: true, Why: survey.ReplyNoLevel}},
	{"我要匿名", survey.Reply{Anonymous: true, Why: survey.ReplyNoLevel}},
	{"Anonymous", survey.Reply{Anonymous: true, Why: survey.ReplyNoLevel}},
	{"匿名，等太久", survey.Reply{Anonymous: true, Comment: "等太久", Why: survey.ReplyNoLevel}},
	{"2 匿名", survey.Reply{Level: l2, Anonymous: true}},
	{"匿名，2，态度差", survey.Reply{Level: l2, Anonymous: true, Comment: "态度差"}},
	{"更正 4", survey.Reply{Level: l4, Change: true}},
	{"更正4", survey.Reply{Level: l4, Change: true}},
	{"更正为满意", survey.Reply{Level: l4, Change: true}},
	{"改成2", survey.Reply{Level: l2, Change: true}},
	{"更正 mw 1", survey.Reply{Level: l1, Code: "MW", Change: true}},
}

// bad replies name no level for certain; why is what our rule says, reason why it is so.
var bad = []struct {
	text   string
	why    survey.ReplyWhy
	reason string
}{
	{"", survey.ReplyNoLevel, "says nothing"},
	{"   ", survey.ReplyNoLevel, "says nothing"},
	{"。。。", survey.ReplyNoLevel, "says nothing"},
	{"👍", survey.ReplyNoLevel, "a thumb is no level of five"},
	{"好", survey.ReplyNoLevel, "no level's name"},
	{"好评", survey.ReplyNoLevel, "praise is no level of five"},
	{"差评", survey.ReplyNoLevel, "two levels are 差评"},
	{"谢谢", survey.ReplyNoLevel, "thanks are no level"},
	{"一般", survey.ReplyNoLevel, "一 here is no digit, 一般 no level"},
	{"还行？", survey.ReplyNoLevel, "no level's name, and asked"},
	{"还行", survey.ReplyNoLevel, "no level's name"},
	{"这是什么？", survey.ReplyNoLevel, "a bare question"},
	{"你是谁", survey.ReplyNoLevel, "a bare question"},
	{"怎么退订", survey.ReplyNoLevel, "a question, no opt-out"},
	{"退订？", survey.ReplyNoLevel, "a question, no opt-out"},
	{"不退订", survey.ReplyNoLevel, "denied"},
	{"不匿名", survey.ReplyNoLevel, "denied"},
	{"R你好", survey.ReplyNoLevel, "a letter within a message is no opt-out"},
	{"等了两个小时", survey.ReplyNoLevel, "两 counts hours"},
	{"5个小时才办完", survey.ReplyNoLevel, "5 counts hours"},
	{"5分钟", survey.ReplyNoLevel, "5 counts minutes"},
	{"3号窗口态度差", survey.ReplyNoLevel, "3 names a window"},
	{"2天没人管", survey.ReplyNoLevel, "2 counts days"},
	{"1楼", survey.ReplyNoLevel, "1 names a floor"},
	{"5月办的", survey.ReplyNoLevel, "5 names a month"},
	{"A5", survey.ReplyNoLevel, "a letter touches the digit: perhaps a number of something"},
	{"R5", survey.ReplyNoLevel, "a letter touches the digit"},
	{"不是5", survey.ReplyNoLevel, "denied"},
	{"13800138000", survey.ReplyNoLevel, "a phone"},
	{"45", survey.ReplySeveral, "two digits"},
	{"55", survey.ReplySeveral, "two digits"},
	{"12345", survey.ReplySeveral, "several digits, and a hotline"},
	{"100分", survey.ReplySeveral, "out of another scale"},
	{"10", survey.ReplySeveral, "out of another scale"},
	{"十分", survey.ReplySeveral, "out of another scale"},
	{"5 4", survey.ReplySeveral, "two digits"},
	{"4，5", survey.ReplySeveral, "two digits"},
	{"5或4", survey.ReplyDoubtful, "a choice is left open"},
	{"4 或 5", survey.ReplySeveral, "a choice is left open"},
	{"4-5", survey.ReplyDoubtful, "a choice is left open"},
	{"1、2、3", survey.ReplySeveral, "several digits"},
	{"5 改为 4", survey.ReplySeveral, "two digits in one message"},
	{"5 等了3", survey.ReplySeveral, "what does the 3 count?"},
	{"4.5", survey.ReplyDoubtful, "between two levels"},
	{"5+", survey.ReplyDoubtful, "more than there is"},
	{"-1", survey.ReplyNoLevel, "less than there is"},
	{"10:30", survey.ReplySeveral, "a time"},
	{"五 四", survey.ReplySeveral, "two digits"},
	{"0", survey.ReplyOutside, "no level"},
	{"6", survey.ReplyOutside, "no level"},
	{"９", survey.ReplyOutside, "no level"},
	{"8分", survey.ReplyOutside, "out of another scale"},
	{"七", survey.ReplyOutside, "no level"},
	{"6 谢谢", survey.ReplyOutside, "no level"},
	{"5?", survey.ReplyDoubtful, "asked"},
	{"5吗", survey.ReplyDoubtful, "asked"},
	{"5还是4", survey.ReplyDoubtful, "asked"},
	{"5不对", survey.ReplyDoubtful, "denied"},
	{"不 5", survey.ReplyDoubtful, "denied"},
	{"满意？", survey.ReplyDoubtful, "asked"},
	{"满意吗", survey.ReplyDoubtful, "asked"},
	{"满意 吗", survey.ReplyDoubtful, "asked"},
	{"满意不", survey.ReplyDoubtful, "asked"},
	{"满意不满意", survey.ReplyDoubtful, "asked"},
	{"满意吧", survey.ReplyDoubtful, "supposed rather than said"},
	{"满意了吧", survey.ReplyDoubtful, "said in anger"},
	{"没有不满意", survey.ReplyDoubtful, "a denial of 不满意 is not yet 满意"},
	{"不是不满意", survey.ReplyDoubtful, "denied"},
	{"没有 不满意", survey.ReplyDoubtful, "denied, with a space"},
	{"不，满意", survey.ReplyDoubtful, "不 may belong to it"},
	{"不 满意", survey.ReplyDoubtful, "不 may belong to it or not"},
	{"并非非常满意", survey.ReplyDoubtful, "denied"},
	{"谈不上满意", survey.ReplyDoubtful, "denied"},
	{"不太满意", survey.ReplyDoubtful, "between two levels"},
	{"不是很满意", survey.ReplyDoubtful, "between two levels"},
	{"不是很 满意", survey.ReplyDoubtful, "between two levels, with a space"},
	{"不怎么满意", survey.ReplyDoubtful, "between two levels"},
	{"很满意", survey.ReplyDoubtful, "between 满意 and 非常满意"},
	{"挺满意的", survey.ReplyDoubtful, "between two levels"},
	{"比较满意", survey.ReplyDoubtful, "between two levels"},
	{"还算满意", survey.ReplyDoubtful, "weakened"},
	{"很不满意", survey.ReplyDoubtful, "between 不满意 and 非常不满意"},
	{"基本不满意", survey.ReplyDoubtful, "no level's name"},
	{"满意度太低", survey.ReplyDoubtful, "speaks of satisfaction, and is none"},
	{"满意的少", survey.ReplyDoubtful, "what follows turns it round"},
	{"满意个屁", survey.ReplyDoubtful, "irony"},
	{"满意才怪", survey.ReplyDoubtful, "irony"},
	{"非常满意，才怪", survey.ReplyDoubtful, "irony after a comma"},
	{"非常满意 呵呵", survey.ReplyDoubtful, "irony"},
	{"要是快一点就满意了", survey.ReplyDoubtful, "a condition"},
	{"希望下次满意", survey.ReplyDoubtful, "a wish"},
	{"满意 不满意", survey.ReplySeveral, "two levels"},
	{"服务满意，环境不满意", survey.ReplyDoubtful, "part good, part bad"},
	{"5满意", survey.ReplySeveral, "the digit and the word disagree"},
	{"1 非常满意", survey.ReplySeveral, "the digit and the word disagree: the other order"},
	{"5不满意", survey.ReplySeveral, "the digit and the word disagree"},
	{"1 非常好", survey.ReplyDoubtful, "the digit and the comment disagree: the other order"},
	{"1，服务很好", survey.ReplyDoubtful, "the digit and the comment disagree: the other order"},
	{"5 太差了", survey.ReplyDoubtful, "the digit and the comment disagree: the other order"},
	{"5 没有不满意", survey.ReplyDoubtful, "what the comment says is not sure"},
	{"not satisfied", survey.ReplyNoLevel, "denied"},
	{"never satisfied", survey.ReplyNoLevel, "denied"},
	{"satisfied?", survey.ReplyDoubtful, "asked"},
	{"satisfied, not", survey.ReplyDoubtful, "irony"},
	{"5 KF MW", survey.ReplyCodes, "two codes"},
	{"KF5MW", survey.ReplyNoLevel, "runs together"},
	{"KF", survey.ReplyNoLevel, "a code alone"},
}

func TestParseReply(t *testing.T) {
	if n := len(good) + len(bad); n < 120 {
		t.Fatalf("%d lines", n)
	}
	for _, c := range good {
		if got := ParseReply(c.text, openCodes); got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.text, got, c.want)
		}
	}
	for _, c := range bad {
		got := ParseReply(c.text, openCodes)
		if got.Level != survey.NoLevel || got.Stop || got.Anonymous {
			t.Errorf("%q (%s): got %+v, want nothing to be taken from it", c.text, c.reason, got)
		}
		if got.Why != c.why {
			t.Errorf("%q (%s): got %q, want %q", c.text, c.reason, got.Why, c.why)
		}
	}
}

// The order of the digits is the one the invitation names.
func TestDigitsAreThoseOfTheInterface(t *testing.T) {
	for _, l := range survey.Levels {
		digit := string(rune('0' + survey.HaoChaPing.Code(l)))
		if got := ParseReply(digit, nil).Level; got != l {
			t.Errorf("%s: got %v, want %v", digit, got, l)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	for _, c := range good {
		f.Add(c.text)
	}
	for _, c := range bad {
		f.Add(c.text)
	}
	f.Add(strings.Repeat("很", 2000))
	f.Add("\xff5\x00")
	f.Fuzz(func(t *testing.T, text string) {
		r := ParseReply(text, openCodes)
		if r.Level == survey.NoLevel && r.Why == "" || r.Level != survey.NoLevel && r.Why != "" {
			t.Errorf("%q: %+v", text, r)
		}
		if !utf8.ValidString(r.Comment) || utf8.RuneCountInString(r.Comment) > survey.MaxComment || strings.ContainsFunc(r.Comment, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
			t.Errorf("%q: a comment no response can hold: %q", text, r.Comment)
		}
		if r.Code != "" && !strings.Contains(strings.ToUpper(string(plain([]rune(visible(text))))), r.Code) {
			t.Errorf("%q: code %q from nowhere", text, r.Code)
		}
		if !strings.ContainsAny(text, "0123456789０１２３４５６７８９①②③④⑤一二三四五两") && !strings.Contains(strings.ReplaceAll(visible(text), "滿", "满"), "满意") &&
			!strings.Contains(strings.ToLower(string(plain([]rune(visible(text))))), "satisfied") && r.Level != survey.NoLevel {
			t.Errorf("%q: level %v from nowhere", text, r.Level)
		}
		if doubled := ParseReply("不是"+text, openCodes); doubled.Level != survey.NoLevel && strings.HasPrefix(text, "满意") {
			t.Errorf("%q denied: %+v", text, doubled)
		}
	})
}
