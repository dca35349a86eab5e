package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"manyi/qrcodes"
	"manyi/server/web"
	"manyi/survey"
)

func codesCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "codes",
		Short: "Make the QR codes of a place's windows, to look at or to print",
		Long: "Makes the QR codes of every window at or under a place; windows without a code in force are given one.\n" +
			"--as png and svg are for one window; zip holds both for all windows; a4 and a6 are sheets to print from a browser.\n" +
			"Links carry MANYI_BASE_URL, which must be set.",
		Example: "  server codes --place 350102-HR --as zip --out gulou.zip --base-url https://pj.example.gov.cn\n" +
			"  server codes --place 350102-HR-01-001 --as png --out window.png --base-url https://pj.example.gov.cn",
		Args: cobra.NoArgs,
	}
	id := surveyFlag(cmd)
	place := cmd.Flags().String("place", "", "code of a window, hall, bureau or division; empty for all candidates")
	as := cmd.Flags().String("as", "zip", "png, svg, zip, a4 or a6")
	out := cmd.Flags().String("out", "-", "file to write; - is standard output")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		if b.cfg.BaseURL == "" {
			return errors.New("MANYI_BASE_URL is not set; printed codes need the address citizens will reach, such as https://pj.example.gov.cn")
		}
		labels, err := b.labels(cmd.Context(), e, *id, *place)
		if err != nil {
			return err
		}
		draw, err := e.drawing(*as, labels)
		if err != nil {
			return err
		}
		return e.output(*out, draw)
	})
	return cmd
}

// labels issues the codes that are missing and says what is printed with each.
func (b *base) labels(ctx context.Context, e *env, id, place string) ([]qrcodes.Label, error) {
	s, err := surveyFor(ctx, b.store, id)
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(ctx, b.store)
	if err != nil {
		return nil, err
	}
	if place == "" {
		place = tree.Root()
	}
	windows := web.Windows(s, tree, place)
	if len(windows) == 0 {
		return nil, fmt.Errorf("--place is %q; want the code of a window, hall or bureau that survey %s rates", place, s.ID)
	}
	codes, err := survey.CodesInForce(ctx, b.store, s.ID, windows, e.now())
	if err != nil {
		return nil, err
	}
	return web.Labels(s, tree, b.signer, b.cfg.BaseURL, codes), nil
}

// printModule is the size of a module in a PNG, in pixels.
const printModule = 12

func (e *env) drawing(as string, labels []qrcodes.Label) (func(io.Writer) error, error) {
	if len(labels) != 1 && (as == "png" || as == "svg") {
		return nil, fmt.Errorf("--as %s draws one window and --place names %d; use zip, or name a window", as, len(labels))
	}
	switch as {
	case "png":
		return func(w io.Writer) error {
			png, err := qrcodes.PNG(labels[0].Link, printModule)
			if err == nil {
				_, err = w.Write(png)
			}
			return err
		}, nil
	case "svg":
		return func(w io.Writer) error {
			svg, err := qrcodes.SVG(labels[0].Link)
			if err == nil {
				_, err = io.WriteString(w, string(svg))
			}
			return err
		}, nil
	case "zip":
		progress := e.progress("codes")
		return func(w io.Writer) error {
			defer progress(-1)
			return qrcodes.WriteZip(w, labels, progress)
		}, nil
	case "a4", "a6":
		return func(w io.Writer) error { return qrcodes.WriteSheet(w, qrcodes.Sheet(as), labels) }, nil
	}
	return nil, fmt.Errorf("--as is %q; want png, svg, zip, a4 or a6", as)
}

func computeCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compute",
		Short: "Run the jobs once, also beside a running server",
		Long: "Runs every job once, waiting while a server runs the same one. Exits with 0 only if all succeeded.\n" +
			"--as-of is the time the jobs take for now; counting what is stored does not depend on it.",
		Example: "  server compute\n  server compute --as-of 2026-10-01T00:00:00+08:00",
		Args:    cobra.NoArgs,
	}
	asOf := asOfFlag(cmd)
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		now, err := asOf(e.now())
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		if err := b.runJobs(ctx, e.log(), now); err != nil {
			return err
		}
		runs, err := b.store.LastRuns(ctx)
		for _, r := range runs {
			fmt.Fprintf(e.out, "job %s: %d done in %s\n", r.Job, r.Done, r.FinishedAt.Sub(r.StartedAt))
		}
		return err
	})
	return cmd
}

// wholeCounts rolls up what is marked before figures are written to a file.
func wholeCounts(ctx context.Context, b *base, e *env) error {
	return b.runJobs(ctx, e.log(), e.now())
}
