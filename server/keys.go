package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
)

func keysCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys FILE",
		Short: "Make the secret and the keys file that all nodes of one MongoDB share; change keys",
		Long: "Makes a keys file, readable by its owner only, and prints a secret as MANYI_SECRET=…; give every node both.\n" +
			"They are pinned in the database by fingerprint: a node with others does not start. Keep both apart from the\n" +
			"backups. After \"server migrate\" do not make new ones: the folder's own secret and keys.json go on.\n" +
			"To change keys: \"keys add\", \"keys rotate\", \"keys drop\".",
		Example: "  server keys keys.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := keyring.Create(args[0]); err != nil {
				return fmt.Errorf("make the keys file: %w", err)
			}
			fmt.Fprintln(e.out, "MANYI_SECRET="+rand.Text()+rand.Text())
			return nil
		},
	}
	cmd.AddCommand(keysAddCommand(e), keysListCommand(e), keysRotateCommand(e), keysDropCommand(e))
	return cmd
}

func keysAddCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "add",
		Short:   "Add a new key to the keys file; nothing is sealed with it yet",
		Long:    "Adds a new key to MANYI_KEYS_FILE. Servers notice the changed file by themselves. With several nodes copy the\nfile to every one, then go on with \"server keys rotate\".",
		Example: "  server keys add",
		Args:    cobra.NoArgs,
		RunE: e.with(func(cmd *cobra.Command, b *base, _ []string) error {
			if _, err := keyring.Load(b.cfg.keys()); err != nil {
				return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
			}
			id, err := keyring.Add(b.cfg.keys())
			if err != nil {
				return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
			}
			fmt.Fprintf(e.out, "added %s\n", id)
			if b.cfg.MongoURI != "" {
				fmt.Fprintf(e.out, "next: copy %s to every node, then: server keys rotate\n", b.cfg.keys())
			} else {
				fmt.Fprintln(e.out, "next: server keys rotate")
			}
			return nil
		}),
	}
}

func keysListCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys, and how much is sealed with each", Example: "  server keys list", Args: cobra.NoArgs,
		RunE: e.with(func(cmd *cobra.Command, b *base, _ []string) error {
			ring, err := keyring.Load(b.cfg.keys())
			if err != nil {
				return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
			}
			n, err := intake.Sealed(cmd.Context(), b.store)
			for i, id := range ring.IDs() {
				fmt.Fprintf(e.out, "%s\tsealed %d%s\n", id, n[id], map[bool]string{true: "\tactive"}[i == 0])
				delete(n, id)
			}
			for id, n := range n {
				fmt.Fprintf(e.out, "%s\tsealed %d\tnot in the file: these values cannot be read\n", id, n)
			}
			return err
		}),
	}
}

func keysRotateCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Seal everything with the newest key, beside running servers",
		Long: "Makes the newest key of MANYI_KEYS_FILE the active one, and seals every stored value with it, hashes included.\n" +
			"It may be stopped at any point and repeated; servers go on meanwhile, and find everything under either key.\n" +
			"With several nodes it runs twice: once to make the key active in this file, which is then copied to every node,\n" +
			"and once more to seal. It says when the old keys may be dropped. Old backups need the old keys: keep a copy of\n" +
			"the file with them.",
		Example: "  server keys rotate",
		Args:    cobra.NoArgs,
		RunE:    e.with(func(cmd *cobra.Command, b *base, _ []string) error { return e.rotate(cmd.Context(), b) }),
	}
}

func (e *env) rotate(ctx context.Context, b *base) error {
	ring, err := keyring.Load(b.cfg.keys())
	if err != nil {
		return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
	}
	newest := ring.Newest()
	if ring.IDs()[0] != newest {
		if err := e.everyNode(ctx, b, "does not hold key "+newest+" yet; copy "+b.cfg.keys()+" there", func(n survey.Node) bool {
			return slices.Contains(n.Keys, newest)
		}); err != nil {
			return err
		}
		if err := keyring.Use(b.cfg.keys(), newest); err != nil {
			return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
		}
		fmt.Fprintf(e.out, "%s is active now\n", newest)
		if b.cfg.MongoURI != "" {
			if err := checkSecrets(ctx, b.store, b.secret, ring); err != nil { // pins it
				return err
			}
			fmt.Fprintf(e.out, "next: copy %s to every node, then again: server keys rotate\n", b.cfg.keys())
			return nil
		}
	}
	if err := e.everyNode(ctx, b, "does not seal with "+newest+" yet; copy "+b.cfg.keys()+" there", func(n survey.Node) bool {
		return len(n.Keys) > 0 && n.Keys[0] == newest
	}); err != nil {
		return err
	}
	// What is stored while a run walks may be missed by it, so the last one changes nothing.
	var done intake.Resealed
	for {
		if done, err = intake.Reseal(ctx, b.store, ring); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "values %d: %d sealed or hashed anew\n", done.Seen, done.Changed)
		if done.Changed == 0 && len(done.Left) == 0 {
			break
		}
	}
	for id, n := range done.Unreadable {
		fmt.Fprintf(e.out, "%d values under %s cannot be opened with this file, and were left as they are\n", n, id)
	}
	if err := b.store.Scrub(ctx); err != nil {
		return err
	}
	if waiting, err := unsettled(ctx, b.store); err != nil || waiting != "" {
		fmt.Fprintf(e.out, "%s; once it is empty, run this again\n", waiting)
		return err
	}
	for _, id := range ring.IDs()[1:] {
		if done.Unreadable[id] == 0 {
			fmt.Fprintf(e.out, "nothing is under %s any more; once a minute has passed: server keys drop %s\n", id, id)
		}
	}
	return nil
}

