package survey

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// Visit is one served case (办件) as the hall's own records list it. Visits are
// the denominators: who could have rated.
type Visit struct {
	Survey     string
	Case       CaseRef
	Window     string
	Item       string    // with numbers hidden, see Mask
	FinishedAt time.Time // UTC, milliseconds
	Day        Span      // of FinishedAt in the survey's zone
	Secret     []byte    // keyed hash of the secret on the citizen's paper; nil if none was given
	// Phone is who may be invited to rate; nil if the citizen did not consent to it,
	// and then the number was not kept. Language is zh or en, the one to invite in.
	Phone    *SealedContact
	Language string
	// Invited is the keyed hash of what a reply to the invitation proves the visit
	// by, as its secret does; nil while it was not decided about yet. Those who are
	// not to be invited after all have one too.
	Invited []byte
}

// ID names the visit among all of them, and is what its phone is sealed for.
func (v Visit) ID() string { return v.Survey + "\x00" + v.Case.Number + "\x00" + v.Case.Stage }

// SamePhone reports whether two visits name the same phone, which only its hash tells.
func (v Visit) SamePhone(o Visit) bool {
	if v.Phone == nil || o.Phone == nil {
		return v.Phone == o.Phone
	}
	return bytes.Equal(v.Phone.PhoneHash, o.Phone.PhoneHash)
}

// ProvenBy reports whether a response with that secret proves the visit; none does not.
func (v Visit) ProvenBy(secret []byte) bool {
	return len(secret) > 0 && (bytes.Equal(v.Secret, secret) || bytes.Equal(v.Invited, secret))
}

// Bucket is where the visit is counted.
func (v Visit) Bucket() Bucket {
	return Bucket{Survey: v.Survey, Place: v.Window, Kind: Window, Span: v.Day}
}

// Why a visit was refused.
const (
	WhyNotWindow    Why = "not_window"
	WhyNotCandidate Why = "not_candidate"
	WhyTime         Why = "time"
	WhyOutsideTime  Why = "outside_period"
	WhyConsent      Why = "consent_word"
	WhyLanguage     Why = "language"
	WhyNotSealed    Why = "not_sealed"
)

// VisitRow is one line of a visit list, as text.
type VisitRow struct {
	Row                                             int
	CaseNumber, Stage, Window, Item, Finish, Secret string
	Phone, Consent, Language                        string
}

// consents are the words for yes and no.
var consents = map[string]bool{"": false, "0": false, "否": false, "不同意": false, "no": false, "n": false, "false": false,
	"1": true, "是": true, "同意": true, "yes": true, "y": true, "true": true}

// visitTimes are the forms of a finishing time, local to the survey unless an offset is written.
var visitTimes = []string{time.RFC3339, "2006-1-2 15:04:05", "2006-1-2 15:04", "2006/1/2 15:04:05", "2006/1/2 15:04"}

// CheckVisits turns rows into visits or returns every fault. hash makes the keyed
// hash of a secret, and seal encrypts a phone for a visit. A phone without consent to
// be invited is not looked at and not kept.
func (s Survey) CheckVisits(rows []VisitRow, places *Tree, hash func(string) []byte, seal func(Visit, string) (SealedContact, error)) ([]Visit, Faults) {
	var faults Faults
	visits := make([]Visit, 0, len(rows))
	seen := make(map[CaseRef]bool, len(rows))
	zone := s.Location()
	for _, row := range rows {
		n := len(faults)
		add := func(field, value string, why Why) {
			faults = append(faults, Fault{Row: row.Row, Field: field, Value: value, Why: why})
		}
		var a Answer
		if f := acceptCase(Submission{CaseNumber: row.CaseNumber, Stage: row.Stage, VisitSecret: row.Secret}, &a); f != nil {
			add(f[0].Field, "", f[0].Why)
		} else if a.Case.Number == "" {
			add("case_number", "", WhyMissing)
		} else if seen[a.Case] {
			add("case_number", row.CaseNumber, WhyRepeated)
		}
		seen[a.Case] = true
		if p, ok := places.Place(row.Window); !ok || p.Kind != Window {
			add("window", row.Window, WhyNotWindow)
		} else if !s.Candidate(row.Window) {
			add("window", row.Window, WhyNotCandidate)
		}
		if why := nameFault(row.Item); why != "" {
			add("item", row.Item, why)
		}
		finished, ok := parseLocal(row.Finish, zone)
		if !ok {
			add("finished_at", row.Finish, WhyTime)
		} else if finished.Before(s.Opens) || !finished.Before(s.Closes) {
			add("finished_at", row.Finish, WhyOutsideTime)
		}
		consent, known := consents[strings.ToLower(narrow(row.Consent))]
		if !known {
			add("consent", row.Consent, WhyConsent)
		}
		phone := ""
		if consent {
			phone = plainPhone(row.Phone)
		}
		if phone != "" && !phoneLike(phone) {
			add("phone", "", WhyPhoneForm)
		}
		language := strings.ToLower(narrow(row.Language))
		if language != "" && language != "zh" && language != "en" {
			add("language", row.Language, WhyLanguage)
		}
		if len(faults) > n {
			continue
		}
		v := Visit{Survey: s.ID, Case: a.Case, Window: row.Window, Item: Mask(row.Item),
			FinishedAt: finished.UTC().Truncate(time.Millisecond), Day: DayOf(finished, zone)}
		if a.VisitSecret != "" {
			v.Secret = hash(a.VisitSecret)
		}
		if phone != "" {
			sealed, err := seal(v, phone)
			if err != nil {
				add("phone", "", WhyNotSealed)
				continue
			}
			v.Phone, v.Language = &sealed, language
		}
		visits = append(visits, v)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return visits, nil
}

func parseLocal(text string, zone *time.Location) (time.Time, bool) {
	return parseForms(text, visitTimes, zone)
}

func parseForms(text string, forms []string, zone *time.Location) (time.Time, bool) {
	for _, form := range forms {
		if t, err := time.ParseInLocation(form, narrow(text), zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Claim is a response's bid for a case and stage.
type Claim struct {
	Key        Key
	ReceivedAt time.Time
	Proven     bool
	Corrects   bool // asked for instead of an earlier one
	Imported   bool // made elsewhere before
}

// Winner picks the claim that counts for one case and stage: what came in here
// before what was imported, proven before claimed, a correction before what it corrects, then the earliest, then the smallest key so that every engine and
// every run agrees. A citizen's first answer stands, so pressing somebody to
// "rate again" gains nothing.
func Winner(claims []Claim) Key {
	return slices.MinFunc(claims, func(a, b Claim) int {
		switch {
		case a.Imported != b.Imported:
			return first(b.Imported)
		case a.Proven != b.Proven:
			return first(a.Proven)
		case a.Corrects != b.Corrects:
			return first(a.Corrects)
		case !a.ReceivedAt.Equal(b.ReceivedAt):
			return a.ReceivedAt.Compare(b.ReceivedAt)
		}
		return slices.Compare(a.Key[:], b.Key[:])
	}).Key
}

// first orders a before b, or after it.
func first(a bool) int {
	if a {
		return -1
	}
	return 1
}
