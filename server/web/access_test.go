package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/storetest"
)

// may is who gets past the guard of each route: a = anyone, and signed in as
// o organiser, s supervisor, f staff, e evaluator, r reviewer, u auditor, x a role
// nobody knows; capitals = with a token of that role; t = a tablet's cookie, for which
// nothing else opens but what is open to anyone. A link is no proof of its own: whoever
// has one becomes a tablet, which TestTablets shows.
var may = map[string]string{
	"GET /":                                "a osferux OSFERUX",
	"GET /q/:code":                         "a osferux OSFERUX",
	"POST /q/:code":                        "a osferux OSFERUX",
	"GET /follow":                          "a osferux OSFERUX",
	"POST /follow":                         "a osferux OSFERUX",
	"GET /verify":                          "a osferux OSFERUX",
	"POST /verify":                         "a osferux OSFERUX",
	"GET /kiosk/set-up/:secret":            "",
	"GET /kiosk/rate":                      "t",
	"POST /kiosk/rate":                     "t",
	"GET /kiosk/worker.js":                 "t",
	"GET /sms/:secret":                     "a osferux OSFERUX",
	"POST /sms/:secret":                    "a osferux OSFERUX",
	"GET /receipt":                         "a osferux OSFERUX",
	"POST /receipt":                        "a osferux OSFERUX",
	"GET /healthz":                         "a osferux OSFERUX",
	"GET /readyz":                          "a osferux OSFERUX",
	"GET /metrics":                         "O",
	"GET /static/:file":                    "a osferux OSFERUX",
	"GET /favicon.ico":                     "a osferux OSFERUX",
	"GET /console":                         "osferu",
	"GET /console/signin":                  "a osferux OSFERUX",
	"POST /console/signin":                 "a osferux OSFERUX",
	"POST /console/signout":                "osferu",
	"GET /console/figures":                 "osferu",
	"GET /console/figures/:format":         "osferu",
	"GET /console/dataset":                 "oeu",
	"GET /console/responses/:format":       "oeu",
	"GET /console/texts":                   "osfu",
	"GET /console/cases":                   "osu",
	"GET /console/cases/ledger/:format":    "osu",
	"GET /console/cases/rates":             "oseru",
	"GET /console/cases/rates/:format":     "oseru",
	"GET /console/cases/:key":              "osu",
	"GET /console/cases/:key/photos/:hash": "osu",
	"POST /console/cases/:key":             "os",
	"GET /console/quality":                 "oeru",
	"GET /console/quality/:format":         "oeru",
	"GET /console/codes":                   "osf",
	"POST /console/codes/revoke":           "o",
	"POST /console/codes/reissue":          "o",
	"GET /console/codes/sheet":             "osf",
	"GET /console/codes/zip":               "osf",
	"GET /console/codes/:code/:format":     "osf",
	"GET /console/paper":                   "os",
	"POST /console/paper":                  "os",
	"GET /console/paper/sheets":            "os",
	"GET /console/tablets":                 "os",
	"POST /console/tablets":                "os",
	"POST /console/tablets/revoke":         "os",
	"GET /console/status":                  "o",
	"GET /console/campaign":                "o",
	"POST /console/campaign":               "o",
	"GET /console/replies":                 "os",
	"GET /console/outbox":                  "o",
	"POST /console/outbox":                 "o",
	"POST /console/deliveries":             "o",
	"POST /console/nodes/drop":             "o",
	"GET /api/openapi.json":                "a osferux OSFERUX",
	"GET /api/v1/figures":                  "OSFERU",
	"GET /api/v1/case-rates":               "OSERU",
	"GET /api/v1/quality-flags":            "OERU",
	"GET /api/v1/trend":                    "OSFERU",
	"GET /api/v1/dataset":                  "OEU",
	"POST /api/v1/visits":                  "O",
	"GET /api/v1/responses":                "OEU",

	"GET /console/evaluate":                         "e",
	"GET /console/evaluate/worker.js":               "e",
	"GET /console/evaluate/forget":                  "a osferux OSFERUX",
	"GET /console/evaluate/:bureau":                 "e",
	"POST /console/evaluate/:bureau":                "e",
	"GET /console/evaluate/:bureau/photos/:hash":    "e",
	"GET /console/interviews":                       "e",
	"POST /console/interviews":                      "e",
	"GET /console/rechecks":                         "oru",
	"GET /console/rechecks/:key":                    "oru",
	"POST /console/rechecks/:key":                   "or",
	"GET /console/evaluations":                      "oru",
	"GET /console/evaluations/files/:format":        "oru",
	"POST /console/evaluations/assign":              "o",
	"GET /console/evaluations/import":               "o",
	"POST /console/evaluations/import":              "o",
	"GET /console/evaluations/:bureau":              "oru",
	"GET /console/evaluations/:bureau/photos/:hash": "oru",
	"GET /api/v1/evaluations":                       "ORU",
	"GET /console/review":                           "oru",
	"GET /console/review/:format":                   "oru",
	"POST /api/v1/review/publications":              "OR",

	"GET /api/v1/publications":                     "OSFERU",
	"GET /api/v1/publications/:survey/:period/:no": "OSFERU",

	"GET /api/v1/publications/:survey/:period/:no/bundle.zip":  "OSFERU",
	"GET /api/v1/publications/:survey/:period/:no/:file":       "OSFERU",
	"GET /api/v1/publications/schema.json":                     "a osferux OSFERUX",
	"GET /console/publications":                                "osferu",
	"POST /console/publications":                               "o",
	"GET /console/publications/:survey/:period/:no":            "osferu",
	"GET /console/publications/:survey/:period/:no/bundle.zip": "osferu",
	"GET /console/publications/:survey/:period/:no/:file":      "osferu",
}

