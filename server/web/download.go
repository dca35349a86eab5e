package web

import (
	"context"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/qrcodes"
	"manyi/stats/export"
	"manyi/survey"
)

// downloadWithin bounds the longest download.
const downloadWithin = 2 * time.Hour

// stream sends a body of any length in constant memory. If write fails, the
// connection is cut before its regular end, so that a client cannot take a part
// for the whole; the trailer inside the file would be missing too.
func (a *app) stream(c *fiber.Ctx, name, contentType string, write func(context.Context, io.Writer) error) error {
	c.Set(fiber.HeaderContentType, contentType)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	route := routeOf(c)
	r, w := io.Pipe()
	ctx, cancel := context.WithTimeout(context.Background(), downloadWithin)
	go func() {
		defer cancel()
		err := write(ctx, w)
		if err != nil {
			a.Log.Warn("a download ended early", "route", route, "error", err)
		}
		w.CloseWithError(err)
	}()
	c.Context().SetBodyStream(r, -1)
	return nil
}

func formatOf(name string) (export.Format, error) {
	f, ok := export.ParseFormat(name)
	if !ok {
		return f, survey.Faults{{Field: "format", Value: name, Why: WhyForm}}
	}
	return f, nil
}

// sendResponses streams the response rows a query selects.
func (a *app) sendResponses(c *fiber.Ctx, format string) error {
	f, err := formatOf(format)
	if err != nil {
		return err
	}
	who := actor(c)
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	q := survey.ResponseQuery{Survey: s.ID}
	if q.Place, err = within(c, w, who); err != nil {
		return err
	}
	if q.From, q.To, err = period(c); err != nil {
		return err
	}
	return a.stream(c, s.ID+"-responses"+f.Extension(), f.ContentType(), func(ctx context.Context, out io.Writer) error {
		_, err := export.Responses(ctx, out, f, s, !who.Can(survey.DownloadWhole), a.Store, q)
		return err
	})
}

// period reads from and to, local days.
func period(c *fiber.Ctx) (from, to survey.Span, err error) {
	for name, day := range map[string]*survey.Span{"from": &from, "to": &to} {
		if text := c.Query(name); text != "" {
			if *day, err = survey.ParseDay(text); err != nil {
				return 0, 0, survey.Faults{{Field: name, Value: text, Why: survey.WhyDay}}
			}
		}
	}
	return from, to, nil
}

func (a *app) downloadResponses(c *fiber.Ctx) error { return a.sendResponses(c, c.Params("format")) }

func (a *app) apiResponses(c *fiber.Ctx) error {
	return a.sendResponses(c, c.Query("format", string(export.JSON)))
}

// sendDataset streams everything an evaluator takes away. It is read by who asks for
// it, so that it shows nothing their pages do not.
func (a *app) sendDataset(c *fiber.Ctx) error {
	who := actor(c)
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	q := export.DatasetQuery{Survey: s, Tree: w.tree, Who: who, AsOf: a.Now(), Version: a.Version, Text: textOf}
	if q.Within, err = within(c, w, who); err != nil {
		return err
	}
	if q.From, q.To, err = period(c); err != nil {
		return err
	}
	return a.stream(c, s.ID+"-dataset.zip", "application/zip", func(ctx context.Context, out io.Writer) error {
		_, err := export.Dataset(ctx, out, a.Store, q)
		return err
	})
}

// downloadCodes is a ZIP of every code in force under a place.
func (a *app) downloadCodes(c *fiber.Ctx) error {
	w, s, codes, _, err := a.codesIn(c)
	if err != nil {
		return err
	}
	labels := Labels(s, w.tree, a.Signer, a.BaseURL, inForce(codes))
	return a.stream(c, s.ID+"-codes.zip", "application/zip", func(_ context.Context, out io.Writer) error {
		return qrcodes.WriteZip(out, labels, nil)
	})
}