// everyNode fails unless all nodes fulfil a condition, as they last reported.
func (e *env) everyNode(ctx context.Context, b *base, lacks string, ok func(survey.Node) bool) error {
	nodes, err := b.store.Nodes(ctx)
	if err != nil {
		return err
	}
	var faults []error
	for _, n := range nodes {
		if !ok(n) {
			faults = append(faults, fmt.Errorf("node %s, seen %s, %s; it reports within 10 seconds (or forget it: server nodes drop)", n.Name, stamp(n.SeenAt), lacks))
		}
	}
	return errors.Join(faults...)
}

// unsettled says of one node that its disk may hold ratings which the store does not
// have; empty if there is none.
func unsettled(ctx context.Context, store survey.Store) (string, error) {
	node, err := unsettledNode(ctx, store)
	if err != nil || node == "" {
		return "", err
	}
	return fmt.Sprintf("the disk of node %s holds ratings that are still to be stored, or it was not heard for %s", node, survey.HeardWithin), nil
}

// unsettledNode is the name of such a node; empty if there is none.
func unsettledNode(ctx context.Context, store survey.Store) (string, error) {
	nodes, err := store.Nodes(ctx)
	if err != nil || len(nodes) == 0 {
		return "", err
	}
	now, err := store.Now(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range survey.Unsettled(nodes, now) {
		return n.Name, nil
	}
	return "", nil
}

// settleFor is how long after a key became active a server may still store what it had
// sealed before.
const settleFor = time.Minute

func keysDropCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "drop KEY",
		Short:   "Take an old key out of the keys file, once nothing is sealed with it",
		Long:    "Takes a key out of MANYI_KEYS_FILE after a look at every stored value and every node. Copy the file to every node\nafterwards. Backups from before need the key: keep a copy of the file with them, and apart from everything else.",
		Example: "  server keys drop k3f09ab12",
		Args:    cobra.ExactArgs(1),
		RunE: e.with(func(cmd *cobra.Command, b *base, args []string) error {
			ctx, id, path := cmd.Context(), args[0], b.cfg.keys()
			ring, err := keyring.Load(path)
			if err != nil {
				return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
			}
			ids := ring.IDs()
			if !slices.Contains(ids[1:], id) {
				return fmt.Errorf("KEY is %q; want a key of %s that is not the active one: %s", id, path, strings.Join(ids[1:], " "))
			}
			if info, err := os.Stat(path); err != nil {
				return err
			} else if age := e.now().Sub(info.ModTime()); age < settleFor {
				return fmt.Errorf("the keys changed %s ago; a server may still store what it sealed before: try again in %s", age.Round(time.Second), (settleFor - age).Round(time.Second))
			}
			if err := e.everyNode(ctx, b, "still seals with "+id, func(n survey.Node) bool { return len(n.Keys) > 0 && n.Keys[0] != id }); err != nil {
				return err
			}
			if waiting, err := unsettled(ctx, b.store); err != nil || waiting != "" {
				return errors.Join(err, errors.New(waiting))
			}
			n, err := intake.Sealed(ctx, b.store)
			if err != nil {
				return err
			}
			if n[id] > 0 {
				return fmt.Errorf("%d values are sealed with %s; run first: server keys rotate", n[id], id)
			}
			if _, err := b.store.Pin(ctx, pinDropped+id, e.now().UTC().Format(time.RFC3339)); err != nil {
				return err
			}
			if err := keyring.Drop(path, id); err != nil {
				return fmt.Errorf("MANYI_KEYS_FILE: %w", err)
			}
			fmt.Fprintf(e.out, "dropped %s\n", id)
			return nil
		}),
	}
}
