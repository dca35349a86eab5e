package web

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

const (
	sessionCookie = "manyi_session"
	guestCookie   = "manyi_guest" // ties the sign-in form to the browser it was shown in
	sessionLife   = 12 * time.Hour
	// After lockAfter failures within lockFor a name is locked for as long,
	// whether it exists or not, and the page says the same as for a wrong password.
	lockAfter = 5
	lockFor   = 15 * time.Minute
	maxName   = 64
)

// pageKeys are derived from the installation's secret.
type pageKeys struct{ csrf []byte }

func newPageKeys(secret []byte) (k pageKeys, err error) {
	k.csrf, err = hkdf.Key(sha256.New, secret, nil, "manyi csrf", 32)
	if err != nil {
		return k, fmt.Errorf("derive page keys: %w", err)
	}
	return k, nil
}

// csrf is the token that forms of a browser session carry; cookie is its secret.
func (k pageKeys) token(cookie string) string {
	h := hmac.New(sha256.New, k.csrf)
	h.Write([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (k pageKeys) valid(cookie, token string) bool {
	return cookie != "" && hmac.Equal([]byte(k.token(cookie)), []byte(token))
}

func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func (a *app) showSignIn(c *fiber.Ctx) error {
	return a.page(c, fiber.StatusOK, "signin", SigninView{CSRF: a.keys.token(a.guest(c))})
}

// guest returns the browser's sign-in cookie, setting it if there is none. It
// costs no store, so strangers cannot fill one.
func (a *app) guest(c *fiber.Ctx) string {
	if v := c.Cookies(guestCookie); len(v) == len(rand.Text()) {
		return v
	}
	v := rand.Text()
	a.setCookie(c, guestCookie, v, time.Hour)
	return v
}

func (a *app) setCookie(c *fiber.Ctx, name, value string, life time.Duration) {
	c.Cookie(&fiber.Cookie{Name: name, Value: value, Path: "/console", HTTPOnly: true, Secure: a.secure,
		SameSite: fiber.CookieSameSiteLaxMode, Expires: a.Now().Add(life)})
}

func (a *app) signIn(c *fiber.Ctx) error {
	guest := c.Cookies(guestCookie)
	if !a.keys.valid(guest, c.FormValue("csrf")) {
		return fiber.ErrForbidden
	}
	name := strings.TrimSpace(c.FormValue("name"))
	user, err := a.authenticate(c.UserContext(), name, c.FormValue("password"))
	if errors.Is(err, errSignIn) {
		return a.page(c, fiber.StatusUnauthorized, "signin", SigninView{CSRF: a.keys.token(guest), Name: name, Wrong: true})
	}
	if err != nil {
		return err
	}
	secret := rand.Text() // a new session at every sign-in: a cookie planted before is worth nothing
	s := survey.Session{Hash: digest(secret), User: user.Name, ExpiresAt: a.Now().Add(sessionLife)}
	if err := a.Store.PutSession(c.UserContext(), s); err != nil {
		return err
	}
	a.setCookie(c, sessionCookie, secret, sessionLife)
	a.setCookie(c, guestCookie, "", -time.Hour)
	return c.Redirect(forgetPath, fiber.StatusSeeOther)
}

var errSignIn = errors.New("wrong name or password, or locked")

// authenticate returns the user, or errSignIn without telling what was wrong.
func (a *app) authenticate(ctx context.Context, name, password string) (survey.User, error) {
	if name == "" || len(name) > maxName {
		return survey.User{}, errSignIn
	}
	now := a.Now()
	failed, err := a.Store.Failures(ctx, name, now.Add(-lockFor))
	if err != nil {
		return survey.User{}, err
	}
	user, err := a.Store.User(ctx, name)
	known := err == nil
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return survey.User{}, err
	}
	hash := user.PasswordHash
	if !known {
		hash = nobodysHash
	}
	right, err := checkPassword(hash, password)
	if err != nil {
		return survey.User{}, err
	}
	if failed >= lockAfter { // after the hash, so that a locked name takes as long; uncounted, so that it unlocks
		return survey.User{}, errSignIn
	}
	if !right || !known {
		if _, err := a.Store.CountFailure(ctx, name, now, now.Add(-lockFor)); err != nil {
			return survey.User{}, err
		}
		return survey.User{}, errSignIn
	}
	return user, a.Store.ClearFailures(ctx, name)
}

func (a *app) signOut(c *fiber.Ctx) error {
	if err := a.Store.DropSession(c.UserContext(), digest(c.Cookies(sessionCookie))); err != nil {
		return err
	}
	a.setCookie(c, sessionCookie, "", -time.Hour)
	return c.Redirect(forgetPath, fiber.StatusSeeOther)
}

// NewToken makes a token for the API: the text its holder keeps, and what is stored.
func NewToken(who survey.Actor, now time.Time) (string, survey.Token) {
	text := "manyi_" + rand.Text() + rand.Text()
	return text, survey.Token{Actor: who, Hash: digest(text), CreatedAt: now.UTC().Truncate(time.Millisecond)}
}
