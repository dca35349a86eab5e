package bundle_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/jobs"
	"manyi/stats"
	"manyi/stats/export"
	"manyi/stats/proof/bundle"
	"manyi/stats/sheet"
	"manyi/survey"
	"manyi/survey/storetest"
)

// worked is how a case is worked.
type worked struct {
	late, explained, identified bool
	then                        []survey.Entry
}

// work takes the steps of a case by its rules, on days of March 2024.
func (h *hall) work(r survey.Response, how worked) {
	h.t.Helper()
	c, err := h.store.Case(h.t.Context(), r.Key)
	h.must(err)
	c.Reachable = true
	cal := survey.NewCalendar(nil)
	var sum survey.CaseSummary
	var all []survey.Entry
	take := func(day int, e survey.Entry) {
		h.t.Helper()
		if e.Party == "" {
			e.By, e.Party = "bureau", survey.Own
		}
		e.Note = "一"
		made, next, err := c.Take(h.survey, cal, survey.Worker{Name: e.By, Party: e.Party}, storetest.At(fmt.Sprintf("2024-03-%02d 12:00", day)), e)
		if err != nil {
			h.t.Fatalf("%s: %v", e.Step, err)
		}
		c.Entries, all, sum = append(c.Entries, made...), append(all, made...), next
	}
	take(4, survey.Entry{Step: survey.StepContacted, Outcome: survey.OutcomeReached})
	take(4, survey.Entry{Step: survey.StepVerified})
	if how.identified {
		take(5, survey.Entry{Step: survey.StepIdentified, Party: survey.Citizen})
		take(6, survey.Entry{Step: survey.StepExtensionAsked, Days: 3})
		take(7, survey.Entry{Step: survey.StepExtensionGranted, By: "higher", Party: survey.Higher})
	}
	done, step := 8, survey.StepRectified
	if how.late {
		done = 20
	}
	if how.explained {
		step = survey.StepExplained
	}
	take(done, survey.Entry{Step: step})
	take(done+1, survey.Entry{Step: survey.StepCallback, Outcome: survey.OutcomeSatisfied})
	for _, e := range how.then {
		take(25, e)
	}
	h.must(h.store.AddEntries(h.t.Context(), r.Key, all, sum))
}

