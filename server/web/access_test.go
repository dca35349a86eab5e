package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/storetest"
)

// may is who gets past the guard of each route: a = anyone, o, s, f = signed in
// as organiser, supervisor, staff; O, S, F = with a token of that role.
var may = map[string]string{
	"GET /":                             "a osf OSF",
	"GET /q/:code":                      "a osf OSF",
	"POST /q/:code":                     "a osf OSF",
	"GET /follow":                       "a osf OSF",
	"POST /follow":                      "a osf OSF",
	"GET /healthz":                      "a osf OSF",
	"GET /readyz":                       "a osf OSF",
	"GET /metrics":                      "O",
	"GET /static/:file":                 "a osf OSF",
	"GET /favicon.ico":                  "a osf OSF",
	"GET /console":                      "osf",
	"GET /console/signin":               "a osf OSF",
	"POST /console/signin":              "a osf OSF",
	"POST /console/signout":             "osf",
	"GET /console/figures":              "osf",
	"GET /console/figures/:format":      "osf",
	"GET /console/responses/:format":    "o",
	"GET /console/texts":                "osf",
	"GET /console/cases":                "os",
	"GET /console/cases/ledger/:format": "os",
	"GET /console/cases/:key":           "os",
	"POST /console/cases/:key":          "os",
	"GET /console/codes":                "osf",
	"POST /console/codes/revoke":        "o",
	"POST /console/codes/reissue":       "o",
	"GET /console/codes/sheet":          "osf",
	"GET /console/codes/zip":            "osf",
	"GET /console/codes/:code/:format":  "osf",
	"GET /console/status":               "o",
	"POST /console/nodes/drop":          "o",
	"GET /api/openapi.json":             "a osf OSF",
	"GET /api/v1/figures":               "OSF",
	"GET /api/v1/trend":                 "OSF",
	"GET /api/v1/responses":             "O",
}

func TestEveryRouteWithEveryRole(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	type visitor struct {
		letter byte
		as     func(*http.Request)
		csrf   string
	}
	visitors := []visitor{{'a', func(*http.Request) {}, ""}}
	places := map[survey.Role]string{survey.Organiser: "", survey.Supervisor: "350102-HR", survey.Staff: storetest.GulouHR1}
	for i, role := range survey.Roles {
		s.addUser(string(role), role, places[role])
		as, csrf, a := s.signIn(string(role), password)
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s cannot sign in: %d", role, a.StatusCode)
		}
		visitors = append(visitors, visitor{"osf"[i], as, csrf}, visitor{"OSF"[i], s.token(role, places[role]), ""})
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
				if want := !strings.Contains(allowed, string(v.letter)); refused != want {
					t.Errorf("%s as %c: status %d, refused %v, want %v", name, v.letter, a.StatusCode, refused, want)
				}
				if name == "POST /console/signout" && !refused {
					v.as, v.csrf, _ = s.signIn(string(survey.Roles[strings.IndexByte("osf", v.letter)]), password)
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
