package main

import (
	"strings"
	"testing"

	"manyi/survey"
	"manyi/survey/keyring"
	"manyi/survey/storetest"
)

func TestOneCitizensContactIsErased(t *testing.T) {
	c := commands{t, map[string]string{"MANYI_DATA": t.TempDir()}}
	b := c.base()
	ring, err := keyring.Load(b.cfg.keys())
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.Survey()
	if err := b.store.AddSurvey(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	f := storetest.NewFacts(5, s)
	var receipts []string
	var ratings []survey.Response
	for _, how := range []func(*survey.Response){storetest.Good, storetest.Bad, storetest.Bad} {
		r := sealedRating(t, ring, f.Response(storetest.GulouHR1, storetest.At("2024-02-05 10:00"), how), "13800138000")
		r.Contact.Follow = b.secrets.FollowUpOf(r.Key)
		ratings, receipts = append(ratings, r), append(receipts, b.secrets.ReceiptOf(r.Key))
	}
	if _, err := b.store.AddResponses(t.Context(), ratings); err != nil {
		t.Fatal(err)
	}
	storetest.OpenAll(t, b.store, s)
	left := func() (n int) {
		t.Helper()
		for _, kind := range survey.SealedKinds {
			if err := b.store.SealedValues(t.Context(), kind, func(survey.SealedValue) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	c.refused([]string{"erase", "--by", "chen", "--reason", "x"}, "--receipt and --case")
	c.refused([]string{"erase", "--receipt", receipts[0], "--reason", "x"}, "--by is missing")
	c.refused([]string{"erase", "--receipt", receipts[0], "--by", "chen"}, "--reason is missing")
	c.refused([]string{"erase", "--receipt", "0000-0000-0000-0000", "--by", "chen", "--reason", "x"}, "there is none")
	if n := left(); n != 6 {
		t.Fatalf("%d values at first, want 6", n)
	}
	for i, with := range [][]string{{"--receipt", strings.ToLower(receipts[0])}, {"--receipt", receipts[1]}, {"--case", ratings[2].Key.String()}} {
		out := c.run(append([]string{"erase", "--by", "chen", "--reason", "群众来电13900139000申请"}, with...)...)
		want := []string{"2 values", "3 values", "3 values"}[i] // with a case also what the reason hides
		if n := left(); n != 4-2*i || !strings.Contains(out, want) {
			t.Errorf("%v: %d values left, printed %s", with, n, out)
		}
	}
	for _, r := range ratings[1:] {
		k, err := b.store.Case(t.Context(), r.Key)
		if err != nil {
			t.Fatal(err)
		}
		e := k.Entries[len(k.Entries)-1]
		if e.Step != survey.StepErased || e.By != "chen" || e.Note != "群众来电139****9000申请" || k.Hides() {
			t.Errorf("the case says %+v", e)
		}
	}
	c.refused([]string{"erase", "--receipt", receipts[0], "--by", "chen", "--reason", "x"}, "nothing is left")
}
