package web

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
)

// route says where a handler stands and who may use it. register adds no route
// that is not in the table, and the access test walks the table with every role.
type route struct {
	Method, Path string
	Who          audience
	Handler      fiber.Handler
}

// audience is how somebody proves who they are, and which roles pass.
type audience struct {
	by    proof
	roles []survey.Role // empty for everybody
}

type proof int

const (
	byNothing proof = iota // open to the world
	bySession              // signed in to the console
	byToken                // bearer token
)

var (
	anyone      = audience{by: byNothing}
	signedIn    = audience{by: bySession, roles: survey.Roles[:]}
	organisers  = audience{by: bySession, roles: []survey.Role{survey.Organiser}}
	workers     = audience{by: bySession, roles: []survey.Role{survey.Organiser, survey.Supervisor}}
	anyToken    = audience{by: byToken, roles: survey.Roles[:]}
	fullToken   = audience{by: byToken, roles: []survey.Role{survey.Organiser}}
	errNoAccess = fiber.NewError(fiber.StatusForbidden, "this role may not use this")
)

// routes is every route of the product and who may use it.
func (a *app) routes() []route {
	return []route{
		{"GET", "/", anyone, a.home},
		{"GET", "/q/:code", anyone, a.showRate},
		{"POST", "/q/:code", anyone, a.sendRate},
		{"GET", "/follow", anyone, a.showFollow},
		{"POST", "/follow", anyone, a.follow},
		{"GET", "/healthz", anyone, a.healthz},
		{"GET", "/readyz", anyone, a.readyz},
		{"GET", "/metrics", fullToken, a.showMetrics},
		{"GET", "/static/:file", anyone, a.static},
		{"GET", "/favicon.ico", anyone, a.favicon},

		{"GET", "/console", signedIn, a.consoleHome},
		{"GET", "/console/signin", anyone, a.showSignIn},
		{"POST", "/console/signin", anyone, a.signIn},
		{"POST", "/console/signout", signedIn, a.signOut},
		{"GET", "/console/figures", signedIn, a.showFigures},
		{"GET", "/console/figures/:format", signedIn, a.downloadFigures},
		{"GET", "/console/responses/:format", organisers, a.downloadResponses},
		{"GET", "/console/texts", signedIn, a.showTexts},
		{"GET", "/console/cases", workers, a.showCases},
		{"GET", "/console/cases/ledger/:format", workers, a.downloadLedger},
		{"GET", "/console/cases/:key", workers, a.showCase},
		{"POST", "/console/cases/:key", workers, a.takeStep},
		{"GET", "/console/codes", signedIn, a.showCodes},
		{"POST", "/console/codes/revoke", organisers, a.revokeCode},
		{"POST", "/console/codes/reissue", organisers, a.reissueCode},
		{"GET", "/console/codes/sheet", signedIn, a.printSheet},
		{"GET", "/console/codes/zip", signedIn, a.downloadCodes},
		{"GET", "/console/codes/:code/:format", signedIn, a.showCode},
		{"GET", "/console/status", organisers, a.showStatus},
		{"POST", "/console/nodes/drop", organisers, a.dropNode},

		{"GET", "/api/openapi.json", anyone, a.openAPI},
		{"GET", "/api/v1/figures", anyToken, a.apiFigures},
		{"GET", "/api/v1/trend", anyToken, a.apiTrend},
		{"GET", "/api/v1/responses", fullToken, a.apiResponses},
	}
}

func (a *app) register(f *fiber.App) {
	for _, r := range a.routes() {
		f.Add(r.Method, r.Path, a.guard(r), r.Handler)
	}
}

// guard lets a request through to its handler, or refuses it.
func (a *app) guard(r route) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Locals(keyRoute, r.Path)
		if r.Who.by == byNothing {
			return c.Next()
		}
		who, err := a.whoIs(c, r.Who.by)
		if err != nil {
			return err
		}
		if !slices.Contains(r.Who.roles, who.Role) {
			return errNoAccess
		}
		if r.Method == fiber.MethodPost && !a.keys.valid(c.Cookies(sessionCookie), c.FormValue("csrf")) {
			return fiber.ErrForbidden
		}
		c.Locals(keyActor, who)
		return c.Next()
	}
}

type localKey int

const (
	keyActor localKey = iota
	keyRoute
)

// actor is who the guard let through.
func actor(c *fiber.Ctx) survey.Actor {
	who, _ := c.Locals(keyActor).(survey.Actor)
	return who
}

// errAnonymous means nobody is signed in, or the token is none of ours.
var errAnonymous = fiber.NewError(fiber.StatusUnauthorized, "sign in, or send a valid token")

func (a *app) whoIs(c *fiber.Ctx, by proof) (survey.Actor, error) {
	switch by {
	case bySession:
		secret := c.Cookies(sessionCookie)
		if secret == "" {
			return survey.Actor{}, errAnonymous
		}
		return a.identify(c, secret, func(ctx context.Context) (survey.Actor, error) {
			s, err := a.Store.Session(ctx, digest(secret), a.Now())
			if err != nil {
				return survey.Actor{}, err
			}
			u, err := a.Store.User(ctx, s.User)
			return u.Actor, err
		})
	case byToken:
		secret, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
		if !ok {
			return survey.Actor{}, errAnonymous
		}
		return a.identify(c, secret, func(ctx context.Context) (survey.Actor, error) {
			t, err := a.Store.Token(ctx, digest(secret))
			if err == nil && !t.RevokedAt.IsZero() {
				err = survey.ErrNotFound
			}
			return t.Actor, err
		})
	}
	return survey.Actor{}, errNoAccess
}

// knownFor is how long somebody who was let in stays known while the store does not answer.
const knownFor = 15 * time.Minute

func (a *app) identify(c *fiber.Ctx, secret string, ask func(context.Context) (survey.Actor, error)) (survey.Actor, error) {
	who, err := a.actors.ask(c.UserContext(), a.Intake.Away(), a.Now(), [32]byte(digest(secret)), ask)
	if errors.Is(err, survey.ErrNotFound) {
		err = errAnonymous
	}
	return who, err
}

// sees reports whether a place lies in the actor's part of the tree.
func sees(t *survey.Tree, who survey.Actor, place string) bool {
	return who.Place == "" || t.Within(place, who.Place)
}
