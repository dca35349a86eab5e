package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"manyi/server/web"
	"manyi/survey"
)

func userCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Manage those who sign in to the console", Example: "  server user add chen --role supervisor --place 350102-HR"}
	cmd.AddCommand(userAddCommand(e), userPhoneCommand(e))
	return cmd
}

func userAddCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user, or give an existing one a new role, place and password",
		Long: "Adds a user, or gives an existing one a new role, place and password. The password is asked for on a terminal,\n" +
			"or read as one line from a pipe; with --generate one is made and printed.",
		Example: "  server user add chen --role supervisor --place 350102-HR\n  echo \"$PASSWORD\" | server user add admin --role organiser",
		Args:    cobra.ExactArgs(1),
	}
	role := roleFlags(cmd)
	generate := cmd.Flags().Bool("generate", false, "make a password and print it")
	phone := cmd.Flags().String("phone", "", "phone that reminders of cases go to by text message; see: server user phone")
	cmd.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		who, err := role(cmd, b, args[0])
		if err != nil {
			return err
		}
		var password string
		if *generate {
			password = rand.Text()
		} else if password, err = e.readPassword(cmd); err != nil {
			return err
		}
		hash, err := web.HashPassword(password)
		if err != nil {
			return err
		}
		u, err := b.store.User(cmd.Context(), who.Name) // who has a phone keeps it
		if err != nil && !errors.Is(err, survey.ErrNotFound) {
			return err
		}
		u.Actor, u.PasswordHash = who, hash
		if *phone != "" {
			phones, err := b.phones()
			if err != nil {
				return err
			}
			if u.Phone, err = typedPhone(phones, who.Name, "--phone", *phone); err != nil {
				return err
			}
		}
		if err := b.store.PutUser(cmd.Context(), u); err != nil {
			return err
		}
		if *generate {
			fmt.Fprintf(e.out, "user: %s %s\n", who.Name, password)
		}
		return nil
	})
	return cmd
}

func (e *env) readPassword(cmd *cobra.Command) (string, error) {
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(e.err, "password: ")
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(e.err)
		return string(text), err
	}
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if line == "" && err != nil {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// maxName is the longest name that can sign in, in bytes.
const maxName = 64

// roleFlags adds --role and --place and reads them against the stored places.
func roleFlags(cmd *cobra.Command) func(*cobra.Command, *base, string) (survey.Actor, error) {
	names := make([]string, len(survey.Roles))
	cmd.Long = cmp.Or(cmd.Long, cmd.Short+".") + "\n\nThe roles, and the place each is tied to:\n"
	for i, r := range survey.Roles {
		names[i] = string(r)
		cmd.Long += fmt.Sprintf("  %-10s  %s: %s\n", r, roleDoes[r], kinds(r))
	}
	role := cmd.Flags().String("role", string(survey.Supervisor), "one of "+strings.Join(names, ", "))
	place := cmd.Flags().String("place", "", "code of the place they see, as their role allows; empty for all")
	return func(cmd *cobra.Command, b *base, name string) (survey.Actor, error) {
		if name == "" || len(name) > maxName || strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) ||
			strings.HasPrefix(name, survey.ImportedBy) {
			return survey.Actor{}, fmt.Errorf("NAME is %q; want 1 to %d bytes on one line, without spaces around them, and not beginning with %s", name, maxName, survey.ImportedBy)
		}
		r, ok := survey.ParseRole(*role)
		if !ok {
			return survey.Actor{}, fmt.Errorf("--role is %q; want one of %s", *role, strings.Join(names, ", "))
		}
		if *place == "" && !slices.Contains(r.Places(), survey.Nowhere) {
			return survey.Actor{}, fmt.Errorf("--place is missing; role %s is tied to a place: %s", r, kinds(r))
		}
		if *place != "" {
			p, err := checkPlace(cmd.Context(), b.store, "--place", *place)
			if err != nil {
				return survey.Actor{}, err
			}
			if !slices.Contains(r.Places(), p.Kind) {
				return survey.Actor{}, fmt.Errorf("--place is %q, a %s; role %s is tied to: %s", *place, p.Kind, r, kinds(r))
			}
		}
		return survey.Actor{Name: name, Role: r, Place: *place}, nil
	}
}

// roleDoes is what --help says of the roles; survey.Role has it in full.
var roleDoes = map[survey.Role]string{
	survey.Organiser:  "runs the surveys, sees and does everything",
	survey.Supervisor: "works the bad reviews, sees contacts on record",
	survey.Staff:      "sees figures without small counts, anonymous comments late",
	survey.Evaluator:  "judges assigned bureaus, sees figures, downloads de-identified responses",
	survey.Reviewer:   "sees figures and evaluations",
	survey.Auditor:    "reads everything but contacts, does nothing",
}

// kinds names the kinds of place a role may be tied to.
func kinds(r survey.Role) string {
	var names []string
	for _, kind := range r.Places() {
		if kind == survey.Nowhere {
			names = append(names, "none")
			continue
		}
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

func tokenCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Manage the tokens programs read the API with", Example: "  server token add province-warehouse --role organiser"}
	add := &cobra.Command{
		Use:     "add NAME",
		Short:   "Make a token and print it once; only its hash is kept",
		Example: "  server token add province-warehouse --role organiser",
		Args:    cobra.ExactArgs(1),
	}
	role := roleFlags(add)
	add.RunE = e.with(func(cmd *cobra.Command, b *base, args []string) error {
		who, err := role(cmd, b, args[0])
		if err != nil {
			return err
		}
		text, t := web.NewToken(who, e.now())
		if err := b.store.AddToken(cmd.Context(), t); err != nil {
			return err
		}
		fmt.Fprintln(e.out, "api:", text)
		return nil
	})
	revoke := &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Take all tokens of a name out of use",
		Example: "  server token revoke province-warehouse",
		Args:    cobra.ExactArgs(1),
		RunE: e.with(func(cmd *cobra.Command, b *base, args []string) error {
			return b.store.RevokeTokens(cmd.Context(), args[0], e.now())
		}),
	}
	cmd.AddCommand(add, revoke)
	return cmd
}
