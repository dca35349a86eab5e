package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/sqlitestore"
	"manyi/survey/storetest"
)

const secret = "a secret of at least thirty-two letters"

// hall is a store with its logs, and what fills them.
type hall struct {
	t      testing.TB
	store  survey.Store
	survey survey.Survey
	facts  *storetest.Facts
	keys   intake.Secrets
	signer proof.Signer
}

func newHall(t testing.TB, with ...func(*survey.Survey)) *hall {
	t.Helper()
	store, err := sqlitestore.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return hallOn(t, store, with...)
}

func hallOn(t testing.TB, store survey.Store, with ...func(*survey.Survey)) *hall {
	t.Helper()
	h := &hall{t: t, store: store, survey: storetest.Survey(with...)}
	h.facts = storetest.NewFacts(7, h.survey)
	var err [4]error
	h.keys, err[0] = intake.NewSecrets([]byte(secret))
	h.signer, err[1] = proof.NewSigner([]byte(secret))
	err[2] = store.AddSurvey(t.Context(), h.survey)
	err[3] = store.PutPlaces(t.Context(), storetest.Places())
	h.must(errors.Join(err[:]...))
	return h
}

func (h *hall) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// rate stores n responses of each level given, at a window.
func (h *hall) rate(window string, n [5]int, with ...func(*survey.Response)) (made []survey.Response) {
	h.t.Helper()
	for i, times := range n {
		for range times {
			made = append(made, h.facts.Response(window, storetest.At("2024-03-04 10:00").Add(time.Duration(len(made))*time.Second),
				append(with, func(r *survey.Response) { r.Level = survey.Levels[i] })...))
		}
	}
	_, err := h.store.AddResponses(h.t.Context(), made)
	h.must(err)
	return made
}

// log appends everything to the logs, as after the survey's end.
func (h *hall) log() {
	h.t.Helper()
	l := jobs.Logger{Store: h.store, Keys: h.keys, Signer: h.signer, Zone: h.survey.Location()}
	after := h.survey.Closes.Add(time.Hour)
	_, err := l.Receipts(h.t.Context(), after)
	h.must(err)
	_, err = l.Data(h.t.Context(), after)
	h.must(err)
}

func (h *hall) query(a bundle.Audience, p bundle.Period) bundle.Query {
	return bundle.Query{Survey: h.survey, Tree: storetest.Tree(), Period: p, Audience: a, No: 1,
		AsOf: h.survey.Closes.Add(2 * time.Hour), Program: "test", Tags: h.keys, Signer: h.signer}
}

func (h *hall) build(a bundle.Audience, p bundle.Period) bundle.Document {
	h.t.Helper()
	d, err := bundle.Build(h.t.Context(), h.store, h.query(a, p))
	h.must(err)
	return d
}

func (h *hall) write(d bundle.Document) []byte {
	h.t.Helper()
	var b bytes.Buffer
	h.must(bundle.Write(h.t.Context(), &b, h.store, d, h.signer))
	return b.Bytes()
}

func verify(b []byte, key string) (bundle.Report, error) {
	return bundle.Verify(bytes.NewReader(b), int64(len(b)), bundle.Options{Key: key})
}

// decide excludes the review of a response, or makes any other step of its case.
func (h *hall) open(r survey.Response, steps ...survey.Entry) {
	h.t.Helper()
	entries := []survey.Entry{{No: 1, Step: survey.StepOpened, At: r.ReceivedAt, Party: survey.System,
		Clock: &survey.Clock{Contact: 20240305, Rectify: 20240319, Callback: 20240326, Calendar: survey.NewCalendar(nil).Version}}}
	for i, e := range steps {
		e.No, e.At = i+2, r.ReceivedAt.Add(time.Duration(i+1)*time.Hour)
		entries = append(entries, e)
	}
	h.must(h.store.AddEntries(h.t.Context(), r.Key, entries, survey.CaseSummary{State: survey.CaseOpen}))
}

var notAdopted = []survey.Entry{{Step: survey.StepExclusionAsked, By: "bureau", Party: survey.Own, Ground: survey.GroundMistaken},
	{Step: survey.StepExclusionGranted, By: "higher", Party: survey.Higher}}

// busy has large and small bureaus, reviews not adopted, of the small ones if smallToo,
// responses that others supersede, and some made elsewhere.
func busy(t testing.TB, smallToo bool) *hall { return busyWith(t, smallToo, true) }

