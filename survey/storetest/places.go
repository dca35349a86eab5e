package storetest

import (
	"context"
	"slices"
	"testing"

	"manyi/survey"
)

var placeChecks = []Check{
	{"places/every place comes back in code order", placesInOrder},
	{"places/a place is replaced by its code", placesReplaced},
	{"places/all are stored or none", placesAllOrNone},
}

func places(t testing.TB, s survey.PlaceStore) []survey.Place {
	t.Helper()
	all, err := s.Places(t.Context())
	must(t, "places", err)
	return all
}

func placesInOrder(t testing.TB, s survey.Store) {
	if got := places(t, s); len(got) != 0 {
		t.Fatalf("a new store holds %d places", len(got))
	}
	want := Places()
	want[5].Active = false // an inactive place is listed too
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	must(t, "put places", s.PutPlaces(t.Context(), shuffled))
	same(t, "places", places(t, s), want)
	must(t, "put no places", s.PutPlaces(t.Context(), nil))
	same(t, "places after putting none", places(t, s), want)
}

func placesReplaced(t testing.TB, s survey.Store) {
	want := Places()
	must(t, "put places", s.PutPlaces(t.Context(), want))
	want[3].Name = "人力资源和社会保障局 🏛 “鼓楼” $.'\""
	want[16].Parent = "350100" // a bureau may come to answer to another division
	want[18].Active = false
	must(t, "put changed places", s.PutPlaces(t.Context(), []survey.Place{want[16], want[3], want[18]}))
	same(t, "places", places(t, s), want)
	want[18].Active = true
	must(t, "put a place back in use", s.PutPlaces(t.Context(), want[18:19]))
	same(t, "places", places(t, s), want)
}

func placesAllOrNone(t testing.TB, s survey.Store) {
	before := Places()
	must(t, "put places", s.PutPlaces(t.Context(), before))
	after := Places()
	for i := range after {
		after[i].Name += "（新）"
	}
	cutShort(t, func(ctx context.Context) error { return s.PutPlaces(ctx, after) }, func(looks int64, err error) {
		switch got := places(t, s); {
		case slices.Equal(got, after):
			must(t, "put places back", s.PutPlaces(t.Context(), before))
		case err == nil:
			t.Fatalf("put places, cut at %d: success, yet not all are stored", looks)
		case !slices.Equal(got, before):
			t.Fatalf("put places, cut at %d: some are stored and some are not", looks)
		}
	})
}
