package survey

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Finding is what an evaluator says of an item.
type Finding string

// The findings. A veto item that is met rules the bureau out.
const (
	FindingMet           Finding = "met"            // 符合
	FindingNotMet        Finding = "not_met"        // 不符合
	FindingNotApplicable Finding = "not_applicable" // 不适用
)

// Findings lists the findings.
var Findings = [...]Finding{FindingMet, FindingNotMet, FindingNotApplicable}

// EvaluationStep is what an entry of an evaluation does.
type EvaluationStep string

// The steps.
const (
	StepAnswered  EvaluationStep = "answered"  // of one item; a later answer takes its place
	StepSubmitted EvaluationStep = "submitted" // which locks
	StepRevised   EvaluationStep = "revised"   // a new version begins, for a reason
)

// EvaluationEntry is one thing an evaluator did. Entries are only ever added.
type EvaluationEntry struct {
	No      int            `json:"no"`  // from 1, without a gap
	Key     string         `json:"key"` // the sender's: what is sent again under it counts once
	Step    EvaluationStep `json:"step"`
	At      time.Time      `json:"at"` // it came in, UTC
	Item    string         `json:"item,omitempty"`
	Finding Finding        `json:"finding,omitempty"`
	// Values are what was measured, one for each threshold of the item, as decimal
	// digits; empty where a measure does not apply. None if nothing was measured.
	Values []string `json:"values,omitempty"`
	Note   string   `json:"note,omitempty"`   // of StepRevised: the reason
	Photos []string `json:"photos,omitempty"` // names of attachments, see [PhotoName]
}

// EvaluationID names an evaluation: one evaluator's work on one bureau.
type EvaluationID struct {
	Survey    string `json:"survey"`
	Bureau    string `json:"bureau"`
	Evaluator string `json:"evaluator"` // account, or [ImportedBy] and the name in the file
}

// Imported reports whether the scores were made elsewhere.
func (id EvaluationID) Imported() bool { return strings.HasPrefix(id.Evaluator, ImportedBy) }

// Evaluation is one evaluator's work on one bureau (现场评估).
type Evaluation struct {
	EvaluationID
	Entries []EvaluationEntry
}

// Judgement is what stands for an item: its last answer, and the photos of all.
type Judgement struct {
	Finding Finding
	Values  []string
	Note    string
	Photos  []string
	At      time.Time
}

// EvaluationState is where an evaluation stands, as its entries say.
type EvaluationState struct {
	Version int                  // being worked on, or last submitted
	Locked  bool                 // submitted, and not revised since
	Answers map[string]Judgement // by the item's number
	// Submitted is the answers of the last version that was submitted, and
	// SubmittedVersion its number: 0 if none was yet. A version being revised changes
	// no figure before it is submitted.
	Submitted        map[string]Judgement
	SubmittedVersion int
	SubmittedAt      time.Time
}

// State follows from the entries.
func (e Evaluation) State() EvaluationState {
	s := EvaluationState{Version: 1, Answers: map[string]Judgement{}}
	for _, entry := range e.Entries {
		switch entry.Step {
		case StepAnswered:
			photos := slices.Clone(s.Answers[entry.Item].Photos)
			for _, p := range entry.Photos {
				if !slices.Contains(photos, p) {
					photos = append(photos, p)
				}
			}
			s.Answers[entry.Item] = Judgement{entry.Finding, entry.Values, entry.Note, photos, entry.At}
		case StepSubmitted:
			s.Locked, s.SubmittedVersion, s.SubmittedAt = true, s.Version, entry.At
			s.Submitted = make(map[string]Judgement, len(s.Answers))
			for item, a := range s.Answers {
				s.Submitted[item] = a
			}
		case StepRevised:
			s.Locked = false
			s.Version++
		}
	}
	return s
}

// Open lists the items without an answer, in the instrument's order.
func (s EvaluationState) Open(i Instrument) (open []string) {
	for _, item := range i.Items {
		if _, ok := s.Answers[item.Number]; !ok {
			open = append(open, item.Number)
		}
	}
	return open
}

// Has reports whether an entry was sent under a key.
func (e Evaluation) Has(key string) bool {
	return slices.ContainsFunc(e.Entries, func(x EvaluationEntry) bool { return x.Key == key })
}

// HasPhoto reports whether an entry names an attachment.
func (e Evaluation) HasPhoto(name string) bool {
	return slices.ContainsFunc(e.Entries, func(x EvaluationEntry) bool { return slices.Contains(x.Photos, name) })
}

// MaxEvaluationEntries bounds one evaluation: nobody changes their mind this often.
const MaxEvaluationEntries = 5000

