package survey

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Mask hides the numbers in a text by which somebody can be reached or known (脱敏):
// mobile phones, landlines with their area code, numbers written with their country's
// code, and identity numbers (身份证号) of 18 and 15 digits. A phone becomes 138****8000,
// see [MaskPhone], an identity number its first four digits and stars. Masking a text
// twice changes nothing more.
//
// A number is found however its digits are written: full width, in circles or Chinese,
// with spaces, hyphens, dots and brackets between them, and before or after any other
// word. It has to stand for itself, not inside a longer row of digits: so order and case
// numbers, dates, times and amounts stay, and a phone glued to other digits does too.
// Where digits could be either, they are hidden: a case number of 18 digits that begins
// like an identity number and whose check digit is right by chance (one in eleven of
// those), one of 15 digits that reads as a place and a day of the twentieth century,
// and small numbers side by side that make a phone. Local numbers without area code
// are not told from other numbers of their length, and stay; so do service lines (400,
// 12345). Letters, such as names and addresses of mail, are not looked at.
func Mask(text string) string {
	if !mayHold(text) {
		return text
	}
	var b strings.Builder
	done := 0
	groups := groupsOf(text)
	for i := 0; i < len(groups); {
		n, from, to, shown := numberAt(text, groups[i:])
		if n == 0 {
			i++
			continue
		}
		b.WriteString(text[done:from])
		b.WriteString(shown)
		done, i = to, i+n
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// ShowsMask reports whether a text looks as if a number in it was hidden. Somebody
// may have typed it so.
func ShowsMask(text string) bool { return strings.Contains(text, "****") }

// shortestNumber is how many digits the shortest number that Mask hides has, and
// longestNumber the longest: an international number of 15 behind 00.
const (
	shortestNumber = 8
	longestNumber  = 18
)

func mayHold(text string) bool {
	n := 0
	for _, r := range text {
		if digit(r) {
			if n++; n == shortestNumber {
				return true
			}
		}
	}
	return false
}

// digitGroup is a row of digits written in one way without a break.
type digitGroup struct {
	digits   string // as ASCII
	from, to int    // in the text, in bytes; a plus sign before it is part of it
	// first means that nothing before it can belong to the same number.
	first bool
	plus  bool // a plus sign stands before it
	inert bool // it is what a mask left
}

// maxJoint is how many runes between two groups of one number there may be.
const maxJoint = 4

func groupsOf(text string) (groups []digitGroup) {
	kind := 0
	joint := maxJoint + 1 // runes since the last group, more than maxJoint if no number goes on across them
	plus := -1            // where a plus sign stands that the next group may follow
	open := false         // the last group may still grow
	for at, r := range text {
		value, k := digitValue(r)
		switch {
		case k == 0 && unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me): // invisible, or part of what stands before
			continue
		case k == 0:
			open = false
			switch {
			case r == '+' || r == '＋':
				plus, joint = at, maxJoint+1
			case !jointRune(r):
				plus, joint = -1, maxJoint+1
			default:
				joint++
			}
			continue
		}
		end := at + utf8.RuneLen(r)
		if open && k == kind {
			g := &groups[len(groups)-1]
			g.digits += string('0' + rune(value))
			g.to = end
			continue
		}
		g := digitGroup{digits: string('0' + rune(value)), from: at, to: end, first: joint > maxJoint, plus: plus >= 0}
		if g.plus {
			g.from = plus
		}
		groups = append(groups, g)
		kind, open, joint, plus = k, true, 0, -1
	}
	for i := range groups {
		g := &groups[i]
		g.inert = len(g.digits) <= 4 && (strings.HasSuffix(text[:g.from], "****") || strings.HasPrefix(text[g.to:], "****"))
	}
	return groups
}

// jointRune reports whether a rune may stand between the parts of one number.
func jointRune(r rune) bool {
	switch r {
	case '.', '．', '·', '•', '_', '(', ')', '（', '）', '[', ']', '〔', '〕', '【', '】', '~', '～':
		return true
	case '\n', '\r':
		return false
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r)
}

// numberAt looks for the longest number that begins with the first group and ends
// with a group: how many groups it takes, where it stands, and what is shown for it.
func numberAt(text string, groups []digitGroup) (n, from, to int, shown string) {
	digits := ""
	for i, g := range groups {
		if g.inert || i > 0 && g.first || len(digits)+len(g.digits) > longestNumber {
			break
		}
		digits += g.digits
		if s := maskedPhone(digits, groups[0].plus); s != "" {
			n, to, shown = i+1, g.to, s
		}
		if len(digits) == 17 {
			if end := checkX(text[g.to:]); end > 0 && identity18(digits+"X") {
				n, to, shown = i+1, g.to+end, maskIdentity(digits+"X")
			}
		}
		if identity18(digits) || identity15(digits) {
			n, to, shown = i+1, g.to, maskIdentity(digits)
		}
	}
	return n, groups[0].from, to, shown
}

// checkX is the length of an X that stands for the last digit of an identity number.
func checkX(rest string) int {
	for at, r := range rest {
		switch {
		case r == 'X' || r == 'x' || r == 'Ｘ' || r == 'ｘ' || r == '×':
			return at + utf8.RuneLen(r)
		case !jointRune(r) || at > 2:
			return 0
		}
	}
	return 0
}

// maskedPhone is what is shown for a phone, "" if the digits are none.
func maskedPhone(digits string, plus bool) string {
	home, abroad := digits, false
	switch {
	case plus && strings.HasPrefix(digits, "86"):
		home, abroad = digits[2:], true
	case strings.HasPrefix(digits, "0086"):
		home, abroad = digits[4:], true
	case len(digits) == 13 && strings.HasPrefix(digits, "86"):
		home = digits[2:]
	}
	switch {
	case mobile(home):
	case len(home) == 12 && home[0] == '0' && mobile(home[1:]): // as dialled from another city, once
		home = home[1:]
	case landline(home):
	case abroad && landline("0"+home):
		home = "0" + home
	case plus && !abroad && len(digits) >= 8 && len(digits) <= 15 && digits[0] != '0':
	default:
		return ""
	}
	return MaskPhone(home)
}

func mobile(d string) bool { return len(d) == 11 && d[0] == '1' && d[1] >= '3' }

// landline reports whether digits are an area code and a local number: 010 and 02x
// with eight digits, the others with seven or eight. Local numbers begin with 2 to 8.
func landline(d string) bool {
	if len(d) < 10 || len(d) > 12 || d[0] != '0' || d[1] == '0' {
		return false
	}
	area := 4
	if d[1] == '1' || d[1] == '2' {
		area = 3
	}
	if d[1] == '1' && d[2] != '0' {
		return false
	}
	local := d[area:]
	return (len(local) == 8 || len(local) == 7 && area == 4) && local[0] >= '2' && local[0] <= '8'
}

// identity18 checks an identity number as GB 11643 makes them: a division's code, a
// day of birth, a serial number, and a check digit by ISO 7064 MOD 11-2.
func identity18(d string) bool {
	if len(d) != 18 || !division(d) || !birthday(d[6:14]) {
		return false
	}
	sum := 0
	for i := range 17 {
		if d[i] == 'X' {
			return false
		}
		sum += int(d[i]-'0') * (1 << (17 - i) % 11)
	}
	return d[17] == "10X98765432"[sum%11]
}

// identity15 is the older form, of people born in the twentieth century.
func identity15(d string) bool { return len(d) == 15 && division(d) && birthday("19"+d[6:12]) }

// division reports whether digits begin with the code of a division of GB/T 2260.
func division(d string) bool {
	switch d[0] {
	case '1':
		return '1' <= d[1] && d[1] <= '5'
	case '2':
		return '1' <= d[1] && d[1] <= '3'
	case '3':
		return '1' <= d[1] && d[1] <= '7'
	case '4':
		return '1' <= d[1] && d[1] <= '6'
	case '5':
		return d[1] <= '4'
	case '6':
		return '1' <= d[1] && d[1] <= '5'
	case '7':
		return d[1] == '1'
	case '8':
		return '1' <= d[1] && d[1] <= '3'
	}
	return false
}

// birthday reports whether eight digits are a day from 1900 to 2099.
func birthday(d string) bool {
	_, err := time.Parse("20060102", d)
	return err == nil && (d[:2] == "19" || d[:2] == "20")
}

// maskIdentity shows the province and city of an identity number.
func maskIdentity(d string) string { return d[:4] + strings.Repeat("*", len(d)-4) }

// digitValue is the value of a rune that stands for one digit, and in which way it is
// written: 0 for no digit.
func digitValue(r rune) (value, kind int) {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0'), 1
	case r < 0x80:
		return 0, 0
	case r >= '①' && r <= '⑨':
		return int(r-'①') + 1, 3
	case r >= '❶' && r <= '❾':
		return int(r-'❶') + 1, 3
	case r == '⓪':
		return 0, 3
	case r == '⁰' || r >= '⁴' && r <= '⁹':
		return int(r - '⁰'), 3
	case r >= '₀' && r <= '₉':
		return int(r - '₀'), 3
	case r == '¹':
		return 1, 3
	case r == '²' || r == '³':
		return int(r-'²') + 2, 3
	case unicode.IsDigit(r):
		for _, in := range unicode.Nd.R16 {
			if rune(in.Lo) <= r && r <= rune(in.Hi) {
				return int(r-rune(in.Lo)) % 10, 1
			}
		}
		for _, in := range unicode.Nd.R32 {
			if rune(in.Lo) <= r && r <= rune(in.Hi) {
				return int(r-rune(in.Lo)) % 10, 1
			}
		}
	}
	if value, ok := chineseDigits[r]; ok {
		return value, 2
	}
	return 0, 0
}

var chineseDigits = map[rune]int{'零': 0, '〇': 0, '一': 1, '二': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9, '幺': 1,
	'壹': 1, '贰': 2, '叁': 3, '肆': 4, '伍': 5, '陆': 6, '柒': 7, '捌': 8, '玖': 9}
