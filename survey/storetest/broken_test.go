package storetest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"manyi/survey"
)

// Each store below is a sound engine but for one guarantee.

type saysNew struct{ survey.Store }

func (s saysNew) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	stored, err := s.Store.AddResponses(ctx, group)
	for i := range stored {
		stored[i] = true
	}
	return stored, err
}

// storesTwice has no unique index: what was there before gets another key.
type storesTwice struct {
	survey.Store
	n byte
}

func (s *storesTwice) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	stored, err := s.Store.AddResponses(ctx, group)
	for i, r := range group {
		if err == nil && !stored[i] {
			s.n++
			r.Key[survey.FormKeyLen] ^= s.n
			r.ID[0] ^= s.n
			_, err = s.Store.AddResponses(ctx, []survey.Response{r})
		}
	}
	return stored, err
}

// dropsReuse takes the form key for the whole key.
type dropsReuse struct {
	survey.Store
	forms map[[survey.FormKeyLen]byte]bool
}

func (s *dropsReuse) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	if s.forms == nil {
		s.forms = map[[survey.FormKeyLen]byte]bool{}
	}
	stored := make([]bool, len(group))
	for i, r := range group {
		if s.forms[r.Key.Form()] {
			continue
		}
		s.forms[r.Key.Form()] = true
		ok, err := s.Store.AddResponses(ctx, []survey.Response{r})
		if err != nil {
			return nil, err
		}
		stored[i] = ok[0]
	}
	return stored, nil
}

// losesPaper keeps a response, but not the sheet it was keyed in from.
type losesPaper struct{ survey.Store }

func (s losesPaper) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	group = slices.Clone(group)
	for i := range group {
		group[i].Paper = nil
	}
	return s.Store.AddResponses(ctx, group)
}

// losesInterviews keeps a response, but not how the citizen was asked.
type losesInterviews struct{ survey.Store }

func (s losesInterviews) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	group = slices.Clone(group)
	for i := range group {
		group[i].Interview = nil
	}
	return s.Store.AddResponses(ctx, group)
}

// opensInterviews takes an interview for a citizen's own rating, which owes a case.
type opensInterviews struct{ survey.Store }

func (s opensInterviews) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	group = slices.Clone(group)
	for i := range group {
		if group[i].Channel == survey.ChannelInterview {
			group[i].Channel = survey.ChannelQR
		}
	}
	return s.Store.AddResponses(ctx, group)
}

// expiresEarly lets a session go at the last moment it is good for.
type expiresEarly struct{ survey.Store }

func (s expiresEarly) Expire(ctx context.Context, now time.Time) (int, error) {
	return s.Store.Expire(ctx, now.Add(time.Millisecond))
}

type forgetsForms struct{ survey.Store }

func (forgetsForms) FormKeys(context.Context, [][survey.FormKeyLen]byte) (map[[survey.FormKeyLen]byte]survey.Key, error) {
	return nil, nil
}

// losesEntries stores the first of the entries only.
type losesEntries struct{ survey.Store }

func (s losesEntries) AddEntries(ctx context.Context, key survey.Key, made []survey.Entry, sum survey.CaseSummary) error {
	return s.Store.AddEntries(ctx, key, made[:1], sum)
}

// provesTwice looks at a code first and proves then.
type provesTwice struct{ survey.Store }

func (s provesTwice) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (survey.CodeTry, error) {
	try, err := s.Store.TryCode(ctx, key, code, now)
	if try == survey.CodeProved {
		try = survey.CodeRight
	}
	return try, err
}

// provesLate takes a code at the instant it expires.
type provesLate struct{ survey.Store }

func (s provesLate) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (survey.CodeTry, error) {
	return s.Store.TryCode(ctx, key, code, now.Add(-time.Millisecond))
}

// provesAnother compares a guess with a code of any response.
type provesAnother struct {
	survey.Store
	last map[string]survey.Key
}

func (s provesAnother) PutCode(ctx context.Context, key survey.Key, code []byte, expires time.Time) error {
	s.last[string(code)] = key
	return s.Store.PutCode(ctx, key, code, expires)
}

