package mongostore

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

// usedIndexes lists what is read, and the index each query must go by. "_id_" is
// the one MongoDB makes itself.
var usedIndexes = []struct {
	what, collection string
	filter, sort     bson.D
	want             []string // any of them will do
}{
	{"a page of the responses of a survey", "responses", field("survey", "bulk"), bson.D{{Key: "survey", Value: 1}, {Key: "at", Value: 1}, {Key: "_id", Value: 1}}, []string{"order"}},
	{"the newest responses of a survey", "responses", field("survey", "bulk"), bson.D{{Key: "survey", Value: -1}, {Key: "at", Value: -1}, {Key: "_id", Value: -1}}, []string{"order"}},
	{"the responses of a window's day", "responses", bson.D{{Key: "survey", Value: "bulk"}, {Key: "window", Value: storetest.GulouHR1}, {Key: "day", Value: 20250101}}, nil, []string{"bucket"}},
	{"the responses of some cases", "responses", field("case.n", bson.D{{Key: "$in", Value: bson.A{"A1", "A2"}}}), nil, []string{"case"}},
	{"the comments of a window", "responses", bson.D{{Key: "survey", Value: "bulk"}, {Key: "window", Value: storetest.GulouHR1}, {Key: "comment", Value: bson.D{{Key: "$exists", Value: true}}}}, nil, []string{"texts", "bucket"}},
	{"a response by its key", "responses", byID([]byte{1}), nil, []string{"_id_"}},
	{"the visits of a window's day", "visits", bson.D{{Key: "_id.survey", Value: "bulk"}, {Key: "window", Value: storetest.GulouHR1}, {Key: "day", Value: 20250101}}, nil, []string{"bucket"}},
	{"the marks of a step", "buckets", field("due", 0), nil, []string{"due"}},
	{"the tallies of a month", "buckets", bson.D{{Key: "_id.survey", Value: "bulk"}, {Key: "_id.kind", Value: "bureau"}, {Key: "_id.span", Value: 202501}}, nil, []string{"span"}},
	{"the codes of a survey", "codes", field("survey", "bulk"), nil, []string{"window"}},
	{"the last run of a job", "runs", field("job", "rollup"), field("finished", -1), []string{"job"}},
	{"the cases of a survey, the first deadline first", "cases", bson.D{{Key: "survey", Value: "bulk"}, {Key: "next", Value: bson.D{{Key: "$gte", Value: 0}}}}, bson.D{{Key: "next", Value: 1}, {Key: "_id", Value: 1}}, []string{"next"}},
	{"the cases of a bureau", "cases", bson.D{{Key: "survey", Value: "bulk"}, {Key: "bureau", Value: "350102-HR"}, {Key: "next", Value: bson.D{{Key: "$gte", Value: 0}}}}, bson.D{{Key: "next", Value: 1}, {Key: "_id", Value: 1}}, []string{"bureau"}},
	{"the cases of a served case", "cases", bson.D{{Key: "survey", Value: "bulk"}, {Key: "number", Value: "A1"}}, nil, []string{"number"}},
	{"owed cases", "cases", field("owed", true), bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}}, []string{"owed"}},
	{"cases that wait for a calendar", "cases", field("pending", true), nil, []string{"pending"}},
	{"the case of a follow-up code", "cases", field("follow", []byte{1}), nil, []string{"follow"}},
	{"cases with originals", "cases", field("sealed", true), bson.D{{Key: "_id", Value: 1}}, []string{"sealed"}},
	{"the delivery that is due first", "deliveries", bson.D{{Key: "channel", Value: "webhook"}, {Key: "state", Value: "waiting"}, {Key: "at", Value: bson.D{{Key: "$lte", Value: time.Unix(0, 0)}}}}, bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}}, []string{"due"}},
	{"deliveries that ended", "deliveries", bson.D{{Key: "state", Value: "delivered"}, {Key: "at", Value: bson.D{{Key: "$lt", Value: time.Unix(0, 0)}}}}, nil, []string{"ended"}},
	{"the contact of a receipt", "contacts", field("follow", []byte{1}), nil, []string{"follow"}},
	{"owed proofs", "proofs", field("owed", true), nil, []string{"owed"}},
	{"the messages of a name", "sends", bson.D{{Key: "name", Value: "p"}, {Key: "at", Value: bson.D{{Key: "$gt", Value: time.Unix(0, 0)}}}}, nil, []string{"name"}},
	{"the visits to invite", "visits", bson.D{{Key: "_id.survey", Value: "bulk"}, {Key: "invite", Value: bson.D{{Key: "$lt", Value: time.Unix(0, 0)}}}}, bson.D{{Key: "invite", Value: 1}}, []string{"invite"}},
	{"the visits that are not logged", "visits", field("unlogged", true), bson.D{{Key: "_id.survey", Value: 1}, {Key: "window", Value: 1}, {Key: "day", Value: 1}}, []string{"unlogged"}},
	{"the messages of a lane that are due", "messages", bson.D{{Key: "lane", Value: "queue/y2024"}, {Key: "at", Value: bson.D{{Key: "$lte", Value: time.Unix(0, 0)}}}}, bson.D{{Key: "at", Value: 1}, {Key: "_id", Value: 1}}, []string{"due"}},
	{"the invitations of a phone", "messages", bson.D{{Key: "phone", Value: []byte{1}}, {Key: "kind", Value: "invitation"}}, bson.D{{Key: "made", Value: 1}, {Key: "_id", Value: 1}}, []string{"phone"}},
	{"the evaluations of a bureau", "evaluations", bson.D{{Key: "_id.survey", Value: "bulk"}, {Key: "_id.bureau", Value: "350102-HR"}}, bson.D{{Key: "_id.survey", Value: 1}, {Key: "_id.bureau", Value: 1}, {Key: "_id.evaluator", Value: 1}}, []string{"bureau"}},
	{"the re-checks of a survey", "rechecks", field("survey", "bulk"), bson.D{{Key: "_id", Value: 1}}, []string{"survey"}},
	{"the publications made here", "publications", field("_id.source", ""), bson.D{{Key: "_id.source", Value: 1}, {Key: "_id.survey", Value: 1}, {Key: "_id.period", Value: 1}, {Key: "_id.no", Value: 1}}, []string{"order"}},
	{"failed sign-ins of a name", "failures", field("name", "chen"), nil, []string{"name"}},
}

