package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"manyi/stats/export"
	"manyi/stats/review"
)

func reviewCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "review",
		Short:   "Take in what others published, as reviewers do",
		Long:    "The receiving side: a reviewer's own copy of Manyi takes in the publications of bureaus and cities.",
		Example: "  server review import bundle.zip --key manyi+1234abcd+AZ… --yes",
	}
	take := &cobra.Command{
		Use:   "import BUNDLE.zip",
		Short: "Check a publication made elsewhere, show what is new in it, and take it in",
		Long: "Checks the bundle as \"server verify\" does, and besides: that you trust its signer, that the source's logs go on\n" +
			"from those of every publication you have of it, and that a correction lists every number it changes. Then shows\n" +
			"every number that differs from the one taken in before, and with --yes takes the publication in, with its bytes\n" +
			"and its signature. With anything wrong nothing changes, and the first fault is named. The same bundle again\n" +
			"changes nothing.",
		Example: "  server review import bundle.zip --key manyi+1234abcd+AZ…\n" +
			"  MANYI_REVIEW_KEYS=manyi+1234abcd+AZ… server review import bundle.zip --yes",
		Args: cobra.ExactArgs(1),
	}
	keys := take.Flags().StringArray("key", nil, "public key of a source you trust, besides those of MANYI_REVIEW_KEYS; may be repeated")
	sample := take.Flags().Bool("sample", false, "take in a sample, with its mark")
	yes := take.Flags().Bool("yes", false, "take the publication in; without it, it is only shown")
	take.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		for _, key := range *keys {
			if err := review.CheckKey(key); err != nil {
				return fmt.Errorf("--key: %w", err)
			}
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		f, size, err := openSized(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		o := review.Options{Keys: slices.Concat(*keys, b.cfg.ReviewKeys), Own: b.log.Key, Sample: *sample, Progress: e.progress("leaves")}
		offer, err := review.Open(ctx, b.store, f, size, o)
		o.Progress(-1)
		if err != nil {
			return fmt.Errorf("%s is refused, and nothing was changed: %w", args[0], err)
		}
		showOffer(e.out, offer)
		id := offer.Document.ID
		switch {
		case !offer.Taken.IsZero():
			fmt.Fprintf(e.out, "unchanged: %s was taken in on %s\n", id, offer.Taken.Format(time.DateOnly))
			return nil
		case !*yes:
			fmt.Fprintln(e.out, "nothing was taken in; to take it in, add --yes")
			return nil
		}
		switch taken, err := offer.Take(ctx, b.store, "command", e.now()); {
		case err != nil:
			return err
		case !taken:
			fmt.Fprintf(e.out, "unchanged: %s was taken in meanwhile\n", id)
		default:
			fmt.Fprintf(e.out, "taken in: %s of %s\n", id, offer.Signer)
		}
		return nil
	})
	cmd.AddCommand(take, reviewTableCommand(e))
	return cmd
}

func reviewTableCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Show what every source says of each bureau",
		Long: "A line for each bureau and source, of the latest publication that was taken in of each source, survey and period.\n" +
			"A file has every figure of the score sheet; without --out the main ones are printed.",
		Example: "  server review table --period 2026-11 --out review.xlsx",
		Args:    cobra.NoArgs,
	}
	id := cmd.Flags().String("survey", "", "only this survey; default: all")
	period := cmd.Flags().String("period", "", "only this period: whole, a year or a month; default: all")
	out := cmd.Flags().String("out", "", "the file to make: .csv, .xlsx, .jsonl, .json or .parquet")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		f, known := export.ParseFormat(strings.TrimPrefix(filepath.Ext(*out), "."))
		if *out != "" && !known {
			return fmt.Errorf("--out is %q; want a file that ends in .csv, .xlsx, .jsonl, .json or .parquet", *out)
		}
		t, err := review.LoadTable(cmd.Context(), b.store, review.TableQuery{Survey: *id, Period: *period})
		if err != nil {
			return err
		}
		for _, x := range t.Entries {
			if x.Unread {
				fmt.Fprintf(e.err, "WARNING: %s of %s is in a form that this program does not read; it is left out\n", x.PublicationID, x.Signer)
			}
		}
		if t.Differ() {
			fmt.Fprintln(e.err, "WARNING: the sources do not go by the same rules; compare only figures with the same version of the rules")
		}
		if *out == "" {
			return printReview(e.out, t)
		}
		if err := e.output(*out, func(w io.Writer) error { _, err := t.Write(w, f); return err }); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "rows: %d, of %d publications\n", len(t.Rows), len(t.Entries))
		return nil
	})
	return cmd
}

