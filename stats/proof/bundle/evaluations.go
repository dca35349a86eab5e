package bundle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"manyi/stats"
	"manyi/stats/figures"
	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// The fields of an evaluation's leaf. Nothing of a citizen is in them, so the public is
// shown what was found item by item; who the evaluator is, and when, only auditors are.
var (
	evaluationSurvey     = evaluation.field("survey")
	evaluationBureau     = evaluation.field("bureau")
	evaluationTag        = evaluation.field("evaluation")
	evaluationVersion    = evaluation.field("version")
	evaluationImported   = evaluation.field("imported")
	evaluationInstrument = evaluation.field("instrument")
	evaluationFindings   = evaluation.field("findings")
	evaluationEvaluator  = evaluation.field("evaluator")

	publicEvaluation  = evaluation.fields("survey", "bureau", "evaluation", "version", "imported", "instrument", "findings")
	auditorEvaluation = publicEvaluation | evaluation.fields("evaluator", "day", "at")
)

const evaluation = kindOf(survey.FactEvaluation)

// kindOf names fields of a kind.
type kindOf survey.FactKind

func (k kindOf) field(name string) proof.Field { return proof.FieldOf(survey.FactKind(k), name) }
func (k kindOf) fields(names ...string) proof.Fields {
	return proof.FieldsOf(survey.FactKind(k), names...)
}

// judged is a submitted version of an evaluation, as its leaf tells it.
type judged struct {
	tag, who mark // who is nought where the evaluator is not open
	bureau   string
	version  int
	findings []survey.Finding // in the instrument's order
}

// judgedText is the fields of an evaluation that count.
type judgedText struct{ bureau, evaluation, version, imported, instrument, findings, evaluator string }

// evaluationBook holds the submitted versions of evaluations, which may come in any order,
// and counts the last of each. It is the same for who publishes and who checks.
type evaluationBook struct {
	survey     *survey.Survey
	instrument survey.Instrument
	hash       string
	of         map[mark]*versions
	by         map[mark]mark // evaluations by bureau and evaluator, where these are open
	n          int64
}

// versions is what is logged of one evaluator's work on one bureau.
type versions struct {
	last judged
	at   map[int]int64 // leaf of each version
}

func newEvaluationBook(s *survey.Survey, i *survey.Instrument) *evaluationBook {
	if i == nil {
		return nil
	}
	return &evaluationBook{survey: s, instrument: *i, hash: i.SHA256(), of: map[mark]*versions{}, by: map[mark]mark{}}
}

// read reads a version. It changes nothing, so several may be read at a time.
func (b *evaluationBook) read(text judgedText) (*judged, error) {
	if b == nil {
		return nil, errors.New("it is an evaluation of the survey, and the document names no instrument to count it with")
	}
	j := &judged{tag: markOf([]byte(text.evaluation)), bureau: text.bureau}
	var err error
	if j.version, err = strconv.Atoi(text.version); err != nil || j.version < 1 || strconv.Itoa(j.version) != text.version {
		return nil, fmt.Errorf("version %q of an evaluation is none", text.version)
	}
	switch {
	case j.tag == mark{}:
		return nil, errors.New("it does not say whose evaluation it is")
	case !b.survey.Candidate(text.bureau):
		return nil, fmt.Errorf("it is of bureau %q, which is no candidate", text.bureau)
	case text.instrument != b.hash:
		return nil, fmt.Errorf("it was made by the instrument with the hash %s, and the document's has %s", text.instrument, b.hash)
	}
	if imported, err := strconv.ParseBool(text.imported); err != nil || strconv.FormatBool(imported) != text.imported ||
		text.evaluator != "" && imported != (survey.EvaluationID{Evaluator: text.evaluator}).Imported() {
		return nil, fmt.Errorf("whether it was made elsewhere cannot be %q", text.imported)
	}
	if text.evaluator != "" {
		j.who = markOf([]byte(text.bureau + "\n" + text.evaluator))
	}
	var list []survey.ItemFinding
	if err := json.Unmarshal([]byte(text.findings), &list); err != nil {
		return nil, fmt.Errorf("its findings: %w", err)
	}
	if again, err := json.Marshal(list); err != nil || string(again) != text.findings {
		return nil, errors.New("its findings are not in the form they were written in")
	}
	if err := b.instrument.CheckFindings(list); err != nil {
		return nil, err
	}
	for _, f := range list {
		at := slices.Index(survey.Findings[:], f.Finding)
		j.findings = append(j.findings, survey.Findings[at])
	}
	return j, nil
}

// add takes in a version, of a leaf.
func (b *evaluationBook) add(j judged, index int64) error {
	v := b.of[j.tag]
	if v == nil {
		v = &versions{at: map[int]int64{}}
		b.of[j.tag] = v
	} else if v.last.bureau != j.bureau || v.last.who != j.who {
		return errors.New("another version of the evaluation is of another bureau or evaluator")
	}
	if j.who != (mark{}) {
		if of, known := b.by[j.who]; known && of != j.tag {
			return errors.New("the evaluator's work on the bureau is in the log as two evaluations")
		}
		b.by[j.who] = j.tag
	}
	if _, twice := v.at[j.version]; twice {
		return fmt.Errorf("version %d of its evaluation is there twice", j.version)
	}
	if v.at[j.version] = index; j.version > v.last.version {
		v.last = j
	}
	b.n++
	return nil
}

// has reports whether a version is in the log.
func (b *evaluationBook) has(tag string, version int) bool {
	v := b.of[markOf([]byte(tag))]
	if v == nil {
		return false
	}
	_, there := v.at[version]
	return there
}

