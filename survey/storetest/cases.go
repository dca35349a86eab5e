package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/survey"
)

var caseChecks = []Check{
	{"cases/every bad response owes one, and no other does", caseOwed},
	{"cases/a response stored twice owes one", caseOwedOnce},
	{"cases/a group cut short anywhere owes all that was stored", caseCutShort},
	{"cases/entries are added under the next number only", caseEntries},
	{"cases/of many who act at once one wins", caseAtOnce},
	{"cases/many are opened together", caseOpenings},
	{"cases/the summary and follow-up code are found", caseSummary},
	{"cases/the response comes as it counts", caseResponse},
	{"cases/lists go by the next deadline and are filtered", caseLists},
	{"cases/pages neither skip nor repeat", casePages},
	{"cases/loads count what stands alike", caseLoads},
	{"cases/random steps of random people come out as in a plain model", caseRandomSteps},
	{"cases/what is due is counted by its last day", casesDue},
	{"cases/a sheet's number is taken once, and the last is read", caseSheets},
	{"calendar/days are added and replaced by date", calendarDays},
}

// Bad makes a response a bad review.
func Bad(r *survey.Response) { r.Level = survey.Dissatisfied }

// Good makes a response a good one.
func Good(r *survey.Response) { r.Level = survey.VerySatisfied }

// WithContact gives a response a sealed contact.
func WithContact(r *survey.Response) {
	r.Contact = &survey.SealedContact{KeyID: "k1", Sealed: []byte("sealed"), PhoneHash: []byte("hash")}
}

// OpenAll adds the first entry to every owed case and returns how many there were.
func OpenAll(t testing.TB, s survey.Store, of survey.Survey) (n int) {
	t.Helper()
	cal := survey.NewCalendar(nil)
	for {
		owed, err := s.OwedCases(t.Context(), 100)
		must(t, "owed cases", err)
		if len(owed) == 0 {
			return n
		}
		for _, c := range owed {
			made, sum, err := c.Take(of, cal, survey.Worker{Party: survey.System}, c.Response.ReceivedAt, survey.Entry{Step: survey.StepOpened})
			must(t, "open", err)
			follow := sha256.Sum256(c.Response.Key[:])
			sum.Follow = follow[:]
			must(t, "add entries", s.AddEntries(t.Context(), c.Response.Key, made, sum))
			n++
		}
	}
}

// TakeStep takes a step in a stored case.
func TakeStep(t testing.TB, s survey.Store, of survey.Survey, key survey.Key, at time.Time, who survey.Worker, want survey.Entry) {
	t.Helper()
	c, err := s.Case(t.Context(), key)
	must(t, "case", err)
	made, sum, err := c.Take(of, survey.NewCalendar(nil), who, at, want)
	must(t, fmt.Sprint("take ", want.Step), err)
	must(t, "add entries", s.AddEntries(t.Context(), key, made, sum))
}

var caseWorker = survey.Worker{Name: "wang", Party: survey.Own}

func keysOf(t testing.TB, s survey.Store, q survey.CaseQuery) (keys []survey.Key) {
	t.Helper()
	must(t, "cases", s.Cases(t.Context(), q, func(c survey.Case) error {
		keys = append(keys, c.Response.Key)
		return nil
	}))
	return keys
}