// printReview prints the main figures of the review table.
func printReview(out io.Writer, t review.Table) error {
	if len(t.Rows) == 0 {
		fmt.Fprintln(out, "nothing was taken in yet; see: server review import --help")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "place\tname\tn\tsatisfaction\t95 %\trank\tscore\tpublication\tsigner\ttaken in")
	for _, r := range t.Rows {
		rate, interval, rank, score := "none", "", "none", "none"
		if s := r.All.Satisfaction; s.Rate != nil {
			rate, interval = fmt.Sprintf("%.2f%%", 100**s.Rate), fmt.Sprintf("%.2f-%.2f%%", 100**s.Low, 100**s.High)
		}
		if r.Rank != nil {
			rank = fmt.Sprintf("%d-%d of %d", r.Rank.Best, r.Rank.Worst, r.Rank.Of)
		}
		if c := r.All.Composite; c != nil && c.Score != nil {
			score = fmt.Sprintf("%.2f", *c.Score)
		}
		mark := ""
		if r.Sample {
			mark = " SAMPLE"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s%s\t%s\t%s\n", printable(r.Place), printable(r.Name), r.N, rate, interval, rank, score,
			r.PublicationID, mark, r.Signer, r.Taken.In(r.Zone).Format(time.DateOnly))
	}
	return w.Flush()
}

// showOffer shows what a publication says anew, one line for each number that differs,
// or for each bureau if there is nothing to compare it with.
func showOffer(w io.Writer, o review.Offer) {
	d := o.Document
	if d.Sample {
		fmt.Fprintln(w, "SAMPLE 示例数据: demo data, no real ratings")
	}
	fmt.Fprintf(w, "publication: %s, %s, of %s\nsigner: %s\n", d.ID, d.Audience, d.AsOf.Format(time.DateOnly), o.Signer)
	if d.Corrects != "" {
		fmt.Fprintf(w, "corrects: %s\n", d.Corrects)
	}
	switch {
	case !o.Taken.IsZero():
		return
	case o.Later > 0:
		fmt.Fprintf(w, "number %d was taken in already; this one is an earlier one\n", o.Later)
	}
	if o.Before.No == 0 {
		fmt.Fprintf(w, "%d units, none of them taken in before from this source for this period:\n", len(d.Units))
		for _, u := range d.Units {
			n, good := int64(0), int64(0)
			for _, c := range u.Counted {
				n, good = n+c.N, good+c.Good
			}
			fmt.Fprintf(w, "  %s %s: %d responses, %d good\n", printable(u.Place), printable(d.Names[u.Place]), n, good)
		}
		return
	}
	fmt.Fprintf(w, "%d numbers differ from %s, taken in on %s:\n", len(o.Changes), o.Before.PublicationID, o.Before.Taken.Format(time.DateOnly))
	for _, c := range o.Changes {
		fmt.Fprintf(w, "  %s %s: %s -> %s", printable(cmp.Or(c.Place, "all")), printable(c.What), digits(c.Was), digits(c.Will))
		if c.Why != "" {
			fmt.Fprintf(w, " (%s)", printable(c.Why))
		}
		fmt.Fprintln(w)
	}
}

// printable is a text from elsewhere, quoted if there is anything in it that a terminal
// would not print.
func printable(text string) string {
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}

func digits(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
