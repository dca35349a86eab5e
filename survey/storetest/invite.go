package storetest

import (
	"fmt"
	"testing"
	"time"

	"manyi/survey"
)

var inviteChecks = []Check{
	{"invite/a visit keeps its phone, and whether it was invited", invitePhone},
	{"invite/visits to invite are found, the earliest first", inviteFound},
	{"invite/the answer to an invitation proves the visit", inviteProves},
	{"invite/a visit tells whether it is rated", inviteRated},
	{"invite/a survey has one campaign", inviteCampaign},
}

// WithPhone gives a visit a phone that may be invited.
func WithPhone(number string) func(*survey.Visit) {
	return func(v *survey.Visit) {
		v.Phone = &survey.SealedContact{KeyID: "k1", Sealed: []byte("sealed " + number), PhoneHash: Secret(number)}
	}
}

func visitOf(t testing.TB, s survey.Store, v survey.Visit) survey.Visit {
	t.Helper()
	got, _, err := s.Visit(t.Context(), v.Survey, v.Case)
	must(t, "visit", err)
	if len(got.Secret) == 0 {
		got.Secret = nil
	}
	if len(got.Invited) == 0 {
		got.Invited = nil
	}
	return got
}

func invite(t testing.TB, s survey.Store, secret string, visits ...survey.Visit) {
	t.Helper()
	for i := range visits {
		visits[i].Invited = Secret(secret)
	}
	must(t, "mark invited", s.MarkInvited(t.Context(), visits))
}

func invitePhone(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	at := At("2024-02-29 09:00")
	v, bare := f.Visit(GulouHR1, "A1 $.甲", at, WithPhone("1")), f.Visit(GulouHR1, "B1", at)
	v.Language = "en"
	same(t, "new", put(t, s, v, bare), survey.VisitChange{Added: 2})
	same(t, "visit with a phone", visitOf(t, s, v), v)
	same(t, "visit without", visitOf(t, s, bare), bare)
	_, _, err := s.Visit(t.Context(), "other", v.Case)
	wantErr(t, "visit of another survey", err, survey.ErrNotFound)

	again := v
	again.Phone = &survey.SealedContact{KeyID: "k2", Sealed: []byte("sealed anew"), PhoneHash: Secret("1")}
	same(t, "the same phone sealed anew", put(t, s, again), survey.VisitChange{Unchanged: 1})
	again.Item = "换个事项"
	same(t, "another item", put(t, s, again), survey.VisitChange{Changed: 1})
	v.Item = again.Item
	same(t, "visit as it was sealed first", visitOf(t, s, v), v)
	invite(t, s, "i", v)
	invite(t, s, "later", v)
	v.Invited = Secret("i")
	same(t, "invited", visitOf(t, s, v), v)
	same(t, "put again", put(t, s, again), survey.VisitChange{Unchanged: 1})
	again.Item = "又换"
	again.Phone = nil
	same(t, "consent taken back", put(t, s, again), survey.VisitChange{Changed: 1})
	v.Item, v.Phone = again.Item, nil
	same(t, "without its phone", visitOf(t, s, v), v)
	same(t, "another phone", put(t, s, f.Visit(GulouHR1, "B1", at, WithPhone("2"))), survey.VisitChange{Changed: 1})
	n := 0
	must(t, "visits", s.Visits(t.Context(), func(v survey.Visit) error {
		n++
		same(t, "phone of "+v.Case.Number, v.Phone != nil, v.Case.Number == "B1")
		return nil
	}))
	same(t, "visits", n, 2)
}

