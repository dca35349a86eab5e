package survey

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Errors of the contracts, each with what follows from it.
var (
	ErrNotFound  = errors.New("not found")                // nothing stored under that name: show the unknown page
	ErrExists    = errors.New("already exists")           // the name is taken: choose another
	ErrNotOpen   = errors.New("survey not open yet")      // show when it opens, do not retry
	ErrClosed    = errors.New("survey closed")            // show the closing page, do not retry
	ErrRevoked   = errors.New("code revoked")             // show where to find the new code
	ErrFrozen    = errors.New("survey rules frozen")      // it has opened: make a new survey instead
	ErrFull      = errors.New("storage is full")          // nothing was stored: keep what was typed, retry later
	ErrLeaseHeld = errors.New("job is running elsewhere") // wait for the other run, or retry after its lease
	ErrFenced    = errors.New("lease was taken over")     // stop: another holder does the work now
	ErrRefused   = errors.New("refused for good")         // the receiver never takes it: give it up, and say so
	// ErrUnavailable means that the store did not answer in time, and may or may
	// not have done what was asked: keep the response elsewhere and send it again,
	// or show what is remembered.
	ErrUnavailable = errors.New("store does not answer")
	// ErrNewer means that a later version of the program wrote the database.
	ErrNewer = errors.New("database was written by a newer version: use that version, or restore a backup")
)

// Store is everything an engine provides. Callers ask for the small contract they need.
type Store interface {
	PlaceStore
	SurveyStore
	CodeStore
	ResponseStore
	VisitStore
	TallyStore
	AccountStore
	JobStore
	NodeStore
	CaseStore
	ProofStore
	SealedStore
	InboundStore
	CaseSheetStore
	QualityStore
	FileStore
	CalendarStore
	ExpiryStore
	DeliveryStore
	LogStore
	MessageStore
	OptOutStore
	InstrumentStore
	EvaluationStore
	RecheckStore
	CampaignStore
	PublicationStore
	// Ping reports whether the engine answers.
	Ping(ctx context.Context) error
	Close() error
}

// PlaceStore keeps the tree of places.
type PlaceStore interface {
	// Places returns every place, active or not, in code order.
	Places(ctx context.Context) ([]Place, error)
	// PutPlaces adds or replaces places by code, all or none.
	PutPlaces(ctx context.Context, places []Place) error
}

// SurveyStore keeps surveys.
type SurveyStore interface {
	// AddSurvey stores a new survey; ErrExists if the id is taken.
	AddSurvey(ctx context.Context, s Survey) error
	// ReviseSurvey replaces the survey by what Survey.Revise allows at now, in
	// one step; ErrNotFound, ErrFrozen.
	ReviseSurvey(ctx context.Context, next Survey, now time.Time) error
	// Survey returns one survey; ErrNotFound.
	Survey(ctx context.Context, id string) (Survey, error)
	// Surveys returns all surveys, the latest opening first.
	Surveys(ctx context.Context) ([]Survey, error)
}

// CodeStore keeps the window codes.
type CodeStore interface {
	// AddCode stores a new code; ErrExists if the serial is taken.
	AddCode(ctx context.Context, c WindowCode) error
	// Code returns the code with a serial, revoked or not; ErrNotFound.
	Code(ctx context.Context, serial uint32) (WindowCode, error)
	// Codes lists a survey's codes, revoked ones too, at or under a place of any
	// kind, by window and time of issue.
	Codes(ctx context.Context, survey, place string) ([]WindowCode, error)
	// RevokeCode takes a code out of use; idempotent, the first time stays. ErrNotFound.
	RevokeCode(ctx context.Context, serial uint32, now time.Time) error
}

// ResponseStore keeps responses. They are facts: added once, never changed.
type ResponseStore interface {
	// AddResponses stores a group durably: when it returns nil, the responses
	// survive a crash of the process and the machine. For each, stored tells
	// whether it was new; false means its Key was stored before, and nothing
	// changed. A response whose form key is already there with other content is
	// stored with FlagKeyReused. The buckets that count the new responses, and
	// those of responses and visits of the same case, are marked, and bad
	// responses owe a case, and those drawn a re-check. ErrFull if the disk is; then
	// nothing of the group was stored.
	AddResponses(ctx context.Context, group []Response) (stored []bool, err error)
	// Responses calls yield for the responses matching q, with what each is worth
	// at that moment: its tie, its standing, FlagOtherWindow, no Contact and no Recheck. What
	// was stored before the call comes exactly once, in an order that later
	// responses do not change; of what is stored meanwhile each comes once or not
	// at all. No read lock is held for longer than one page. It stops at yield's
	// first error, and with the context's when that ends.
	Responses(ctx context.Context, q ResponseQuery, yield func(Listed) error) error
	// HasResponse reports whether a response with a key is stored.
	HasResponse(ctx context.Context, key Key) (bool, error)
	// FormKeys returns, of some forms, the key of the first response that came from
	// each. A form nothing came from is left out.
	FormKeys(ctx context.Context, forms [][FormKeyLen]byte) (map[[FormKeyLen]byte]Key, error)
	// Contact returns the sealed contact of a response; ErrNotFound.
	Contact(ctx context.Context, key Key) (SealedContact, error)
	// FollowedResponse returns the response with a hash of its receipt, with the
	// contact it left; ErrNotFound also if it left none.
	FollowedResponse(ctx context.Context, follow []byte) (Response, error)
	// Contacts calls yield for the sealed contact of every response that has one,
	// by key.
	Contacts(ctx context.Context, yield func(Key, SealedContact) error) error
}

