package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"manyi/survey"
	"manyi/survey/intake"
)

func userPhoneCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "phone NAME [NUMBER]",
		Short: "Say where a supervisor's reminders go by text message, or nowhere",
		Long: "Stores the phone, encrypted, that a user's reminders of cases go to by text message. Supervisors of a bureau get them.\n" +
			"Without a number it prints the end of the one that is stored.",
		Example: "  server user phone chen 13800138000\n  server user phone chen --remove",
		Args:    cobra.RangeArgs(1, 2),
	}
	remove := cmd.Flags().Bool("remove", false, "forget the phone")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		u, err := b.store.User(cmd.Context(), args[0])
		if errors.Is(err, survey.ErrNotFound) {
			return fmt.Errorf("NAME is %q; there is no such user", args[0])
		}
		if err != nil {
			return err
		}
		phones, err := b.phones()
		if err != nil {
			return err
		}
		switch {
		case *remove && len(args) > 1:
			return errors.New("--remove and a NUMBER; want one of them")
		case *remove:
			u.Phone = nil
		case len(args) > 1:
			if u.Phone, err = typedPhone(phones, u.Name, "NUMBER", args[1]); err != nil {
				return err
			}
		case u.Phone == nil:
			fmt.Fprintln(e.out, "none")
			return nil
		default:
			phone, err := phones.OfUser(u)
			if err == nil {
				fmt.Fprintln(e.out, survey.MaskPhone(phone))
			}
			return err
		}
		return b.store.PutUser(cmd.Context(), u)
	})
	return cmd
}

// typedPhone seals a phone as somebody typed it under a name of the command line.
func typedPhone(phones intake.Phones, user, name, typed string) (*survey.SealedText, error) {
	phone, err := survey.ParsePhone(typed)
	if err != nil {
		return nil, fmt.Errorf("%s is %q; want 7 to 15 digits, perhaps after a +", name, typed)
	}
	return phones.ForUser(user, phone)
}
