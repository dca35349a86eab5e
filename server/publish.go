package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"manyi/jobs"
	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/survey"
)

func publishCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "publish",
		Short: "Publish what a survey came to, signed, as a file that anybody can check",
		Long: "Closes a period: appends what waits to the logs, counts the figures from them and from what is stored, signs and\n" +
			"keeps them, and writes a bundle that \"server verify\" checks without a database. A publication is never changed: the\n" +
			"next one of the same period names it and lists every number that is another one; if none is, the bundle of the last\n" +
			"one is written again. The key that is printed goes to whoever checks, by another way than the bundle.",
		Example: "  server publish --survey 2026 --period 2026-11 --out 2026-11.zip",
		Args:    cobra.NoArgs,
	}
	id := surveyFlag(cmd)
	period := cmd.Flags().String("period", string(bundle.WholePeriod), "whole, a year such as 2026 or a month such as 2026-11")
	audience := cmd.Flags().String("audience", string(bundle.Public), "public, with small numbers merged upwards, or auditor, with all fields: give that to auditors only")
	sample := cmd.Flags().Bool("sample", false, "publish demo data, with its mark on everything")
	out := cmd.Flags().String("out", "", "the bundle to make")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		if *out == "" {
			return errors.New("--out is missing; want the file to make, such as bundle.zip")
		}
		if !slices.Contains(bundle.Audiences[:], bundle.Audience(*audience)) {
			return fmt.Errorf("--audience is %q; want public or auditor", *audience)
		}
		p, err := bundle.ParsePeriod(*period)
		if err != nil {
			return fmt.Errorf("--period: %w", err)
		}
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		s, err := surveyFor(ctx, b.store, *id)
		switch {
		case err != nil:
			return err
		case s.Sample && !*sample:
			return fmt.Errorf("survey %s holds demo data, which is published as a marked sample only: add --sample", s.ID)
		case !s.Sample && *sample:
			return fmt.Errorf("survey %s is no sample; leave --sample out", s.ID)
		}
		made, err := closePeriod(ctx, b, s, p, e.now())
		if err != nil {
			return err
		}
		signed := made.Public
		if bundle.Audience(*audience) == bundle.Auditor {
			signed = made.Auditor
		}
		d, err := bundle.Decode(signed.Body)
		if err != nil {
			return fmt.Errorf("publication %s as it is stored: %w", made.PublicationID, err)
		}
		if err := e.output(*out, func(w io.Writer) error { return bundle.Write(ctx, w, b.store, d, b.log) }); err != nil {
			return err
		}
		if *out != "-" {
			fmt.Fprintf(e.out, "publication: %s\nkey: %s\n", made.PublicationID, b.log.Key)
		}
		return nil
	})
	return cmd
}

// closePeriod publishes a period, unless its last publication says the same.
func closePeriod(ctx context.Context, b *base, s survey.Survey, p bundle.Period, now time.Time) (made survey.Publication, err error) {
	if waiting, err := unsettled(ctx, b.store); err != nil || waiting != "" {
		return made, cmp.Or(err, fmt.Errorf("%s; publish when it is empty, or leave the node out: server nodes drop NAME", waiting))
	}
	if err := b.count(ctx, now); err != nil {
		return made, err
	}
	if _, err := b.logger().Receipts(ctx, now); err != nil {
		return made, err
	}
	if _, err := b.logger().Data(ctx, now); err != nil {
		return made, err
	}
	checkpoint, _, err := proof.Last(ctx, b.store, b.log.Verifier())
	if err != nil {
		return made, err
	}
	var last survey.Publication
	err = b.store.Publications(ctx, survey.PublicationQuery{Survey: s.ID, Period: string(p), Here: true}, func(head survey.Publication) error {
		last = head
		return nil
	})
	if err == nil && last.No > 0 {
		last, err = b.store.Publication(ctx, last.PublicationID)
	}
	if err != nil {
		return made, err
	}
	made = survey.Publication{PublicationID: survey.PublicationID{Survey: s.ID, Period: string(p), No: last.No + 1},
		Corrects: last.No, At: now.UTC().Truncate(time.Second), Sample: s.Sample, By: "command", Checkpoint: checkpoint.No}
	q := bundle.Query{Survey: s, Period: p, No: made.No, AsOf: now, Program: version(), Tags: b.secrets, Signer: b.log}
	if q.Tree, err = treeOf(ctx, b.store); err != nil {
		return made, err
	}
	if last.No > 0 {
		q.Corrects = last.PublicationID.String()
	}
	news := last.No == 0 || last.Checkpoint != checkpoint.No
	for _, a := range bundle.Audiences {
		q.Audience = a
		signed, before := &made.Public, last.Public
		if a == bundle.Auditor {
			signed, before = &made.Auditor, last.Auditor
		}
		d, differs, err := publicationOf(ctx, b, q, before, string(checkpoint.Note), signed)
		if err != nil {
			return made, err
		}
		news = news || differs
		if a == bundle.Public {
			for _, u := range d.Units {
				for _, c := range u.Counted {
					made.N += c.N
				}
			}
		}
	}
	if !news {
		return last, nil
	}
	return made, b.store.PutPublication(ctx, made)
}

// count brings what is published beside the logs up to date: tallies, cases and flags.
func (b *base) count(ctx context.Context, now time.Time) error {
	list := []jobs.Job{jobs.RollUpJob(b.store), jobs.CasesJob(b.store, b.secrets.FollowUpOf), jobs.CaseSheetsJob(b.store), jobs.QualityJob(b.store)}
	runner, err := jobs.NewRunner(b.store, list, jobs.Options{Zone: b.cfg.Zone, Lease: b.cfg.Lease})
	if err != nil {
		return err
	}
	return runner.RunAll(ctx, now)
}

// publicationOf makes the document of one audience, signs it, and says whether its units
// differ from those before.
func publicationOf(ctx context.Context, b *base, q bundle.Query, before survey.Document, checkpoint string, signed *survey.Document) (d bundle.Document, differs bool, err error) {
	if d, err = bundle.Build(ctx, b.store, q); err != nil {
		return d, false, err
	}
	if d.Checkpoint != checkpoint {
		return d, false, errors.New("the logs grew while the figures were counted; run it again")
	}
	if before.There() {
		old, err := bundle.Decode(before.Body)
		if err != nil {
			return d, false, fmt.Errorf("publication %s as it is stored: %w", q.Corrects, err)
		}
		d.Changes = bundle.Changes(old, d)
		differs = !bundle.SameUnits(old, d)
	}
	body, err := d.Encode()
	if err != nil {
		return d, false, err
	}
	signature, err := bundle.SignDocument(d, body, q.Signer)
	*signed = survey.NewDocument(body, signature)
	return d, differs, err
}
