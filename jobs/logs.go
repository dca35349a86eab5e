package jobs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"manyi/stats/proof"
	"manyi/survey"
)

// LogWork is what the jobs about the logs stand on.
type LogWork interface {
	survey.SurveyStore
	survey.CaseStore
	survey.JobStore
	survey.LogStore
	survey.InstrumentStore
	survey.EvaluationStore
}

// LogKeys are the installation's keyed functions that the logs need.
type LogKeys interface {
	proof.Tags
	ReceiptOf(survey.Key) string
}

// Logger appends to the two logs.
type Logger struct {
	Store  LogWork
	Keys   LogKeys
	Signer proof.Signer
	Zone   *time.Location // of the day on which data is appended once
}

// Jobs are the three jobs of the logs: receipts every so often, data once a day, and
// once a day everything read again.
func (l Logger) Jobs(every time.Duration) []Job {
	daily := func(job string) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) { return l.notToday(ctx, job) }
	}
	return []Job{
		{Name: "log_receipts", Schedule: "@every " + every.String(),
			Due: func(ctx context.Context) (bool, error) {
				if err := proof.Check(ctx, l.Store, l.Signer.Verifier()); err != nil {
					return true, nil // the run says what is wrong
				}
				some, err := l.Store.UnloggedResponses(ctx, 1)
				return len(some) > 0, err
			},
			Run: func(ctx context.Context, turn Turn) (int, error) { return l.Receipts(ctx, turn.Now) }},
		// It looks once an hour, so that a night without power is made up for.
		{Name: "log_data", Schedule: "0 20 * * * *", Due: daily("log_data"),
			Run: func(ctx context.Context, turn Turn) (int, error) { return l.Data(ctx, turn.Now) }},
		{Name: "log_audit", Schedule: "0 40 * * * *", Due: daily("log_audit"),
			Run: func(ctx context.Context, turn Turn) (int, error) {
				return proof.Audit(ctx, l.Store, l.Signer.Verifier())
			}},
	}
}

// notToday reports whether a job has not run on this day yet.
func (l Logger) notToday(ctx context.Context, job string) (bool, error) {
	now, err := l.Store.Now(ctx)
	if err != nil {
		return false, err
	}
	runs, err := l.Store.LastRuns(ctx)
	for _, r := range runs {
		if r.Job == job && survey.DayOf(r.StartedAt, l.Zone) == survey.DayOf(now, l.Zone) {
			return false, err
		}
	}
	return true, err
}

// logBatch is how many entries are made at a time.
const logBatch = 500

// Receipts appends the receipts of responses that came in, and returns how many. What
// opens a response's own leaf is made on the way, and waits. It may be killed
// anywhere and run twice at once: a leaf's hash is in a log once, and the response
// stays owed until it is there.
func (l Logger) Receipts(ctx context.Context, now time.Time) (done int, err error) {
	if err := proof.Check(ctx, l.Store, l.Signer.Verifier()); err != nil {
		return 0, err
	}
	for {
		some, err := l.Store.UnloggedResponses(ctx, logBatch)
		if err != nil || len(some) == 0 {
			return done, errors.Join(err, l.sign(ctx, now))
		}
		keys := make([]survey.Key, len(some))
		hashes := make([]survey.LeafHash, len(some))
		openings := make([]survey.FactOpening, len(some))
		for i, r := range some {
			keys[i], hashes[i] = r.Key, proof.ReceiptLeaf(l.Keys.ReceiptOf(r.Key))
			if openings[i], err = proof.OfResponse(r, l.Keys).Opening(r.Key[:], proof.ResponseGroup(r)); err != nil {
				return done, err
			}
		}
		if err := l.Store.AddOpenings(ctx, openings); err != nil {
			return done, err
		}
		if err := l.append(ctx, survey.ReceiptLog, hashes); err != nil {
			return done, err
		}
		if err := l.Store.LoggedResponses(ctx, keys); err != nil {
			return done, err
		}
		done += len(some)
	}
}

