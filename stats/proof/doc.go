// Package proof makes figures that anybody can recompute: two append-only logs
// (存证日志), the proofs that something is in them, and the signed statements that bind
// them.
//
// Both logs are Merkle trees as in RFC 6962 (golang.org/x/mod/sumdb/tlog).
//
//   - Receipts: a leaf is a commitment to a receipt and to nothing else, see
//     [ReceiptLeaf]. It is appended within a minute, in the order responses came in.
//   - Data: a leaf is the hash over commitments to the fields of a fact, a response or
//     a step of a case, each field with a random salt of its own, see [Record]. The
//     facts of a bureau wait until at least twenty can be appended together, once a
//     day, those of all bureaus in the order of their hashes, which is random. After the
//     end of a survey five are enough, and fewer stay out. So are the visits that lists
//     added or moved, those of a window and day in one leaf, and the versions of
//     third-party evaluations that were submitted; both wait for nothing.
//
// A [State], the size and root of both, is signed as one note, so that neither log can be
// shown with another's age. Leaves and checkpoints are only ever added; before
// anything is added the last checkpoint is checked ([Check]), and once a day every leaf
// ([Audit]).
//
// # What this cannot prove
//
// That a rater was genuine. That an attempt was made which was never acknowledged.
// That what stands behind a given receipt is unaltered: a receipt proves that it was
// counted, and deliberately not how, since who can prove a level can be made to, or
// can sell it. The equal lengths of both logs, the auditors' view of all data and the
// signed checkpoints answer for that together; the data log is behind by what waits.
// Nor does it keep a receipt's day secret: its place tells it, a day's leaves of a bureau
// stand together, and a bundle tells which of them are good. So the day's share is as
// near to a single level as anybody comes; a day of good ratings only tells them all.
// And whoever has the installation's secret and the database can make both anew: only a
// checkpoint that somebody else has kept shows it.
package proof
