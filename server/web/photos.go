package web

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"manyi/survey"
	"manyi/survey/photos"
)

const (
	// maxUpload is the photos of a case and the form that brings them.
	maxUpload = survey.MaxPhotos*photos.MaxBytes + maxBody
	// maxDrain is how much of a body that is refused is read and thrown away: a
	// browser shows the answer only once it has sent everything.
	maxDrain     = 3 * maxUpload
	uploadWithin = 2 * time.Minute
	// maxUploads is how many are read at once. Each holds a file as it came and
	// what is kept of those before; one of all is decoded at a time.
	maxUploads = 8
)

// Why a photo was refused.
const (
	WhyPhotoTooLarge   survey.Why = "photo_too_large"
	WhyPhotoNotPicture survey.Why = "photo_not_picture"
	WhyPhotoTooMany    survey.Why = "photo_too_many_pixels"
)

// upload is the files that came with a form.
type upload struct {
	photos [][]byte
	table  table
	faults survey.Faults
}

func uploaded(c *fiber.Ctx) upload {
	up, _ := c.Locals(keyUpload).(upload)
	return up
}

// uploads reports whether a request may bring files. It is asked of every request,
// so it looks at the bytes as they came; written in another way, it is a small form.
func uploads(h *fasthttp.RequestHeader) bool {
	to := h.RequestURI()
	return h.IsPost() && (bytes.HasPrefix(to, []byte("/console/cases/")) || bytes.HasPrefix(to, []byte("/console/evaluate/")) || bytes.HasPrefix(to, []byte(scoresPath))) &&
		bytes.HasPrefix(h.ContentType(), []byte(fiber.MIMEMultipartForm))
}

// prefetched is how much of a body of known length is read before its handler runs.
const prefetched = 8 << 10

// received is asked when a request's head is there. An upload may take longer than a
// form. Whoever sends more than is read at once, or does not say how much, gets an
// answer and then the connection ends: whatever is left of a body nobody took, or was
// read beyond its end, is never taken for the next request.
func received(h *fasthttp.RequestHeader) (more fasthttp.RequestConfig) {
	if size := h.ContentLength(); size > prefetched || size == -1 {
		h.SetConnectionClose()
	}
	if uploads(h) {
		more.ReadTimeout = uploadWithin
	}
	if bundles(h) {
		more.ReadTimeout = bundleWithin
	}
	return more
}

// takeBody reads a form that is small, and leaves one with files to the guard, and a
// bundle to its handler, which know who sends it. After it there is no stream: to make an error page, the
// rest of a body of any size would be read into memory.
func (a *app) takeBody(c *fiber.Ctx) error {
	req := c.Request()
	if !req.IsBodyStream() {
		return c.Next()
	}
	body, size, most := req.BodyStream(), req.Header.ContentLength(), maxBody
	if size >= 0 {
		body = io.LimitReader(body, int64(size)) // the stream itself fails when read on
	}
	defer func() { // also when a handler panics
		if req.IsBodyStream() {
			_, _ = io.CopyN(io.Discard, body, maxDrain)
			req.SetBodyRaw(nil)
		}
	}()
	if uploads(&req.Header) {
		most = maxUpload
	}
	if bundles(&req.Header) {
		most = maxBundle
	}
	if most != maxBody && size < 0 {
		return fiber.ErrLengthRequired
	}
	if size > most {
		return fiber.ErrRequestEntityTooLarge
	}
	if most != maxBody {
		c.Locals(keyBody, body)
		return c.Next()
	}
	form, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	switch {
	case err != nil:
		return fiber.ErrBadRequest
	case len(form) > maxBody:
		return fiber.ErrRequestEntityTooLarge
	}
	req.SetBodyRaw(form)
	return c.Next()
}

