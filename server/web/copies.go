package web

import (
	"encoding/hex"
	"io/fs"

	"github.com/gofiber/fiber/v2"

	"manyi/public"
)

// An evaluator's pages have to open again where there is no connection: a phone that was
// locked drops its tabs. The worker of those pages keeps a copy of each on the device,
// and shows it only when the server does not answer.
//
// They go out with no-store all the same, which keeps them out of every other cache.
// The worker may keep them because the phone holds the same findings anyway until they
// are sent, and because it can do what a cache cannot: it keeps only what carries
// keepHeader, for as long as a session lasts, and gives it up when somebody signs in
// or out, when another account's page comes and when the server refuses the page.
// Clear-Site-Data would not do: what it takes with the copies is what was not sent yet.
const (
	// keepHeader names the account whose copy a page may become.
	keepHeader = "Manyi-Keep"
	// forgetPath is where signing in and out lead through: a worker sees no address
	// but those of its own pages.
	forgetPath = "/console/evaluate/forget"
)

// Keep names the account in the device's caches.
func (v Console) Keep() string { return hex.EncodeToString([]byte(v.Who.Name)) }

// evaluateWorker is the script that keeps and shows the copies. Its scope has to be
// allowed, as the list of bureaus and the interviews are above its folder.
func (a *app) evaluateWorker(c *fiber.Ctx) error {
	text, err := fs.ReadFile(public.Files, "scripts/evaluate-worker.js")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextJavaScriptCharsetUTF8)
	c.Set(fiber.HeaderContentSecurityPolicy, evaluateCSP)
	c.Set("Service-Worker-Allowed", "/console/")
	return c.Send(text)
}

// forgetCopies is reached where no worker caught it: there are no copies.
func (a *app) forgetCopies(c *fiber.Ctx) error { return c.Redirect("/console", fiber.StatusSeeOther) }