func caseOwed(t testing.TB, s survey.Store) {
	f := NewFacts(1, Survey())
	want := map[survey.Key]bool{}
	var group []survey.Response
	for i := range 50 {
		r := f.Response(Windows()[i%len(Windows())], At("2024-02-05 10:00").Add(time.Duration(i)*time.Minute))
		if i%3 == 0 { // what an evaluator asked for owes none
			r.Channel = survey.ChannelInterview
			r.Interview = &survey.Interview{Mode: survey.Street, By: "wu"}
		}
		group = append(group, r)
		if r.Level.Bad() && r.Interview == nil {
			want[r.Key] = true
		}
	}
	add(t, s, group...)
	owed, err := s.OwedCases(t.Context(), 100)
	must(t, "owed cases", err)
	same(t, "owed cases", len(owed), len(want))
	for i, c := range owed {
		if !want[c.Response.Key] || !c.Response.Level.Bad() || len(c.Entries) != 0 || c.Summary.State != survey.CaseOwed {
			t.Errorf("owed case %+v", c)
		}
		if i > 0 && c.Response.ReceivedAt.Before(owed[i-1].Response.ReceivedAt) {
			t.Errorf("owed case %d is older than the one before", i)
		}
	}
	first, err := s.OwedCases(t.Context(), 3)
	must(t, "owed cases", err)
	same(t, "owed cases, at most three", len(first), 3)
	same(t, "opened", OpenAll(t, s, Survey()), len(want))
	for _, r := range group {
		if r.Level.Bad() && r.Interview != nil {
			want[r.Key] = false
			if c, err := s.Case(t.Context(), r.Key); !errors.Is(err, survey.ErrNotFound) {
				t.Errorf("the case of an interview: %v, %v", c, err)
			}
		}
	}
	if !slices.Contains(slices.Collect(maps.Values(want)), false) {
		t.Error("no interview was bad")
	}
	maps.DeleteFunc(want, func(_ survey.Key, owed bool) bool { return !owed })
	same(t, "cases", len(keysOf(t, s, survey.CaseQuery{Survey: "y2024"})), len(want))
	same(t, "cases of another survey", len(keysOf(t, s, survey.CaseQuery{Survey: "other"})), 0)
}

func caseOwedOnce(t testing.TB, s survey.Store) {
	f := NewFacts(2, Survey())
	r := f.Response(GulouHR1, At("2024-02-05 10:00"), Bad)
	other := f.Response(GulouHR1, At("2024-02-05 10:01"), Bad)
	copy(other.Key[:survey.FormKeyLen], r.Key[:survey.FormKeyLen]) // another answer from the same form
	add(t, s, r, r)
	same(t, "opened", OpenAll(t, s, Survey()), 1)
	add(t, s, r)
	add(t, s, other, r)
	same(t, "opened later", OpenAll(t, s, Survey()), 1)
	same(t, "cases", len(keysOf(t, s, survey.CaseQuery{})), 2)
	for _, key := range []survey.Key{r.Key, other.Key} {
		c, err := s.Case(t.Context(), key)
		must(t, "case", err)
		same(t, "key", c.Response.Key, key)
		same(t, "entries", len(c.Entries), 1)
	}
	good := f.Response(GulouHR1, At("2024-02-05 10:02"), Good)
	add(t, s, good)
	_, err := s.Case(t.Context(), good.Key)
	wantErr(t, "case of a good response", err, survey.ErrNotFound)
}

func caseCutShort(t testing.TB, s survey.Store) {
	f := NewFacts(3, Survey())
	group := []survey.Response{f.Response(GulouHR1, At("2024-02-05 10:00"), Bad), f.Response(GulouHR2, At("2024-02-05 10:00"), Bad, OnCase("N1"))}
	cutShort(t, func(ctx context.Context) error {
		_, err := s.AddResponses(ctx, group)
		return err
	}, func(int64, error) {})
	owed, err := s.OwedCases(t.Context(), 10)
	must(t, "owed cases", err)
	same(t, "owed cases", len(owed), 2)
}

