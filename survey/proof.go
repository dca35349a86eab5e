package survey

import (
	"context"
	"errors"
	"time"
)

// Proof (验证) is how far a citizen has come in proving that the phone left with a
// response is their own: a one-time code goes to the phone, and whoever has it in
// hand types it back. A response has one code in force at a time.
type Proof struct {
	Key       Key       // of the response
	Code      []byte    // keyed hash of the code sent last
	ExpiresAt time.Time // UTC, milliseconds; from then on the code is worth nothing
	Wrong     int       // wrong guesses at this code
	ProvedAt  time.Time // UTC, milliseconds; zero if not yet
	Owed      bool      // proved, and not yet noted in the case, if there is one
}

// What a code is worth, and for how long. Five guesses at a million codes, for the
// few codes a day that the limits allow, leave guessing no chance.
const (
	CodeDigits = 6
	CodeLife   = 10 * time.Minute
	CodeTries  = 5
)

// Proved reports whether the phone is proved.
func (p Proof) Proved() bool { return !p.ProvedAt.IsZero() }

// CodeTry is what a guess at a code came to.
type CodeTry string

// The outcomes of a guess.
const (
	CodeRight  CodeTry = "right"  // this guess proved the phone
	CodeWrong  CodeTry = "wrong"  // counted
	CodeOver   CodeTry = "over"   // no code is in force: none was sent, its time is over, or its tries are used up
	CodeProved CodeTry = "proved" // the phone was proved before; the guess was not looked at
)

// ErrLimited means that as many messages went out as a limit allows: nothing is
// sent, and waiting helps.
var ErrLimited = errors.New("limit of messages reached")

// SendLimit (发送上限) is how many messages may go out under a name within a time.
// Names are keyed hashes: they say neither which phone nor which device. The one
// that is none is AllCodes.
type SendLimit struct {
	Name   string
	Within time.Duration // up to MaxLimit
	Most   int
}

// MaxLimit is how long a message counts at most. It is kept that long.
const MaxLimit = 24 * time.Hour

// ProofStore keeps the codes by which citizens prove their phones, and how many
// messages went out. It is shared by all nodes and outlives them: a message costs
// money, and can pester somebody.
type ProofStore interface {
	// CountSend counts one message under the name of each limit, or under none and
	// returns ErrLimited if a limit is reached: if Most messages were counted at
	// times after now-Within. Asked by many at once it may turn too many away,
	// but never lets one too many through.
	CountSend(ctx context.Context, limits []SendLimit, now time.Time) error
	// Sends is how many messages were counted under a name at times after one.
	Sends(ctx context.Context, name string, after time.Time) (int, error)
	// PutCode puts a new code in force, in place of any earlier one of the
	// response, with no wrong guesses. ErrExists if the phone is proved already.
	PutCode(ctx context.Context, key Key, code []byte, expires time.Time) error
	// TryCode compares a guess's hash with the code in force at now, in one step:
	// of many right guesses one is CodeRight, and no more than CodeTries wrong
	// ones are compared. A proof is owed until it is noted, and does not expire before.
	TryCode(ctx context.Context, key Key, code []byte, now time.Time) (CodeTry, error)
	// Proof returns the proof of a response; ErrNotFound if no code was ever sent.
	Proof(ctx context.Context, key Key) (Proof, error)
	// OwedProofs returns up to limit responses whose proof is owed, in any order.
	OwedProofs(ctx context.Context, limit int) ([]Key, error)
	// NoteProof settles an owed proof; idempotent.
	NoteProof(ctx context.Context, key Key) error
}

// What citizens may have sent. A number is limited over all its responses, since
// anybody can type the number of somebody else.
const (
	CodesPerPhoneHour, CodesPerPhoneDay   = 3, 5
	CodesPerDeviceHour, CodesPerDeviceDay = 5, 10
	CodesPerWindowHour, CodesPerWindowDay = 30, 200
)

// AllCodes is the name every code of the installation is counted under, and
// CodesPerDay how many may go out a day unless another number is set: what somebody
// who asks from many places can cost.
const (
	AllCodes    = "codes"
	CodesPerDay = 5000
)

// CodeLimits are the limits of one code sent to a phone, asked for by a device, for
// a response of a window. Each name is used as it is given.
func CodeLimits(phone, device, window string) []SendLimit {
	return []SendLimit{
		{phone, time.Hour, CodesPerPhoneHour}, {phone, MaxLimit, CodesPerPhoneDay},
		{device, time.Hour, CodesPerDeviceHour}, {device, MaxLimit, CodesPerDeviceDay},
		{window, time.Hour, CodesPerWindowHour}, {window, MaxLimit, CodesPerWindowDay},
	}
}

// MaskPhone is a phone as it may be shown: 138****8000.
func MaskPhone(phone string) string {
	first, last := 3, 4
	if len(phone) < 11 {
		first, last = 0, 2
	}
	if len(phone) < last {
		return "****"
	}
	return phone[:first] + "****" + phone[len(phone)-last:]
}

// WhyCodeForm is the fault of a code that is not six digits.
const WhyCodeForm Why = "code_form"

// ParseCode reads a one-time code as people type it: full-width digits, and spaces
// or hyphens between them. Anything but six digits is Faults; it is no guess.
func ParseCode(typed string) (string, error) {
	code := plainPhone(typed)
	if len(code) != CodeDigits || !allDigits(code) {
		return "", Faults{{Field: "code", Why: WhyCodeForm}}
	}
	return code, nil
}

func allDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}
