//go:build unix

package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// phoneGateway takes messages and remembers the last code that went to each phone, and
// who was invited.
type phoneGateway struct {
	*httptest.Server
	mu      sync.Mutex
	codes   map[string]string
	invited map[string]bool
}

func newPhoneGateway(t *testing.T) *phoneGateway {
	g := &phoneGateway{codes: map[string]string{}, invited: map[string]bool{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ To, Text string }
		if err := json.NewDecoder(r.Body).Decode(&m); err == nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			if code := codeIn.FindStringSubmatch(m.Text); code != nil {
				g.codes[m.To] = code[1]
			}
			if strings.Contains(m.Text, "退订") {
				g.invited[m.To] = true
			}
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// busy is a server that people rate at, and what it is reached by.
type busy struct {
	t       *testing.T
	base    string
	codes   []string
	gateway *phoneGateway
	numbers numbers
}

// rate has citizens rate whose comments, and half of whose forms, hold a number.
func (b *busy) rate(first, n int, prove bool) {
	var all sync.WaitGroup
	for person := first; person < first+n; person++ {
		phone, identity := fmt.Sprintf("139%08d", 11223300+person), identityOf(person)
		b.numbers = append(b.numbers, phone, identity)
		all.Go(func() {
			c := browser(b.t)
			code := b.codes[person%len(b.codes)]
			key, err := openForm(c, b.base, code)
			if err != nil {
				b.t.Error(err)
				return
			}
			form := rating(key, []string{"dissatisfied", "very_dissatisfied", "satisfied"}[person%3])
			form.Set("comment", fmt.Sprintf("等了很久，请打%s，身份证%s。", written(phone, person), identity))
			if person%2 == 0 {
				form.Set("name", "林")
				form.Set("phone", written(phone, person))
				form.Set("consent", "1")
			}
			receipt, err := sendForm(c, b.base, code, form)
			if err != nil {
				b.t.Error(err)
				return
			}
			if !prove || person%2 != 0 || person%5 == 4 { // the last write +86, another number to the gateway
				return
			}
			press(b.t, c, b.base, url.Values{"receipt": {receipt}, "do": {"send"}})
			b.gateway.mu.Lock()
			sent := b.gateway.codes[phone]
			b.gateway.mu.Unlock()
			if status, page := press(b.t, c, b.base, url.Values{"receipt": {receipt}, "do": {"check"}, "code": {sent}}); !strings.Contains(page, `data-notice="proved"`) {
				b.t.Errorf("the phone is not proved: status %d", status)
			}
		})
	}
	all.Wait()
}

var (
	stepNoIn  = regexp.MustCompile(`name="no" value="(\d+)"`)
	caseLinks = regexp.MustCompile(`/console/cases/[0-9A-Za-z_-]{62}`)
)

// signIn is a browser in which somebody is signed in.
func (b *busy) signIn(name, password string) *http.Client {
	b.t.Helper()
	c := browser(b.t)
	_, page, err := fetch(c, b.base+"/console/signin")
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := c.PostForm(b.base+"/console/signin", url.Values{"csrf": {csrfIn.FindStringSubmatch(page)[1]}, "name": {name}, "password": {password}})
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || strings.HasSuffix(res.Request.URL.Path, "signin") {
		b.t.Fatalf("sign in: status %d at %s", res.StatusCode, res.Request.URL)
	}
	return c
}

// work takes a step in some cases whose note holds a number, and looks at what is
// sealed: that page alone may show it.
func (b *busy) work(desk *http.Client) (revealed int) {
	b.t.Helper()
	_, list, err := fetch(desk, b.base+"/console/cases?state=open")
	if err != nil {
		b.t.Fatal(err)
	}
	b.numbers.absent(b.t, "the list of cases", []byte(list))
	links := caseLinks.FindAllString(list, -1)
	slices.Sort(links)
	for i, link := range slices.Compact(links) {
		note := fmt.Sprintf("150%08d", 55667700+i)
		b.numbers = append(b.numbers, note)
		for _, step := range []string{"noted", "revealed"} {
			_, page, err := fetch(desk, b.base+link)
			if err != nil {
				b.t.Fatal(err)
			}
			b.numbers.absent(b.t, "a case", []byte(page))
			no := stepNoIn.FindStringSubmatch(page)
			if no == nil {
				break // nothing may be done about it
			}
			form := url.Values{"csrf": {csrfIn.FindStringSubmatch(page)[1]}, "no": {no[1]}, "step": {step}, "note": {"另一个号码" + written(note, i)}}
			res, err := desk.PostForm(b.base+link, form)
			if err != nil {
				b.t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if step == "revealed" && strings.Contains(string(text), "data-original") && len(b.numbers.in(text)) > 0 {
				revealed++
			}
		}
	}
	return revealed
}

// invite starts a campaign, waits until so many phones are invited, and has each of
// them answer: with a level and a comment that holds a number, or by opting out.
func (b *busy) invite(c commands, desk *http.Client, id, token string, phones int) {
	b.t.Helper()
	_, page, err := fetch(desk, b.base+"/console/campaign")
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := desk.PostForm(b.base+"/console/campaign", url.Values{"csrf": {csrfIn.FindStringSubmatch(page)[1]}, "survey": {id}, "action": {"start"},
		"text_zh": {"【满意】您{date}在{hall}办理的{item}，请回复数字评价：5非常满意4满意3基本满意2不满意1非常不满意。编码{code}，退订回T"},
		"delay":   {"0"}, "open_days": {"7"}, "from": {"0"}, "to": {"24"}, "per_phone": {"10"}, "most": {"0"}, "per_second": {"100"}})
	if err != nil {
		b.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("start a campaign: status %d", res.StatusCode)
	}
	c.run("compute") // else the job looks every five minutes
	var invited []string
	until(b.t, "the phones of the visits are invited", 2*time.Minute, func() bool {
		b.gateway.mu.Lock()
		defer b.gateway.mu.Unlock()
		invited = slices.Sorted(maps.Keys(b.gateway.invited))
		return len(invited) == phones
	})
	for i, phone := range invited {
		other := fmt.Sprintf("152%08d", 77889900+i)
		b.numbers = append(b.numbers, other)
		text := "5 很好，有事打" + written(other, []int{0, 3, 4}[i%3]) // with spaces it could be several digits
		if i%4 == 3 {
			text = "T"
		}
		b.reply(fmt.Sprint("r", i), phone, text)
	}
	until(b.t, "the replies are counted", time.Minute, func() bool {
		req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+"/api/v1/responses?format=jsonl", nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && bytes.Count(text, []byte(`"channel":"sms"`)) == phones-phones/4
	})
}

// What the gateway and the program share.
var gatewaySecret, callback = strings.Repeat("s", 32), strings.Repeat("c", 32)

// TestNoNumberIsLeftAnywhere greps everything a busy run of the real program leaves:
// pages, exports of every kind in every format, the log, the database and its log, the
// spool, temporary files, backups. Not one of the phones and identity numbers that were
// typed is there; and one that is planted is found in each.
func TestNoNumberIsLeftAnywhere(t *testing.T) {
	if raceEnabled {
		t.Skip("processes under the race detector show nothing more")
	}
	for _, engine := range []string{"embedded", "MongoDB"} {
		t.Run(engine, func(t *testing.T) {
			g := newPhoneGateway(t)
			data, temp, out := "", t.TempDir(), t.TempDir()
			more := map[string]string{"MANYI_SMS_URL": g.URL, "MANYI_SMS_SECRET": gatewaySecret, "MANYI_SMS_CALLBACK": callback, "TMPDIR": temp}
			var c commands
			var store *base
			var p *process
			var away, back func()
			dump := func() map[string][]byte { return nil }
			if engine == "embedded" {
				data = sampleFolder(t, 1)
				c, store = commands{t, map[string]string{"MANYI_DATA": data}}, openFolder(t, data)
				p = newProcess("serve", "--data", data, "--addr", "127.0.0.1:0")
			} else {
				uri := mongotest.Open(t)
				link := mongotest.NewLink(t, uri)
				away, back = link.Cut, link.Restore
				i := newInstallation(t, uri, link.URI())
				data = t.TempDir()
				store, c = i.fillDemo(), i.commands(t)
				p = i.node(data, "127.0.0.1:0", "MANYI_DB_DEADLINE", "300ms")
				dump = func() map[string][]byte { return documents(t, uri) }
			}
			for name, value := range more {
				p.cmd.Env = append(p.cmd.Env, name+"="+value)
			}
			maps.Copy(c.env, more)
			p.serve(t)
			b := &busy{t: t, base: p.base, codes: someCodes(t, store, 3), gateway: g}
			of := surveyOf(t, store)
			windows, err := store.store.Codes(t.Context(), of.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			if engine == "embedded" {
				// Reading a file here would take away the locks this process has on it.
				if err := store.close(); err != nil {
					t.Fatal(err)
				}
			}
			b.rate(0, 24, true)
			if away != nil {
				away()
				b.rate(100, 6, false)
				spooled := files(t, data)
				b.numbers.absent(t, "the files of a node while the database is away", bytes.Join(slices.Collect(maps.Values(spooled)), nil))
				back()
				until(t, "the spool is empty", time.Minute, func() bool {
					_, r, err := readyzOf(p.base)
					return err == nil && r.Spool.Waiting == 0 && r.Database != "away"
				})
			}
			served := "case_number,window,item,finished_at,phone,consent\n"
			for i := range 10 {
				phone := fmt.Sprintf("151%08d", 66778800+i)
				b.numbers = append(b.numbers, phone)
				served += fmt.Sprintf("V-%d,%s,x 经办%s,%s,%s,yes\n", i, windows[0].Window, b.number(153, i), time.Now().Add(-time.Hour).Format("2006-01-02 15:04:05"), written(phone, i))
			}
			list := filepath.Join(t.TempDir(), "visits.csv")
			if err := os.WriteFile(list, []byte(served), 0o600); err != nil {
				t.Fatal(err)
			}
			if printed := c.run("visits", "import", list); !strings.Contains(printed, "10 added") {
				t.Errorf("visits import: %s", printed)
			}
			c.run("compute")
			password := last(c.run("user", "add", "boss", "--role", "organiser", "--generate"))
			token := last(c.run("token", "add", "warehouse", "--role", "organiser"))
			desk := b.signIn("boss", password)
			b.asks()
			b.invite(c, desk, of.ID, token, 10)
			window, bureau := windows[0].Window, survey.BureauOf(windows[0].Window)
			b.tap(desk, of.ID, window)
			b.keyIn(desk, of.ID, window)
			b.judge(c, of.ID, bureau)
			b.interview(c, desk, of.ID, window)
			b.insists(desk, of.ID)
			c.run("compute")
			if n := b.work(desk); n < 5 {
				t.Errorf("what is sealed was seen in %d cases only: the test shows little", n)
			}

			b.channels(desk, of.ID, bureau)

			// Everything that leaves. The mask has to be found, or the search proves nothing.
			masked := "139****"
			leaves := func(where string, text []byte, comments bool) {
				t.Helper()
				b.numbers.absent(t, where, text)
				if shows := (numbers{}).deep(text, masked); comments && !shows {
					t.Errorf("%s shows no comment: the search proves nothing", where)
				}
			}
			fetchAll := func(client *http.Client, path string, comments bool) {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(path, "/api/") || path == "/metrics" {
					req.Header.Set("Authorization", "Bearer "+token)
				}
				res, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				text, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != http.StatusOK {
					t.Errorf("%s: status %d, %v", path, res.StatusCode, err)
				}
				leaves(path, text, comments)
			}
			for _, f := range export.Formats {
				fetchAll(desk, "/console/responses/"+string(f), f != export.Parquet)
				fetchAll(desk, "/api/v1/responses?format="+string(f), f != export.Parquet)
				fetchAll(desk, "/console/figures/"+string(f)+"?by=window", false)
				if f == export.Parquet {
					continue
				}
				fetchAll(desk, "/console/cases/ledger/"+string(f), f != export.JSON)
				for _, what := range []string{"responses", "figures", "cases"} {
					file := filepath.Join(out, what+"."+string(f))
					if _, err := runCommand(t, c.env, "export", what, "--format", string(f), "--out", file); err != nil {
						continue // not every kind has every format
					}
					text, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					leaves("export "+what+" as "+string(f), text, what != "figures")
				}
			}
			for _, path := range []string{"/console/texts", "/console/dataset", "/api/v1/dataset"} {
				fetchAll(desk, path, path == "/console/texts")
			}
			for _, path := range []string{"/console/cases", "/console/cases/rates", "/console/quality", "/console/campaign", "/console/status", "/console/codes", "/metrics"} {
				fetchAll(desk, path, false)
			}
			if engine == "embedded" {
				c.run("backup", "--out", filepath.Join(out, "backup.db"))
			}

			// What lies on disks, while it runs and after it has stopped, and the database.
			lies := func(when string) {
				t.Helper()
				for name, text := range files(t, data, temp, out) {
					b.numbers.absent(t, name+" "+when, text)
				}
				for name, text := range dump() {
					b.numbers.absent(t, "the collection "+name+" "+when, text)
				}
			}
			lies("while it runs")
			p.cmd.Process.Signal(syscall.SIGTERM)
			p.cmd.Wait()
			lies("after it has stopped")
			b.numbers.absent(t, "the log", []byte(p.log.String()))
			if !strings.Contains(p.log.String(), "case worked on") {
				t.Error("the log says nothing of the cases: the search proves nothing")
			}

			// One that is planted is found.
			if engine == "embedded" {
				store = openFolder(t, data)
			}
			planted := storetest.NewFacts(9, of).Response(storetest.GulouHR1, time.Now(), storetest.Commented("漏网"+b.numbers[0]))
			if _, err := store.store.AddResponses(t.Context(), []survey.Response{planted}); err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, text := range slices.Collect(maps.Values(files(t, data))) {
				found += len(b.numbers.in(text))
			}
			for _, text := range dump() {
				found += len(b.numbers.in(text))
			}
			if found == 0 {
				t.Error("a number that was planted in the database is not found")
			}
		})
	}
}

// deep reports whether a text stands in some bytes, also inside what is compressed.
func (numbers) deep(data []byte, text string) bool {
	if bytes.Contains(data, []byte(text)) {
		return true
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(z.File, func(f *zip.File) bool {
		r, err := f.Open()
		if err != nil {
			return false
		}
		part, _ := io.ReadAll(r)
		return numbers{}.deep(part, text)
	})
}

// TestAPlantedNumberIsFound in every form the search above looks for.
func TestAPlantedNumberIsFound(t *testing.T) {
	n := numbers{"13900139000", identityOf(7)}
	var zipped, gzipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	w, _ := z.Create("xl/sheet1.xml")
	io.WriteString(w, strings.Repeat("<c>x</c>", 1000)+n[0])
	z.Close()
	gz := gzip.NewWriter(&gzipped)
	io.WriteString(gz, strings.Repeat("x", 1000)+n[1])
	gz.Close()
	for name, data := range map[string][]byte{
		"plain": []byte("x13900139000y"), "spaces": []byte("139 0013 9000"), "hyphens": []byte("139-0013-9000"), "full width": []byte("１３９００１３９０００"),
		"identity": []byte(n[1]), "UTF-16": {'1', 0, '3', 0, '9', 0, '0', 0, '0', 0, '1', 0, '3', 0, '9', 0, '0', 0, '0', 0, '0', 0}, "XLSX": zipped.Bytes(), "gzip": gzipped.Bytes(),
	} {
		if len(n.in(data)) != 1 {
			t.Errorf("%s: not found", name)
		}
	}
	if found := n.in([]byte("139****9000 3501**************")); len(found) > 0 {
		t.Errorf("what is hidden is found: %v", found)
	}
	if survey.Mask(n[1]) == n[1] {
		t.Errorf("%s is no identity number", n[1])
	}
}
