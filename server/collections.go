package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"manyi/survey"
)

// collection is one kind of thing that a migration copies.
type collection struct {
	name string
	// read calls yield for every item of a store, in any order.
	read func(ctx context.Context, s survey.Store, yield func(item any) error) error
	// write adds items to a store, group by group; those that are there already
	// are left as they are. Without it they come with another collection.
	write func(ctx context.Context, to, from survey.Store, items []any) error
	group int
}

// collections are copied in this order. Tallies are not among them: they follow
// from the facts, and the target's are compared with the source's after a
// roll-up. Sessions, failed sign-ins, one-time codes, leases and records of past runs
// stay behind.
var collections = []collection{
	{"places", listed(survey.Store.Places), func(ctx context.Context, to, _ survey.Store, items []any) error {
		return to.PutPlaces(ctx, allOf[survey.Place](items))
	}, math.MaxInt},
	{"surveys", listed(survey.Store.Surveys), each(survey.Store.AddSurvey), 100},
	{"codes", readCodes, each(survey.Store.AddCode), 100},
	{"users", listed(survey.Store.Users), each(survey.Store.PutUser), 100},
	{"tokens", listed(survey.Store.Tokens), each(survey.Store.AddToken), 100},
	{"visits", readVisits, func(ctx context.Context, to, _ survey.Store, items []any) error {
		_, err := to.PutVisits(ctx, allOf[survey.Visit](items))
		return err
	}, 5000},
	{"responses", readResponses, writeResponses, 1000},
	{"contacts", readContacts, nil, 0}, // they come with their responses
	{"originals", readOriginals, nil, 0},
	{"cases", readCases, each(addCase), 100},
	{"case_sheets", func(ctx context.Context, s survey.Store, yield func(any) error) error {
		return s.CaseSheets(ctx, func(sheet survey.CaseSheet) error { return yield(sheet) })
	}, each(survey.Store.PutCaseSheet), 10},
	{"quality", func(ctx context.Context, s survey.Store, yield func(any) error) error {
		return s.Quality(ctx, "", "", 0, survey.NoDeadline, func(sheet survey.QualitySheet) error { return yield(sheet) })
	}, each(survey.Store.PutQuality), 10},
	{"log_openings", readOpenings, writeOpenings, 500},
	{"log_leaves", readLeaves, writeLeaves, 500},
	{"log_checkpoints", func(ctx context.Context, s survey.Store, yield func(any) error) error {
		return s.Checkpoints(ctx, func(c survey.Checkpoint) error { return yield(c) })
	}, each(survey.Store.PutCheckpoint), 100},
	{"deliveries", func(ctx context.Context, s survey.Store, yield func(any) error) error {
		return s.Deliveries(ctx, "", func(d survey.Delivery) error { return yield(d) })
	}, func(ctx context.Context, to, _ survey.Store, items []any) error {
		_, err := to.AddDeliveries(ctx, allOf[survey.Delivery](items))
		return err
	}, 100},
	{"messages", func(ctx context.Context, s survey.Store, yield func(any) error) error {
		return s.Messages(ctx, func(m survey.Message) error {
			m.Phone.PhoneHash, m.Phone.Sealed = orNil(m.Phone.PhoneHash), orNil(m.Phone.Sealed)
			return yield(m)
		})
	}, func(ctx context.Context, to, _ survey.Store, items []any) error {
		_, err := to.AddMessages(ctx, allOf[survey.Message](items))
		return err
	}, 500},
	{"opt_outs", func(ctx context.Context, s survey.Store, yield func(any) error) error {
		return s.OptOuts(ctx, func(o survey.OptOut) error {
			o.Phone.Sealed = orNil(o.Phone.Sealed)
			return yield(o)
		})
	}, each(func(s survey.Store, ctx context.Context, o survey.OptOut) error {
		_, err := s.OptOut(ctx, o)
		return err
	}), 100},
	{"instruments", listed(survey.Store.Instruments), each(survey.Store.AddInstrument), 10},
	{"assignments", listed(func(s survey.Store, ctx context.Context) ([]survey.Assignment, error) { return s.Assignments(ctx, "") }),
		each(survey.Store.PutAssignment), 100},
	{"evaluations", func(ctx context.Context, s survey.Store, yield func(any) error) error {
		return s.Evaluations(ctx, "", "", func(e survey.Evaluation) error { return yield(e) })
	}, each(func(s survey.Store, ctx context.Context, e survey.Evaluation) error {
		return s.AddEvaluationEntries(ctx, e.EvaluationID, e.Entries)
	}), 10},
	{"rechecks", readRechecks, each(func(s survey.Store, ctx context.Context, r recheck) error {
		return s.AddRecheckEntries(ctx, r.Key, r.Entries) // it was drawn with its response
	}), 100},
	{"campaigns", listed(survey.Store.Campaigns), each(survey.Store.PutCampaign), 100},
	{"publications", readPublications, each(survey.Store.PutPublication), 1},
	{"inbound", readInbound, func(ctx context.Context, to, _ survey.Store, items []any) error {
		_, err := to.AddInbound(ctx, allOf[survey.Inbound](items))
		return err
	}, 500},
	{"files", readFiles, each(putFile), 2},
	{"calendar", listed(survey.Store.CalendarDays), func(ctx context.Context, to, _ survey.Store, items []any) error {
		return to.PutCalendar(ctx, allOf[survey.CalendarDay](items))
	}, math.MaxInt},
}

