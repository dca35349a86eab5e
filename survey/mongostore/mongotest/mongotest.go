// Package mongotest gives tests a server that speaks MongoDB's wire protocol,
// and the means to make an outage of it.
//
// The server is the one MONGODB_URI names, or else a stand-in: a small Java
// process that keeps everything in memory, started once for each test process.
// Fetch it with
//
//	mvn -q -B -f .ci/mongo/pom.xml dependency:copy-dependencies
//
// Where neither is there the test is skipped, or fails if MANYI_REQUIRE names
// mongo.
//
// The stand-in does one command after the other, each as a whole. It knows less
// than a MongoDB; see [Real]. Take no speed from it.
//
// An outage is made in one of two places. A [Link] lies between client and server
// and is cut or frozen; the server lives on and keeps its data, so the same test
// runs against a real one. A [Process] is a stand-in of the test's own, to freeze,
// kill and start again.
package mongotest

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// patience is how long the server may take to answer what this package itself asks.
const patience = 30 * time.Second

// Open gives the URI of a database that no other test uses and that is empty. It
// is dropped when the test ends, so register the store's Close afterwards.
func Open(t testing.TB) string {
	t.Helper()
	database := "manyi_test_" + strings.ToLower(rand.Text())
	uri := withDatabase(server(t), database)
	t.Cleanup(func() {
		err := withClient(uri, func(ctx context.Context, c *mongo.Client) error {
			return c.Database(database).Drop(ctx)
		})
		if err != nil {
			t.Errorf("drop database %s: %v", database, err)
		}
	})
	return uri
}

// Real reports whether the server is a MongoDB rather than a stand-in. The
// stand-in accepts TTL indexes, partial indexes and collations without acting on
// them (a partial unique index holds for all documents), knows no transactions, no
// explain, no users, no update by pipeline and only part of the expressions, and
// forgets everything when it ends. A test of those skips where Real is false.
func Real(t testing.TB) bool {
	t.Helper()
	var built struct {
		StorageEngines []string `bson:"storageEngines"` // only a MongoDB names them, to anybody who asks
	}
	err := withClient(server(t), func(ctx context.Context, c *mongo.Client) error {
		return c.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&built)
	})
	if err != nil {
		t.Fatalf("ask the server what it is: %v", err)
	}
	return len(built.StorageEngines) > 0
}

// server gives the URI of the server to use, without caring for its database.
func server(t testing.TB) string {
	t.Helper()
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		return uri
	}
	java, lib := standin(t)
	shared.once.Do(func() { shared.child, shared.err = start(java, lib, 0) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return "mongodb://" + shared.child.addr
}

// withClient connects, does what it is told and disconnects.
func withClient(uri string, do func(context.Context, *mongo.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience) // outlives the test's own context
	defer cancel()
	c, err := mongo.Connect(ctx, options.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	defer c.Disconnect(ctx)
	return do(ctx, c)
}

// withDatabase replaces the database in a URI. Whoever signs in is still looked
// up in the database where the URI without authSource says so: the one it named.
func withDatabase(uri, database string) string {
	u := splitURI(uri)
	if u.user != "" && u.database != "" && !strings.Contains(strings.ToLower(u.query), "authsource=") {
		u.query += "&authSource=" + u.database
	}
	u.database = database
	return u.String()
}

// withHost replaces the servers in a URI by one, and tells the client to stay
// there whatever other members the server knows.
func withHost(uri, addr string) string {
	u := splitURI(uri)
	u.hosts = addr
	u.query += "&directConnection=true"
	return u.String()
}

// firstHost is the first server in a URI, with its port.
func firstHost(uri string) string {
	host, _, _ := strings.Cut(splitURI(uri).hosts, ",")
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "27017")
	}
	return host
}

// uriParts is a URI cut apart by hand: several hosts with ports are none to net/url.
type uriParts struct{ scheme, user, hosts, database, query string }

func splitURI(uri string) uriParts {
	var u uriParts
	rest, query, _ := strings.Cut(uri, "?")
	u.query = query
	u.scheme, rest, _ = strings.Cut(rest, "://")
	rest, u.database, _ = strings.Cut(rest, "/")
	at := strings.LastIndex(rest, "@") + 1
	u.user, u.hosts = rest[:at], rest[at:]
	return u
}

func (u uriParts) String() string {
	uri := u.scheme + "://" + u.user + u.hosts + "/" + u.database
	if query := strings.TrimPrefix(u.query, "&"); query != "" {
		uri += "?" + query
	}
	return uri
}