// append adds leaves at the end of a log, those left out that are in it.
func (l Logger) append(ctx context.Context, log survey.Log, hashes []survey.LeafHash) error {
	for try := 0; ; try++ {
		size, err := l.Store.LogSize(ctx, log)
		if err != nil {
			return err
		}
		leaves, err := proof.Extend(ctx, l.Store, log, size, hashes)
		if err != nil {
			return err
		}
		err = l.Store.AppendLeaves(ctx, leaves)
		if !errors.Is(err, survey.ErrExists) || try == 10 {
			return err
		}
		// Another run appended, or this work was cut short before.
		var missing []survey.LeafHash
		for _, h := range hashes {
			_, err := l.Store.FindLeaf(ctx, log, h)
			if errors.Is(err, survey.ErrNotFound) {
				missing = append(missing, h)
			} else if err != nil {
				return err
			}
		}
		if hashes = missing; len(hashes) == 0 {
			return nil
		}
	}
}

// Batches of data: entries wait until so many can be appended together. After a
// survey's end no more come, and what is left needs only as many as any number shown.
const (
	LeastBatch = 20
	LastBatch  = 5
	mostBatch  = 5000
)

// Data appends responses and case steps of the groups of which enough wait, and all
// visits and submitted evaluations, in the order of their hashes, which are random. So
// neither time nor order shows in the log,
// and of bureaus that are published together a leaf's neighbours do not tell which one
// it is of. Until they are appended it holds a hash for each. It returns how many were.
func (l Logger) Data(ctx context.Context, now time.Time) (done int, err error) {
	if err := proof.Check(ctx, l.Store, l.Signer.Verifier()); err != nil {
		return 0, err
	}
	surveys, err := surveysByID(ctx, l.Store)
	if err != nil {
		return 0, err
	}
	if err := l.openSteps(ctx, surveys); err != nil {
		return 0, err
	}
	if err := l.openVisits(ctx); err != nil {
		return 0, err
	}
	if err := l.openEvaluations(ctx, surveys); err != nil {
		return 0, err
	}
	if err := l.place(ctx); err != nil { // or what an earlier run appended would seem to wait
		return 0, err
	}
	var group string
	var batch, ready []survey.LeafHash
	flush := func() {
		least := LeastBatch
		if s, ok := surveys[proof.GroupSurvey(group)]; ok && !now.Before(s.Closes) {
			least = LastBatch
		}
		switch group {
		case proof.VisitGroup(proof.GroupSurvey(group)), proof.EvaluationGroup(proof.GroupSurvey(group)):
			least = 1
		}
		if len(batch) >= least {
			ready = append(ready, batch...)
		}
		batch = batch[:0]
	}
	err = l.Store.WaitingHashes(ctx, func(o survey.FactOpening) error {
		if o.Group != group {
			flush()
			group = o.Group
		}
		batch = append(batch, o.Hash)
		return nil
	})
	if err != nil {
		return 0, err
	}
	flush()
	slices.SortFunc(ready, func(a, b survey.LeafHash) int { return bytes.Compare(a[:], b[:]) })
	for some := range slices.Chunk(ready, mostBatch) {
		if err = l.append(ctx, survey.DataLog, some); err != nil {
			break
		}
		done += len(some)
	}
	return done, errors.Join(err, l.sign(ctx, now))
}

