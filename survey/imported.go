package survey

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Why a record made elsewhere was refused.
const (
	WhyFuture       Why = "future"        // later than now
	WhyLevelCode    Why = "level_code"    // a number, and nobody said in which order
	WhyReasonLevel  Why = "reason_level"  // the reason belongs to another level
	WhyImportedElse Why = "imported_else" // imported before with other content
)

// ResponseRow is one line of a list of responses made elsewhere before, as text.
type ResponseRow struct {
	Row                                                              int
	ID, Window, Received, Level, Reasons, Comment, CaseNumber, Stage string
}

// ResponseList is what an import of responses comes to, once no row has a fault.
type ResponseList struct {
	New       []Response
	Unchanged int // imported before
}

// dayForms are the forms of a day without a time.
var dayForms = []string{"2006-1-2", "2006/1/2"}

// parseMoment reads a local time or a local day; a day is its first instant.
// Programs write a day as its midnight, too, so that counts as one.
func parseMoment(text string, zone *time.Location) (at time.Time, isDay, ok bool) {
	if at, ok = parseForms(text, dayForms, zone); !ok {
		at, ok = parseLocal(text, zone)
	}
	return at, ok && at.Equal(DayOf(at, zone).Start(zone)), ok
}

// CheckResponses turns rows into responses of the channel imported, or tells every
// fault. source names where they were made: a response's key follows from it and
// the row's id, so the same file again adds nothing. codes is the order of levels
// given as numbers, nil if only names are taken.
func (s Survey) CheckResponses(ctx context.Context, store ResponseStore, rows []ResponseRow, places *Tree, source string, codes *CodeMap, now time.Time) (ResponseList, Faults, error) {
	var faults Faults
	made := make([]Response, 0, len(rows))
	from := make(map[[FormKeyLen]byte]ResponseRow, len(rows))
	for _, row := range rows {
		r, wrong := s.checkResponse(row, places, codes, now)
		form := s.importForm(source, row.ID)
		if _, again := from[form]; again && !blank(row.ID) {
			wrong = append(wrong, Fault{Row: row.Row, Field: "id", Value: row.ID, Why: WhyRepeated})
		}
		from[form] = row
		if faults = append(faults, wrong...); len(wrong) > 0 {
			continue
		}
		r.Key = r.importKey(form)
		made = append(made, r)
	}
	forms := make([][FormKeyLen]byte, len(made))
	for i, r := range made {
		forms[i] = r.Key.Form()
	}
	stored, err := store.FormKeys(ctx, forms)
	if err != nil {
		return ResponseList{}, nil, err
	}
	var list ResponseList
	for _, r := range made {
		switch key, there := stored[r.Key.Form()]; {
		case !there:
			list.New = append(list.New, r)
		case key == r.Key:
			list.Unchanged++
		default:
			row := from[r.Key.Form()]
			faults = append(faults, Fault{Row: row.Row, Field: "id", Value: row.ID, Why: WhyImportedElse})
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Row, b.Row) })
		return ResponseList{}, faults, nil
	}
	return list, nil, nil
}

func (s Survey) checkResponse(row ResponseRow, places *Tree, codes *CodeMap, now time.Time) (Response, Faults) {
	var faults Faults
	add := func(field, value string, why Why) {
		faults = append(faults, Fault{Row: row.Row, Field: field, Value: value, Why: why})
	}
	if why := nameFault(row.ID); why != "" {
		add("id", row.ID, why)
	}
	if p, ok := places.Place(row.Window); !ok || p.Kind != Window {
		add("window", row.Window, WhyNotWindow)
	} else if !s.Candidate(row.Window) {
		add("window", row.Window, WhyNotCandidate)
	}
	zone := s.Location()
	at, isDay, ok := parseMoment(row.Received, zone)
	if isDay && DayOf(at, zone) == s.FirstDay() {
		at = s.Opens // the survey may open in the course of its first day
	}
	switch {
	case !ok:
		add("received", row.Received, WhyTime)
	case at.Before(s.Opens) || !at.Before(s.Closes):
		add("received", row.Received, WhyOutsideTime)
	case at.After(now):
		add("received", row.Received, WhyFuture)
	}
	level, why := levelOf(row.Level, codes)
	if why != "" {
		add("level", row.Level, why)
		level = VerySatisfied.String() // the rest is checked all the same
	}
	reasons := splitReasons(row.Reasons)
	a, wrong := s.Accept(Submission{Survey: s.ID, Level: level, Reasons: reasons, Comment: row.Comment, CaseNumber: row.CaseNumber, Stage: row.Stage})
	for _, f := range wrong {
		value := ""
		if f.Field == "reason" { // what else is refused may hold what a citizen wrote
			value = row.Reasons
			if f.Why == WhyReasonMissing && len(reasons) > 0 {
				continue // told below
			}
		}
		add(f.Field, value, f.Why)
	}
	if unknown := wrong.On("reason") == WhyReasonUnknown; why == "" && !unknown && len(a.Reasons) < len(slices.Compact(slices.Sorted(slices.Values(reasons)))) {
		add("reason", row.Reasons, WhyReasonLevel)
	}
	if len(faults) > 0 {
		return Response{}, faults
	}
	r := Response{Survey: s.ID, Version: s.Questionnaire.Version, Path: places.Path(row.Window), Channel: ChannelImported,
		Level: a.Level, Reasons: a.Reasons, Comment: a.Comment, Case: a.Case,
		ReceivedAt: at.UTC().Truncate(time.Millisecond), Day: DayOf(at, zone)}
	rand.Read(r.ID[:])
	return r, nil
}

