package survey

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Survey is one satisfaction survey (满意度测评): who is rated, when, by which
// questionnaire and under which rules.
type Survey struct {
	ID            string        `json:"id"` // a-z, 0-9 and -, at most 40
	Title         Text          `json:"title"`
	Zone          string        `json:"zone"`   // IANA name; days and deadlines are local to it
	Opens         time.Time     `json:"opens"`  // first instant of the period
	Closes        time.Time     `json:"closes"` // first instant after it
	Candidates    []string      `json:"candidates"`
	Questionnaire Questionnaire `json:"questionnaire"`
	Rules         Rules         `json:"rules"`
	// Sample marks demonstration data. It is set once, shown on every page and
	// file, and keeps the survey out of anything published.
	Sample bool `json:"sample"`
}

// Rules decide the figures of a survey. They freeze when it opens.
type Rules struct {
	// Weights are the points of the five levels for the mean score, best first.
	Weights [5]float64 `json:"weights"`
	// MinN is the smallest number of counted responses that is ranked.
	MinN int `json:"min_n"`
	// DefaultLevel is what an unrated visit counts as in the default-included
	// figure, and DefaultDays after how many whole local days.
	DefaultLevel Level `json:"default_level"`
	DefaultDays  int   `json:"default_days"`
	// Deadlines are those of the closed loop.
	Deadlines Deadlines `json:"deadlines"`
	// Instrument is what third-party evaluators go by, with its weights; the
	// built-in one if none is named.
	Instrument InstrumentRef `json:"instrument,omitzero"`
	// Composite is what the composite score is made of.
	Composite Composite `json:"composite,omitzero"`
	// Interviews is what interviews by a third party count for.
	Interviews Interviews `json:"interviews,omitzero"`
}

// Composite is the weights of the composite score (综合得分), which sum to 1. The zero
// value is none: no notice fixes weights, so a survey that names none has no such score.
type Composite struct {
	Satisfaction float64 `json:"satisfaction"` // of the satisfaction rate, times 100
	Evaluation   float64 `json:"evaluation"`   // of the score of third-party evaluators
}

// Set reports whether there are weights.
func (c Composite) Set() bool { return c != Composite{} }

// fits allows sums that decimal fractions miss in binary, such as 0.7 + 0.2 + 0.1.
func (c Composite) fits() bool {
	return !c.Set() || c.Satisfaction >= 0 && c.Evaluation >= 0 && math.Abs(c.Satisfaction+c.Evaluation-1) < 1e-9
}

// DefaultRules are the settings used where a survey names none: weights 10/8/6/3/0,
// ranks from 30 responses, an unrated visit counts as 满意 after 7 days, and the
// default deadlines.
func DefaultRules() Rules {
	return Rules{Weights: [5]float64{10, 8, 6, 3, 0}, MinN: 30, DefaultLevel: Satisfied, DefaultDays: 7, Deadlines: DefaultDeadlines()}
}

// Why a survey was refused.
const (
	WhySurveyID    Why = "survey_id"
	WhyZone        Why = "zone"
	WhyPeriod      Why = "period"
	WhyNoCandidate Why = "no_candidate"
	WhyNotBureau   Why = "not_bureau"
	WhyWeights     Why = "weights"
	WhyMinN        Why = "min_n"
	WhyDefault     Why = "default_rule"
	WhyDeadlines   Why = "deadlines"
	WhyComposite   Why = "composite"
)

