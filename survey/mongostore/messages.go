package mongostore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// messageDoc is a text message. Rev grows with every change, and a change is written
// only over the one it was made from.
type messageDoc struct {
	ID       string               `bson:"_id"`
	Rev      int64                `bson:"rev"`
	Key      string               `bson:"key"`
	Kind     survey.MessageKind   `bson:"kind"`
	Queue    string               `bson:"queue,omitempty"`
	Survey   string               `bson:"survey"`
	Number   string               `bson:"number,omitempty"`
	Stage    string               `bson:"stage,omitempty"`
	Window   string               `bson:"window,omitempty"`
	Code     string               `bson:"code,omitempty"`
	Phone    []byte               `bson:"phone,omitempty"` // keyed hash
	KeyID    string               `bson:"key_id,omitempty"`
	Sealed   []byte               `bson:"sealed,omitempty"`
	Language string               `bson:"language,omitempty"`
	Text     string               `bson:"text"`
	Made     time.Time            `bson:"made"`
	Until    time.Time            `bson:"until,omitempty"`
	OpenFor  time.Duration        `bson:"open_for,omitempty"`
	State    survey.MessageState  `bson:"state"`
	Reason   survey.MessageReason `bson:"reason"`
	Lane     string               `bson:"lane,omitempty"` // not there once it has ended
	At       time.Time            `bson:"at"`
	Claim    int                  `bson:"claim,omitempty"`
	Open     time.Time            `bson:"open_until,omitempty"`
	Answered time.Time            `bson:"answered,omitempty"`
	Is       bool                 `bson:"is_answered"`
	Trail    []messageEventDoc    `bson:"trail,omitempty"`
}

type messageEventDoc struct {
	At     time.Time            `bson:"at"`
	State  survey.MessageState  `bson:"state"`
	Reason survey.MessageReason `bson:"reason,omitempty"`
	Report string               `bson:"report,omitempty"`
	Detail string               `bson:"detail,omitempty"`
	Claim  int                  `bson:"claim,omitempty"`
}

func messageDocOf(m survey.Message, rev int64) messageDoc {
	d := messageDoc{ID: m.ID(), Rev: rev, Key: m.Key, Kind: m.Kind, Queue: m.Queue, Survey: m.Survey, Number: m.Case.Number, Stage: m.Case.Stage,
		Window: m.Window, Code: m.Code, Phone: m.Phone.PhoneHash, KeyID: m.Phone.KeyID, Sealed: m.Phone.Sealed, Language: m.Language, Text: m.Text,
		Made: m.MadeAt, Until: m.Until, OpenFor: m.OpenFor, State: m.State, Reason: m.Reason, Lane: m.Lane(), At: m.At, Claim: m.Claim,
		Open: m.OpenUntil, Answered: m.AnsweredAt, Is: !m.AnsweredAt.IsZero()}
	for _, e := range m.Trail {
		d.Trail = append(d.Trail, messageEventDoc(e))
	}
	return d
}

func (d messageDoc) message() survey.Message {
	m := survey.Message{Key: d.Key, Kind: d.Kind, Queue: d.Queue, Survey: d.Survey, Case: survey.CaseRef{Number: d.Number, Stage: d.Stage},
		Window: d.Window, Code: d.Code, Phone: survey.SealedContact{KeyID: d.KeyID, Sealed: d.Sealed, PhoneHash: d.Phone}, Language: d.Language,
		Text: d.Text, MadeAt: d.Made.UTC(), Until: utc(d.Until), OpenFor: d.OpenFor, State: d.State, Reason: d.Reason, At: d.At.UTC(), Claim: d.Claim,
		OpenUntil: utc(d.Open), AnsweredAt: utc(d.Answered)}
	for _, e := range d.Trail {
		e.At = e.At.UTC()
		m.Trail = append(m.Trail, survey.MessageEvent(e))
	}
	return m
}

