package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"manyi/survey"
)

// messageBody is what of a message no query asks for. Times are milliseconds.
type messageBody struct {
	Key       string         `json:"key"`
	Queue     string         `json:"queue,omitempty"`
	Number    string         `json:"number,omitempty"`
	Stage     string         `json:"stage,omitempty"`
	Window    string         `json:"window,omitempty"`
	Code      string         `json:"code,omitempty"`
	Language  string         `json:"language,omitempty"`
	Text      string         `json:"text"`
	Until     int64          `json:"until,omitempty"`
	OpenFor   time.Duration  `json:"open_for,omitempty"`
	Claim     int            `json:"claim,omitempty"`
	OpenUntil int64          `json:"open_until,omitempty"`
	Answered  int64          `json:"answered,omitempty"`
	Trail     []messageEvent `json:"trail,omitempty"`
}

type messageEvent struct {
	At     int64                `json:"at"`
	State  survey.MessageState  `json:"state"`
	Reason survey.MessageReason `json:"reason,omitempty"`
	Report string               `json:"report,omitempty"`
	Detail string               `json:"detail,omitempty"`
	Claim  int                  `json:"claim,omitempty"`
}

func encodeMessage(m survey.Message) (string, error) {
	b := messageBody{Key: m.Key, Queue: m.Queue, Number: m.Case.Number, Stage: m.Case.Stage, Window: m.Window, Code: m.Code,
		Language: m.Language, Text: m.Text, Until: millis(m.Until), OpenFor: m.OpenFor, Claim: m.Claim,
		OpenUntil: millis(m.OpenUntil), Answered: millis(m.AnsweredAt)}
	for _, e := range m.Trail {
		b.Trail = append(b.Trail, messageEvent{millis(e.At), e.State, e.Reason, e.Report, e.Detail, e.Claim})
	}
	text, err := json.Marshal(b)
	return string(text), err
}

const messageColumns = "survey, kind, state, reason, at, made, phone, key_id, sealed, body"

func scanMessage(row interface{ Scan(...any) error }) (m survey.Message, err error) {
	var at, made int64
	var text []byte
	if err := row.Scan(&m.Survey, &m.Kind, &m.State, &m.Reason, &at, &made, &m.Phone.PhoneHash, &m.Phone.KeyID, &m.Phone.Sealed, &text); err != nil {
		return m, err
	}
	var b messageBody
	if err := json.Unmarshal(text, &b); err != nil {
		return m, err
	}
	m.At, m.MadeAt = instant(at), instant(made)
	m.Key, m.Queue, m.Case, m.Window, m.Code = b.Key, b.Queue, survey.CaseRef{Number: b.Number, Stage: b.Stage}, b.Window, b.Code
	m.Language, m.Text, m.Until, m.OpenFor, m.Claim = b.Language, b.Text, instant(b.Until), b.OpenFor, b.Claim
	m.OpenUntil, m.AnsweredAt = instant(b.OpenUntil), instant(b.Answered)
	for _, e := range b.Trail {
		m.Trail = append(m.Trail, survey.MessageEvent{At: instant(e.At), State: e.State, Reason: e.Reason, Report: e.Report, Detail: e.Detail, Claim: e.Claim})
	}
	return m, nil
}

func lane(m survey.Message) sql.NullString {
	l := m.Lane()
	return sql.NullString{String: l, Valid: l != ""}
}

const insertMessage = `INSERT INTO messages(id, survey, kind, state, reason, answered, lane, at, made, phone, key_id, sealed, body)
	VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`

// AddMessages implements survey.MessageStore.
func (s *Store) AddMessages(ctx context.Context, list []survey.Message) (added int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		add := s.in(ctx, tx, insertMessage)
		for _, m := range list {
			body, err := encodeMessage(m)
			if err != nil {
				return err
			}
			is, err := changed(add.ExecContext(ctx, m.ID(), m.Survey, m.Kind, m.State, m.Reason, !m.AnsweredAt.IsZero(), lane(m), millis(m.At), millis(m.MadeAt),
				nullableBytes(m.Phone.PhoneHash), m.Phone.KeyID, nullableBytes(m.Phone.Sealed), body))
			if err != nil {
				return err
			}
			if is {
				added++
			}
		}
		return nil
	})
	if err != nil {
		return 0, wrap("queue messages", err)
	}
	return added, nil
}

// Message implements survey.MessageStore.
func (s *Store) Message(ctx context.Context, id string) (survey.Message, error) {
	m, err := scanMessage(s.read.QueryRowContext(ctx, "SELECT "+messageColumns+" FROM messages WHERE id = ?", id))
	return m, wrap("read a message", translate(err))
}

