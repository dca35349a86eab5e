package survey

import (
	"context"
	"time"
)

// Log (存证日志) names one of the two append-only logs. What a leaf is made of, and
// what the logs prove, is in package stats/proof.
type Log string

// The logs. A leaf of the first is a commitment to a receipt and to nothing else; one
// of the second commits to what a fact says. Nothing in them joins the two.
const (
	ReceiptLog Log = "receipts"
	DataLog    Log = "data"
)

// LeafHash is the hash of a leaf, or of a subtree, of a log.
type LeafHash [32]byte

// Leaf is one entry of a log as stored: its own hash, and those of the subtrees it
// completes, the smallest first. So a log's every hash can be read by its leaf.
type Leaf struct {
	Log    Log
	Index  int64 // from 0, without a gap
	Hashes []LeafHash
}

// FactKind is what kind of fact a data leaf commits to.
type FactKind string

// The kinds.
const (
	FactResponse FactKind = "response"
	FactStep     FactKind = "step"   // of a case; decisions about not adopting are among them
	FactVisits   FactKind = "visits" // of a window on a day, as far as lists named them since the last time
	// FactEvaluation is a version of a third-party evaluation (第三方评估) that was submitted.
	FactEvaluation FactKind = "evaluation"
)

// FactOpening (开示) is what opens a data leaf: the values it commits to, and their
// salts. It is kept apart from the leaf, so that it can be erased and the leaf stands.
type FactOpening struct {
	Kind FactKind
	Ref  []byte // what the fact is known by here; unique in its kind
	// Group is what it may be appended together with, see [DataLog].
	Group string
	Hash  LeafHash // of its leaf
	// Index is the leaf's index, or Waiting.
	Index int64
	// Fields is what package stats/proof needs to open the leaf.
	Fields []byte
}

// VisitFact is what the data log says of a visit (办件).
type VisitFact struct {
	Survey string
	Case   CaseRef
	Window string
	Day    Span
	// No is 1, and one more whenever a list gave the visit another window or day.
	No int
}

// Waiting is the Index of what is not in the log yet.
const Waiting int64 = -1

// Checkpoint (检查点) is a signed statement of how long both logs are and what they hold.
type Checkpoint struct {
	No   int64 // from 1, without a gap
	At   time.Time
	Note []byte // the signed text
}

// LogStore keeps the logs. Leaves and checkpoints are only ever added, so that
// several nodes cannot fork them: whoever comes second finds the place taken.
type LogStore interface {
	// UnloggedResponses returns up to limit responses that LoggedResponses was not
	// called for yet. A stored response is among them from the moment it is stored.
	UnloggedResponses(ctx context.Context, limit int) ([]Response, error)
	// LoggedResponses settles responses that UnloggedResponses returned; idempotent.
	LoggedResponses(ctx context.Context, keys []Key) error
	// UnloggedVisits returns up to limit visits that LoggedVisits was not called for with
	// the No they have, by survey, window and day. A visit is among them from the moment
	// it is stored. The cost does not grow with the others.
	UnloggedVisits(ctx context.Context, limit int) ([]VisitFact, error)
	// LoggedVisits settles visits that UnloggedVisits returned; idempotent. One that has
	// another No by now stays owed.
	LoggedVisits(ctx context.Context, visits []VisitFact) error
	// AddOpenings keeps openings, waiting; one whose kind and ref is there is left as
	// it is, salts and all. Cut short, some are kept and the call may be repeated.
	AddOpenings(ctx context.Context, list []FactOpening) error
	// WaitingOpenings calls yield for every opening that waits, in the order of their
	// groups.
	WaitingOpenings(ctx context.Context, yield func(FactOpening) error) error
	// WaitingHashes is WaitingOpenings without the Fields, in the same order. Where very
	// many wait it costs a fraction: they lie together, the fields all over the log.
	WaitingHashes(ctx context.Context, yield func(FactOpening) error) error
	// PlaceOpenings notes the Index of openings, by their kind and ref; idempotent.
	PlaceOpenings(ctx context.Context, list []FactOpening) error
	// Openings calls yield for what opens the data leaves from one index to before
	// another, by index. A leaf whose opening was erased is left out.
	Openings(ctx context.Context, from, to int64, yield func(FactOpening) error) error
	// AppendLeaves adds leaves of one log at its end. ErrExists if an index is taken, or
	// if the log has a leaf with that hash, or if there would be a gap; the leaves
	// before it are in then.
	AppendLeaves(ctx context.Context, leaves []Leaf) error
	// LogSize is how many leaves a log has.
	LogSize(ctx context.Context, log Log) (int64, error)
	// Leaves calls yield for the leaves from one index to before another, by index.
	Leaves(ctx context.Context, log Log, from, to int64, yield func(Leaf) error) error
	// FindLeaf returns the leaf with a hash; ErrNotFound.
	FindLeaf(ctx context.Context, log Log, hash LeafHash) (Leaf, error)
	// PutCheckpoint adds a checkpoint; ErrExists if its number is taken, or not the next.
	PutCheckpoint(ctx context.Context, c Checkpoint) error
	// LastCheckpoint returns the checkpoint with the highest number; ErrNotFound.
	LastCheckpoint(ctx context.Context) (Checkpoint, error)
	// Checkpoints calls yield for every checkpoint, by number.
	Checkpoints(ctx context.Context, yield func(Checkpoint) error) error
}