// levelOf is a level's name for what a file says: a name, or a number if its order is known.
func levelOf(text string, codes *CodeMap) (string, Why) {
	n, err := strconv.Atoi(narrow(text))
	switch {
	case text == "":
		return "", WhyLevelMissing
	case err == nil && codes == nil:
		return "", WhyLevelCode
	case err == nil:
		if l, ok := codes.Level(n); ok {
			return l.String(), ""
		}
		return "", WhyLevelUnknown
	}
	if _, ok := ParseLevel(text); !ok {
		return "", WhyLevelUnknown
	}
	return text, ""
}

// splitReasons takes the codes of a cell apart, whatever stands between them.
func splitReasons(text string) []string {
	return strings.FieldsFunc(narrow(text), func(r rune) bool { return strings.ContainsRune(";,、 \t\n", r) })
}

// importForm stands for the form of a response made elsewhere: a record of a
// source is one form. It begins with a time, as all do, the one the survey opens at.
func (s Survey) importForm(source, id string) (form [FormKeyLen]byte) {
	binary.BigEndian.PutUint64(form[:8], uint64(s.Opens.UnixMilli())<<16)
	sum := digestOf("manyi import", s.ID, source, narrow(id))
	copy(form[6:], sum[:])
	return form
}

// importKey joins the form with a digest of the content, by which a record that
// was changed since is told. It needs no secret: all it covers is stored in clear. A
// number that is hidden is not, so a change of its hidden digits alone goes unnoticed.
func (r Response) importKey(form [FormKeyLen]byte) (k Key) {
	sum := digestOf(r.Path.Window(), r.ReceivedAt.Format(time.RFC3339Nano), r.Level.String(), fmt.Sprint(r.Reasons), Mask(r.Comment), r.Case.Number, r.Case.Stage)
	copy(k[:], form[:])
	copy(k[FormKeyLen:], sum[:])
	return k
}

func digestOf(fields ...string) [sha256.Size]byte {
	var b []byte
	for _, f := range fields {
		b = binary.AppendUvarint(b, uint64(len(f)))
		b = append(b, f...)
	}
	return sha256.Sum256(b)
}

// importGroup is how many responses are stored at once.
const importGroup = 5000

// Add stores the list's new responses and returns how many were. hide is what masks a
// comment and seals its original. Each group of
// 5,000 is stored as AddResponses stores it. Cut short in between, the groups before
// stay: the same file again adds the rest, and nothing twice.
func (l ResponseList) Add(ctx context.Context, store ResponseStore, hide func(*Response) error) (added int, err error) {
	for group := range slices.Chunk(l.New, importGroup) {
		for i := range group {
			if err := hide(&group[i]); err != nil {
				return added, err
			}
		}
		stored, err := store.AddResponses(ctx, group)
		if err != nil {
			return added, errors.Join(err, importCut(added > 0))
		}
		for _, is := range stored {
			if is {
				added++
			}
		}
	}
	return added, nil
}

var errImportCut = errors.New("part of the file was stored: import it again to add the rest")

func importCut(some bool) error {
	if some {
		return errImportCut
	}
	return nil
}
