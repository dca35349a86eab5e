package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"manyi/jobs"
	"manyi/qrcodes"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// site is the whole server over the real embedded engine, with a clock set by hand.
type site struct {
	dir    string
	t      testing.TB
	app    *fiber.App
	store  *sqlitestore.Store
	signer *qrcodes.Signer
	survey survey.Survey
	log    *bytes.Buffer
	intake breakable
	mu     sync.Mutex
	now    time.Time
}

// breakable is the store as the intake sees it; a fault set here stands for a full disk.
type breakable struct {
	survey.ResponseStore
	fault error
}

func (b *breakable) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	if b.fault != nil {
		return nil, b.fault
	}
	return b.ResponseStore.AddResponses(ctx, group)
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

var siteSecret = bytes.Repeat([]byte("secret"), 6)

// newSite is a site with the places and the survey of storetest.
func newSite(t testing.TB, with ...func(*Deps)) *site {
	t.Helper()
	s := newEmptySite(t, with...)
	must(t, s.store.PutPlaces(context.Background(), storetest.Places()))
	must(t, s.store.AddSurvey(context.Background(), s.survey))
	return s
}

func newEmptySite(t testing.TB, with ...func(*Deps)) *site {
	t.Helper()
	s := &site{t: t, now: storetest.At("2024-02-20 10:00"), log: &bytes.Buffer{}, signer: qrcodes.NewSigner(siteSecret), survey: storetest.Survey()}
	ctx := context.Background()
	var err error
	s.dir = t.TempDir()
	if s.store, err = sqlitestore.Open(ctx, s.dir); err != nil {
		t.Fatal(err)
	}
	s.intake.ResponseStore = s.store
	secrets, err := intake.NewSecrets(siteSecret)
	must(t, err)
	ring, err := keyring.Load(filepath.Join(t.TempDir(), "keys.json"))
	must(t, err)
	in := intake.New(&s.intake, secrets, ring, intake.Options{Now: s.clock})
	deps := Deps{Store: s.store, Intake: in, Signer: s.signer, BaseURL: "https://pj.example.gov.cn", Secret: siteSecret,
		Version: "test", Now: s.clock, Log: slog.New(slog.NewJSONHandler(&syncWriter{w: s.log}, nil))}
	for _, change := range with {
		change(&deps)
	}
	s.app, err = New(deps)
	must(t, err)
	t.Cleanup(func() {
		must(t, in.Close(ctx))
		must(t, s.store.Close())
	})
	return s
}

type syncWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// code issues a code for a window and returns it as it stands in links.
func (s *site) code(window string) string {
	s.t.Helper()
	c, err := survey.IssueCode(context.Background(), s.store, s.survey.ID, window, s.clock())
	must(s.t, err)
	return s.signer.Code(c.Serial)
}

// answer is what the site said.
type answer struct {
	*http.Response
	text string
}

func (a answer) page(t testing.TB) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.text))
	must(t, err)
	return doc
}

func (s *site) send(req *http.Request) answer {
	s.t.Helper()
	res, err := s.app.Test(req, -1)
	must(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(s.t, err)
	return answer{res, string(text)}
}

func (s *site) get(path string, with ...func(*http.Request)) answer {
	s.t.Helper()
	req := httptest.NewRequest(http.MethodGet, path, nil)
	for _, change := range with {
		change(req)
	}
	return s.send(req)
}

func (s *site) post(path string, form url.Values, with ...func(*http.Request)) answer {
	s.t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, change := range with {
		change(req)
	}
	return s.send(req)
}

// open loads a rating page and returns its form as a browser would send it untouched.
func (s *site) open(code string) url.Values {
	s.t.Helper()
	a := s.get("/q/" + code)
	if a.StatusCode != http.StatusOK {
		s.t.Fatalf("rating page: status %d", a.StatusCode)
	}
	form := url.Values{}
	a.page(s.t).Find("form#rate input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		form.Set(in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	return form
}

// rate goes the citizen's whole way once and returns the thanks page.
func (s *site) rate(code, level string, with ...string) answer {
	s.t.Helper()
	form := s.open(code)
	form.Set("level", level)
	for i := 0; i+1 < len(with); i += 2 {
		form.Add(with[i], with[i+1])
	}
	s.pass(5 * time.Second)
	return s.post("/q/"+code, form)
}

func (s *site) rows() []survey.Listed {
	s.t.Helper()
	var out []survey.Listed
	must(s.t, s.store.Responses(context.Background(), survey.ResponseQuery{}, func(r survey.Listed) error {
		out = append(out, r)
		return nil
	}))
	return out
}

func (s *site) rollUp() {
	s.t.Helper()
	_, err := jobs.RollUp(context.Background(), s.store, 0, s.clock())
	must(s.t, err)
}

// cookies lets a request carry what earlier answers set.
func cookies(cs []*http.Cookie) func(*http.Request) {
	return func(r *http.Request) {
		for _, c := range cs {
			r.AddCookie(c)
		}
	}
}

const password = "correct horse battery"

// passwordHash is made once; it is meant to be slow.
var passwordHash = sync.OnceValue(func() string {
	hash, err := HashPassword(password)
	if err != nil {
		panic(err)
	}
	return hash
})

func (s *site) addUser(name string, role survey.Role, place string) {
	s.t.Helper()
	must(s.t, s.store.PutUser(context.Background(), survey.User{
		Actor: survey.Actor{Name: name, Role: role, Place: place}, PasswordHash: passwordHash()}))
}

// signIn returns the cookies of a signed-in browser and the token its forms carry.
func (s *site) signIn(name, pass string) (signedIn func(*http.Request), csrf string, a answer) {
	s.t.Helper()
	first := s.get("/console/signin")
	token := first.page(s.t).Find("input[name=csrf]").AttrOr("value", "")
	a = s.post("/console/signin", url.Values{"name": {name}, "password": {pass}, "csrf": {token}}, cookies(first.Cookies()))
	signedIn = cookies(a.Cookies())
	if a.StatusCode == http.StatusSeeOther {
		page := s.get("/console/figures", signedIn)
		csrf = page.page(s.t).Find("input[name=csrf]").AttrOr("value", "")
	}
	return signedIn, csrf, a
}

// token makes an API token.
func (s *site) token(role survey.Role, place string) func(*http.Request) {
	s.t.Helper()
	text, t := NewToken(survey.Actor{Name: string(role), Role: role, Place: place}, s.clock())
	must(s.t, s.store.AddToken(context.Background(), t))
	return bearer(text)
}

func bearer(text string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+text) }
}
