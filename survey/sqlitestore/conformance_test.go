package sqlitestore_test

import (
	"testing"

	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) survey.Store {
		s, err := sqlitestore.Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
