package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"manyi/survey"
)

const deliveryColumns = "key, channel, body, made, state, at, claim, result, decisions"

// AddDeliveries implements survey.DeliveryStore.
func (s *Store) AddDeliveries(ctx context.Context, list []survey.Delivery) (added int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		for _, d := range list {
			decisions, err := decisionsText(d.Decisions)
			if err != nil {
				return err
			}
			done, err := tx.ExecContext(ctx, "INSERT INTO deliveries("+deliveryColumns+") VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
				d.Key, d.Channel, d.Body, millis(d.MadeAt), d.State, millis(d.At), d.Claim, d.Result, decisions)
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			if err != nil {
				return err
			}
			added += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, wrap("queue deliveries", err)
	}
	return added, nil
}

// ClaimDelivery implements survey.DeliveryStore.
func (s *Store) ClaimDelivery(ctx context.Context, channel string, now time.Time, ttl time.Duration) (d survey.Delivery, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) (err error) {
		d, err = scanDelivery(tx.QueryRowContext(ctx, `UPDATE deliveries SET claim = claim + 1, at = ? WHERE key = (
			SELECT key FROM deliveries WHERE channel = ? AND state = ? AND at <= ? ORDER BY at, key LIMIT 1) RETURNING `+deliveryColumns,
			millis(now.Add(ttl)), channel, survey.DeliveryWaiting, millis(now)))
		return err
	})
	return d, wrap("claim a delivery", err)
}

func scanDelivery(row interface{ Scan(...any) error }) (d survey.Delivery, err error) {
	var made, at int64
	var decisions string
	err = row.Scan(&d.Key, &d.Channel, &d.Body, &made, &d.State, &at, &d.Claim, &d.Result, &decisions)
	d.MadeAt, d.At = instant(made), instant(at)
	if err == nil && decisions != "" {
		err = json.Unmarshal([]byte(decisions), &d.Decisions)
	}
	return d, err
}

// decisionsText is how decisions are stored; empty for none.
func decisionsText(list []survey.DeliveryDecision) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	text, err := json.Marshal(list)
	return string(text), err
}

// NoteDelivery implements survey.DeliveryStore.
func (s *Store) NoteDelivery(ctx context.Context, d survey.Delivery) error {
	return wrap("note a delivery", s.tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE deliveries SET state = ?, at = ?, result = ? WHERE key = ? AND claim = ?",
			d.State, millis(d.At), d.Result, d.Key, d.Claim)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return survey.ErrFenced
	}))
}

// DecideDelivery implements survey.DeliveryStore.
func (s *Store) DecideDelivery(ctx context.Context, key string, decided survey.DeliveryDecision) error {
	return wrap("decide about a delivery", s.tx(ctx, func(tx *sql.Tx) error {
		d, err := scanDelivery(tx.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries WHERE key = ? AND state = ?", key, survey.DeliveryGivenUp))
		if err != nil {
			return err
		}
		decisions, err := decisionsText(append(d.Decisions, decided))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE deliveries SET state = ?, at = ?, decisions = ? WHERE key = ?", decided.State(), millis(decided.At), decisions, key)
		return err
	}))
}

// DeliveryCounts implements survey.DeliveryStore.
func (s *Store) DeliveryCounts(ctx context.Context) (out []survey.DeliveryCount, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT channel, state, count(*), min(at) FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2")
	err = each(rows, err, func(r *sql.Rows) error {
		var n survey.DeliveryCount
		var first int64
		err := r.Scan(&n.Channel, &n.State, &n.N, &first)
		n.First = instant(first)
		out = append(out, n)
		return err
	})
	return out, wrap("count deliveries", err)
}

// DropDeliveries implements survey.DeliveryStore.
func (s *Store) DropDeliveries(ctx context.Context, ended time.Time) (int, error) {
	done, err := s.write.ExecContext(ctx, "DELETE FROM deliveries WHERE state <> ? AND at < ?", survey.DeliveryWaiting, millis(ended))
	if err != nil {
		return 0, wrap("drop deliveries", translate(err))
	}
	n, err := done.RowsAffected()
	return int(n), err
}

// Deliveries implements survey.DeliveryStore.
func (s *Store) Deliveries(ctx context.Context, state survey.DeliveryState, yield func(survey.Delivery) error) error {
	for last := ""; ; {
		var page []survey.Delivery
		rows, err := s.read.QueryContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries WHERE key > ?1 AND (?2 = '' OR state = ?2) ORDER BY key LIMIT ?3",
			last, state, pageRows)
		err = each(rows, err, func(r *sql.Rows) error {
			d, err := scanDelivery(r)
			page = append(page, d)
			return err
		})
		if err != nil {
			return wrap("read deliveries", err)
		}
		for _, d := range page {
			if err := yield(d); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		last = page[len(page)-1].Key
	}
}
