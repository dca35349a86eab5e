package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"

	"manyi/public"
	"manyi/survey"
)

// Pages holds every page of the product, ready to be filled in. It is
// immutable and safe to share.
type Pages struct {
	pages map[string]*template.Template
	csp   string
	texts texts
}

// consoleCSP allows the console's style file besides the product's own images
// and forms; no page holds any script.
const consoleCSP = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// NewPages parses the embedded templates and puts the texts in place. Any
// mistake in them is an error here, not on somebody's request.
func NewPages() (*Pages, error) { return newPages(public.Files) }

func newPages(files fs.FS) (*Pages, error) {
	texts, err := readTexts(files)
	if err != nil {
		return nil, err
	}
	styles := map[string]template.CSS{}
	digests := ""
	for _, name := range citizenStyles {
		css, err := fs.ReadFile(files, "styles/"+name+".css")
		if err != nil {
			return nil, fmt.Errorf("read style: %w", err)
		}
		styles[name] = template.CSS(plainCSS(string(css)))
		sum := sha256.Sum256([]byte(styles[name]))
		digests += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	base := template.New("").Option("missingkey=error").Funcs(texts.funcs()).Funcs(template.FuncMap{
		"style": func(name string) template.CSS { return styles[name] },
		"count": count, "percent": percent, "interval": interval, "cells": cells,
		"bars": bars, "trend": trend, "whole": whole,
	})
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := make(map[string]*template.Template, len(names))
	for _, name := range names {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		filled, err := texts.fill(string(source))
		if err != nil {
			return nil, fmt.Errorf("fill %s: %w", name, err)
		}
		page := strings.TrimSuffix(path.Base(name), ".html")
		if pages[page], err = base.New(page).Parse(plainHTML(filled)); err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
	}
	// Executing settles html/template's escaping, which finds the mistakes that parsing does not.
	for name, page := range pages {
		if err := page.Execute(io.Discard, nil); isEscapeError(err) {
			return nil, fmt.Errorf("check %s: %w", name, err)
		}
	}
	return &Pages{texts: texts, pages: pages, csp: strings.Replace(consoleCSP, "style-src 'self'", "style-src"+digests, 1)}, nil
}

// citizenStyles are the styles that citizen pages carry inside, each page those it
// needs: a byte less is a moment less on a bad network.
var citizenStyles = [...]string{"citizen", "form", "card"}

// CSP is the Content-Security-Policy of the citizen pages: their styles are
// allowed by their digests, and nothing else may run or load.
func (p *Pages) CSP() string { return p.csp }

// ConsoleCSP is the Content-Security-Policy of the console pages.
func (p *Pages) ConsoleCSP() string { return consoleCSP }

// Words are a text of the product, for what is not a page.
func (p *Pages) Words(key string) survey.Text { return p.texts[key] }

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Render writes a page. The page is made whole before its first byte goes out,
// so after an error nothing has been written and another page may be.
func (p *Pages) Render(w io.Writer, name string, view any) error {
	page, ok := p.pages[name]
	if !ok {
		return fmt.Errorf("render %q: no such page", name)
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	if err := page.Execute(buffer, view); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	_, err := buffer.WriteTo(w)
	return err
}

func isEscapeError(err error) bool {
	_, ok := err.(*template.Error)
	return ok
}

// texts are the product's sentences by key.
type texts map[string]survey.Text

func readTexts(files fs.FS) (texts, error) {
	raw, err := fs.ReadFile(files, "texts.json")
	if err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	var t texts
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	return t, nil
}

// textCall is a text with a fixed key, such as {{both "rate.send"}}.
var textCall = regexp.MustCompile(`\{\{(zh|en|both) "([^"]+)"\}\}`)

// fill replaces the texts with fixed keys by their words, before parsing: a
// missing text then fails at start, and a request spends nothing on the rest.
func (t texts) fill(source string) (string, error) {
	var missing error
	filled := textCall.ReplaceAllStringFunc(source, func(call string) string {
		parts := textCall.FindStringSubmatch(call)
		words, ok := t[parts[2]]
		if !ok {
			missing = fmt.Errorf("no text %q", parts[2])
		}
		switch parts[1] {
		case "zh":
			return html.EscapeString(words.Zh)
		case "en":
			return html.EscapeString(words.En)
		}
		return string(both(words))
	})
	return filled, missing
}

// funcs are for texts whose key is only known with the view. The key may come
// in parts: {{text "fault." .Why}}.
func (t texts) funcs() template.FuncMap {
	find := func(parts []any) (survey.Text, error) {
		key := fmt.Sprint(parts...)
		words, ok := t[key]
		if !ok {
			return words, fmt.Errorf("no text %q", key)
		}
		return words, nil
	}
	return template.FuncMap{
		"text": func(parts ...any) (template.HTML, error) {
			words, err := find(parts)
			return both(words), err
		},
		"textZh": func(parts ...any) (string, error) {
			words, err := find(parts)
			return words.Zh, err
		},
		"words":   both,
		"options": t.options(),
	}
}

// options makes the choices of a sub-question, with the answer picked.
func (t texts) options() func(answer string) template.HTML {
	choices := map[string]template.HTML{}
	for _, picked := range append([]survey.Level{survey.NoLevel}, survey.Levels[:]...) {
		var b strings.Builder
		fmt.Fprintf(&b, "<option value>%s", html.EscapeString(t["level.none"].Zh))
		for _, l := range survey.Levels {
			selected := ""
			if l == picked {
				selected = " selected"
			}
			fmt.Fprintf(&b, "<option value=%s%s>%s", l, selected, html.EscapeString(t["level."+l.String()].Zh))
		}
		choices[picked.String()] = template.HTML(b.String())
	}
	return func(answer string) template.HTML {
		if choice, ok := choices[answer]; ok {
			return choice
		}
		return choices[survey.NoLevel.String()]
	}
}

// both is a text in both languages, Chinese first as the page's own language.
func both(t survey.Text) template.HTML {
	if t.En == "" {
		return template.HTML(html.EscapeString(t.Zh))
	}
	return template.HTML(html.EscapeString(t.Zh) + ` <i lang=en>` + html.EscapeString(t.En) + `</i>`)
}

var (
	indent     = regexp.MustCompile(`(?m)^[ \t\n]+`)
	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
)

// plainHTML and plainCSS drop what only their authors read, as it would travel
// with every page. A template must not rely on a line end between two tags.
func plainHTML(source string) string {
	return strings.ReplaceAll(indent.ReplaceAllString(source, ""), ">\n<", "><")
}

func plainCSS(css string) string {
	css = indent.ReplaceAllString(cssComment.ReplaceAllString(css, ""), "")
	return strings.ReplaceAll(strings.TrimSpace(css), "\n", "")
}
