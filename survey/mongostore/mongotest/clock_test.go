package mongotest_test

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"manyi/survey/mongostore/mongotest"
)

func TestLinkMovesTheServersClock(t *testing.T) {
	direct := mongotest.Open(t)
	link := mongotest.NewLink(t, direct)
	c := collection(t, link.URI())
	const month = 30 * 24 * time.Hour
	for _, by := range []time.Duration{0, month, -month} {
		link.Ahead(by)
		var hello struct{ LocalTime time.Time }
		if err := c.Database().RunCommand(t.Context(), bson.D{{Key: "isMaster", Value: 1}}).Decode(&hello); err != nil {
			t.Fatal(err)
		}
		if off := time.Until(hello.LocalTime) - by; off.Abs() > time.Hour {
			t.Errorf("moved by %v the server's clock is %v further off", by, off)
		}
	}
	// What is stored comes through as it is.
	kept := time.UnixMilli(1700000000123).UTC()
	if _, err := c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "a"}, {Key: "at", Value: primitive.NewDateTimeFromTime(kept)}}); err != nil {
		t.Fatal(err)
	}
	var doc struct{ At time.Time }
	if err := c.FindOne(t.Context(), bson.D{{Key: "_id", Value: "a"}}).Decode(&doc); err != nil || !doc.At.Equal(kept) {
		t.Errorf("%v was stored, and %v read, %v", kept, doc.At, err)
	}
}
