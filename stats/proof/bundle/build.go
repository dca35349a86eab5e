package bundle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"manyi/stats/figures"
	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// Store is what publications are made from.
type Store interface {
	survey.LogStore
	survey.ResponseStore
	survey.CalendarStore
	figures.InputsReader
}

// Query says what to publish.
type Query struct {
	Survey   survey.Survey
	Tree     *survey.Tree
	Period   Period
	Audience Audience
	No       int    // of the publication among those of the survey and period, from 1
	Corrects string // id of the publication this one stands in for
	AsOf     time.Time
	Program  string // version
	Tags     proof.Tags
	Signer   proof.Signer
	// WrongDeadlines is how many steps in the log are known to set other deadlines than the
	// rules give. They are named, and cases counted by the rules; with another number of
	// them nothing is published.
	WrongDeadlines int64
	// Checkpoint is what the log is counted up to, so that the documents of several
	// audiences are of the same; none is the latest.
	Checkpoint survey.Checkpoint
}

// upTo is the checkpoint, and what it says.
func (q Query) upTo(ctx context.Context, store Store) (survey.Checkpoint, proof.State, error) {
	if q.Checkpoint.No == 0 {
		return proof.Last(ctx, store, q.Signer.Verifier())
	}
	state, err := proof.OpenState(q.Checkpoint.Note, q.Signer.Verifier())
	return q.Checkpoint, state, err
}

// Build counts a publication from the data log up to a checkpoint, and adds what is not
// in the log, see [Stated], as it is counted in the store.
func Build(ctx context.Context, store Store, q Query) (Document, error) {
	checkpoint, state, err := q.upTo(ctx, store)
	if err != nil {
		return Document{}, fmt.Errorf("nothing is signed that could be published: %w", err)
	}
	d := Document{Format: Format, ID: docID(q.Survey.ID, q.Period, q.No), Audience: q.Audience, No: q.No, Period: q.Period, Corrects: q.Corrects,
		Sample: q.Survey.Sample, AsOf: q.AsOf.UTC().Truncate(time.Second), Program: q.Program, Key: q.Signer.Key, Survey: q.Survey,
		Checkpoint: string(checkpoint.Note), Leaves: state.Data.Size}
	instrument, err := q.Survey.Instrument(ctx, store)
	if err != nil {
		return d, fmt.Errorf("instrument of survey %q: %w", q.Survey.ID, err)
	}
	d.Instrument = &instrument
	if d.Rules, err = d.rules(); err != nil {
		return d, err
	}
	b := &builder{Query: q, beaten: map[survey.Key]bool{}, disputed: map[string][]dispute{}, reviews: map[string]review{},
		decisions: decisions{}, bureaus: map[string]*tally{}, apart: map[string]int64{}, book: newCaseBook(q.Survey), judged: newEvaluationBook(&q.Survey, d.Instrument), proven: map[survey.Key]bool{}, visits: &visitBook{}}
	for _, code := range q.Survey.Candidates {
		b.bureaus[code] = newTally()
	}
	if err := listed(ctx, store, d.Checkpoint, q.Signer.Verifier(), func([]byte, proof.State) error { d.Checkpoints++; return nil }); err != nil {
		return d, err
	}
	if err := b.standings(ctx, store); err != nil {
		return d, err
	}
	if err := b.leaves(ctx, store, d.Leaves); err != nil {
		return d, err
	}
	beaten := b.settle()
	d.Outside, d.Apart, d.NotAdopted = b.stored-b.logged, b.apart, b.decisions.granted()
	cases, err := b.cases(ctx, store, &d, beaten)
	if err != nil {
		return d, err
	}
	groups := b.groups()
	for _, g := range groups {
		d.Units = append(d.Units, g.unit(q.Audience.least()))
	}
	cover(d.Units, groups)
	from, to := q.Period.Days()
	inputs, err := figures.LoadInputs(ctx, store, q.Survey, q.Tree, from, to, q.AsOf)
	if err != nil {
		return d, err
	}
	visits, err := b.visits.count(&d)
	if err != nil {
		return d, fmt.Errorf("the visits cannot be counted: %w", err)
	}
	var stored, counted int64
	for bureau, in := range inputs {
		stored, counted = stored+in.Visits.Served, counted+visits[bureau].Served
		in.Visits = visits[bureau]
		inputs[bureau] = in
	}
	if q.Audience == Auditor {
		d.Visits = &VisitBasis{Outside: stored - counted}
	}
	if d.OutsideEvaluations, err = b.evaluations(ctx, store, inputs); err != nil {
		return d, err
	}
	d.Names = map[string]string{}
	for i := range d.Units {
		u := &d.Units[i]
		u.Fill(q.Audience.least(), inputs)
		u.FillCases(q.Audience.least(), cases, d.casesDay())
		for _, place := range append([]string{u.Place}, u.Pooled...) {
			d.Names[place] = fullName(q.Tree, place)
		}
	}
	s := shapeOf(&d)
	for _, l := range beaten {
		for _, u := range s.units {
			if u.superseded && (u.Place == l.bureau || slices.Contains(u.Pooled, l.bureau)) {
				d.Superseded = append(d.Superseded, l.index)
			}
		}
	}
	slices.Sort(d.Superseded)
	d.Stated = d.stated()
	d.Sheets = sheet.Make(d.Survey, d.Units)
	return d, nil
}

