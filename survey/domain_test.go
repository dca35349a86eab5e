package survey

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

var shanghai = func() *time.Location {
	loc, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return loc
}()

func TestCodeMapsAreMirrorImages(t *testing.T) {
	if GBT39046.Code(VerySatisfied) != 1 || GBT39046.Code(VeryDissatisfied) != 5 || HaoChaPing.Code(VerySatisfied) != 5 || HaoChaPing.Code(VeryDissatisfied) != 1 {
		t.Error("the best level has the wrong code")
	}
	for _, l := range Levels {
		if GBT39046.Code(l)+HaoChaPing.Code(l) != 6 {
			t.Errorf("%s: %d and %d", l, GBT39046.Code(l), HaoChaPing.Code(l))
		}
	}
	if GBT39046.Code(NoLevel) != 0 || HaoChaPing.Code(9) != 0 {
		t.Error("a code for no level")
	}
}

func TestSpans(t *testing.T) {
	midnight := time.Date(2024, 2, 29, 0, 0, 0, 0, shanghai)
	for _, c := range []struct {
		at   time.Time
		want Span
	}{
		{midnight, 20240229},
		{midnight.Add(-time.Millisecond), 20240228},
		{midnight.UTC(), 20240229}, // still the 28th in UTC
		{midnight.AddDate(0, 0, 1).Add(-time.Millisecond), 20240229},
	} {
		if got := DayOf(c.at, shanghai); got != c.want {
			t.Errorf("DayOf(%s) = %s, want %s", c.at, got, c.want)
		}
	}
	if got := Span(20240228).Plus(2); got != 20240301 {
		t.Errorf("two days after 28 February of a leap year: %s", got)
	}
	if got := Span(20241231).Plus(1); got != 20250101 {
		t.Errorf("the day after new year's eve: %s", got)
	}
	if m := Span(20240215).Month(); m != 202402 || m.FirstDay() != 20240201 || m.LastDay() != 20240229 || m.String() != "2024-02" {
		t.Errorf("month = %s, %s to %s", m, m.FirstDay(), m.LastDay())
	}
	if !Span(20240215).Start(shanghai).Equal(time.Date(2024, 2, 14, 16, 0, 0, 0, time.UTC)) {
		t.Error("a local day starts at the wrong instant")
	}
	if _, err := ParseDay("2024-02-30"); err == nil {
		t.Error("30 February was read")
	}
}

func TestBucketsLeadToTheWhole(t *testing.T) {
	b := Bucket{"s", "350102-HR-01-001", Window, 20240229}
	var steps []Step
	for len(b.Parents()) > 0 {
		steps = append(steps, b.Step())
		for _, p := range b.Parents() {
			if p.Step() <= b.Step() {
				t.Errorf("%v is not counted after %v", p, b)
			}
		}
		b = b.Parents()[0]
	}
	if b != (Bucket{"s", "350102-HR", Bureau, Whole}) || !slices.Equal(steps, []Step{StepFacts, StepFirst, StepMonth}) {
		t.Errorf("ends at %v by %v", b, steps)
	}
}

func TestCodeMapsReadWhatTheyWrite(t *testing.T) {
	for _, m := range CodeMaps {
		for _, l := range Levels {
			if got, ok := m.Level(m.Code(l)); got != l || !ok {
				t.Errorf("%s: %v comes back as %v, %v", m.Name, l, got, ok)
			}
		}
		for _, code := range []int{0, 6, -1} {
			if l, ok := m.Level(code); ok {
				t.Errorf("%s: %d is %v", m.Name, code, l)
			}
		}
	}
	if best, _ := GBT39046.Level(1); best != VerySatisfied {
		t.Errorf("1 of GB/T 39046 is %v", best)
	}
}

func TestWinner(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	early, late, proven := Claim{Key: Key{1}, ReceivedAt: at(1)}, Claim{Key: Key{2}, ReceivedAt: at(2)}, Claim{Key: Key{3}, ReceivedAt: at(3), Proven: true}
	corrects := Claim{Key: Key{5}, ReceivedAt: at(3), Corrects: true}
	twin, imported := Claim{ReceivedAt: at(1)}, Claim{Key: Key{4}, Imported: true}
	for name, c := range map[string]struct {
		claims []Claim
		want   Key
	}{
		"the earliest":              {[]Claim{late, early}, early.Key},
		"one that proves the visit": {[]Claim{early, late, proven}, proven.Key},
		"the smaller key of a tie":  {[]Claim{early, twin}, twin.Key},
		"a correction":              {[]Claim{early, corrects, late}, corrects.Key},
		"a proof beats corrections": {[]Claim{corrects, proven}, proven.Key},
		"what came in here":         {[]Claim{imported, late}, late.Key},
	} {
		if got := Winner(c.claims); got != c.want {
			t.Errorf("%s: got %x", name, got[0])
		}
	}
}

