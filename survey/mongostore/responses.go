package mongostore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"

	"manyi/survey"
)

// responseDoc is a response as stored. The first answer from a form has the form's
// part of the key as its _id, so that a second one finds it taken: one unique index
// tells repeated sending and forms used again. The second has its whole key.
type responseDoc struct {
	ID       []byte      `bson:"_id"`
	Digest   []byte      `bson:"digest"` // the key's other part
	Row      []byte      `bson:"row"`    // what it is exported under
	Survey   string      `bson:"survey"`
	Version  int         `bson:"version"` // of the questionnaire
	Window   string      `bson:"window"`
	Path     []string    `bson:"path"` // from the province to the window
	Channel  int         `bson:"channel"`
	Level    int         `bson:"level"`             // 1 (very satisfied) to 5
	Answers  []answerDoc `bson:"answers,omitempty"` // a list, since a name may hold any letter
	Reasons  []int       `bson:"reasons,omitempty"`
	Comment  string      `bson:"comment,omitempty"`
	Case     *caseDoc    `bson:"case,omitempty"`
	Secret   []byte      `bson:"secret,omitempty"` // keyed hash of the visit secret as typed
	Received time.Time   `bson:"at"`
	Day      survey.Span `bson:"day"`
	Flags    int64       `bson:"flags"`
	Unnamed  bool        `bson:"anonymous,omitempty"`
	Corrects bool        `bson:"corrects,omitempty"`
	Unlogged bool        `bson:"unlogged,omitempty"` // its receipt is not in the log yet
	Paper    *paperDoc   `bson:"paper,omitempty"`    // of paper, which it was keyed in from
	// Interview is how the citizen was asked by a third party.
	Interview *interviewDoc `bson:"interview,omitempty"`
}

type interviewDoc struct {
	Mode survey.InterviewMode `bson:"mode"`
	By   string               `bson:"by"`
}

type paperDoc struct {
	Number int         `bson:"n"`
	Day    survey.Span `bson:"day"`
	By     string      `bson:"by"`
}

type answerDoc struct {
	Question string `bson:"q"`
	Value    int    `bson:"v"`
}

type caseDoc struct {
	Number string `bson:"n"`
	Stage  string `bson:"s"`
}

func caseOf(c survey.CaseRef) *caseDoc {
	if c == (survey.CaseRef{}) {
		return nil
	}
	return &caseDoc{c.Number, c.Stage}
}

func (d *caseDoc) ref() survey.CaseRef {
	if d == nil {
		return survey.CaseRef{}
	}
	return survey.CaseRef{Number: d.Number, Stage: d.Stage}
}

func docOf(r *survey.Response) responseDoc {
	d := responseDoc{
		ID: r.Key[:survey.FormKeyLen], Digest: r.Key[survey.FormKeyLen:], Row: r.ID[:],
		Survey: r.Survey, Version: r.Version, Window: r.Path.Window(), Path: r.Path, Channel: int(r.Channel),
		Level: int(r.Level), Reasons: r.Reasons, Comment: r.Comment, Case: caseOf(r.Case), Secret: r.Secret,
		Received: r.ReceivedAt, Day: r.Day, Flags: int64(r.Flags), Unnamed: r.Anonymous, Corrects: r.Corrects, Unlogged: true,
	}
	if r.Paper != nil {
		d.Paper = &paperDoc{r.Paper.Number, r.Paper.Day, r.Paper.By}
	}
	if r.Interview != nil {
		d.Interview = &interviewDoc{r.Interview.Mode, r.Interview.By}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Answers)) {
		d.Answers = append(d.Answers, answerDoc{name, int(r.Answers[name])})
	}
	return d
}

func (d *responseDoc) key() (k survey.Key) {
	copy(k[:], d.ID[:survey.FormKeyLen])
	copy(k[survey.FormKeyLen:], d.Digest)
	return k
}

var errDamaged = errors.New("stored response is damaged: restore a backup")

