package mongotest_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey/mongostore/mongotest"
)

// collection is one in the database of a URI. The client gives up within a second
// where the server is silent.
func collection(t *testing.T, uri string) *mongo.Collection {
	t.Helper()
	c, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri).
		SetServerSelectionTimeout(time.Second).SetTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(context.Background()) })
	return c.Database(name(t, uri)).Collection("things")
}

// name is the database in a URI of one host.
func name(t *testing.T, uri string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

func insert(t *testing.T, c *mongo.Collection, id string) error {
	t.Helper()
	_, err := c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: id}})
	return err
}

// stored waits until a document is there, or says that it is not.
func stored(t *testing.T, c *mongo.Collection, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		err := c.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Err()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s is not stored: %v", id, err)
		}
	}
}

func TestOpenGivesAnEmptyDatabaseAndDropsIt(t *testing.T) {
	var uris []string
	for range 2 {
		t.Run("user", func(t *testing.T) {
			uri := mongotest.Open(t)
			uris = append(uris, uri)
			c := collection(t, uri)
			if n, err := c.CountDocuments(t.Context(), bson.D{}); n != 0 || err != nil {
				t.Errorf("a fresh database holds %d documents, %v", n, err)
			}
			if err := insert(t, c, "a"); err != nil {
				t.Error(err)
			}
		})
	}
	if uris[0] == uris[1] {
		t.Errorf("two tests share %s", uris[0])
	}
	for _, uri := range uris {
		c := collection(t, uri)
		if n, err := c.CountDocuments(t.Context(), bson.D{}); n != 0 || err != nil {
			t.Errorf("after its test %s holds %d documents, %v", uri, n, err)
		}
	}
}

// TestOpenUsesTheServerNamed names a server of this test's own, as one that is
// given, and looks for the database there.
func TestOpenUsesTheServerNamed(t *testing.T) {
	p := mongotest.Server(t)
	t.Setenv("MONGODB_URI", p.URI("kept")+"?appName=given")
	kept := collection(t, p.URI("kept"))
	if err := insert(t, kept, "a"); err != nil {
		t.Fatal(err)
	}
	t.Run("user", func(t *testing.T) {
		uri := mongotest.Open(t)
		if !strings.HasPrefix(uri, "mongodb://"+p.Addr()+"/") || !strings.HasSuffix(uri, "?appName=given") || name(t, uri) == "kept" {
			t.Errorf("the database is %s", uri)
		}
		if mongotest.Real(t) {
			t.Error("the stand-in passes for a MongoDB")
		}
	})
	stored(t, kept, "a")
}

// TestMissing runs this test itself where Java is not to be found.
func TestMissing(t *testing.T) {
	if os.Getenv("MANYI_TEST_MISSING") != "" {
		mongotest.Open(t)
		return
	}
	for _, c := range []struct{ require, want string }{
		{"", "--- SKIP"},
		{"browser", "--- SKIP"},
		{"browser,mongo", "--- FAIL"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMissing$", "-test.v")
		cmd.Env = []string{"PATH=", "MANYI_TEST_MISSING=1", "MANYI_REQUIRE=" + c.require}
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), c.want) || !strings.Contains(string(out), "MONGODB_URI") {
			t.Errorf("MANYI_REQUIRE=%s: want %s and what to do, got %v:\n%s", c.require, c.want, err, out)
		}
	}
}

func TestLinkCutAndRestored(t *testing.T) {
	link := mongotest.NewLink(t, mongotest.Open(t))
	c := collection(t, link.URI())
	if err := insert(t, c, "before"); err != nil {
		t.Fatal(err)
	}
	link.Cut()
	if err := insert(t, c, "meanwhile"); !mongo.IsNetworkError(err) && !mongo.IsTimeout(err) {
		t.Errorf("a cut link gave %v", err)
	}
	link.Restore()
	stored(t, c, "before")
	if n, err := c.CountDocuments(t.Context(), bson.D{}); n != 1 || err != nil {
		t.Errorf("%d documents, %v; want the one from before", n, err)
	}
}

func TestLinkFrozenDeliversLate(t *testing.T) {
	link := mongotest.NewLink(t, mongotest.Open(t))
	c := collection(t, link.URI())
	if err := insert(t, c, "before"); err != nil {
		t.Fatal(err)
	}
	link.Freeze()
	if err := insert(t, c, "meanwhile"); !mongo.IsTimeout(err) {
		t.Errorf("a frozen link gave %v, want a timeout", err)
	}
	link.Restore()
	stored(t, c, "before")
}

func TestServerKilledStartsEmpty(t *testing.T) {
	p := mongotest.Server(t)
	addr := p.Addr()
	c := collection(t, p.URI("own"))
	if err := insert(t, c, "before"); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if err := insert(t, c, "meanwhile"); !mongo.IsNetworkError(err) && !mongo.IsTimeout(err) {
		t.Errorf("a killed server gave %v", err)
	}
	p.Start()
	if p.Addr() != addr {
		t.Errorf("it listens on %s after %s", p.Addr(), addr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if err := c.FindOne(ctx, bson.D{}).Err(); errors.Is(err, mongo.ErrNoDocuments) {
			return
		}
	}
	t.Error("the server that was started again does not answer, or kept something")
}