// ChangeMessage implements survey.MessageStore. Writers queue, so it is read and
// written in one step.
func (s *Store) ChangeMessage(ctx context.Context, id string, change func(*survey.Message) error) (m survey.Message, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if m, err = scanMessage(tx.QueryRowContext(ctx, "SELECT "+messageColumns+" FROM messages WHERE id = ?", id)); err != nil {
			return err
		}
		if err := change(&m); err != nil {
			return err
		}
		body, err := encodeMessage(m)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE messages SET state = ?, reason = ?, answered = ?, lane = ?, at = ?, body = ? WHERE id = ?",
			m.State, m.Reason, !m.AnsweredAt.IsZero(), lane(m), millis(m.At), body, id)
		return err
	})
	return m, wrap("change a message", err)
}

// MessagesDue implements survey.MessageStore.
func (s *Store) MessagesDue(ctx context.Context, lane string, at time.Time, limit int) ([]survey.Message, error) {
	return s.messages(ctx, "read messages that are due", "WHERE lane = ? AND at <= ? ORDER BY at, id LIMIT ?", lane, millis(at), limit)
}

// Invitations implements survey.MessageStore.
func (s *Store) Invitations(ctx context.Context, phone [][]byte) ([]survey.Message, error) {
	marks, args := anyOf(phone)
	return s.messages(ctx, "read a phone's invitations", "WHERE kind = 'invitation' AND phone IN ("+marks+") ORDER BY made, id", args...)
}

// anyOf is a list of values for IN.
func anyOf(values [][]byte) (marks string, args []any) {
	for _, v := range values {
		args = append(args, v)
	}
	return strings.TrimSuffix(strings.Repeat("?,", len(values)), ","), args
}

func (s *Store) messages(ctx context.Context, doing, where string, args ...any) (list []survey.Message, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+messageColumns+" FROM messages "+where, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		m, err := scanMessage(r)
		list = append(list, m)
		return err
	})
	return list, wrap(doing, err)
}

// MessageCounts implements survey.MessageStore.
func (s *Store) MessageCounts(ctx context.Context) (out []survey.MessageCount, err error) {
	rows, err := s.read.QueryContext(ctx, "SELECT survey, kind, state, reason, answered, count(*) FROM messages GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5")
	err = each(rows, err, func(r *sql.Rows) error {
		var n survey.MessageCount
		err := r.Scan(&n.Survey, &n.Kind, &n.State, &n.Reason, &n.Answered, &n.N)
		out = append(out, n)
		return err
	})
	return out, wrap("count messages", err)
}

// Messages implements survey.MessageStore.
func (s *Store) Messages(ctx context.Context, yield func(survey.Message) error) error {
	for last := ""; ; {
		page, err := s.messages(ctx, "read messages", "WHERE id > ? ORDER BY id LIMIT ?", last, pageRows)
		if err != nil {
			return err
		}
		for _, m := range page {
			if err := yield(m); err != nil {
				return err
			}
			last = m.ID()
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

// OptOut implements survey.OptOutStore.
func (s *Store) OptOut(ctx context.Context, o survey.OptOut) (added bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) (err error) {
		added, err = changed(tx.ExecContext(ctx, "INSERT INTO opt_outs(phone, key_id, sealed, at, source) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
			o.Phone.PhoneHash, o.Phone.KeyID, nullableBytes(o.Phone.Sealed), millis(o.At), o.Source))
		return err
	})
	return added && err == nil, wrap("note an opt-out", err)
}

// OptedOut implements survey.OptOutStore.
func (s *Store) OptedOut(ctx context.Context, phone [][]byte) (out bool, err error) {
	marks, args := anyOf(phone)
	err = s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM opt_outs WHERE phone IN ("+marks+"))", args...).Scan(&out)
	return out, wrap("read an opt-out", translate(err))
}

// OptOuts implements survey.OptOutStore.
func (s *Store) OptOuts(ctx context.Context, yield func(survey.OptOut) error) error {
	last := []byte{}
	for {
		var page []survey.OptOut
		rows, err := s.read.QueryContext(ctx, "SELECT phone, key_id, sealed, at, source FROM opt_outs WHERE phone > ? ORDER BY phone LIMIT ?", last, pageRows)
		err = each(rows, err, func(r *sql.Rows) error {
			var o survey.OptOut
			var at int64
			err := r.Scan(&o.Phone.PhoneHash, &o.Phone.KeyID, &o.Phone.Sealed, &at, &o.Source)
			o.At = instant(at)
			page = append(page, o)
			return err
		})
		if err != nil {
			return wrap("read opt-outs", err)
		}
		for _, o := range page {
			if err := yield(o); err != nil {
				return err
			}
			last = o.Phone.PhoneHash
		}
		if len(page) < pageRows {
			return nil
		}
	}
}