// readUpload reads a form with files, one part after the other, so that no file as
// it came is kept longer than it takes to clean it, and none on a disk. What is left
// is an ordinary form, with its photos beside it.
func (a *app) readUpload(c *fiber.Ctx) error {
	select {
	case a.uploading <- struct{}{}:
		defer func() { <-a.uploading }()
	case <-c.UserContext().Done():
		return fiber.ErrServiceUnavailable
	}
	body, _ := c.Locals(keyBody).(io.Reader)
	boundary := string(c.Request().Header.MultipartFormBoundary())
	if body == nil || boundary == "" {
		return fiber.ErrBadRequest
	}
	form, up, room := url.Values{}, upload{}, int64(maxBody)
	for parts := multipart.NewReader(body, boundary); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fiber.ErrBadRequest
		}
		file := routeOf(c) == scoresPath && part.FormName() == tableField
		if part.FormName() != "photos" && !file {
			value, err := io.ReadAll(io.LimitReader(part, room+1))
			if room -= int64(len(value) + len(part.FormName())); err != nil || room < 0 {
				return fiber.ErrRequestEntityTooLarge
			}
			form.Add(part.FormName(), string(value))
			continue
		}
		if !a.keys.valid(c.Cookies(sessionCookie), form.Get("csrf")) { // before any work is done
			return fiber.ErrForbidden
		}
		if file {
			if up.table, err = readTable(part); err != nil {
				return err
			}
			continue
		}
		if part.FileName() != "" { // else none was chosen
			if err := a.readPhoto(part, &up); err != nil {
				return err
			}
		}
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return fiber.ErrBadRequest
	}
	c.Request().SetBodyRaw([]byte(form.Encode()))
	c.Request().Header.SetContentType(fiber.MIMEApplicationForm)
	c.Locals(keyUpload, up)
	return nil
}

func (a *app) readPhoto(part *multipart.Part, up *upload) error {
	refuse := func(why survey.Why) error {
		up.faults = append(up.faults, survey.Fault{Field: "photos", Value: part.FileName(), Why: why})
		return nil
	}
	if len(up.photos)+len(up.faults) >= survey.MaxPhotos {
		if len(up.faults) == 0 || up.faults[len(up.faults)-1].Why != survey.WhyPhotos {
			return refuse(survey.WhyPhotos)
		}
		return nil
	}
	file, err := io.ReadAll(io.LimitReader(part, photos.MaxBytes+1))
	if err != nil {
		return fiber.ErrBadRequest
	}
	a.cleaning.Lock()
	kept, err := photos.Clean(file)
	a.cleaning.Unlock()
	switch {
	case errors.Is(err, photos.ErrTooLarge):
		return refuse(WhyPhotoTooLarge)
	case errors.Is(err, photos.ErrNotPicture):
		return refuse(WhyPhotoNotPicture)
	case errors.Is(err, photos.ErrTooMany):
		return refuse(WhyPhotoTooMany)
	case err != nil:
		return err
	}
	if !slices.ContainsFunc(up.photos, func(p []byte) bool { return bytes.Equal(p, kept) }) {
		up.photos = append(up.photos, kept)
	}
	return nil
}

// names are the photos' names, under which an entry knows them.
func (u upload) names() (names []string) {
	for _, p := range u.photos {
		names = append(names, survey.PhotoName(sha256.Sum256(p)))
	}
	return names
}

// keep stores the photos. It comes before the entry that names them: a photo that
// no entry names does no harm.
func (u upload) keep(c *fiber.Ctx, store survey.FileStore) error {
	for _, p := range u.photos {
		if err := store.PutFile(c.UserContext(), sha256.Sum256(p), p); err != nil {
			return err
		}
	}
	return nil
}

// showPhoto serves a photo of a case to those who may see the case.
func (a *app) showPhoto(c *fiber.Ctx) error {
	_, _, k, err := a.opened(c)
	if err != nil {
		return err
	}
	return a.sendPhoto(c, k.HasPhoto(c.Params("hash")))
}

// sendPhoto sends the photo an address names, if it belongs there.
func (a *app) sendPhoto(c *fiber.Ctx, belongs bool) error {
	hash, err := survey.ParsePhoto(c.Params("hash"))
	if err != nil || !belongs {
		return survey.ErrNotFound
	}
	picture, err := a.Store.File(c.UserContext(), hash)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "image/jpeg")
	c.Set(fiber.HeaderContentDisposition, `inline; filename="photo.jpg"`)
	return c.Send(picture)
}