func caseEntries(t testing.TB, s survey.Store) {
	of := Survey()
	r := NewFacts(4, of).Response(GulouHR1, At("2024-02-05 10:00"), Bad)
	add(t, s, r)
	entry := func(no int) survey.Entry {
		return survey.Entry{No: no, Step: survey.StepNoted, At: At("2024-02-06 10:00:00.007"), Recorded: At("2024-02-06 10:00:05.003"), By: "wang $.王", Party: survey.Own,
			Note: "说明 $ 🏛 " + strings.Repeat("长", 900), Outcome: survey.OutcomeReached, Ground: survey.GroundRules, Days: 3, Level: survey.Satisfied,
			Photos: []string{"aa", "bb"}, Clock: &survey.Clock{Contact: 20240206, Rectify: 20240301, Callback: 20240308, Calendar: "c1"}}
	}
	wantErr(t, "number 2 first", s.AddEntries(t.Context(), r.Key, []survey.Entry{entry(2)}, survey.CaseSummary{}), survey.ErrExists)
	wantErr(t, "no such case", s.AddEntries(t.Context(), survey.Key{1}, []survey.Entry{entry(1)}, survey.CaseSummary{}), survey.ErrNotFound)
	must(t, "two entries", s.AddEntries(t.Context(), r.Key, []survey.Entry{entry(1), entry(2)}, survey.CaseSummary{State: survey.CaseOpen}))
	wantErr(t, "number 2 again", s.AddEntries(t.Context(), r.Key, []survey.Entry{entry(2), entry(3)}, survey.CaseSummary{State: survey.CaseClosed}), survey.ErrExists)
	must(t, "third entry", s.AddEntries(t.Context(), r.Key, []survey.Entry{{No: 3, Step: survey.StepVerified, At: At("2024-02-07")}}, survey.CaseSummary{State: survey.CaseVerified}))
	c, err := s.Case(t.Context(), r.Key)
	must(t, "case", err)
	same(t, "entries", c.Entries, []survey.Entry{entry(1), entry(2), {No: 3, Step: survey.StepVerified, At: At("2024-02-07")}})
	same(t, "state", c.Summary.State, survey.CaseVerified)
}

func caseAtOnce(t testing.TB, s survey.Store) {
	r := NewFacts(5, Survey()).Response(GulouHR1, At("2024-02-05 10:00"), Bad)
	add(t, s, r)
	onlyOne(t, "add entry 1", together(20, func(i int) error {
		return s.AddEntries(t.Context(), r.Key, []survey.Entry{{No: 1, Step: survey.StepNoted, Note: fmt.Sprint(i), At: At("2024-02-06")}},
			survey.CaseSummary{State: survey.CaseOpen, Next: survey.Span(20240200 + i)})
	}), survey.ErrExists)
	c, err := s.Case(t.Context(), r.Key)
	must(t, "case", err)
	same(t, "entries", len(c.Entries), 1)
	same(t, "summary of the winner", fmt.Sprint(int(c.Summary.Next)-20240200), c.Entries[0].Note)
}

func caseOpenings(t testing.TB, s survey.Store) {
	f := NewFacts(30, Survey())
	var group []survey.Response
	var list []survey.Opening
	for i := range 7 {
		r := f.Response(Windows()[i], At("2024-02-05 10:00"), Bad)
		group = append(group, r)
		follow := sha256.Sum256(r.Key[:])
		list = append(list, survey.Opening{Key: r.Key, Entries: []survey.Entry{{No: 1, Step: survey.StepOpened, Note: "together"}},
			Summary: survey.CaseSummary{State: survey.CaseOpen, Next: 20240206, Follow: follow[:]}})
	}
	add(t, s, group...)
	must(t, "the third is worked on before", s.AddEntries(t.Context(), group[2].Key, []survey.Entry{{No: 1, Step: survey.StepOpened}, {No: 2, Step: survey.StepContacted}},
		survey.CaseSummary{State: survey.CaseContacted, Next: 20240301}))
	n, err := s.OpenCases(t.Context(), list)
	must(t, "open cases", err)
	same(t, "opened", n, 6)
	again, err := s.OpenCases(t.Context(), list)
	must(t, "open cases again", err)
	same(t, "opened again", again, 0)
	for i, r := range group {
		c, err := s.Case(t.Context(), r.Key)
		must(t, "case", err)
		if i == 2 {
			same(t, "the one worked on: entries", len(c.Entries), 2)
			same(t, "the one worked on: state", c.Summary.State, survey.CaseContacted)
			continue
		}
		same(t, "entries", c.Entries, list[i].Entries)
		same(t, "summary", c.Summary, list[i].Summary)
	}
	owed, err := s.OwedCases(t.Context(), 10)
	must(t, "owed cases", err)
	same(t, "owed after all", len(owed), 0)
	// Everybody opens the same ones at once.
	group, list = nil, nil
	for range 20 {
		r := f.Response(GulouHR1, At("2024-02-06 10:00"), Bad)
		group, list = append(group, r), append(list, survey.Opening{Key: r.Key, Entries: []survey.Entry{{No: 1, Step: survey.StepOpened}}, Summary: survey.CaseSummary{State: survey.CaseOpen}})
	}
	add(t, s, group...)
	opened := make([]int, 8)
	for _, err := range together(len(opened), func(i int) (err error) {
		opened[i], err = s.OpenCases(t.Context(), list)
		return err
	}) {
		must(t, "open at once", err)
	}
	sum := 0
	for _, n := range opened {
		sum += n
	}
	same(t, "opened at once, by all", sum, len(list))
	_, err = s.OpenCases(t.Context(), []survey.Opening{{Key: survey.Key{1}, Entries: list[0].Entries}})
	wantErr(t, "no such case", err, survey.ErrNotFound)
}

