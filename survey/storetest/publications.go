package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"manyi/survey"
)

var publicationChecks = []Check{
	{"publications/one comes back whole, to the byte", publicationWhole},
	{"publications/numbers follow one another, and what is there stays", publicationNumbers},
	{"publications/of many with one number one stands", publicationRace},
	{"publications/those made elsewhere come once, in any order", publicationTaken},
	{"publications/a document that was missing is added once, and all else stays", publicationCompleted},
	{"publications/they are chosen and listed in order, without bodies", publicationLists},
	{"publications/what does not pass its check is not kept", publicationRefused},
}

// Publication is a sound publication made here.
func Publication(period string, no int) survey.Publication {
	return survey.Publication{PublicationID: survey.PublicationID{Survey: "y2024", Period: period, No: no}, Corrects: no - 1,
		At: At("2024-04-01 00:00:00.007"), By: "admin $.", Checkpoint: 41, N: 1234,
		Public:  survey.NewDocument(fmt.Appendf(nil, `{"no":%d,"title":"甲 $.\u0000"}`, no), []byte("— manyi public\n")),
		Auditor: survey.NewDocument([]byte{0, 0xff, '{'}, []byte("— manyi auditor\n"))}
}

// TakenPublication is a sound publication made elsewhere.
func TakenPublication(source, period string, no int) survey.Publication {
	p := Publication(period, no)
	p.Source, p.Taken, p.Sample, p.Auditor = source, At("2024-04-02 08:00:00.007"), true, survey.Document{}
	return p
}

func publication(t testing.TB, s survey.Store, id survey.PublicationID) survey.Publication {
	t.Helper()
	p, err := s.Publication(t.Context(), id)
	must(t, "read publication", err)
	return p
}

func heads(t testing.TB, s survey.Store, q survey.PublicationQuery) (list []survey.Publication) {
	t.Helper()
	must(t, "list publications", s.Publications(t.Context(), q, func(p survey.Publication) error {
		list = append(list, p)
		return nil
	}))
	return list
}

func publicationWhole(t testing.TB, s survey.Store) {
	first := Publication("2024-Q1", 1)
	_, err := s.Publication(t.Context(), first.PublicationID)
	wantErr(t, "read of nothing", err, survey.ErrNotFound)
	same(t, "list of nothing", len(heads(t, s, survey.PublicationQuery{})), 0)
	must(t, "put", s.PutPublication(t.Context(), first))
	same(t, "publication", publication(t, s, first.PublicationID), first)
	auditors := TakenPublication("manyi+1+A $.", "2024-Q1", 1)
	auditors.Public, auditors.Auditor = auditors.Auditor, auditors.Public
	must(t, "put one with the auditors' document alone", s.PutPublication(t.Context(), auditors))
	same(t, "publication", publication(t, s, auditors.PublicationID), auditors)
	large := Publication("2024-Q2", 1)
	large.Public = survey.NewDocument(bytes.Repeat([]byte("甲"), (survey.MaxPublication-len(large.Auditor.Body))/3), []byte("signature"))
	must(t, "put the largest", s.PutPublication(t.Context(), large))
	if got := publication(t, s, large.PublicationID); got.Public.SHA256 != large.Public.SHA256 || got.Check() != nil {
		t.Errorf("the largest publication is another: %v", got.Check())
	}
}

func publicationNumbers(t testing.TB, s survey.Store) {
	put := func(p survey.Publication) error { return s.PutPublication(t.Context(), p) }
	wantErr(t, "begin with the second", put(Publication("2024", 2)), survey.ErrExists)
	must(t, "put", put(Publication("2024", 1)))
	changed := Publication("2024", 1)
	changed.By = "another"
	wantErr(t, "put the first again", put(changed), survey.ErrExists)
	wantErr(t, "leave one out", put(Publication("2024", 3)), survey.ErrExists)
	wantErr(t, "begin another period with the second", put(Publication("2024-Q1", 2)), survey.ErrExists)
	other := Publication("2024", 2)
	other.Survey = "y2025"
	wantErr(t, "begin another survey with the second", put(other), survey.ErrExists)
	must(t, "put", put(Publication("2024", 2)))
	for no := 1; no <= 2; no++ {
		want := Publication("2024", no)
		same(t, "publication", publication(t, s, want.PublicationID), want)
	}
	same(t, "publications", len(heads(t, s, survey.PublicationQuery{})), 2)
}

func publicationRace(t testing.TB, s survey.Store) {
	for no := 1; no <= 3; no++ {
		tries := make([]survey.Publication, 8)
		errs := together(len(tries), func(i int) error {
			tries[i] = Publication("2024", no)
			tries[i].By = fmt.Sprint("writer ", i)
			return s.PutPublication(t.Context(), tries[i])
		})
		onlyOne(t, "put", errs, survey.ErrExists)
		for i, err := range errs {
			if err == nil {
				same(t, "the one that stands", publication(t, s, tries[i].PublicationID), tries[i])
			}
		}
	}
	same(t, "publications", len(heads(t, s, survey.PublicationQuery{})), 3)
}

func publicationTaken(t testing.TB, s survey.Store) {
	for _, no := range []int{3, 1, 7} {
		p := TakenPublication("manyi+1+A", "2024", no)
		must(t, "put", s.PutPublication(t.Context(), p))
		wantErr(t, "put again", s.PutPublication(t.Context(), p), survey.ErrExists)
	}
	must(t, "put under another key", s.PutPublication(t.Context(), TakenPublication("manyi+1+B", "2024", 3)))
	wantErr(t, "begin here with the second", s.PutPublication(t.Context(), Publication("2024", 2)), survey.ErrExists)
	must(t, "begin here", s.PutPublication(t.Context(), Publication("2024", 1)))
	third := TakenPublication("manyi+1+A", "2024", 3)
	onlyOne(t, "put", append(together(8, func(int) error {
		return s.PutPublication(t.Context(), TakenPublication("manyi+1+C", "2024", 5))
	}), s.PutPublication(t.Context(), third)), survey.ErrExists)
	same(t, "publication", publication(t, s, third.PublicationID), third)
}