// fullName is a place's name after those it is in, as annex 3 of the notice wants it. A
// name that the next begins with is not said twice.
func fullName(tree *survey.Tree, place string) (name string) {
	before := ""
	for _, code := range tree.Path(place) {
		p, _ := tree.Place(code)
		if !strings.HasPrefix(p.Name, before) {
			name += before
		}
		before = p.Name
	}
	return name + before
}

// cover keeps the only unit that does not tell what is not adopted from being had by
// subtraction from the whole: another one does not tell it either.
func cover(units []sheet.Unit, groups []group) {
	at, hidden := -1, 0
	for i, u := range units {
		bad := groups[i].all.n() - groups[i].all.good()
		switch {
		case slices.Contains(u.Merged, sheet.MergedNotAdopted):
			hidden++
		case bad > 0 && (at < 0 || groups[i].notAdopted.n() < groups[at].notAdopted.n()):
			at = i
		}
	}
	if hidden != 1 || at < 0 {
		return
	}
	u := &units[at]
	u.NotAdopted = nil
	u.Merged = append(u.Merged, sheet.MergedNotAdopted)
	slices.SortFunc(u.Merged, func(a, b sheet.Merged) int { return mergedOrder(a) - mergedOrder(b) })
}

func mergedOrder(m sheet.Merged) int {
	return slices.Index([]sheet.Merged{sheet.MergedCounts, sheet.MergedChannels, sheet.MergedLevels, sheet.MergedNotAdopted, sheet.MergedSuperseded}, m)
}

// builder counts the leaves.
type builder struct {
	Query
	beaten    map[survey.Key]bool  // responses for whose case another one counts, by the store
	disputed  map[string][]dispute // leaves of the period by the tag of such a case
	reviews   map[string]review    // bad ones of the period, by tag
	decisions decisions
	bureaus   map[string]*tally
	apart     map[string]int64
	book      *caseBook
	judged    *evaluationBook
	proven    map[survey.Key]bool // bad ones whose visit is proved
	visits    *visitBook
	stored    int64 // responses of the period
	logged    int64 // those of them that are in the log
}

// dispute is a leaf of a case that several responses are for.
type dispute struct {
	index        int64
	key          survey.Key
	at           string
	bureau       string
	channel, tag string
	level        survey.Level
	within       bool // the period
}

// review is a bad review.
type review struct {
	bureau, channel string
	level           survey.Level
}

// standings reads which responses do not count: that follows from visits, which are
// not in the log.
func (b *builder) standings(ctx context.Context, store Store) error {
	return store.Responses(ctx, survey.ResponseQuery{Survey: b.Survey.ID}, func(r survey.Listed) error {
		if b.Period.Within(r.Day) {
			b.stored++
		}
		if r.Standing == survey.Superseded {
			b.beaten[r.Key] = true
			b.disputed[b.Tags.CaseTag(b.Survey.ID, r.Case)] = nil
		}
		if r.Level.Bad() && r.Tie == survey.TieProven {
			b.proven[r.Key] = true
		}
		return nil
	})
}

func (b *builder) leaves(ctx context.Context, store Store, size int64) error {
	return eachFact(ctx, store, b.Survey.ID, 0, size, func(o survey.FactOpening, value func(string) string) error {
		switch o.Kind {
		case survey.FactVisits:
			f, err := readVisits(value)
			if err == nil {
				err = b.visits.visits(o.Index, f)
			}
			if err != nil {
				return &leafFault{o.Index, err}
			}
			return nil
		case survey.FactStep:
			return errors.Join(b.decisions.add(value("step"), value("no"), value("response")), b.step(o, value))
		case survey.FactEvaluation:
			return b.evaluation(o, value)
		}
		return b.response(o, value)
	})
}

// eachFact calls yield for every leaf of a survey between two indexes, with what its
// fields say.
func eachFact(ctx context.Context, store survey.LogStore, id string, from, to int64, yield func(o survey.FactOpening, value func(string) string) error) error {
	return eachRecord(ctx, store, from, to, func(o survey.FactOpening, r proof.Record) error {
		value := func(name string) string { v, _ := r.Value(name); return v }
		if value("survey") != id {
			return nil
		}
		return yield(o, value)
	})
}