// TestCasesAreCountedAnew: what auditors count from the steps is what the store's own
// count comes to, and of what a publisher who signs everything anew may have changed each
// is named.
func TestCasesAreCountedAnew(t *testing.T) {
	h := busy(t, false)
	d := h.build(bundle.Auditor, bundle.WholePeriod)
	var stored survey.CaseTally
	zone, day := h.survey.Location(), survey.Span(20240331)
	h.must(h.store.Cases(t.Context(), survey.CaseQuery{Survey: h.survey.ID, Place: "350102-HR"}, func(c survey.Case) error {
		if len(c.Entries) > 0 {
			stored.Add(c, c.Progress(day.Plus(1).Start(zone), zone), day)
		}
		return nil
	}))
	cases := unit(t, d, "350102-HR").Cases
	if want := stats.MakeCases(stored, day); cases.AsOf != "2024-03-31" || stored.Adopted.Due != 13 || stored.Adopted.OnTime != 8 {
		t.Fatalf("cases as of %s; the store has %+v", cases.AsOf, stored)
	} else {
		for _, r := range cases.Rates {
			w := want.Rate(r.Name)
			if r.All.Num != w.All.Num || r.All.Den != w.All.Den || r.Adopted.Num != w.Adopted.Num || r.Adopted.Den != w.Adopted.Den {
				t.Errorf("%s: %+v and %+v, the store has %+v", r.Name, r.All, r.Adopted, w)
			}
		}
	}
	whole := h.write(d)
	if r, err := verify(whole, h.signer.Key); err != nil || r.Cases != 19 || r.Steps < 100 {
		t.Fatalf("%d cases of %d steps, %v", r.Cases, r.Steps, err)
	}

	// Which leaf is where is chance; one of a step is no review.
	step := int64(slices.IndexFunc(bytes.Split(takeApart(t, whole).text["leaves.tsv"], []byte("\n")), func(line []byte) bool { return bytes.HasPrefix(line, []byte("step\t")) }))
	at := slices.IndexFunc(d.Units, func(u sheet.Unit) bool { return u.Place == "350102-HR" })
	rate := func(d *bundle.Document, i int) *sheet.CaseRate { return &d.Units[at].Cases.Rates[i] }
	for name, c := range map[string]struct {
		change func(d *bundle.Document)
		want   string
	}{
		"a numerator":              {func(d *bundle.Document) { rate(d, 2).All.Num++ }, "publication.json: unit 1, 350102-HR: at cases.rates.2.with_not_adopted.num it says 9, and the leaves come to 8"},
		"a denominator":            {func(d *bundle.Document) { rate(d, 1).Adopted.Den++ }, "at cases.rates.1.adopted.den it says 14, and the leaves come to 13"},
		"a real-name case less":    {func(d *bundle.Document) { rate(d, 3).All.Num--; rate(d, 3).All.Den-- }, "at cases.rates.3.with_not_adopted.den it says 6, and the leaves come to 7"},
		"cases left out":           {func(d *bundle.Document) { d.Units[at].Cases = nil }, "at cases it says null"},
		"another time for all":     {func(d *bundle.Document) { d.Survey.Rules.Deadlines.Rectify = 12 }, "sets the deadlines (contact, rectify, call back) 20240305"},
		"another working day":      {dayOff, "cases.unknown_calendar says 0, and the leaves come to"},
		"a step proved":            {func(d *bundle.Document) { d.Cases.Proven = []int64{step} }, "cases.proven names 1 leaves, and 0 of them"},
		"a calendar nobody has":    {func(d *bundle.Document) { d.Cases.UnknownCalendar++ }, "cases.unknown_calendar says 1, and the leaves come to 0"},
		"some made elsewhere away": {func(d *bundle.Document) { d.Cases.Beaten = append(d.Cases.Beaten, step) }, "cases.beaten names 1 leaves, and 0 of them"},
		"fewer are stated":         {func(d *bundle.Document) { d.Stated = slices.Delete(d.Stated, 1, 2) }, "as not recomputed"},
	} {
		cheat, err := bundle.Decode(takeApart(t, whole).text["publication.json"])
		h.must(err)
		c.change(&cheat)
		rules, err := export.RulesOf(cheat.Survey, cheat.Instrument)
		h.must(err)
		cheat.Rules = rules.Version
		p := takeApart(t, whole)
		p.publish(t, cheat)
		p.resign(t, h.signer)
		if _, err := verify(p.zip(t), h.signer.Key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// TestWhoCountsAmongCasesIsAsInTheStore: real-name cases by a visit's secret, the anonymous
// among them, reviews that another one supersedes, and imported ones with a case that was
// rated here or twice: the auditors' document names those that are not in the log, and
// the rates are the store's. One who says less is found.
func TestWhoCountsAmongCasesIsAsInTheStore(t *testing.T) {
	h := newHall(t)
	var visits []survey.Visit
	var made []survey.Response
	add := func(n int, level survey.Level, with ...func(*survey.Response)) {
		made = append(made, h.facts.Response(storetest.GulouHR1, storetest.At("2024-03-04 10:00").Add(time.Duration(n)*time.Minute),
			append(with, func(r *survey.Response) { r.Level = level })...))
	}
	imported := func(r *survey.Response) { r.Channel = survey.ChannelImported }
	for i := range 8 {
		number := fmt.Sprint("P", i)
		visits = append(visits, h.facts.Visit(storetest.GulouHR1, number, storetest.At("2024-03-04 10:00"), storetest.WithSecret("secret-"+number)))
		add(i, survey.Dissatisfied, storetest.Proving(number, "secret-"+number), func(r *survey.Response) { r.Anonymous = i == 7 })
	}
	add(20, survey.VeryDissatisfied, storetest.OnCase("P0")) // not proved: P0 was rated
	add(21, survey.Satisfied, storetest.OnCase("N1"))
	add(22, survey.Dissatisfied, storetest.OnCase("N1"))           // the first counts
	add(23, survey.Dissatisfied, imported, storetest.OnCase("N1")) // what came in here counts
	add(24, survey.Dissatisfied, imported, storetest.OnCase("N2"))
	add(25, survey.Dissatisfied, imported, storetest.OnCase("N2")) // the earlier counts
	add(26, survey.Dissatisfied, imported)
	for i := range 9 {
		add(30+i, survey.VerySatisfied)
	}
	_, err := h.store.PutVisits(t.Context(), visits)
	h.must(err)
	_, err = h.store.AddResponses(t.Context(), made)
	h.must(err)
	for i, r := range made {
		if r.Level.Bad() {
			h.work(r, worked{late: i%3 == 0, explained: i%5 == 0})
		}
	}
	h.log()
	var stored survey.CaseTally
	zone, day := h.survey.Location(), survey.Span(20240331)
	h.must(h.store.Cases(t.Context(), survey.CaseQuery{Survey: h.survey.ID}, func(c survey.Case) error {
		stored.Add(c, c.Progress(day.Plus(1).Start(zone), zone), day)
		return nil
	}))
	if stored.Superseded != 4 || stored.Imported.Cases != 2 || stored.Adopted.Real.Cases != 7 || stored.Adopted.Cases != 10 {
		t.Fatalf("the store has %+v", stored)
	}
	d := h.build(bundle.Auditor, bundle.WholePeriod)
	if len(d.Cases.Proven) != 7 || len(d.Cases.Beaten) != 2 || len(d.Superseded) != 2 {
		t.Errorf("the document names %d proved, %d imported ones beaten and %d superseded", len(d.Cases.Proven), len(d.Cases.Beaten), len(d.Superseded))
	}
	for _, r := range unit(t, d, "350102-HR").Cases.Rates {
		if w := stats.MakeCases(stored, day).Rate(r.Name); r.All.Num != w.All.Num || r.All.Den != w.All.Den {
			t.Errorf("%s: %+v, the store has %+v", r.Name, r.All, w)
		}
	}
	p := takeApart(t, h.write(d))
	if _, err := verify(p.zip(t), h.signer.Key); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(d *bundle.Document)
		want   string
	}{
		"one proved less": {func(d *bundle.Document) { d.Cases.Proven = d.Cases.Proven[1:] }, "cases.rates.3.adopted.den it says 7, and the leaves come to 6"},
		"one more counts": {func(d *bundle.Document) { d.Cases.Beaten = d.Cases.Beaten[1:] }, "cases.rates.0.adopted.den it says 10, and the leaves come to 11"},
	} {
		cheat, err := bundle.Decode(p.text["publication.json"])
		h.must(err)
		c.change(&cheat)
		q := p.clone()
		q.publish(t, cheat)
		q.resign(t, h.signer)
		if _, err := verify(q.zip(t), h.signer.Key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// dayOff makes a working day a holiday, which gives everybody a day more.
func dayOff(d *bundle.Document) {
	at, _ := slices.BinarySearch(d.Cases.Workdays.Off, 20240312)
	d.Cases.Workdays.Off = slices.Insert(d.Cases.Workdays.Off, at, 20240312)
}

// TestACalendarThatIsGoneIsSaid: deadlines that nobody can compute any more are taken as
// they were logged, and the report says how many those are, and which days are others
// than the notices say.
func TestACalendarThatIsGoneIsSaid(t *testing.T) {
	h := busy(t, false)
	p := takeApart(t, h.write(h.build(bundle.Auditor, bundle.WholePeriod)))
	d, err := bundle.Decode(p.text["publication.json"])
	h.must(err)
	dayOff(&d)
	d.Cases.UnknownCalendar = 52
	p.publish(t, d)
	p.resign(t, h.signer)
	r, err := verify(p.zip(t), h.signer.Key)
	if err != nil || !r.Recounted || r.Document.Cases.UnknownCalendar != 52 || !slices.Equal(r.Workdays, []survey.Span{20240312}) {
		t.Errorf("%v; %d deadlines of a calendar that is gone, other days %v", err, r.Document.Cases.UnknownCalendar, r.Workdays)
	}
}

// TestAYearThatWasAddedChangesNoDeadline: the calendar that deadlines were computed with
// follows from the one there is now, also where it left a deadline open.
func TestAYearThatWasAddedChangesNoDeadline(t *testing.T) {
	h := newHall(t, func(s *survey.Survey) { s.Opens, s.Closes = storetest.At("2026-12-01"), storetest.At("2027-02-01") })
	cal := survey.NewCalendar(nil)
	for _, at := range []string{"2026-12-10 10:00", "2026-12-28 10:00"} {
		r := h.facts.Response(storetest.GulouHR1, storetest.At(at), func(r *survey.Response) { r.Level = survey.Dissatisfied })
		_, err := h.store.AddResponses(t.Context(), []survey.Response{r})
		h.must(err)
		c, err := h.store.Case(t.Context(), r.Key)
		h.must(err)
		made, sum, err := c.Take(h.survey, cal, survey.Worker{Party: survey.System}, r.ReceivedAt, survey.Entry{Step: survey.StepOpened})
		h.must(err)
		h.must(h.store.AddEntries(t.Context(), r.Key, made, sum))
	}
	h.rate(storetest.GulouHR1, [5]int{20}, func(r *survey.Response) { r.ReceivedAt, r.Day = storetest.At("2026-12-10 10:00"), 20261210 })
	h.must(h.store.PutCalendar(t.Context(), []survey.CalendarDay{{Day: 20270101, Name: "元旦"}}))
	_, err := jobs.OpenCases(t.Context(), h.store, func(survey.Key) []byte { return nil }, storetest.At("2026-12-29 10:00"))
	h.must(err)
	for i := range 3 { // five steps are needed to be logged
		h.note(i)
	}
	h.log()
	d := h.build(bundle.Auditor, bundle.WholePeriod)
	r, err := verify(h.write(d), h.signer.Key)
	if u := unit(t, d, "350102-HR"); err != nil || d.Cases.UnknownCalendar != 0 || len(r.Workdays) > 0 || u.Cases.Rates[0].All.Den != 2 {
		t.Errorf("%v; %d deadlines of a calendar that is gone, other days %v, cases %+v", err, d.Cases.UnknownCalendar, r.Workdays, u.Cases)
	}
}

// note adds a step that changes nothing to the first case there is.
func (h *hall) note(i int) {
	h.t.Helper()
	var c survey.Case
	h.must(h.store.Cases(h.t.Context(), survey.CaseQuery{Survey: h.survey.ID}, func(one survey.Case) error { c = one; return nil }))
	last := c.Entries[len(c.Entries)-1]
	h.must(h.store.AddEntries(h.t.Context(), c.Response.Key, []survey.Entry{{No: last.No + 1, Step: survey.StepNoted, At: last.At, By: "bureau", Party: survey.Own, Note: fmt.Sprint(i)}},
		survey.CaseSummary{State: survey.CaseOpen}))
}

// TestWhatWasLoggedWrongIsNotPublished: a deadline that was shifted, a step put back in
// time and one that was left out before they were logged, are found when they are counted.
func TestWhatWasLoggedWrongIsNotPublished(t *testing.T) {
	opened := func(r survey.Response) survey.Entry {
		return survey.Entry{No: 1, Step: survey.StepOpened, At: r.ReceivedAt, Party: survey.System,
			Clock: &survey.Clock{Contact: 20240305, Rectify: 20240319, Callback: 20240326, Calendar: survey.NewCalendar(nil).Version}}
	}
	for name, c := range map[string]struct {
		change func(e []survey.Entry) []survey.Entry
		want   string
	}{
		"nothing":                    {func(e []survey.Entry) []survey.Entry { return e }, ""},
		"a deadline shifted":         {func(e []survey.Entry) []survey.Entry { e[0].Clock.Rectify++; return e }, "step 1, opened, sets the deadlines (contact, rectify, call back) 20240305 20240320 20240326; by the rules and the working days they are 20240305 20240319 20240326"},
		"a deadline where none is":   {func(e []survey.Entry) []survey.Entry { e[1].Clock = e[0].Clock; return e }, "step 2, noted, sets the deadlines"},
		"a case opened later":        {func(e []survey.Entry) []survey.Entry { e[0].At = e[0].At.Add(time.Minute); return e }, "opened as of another time"},
		"a step before the last one": {func(e []survey.Entry) []survey.Entry { e[2].At = e[0].At; return e }, "step 3 of its case is earlier"},
		"no opening":                 {func(e []survey.Entry) []survey.Entry { e[0].Step, e[0].Clock = survey.StepNoted, nil; return e }, "step 1 of its case is noted"},
	} {
		h := newHall(t)
		bad := h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 0, 5})
		for i, r := range bad[20:] {
			entries := []survey.Entry{opened(r)}
			for no := 2; no < 5; no++ {
				entries = append(entries, survey.Entry{No: no, Step: survey.StepNoted, At: r.ReceivedAt.Add(time.Duration(no) * time.Hour), By: "bureau", Party: survey.Own})
			}
			if i == 2 {
				entries = c.change(entries)
			}
			h.must(h.store.AddEntries(t.Context(), r.Key, entries, survey.CaseSummary{State: survey.CaseOpen}))
		}
		h.log()
		for _, a := range bundle.Audiences {
			_, err := bundle.Build(t.Context(), h.store, h.query(a, bundle.WholePeriod))
			if got := fmt.Sprint(err); (err != nil) != (c.want != "") || !strings.Contains(got, c.want) || err != nil && !strings.Contains(got, "leaf ") {
				t.Errorf("%s, %s: %v, want %q", name, a, err, c.want)
			}
		}
	}
}

// TestBundlesFromBeforeHold: what was published before cases were counted from the log
// holds as it did, and is said to stand on the signature.
func TestBundlesFromBeforeHold(t *testing.T) {
	h := newHall(t)
	for _, r := range h.rate(storetest.GulouHR1, [5]int{20, 0, 0, 12, 0})[20:] {
		h.work(r, worked{})
	}
	h.log()
	for _, a := range bundle.Audiences {
		p := takeApart(t, h.write(h.build(a, bundle.WholePeriod)))
		d, err := bundle.Decode(p.text["publication.json"])
		h.must(err)
		h.must(forgetInstrument(&d))
		d.Cases, d.Visits, d.Stated = nil, nil, []string{"outside", "superseded", "units.visits", "units.cases", "units.evaluations", "units.flags", "names"}
		for i := range d.Units {
			if d.Units[i].Cases != nil {
				d.Units[i].Cases.AsOf = "2024-03-30" // the last night they were counted
			}
		}
		p.publish(t, d)
		p.resign(t, h.signer)
		if r, err := verify(p.zip(t), h.signer.Key); err != nil || r.Recounted {
			t.Errorf("%s: %v, recounted %v", a, err, r.Recounted)
		}
	}
}

// publish puts another document into a bundle, with all that follows from it.
func (p parts) publish(t testing.TB, d bundle.Document) {
	t.Helper()
	made := sheet.Make(d.Survey, d.Units)
	for i := range d.Units {
		if u := d.Units[i]; u.Cases != nil {
			copy(u.Cases.Rates, made[i].Cases)
		}
	}
	d.Sheets = made
	body, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	p.text["publication.json"] = body
	for _, name := range []string{"figures.csv", "summary.csv", "summary.xlsx", "report.html"} {
		var b bytes.Buffer
		if err := bundle.WriteFile(&b, d, name); err != nil {
			t.Fatal(err)
		}
		p.text[name] = b.Bytes()
	}
}
