package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"manyi/stats/export"
	"manyi/stats/figures"
	"manyi/survey"
	"manyi/survey/imports"
)

func instrumentsCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "instruments", Short: "Import and list what third-party evaluators go by", Example: "  server instruments list"}
	list := &cobra.Command{
		Use: "list", Short: "List the instruments, the built-in one first", Example: "  server instruments list", Args: cobra.NoArgs,
		RunE: e.with(func(cmd *cobra.Command, b *base, _ []string) error {
			all, err := b.store.Instruments(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "id\tversion\titems\tgate\ttitle")
			for _, i := range slices.Concat([]survey.Instrument{survey.BuiltIn()}, all) {
				fmt.Fprintf(w, "%s\t%d\t%d\t%v %%\t%s\n", i.ID, i.Version, len(i.Items), i.Gate, i.Title.Zh)
			}
			return w.Flush()
		}),
	}
	add := &cobra.Command{
		Use:   "import FILE",
		Short: "Add a version of an instrument from a CSV or XLSX file",
		Long: "Adds a version of an instrument from a file with the columns number, chapter_zh, title_zh, kind (met, percentage,\n" +
			"count, veto or bonus), weight, and chapter_en, title_en, thresholds, measures_zh and measures_en (all optional).\n" +
			"Several thresholds of an item are separated by \";\", and each has its name in measures_zh; a value must be at least\n" +
			"the threshold, or at most with ≤ in front. With any fault nothing changes and all faults are listed. A version\n" +
			"never changes: the same file again changes nothing, another one needs the next version. A survey names its\n" +
			"instrument in its rules, {\"instrument\": {\"id\": \"city-2026\", \"version\": 1}}, and goes by the built-in 60\n" +
			"indicators if it names none.",
		Example: "  server instruments import items.xlsx --id city-2026 --version 1 --title 市级评估指标",
		Args:    cobra.ExactArgs(1),
	}
	id := add.Flags().String("id", "", "name of the instrument: a-z, 0-9 and -, at most 40")
	version := add.Flags().Int("version", 1, "its version")
	title := add.Flags().String("title", "", "its title")
	gate := add.Flags().Float64("gate", survey.DefaultGate, "least share of items met, in percent")
	add.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		table, err := readTable(args[0])
		if err != nil {
			return err
		}
		rows, unread := imports.Items(table)
		if len(unread) > 0 {
			return unread
		}
		i, faults := survey.NewInstrument(survey.InstrumentRef{ID: *id, Version: *version}, survey.Text{Zh: *title}, *gate, rows)
		if len(faults) > 0 {
			return faults
		}
		added, err := survey.AddInstrument(cmd.Context(), b.store, i)
		if err != nil {
			return err
		}
		done := "unchanged"
		if added {
			done = "added"
		}
		fmt.Fprintf(e.out, "instrument %s: %s, %d items\n", i.InstrumentRef, done, len(i.Items))
		return nil
	})
	cmd.AddCommand(add, list)
	return cmd
}

// checkInstrument refuses a survey that names an instrument nobody imported.
func checkInstrument(ctx context.Context, store survey.InstrumentStore, s survey.Survey) error {
	_, err := s.Instrument(ctx, store)
	if errors.Is(err, survey.ErrNotFound) {
		return survey.Faults{{Field: "rules.instrument", Value: s.Rules.Instrument.String(), Why: survey.WhyInstrumentNone}}
	}
	return err
}

func evaluationsCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "evaluations", Short: "Assign bureaus to evaluators, import scores made elsewhere", Example: "  server evaluations assign chen 350102-HR 350104-HR"}
	cmd.AddCommand(assignCommand(e), importEvaluationsCommand(e))
	return cmd
}

func assignCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "assign EVALUATOR [BUREAU…]",
		Short: "Give an evaluator the bureaus to judge, in place of those before; none takes all away",
		Long: "Gives an account of the role evaluator the bureaus to judge, in place of those given before. What was judged\n" +
			"already stays and counts.",
		Example: "  server evaluations assign chen 350102-HR 350104-HR",
		Args:    cobra.MinimumNArgs(1),
	}
	id := surveyFlag(cmd)
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		s, err := surveyFor(cmd.Context(), b.store, *id)
		if err != nil {
			return err
		}
		u, err := b.store.User(cmd.Context(), args[0])
		if errors.Is(err, survey.ErrNotFound) {
			return fmt.Errorf("EVALUATOR is %q; no such account, make one with: server user add %s --role evaluator", args[0], args[0])
		}
		if err != nil {
			return err
		}
		if err := survey.Assign(cmd.Context(), b.store, s, u, args[1:]); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%s judges %d bureaus\n", u.Name, len(args)-1)
		return nil
	})
	return cmd
}

func importEvaluationsCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Add scores made elsewhere, from a CSV or XLSX file",
		Long: "Adds the findings of a file with the columns bureau, item (its number), finding (met, not_met or not_applicable),\n" +
			"values (of items with thresholds, separated by \";\"; they give the finding if it is left out), evaluator and note.\n" +
			"Each bureau and evaluator is an evaluation of its own; it has to answer every item and is submitted with it. With\n" +
			"any fault nothing changes and all faults are listed. The same file again changes nothing. Where a file differs\n" +
			"from what was imported before, the differences are listed and nothing changes; with --reason they are taken, as a\n" +
			"new version that keeps the reason. --dry-run only lists. The embedded database takes a file all or none; MongoDB one\n" +
			"evaluation after the other, each whole, and what a crash leaves of a file, the same import completes.",
		Example: "  server evaluations import scores.xlsx --source institute",
		Args:    cobra.ExactArgs(1),
	}
	id, source := surveyFlag(cmd), sourceFlag(cmd)
	reason := cmd.Flags().String("reason", "", "why what was imported before changes; of what is new, it is kept with it")
	dry := cmd.Flags().Bool("dry-run", false, "list what would change, and change nothing")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		ctx := cmd.Context()
		from, err := source()
		if err != nil {
			return err
		}
		s, err := surveyFor(ctx, b.store, *id)
		if err != nil {
			return err
		}
		i, err := s.Instrument(ctx, b.store)
		if err != nil {
			return err
		}
		table, err := readTable(args[0])
		if err != nil {
			return err
		}
		rows, unread := imports.Evaluations(table)
		if len(unread) > 0 {
			return unread
		}
		list, faults, err := s.CheckEvaluations(ctx, b.store, i, rows, from, *reason, e.now())
		if err != nil {
			return err
		}
		if len(faults) > 0 {
			return faults
		}
		for _, d := range list.Rows {
			if d.Same() || d.New() {
				continue
			}
			fmt.Fprintf(e.out, "row %d, %s, item %s: %s becomes %s\n", d.Row, d.Bureau, d.Item, said(d.Was), said(d.Will))
		}
		if !*dry {
			err = list.Add(ctx, b.store, *reason)
			if errors.Is(err, survey.ErrDifferent) {
				return fmt.Errorf("%d answers differ from what was imported before, nothing was changed; to take them, add --reason", list.Changed)
			}
			if err != nil {
				return err
			}
		}
		fmt.Fprintf(e.out, "answers: %d added, %d changed, %d unchanged\n", list.Added, list.Changed, list.Unchanged)
		if *dry {
			fmt.Fprintln(e.out, "dry run: nothing was changed")
		}
		return nil
	})
	return cmd
}

// said is a judgement in one line.
func said(j survey.Judgement) string {
	text := string(j.Finding)
	if len(j.Values) > 0 {
		text += " " + strings.Join(j.Values, ";")
	}
	if j.Note != "" {
		text += fmt.Sprintf(" %q", j.Note)
	}
	return text
}

func exportEvaluationsCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "evaluations",
		Short:   "Write what third-party evaluators found: scores, shares of items met, agreement",
		Example: "  server export evaluations --format xlsx --out evaluations.xlsx",
		Args:    cobra.NoArgs,
	}
	id := surveyFlag(cmd)
	format, out := outputFlags(cmd)
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		s, err := surveyFor(ctx, b.store, *id)
		if err != nil {
			return err
		}
		tree, err := treeOf(ctx, b.store)
		if err != nil {
			return err
		}
		table, err := figures.LoadEvaluations(ctx, b.store, s, tree, "", e.now())
		if err != nil {
			return err
		}
		return e.output(*out, func(w io.Writer) error {
			_, err := export.Evaluations(w, f, table)
			return err
		})
	})
	return cmd
}
