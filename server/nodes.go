package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"manyi/survey/sqlitestore"
)

// stamp is how times are printed: local to the machine, with the offset.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02T15:04:05Z07:00")
}

func nodesCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "nodes", Short: "List the nodes that share a MongoDB, and what waits on their disks", Example: "  server nodes list\n  server nodes drop hall-2.k3x9ab"}
	list := &cobra.Command{
		Use: "list", Short: "List the nodes as they last reported", Example: "  server nodes list", Args: cobra.NoArgs,
		RunE: e.with(func(cmd *cobra.Command, b *base, _ []string) error {
			nodes, err := b.store.Nodes(cmd.Context())
			for _, n := range nodes {
				fmt.Fprintf(e.out, "%s\tseen %s\twaiting %d\tset aside %d\toldest %s\tversion %s\tkeys %s\n",
					n.Name, stamp(n.SeenAt), n.Spool.Waiting, n.Spool.SetAside, stamp(n.Spool.Oldest), n.Version, strings.Join(n.Keys, " "))
			}
			return err
		}),
	}
	drop := &cobra.Command{
		Use:   "drop NAME",
		Short: "Forget a node that is gone for good, with whatever was on its disk",
		Long: "Forgets a node that is gone for good. Until then nothing is published, since ratings may wait on its disk.\n" +
			"If the disk still exists, start a node on it first: its ratings follow by themselves.",
		Example: "  server nodes drop hall-2.k3x9ab",
		Args:    cobra.ExactArgs(1),
		RunE: e.with(func(cmd *cobra.Command, b *base, args []string) error {
			nodes, err := b.store.Nodes(cmd.Context())
			if err != nil {
				return err
			}
			for _, n := range nodes {
				if n.Name == args[0] {
					return b.store.DropNode(cmd.Context(), n.Name)
				}
			}
			return fmt.Errorf("NAME is %q; want a node's name, see: server nodes list", args[0])
		}),
	}
	cmd.AddCommand(list, drop)
	return cmd
}

func spoolCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "spool", Short: "Look at the ratings that wait on this machine for MongoDB", Example: "  server spool list\n  server spool retry"}
	with := func(f func(cmd *cobra.Command, s *sqlitestore.Spool) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			cfg, err := e.config(cmd)
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(cfg.Data, sqlitestore.SpoolName)); errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("MANYI_DATA is %q and holds no spool; want the folder of a node with MONGODB_URI", cfg.Data)
			}
			s, err := sqlitestore.OpenSpool(cmd.Context(), cfg.Data)
			if err != nil {
				return err
			}
			return errors.Join(f(cmd, s), s.Close())
		}
	}
	list := &cobra.Command{
		Use: "list", Short: "Count what waits, and list what MongoDB refused and why", Example: "  server spool list", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, s *sqlitestore.Spool) error {
			state, err := s.State(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(e.out, "waiting %d, oldest %s; set aside %d\n", state.Waiting, stamp(state.Oldest), state.SetAside)
			aside, err := s.Aside(cmd.Context())
			for _, r := range aside {
				fmt.Fprintf(e.out, "set aside: window %s, received %s: %s\n", r.Path.Window(), stamp(r.ReceivedAt), r.Why)
			}
			return err
		}),
	}
	retry := &cobra.Command{
		Use: "retry", Short: "Put what was set aside back into the row, once its cause is removed", Example: "  server spool retry", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, s *sqlitestore.Spool) error {
			n, err := s.PutBack(cmd.Context())
			if err == nil {
				fmt.Fprintf(e.out, "%d put back; the server on this folder forwards them within a minute\n", n)
			}
			return err
		}),
	}
	cmd.AddCommand(list, retry)
	return cmd
}
