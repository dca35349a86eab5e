package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"manyi/stats/proof/bundle"
)

func verifyCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify BUNDLE.zip",
		Short: "Check a publication, without a database, and say what does not hold",
		Long: "Checks the signatures, that every entry of the data log is there and the checkpoints follow from them, counts every\n" +
			"number anew, and compares. Exit 1 names the first thing that does not hold.\n" +
			"--key is the signer's public key, which \"server publish\" prints; have it from elsewhere than the bundle.",
		Example: "  server verify bundle.zip --key manyi+1234abcd+AZ…",
		Args:    cobra.ExactArgs(1),
	}
	key := cmd.Flags().String("key", "", "the signer's public key; without it the bundle's own, which shows no more than that the bundle is whole")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		f, size, err := openSized(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		progress := e.progress("leaves")
		r, err := bundle.Verify(f, size, bundle.Options{Key: *key, Progress: progress})
		progress(-1)
		if err != nil {
			return fmt.Errorf("%s does not hold: %w", args[0], err)
		}
		d := r.Document
		if !r.KeyGiven {
			fmt.Fprintf(e.err, "WARNING: no --key was given. The bundle is whole, but anybody could have made and signed it.\n"+
				"It names the key %s: compare it with the one the publisher gave you by another way.\n", d.Key)
		}
		if d.Sample {
			fmt.Fprintln(e.out, "SAMPLE 示例数据: demo data, no real ratings")
		}
		fmt.Fprintf(e.out, "ok: %s, %s\n%d responses of the period, %d entries of the log, %d checkpoints, %d units\nrules: %s\n",
			d.ID, d.Audience, r.Responses, d.Leaves, d.Checkpoints, len(d.Units), d.Rules)
		sayRecomputed(e.out, r)
		return nil
	}
	return cmd
}

// sayRecomputed says which numbers of a bundle that holds were counted anew, and which
// are the publisher's word.
func sayRecomputed(w io.Writer, r bundle.Report) {
	d := r.Document
	fmt.Fprint(w, "recomputed from the log: responses, satisfaction and mean scores with intervals, reviews not adopted")
	if r.Recounted {
		fmt.Fprintf(w, ";\n  callback, rectification, on-time and real-name rates, of %d cases with %d steps, and every deadline of them", r.Cases, r.Steps)
	}
	if r.VisitsRecounted {
		fmt.Fprintf(w, ";\n  visits served, rated and unrated for longer than the default days, of %d entries about visits", r.Visits)
	}
	if d.Instrument != nil {
		fmt.Fprintf(w, ";\n  third-party scores, shares of items met, vetoes and agreement, of %d evaluations in %d versions, by %s", r.Evaluations, r.Versions, d.Instrument.InstrumentRef)
	}
	fmt.Fprint(w, "\nrecomputed from what is published: every rate, score, composite, verdict, rank and funnel limit\n")
	fmt.Fprintf(w, "not recomputed, on the signature alone:\n  %d responses that wait to be logged", d.Outside)
	if r.Recounted {
		fmt.Fprintf(w, ", and %d steps of cases", d.OutsideSteps)
	}
	if r.VisitsRecounted {
		fmt.Fprintf(w, ", and %d visits of the period", d.Visits.Outside)
	}
	evaluations := "evaluations"
	if d.Instrument != nil {
		fmt.Fprintf(w, ", and %d versions of evaluations", d.OutsideEvaluations)
		evaluations = "evaluations not finished"
	}
	fmt.Fprint(w, "; which of several responses for one case counts;\n  ")
	if !r.VisitsRecounted {
		fmt.Fprint(w, "visits, ")
	}
	fmt.Fprintf(w, "%s and quality flags; names of places\n", evaluations)
	if n := d.WrongDeadlines; n > 0 {
		defer fmt.Fprintf(w, "  LOOK: %d steps in the log set other deadlines than the rules give, which cases are counted by\n", n)
	}
	if !r.Recounted {
		fmt.Fprint(w, "  how many cases are due, called back, rectified, on time and real-name: the bundle for auditors has what they are counted from\n")
		return
	}
	fmt.Fprintf(w, "  the working days that deadlines were computed with; %d real-name cases, by lists of visits", len(d.Cases.Proven))
	if n := len(d.Cases.Beaten); n > 0 {
		fmt.Fprintf(w, ";\n  %d reviews made elsewhere that do not count, as another response for their case does", n)
	}
	fmt.Fprintln(w)
	if n := d.Cases.UnknownCalendar; n > 0 {
		fmt.Fprintf(w, "  LOOK: %d steps name a calendar that the bundle's did not grow from, and their deadlines do not follow from it\n", n)
	}
	for _, day := range r.Workdays {
		fmt.Fprintf(w, "  LOOK: whether %s is a working day is told otherwise than in the notices this program was made with\n", day)
	}
}

// openSized opens a file and tells how long it is.
func openSized(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	about, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, about.Size(), nil
}