var surveyID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Check returns every fault of a survey against the places it names.
func (s Survey) Check(places *Tree) (faults Faults) {
	add := func(field, value string, why Why) {
		faults = append(faults, Fault{Field: field, Value: value, Why: why})
	}
	if !surveyID.MatchString(s.ID) {
		add("id", s.ID, WhySurveyID)
	}
	if s.Title.Zh == "" {
		add("title", "", WhyMissing)
	}
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "" {
		add("zone", s.Zone, WhyZone)
	}
	if !s.Opens.Before(s.Closes) {
		add("closes", s.Closes.Format(time.RFC3339), WhyPeriod)
	}
	if len(s.Candidates) == 0 {
		add("candidates", "", WhyNoCandidate)
	}
	for _, code := range s.Candidates {
		if p, ok := places.Place(code); !ok || p.Kind != Bureau {
			add("candidates", code, WhyNotBureau)
		}
	}
	bestFirst := func(a, b float64) int { return cmp.Compare(b, a) }
	if !slices.IsSortedFunc(s.Rules.Weights[:], bestFirst) || s.Rules.Weights[4] < 0 {
		add("rules.weights", fmt.Sprint(s.Rules.Weights), WhyWeights)
	}
	if s.Rules.MinN < 1 {
		add("rules.min_n", fmt.Sprint(s.Rules.MinN), WhyMinN)
	}
	if s.Rules.DefaultDays < 0 || s.Rules.DefaultLevel < VerySatisfied || s.Rules.DefaultLevel.Bad() {
		add("rules.default_level", s.Rules.DefaultLevel.String(), WhyDefault)
	}
	if d := s.Rules.Deadlines; min(d.Contact, d.Rectify, d.Callback) < 1 || max(d.Contact, d.Rectify, d.Callback) > MaxDeadline {
		add("rules.deadlines", fmt.Sprint(d), WhyDeadlines)
	}
	if r := s.Rules.Instrument; r != (InstrumentRef{}) && (!surveyID.MatchString(r.ID) || r.Version < 1) {
		add("rules.instrument", r.String(), WhyInstrumentID)
	}
	if n := s.Rules.Interviews.PerBureau; n < 0 || n > MaxPerBureau {
		add("rules.interviews.per_bureau", fmt.Sprint(n), WhyPerBureau)
	}
	if share := s.Rules.Interviews.Recheck; !(share >= 0 && share <= 1) {
		add("rules.interviews.recheck", fmt.Sprint(share), WhyRecheckShare)
	}
	if c := s.Rules.Composite; !c.fits() {
		add("rules.composite", fmt.Sprintf("%v + %v", c.Satisfaction, c.Evaluation), WhyComposite)
	}
	return faults
}

// zones keeps loaded zones: the library reads a file each time, and every
// response asks for its local day.
var zones sync.Map

// Location is the survey's zone. Check has refused zones that do not load.
func (s Survey) Location() *time.Location {
	if loc, ok := zones.Load(s.Zone); ok {
		return loc.(*time.Location)
	}
	loc, err := time.LoadLocation(s.Zone)
	if err != nil {
		return time.UTC
	}
	zones.Store(s.Zone, loc)
	return loc
}

// FirstDay and LastDay bound the period in local days.
func (s Survey) FirstDay() Span { return DayOf(s.Opens, s.Location()) }

// LastDay is the local day of the period's last instant.
func (s Survey) LastDay() Span { return DayOf(s.Closes.Add(-time.Millisecond), s.Location()) }

// Candidate reports whether a place belongs to a bureau the survey rates.
func (s Survey) Candidate(code string) bool {
	return slices.Contains(s.Candidates, BureauOf(code))
}

// Accepting says whether the survey takes a response at an instant: nil,
// ErrNotOpen or ErrClosed.
func (s Survey) Accepting(now time.Time) error {
	switch {
	case now.Before(s.Opens):
		return ErrNotOpen
	case !now.Before(s.Closes):
		return ErrClosed
	}
	return nil
}

// Revise returns the survey changed to next, if it may still change: once it
// has opened, its period may be extended and nothing else, because figures
// already follow from the rest.
func (s Survey) Revise(next Survey, now time.Time) (Survey, error) {
	if s.ID != next.ID || s.Sample != next.Sample {
		return s, ErrFrozen
	}
	if now.Before(s.Opens) {
		return next, nil
	}
	frozen := s
	frozen.Closes = next.Closes
	if next.Closes.Before(s.Closes) || !frozen.equal(next) {
		return s, ErrFrozen
	}
	return frozen, nil
}

func (s Survey) equal(o Survey) bool {
	return s.ID == o.ID && s.Title == o.Title && s.Zone == o.Zone && s.Opens.Equal(o.Opens) && s.Closes.Equal(o.Closes) &&
		slices.Equal(s.Candidates, o.Candidates) && s.Rules == o.Rules && s.Sample == o.Sample &&
		s.Questionnaire.ID == o.Questionnaire.ID && s.Questionnaire.Version == o.Questionnaire.Version &&
		s.Questionnaire.Overall == o.Questionnaire.Overall &&
		slices.Equal(s.Questionnaire.Questions, o.Questionnaire.Questions) &&
		slices.Equal(s.Questionnaire.Reasons, o.Questionnaire.Reasons)
}

// WindowCode is what the signed code at a window stands for. Revoking one code
// leaves all others good; a window may be given a new one at any time.
type WindowCode struct {
	Serial    uint32
	Survey    string
	Window    string
	IssuedAt  time.Time
	RevokedAt time.Time // zero while in force
}

// Revoked reports whether the code was taken out of use.
func (c WindowCode) Revoked() bool { return !c.RevokedAt.IsZero() }
