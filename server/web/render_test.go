package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/PuerkitoBio/goquery"

	"manyi/public"
	"manyi/stats"
	"manyi/survey"
)

func newTestPages(t testing.TB) *Pages {
	t.Helper()
	pages, err := NewPages()
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// render executes a page and checks what holds for every page.
func render(t *testing.T, name string, view any) (*goquery.Document, string) {
	t.Helper()
	var page bytes.Buffer
	if err := newTestPages(t).Render(&page, name, view); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, banned := range []string{"<script", " style=", "javascript:", "ZgotmplZ", "<no value>", " onclick", "好评"} {
		if strings.Contains(text, banned) {
			t.Errorf("%s holds %q", name, banned)
		}
	}
	doc, err := goquery.NewDocumentFromReader(&page)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Find("html").AttrOr("lang", "") != "zh-CN" || doc.Find("title").Text() == "" || doc.Find("h1").Length() != 1 {
		t.Errorf("%s lacks a language, a title or its one heading", name)
	}
	if content := doc.Find("meta[name=viewport]").AttrOr("content", ""); !strings.Contains(content, "width=device-width") || strings.Contains(content, "scal") && !strings.Contains(content, "initial-scale") {
		t.Errorf("%s: viewport %q keeps people from zooming", name, content)
	}
	checkLabels(t, name, doc)
	ids := map[string]bool{}
	doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		if id := s.AttrOr("id", ""); ids[id] {
			t.Errorf("%s: id %q twice", name, id)
		} else {
			ids[id] = true
		}
	})
	doc.Find("[aria-describedby]").Each(func(_ int, s *goquery.Selection) {
		if id := s.AttrOr("aria-describedby", ""); !ids[id] {
			t.Errorf("%s: described by %q, which is not there", name, id)
		}
	})
	return doc, text
}

func checkLabels(t *testing.T, name string, doc *goquery.Document) {
	t.Helper()
	doc.Find("input:not([type=hidden]),select,textarea").Each(func(_ int, in *goquery.Selection) {
		label := in.Closest("label")
		if id, ok := in.Attr("id"); ok && label.Length() == 0 {
			label = doc.Find("label[for=" + id + "]")
		}
		if strings.TrimSpace(label.Text()) == "" {
			t.Errorf("%s: no label for %q", name, in.AttrOr("name", ""))
		}
	})
}

func TestPolicyAllowsTheInlineStyleOnly(t *testing.T) {
	pages := newTestPages(t)
	for name, view := range map[string]any{"rate": rateView(), "thanks": ThanksView{}, "notice": NoticeView{Key: "failed"}, "follow": FollowView{}} {
		_, text := render(t, name, view)
		parts := strings.Split(text, "<style>")
		if len(parts) != 3 && name != "follow" || len(parts) > 4 {
			t.Errorf("%s: %d styles", name, len(parts)-1)
		}
		for _, part := range parts[1:] {
			style, _, _ := strings.Cut(part, "</style>")
			sum := sha256.Sum256([]byte(style))
			if want := " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; len(style) < 100 || !strings.Contains(pages.CSP(), want) {
				t.Errorf("%s: its style is not allowed by %q", name, pages.CSP())
			}
		}
	}
	for _, csp := range []string{pages.CSP(), pages.ConsoleCSP()} {
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") || !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("policy %q", csp)
		}
	}
}

