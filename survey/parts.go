package survey

import "unicode/utf8"

// TextParts is how a text travels over the air: in the GSM 7-bit alphabet (3GPP TS
// 23.038) if it holds nothing else, in UCS-2 otherwise, and cut into parts that are
// each paid for.
type TextParts struct {
	Unicode bool
	Units   int // septets, or UTF-16 code units
	N       int // parts; an empty text is one
}

// The units of one message that stands alone, and of each part of a longer one, which
// needs room to be put together again.
const (
	gsmAlone, gsmPart = 160, 153
	ucsAlone, ucsPart = 70, 67
)

// gsmPlain is the default alphabet, one septet each, and gsmExtended the extension
// table, two septets each.
var gsmPlain, gsmExtended = setOf("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"),
	setOf("\f^{}\\[~]|€")

func setOf(text string) map[rune]bool {
	set := map[rune]bool{}
	for _, r := range text {
		set[r] = true
	}
	return set
}

// Parts counts the parts of a text. Neither an extended character nor a pair of code
// units is cut in two, so a part may stay one unit short.
func Parts(text string) TextParts {
	p := TextParts{}
	for _, r := range text {
		if !gsmPlain[r] && !gsmExtended[r] {
			p.Unicode = true
			break
		}
	}
	alone, part := gsmAlone, gsmPart
	if p.Unicode {
		alone, part = ucsAlone, ucsPart
	}
	width := func(r rune) int {
		if p.Unicode && r > 0xffff && r != utf8.RuneError || !p.Unicode && gsmExtended[r] {
			return 2
		}
		return 1
	}
	left := part
	p.N = 1
	for _, r := range text {
		w := width(r)
		p.Units += w
		if left < w {
			p.N++
			left = part
		}
		left -= w
	}
	if p.Units <= alone {
		p.N = 1
	}
	return p
}
