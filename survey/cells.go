package survey

import (
	"cmp"
	"slices"
)

// Cell is one kind of counted answer. Question is a question's name or
// [ReasonCell]; Value is a level, or a reason code.
type Cell struct {
	Question string
	Channel  Channel
	Tie      Tie
	Value    int
}

// ReasonCell is the Question of cells that count reasons. One response may have several.
const ReasonCell = "reason"

// Compare orders cells: those of the visit as a whole come first, as most readers want
// no others, and the cells of a question stand together.
func (c Cell) Compare(o Cell) int {
	switch {
	case c.Question == o.Question:
		return cmp.Or(cmp.Compare(c.Channel, o.Channel), cmp.Compare(c.Tie, o.Tie), cmp.Compare(c.Value, o.Value))
	case c.Question == Overall:
		return -1
	case o.Question == Overall:
		return 1
	}
	return cmp.Compare(c.Question, o.Question)
}

// CellCount is how many answers of a kind were counted.
type CellCount struct {
	Cell
	N int64 // never 0
}

// Cells are counts in the order of [Cell.Compare], each cell once. A page of figures adds
// thousands of them up, most of which have the same cells; in order that costs a fifth
// of what a map does. Only the methods keep the order.
type Cells []CellCount

// CellsOf puts counts in order.
func CellsOf(counts map[Cell]int64) Cells {
	var c Cells
	for cell, n := range counts {
		c.Add(cell, n)
	}
	return c
}

// Of is the count of a cell.
func (c Cells) Of(cell Cell) int64 {
	if i, found := c.find(cell); found {
		return c[i].N
	}
	return 0
}

func (c Cells) find(cell Cell) (int, bool) {
	return slices.BinarySearchFunc(c, cell, func(x CellCount, cell Cell) int { return x.Compare(cell) })
}

// Add counts n more in a cell.
func (c *Cells) Add(cell Cell, n int64) {
	i, _ := c.find(cell)
	c.AddFrom(i, cell, n)
}

// Merge adds other counts to these.
func (c *Cells) Merge(o Cells) {
	if *c == nil {
		*c = slices.Clone(o)
		return
	}
	at := 0
	for _, x := range o {
		at = c.AddFrom(at, x.Cell, x.N)
	}
}

// AddFrom is Add where no cell before index at comes after this one. It returns where
// to go on with the next in order.
func (c *Cells) AddFrom(at int, cell Cell, n int64) (next int) {
	for at < len(*c) && (*c)[at].Cell != cell {
		if (*c)[at].Compare(cell) > 0 {
			break
		}
		at++
	}
	switch {
	case n == 0:
	case at == len(*c) || (*c)[at].Cell != cell:
		*c = slices.Insert(*c, at, CellCount{cell, n})
	default:
		(*c)[at].N += n
	}
	return at
}
