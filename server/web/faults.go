package web

import (
	"sync"

	"manyi/public"
	"manyi/survey"
)

var embeddedTexts = sync.OnceValues(func() (texts, error) { return readTexts(public.Files) })

// FaultText is the product's sentence for what is wrong with a value; without
// one, the word itself.
func FaultText(why survey.Why) survey.Text {
	t, err := embeddedTexts()
	words, ok := t["fault."+string(why)]
	if err != nil || !ok {
		return survey.Text{Zh: string(why)}
	}
	return words
}