func caseSummary(t testing.TB, s survey.Store) {
	r := NewFacts(6, Survey()).Response(GulouHR1, At("2024-02-05 10:00"), Bad)
	add(t, s, r)
	follow := []byte("a keyed hash")
	sum := survey.CaseSummary{State: survey.CaseOpen, Next: 20240206, Pending: true, Marks: survey.MarkReopened | survey.MarkIdentified, Follow: follow}
	must(t, "entry", s.AddEntries(t.Context(), r.Key, []survey.Entry{{No: 1, Step: survey.StepOpened}}, sum))
	c, err := s.FollowedCase(t.Context(), follow)
	must(t, "followed case", err)
	same(t, "key", c.Response.Key, r.Key)
	same(t, "summary", c.Summary, sum)
	must(t, "entry", s.AddEntries(t.Context(), r.Key, []survey.Entry{{No: 2, Step: survey.StepNoted}}, survey.CaseSummary{State: survey.CaseClosed, Next: survey.NoDeadline}))
	c, err = s.FollowedCase(t.Context(), follow)
	must(t, "followed case, after a summary without the code", err)
	same(t, "summary", c.Summary, survey.CaseSummary{State: survey.CaseClosed, Next: survey.NoDeadline, Follow: follow})
	for _, wrong := range [][]byte{nil, {}, []byte("another")} {
		_, err = s.FollowedCase(t.Context(), wrong)
		wantErr(t, "wrong code", err, survey.ErrNotFound)
	}
}

func caseResponse(t testing.TB, s survey.Store) {
	f := NewFacts(7, Survey())
	proven := f.Response(GulouHR1, At("2024-02-05 10:00"), Bad, Proving("N1", "s1"), WithContact, Commented("太慢了"), func(r *survey.Response) { r.Anonymous = true })
	claimed := f.Response(GulouHR1, At("2024-02-05 09:00"), Bad, OnCase("N1"))
	bare := f.Response(SimingTax, At("2024-02-05 09:00"), Bad)
	add(t, s, proven, claimed, bare)
	_, err := s.PutVisits(t.Context(), []survey.Visit{f.Visit(GulouHR1, "N1", At("2024-02-05 08:00"), WithSecret("s1"))})
	must(t, "visits", err)
	OpenAll(t, s, Survey())
	for _, want := range []struct {
		r         survey.Response
		tie       survey.Tie
		standing  survey.Standing
		reachable bool
	}{{proven, survey.TieProven, survey.Counted, true}, {claimed, survey.TieClaimed, survey.Superseded, false}, {bare, survey.TieNone, survey.Counted, false}} {
		c, err := s.Case(t.Context(), want.r.Key)
		must(t, "case", err)
		same(t, "tie", c.Response.Tie, want.tie)
		same(t, "standing", c.Response.Standing, want.standing)
		same(t, "reachable", c.Reachable, want.reachable)
		want.r.Contact = nil
		same(t, "response", c.Response.Response, want.r)
	}
}

