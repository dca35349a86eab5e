package sms

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// visible drops what is no character anybody typed.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n'
		case unicode.IsControl(r), unicode.In(r, unicode.Cf), r == '\ufe0f', r == '\u20e3':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// plain makes full-width letters and digits plain, circled digits digits, and letters
// small, rune by rune: places in it are places in the text.
func plain(shown []rune) []rune {
	out := slices.Clone(shown)
	for i, r := range out {
		switch {
		case r >= '！' && r <= '～':
			r += '!' - '！'
		case r >= '①' && r <= '⑨':
			r += '1' - '①'
		case r == '滿':
			r = '满'
		}
		if r < unicode.MaxASCII {
			r = unicode.ToLower(r)
		}
		out[i] = r
	}
	return out
}

// clause is a stretch of the text without a break in it, and the marks after it.
type clause struct {
	text, after string
	start       int // in runes
	only        bool
}

var (
	run          = regexp.MustCompile(`[0-9a-z]+`)
	english      = regexp.MustCompile(`(?:^|[^a-z\s])\s*((?:very |basically )?satisfied|(?:very )?dissatisfied)(?:$|[^a-z])`)
	englishNames = map[string]string{"very satisfied": "非常满意", "satisfied": "满意", "basically satisfied": "基本满意",
		"dissatisfied": "不满意", "very dissatisfied": "非常不满意"}
)

// split cuts a text into clauses, after it has taken the codes out.
func (p *parsing) split(text []rune, codes []string) (out []clause) {
	flat := run.ReplaceAllStringFunc(string(text), func(word string) string {
		for _, code := range codes {
			if at, ok := codeIn(word, strings.ToLower(code)); ok {
				if !slices.Contains(p.codes, code) {
					p.codes = append(p.codes, code)
				}
				return word[:at] + strings.Repeat(" ", len(code)) + word[at+len(code):]
			}
		}
		return word
	})
	for {
		at := english.FindStringSubmatchIndex(flat)
		if at == nil {
			break
		}
		words := flat[at[2]:at[3]]
		han := []rune(englishNames[words])
		flat = flat[:at[2]] + string(han) + strings.Repeat(" ", len(words)-len(han)) + flat[at[3]:]
	}
	text = []rune(flat)
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && (!breaks(text[end]) || joinsDigits(text, end)) {
			end++
		}
		next := end
		for next < len(text) && breaks(text[next]) && !joinsDigits(text, next) {
			next++
		}
		if end > i {
			out = append(out, clause{text: string(text[i:end]), after: string(text[end:next]), start: i})
		}
		i = next
	}
	for i := range out {
		out[i].only = len(out) == 1
	}
	return out
}

// codeIn finds a code that is a whole word, or has one digit before or after it.
func codeIn(word, code string) (at int, ok bool) {
	digit := func(s string) bool { return s == "" || len(s) == 1 && s[0] >= '0' && s[0] <= '9' }
	if code == "" {
		return 0, false
	}
	if left, ok := strings.CutSuffix(word, code); ok && digit(left) {
		return len(left), true
	}
	right, ok := strings.CutPrefix(word, code)
	return 0, ok && digit(right)
}

func breaks(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) }

// joinsDigits keeps 4.5, 10:30, 3/5, 4-5, 4+ and -1 whole: they are no single digit.
func joinsDigits(text []rune, i int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(text) && unicode.IsDigit(text[i]) }
	switch text[i] {
	case '.', ':', '/', '~', '*', '=', '～', '：':
		return digit(i-1) && digit(i+1)
	case '-', '<', '>':
		return digit(i + 1)
	case '+', '%':
		return digit(i - 1)
	}
	return false
}
