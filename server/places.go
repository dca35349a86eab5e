package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"manyi/stats/export"
	"manyi/survey"
	"manyi/survey/imports"
)

func placesCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "places", Short: "Import and export the tree of places", Example: "  server places import fujian.csv"}
	cmd.AddCommand(placesImportCommand(e), placesExportCommand(e))
	return cmd
}

func placesImportCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make the stored places those of a CSV or XLSX file",
		Long: "Makes the stored places those of a file with the columns code, name, kind, parent and (optional) active.\n" +
			"Every row is checked first; with any fault nothing changes and all faults are listed. Places the file no\n" +
			"longer names are deactivated, never deleted. With --under the file is compared with that part of the tree only.",
		Example: "  server places import fujian.csv\n  server places import gulou.xlsx --under 350102-HR",
		Args:    cobra.ExactArgs(1),
	}
	under := cmd.Flags().String("under", "", "code of the place the file lists everything at or under")
	dry := cmd.Flags().Bool("dry-run", false, "check and report, change nothing")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		table, err := readTable(args[0])
		if err != nil {
			return err
		}
		stored, err := b.store.Places(cmd.Context())
		if err != nil {
			return err
		}
		plan, faults := imports.PlanPlaces(stored, table, *under)
		if len(faults) > 0 {
			return faults
		}
		if !*dry {
			if err := b.store.PutPlaces(cmd.Context(), plan.Writes()); err != nil {
				return err
			}
		}
		fmt.Fprintf(e.out, "places: %d added, %d changed, %d unchanged, %d deactivated\n",
			len(plan.Added), len(plan.Changed), len(plan.Unchanged), len(plan.Deactivated))
		return nil
	})
	return cmd
}

func readTable(path string) (imports.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return imports.Table{}, err
	}
	defer f.Close()
	return imports.Read(f, path)
}

func placesExportCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write the places as a file that places import reads",
		Example: "  server places export --format xlsx --out places.xlsx",
		Args:    cobra.NoArgs,
	}
	format, out := outputFlags(cmd)
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		places, err := b.store.Places(cmd.Context())
		if err != nil {
			return err
		}
		return e.output(*out, func(w io.Writer) error {
			table := export.Table{Name: "places"}
			for _, name := range []string{"code", "name", "kind", "parent", "active"} {
				table.Columns = append(table.Columns, export.Column{Name: name})
			}
			x, err := export.NewWriter(w, f, table)
			if err != nil {
				return err
			}
			for _, p := range places {
				if err := x.Row(p.Code, p.Name, string(p.Kind), p.Parent, p.Active); err != nil {
					return err
				}
			}
			_, err = x.Close()
			return err
		})
	})
	return cmd
}

// outputFlags adds --format and --out.
func outputFlags(cmd *cobra.Command) (format func() (export.Format, error), out *string) {
	name := cmd.Flags().String("format", "csv", "csv, xlsx, jsonl, json or parquet")
	out = cmd.Flags().String("out", "-", "file to write; - is standard output")
	return func() (export.Format, error) {
		f, ok := export.ParseFormat(*name)
		if !ok {
			return f, fmt.Errorf("--format is %q; want csv, xlsx, jsonl, json or parquet", *name)
		}
		return f, nil
	}, out
}

func visitsCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "visits", Short: "Import the lists of served visits", Example: "  server visits import 2026-11-20.xlsx"}
	add := &cobra.Command{
		Use:   "import FILE",
		Short: "Add the visits of a CSV or XLSX file",
		Long: "Adds the visits of a file with the columns case_number, stage (optional), window, item, finished_at and\n" +
			"secret (optional; what the citizen's paper shows, and proves the visit). A visit may be invited to rate by text\n" +
			"message if phone is given and consent is yes (是, 1, true); language (zh or en) is the one to invite in. Without\n" +
			"consent the phone is not kept. Every row is checked first; with any fault nothing changes and all faults are\n" +
			"listed. The same file twice changes nothing; a later one without the phone takes it back.",
		Example: "  server visits import 2026-11-20.xlsx --survey 2026",
		Args:    cobra.ExactArgs(1),
	}
	id := surveyFlag(add)
	add.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		ctx := cmd.Context()
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
		phones, err := b.phones()
		if err != nil {
			return err
		}
		rows, unread := imports.Visits(table)
		visits, unfit := s.CheckVisits(rows, tree, b.secrets.VisitSecret, phones.ForVisit)
		if faults := append(unread, unfit...); len(faults) > 0 {
			slices.SortStableFunc(faults, func(a, b survey.Fault) int { return cmp.Compare(a.Row, b.Row) })
			return faults
		}
		change, err := b.store.PutVisits(ctx, visits)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "visits: %d added, %d changed, %d unchanged\n", change.Added, change.Changed, change.Unchanged)
		return nil
	})
	cmd.AddCommand(add)
	return cmd
}

func surveyFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("survey", "", "id of the survey; may be left out when there is only one")
}

func surveyCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "survey", Short: "Add, change and list surveys", Example: "  server survey add 2026.json"}
	list := &cobra.Command{
		Use: "list", Short: "List the surveys", Example: "  server survey list", Args: cobra.NoArgs,
		RunE: e.with(func(cmd *cobra.Command, b *base, _ []string) error {
			all, err := b.store.Surveys(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "id\topens\tcloses\tcandidates\tsample\ttitle")
			for _, s := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%t\t%s\n", s.ID, s.Opens.In(s.Location()).Format(time.DateOnly),
					s.Closes.In(s.Location()).Format(time.DateOnly), len(s.Candidates), s.Sample, s.Title.Zh)
			}
			return w.Flush()
		}),
	}
	add := &cobra.Command{
		Use:   "add FILE.json",
		Short: "Add a survey from a file, or - for standard input",
		Long: "Adds a survey. What the file leaves out takes the defaults: the zone of MANYI_TZ, every bureau as candidate,\n" +
			"the on-site questionnaire, and the default rules. The rules freeze when the survey opens. A file needs:\n\n" + surveyExample,
		Example: "  server survey add 2026.json",
		Args:    cobra.ExactArgs(1),
		RunE: e.with(func(cmd *cobra.Command, b *base, args []string) error {
			s, err := e.readSurvey(cmd, b, args[0])
			if err != nil {
				return err
			}
			return b.store.AddSurvey(cmd.Context(), s)
		}),
	}
	revise := &cobra.Command{
		Use:     "revise FILE.json",
		Short:   "Change a survey that has not opened; an open one can only be given a later end",
		Example: "  server survey revise 2026.json",
		Args:    cobra.ExactArgs(1),
		RunE: e.with(func(cmd *cobra.Command, b *base, args []string) error {
			s, err := e.readSurvey(cmd, b, args[0])
			if err != nil {
				return err
			}
			return b.store.ReviseSurvey(cmd.Context(), s, e.now())
		}),
	}
	cmd.AddCommand(add, revise, list)
	return cmd
}

const surveyExample = `  {"id": "2026", "title": {"zh": "2026年群众满意度测评", "en": "Satisfaction survey 2026"},
   "opens": "2026-01-01T00:00:00+08:00", "closes": "2026-10-01T00:00:00+08:00",
   "candidates": ["350102-HR", "350103-HR"],
   "rules": {"weights": [10, 8, 6, 3, 0], "min_n": 30, "default_level": "satisfied", "default_days": 7}}
`

// readSurvey reads a survey's file over the defaults and checks it.
func (e *env) readSurvey(cmd *cobra.Command, b *base, path string) (survey.Survey, error) {
	tree, err := treeOf(cmd.Context(), b.store)
	if err != nil {
		return survey.Survey{}, err
	}
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return survey.Survey{}, err
		}
		defer f.Close()
		in = f
	}
	s := survey.Survey{Zone: b.cfg.Zone.String(), Questionnaire: survey.OnSite(), Rules: survey.DefaultRules()}
	d := json.NewDecoder(in)
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("%s: want a survey as JSON, see survey add --help: %w", path, err)
	}
	if d.More() {
		return s, fmt.Errorf("%s: want one survey as JSON; there is more after it", path)
	}
	if s.Candidates == nil {
		for _, p := range tree.All(survey.Bureau, "") {
			s.Candidates = append(s.Candidates, p.Code)
		}
	}
	if faults := s.Check(tree); len(faults) > 0 {
		return s, faults
	}
	return s, checkInstrument(cmd.Context(), b.store, s)
}
