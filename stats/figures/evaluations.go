package figures

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"manyi/stats"
	"manyi/survey"
)

// EvaluationReader is what figures about evaluations need of a store.
type EvaluationReader interface {
	Reader
	survey.InstrumentStore
	Assignments(ctx context.Context, survey string) ([]survey.Assignment, error)
	Evaluations(ctx context.Context, survey, bureau string, yield func(survey.Evaluation) error) error
}

// EvaluationTable is what third-party evaluators found, bureau by bureau.
type EvaluationTable struct {
	AsOf       time.Time            `json:"as_of"`
	Survey     string               `json:"survey"`
	Title      survey.Text          `json:"title"`
	Sample     bool                 `json:"sample"` // demonstration data
	Instrument survey.InstrumentRef `json:"instrument"`
	Gate       float64              `json:"gate"`  // in percent
	Items      int                  `json:"items"` // of the instrument
	Rows       []EvaluationRow      `json:"rows"`  // in code order, every candidate
}

// EvaluationRow is one bureau: what its submitted evaluations come to together.
type EvaluationRow struct {
	Place string `json:"place"`
	Name  string `json:"name"`
	// Submitted evaluations are in the figures; those only begun, and assigned ones
	// nobody began, are Unfinished.
	Submitted  int `json:"submitted"`
	Unfinished int `json:"unfinished"`
	stats.Evaluation
	Evaluators []EvaluatorRow `json:"evaluators"` // by name
	// Agreements of every two evaluators who submitted.
	Agreements []EvaluatorPair `json:"agreements"`
	Interviews Quota           `json:"interviews"`
}

// Quota (配额) is how many interviews about a bureau are wanted and done.
type Quota struct {
	Done   int64 `json:"done"`   // as of the last roll-up
	Wanted int   `json:"wanted"` // 0 if the survey sets no quota
}

// Interviewed counts the interviews about every candidate, of the whole survey, as of the
// last roll-up, beside the survey's quota.
func Interviewed(ctx context.Context, r Reader, s survey.Survey) (map[string]Quota, error) {
	tallies := map[string]*survey.Tally{}
	for _, bureau := range s.Candidates {
		tallies[bureau] = &survey.Tally{}
	}
	q := survey.TallyQuery{Survey: s.ID, Kind: survey.Bureau, From: survey.Whole, To: survey.Whole, Question: survey.Overall}
	err := r.SumTallies(ctx, q, func(b survey.Bucket) *survey.Tally { return tallies[b.Place] })
	quotas := map[string]Quota{}
	for bureau, t := range tallies {
		quotas[bureau] = Quota{int64(stats.Make(*t, 0, s.Rules).Interviews.N), s.Rules.Interviews.PerBureau}
	}
	return quotas, err
}

// EvaluatorRow is one evaluator's part.
type EvaluatorRow struct {
	Evaluator string     `json:"evaluator"`
	Imported  bool       `json:"imported"` // made elsewhere
	Answered  int        `json:"answered"` // items, as they stand now
	Version   int        `json:"version"`  // last submitted; 0 if none
	At        *time.Time `json:"submitted_at"`
	Open      bool       `json:"open"` // being worked on, or not begun
	stats.Evaluation
}

// EvaluatorPair is how far two evaluators agree.
type EvaluatorPair struct {
	A, B string
	stats.Agreement
}

// MarshalJSON writes {"a", "b", "agreement", "kappa"}.
func (p EvaluatorPair) MarshalJSON() ([]byte, error) {
	k, ok := p.Kappa()
	out := struct {
		A     string      `json:"a"`
		B     string      `json:"b"`
		Same  stats.Ratio `json:"agreement"`
		Kappa *float64    `json:"kappa"`
	}{A: p.A, B: p.B, Same: p.Same}
	if ok {
		out.Kappa = &k
	}
	return json.Marshal(out)
}

// LoadEvaluations returns what the evaluations of a survey come to now, of the
// bureaus at or under a place (all if it is empty).
func LoadEvaluations(ctx context.Context, r EvaluationReader, s survey.Survey, tree *survey.Tree, within string, now time.Time) (EvaluationTable, error) {
	i, err := s.Instrument(ctx, r)
	if err != nil {
		return EvaluationTable{}, err
	}
	t := EvaluationTable{AsOf: now.In(s.Location()).Truncate(time.Second), Survey: s.ID, Title: s.Title, Sample: s.Sample, Instrument: i.InstrumentRef, Gate: i.Gate, Items: len(i.Items), Rows: []EvaluationRow{}}
	byBureau := map[string]map[string]survey.EvaluationState{} // and evaluator
	put := func(bureau, evaluator string, state survey.EvaluationState) {
		if byBureau[bureau] == nil {
			byBureau[bureau] = map[string]survey.EvaluationState{}
		}
		byBureau[bureau][evaluator] = state
	}
	assigned, err := r.Assignments(ctx, s.ID)
	if err != nil {
		return t, err
	}
	for _, a := range assigned {
		for _, bureau := range a.Bureaus {
			put(bureau, a.Evaluator, survey.EvaluationState{})
		}
	}
	err = r.Evaluations(ctx, s.ID, "", func(e survey.Evaluation) error {
		put(e.Bureau, e.Evaluator, e.State())
		return nil
	})
	if err != nil {
		return t, err
	}
	interviews, err := Interviewed(ctx, r, s)
	if err != nil {
		return t, err
	}
	candidates := slices.Clone(s.Candidates)
	slices.Sort(candidates)
	for _, bureau := range candidates {
		if within == "" || tree.Within(bureau, within) {
			p, _ := tree.Place(bureau)
			row := evaluationRow(i, p, byBureau[bureau])
			row.Interviews = interviews[bureau]
			t.Rows = append(t.Rows, row)
		}
	}
	return t, nil
}

func evaluationRow(i survey.Instrument, p survey.Place, states map[string]survey.EvaluationState) EvaluationRow {
	row := EvaluationRow{Place: p.Code, Name: p.Name, Evaluators: []EvaluatorRow{}, Agreements: []EvaluatorPair{}}
	var names []string
	for name := range states {
		names = append(names, name)
	}
	slices.Sort(names)
	var counted []string
	var answers []map[string]survey.Judgement
	for _, name := range names {
		s := states[name]
		one := EvaluatorRow{Evaluator: name, Imported: survey.EvaluationID{Evaluator: name}.Imported(), Answered: len(s.Answers), Version: s.SubmittedVersion, Open: !s.Locked}
		if !s.Locked {
			row.Unfinished++
		}
		if s.SubmittedVersion > 0 {
			at := s.SubmittedAt
			one.At = &at
			one.Evaluation = stats.MakeEvaluation(i, s.Submitted)
			row.Submitted++
			for n, other := range counted {
				row.Agreements = append(row.Agreements, EvaluatorPair{other, name, stats.NewAgreement(answers[n], s.Submitted)})
			}
			counted, answers = append(counted, name), append(answers, s.Submitted)
		} else {
			one.Evaluation = stats.MakeEvaluation(i)
		}
		row.Evaluators = append(row.Evaluators, one)
	}
	row.Evaluation = stats.MakeEvaluation(i, answers...)
	return row
}
