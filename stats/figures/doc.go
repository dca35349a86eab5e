// Package figures is the one source of figures for pages, the API, exports and
// commands, so that two of them never differ: it reads stored tallies, adds them
// up by place or time, and lets package stats turn the sums into figures.
//
// What a viewer may not see is cut here and nowhere else: [Load] and [Series]
// keep to the viewer's place, and hide small counts from restricted viewers. For
// those a place is hidden in all tables alike, whichever grouping or place is
// asked for, as hiding starts at the viewer's own place and goes down the tree.
// [LoadCases] keeps to the viewer's place too and hides no count: whoever sees the
// rates of a bureau's cases sees the cases themselves.
package figures
