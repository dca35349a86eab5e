package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"manyi/survey/sqlitestore"
)

func backupCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Write the embedded database to a file, also beside a running server",
		Long: "Writes the embedded database, as it is at one moment, to a new file. The secret and the keys are not in it:\n" +
			"keep them in another place, since whoever has both can read contacts. With MongoDB use mongodump (see README).",
		Example: "  server backup --out manyi-backup.db",
		Args:    cobra.NoArgs,
	}
	out := cmd.Flags().String("out", "", "the file to make")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := e.embedded(cmd)
		if err != nil {
			return err
		}
		if *out == "" {
			return errors.New("--out is missing; want the file to make")
		}
		s, err := sqlitestore.Open(cmd.Context(), cfg.Data)
		if err != nil {
			return err
		}
		if err := errors.Join(s.Backup(cmd.Context(), *out), s.Close()); err != nil {
			return err
		}
		fmt.Fprintf(e.err, "note: %s and %s are not in the backup; keep copies of them in another place\n", secretFile, keysFile)
		return nil
	}
	return cmd
}

func restoreCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup into a data folder that holds no database",
		Long: "Checks a backup to its last page and puts it into the data folder (MANYI_DATA), which must hold no database.\n" +
			"Put the secret and keys.json of the installation beside it before serving: with others, printed codes lead\n" +
			"nowhere and contacts cannot be read.",
		Example: "  server restore manyi-backup.db --data /var/lib/manyi",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := e.embedded(cmd)
			if err != nil {
				return err
			}
			err = sqlitestore.Restore(cmd.Context(), args[0], cfg.Data)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("MANYI_DATA is %q and holds a database already; want a folder without: %w", cfg.Data, err)
			}
			return err
		},
	}
}

// embedded reads the settings of a command that is about the embedded database only.
func (e *env) embedded(cmd *cobra.Command) (config, error) {
	cfg, err := e.config(cmd)
	if err == nil && cfg.MongoURI != "" {
		err = fmt.Errorf("MONGODB_URI is set; %s is for the embedded database, with MongoDB use mongodump and mongorestore (see README)", cmd.Name())
	}
	return cfg, err
}
