// Package survey is the domain of Manyi: what a survey (群众满意度测评) is, where it
// is held, what a citizen may answer, and which answers count.
//
// A [Survey] asks one [Questionnaire] at the service windows of its candidate
// bureaus during its period. Every answer is a [Response]; it is stored once,
// under a key that cannot repeat, and never changed. A [Visit] (办件) is one
// served case, known from the halls' own records; it gives the denominators.
//
// Counting follows the facts. Responses and visits belong to a [Bucket], the
// window and local day they fell on. Whoever adds a fact marks its bucket; the
// roll-up job counts a marked bucket anew from all its facts, stores the
// [Tally], and passes the mark on to the coarser buckets above. So late,
// repeated and out-of-order facts need no special care, and the work grows
// with what is new.
//
// The package knows no HTTP, SQL or bson. Engines implement the contracts in
// store.go; the suite in survey/storetest holds every engine to them.
package survey
