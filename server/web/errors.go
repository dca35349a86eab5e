package web

import (
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/review"
	"manyi/survey"
)

// problem is an API error (RFC 9457).
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Faults []fieldFault `json:"faults,omitempty"`
}

type fieldFault struct {
	Row   int    `json:"row,omitempty"`
	Field string `json:"field"`
	Value string `json:"value,omitempty"`
	Why   string `json:"why"`
}

// fail is the one place where errors become answers. People see fixed words;
// the whole error goes to the log.
func (a *app) fail(c *fiber.Ctx, err error) error {
	status, detail := statusOf(err)
	if status >= 500 {
		a.Log.Error("request failed", "method", c.Method(), "route", routeOf(c), "status", status, "error", err)
	}
	c.Response().ResetBody()
	c.Set(fiber.HeaderCacheControl, "no-store")
	path := strings.ToLower(c.Path())
	switch {
	case strings.HasPrefix(path, "/api/"), path == "/metrics":
		if status == fiber.StatusUnauthorized {
			c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		}
		p := problem{Type: "about:blank", Title: statusTitle(status), Status: status, Detail: detail}
		var faults survey.Faults
		if errors.As(err, &faults) {
			for _, f := range faults {
				p.Faults = append(p.Faults, fieldFault{f.Row, f.Field, f.Value, string(f.Why)})
			}
		}
		if err := c.Status(status).JSON(p); err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "application/problem+json")
		return nil
	case status == fiber.StatusUnauthorized && strings.HasPrefix(path, "/console"):
		return c.Redirect("/console/signin", fiber.StatusSeeOther)
	}
	view := NoticeView{Key: noticeOf(status), Elder: elder(c)}
	switch {
	case strings.HasPrefix(path, "/kiosk/") && status < 500:
		view.Key = "no_tablet"
	case errors.Is(err, errNoSurvey):
		view.Key = "no_survey"
	case a.Spool != nil && silent(err) && strings.HasPrefix(path, "/console"):
		view.Key = "away"
	}
	if rerr := a.page(c, status, "notice", view); rerr != nil {
		a.Log.Error("the error page failed", "error", rerr)
		return c.SendString("服务暂时不可用，请稍后再试。 Please try again later.")
	}
	return nil
}

func noticeOf(status int) string {
	switch {
	case status == fiber.StatusNotFound || status == fiber.StatusMethodNotAllowed:
		return "not_found"
	case status == fiber.StatusForbidden || status == fiber.StatusUnauthorized:
		return "forbidden"
	case status == fiber.StatusRequestEntityTooLarge:
		return "too_large"
	case status == fiber.StatusServiceUnavailable || status == fiber.StatusInsufficientStorage:
		return "full"
	}
	return "failed"
}

// statusOf maps an error to a status and words fit for anybody.
func statusOf(err error) (int, string) {
	var fe *fiber.Error
	var faults survey.Faults
	var refused review.Refused
	switch {
	case errors.As(err, &refused):
		return fiber.StatusUnprocessableEntity, refused.Error()
	case errors.As(err, &faults):
		return fiber.StatusUnprocessableEntity, "some values are not usable; see faults"
	case errors.As(err, &fe):
		if fe.Code < 500 {
			return fe.Code, fe.Message
		}
		return fe.Code, ""
	case errors.Is(err, survey.ErrNotFound):
		return fiber.StatusNotFound, "no such thing"
	case errors.Is(err, survey.ErrFull), silent(err):
		return fiber.StatusServiceUnavailable, "try again later"
	}
	return fiber.StatusInternalServerError, "an unexpected fault; the operator's log tells more"
}

func statusTitle(status int) string { return fiber.NewError(status).Message }

func routeOf(c *fiber.Ctx) string {
	if path, ok := c.Locals(keyRoute).(string); ok {
		return path
	}
	return "none"
}
