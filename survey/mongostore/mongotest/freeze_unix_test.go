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
	// On a busy machine it takes it a moment to catch up with what it was sent meanwhile.
	err := insert(t, c, "after")
	for began := time.Now(); err != nil && !mongo.IsDuplicateKeyError(err) && time.Since(began) < 30*time.Second; {
		err = insert(t, c, "after")
	}
	if err != nil && !mongo.IsDuplicateKeyError(err) {
		t.Error(err)
	}
	stored(t, c, "after")
	p.Freeze() // and is killed so
}
