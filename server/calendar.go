package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"manyi/jobs"
	"manyi/survey"
	"manyi/survey/imports"
)

func calendarCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "calendar", Short: "Import the working days of a new year", Example: "  server calendar import 2027.csv"}
	add := &cobra.Command{
		Use:   "import FILE",
		Short: "Add the holidays and make-up working days of a CSV or XLSX file",
		Long: "Adds the days of a file with the columns date, kind (off or work) and holiday (optional), as the yearly notice\n" +
			"publishes them each autumn; days that are there already are replaced. The years 2021 to 2026 are shipped. Every\n" +
			"row is checked first; with any fault nothing changes and all faults are listed. Deadlines that waited for the\n" +
			"year are set at once; deadlines set before stay as they are.",
		Example: "  server calendar import 2027.csv",
		Args:    cobra.ExactArgs(1),
		RunE: e.with(func(cmd *cobra.Command, b *base, args []string) error {
			ctx := cmd.Context()
			table, err := readTable(args[0])
			if err != nil {
				return err
			}
			known, err := survey.LoadCalendar(ctx, b.store)
			if err != nil {
				return err
			}
			rows, faults := imports.Calendar(table)
			if len(faults) > 0 {
				return faults
			}
			days, faults := survey.CheckCalendar(rows, known)
			if len(faults) > 0 {
				return faults
			}
			if err := b.store.PutCalendar(ctx, days); err != nil {
				return err
			}
			now, err := b.store.Now(ctx)
			if err != nil {
				return err
			}
			set, err := jobs.OpenCases(ctx, b.store, b.secrets.FollowUpOf, now)
			if err != nil {
				return err
			}
			after, err := survey.LoadCalendar(ctx, b.store)
			if err != nil {
				return err
			}
			fmt.Fprintf(e.out, "calendar: %d days, version %s; deadlines set in %d cases\n", len(days), after.Version, set)
			return nil
		}),
	}
	cmd.AddCommand(add)
	return cmd
}