// caseField is six cases in different states and places.
func caseField(t testing.TB, s survey.Store) (of survey.Survey, r []survey.Response) {
	of = Survey()
	f := NewFacts(8, of)
	at := func(local string) time.Time { return At(local) }
	r = []survey.Response{
		f.Response(GulouHR1, at("2024-02-20 10:00"), Bad, OnCase("N1")),
		f.Response(GulouHR3, at("2024-02-19 10:00"), Bad),
		f.Response(GulouHRS, at("2024-02-21 10:00"), Bad),
		f.Response(CangshanHR, at("2024-02-22 10:00"), Bad, WithContact),
		f.Response(SimingTax, at("2024-02-23 10:00"), Bad),
		f.Response(PingtanZone, at("2024-02-26 10:00"), Bad),
		f.Response(GulouHR1, at("2024-02-20 10:00"), Good, OnCase("N2")),
	}
	add(t, s, r...)
	OpenAll(t, s, of)
	no := survey.Entry{Step: survey.StepContacted, Outcome: survey.OutcomeNoContact}
	TakeStep(t, s, of, r[1].Key, at("2024-02-19 11:00"), caseWorker, no) // works towards a later deadline now
	TakeStep(t, s, of, r[4].Key, at("2024-02-23 11:00"), caseWorker, survey.Entry{Step: survey.StepExclusionAsked, Ground: survey.GroundMistaken, Note: "。"})
	TakeStep(t, s, of, r[4].Key, at("2024-02-23 12:00"), survey.Worker{Name: "li", Party: survey.Higher}, survey.Entry{Step: survey.StepExclusionGranted, Note: "。"})
	return of, r
}

func caseLists(t testing.TB, s survey.Store) {
	_, r := caseField(t, s)
	key := func(n ...int) (keys []survey.Key) {
		for _, i := range n {
			keys = append(keys, r[i].Key)
		}
		return keys
	}
	for what, c := range map[string]struct {
		q    survey.CaseQuery
		want []survey.Key
	}{
		"all by deadline":   {survey.CaseQuery{Survey: "y2024", Limit: 10}, key(0, 2, 3, 5, 1, 4)},
		"two":               {survey.CaseQuery{Survey: "y2024", Limit: 2}, key(0, 2)},
		"a bureau":          {survey.CaseQuery{Survey: "y2024", Place: "350102-HR", Limit: 10}, key(0, 1)},
		"a hall":            {survey.CaseQuery{Survey: "y2024", Place: "350102-HR-02", Limit: 10}, key(1)},
		"a window":          {survey.CaseQuery{Survey: "y2024", Place: GulouHR1, Limit: 10}, key(0)},
		"a city":            {survey.CaseQuery{Survey: "y2024", Place: "350100", Limit: 10}, key(0, 2, 3, 1)},
		"days":              {survey.CaseQuery{Survey: "y2024", From: 20240220, To: 20240221, Limit: 10}, key(0, 2)},
		"open or contacted": {survey.CaseQuery{Survey: "y2024", States: []survey.CaseState{survey.CaseContacted, survey.CaseClosed}, Limit: 10}, key(1)},
		"excluded":          {survey.CaseQuery{Survey: "y2024", Marks: survey.MarkExcluded, Limit: 10}, key(4)},
		"reopened":          {survey.CaseQuery{Survey: "y2024", Marks: survey.MarkReopened | survey.MarkExcluded, Limit: 10}, nil},
		"overdue":           {survey.CaseQuery{Survey: "y2024", Before: 20240223, Limit: 10}, key(0, 2)},
		"due in two days":   {survey.CaseQuery{Survey: "y2024", Since: 20240222, Before: 20240224, Limit: 10}, key(2, 3)},
		"due later":         {survey.CaseQuery{Survey: "y2024", Since: 20240227, Limit: 10}, key(5, 1, 4)},
		"number":            {survey.CaseQuery{Survey: "y2024", Number: "N1", Limit: 10}, key(0)},
		"a good one's":      {survey.CaseQuery{Survey: "y2024", Number: "N2", Limit: 10}, nil},
		"unnamed hidden":    {survey.CaseQuery{Survey: "y2024", Unnamed: 20240221, Limit: 10}, key(0, 3, 1)},
		"and due later":     {survey.CaseQuery{Survey: "y2024", Unnamed: 20240226, Since: 20240227, Before: 20240501, Limit: 10}, key(1)},
		"and in a bureau":   {survey.CaseQuery{Survey: "y2024", Unnamed: 20240220, Place: "350102-HR", Limit: 10}, key(1)},
		"pending":           {survey.CaseQuery{Survey: "y2024", Pending: true, Limit: 10}, nil},
		"every survey":      {survey.CaseQuery{Place: "350200", Limit: 10}, key(4)},
	} {
		same(t, what, keysOf(t, s, c.q), c.want)
		c.q.Limit = 0
		got := keysOf(t, s, c.q)
		if what != "two" {
			same(t, what+", without a limit", len(got), len(c.want))
		}
		for _, k := range c.want {
			if !slices.Contains(got, k) {
				t.Errorf("%s, without a limit: a case is missing", what)
			}
		}
	}
}

