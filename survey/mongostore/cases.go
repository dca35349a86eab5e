package mongostore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// badDoc is a case as stored, entries and all: one document, so that an entry and
// what follows from it change in one step, and only if n is still what was seen.
type badDoc struct {
	Key     []byte           `bson:"_id"` // of the response
	Survey  string           `bson:"survey"`
	Bureau  string           `bson:"bureau"`
	Path    []string         `bson:"path"`
	At      time.Time        `bson:"at"`
	Day     survey.Span      `bson:"day"`
	Number  string           `bson:"number,omitempty"` // of the served case
	Owed    bool             `bson:"owed,omitempty"`   // there is no entry yet
	N       int              `bson:"n"`
	State   survey.CaseState `bson:"state"`
	Next    survey.Span      `bson:"next"`
	Pending bool             `bson:"pending,omitempty"`
	Marks   int64            `bson:"marks"`
	Follow  []byte           `bson:"follow,omitempty"`
	Sealed  bool             `bson:"sealed,omitempty"` // an entry has or had its original
	Entries []entryDoc       `bson:"entries,omitempty"`
}

type entryDoc struct {
	No      int             `bson:"no"`
	Step    survey.CaseStep `bson:"step"`
	At      time.Time       `bson:"at"`
	Made    time.Time       `bson:"made,omitempty"` // Recorded
	By      string          `bson:"by,omitempty"`
	Party   survey.Party    `bson:"party"`
	Note    string          `bson:"note,omitempty"`
	Outcome survey.Outcome  `bson:"outcome,omitempty"`
	Ground  survey.Ground   `bson:"ground,omitempty"`
	Days    int             `bson:"days,omitempty"`
	Level   int             `bson:"level,omitempty"`
	Photos  []string        `bson:"photos,omitempty"`
	Clock   *clockDoc       `bson:"clock,omitempty"`
	// Original is what was typed where the note has a number hidden.
	Original *sealedDoc `bson:"original,omitempty"`
}

type sealedDoc struct {
	KeyID  string `bson:"key_id"`
	Sealed []byte `bson:"sealed"`
}

type clockDoc struct {
	Contact  survey.Span `bson:"contact"`
	Rectify  survey.Span `bson:"rectify"`
	Callback survey.Span `bson:"callback"`
	Calendar string      `bson:"calendar"`
}

func entryDocOf(e survey.Entry) entryDoc {
	d := entryDoc{No: e.No, Step: e.Step, At: e.At, Made: e.Recorded, By: e.By, Party: e.Party, Note: e.Note, Outcome: e.Outcome,
		Ground: e.Ground, Days: e.Days, Level: int(e.Level), Photos: e.Photos}
	if e.Clock != nil {
		c := clockDoc(*e.Clock)
		d.Clock = &c
	}
	if e.Original != nil {
		d.Original = &sealedDoc{e.Original.KeyID, e.Original.Sealed}
	}
	return d
}

func (d entryDoc) entry() survey.Entry {
	e := survey.Entry{No: d.No, Step: d.Step, At: d.At.UTC(), By: d.By, Party: d.Party, Note: d.Note, Outcome: d.Outcome,
		Ground: d.Ground, Days: d.Days, Level: survey.Level(d.Level), Photos: d.Photos}
	if !d.Made.IsZero() {
		e.Recorded = d.Made.UTC()
	}
	if d.Clock != nil {
		c := survey.Clock(*d.Clock)
		e.Clock = &c
	}
	if d.Original != nil {
		e.Original = &survey.SealedText{KeyID: d.Original.KeyID, Sealed: d.Original.Sealed}
	}
	return e
}

func (d badDoc) summary() survey.CaseSummary {
	return survey.CaseSummary{State: d.State, Next: d.Next, Pending: d.Pending, Marks: survey.CaseMarks(d.Marks), Follow: d.Follow}
}

// openCases adds the cases of bad responses, as far as those were stored.
func (s *Store) openCases(ctx context.Context, keys [][]byte) error {
	for some := range slices.Chunk(keys, lookUp) {
		docs, err := s.responsesOf(ctx, some)
		if err != nil {
			return err
		}
		if err := s.addCases(ctx, docs); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) addCases(ctx context.Context, docs []responseDoc) error {
	var list []any
	for i := range docs {
		d := &docs[i]
		if !d.owesCase() {
			continue
		}
		key := d.key()
		list = append(list, badDoc{Key: key[:], Survey: d.Survey, Bureau: survey.BureauOf(d.Window), Path: d.Path, At: d.Received, Day: d.Day,
			Number: d.Case.ref().Number, Owed: true, State: survey.CaseOwed})
	}
	if len(list) == 0 {
		return nil
	}
	_, err := insertNew(ctx, s.db.Collection("cases"), list)
	return err
}

// responsesOf reads the responses with some keys, as far as there are any.
func (s *Store) responsesOf(ctx context.Context, keys [][]byte) ([]responseDoc, error) {
	ids := make([][]byte, 0, 2*len(keys))
	wanted := make(map[string]bool, len(keys))
	for _, k := range keys {
		ids = append(ids, k[:survey.FormKeyLen], k)
		wanted[string(k)] = true
	}
	docs, err := all[responseDoc](ctx, s.db.Collection("responses"), byID(bson.D{{Key: "$in", Value: ids}}))
	return slices.DeleteFunc(docs, func(d responseDoc) bool {
		key := d.key()
		return !wanted[string(key[:])]
	}), err
}

// OwedCases implements survey.CaseStore. What is owed for responses is worked off
// first: cases are part of it.
func (s *Store) OwedCases(ctx context.Context, limit int) (out []survey.Case, err error) {
	err = s.do(ctx, "read owed cases", func() error {
		if err := s.drain(ctx); err != nil {
			return err
		}
		out, err = s.findCases(ctx, field("owed", true), options.Find().SetSort(bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}}).SetLimit(int64(limit)))
		return err
	})
	return out, err
}

