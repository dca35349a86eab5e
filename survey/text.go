package survey

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a sentence in the two languages of the product.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// runes counts code points, the unit in which limits are stated to people.
func runes(s string) int { return utf8.RuneCountInString(s) }

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// cleanLines makes every line end one "\n", as forms send "\r\n" for what a
// person typed once; nothing else is touched.
func cleanLines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// badText reports bytes no text column or file should hold: broken UTF-8 and
// control characters other than line end and tab.
func badText(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t'
	})
}

// narrow turns full-width ASCII (as Chinese keyboards send it) into plain ASCII
// and trims spaces, for numbers that are compared letter by letter.
func narrow(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			return r - '！' + '!'
		case r == '\u3000':
			return ' '
		}
		return r
	}, s))
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
