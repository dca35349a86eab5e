package survey

import "unicode"

// ForWindow reports whether a comment may be shown to the window it is about: at
// once if nobody can be known by it, else only after it was released. Named (实名)
// means that the citizen left a contact. Of a good review there is no case and so
// no release: if it is named, the window never sees it.
func ForWindow(comment string, named, released bool) bool {
	return released || !named && !HoldsNumber(comment)
}

// numberDigits is how long a number has to be to tell who somebody is: the shortest
// phone numbers have seven digits.
const numberDigits = 7

// HoldsNumber reports whether a text holds what looks like a phone, identity or case
// number: seven digits in a row, however they are written, with spaces, hyphens and
// the like between them or not. A date in digits is taken for one too: better a text
// too few. Names and other ways to reach somebody are not recognised.
func HoldsNumber(text string) bool {
	digits := 0
	for _, r := range text {
		switch {
		case digit(r):
			if digits++; digits == numberDigits {
				return true
			}
		case !joins(r):
			digits = 0
		}
	}
	return false
}

// digit reports whether a rune stands for one digit: of any script, in a circle or
// full width, or the Chinese ones people read numbers with.
func digit(r rune) bool {
	_, kind := digitValue(r)
	return kind != 0
}

// joins reports whether a rune between two digits leaves them one number.
func joins(r rune) bool {
	switch r {
	case '.', '·', '/', '_', '+', '*', ',', '，', '(', ')', '（', '）', '~', '～', '|':
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf, unicode.Mn, unicode.Me)
}
