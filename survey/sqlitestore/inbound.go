package sqlitestore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"manyi/survey"
)

const selectInbound = "SELECT id, key_id, sealed, phone_hash, text_key, text, at, fate, due, invitation FROM inbound "

// AddInbound implements survey.InboundStore.
func (s *Store) AddInbound(ctx context.Context, list []survey.Inbound) (added int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		added = 0
		for _, in := range list {
			put, err := changed(tx.ExecContext(ctx, `INSERT INTO inbound(id, key_id, sealed, phone_hash, text_key, text, at, fate, due, invitation)
				VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO NOTHING`, in.ID, in.From.KeyID, in.From.Sealed, in.From.PhoneHash,
				in.TextKey, in.Text, millis(in.ReceivedAt), string(in.Fate), millis(in.Due), in.Invitation))
			if err != nil {
				return err
			}
			if put {
				added++
			}
		}
		return nil
	})
	return added, wrap("keep messages that came in", err)
}

func (s *Store) inbounds(ctx context.Context, where string, args ...any) (list []survey.Inbound, err error) {
	rows, err := s.read.QueryContext(ctx, selectInbound+where, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var in survey.Inbound
		var at, due int64
		err := r.Scan(&in.ID, &in.From.KeyID, &in.From.Sealed, &in.From.PhoneHash, &in.TextKey, &in.Text, &at, &in.Fate, &due, &in.Invitation)
		in.ReceivedAt, in.Due = instant(at), instant(due)
		list = append(list, in)
		return err
	})
	return list, wrap("read messages that came in", err)
}

// InboundDue implements survey.InboundStore.
func (s *Store) InboundDue(ctx context.Context, now time.Time, limit int) ([]survey.Inbound, error) {
	return s.inbounds(ctx, "WHERE due > 0 AND due <= ? ORDER BY due, at, id LIMIT ?", millis(now), limit)
}

// SettleInbound implements survey.InboundStore.
func (s *Store) SettleInbound(ctx context.Context, id string, fate survey.Fate, due time.Time, invitation string) error {
	return wrap("settle a message that came in", s.tx(ctx, func(tx *sql.Tx) error {
		found, err := changed(tx.ExecContext(ctx, "UPDATE inbound SET fate = ?, due = ?, invitation = ? WHERE id = ?", string(fate), millis(due), invitation, id))
		if err == nil && !found {
			err = survey.ErrNotFound
		}
		return err
	}))
}

// InboundOf implements survey.InboundStore.
func (s *Store) InboundOf(ctx context.Context, phone [][]byte) ([]survey.Inbound, error) {
	if len(phone) == 0 {
		return nil, nil
	}
	args := make([]any, len(phone))
	for i, hash := range phone {
		args[i] = hash
	}
	return s.inbounds(ctx, "WHERE phone_hash IN (?"+strings.Repeat(",?", len(phone)-1)+") ORDER BY at, id", args...)
}

// Inbounds implements survey.InboundStore.
func (s *Store) Inbounds(ctx context.Context, q survey.InboundQuery) ([]survey.Inbound, error) {
	where, args := []string{"1"}, []any{}
	if len(q.Fates) > 0 {
		where = append(where, "fate IN (?"+strings.Repeat(",?", len(q.Fates)-1)+")")
		for _, f := range q.Fates {
			args = append(args, string(f))
		}
	}
	if q.Before != "" {
		where = append(where, "(at, id) < (SELECT at, id FROM inbound WHERE id = ?)")
		args = append(args, q.Before)
	}
	if !q.Until.IsZero() {
		where = append(where, "at < ?")
		args = append(args, millis(q.Until))
	}
	return s.inbounds(ctx, "WHERE "+strings.Join(where, " AND ")+" ORDER BY at DESC, id DESC LIMIT ?", append(args, q.Limit)...)
}
