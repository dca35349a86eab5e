package mongostore

import (
	"context"
	"encoding/json"

	"go.mongodb.org/mongo-driver/bson"

	"manyi/survey"
)

// recheckDoc is a re-check without its response, entries and all: one document, so that
// entries are added in one step, and only if n is still what was seen.
type recheckDoc struct {
	Key     []byte   `bson:"_id"` // of the response
	Survey  string   `bson:"survey"`
	N       int      `bson:"n"`
	Entries []string `bson:"entries"` // each as JSON
}

// addRechecks draws responses before they are stored, as addContacts does. One left behind
// by a response that did not follow is none: it is read with its response only.
func (s *Store) addRechecks(ctx context.Context, group []survey.Response) error {
	var docs []any
	for i := range group {
		if group[i].Recheck {
			docs = append(docs, recheckDoc{Key: group[i].Key[:], Survey: group[i].Survey, Entries: []string{}})
		}
	}
	if len(docs) == 0 {
		return nil
	}
	_, err := insertNew(ctx, s.db.Collection("rechecks"), docs)
	return err
}

// rechecksOf joins re-checks with their responses, in the same order.
func (s *Store) rechecksOf(ctx context.Context, docs []recheckDoc) (out []survey.Recheck, err error) {
	keys := make([][]byte, len(docs))
	for i, d := range docs {
		keys[i] = d.Key
	}
	found, err := s.responsesOf(ctx, keys)
	if err != nil {
		return nil, err
	}
	responses := make(map[survey.Key]*responseDoc, len(found))
	for i := range found {
		responses[found[i].key()] = &found[i]
	}
	for _, d := range docs {
		of, ok := responses[survey.Key(d.Key)]
		if !ok {
			continue
		}
		var r survey.Recheck
		if r.Response, err = of.response(); err != nil {
			return nil, err
		}
		for _, doc := range d.Entries {
			var e survey.RecheckEntry
			if err := json.Unmarshal([]byte(doc), &e); err != nil {
				return nil, err
			}
			r.Entries = append(r.Entries, e)
		}
		out = append(out, r)
	}
	return out, nil
}

// Recheck implements survey.RecheckStore.
func (s *Store) Recheck(ctx context.Context, key survey.Key) (r survey.Recheck, err error) {
	err = s.do(ctx, "read re-check", func() error {
		d, err := one[recheckDoc](ctx, s.db.Collection("rechecks"), byID(key[:]))
		if err != nil {
			return err
		}
		found, err := s.rechecksOf(ctx, []recheckDoc{d})
		if err == nil && len(found) == 0 {
			err = survey.ErrNotFound
		}
		if err == nil {
			r = found[0]
		}
		return err
	})
	return r, err
}

// Rechecks implements survey.RecheckStore.
func (s *Store) Rechecks(ctx context.Context, id string, yield func(survey.Recheck) error) error {
	return s.do(ctx, "read re-checks", func() error {
		filter := bson.D{}
		if id != "" {
			filter = field("survey", id)
		}
		return pages(ctx, s.db.Collection("rechecks"), filter, func(d recheckDoc) any { return d.Key }, func(page []recheckDoc) error {
			found, err := s.rechecksOf(ctx, page)
			for _, r := range found {
				if err == nil {
					err = yield(r)
				}
			}
			return err
		})
	})
}

// AddRecheckEntries implements survey.RecheckStore.
func (s *Store) AddRecheckEntries(ctx context.Context, key survey.Key, made []survey.RecheckEntry) error {
	return s.do(ctx, "add entries of a re-check", func() error {
		c := s.db.Collection("rechecks")
		docs := make([]string, len(made))
		for i, e := range made {
			doc, err := json.Marshal(e)
			if err != nil {
				return err
			}
			docs[i] = string(doc)
		}
		there := byID(key[:])
		if len(made) > 0 {
			there = append(there, bson.E{Key: "n", Value: made[0].No - 1})
		}
		done, err := c.UpdateOne(ctx, there, bson.D{
			{Key: "$push", Value: field("entries", bson.D{{Key: "$each", Value: docs}})}, {Key: "$inc", Value: field("n", len(made))}})
		if err != nil || done.MatchedCount > 0 {
			return err
		}
		if _, err = one[recheckDoc](ctx, c, byID(key[:])); err == nil {
			err = survey.ErrExists
		}
		return err
	})
}
