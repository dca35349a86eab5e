package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/imports"
	"manyi/survey/intake"
	"manyi/survey/keyring"
)

// sourceFlag adds --source.
func sourceFlag(cmd *cobra.Command) func() (string, error) {
	name := cmd.Flags().String("source", "", "name of the system or office the records come from; together with the id it tells records apart")
	return func() (string, error) {
		source := strings.TrimSpace(*name)
		if source == "" {
			return "", errors.New("--source is missing; name where the records come from, the same each time, such as city-platform")
		}
		return source, nil
	}
}

// codesFlag adds --codes.
func codesFlag(cmd *cobra.Command) func() (*survey.CodeMap, error) {
	name := cmd.Flags().String("codes", "", "order of levels given as numbers: gbt39046 (1 is best) or haochaping (5 is best)")
	return func() (*survey.CodeMap, error) {
		for _, m := range survey.CodeMaps {
			if m.Name == *name {
				return &m, nil
			}
		}
		if *name != "" {
			return nil, fmt.Errorf("--codes is %q; want gbt39046 (1 is very satisfied) or haochaping (5 is very satisfied)", *name)
		}
		return nil, nil
	}
}

// allFaults joins the faults of reading and of checking, in the order of the rows.
func allFaults(unread, unfit survey.Faults) survey.Faults {
	all := slices.Concat(unread, unfit)
	slices.SortStableFunc(all, func(a, b survey.Fault) int { return cmp.Compare(a.Row, b.Row) })
	return all
}

func responsesCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "responses", Short: "Import responses made elsewhere before", Example: "  server responses import 2025.xlsx --source city-platform"}
	add := &cobra.Command{
		Use:   "import FILE",
		Short: "Add the responses of a CSV or XLSX file, made elsewhere in the survey's period",
		Long: "Adds the responses of a file with the columns id (the number the record has there), window, received (local\n" +
			"time or day), level (by name, or as a number with --codes), and reasons (codes), comment, case_number and stage\n" +
			"(all optional). They come in by the channel imported and are shown apart from what was rated here. Contacts are\n" +
			"not imported. Every row is checked first; with any fault nothing changes and all faults are listed. The same\n" +
			"file twice changes nothing; a record that was imported with other content is a fault. Files of up to 5,000\n" +
			"responses are stored all at once by the embedded database; what a crash leaves of a larger one, or of any on\n" +
			"MongoDB, the same import completes.",
		Example: "  server responses import 2025.xlsx --source city-platform --codes haochaping",
		Args:    cobra.ExactArgs(1),
	}
	id, source, codes := surveyFlag(add), sourceFlag(add), codesFlag(add)
	add.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		ctx := cmd.Context()
		from, err := source()
		if err != nil {
			return err
		}
		order, err := codes()
		if err != nil {
			return err
		}
		s, err := surveyFor(ctx, b.store, *id)
		if err != nil {
			return err
		}
		tree, err := treeOf(ctx, b.store)
		if err != nil {
			return err
		}
		table, err := readTable(args[0])
		if err != nil {
			return err
		}
		rows, unread := imports.Responses(table)
		list, unfit, err := s.CheckResponses(ctx, b.store, rows, tree, from, order, e.now())
		if err != nil {
			return err
		}
		if faults := allFaults(unread, unfit); len(faults) > 0 {
			return faults
		}
		ring, err := keyring.Load(b.cfg.keys())
		if err != nil {
			return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
		}
		added, err := list.Add(ctx, b.store, func(r *survey.Response) error { return intake.HideComment(ring, r) })
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "responses: %d added, %d unchanged\n", added, list.Unchanged+len(list.New)-added)
		return nil
	})
	cmd.AddCommand(add)
	return cmd
}

func casesCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "cases", Short: "Import what was done elsewhere about bad reviews", Example: "  server cases import steps.xlsx --source city-platform"}
	add := &cobra.Command{
		Use:   "import FILE",
		Short: "Add what was done elsewhere about imported bad reviews, from a CSV or XLSX file",
		Long: "Adds the steps of a file with the columns id (that of the imported response), step, at (local time or day), by,\n" +
			"note, outcome, ground, days and level, one step a row, those of a response in the order they were done. Steps:\n" +
			"contacted, verified, rectified, explained, called_back, closed, extension_asked, extension_granted,\n" +
			"extension_refused, exclusion_asked, exclusion_granted, exclusion_refused, objected, said, noted. Each is replayed\n" +
			"through the rules at its own time; with any fault nothing changes and all faults are listed. The entries are\n" +
			"marked as imported, count apart, and prove nobody's real name. The same file twice changes nothing. Each case\n" +
			"is stored whole; what a crash leaves of a file, the same import completes.",
		Example: "  server cases import steps.xlsx --source city-platform",
		Args:    cobra.ExactArgs(1),
	}
	id, source := surveyFlag(add), sourceFlag(add)
	add.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		ctx := cmd.Context()
		from, err := source()
		if err != nil {
			return err
		}
		s, err := surveyFor(ctx, b.store, *id)
		if err != nil {
			return err
		}
		table, err := readTable(args[0])
		if err != nil {
			return err
		}
		cal, err := survey.LoadCalendar(ctx, b.store)
		if err != nil {
			return err
		}
		// A server beside would open the cases while they are being checked.
		if _, err := jobs.OpenCases(ctx, b.store, b.secrets.FollowUpOf, e.now()); err != nil {
			return err
		}
		rows, unread := imports.Cases(table)
		list, unfit, err := s.CheckCases(ctx, b.store, rows, cal, from, e.now())
		if err != nil {
			return err
		}
		if faults := allFaults(unread, unfit); len(faults) > 0 {
			return faults
		}
		ring, err := keyring.Load(b.cfg.keys())
		if err != nil {
			return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
		}
		hide := func(key survey.Key, made []survey.Entry) error { return intake.HideNotes(ring, key, made) }
		if err := list.Add(ctx, b.store, b.secrets.FollowUpOf, hide); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "steps: %d added in %d cases, %d unchanged\n", list.Added, len(list.New), list.Unchanged)
		return nil
	})
	cmd.AddCommand(add)
	return cmd
}
