package stats

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"manyi/survey"
)

// An attacker sees a table, knows the rules of hiding, and knows every column's
// sum. A cell is found out when every table that looks the same has the same
// number there. table is the truth: rows of numbers that add up by column.
type table [][]int64

// numbers says what the columns of a table mean: how a row becomes a figure, and
// which numbers of it nobody may find out.
type numbers struct {
	columns int
	figure  func(row []int64) Figure
	secrets []secret
	valid   func(row []int64) bool
}

type secret struct {
	name  string
	part  Parts
	value func(row []int64) int64
}

func column(name string, part Parts, cs ...int) secret {
	return secret{name, part, func(row []int64) (sum int64) {
		for _, c := range cs {
			sum += row[c]
		}
		return sum
	}}
}

func total(t table) []int64 {
	sum := make([]int64, len(t[0]))
	for _, row := range t {
		for c, v := range row {
			sum[c] += v
		}
	}
	return sum
}

func (n numbers) show(t table) []Figure {
	rows := make([]Figure, len(t))
	for i, row := range t {
		rows[i] = n.figure(row)
	}
	return HideSiblings(Hide(n.figure(total(t))), rows)
}

func overall(counts Counts) Figure {
	return Figure{Ratings: makeRatings(counts, survey.DefaultRules()), Channels: Channels{}, Reasons: map[int]Count{}}
}

func share(good, bad int64) Share { return Share{Count(good + bad), Ratio{good, good + bad}} }

var kinds = map[string]numbers{
	"levels": {5, func(r []int64) Figure {
		return overall(Counts{Count(r[0]), Count(r[1]), Count(r[2]), Count(r[3]), Count(r[4])})
	}, []secret{
		column("n", PartN, 0, 1, 2, 3, 4), column("good", PartSatisfaction, 0, 1, 2), column("bad", PartSatisfaction, 3, 4),
		column("level 1", PartCounts, 0), column("level 2", PartCounts, 1), column("level 3", PartCounts, 2),
		column("level 4", PartCounts, 3), column("level 5", PartCounts, 4),
	}, nil},
	"ties": {4, func(r []int64) Figure {
		f := overall(Counts{0, Count(r[0] + r[2]), 0, Count(r[1] + r[3]), 0})
		f.Tied, f.Bare = share(r[0], r[1]), share(r[2], r[3])
		return f
	}, []secret{column("tied good", PartTies, 0), column("tied bad", PartTies, 1), column("bare good", PartTies, 2),
		column("bare bad", PartTies, 3), column("tied", PartTies, 0, 1), column("bare", PartTies, 2, 3)}, nil},
	"channels": {3, func(r []int64) Figure {
		f := overall(Counts{Count(r[0] + r[1] + r[2])})
		for c, v := range r {
			f.Channels[survey.Channel(c+1)] = Count(v)
		}
		return f
	}, []secret{column("qr", PartChannels, 0), column("pc", PartChannels, 1), column("mobile", PartChannels, 2)}, nil},
	"reasons": {4, func(r []int64) Figure {
		f := overall(Counts{Count(r[2]), 0, 0, Count(r[3])})
		f.Reasons[108], f.Reasons[109] = Count(r[0]), Count(r[1])
		return f
	}, []secret{column("108", PartReasons, 0), column("109", PartReasons, 1)},
		func(r []int64) bool { return max(r[0], r[1]) <= r[3] }},
	"visits": {4, func(r []int64) Figure {
		f := overall(Counts{60})
		f.Superseded = Count(r[3])
		f.visits(survey.Tally{Served: r[0] + r[1] + r[2], Rated: r[0]}, r[1], survey.DefaultRules())
		f.Served, f.Rated = Count(r[0]+r[1]+r[2]), Count(r[0])
		return f
	}, []secret{column("rated", PartVisits, 0), column("pending", PartVisits, 1), column("defaults", PartVisits, 2),
		column("served", PartVisits, 0, 1, 2), column("superseded", PartSuperseded, 3)}, nil},
	"questions": {3, func(r []int64) Figure {
		f := overall(Counts{200})
		q := makeRatings(Counts{Count(r[0]), Count(r[1]), 0, 0, Count(r[2])}, survey.DefaultRules())
		f.Questions = []Question{{"attitude", q}}
		return f
	}, []secret{column("n", PartN, 0, 1, 2), column("bad", PartSatisfaction, 2), column("good", PartSatisfaction, 0, 1),
		column("level 1", PartCounts, 0), column("level 2", PartCounts, 1)}, nil},
}

// hides reports whether a secret is not shown in a figure.
func (n numbers) hides(f Figure, s secret, kind string) bool {
	if kind == "questions" && !f.Hidden.Has(PartN) {
		return f.Questions[0].Hidden.Has(s.part)
	}
	return f.Hidden.Has(s.part)
}

