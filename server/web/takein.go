package web

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"manyi/stats/proof/bundle"
	"manyi/stats/review"
	"manyi/survey"
)

// takeInPath is where programs bring what others published.
const takeInPath = "/api/v1/review/publications"

const (
	mimeZIP = "application/zip"
	// maxBundle is the largest bundle that is taken in by request; larger ones are by
	// command. A response is some 300 bytes of it.
	maxBundle = 2_000_000_000
	// bundleWithin bounds how long it may come, and be checked.
	bundleWithin = 30 * time.Minute
)

// bundles reports whether a request brings a bundle. Like uploads it looks at the bytes
// as they came.
func bundles(h *fasthttp.RequestHeader) bool {
	return h.IsPost() && bytes.HasPrefix(h.RequestURI(), []byte(takeInPath)) && bytes.HasPrefix(h.ContentType(), []byte(mimeZIP))
}

// WhySample is the fault of a query that does not say whether a sample is wanted.
const WhySample survey.Why = "sample_wanted"

var (
	errNoBundle   = fiber.NewError(fiber.StatusUnsupportedMediaType, "send the bundle itself, as "+mimeZIP)
	errReviewing  = fiber.NewError(fiber.StatusTooManyRequests, "another bundle is being taken in; try again when it is done")
	errSeenBefore = fiber.NewError(fiber.StatusConflict, "what was taken in of this source changed since the differences were shown, or take is not what was answered then. "+
		"Nothing was taken in: send the bundle without take, look at the differences, and name their seen")
)

// offerJSON is what a bundle says, beside what was taken in before.
type offerJSON struct {
	State       string          `json:"state"` // offered, taken or unchanged
	Seen        string          `json:"seen"`  // names this answer to the request that takes it in
	Publication string          `json:"publication"`
	Audience    bundle.Audience `json:"audience"`
	AsOf        time.Time       `json:"as_of"`
	Corrects    string          `json:"corrects,omitempty"`
	Sample      bool            `json:"sample"`
	Signer      string          `json:"signer"`
	Key         string          `json:"key"`
	SHA256      string          `json:"sha256"` // of the document
	Responses   int64           `json:"responses"`
	Taken       *time.Time      `json:"taken,omitempty"`
	Later       int             `json:"later,omitempty"`  // number of a later one that was taken in already
	Before      *beforeJSON     `json:"before,omitempty"` // what changes goes from; none was taken in if it is left out
	Changes     []bundle.Change `json:"changes"`
	Units       []unitJSON      `json:"units,omitempty"` // in place of changes, if there is nothing to compare with
}

type beforeJSON struct {
	Publication string    `json:"publication"`
	Taken       time.Time `json:"taken"`
}

type unitJSON struct {
	Place string `json:"place"`
	Name  string `json:"name"`
	N     int64  `json:"n"`
	Good  int64  `json:"good"`
}

func answerOf(o review.Offer) offerJSON {
	d, sum := o.Document, o.SHA256()
	j := offerJSON{State: "offered", Seen: hex.EncodeToString(o.Seen[:]), Publication: d.ID, Audience: d.Audience, AsOf: d.AsOf, Corrects: d.Corrects, Sample: d.Sample,
		Signer: o.Signer, Key: d.Key, SHA256: hex.EncodeToString(sum[:]), Responses: o.Responses, Later: o.Later, Changes: []bundle.Change{}}
	if !o.Taken.IsZero() {
		j.State, j.Taken = "unchanged", &o.Taken
		return j
	}
	if o.Before.No > 0 {
		j.Before = &beforeJSON{o.Before.PublicationID.String(), o.Before.Taken}
		j.Changes = append(j.Changes, o.Changes...)
		return j
	}
	for _, u := range d.Units {
		unit := unitJSON{Place: u.Place, Name: d.Names[u.Place]}
		for _, c := range u.Counted {
			unit.N, unit.Good = unit.N+c.N, unit.Good+c.Good
		}
		j.Units = append(j.Units, unit)
	}
	return j
}

// takeIn checks a bundle as the command review import does, and says what differs from
// what was taken in before. With take and the seen of that answer it takes it in; if that
// is another one by then, nothing is taken. The same bundle again changes nothing.
func (a *app) takeIn(c *fiber.Ctx) error {
	body, _ := c.Locals(keyBody).(io.Reader)
	size := int64(c.Request().Header.ContentLength())
	if body == nil && bundles(&c.Request().Header) {
		body = bytes.NewReader(c.Body()) // so small that it was read with the head
	}
	if body == nil {
		return errNoBundle
	}
	o := review.Options{Keys: a.ReviewKeys, Own: a.logKey.Key}
	switch sample := c.Query("sample"); sample {
	case "", "false":
	case "true":
		o.Sample = true
	default:
		return survey.Faults{{Field: "sample", Value: sample, Why: WhySample}}
	}
	if !a.reviewing.TryLock() { // a disk holds one of them, and a check takes all of a processor
		c.Set(fiber.HeaderRetryAfter, "60")
		return errReviewing
	}
	defer a.reviewing.Unlock()
	file, err := os.CreateTemp("", "manyi-bundle-*.zip")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // after it is closed
	defer file.Close()
	n, err := io.Copy(file, io.LimitReader(body, size))
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return err
	}
	if err != nil || n != size { // the client broke off
		return fiber.ErrBadRequest
	}
	offer, err := review.Open(c.UserContext(), a.Store, file, size, o)
	if err != nil {
		a.Log.Info("publication refused", "by", actor(c).Name, "error", err)
		return err
	}
	answer := answerOf(offer)
	take := strings.TrimSpace(c.Query("take"))
	if take == "" || answer.State == "unchanged" {
		return c.JSON(answer)
	}
	if take != answer.Seen {
		return errSeenBefore
	}
	now := a.Now().UTC().Truncate(time.Second)
	taken, err := offer.Take(c.UserContext(), a.Store, actor(c).Name, now)
	if err != nil {
		return fmt.Errorf("take in %s: %w", answer.Publication, err)
	}
	if answer.State = "unchanged"; !taken { // at another node meanwhile
		return c.JSON(answer)
	}
	a.Log.Info("publication taken in", "by", actor(c).Name, "publication", answer.Publication, "signer", offer.Signer)
	answer.State, answer.Taken = "taken", &now
	return c.Status(fiber.StatusCreated).JSON(answer)
}
