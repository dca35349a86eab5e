package aliyun

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Template is an approved text (短信模板) and its code, such as SMS_154950909. Places are
// written ${name}, as in the service's console.
type Template struct {
	Code string `json:"code"`
	Text string `json:"text"`
	form *regexp.Regexp
}

var place = regexp.MustCompile(`\$\{([A-Za-z][A-Za-z0-9_]*)\}`)

// ReadTemplates reads a list of templates. The error names the one and what is wrong.
func ReadTemplates(data []byte) ([]Template, error) {
	var list []Template
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, errors.New(`want [{"code": "SMS_…", "text": "…${name}…"}]`)
	}
	if len(list) == 0 {
		return nil, errors.New("no template")
	}
	for i := range list {
		t := &list[i]
		if t.Code == "" || t.Text == "" {
			return nil, fmt.Errorf("template %d: code or text is missing", i+1)
		}
		names, form := map[string]bool{}, "(?s)^"
		rest := t.Text
		for {
			at := place.FindStringSubmatchIndex(rest)
			if at == nil {
				break
			}
			name := rest[at[2]:at[3]]
			if names[name] {
				return nil, fmt.Errorf("template %d: ${%s} stands there twice", i+1, name)
			}
			names[name] = true
			form += regexp.QuoteMeta(rest[:at[0]]) + "(?P<" + name + ">.+?)"
			rest = rest[at[1]:]
		}
		t.form = regexp.MustCompile(form + regexp.QuoteMeta(rest) + "$")
	}
	return list, nil
}

// match finds the template a text was made from, and what stands in its places.
func match(list []Template, text string) (code string, params map[string]string, ok bool) {
	for _, t := range list {
		m := t.form.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		params = map[string]string{}
		for i, name := range t.form.SubexpNames() {
			if name != "" {
				params[name] = m[i]
			}
		}
		return t.Code, params, true
	}
	return "", nil, false
}

// splitSignature takes the signature off a text: the service puts it there itself.
func splitSignature(text string) (sign, rest string) {
	inner, ok := strings.CutPrefix(text, "【")
	if !ok {
		return "", text
	}
	sign, rest, ok = strings.Cut(inner, "】")
	if !ok {
		return "", text
	}
	return sign, rest
}
