package web

import (
	"io/fs"

	"github.com/gofiber/fiber/v2"

	"manyi/public"
)

// openAPI serves the description of the API.
func (a *app) openAPI(c *fiber.Ctx) error {
	text, err := fs.ReadFile(public.Files, "openapi.json")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/vnd.oai.openapi+json;version=3.1")
	return c.Send(text)
}