// ErrSubmitted means that the evaluation is locked: begin a new version, with a reason.
var ErrSubmitted = errors.New("evaluation was submitted")

// Why an entry of an evaluation was refused.
const (
	WhyEntryKey       Why = "entry_key"
	WhyEvaluationStep Why = "evaluation_step"
	WhyItemUnknown    Why = "item_unknown"
	WhyFinding        Why = "finding"
	WhyValue          Why = "value"
	WhyValues         Why = "values"
	WhyBelow          Why = "below_threshold"
	WhyUnanswered     Why = "unanswered"
	WhyReason         Why = "revision_reason"
	WhyEntries        Why = "too_many_entries"
	WhyNotSubmitted   Why = "not_submitted"
)

var entryKey = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// Take makes the entry that comes next, or says why it may not. Errors: Faults,
// ErrSubmitted.
func (e Evaluation) Take(i Instrument, now time.Time, want EvaluationEntry) (EvaluationEntry, error) {
	state := e.State()
	made := EvaluationEntry{No: len(e.Entries) + 1, Key: want.Key, Step: want.Step, At: now.UTC().Truncate(time.Millisecond),
		Note: evaluationNote(want.Note)}
	var faults Faults
	add := func(field, value string, why Why) {
		faults = append(faults, Fault{Field: field, Value: value, Why: why})
	}
	if !entryKey.MatchString(want.Key) {
		add("key", want.Key, WhyEntryKey)
	}
	if made.No > MaxEvaluationEntries {
		add("key", "", WhyEntries)
	}
	if runes(made.Note) > MaxNote {
		add("note", "", WhyNoteTooLong)
	} else if badText(made.Note) {
		add("note", "", WhyBadText)
	}
	switch want.Step {
	case StepAnswered:
		if state.Locked {
			return made, ErrSubmitted
		}
		item, ok := i.Item(want.Item)
		if !ok {
			add("item", want.Item, WhyItemUnknown)
			return made, faults
		}
		made.Item, made.Photos = want.Item, want.Photos
		var unfit Faults
		made.Finding, made.Values, unfit = item.judge(want.Finding, want.Values)
		faults = append(faults, unfit...)
		if made.Finding == "" && unfit == nil {
			add("finding", string(want.Finding), WhyFinding)
		}
		for _, p := range want.Photos {
			if _, err := ParsePhoto(p); err != nil {
				add("photos", p, WhyPhotoName)
			}
		}
		if n := len(slices.Compact(slices.Sorted(slices.Values(slices.Concat(state.Answers[want.Item].Photos, want.Photos))))); n > MaxPhotos {
			add("photos", "", WhyPhotos)
		}
	case StepSubmitted:
		if state.Locked {
			return made, ErrSubmitted
		}
		for _, item := range state.Open(i) {
			add("item", item, WhyUnanswered)
		}
	case StepRevised:
		if !state.Locked {
			add("step", string(want.Step), WhyNotSubmitted)
		}
		if made.Note == "" {
			add("note", "", WhyReason)
		}
	default:
		add("step", string(want.Step), WhyEvaluationStep)
	}
	return made, faults.Err()
}

// evaluationNote is a note as it is kept: with no citizen's phone or number in it.
func evaluationNote(text string) string { return Mask(strings.TrimSpace(cleanLines(text))) }

// judge checks a finding against the values measured. Without a finding, complete
// values give it. An item whose values miss a threshold cannot be met; one whose
// values reach it may still not be, as titles ask for more than the number.
func (i Item) judge(f Finding, values []string) (Finding, []string, Faults) {
	var faults Faults
	given := false
	clean := make([]string, len(values))
	holds := true
	for n, text := range values {
		if clean[n] = narrow(text); clean[n] == "" {
			continue
		}
		given = true
		v, err := parseNumber(strings.TrimRight(clean[n], "%"))
		clean[n] = strings.TrimRight(clean[n], "%")
		if err != nil || i.Kind == ItemPercentage && v > 100 {
			faults = append(faults, Fault{Field: fmt.Sprint("value", n+1), Value: text, Why: WhyValue})
			continue
		}
		if n < len(i.Thresholds) && !i.Thresholds[n].Holds(v) {
			holds = false
		}
	}
	if f != "" && !slices.Contains(Findings[:], f) {
		faults = append(faults, Fault{Field: "finding", Value: string(f), Why: WhyFinding})
	}
	measured := len(i.Thresholds) > 0
	switch {
	case faults != nil:
	case given && len(values) != len(i.Thresholds) || given && f == FindingNotApplicable:
		faults = append(faults, Fault{Field: "value1", Value: strings.Join(clean, ";"), Why: WhyValues})
	case !given && f == FindingMet && measured:
		faults = append(faults, Fault{Field: "value1", Why: WhyValue})
	case given && f == FindingMet && !holds:
		faults = append(faults, Fault{Field: "value1", Value: strings.Join(clean, ";"), Why: WhyBelow})
	case given && f == "" && holds:
		f = FindingMet
	case given && f == "":
		f = FindingNotMet
	}
	if !given {
		clean = nil
	}
	return f, clean, faults
}