// count is what the last versions come to by bureau. The error is *leafFault, of the first
// leaf that does not hold.
func (b *evaluationBook) count() (map[string]sheet.Evaluation, error) {
	var first *leafFault
	of := map[string][]judged{}
	for _, v := range b.of {
		for no := 1; no <= len(v.at); no++ {
			if _, there := v.at[no]; !there {
				if index := v.at[v.last.version]; first == nil || index < first.index {
					first = &leafFault{index, fmt.Errorf("it is version %d of its evaluation, and version %d is not in the log", v.last.version, no)}
				}
				break
			}
		}
		of[v.last.bureau] = append(of[v.last.bureau], v.last)
	}
	if first != nil {
		return nil, first
	}
	all := map[string]sheet.Evaluation{}
	for bureau, list := range of {
		// Names are not told, so evaluators stand in the order of their tags.
		slices.SortFunc(list, func(x, y judged) int { return bytes.Compare(x.tag[:], y.tag[:]) })
		var answers []map[string]survey.Judgement
		var agreements []sheet.Agreement
		for _, j := range list {
			these := map[string]survey.Judgement{}
			for n, f := range j.findings {
				these[b.instrument.Items[n].Number] = survey.Judgement{Finding: f}
			}
			for _, other := range answers {
				agreements = append(agreements, sheet.AgreementOf(stats.NewAgreement(other, these)))
			}
			answers = append(answers, these)
		}
		e := sheet.EvaluationOf(stats.MakeEvaluation(b.instrument, answers...), len(answers), b.instrument.Gate)
		e.Agreements = agreements
		all[bureau] = e
	}
	return all, nil
}

// evaluation takes in the leaf of an evaluation.
func (b *builder) evaluation(o survey.FactOpening, value func(string) string) error {
	j, err := b.judged.read(judgedText{value("bureau"), value("evaluation"), value("version"), value("imported"), value("instrument"), value("findings"), value("evaluator")})
	if err == nil {
		err = b.judged.add(*j, o.Index)
	}
	if err != nil {
		return &leafFault{o.Index, err}
	}
	return nil
}

// evaluations puts what the log's evaluations come to in place of what the store's do, and
// counts those that wait.
func (b *builder) evaluations(ctx context.Context, store figures.EvaluationReader, inputs map[string]sheet.Inputs) (waiting int64, err error) {
	all, err := b.judged.count()
	if err != nil {
		return 0, fmt.Errorf("the evaluations cannot be counted: %w", err)
	}
	for bureau, in := range inputs {
		unfinished := 0
		if in.Evaluation != nil {
			unfinished, in.Evaluation = in.Evaluation.Unfinished, nil
		}
		if e, ok := all[bureau]; ok {
			e.Unfinished = unfinished
			in.Evaluation = &e
		}
		inputs[bureau] = in
	}
	err = store.Evaluations(ctx, b.Survey.ID, "", func(e survey.Evaluation) error {
		tag := b.Tags.EvaluationTag(e.EvaluationID)
		for _, s := range e.Submissions() {
			if !b.judged.has(tag, s.SubmittedVersion) {
				waiting++
			}
		}
		return nil
	})
	return waiting, err
}

// checkInstrument finds what cannot be in the instrument a document names.
func (d Document) checkInstrument() error {
	i := d.Instrument
	if i == nil {
		if d.OutsideEvaluations != 0 {
			return errors.New("outside_evaluations: it names no instrument that evaluations are counted with")
		}
		return nil
	}
	if want := cmp.Or(d.Survey.Rules.Instrument, survey.BuiltIn().InstrumentRef); i.InstrumentRef != want {
		return fmt.Errorf("instrument: it is %s, and the survey's rules name %s", i.InstrumentRef, want)
	}
	if faults := i.Validate(); len(faults) > 0 {
		return fmt.Errorf("instrument: %w", faults)
	}
	return nil
}

// evaluation reads the leaf of an evaluation.
func (j *judge) evaluation(l *proof.Line, f fact) (fact, error) {
	f.kind = factEvaluation
	want := publicEvaluation
	if j.doc.Audience == Auditor {
		want = auditorEvaluation
	}
	if err := wants(l, want); err != nil {
		return f, err
	}
	text := func(of proof.Field) string { return string(l.Value(of)) }
	var err error
	f.judged, err = j.judged.read(judgedText{text(evaluationBureau), text(evaluationTag), text(evaluationVersion), text(evaluationImported),
		text(evaluationInstrument), text(evaluationFindings), text(evaluationEvaluator)})
	return f, err
}

// evaluations counts the evaluations of each bureau anew.
func (v *verifier) evaluations() (map[string]sheet.Evaluation, error) {
	book := v.count.judged
	if book == nil {
		return nil, nil
	}
	all, err := book.count()
	var fault *leafFault
	if errors.As(err, &fault) {
		return nil, at(leavesFile, fault.index+1, fault.err)
	}
	v.Evaluations, v.Versions = int64(len(book.of)), book.n
	return all, err
}

// evaluationsOf is what a unit says of evaluations, made anew; how many are not finished
// is taken over.
func evaluationsOf(u sheet.Unit, all map[string]sheet.Evaluation) map[string]sheet.Evaluation {
	made := map[string]sheet.Evaluation{}
	for _, bureau := range bureausOf(u) {
		if e, ok := all[bureau]; ok {
			e.Unfinished = u.Evaluations[bureau].Unfinished
			made[bureau] = e
		}
	}
	return made
}