func (s provesAnother) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (survey.CodeTry, error) {
	if of, ok := s.last[string(code)]; ok {
		key = of
	}
	return s.Store.TryCode(ctx, key, code, now)
}

// countsNoGuess puts the code in force anew after a wrong guess.
type countsNoGuess struct {
	survey.Store
	mu   *sync.Mutex
	code map[survey.Key]survey.Proof
}

func (s countsNoGuess) PutCode(ctx context.Context, key survey.Key, code []byte, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code[key] = survey.Proof{Code: code, ExpiresAt: expires}
	return s.Store.PutCode(ctx, key, code, expires)
}

func (s countsNoGuess) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (survey.CodeTry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	try, err := s.Store.TryCode(ctx, key, code, now)
	if try == survey.CodeWrong {
		err = s.Store.PutCode(ctx, key, s.code[key].Code, s.code[key].ExpiresAt)
	}
	return try, err
}

// keepsCodes lets an earlier code stay in force.
type keepsCodes struct{ survey.Store }

func (s keepsCodes) PutCode(ctx context.Context, key survey.Key, code []byte, expires time.Time) error {
	if _, err := s.Proof(ctx, key); err == nil {
		return nil
	}
	return s.Store.PutCode(ctx, key, code, expires)
}

// owesNothing forgets what follows from a proof.
type owesNothing struct{ survey.Store }

func (s owesNothing) TryCode(ctx context.Context, key survey.Key, code []byte, now time.Time) (survey.CodeTry, error) {
	try, err := s.Store.TryCode(ctx, key, code, now)
	if try == survey.CodeRight {
		err = s.NoteProof(ctx, key)
	}
	return try, err
}

// limitsTheFirst looks at the first limit only.
type limitsTheFirst struct{ survey.Store }

func (s limitsTheFirst) CountSend(ctx context.Context, limits []survey.SendLimit, now time.Time) error {
	return s.Store.CountSend(ctx, limits[:min(len(limits), 1)], now)
}

// losesPhone keeps a user without the phone.
type losesPhone struct{ survey.Store }

func (s losesPhone) PutUser(ctx context.Context, u survey.User) error {
	u.Phone = nil
	return s.Store.PutUser(ctx, u)
}

// countsAll counts messages of any time.
type countsAll struct{ survey.Store }

func (s countsAll) Sends(ctx context.Context, name string, _ time.Time) (int, error) {
	return s.Store.Sends(ctx, name, time.Time{})
}

// limitsBlindly looks at what was counted before any of those counting at once is.
type limitsBlindly struct {
	survey.Store
	mu    sync.Mutex
	n     int
	asked int
	all   chan struct{} // closed once 20 have looked
}

func (s *limitsBlindly) CountSend(_ context.Context, limits []survey.SendLimit, _ time.Time) error {
	s.mu.Lock()
	n := s.n
	if s.asked++; s.asked == 20 {
		close(s.all)
	}
	s.mu.Unlock()
	<-s.all
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= limits[0].Most {
		return survey.ErrLimited
	}
	s.n++
	return nil
}

type losesPlaces struct{ survey.Store }

func (s losesPlaces) PutPlaces(ctx context.Context, places []survey.Place) error {
	old, err := s.Store.Places(ctx)
	if err != nil {
		return err
	}
	known := func(p survey.Place) bool {
		return slices.ContainsFunc(old, func(o survey.Place) bool { return o.Code == p.Code })
	}
	return s.Store.PutPlaces(ctx, slices.DeleteFunc(slices.Clone(places), known))
}

type losesVisits struct {
	survey.Store
	seen map[string]bool
}

func (s *losesVisits) PutVisits(ctx context.Context, visits []survey.Visit) (survey.VisitChange, error) {
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	var fresh []survey.Visit
	for _, v := range visits {
		id := fmt.Sprintf("%q %q", v.Survey, v.Case)
		if !s.seen[id] {
			fresh = append(fresh, v)
		}
		s.seen[id] = true
	}
	change, err := s.Store.PutVisits(ctx, fresh)
	change.Changed += len(visits) - len(fresh)
	return change, err
}

