package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// VisitBasis says that the visits of the units were counted from the log, and what of them
// is not in it. Only auditors get it: with every field open they count the same.
type VisitBasis struct {
	// Outside is how many visits of the period the store's figures count beside those in the
	// log; below nought if a list that waits moved some out of the period.
	Outside int64 `json:"outside"`
}

// visitBook holds the visits of a survey and which cases were rated, in any order, and
// counts them. It is the same for who publishes and who checks. There may be millions of
// both, so they are kept in many small lists, which are there twice while they grow.
type visitBook struct {
	parts   [256]visitPart // by the end of the case's mark
	bureaus []string
	numbers map[string]uint16 // of bureaus
	n       int64
}

type visitPart struct {
	visits []listedVisit
	rated  []uint64 // cases, as often as they were
}

// listedVisit is what a leaf says of a visit.
type listedVisit struct {
	ofCase uint64
	leaf   int64
	day    uint32
	bureau uint16
	no     uint16
}

// visitName is a visit as a leaf names it.
type visitName struct {
	ofCase uint64
	no     uint16
}

// visitsFact is the visits that a leaf names.
type visitsFact struct {
	bureau string
	day    survey.Span
	names  []visitName
}

// readVisits reads the fields of a leaf of visits, and checks that the public ones follow
// from the private ones.
func readVisits(value func(name string) string) (*visitsFact, error) {
	day, err := strconv.Atoi(value("day"))
	f := &visitsFact{bureau: value("bureau"), day: survey.Span(day)}
	switch day := value("day"); {
	case err != nil || len(day) != 8 || !f.day.IsDay() || strconv.Itoa(int(f.day)) != day:
		return nil, fmt.Errorf("its day %q is none", day)
	case value("year") != day[:4] || value("month") != day[:6]:
		return nil, fmt.Errorf("its month is %q and its year %q, and its day %s", value("month"), value("year"), day)
	case f.bureau == "" || f.bureau != survey.BureauOf(value("window")):
		return nil, fmt.Errorf("its bureau is %q, and should be %q", f.bureau, survey.BureauOf(value("window")))
	}
	err = proof.ReadVisits(value("visits"), func(tag string, no int) error {
		f.names = append(f.names, visitName{markOf([]byte(tag)).short(), uint16(no)})
		return nil
	})
	return f, err
}

// part is where a case is kept.
func (b *visitBook) part(ofCase uint64) *visitPart { return &b.parts[ofCase&0xff] }

// visits takes in what a leaf says.
func (b *visitBook) visits(leaf int64, f *visitsFact) error {
	bureau, known := b.numbers[f.bureau]
	if !known {
		if len(b.bureaus) == 1<<16 {
			return errors.New("too many bureaus")
		}
		if b.numbers == nil {
			b.numbers = map[string]uint16{}
		}
		bureau = uint16(len(b.bureaus))
		name := strings.Clone(f.bureau)
		b.bureaus, b.numbers[name] = append(b.bureaus, name), bureau
	}
	for _, v := range f.names {
		p := b.part(v.ofCase)
		p.visits = append(p.visits, listedVisit{v.ofCase, leaf, uint32(f.day), bureau, v.no})
	}
	b.n += int64(len(f.names))
	return nil
}

// rated takes in the case of a response; the zero mark is none.
func (b *visitBook) rated(ofCase mark) {
	if ofCase != (mark{}) {
		p := b.part(ofCase.short())
		p.rated = append(p.rated, ofCase.short())
	}
}

// count is the visits of a document's period by bureau, as stats counts them: rated is
// what any response of the survey is for, whenever it came, and unrated ones are defaults
// once the default days are over. The error is *leafFault.
func (b *visitBook) count(d *Document) (map[string]sheet.Visits, error) {
	asOf := survey.DayOf(d.AsOf, d.Survey.Location())
	matured := uint32(asOf.Plus(-d.Survey.Rules.DefaultDays)) // visits of days before have
	within := map[uint32]bool{}
	tallies := make([]sheet.Visits, len(b.bureaus))
	var first *leafFault
	for i := range b.parts {
		p := &b.parts[i]
		slices.Sort(p.rated)
		slices.SortFunc(p.visits, func(a, b listedVisit) int {
			return cmp.Or(cmp.Compare(a.ofCase, b.ofCase), -cmp.Compare(a.no, b.no), cmp.Compare(a.leaf, b.leaf))
		})
		for j, v := range p.visits {
			if j > 0 && p.visits[j-1].ofCase == v.ofCase {
				if o := p.visits[j-1]; o.no == v.no && (o.day != v.day || o.bureau != v.bureau) && (first == nil || v.leaf < first.index) {
					first = &leafFault{v.leaf, fmt.Errorf("leaf %d names one of its visits with another bureau or day, and with the same number", o.leaf)}
				}
				continue // of a visit the highest number stands, and is there once
			}
			in, known := within[v.day]
			if !known {
				in = d.Period.Within(survey.Span(v.day))
				within[v.day] = in
			}
			if !in {
				continue
			}
			t := &tallies[v.bureau]
			t.Served++
			if _, rated := slices.BinarySearch(p.rated, v.ofCase); rated {
				t.Rated++
			} else if v.day < matured {
				t.Defaults++
			}
		}
	}
	if first != nil {
		return nil, first
	}
	all := make(map[string]sheet.Visits, len(tallies))
	for i, t := range tallies {
		all[b.bureaus[i]] = t
	}
	return all, nil
}

// visits counts the visits of each bureau anew where everything is open.
func (v *verifier) visits() (map[string]sheet.Visits, error) {
	if v.Document.Visits == nil {
		// Only a log from before visits were in it may leave them to the signature.
		if v.Document.Audience == Auditor && v.count.visits.n > 0 {
			return nil, at(documentFile, 0, errors.New("visits: it is for auditors, the log holds visits, and it does not say that they were counted"))
		}
		return nil, nil
	}
	tallies, err := v.count.visits.count(&v.Document)
	var fault *leafFault
	if errors.As(err, &fault) {
		return nil, at(leavesFile, fault.index+1, fault.err)
	}
	v.VisitsRecounted, v.Visits = true, v.count.visits.n
	return tallies, err
}
