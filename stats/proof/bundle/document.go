package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"manyi/stats/export"
	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// Audience is who a publication is for.
type Audience string

// The audiences. What is public has small numbers merged upwards; auditors see all
// fields that were not erased, and every bureau by itself.
const (
	Public  Audience = "public"
	Auditor Audience = "auditor"
)

// Audiences lists the audiences.
var Audiences = [...]Audience{Public, Auditor}

// least is the smallest number told to an audience, besides none.
func (a Audience) least() int64 {
	if a == Auditor {
		return 1
	}
	return 5
}

// Format is the form of a document; another form has another number.
const Format = "manyi publication 1"

// Document is a publication (发布): what was counted up to a checkpoint, and the
// score sheets that follow from it. It has one form, see [Document.Encode].
type Document struct {
	Format   string   `json:"format"`
	ID       string   `json:"id"` // SURVEY/PERIOD/NO
	Audience Audience `json:"audience"`
	No       int      `json:"no"`
	Period   Period   `json:"period"`
	// Corrects is the id of the publication this one stands in for, and Changes is every
	// number that is another one.
	Corrects string        `json:"corrects,omitempty"`
	Changes  []Change      `json:"changes,omitempty"`
	Sample   bool          `json:"sample"`
	AsOf     time.Time     `json:"as_of"`
	Rules    string        `json:"rules"` // version of all that the figures follow from, see export.RulesOf
	Program  string        `json:"program"`
	Key      string        `json:"key"` // of the signer. Whoever checks has to have it from elsewhere
	Survey   survey.Survey `json:"survey"`
	// Checkpoint is the signed state of the logs that everything was counted up to, and
	// Leaves the length of the data log in it.
	Checkpoint string `json:"checkpoint"`
	Leaves     int64  `json:"leaves"`
	// Checkpoints is how many of them the bundle lists: those at which the data log had
	// grown, and the last.
	Checkpoints int `json:"checkpoints"`
	// Outside is how many stored responses of the period are in no number, because
	// they still wait to be appended to the log, and OutsideSteps how many steps of cases
	// of the survey. Both stand on the signature alone. The public is not told of steps:
	// beside a single response that waits they would say that it is a bad one.
	Outside      int64 `json:"outside"`
	OutsideSteps int64 `json:"outside_steps,omitempty"`
	// Apart is the responses of the period that are in no unit, by channel: those made
	// elsewhere.
	Apart map[string]int64 `json:"apart,omitempty"`
	// NotAdopted is how many reviews of the survey, of whatever period, a decision that
	// stands excludes, those of units that do not tell theirs among them.
	NotAdopted int64 `json:"not_adopted"`
	// Superseded is the leaves that do not count because another leaf for the same case
	// does, where it is told which.
	Superseded []int64 `json:"superseded,omitempty"`
	// WrongDeadlines is how many steps in the log set other deadlines than the rules give;
	// cases are counted by the rules. Auditors are told which, and find every one.
	WrongDeadlines int64 `json:"wrong_deadlines,omitempty"`
	// Cases is what auditors recompute the rates of cases with. It is nil for all others,
	// and in publications made before those rates could be recomputed.
	Cases *CaseBasis `json:"cases,omitempty"`
	// Visits says the same of visits.
	Visits *VisitBasis `json:"visits,omitempty"`
	// Instrument is what the evaluations are counted by; nil in publications made before
	// they were counted from the log.
	Instrument *survey.Instrument `json:"instrument,omitempty"`
	// OutsideEvaluations is how many submitted versions of evaluations are in no number,
	// because they wait to be appended to the log.
	OutsideEvaluations int64 `json:"outside_evaluations,omitempty"`
	// Stated names what is not recomputed by verify: see [Document.stated].
	Stated []string `json:"not_recomputed_by_verify"`
	// Names is what the places of the units and the bureaus in them are called, with
	// what they are in.
	Names  map[string]string `json:"names"`
	Units  []sheet.Unit      `json:"units"`
	Sheets []sheet.Sheet     `json:"sheets"`
}

// stated is what of a document is not recomputed by verify, but stands on the signature
// alone: it is not in the log, or not open. Of what follows from it, every number is
// recomputed.
func (d Document) stated() []string {
	waiting, evaluations := []string{"outside"}, "units.evaluations"
	if d.Cases != nil {
		waiting = append(waiting, "outside_steps")
	}
	if d.Instrument != nil {
		waiting, evaluations = append(waiting, "outside_evaluations"), "units.evaluations.unfinished"
	}
	cases, visits := []string{"superseded"}, []string{"units.visits"}
	if d.Visits != nil {
		visits = []string{"visits.outside"}
	}
	if d.Cases != nil {
		cases = append(cases, "cases.workdays", "cases.proven", "cases.beaten")
	} else {
		visits = append(visits, "units.cases.rates")
	}
	if d.Cases == nil && d.WrongDeadlines != 0 { // auditors find every one
		waiting = append(waiting, "wrong_deadlines")
	}
	return slices.Concat(waiting, cases, visits, []string{evaluations, "units.flags", "names"})
}

// statedBefore is the same of publications, for whomever, from before cases were counted
// from the log. They keep to what they say.
var statedBefore = []string{"outside", "superseded", "units.visits", "units.cases", "units.evaluations", "units.flags", "names"}

// before reports whether a document is such a one.
func (d Document) before() bool {
	return d.Cases == nil && d.Instrument == nil && slices.Equal(d.Stated, statedBefore)
}