type placesOneByOne struct{ survey.Store }

func (s placesOneByOne) PutPlaces(ctx context.Context, places []survey.Place) error {
	for _, p := range places {
		if err := s.Store.PutPlaces(ctx, []survey.Place{p}); err != nil {
			return err
		}
	}
	return nil
}

type visitsOneByOne struct{ survey.Store }

func (s visitsOneByOne) PutVisits(ctx context.Context, visits []survey.Visit) (sum survey.VisitChange, err error) {
	for _, v := range visits {
		change, err := s.Store.PutVisits(ctx, []survey.Visit{v})
		if err != nil {
			return sum, err
		}
		sum.Added += change.Added
		sum.Changed += change.Changed
		sum.Unchanged += change.Unchanged
	}
	return sum, nil
}

type shortDays struct{ survey.Store }

func (s shortDays) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	if q.To != 0 {
		q.To = q.To.Plus(-1)
	}
	return s.Store.Responses(ctx, q, yield)
}

type shortSpans struct{ survey.Store }

func (s shortSpans) Tallies(ctx context.Context, q survey.TallyQuery, yield func(survey.Bucket, survey.Tally) error) error {
	if q.To != survey.Whole {
		q.To--
	}
	return s.Store.Tallies(ctx, q, yield)
}

type repeatsPage struct{ survey.Store }

func (s repeatsPage) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	var page []survey.Listed
	n := 0
	return s.Store.Responses(ctx, q, func(r survey.Listed) error {
		if n++; n > 900 && n <= 1000 {
			page = append(page, r)
		}
		if n == 1001 {
			for _, again := range page {
				if err := yield(again); err != nil {
					return err
				}
			}
		}
		return yield(r)
	})
}

type skipsPage struct{ survey.Store }

func (s skipsPage) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	n := 0
	return s.Store.Responses(ctx, q, func(r survey.Listed) error {
		if n++; n > 900 && n <= 1000 {
			return nil
		}
		return yield(r)
	})
}

// turnsRound turns the order round with every listing.
type turnsRound struct {
	survey.Store
	n int
}

func (s *turnsRound) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	var all []survey.Listed
	err := s.Store.Responses(ctx, q, func(r survey.Listed) error {
		all = append(all, r)
		return nil
	})
	if s.n++; s.n%2 == 0 {
		slices.Reverse(all)
	}
	for _, r := range all {
		if err == nil {
			err = yield(r)
		}
	}
	return err
}

// byPrefix takes 350102-HRS for a part of 350102-HR.
type byPrefix struct{ survey.Store }

func (s byPrefix) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	place := q.Place
	if place == "" || q.Newest > 0 {
		return s.Store.Responses(ctx, q, yield)
	}
	q.Place = ""
	return s.Store.Responses(ctx, q, func(r survey.Listed) error {
		for _, code := range r.Path {
			if len(code) >= len(place) && code[:len(place)] == place {
				return yield(r)
			}
		}
		return nil
	})
}

type goesOn struct{ survey.Store }

