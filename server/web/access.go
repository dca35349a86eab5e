package web

import (
	"context"
	"errors"
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

// audience is how somebody proves who they are, and the power they need. See
// survey.Role for who has it.
type audience struct {
	by    proof
	power survey.Power
}

type proof int

const (
	nobody    proof = iota // who was forgotten in the table gets nothing
	byNothing              // open to the world
	bySession              // signed in to the console
	byToken                // bearer token
	byTablet               // the cookie that the link made for a tablet sets
)

var (
	anyone      = audience{by: byNothing}
	errNoAccess = fiber.NewError(fiber.StatusForbidden, "this role may not use this")
)

func signedIn(p survey.Power) audience  { return audience{bySession, p} }
func withToken(p survey.Power) audience { return audience{byToken, p} }
func onTablet(p survey.Power) audience  { return audience{byTablet, p} }

// routes is every route of the product and who may use it.
func (a *app) routes() []route {
	return []route{
		{"GET", "/", anyone, a.home},
		{"GET", "/q/:code", anyone, a.showRate},
		{"POST", "/q/:code", anyone, a.sendRate},
		{"GET", "/follow", anyone, a.showFollow},
		{"POST", "/follow", anyone, a.follow},
		{"GET", "/verify", anyone, a.showVerify},
		{"POST", "/verify", anyone, a.verify},
		{"GET", "/kiosk/set-up/:secret", anyone, a.setUpTablet},
		{"GET", "/kiosk/rate", onTablet(survey.RateInHall), a.showKiosk},
		{"POST", "/kiosk/rate", onTablet(survey.RateInHall), a.sendKiosk},
		{"GET", "/kiosk/worker.js", onTablet(survey.RateInHall), a.kioskWorker},
		{"GET", "/sms/:secret", anyone, a.fromGateway}, // whoever knows the secret, from an address that may
		{"POST", "/sms/:secret", anyone, a.fromGateway},
		{"GET", "/receipt", anyone, a.showReceipt},
		{"POST", "/receipt", anyone, a.receipt},
		{"GET", "/healthz", anyone, a.healthz},
		{"GET", "/readyz", anyone, a.readyz},
		{"GET", "/metrics", withToken(survey.Operate), a.showMetrics},
		{"GET", "/static/:file", anyone, a.static},
		{"GET", "/favicon.ico", anyone, a.favicon},

		{"GET", "/console", signedIn(survey.Enter), a.consoleHome},
		{"GET", "/console/signin", anyone, a.showSignIn},
		{"POST", "/console/signin", anyone, a.signIn},
		{"POST", "/console/signout", signedIn(survey.Enter), a.signOut},
		{"GET", "/console/figures", signedIn(survey.SeeFigures), a.showFigures},
		{"GET", "/console/figures/:format", signedIn(survey.SeeFigures), a.downloadFigures},
		{"GET", "/console/dataset", signedIn(survey.Download), a.sendDataset},
		{"GET", "/console/responses/:format", signedIn(survey.Download), a.downloadResponses},
		{"GET", "/console/texts", signedIn(survey.ReadTexts), a.showTexts},
		{"GET", "/console/cases", signedIn(survey.SeeCases), a.showCases},
		{"GET", "/console/cases/ledger/:format", signedIn(survey.SeeCases), a.downloadLedger},
		{"GET", "/console/cases/rates", signedIn(survey.SeeRates), a.showCaseRates}, // before :key, which would take it for one
		{"GET", "/console/cases/rates/:format", signedIn(survey.SeeRates), a.downloadCaseRates},
		{"GET", "/console/cases/:key", signedIn(survey.SeeCases), a.showCase},
		{"POST", "/console/cases/:key", signedIn(survey.WorkCases), a.takeStep},
		{"GET", "/console/cases/:key/photos/:hash", signedIn(survey.SeeCases), a.showPhoto},
		{"GET", "/console/quality", signedIn(survey.SeeQuality), a.showQuality},
		{"GET", "/console/quality/:format", signedIn(survey.SeeQuality), a.downloadQuality},
		{"GET", "/console/evaluate", signedIn(survey.Evaluate), a.showAssigned},
		{"GET", "/console/evaluate/worker.js", signedIn(survey.Evaluate), a.evaluateWorker},
		{"GET", "/console/evaluate/forget", anyone, a.forgetCopies},
		{"GET", "/console/evaluate/:bureau", signedIn(survey.Evaluate), a.showEvaluation},
		{"POST", "/console/evaluate/:bureau", signedIn(survey.Evaluate), a.sendEvaluation},
		{"GET", "/console/evaluate/:bureau/photos/:hash", signedIn(survey.Evaluate), a.showOwnPhoto},
		{"GET", "/console/interviews", signedIn(survey.Evaluate), a.showInterviews},
		{"POST", "/console/interviews", signedIn(survey.Evaluate), a.addInterview},
		{"GET", "/console/rechecks", signedIn(survey.SeeScores), a.showRechecks},
		{"GET", "/console/rechecks/:key", signedIn(survey.SeeScores), a.showRecheck},
		{"POST", "/console/rechecks/:key", signedIn(survey.CallBack), a.takeRecheck},
		{"GET", "/console/evaluations", signedIn(survey.SeeScores), a.showEvaluations},
		{"GET", "/console/evaluations/files/:format", signedIn(survey.SeeScores), a.downloadEvaluations},
		{"POST", "/console/evaluations/assign", signedIn(survey.AssignBureaus), a.assignBureaus},
		{"GET", scoresPath, signedIn(survey.ImportScores), a.showScores}, // before :bureau, which would take it for one
		{"POST", scoresPath, signedIn(survey.ImportScores), a.importScores},
		{"GET", "/console/evaluations/:bureau", signedIn(survey.SeeScores), a.showJudged},
		{"GET", "/console/evaluations/:bureau/photos/:hash", signedIn(survey.SeeScores), a.showJudgedPhoto},
		{"GET", "/console/publications", signedIn(survey.SeeFigures), a.showPublications},
		{"POST", "/console/publications", signedIn(survey.Publish), a.publish},
		{"GET", "/console/publications/:survey/:period/:no", signedIn(survey.SeeFigures), a.sendDocument},
		{"GET", "/console/publications/:survey/:period/:no/bundle.zip", signedIn(survey.SeeFigures), a.sendBundle},
		{"GET", "/console/publications/:survey/:period/:no/:file", signedIn(survey.SeeFigures), a.sendPublished},
		{"GET", "/console/review", signedIn(survey.SeeReview), a.showReview},
		{"GET", "/console/review/:format", signedIn(survey.SeeReview), a.downloadReview},
		{"GET", "/console/codes", signedIn(survey.SeeCodes), a.showCodes},
		{"POST", "/console/codes/revoke", signedIn(survey.ManageCodes), a.revokeCode},
		{"POST", "/console/codes/reissue", signedIn(survey.ManageCodes), a.reissueCode},
		{"GET", "/console/codes/sheet", signedIn(survey.SeeCodes), a.printSheet},
		{"GET", "/console/codes/zip", signedIn(survey.SeeCodes), a.downloadCodes},
		{"GET", "/console/codes/:code/:format", signedIn(survey.SeeCodes), a.showCode},
		{"GET", "/console/paper", signedIn(survey.KeyInPaper), a.showPaper},
		{"POST", "/console/paper", signedIn(survey.KeyInPaper), a.keyIn},
		{"GET", "/console/paper/sheets", signedIn(survey.KeyInPaper), a.printPaper},
		{"GET", "/console/tablets", signedIn(survey.ManageTablets), a.showTablets},
		{"POST", "/console/tablets", signedIn(survey.ManageTablets), a.addTablet},
		{"POST", "/console/tablets/revoke", signedIn(survey.ManageTablets), a.revokeTablet},
		{"GET", "/console/status", signedIn(survey.Operate), a.showStatus},
		{"GET", "/console/campaign", signedIn(survey.Invite), a.showCampaign},
		{"POST", "/console/campaign", signedIn(survey.Invite), a.saveCampaign},
		{"GET", "/console/replies", signedIn(survey.SeeReplies), a.showReplies},
		{"GET", "/console/outbox", signedIn(survey.Operate), a.showOutbox},
		{"POST", "/console/outbox", signedIn(survey.Operate), a.answerOutbox},
		{"POST", "/console/deliveries", signedIn(survey.Operate), a.decideDelivery},
		{"POST", "/console/nodes/drop", signedIn(survey.Operate), a.dropNode},

		{"GET", "/api/openapi.json", anyone, a.openAPI},
		{"GET", "/api/v1/figures", withToken(survey.SeeFigures), a.apiFigures},
		{"GET", "/api/v1/case-rates", withToken(survey.SeeRates), a.apiCaseRates},
		{"GET", "/api/v1/quality-flags", withToken(survey.SeeQuality), a.apiQuality},
		{"GET", "/api/v1/evaluations", withToken(survey.SeeScores), a.apiEvaluations},
		{"GET", "/api/v1/publications", withToken(survey.SeeFigures), a.apiPublications},
		{"GET", "/api/v1/publications/schema.json", anyone, a.publicationSchema},
		{"GET", "/api/v1/publications/:survey/:period/:no", withToken(survey.SeeFigures), a.sendDocument}, // ?for=auditors asks for more
		{"GET", "/api/v1/publications/:survey/:period/:no/bundle.zip", withToken(survey.SeeFigures), a.sendBundle},
		{"GET", "/api/v1/publications/:survey/:period/:no/:file", withToken(survey.SeeFigures), a.sendPublished},
		{"POST", takeInPath, withToken(survey.TakeIn), a.takeIn},
		{"GET", "/api/v1/trend", withToken(survey.SeeFigures), a.apiTrend},
		{"GET", "/api/v1/dataset", withToken(survey.Download), a.sendDataset},
		{"POST", "/api/v1/visits", withToken(survey.AddVisits), a.apiVisits},
		{"GET", "/api/v1/responses", withToken(survey.Download), a.apiResponses},
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
		if !who.Can(r.Who.power) {
			return errNoAccess
		}
		if uploads(&c.Request().Header) {
			if err := a.readUpload(c); err != nil {
				return err
			}
		}
		if r.Method == fiber.MethodPost && r.Who.by == bySession && !a.keys.valid(c.Cookies(sessionCookie), c.FormValue("csrf")) {
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
	keyBody   // of an upload, as takeBody leaves it
	keyUpload // its files
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
		return a.holder(c, secret)
	case byTablet:
		return a.holder(c, c.Cookies(tabletCookie))
	}
	return survey.Actor{}, errNoAccess
}

// holder is who holds a token that is in force.
func (a *app) holder(c *fiber.Ctx, secret string) (survey.Actor, error) {
	return a.identify(c, secret, func(ctx context.Context) (survey.Actor, error) {
		t, err := a.Store.Token(ctx, digest(secret))
		if err == nil && !t.RevokedAt.IsZero() {
			err = survey.ErrNotFound
		}
		return t.Actor, err
	})
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
