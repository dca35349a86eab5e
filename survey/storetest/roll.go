package storetest

import (
	"testing"

	"manyi/survey"
)

// RollTime is when [Roll] stores its tallies.
var RollTime = At("2024-05-01")

// Roll counts until no bucket is marked, the way the roll-up job does.
func Roll(t testing.TB, s survey.TallyStore) {
	t.Helper()
	const enough = 20_000 // more buckets than any test makes
	for done := 0; ; {
		before := done
		for _, step := range survey.Steps {
			for {
				marks := marksOf(t, s, step, 50)
				if len(marks) == 0 {
					break
				}
				must(t, "put tallies", s.PutTallies(t.Context(), 0, countAll(t, s, marks), RollTime))
				if done += len(marks); done > enough {
					t.Fatalf("after %d buckets there are still marks at step %d: they are not taken away", done, step)
				}
			}
		}
		if done == before {
			return
		}
	}
}

// List returns the responses matching q.
func List(t testing.TB, s survey.ResponseStore, q survey.ResponseQuery) []survey.Listed {
	t.Helper()
	var out []survey.Listed
	err := s.Responses(t.Context(), q, func(r survey.Listed) error {
		out = append(out, r)
		return nil
	})
	must(t, "list responses", err)
	return out
}

// TallyOf returns the stored tally of a bucket, empty if there is none.
func TallyOf(t testing.TB, s survey.TallyStore, b survey.Bucket) survey.Tally {
	t.Helper()
	q := survey.TallyQuery{Survey: b.Survey, Kind: b.Kind, Place: b.Place, From: b.Span, To: b.Span}
	return tallies(t, s, q)[b]
}

// Window and Bureau name the buckets of a place in the survey the facts belong to.
func (f *Facts) Window(code string, span survey.Span) survey.Bucket {
	return survey.Bucket{Survey: f.survey.ID, Place: code, Kind: survey.Window, Span: span}
}

// Bureau is the bucket of the bureau a window belongs to.
func (f *Facts) Bureau(window string, span survey.Span) survey.Bucket {
	return survey.Bucket{Survey: f.survey.ID, Place: survey.BureauOf(window), Kind: survey.Bureau, Span: span}
}

func tallies(t testing.TB, s survey.TallyStore, q survey.TallyQuery) map[survey.Bucket]survey.Tally {
	t.Helper()
	out := map[survey.Bucket]survey.Tally{}
	err := s.Tallies(t.Context(), q, func(b survey.Bucket, tally survey.Tally) error {
		if _, twice := out[b]; twice {
			t.Errorf("tallies of %+v: %+v came twice", q, b)
		}
		out[b] = tally
		return nil
	})
	must(t, "tallies", err)
	sums := map[survey.Bucket]*survey.Tally{}
	must(t, "sums of tallies", s.SumTallies(t.Context(), q, func(b survey.Bucket) *survey.Tally {
		sums[b] = &survey.Tally{}
		return sums[b]
	}))
	same(t, "number of sums", len(sums), len(out))
	for b, sum := range sums {
		if !sum.Equal(out[b]) {
			t.Errorf("sum of tallies of %+v is\n%+v, the tally\n%+v", b, *sum, out[b])
		}
	}
	return out
}

func marksOf(t testing.TB, s survey.TallyStore, step survey.Step, limit int) []survey.Mark {
	t.Helper()
	marks, err := s.Marks(t.Context(), step, limit)
	must(t, "marks", err)
	if len(marks) > limit {
		t.Fatalf("marks of step %d: got %d, over the limit of %d", step, len(marks), limit)
	}
	for _, m := range marks {
		if m.Step() != step {
			t.Fatalf("marks of step %d: got %+v, which is of step %d", step, m, m.Step())
		}
	}
	return marks
}

// marked is the marks of a step by bucket.
func marked(t testing.TB, s survey.TallyStore, step survey.Step) map[survey.Bucket]int64 {
	t.Helper()
	out := map[survey.Bucket]int64{}
	for _, m := range marksOf(t, s, step, 1000) {
		if _, twice := out[m.Bucket]; twice {
			t.Errorf("marks of step %d: %+v came twice", step, m.Bucket)
		}
		out[m.Bucket] = m.Gen
	}
	return out
}

func countAll(t testing.TB, s survey.TallyStore, marks []survey.Mark) []survey.CountedBucket {
	t.Helper()
	counted := make([]survey.CountedBucket, len(marks))
	for i, m := range marks {
		counted[i] = survey.CountedBucket{Mark: m, Tally: count(t, s, m.Bucket)}
	}
	return counted
}

func count(t testing.TB, s survey.TallyStore, b survey.Bucket) survey.Tally {
	t.Helper()
	tally, err := s.Count(t.Context(), b)
	must(t, "count", err)
	return tally
}

func add(t testing.TB, s survey.ResponseStore, group ...survey.Response) []bool {
	t.Helper()
	stored, err := s.AddResponses(t.Context(), group)
	must(t, "add responses", err)
	if len(stored) != len(group) {
		t.Fatalf("add responses: %d results for %d responses", len(stored), len(group))
	}
	return stored
}

func put(t testing.TB, s survey.VisitStore, visits ...survey.Visit) survey.VisitChange {
	t.Helper()
	change, err := s.PutVisits(t.Context(), visits)
	must(t, "put visits", err)
	return change
}
