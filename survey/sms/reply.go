package sms

import (
	"regexp"
	"strings"
	"unicode"

	"manyi/survey"
)

// ParseReply reads a reply to an invitation: a digit in the order of the 好差评
// interfaces (5 is very satisfied), or the name of a level; beside them a comment,
// the code of one of the open invitations, and the words of [survey.Reply]. It never
// guesses: what is denied ("没有不满意"), asked ("满意？"), weakened ("还算满意") or
// spoken against ("1 非常好") is no level, since a citizen can be asked again and a
// wrong figure cannot be taken back.
func ParseReply(text string, codes []string) survey.Reply {
	shown := []rune(visible(text))
	p := &parsing{from: len(shown)}
	for _, c := range p.split(plain(shown), codes) {
		p.take(c)
	}
	r := p.reply
	if len(p.codes) == 1 {
		r.Code = p.codes[0]
	}
	r.Level, r.Why = p.level()
	if r.Comment = comment(shown[p.from:]); r.Level == survey.NoLevel && r.Unclear() {
		r.Comment = comment(shown) // perhaps the answer to another question
	}
	return r
}

func comment(shown []rune) string {
	text := strings.TrimFunc(string(shown), unicode.IsSpace)
	if all := []rune(text); len(all) > survey.MaxComment {
		text = string(all[:survey.MaxComment])
	}
	return text
}

// parsing is what was found so far.
type parsing struct {
	reply  survey.Reply
	codes  []string
	levels []survey.Level // of digits and names that stand by themselves
	digits int            // how many of them are digits
	rest   []string       // what is said besides
	from   int            // where the first of it stands, and where it stood before the last of it
	before int
	last   string // the last of it, if it stands right before
	spaced bool   // only spaces follow it
	why    survey.ReplyWhy
}

var (
	greeting = regexp.MustCompile(`^(?:您好|你好|我选择|我选|选择|选|回复|答复|我的评价是|评价是|评价|打分|评分|我打|打|我给|给|感觉)+`)
	change   = `^(更正为|更正|改为|改成)?`
	named    = regexp.MustCompile(change + `((?:非常非常|非常|十分|特别|基本)?不?满意)(.*)$`)
	number   = regexp.MustCompile(change + `([0-9]+|[一二三四五六七八九十零〇两])(颗星|星|分)?(.*)$`)
	// What may touch a level without turning it round. More may follow a digit than a
	// word: 满意的少, 满意了吧 and 满意才怪 are not 满意.
	afterWord  = regexp.MustCompile(`^(?:[的了啊呀哦喔噢哈啦滴]*$|[的了啊呀哦喔噢哈啦滴]*(?:谢|感谢|多谢|辛苦|点赞))`)
	afterDigit = regexp.MustCompile(`^(?:[的了啊呀哦喔噢哈啦滴吧]*$|[的了啊呀哦喔噢哈啦滴吧]*(?:谢|感谢|多谢|辛苦|点赞|很好|非常好|好评|不错|好|服务|态度|等|太|很|因为|工作人员|效率|环境|速度|办|退订|匿名))`)
	measure    = regexp.MustCompile(`^(?:个|小时|分钟|天|次|号|楼|点|月|年|人|元|块|回|趟|遍|周|日|名|位|份|张|秒|米|层|台|岁|件|h|min)`)
	no         = regexp.MustCompile(`(?:不|没|没有|未|无|不是|并不|并非|不太|不算|不很|不够|not|no|never|难|谈不上|说不上|算不上)$`)
	irony      = regexp.MustCompile(`才怪|反话|骗人|骗你|假的|开玩笑|呵呵|个屁|个鬼|讽刺|^not$|^never$|^吗$|^么$|^嘛$|^不$|^是不可能的$`)
	figures    = regexp.MustCompile(`[0-9]+`)
	digits     = strings.NewReplacer("一", "1", "二", "2", "两", "2", "三", "3", "四", "4", "五", "5", "六", "6", "七", "7", "八", "8", "九", "9", "零", "0", "〇", "0", "十", "10")
)