func publicationCompleted(t testing.TB, s survey.Store) {
	public := TakenPublication("manyi+1+A", "2024", 1)
	auditors := public
	auditors.Public, auditors.Auditor = survey.Document{}, Publication("2024", 1).Auditor
	auditors.By, auditors.Taken, auditors.N = "another", auditors.Taken.AddDate(0, 0, 1), 5
	wantErr(t, "complete nothing", s.CompletePublication(t.Context(), auditors), survey.ErrNotFound)
	same(t, "publications", len(heads(t, s, survey.PublicationQuery{})), 0)
	must(t, "put", s.PutPublication(t.Context(), public))
	must(t, "put another", s.PutPublication(t.Context(), TakenPublication("manyi+1+B", "2024", 1)))
	wantErr(t, "complete with what is there", s.CompletePublication(t.Context(), public), survey.ErrExists)
	changed := public
	changed.Public = survey.NewDocument([]byte("another"), []byte("signature"))
	wantErr(t, "complete with another of what is there", s.CompletePublication(t.Context(), changed), survey.ErrExists)

	onlyOne(t, "complete", together(8, func(int) error { return s.CompletePublication(t.Context(), auditors) }), survey.ErrExists)
	want := public
	want.Auditor = auditors.Auditor
	same(t, "publication", publication(t, s, public.PublicationID), want)
	same(t, "another", publication(t, s, survey.PublicationID{Source: "manyi+1+B", Survey: "y2024", Period: "2024", No: 1}), TakenPublication("manyi+1+B", "2024", 1))
	want.Public.Body, want.Auditor.Body = nil, nil
	same(t, "listed", heads(t, s, survey.PublicationQuery{})[0], want)

	here := Publication("2024", 1)
	here.Auditor = survey.Document{}
	must(t, "put one made here", s.PutPublication(t.Context(), here))
	if s.CompletePublication(t.Context(), Publication("2024", 1)) == nil {
		t.Error("a publication made here is completed")
	}
	same(t, "publication made here", publication(t, s, here.PublicationID), here)
	broken := auditors
	broken.Source, broken.Auditor.SHA256 = "manyi+1+B", auditors.Auditor.SHA256
	broken.Auditor.SHA256[0] ^= 1
	if s.CompletePublication(t.Context(), broken) == nil {
		t.Error("a document of another hash is added")
	}
	same(t, "another", publication(t, s, broken.PublicationID), TakenPublication("manyi+1+B", "2024", 1))
}

func publicationLists(t testing.TB, s survey.Store) {
	other := Publication("2024", 1)
	other.Survey = "other"
	all := []survey.Publication{other, Publication("2024", 1), Publication("2024", 2), Publication("2024-Q1", 1),
		TakenPublication("manyi+1+A", "2024", 1), TakenPublication("manyi+1+A", "2024", 10)}
	for _, n := range []int{5, 4, 3, 1, 2, 0} {
		must(t, "put", s.PutPublication(t.Context(), all[n]))
	}
	for i := range all {
		all[i].Public.Body, all[i].Auditor.Body = nil, nil
	}
	same(t, "all", heads(t, s, survey.PublicationQuery{}), all)
	same(t, "made here", heads(t, s, survey.PublicationQuery{Here: true}), all[:4])
	same(t, "made elsewhere", heads(t, s, survey.PublicationQuery{Taken: true}), all[4:])
	same(t, "of a survey", heads(t, s, survey.PublicationQuery{Survey: "other"}), all[:1])
	same(t, "of a period", heads(t, s, survey.PublicationQuery{Survey: "y2024", Period: "2024", Here: true}), all[1:3])
	same(t, "of nothing", len(heads(t, s, survey.PublicationQuery{Survey: "y2023"})), 0)
	stop, n := errors.New("enough"), 0
	wantErr(t, "stopped", s.Publications(t.Context(), survey.PublicationQuery{}, func(survey.Publication) error { n++; return stop }), stop)
	same(t, "read before the stop", n, 1)
}

func publicationRefused(t testing.TB, s survey.Store) {
	for what, spoil := range map[string]func(*survey.Publication){
		"without a period":          func(p *survey.Publication) { p.Period = "" },
		"a period that leads away":  func(p *survey.Publication) { p.Period = "../2024" },
		"number 0":                  func(p *survey.Publication) { p.No = 0 },
		"correcting itself":         func(p *survey.Publication) { p.Corrects = p.No },
		"by nobody":                 func(p *survey.Publication) { p.By = "" },
		"without a document":        func(p *survey.Publication) { p.Public, p.Auditor = survey.Document{}, survey.Document{} },
		"of another hash":           func(p *survey.Publication) { p.Public.SHA256[0] ^= 1 },
		"not signed":                func(p *survey.Publication) { p.Auditor.Signature = nil },
		"elsewhere, never taken in": func(p *survey.Publication) { p.Source = "manyi+1+A" },
	} {
		p := Publication("2024", 1)
		spoil(&p)
		if s.PutPublication(t.Context(), p) == nil {
			t.Errorf("a publication %s is kept", what)
		}
	}
	large := Publication("2024", 1)
	large.Public = survey.NewDocument(make([]byte, survey.MaxPublication), []byte("signature"))
	wantErr(t, "put one too large", s.PutPublication(t.Context(), large), survey.ErrPublicationSize)
	same(t, "kept", len(heads(t, s, survey.PublicationQuery{})), 0)
}
