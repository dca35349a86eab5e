package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"manyi/server/web"
	"manyi/stats/export"
	"manyi/stats/figures"
	"manyi/survey"
)

func exportCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Write responses, figures, the ledger of cases, evaluations or a whole data set to a file", Example: "  server export figures --out figures.csv"}
	cmd.AddCommand(exportResponsesCommand(e), exportFiguresCommand(e), exportCasesCommand(e), exportEvaluationsCommand(e), exportDatasetCommand(e))
	return cmd
}

// rangeFlags add --from, --to and --within.
func rangeFlags(cmd *cobra.Command) (read func() (from, to survey.Span, err error), within *string) {
	from := cmd.Flags().String("from", "", "first local day, YYYY-MM-DD; the survey's first if left out")
	to := cmd.Flags().String("to", "", "last local day, YYYY-MM-DD; the survey's last if left out")
	within = cmd.Flags().String("within", "", "code of a place; all if left out")
	return func() (f, t survey.Span, err error) {
		if f, err = dayFlag("--from", *from); err != nil {
			return 0, 0, err
		}
		if t, err = dayFlag("--to", *to); err != nil {
			return 0, 0, err
		}
		if f > t && t > 0 {
			return 0, 0, fmt.Errorf("--from is %s and --to is %s; want the earlier day first", f, t)
		}
		return f, t, nil
	}, within
}

// dayFlag reads a local day; empty is 0.
func dayFlag(name, text string) (survey.Span, error) {
	if text == "" {
		return 0, nil
	}
	day, err := survey.ParseDay(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return day, nil
}

func asOfFlag(cmd *cobra.Command) func(now time.Time) (time.Time, error) {
	text := cmd.Flags().String("as-of", "", "time to take for now, such as 2026-10-01T00:00:00+08:00")
	return func(now time.Time) (time.Time, error) {
		if *text == "" {
			return now, nil
		}
		t, err := time.Parse(time.RFC3339, *text)
		if err != nil {
			return t, fmt.Errorf("--as-of is %q; want a time such as 2026-10-01T00:00:00+08:00", *text)
		}
		return t, nil
	}
}

func exportResponsesCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "responses",
		Short:   "Write every stored response, de-identified, one a row",
		Example: "  server export responses --format xlsx --out responses.xlsx",
		Args:    cobra.NoArgs,
	}
	id := surveyFlag(cmd)
	days, within := rangeFlags(cmd)
	format, out := outputFlags(cmd)
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		s, err := surveyFor(ctx, b.store, *id)
		if err != nil {
			return err
		}
		if *within != "" {
			if _, err := checkPlace(ctx, b.store, "--within", *within); err != nil {
				return err
			}
		}
		q := survey.ResponseQuery{Survey: s.ID, Place: *within}
		if q.From, q.To, err = days(); err != nil {
			return err
		}
		counting := counted{ResponseStore: b.store, progress: e.progress("responses")}
		defer counting.progress(-1)
		return e.output(*out, func(w io.Writer) error {
			_, err := export.Responses(ctx, w, f, s, false, counting, q)
			return err
		})
	})
	return cmd
}

// counted shows how many responses have been read.
type counted struct {
	survey.ResponseStore
	progress func(int)
}

// Responses implements survey.ResponseStore.
func (c counted) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	n := 0
	return c.ResponseStore.Responses(ctx, q, func(r survey.Listed) error {
		n++
		c.progress(n)
		return yield(r)
	})
}

func exportFiguresCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "figures",
		Short:   "Write the figures by place; counts what is new first",
		Example: "  server export figures --by bureau --format csv --out figures.csv",
		Args:    cobra.NoArgs,
	}
	id := surveyFlag(cmd)
	by := cmd.Flags().String("by", string(survey.Bureau), "window, hall, bureau, city or province")
	asOf := asOfFlag(cmd)
	days, within := rangeFlags(cmd)
	format, out := outputFlags(cmd)
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		q := figures.Query{By: survey.Kind(*by), Within: *within}
		if q.AsOf, err = asOf(e.now()); err != nil {
			return err
		}
		if q.From, q.To, err = days(); err != nil {
			return err
		}
		if q.Survey, err = surveyFor(ctx, b.store, *id); err != nil {
			return err
		}
		if q.Tree, err = treeOf(ctx, b.store); err != nil {
			return err
		}
		if err := wholeCounts(ctx, b, e); err != nil {
			return err
		}
		table, err := figures.Load(ctx, b.store, q, survey.Actor{Name: "command", Role: survey.Organiser})
		if err != nil {
			return err
		}
		return e.output(*out, func(w io.Writer) error {
			_, err := export.Figures(w, f, table)
			return err
		})
	})
	return cmd
}

func exportCasesCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "cases",
		Short:   "Write the ledger of bad reviews and what was done about them, one case a row, without contacts",
		Example: "  server export cases --format xlsx --out ledger.xlsx",
		Args:    cobra.NoArgs,
	}
	id := surveyFlag(cmd)
	days, within := rangeFlags(cmd)
	format, out := outputFlags(cmd)
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		s, err := surveyFor(ctx, b.store, *id)
		if err != nil {
			return err
		}
		if *within != "" {
			if _, err := checkPlace(ctx, b.store, "--within", *within); err != nil {
				return err
			}
		}
		q := survey.CaseQuery{Place: *within}
		if q.From, q.To, err = days(); err != nil {
			return err
		}
		tree, err := treeOf(ctx, b.store)
		if err != nil {
			return err
		}
		return e.output(*out, func(w io.Writer) error {
			_, err := export.Ledger(ctx, w, f, s, tree, b.store, q, e.now())
			return err
		})
	})
	return cmd
}

func exportDatasetCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dataset",
		Short:   "Write all an evaluator takes away into a ZIP; counts what is new first",
		Example: "  server export dataset --role evaluator --out dataset.zip",
		Args:    cobra.NoArgs,
	}
	id := surveyFlag(cmd)
	days, within := rangeFlags(cmd)
	role := cmd.Flags().String("role", string(survey.Evaluator), "whose it is: evaluator, without case numbers and times, or organiser, with them")
	out := cmd.Flags().String("out", "-", "file to write; - is standard output")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		who := survey.Actor{Name: "command", Role: survey.Role(*role)}
		if !who.Can(survey.Download) {
			return fmt.Errorf("--role is %q; want evaluator or organiser", *role)
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		q := export.DatasetQuery{Within: *within, Who: who, AsOf: e.now(), Version: version(), Text: web.Text}
		var err error
		if q.From, q.To, err = days(); err != nil {
			return err
		}
		if q.Survey, err = surveyFor(ctx, b.store, *id); err != nil {
			return err
		}
		if *within != "" {
			if _, err := checkPlace(ctx, b.store, "--within", *within); err != nil {
				return err
			}
		}
		if q.Tree, err = treeOf(ctx, b.store); err != nil {
			return err
		}
		if err := wholeCounts(ctx, b, e); err != nil {
			return err
		}
		return e.output(*out, func(w io.Writer) error {
			_, err := export.Dataset(ctx, w, b.store, q)
			return err
		})
	})
	return cmd
}