func TestMistakesInTheFilesFailAtStart(t *testing.T) {
	good := func() fstest.MapFS {
		return fstest.MapFS{"texts.json": {Data: []byte(`{"a":{"zh":"甲","en":"A"}}`)}, "styles/citizen.css": {Data: []byte("p{}")}, "styles/form.css": {Data: []byte("p{}")}, "styles/card.css": {Data: []byte("p{}")}, "templates/x.html": {Data: []byte(`<p>{{both "a"}}</p>`)}}
	}
	if _, err := newPages(good()); err != nil {
		t.Fatal(err)
	}
	for why, change := range map[string]func(fstest.MapFS){
		"no such text":        func(f fstest.MapFS) { f["templates/x.html"].Data = []byte(`{{zh "b"}}`) },
		"does not parse":      func(f fstest.MapFS) { f["templates/x.html"].Data = []byte(`{{if}}`) },
		"no such template":    func(f fstest.MapFS) { f["templates/x.html"].Data = []byte(`{{template "y"}}`) },
		"escapes differently": func(f fstest.MapFS) { f["templates/x.html"].Data = []byte(`<a href={{if .}}"x{{end}}>`) },
		"texts are no JSON":   func(f fstest.MapFS) { f["texts.json"].Data = []byte(`{`) },
		"no style":            func(f fstest.MapFS) { delete(f, "styles/citizen.css") },
	} {
		files := good()
		change(files)
		if _, err := newPages(files); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}

// Texts are named with a whole key, or with the first part of one.
var textUse = regexp.MustCompile(`(?:zh|en|both|text|textZh) "([a-z_.]+)"`)

func TestTextsAreCompleteAndUsed(t *testing.T) {
	all, err := readTexts(public.Files)
	if err != nil {
		t.Fatal(err)
	}
	need := map[string]bool{NoticeBusy: true, NoticeNotStored: true, "level.none": true}
	for _, why := range whys(t) {
		need["fault."+why] = true
	}
	for _, key := range Notices {
		need["notice."+key], need["next."+key] = true, true
	}
	for _, l := range survey.Levels {
		need["level."+l.String()] = true
	}
	for _, r := range survey.Roles {
		need["role."+string(r)] = true
	}
	for _, step := range survey.CaseSteps {
		need["step."+string(step)] = true
	}
	for _, state := range survey.CaseStates {
		need["state."+string(state)] = true
	}
	for _, o := range survey.Outcomes {
		need["outcome."+string(o)] = true
	}
	for _, g := range survey.Grounds {
		need["ground."+string(g)] = true
	}
	need["verify.message"], need["dataset.about"], need["dataset.sample"] = true, true, true
	for _, say := range survey.Says {
		need["sms."+string(say)] = true
	}
	need["verify.message"] = true
	need["receipt."+receiptThere], need["receipt."+receiptUnknown] = true, true
	for _, n := range VerifyNotices {
		need["verify."+string(n)] = true
	}
	for _, party := range []survey.Party{survey.System, survey.Citizen, survey.Own, survey.Higher} {
		need["party."+string(party)] = true
	}
	for _, show := range (CasesView{}).Shows() {
		need["cases."+show] = true
	}
	for _, st := range survey.DeliveryStates {
		need["delivery."+string(st)] = true
	}
	for _, d := range (CaseView{}).Deadlines() {
		need["deadline."+d.Name] = true
	}
	need["reminder.before"], need["reminder.overdue"] = true, true
	for _, d := range stats.CaseDefinitions {
		need["case_rate."+d.Name], need["case_formula."+d.Name] = true, true
		if d.About != "" {
			need["about."+string(d.About)] = true
		}
	}
	for _, v := range []stats.Verdict{stats.Met, stats.NotMet, stats.None} {
		need["verdict."+string(v)] = true
	}
	for _, k := range survey.QualityKinds {
		need["quality."+string(k)], need["quality.of."+string(k)] = true, true
	}
	for _, s := range survey.CampaignStates {
		need["campaign.state."+string(s)] = true
	}
	for _, f := range (CampaignView{}).Fields() {
		need["campaign.field."+f.Name] = true
	}
	for _, w := range survey.TextWarnings {
		need["campaign.warning."+string(w)] = true
	}
	for _, f := range append(slices.Clone(survey.NotCounted), survey.FateRepeated) {
		need["replies.fate."+string(f)] = true
	}
	need["message.state.answered"] = true
	for _, s := range campaignStates {
		need["message.state."+string(s)] = true
	}
	for _, r := range survey.MessageReasons {
		need["message.reason."+string(r)] = true
	}
	for _, f := range survey.Findings {
		need["finding."+string(f)], need["veto."+string(f)] = true, true
	}
	for _, s := range evaluationStates {
		need["evaluations.state."+string(s)] = true
	}
	for _, field := range scoreFields {
		need["column."+field] = true
	}
	for _, kind := range []string{"changed", "added", "unchanged"} {
		need["scores."+kind] = true
	}
	for _, cause := range survey.Causes {
		need["cause."+string(cause)] = true
	}
	for _, name := range countNames(reflect.TypeFor[survey.CaseTally]()) {
		need["count."+name] = true
	}
	for _, m := range survey.InterviewModes {
		need["interviews.mode."+string(m)] = true
	}
	for _, o := range survey.RecheckOutcomes {
		need["recheck.outcome."+string(o)] = true
	}
	for _, step := range []survey.RecheckStep{survey.RecheckRevealed, survey.RecheckCalled} {
		need["recheck.step."+string(step)] = true
	}
	for _, show := range recheckShows {
		need["recheck.show."+show] = true
	}
	for _, c := range survey.Channels {
		if c != survey.ChannelImported {
			need["channel."+c.String()] = true
		}
	}
	for _, k := range figureKinds {
		need["kind."+string(k)] = true
	}
	names, _ := fs.Glob(public.Files, "templates/*.html")
	for _, name := range names {
		source, err := fs.ReadFile(public.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range textUse.FindAllStringSubmatch(string(source), -1) {
			if !strings.HasSuffix(use[1], ".") {
				need[use[1]] = true
			}
		}
	}
	for key := range need {
		if all[key].Zh == "" || all[key].En == "" {
			t.Errorf("text %q is missing a language", key)
		}
	}
	for key := range all {
		if !need[key] {
			t.Errorf("text %q is not used", key)
		}
	}
}

// countNames lists the names of all counts of a tally, as its JSON has them.
func countNames(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		if f.Type.Kind() == reflect.Struct {
			names = append(names, countNames(f.Type)...)
		}
	}
	return names
}

// whys reads every survey.Why from the sources, so that a new one cannot be forgotten.
func whys(t *testing.T) (found []string) {
	t.Helper()
	for _, folder := range []string{"../../survey", "../../survey/imports", "../../survey/intake", "."} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources in %s: %v", folder, err)
		}
		for _, file := range files {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if !ok || !strings.HasPrefix(spec.Names[0].Name, "Why") || len(spec.Values) != 1 {
					return true
				}
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
					word, _ := strconv.Unquote(lit.Value)
					found = append(found, word)
				}
				return true
			})
		}
	}
	if len(found) < 30 {
		t.Fatalf("only %d reasons found", len(found))
	}
	return found
}