func (d *responseDoc) response() (r survey.Response, err error) {
	if len(d.ID) < survey.FormKeyLen || len(d.Digest) != survey.DigestLen {
		return r, errDamaged
	}
	r = survey.Response{
		Key: d.key(), Survey: d.Survey, Version: d.Version, Path: d.Path, Channel: survey.Channel(d.Channel),
		Level: survey.Level(d.Level), Reasons: d.Reasons, Comment: d.Comment, Case: d.Case.ref(), Secret: d.Secret,
		ReceivedAt: d.Received.UTC(), Day: d.Day, Flags: survey.Flags(d.Flags), Anonymous: d.Unnamed, Corrects: d.Corrects,
	}
	copy(r.ID[:], d.Row)
	if d.Paper != nil {
		r.Paper = &survey.PaperForm{Number: d.Paper.Number, Day: d.Paper.Day, By: d.Paper.By}
	}
	if d.Interview != nil {
		r.Interview = &survey.Interview{Mode: d.Interview.Mode, By: d.Interview.By}
	}
	if len(d.Answers) > 0 {
		r.Answers = make(map[string]survey.Level, len(d.Answers))
		for _, a := range d.Answers {
			r.Answers[a.Question] = survey.Level(a.Value)
		}
	}
	return r, nil
}

func (d *responseDoc) owesCase() bool {
	return survey.OwesCase(survey.Level(d.Level), survey.Channel(d.Channel))
}

func (d *responseDoc) bucket() bucketID { return bucketID{d.Survey, survey.Window, d.Day, d.Window} }

// AddResponses implements survey.ResponseStore. Contacts, originals and draws come first, so that a
// response that has one is never without it; one left behind by a response that did
// not follow is erased with the retention of contacts.
func (s *Store) AddResponses(ctx context.Context, group []survey.Response) (stored []bool, err error) {
	err = s.do(ctx, "add responses", func() error {
		if len(group) == 0 {
			return nil
		}
		if err := s.addContacts(ctx, group); err != nil {
			return err
		}
		if err := s.addOriginals(ctx, group); err != nil {
			return err
		}
		if err := s.addRechecks(ctx, group); err != nil {
			return err
		}
		docs := make([]responseDoc, len(group))
		for i := range group {
			docs[i] = docOf(&group[i])
		}
		owed, err := s.owe(ctx, debtOf(docs))
		if err != nil {
			return err
		}
		if stored, err = s.addDocs(ctx, docs); err != nil {
			return err // what was stored is owed until somebody sees to it
		}
		return s.settle(ctx, owed, debtOf(docs), slices.Contains(stored, false))
	})
	if err != nil {
		return nil, err
	}
	if stored == nil {
		stored = []bool{}
	}
	return stored, nil
}

// addDocs inserts documents and tells which are new. Those that were there before
// are replaced by what is stored, whose bucket and case are what matters.
func (s *Store) addDocs(ctx context.Context, docs []responseDoc) ([]bool, error) {
	stored := make([]bool, len(docs))
	owner := map[string]int{} // form → the first document of the group
	var first []int
	for i := range docs {
		if _, again := owner[string(docs[i].ID)]; !again {
			owner[string(docs[i].ID)] = i
			first = append(first, i)
		}
	}
	taken, err := s.insert(ctx, docs, first)
	if err != nil {
		return nil, err
	}
	for _, i := range first {
		stored[i] = true
	}
	holders, err := s.holders(ctx, docs, taken)
	if err != nil {
		return nil, err
	}
	for _, i := range taken {
		stored[i] = false
	}
	var second []int // other answers from forms that have one already
	seen := map[survey.Key]bool{}
	for i := range docs {
		holder, was := holders[string(docs[i].ID)]
		if !was {
			holder = docs[owner[string(docs[i].ID)]]
		}
		key := docs[i].key()
		switch {
		case stored[i]:
		case string(holder.Digest) == string(docs[i].Digest):
			docs[i] = holder
		case seen[key]:
		default:
			seen[key] = true
			docs[i].ID = key[:]
			docs[i].Flags |= int64(survey.FlagKeyReused)
			second = append(second, i)
		}
	}
	taken, err = s.insert(ctx, docs, second)
	if err != nil {
		return nil, err
	}
	for _, i := range second {
		stored[i] = !slices.Contains(taken, i)
	}
	holders, err = s.holders(ctx, docs, taken)
	for _, i := range taken {
		docs[i] = holders[string(docs[i].ID)]
	}
	return stored, err
}

// insert inserts some of the documents and returns those whose _id was taken.
func (s *Store) insert(ctx context.Context, docs []responseDoc, which []int) (taken []int, err error) {
	if len(which) == 0 {
		return nil, nil
	}
	list := make([]any, len(which))
	for n, i := range which {
		list[n] = &docs[i]
	}
	dup, err := insertNew(ctx, s.db.Collection("responses"), list)
	for _, n := range dup {
		taken = append(taken, which[n])
	}
	return taken, err
}

