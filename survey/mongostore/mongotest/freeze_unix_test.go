//go:build unix

package mongotest_test

import (
	"testing"

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
	if err := insert(t, c, "after"); err != nil {
		t.Error(err)
	}
	stored(t, c, "after")
	p.Freeze() // and is killed so
}
