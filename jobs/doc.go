// Package jobs runs what must happen by itself: today the roll-up that turns
// stored facts into tallies.
//
// A job is a function of a context and a time; it knows no schedule, so a test
// or a command calls it with the time it wants. The [Runner] gives each job its
// schedule in the survey's zone, lets it run in one place at a time, retries it
// on its next turn, and records every run that did or failed something.
package jobs
