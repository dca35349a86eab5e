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

// textOf is one of the product's sentences by key; empty if there is none.
// Text is one of the product's sentences, for the files that commands write.
func Text(key string) survey.Text { return textOf(key) }

func textOf(key string) survey.Text {
	t, _ := embeddedTexts() // a mistake in them is an error at start
	return t[key]
}

// SayText is what is said back to a citizen who wrote a text message, in a language.
func SayText(say survey.Say, language string) string {
	words := textOf("sms." + string(say))
	if language == "en" {
		return words.En
	}
	return words.Zh
}
