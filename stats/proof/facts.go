package proof

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"manyi/survey"
)

// Tags are keyed names: equal for the same thing, and nobody without the key can
// tell what they stand for.
type Tags interface {
	// CaseTag names a served case and its stage in a survey; empty for none.
	CaseTag(id string, c survey.CaseRef) string
	// FactTag names a response.
	FactTag(key survey.Key) string
	// EvaluationTag names one evaluator's work on one bureau.
	EvaluationTag(id survey.EvaluationID) string
}

// OfResponse is the record of a response. The comment is committed to, but neither
// its value nor its salt is kept here: it stands in the response alone, and nobody is
// given an opening of it.
func OfResponse(r survey.Response, tags Tags) Record {
	answers, _ := json.Marshal(r.Answers) // levels are numbers
	reasons, _ := json.Marshal(r.Reasons)
	return newRecord(survey.FactResponse, map[string]string{
		"survey": r.Survey, "year": strconv.Itoa(int(r.Day) / 10000), "month": strconv.Itoa(int(r.Day) / 100),
		"city": CityOf(r.Path), "bureau": survey.BureauOf(r.Path.Window()), "channel": r.Channel.String(),
		"good": strconv.FormatBool(!r.Level.Bad()), "level": r.Level.String(),
		"case": tags.CaseTag(r.Survey, r.Case), "tag": tags.FactTag(r.Key), "corrects": strconv.FormatBool(r.Corrects),
		"id": fmt.Sprintf("%x", r.ID[:]), "day": strconv.Itoa(int(r.Day)), "at": instant(r.ReceivedAt), "path": r.Path.String(),
		"version": strconv.Itoa(r.Version), "answers": string(answers), "reasons": string(reasons), "comment": r.Comment,
		"flags": strconv.Itoa(int(r.Flags)), "anonymous": strconv.FormatBool(r.Anonymous),
	}).Erase("comment")
}

// OfStep is the record of one step of a case. As with comments, what was written in
// free words is committed to and not kept.
func OfStep(c survey.Case, e survey.Entry, zone *time.Location, tags Tags) Record {
	clock := ""
	if e.Clock != nil {
		clock = fmt.Sprintf("%d %d %d %s", e.Clock.Contact, e.Clock.Rectify, e.Clock.Callback, e.Clock.Calendar)
	}
	return newRecord(survey.FactStep, map[string]string{
		"survey": c.Response.Survey, "step": string(e.Step), "no": strconv.Itoa(e.No), "response": tags.FactTag(c.Response.Key),
		"day": strconv.Itoa(int(survey.DayOf(e.At, zone))), "at": instant(e.At), "recorded": instant(e.Recorded), "by": e.By,
		"party": string(e.Party), "outcome": string(e.Outcome), "ground": string(e.Ground), "days": strconv.Itoa(e.Days),
		"level": e.Level.String(), "note": e.Note, "photos": strings.Join(e.Photos, " "), "clock": clock,
	}).Erase("note")
}

// OfVisits is the record of visits of one window on one day. Each is there by its case's
// tag, so auditors can tell which responses belong to it, and by its No: if two records
// name the same visit, the higher number stands, and with the same number they say the
// same. So a list cut short and noted again, in one record with others or by itself,
// counts nobody twice.
func OfVisits(visits []survey.VisitFact, tags Tags) Record {
	first := visits[0]
	names := make([]string, len(visits))
	for i, v := range visits {
		names[i] = tags.CaseTag(v.Survey, v.Case) + "." + strconv.Itoa(v.No)
	}
	slices.Sort(names)
	day := int(first.Day)
	return newRecord(survey.FactVisits, map[string]string{
		"survey": first.Survey, "year": strconv.Itoa(day / 10000), "month": strconv.Itoa(day / 100), "bureau": survey.BureauOf(first.Window),
		"day": strconv.Itoa(day), "window": first.Window, "visits": strings.Join(names, " "),
	})
}

// ReadVisits calls yield for each visit that a field of [OfVisits] names.
func ReadVisits(field string, yield func(tag string, no int) error) error {
	for name := range strings.SplitSeq(field, " ") {
		tag, number, _ := strings.Cut(name, ".")
		no, err := strconv.Atoi(number)
		if err != nil || tag == "" || no < 1 || no > math.MaxUint16 || strconv.Itoa(no) != number {
			return fmt.Errorf("visit %q is none", name)
		}
		if err := yield(tag, no); err != nil {
			return err
		}
	}
	return nil
}

// OfEvaluation is the record of a version of an evaluation, in the state it was submitted
// in. It names the instrument by its hash, so that no weight can be another one later.
// Notes are committed to and not kept, as with steps.
func OfEvaluation(id survey.EvaluationID, s survey.EvaluationState, i survey.Instrument, zone *time.Location, tags Tags) Record {
	notes, photos := map[string]string{}, map[string][]string{} // by item
	for item, a := range s.Submitted {
		if a.Note != "" {
			notes[item] = a.Note
		}
		if len(a.Photos) > 0 {
			photos[item] = a.Photos
		}
	}
	text := func(v any) string {
		doc, _ := json.Marshal(v) // strings in lists and maps
		return string(doc)
	}
	return newRecord(survey.FactEvaluation, map[string]string{
		"survey": id.Survey, "bureau": id.Bureau, "evaluation": tags.EvaluationTag(id), "version": strconv.Itoa(s.SubmittedVersion),
		"imported": strconv.FormatBool(id.Imported()), "instrument": i.SHA256(), "findings": text(i.Findings(s.Submitted)),
		"evaluator": id.Evaluator, "day": strconv.Itoa(int(survey.DayOf(s.SubmittedAt, zone))), "at": instant(s.SubmittedAt),
		"notes": text(notes), "photos": text(photos),
	}).Erase("notes")
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// CityOf is the city a window's path leads through; empty if there is none.
func CityOf(path survey.Path) string {
	for _, code := range path {
		if len(code) == 6 && strings.HasSuffix(code, "00") && !strings.HasSuffix(code, "0000") {
			return code
		}
	}
	return ""
}

// ResponseGroup and StepGroup name what may stand together in a batch. Responses
// stand with those of their own bureau: of a batch of many bureaus the few of a small
// one could be told apart by the bureau alone.
func ResponseGroup(r survey.Response) string {
	return strings.Join([]string{"response", r.Survey, survey.BureauOf(r.Path.Window())}, "/")
}

// VisitGroup is the group of the visits of a survey. They need not stand with others:
// nobody but auditors is told which visits a leaf is of.
func VisitGroup(id string) string { return strings.Join([]string{"visits", id}, "/") }

// StepGroup is the group of the steps of a case.
func StepGroup(id string) string { return strings.Join([]string{"step", id}, "/") }

// EvaluationGroup is the group of the evaluations of a survey. They wait for no others: no
// citizen is behind them.
func EvaluationGroup(id string) string { return strings.Join([]string{"evaluation", id}, "/") }

// GroupSurvey is the survey a group is of.
func GroupSurvey(group string) string {
	_, rest, _ := strings.Cut(group, "/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}
