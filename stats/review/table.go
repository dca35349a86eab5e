package review

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
)

// Entry is a publication in the review table: the last one that was taken in of its
// source, survey and period.
type Entry struct {
	survey.PublicationID
	Signer   string // see [Signer]
	Title    survey.Text
	Zone     *time.Location // the survey's
	Audience bundle.Audience
	Corrects int // number of the publication it corrects; 0 for none
	Sample   bool
	AsOf     time.Time
	Taken    time.Time
	By       string // who took it in
	Rules    string // their version
	// Unread is set if this program does not read the document's form any more: nothing
	// but the head is known then.
	Unread bool
}

// Row is the score sheet of a bureau by a source, or of several counted together.
type Row struct {
	*Entry
	sheet.Sheet
	Name string // by the source
}

// Table is the review table (评审表): what every source says of each bureau.
type Table struct {
	Entries []Entry // by survey and period, then source
	Rows    []Row   // by place, then as the entries are
}

// TableQuery selects. Zero fields select everything.
type TableQuery struct {
	Survey, Period string
	// Sees limits the places; what is counted together is under the division it is in.
	Sees func(place string) bool
}

// LoadTable reads what was taken in. One document at a time is held.
func LoadTable(ctx context.Context, store survey.PublicationStore, q TableQuery) (t Table, err error) {
	var last []survey.Publication
	err = store.Publications(ctx, survey.PublicationQuery{Survey: q.Survey, Period: q.Period, Taken: true}, func(p survey.Publication) error {
		if n := len(last) - 1; n >= 0 && last[n].Source == p.Source && last[n].Survey == p.Survey && last[n].Period == p.Period {
			last[n] = p // they come in the order of their numbers
			return nil
		}
		last = append(last, p)
		return nil
	})
	if err != nil {
		return t, err
	}
	slices.SortStableFunc(last, func(a, b survey.Publication) int {
		return cmp.Or(strings.Compare(a.Survey, b.Survey), strings.Compare(a.Period, b.Period))
	})
	t.Entries = make([]Entry, len(last)) // rows point into it
	for i, head := range last {
		e := &t.Entries[i]
		*e = Entry{PublicationID: head.PublicationID, Signer: Signer(head.Source), Zone: time.UTC, Audience: bundle.Public, Corrects: head.Corrects,
			Sample: head.Sample, AsOf: head.At, Taken: head.Taken, By: head.By}
		if !head.Public.There() {
			e.Audience = bundle.Auditor
		}
		whole, err := store.Publication(ctx, head.PublicationID)
		if err != nil {
			return t, err
		}
		d, err := bundle.Decode(document(&whole, e.Audience).Body)
		if err != nil {
			e.Unread = true
			continue
		}
		e.Title, e.Zone, e.Rules = d.Survey.Title, d.Survey.Location(), d.Rules
		for _, s := range d.Sheets {
			if q.Sees != nil && !q.Sees(s.Place) {
				continue
			}
			t.Rows = append(t.Rows, Row{Entry: e, Sheet: s, Name: d.Names[s.Place]})
		}
	}
	slices.SortStableFunc(t.Rows, func(a, b Row) int { return strings.Compare(a.Place, b.Place) })
	return t, nil
}

// Differ reports whether surveys of one name go by different rules, so that their
// figures must not be compared.
func (t Table) Differ() bool {
	rules := map[string]string{}
	for _, e := range t.Entries {
		if r, known := rules[e.Survey]; !e.Unread && known && r != e.Rules {
			return true
		} else if !e.Unread {
			rules[e.Survey] = e.Rules
		}
	}
	return false
}
