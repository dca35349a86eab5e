//go:build unix

package mongotest_test

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/mongo"

	"manyi/survey/mongostore/mongotest"
)

func TestServerFrozenAnswersAfterwards(t *testing.T) {
	p := mongotest.Server(t)
	c := collection(t, p.URI("own"))
	for range 3 {
		p.Freeze()
		if err := insert(t, c, "meanwhile"); !mongo.IsTimeout(err) {
			t.Errorf("a frozen server gave %v, want a timeout", err)
		}
		p.Thaw()
	}
	// On a busy machine it takes it a moment to catch up with what it was sent meanwhile,
	// and a request that was given up may have been heard all the same.
	there := false
	for began := time.Now(); !there && time.Since(began) < 30*time.Second; {
		err := insert(t, c, "after")
		there = err == nil || mongo.IsDuplicateKeyError(err)
	}
	if !there {
		t.Error("a server that was thawed does not answer")
	}
	stored(t, c, "after")
	p.Freeze() // and is killed so
}
