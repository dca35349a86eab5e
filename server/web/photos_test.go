package web

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// attach sends a step's form with files, as a browser does.
func (d desk) attach(address, step string, files map[string][]byte, with ...string) answer {
	d.t.Helper()
	kind, body := d.parts(address, step, files, with...)
	req := httptest.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	req.Header.Set("Content-Type", kind)
	d.as(req)
	return d.send(req)
}

func (d desk) parts(address, step string, files map[string][]byte, with ...string) (kind string, body []byte) {
	d.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, values := range d.form(address, step, with...) {
		must(d.t, w.WriteField(name, values[0]))
	}
	for name, file := range files {
		p, err := w.CreateFormFile("photos", name)
		must(d.t, err)
		_, err = p.Write(file)
		must(d.t, err)
	}
	must(d.t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

func picture(t testing.TB, shade uint8) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 40, 30))
	for i := range m.Pix {
		m.Pix[i] = shade
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, m))
	return b.Bytes()
}

func TestPhotosOfACase(t *testing.T) {
	s := newSite(t)
	s.rate(s.code(storetest.GulouHR1), "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "consent", "1")
	s.pass(1e9)
	s.rate(s.code(storetest.GulouHR1), "very_dissatisfied", "comment", "还在等", "phone", citizenPhone, "consent", "1")
	s.openCases()
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	other := s.desk("other", survey.Supervisor, "350203-TAX")
	cases, _ := boss.listed("/console/cases")
	if len(cases) != 2 {
		t.Fatalf("%d cases", len(cases))
	}
	address := cases[0]

	for name, c := range map[string]struct {
		files map[string][]byte
		why   survey.Why
	}{
		"6 MB":          {map[string][]byte{"big.jpg": make([]byte, 6<<20)}, WhyPhotoTooLarge},
		"not a picture": {map[string][]byte{"a.jpg": []byte("<script>")}, WhyPhotoNotPicture},
		"ten":           {map[string][]byte{"0": picture(t, 0), "1": picture(t, 1), "2": picture(t, 2), "3": picture(t, 3), "4": picture(t, 4), "5": picture(t, 5), "6": picture(t, 6), "7": picture(t, 7), "8": picture(t, 8), "9": picture(t, 9)}, survey.WhyPhotos},
	} {
		a := boss.attach(address, "noted", c.files, "note", "见照片")
		doc := a.page(t)
		step := doc.Find("[data-step=noted][open]")
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(step.Find(".fault").Text(), FaultText(c.why).Zh) {
			t.Errorf("%s: status %d, %q", name, a.StatusCode, step.Find(".fault").Text())
		}
		if step.Find("textarea").Text() != "见照片" {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
	must(t, s.store.Files(t.Context(), func([32]byte, []byte) error { t.Error("a refused form left a file"); return nil }))

	if a := boss.attach(address, "noted", map[string][]byte{"a.png": picture(t, 10), "b.png": picture(t, 200)}, "note", "见照片"); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("with photos: status %d, %s", a.StatusCode, a.page(t).Find(".fault").Text())
	}
	doc := s.get(address, boss.as).page(t)
	shown := doc.Find(".timeline [data-step=noted] img")
	if shown.Length() != 2 || shown.Eq(0).AttrOr("alt", "") == shown.Eq(1).AttrOr("alt", "") {
		t.Fatalf("%d photos are shown, %q", shown.Length(), shown.AttrOr("alt", ""))
	}
	photo := shown.AttrOr("src", "")
	got := s.get(photo, boss.as)
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "image/jpeg" || got.Header.Get("X-Content-Type-Options") != "nosniff" ||
		got.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "inline") || !strings.HasPrefix(got.text, "\xff\xd8\xff") {
		t.Errorf("photo: status %d, %v", got.StatusCode, got.Header)
	}
	if sum := sha256.Sum256([]byte(got.text)); !strings.HasSuffix(photo, survey.PhotoName(sum)) {
		t.Error("the photo's name is not that of its content")
	}
	hash := photo[strings.LastIndex(photo, "/")+1:]
	for what, c := range map[string]struct {
		path   string
		as     func(*http.Request)
		status int
	}{
		"another bureau":       {photo, other.as, http.StatusForbidden},
		"nobody":               {photo, func(*http.Request) {}, http.StatusSeeOther},
		"through another case": {cases[1] + "/photos/" + hash, boss.as, http.StatusNotFound},
		"capital letters":      {address + "/photos/" + strings.ToUpper(hash), boss.as, http.StatusNotFound},
		"no hash":              {address + "/photos/x", boss.as, http.StatusNotFound},
	} {
		if a := s.get(c.path, c.as); a.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", what, a.StatusCode, c.status)
		}
	}

	// Nothing is taken from a form that is none of ours, or with a step that brings no photos.
	kind, body := boss.parts(address, "noted", map[string][]byte{"a.png": picture(t, 3)}, "csrf", "forged", "note", "x")
	req := httptest.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	req.Header.Set("Content-Type", kind)
	boss.as(req)
	if a := s.send(req); a.StatusCode != http.StatusForbidden {
		t.Errorf("forged: status %d", a.StatusCode)
	}
	if a := boss.attach(address, "contacted", map[string][]byte{"a.png": picture(t, 3)}, "outcome", "no_contact"); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("contacted with a photo: status %d", a.StatusCode)
	}
}

