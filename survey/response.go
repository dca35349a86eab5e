package survey

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what a citizen may type, in code points.
const (
	MaxComment = 500
	MaxCase    = 50
	MaxStage   = 20
	MaxPerson  = 50
	MaxReasons = 8
)

// Submission is what arrived from a citizen, as typed. It is text to be checked.
type Submission struct {
	Survey      string
	Level       string
	Answers     map[string]string // sub-question → level name
	Reasons     []string
	Comment     string
	CaseNumber  string // 办件编号
	Stage       string
	VisitSecret string // printed on the case's paper; proves the visit
	Name        string
	Phone       string
	Consent     bool // to being contacted; without it no contact is kept
	Anonymous   bool // asks to stay unnamed even though the visit is proved
	// Asked tells that a reason was asked for and none was given: then a bad review
	// is taken without one.
	Asked bool
}

// Answer is a submission that passed the rules.
type Answer struct {
	Level       Level
	Answers     map[string]Level
	Reasons     []int
	Comment     string
	Case        CaseRef
	VisitSecret string
	Contact     Contact
	Anonymous   bool
}

// Contact is how a citizen may be reached. It is kept apart from the response,
// encrypted, only with consent, and never logged or exported.
type Contact struct {
	Name  string `json:"name,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// CaseRef names a case and the stage of it that is rated; the zero value is "no case".
type CaseRef struct {
	Number string
	Stage  string // "1" unless the item is rated at several stages
}

// Why a submission was refused.
const (
	WhyWrongSurvey    Why = "wrong_survey"
	WhyLevelMissing   Why = "level_missing"
	WhyLevelUnknown   Why = "level_unknown"
	WhyReasonMissing  Why = "reason_missing"
	WhyReasonUnknown  Why = "reason_unknown"
	WhyCommentTooLong Why = "comment_too_long"
	WhyBadText        Why = "bad_text"
	WhyCaseForm       Why = "case_form"
	WhySecretForm     Why = "secret_form"
	WhyPersonTooLong  Why = "person_too_long"
	WhyPhoneForm      Why = "phone_form"
	WhyConsentMissing Why = "consent_missing"
)

// Accept applies the survey's rules to what was typed and returns the answer,
// or every fault by form field.
func (s Survey) Accept(in Submission) (Answer, Faults) {
	var faults Faults
	add := func(field string, why Why) { faults = append(faults, Fault{Field: field, Why: why}) }

	if in.Survey != s.ID {
		add("survey", WhyWrongSurvey)
	}
	a := Answer{Anonymous: in.Anonymous}
	var ok bool
	if in.Level == "" {
		add("level", WhyLevelMissing)
	} else if a.Level, ok = ParseLevel(in.Level); !ok {
		add("level", WhyLevelUnknown)
	}
	for name, value := range in.Answers {
		if value == "" {
			continue
		}
		known := slices.ContainsFunc(s.Questionnaire.Questions, func(q Question) bool { return q.Name == name })
		l, ok := ParseLevel(value)
		if !known || !ok {
			add(name, WhyLevelUnknown)
			continue
		}
		if a.Answers == nil {
			a.Answers = map[string]Level{}
		}
		a.Answers[name] = l
	}
	a.Comment = cleanLines(in.Comment)
	if badText(a.Comment) {
		add("comment", WhyBadText)
	} else if runes(a.Comment) > MaxComment {
		add("comment", WhyCommentTooLong)
	}
	faults = append(faults, s.acceptReasons(in, &a)...)
	faults = append(faults, acceptCase(in, &a)...)
	faults = append(faults, acceptContact(in, &a)...)
	return a, faults
}

// acceptReasons keeps the reasons that belong to the level. The page holds the
// reasons of both bad levels, and a citizen may tick one and then change the
// level; such leftovers are dropped, an unknown code is a fault.
func (s Survey) acceptReasons(in Submission, a *Answer) (faults Faults) {
	for _, text := range in.Reasons {
		code, err := strconv.Atoi(text)
		r, known := s.Questionnaire.Reason(code)
		if err != nil || !known || len(in.Reasons) > 4*MaxReasons {
			return Faults{{Field: "reason", Why: WhyReasonUnknown}}
		}
		if r.Level == a.Level && !slices.Contains(a.Reasons, code) {
			a.Reasons = append(a.Reasons, code)
		}
	}
	slices.Sort(a.Reasons)
	if a.Level.Bad() && !in.Asked && len(a.Reasons) == 0 && strings.TrimSpace(in.Comment) == "" {
		faults = append(faults, Fault{Field: "reason", Why: WhyReasonMissing})
	}
	return faults
}

func acceptCase(in Submission, a *Answer) (faults Faults) {
	number, stage, secret := narrow(in.CaseNumber), narrow(in.Stage), narrow(in.VisitSecret)
	if stage == "" {
		stage = "1"
	}
	if runes(number) > MaxCase || runes(stage) > MaxStage || badText(number+stage) || strings.ContainsAny(number+stage, "\n\t") {
		return Faults{{Field: "case_number", Why: WhyCaseForm}}
	}
	if runes(secret) > MaxCase || badText(secret) || (secret != "" && number == "") {
		return Faults{{Field: "visit_secret", Why: WhySecretForm}}
	}
	if number != "" {
		a.Case = CaseRef{Number: number, Stage: stage}
		a.VisitSecret = secret
	}
	return nil
}

func acceptContact(in Submission, a *Answer) (faults Faults) {
	c := Contact{Name: strings.TrimSpace(in.Name), Phone: plainPhone(in.Phone)}
	if c == (Contact{}) {
		return nil
	}
	if runes(c.Name) > MaxPerson || badText(c.Name) || hasControl(c.Name) {
		faults = append(faults, Fault{Field: "name", Why: WhyPersonTooLong})
	}
	if c.Phone != "" && !phoneLike(c.Phone) {
		faults = append(faults, Fault{Field: "phone", Why: WhyPhoneForm})
	}
	if !in.Consent {
		faults = append(faults, Fault{Field: "consent", Why: WhyConsentMissing})
	}
	a.Contact = c
	return faults
}

// ParsePhone reads a phone as people type it, and returns its digits, perhaps after a
// "+". Anything else is Faults.
func ParsePhone(typed string) (string, error) {
	phone := plainPhone(typed)
	if !phoneLike(phone) {
		return "", Faults{{Field: "phone", Why: WhyPhoneForm}}
	}
	return phone, nil
}

// plainPhone drops the spaces and hyphens people write numbers with.
func plainPhone(s string) string {
	return strings.NewReplacer(" ", "", "-", "", "－", "").Replace(narrow(s))
}

// NationalPhone is a number as it is compared: a mainland mobile number without the
// prefix of the country, as gateways and people write it with and without.
func NationalPhone(number string) string {
	for _, prefix := range []string{"+86", "0086", "86"} {
		if rest, ok := strings.CutPrefix(number, prefix); ok && len(rest) == 11 && rest[0] == '1' {
			return rest
		}
	}
	return number
}

func phoneLike(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	if len(digits) < 7 || len(digits) > 15 {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// Key identifies a submission: the key of the form it was typed into and a
// digest of its content. The same form sent again has the same key; the same
// form with other content does not, so neither is ever lost or counted twice.
// Keys sort by the time their form was made.
type Key [FormKeyLen + DigestLen]byte

// Lengths of the two parts of a Key, in bytes.
const (
	FormKeyLen = 14
	DigestLen  = 16
)

// Form is the part of the key that comes from the form.
func (k Key) Form() [FormKeyLen]byte { return [FormKeyLen]byte(k[:FormKeyLen]) }

// MadeAt is when the form was made; of a response made elsewhere, when its survey opened.
func (k Key) MadeAt() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(k[:8]) >> 16)).UTC()
}

// String is the key in hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Tail (尾号) is the end of the key, short enough to be read out. It tells the cases of
// a bureau apart that are worked at a time.
func (k Key) Tail() string { return strings.ToUpper(hex.EncodeToString(k[len(k)-3:])) }

// ParseKey is the reverse of String; anything else is ErrNotFound, as no response
// has it.
func ParseKey(text string) (k Key, err error) {
	if b, err := hex.DecodeString(text); err == nil && len(b) == len(k) {
		return Key(b), nil
	}
	return k, ErrNotFound
}

// ID is the random row number a response is exported under. It follows from
// nothing, so nothing leads back from it to a receipt.
type ID [16]byte

// Flags are signs that a response may not be what it seems. They are shown and
// counted; none refuses or removes anything.
type Flags uint32

// The flags.
const (
	FlagKeyReused   Flags = 1 << iota // another answer came from the same form
	FlagManyDevice                    // many answers from one device in a short time
	FlagTooFast                       // sent sooner after the page was made than a person can
	FlagOldForm                       // the page was made more than a day before
	FlagOtherWindow                   // the case was served at another window
)

var flagNames = [...]string{"key_reused", "many_from_device", "too_fast", "old_form", "other_window"}

// Names lists the flags that are set.
func (f Flags) Names() []string {
	names := []string{}
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Response is one stored rating (评价). It is written once and never changed.
type Response struct {
	Key        Key
	ID         ID
	Survey     string
	Version    int // of the questionnaire
	Path       Path
	Channel    Channel
	Level      Level
	Answers    map[string]Level
	Reasons    []int
	Comment    string      // with numbers hidden, see Mask
	Original   *SealedText // the comment as typed; nil if nothing is hidden in it
	Case       CaseRef
	Secret     []byte // keyed hash of the visit secret as typed; nil if none
	Contact    *SealedContact
	ReceivedAt time.Time // UTC, milliseconds
	Day        Span      // of ReceivedAt in the survey's zone
	Flags      Flags
	Anonymous  bool // the citizen asks to stay unnamed
	// Corrects (更正) marks what a citizen asked for to count instead of their first
	// answer, before anybody made contact about that.
	Corrects bool
	Paper    *PaperForm // what it was keyed in from; nil if the citizen sent it
	// Interview is how the citizen was asked; nil for all but ChannelInterview.
	Interview *Interview
	// Recheck marks an interview that is drawn to be called back. It is kept apart, like
	// Contact: who lists responses does not learn it. See [RecheckStore].
	Recheck bool
}

// OwesCase reports whether a response owes a case: every bad review does that citizens
// give themselves. What somebody tells a third party's evaluator is a measurement, and
// nobody was promised an answer.
func (r Response) OwesCase() bool { return OwesCase(r.Level, r.Channel) }

// OwesCase is the same for what engines keep of a response.
func OwesCase(l Level, c Channel) bool { return l.Bad() && c != ChannelInterview }

// SealedContact is an encrypted Contact and the keyed hashes its phone and its
// response are found by.
type SealedContact struct {
	KeyID     string
	Sealed    []byte
	PhoneHash []byte // nil if no phone was left
	Follow    []byte // of the receipt; nil for responses from before phones could be proved
}

// Bucket is where the response is counted.
func (r Response) Bucket() Bucket {
	return Bucket{Survey: r.Survey, Place: r.Path.Window(), Kind: Window, Span: r.Day}
}

// Standing says whether a response counts, and why not.
type Standing string

// One response counts per case and stage: the earliest that proves the visit,
// else the earliest. The others are kept and listed.
const (
	Counted    Standing = "counted"
	Superseded Standing = "superseded"
)

// Listed is a response as exports and pages see it.
type Listed struct {
	Response
	Tie      Tie
	Standing Standing
}