func (s goesOn) Responses(ctx context.Context, q survey.ResponseQuery, yield func(survey.Listed) error) error {
	var first error
	err := s.Store.Responses(ctx, q, func(r survey.Listed) error {
		if err := yield(r); err != nil {
			first = err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return first
}

// forgetsMarks hides the marks that visits, or else all but the first responses, made.
type forgetsMarks struct {
	survey.Store
	visits bool
	added  bool
	hidden map[survey.Mark]bool
}

func (s *forgetsMarks) forget(ctx context.Context, do func() error) error {
	before, err := s.Store.Marks(ctx, survey.StepFacts, 10_000)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := s.Store.Marks(ctx, survey.StepFacts, 10_000)
	for _, m := range after {
		if !slices.Contains(before, m) {
			if s.hidden == nil {
				s.hidden = map[survey.Mark]bool{}
			}
			s.hidden[m] = true
		}
	}
	return err
}

func (s *forgetsMarks) PutVisits(ctx context.Context, visits []survey.Visit) (change survey.VisitChange, err error) {
	if !s.visits {
		return s.Store.PutVisits(ctx, visits)
	}
	err = s.forget(ctx, func() (err error) { change, err = s.Store.PutVisits(ctx, visits); return err })
	return change, err
}

func (s *forgetsMarks) AddResponses(ctx context.Context, group []survey.Response) (stored []bool, err error) {
	if s.visits || !s.added {
		s.added = true
		return s.Store.AddResponses(ctx, group)
	}
	err = s.forget(ctx, func() (err error) { stored, err = s.Store.AddResponses(ctx, group); return err })
	return stored, err
}

func (s *forgetsMarks) Marks(ctx context.Context, step survey.Step, limit int) ([]survey.Mark, error) {
	marks, err := s.Store.Marks(ctx, step, 10_000)
	marks = slices.DeleteFunc(marks, func(m survey.Mark) bool { return s.hidden[m] })
	return marks[:min(len(marks), limit)], err
}

// ignoresGen stores a count whatever happened to its bucket since.
type ignoresGen struct{ survey.Store }

func (s ignoresGen) PutTallies(ctx context.Context, fence int64, counted []survey.CountedBucket, now time.Time) error {
	marks, err := s.Store.Marks(ctx, survey.StepFacts, 10_000)
	if err != nil {
		return err
	}
	counted = slices.Clone(counted)
	for i, c := range counted {
		for _, m := range marks {
			if m.Bucket == c.Mark.Bucket {
				counted[i].Mark.Gen = m.Gen
			}
		}
	}
	return s.Store.PutTallies(ctx, fence, counted, now)
}

type leasesAll struct{ survey.Store }

func (s leasesAll) Lease(context.Context, string, string, time.Time, time.Duration) (int64, error) {
	return 1, nil
}

// sameFence gives every lease the same number.
type sameFence struct{ survey.Store }

func (s sameFence) Lease(ctx context.Context, job, holder string, now time.Time, ttl time.Duration) (int64, error) {
	_, err := s.Store.Lease(ctx, job, holder, now, ttl)
	return 1, err
}

// ignoresFence lets an old holder write.
type ignoresFence struct{ survey.Store }

func (s ignoresFence) PutTallies(ctx context.Context, _ int64, counted []survey.CountedBucket, now time.Time) error {
	return s.Store.PutTallies(ctx, 1<<40, counted, now)
}

// starves stores a count only if nothing came meanwhile.
type starves struct{ survey.Store }

func (s starves) PutTallies(ctx context.Context, fence int64, counted []survey.CountedBucket, now time.Time) error {
	marks, err := s.Store.Marks(ctx, survey.StepFacts, 10_000)
	if err != nil {
		return err
	}
	overtaken := func(c survey.CountedBucket) bool {
		return slices.ContainsFunc(marks, func(m survey.Mark) bool { return m.Bucket == c.Mark.Bucket && m.Gen != c.Mark.Gen })
	}
	return s.Store.PutTallies(ctx, fence, slices.DeleteFunc(slices.Clone(counted), overtaken), now)
}

// wrongQuestion gives the cells of all questions whichever was asked for.
type wrongQuestion struct{ survey.Store }

func (s wrongQuestion) Tallies(ctx context.Context, q survey.TallyQuery, yield func(survey.Bucket, survey.Tally) error) error {
	q.Question = ""
	return s.Store.Tallies(ctx, q, yield)
}

// sumsAnew forgets what a sum held before.
type sumsAnew struct{ survey.Store }

func (s sumsAnew) SumTallies(ctx context.Context, q survey.TallyQuery, into func(survey.Bucket) *survey.Tally) error {
	return s.Store.Tallies(ctx, q, func(b survey.Bucket, t survey.Tally) error {
		if sum := into(b); sum != nil {
			*sum = t
		}
		return nil
	})
}

// lastPinWins lets a second node change what the first pinned.
type lastPinWins struct {
	survey.Store
	pins map[string]string
}

func (s *lastPinWins) Pin(_ context.Context, name, value string) (string, error) {
	if s.pins == nil {
		s.pins = map[string]string{}
	}
	s.pins[name] = value
	return value, nil
}