// busyWith is busy, with or without an evaluation.
func busyWith(t testing.TB, smallToo, evaluated bool) *hall {
	h := newHall(t, func(s *survey.Survey) {
		s.Rules.Composite, s.Rules.Instrument = survey.Composite{Satisfaction: 0.7, Evaluation: 0.3}, storetest.Instrument(1).InstrumentRef
	})
	h.beside()
	if evaluated {
		h.evaluate("chen", "350102-HR", 0, nil)
	}
	bad := h.rate(storetest.GulouHR1, [5]int{20, 10, 8, 12, 7})
	// Nineteen cases: six are not adopted, as there was nothing to put right; a seventh was,
	// until there was an objection. Thirteen are rectified, five of them late, and of seven
	// the citizen proved the phone.
	for i, r := range bad[38:] {
		how := worked{late: i < 2 || 8 <= i && i < 11, identified: i >= 12}
		if how.explained = 2 <= i && i < 8; how.explained {
			how.then = notAdopted
		} else if i == 8 {
			how.then = append(notAdopted, survey.Entry{Step: survey.StepObjected, Party: survey.Citizen})
		}
		h.work(r, how)
	}
	for i := range 6 { // twelve for six cases
		h.rate(storetest.GulouHR2, [5]int{2, 0, 0, 0, 0}, storetest.OnCase(fmt.Sprint("A", i)))
	}
	few := h.rate(storetest.CangshanHR, [5]int{18, 0, 0, 0, 2})
	if smallToo {
		h.open(few[18], notAdopted...)
	}
	h.log()
	h.rate(storetest.GulouHRS, [5]int{20, 7, 0, 0, 5})
	h.rate(storetest.SimingTax, [5]int{30, 6, 5, 0, 3})
	h.rate(storetest.PingtanZone, [5]int{40, 0, 0, 0, 0})
	h.rate(storetest.GulouHR1, [5]int{6, 0, 0, 0, 1}, func(r *survey.Response) { r.Channel = survey.ChannelImported })
	h.log()
	return h
}

// beside stores what a publication says of the largest bureau beside the log: 200 visits
// and two flags. The instrument is there as well.
func (h *hall) beside() {
	h.t.Helper()
	const bureau = "350102-HR"
	ctx, at := h.t.Context(), h.survey.Closes
	var visits []survey.Visit
	for i := range 200 {
		visits = append(visits, h.facts.Visit(storetest.GulouHR1, fmt.Sprint("V", i), storetest.At("2024-03-04 10:00")))
	}
	_, err := h.store.PutVisits(ctx, visits)
	h.must(err)
	_, err = jobs.RollUp(ctx, h.store, 0, at)
	h.must(err)
	h.must(h.store.AddInstrument(ctx, storetest.Instrument(1)))
	h.must(h.store.PutQuality(ctx, survey.QualitySheet{Survey: h.survey.ID, Bureau: bureau, Day: 20240304, MadeAt: at,
		Flags: []survey.QualityFlag{{Kind: survey.QualityBurst, Window: storetest.GulouHR1, Day: 20240304}}}))
	h.must(h.store.PutQuality(ctx, survey.QualitySheet{Survey: h.survey.ID, Bureau: bureau, Day: 20240331, MadeAt: at,
		Flags: []survey.QualityFlag{{Kind: survey.QualityChannels, Window: storetest.GulouHR1, Day: 20240331, N: 60, Of: 45, Channels: &survey.ChannelsApart{Kiosk: 60, Phones: 25, Low: .2465, High: .6298}}}}))
}

func unit(t testing.TB, d bundle.Document, place string) sheet.Unit {
	t.Helper()
	for _, u := range d.Units {
		if u.Place == place {
			return u
		}
	}
	t.Fatalf("no unit %s among %+v", place, d.Units)
	return sheet.Unit{}
}

func TestBundleOfEveryAudienceAndPeriodHolds(t *testing.T) {
	h := busy(t, true)
	for _, a := range bundle.Audiences {
		for _, p := range []bundle.Period{bundle.WholePeriod, "2024", "2024-03", "2024-02"} {
			d := h.build(a, p)
			b := h.write(d)
			r, err := verify(b, h.signer.Key)
			if err != nil {
				t.Errorf("%s, %s: %v", a, p, err)
				continue
			}
			want := int64(57 + 12 + 20 + 32 + 44 + 40 + 7)
			if p == "2024-02" {
				want = 0
			}
			if r.Responses != want || !r.KeyGiven {
				t.Errorf("%s, %s: %d responses, key given: %v; want %d", a, p, r.Responses, r.KeyGiven, want)
			}
			if again := h.write(d); !bytes.Equal(b, again) {
				t.Errorf("%s, %s: written twice it is not the same", a, p)
			}
		}
	}
}