// TestIndexesAreUsed asks a real server how it would read.
func TestIndexesAreUsed(t *testing.T) {
	if !mongotest.Real(t) {
		t.Skip("the stand-in has no secondary indexes and explains nothing; set MONGODB_URI to a MongoDB")
	}
	s := open(t)
	bulk := storetest.NewBulk(storetest.Tree())
	if err := bulk.StoreYear(t.Context(), s, 5000); err != nil {
		t.Fatal(err)
	}
	storetest.Roll(t, s)
	for _, q := range usedIndexes {
		find := bson.D{{Key: "find", Value: q.collection}, {Key: "filter", Value: q.filter}, {Key: "limit", Value: 100}}
		if q.sort != nil {
			find = append(find, bson.E{Key: "sort", Value: q.sort})
		}
		plan, err := s.winningPlan(t.Context(), find)
		if err != nil {
			t.Fatalf("%s: %v", q.what, err)
		}
		stages, indexes := stagesOf(plan)
		if slices.Contains(stages, "COLLSCAN") || slices.Contains(stages, "SORT") || !slices.ContainsFunc(indexes, func(n string) bool { return slices.Contains(q.want, n) }) {
			t.Errorf("%s: read by %v of %v, want the index %v and nothing sorted", q.what, stages, indexes, q.want)
		}
	}
}

func (s *Store) winningPlan(ctx context.Context, find bson.D) (bson.M, error) {
	var out struct {
		QueryPlanner struct {
			WinningPlan bson.M `bson:"winningPlan"`
		} `bson:"queryPlanner"`
	}
	err := s.db.RunCommand(ctx, bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "queryPlanner"}}).Decode(&out)
	return out.QueryPlanner.WinningPlan, err
}

// stagesOf lists the stages of a plan and the indexes they read, however deep.
func stagesOf(v any) (stages, indexes []string) {
	switch v := v.(type) {
	case bson.M:
		for name, inner := range v {
			switch text, _ := inner.(string); {
			case name == "stage":
				stages = append(stages, text)
			case name == "indexName":
				indexes = append(indexes, text)
			default:
				s, i := stagesOf(inner)
				stages, indexes = append(stages, s...), append(indexes, i...)
			}
		}
	case bson.A:
		for _, inner := range v {
			s, i := stagesOf(inner)
			stages, indexes = append(stages, s...), append(indexes, i...)
		}
	}
	return stages, indexes
}

// TestEveryIndexIsMade, under its name, and every one of them is for something.
func TestEveryIndexIsMade(t *testing.T) {
	s := open(t)
	for collection, models := range indexes {
		made, err := s.db.Collection(collection).Indexes().ListSpecifications(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range made {
			names = append(names, m.Name)
			// Shards keep only _id unique. The leaves of the logs are never sharded.
			if m.Name != "_id_" && collection != "log_leaves" && m.Unique != nil && *m.Unique {
				t.Errorf("%s.%s is unique; uniqueness stands in _id alone", collection, m.Name)
			}
		}
		for _, m := range models {
			if !slices.Contains(names, *m.Options.Name) {
				t.Errorf("%s has %v, without %s", collection, names, *m.Options.Name)
			}
		}
	}
}