func checked(t *testing.T) (Survey, *Tree) {
	t.Helper()
	tree, faults := NewTree(places())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s := Survey{ID: "2026", Title: Text{"测评", "Survey"}, Zone: "Asia/Shanghai", Opens: time.Date(2026, 1, 1, 0, 0, 0, 0, shanghai),
		Closes: time.Date(2026, 10, 1, 0, 0, 0, 0, shanghai), Candidates: []string{"350102-HR"}, Questionnaire: OnSite(), Rules: DefaultRules()}
	if faults := s.Check(tree); len(faults) > 0 {
		t.Fatal(faults)
	}
	return s, tree
}

func TestSurveyFaults(t *testing.T) {
	s, tree := checked(t)
	for name, c := range map[string]struct {
		change func(*Survey)
		field  string
		why    Why
	}{
		"an id with spaces":          {func(s *Survey) { s.ID = "a b" }, "id", WhySurveyID},
		"no title":                   {func(s *Survey) { s.Title = Text{} }, "title", WhyMissing},
		"a zone of no map":           {func(s *Survey) { s.Zone = "Asia/Fuzhou" }, "zone", WhyZone},
		"an end before the start":    {func(s *Survey) { s.Closes = s.Opens }, "closes", WhyPeriod},
		"nobody to rate":             {func(s *Survey) { s.Candidates = nil }, "candidates", WhyNoCandidate},
		"a hall as candidate":        {func(s *Survey) { s.Candidates = []string{"350102-HR-01"} }, "candidates", WhyNotBureau},
		"weights that rise":          {func(s *Survey) { s.Rules.Weights = [5]float64{3, 2, 2, 2.5, 0} }, "rules.weights", WhyWeights},
		"fewer interviews than none": {func(s *Survey) { s.Rules.Interviews.PerBureau = -1 }, "rules.interviews.per_bureau", WhyPerBureau},
		"ranks from nothing":         {func(s *Survey) { s.Rules.MinN = 0 }, "rules.min_n", WhyMinN},
		"a bad level by default":     {func(s *Survey) { s.Rules.DefaultLevel = Dissatisfied }, "rules.default_level", WhyDefault},
		"defaults before the fact":   {func(s *Survey) { s.Rules.DefaultDays = -1 }, "rules.default_level", WhyDefault},
	} {
		changed := s
		c.change(&changed)
		if faults := changed.Check(tree); faults.On(c.field) != c.why {
			t.Errorf("%s: %v, want %s: %s", name, faults, c.field, c.why)
		}
	}
}

func TestRulesFreezeWhenTheSurveyOpens(t *testing.T) {
	s, _ := checked(t)
	before, during := s.Opens.Add(-time.Second), s.Opens
	lighter := s
	lighter.Rules.MinN = 1
	if _, err := s.Revise(lighter, before); err != nil {
		t.Errorf("before it opens: %v", err)
	}
	if _, err := s.Revise(lighter, during); !errors.Is(err, ErrFrozen) {
		t.Errorf("once open: %v, want ErrFrozen", err)
	}
	longer := s
	longer.Closes = s.Closes.AddDate(0, 1, 0)
	if got, err := s.Revise(longer, during); err != nil || !got.Closes.Equal(longer.Closes) {
		t.Errorf("a later end: %v", err)
	}
	shorter := s
	shorter.Closes = s.Closes.AddDate(0, -1, 0)
	if _, err := s.Revise(shorter, during); !errors.Is(err, ErrFrozen) {
		t.Errorf("an earlier end: %v, want ErrFrozen", err)
	}
	sample := s
	sample.Sample = true
	if _, err := s.Revise(sample, before); !errors.Is(err, ErrFrozen) {
		t.Errorf("turned into a sample: %v, want ErrFrozen", err)
	}
}

