package survey_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"manyi/survey"
)

// TestCellsCountLikeAMap adds and merges at random, beside a map that does the same.
func TestCellsCountLikeAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	cell := func() survey.Cell {
		return survey.Cell{Question: []string{survey.Overall, "attitude", "zeal", survey.ReasonCell, ""}[r.IntN(5)],
			Channel: survey.Channel(1 + r.IntN(3)), Tie: survey.Tie(r.IntN(2)), Value: 1 + r.IntN(5)}
	}
	for range 300 {
		var all survey.Tally
		want := map[survey.Cell]int64{}
		for range r.IntN(5) {
			var part survey.Tally
			counts := map[survey.Cell]int64{}
			for range r.IntN(60) {
				c, n := cell(), int64(r.IntN(3))
				part.Cells.Add(c, n)
				counts[c] += n
			}
			maps.DeleteFunc(counts, func(_ survey.Cell, n int64) bool { return n == 0 })
			if of := survey.CellsOf(counts); !slices.Equal(of, part.Cells) {
				t.Fatalf("got %v, want %v", part.Cells, of)
			}
			before := slices.Clone(part.Cells)
			all.Merge(part)
			all.Cells.Add(cell(), 0) // counts nothing
			for c, n := range counts {
				want[c] += n
			}
			if !slices.Equal(part.Cells, before) {
				t.Fatal("merging changed what was merged")
			}
		}
		got := map[survey.Cell]int64{}
		for i, c := range all.Cells {
			got[c.Cell] = c.N
			if i > 0 && all.Cells[i-1].Compare(c.Cell) >= 0 {
				t.Fatalf("%v stands before %v", all.Cells[i-1], c)
			}
			if c.Question != survey.Overall && i+1 < len(all.Cells) && all.Cells[i+1].Question == survey.Overall {
				t.Fatal("the visit as a whole does not come first")
			}
			if all.Cells.Of(c.Cell) != c.N {
				t.Fatalf("%v: found %d", c, all.Cells.Of(c.Cell))
			}
		}
		if !maps.Equal(got, want) || all.Cells.Of(survey.Cell{Question: "none"}) != 0 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// TestMergedCellsAreApart: a sum that began as a copy does not write into what it was made of.
func TestMergedCellsAreApart(t *testing.T) {
	part := survey.Tally{}
	part.Cells.Add(survey.Cell{Question: survey.Overall, Value: 1}, 1)
	var sum survey.Tally
	sum.Merge(part)
	sum.Merge(part)
	if part.Cells[0].N != 1 || sum.Cells[0].N != 2 {
		t.Errorf("the part is %v, the sum %v", part.Cells, sum.Cells)
	}
}
