// Package intake accepts responses: it checks what was typed, gives every
// submission a key that repeats exactly when the submission does, and commits
// whatever waits together in one durable transaction.
//
// The order of things is the point. A receipt is handed out only after the
// store has made the response durable, so a citizen who sees the thanks page
// has been counted; a citizen who does not see it may send again, as often as
// needed, and is counted once.
package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"manyi/survey"
	"manyi/survey/keyring"
)

// Request is one submission and where it was made.
type Request struct {
	Code       survey.WindowCode
	Survey     survey.Survey
	Path       survey.Path
	Channel    survey.Channel
	FormKey    string // as handed out by NewForm
	Device     string // opaque, from a cookie; may be empty
	Submission survey.Submission
	Paper      *survey.PaperForm // of paper, which it was keyed in from; nil if the citizen sent it
	// Interview is how an interview was made; nil for all others. What was typed of a case
	// or person is dropped then, but for a phone if the survey draws for re-checks.
	Interview *survey.Interview
}

// Receipt (回执) is what a citizen gets for a stored response. It is the same
// for every repetition of the submission and says nothing about the level.
type Receipt struct {
	Number string
	New    bool // false if the same submission was stored before
}

// Errors of Submit besides survey.Faults and those of the store.
var (
	ErrFlood = errors.New("too many submissions") // refuse with 429, keep what was typed
	ErrBusy  = errors.New("intake is busy")       // nothing was stored: keep what was typed, retry
)

// WhyFormKey is the fault of a form we did not hand out for this code: show the form again, with a new key.
const WhyFormKey survey.Why = "form_key"

