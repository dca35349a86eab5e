package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"manyi/survey"
)

// Bulk makes facts by the million, for benchmarks. They differ enough to cost
// what real ones do: half name a case, most of those are on the list of visits,
// some with their secret. The same calls make the same facts.
type Bulk struct {
	Survey survey.Survey // of every bureau of the places, over the year before Today and the one after
	Today  survey.Span   // mid-month, so that months are neither empty nor full
	// OneBadIn, if set, makes exactly every so many-th response a bad one, instead of
	// about one in ten.
	OneBadIn int

	zone  *time.Location
	paths []survey.Path // of the windows
	rand  *rand.Rand
	made  uint32
}

// NewBulk makes facts at all windows of a tree.
func NewBulk(tree *survey.Tree) *Bulk {
	k := &Bulk{Today: 20250316, rand: rand.New(rand.NewPCG(2025, 316))}
	k.Survey = Survey(Named("bulk"), func(s *survey.Survey) {
		s.Opens, s.Closes, s.Candidates = At("2024-03-16"), At("2026-03-16"), nil
		for _, b := range tree.All(survey.Bureau, "") {
			s.Candidates = append(s.Candidates, b.Code)
		}
	})
	k.zone = k.Survey.Location()
	for _, w := range tree.All(survey.Window, "") {
		k.paths = append(k.paths, tree.Path(w.Code))
	}
	return k
}

// StoreYear stores n responses, and the visits they belong to, spread evenly
// over the year that ends the day before Today.
func (k *Bulk) StoreYear(ctx context.Context, store survey.Store, n int) error {
	return k.Store(ctx, store, n, k.Survey.FirstDay(), k.Today.Plus(-1))
}

// bulkGroup is how many facts are stored together; syncing each alone would take days.
const bulkGroup = 5000

// Store stores n responses, and the visits they belong to, spread evenly over
// the days given, in order of time.
func (k *Bulk) Store(ctx context.Context, store survey.Store, n int, from, to survey.Span) error {
	start := from.Start(k.zone)
	length := to.Plus(1).Start(k.zone).Sub(start)
	for first := 0; first < n; first += bulkGroup {
		var responses []survey.Response
		var visits []survey.Visit
		for i := first; i < min(n, first+bulkGroup); i++ {
			r := k.response(start.Add(time.Duration(float64(length) * float64(i) / float64(n))))
			if k.tie(&r) {
				visits = append(visits, k.visit(r))
			}
			responses = append(responses, r)
		}
		if _, err := store.AddResponses(ctx, responses); err != nil {
			return err
		}
		if _, err := store.PutVisits(ctx, visits); err != nil {
			return err
		}
	}
	return nil
}

func (k *Bulk) response(at time.Time) survey.Response {
	at = at.UTC().Truncate(time.Millisecond)
	q := k.Survey.Questionnaire
	r := survey.Response{
		Survey: k.Survey.ID, Version: q.Version, Path: k.paths[k.rand.IntN(len(k.paths))],
		Channel: survey.ChannelQR, Level: k.level(), ReceivedAt: at, Day: survey.DayOf(at, k.zone),
	}
	k.made++
	binary.BigEndian.PutUint64(r.Key[:8], uint64(at.UnixMilli())<<16)
	binary.BigEndian.PutUint32(r.Key[6:], k.made)
	fillQuickly(k.rand, r.Key[10:])
	fillQuickly(k.rand, r.ID[:])
	if k.OneBadIn > 0 {
		r.Level = min(r.Level, survey.BasicallySatisfied)
		if int(k.made)%k.OneBadIn == 0 {
			r.Level = survey.Dissatisfied
		}
	}
	if r.Level.Bad() {
		for _, reason := range q.Reasons {
			if reason.Level == r.Level && k.rand.IntN(4) == 0 {
				r.Reasons = append(r.Reasons, reason.Code)
			}
		}
		r.Comment = "等候时间较长，希望多开一个窗口。"
	}
	if k.rand.IntN(10) < 3 {
		r.Answers = map[string]survey.Level{}
		for _, question := range q.Questions {
			r.Answers[question.Name] = k.level()
		}
	}
	return r
}

func (k *Bulk) level() survey.Level {
	x := k.rand.IntN(20)
	for i, below := range [...]int{11, 16, 18, 19} {
		if x < below {
			return survey.Levels[i]
		}
	}
	return survey.VeryDissatisfied
}

// tie gives half of the responses a case and reports whether it is a listed visit.
func (k *Bulk) tie(r *survey.Response) (listed bool) {
	x := k.rand.IntN(10)
	if x >= 5 {
		return false
	}
	r.Case = survey.CaseRef{Number: fmt.Sprintf("%d%010d", r.Day, k.made), Stage: "1"}
	if x >= 3 {
		r.Secret = make([]byte, 32)
		fillQuickly(k.rand, r.Secret)
	}
	return x > 0
}

// visit is the one that a response belongs to.
func (k *Bulk) visit(r survey.Response) survey.Visit {
	return survey.Visit{Survey: r.Survey, Case: r.Case, Window: r.Path.Window(), Item: "社会保险登记",
		FinishedAt: r.ReceivedAt, Day: r.Day, Secret: r.Secret}
}

// fillQuickly costs an eighth of a number for each byte.
func fillQuickly(r *rand.Rand, b []byte) {
	for len(b) > 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], r.Uint64())
		b = b[copy(b, word[:]):]
	}
}