func TestColoursAreReadable(t *testing.T) {
	for _, file := range []string{"citizen", "console"} {
		css, err := fs.ReadFile(public.Files, "styles/"+file+".css")
		if err != nil {
			t.Fatal(err)
		}
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--(\w+): ?(#\w+)`).FindAllStringSubmatch(string(css), -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []string{"ink paper", "ink card", "ink tint", "ink amber", "soft paper", "soft card", "soft tint", "blue paper", "blue card", "blue tint", "red blush", "card blue"} {
			front, back, _ := strings.Cut(pair, " ")
			if got := contrast(t, colours[front], colours[back]); got < 4.5 {
				t.Errorf("%s: %s on %s is %.2f:1, want 4.5:1", file, front, back, got)
			}
		}
		edge := map[string]string{"citizen": "line", "console": "edge"}[file]
		for _, back := range []string{"paper", "card"} {
			if got := contrast(t, colours[edge], colours[back]); got < 3 {
				t.Errorf("%s: borders on %s are %.2f:1, want 3:1", file, back, got)
			}
		}
	}
}

// contrast is the ratio of WCAG 2.2 between two colours.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, colour string) (sum float64) {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	rgb, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		t.Fatalf("colour %q", colour)
	}
	for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
		c := float64(rgb>>(8*i)&255) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func BenchmarkCitizenPage(b *testing.B) {
	pages, view := newTestPages(b), rateView()
	var page bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		page.Reset()
		if err := pages.Render(&page, "rate", view); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(page.Len()), "bytes/page")
}