// Options are the limits of an intake. Zero fields take the defaults.
type Options struct {
	// PerDevice and PerCode are the submissions a minute above which ErrFlood is
	// returned: from one device at one code, and at one code altogether. A hall
	// shares one address, so addresses are not counted.
	PerDevice, PerCode int
	// Group is how many submissions are committed together at most.
	Group int
	// Timeout bounds one commit.
	Timeout time.Duration
	// Spool takes what the store does not acknowledge within Deadline; nil for a
	// store that fails only together with this machine.
	Spool    survey.Spool
	Deadline time.Duration
	// Retry is how long to wait before the store is tried again.
	Retry time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.PerDevice == 0 {
		o.PerDevice = 20
	}
	if o.PerCode == 0 {
		o.PerCode = 600
	}
	if o.Group == 0 {
		o.Group = 512
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Deadline == 0 {
		o.Deadline = 2 * time.Second
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Intake accepts submissions from many goroutines.
type Intake struct {
	kept    keeper
	secrets Secrets
	sealer  keyring.Sealer
	opts    Options
	limits  *limits
	commits *committer
}

// New starts an intake over a store. Close it before closing the store.
func New(store survey.ResponseStore, secrets Secrets, sealer keyring.Sealer, opts Options) *Intake {
	opts = opts.withDefaults()
	in := &Intake{secrets: secrets, sealer: sealer, opts: opts, limits: newLimits()}
	if opts.Spool == nil {
		in.kept = direct{store}
	} else {
		in.kept = newForwarder(store, opts)
	}
	in.commits = newCommitter(in.kept.add, opts.Group, opts.Timeout)
	return in
}

// NewForm makes the key of a form shown for a code.
func (in *Intake) NewForm(serial uint32) string {
	return in.secrets.newForm(serial, in.opts.Now())
}

// FormOf makes the key of a form that was not shown by a page of ours but has a key
// of its own already: what a tablet made while it had no connection. The same form
// gives the same key, so that sending it again counts once.
func (in *Intake) FormOf(form [survey.FormKeyLen]byte, serial uint32) string {
	return in.secrets.signForm(form, serial)
}

// PaperForm is the key of a paper form: keyed in twice it counts once.
func (in *Intake) PaperForm(s survey.Survey, window string, number int) [survey.FormKeyLen]byte {
	return in.secrets.namedForm("paper", s.ID+"\x00"+window+"\x00"+strconv.Itoa(number), s.Opens)
}

// IsForm reports whether a form key was handed out for a code.
func (in *Intake) IsForm(key string, serial uint32) bool {
	_, _, err := in.secrets.parseForm(key, serial)
	return err == nil
}

// Submit checks a submission, stores it durably and returns its receipt. The
// error is survey.Faults for what the citizen can put right; survey.ErrNotOpen,
// ErrClosed or ErrRevoked; ErrFlood; ErrBusy; survey.ErrFull. With any error
// nothing was stored, except that a context that ends may leave a stored
// response whose receipt was never shown: sending again returns it.
func (in *Intake) Submit(ctx context.Context, req Request) (Receipt, error) {
	now := in.opts.Now().UTC().Truncate(time.Millisecond)
	if req.Interview != nil { // it names no case and nobody, see survey.Interview
		in := &req.Submission
		in.CaseNumber, in.Stage, in.VisitSecret, in.Name, in.Anonymous = "", "", "", "", false
		if req.Survey.Rules.Interviews.Recheck == 0 {
			in.Phone, in.Consent = "", false
		}
	}
	if req.Code.Revoked() {
		return Receipt{}, survey.ErrRevoked
	}
	if err := req.Survey.Accepting(now); err != nil {
		return in.again(ctx, req, err)
	}
	if in.limits.flooded(req.Code.Serial, req.Device, now, in.opts) {
		return Receipt{}, ErrFlood
	}
	answer, faults := req.Survey.Accept(req.Submission)
	form, made, err := in.secrets.parseForm(req.FormKey, req.Code.Serial)
	if err != nil {
		faults = append(faults, survey.Fault{Field: "form_key", Why: WhyFormKey})
	}
	if len(faults) > 0 {
		return Receipt{}, faults
	}
	r, err := in.response(form, req, answer, now)
	if err != nil {
		return Receipt{}, err
	}
	r.Flags = in.limits.flags(req.Code.Serial, req.Device, now) | timing(req.Channel, made, now)
	isNew, err := in.commits.add(ctx, r)
	if err != nil {
		return Receipt{}, err
	}
	if isNew {
		in.limits.stored(req.Code.Serial, req.Device, now)
	}
	return Receipt{Number: in.secrets.receipt(r.Key), New: isNew}, nil
}

// response is what is stored of an answer.
func (in *Intake) response(form [survey.FormKeyLen]byte, req Request, answer survey.Answer, at time.Time) (r survey.Response, err error) {
	r = survey.Response{
		Key: in.secrets.key(form, req, answer), ID: newID(),
		Survey: req.Survey.ID, Version: req.Survey.Questionnaire.Version,
		Path: req.Path, Channel: req.Channel,
		Level: answer.Level, Answers: answer.Answers, Reasons: answer.Reasons, Comment: answer.Comment,
		Case: answer.Case, ReceivedAt: at, Day: survey.DayOf(at, req.Survey.Location()),
		Anonymous: answer.Anonymous, Paper: req.Paper, Interview: req.Interview,
	}
	if answer.VisitSecret != "" {
		r.Secret = in.secrets.VisitSecret(answer.VisitSecret)
	}
	if req.Interview != nil && answer.Contact != (survey.Contact{}) {
		if r.Recheck = in.secrets.Drawn(r.Key, req.Survey.Rules.Interviews.Recheck); !r.Recheck {
			answer.Contact = survey.Contact{} // nobody will call: it is not kept
		}
	}
	if answer.Contact != (survey.Contact{}) {
		if r.Contact, err = in.seal(answer.Contact, r.Key); err != nil {
			return r, err
		}
	}
	err = HideComment(in.sealer, &r)
	return r, err
}

// again answers a submission that comes too late: if it is the repetition of one
// that came in time, whose answer was lost on the way, with its receipt; else with
// the reason it is refused.
func (in *Intake) again(ctx context.Context, req Request, late error) (Receipt, error) {
	answer, faults := req.Survey.Accept(req.Submission)
	form, _, err := in.secrets.parseForm(req.FormKey, req.Code.Serial)
	if len(faults) > 0 || err != nil {
		return Receipt{}, late
	}
	key := in.secrets.key(form, req, answer)
	if has, err := in.kept.has(ctx, key); err != nil || !has {
		return Receipt{}, late
	}
	return Receipt{Number: in.secrets.receipt(key)}, nil
}

// Too fast is less than a person needs to see the page and tap twice.
const (
	tooFast = time.Second
	oldForm = 24 * time.Hour
)

// timing looks at how long a form was open. A tablet and an evaluator's phone date what
// they keep by the tap, as they show one page for everybody, so being fast says nothing
// there; and a sheet of paper was made by a printer.
func timing(by survey.Channel, made, now time.Time) (f survey.Flags) {
	switch age := now.Sub(made); {
	case by == survey.ChannelPaper:
	case age < tooFast && by != survey.ChannelTablet && by != survey.ChannelInterview:
		return survey.FlagTooFast
	case age > oldForm:
		return survey.FlagOldForm
	}
	return 0
}

func (in *Intake) seal(c survey.Contact, bound survey.Key) (*survey.SealedContact, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	id, sealed, err := in.sealer.Seal(plain, bound[:])
	if err != nil {
		return nil, fmt.Errorf("seal contact: %w", err)
	}
	out := &survey.SealedContact{KeyID: id, Sealed: sealed, Follow: in.secrets.FollowUpOf(bound)}
	if c.Phone != "" {
		out.PhoneHash = in.sealer.Hash([]byte(c.Phone))
	}
	return out, nil
}

// FollowUp is the keyed hash by which a case is found with a receipt as typed, and
// FollowUpOf that of a response.
func (in *Intake) FollowUp(receipt string) []byte   { return in.secrets.FollowUp(receipt) }
func (in *Intake) FollowUpOf(key survey.Key) []byte { return in.secrets.FollowUpOf(key) }

// Address is a response's key for an address, see [Secrets.Address].
func (in *Intake) Address(key survey.Key) string { return in.secrets.Address(key) }

// KeyAt is the reverse of Address, see [Secrets.KeyAt].
func (in *Intake) KeyAt(address string) (survey.Key, error) { return in.secrets.KeyAt(address) }

// PhoneHashes are the keyed hashes a phone is found by, one for each key.
func (in *Intake) PhoneHashes(number string) [][]byte { return in.sealer.Hashes([]byte(number)) }

// CodeHash is the keyed hash of a one-time code sent for a response: the same code
// is worth nothing for another.
func (in *Intake) CodeHash(key survey.Key, code string) []byte { return in.secrets.code(key, code) }

// LimitName is the name something is counted under for the limits of messages.
func (in *Intake) LimitName(kind, what string) string { return in.secrets.limit(kind, what) }

// Contact opens the contact a citizen left with a response. Whoever asks has to be
// allowed to see it, and leave a trace.
func (in *Intake) Contact(sealed survey.SealedContact, bound survey.Key) (c survey.Contact, err error) {
	plain, err := in.sealer.Open(sealed.KeyID, sealed.Sealed, bound[:])
	if err == nil {
		err = json.Unmarshal(plain, &c)
	}
	if err != nil {
		return survey.Contact{}, fmt.Errorf("open contact: %w", err)
	}
	return c, nil
}

// Close stops accepting and waits until everything accepted is committed. What
// is in the spool then stays there for the next start.
func (in *Intake) Close(ctx context.Context) error {
	return errors.Join(in.commits.close(ctx), in.kept.close(ctx))
}

// Away reports whether the store did not answer lately, so that responses go to
// the spool. Without a spool it is always false.
func (in *Intake) Away() bool { return in.kept.away() }