func casePages(t testing.TB, s survey.Store) {
	of := Survey()
	f := NewFacts(9, of)
	var group []survey.Response
	for i := range 43 {
		group = append(group, f.Response(GulouHR1, At("2024-02-05 10:00").AddDate(0, 0, i%4), Bad))
	}
	add(t, s, group...)
	OpenAll(t, s, of)
	seen := map[survey.Key]bool{}
	for cursor := (survey.CaseCursor{}); ; {
		var page []survey.Case
		must(t, "cases", s.Cases(t.Context(), survey.CaseQuery{Survey: of.ID, Limit: 10, After: cursor}, func(c survey.Case) error {
			page = append(page, c)
			return nil
		}))
		for _, c := range page {
			next := survey.CaseCursor{Next: c.Summary.Next, Key: c.Response.Key}
			if seen[next.Key] || next.Next < cursor.Next {
				t.Fatalf("case of %s comes again, or too late", c.Response.Day)
			}
			seen[next.Key] = true
			cursor = next
		}
		if len(page) < 10 {
			break
		}
	}
	same(t, "cases on all pages", len(seen), len(group))
}

func caseLoads(t testing.TB, s survey.Store) {
	caseField(t, s)
	loads := func(place string, today survey.Span) []survey.CaseLoad {
		got, err := s.CaseLoads(t.Context(), survey.CaseQuery{Survey: "y2024", Place: place}, today)
		must(t, "loads", err)
		slices.SortFunc(got, func(a, b survey.CaseLoad) int {
			return strings.Compare(a.Bureau+" "+string(a.State), b.Bureau+" "+string(b.State))
		})
		return got
	}
	same(t, "loads", loads("", 20240223), []survey.CaseLoad{
		{Bureau: "350102-HR", State: survey.CaseContacted, Marks: survey.MarkUnnamed, N: 1},
		{Bureau: "350102-HR", State: survey.CaseOpen, Marks: survey.MarkUnnamed, Overdue: true, N: 1},
		{Bureau: "350102-HRS", State: survey.CaseOpen, Marks: survey.MarkUnnamed, Overdue: true, N: 1},
		{Bureau: "350104-HR", State: survey.CaseOpen, N: 1},
		{Bureau: "350128-ZH", State: survey.CaseOpen, Marks: survey.MarkUnnamed, N: 1},
		{Bureau: "350203-TAX", State: survey.CaseOpen, Marks: survey.MarkExcluded | survey.MarkUnnamed, N: 1},
	})
	same(t, "loads of a bureau", len(loads("350102-HR", 20240223)), 2)
	same(t, "loads of a city", len(loads("350200", 20240223)), 1)
	seen, err := s.CaseLoads(t.Context(), survey.CaseQuery{Survey: "y2024", Unnamed: 20240220}, 20240223)
	must(t, "loads", err)
	same(t, "loads without unnamed reviews of late", len(seen), 2)
}