func TestEveryRouteWithEveryRole(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	type visitor struct {
		letter byte
		as     func(*http.Request)
		csrf   string
	}
	tablet, _ := s.tablet(storetest.GulouHR1)
	visitors := []visitor{{'a', func(*http.Request) {}, ""}, {'t', tablet, ""}}
	const letters = "osferux"
	roles := append(slices.Clone(survey.Roles), "chief")
	places := map[survey.Role]string{survey.Supervisor: "350102-HR", survey.Staff: storetest.GulouHR1, survey.Auditor: "350100"}
	for i, role := range roles {
		s.addUser(string(role), role, places[role])
		as, csrf, a := s.signIn(string(role), password)
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s cannot sign in: %d", role, a.StatusCode)
		}
		visitors = append(visitors, visitor{letters[i], as, csrf}, visitor{strings.ToUpper(letters)[i], s.token(role, places[role]), ""})
	}

	seen := map[string]bool{}
	for _, stack := range s.app.Stack() {
		for _, r := range stack {
			name := r.Method + " " + r.Path
			if r.Method == http.MethodHead || seen[name] || strings.HasPrefix(r.Path, "/*") || r.Path == "/" && r.Method != http.MethodGet {
				continue // HEAD follows GET; the rest are middleware
			}
			allowed, known := may[name]
			if !known {
				t.Errorf("route %s is in nobody's table", name)
				continue
			}
			seen[name] = true
			for _, v := range visitors {
				path := strings.NewReplacer(":code", code, ":format", "csv", ":file", "console.css").Replace(r.Path)
				req := httptest.NewRequest(r.Method, path, strings.NewReader(url.Values{"csrf": {v.csrf}}.Encode()))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				v.as(req)
				a := s.send(req)
				refused := a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden ||
					a.Header.Get("Location") == "/console/signin" && len(a.Cookies()) == 0 // signing out clears its cookie
				if name == "POST /console/signin" {
					refused = false // its own answer to a form without a guest's cookie is 403
				}
				want := !strings.Contains(allowed, string(v.letter))
				if v.letter == 't' && strings.HasPrefix(allowed, "a") {
					want = false
				}
				if refused != want {
					t.Errorf("%s as %c: status %d, refused %v, want %v", name, v.letter, a.StatusCode, refused, want)
				}
				if name == "POST /console/signout" && !refused {
					v.as, v.csrf, _ = s.signIn(string(roles[strings.IndexByte(letters, v.letter)]), password)
					for i := range visitors {
						if visitors[i].letter == v.letter {
							visitors[i] = v
						}
					}
				}
			}
		}
	}
	for name := range may {
		if !seen[name] {
			t.Errorf("the table names %s, which is no route", name)
		}
	}
}