// names are the names of the levels, with the words for "very" that mean 非常 and
// nothing else. 很, 挺 and the like stand between two levels and are left out.
var names = map[string]survey.Level{
	"非常满意": survey.VerySatisfied, "十分满意": survey.VerySatisfied, "特别满意": survey.VerySatisfied, "非常非常满意": survey.VerySatisfied,
	"满意": survey.Satisfied, "基本满意": survey.BasicallySatisfied, "不满意": survey.Dissatisfied,
	"非常不满意": survey.VeryDissatisfied, "十分不满意": survey.VeryDissatisfied, "特别不满意": survey.VeryDissatisfied, "非常非常不满意": survey.VeryDissatisfied,
}

// take reads one clause.
func (p *parsing) take(c clause) {
	if p.word(c) {
		return
	}
	text := greeting.ReplaceAllString(c.text, "")
	if text == "" {
		return
	}
	c.start += len([]rune(c.text)) - len([]rune(text))
	if p.spaced && (p.last == "非常" || p.last == "基本") { // 非常 满意
		p.rest, p.from = p.rest[:len(p.rest)-1], p.before
		text, p.last, c.start = p.last+text, "", c.start-len([]rune(p.last))
	}
	if m := named.FindStringSubmatch(text); m != nil && names[m[2]] != survey.NoLevel {
		p.named(c, m[1], m[2], m[3])
		return
	}
	if m := number.FindStringSubmatch(text); m != nil {
		p.number(c, m[1], m[2], m[3], m[4])
		return
	}
	p.beside(c, text)
}

// asks reports whether a clause is asked rather than said.
func (c clause) asks() bool {
	return strings.ContainsAny(c.after, "?？") || strings.HasSuffix(c.text, "吗") || strings.HasSuffix(c.text, "么") || strings.HasSuffix(c.text, "呢") || strings.HasSuffix(c.text, "嘛")
}

// polite is what people put around one of our words without changing what it says.
var polite = []string{"请", "麻烦", "我", "要求", "要", "想", "给", "帮", "回复", "选择", "短信", "谢谢", "立即", "马上", "吧", "了", "啊", "td"}

// word takes a clause that is one of our words. A single letter is one only if it is
// the whole message.
func (p *parsing) word(c clause) bool {
	bare := c.text
	if c.asks() {
		return false
	}
	for cut := true; cut && bare != "td"; {
		cut = false
		for _, w := range polite {
			if s, ok := strings.CutPrefix(bare, w); ok && s != "" {
				bare, cut = s, true
			} else if s, ok := strings.CutSuffix(bare, w); ok && s != "" {
				bare, cut = s, true
			}
		}
	}
	switch bare {
	case "r", "t":
		if !c.only || bare != c.text {
			return false
		}
		p.reply.Stop = true
	case survey.WordStop, "td", "unsubscribe":
		p.reply.Stop = true
	case survey.WordAnonymous, "anonymous":
		p.reply.Anonymous = true
	case survey.WordChange:
		p.reply.Change = true
	default:
		return false
	}
	p.last = ""
	return true
}

// named takes a clause that begins with the name of a level.
func (p *parsing) named(c clause, change, word, rest string) {
	switch {
	case !afterWord.MatchString(rest), c.asks() && rest == "":
		p.doubt(survey.ReplyDoubtful)
	case p.spaced && p.last != "" && !endsSentence(p.last): // 服务 满意 as 不是很 满意
		p.doubt(survey.ReplyDoubtful)
	default:
		p.say(c, change, names[word], rest)
	}
}

// endsSentence is for a comment that can hardly be the beginning of what follows.
func endsSentence(text string) bool {
	return strings.HasSuffix(text, "了") || strings.HasSuffix(text, "好")
}