// OpenCases implements survey.CaseStore.
func (s *Store) OpenCases(ctx context.Context, list []survey.Opening) (opened int, err error) {
	for _, o := range list {
		err := s.AddEntries(ctx, o.Key, o.Entries, o.Summary)
		if errors.Is(err, survey.ErrExists) {
			continue
		}
		if err != nil {
			return opened, err
		}
		opened++
	}
	return opened, nil
}

// AddEntries implements survey.CaseStore.
func (s *Store) AddEntries(ctx context.Context, key survey.Key, made []survey.Entry, sum survey.CaseSummary) error {
	if len(made) == 0 {
		return nil
	}
	return s.do(ctx, "add entries", func() error {
		if made[0].No == 1 { // the case itself may still be owed
			if _, err := s.caseOf(ctx, key); err != nil {
				return err
			}
		}
		docs := make([]entryDoc, len(made))
		for i, e := range made {
			docs[i] = entryDocOf(e)
		}
		set := bson.D{{Key: "n", Value: made[len(made)-1].No}, {Key: "state", Value: sum.State}, {Key: "next", Value: sum.Next}, {Key: "marks", Value: int64(sum.Marks)}}
		unset := bson.D{{Key: "owed", Value: ""}}
		if sum.Pending {
			set = append(set, bson.E{Key: "pending", Value: true})
		} else {
			unset = append(unset, bson.E{Key: "pending", Value: ""})
		}
		if slices.ContainsFunc(made, func(e survey.Entry) bool { return e.Original != nil }) {
			set = append(set, bson.E{Key: "sealed", Value: true})
		}
		if len(sum.Follow) > 0 {
			set = append(set, bson.E{Key: "follow", Value: sum.Follow})
		}
		cases := s.db.Collection("cases")
		done, err := cases.UpdateOne(ctx, bson.D{{Key: "_id", Value: key[:]}, {Key: "n", Value: made[0].No - 1}}, bson.D{
			{Key: "$push", Value: field("entries", bson.D{{Key: "$each", Value: docs}})}, {Key: "$set", Value: set}, {Key: "$unset", Value: unset}})
		if err != nil || done.MatchedCount > 0 {
			return err
		}
		if _, err := s.caseOf(ctx, key); err != nil {
			return err
		}
		return survey.ErrExists
	})
}

// caseOf reads a case, and opens it first if it is still owed.
func (s *Store) caseOf(ctx context.Context, key survey.Key) (survey.Case, error) {
	for range 2 {
		found, err := s.findCases(ctx, byID(key[:]), options.Find().SetLimit(1))
		if err != nil {
			return survey.Case{}, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
		if err := s.openCases(ctx, [][]byte{key[:]}); err != nil {
			return survey.Case{}, err
		}
	}
	return survey.Case{}, survey.ErrNotFound
}

// Case implements survey.CaseStore.
func (s *Store) Case(ctx context.Context, key survey.Key) (c survey.Case, err error) {
	err = s.do(ctx, "read case", func() error {
		c, err = s.caseOf(ctx, key)
		return err
	})
	return c, err
}

// FollowedCase implements survey.CaseStore.
func (s *Store) FollowedCase(ctx context.Context, follow []byte) (c survey.Case, err error) {
	err = s.do(ctx, "read followed case", func() error {
		var found []survey.Case
		if len(follow) > 0 {
			found, err = s.findCases(ctx, field("follow", follow), options.Find().SetLimit(1))
		}
		if err != nil || len(found) == 0 {
			return cmp.Or(err, survey.ErrNotFound)
		}
		c = found[0]
		return nil
	})
	return c, err
}

func (s *Store) findCases(ctx context.Context, filter bson.D, opts *options.FindOptions) ([]survey.Case, error) {
	docs, err := all[badDoc](ctx, s.db.Collection("cases"), filter, opts)
	if err != nil {
		return nil, err
	}
	return s.fillCases(ctx, docs)
}

// fillCases adds the responses as they count at the moment.
func (s *Store) fillCases(ctx context.Context, docs []badDoc) ([]survey.Case, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	keys := make([][]byte, len(docs))
	for i, d := range docs {
		keys[i] = d.Key
	}
	responses, err := s.responsesOf(ctx, keys)
	if err != nil {
		return nil, err
	}
	listed, err := s.judge(ctx, responses)
	if err != nil {
		return nil, err
	}
	byKey := make(map[survey.Key]survey.Listed, len(listed))
	for _, r := range listed {
		byKey[r.Key] = r
	}
	contacts, err := all[contactDoc](ctx, s.db.Collection("contacts"), byID(bson.D{{Key: "$in", Value: keys}}), options.Find().SetProjection(field("_id", 1)))
	if err != nil {
		return nil, err
	}
	reachable := map[string]bool{}
	for _, c := range contacts {
		reachable[string(c.Key)] = true
	}
	out := make([]survey.Case, len(docs))
	for i, d := range docs {
		r, ok := byKey[survey.Key(d.Key)]
		if !ok {
			return nil, errDamaged
		}
		out[i] = survey.Case{Response: r, Reachable: reachable[string(d.Key)], Summary: d.summary()}
		for _, e := range d.Entries {
			out[i].Entries = append(out[i].Entries, e.entry())
		}
	}
	return out, s.addMasked(ctx, out)
}
