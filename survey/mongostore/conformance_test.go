package mongostore_test

import (
	"testing"

	"manyi/survey"
	"manyi/survey/mongostore"
	"manyi/survey/mongostore/mongotest"
	"manyi/survey/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) survey.Store {
		s, err := mongostore.Open(t.Context(), mongotest.Open(t))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