// lookalikes calls try with tables of the same column sums one step away: one
// unit moved between two rows, two units exchanged, or two rows swapped.
func lookalikes(t table, try func(table) bool) bool {
	columns := len(t[0])
	for a := range t {
		for b := range t {
			if a == b {
				continue
			}
			for c := -1; c < columns; c++ {
				for d := -1; d < columns; d++ {
					u := table{}
					for _, row := range t {
						u = append(u, slices.Clone(row))
					}
					switch {
					case c < 0 && d < 0:
						u[a], u[b] = u[b], u[a]
					case c < 0 || c == d:
						continue
					default:
						u[a][c]--
						u[b][c]++
						if d >= 0 {
							u[a][d]++
							u[b][d]--
						}
						if u[a][c] < 0 || d >= 0 && u[b][d] < 0 {
							continue
						}
					}
					if try(u) {
						return true
					}
				}
			}
		}
	}
	return false
}

func (n numbers) allows(t table) bool {
	return n.valid == nil || !slices.ContainsFunc(t, func(row []int64) bool { return !n.valid(row) })
}

// foundOut returns a small hidden number for which no lookalike within two steps
// has another value.
func (n numbers) foundOut(t table, kind string) string {
	shown := n.show(t)
	sum := Hide(n.figure(total(t)))
	for i, row := range t {
		for _, s := range n.secrets {
			v := s.value(row)
			if !small(v) {
				continue
			}
			if !n.hides(shown[i], s, kind) {
				return fmt.Sprintf("row %d shows %s = %d", i, s.name, v)
			}
			if n.hides(sum, s, kind) {
				continue // then no sum is known, and all rows hide it
			}
			differs := func(u table) bool { return s.value(u[i]) != v && n.allows(u) && reflect.DeepEqual(n.show(u), shown) }
			if !lookalikes(t, differs) && !lookalikes(t, func(u table) bool { return lookalikes(u, differs) }) {
				return fmt.Sprintf("row %d: %s = %d follows from %+v", i, s.name, v, shown)
			}
		}
	}
	return ""
}

// TestAttacker lets an attacker who knows all sums and all rules try random
// tables, with many numbers at the edge of what is hidden.
func TestAttacker(t *testing.T) {
	values := []int64{0, 0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 9, 20, 30}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for range 600 {
				tab := make(table, 2+rng.IntN(4))
				for i := range tab {
					for range kind.columns {
						tab[i] = append(tab[i], values[rng.IntN(len(values))])
					}
				}
				if !kind.allows(tab) {
					continue
				}
				if leak := kind.foundOut(tab, name); leak != "" {
					t.Fatalf("table %v: %s", tab, leak)
				}
			}
		})
	}
}

// TestAttackerEverySmallTable tries every table of up to five rows and small N,
// and holds every table that looks the same against it.
func TestAttackerEverySmallTable(t *testing.T) {
	kind := numbers{1, func(r []int64) Figure { return overall(Counts{Count(r[0])}) }, nil, nil}
	for rows, top := range map[int]int64{1: 9, 2: 9, 3: 9, 4: 7, 5: 6} {
		seen := map[string][]table{}
		each(make([]int64, rows), 0, top, func(ns []int64) {
			tab := make(table, rows)
			for i, n := range ns {
				tab[i] = []int64{n}
			}
			shown := kind.show(tab)
			key := fmt.Sprint(Hide(kind.figure(total(tab))).N)
			for i, f := range shown {
				key += " " + f.N.String()
				if small(ns[i]) && f.N.Shown() {
					t.Fatalf("%v shows row %d", ns, i)
				}
			}
			seen[key] = append(seen[key], tab)
		})
		for key, alike := range seen {
			for i := range rows {
				n := alike[0][i][0]
				same := !slices.ContainsFunc(alike, func(u table) bool { return u[i][0] != n })
				if same && small(n) {
					t.Fatalf("%q can only mean %v", key, alike)
				}
			}
		}
	}
}

func each(ns []int64, i int, top int64, do func([]int64)) {
	if i == len(ns) {
		do(ns)
		return
	}
	for ns[i] = 0; ns[i] <= top; ns[i]++ {
		each(ns, i+1, top, do)
	}
}

// TestAttackerFindsALeak tries the attack on hiding without siblings.
func TestAttackerFindsALeak(t *testing.T) {
	rows := []Figure{Hide(overall(Counts{3})), Hide(overall(Counts{20}))}
	sum := Hide(overall(Counts{23}))
	if rows[0].N.Shown() || !rows[1].N.Shown() || sum.N-rows[1].N != 3 {
		t.Fatal("subtraction should find a lone hidden row; if it does not, HideSiblings has no purpose")
	}
	rows = HideSiblings(sum, []Figure{overall(Counts{3}), overall(Counts{20}), overall(Counts{40})})
	if rows[0].N != Withheld || rows[1].N != Withheld || rows[2].N != 40 {
		t.Errorf("N = %v, %v, %v; want the small row and the next smallest hidden", rows[0].N, rows[1].N, rows[2].N)
	}
}