func readPublications(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.Publications(ctx, survey.PublicationQuery{}, func(head survey.Publication) error {
		p, err := s.Publication(ctx, head.PublicationID)
		if err != nil {
			return err
		}
		p.Public.Body, p.Auditor.Body = orNil(p.Public.Body), orNil(p.Auditor.Body)
		return yield(p)
	})
}

func readInbound(ctx context.Context, s survey.Store, yield func(any) error) error {
	for before := ""; ; {
		page, err := s.Inbounds(ctx, survey.InboundQuery{Before: before, Limit: 500})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, in := range page {
			in.From.Sealed, in.From.PhoneHash, in.Text = orNil(in.From.Sealed), orNil(in.From.PhoneHash), orNil(in.Text)
			if err := yield(in); err != nil {
				return err
			}
		}
		before = page[len(page)-1].ID
	}
}

func listed[T any](list func(survey.Store, context.Context) ([]T, error)) func(context.Context, survey.Store, func(any) error) error {
	return func(ctx context.Context, s survey.Store, yield func(any) error) error {
		items, err := list(s, ctx)
		for i := range items {
			if err == nil {
				err = yield(items[i])
			}
		}
		return err
	}
}

func each[T any](add func(survey.Store, context.Context, T) error) func(ctx context.Context, to, from survey.Store, items []any) error {
	return func(ctx context.Context, to, _ survey.Store, items []any) error {
		for _, item := range items {
			if err := add(to, ctx, item.(T)); err != nil && !errors.Is(err, survey.ErrExists) {
				return err
			}
		}
		return nil
	}
}

func allOf[T any](items []any) []T {
	out := make([]T, len(items))
	for i := range items {
		out[i] = items[i].(T)
	}
	return out
}

