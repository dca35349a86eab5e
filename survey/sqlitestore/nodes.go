package sqlitestore

import (
	"context"
	"database/sql"
	"strings"

	"manyi/survey"
)

// Pin implements survey.NodeStore.
func (s *Store) Pin(ctx context.Context, name, value string) (kept string, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO pins(name, value) VALUES (?,?) ON CONFLICT DO NOTHING", name, value); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT value FROM pins WHERE name = ?", name).Scan(&kept)
	})
	return kept, wrap("pin "+name, err)
}

// Pins implements survey.NodeStore.
func (s *Store) Pins(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	rows, err := s.read.QueryContext(ctx, "SELECT name, value FROM pins")
	err = each(rows, err, func(r *sql.Rows) error {
		var name, value string
		err := r.Scan(&name, &value)
		out[name] = value
		return err
	})
	return out, wrap("read what is pinned", err)
}

// PutNode implements survey.NodeStore.
func (s *Store) PutNode(ctx context.Context, n survey.Node) error {
	return s.exec(ctx, "report node", "INSERT OR REPLACE INTO nodes(name, seen, version, waiting, set_aside, oldest, keys) VALUES (?,?,?,?,?,?,?)",
		n.Name, millis(n.SeenAt), n.Version, n.Spool.Waiting, n.Spool.SetAside, millis(n.Spool.Oldest), strings.Join(n.Keys, " "))
}

// Nodes implements survey.NodeStore.
func (s *Store) Nodes(ctx context.Context) ([]survey.Node, error) {
	var out []survey.Node
	rows, err := s.read.QueryContext(ctx, "SELECT name, seen, version, waiting, set_aside, oldest, keys FROM nodes ORDER BY name")
	err = each(rows, err, func(r *sql.Rows) error {
		var n survey.Node
		var seen, oldest int64
		var keys string
		err := r.Scan(&n.Name, &seen, &n.Version, &n.Spool.Waiting, &n.Spool.SetAside, &oldest, &keys)
		n.SeenAt, n.Spool.Oldest = instant(seen), instant(oldest)
		if keys != "" {
			n.Keys = strings.Split(keys, " ")
		}
		out = append(out, n)
		return err
	})
	return out, wrap("read nodes", err)
}

// DropNode implements survey.NodeStore.
func (s *Store) DropNode(ctx context.Context, name string) error {
	return s.exec(ctx, "drop node", "DELETE FROM nodes WHERE name = ?", name)
}

// ShareHits implements survey.NodeStore.
func (s *Store) ShareHits(ctx context.Context, node string, minute int64, hits map[string]int) (map[string]int, error) {
	others := map[string]int{}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM hits WHERE minute = ? AND node = ?", minute, node); err != nil {
			return err
		}
		for source, n := range hits {
			if _, err := tx.ExecContext(ctx, "INSERT INTO hits(minute, node, source, n) VALUES (?,?,?,?)", minute, node, source, n); err != nil {
				return err
			}
		}
		rows, err := tx.QueryContext(ctx, "SELECT source, sum(n) FROM hits WHERE minute = ? AND node <> ? GROUP BY source", minute, node)
		return each(rows, err, func(r *sql.Rows) error {
			var source string
			var n int
			err := r.Scan(&source, &n)
			if _, mine := hits[source]; mine {
				others[source] = n
			}
			return err
		})
	})
	return others, wrap("share hits", err)
}
