package storetest

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"manyi/survey"
)

var nodeChecks = []Check{
	{"nodes/the first value pinned under a name stays", nodePins},
	{"nodes/of many who pin one name all learn the same value", nodePinsAtOnce},
	{"nodes/a report takes the place of the last one", nodeReports},
	{"nodes/hits of the other nodes are added up", nodeHits},
}

func nodePins(t testing.TB, s survey.Store) {
	pins, err := s.Pins(t.Context())
	must(t, "pins", err)
	same(t, "pins of a new store", len(pins), 0)
	want := map[string]string{"secret": "a1", "key $.x 钥": "值\n🏛", strings.Repeat("k", 10_000): strings.Repeat("v", 10_000)}
	for name, value := range want {
		for _, try := range []string{value, "another"} {
			kept, err := s.Pin(t.Context(), name, try)
			must(t, "pin", err)
			same(t, "value kept", kept, value)
		}
	}
	pins, err = s.Pins(t.Context())
	must(t, "pins", err)
	same(t, "pins", pins, want)
}

func nodePinsAtOnce(t testing.TB, s survey.Store) {
	kept := make([]string, 20)
	errs := together(len(kept), func(i int) (err error) {
		kept[i], err = s.Pin(t.Context(), "secret", fmt.Sprint("value ", i))
		return err
	})
	for i, err := range errs {
		must(t, "pin at once", err)
		same(t, "value kept", kept[i], kept[0])
	}
}

func nodeReports(t testing.TB, s survey.Store) {
	want := func(what string, nodes ...survey.Node) {
		t.Helper()
		got, err := s.Nodes(t.Context())
		must(t, "nodes", err)
		same(t, what, len(got), len(nodes))
		for i := range got {
			same(t, what, got[i], nodes[i])
		}
	}
	want("nodes of a new store")
	b := survey.Node{Name: "厅二 $.b", SeenAt: At("2024-02-29 08:00:00.007").UTC(), Version: "v1", Keys: []string{"k2", "k1"},
		Spool: survey.SpoolState{Waiting: 3, SetAside: 1, Oldest: At("2024-02-29 07:00").UTC()}}
	a := survey.Node{Name: "a", SeenAt: At("2024-02-29 08:00").UTC()}
	must(t, "report", s.PutNode(t.Context(), b))
	must(t, "report", s.PutNode(t.Context(), a))
	want("nodes by name", a, b)
	b.SeenAt, b.Spool, b.Version = b.SeenAt.Add(time.Minute), survey.SpoolState{}, "v2"
	must(t, "report again", s.PutNode(t.Context(), b))
	want("nodes after a report", a, b)
	for range 2 {
		must(t, "drop", s.DropNode(t.Context(), "a"))
		want("nodes after one is gone", b)
	}
}

func nodeHits(t testing.TB, s survey.Store) {
	share := func(node string, minute int64, hits, want map[string]int) {
		t.Helper()
		others, err := s.ShareHits(t.Context(), node, minute, hits)
		must(t, "share hits", err)
		maps.DeleteFunc(others, func(_ string, n int) bool { return n == 0 })
		if !maps.Equal(others, want) {
			t.Errorf("hits of others, told to %s in minute %d: got %v, want %v", node, minute, others, want)
		}
	}
	share("a", 100, map[string]int{"x": 3, "$.y": 1}, nil)
	share("b", 100, map[string]int{"x": 5}, map[string]int{"x": 3})
	share("c", 100, map[string]int{"x": 1, "$.y": 2, "z": 9}, map[string]int{"x": 8, "$.y": 1})
	share("a", 100, map[string]int{"x": 4}, map[string]int{"x": 6}) // in place of 3, not beside it
	share("b", 100, map[string]int{"x": 6, "$.y": 1}, map[string]int{"x": 5, "$.y": 2})
	share("a", 101, map[string]int{"x": 1}, nil)
	share("c", 100, nil, nil)
	share("b", 100, map[string]int{"z": 1}, nil)

	kept := time.Unix(100*60, 0).Add(survey.KeptHits) // as long as minute 100 is
	for _, e := range []struct {
		at   time.Time
		want map[string]int
	}{{kept, map[string]int{"x": 4}}, {kept.Add(time.Minute), nil}} {
		_, err := s.Expire(t.Context(), e.at)
		must(t, "expire", err)
		share("d", 100, map[string]int{"x": 1}, e.want)
	}
}
