package storetest

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"manyi/survey"
)

var propertyChecks = []Check{
	{"tallies/random facts in any order are counted as plain counting does", propertyAnyOrder},
	{"tallies/a roll-up beside writers loses nothing", rollBesideWriters},
}

// bucketsOf are the buckets that a fact of a window and day ends up in.
func bucketsOf(id, window string, day survey.Span) []survey.Bucket {
	bureau := survey.BureauOf(window)
	return []survey.Bucket{
		{Survey: id, Place: window, Kind: survey.Window, Span: day},
		{Survey: id, Place: window, Kind: survey.Window, Span: day / 100},
		{Survey: id, Place: bureau, Kind: survey.Bureau, Span: day},
		{Survey: id, Place: bureau, Kind: survey.Bureau, Span: day / 100},
		{Survey: id, Place: bureau, Kind: survey.Bureau, Span: survey.Whole},
	}
}

// plainCount counts all facts of a survey at once, the slow and obvious way.
func plainCount(responses []survey.Response, visits map[survey.CaseRef]survey.Visit) map[survey.Bucket]survey.Tally {
	out := map[survey.Bucket]survey.Tally{}
	into := func(id, window string, day survey.Span, add func(*survey.Tally)) {
		for _, b := range bucketsOf(id, window, day) {
			tally := out[b]
			add(&tally)
			out[b] = tally
		}
	}
	claims := map[survey.CaseRef][]survey.Claim{}
	tie := func(r survey.Response) survey.Tie {
		v, listed := visits[r.Case]
		switch {
		case r.Case.Number == "":
			return survey.TieNone
		case !listed:
			return survey.TieUnmatched
		case len(v.Secret) > 0 && string(v.Secret) == string(r.Secret):
			return survey.TieProven
		}
		return survey.TieClaimed
	}
	for _, r := range responses {
		claims[r.Case] = append(claims[r.Case], survey.Claim{Key: r.Key, ReceivedAt: r.ReceivedAt, Proven: tie(r) == survey.TieProven, Corrects: r.Corrects, Imported: r.Channel == survey.ChannelImported})
	}
	for _, r := range responses {
		l := survey.Listed{Response: r, Tie: tie(r), Standing: survey.Counted}
		if l.Tie != survey.TieNone && survey.Winner(claims[r.Case]) != r.Key {
			l.Standing = survey.Superseded
		}
		into(r.Survey, r.Path.Window(), r.Day, func(t *survey.Tally) { t.Add(l) })
	}
	for _, v := range visits {
		into(v.Survey, v.Window, v.Day, func(t *survey.Tally) { t.AddVisit(len(claims[v.Case]) > 0) })
	}
	return out
}

// allTallies are all stored tallies of a survey that hold anything.
func allTallies(t testing.TB, s survey.TallyStore, id string) map[survey.Bucket]survey.Tally {
	t.Helper()
	out := map[survey.Bucket]survey.Tally{}
	for _, q := range []survey.TallyQuery{
		{Kind: survey.Window, From: 20000101, To: 20991231}, {Kind: survey.Window, From: 200001, To: 209912},
		{Kind: survey.Bureau, From: 20000101, To: 20991231}, {Kind: survey.Bureau, From: 200001, To: 209912}, {Kind: survey.Bureau},
	} {
		q.Survey = id
		for b, tally := range tallies(t, s, q) {
			if !tally.Equal(survey.Tally{}) {
				out[b] = tally
			}
		}
	}
	return out
}

func sameTallies(t testing.TB, what string, got, want map[survey.Bucket]survey.Tally) {
	t.Helper()
	for b, w := range want {
		if g := got[b]; !g.Equal(w) {
			t.Fatalf("%s: %s %s:\n got %+v\nwant %+v", what, b.Place, b.Span, g, w)
		}
	}
	for b, g := range got {
		if _, ok := want[b]; !ok {
			t.Fatalf("%s: %s %s holds %+v, want nothing", what, b.Place, b.Span, g)
		}
	}
}

// edges are instants at which days, months and the survey begin and end in its zone.
func edges(v survey.Survey) []time.Time {
	out := []time.Time{v.Opens, v.Closes.Add(-time.Millisecond)}
	for _, day := range []string{"2024-02-29", "2024-03-01", "2024-03-02"} {
		out = append(out, At(day), At(day).Add(-time.Millisecond))
	}
	return append(out, At("2024-02-29 08:00"), At("2024-03-01 07:59")) // where the day changes in UTC
}