func TestSmallNumbersAreMergedUpwards(t *testing.T) {
	h := busy(t, true)
	d := h.build(bundle.Public, bundle.WholePeriod)
	// Twelve of the bureau's responses are for six cases, so six are superseded.
	hr := unit(t, d, "350102-HR")
	if c := hr.Counted["qr"]; c.N != 63 || c.Good != 44 || c.Levels == nil || c.Levels[0] != 26 || hr.Superseded != 6 {
		t.Errorf("the large bureau: %+v", hr)
	}
	// The bureau with three bad reviews is the only one of its city with any; the one without
	// bad reviews does not help, the two of the next city do.
	rest := unit(t, d, "350000")
	if want := []string{"350102-HRS", "350104-HR", "350128-ZH", "350203-TAX"}; len(d.Units) != 2 || !slices.Equal(rest.Pooled, want) {
		t.Errorf("%d units, pooled are %v, want %v", len(d.Units), rest.Pooled, want)
	}
	// One review of the pool is not adopted, which is not told. The number of all would tell
	// it if the other unit told its own.
	for _, u := range d.Units {
		if !slices.Contains(u.Merged, sheet.MergedNotAdopted) || len(u.NotAdopted) > 0 || d.NotAdopted != 7 {
			t.Errorf("of %s %v is merged; %d in all are not adopted", u.Place, u.Merged, d.NotAdopted)
		}
	}
	a := h.build(bundle.Auditor, bundle.WholePeriod)
	if len(a.Units) != len(h.survey.Candidates) {
		t.Errorf("auditors have %d units, want each bureau", len(a.Units))
	}
	if u := unit(t, a, "350104-HR"); u.NotAdopted["qr"].N != 1 || u.Counted["qr"].N != 20 {
		t.Errorf("a small bureau for auditors: %+v", u)
	}
}

func TestReviewsNotAdoptedAreToldOfLargeUnits(t *testing.T) {
	h := busy(t, false)
	// Six of one level are not adopted; a seventh was, until there was an objection.
	hr := unit(t, h.build(bundle.Public, bundle.WholePeriod), "350102-HR")
	if c := hr.NotAdopted["qr"]; len(hr.Merged) > 0 || c.N != 6 || c.Good != 0 || c.Levels == nil || c.Levels[3] != 6 {
		t.Errorf("not adopted of the large bureau: %+v", hr)
	}
}

// TestAnEarlierCheckpointIsCounted: the documents of a publication are of one state,
// whatever is appended while they are made.
func TestAnEarlierCheckpointIsCounted(t *testing.T) {
	h := newHall(t)
	h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 10})
	h.log()
	checkpoint, _, err := proof.Last(t.Context(), h.store, h.signer.Verifier())
	h.must(err)
	h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 10})
	h.log()
	q := h.query(bundle.Public, bundle.WholePeriod)
	for no, want := range map[int64]int64{0: 60, checkpoint.No: 30} {
		if q.Checkpoint = checkpoint; no == 0 {
			q.Checkpoint = survey.Checkpoint{}
		}
		d, err := bundle.Build(t.Context(), h.store, q)
		h.must(err)
		if n := unit(t, d, "350102-HR").Counted["qr"].N; n != want || d.Outside != 60-want {
			t.Errorf("checkpoint %d: %d counted, %d outside, want %d and %d", no, n, d.Outside, want, 60-want)
		}
		if _, err := verify(h.write(d), h.signer.Key); err != nil {
			t.Errorf("checkpoint %d: %v", no, err)
		}
	}
}

func TestPeriodsThatCanBePublished(t *testing.T) {
	for name, c := range map[string]struct {
		opens, closes, now, want string
	}{
		"not open":       {"2024-03-10 08:00", "2025-01-01 00:00", "2024-03-10 07:59", ""},
		"just opened":    {"2024-03-10 08:00", "2025-01-01 00:00", "2024-03-10 08:00", "whole 2024 2024-03"},
		"a month's end":  {"2024-02-10 08:00", "2025-01-01 00:00", "2024-03-31 23:59", "whole 2024 2024-03 2024-02"},
		"two years":      {"2023-12-31 23:00", "2025-01-01 00:00", "2024-02-01 00:00", "whole 2024 2024-02 2024-01 2023 2023-12"},
		"long over":      {"2024-11-10 08:00", "2025-01-01 00:00", "2026-05-01 00:00", "whole 2024 2024-12 2024-11"},
		"of one instant": {"2024-03-10 08:00", "2024-03-10 08:01", "2026-05-01 00:00", "whole 2024 2024-03"},
	} {
		s := storetest.Survey(func(s *survey.Survey) { s.Opens, s.Closes = storetest.At(c.opens), storetest.At(c.closes) })
		var got []string
		for _, p := range bundle.Periods(s, storetest.At(c.now)) {
			got = append(got, string(p))
			if _, err := bundle.ParsePeriod(string(p)); err != nil {
				t.Error(err)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}