func readCodes(ctx context.Context, s survey.Store, yield func(any) error) error {
	surveys, err := s.Surveys(ctx)
	if err != nil {
		return err
	}
	for _, v := range surveys {
		codes, err := s.Codes(ctx, v.ID, "")
		if err != nil {
			return err
		}
		for _, c := range codes {
			if err := yield(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func readVisits(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.Visits(ctx, func(v survey.Visit) error {
		v.Secret, v.Invited = orNil(v.Secret), orNil(v.Invited)
		if v.Phone != nil {
			v.Phone.Sealed = orNil(v.Phone.Sealed)
		}
		return yield(v)
	})
}

func readResponses(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.Responses(ctx, survey.ResponseQuery{}, func(l survey.Listed) error {
		r := l.Response
		r.Flags &^= survey.FlagOtherWindow // follows from the visits, as the tie and the standing do
		r.Secret = orNil(r.Secret)
		if len(r.Reasons) == 0 {
			r.Reasons = nil
		}
		if len(r.Answers) == 0 {
			r.Answers = nil
		}
		return yield(r)
	})
}

// orNil makes empty and missing alike, which engines do not tell apart.
func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// writeResponses adds responses with their contacts, originals and draws. The flag of a form used
// again is stored, and comes out the same: it is set on all but the first, and
// they are written in the order they came.
func writeResponses(ctx context.Context, to, from survey.Store, items []any) error {
	group := allOf[survey.Response](items)
	for i := range group {
		switch c, err := from.Contact(ctx, group[i].Key); {
		case err == nil:
			group[i].Contact = &c
		case !errors.Is(err, survey.ErrNotFound):
			return err
		}
		if group[i].Interview != nil {
			_, err := from.Recheck(ctx, group[i].Key)
			if group[i].Recheck = err == nil; err != nil && !errors.Is(err, survey.ErrNotFound) {
				return err
			}
		}
		if !survey.ShowsMask(group[i].Comment) {
			continue
		}
		switch o, err := from.OriginalComment(ctx, group[i].Key); {
		case err == nil:
			group[i].Original = &o
		case !errors.Is(err, survey.ErrNotFound):
			return err
		}
	}
	_, err := to.AddResponses(ctx, group)
	return err
}

func readContacts(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.Contacts(ctx, func(k survey.Key, c survey.SealedContact) error {
		c.PhoneHash = orNil(c.PhoneHash)
		return yield(struct {
			Key     survey.Key
			Contact survey.SealedContact
		}{k, c})
	})
}

func readOriginals(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.SealedValues(ctx, survey.SealedComments, func(v survey.SealedValue) error { return yield(v) })
}

// worked is what was done about a bad review; the case itself comes with its response.
type worked struct {
	Key     survey.Key
	Entries []survey.Entry
	Summary survey.CaseSummary
}

func readCases(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.Cases(ctx, survey.CaseQuery{}, func(c survey.Case) error {
		c.Summary.Follow = orNil(c.Summary.Follow)
		return yield(worked{c.Response.Key, c.Entries, c.Summary})
	})
}

func addCase(s survey.Store, ctx context.Context, w worked) error {
	if len(w.Entries) == 0 {
		_, err := s.Case(ctx, w.Key) // opens it where cases follow their responses later
		return err
	}
	return s.AddEntries(ctx, w.Key, w.Entries, w.Summary)
}

// recheck is what was done about an interview that was drawn.
type recheck struct {
	Key     survey.Key
	Entries []survey.RecheckEntry
}

func readRechecks(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.Rechecks(ctx, "", func(r survey.Recheck) error { return yield(recheck{r.Response.Key, r.Entries}) })
}

type file struct {
	Hash [32]byte
	Data []byte
}

func readFiles(ctx context.Context, s survey.Store, yield func(any) error) error {
	return s.Files(ctx, func(hash [32]byte, data []byte) error { return yield(file{hash, data}) })
}

func putFile(s survey.Store, ctx context.Context, f file) error {
	return s.PutFile(ctx, f.Hash, f.Data)
}

// readTallies reads every stored tally that holds anything, its cells in order.
func readTallies(ctx context.Context, s survey.Store, yield func(any) error) error {
	surveys, err := s.Surveys(ctx)
	if err != nil {
		return err
	}
	for _, v := range surveys {
		for _, q := range []survey.TallyQuery{
			{Kind: survey.Window, From: 1_0000_00, To: math.MaxInt32}, {Kind: survey.Window, From: 1, To: 9999_99},
			{Kind: survey.Bureau, From: 1_0000_00, To: math.MaxInt32}, {Kind: survey.Bureau, From: 1, To: 9999_99}, {Kind: survey.Bureau},
		} {
			q.Survey = v.ID
			err := s.Tallies(ctx, q, func(b survey.Bucket, t survey.Tally) error {
				if t.Equal(survey.Tally{}) {
					return nil
				}
				cells := append([]survey.CellCount{}, t.Cells...)
				slices.SortFunc(cells, func(a, b survey.CellCount) int { // as in older digests
					return cmp.Or(cmp.Compare(a.Question, b.Question), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Tie, b.Tie), cmp.Compare(a.Value, b.Value))
				})
				return yield(struct {
					survey.Bucket
					Cells                     []survey.CellCount
					Served, Rated, Superseded int64
				}{b, cells, t.Served, t.Rated, t.Superseded})
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// content is how much a collection holds, and a digest that does not depend on
// the order: the sum of the items' SHA-256.
type content struct {
	n   int
	sum big.Int
}

func (c *content) add(item any) error {
	doc, err := json.Marshal(item)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(doc)
	c.n++
	c.sum.Add(&c.sum, new(big.Int).SetBytes(digest[:]))
	c.sum.Mod(&c.sum, modulus)
	return nil
}

var modulus = new(big.Int).Lsh(big.NewInt(1), 256)

func (c *content) String() string {
	var b [32]byte
	return fmt.Sprintf("%d, content %s", c.n, hex.EncodeToString(c.sum.FillBytes(b[:])[:8]))
}

func (c *content) equal(o *content) bool { return c.n == o.n && c.sum.Cmp(&o.sum) == 0 }

// contentOf reads a whole collection.
func contentOf(ctx context.Context, c collection, s survey.Store, progress func(int)) (*content, error) {
	sum := &content{}
	err := c.read(ctx, s, func(item any) error {
		progress(sum.n)
		return sum.add(item)
	})
	return sum, err
}

// copyCollection writes every item of a collection to another store and returns
// what was read.
func copyCollection(ctx context.Context, c collection, from, to survey.Store, progress func(int)) (*content, error) {
	sum := &content{}
	var group []any
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		err := c.write(ctx, to, from, group)
		group = group[:0]
		return err
	}
	err := c.read(ctx, from, func(item any) error {
		progress(sum.n)
		if err := sum.add(item); err != nil || c.write == nil {
			return err
		}
		if group = append(group, item); len(group) < c.group {
			return nil
		}
		return flush()
	})
	return sum, cmp.Or(err, flush())
}