// openSteps keeps what opens the steps of all cases. A step that is there stays.
func (l Logger) openSteps(ctx context.Context, surveys map[string]survey.Survey) error {
	add, keep := l.opener(ctx)
	err := l.Store.Cases(ctx, survey.CaseQuery{}, func(c survey.Case) error {
		for _, e := range c.Entries {
			ref := fmt.Appendf(nil, "%s/%04d", c.Response.Key, e.No)
			o, err := proof.OfStep(c, e, surveys[c.Response.Survey].Location(), l.Keys).Opening(ref, proof.StepGroup(c.Response.Survey))
			if err != nil {
				return err
			}
			if err := add(o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return keep()
}

// opener keeps openings as they are added, in batches; keep is called at the end.
func (l Logger) opener(ctx context.Context) (add func(survey.FactOpening) error, keep func() error) {
	var list []survey.FactOpening
	keep = func() error {
		err := l.Store.AddOpenings(ctx, list)
		list = list[:0]
		return err
	}
	add = func(o survey.FactOpening) error {
		if list = append(list, o); len(list) < logBatch {
			return nil
		}
		return keep()
	}
	return add, keep
}

// openVisits keeps what opens the visits that lists added or moved since the last time,
// those of a window and day together. Cut short, it names some of them again.
func (l Logger) openVisits(ctx context.Context) error {
	for {
		some, err := l.Store.UnloggedVisits(ctx, logBatch)
		if err != nil || len(some) == 0 {
			return err
		}
		var list []survey.FactOpening
		for rest := some; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].Survey == rest[0].Survey && rest[n].Window == rest[0].Window && rest[n].Day == rest[0].Day {
				n++
			}
			r := proof.OfVisits(rest[:n], l.Keys)
			names, _ := r.Value("visits")
			ref := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%s", rest[0].Survey, rest[0].Window, rest[0].Day, names))
			o, err := r.Opening(ref[:], proof.VisitGroup(rest[0].Survey))
			if err != nil {
				return err
			}
			list, rest = append(list, o), rest[n:]
		}
		if err := l.Store.AddOpenings(ctx, list); err != nil {
			return err
		}
		if err := l.Store.LoggedVisits(ctx, some); err != nil {
			return err
		}
	}
}

// place notes the index of what was appended since the last checkpoint.
func (l Logger) place(ctx context.Context) error {
	_, signed, err := proof.Last(ctx, l.Store, l.Signer.Verifier())
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	size, err := l.Store.LogSize(ctx, survey.DataLog)
	if err != nil {
		return err
	}
	for from := signed.Data.Size; from < size; from += placeBatch {
		if err := l.placeSome(ctx, from, min(size, from+placeBatch)); err != nil {
			return err
		}
	}
	return nil
}

// placeBatch is how many leaves are held, some 50 MB, to be found among what waits,
// which is read once for all of them.
const placeBatch = 200_000

func (l Logger) placeSome(ctx context.Context, from, to int64) error {
	at := map[survey.LeafHash]int64{}
	if err := l.Store.Leaves(ctx, survey.DataLog, from, to, func(leaf survey.Leaf) error {
		at[leaf.Hashes[0]] = leaf.Index
		return nil
	}); err != nil {
		return err
	}
	var found []survey.FactOpening
	if err := l.Store.WaitingHashes(ctx, func(o survey.FactOpening) error {
		if index, ok := at[o.Hash]; ok {
			found = append(found, survey.FactOpening{Kind: o.Kind, Ref: o.Ref, Index: index})
		}
		return nil
	}); err != nil {
		return err
	}
	// Leaves are in the order of hashes, openings are kept by what they are of, which
	// begins with its time: one after the other most changes meet in few pages.
	slices.SortFunc(found, func(a, b survey.FactOpening) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Ref, b.Ref))
	})
	for some := range slices.Chunk(found, logBatch) {
		if err := l.Store.PlaceOpenings(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// sign adds a checkpoint if either log has grown since the last.
func (l Logger) sign(ctx context.Context, now time.Time) error {
	if err := l.place(ctx); err != nil {
		return err
	}
	last, signed, err := proof.Last(ctx, l.Store, l.Signer.Verifier())
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	// Another node's clock may be ahead, or another run have begun later and been faster:
	// a checkpoint is never of an earlier time than the one before.
	for _, before := range []time.Time{signed.At, last.At} {
		if now.Before(before) {
			now = before
		}
	}
	next := proof.State{At: now}
	for log, tree := range map[survey.Log]*proof.Tree{survey.ReceiptLog: &next.Receipts, survey.DataLog: &next.Data} {
		size, err := l.Store.LogSize(ctx, log)
		if err == nil {
			*tree, err = proof.TreeAt(ctx, l.Store, log, size)
		}
		if err != nil {
			return err
		}
		grown, err := proof.Consist(ctx, l.Store, log, size, signed.Of(log).Size)
		if err == nil && last.No > 0 {
			err = proof.CheckConsist(grown, *tree, signed.Of(log))
		}
		if err != nil {
			return fmt.Errorf("log %s: %w: %w", log, err, proof.ErrChanged)
		}
	}
	if last.No > 0 && next.Receipts == signed.Receipts && next.Data == signed.Data {
		return nil
	}
	text, err := next.Sign(note.Signer(l.Signer))
	if err != nil {
		return err
	}
	err = l.Store.PutCheckpoint(ctx, survey.Checkpoint{No: last.No + 1, At: now.UTC().Truncate(time.Millisecond), Note: text})
	if errors.Is(err, survey.ErrExists) {
		return nil // another run was faster
	}
	return err
}
