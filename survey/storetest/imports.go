package storetest

import (
	"context"
	"fmt"
	"testing"

	"manyi/survey"
)

var importChecks = []Check{
	{"imports/responses made elsewhere are added once, also when cut short", importResponses},
	{"imports/what was done elsewhere is added once, also when cut short", importCases},
}

const importSource = "elsewhere"

// importRows are rows of responses made elsewhere; every second is a bad review.
func importRows(n int) []survey.ResponseRow {
	rows := make([]survey.ResponseRow, n)
	for i := range rows {
		rows[i] = survey.ResponseRow{Row: i + 2, ID: fmt.Sprint("R", i), Window: Windows()[i%len(Windows())], Received: "2024-02-29 10:00", Level: "satisfied"}
		if i%2 == 0 {
			rows[i].Level, rows[i].Comment = "dissatisfied", "等得久"
		}
	}
	return rows
}

func importResponses(t testing.TB, s survey.Store) {
	v, now := Survey(), At("2024-06-01")
	rows := importRows(12)
	check := func() survey.ResponseList {
		list, faults, err := v.CheckResponses(t.Context(), s, rows, Tree(), importSource, nil, now)
		must(t, "check responses", err)
		must(t, "check responses", faults.Err())
		return list
	}
	do := func(ctx context.Context) error {
		rows = append(rows, importRows(len(rows) + 1)[len(rows):]...) // something new each time
		_, err := check().Add(ctx, s, hideNothing)
		return err
	}
	cutShort(t, do, func(_ int64, err error) {
		list := check()
		if err == nil {
			same(t, "new after a success", len(list.New), 0)
		}
		added, err := list.Add(t.Context(), s, hideNothing)
		must(t, "import again", err)
		same(t, "added by the same import again", added, len(list.New))
		same(t, "responses", len(List(t, s, survey.ResponseQuery{})), len(rows))
	})
	same(t, "new at last", len(check().New), 0)
	for _, l := range List(t, s, survey.ResponseQuery{}) {
		if l.Channel != survey.ChannelImported || l.Flags != 0 {
			t.Fatalf("stored by %v with flags %v", l.Channel, l.Flags.Names())
		}
	}
	changed := importRows(2)
	changed[1].Level = "very_satisfied"
	_, faults, err := v.CheckResponses(t.Context(), s, changed, Tree(), importSource, nil, now)
	must(t, "check changed responses", err)
	same(t, "faults of a record that was changed", faults, survey.Faults{{Row: 3, Field: "id", Value: "R1", Why: survey.WhyImportedElse}})
	other, faults, err := v.CheckResponses(t.Context(), s, changed, Tree(), "another source", nil, now)
	must(t, "check another source", err)
	same(t, "new from another source", len(other.New), 2)
	same(t, "faults of another source", len(faults), 0)
}

func importCases(t testing.TB, s survey.Store) {
	v, now, cal := Survey(), At("2024-06-01"), survey.NewCalendar(nil)
	list, faults, err := v.CheckResponses(t.Context(), s, importRows(6), Tree(), importSource, nil, now)
	must(t, "check responses", err)
	must(t, "check responses", faults.Err())
	_, err = list.Add(t.Context(), s, hideNothing)
	must(t, "import responses", err)
	var rows []survey.CaseRow
	for _, id := range []string{"R0", "R2", "R4"} {
		rows = append(rows, survey.CaseRow{Row: len(rows) + 2, ID: id, Step: "contacted", At: "2024-03-01", By: "chen", Outcome: "reached"},
			survey.CaseRow{Row: len(rows) + 3, ID: id, Step: "verified", At: "2024-03-01", By: "chen", Note: "属实"})
	}
	check := func() survey.CaseList {
		list, faults, err := v.CheckCases(t.Context(), s, rows, cal, importSource, now)
		must(t, "check steps", err)
		must(t, "check steps", faults.Err())
		return list
	}
	follow := func(k survey.Key) []byte { return k[:16] }
	do := func(ctx context.Context) error {
		for _, id := range []string{"R0", "R2", "R4"} {
			rows = append(rows, survey.CaseRow{Row: len(rows) + 2, ID: id, Step: "noted", At: "2024-03-02", By: "chen", Note: fmt.Sprint("第", len(rows))})
		}
		return check().Add(ctx, s, follow, hideNone)
	}
	entries := func() (n int) {
		must(t, "read cases", s.Cases(t.Context(), survey.CaseQuery{}, func(c survey.Case) error {
			for i, e := range c.Entries {
				if e.No != i+1 || i > 0 && (!e.Imported() || !e.Recorded.Equal(now)) {
					t.Fatalf("entry %d is %+v", i+1, e)
				}
			}
			n += len(c.Entries)
			return nil
		}))
		return n
	}
	cutShort(t, do, func(_ int64, err error) {
		if err == nil {
			same(t, "new after a success", check().Added, 0)
		}
		must(t, "import again", check().Add(t.Context(), s, follow, hideNone))
		same(t, "entries", entries(), len(rows)+3) // and the three openings
	})
	same(t, "new at last", check().Added, 0)
	found, err := s.FollowedCase(t.Context(), follow(list.New[0].Key))
	must(t, "find a case by its follow-up code", err)
	same(t, "the case found", found.Response.Key, list.New[0].Key)
}

// The imports here have no numbers in their texts.
func hideNothing(*survey.Response) error        { return nil }
func hideNone(survey.Key, []survey.Entry) error { return nil }
