package mongostore

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// pageRows is how many responses are held at a time.
const pageRows = 2000

// Responses implements survey.ResponseStore. The order is that of survey, time and
// _id, and a page begins after the last one of the page before.
func (s *Store) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	return s.do(ctx, "read responses", func() error {
		direction, limit := 1, pageRows
		if q.Newest > 0 {
			direction, limit = -1, q.Newest
		}
		return s.list(ctx, listFilter(q), direction, limit, func(page []survey.Listed) (bool, error) {
			for i := range page {
				if err := yield(page[i]); err != nil {
					return false, err
				}
			}
			return q.Newest == 0, nil
		})
	})
}

func listFilter(q survey.ResponseQuery) bson.D {
	filter := bson.D{}
	if q.Survey != "" {
		filter = append(filter, bson.E{Key: "survey", Value: q.Survey})
	}
	if q.Place != "" {
		filter = append(filter, bson.E{Key: "path", Value: q.Place})
		if survey.BureauOf(q.Place) != "" { // its windows' codes begin with its own, and have an index
			filter = append(filter, bson.E{Key: "window", Value: atOrBelow(q.Place)})
		}
	}
	days := bson.D{}
	if q.From != 0 {
		days = append(days, bson.E{Key: "$gte", Value: q.From})
	}
	if q.To != 0 {
		days = append(days, bson.E{Key: "$lte", Value: q.To})
	}
	if len(days) > 0 {
		filter = append(filter, bson.E{Key: "day", Value: days})
	}
	if q.Texts {
		filter = append(filter, bson.E{Key: "comment", Value: bson.D{{Key: "$exists", Value: true}}})
	}
	return filter
}

// atOrBelow bounds the codes that are a bureau's, hall's or window's own or below it.
func atOrBelow(code string) bson.D {
	return bson.D{{Key: "$gte", Value: code}, {Key: "$lt", Value: code + "."}} // "." follows "-"
}

// list gives page after page to yield until that says to stop.
func (s *Store) list(ctx context.Context, filter bson.D, direction, limit int, yield func([]survey.Listed) (more bool, err error)) error {
	order := options.Find().SetLimit(int64(limit)).
		SetSort(bson.D{{Key: "survey", Value: direction}, {Key: "at", Value: direction}, {Key: "_id", Value: direction}})
	for page := filter; ; {
		docs, err := all[responseDoc](ctx, s.db.Collection("responses"), page, order)
		if err != nil {
			return err
		}
		listed, err := s.judge(ctx, docs)
		if err != nil {
			return err
		}
		if more, err := yield(listed); err != nil || !more || len(docs) < limit {
			return err
		}
		page = append(slices.Clone(filter), after(docs[len(docs)-1], filter)...)
	}
}

// after selects what follows a response in the order. Within one survey the bound on
// the time lets the index begin there.
func after(last responseDoc, filter bson.D) bson.D {
	is := func(name string, value any) bson.E { return bson.E{Key: name, Value: value} }
	beyond := func(name string, value any) bson.E { return is(name, bson.D{{Key: "$gt", Value: value}}) }
	inSurvey := bson.A{bson.D{beyond("at", last.Received)}, bson.D{is("at", last.Received), beyond("_id", last.ID)}}
	if slices.ContainsFunc(filter, func(e bson.E) bool { return e.Key == "survey" }) {
		return bson.D{is("at", bson.D{{Key: "$gte", Value: last.Received}}), is("$or", inSurvey)}
	}
	return field("$or", bson.A{bson.D{beyond("survey", last.Survey)}, bson.D{is("survey", last.Survey), is("$or", inSurvey)}})
}

// judge finds out what responses are worth at the moment: one look at the visits
// and one at the rivals of all of them.
func (s *Store) judge(ctx context.Context, docs []responseDoc) ([]survey.Listed, error) {
	out := make([]survey.Listed, len(docs))
	var cases []caseID
	for i := range docs {
		r, err := docs[i].response()
		if err != nil {
			return nil, err
		}
		out[i] = survey.Listed{Response: r, Tie: survey.TieNone, Standing: survey.Counted}
		if docs[i].Case != nil {
			cases = append(cases, caseID{r.Survey, r.Case.Number, r.Case.Stage})
		}
	}
	visits, err := s.visitsOf(ctx, cases)
	if err != nil {
		return nil, err
	}
	rivals, err := s.rivalsOf(ctx, cases)
	if err != nil {
		return nil, err
	}
	for i := range out {
		r := &out[i]
		if docs[i].Case == nil {
			continue
		}
		id := caseID{r.Survey, r.Case.Number, r.Case.Stage}
		visit, listed := visits[id]
		r.Tie = tie(listed, visit, r.Secret)
		if listed && visit.Window != r.Path.Window() {
			r.Flags |= survey.FlagOtherWindow
		}
		if claims := rivals[id]; len(claims) > 1 && winner(claims, listed, visit) != r.Key {
			r.Standing = survey.Superseded
		}
	}
	return out, nil
}

func tie(listed bool, v visitDoc, secret []byte) survey.Tie {
	switch {
	case !listed:
		return survey.TieUnmatched
	case proves(v, secret):
		return survey.TieProven
	}
	return survey.TieClaimed
}

func proves(v visitDoc, secret []byte) bool {
	return survey.Visit{Secret: v.Secret, Invited: v.Invited}.ProvenBy(secret)
}

func winner(rivals []responseDoc, listed bool, v visitDoc) survey.Key {
	claims := make([]survey.Claim, len(rivals))
	for i := range rivals {
		r := &rivals[i]
		claims[i] = survey.Claim{Key: r.key(), ReceivedAt: r.Received.UTC(), Proven: listed && proves(v, r.Secret), Corrects: r.Corrects, Imported: r.Channel == int(survey.ChannelImported)}
	}
	return survey.Winner(claims)
}

// rivalsOf reads all responses of some cases, as far as needed to compare them.
func (s *Store) rivalsOf(ctx context.Context, cases []caseID) (map[caseID][]responseDoc, error) {
	wanted := make(map[caseID]bool, len(cases))
	var numbers []string
	for _, c := range cases {
		if !wanted[c] {
			wanted[c] = true
			numbers = append(numbers, c.Number)
		}
	}
	shown := bson.D{}
	for _, name := range []string{"digest", "survey", "window", "day", "case", "secret", "at", "channel", "corrects"} {
		shown = append(shown, bson.E{Key: name, Value: 1})
	}
	out := map[caseID][]responseDoc{}
	for some := range slices.Chunk(numbers, lookUp) {
		docs, err := all[responseDoc](ctx, s.db.Collection("responses"), field("case.n", bson.D{{Key: "$in", Value: some}}), options.Find().SetProjection(shown))
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			if id := (caseID{d.Survey, d.Case.Number, d.Case.Stage}); wanted[id] {
				out[id] = append(out[id], d)
			}
		}
	}
	return out, nil
}

// lookUp is how many things are looked up by one query.
const lookUp = 500