func casesDue(t testing.TB, s survey.Store) {
	caseField(t, s) // contact by 21, 22, 23 and 27 February, rectify by 4 March, nothing
	for _, c := range []struct {
		place string
		to    survey.Span
		want  map[survey.Span]int64
	}{
		{"", 20240220, map[survey.Span]int64{}},
		{"", 20240222, map[survey.Span]int64{20240221: 1, 20240222: 1}},
		{"350100", 20240227, map[survey.Span]int64{20240221: 1, 20240222: 1, 20240223: 1}},
		{"350102-HR", 20240227, map[survey.Span]int64{20240221: 1}},
		{"350200", 20250101, map[survey.Span]int64{}},
	} {
		got, err := s.CasesDue(t.Context(), survey.CaseQuery{Survey: "y2024", Place: c.place, Before: c.to.Plus(1)})
		must(t, "due", err)
		same(t, fmt.Sprint("due in ", c.place, " up to ", c.to), got, c.want)
	}
}

func caseSheets(t testing.TB, s survey.Store) {
	sheet := func(day survey.Span, no int, n int64) survey.CaseSheet {
		return survey.CaseSheet{Survey: "y2024", AsOf: day, No: no, MadeAt: At("2024-03-01 02:30:00.007"), Counting: survey.Counting,
			Bureaus: map[string]map[survey.Span]survey.CaseTally{
				"350102-HR": {202402: {Adopted: survey.CaseCounts{Cases: n, Due: n, Real: survey.RealCounts{Due: 1}, After: [5]int64{1, 0, 2}},
					Superseded: 3, Revealed: 2, Reasons: map[int]int64{108: n}}}},
			Changes: []survey.SheetChange{{No: no, Bureau: "350102-HR", Month: 202402, Counts: []survey.CountChange{{Name: "adopted.cases", From: 1, To: n}},
				Causes: []survey.SheetCause{{Kind: survey.CauseLateReview, N: n - 1, Last: At("2024-03-01 01:30:00.001")}}, Explained: true}}}
	}
	_, err := s.CaseSheet(t.Context(), "y2024", 0)
	wantErr(t, "no sheet yet", err, survey.ErrNotFound)
	for _, add := range []survey.CaseSheet{sheet(20240229, 1, 5), sheet(20240228, 1, 4), sheet(20240228, 2, 7)} {
		must(t, "put sheet", s.PutCaseSheet(t.Context(), add))
	}
	wantErr(t, "number taken", s.PutCaseSheet(t.Context(), sheet(20240228, 1, 9)), survey.ErrExists)
	for day, want := range map[survey.Span]survey.CaseSheet{0: sheet(20240229, 1, 5), 20240229: sheet(20240229, 1, 5), 20240228: sheet(20240228, 2, 7)} {
		got, err := s.CaseSheet(t.Context(), "y2024", day)
		must(t, "sheet", err)
		same(t, "sheet", got, want)
	}
	var all []survey.CaseSheet
	must(t, "sheets", s.CaseSheets(t.Context(), func(sheet survey.CaseSheet) error {
		all = append(all, sheet)
		return nil
	}))
	same(t, "sheets", all, []survey.CaseSheet{sheet(20240228, 1, 4), sheet(20240228, 2, 7), sheet(20240229, 1, 5)})
	_, err = s.CaseSheet(t.Context(), "other", 0)
	wantErr(t, "another survey's sheet", err, survey.ErrNotFound)
}

func calendarDays(t testing.TB, s survey.Store) {
	want := func(days ...survey.CalendarDay) {
		t.Helper()
		got, err := s.CalendarDays(t.Context())
		must(t, "calendar", err)
		same(t, "days", len(got), len(days))
		for i := range got {
			same(t, "day", got[i], days[i])
		}
	}
	want()
	first := survey.CalendarDay{Day: 20270101, Name: "元旦节 $.x"}
	must(t, "put", s.PutCalendar(t.Context(), []survey.CalendarDay{{Day: 20270206, Work: true, Name: "春节"}, first}))
	want(first, survey.CalendarDay{Day: 20270206, Work: true, Name: "春节"})
	must(t, "put", s.PutCalendar(t.Context(), []survey.CalendarDay{{Day: 20270206}, {Day: 20270207, Work: true}}))
	want(first, survey.CalendarDay{Day: 20270206}, survey.CalendarDay{Day: 20270207, Work: true})
}