func TestSurveyJSONNamesLevels(t *testing.T) {
	s, _ := checked(t)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Survey
	if err := json.Unmarshal(text, &back); err != nil || !back.equal(s) {
		t.Errorf("back = %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"rules":{"default_level":"fine"}}`), &back); err == nil {
		t.Error("an unknown level was read")
	}
}

func TestReasonsFollowTheLevel(t *testing.T) {
	s, _ := checked(t)
	// Ticked under one level, then the level was changed: the leftovers go.
	a, faults := s.Accept(Submission{Survey: s.ID, Level: "dissatisfied", Reasons: []string{"115", "209", "209", "207"}})
	if len(faults) > 0 || !slices.Equal(a.Reasons, []int{207, 209}) {
		t.Errorf("reasons = %v, %v", a.Reasons, faults)
	}
	if _, faults := s.Accept(Submission{Survey: s.ID, Level: "dissatisfied", Reasons: []string{"115"}}); faults.On("reason") != WhyReasonMissing {
		t.Errorf("only a leftover: %v", faults)
	}
	if a, faults := s.Accept(Submission{Survey: s.ID, Level: "satisfied", Reasons: []string{"115"}}); len(faults) > 0 || a.Reasons != nil {
		t.Errorf("a good level keeps reasons %v, %v", a.Reasons, faults)
	}
}

func TestCaseNumbersAreReadAsPeopleTypeThem(t *testing.T) {
	s, _ := checked(t)
	a, faults := s.Accept(Submission{Survey: s.ID, Level: "satisfied", CaseNumber: " ３５０１－２０２６ ", VisitSecret: "８８"})
	if len(faults) > 0 || a.Case != (CaseRef{"3501-2026", "1"}) || a.VisitSecret != "88" {
		t.Errorf("case = %+v, %v", a, faults)
	}
}

func TestCheckVisits(t *testing.T) {
	s, tree := checked(t)
	hash := func(secret string) []byte { return []byte("h" + secret) }
	seal := func(v Visit, phone string) (SealedContact, error) {
		return SealedContact{Sealed: []byte(v.ID() + " " + phone), PhoneHash: []byte(phone)}, nil
	}
	good := VisitRow{Row: 2, CaseNumber: "A1", Window: "350102-HR-01-001", Item: "社保登记", Finish: "2026-03-01 09:30", Secret: "7788",
		Phone: "138 0013-８０００", Consent: "是", Language: "EN"}
	visits, faults := s.CheckVisits([]VisitRow{good}, tree, hash, seal)
	if len(faults) > 0 || visits[0].Day != 20260301 || string(visits[0].Secret) != "h7788" || !visits[0].FinishedAt.Equal(time.Date(2026, 3, 1, 1, 30, 0, 0, time.UTC)) {
		t.Errorf("visits = %+v, %v", visits, faults)
	}
	if p := visits[0].Phone; p == nil || string(p.Sealed) != "2026\x00A1\x001 13800138000" || visits[0].Language != "en" {
		t.Errorf("phone = %+v in %q", p, visits[0].Language)
	}
	numbered := good
	numbered.Item = "社保登记，经办13800138000"
	if visits, faults := s.CheckVisits([]VisitRow{numbered}, tree, hash, seal); len(faults) > 0 || visits[0].Item != "社保登记，经办138****8000" {
		t.Errorf("an item with a number: %+v, %v", visits, faults)
	}
	for _, consent := range []string{"", "0", "否", "No", " 不同意"} {
		row := good
		row.Consent, row.Phone = consent, "not looked at"
		if visits, faults := s.CheckVisits([]VisitRow{row}, tree, hash, seal); len(faults) > 0 || visits[0].Phone != nil {
			t.Errorf("consent %q: phone %+v, %v", consent, visits, faults)
		}
	}
	row := func(n int, number, window, item, finish string) VisitRow {
		return VisitRow{Row: n, CaseNumber: number, Window: window, Item: item, Finish: finish}
	}
	phone := row(7, "A6", "350102-HR-01-001", "x", "2026-03-01 09:30")
	phone.Phone, phone.Consent, phone.Language = "1380013", "maybe", "fr"
	short := row(8, "A7", "350102-HR-01-001", "x", "2026-03-01 09:30")
	short.Phone, short.Consent = "138001380001380013", "1"
	bad := []VisitRow{
		row(2, "", "350102-HR-01-001", "x", "2026-03-01 09:30"),
		row(3, "A2", "350102-HR-01-009", "x", "2026-03-01 09:30"),
		row(4, "A3", "350102-HR-01-001", "", "2026-03-01 09:30"),
		row(5, "A4", "350102-HR-01-001", "x", "yesterday"),
		row(6, "A5", "350102-HR-01-001", "x", "2026-10-01 00:00"),
		phone, short,
		good, good,
	}
	bad[8].Row = 9
	visits, faults = s.CheckVisits(bad, tree, hash, seal)
	want := []Why{WhyMissing, WhyNotWindow, WhyMissing, WhyTime, WhyOutsideTime, WhyConsent, WhyLanguage, WhyPhoneForm, WhyRepeated}
	if text := faults.Error(); strings.Contains(text, short.Phone) {
		t.Errorf("a fault holds a phone: %s", text)
	}
	var got []Why
	for _, f := range faults {
		got = append(got, f.Why)
	}
	if visits != nil || !slices.Equal(got, want) {
		t.Errorf("faults = %v, want %v and no visits", faults, want)
	}
}

func TestCompositeWeights(t *testing.T) {
	for c, ok := range map[Composite]bool{{}: true, {0.7, 0.3}: true, {1, 0}: true, {0.1 + 0.2, 0.7}: true,
		{0.7, 0.2}: false, {1.5, -0.5}: false, {math.NaN(), 1}: false, {70, 30}: false} {
		if c.fits() != ok {
			t.Errorf("%+v: fits %t, want %t", c, !ok, ok)
		}
	}
}