// eachRecord calls yield for the record of every leaf of the data log from one index to
// before another, in order. None may be missing.
func eachRecord(ctx context.Context, store survey.LogStore, from, to int64, yield func(survey.FactOpening, proof.Record) error) error {
	next := from
	err := store.Openings(ctx, from, to, func(o survey.FactOpening) error {
		if o.Index != next {
			return missing(next)
		}
		next++
		r, err := proof.ReadOpening(o)
		if err != nil {
			return err
		}
		return yield(o, r)
	})
	if err == nil && next != to {
		err = missing(next)
	}
	return err
}

func missing(index int64) error {
	return fmt.Errorf("what opens leaf %d of the data log is not stored: restore it from a backup", index)
}

func (b *builder) response(o survey.FactOpening, value func(string) string) error {
	name, want := b.Period.field()
	within := name == "" || value(name) == want
	channel, bureau := value("channel"), value("bureau")
	b.visits.rated(markOf([]byte(value("case"))))
	if within {
		b.logged++
	}
	level, ok := survey.ParseLevel(value("level"))
	if ok && survey.OwesCase(level, survey.Channel(channelNo([]byte(channel)))) {
		if err := b.bad(o, value, within); err != nil {
			return err
		}
	}
	if apart(b.Survey.Rules, channel) {
		if within {
			b.apart[channel]++
		}
		return nil
	}
	t := b.bureaus[bureau]
	if !ok || t == nil || len(o.Ref) != len(survey.Key{}) {
		return fmt.Errorf("leaf %d of the data log is of bureau %q, which is no candidate, or of no level", o.Index, bureau)
	}
	if list, ok := b.disputed[value("case")]; ok {
		b.disputed[value("case")] = append(list, dispute{o.Index, survey.Key(o.Ref), value("at"), bureau, channel, value("tag"), level, within})
	}
	if !within {
		return nil
	}
	t.all.add(channel, level, 1)
	if level.Bad() {
		b.reviews[value("tag")] = review{bureau, channel, level}
	}
	return nil
}

// settle finds out which leaf of each disputed case counts, and returns the others.
// Where the one that counts still waits, the earliest of the log does.
func (b *builder) settle() (beaten []dispute) {
	beatenTags := map[string]bool{}
	for _, list := range b.disputed {
		if len(list) < 2 {
			continue
		}
		w := 0
		for i, l := range list {
			if b.beaten[list[w].key] != b.beaten[l.key] {
				if !b.beaten[l.key] {
					w = i
				}
			} else if l.at < list[w].at || l.at == list[w].at && slices.Compare(l.key[:], list[w].key[:]) < 0 {
				w = i
			}
		}
		for i, l := range list {
			if i == w || !l.within {
				continue
			}
			beaten = append(beaten, l)
			beatenTags[l.tag] = true
			b.bureaus[l.bureau].superseded.add(l.channel, l.level, 1)
			if l.bureau != list[w].bureau || !list[w].within {
				b.bureaus[l.bureau].elsewhere++
				b.bureaus[list[w].bureau].elsewhere++
			}
		}
		if list[w].within {
			b.bureaus[list[w].bureau].winners.add(list[w].channel, list[w].level, 1)
		}
	}
	for tag, r := range b.reviews {
		if !b.decisions[tag].granted {
			continue
		}
		b.bureaus[r.bureau].notAdopted.add(r.channel, r.level, 1)
		if beatenTags[tag] {
			b.bureaus[r.bureau].notAdoptedOfThose.add(r.channel, r.level, 1)
		}
	}
	return beaten
}

func (b *builder) groups() []group {
	if b.Audience == Auditor { // everything is open
		for _, t := range b.bureaus {
			t.elsewhere = 0
		}
	}
	return pool(b.Audience.least(), b.Survey.Candidates, b.bureaus, func(bureau string) string { return proof.CityOf(b.Tree.Path(bureau)) }, b.Tree.Root())
}

// decisions is the last of what was asked for and decided about adopting each review,
// by its tag.
type decisions map[string]decision

type decision struct {
	no      int
	granted bool
}

// add takes in a step of any kind.
func (d decisions) add(step, no, tag string) error {
	if !decides(step) {
		return nil
	}
	n, err := strconv.Atoi(no)
	if err != nil || n < 1 || n == d[tag].no {
		return fmt.Errorf("number %q of step %s is none, or there twice", no, step)
	}
	if n > d[tag].no {
		// Tags are kept for long; what is read is not.
		d[strings.Clone(tag)] = decision{n, survey.CaseStep(step) == survey.StepExclusionGranted}
	}
	return nil
}

func (d decisions) granted() (n int64) {
	for _, one := range d {
		if one.granted {
			n++
		}
	}
	return n
}
