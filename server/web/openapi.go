package web

import (
	"io/fs"

	"github.com/gofiber/fiber/v2"

	"manyi/public"
)

// openAPI serves the description of the API.
func (a *app) openAPI(c *fiber.Ctx) error {
	return sendPublic(c, "openapi.json", "application/vnd.oai.openapi+json;version=3.1")
}

// publicationSchema serves the JSON Schema of a publication.
func (a *app) publicationSchema(c *fiber.Ctx) error {
	return sendPublic(c, "publication.schema.json", "application/schema+json")
}

func sendPublic(c *fiber.Ctx, name, contentType string) error {
	text, err := fs.ReadFile(public.Files, name)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, contentType)
	return c.Send(text)
}