// TestWhoIsForgottenGetsNothing: a route without an audience, an account that lost
// its place, and a role that is tied to none.
func TestWhoIsForgottenGetsNothing(t *testing.T) {
	s := newSite(t)
	s.addUser("admin", survey.Organiser, "")
	admin, _, _ := s.signIn("admin", password)
	f := fiber.New(fiber.Config{DisableStartupMessage: true})
	f.Get("/", (&app{}).guard(route{Method: "GET", Path: "/"}), func(c *fiber.Ctx) error { return c.SendString("in") })
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	admin(req)
	res, err := f.Test(req)
	must(t, err)
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a route without an audience: status %d", res.StatusCode)
	}
	for _, role := range survey.Roles {
		s.addUser("lost", role, "")
		as, _, _ := s.signIn("lost", password)
		want := http.StatusForbidden
		if slices.Contains(role.Places(), survey.Nowhere) {
			want = http.StatusOK
		}
		for name, a := range map[string]answer{"signed in": s.get("/console/figures", as), "with a token": s.get("/api/v1/figures", s.token(role, ""))} {
			if a.StatusCode != want {
				t.Errorf("%s without a place, %s: status %d, want %d", role, name, a.StatusCode, want)
			}
		}
	}
}

// TestTheConsoleOffersOnlyWhatTheRoleMayOpen follows every link and looks at every
// form of the pages a role sees.
func TestTheConsoleOffersOnlyWhatTheRoleMayOpen(t *testing.T) {
	s := newSite(t)
	s.rate(s.code(storetest.GulouHR1), "dissatisfied", "comment", "x", "phone", citizenPhone, "consent", "1")
	s.openCases()
	places := map[survey.Role]string{survey.Supervisor: "350102-HR", survey.Staff: storetest.GulouHR1}
	for i, role := range survey.Roles {
		s.addUser(string(role), role, places[role])
		as, _, _ := s.signIn(string(role), password)
		allowed := func(route string) bool { return strings.IndexByte(may[route], "osferu"[i]) >= 0 }
		home := s.get("/console/figures", as).page(t)
		for _, page := range []string{"figures", "codes", "texts", "cases", "replies", "evaluate", "evaluations", "publications", "review", "status"} {
			if offered := home.Find("nav a[href^='/console/"+page+"?']").Length() == 1; offered != allowed("GET /console/"+page) {
				t.Errorf("%s: the menu offers %s: %v", role, page, offered)
			}
			a := s.get("/console/"+page, as)
			if a.StatusCode != http.StatusOK {
				continue // the walk through all routes says whether it should be
			}
			doc := a.page(t)
			doc.Find("a[href^='/console']").Each(func(_ int, l *goquery.Selection) {
				if a := s.get(l.AttrOr("href", ""), as); a.StatusCode != http.StatusOK {
					t.Errorf("%s: %s links to %s: status %d", role, page, l.AttrOr("href", ""), a.StatusCode)
				}
			})
			doc.Find("form[method=post]").Each(func(_ int, f *goquery.Selection) {
				if to := f.AttrOr("action", ""); !allowed("POST " + to) {
					t.Errorf("%s: %s has a form for %s", role, page, to)
				}
			})
		}
		if rows := home.Find("a[href^='/console/responses/']").Length() > 0; rows != allowed("GET /console/responses/:format") {
			t.Errorf("%s: response rows offered: %v", role, rows)
		}
		var cases []string
		if allowed("GET /console/cases") {
			cases, _ = desk{s, as, ""}.listed("/console/cases")
		}
		for _, address := range cases {
			if steps := offered(s.get(address, as).page(t)); len(steps) > 0 != allowed("POST /console/cases/:key") {
				t.Errorf("%s: the case offers %v", role, steps)
			}
		}
		if len(cases) > 0 != allowed("GET /console/cases") {
			t.Errorf("%s sees %d cases", role, len(cases))
		}
	}
}

