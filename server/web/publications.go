package web

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/stats/proof/bundle"
	"manyi/survey"
)

// PublicationsPath and the id of a publication made here are where the API shows it.
const PublicationsPath = "/api/v1/publications/"

// publicationJSON is a publication in the list of the API.
type publicationJSON struct {
	ID       string    `json:"id"`
	Survey   string    `json:"survey"`
	Period   string    `json:"period"`
	No       int       `json:"no"`
	Corrects int       `json:"corrects,omitempty"` // number of the publication it corrects
	At       time.Time `json:"at"`
	Sample   bool      `json:"sample"`
	SHA256   string    `json:"sha256"` // of the document
	URL      string    `json:"url"`    // of the document
}

// forAuditors is which document of a publication is meant: the public one, or with
// ?for=auditors the auditors', for those who may read every response whole.
func forAuditors(c *fiber.Ctx) (bool, error) {
	switch c.Query("for") {
	case "":
		return false, nil
	case "auditors":
		if !actor(c).Can(survey.DownloadWhole) {
			return false, errNoAccess
		}
		return true, nil
	}
	return false, survey.Faults{{Field: "for", Value: c.Query("for"), Why: WhyReaders}}
}

// WhyReaders is the fault of readers that no document of a publication is made for.
const WhyReaders survey.Why = "publication_for"

// apiPublications lists what was published here, corrections after what they correct.
func (a *app) apiPublications(c *fiber.Ctx) error {
	list := []publicationJSON{}
	q := survey.PublicationQuery{Survey: c.Query("survey"), Period: c.Query("period"), Here: true}
	err := a.Store.Publications(c.UserContext(), q, func(p survey.Publication) error {
		list = append(list, publicationJSON{ID: p.PublicationID.String(), Survey: p.Survey, Period: p.Period, No: p.No, Corrects: p.Corrects, At: p.At,
			Sample: p.Sample, SHA256: hex.EncodeToString(p.Public.SHA256[:]), URL: a.BaseURL + PublicationsPath + p.PublicationID.String()})
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"publications": list})
}

// publicationOf is the publication made here that an address names.
func (a *app) publicationOf(c *fiber.Ctx) (survey.Publication, error) {
	no, err := strconv.Atoi(c.Params("no"))
	id := survey.PublicationID{Survey: c.Params("survey"), Period: c.Params("period"), No: no}
	if err != nil || id.Check() != nil || strconv.Itoa(no) != c.Params("no") {
		return survey.Publication{}, survey.ErrNotFound
	}
	return a.Store.Publication(c.UserContext(), id)
}

// documentOf is the document of a publication that a request asks for.
func (a *app) documentOf(c *fiber.Ctx) (p survey.Publication, d survey.Document, err error) {
	auditors, err := forAuditors(c)
	if err != nil {
		return p, d, err
	}
	if p, err = a.publicationOf(c); err != nil {
		return p, d, err
	}
	if d = p.Public; auditors {
		d = p.Auditor
	}
	if !d.There() {
		err = survey.ErrNotFound
	}
	return p, d, err
}

// clientHas sets the entity tag of what never changes, and reports whether the client
// has it: then it need not be sent again.
func clientHas(c *fiber.Ctx, tag string) bool {
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "private, max-age=31536000, immutable")
	c.Vary(fiber.HeaderAuthorization, fiber.HeaderCookie)
	return hasTag(c.Get(fiber.HeaderIfNoneMatch), strings.TrimPrefix(tag, "W/"))
}

func tagOf(d survey.Document) string { return `"` + hex.EncodeToString(d.SHA256[:]) + `"` }

// sendDocument sends a document as it was signed, to the byte.
func (a *app) sendDocument(c *fiber.Ctx) error {
	_, d, err := a.documentOf(c)
	if err != nil {
		return err
	}
	if clientHas(c, tagOf(d)) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(d.Body)
}

// fileName is the name of a publication's files, without what they end with.
func fileName(id survey.PublicationID) string { return strings.ReplaceAll(id.String(), "/", "-") }

// decodedOf is documentOf with what the document says.
func (a *app) decodedOf(c *fiber.Ctx) (survey.Publication, survey.Document, bundle.Document, error) {
	p, d, err := a.documentOf(c)
	if err != nil {
		return p, d, bundle.Document{}, err
	}
	doc, err := bundle.Decode(d.Body)
	if err != nil {
		err = fmt.Errorf("publication %s as it is stored: %w", p.PublicationID, err)
	}
	return p, d, doc, err
}

// sendPublished sends a file that follows from a document alone: its report, to be read
// and printed, or one of its tables.
func (a *app) sendPublished(c *fiber.Ctx) error {
	p, d, doc, err := a.decodedOf(c)
	if err != nil {
		return err
	}
	var made bytes.Buffer
	file := c.Params("file")
	if err := bundle.WriteFile(&made, doc, file); errors.Is(err, bundle.ErrNoFile) {
		return survey.ErrNotFound
	} else if err != nil {
		return err
	}
	if clientHas(c, "W/"+tagOf(d)) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	if path.Ext(file) == ".html" {
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
		return c.Send(made.Bytes())
	}
	f, err := formatOf(strings.TrimPrefix(path.Ext(file), "."))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, f.ContentType())
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+fileName(p.PublicationID)+"-"+file+`"`)
	return c.Send(made.Bytes())
}

// sendBundle streams the bundle of a publication, made anew from its document and the
// logs: the same bytes that the command publish writes. The tag is a weak one, since a
// field that was erased since is closed in it.
func (a *app) sendBundle(c *fiber.Ctx) error {
	p, d, doc, err := a.decodedOf(c)
	if err != nil {
		return err
	}
	if clientHas(c, "W/"+tagOf(d)) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	name := fileName(p.PublicationID)
	if doc.Audience == bundle.Auditor {
		name += "-auditor"
	}
	return a.stream(c, name+".zip", "application/zip", func(ctx context.Context, out io.Writer) error {
		return bundle.Write(ctx, out, a.Store, doc, a.logKey)
	})
}

// hasTag reports whether a list of entity tags, as If-None-Match has it, names one.
func hasTag(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}