// randomFacts makes responses and lists of visits; a case listed again is a correction.
func randomFacts(seed uint64, v survey.Survey) (responses []survey.Response, visits []survey.Visit) {
	f := NewFacts(seed, v)
	rng := rand.New(rand.NewPCG(seed, 2))
	at := edges(v)
	when := func() time.Time {
		if rng.IntN(4) > 0 {
			return at[rng.IntN(len(at))]
		}
		return v.Opens.Add(time.Duration(rng.Int64N(int64(v.Closes.Sub(v.Opens)/time.Millisecond))) * time.Millisecond)
	}
	window := func() string { return Windows()[rng.IntN(len(Windows()))] }
	number := func() string { return "C" + strconv.Itoa(rng.IntN(60)) }
	secret := func() string { return "s" + strconv.Itoa(rng.IntN(2)) }
	for range 200 {
		r := f.Response(window(), when())
		switch rng.IntN(4) {
		case 0:
			OnCase(number())(&r)
		case 1:
			Proving(number(), secret())(&r)
			r.Corrects = rng.IntN(4) == 0
		case 2:
			OnStage(number(), "2")(&r)
		}
		r.Channel = survey.Channel(1 + rng.IntN(3))
		if rng.IntN(5) == 0 {
			r.Channel = survey.ChannelImported
		}
		if r.Level.Bad() {
			r.Reasons = []int{108, 207}[:1+rng.IntN(2)]
		}
		if rng.IntN(2) == 0 {
			r.Answers = map[string]survey.Level{"attitude": survey.Levels[rng.IntN(5)]}
		}
		responses = append(responses, r)
	}
	for range 80 {
		c := f.Visit(window(), number(), when())
		if rng.IntN(3) > 0 {
			c.Secret = Secret(secret())
		}
		if rng.IntN(4) == 0 {
			c.Case.Stage = "2"
		}
		visits = append(visits, c)
	}
	return responses, visits
}

func propertyAnyOrder(t testing.TB, s survey.Store) {
	// One store holds all orders, each as a survey of its own: surveys must not mix either.
	for order := range 3 {
		v := Survey(Named("order-" + strconv.Itoa(order)))
		responses, visits := randomFacts(20240229, v)
		last := map[survey.CaseRef]survey.Visit{}
		for _, c := range visits {
			last[c.Case] = c
		}
		for i := range responses { // keys differ between surveys, their order does not
			responses[i].Key[survey.FormKeyLen-1], responses[i].ID[0] = byte(order), byte(order)
		}
		want := plainCount(responses, last)
		insertShuffled(t, s, rand.New(rand.NewPCG(uint64(order), 3)), responses, visits)
		sameTallies(t, "tallies in order "+strconv.Itoa(order), allTallies(t, s, v.ID), want)
	}
	for order := range 3 { // what came after did not touch what was there
		v := Survey(Named("order-" + strconv.Itoa(order)))
		first := renamed(allTallies(t, s, "order-0"), v.ID)
		sameTallies(t, "tallies against the first order's", allTallies(t, s, v.ID), first)
	}
}

func renamed(tallies map[survey.Bucket]survey.Tally, id string) map[survey.Bucket]survey.Tally {
	out := map[survey.Bucket]survey.Tally{}
	for b, tally := range tallies {
		b.Survey = id
		out[b] = tally
	}
	return out
}

// insertShuffled stores the facts in random order and groups, some of them
// twice, rolling up now and then. Only the versions of one visit keep their order.
func insertShuffled(t testing.TB, s survey.Store, rng *rand.Rand, responses []survey.Response, visits []survey.Visit) {
	t.Helper()
	responses = slices.Concat(responses, responses[:20])
	rng.Shuffle(len(responses), func(i, j int) { responses[i], responses[j] = responses[j], responses[i] })
	for len(responses) > 0 || len(visits) > 0 {
		if n := min(len(responses), 1+rng.IntN(12)); rng.IntN(3) > 0 {
			add(t, s, responses[:n]...)
			responses = responses[n:]
		} else if n := min(len(visits), 1+rng.IntN(6)); n > 0 {
			put(t, s, lastOfEach(visits[:n])...)
			visits = visits[n:]
		}
		if rng.IntN(20) == 0 {
			Roll(t, s)
		}
	}
	Roll(t, s)
}

// lastOfEach drops all but the last version of a visit, as one list names a case once.
func lastOfEach(visits []survey.Visit) []survey.Visit {
	var out []survey.Visit
	for i, v := range visits {
		again := func(o survey.Visit) bool { return o.Case == v.Case }
		if !slices.ContainsFunc(visits[i+1:], again) {
			out = append(out, v)
		}
	}
	return out
}

func rollBesideWriters(t testing.TB, s survey.Store) {
	v := Survey()
	responses, visits := randomFacts(7, v)
	last := map[survey.CaseRef]survey.Visit{}
	for _, c := range visits {
		last[c.Case] = c
	}
	errs := make(chan error, 2)
	go func() {
		var err error
		for group := range slices.Chunk(responses, 4) {
			if err == nil {
				_, err = s.AddResponses(t.Context(), group)
			}
		}
		errs <- err
	}()
	go func() {
		var err error
		for list := range slices.Chunk(visits, 3) {
			if err == nil {
				_, err = s.PutVisits(t.Context(), lastOfEach(list))
			}
		}
		errs <- err
	}()
	for written := 0; written < 2; {
		Roll(t, s)
		select {
		case err := <-errs:
			must(t, "write beside a roll-up", err)
			written++
		default:
		}
	}
	Roll(t, s)
	sameTallies(t, "tallies", allTallies(t, s, v.ID), plainCount(responses, last))
}