// number takes a clause that begins with a number.
func (p *parsing) number(c clause, change, figure, unit, rest string) {
	digit := digits.Replace(figure)
	name := named.FindStringSubmatch(rest)
	switch {
	case measure.MatchString(unit + rest), len(digit) >= 7:
		p.beside(c, figure+unit+rest) // 2小时, 3号窗口, a phone: how many or which, no level
	case digit != figure && unit == "" && rest != "":
		p.beside(c, figure+rest) // 一般, 三番五次: a word, not a number
	case len(digit) > 1:
		p.doubt(survey.ReplySeveral)
	case c.asks() && rest == "":
		p.doubt(survey.ReplyDoubtful)
	case name != nil && names[name[2]] != survey.NoLevel && afterWord.MatchString(name[3]) && unit == "":
		p.say(c, change, levelOf(digit), "")
		p.digits++
		p.say(c, "", names[name[2]], name[3])
	case !afterDigit.MatchString(rest):
		p.doubt(survey.ReplyDoubtful)
	default:
		p.say(c, change, levelOf(digit), rest)
		p.digits++
	}
}

func levelOf(digit string) survey.Level {
	l, _ := survey.HaoChaPing.Level(int(digit[0] - '0'))
	return l
}

// say takes a level, and what is said in the same breath.
func (p *parsing) say(c clause, change string, l survey.Level, rest string) {
	if no.MatchString(p.last) {
		p.doubt(survey.ReplyDoubtful) // 不, 满意
	}
	if p.last = ""; change != "" {
		p.reply.Change = true
	}
	if l == survey.NoLevel {
		p.doubt(survey.ReplyOutside)
		return
	}
	p.levels = append(p.levels, l)
	if strings.TrimLeft(rest, "的了啊呀哦喔噢哈啦滴吧") != "" {
		c.start += len([]rune(c.text)) - len([]rune(rest))
		p.beside(c, rest)
		p.last = ""
	}
}

// beside takes what is no level.
func (p *parsing) beside(c clause, text string) {
	p.before = p.from
	p.rest, p.from = append(p.rest, text), min(p.from, c.start)
	p.last, p.spaced = text, strings.TrimFunc(c.after, unicode.IsSpace) == ""
}

// doubt notes why there is no level; the first reason stays.
func (p *parsing) doubt(why survey.ReplyWhy) {
	if p.why == "" {
		p.why = why
	}
}

// level weighs what was found.
func (p *parsing) level() (survey.Level, survey.ReplyWhy) {
	said := strings.Join(p.rest, " ")
	switch {
	case p.why != "":
		return survey.NoLevel, p.why
	case len(p.codes) > 1:
		return survey.NoLevel, survey.ReplyCodes
	case len(p.levels) == 0 && strings.Contains(said, "满意"):
		return survey.NoLevel, survey.ReplyDoubtful
	case len(p.levels) == 0:
		return survey.NoLevel, survey.ReplyNoLevel
	case p.digits > 1:
		return survey.NoLevel, survey.ReplySeveral
	}
	level := p.levels[0]
	for _, l := range p.levels {
		if l != level {
			return survey.NoLevel, survey.ReplySeveral
		}
	}
	for _, rest := range p.rest {
		if irony.MatchString(rest) {
			return survey.NoLevel, survey.ReplyDoubtful
		}
		for _, at := range figures.FindAllStringIndex(rest, -1) {
			if at[1]-at[0] < 7 && !measure.MatchString(rest[at[1]:]) {
				return survey.NoLevel, survey.ReplySeveral
			}
		}
	}
	if good, bad := feeling(said); level.Bad() && good && !bad || level < survey.BasicallySatisfied && bad && !good {
		return survey.NoLevel, survey.ReplyDoubtful
	}
	return level, ""
}

var (
	praise = regexp.MustCompile(`满意|很好|非常好|太好|好评|不错|点赞|表扬`)
	blame  = regexp.MustCompile(`太差|很差|差劲|差评|垃圾|恶劣|气死|投诉|失望`)
)

// feeling reports whether a comment praises, and whether it blames. Somebody who
// means the other order of the digits is found out by it.
func feeling(said string) (good, bad bool) {
	for _, at := range praise.FindAllStringIndex(said, -1) {
		before := []rune(said[:at[0]])
		if strings.ContainsAny(string(before[max(0, len(before)-3):]), "不没未无非难别") {
			bad = true
		} else {
			good = true
		}
	}
	return good, bad || blame.MatchString(said)
}