// utc leaves the zero time as it is.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// AddMessages implements survey.MessageStore.
func (s *Store) AddMessages(ctx context.Context, list []survey.Message) (added int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	docs := make([]any, len(list))
	for i, m := range list {
		docs[i] = messageDocOf(m, 1)
	}
	err = s.do(ctx, "queue messages", func() error {
		there, err := insertNew(ctx, s.db.Collection("messages"), docs)
		added = len(list) - len(there)
		return err
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

// Message implements survey.MessageStore.
func (s *Store) Message(ctx context.Context, id string) (m survey.Message, err error) {
	err = s.do(ctx, "read a message", func() error {
		d, err := one[messageDoc](ctx, s.db.Collection("messages"), byID(id))
		if err == nil {
			m = d.message()
		}
		return err
	})
	return m, err
}

// ChangeMessage implements survey.MessageStore. A change is made of the document as it
// was read and replaces only that; if another came first it is made anew.
func (s *Store) ChangeMessage(ctx context.Context, id string, change func(*survey.Message) error) (m survey.Message, err error) {
	err = s.do(ctx, "change a message", func() error {
		messages := s.db.Collection("messages")
		for {
			d, err := one[messageDoc](ctx, messages, byID(id))
			if err != nil {
				return err
			}
			m = d.message()
			if err := change(&m); err != nil {
				return err
			}
			next := messageDocOf(m, d.Rev+1)
			next.Phone, next.KeyID, next.Sealed = d.Phone, d.KeyID, d.Sealed
			done, err := messages.ReplaceOne(ctx, bson.D{{Key: "_id", Value: id}, {Key: "rev", Value: d.Rev}}, next)
			if err != nil || done.MatchedCount > 0 {
				return err
			}
		}
	})
	return m, err
}

// MessagesDue implements survey.MessageStore.
func (s *Store) MessagesDue(ctx context.Context, lane string, at time.Time, limit int) ([]survey.Message, error) {
	return s.messages(ctx, "read messages that are due", bson.D{{Key: "lane", Value: lane}, {Key: "at", Value: bson.D{{Key: "$lte", Value: at}}}},
		sorted("at", "_id").SetLimit(int64(limit)))
}

// Invitations implements survey.MessageStore.
func (s *Store) Invitations(ctx context.Context, phone [][]byte) ([]survey.Message, error) {
	return s.messages(ctx, "read a phone's invitations", bson.D{{Key: "phone", Value: anyIn(phone)}, {Key: "kind", Value: survey.MessageInvitation}}, sorted("made", "_id"))
}

// anyIn matches any of some values.
func anyIn(values [][]byte) bson.D {
	list := bson.A{}
	for _, v := range values {
		list = append(list, v)
	}
	return field("$in", list)
}

func (s *Store) messages(ctx context.Context, doing string, filter bson.D, opts *options.FindOptions) (list []survey.Message, err error) {
	err = s.do(ctx, doing, func() error {
		docs, err := all[messageDoc](ctx, s.db.Collection("messages"), filter, opts)
		for _, d := range docs {
			list = append(list, d.message())
		}
		return err
	})
	return list, err
}

// MessageCounts implements survey.MessageStore.
func (s *Store) MessageCounts(ctx context.Context) (out []survey.MessageCount, err error) {
	type like struct {
		Survey   string               `bson:"survey"`
		Kind     survey.MessageKind   `bson:"kind"`
		State    survey.MessageState  `bson:"state"`
		Reason   survey.MessageReason `bson:"reason"`
		Answered bool                 `bson:"is_answered"`
	}
	err = s.do(ctx, "count messages", func() error {
		id := bson.D{}
		for _, name := range []string{"survey", "kind", "state", "reason", "is_answered"} {
			id = append(id, bson.E{Key: name, Value: "$" + name})
		}
		cursor, err := s.db.Collection("messages").Aggregate(ctx, bson.A{bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: id}, {Key: "n", Value: field("$sum", 1)}}}}})
		if err != nil {
			return err
		}
		var rows []struct {
			ID like  `bson:"_id"`
			N  int64 `bson:"n"`
		}
		err = cursor.All(ctx, &rows)
		for _, r := range rows {
			out = append(out, survey.MessageCount{Survey: r.ID.Survey, Kind: r.ID.Kind, State: r.ID.State, Reason: r.ID.Reason, Answered: r.ID.Answered, N: r.N})
		}
		return err
	})
	slices.SortFunc(out, func(a, b survey.MessageCount) int {
		return cmp.Or(cmp.Compare(a.Survey, b.Survey), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(rank(a.Answered), rank(b.Answered)))
	})
	return out, err
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Messages implements survey.MessageStore.
func (s *Store) Messages(ctx context.Context, yield func(survey.Message) error) error {
	return s.do(ctx, "read messages", func() error {
		return pages(ctx, s.db.Collection("messages"), bson.D{}, func(d messageDoc) any { return d.ID }, func(page []messageDoc) error {
			for _, d := range page {
				if err := yield(d.message()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

type optOutDoc struct {
	Phone  []byte    `bson:"_id"` // keyed hash
	KeyID  string    `bson:"key_id"`
	Sealed []byte    `bson:"sealed,omitempty"`
	At     time.Time `bson:"at"`
	Source string    `bson:"source"`
}

// OptOut implements survey.OptOutStore.
func (s *Store) OptOut(ctx context.Context, o survey.OptOut) (added bool, err error) {
	err = s.do(ctx, "note an opt-out", func() error {
		there, err := insertNew(ctx, s.db.Collection("opt_outs"), []any{optOutDoc{o.Phone.PhoneHash, o.Phone.KeyID, o.Phone.Sealed, o.At, o.Source}})
		added = err == nil && len(there) == 0
		return err
	})
	return added, err
}

// OptedOut implements survey.OptOutStore.
func (s *Store) OptedOut(ctx context.Context, phone [][]byte) (out bool, err error) {
	err = s.do(ctx, "read an opt-out", func() error {
		n, err := s.db.Collection("opt_outs").CountDocuments(ctx, byID(anyIn(phone)), options.Count().SetLimit(1))
		out = n > 0
		return err
	})
	return out, err
}

// OptOuts implements survey.OptOutStore.
func (s *Store) OptOuts(ctx context.Context, yield func(survey.OptOut) error) error {
	return s.do(ctx, "read opt-outs", func() error {
		return pages(ctx, s.db.Collection("opt_outs"), bson.D{}, func(d optOutDoc) any { return d.Phone }, func(page []optOutDoc) error {
			for _, d := range page {
				o := survey.OptOut{Phone: survey.SealedContact{PhoneHash: d.Phone, KeyID: d.KeyID, Sealed: d.Sealed}, At: d.At.UTC(), Source: d.Source}
				if err := yield(o); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
