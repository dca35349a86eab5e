package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"manyi/stats"
	"manyi/stats/review"
	"manyi/stats/sheet"
	"manyi/survey"
)

// ReviewView is the review table (评审表).
type ReviewView struct {
	Console
	review.Table
	Of, Period string         // what is shown
	Choices    []ReviewChoice // what was taken in
}

// ReviewChoice is a survey and period to choose.
type ReviewChoice struct{ Survey, Period string }

// Value and Picked are the choice in the form.
func (c ReviewChoice) Value() string { return c.Survey + "/" + c.Period }

// Picked reports whether a choice is the one shown.
func (v ReviewView) Picked(c ReviewChoice) bool { return c == ReviewChoice{v.Of, v.Period} }

// File is the download of what is shown.
func (v ReviewView) File(format string) string {
	return "/console/review/" + format + "?" + url.Values{"of": {ReviewChoice{v.Of, v.Period}.Value()}}.Encode()
}

// Day is a time as people in the zone of a source's survey read it.
func (ReviewView) Day(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04")
}

// Share is a share as it is shown.
func (ReviewView) Share(s *sheet.Share) string {
	if s == nil {
		return notShown
	}
	return percent(stats.Ratio{Num: s.Num, Den: s.Den})
}

// Rate is a rate as it is shown.
func (v ReviewView) Rate(r *sheet.Rate) string { return v.Share(&r.Share) }

// Adopted is the satisfaction without reviews not adopted, where there are any and it is told.
func (ReviewView) Adopted(r review.Row) *sheet.Rate {
	if r.Sheet.Adopted == nil || r.NotAdopted == nil || *r.NotAdopted == 0 {
		return nil
	}
	return r.Sheet.Adopted.Satisfaction
}

// Between is the interval of a rate, or nothing.
func (ReviewView) Between(r *sheet.Rate) string {
	if r.Low == nil || r.High == nil {
		return ""
	}
	return fmt.Sprintf("%.2f–%.2f%%", 100**r.Low, 100**r.High)
}

// Points is a score as it is shown.
func (ReviewView) Points(n sheet.Number) string {
	if n == nil {
		return noneShown
	}
	return fmt.Sprintf("%.2f", *n)
}

// Found is the third-party evaluation of a bureau alone; nil if there is none.
func (ReviewView) Found(r review.Row) *sheet.Judged {
	if j, ok := r.Evaluations[r.Place]; ok {
		return &j
	}
	return nil
}

// FlagsOf is how many quality flags there are.
func (ReviewView) FlagsOf(r review.Row) (n int64) {
	for _, of := range r.Flags {
		n += of
	}
	return n
}

// reviewTable reads the query of the review table; page and files read the same one.
// Without one it is what was taken in last.
func (a *app) reviewTable(c *fiber.Ctx) (v ReviewView, err error) {
	w, s, err := a.chosen(c)
	if err != nil && !errors.Is(err, survey.ErrNotFound) { // a reviewer's copy needs no survey of its own
		return v, err
	}
	v.Console = a.console(c, s, w)
	var latest time.Time
	err = a.Store.Publications(c.UserContext(), survey.PublicationQuery{Taken: true}, func(p survey.Publication) error {
		choice := ReviewChoice{p.Survey, p.Period}
		known := false
		for _, one := range v.Choices {
			known = known || one == choice
		}
		if !known {
			v.Choices = append(v.Choices, choice)
		}
		if p.Taken.After(latest) {
			latest, v.Of, v.Period = p.Taken, p.Survey, p.Period
		}
		return nil
	})
	if err != nil || len(v.Choices) == 0 {
		return v, err
	}
	if of := c.Query("of"); of != "" {
		v.Of, v.Period, _ = strings.Cut(of, "/")
	}
	who := actor(c)
	v.Table, err = review.LoadTable(c.UserContext(), a.Store, review.TableQuery{Survey: v.Of, Period: v.Period,
		Sees: func(place string) bool { return sees(w.tree, who, place) }})
	return v, err
}

func (a *app) showReview(c *fiber.Ctx) error {
	v, err := a.reviewTable(c)
	if err != nil {
		return err
	}
	return a.page(c, fiber.StatusOK, "review", v)
}

func (a *app) downloadReview(c *fiber.Ctx) error {
	f, err := formatOf(c.Params("format"))
	if err != nil {
		return err
	}
	v, err := a.reviewTable(c)
	if err != nil {
		return err
	}
	name := strings.Trim("review-"+v.Of+"-"+v.Period, "-")
	return a.stream(c, name+f.Extension(), f.ContentType(), func(_ context.Context, out io.Writer) error {
		_, err := v.Table.Write(out, f)
		return err
	})
}
