package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/storetest"
)

// A scan goes by SQLite itself and everything else by the driver: they must see the
// same rows.
func TestAScanReadsWhatTheDriverReads(t *testing.T) {
	s := reopen(t, t.TempDir())
	f := storetest.NewFacts(1, storetest.Survey())
	var group []survey.Response
	for i := range 100 {
		r := f.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00"))
		if i%2 == 0 {
			r.Comment = "a\x00b 😀 שלום"
		}
		if i%3 == 0 {
			r.Case = survey.CaseRef{Number: "a\x00b", Stage: "一"}
			r.Secret = []byte{0, 1, 0}
		}
		group = append(group, r)
	}
	if _, err := s.AddResponses(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	var scanned []survey.Listed
	err := s.Responses(t.Context(), survey.ResponseQuery{}, func(r survey.Listed) error { scanned = append(scanned, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	driven := pager{store: s}
	rows, err := s.read.QueryContext(t.Context(), selectPage+"ORDER BY r.seq")
	if err := driven.load(t.Context(), rows, err); err != nil {
		t.Fatal(err)
	}
	if len(scanned) != len(group) || !reflect.DeepEqual(scanned, driven.page) {
		t.Errorf("%d rows scanned, %d by the driver, of %d stored; or they differ:\n%+v\n%+v", len(scanned), len(driven.page), len(group), scanned[0], driven.page[0])
	}
	for i, r := range scanned {
		if want := group[i]; r.Key != want.Key || r.Comment != want.Comment || r.Case != want.Case || !bytes.Equal(r.Secret, want.Secret) {
			t.Errorf("row %d: got %+v, stored %+v", i, r.Response, want)
		}
	}
}

// A query may look at a million rows before it finds one.
func TestAScanEndsWithItsContext(t *testing.T) {
	s := reopen(t, t.TempDir())
	const counting = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT n FROM c WHERE n = 1"
	err := s.scan.use(func(c *scanner) error {
		ctx, cancel := context.WithCancel(t.Context())
		// The row comes at once, and another never.
		if err := c.each(ctx, counting, nil, func() error { go cancel(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a query without end: err = %v", err)
		}
		if err := c.each(ctx, "SELECT 1", nil, func() error { t.Error("a row after the context's end"); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a query after the context's end: err = %v", err)
		}
		rows := 0
		err := c.each(t.Context(), "SELECT ?1 UNION ALL SELECT NULL", []int64{7}, func() error {
			if n := c.int(0); n != []int64{7, 0}[rows] {
				t.Errorf("row %d is %d", rows, n)
			}
			rows++
			return nil
		})
		if rows != 2 {
			t.Errorf("the next query of the same scanner has %d rows", rows)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAScanSaysWhatFails(t *testing.T) {
	s := reopen(t, t.TempDir())
	for query, want := range map[string]string{
		"SELECT absent FROM responses":                "no such column: absent (1)",
		"DELETE FROM responses":                       "attempt to write a readonly database (8)",
		"SELECT abs(-9223372036854775807 - 1) AS sum": "integer overflow (1)",
	} {
		err := s.scan.use(func(c *scanner) error { return c.each(t.Context(), query, nil, func() error { return nil }) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: err = %v, want %q", query, err, want)
		}
	}
	stop := errors.New("stop")
	if err := s.scan.use(func(c *scanner) error { return c.each(t.Context(), "SELECT 1", nil, func() error { return stop }) }); err != stop {
		t.Errorf("err = %v, want that of the row", err)
	}
	missing := scanners{file: t.TempDir() + "/none/manyi.db"}
	if err := missing.use(func(*scanner) error { return nil }); err == nil || !strings.Contains(err.Error(), "unable to open database file") {
		t.Errorf("a file that is not there: err = %v", err)
	}
}

func TestScannersAreKeptAndClosed(t *testing.T) {
	s := reopen(t, t.TempDir())
	var held []*scanner
	for range idleScanners + 2 {
		c, err := s.scan.take()
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	for _, c := range held[1:] {
		s.scan.giveBack(c)
	}
	if n := len(s.scan.idle); n != idleScanners {
		t.Errorf("%d scanners are idle, want %d", n, idleScanners)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.scan.giveBack(held[0])
	if n := len(s.scan.idle); n != 0 {
		t.Errorf("%d scanners are open in a closed store", n)
	}
	if _, err := s.scan.take(); !errors.Is(err, sql.ErrConnDone) {
		t.Errorf("a scan of a closed store: err = %v", err)
	}
}
