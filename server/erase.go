package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
)

func eraseCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "erase",
		Short: "Erase what one citizen left: the contact and hidden numbers of a rating",
		Long: "Erases the contact of a rating, and what was typed where a number is hidden, as its citizen asked. The rating stays\n" +
			"with everything that counts. It is found by the receipt, or by the case: the last part of the address of its\n" +
			"page. A case keeps who did it and why, in its history and for good; for a rating without a case that is printed,\n" +
			"to be kept elsewhere. Supervisors do the same on the page of a case. Backups keep it until they are deleted.",
		Example: "  server erase --receipt 7K3M-0Q9A-XW2D-51TZ --by chen --reason '群众申请'",
		Args:    cobra.NoArgs,
	}
	receipt := cmd.Flags().String("receipt", "", "receipt of the rating")
	of := cmd.Flags().String("case", "", "the case, as it stands in the address of its page")
	by := cmd.Flags().String("by", "", "who does it")
	why := cmd.Flags().String("reason", "", "why, such as the citizen's request and its day")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, _ []string) error {
		ctx := cmd.Context()
		who := survey.Worker{Name: strings.TrimSpace(*by), Party: survey.Higher}
		switch {
		case (*receipt == "") == (*of == ""):
			return errors.New("--receipt and --case: want one of them")
		case who.Name == "":
			return errors.New("--by is missing; want the name of who does it")
		case strings.TrimSpace(*why) == "":
			return errors.New("--reason is missing; want why, such as the citizen's request and its day")
		}
		key, err := survey.ParseKey(*of)
		if *receipt != "" {
			var r survey.Response
			if r, err = b.store.FollowedResponse(ctx, b.secrets.FollowUp(*receipt)); err == nil {
				key = r.Key
			} else if errors.Is(err, survey.ErrNotFound) { // it left no contact, but may have a case
				var c survey.Case
				c, err = b.store.FollowedCase(ctx, b.secrets.FollowUp(*receipt))
				key = c.Response.Key
			}
		}
		if errors.Is(err, survey.ErrNotFound) {
			return errors.New("nothing is left of that rating to erase, or there is none")
		}
		if err != nil {
			return err
		}
		c, err := b.store.Case(ctx, key)
		switch {
		case err == nil && len(c.Entries) > 0 && c.Hides():
			if err := b.noteErased(cmd, c, who, *why); err != nil {
				return err
			}
		case err != nil && !errors.Is(err, survey.ErrNotFound):
			return err
		}
		n, err := survey.EraseCase(ctx, b.store, key)
		if err != nil {
			return fmt.Errorf("%w (run it again)", err)
		}
		fmt.Fprintf(e.out, "%d values erased at %s, by %s\n", n, stamp(e.now()), who.Name)
		return nil
	})
	return cmd
}

// noteErased writes into a case that what is sealed about it is erased.
func (b *base) noteErased(cmd *cobra.Command, c survey.Case, who survey.Worker, why string) error {
	ctx := cmd.Context()
	ring, err := keyring.Load(b.cfg.keys())
	if err != nil {
		return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
	}
	s, err := b.store.Survey(ctx, c.Response.Survey)
	if err != nil {
		return err
	}
	cal, err := survey.LoadCalendar(ctx, b.store)
	if err != nil {
		return err
	}
	made, sum, err := c.Take(s, cal, who, b.clock.Now(), survey.Entry{Step: survey.StepErased, Note: why})
	if err == nil {
		err = intake.HideNotes(ring, c.Response.Key, made)
	}
	if err == nil {
		err = b.store.AddEntries(ctx, c.Response.Key, made, sum)
	}
	if errors.Is(err, survey.ErrExists) {
		err = errors.New("somebody worked on the case meanwhile: run it again")
	}
	return err
}
