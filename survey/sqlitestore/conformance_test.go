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

func TestSpoolConformance(t *testing.T) {
	storetest.RunSpool(t, func(t *testing.T) survey.Spool {
		s, err := sqlitestore.OpenSpool(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Synchronous(t.Context()); err != nil || n != 2 {
			t.Fatalf("synchronous = %d, %v; want 2, FULL", n, err)
		}
		return s
	})
}