// ResponseQuery selects responses. Zero fields select everything.
type ResponseQuery struct {
	Survey   string
	Place    string // a bureau, hall or window code, or a division in the path
	From, To Span   // local days, both included
	Texts    bool   // only responses with a comment
	Newest   int    // if > 0: only the last so many of the order, the last first
}

// VisitStore keeps visits.
type VisitStore interface {
	// PutVisits adds visits or replaces those with the same survey, case and
	// stage, all or none, and marks the buckets whose counts they change. Invited
	// stays as it is where a visit has none; a phone is the same if its hash is, and
	// then stays sealed as it was. After a
	// crash in the middle, none are there, or the rest follow without being put again.
	PutVisits(ctx context.Context, visits []Visit) (VisitChange, error)
	// Visits calls yield for every visit, in a fixed order.
	Visits(ctx context.Context, yield func(Visit) error) error
	// Visit returns one visit, and whether any response for it is stored; ErrNotFound.
	Visit(ctx context.Context, survey string, c CaseRef) (v Visit, rated bool, err error)
	// UninvitedVisits returns up to limit visits of a survey that have a phone, no
	// Invited yet, and ended before a time, the earliest first. Its cost does not
	// grow with the others.
	UninvitedVisits(ctx context.Context, survey string, ended time.Time, limit int) ([]Visit, error)
	// MarkInvited sets Invited of visits that have none; idempotent, and may be cut
	// short. Of other visits nothing changes.
	MarkInvited(ctx context.Context, visits []Visit) error
}

// VisitChange counts what an import of visits did.
type VisitChange struct{ Added, Changed, Unchanged int }

// TallyStore keeps the marks and tallies of the roll-up.
type TallyStore interface {
	// Marks returns up to limit marks of a step, in any order.
	Marks(ctx context.Context, step Step, limit int) ([]Mark, error)
	// Count returns a bucket's counts as of now: from the facts for the finest
	// bucket, else as the sum of the stored tallies below it.
	Count(ctx context.Context, b Bucket) (Tally, error)
	// PutTallies stores each tally, unless one counted at a later Gen is stored,
	// marks the bucket's parents, and takes the mark away if it still has the same
	// Gen; cut short anywhere, the mark stays or all is done. A bucket marked anew
	// in between keeps its mark. fence is that of the caller's lease:
	// ErrFenced, and nothing is stored, once it was called with a higher one.
	PutTallies(ctx context.Context, fence int64, counted []CountedBucket, now time.Time) error
	// Tallies calls yield for every stored tally matching q.
	Tallies(ctx context.Context, q TallyQuery, yield func(Bucket, Tally) error) error
	// SumTallies adds every stored tally matching q to the one that into returns
	// for its bucket, or passes it over if that is nil. It costs a fraction of
	// Tallies where many are added up.
	SumTallies(ctx context.Context, q TallyQuery, into func(Bucket) *Tally) error
	// Rolled reports how far the tallies are: how many buckets are marked, at most
	// (0 only if none is), and when a tally was last stored (zero if never).
	Rolled(ctx context.Context) (marked int, last time.Time, err error)
}

// CountedBucket is a mark and what its bucket was counted as.
type CountedBucket struct {
	Mark  Mark
	Tally Tally
}

// TallyQuery selects stored tallies of one kind of bucket.
type TallyQuery struct {
	Survey   string
	Kind     Kind   // Window or Bureau
	Place    string // a bureau, hall or window code at or above the buckets' place; empty for all
	From, To Span   // both of the same length (two days or two months), both included; both Whole for the whole
	// Question leaves out the cells of all other questions, which is most of what
	// there is to read; empty for all, NoQuestion for none.
	Question string
}