func inviteFound(t testing.TB, s survey.Store) {
	f, other := NewFacts(1, Survey()), NewFacts(2, Survey(Named("other")))
	at := At("2024-02-29 09:00")
	var list []survey.Visit
	for i := range 5 {
		list = append(list, f.Visit(GulouHR1, fmt.Sprint("A", i), at.Add(-time.Duration(i)*time.Minute), WithPhone("1")))
	}
	put(t, s, append(list, f.Visit(GulouHR1, "bare", at), other.Visit(GulouHR1, "A9", at, WithPhone("1")))...)
	found := func(ended time.Time, limit int) (numbers []string) {
		t.Helper()
		list, err := s.UninvitedVisits(t.Context(), "y2024", ended, limit)
		must(t, "visits to invite", err)
		for _, v := range list {
			numbers = append(numbers, v.Case.Number)
		}
		return numbers
	}
	same(t, "to invite", found(at, 10), []string{"A4", "A3", "A2", "A1"})
	same(t, "a moment later", found(at.Add(time.Millisecond), 10), []string{"A4", "A3", "A2", "A1", "A0"})
	same(t, "the first two", found(at, 2), []string{"A4", "A3"})
	invite(t, s, "i", list[3], list[4], f.Visit(GulouHR1, "not there", at))
	same(t, "once two are invited", found(at, 10), []string{"A2", "A1"})
	put(t, s, f.Visit(GulouHR1, "A2", at.Add(-2*time.Minute)))
	same(t, "once one took the consent back", found(at, 10), []string{"A1"})
	moved := list[4]
	moved.Window, moved.Invited = GulouHR2, nil
	put(t, s, moved)
	same(t, "once an invited one was moved", found(at, 10), []string{"A1"})
	same(t, "of another survey", len(must1(s.UninvitedVisits(t.Context(), "other", at.Add(time.Hour), 10))(t)), 1)
}

// must1 takes one value and no error.
func must1[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, "read", err)
		return value
	}
}

func inviteProves(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	at := At("2024-02-29 09:00")
	v, both := f.Visit(GulouHR1, "A1", at, WithPhone("1")), f.Visit(GulouHR1, "B1", at, WithPhone("1"), WithSecret("paper"))
	put(t, s, v, both)
	invite(t, s, "i", v, both)
	claimed, proven := f.Response(GulouHR1, at, OnCase("A1")), f.Response(GulouHR1, at.Add(time.Hour), Proving("A1", "i"))
	paper, reply, wrong := f.Response(GulouHR1, at.Add(time.Hour), Proving("B1", "paper")), f.Response(GulouHR1, at.Add(2*time.Hour), Proving("B1", "i")), f.Response(GulouHR1, at, Proving("B1", "x"))
	add(t, s, claimed, proven, paper, reply, wrong)
	same(t, "ties", worthOf(t, s, claimed, proven, paper, reply, wrong), []worth{{survey.TieClaimed, survey.Superseded}, {survey.TieProven, survey.Counted},
		{survey.TieProven, survey.Counted}, {survey.TieProven, survey.Superseded}, {survey.TieClaimed, survey.Superseded}})
}

func inviteRated(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	v := f.Visit(GulouHR1, "A1", At("2024-02-29"), WithPhone("1"))
	stage := v
	stage.Case.Stage = "2"
	put(t, s, v, stage)
	rated := func(v survey.Visit, want bool) {
		t.Helper()
		_, got, err := s.Visit(t.Context(), v.Survey, v.Case)
		must(t, "visit", err)
		same(t, "rated", got, want)
	}
	rated(v, false)
	add(t, s, f.Response(GulouHR1, At("2024-02-29"), OnStage("A1", "2")))
	rated(v, false)
	rated(stage, true)
	add(t, s, f.Response(GulouHR1, At("2024-02-29"), OnCase("A1")))
	rated(v, true)
}

func inviteCampaign(t testing.TB, s survey.Store) {
	_, err := s.Campaign(t.Context(), "y2024")
	wantErr(t, "campaign that is not there", err, survey.ErrNotFound)
	a, b := survey.NewCampaign("y2024", "【满意】"), survey.NewCampaign("other", "【满意】")
	for _, c := range []survey.Campaign{a, b} {
		must(t, "put campaign", s.PutCampaign(t.Context(), c))
	}
	a.State, a.ChangedAt, a.ChangedBy, a.Most = survey.CampaignRunning, At("2024-02-29"), "陈 $.", 7
	must(t, "put campaign again", s.PutCampaign(t.Context(), a))
	got, err := s.Campaign(t.Context(), "y2024")
	must(t, "campaign", err)
	same(t, "campaign", got, a)
	all, err := s.Campaigns(t.Context())
	must(t, "campaigns", err)
	same(t, "campaigns", all, []survey.Campaign{b, a})
}
