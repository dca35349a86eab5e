package storetest_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"manyi/survey"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

// brokenStore breaks one guarantee of a sound engine.
type brokenStore struct {
	broken   string // what it does, after "a store that"
	wrap     func(survey.Store) survey.Store
	caughtBy string // the check that must fail on it, and not on a sound store
}

// catch holds checks against broken stores: one that passes such a store guards nothing.
func catch(t *testing.T, list []brokenStore) {
	for _, c := range list {
		t.Run(c.broken, func(t *testing.T) {
			t.Parallel()
			if failures := failuresOf(t, c.caughtBy, open(t)); len(failures) > 0 {
				t.Errorf("check %q of a sound store: %v", c.caughtBy, failures)
			}
			if failures := failuresOf(t, c.caughtBy, c.wrap(open(t))); len(failures) == 0 {
				t.Errorf("check %q passes a store that %s", c.caughtBy, c.broken)
			}
		})
	}
}

func TestBrokenStoresAreCaught(t *testing.T) {
	catch(t, []brokenStore{
		{"says a repeated response is new", func(s survey.Store) survey.Store { return saysNew{s} }, "responses/a repeated key is stored once"},
		{"says every writer was first", func(s survey.Store) survey.Store { return saysNew{s} }, "responses/one key from many writers is stored once"},
		{"stores a repeated response twice", func(s survey.Store) survey.Store { return &storesTwice{Store: s} }, "responses/a repeated key is stored once"},
		{"drops a response of another form use", func(s survey.Store) survey.Store { return &dropsReuse{Store: s} }, "responses/a form used again is stored and flagged"},
		{"loses the paper", func(s survey.Store) survey.Store { return losesPaper{s} }, "responses/every field comes back to the byte"},
		{"loses how somebody was asked", func(s survey.Store) survey.Store { return losesInterviews{s} }, "responses/every field comes back to the byte"},
		{"opens a case of an interview", func(s survey.Store) survey.Store { return opensInterviews{s} }, "cases/every bad response owes one, and no other does"},
		{"finds no form", func(s survey.Store) survey.Store { return forgetsForms{s} }, "responses/the first key of a form is found"},
		{"finds no form of a record", func(s survey.Store) survey.Store { return forgetsForms{s} }, "imports/responses made elsewhere are added once, also when cut short"},
		{"loses steps", func(s survey.Store) survey.Store { return losesEntries{s} }, "imports/what was done elsewhere is added once, also when cut short"},
		{"loses a place's update", func(s survey.Store) survey.Store { return losesPlaces{s} }, "places/a place is replaced by its code"},
		{"loses a visit's update", func(s survey.Store) survey.Store { return &losesVisits{Store: s} }, "visits/moving a visit moves its count"},
		{"counts beside a visit's update", func(s survey.Store) survey.Store { return &losesVisits{Store: s} }, "tallies/random facts in any order are counted as plain counting does"},
		{"stores places one by one", func(s survey.Store) survey.Store { return placesOneByOne{s} }, "places/all are stored or none"},
		{"stores visits one by one", func(s survey.Store) survey.Store { return visitsOneByOne{s} }, "visits/all are stored or none"},
		{"leaves out the last day of a list", func(s survey.Store) survey.Store { return shortDays{s} }, "list/filters"},
		{"leaves out the last span of tallies", func(s survey.Store) survey.Store { return shortSpans{s} }, "tallies/query by kind, place and days"},
		{"repeats a page", func(s survey.Store) survey.Store { return repeatsPage{s} }, "list/pages neither skip nor repeat while writers run"},
		{"skips a page", func(s survey.Store) survey.Store { return skipsPage{s} }, "list/pages neither skip nor repeat while writers run"},
		{"lists in another order every time", func(s survey.Store) survey.Store { return &turnsRound{Store: s} }, "list/new responses do not change the order of the others"},
		{"finds places by how their codes begin", func(s survey.Store) survey.Store { return byPrefix{s} }, "list/filters"},
		{"goes on after a yield error", func(s survey.Store) survey.Store { return goesOn{s} }, "list/a yield error stops it and is returned"},
		{"does not mark for visits", func(s survey.Store) survey.Store { return &forgetsMarks{Store: s, visits: true} }, "marks/facts of one case mark each other"},
		{"does not mark for visits that turn a standing", func(s survey.Store) survey.Store { return &forgetsMarks{Store: s, visits: true} }, "ties/a visit imported later may turn the standing"},
		{"does not mark for late responses", func(s survey.Store) survey.Store { return &forgetsMarks{Store: s} }, "marks/a new response marks its window and day"},
		{"does not mark, counted at random", func(s survey.Store) survey.Store { return &forgetsMarks{Store: s} }, "tallies/random facts in any order are counted as plain counting does"},
		{"ignores the generation", func(s survey.Store) survey.Store { return ignoresGen{s} }, "marks/a bucket marked during the count keeps its mark"},
		{"starts generations anew", func(s survey.Store) survey.Store { return ignoresGen{s} }, "marks/a generation is never used again"},
		{"gives the cells of all questions", func(s survey.Store) survey.Store { return wrongQuestion{s} }, "tallies/query for one question"},
		{"adds up the last tally only", func(s survey.Store) survey.Store { return sumsAnew{s} }, "tallies/sums are added to what is there"},
		{"stores no count that was overtaken", func(s survey.Store) survey.Store { return starves{s} }, "marks/a bucket marked all the time is shown all the same"},
		{"lets an old holder store tallies", func(s survey.Store) survey.Store { return ignoresFence{s} }, "marks/a holder whose lease was taken over stores nothing"},
		{"gives every lease the same fence", func(s survey.Store) survey.Store { return sameFence{s} }, "jobs/the fence grows whenever a lease is given anew"},
		{"lets the last pin win", func(s survey.Store) survey.Store { return &lastPinWins{Store: s} }, "nodes/the first value pinned under a name stays"},
		{"says every taker has the lease", func(s survey.Store) survey.Store { return leasesAll{s} }, "jobs/of many takers one gets the lease"},
		{"drops sessions and failures too early", func(s survey.Store) survey.Store { return expiresEarly{s} }, "accounts/a session lasts until it expires"},
		{"forgets a case", func(s survey.Store) survey.Store { return forgetsCase{s} }, "cases/every bad response owes one, and no other does"},
		{"lets two act under one number", func(s survey.Store) survey.Store { return addsAnyway{s} }, "cases/of many who act at once one wins"},
		{"adds an entry that is late", func(s survey.Store) survey.Store { return addsAnyway{s} }, "cases/entries are added under the next number only"},
		{"overwrites a leaf", func(s survey.Store) survey.Store { return &overwritesLeaf{Store: s} }, "logs/a leaf is put once, without a gap"},
		{"lets two nodes append at one place", func(s survey.Store) survey.Store { return &forksLog{Store: s} }, "logs/of many who append at one place one does"},
		{"takes a leaf twice", func(s survey.Store) survey.Store { return takesTwice{s} }, "logs/a hash is in a log once"},
		{"loses a leaf", func(s survey.Store) survey.Store { return losesLeaf{s} }, "logs/a leaf is put once, without a gap"},
		{"lets two nodes sign under one number", func(s survey.Store) survey.Store { return signsAnyway{s} }, "logs/of many checkpoints with one number one stands"},
		{"salts anew what is kept", func(s survey.Store) survey.Store { return &saltsAnew{Store: s, seen: map[string]survey.FactOpening{}} }, "logs/an opening is kept once, waits, and gets its place"},
		{"forgets a response", func(s survey.Store) survey.Store { return forgetsUnlogged{s} }, "logs/a response is owed until it is settled, whatever else is"},
		{"forgets a visit that moved", func(s survey.Store) survey.Store { return forgetsMoved{s} }, "logs/a visit is owed until it is settled as it is"},
		{"does not number a visit that moved", func(s survey.Store) survey.Store { return numbersOnce{s} }, "logs/a visit is owed until it is settled as it is"},
		{"keeps the first sheet of flags", func(s survey.Store) survey.Store { return keepsFirstQuality{s} }, "quality/sheets are chosen by survey, bureau and day, the last of each stands"},
		{"opens anew what is worked on", func(s survey.Store) survey.Store { return opensAnew{s} }, "cases/many are opened together"},
		{"loses when an entry was written down", func(s survey.Store) survey.Store { return losesRecorded{s} }, "cases/entries are added under the next number only"},
		{"loses why a day was counted anew", func(s survey.Store) survey.Store { return losesChanges{s} }, "cases/a sheet's number is taken once, and the last is read"},
		{"loses a summary", func(s survey.Store) survey.Store { return losesSummary{s} }, "cases/the summary and follow-up code are found"},
		{"gives one delivery to two claimers", func(s survey.Store) survey.Store { return &claimsTwice{Store: s} }, "deliveries/many claimers get each one once"},
		{"lets an old claimer note", func(s survey.Store) survey.Store { return notesAnyway{s} }, "deliveries/a claim that ran out is given anew, and the old one notes nothing"},
		{"loses a failure", func(s survey.Store) survey.Store { return losesFailure{s} }, "deliveries/a failure is tried again at its time, until it ends"},
		{"decides about what is not given up", func(s survey.Store) survey.Store { return decidesAnyway{s} }, "deliveries/what was given up is decided once, and tried again or left"},
		{"forgets who decided", func(s survey.Store) survey.Store { return losesDecision{s} }, "deliveries/what was given up is decided once, and tried again or left"},
		{"queues again what was delivered", func(s survey.Store) survey.Store { return queuesAgain{s} }, "deliveries/what is queued under a key stays as it is"},
		{"proves a phone twice", func(s survey.Store) survey.Store { return provesTwice{s} }, "proofs/of many right guesses at once one proves"},
		{"takes a code that has expired", func(s survey.Store) survey.Store { return provesLate{s} }, "proofs/a code is over at the instant it expires"},
		{"takes the code of another response", func(s survey.Store) survey.Store { return provesAnother{s, map[string]survey.Key{}} }, "proofs/a code is right once, and only for its response"},
		{"counts no wrong guess", func(s survey.Store) survey.Store {
			return countsNoGuess{s, &sync.Mutex{}, map[survey.Key]survey.Proof{}}
		}, "proofs/of many wrong guesses at once five are compared"},
		{"lets guessing go on", func(s survey.Store) survey.Store {
			return countsNoGuess{s, &sync.Mutex{}, map[survey.Key]survey.Proof{}}
		}, "proofs/wrong guesses are counted, and five are the end"},
		{"keeps an earlier code in force", func(s survey.Store) survey.Store { return keepsCodes{s} }, "proofs/a new code takes the place of the last"},
		{"forgets what follows from a proof", func(s survey.Store) survey.Store { return owesNothing{s} }, "proofs/what is owed stays until it is noted"},
		{"drops proofs too early", func(s survey.Store) survey.Store { return expiresEarly{s} }, "proofs/what has served its time expires"},
		{"counts messages of any time", func(s survey.Store) survey.Store { return countsAll{s} }, "sends/each name has its limits"},
		{"looks at one limit only", func(s survey.Store) survey.Store { return limitsTheFirst{s} }, "sends/each name has its limits"},
		{"lets too many messages through at once", func(s survey.Store) survey.Store {
			return &limitsBlindly{Store: s, all: make(chan struct{})}
		}, "sends/of many at once none is one too many"},
		{"skips a case between pages", func(s survey.Store) survey.Store { return skipsCase{s} }, "cases/pages neither skip nor repeat"},
		{"drops a file's last byte", func(s survey.Store) survey.Store { return dropsByte{s} }, "files/what was put is there, byte for byte"},
		{"loses a file", func(s survey.Store) survey.Store { return &losesFile{s} }, "files/of many who put the same file all succeed, and it is whole"},
		{"forgets where reminders go", func(s survey.Store) survey.Store { return losesPhone{s} }, "accounts/a user is added and replaced by name"},
		{"skips a sealed value between pages", func(s survey.Store) survey.Store { return skipsSealed{s} }, "sealed/every value of a kind is walked once"},
		{"replaces what has changed since", func(s survey.Store) survey.Store { return replacesAnyway{s} }, "sealed/a value is replaced only while it is what was read"},
		{"replaces for everybody at once", func(s survey.Store) survey.Store { return replacesAnyway{s} }, "sealed/of many who replace at once one does"},
		{"keeps the hash under the old key", func(s survey.Store) survey.Store { return keepsHash{s} }, "sealed/a value is replaced only while it is what was read"},
		{"erases nothing", func(s survey.Store) survey.Store { return erasesNothing{s} }, "sealed/what is erased is gone, and the rating stays"},
		{"loses what was typed", func(s survey.Store) survey.Store { return losesOriginals{s} }, "sealed/originals stay with what they belong to"},
		{"refuses a file that is there", func(s survey.Store) survey.Store { return refusesFile{s} }, "files/a file put again is there once"},
	})
}

// The same recorder must find nothing in a sound store, or it would prove nothing above.
func TestSoundStorePassesRecorder(t *testing.T) {
	for _, name := range []string{"marks/facts of one case mark each other", "list/filters"} {
		if failures := failuresOf(t, name, open(t)); len(failures) > 0 {
			t.Errorf("check %q of a sound store: %v", name, failures)
		}
	}
}

func TestCheckNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range storetest.Checks {
		if seen[c.Name] {
			t.Errorf("two checks are named %q", c.Name)
		}
		seen[c.Name] = true
	}
}

func open(t *testing.T) survey.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// recorder takes down failures instead of failing the test it runs in.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func failuresOf(t *testing.T, name string, s survey.Store) []string {
	t.Helper()
	i := slices.IndexFunc(storetest.Checks, func(c storetest.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check is named %q", name)
	}
	r := &recorder{TB: t}
	var done sync.WaitGroup
	done.Go(func() { storetest.Checks[i].Run(r, s) }) // Fatalf ends this goroutine only
	done.Wait()
	return r.failures
}