// NoQuestion asks for what a tally counts beside the answers to questions. No
// question has this name.
const NoQuestion = "-"

// AccountStore keeps users, tokens, sessions and failed sign-ins.
type AccountStore interface {
	// PutUser adds a user or replaces the one of that name.
	PutUser(ctx context.Context, u User) error
	// User returns a user by name; ErrNotFound.
	User(ctx context.Context, name string) (User, error)
	// Users returns all users, by name.
	Users(ctx context.Context) ([]User, error)
	// AddToken stores a token; ErrExists.
	AddToken(ctx context.Context, t Token) error
	// Token returns the token with a hash, revoked or not; ErrNotFound.
	Token(ctx context.Context, hash []byte) (Token, error)
	// Tokens returns all tokens, revoked or not, by name and time of making.
	Tokens(ctx context.Context) ([]Token, error)
	// RevokeTokens takes every token of a name out of use.
	RevokeTokens(ctx context.Context, name string, now time.Time) error
	// PutSession adds or replaces a session.
	PutSession(ctx context.Context, s Session) error
	// Session returns the session with a hash; ErrNotFound if none or expired.
	Session(ctx context.Context, hash []byte, now time.Time) (Session, error)
	// DropSession ends a session; idempotent.
	DropSession(ctx context.Context, hash []byte) error
	// CountFailure adds a failed sign-in under a name and returns how many
	// there were since the given time. ClearFailures forgets them.
	CountFailure(ctx context.Context, name string, now, since time.Time) (int, error)
	// Failures returns how many failed sign-ins a name has since the given time.
	Failures(ctx context.Context, name string, since time.Time) (int, error)
	ClearFailures(ctx context.Context, name string) error
}

// Run is one run of a job.
type Run struct {
	Job        string
	StartedAt  time.Time
	FinishedAt time.Time
	Done       int    // units of work, as the job counts them
	Error      string // empty if it succeeded; for the operator, never for a citizen
}

// Degraded reports whether the last run of any job failed.
func Degraded(last []Run) bool {
	return slices.ContainsFunc(last, func(r Run) bool { return r.Error != "" })
}

// JobStore keeps the runs of jobs and sees that each runs in one place at a time.
type JobStore interface {
	// Now is the time on the store's own clock, UTC: leases go by it, so that the
	// nodes' clocks do not matter. A reading grown old on its way to Lease makes
	// the lease shorter, never longer.
	Now(ctx context.Context) (time.Time, error)
	// Lease gives the job to holder until now+ttl, or renews what holder has;
	// ErrLeaseHeld while somebody else's lease lasts. The fence stays the same
	// while it is renewed and grows whenever it is given anew.
	Lease(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (fence int64, err error)
	// Release ends holder's lease; idempotent.
	Release(ctx context.Context, job, holder string) error
	// AddRun records a finished run.
	AddRun(ctx context.Context, r Run) error
	// LastRuns returns the latest run of each job, by job name.
	LastRuns(ctx context.Context) ([]Run, error)
}

// NodeStore is what the nodes (节点) of one installation know of each other.
type NodeStore interface {
	// Pin keeps a value under a name for ever, unless one is kept already, and
	// returns the one that is.
	Pin(ctx context.Context, name, value string) (kept string, err error)
	// Pins returns everything pinned, by name.
	Pins(ctx context.Context) (map[string]string, error)
	// PutNode stores a node's report in place of its last one.
	PutNode(ctx context.Context, n Node) error
	// Nodes returns the last report of each node, by name.
	Nodes(ctx context.Context) ([]Node, error)
	// DropNode forgets a node that is gone for good; idempotent.
	DropNode(ctx context.Context, name string) error
	// ShareHits stores how often a node saw each source in a minute (Unix time / 60),
	// in place of what it said of that minute before, and returns how often the
	// other nodes saw the same sources.
	ShareHits(ctx context.Context, node string, minute int64, hits map[string]int) (others map[string]int, err error)
}

// Kept is how long what expires is kept beyond its use.
const (
	KeptFailures = 24 * time.Hour  // failed sign-ins
	KeptHits     = 5 * time.Minute // what nodes shared of a minute
	// KeptProofs is how long after its code's end a proof is kept: until then its
	// citizen is told that the phone is proved.
	KeptProofs = 30 * 24 * time.Hour
)

// ExpiryStore drops what has served its time. Nothing that counts ever expires.
type ExpiryStore interface {
	// Expire drops expired sessions, failed sign-ins, hits and proofs that are older
	// than they are kept, but no proof that is owed, and messages that count for no
	// limit any more, and returns how many entries went.
	Expire(ctx context.Context, now time.Time) (dropped int, err error)
}
