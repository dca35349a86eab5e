//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/outward"
)

// What people write besides rating by code and answering by text message: on a tablet,
// on paper, as an evaluator, and as staff. See TestNoNumberIsLeftAnywhere.

// number is one more phone that somebody writes somewhere.
func (b *busy) number(series, i int) string {
	number := fmt.Sprintf("%d%08d", series, 31415900+i)
	b.numbers = append(b.numbers, number)
	return number
}

// send posts a form of a page, whose token it reads, and returns the answer.
func (b *busy) send(c *http.Client, page, to string, form url.Values) (status int, text string) {
	b.t.Helper()
	_, shown, err := fetch(c, b.base+page)
	if err != nil {
		b.t.Fatal(err)
	}
	if token := csrfIn.FindStringSubmatch(shown); token != nil {
		form.Set("csrf", token[1])
	}
	res, err := c.PostForm(b.base+to, form)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

var setUpIn = regexp.MustCompile(`/kiosk/set-up/[^"<]+`)

// tap answers on a tablet of a window.
func (b *busy) tap(desk *http.Client, id, window string) {
	b.t.Helper()
	status, page := b.send(desk, "/console/tablets", "/console/tablets", url.Values{"place": {window}})
	link := setUpIn.FindString(page)
	if link == "" {
		b.t.Fatalf("no tablet is made: status %d", status)
	}
	tablet := browser(b.t)
	if status, _, err := fetch(tablet, b.base+link); err != nil || status != http.StatusOK {
		b.t.Fatalf("a tablet is not set up: status %d, %v", status, err)
	}
	for i := range 3 {
		tap := make([]byte, survey.FormKeyLen) // its time, and what tells it from others
		rand.Read(tap)
		binary.BigEndian.PutUint64(tap, uint64(time.Now().UnixMilli())<<16|uint64(i))
		comment := "大厅里没人，打" + written(b.number(155, i), i)
		status, said := b.send(tablet, "/kiosk/rate", "/kiosk/rate", url.Values{"id": {hex.EncodeToString(tap)}, "survey": {id}, "window": {window}, "level": {"dissatisfied"}, "comment": {comment}})
		if !strings.Contains(said, `"stored":true`) {
			b.t.Errorf("an answer on a tablet: status %d, %.200s", status, said)
		}
	}
}

// keyIn keys paper forms in.
func (b *busy) keyIn(desk *http.Client, id, window string) {
	b.t.Helper()
	day := time.Now().In(time.FixedZone("", 8*60*60)).Format(time.DateOnly)
	for i := range 3 {
		comment := "纸上写的电话" + written(b.number(156, i), i)
		status, page := b.send(desk, "/console/paper", "/console/paper", url.Values{"survey": {id}, "window": {window}, "number": {fmt.Sprint(i + 1)}, "day": {day}, "level": {"D"}, "comment": {comment}})
		if status != http.StatusOK || !strings.Contains(page, fmt.Sprintf(`data-done="%d"`, i+1)) {
			b.t.Errorf("a paper form is not keyed in: status %d", status)
		}
	}
}

var itemIn = regexp.MustCompile(`data-item="([^"]+)"`)

// judge has an evaluator judge a bureau, with numbers in a note and in the reason for a
// second version.
func (b *busy) judge(c commands, id, bureau string) {
	b.t.Helper()
	password := last(c.run("user", "add", "eva", "--role", "evaluator", "--generate"))
	c.run("evaluations", "assign", "eva", bureau, "--survey", id)
	eva, path := b.signIn("eva", password), "/console/evaluate/"+bureau+"?survey="+id
	_, page, err := fetch(eva, b.base+path)
	if err != nil {
		b.t.Fatal(err)
	}
	enter := func(step string, more url.Values) {
		b.t.Helper()
		more.Set("step", step)
		more.Set("key", rand.Text())
		if status, said := b.send(eva, path, path, more); status != http.StatusOK {
			b.t.Fatalf("%s: status %d, %.200s", step, status, said)
		}
	}
	for i, item := range itemIn.FindAllStringSubmatch(page, -1) {
		note := ""
		if i < 4 {
			note = "现场群众的电话" + written(b.number(157, i), i) + "，身份证" + identityOf(i)
		}
		enter("answered", url.Values{"item": {item[1]}, "finding": {"not_applicable"}, "note": {note}})
	}
	enter("submitted", url.Values{})
	enter("revised", url.Values{"note": {"有人来电" + written(b.number(157, 9), 1)}})
	enter("submitted", url.Values{})
	_, page, err = fetch(eva, b.base+path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.shows("the evaluator's own page", page, "157****")
}

var recheckLinks = regexp.MustCompile(`/console/rechecks/[0-9A-Za-z_-]{62}`)

// interview has an evaluator interview people who leave a phone, and somebody else call
// those back that are drawn: the page after a look at a number alone may show it.
func (b *busy) interview(c commands, desk *http.Client, id, window string) {
	b.t.Helper()
	password := last(c.run("user", "add", "ivy", "--role", "evaluator", "--generate"))
	c.run("evaluations", "assign", "ivy", survey.BureauOf(window), "--survey", id)
	ivy, path := b.signIn("ivy", password), "/console/interviews?survey="+id
	for i := range 12 { // fewer than are too many a minute; that none is drawn happens once in 4096
		_, page, err := fetch(ivy, b.base+path)
		key := formKeyIn.FindStringSubmatch(page)
		if err != nil || key == nil {
			b.t.Fatalf("no form for an interview: %v", err)
		}
		form := url.Values{"survey": {id}, "form_key": {key[1]}, "window": {window}, "mode": {"phone"}, "level": {"satisfied"},
			"comment": {"访问时说打" + written(b.number(150, 50+i), i)}, "phone": {written(b.number(153, 50+i), i)}, "consent": {"yes"}}
		if status, page := b.send(ivy, path, "/console/interviews", form); !strings.Contains(page, "data-done") {
			b.t.Fatalf("an interview is not stored: status %d", status)
		}
	}
	_, list, err := fetch(desk, b.base+"/console/rechecks?survey="+id)
	if err != nil {
		b.t.Fatal(err)
	}
	b.numbers.absent(b.t, "the list of re-checks", []byte(list))
	links := recheckLinks.FindAllString(list, -1)
	if len(links) == 0 {
		b.t.Fatal("no interview is drawn: the search proves nothing")
	}
	for i, link := range links {
		status, page := b.send(desk, link, link, url.Values{"no": {"1"}, "step": {"revealed"}, "note": {"改用" + written(b.number(157, 50+i), i)}})
		if len(b.numbers.in([]byte(page))) != 1 {
			b.t.Errorf("a look at the number of an interview shows %d: status %d", len(b.numbers.in([]byte(page))), status)
		}
		if _, page = b.send(desk, link, link, url.Values{"no": {"2"}, "step": {"called"}, "outcome": {"confirmed"}, "level": {"satisfied"}, "note": {"又打" + written(b.number(157, 70+i), i)}}); !strings.Contains(page, `data-outcome="confirmed"`) {
			b.t.Error("what came of a call is not on its page")
		}
		b.shows("a re-check", page, "157****")
	}
}

// reply lets the gateway bring a text from a phone.
func (b *busy) reply(id, phone, text string) {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"replies": []any{map[string]any{"id": id, "from": phone, "to": "1069", "text": text, "at": time.Now().UTC().Format(time.RFC3339)}}})
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+"/sms/"+callback, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(outward.Header, outward.Sign([]byte(gatewaySecret), time.Now(), body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("a reply: status %d", res.StatusCode)
	}
}

// asks sends texts from phones nobody invited.
func (b *busy) asks() {
	b.t.Helper()
	for i := range 3 {
		b.reply(fmt.Sprint("s", i), b.number(158, i), "找我请打"+written(b.number(158, 10+i), []int{0, 3, 4}[i]))
	}
}

// insists types numbers where staff write what is no note: they are refused.
func (b *busy) insists(desk *http.Client, id string) {
	b.t.Helper()
	number := b.number(159, 0)
	status, page := b.send(desk, "/console/campaign", "/console/campaign", url.Values{"survey": {id}, "action": {"save"},
		"text_zh": {"【满意】请回复数字评价：5非常满意4满意3基本满意2不满意1非常不满意。编码{code}，退订回T，咨询" + number},
		"delay":   {"0"}, "open_days": {"7"}, "from": {"0"}, "to": {"24"}, "per_phone": {"10"}, "most": {"0"}, "per_second": {"100"}})
	if !strings.Contains(page, `data-fault="text_zh"`) {
		b.t.Errorf("a campaign's text may hold a phone: status %d", status)
	}
	// What staff send about a delivery is a choice, and leaves nothing they typed.
	if status, page := b.send(desk, "/console/status", "/console/deliveries", url.Values{"delivery": {number}, "do": {"找" + number}}); status != http.StatusUnprocessableEntity || strings.Contains(page, number) {
		b.t.Errorf("a decision that is none: status %d", status)
	}
	b.send(desk, "/console/status", "/console/deliveries", url.Values{"delivery": {number}, "do": {"again"}, "note": {number}})
}

// shows fails if a text holds a number, or no masked one: then it proves nothing.
func (b *busy) shows(where, text, masked string) {
	b.t.Helper()
	b.numbers.absent(b.t, where, []byte(text))
	if !(numbers{}).deep([]byte(text), masked) {
		b.t.Errorf("%s shows no %s: the search proves nothing", where, masked)
	}
}

// channels looks at the pages and files that show what these people wrote.
func (b *busy) channels(desk *http.Client, id, bureau string) {
	b.t.Helper()
	look := func(path string) string {
		b.t.Helper()
		status, text, err := fetch(desk, b.base+path)
		if err != nil || status != http.StatusOK {
			b.t.Fatalf("%s: status %d, %v", path, status, err)
		}
		return text
	}
	replies := look("/console/replies")
	b.shows("the list of replies", replies, "找我请打158****")
	if !strings.Contains(replies, ">158****5900<") {
		b.t.Error("the list of replies does not say who wrote")
	}
	b.shows("a bureau's evaluations", look("/console/evaluations/"+bureau+"?survey="+id), "157****")
	b.shows("responses", look("/console/responses/csv"), "155****")
	b.shows("responses", look("/console/responses/csv"), "156****")
	b.shows("responses", look("/console/responses/csv"), "访问时说打150****")
	for _, f := range export.Formats {
		if f != export.Parquet {
			b.numbers.absent(b.t, "evaluations as "+string(f), []byte(look("/console/evaluations/files/"+string(f))))
		}
	}
	for _, path := range []string{"/console/evaluations", "/console/tablets", "/console/paper", "/console/campaign", "/console/status"} {
		b.numbers.absent(b.t, path, []byte(look(path)))
	}
}
