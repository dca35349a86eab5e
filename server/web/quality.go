package web

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"manyi/stats"
	"manyi/stats/export"
	"manyi/survey"
)

const (
	// qualityDays is how many days back the page looks unless it is told.
	qualityDays = 28
	// qualityPage is how many flags the page shows; the files have all.
	qualityPage = 200
)

// QualityView is the page of quality flags.
type QualityView struct {
	Console
	From, To, Within, WithinName string
	Kind                         survey.QualityKind
	Kinds                        []survey.QualityKind
	Places                       []PlaceOption
	Counts                       []QualityCount
	Rows                         []QualityRow // the latest first
	N                            int          // of all
}

// File is the download of what the page selects.
func (v QualityView) File(format string) string { return v.address("/console/quality/"+format, v.Kind) }

// Of is the page of the flags of a kind.
func (v QualityView) Of(kind survey.QualityKind) string { return v.address("/console/quality", kind) }

func (v QualityView) address(path string, kind survey.QualityKind) string {
	q := url.Values{"survey": {v.Survey.ID}}
	for name, value := range map[string]string{"within": v.Within, "from": v.From, "to": v.To, "kind": string(kind)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return path + "?" + q.Encode()
}

// QualityCount is how many flags of a kind there are.
type QualityCount struct {
	Kind survey.QualityKind
	N    int
}

// QualityRow is a flag.
type QualityRow struct {
	survey.QualityFlag
	Name, Bureau string
}

// Kiosk and Phones are the satisfaction of the two sides of channels_apart, Apart by how
// many points the first is higher, at least and at most.
func (r QualityRow) Kiosk() stats.Ratio  { return stats.Ratio{Num: r.Channels.Kiosk, Den: r.N} }
func (r QualityRow) Phones() stats.Ratio { return stats.Ratio{Num: r.Channels.Phones, Den: r.Of} }
func (r QualityRow) Apart() string {
	return fmt.Sprintf("%+.1f – %+.1f", 100*r.Channels.Low, 100*r.Channels.High)
}

// qualityQuery reads a query of flags; page and files read the same one.
func (a *app) qualityQuery(c *fiber.Ctx) (q export.QualityQuery, w *world, s survey.Survey, err error) {
	if w, s, err = a.chosen(c); err != nil {
		return q, w, s, err
	}
	who := actor(c)
	q.Rows = who.Can(survey.DownloadWhole) // they tie ratings to a time of day
	if q.Within, err = within(c, w, who); err != nil {
		return q, w, s, err
	}
	if q.From, q.To, err = period(c); err != nil {
		return q, w, s, err
	}
	if q.Kind = survey.QualityKind(c.Query("kind")); q.Kind != "" && !slices.Contains(survey.QualityKinds[:], q.Kind) {
		return q, w, s, survey.Faults{{Field: "kind", Value: string(q.Kind), Why: WhyKind}}
	}
	return q, w, s, nil
}

// WhyKind is the fault of a kind of flag there is not.
const WhyKind survey.Why = "quality_kind"

func (a *app) showQuality(c *fiber.Ctx) error {
	q, w, s, err := a.qualityQuery(c)
	if err != nil {
		return err
	}
	if q.From == 0 && q.To == 0 {
		q.To = survey.DayOf(a.Now(), s.Location()).Plus(-1)
		q.From = q.To.Plus(1 - qualityDays)
	}
	view := QualityView{Console: a.console(c, s, w), Within: q.Within, WithinName: w.name(q.Within), Kind: q.Kind, Kinds: survey.QualityKinds[:],
		Places: placesBelow(w.tree, actor(c).Place, q.Within)}
	if q.From != 0 {
		view.From = q.From.String()
	}
	if q.To != 0 {
		view.To = q.To.String()
	}
	counts := map[survey.QualityKind]int{}
	err = q.EachFlag(c.UserContext(), a.Store, s.ID, w.tree, func(sheet survey.QualitySheet, f survey.QualityFlag) error {
		counts[f.Kind]++
		view.N++
		view.Rows = append(view.Rows, QualityRow{f, w.name(f.Window), w.name(sheet.Bureau)})
		if len(view.Rows) >= 2*qualityPage { // what is left are the latest
			view.Rows = append(view.Rows[:0], view.Rows[len(view.Rows)-qualityPage:]...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range survey.QualityKinds {
		view.Counts = append(view.Counts, QualityCount{k, counts[k]})
	}
	slices.SortStableFunc(view.Counts, func(a, b QualityCount) int { return cmp.Compare(b.N, a.N) })
	view.Rows = view.Rows[max(0, len(view.Rows)-qualityPage):]
	slices.Reverse(view.Rows)
	return a.page(c, fiber.StatusOK, "quality", view)
}

func (a *app) apiQuality(c *fiber.Ctx) error {
	return a.sendQuality(c, c.Query("format", string(export.JSON)))
}

func (a *app) downloadQuality(c *fiber.Ctx) error { return a.sendQuality(c, c.Params("format")) }

func (a *app) sendQuality(c *fiber.Ctx, format string) error {
	f, err := formatOf(format)
	if err != nil {
		return err
	}
	q, w, s, err := a.qualityQuery(c)
	if err != nil {
		return err
	}
	return a.stream(c, s.ID+"-quality-flags"+f.Extension(), f.ContentType(), func(ctx context.Context, out io.Writer) error {
		_, err := export.Quality(ctx, out, f, s, w.tree, a.Store, q, textOf)
		return err
	})
}