// insertNew inserts documents in any order and returns the numbers of those that
// were there.
func insertNew(ctx context.Context, c *mongo.Collection, docs []any) (there []int, err error) {
	_, err = c.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		return nil, err
	}
	for _, e := range bulk.WriteErrors {
		if !mongo.IsDuplicateKeyError(e.WriteError) {
			// Only this one: next to it, one that was there looks like the cause.
			return nil, mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{e}}
		}
		there = append(there, e.Index)
	}
	return there, nil
}

// holders reads the stored documents that some of the documents ran into.
func (s *Store) holders(ctx context.Context, docs []responseDoc, which []int) (map[string]responseDoc, error) {
	if len(which) == 0 {
		return nil, nil
	}
	ids := make([][]byte, len(which))
	for n, i := range which {
		ids[n] = docs[i].ID
	}
	// With the local read concern: the majority may not have seen yet what was in the way.
	near, err := s.db.Collection("responses").Clone(options.Collection().SetReadConcern(readconcern.Local()))
	if err != nil {
		return nil, err
	}
	found, err := all[responseDoc](ctx, near, byID(bson.D{{Key: "$in", Value: ids}}))
	out := make(map[string]responseDoc, len(found))
	for _, d := range found {
		out[string(d.ID)] = d
	}
	if err == nil && len(out) < len(ids) {
		err = survey.ErrUnavailable // rolled back in between: sending it again is safe
	}
	return out, err
}

// HasResponse implements survey.ResponseStore.
func (s *Store) HasResponse(ctx context.Context, key survey.Key) (has bool, err error) {
	err = s.do(ctx, "look for a response", func() error {
		ids := [][]byte{key[:survey.FormKeyLen], key[:]}
		docs, err := all[responseDoc](ctx, s.db.Collection("responses"), byID(bson.D{{Key: "$in", Value: ids}}),
			options.Find().SetProjection(field("digest", 1)))
		for _, d := range docs {
			has = has || string(d.Digest) == string(key[survey.FormKeyLen:])
		}
		return err
	})
	return has, err
}

// FormKeys implements survey.ResponseStore. The first response of a form has the
// form as its _id.
func (s *Store) FormKeys(ctx context.Context, forms [][survey.FormKeyLen]byte) (map[[survey.FormKeyLen]byte]survey.Key, error) {
	out := map[[survey.FormKeyLen]byte]survey.Key{}
	err := s.do(ctx, "look for forms", func() error {
		for some := range slices.Chunk(forms, lookUp) {
			ids := make([][]byte, len(some))
			for i := range some {
				ids[i] = some[i][:]
			}
			docs, err := all[responseDoc](ctx, s.db.Collection("responses"), byID(bson.D{{Key: "$in", Value: ids}}),
				options.Find().SetProjection(field("digest", 1)))
			if err != nil {
				return err
			}
			for i := range docs {
				k := docs[i].key()
				out[k.Form()] = k
			}
		}
		return nil
	})
	return out, err
}

// FollowedResponse implements survey.ResponseStore.
func (s *Store) FollowedResponse(ctx context.Context, follow []byte) (r survey.Response, err error) {
	err = s.do(ctx, "read followed response", func() error {
		if len(follow) == 0 {
			return survey.ErrNotFound
		}
		d, err := one[contactDoc](ctx, s.db.Collection("contacts"), field("follow", follow))
		if err != nil {
			return err
		}
		docs, err := s.responsesOf(ctx, [][]byte{d.Key})
		if err != nil || len(docs) == 0 { // a contact comes before its response
			return cmp.Or(err, survey.ErrNotFound)
		}
		if r, err = docs[0].response(); err == nil {
			c := d.contact()
			r.Contact = &c
		}
		return err
	})
	return r, err
}

// pages reads a whole collection by _id, one page after the other, so that no
// cursor has to live for as long as the reader takes.
func pages[T any](ctx context.Context, c *mongo.Collection, filter bson.D, id func(T) any, yield func([]T) error) error {
	after := filter
	for {
		page, err := all[T](ctx, c, after, sorted("_id").SetLimit(pageRows))
		if err != nil {
			return err
		}
		if err := yield(page); err != nil || len(page) < pageRows {
			return err
		}
		after = slices.Concat(filter, byID(bson.D{{Key: "$gt", Value: id(page[len(page)-1])}}))
	}
}