func TestPlacesOutsideTheirOwnAreRefused(t *testing.T) {
	s := newSite(t)
	mine, theirs := s.code(storetest.GulouHR1), s.code(storetest.SimingTax)
	s.addUser("boss", survey.Supervisor, "350102-HR")
	as, csrf, _ := s.signIn("boss", password)
	for path, want := range map[string]int{
		"/console/figures?within=350102-HR":    http.StatusOK,
		"/console/figures?within=350102-HR-01": http.StatusOK,
		"/console/figures?within=350203-TAX":   http.StatusForbidden,
		"/console/figures?within=350102":       http.StatusForbidden, // the county above
		"/console/figures?within=nowhere":      http.StatusUnprocessableEntity,
		"/console/texts?within=350203-TAX":     http.StatusForbidden,
		"/console/codes?within=350203-TAX":     http.StatusForbidden,
		"/console/codes/" + mine + "/png":      http.StatusOK,
		"/console/codes/" + theirs + "/png":    http.StatusForbidden,
	} {
		if a := s.get(path, as); a.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, a.StatusCode, want)
		}
	}
	if a := s.post("/console/codes/revoke", url.Values{"serial": {"1"}, "csrf": {csrf}}, as); a.StatusCode != http.StatusForbidden {
		t.Errorf("a supervisor revokes: status %d, want 403", a.StatusCode)
	}
	token := s.token(survey.Staff, storetest.GulouHR1)
	if a := s.get("/api/v1/figures?within=350102-HR", token); a.StatusCode != http.StatusForbidden {
		t.Errorf("a staff token asks for its bureau: status %d, want 403", a.StatusCode)
	}
}

func TestRevokeAndReissue(t *testing.T) {
	s := newSite(t)
	first := s.code(storetest.GulouHR1)
	s.addUser("admin", survey.Organiser, "")
	as, csrf, _ := s.signIn("admin", password)
	press := func(action, code string) {
		t.Helper()
		serial, err := s.signer.Serial(code)
		must(t, err)
		a := s.post("/console/codes/"+action, url.Values{"serial": {fmt.Sprint(serial)}, "csrf": {csrf}}, as)
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: status %d", action, a.StatusCode)
		}
	}
	inForce := func() (codes []string) {
		all, err := s.store.Codes(t.Context(), s.survey.ID, storetest.GulouHR1)
		must(t, err)
		for _, c := range all {
			if !c.Revoked() {
				codes = append(codes, s.signer.Code(c.Serial))
			}
		}
		return codes
	}
	press("reissue", first)
	second := inForce()
	if len(second) != 1 || second[0] == first {
		t.Fatalf("in force: %v, want one new code", second)
	}
	// It takes effect at once in this process.
	if a, b := s.get("/q/"+first), s.get("/q/"+second[0]); a.StatusCode != http.StatusGone || b.StatusCode != http.StatusOK {
		t.Errorf("the old code: %d, the new one: %d", a.StatusCode, b.StatusCode)
	}
	press("revoke", second[0])
	if left := inForce(); len(left) != 0 {
		t.Errorf("in force after revoking: %v", left)
	}
}