// listen serves the site until the test ends, and returns where.
func (s *site) listen() string {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	done := make(chan error, 1)
	go func() { done <- s.app.Listener(ln) }()
	s.t.Cleanup(func() {
		must(s.t, s.app.Shutdown())
		must(s.t, <-done)
	})
	return ln.Addr().String()
}

// Over a real connection: what is too large gets an answer and not a reset.
func TestWhatIsTooLargeIsAnswered(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "consent", "1")
	s.openCases()
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	cases, _ := boss.listed("/console/cases")
	host := s.listen()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	for name, c := range map[string]struct {
		size   int
		as     func(*http.Request)
		status int
	}{
		"6 MB":         {6 << 20, boss.as, http.StatusUnprocessableEntity},
		"60 MB":        {60 << 20, boss.as, http.StatusRequestEntityTooLarge},
		"a stranger's": {6 << 20, func(*http.Request) {}, http.StatusSeeOther},
	} {
		kind, body := boss.parts(cases[0], "noted", map[string][]byte{"a.jpg": make([]byte, c.size)}, "note", "x")
		req, err := http.NewRequest(http.MethodPost, "http://"+host+cases[0], bytes.NewReader(body))
		must(t, err)
		req.Header.Set("Content-Type", kind)
		c.as(req)
		res, err := client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		must(t, res.Body.Close())
		if res.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, res.StatusCode, c.status)
		}
	}
	// The citizen's page keeps its small limit, with or without a length.
	for _, body := range []*strings.Reader{strings.NewReader(strings.Repeat("x", maxBody)), strings.NewReader(strings.Repeat("x", maxBody+1))} {
		want := http.StatusRequestEntityTooLarge
		if body.Len() <= maxBody {
			want = http.StatusUnprocessableEntity
		}
		req := httptest.NewRequest(http.MethodPost, "/q/"+code, body)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := s.send(req); a.StatusCode != want {
			t.Errorf("%d bytes at the citizen's page: status %d, want %d", body.Size(), a.StatusCode, want)
		}
	}
}

