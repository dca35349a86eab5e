package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"manyi/jobs"
	"manyi/server/web"
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
	wrong := cmd.Flags().Int64("wrong-deadlines", 0, "how many steps in the log are known to set other deadlines than the rules give: the publication names them, and counts cases by the rules")
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
		if err != nil {
			return err
		}
		made, _, err := closePeriod(ctx, b, web.Publishing{Survey: s, Period: p, Sample: *sample, By: "command", WrongDeadlines: *wrong}, e.now())
		if w := new(bundle.WrongDeadlines); errors.As(err, &w) {
			err = fmt.Errorf("%w; --wrong-deadlines with their number publishes, names them, and counts by the rules", err)
		}
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

// publisher is closePeriod for the console. It gives up when the server stops.
func (b *base) publisher(stopped context.Context) func(context.Context, web.Publishing) (survey.Publication, bool, error) {
	return func(ctx context.Context, q web.Publishing) (survey.Publication, bool, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(stopped, cancel)()
		made, news, err := closePeriod(ctx, b, q, b.clock.Now())
		if w := new(bundle.WrongDeadlines); errors.As(err, &w) {
			err = refusal("period", string(q.Period), survey.WhyPublishDeadlines)
		}
		return made, news, err
	}
}

// closePeriod publishes a period, unless its last publication says the same: then it
// returns that one, and false. survey.Faults say why it was not published.
func closePeriod(ctx context.Context, b *base, q web.Publishing, now time.Time) (made survey.Publication, news bool, err error) {
	if err := mayClose(ctx, b, q, now); err != nil {
		return made, false, err
	}
	if err := b.count(ctx, now); err != nil {
		return made, false, err
	}
	if _, err := b.logger().Receipts(ctx, now); err != nil {
		return made, false, err
	}
	if _, err := b.logger().Data(ctx, now); err != nil {
		return made, false, err
	}
	checkpoint, _, err := proof.Last(ctx, b.store, b.log.Verifier())
	if err != nil {
		return made, false, err
	}
	last, err := lastOf(ctx, b.store, q)
	if err != nil {
		return made, false, err
	}
	made = survey.Publication{PublicationID: survey.PublicationID{Survey: q.Survey.ID, Period: string(q.Period), No: last.No + 1},
		Corrects: last.No, At: now.UTC().Truncate(time.Second), Sample: q.Survey.Sample, By: q.By, Checkpoint: checkpoint.No}
	build := bundle.Query{Survey: q.Survey, Period: q.Period, No: made.No, AsOf: now, Checkpoint: checkpoint, Program: version(), Tags: b.secrets, Signer: b.log, WrongDeadlines: q.WrongDeadlines}
	if build.Tree, err = treeOf(ctx, b.store); err != nil {
		return made, false, err
	}
	if last.No > 0 {
		build.Corrects = last.PublicationID.String()
	}
	news = last.No == 0 || last.Checkpoint != checkpoint.No
	for _, a := range bundle.Audiences {
		build.Audience = a
		signed, before := &made.Public, last.Public
		if a == bundle.Auditor {
			signed, before = &made.Auditor, last.Auditor
		}
		d, differs, err := publicationOf(ctx, b, build, before, signed)
		if err != nil {
			return made, false, err
		}
		news = news || differs
		if a == bundle.Public {
			for _, u := range d.Units {
				for _, c := range u.Counted {
					made.N += c.N
				}
			}
		} else if last.No == 0 && len(bundle.Changes(bundle.Document{}, d)) == 0 { // auditors are told even the smallest number
			return made, false, refusal("period", string(q.Period), survey.WhyPublishNothing)
		}
	}
	if !news {
		return last, false, nil
	}
	err = b.store.PutPublication(ctx, made)
	switch {
	case errors.Is(err, survey.ErrExists):
		err = refusal("period", string(q.Period), survey.WhyPublishMeanwhile)
	case errors.Is(err, survey.ErrPublicationSize):
		err = refusal("period", string(q.Period), survey.WhyPublishTooLarge)
	}
	return made, err == nil, err
}

func refusal(field, value string, why survey.Why) error {
	return survey.Faults{{Field: field, Value: value, Why: why}}
}

// mayClose reports why a period may not be published now.
func mayClose(ctx context.Context, b *base, q web.Publishing, now time.Time) error {
	periods := bundle.Periods(q.Survey, now)
	switch {
	case len(periods) == 0:
		return refusal("survey", q.Survey.ID, survey.WhyPublishEarly)
	case !slices.Contains(periods, q.Period):
		return refusal("period", string(q.Period), survey.WhyPublishPeriod)
	case q.Survey.Sample && !q.Sample:
		return refusal("sample", "", survey.WhyPublishUnmarked)
	case !q.Survey.Sample && q.Sample:
		return refusal("sample", "", survey.WhyPublishNoSample)
	}
	node, err := unsettledNode(ctx, b.store)
	if err == nil && node != "" {
		err = refusal("node", node, survey.WhyPublishUnsettled)
	}
	return err
}

// lastOf is the last publication of a period; none has the number 0.
func lastOf(ctx context.Context, store survey.PublicationStore, q web.Publishing) (last survey.Publication, err error) {
	err = store.Publications(ctx, survey.PublicationQuery{Survey: q.Survey.ID, Period: string(q.Period), Here: true}, func(head survey.Publication) error {
		last = head
		return nil
	})
	if err == nil && last.No > 0 {
		last, err = store.Publication(ctx, last.PublicationID)
	}
	return last, err
}

// count brings up to date what is published: tallies, what cases are owed, and flags.
func (b *base) count(ctx context.Context, now time.Time) error {
	list := []jobs.Job{jobs.RollUpJob(b.store), jobs.CasesJob(b.store, b.secrets.FollowUpOf), jobs.QualityJob(b.store)}
	runner, err := jobs.NewRunner(b.store, list, jobs.Options{Zone: b.cfg.Zone, Lease: b.cfg.Lease})
	if err != nil {
		return err
	}
	return runner.RunAll(ctx, now)
}

// publicationOf makes the document of one audience, signs it, and says whether its units
// differ from those before.
func publicationOf(ctx context.Context, b *base, q bundle.Query, before survey.Document, signed *survey.Document) (d bundle.Document, differs bool, err error) {
	if d, err = bundle.Build(ctx, b.store, q); err != nil {
		return d, false, err
	}
	if before.There() {
		old, err := bundle.Decode(before.Body)
		if err != nil {
			return d, false, fmt.Errorf("publication %s as it is stored: %w", q.Corrects, err)
		}
		d.Changes = bundle.Changes(old, d)
		if err := bundle.Explain(ctx, b.store, d.Changes, old, d); err != nil {
			return d, false, err
		}
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
