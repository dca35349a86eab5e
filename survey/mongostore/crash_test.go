package mongostore

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"manyi/survey"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), mongotest.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ageAll makes every entry of a collection look as old as given.
func ageAll(t *testing.T, s *Store, collection string, age time.Duration) {
	t.Helper()
	now, err := s.now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Collection(collection).UpdateMany(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: field("at", now.Add(-age))}}); err != nil {
		t.Fatal(err)
	}
}

func served(t *testing.T, s *Store, b survey.Bucket) int64 {
	t.Helper()
	storetest.Roll(t, s)
	return storetest.TallyOf(t, s, b).Served
}

// TestFactsOfAWriterThatDiedAreCounted stores facts the way AddResponses does, and
// stops before what is owed is settled.
func TestFactsOfAWriterThatDiedAreCounted(t *testing.T) {
	s := open(t)
	f := storetest.NewFacts(1, storetest.Survey())
	r := f.Response(storetest.GulouHR1, storetest.At("2024-02-29"))
	docs := []responseDoc{docOf(&r)}
	if _, err := s.owe(t.Context(), debtOf(docs)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.addDocs(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	counted := func() (n int64) {
		t.Helper()
		storetest.Roll(t, s)
		for _, of := range storetest.TallyOf(t, s, f.Bureau(storetest.GulouHR1, survey.Whole)).Cells {
			n += of.N
		}
		return n
	}
	if n := counted(); n != 0 {
		t.Fatalf("%d counted while the writer may be at work; the test shows nothing", n)
	}
	if marked, _, err := s.Rolled(t.Context()); err != nil || marked == 0 {
		t.Errorf("%d marked, %v, while something is owed", marked, err)
	}
	ageAll(t, s, "owed", 2*sweepAfter)
	if n := counted(); n != 1 {
		t.Errorf("%d counted once the writer must be dead, want 1", n)
	}
	if marked, _, err := s.Rolled(t.Context()); err != nil || marked != 0 {
		t.Errorf("%d marked, %v, after all was counted", marked, err)
	}
	// The writer was only stopped, and stores one more under the same entry.
	late := f.Response(storetest.GulouHR1, storetest.At("2024-02-29"))
	if _, err := s.addDocs(t.Context(), []responseDoc{docOf(&late)}); err != nil {
		t.Fatal(err)
	}
	ageAll(t, s, "owed", 2*forgetAfter)
	if n := counted(); n != 2 {
		t.Errorf("%d counted a day later, want 2", n)
	}
	if left, err := s.db.Collection("owed").CountDocuments(t.Context(), bson.D{}); err != nil || left != 0 {
		t.Errorf("%d entries are left, %v", left, err)
	}
}

// TestListOfAWriterThatDied: accepted it is applied by whoever comes next, wherever
// it was cut; not accepted it never was.
func TestListOfAWriterThatDied(t *testing.T) {
	visits := func(f *storetest.Facts) (list []survey.Visit) {
		for i := range chunkItems + 7 {
			list = append(list, f.Visit(storetest.GulouHR1, fmt.Sprint("A", i), storetest.At("2024-02-29")))
		}
		return list
	}
	for _, applied := range []bool{false, true} {
		s := open(t)
		f := storetest.NewFacts(1, storetest.Survey())
		bucket := f.Window(storetest.GulouHR1, 20240229)
		list, id := visits(f), primitive.NewObjectID()
		if err := s.layDown(t.Context(), id, list); err != nil {
			t.Fatal(err)
		}
		if n := served(t, s, bucket); n != 0 {
			t.Fatalf("%d visits of a list that was not accepted", n)
		}
		accepted, err := s.accept(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if applied { // the first rows were, and then it died
			rows, err := one[listRows](t.Context(), s.db.Collection("list_rows"), field("list", id))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.applyRows(t.Context(), accepted.No, rows.Rows, &survey.VisitChange{}); err != nil {
				t.Fatal(err)
			}
		}
		// A later list corrects one of them before the first is taken up.
		moved := f.Visit(storetest.SimingTax, "A3", storetest.At("2024-03-01"))
		if change, err := s.PutVisits(t.Context(), []survey.Visit{moved}); err != nil || change.Added+change.Changed != 1 {
			t.Fatalf("later list: %+v, %v", change, err)
		}
		ageAll(t, s, "lists", 2*leftAfter)
		if n, want := served(t, s, bucket), int64(len(list)-1); n != want {
			t.Errorf("applied in part %v: %d visits counted, want %d", applied, n, want)
		}
		if n := served(t, s, moved.Bucket()); n != 1 {
			t.Errorf("applied in part %v: the later list's correction is gone: %d", applied, n)
		}
		for _, c := range []string{"lists", "list_rows"} {
			if left, err := s.db.Collection(c).CountDocuments(t.Context(), bson.D{}); err != nil || left != 0 {
				t.Errorf("%d left in %s, %v", left, c, err)
			}
		}
	}
}

// TestRowsNeverAcceptedAreDropped after a day.
func TestRowsNeverAcceptedAreDropped(t *testing.T) {
	s := open(t)
	f := storetest.NewFacts(1, storetest.Survey())
	old := primitive.NewObjectIDFromTimestamp(time.Now().Add(-48 * time.Hour))
	list := []survey.Visit{f.Visit(storetest.GulouHR1, "A", storetest.At("2024-02-29"))}
	for _, id := range []primitive.ObjectID{old, primitive.NewObjectID()} {
		if err := s.layDown(t.Context(), id, list); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.finishLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := all[listRows](t.Context(), s.db.Collection("list_rows"), bson.D{})
	if err != nil || len(left) != 1 || left[0].List == old {
		t.Errorf("%d chunks left, %v; want those of the new list alone", len(left), err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	uri := mongotest.Open(t)
	s, err := Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.db.Collection("state").UpdateOne(t.Context(), byID("schema"), bson.D{{Key: "$inc", Value: field("version", 1)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), uri); !errors.Is(err, survey.ErrNewer) {
		t.Errorf("got %v, want ErrNewer", err)
	}
}

// TestMigrationsRunOnce although several nodes start at the same moment.
func TestMigrationsRunOnce(t *testing.T) {
	uri := mongotest.Open(t)
	runs := make(chan int, 100)
	was := migrations
	defer func() { migrations = was }()
	for i := range 2 {
		migrations = append(migrations, func(context.Context, *Store) error { runs <- i; return nil })
	}
	const nodes = 8
	errs := make(chan error, nodes)
	for range nodes {
		go func() {
			s, err := Open(context.Background(), uri)
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range nodes {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	close(runs)
	var order []int
	for i := range runs {
		order = append(order, i)
	}
	if len(order) != 2 || order[0] != 0 || order[1] != 1 {
		t.Errorf("migrations ran as %v, want [0 1]", order)
	}
}

func TestRefusedDocumentIsNotAnOutage(t *testing.T) {
	s := open(t)
	f := storetest.NewFacts(1, storetest.Survey())
	r := f.Response(storetest.GulouHR1, storetest.At("2024-02-29"))
	r.Comment = string(make([]byte, 17<<20))
	_, err := s.AddResponses(t.Context(), []survey.Response{r})
	if err == nil || errors.Is(err, survey.ErrUnavailable) || errors.Is(err, survey.ErrFull) {
		t.Errorf("a document of 17 MB gave %v, want a plain refusal", err)
	}
}