// A body nobody wanted must not be taken for requests: whoever shares a connection
// to a proxy with its sender would get the answers.
func TestABodyIsNotTakenForTheNextRequest(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	s.rate(code, "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "consent", "1")
	s.openCases()
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	cases, _ := boss.listed("/console/cases")
	address := s.listen()
	mine := httptest.NewRequest(http.MethodGet, "/", nil)
	boss.as(mine)
	cookie := "Cookie: " + mine.Header.Get("Cookie") + "\r\n"
	const health, last = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	kind, form := boss.parts(cases[0], "noted", map[string][]byte{"a.jpg": bytes.Repeat([]byte(health), 4000)}, "note", "x")
	parts, fields := "Content-Type: "+kind+"\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"
	filler := bytes.Repeat([]byte(health), 4000)
	chunk := fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(filler), filler)
	for name, c := range map[string]struct {
		line, head string
		body       []byte
		chunked    bool
		want       []int
	}{
		"photos":                   {"POST " + cases[0], cookie + parts, form, false, []int{422}},
		"a stranger's photos":      {"POST " + cases[0], parts, form, false, []int{303}},
		"photos without their end": {"POST " + cases[0], cookie + parts, form[:len(form)/2], false, []int{400}},
		"photos to nowhere":        {"POST /console/cases/a/b", parts, form, false, []int{404}},
		"photos for a window":      {"POST /q/" + code, parts, form, false, []int{413}},
		"photos of unknown length": {"POST " + cases[0], cookie + parts, chunk, true, []int{411}},
		"too long a form":          {"POST /q/" + code, fields, filler, false, []int{413}},
		"a form of unknown length": {"POST /q/" + code, fields, chunk, true, []int{413}},
		"a question with a body":   {"GET /q/" + code, "", filler, false, []int{413}},
		"one with a small body":    {"GET /q/" + code, "", []byte(health), false, []int{200, 200}},
		"no such method":           {"HELLO /", "", filler[:20_000], false, []int{400}},
		"and with a small body":    {"HELLO /", "", []byte(health), false, []int{400, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			must(t, err)
			defer conn.Close()
			length := fmt.Sprintf("Content-Length: %d", len(c.body))
			if c.chunked {
				length = "Transfer-Encoding: chunked"
			}
			go fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\n%s%s\r\n\r\n%s%s", c.line, c.head, length, c.body, last)
			var got []int
			for in := bufio.NewReader(conn); ; {
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					break // the server closed the connection
				}
				if _, err = io.Copy(io.Discard, res.Body); err != nil {
					break
				}
				got = append(got, res.StatusCode)
			}
			if c.line == "HELLO /" && len(got) == 0 {
				return // nobody reads such a body on, so the end of the connection may come first
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("answers %v, want %v", got, c.want)
			}
		})
	}
}

// What a stranger sends is not held, however long it is.
func TestALongFormIsNotHeld(t *testing.T) {
	s := newSite(t)
	path := "/q/" + s.code(storetest.GulouHR1)
	address := s.listen()
	const sent = 64 << 20
	for name, head := range map[string]string{
		"a form":         "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n",
		"photos":         "POST /console/cases/x HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n",
		"photos, amiss":  "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n",
		"with a GET":     "GET " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n",
		"no page at all": "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n",
	} {
		conn, err := net.Dial("tcp", address)
		must(t, err)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n--b\r\nContent-Disposition: form-data; name=x\r\n\r\n", head, sent)
		rest := bytes.Repeat([]byte("x"), 1<<20)
		for range sent >> 20 {
			if _, err := conn.Write(rest); err != nil {
				break // more than was announced
			}
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode < 300 {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if held := after.TotalAlloc - before.TotalAlloc; held > sent/8 {
			t.Errorf("%s of %d MB took %d MB", name, sent>>20, held>>20)
		}
		conn.Close()
	}
}

// Photos need no folder for what is half read: the image the server ships in has none.
func TestManyUploadsAtOnce(t *testing.T) {
	s := newSite(t)
	s.rate(s.code(storetest.GulouHR1), "dissatisfied", "comment", "等了很久", "phone", citizenPhone, "consent", "1")
	s.openCases()
	boss := s.desk("boss", survey.Supervisor, "350102-HR")
	cases, _ := boss.listed("/console/cases")
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	t.Setenv("TMP", filepath.Join(t.TempDir(), "missing"))
	kind, body := boss.parts(cases[0], "noted", map[string][]byte{"a.png": noisy(t)}, "note", "见照片")
	const n = 3 * maxUploads
	statuses := make([]int, n)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			req := httptest.NewRequest(http.MethodPost, cases[0], bytes.NewReader(body))
			req.Header.Set("Content-Type", kind)
			boss.as(req)
			if res, err := s.app.Test(req, -1); err == nil {
				statuses[i] = res.StatusCode
			}
		})
	}
	all.Wait()
	slices.Sort(statuses)
	if statuses[0] != http.StatusSeeOther || statuses[1] != http.StatusConflict || statuses[n-1] != http.StatusConflict {
		t.Errorf("statuses %v, want one that is taken, and the others see it", statuses)
	}
	files := 0
	must(t, s.store.Files(t.Context(), func([32]byte, []byte) error { files++; return nil }))
	if files != 1 {
		t.Errorf("%d files of one photo", files)
	}
}

// noisy is a picture that is much larger than what is read at once.
func noisy(t testing.TB) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 400, 300))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = uint8(random.Uint32())
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, m))
	return b.Bytes()
}
