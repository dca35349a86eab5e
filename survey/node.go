package survey

import (
	"context"
	"time"
)

// Node is one process that takes responses, as it last reported itself.
type Node struct {
	Name    string
	SeenAt  time.Time // on the store's clock
	Spool   SpoolState
	Version string
	Keys    []string // ids of the keys it holds, the one it seals with first
}

// SpoolState is how much waits on a node's own disk.
type SpoolState struct {
	Waiting  int       // responses still to be forwarded
	SetAside int       // responses the store refused
	Oldest   time.Time // when the oldest waiting one was received; zero if none waits
}

// Empty reports whether nothing is left to bring to the store.
func (s SpoolState) Empty() bool { return s.Waiting == 0 && s.SetAside == 0 }

// HeardWithin is how long ago a node's last report may be for its spool to count as known.
const HeardWithin = 5 * time.Minute

// Unsettled returns the nodes that may hold responses the store does not have:
// their spool was not empty when they last reported, or they have not reported
// for a while. Nothing is published while there are any.
func Unsettled(nodes []Node, now time.Time) []Node {
	var out []Node
	for _, n := range nodes {
		if !n.Spool.Empty() || now.Sub(n.SeenAt) > HeardWithin {
			out = append(out, n)
		}
	}
	return out
}

// Spool (暂存) keeps responses on this machine's own disk while the store does
// not answer, and what is needed to go on taking them after a restart.
type Spool interface {
	// Hold keeps a group durably, all or none: when it returns nil, they survive a
	// crash of the process and the machine. For each, fresh tells whether its Key
	// was not held before. ErrFull if the disk is.
	Hold(ctx context.Context, group []Response) (fresh []bool, err error)
	// Oldest returns the first responses still to be forwarded, up to limit, in
	// the order they came.
	Oldest(ctx context.Context, limit int) ([]Response, error)
	// Forwarded drops responses that the store has; idempotent.
	Forwarded(ctx context.Context, keys []Key) error
	// SetAside takes a response the store refuses out of the row, and keeps it
	// with the reason; idempotent.
	SetAside(ctx context.Context, key Key, why string) error
	// Aside lists the responses set aside, in the order they came.
	Aside(ctx context.Context) ([]Refused, error)
	// PutBack puts all responses set aside back into the row, and returns how many.
	PutBack(ctx context.Context) (int, error)
	// Holds reports whether a response is waiting or set aside.
	Holds(ctx context.Context, key Key) (bool, error)
	// State reports how much waits.
	State(ctx context.Context) (SpoolState, error)
	// Remember keeps a document under a name in place of the last one; Recall
	// returns it, or ErrNotFound.
	Remember(ctx context.Context, name string, doc []byte) error
	Recall(ctx context.Context, name string) ([]byte, error)
	Close() error
}

// Refused is a response that was set aside.
type Refused struct {
	Response
	Why string // for the operator
}
