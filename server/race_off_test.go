//go:build !race

package main

// raceEnabled reports whether the race detector is on; it makes some tests many times slower.
const raceEnabled = false