// casesDay is the day at whose end cases are counted: the last that had ended.
func (d Document) casesDay() survey.Span {
	day := survey.DayOf(d.AsOf, d.Survey.Location()).Plus(-1)
	if day < d.Survey.FirstDay() {
		return 0
	}
	return day
}

// Change is a number that is another one than in the publication corrected.
type Change struct {
	Place string  `json:"place"`
	What  string  `json:"what"` // where it stands, such as counted.qr.n
	Was   float64 `json:"was"`
	Will  float64 `json:"will"`
	Why   string  `json:"why,omitempty"` // see [Explain]
}

// Period is "whole", a year such as "2026", or a month such as "2026-03".
type Period string

// WholePeriod is all of a survey so far.
const WholePeriod Period = "whole"

// ParsePeriod reads a period.
func ParsePeriod(text string) (Period, error) {
	for _, form := range []string{"2006", "2006-01"} {
		if _, err := time.Parse(form, text); err == nil {
			return Period(text), nil
		}
	}
	if text == string(WholePeriod) {
		return WholePeriod, nil
	}
	return "", fmt.Errorf("period %q: want whole, a year such as 2026 or a month such as 2026-03", text)
}

// Periods is what can be published of a survey at a time: the whole, and each year and
// month of it that has begun, the latest first. Before it opens there is none.
func Periods(s survey.Survey, now time.Time) (list []Period) {
	if now.Before(s.Opens) {
		return nil
	}
	zone := s.Location()
	first, last := s.Opens.In(zone), s.Closes.Add(-1).In(zone)
	if now.Before(last) {
		last = now.In(zone)
	}
	list = []Period{WholePeriod}
	for year := last.Year(); year >= first.Year(); year-- {
		list = append(list, Period(strconv.Itoa(year)))
		for m := time.December; m >= time.January; m-- {
			month := time.Date(year, m, 1, 0, 0, 0, 0, zone)
			if !month.After(last) && month.AddDate(0, 1, 0).After(first) {
				list = append(list, Period(month.Format("2006-01")))
			}
		}
	}
	return list
}

// field is the field of a response that proves the period, and what it has to be.
func (p Period) field() (name, value string) {
	switch len(p) {
	case 4:
		return "year", string(p)
	case 7:
		return "month", strings.ReplaceAll(string(p), "-", "")
	}
	return "", ""
}

// Days is the first and the last day of the period; 0 for the survey's ends.
func (p Period) Days() (from, to survey.Span) {
	_, value := p.field()
	n, _ := strconv.Atoi(value)
	switch len(value) {
	case 4:
		return survey.Span(n*10000 + 101), survey.Span(n*10000 + 1231)
	case 6:
		return survey.Span(n).FirstDay(), survey.Span(n).LastDay()
	}
	return 0, 0
}

// Within reports whether a day is in the period.
func (p Period) Within(day survey.Span) bool {
	_, value := p.field()
	return strings.HasPrefix(strconv.Itoa(int(day)), value)
}

// Encode is the document's one form: JSON, indented, with the fields in their order.
func (d Document) Encode() ([]byte, error) {
	doc, err := json.MarshalIndent(d, "", " ")
	return append(doc, '\n'), err
}

// Decode reads a document, and refuses one that is not in its form.
func Decode(body []byte) (Document, error) {
	var d Document
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return d, err
	}
	if again, err := d.Encode(); err != nil || !bytes.Equal(again, body) {
		return d, errors.New("it is not in the form it was written in")
	}
	if d.Format != Format {
		return d, fmt.Errorf("its format is %q; this program reads %q", d.Format, Format)
	}
	if want := docID(d.Survey.ID, d.Period, d.No); d.ID != want {
		return d, fmt.Errorf("its id is %q and should be %q", d.ID, want)
	}
	if !slices.Contains(Audiences[:], d.Audience) {
		return d, fmt.Errorf("its audience is %q; want public or auditor", d.Audience)
	}
	if _, err := ParsePeriod(string(d.Period)); err != nil {
		return d, err
	}
	return d, nil
}

func docID(id string, p Period, no int) string { return fmt.Sprintf("%s/%s/%d", id, p, no) }

// rules is the version of the rules a document names, computed anew.
func (d Document) rules() (string, error) {
	r, err := export.RulesOf(d.Survey, d.Instrument)
	return r.Version, err
}

const publicationHead = "manyi publication 1\n"

// SignDocument signs a document by itself: a note over its id, audience and SHA-256.
func SignDocument(d Document, body []byte, signer proof.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: d.signed(body)}, signer)
}

func (d Document) signed(body []byte) string {
	sum := sha256.Sum256(body)
	return publicationHead + d.ID + " " + string(d.Audience) + "\nsha256 " + hex.EncodeToString(sum[:]) + "\n"
}

// CheckDocument reads a document and checks its signature.
func CheckDocument(body, signature []byte, verifier note.Verifier) (Document, error) {
	d, err := Decode(body)
	if err != nil {
		return d, err
	}
	text, err := openNote(signature, verifier)
	if err == nil && text != d.signed(body) {
		err = errors.New("the signature is over another document")
	}
	return d, err
}

// openNote is the text of a note that one signer signed and nobody else. A note has one
// form here: the format itself allows more signatures, and spare bits in them.
func openNote(signed []byte, verifier note.Verifier) (string, error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return "", err
	}
	again, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err == nil && (len(n.Sigs) != 1 || !strictBase64(n.Sigs[0].Base64) || !bytes.Equal(again, signed)) {
		err = errors.New("the signature is not in the form it was written in")
	}
	return n.Text, err
}

func strictBase64(text string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil
}