// Assignment is the bureaus an evaluator was given in a survey.
type Assignment struct {
	Survey    string   `json:"survey"`
	Evaluator string   `json:"evaluator"`
	Bureaus   []string `json:"bureaus"` // in code order
}

// EvaluationStore keeps evaluations and who was given which bureau.
type EvaluationStore interface {
	// PutAssignment stores an evaluator's bureaus in place of those before.
	PutAssignment(ctx context.Context, a Assignment) error
	// Assignments returns the assignments of a survey, of all if it is empty, by
	// survey and evaluator. One without bureaus is left out.
	Assignments(ctx context.Context, survey string) ([]Assignment, error)
	// AddEvaluationEntries adds entries, numbered on from those that are there, all
	// or none. ErrExists if the first number is not the next: somebody was faster,
	// and the evaluation has to be looked at again.
	AddEvaluationEntries(ctx context.Context, id EvaluationID, made []EvaluationEntry) error
	// AddEvaluations is AddEvaluationEntries of several evaluations. ErrExists, and
	// nothing is stored, if one is not where its entries go on from. The embedded engine
	// stores all or none. MongoDB is used without transactions: it looks at all of them
	// first, and then stores one after the other, each whole. Stopped in between, or
	// overtaken by somebody after the look, it leaves those it had come to, and who
	// called looks again and adds what is missing.
	AddEvaluations(ctx context.Context, groups []EvaluationGroup) error
	// Evaluation returns an evaluation; one nobody began has no entries.
	Evaluation(ctx context.Context, id EvaluationID) (Evaluation, error)
	// Evaluations calls yield for every evaluation that was begun: those of a survey,
	// of all if it is empty, and of a bureau if one is named; by survey, bureau and
	// evaluator. It stops at yield's first error.
	Evaluations(ctx context.Context, survey, bureau string, yield func(Evaluation) error) error
}

// Assigned reports whether an evaluator was given a bureau.
func Assigned(list []Assignment, id EvaluationID) bool {
	return slices.ContainsFunc(list, func(a Assignment) bool {
		return a.Survey == id.Survey && a.Evaluator == id.Evaluator && slices.Contains(a.Bureaus, id.Bureau)
	})
}

// Assign gives an evaluator bureaus of a survey, in place of those before. Errors: Faults.
func Assign(ctx context.Context, store EvaluationStore, s Survey, evaluator User, bureaus []string) error {
	var faults Faults
	if evaluator.Role != Evaluator {
		faults = append(faults, Fault{Field: "evaluator", Value: evaluator.Name, Why: WhyNotEvaluator})
	}
	for _, b := range bureaus {
		if !slices.Contains(s.Candidates, b) {
			faults = append(faults, Fault{Field: "bureaus", Value: b, Why: WhyBureau})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(bureaus)))
	return store.PutAssignment(ctx, Assignment{s.ID, evaluator.Name, sorted})
}

// Why an assignment was refused.
const (
	WhyNotEvaluator Why = "not_evaluator"
	WhyBureau       Why = "bureau_not_rated"
)

// AddEvaluationEntry adds an entry to an evaluation, once: under a key that is there already
// nothing changes. It returns the evaluation as it is then. Evaluations may run on
// after the survey closes. Errors: Faults, ErrSubmitted, ErrNotOpen before the
// survey opens, as its instrument may still change until then.
func AddEvaluationEntry(ctx context.Context, store EvaluationStore, s Survey, i Instrument, id EvaluationID, now time.Time, want EvaluationEntry) (Evaluation, error) {
	if now.Before(s.Opens) {
		return Evaluation{EvaluationID: id}, ErrNotOpen
	}
	for {
		e, err := store.Evaluation(ctx, id)
		if err != nil || e.Has(want.Key) {
			return e, err
		}
		made, err := e.Take(i, now, want)
		if err != nil {
			return e, err
		}
		err = store.AddEvaluationEntries(ctx, id, []EvaluationEntry{made})
		if errors.Is(err, ErrExists) {
			continue // somebody was faster: look again
		}
		e.Entries = append(e.Entries, made)
		return e, err
	}
}