func TestSignIn(t *testing.T) {
	s := newSite(t)
	s.addUser("admin", survey.Organiser, "")
	_, _, wrong := s.signIn("admin", "wrong wrong wrong")
	_, _, nobody := s.signIn("nobody", "wrong wrong wrong")
	if wrong.StatusCode != http.StatusUnauthorized || nobody.StatusCode != http.StatusUnauthorized {
		t.Fatalf("status %d and %d, want 401", wrong.StatusCode, nobody.StatusCode)
	}
	strip := func(a answer, name string) string {
		doc := a.page(t)
		doc.Find("input[name=csrf]").Remove()
		text, _ := doc.Html()
		return strings.ReplaceAll(text, name, "NAME")
	}
	if strip(wrong, "admin") != strip(nobody, "nobody") {
		t.Error("the page tells a wrong password from an unknown name")
	}
	for range lockAfter - 1 {
		s.signIn("admin", "wrong wrong wrong")
	}
	_, _, locked := s.signIn("admin", password)
	if locked.StatusCode != http.StatusUnauthorized || strip(locked, "admin") != strip(wrong, "admin") {
		t.Errorf("after %d failures: status %d, want the page of a wrong password", lockAfter, locked.StatusCode)
	}
	s.pass(lockFor + time.Second)
	as, csrf, in := s.signIn("admin", password)
	if in.StatusCode != http.StatusSeeOther || csrf == "" {
		t.Fatalf("after the lock: status %d", in.StatusCode)
	}
	for _, c := range in.Cookies() {
		if c.Name == sessionCookie && (!c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode) {
			t.Errorf("session cookie %+v", c)
		}
	}
	if a := s.post("/console/signout", url.Values{"csrf": {"forged"}}, as); a.StatusCode != http.StatusForbidden {
		t.Errorf("a forged form: status %d, want 403", a.StatusCode)
	}
	s.post("/console/signout", url.Values{"csrf": {csrf}}, as)
	if a := s.get("/console/figures", as); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after signing out: status %d, want a redirect to sign in", a.StatusCode)
	}
	as, _, _ = s.signIn("admin", password)
	s.pass(sessionLife)
	if a := s.get("/console/figures", as); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after the session's life: status %d", a.StatusCode)
	}
}

func TestASessionPlantedBeforeSigningInIsWorthNothing(t *testing.T) {
	s := newSite(t)
	s.addUser("admin", survey.Organiser, "")
	planted := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "PLANTED"}) }
	first := s.get("/console/signin", planted)
	token := first.page(t).Find("input[name=csrf]").AttrOr("value", "")
	a := s.post("/console/signin", url.Values{"name": {"admin"}, "password": {password}, "csrf": {token}}, planted, cookies(first.Cookies()))
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", a.StatusCode)
	}
	if a := s.get("/console/figures", planted); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the planted cookie is signed in: status %d", a.StatusCode)
	}
}

func TestTokens(t *testing.T) {
	s := newSite(t)
	as := s.token(survey.Organiser, "")
	if a := s.get("/api/v1/figures", as); a.StatusCode != http.StatusOK {
		t.Fatalf("status %d", a.StatusCode)
	}
	must(t, s.store.RevokeTokens(t.Context(), string(survey.Organiser), s.clock()))
	for name, as := range map[string]func(*http.Request){"revoked": as, "made up": bearer("manyi_x"), "none": func(*http.Request) {}} {
		a := s.get("/api/v1/figures", as)
		if a.StatusCode != http.StatusUnauthorized || a.Header.Get("Content-Type") != "application/problem+json" || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: status %d, %s", name, a.StatusCode, a.Header.Get("Content-Type"))
		}
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	for _, path := range []string{"/q/" + code, "/q/nothing", "/console/signin", "/api/v1/figures", "/nowhere"} {
		h := s.get(path).Header
		csp := h.Get("Content-Security-Policy")
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cache-Control") != "no-store" ||
			!strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "script-src") {
			t.Errorf("%s: %v", path, fmt.Sprint(h))
		}
	}
}
