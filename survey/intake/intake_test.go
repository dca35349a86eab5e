package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
	"manyi/survey/sqlitestore"
)

var opens = time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("CST", 8*3600))

// rig is an intake over the real embedded engine, with a clock that is set by hand.
type rig struct {
	*intake.Intake
	store *sqlitestore.Store
	dir   string
	mu    sync.Mutex
	now   time.Time
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func newRig(t testing.TB, opts intake.Options) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir(), now: opens.Add(10 * time.Hour)}
	var err error
	if r.store, err = sqlitestore.Open(context.Background(), r.dir); err != nil {
		t.Fatal(err)
	}
	r.Intake = r.intake(t, r.store, opts)
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// intake is one more over a store of the rig's facts.
func (r *rig) intake(t testing.TB, store survey.ResponseStore, opts intake.Options) *intake.Intake {
	t.Helper()
	secrets, err := intake.NewSecrets(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Load(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if opts.Now == nil {
		opts.Now = r.clock
	}
	return intake.New(store, secrets, ring, opts)
}

const serial = 7

func (r *rig) request(change func(*intake.Request)) intake.Request {
	req := intake.Request{
		Code: survey.WindowCode{Serial: serial, Survey: "s1", Window: "350102-HR-01-001"},
		Survey: survey.Survey{ID: "s1", Zone: "Asia/Shanghai", Opens: opens, Closes: opens.AddDate(1, 0, 0),
			Questionnaire: survey.OnSite(), Rules: survey.DefaultRules()},
		Path:       survey.Path{"350000", "350100", "350102", "350102-HR", "350102-HR-01", "350102-HR-01-001"},
		Channel:    survey.ChannelQR,
		FormKey:    r.NewForm(serial),
		Submission: survey.Submission{Survey: "s1", Level: "satisfied"},
	}
	if change != nil {
		change(&req)
	}
	return req
}

func (r *rig) rows(t testing.TB) []survey.Listed {
	t.Helper()
	var out []survey.Listed
	err := r.store.Responses(context.Background(), survey.ResponseQuery{}, func(l survey.Listed) error {
		out = append(out, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameFormSentAgainIsCountedOnceWithTheSameReceipt(t *testing.T) {
	r := newRig(t, intake.Options{})
	req := r.request(nil)
	first, err := r.Submit(context.Background(), req)
	if err != nil || !first.New {
		t.Fatalf("first = %+v, %v", first, err)
	}
	r.pass(time.Hour) // the retry may come much later
	again, err := r.Submit(context.Background(), req)
	if err != nil || again.New || again.Number != first.Number {
		t.Errorf("again = %+v, %v; want the receipt %s, not new", again, err, first.Number)
	}
	if n := len(r.rows(t)); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestTwentyTapsAtOnceAreOneResponse(t *testing.T) {
	r := newRig(t, intake.Options{})
	req := r.request(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh, receipts := 0, map[string]bool{}
	for range 20 {
		wg.Go(func() {
			got, err := r.Submit(context.Background(), req)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			receipts[got.Number] = true
			if got.New {
				fresh++
			}
		})
	}
	wg.Wait()
	if fresh != 1 || len(receipts) != 1 || len(r.rows(t)) != 1 {
		t.Errorf("%d new, %d receipts, %d rows; want one of each", fresh, len(receipts), len(r.rows(t)))
	}
}

func TestAnotherAnswerFromTheSameFormIsKeptAndFlagged(t *testing.T) {
	r := newRig(t, intake.Options{})
	req := r.request(nil)
	first, err := r.Submit(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.Submission.Level = "very_satisfied"
	second, err := r.Submit(context.Background(), req)
	if err != nil || !second.New || second.Number == first.Number {
		t.Fatalf("second = %+v, %v; want a new response with a receipt of its own", second, err)
	}
	rows := r.rows(t)
	if len(rows) != 2 || rows[0].Flags&survey.FlagKeyReused != 0 || rows[1].Flags&survey.FlagKeyReused == 0 {
		t.Errorf("rows = %+v; want two, the later one flagged", rows)
	}
}

// A receipt is drawn from a keyed function: its form must not depend on the level.
func TestReceiptsOfAllLevelsLookAlike(t *testing.T) {
	r := newRig(t, intake.Options{PerCode: 1000})
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$`)
	seen := map[string]bool{}
	for _, level := range survey.Levels {
		for range 20 {
			got, err := r.Submit(context.Background(), r.request(func(q *intake.Request) {
				q.Submission.Level, q.Submission.Comment = level.String(), "等候太久"
			}))
			if err != nil || !form.MatchString(got.Number) || seen[got.Number] {
				t.Fatalf("%s: receipt %q, %v", level, got.Number, err)
			}
			seen[got.Number] = true
		}
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t, intake.Options{})
	long := strings.Repeat("好", survey.MaxComment+1)
	for name, c := range map[string]struct {
		change func(*intake.Request)
		field  string
		why    survey.Why
	}{
		"no level":               {func(q *intake.Request) { q.Submission.Level = "" }, "level", survey.WhyLevelMissing},
		"a level of no survey":   {func(q *intake.Request) { q.Submission.Level = "5" }, "level", survey.WhyLevelUnknown},
		"bad without a reason":   {func(q *intake.Request) { q.Submission.Level = "dissatisfied" }, "reason", survey.WhyReasonMissing},
		"a reason of no list":    {func(q *intake.Request) { q.Submission.Reasons = []string{"999"} }, "reason", survey.WhyReasonUnknown},
		"501 characters":         {func(q *intake.Request) { q.Submission.Comment = long }, "comment", survey.WhyCommentTooLong},
		"broken UTF-8":           {func(q *intake.Request) { q.Submission.Comment = "\xff" }, "comment", survey.WhyBadText},
		"another survey's form":  {func(q *intake.Request) { q.Submission.Survey = "s2" }, "survey", survey.WhyWrongSurvey},
		"a phone, no consent":    {func(q *intake.Request) { q.Submission.Phone = "13800138000" }, "consent", survey.WhyConsentMissing},
		"a phone that is none":   {func(q *intake.Request) { q.Submission.Phone, q.Submission.Consent = "call me", true }, "phone", survey.WhyPhoneForm},
		"a secret without case":  {func(q *intake.Request) { q.Submission.VisitSecret = "1234" }, "visit_secret", survey.WhySecretForm},
		"no form key":            {func(q *intake.Request) { q.FormKey = "" }, "form_key", intake.WhyFormKey},
		"a form key made up":     {func(q *intake.Request) { q.FormKey = strings.Repeat("A", 27) }, "form_key", intake.WhyFormKey},
		"a form of another code": {func(q *intake.Request) { q.FormKey = r.NewForm(serial + 1) }, "form_key", intake.WhyFormKey},
	} {
		_, err := r.Submit(context.Background(), r.request(c.change))
		var faults survey.Faults
		if !errors.As(err, &faults) || faults.On(c.field) != c.why {
			t.Errorf("%s: err = %v, want %s at %s", name, err, c.why, c.field)
		}
	}
	if n := len(r.rows(t)); n != 0 {
		t.Errorf("%d refused submissions were stored", n)
	}
}

func TestTextIsKeptToTheByte(t *testing.T) {
	r := newRig(t, intake.Options{})
	for _, text := range []string{
		"满意，谢谢！", "👩‍👩‍👧 🙏🏽", "مرحبا، شكراً", "שלום \u200fעולם", "ᠮᠣᠩᠭᠣᠯ བོད་", "'; DROP TABLE responses; --", "=1+1", "a\nb", "  spaces  ",
		strings.Repeat("字", survey.MaxComment), strings.Repeat("😀", survey.MaxComment),
		strings.Repeat("\r\n", survey.MaxComment), // a line end is one character, however it is sent
	} {
		_, err := r.Submit(context.Background(), r.request(func(q *intake.Request) { q.Submission.Comment = text }))
		if err != nil {
			t.Fatalf("%.20q: %v", text, err)
		}
		rows := r.rows(t)
		if got, want := rows[len(rows)-1].Comment, strings.ReplaceAll(text, "\r\n", "\n"); got != want {
			t.Errorf("stored %.40q, want %.40q", got, want)
		}
	}
}

func TestPeriodAndRevocation(t *testing.T) {
	r := newRig(t, intake.Options{})
	for name, c := range map[string]struct {
		change func(*intake.Request)
		want   error
	}{
		"before it opens":   {func(q *intake.Request) { q.Survey.Opens = r.clock().Add(time.Millisecond) }, survey.ErrNotOpen},
		"at its first time": {func(q *intake.Request) { q.Survey.Opens = r.clock() }, nil},
		"at its end":        {func(q *intake.Request) { q.Survey.Closes = r.clock() }, survey.ErrClosed},
		"just before it":    {func(q *intake.Request) { q.Survey.Closes = r.clock().Add(time.Millisecond) }, nil},
		"a revoked code":    {func(q *intake.Request) { q.Code.RevokedAt = r.clock() }, survey.ErrRevoked},
	} {
		if _, err := r.Submit(context.Background(), r.request(c.change)); !errors.Is(err, c.want) {
			t.Errorf("%s: err = %v, want %v", name, err, c.want)
		}
	}
}

// The answer to a rating sent in the last second may be lost on the way.
func TestARepetitionAfterTheEndGetsItsReceipt(t *testing.T) {
	r := newRig(t, intake.Options{})
	req := r.request(nil)
	first, err := r.Submit(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	req.Survey.Closes = r.clock()
	again, err := r.Submit(context.Background(), req)
	if err != nil || again.New || again.Number != first.Number {
		t.Errorf("again = %+v, %v; want the receipt %s", again, err, first.Number)
	}
	req.Submission.Level = "very_satisfied"
	if _, err := r.Submit(context.Background(), req); !errors.Is(err, survey.ErrClosed) {
		t.Errorf("another answer after the end: %v, want ErrClosed", err)
	}
	if n := len(r.rows(t)); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestFloodAndFlags(t *testing.T) {
	r := newRig(t, intake.Options{PerDevice: 8, PerCode: 30})
	send := func(device string, code uint32) error {
		_, err := r.Submit(context.Background(), r.request(func(q *intake.Request) {
			q.Device, q.Code.Serial, q.FormKey = device, code, r.NewForm(code)
		}))
		return err
	}
	for i := range 8 {
		if err := send("phone", serial); err != nil {
			t.Fatalf("submission %d: %v", i+1, err)
		}
	}
	if err := send("phone", serial); !errors.Is(err, intake.ErrFlood) {
		t.Errorf("the ninth in a minute: err = %v, want ErrFlood", err)
	}
	// Others behind the same Wi-Fi are not touched by it.
	for i := range 20 {
		if err := send(fmt.Sprint("neighbour", i), serial); err != nil {
			t.Errorf("neighbour %d: %v", i, err)
		}
	}
	flagged := 0
	for _, row := range r.rows(t) {
		if row.Flags&survey.FlagManyDevice != 0 {
			flagged++
		}
	}
	if flagged != 3 {
		t.Errorf("%d responses flagged as many from one device, want the sixth to the eighth", flagged)
	}
	for i := 0; i < 40; i++ {
		send(fmt.Sprint("robot", i), serial)
	}
	if err := send("fresh", serial); !errors.Is(err, intake.ErrFlood) {
		t.Errorf("above the code's rate: err = %v, want ErrFlood", err)
	}
	if err := send("fresh", serial+1); err != nil {
		t.Errorf("another window: %v", err)
	}
	r.pass(time.Minute)
	if err := send("phone", serial); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestTimingIsFlaggedNeverRefused(t *testing.T) {
	r := newRig(t, intake.Options{})
	for _, c := range []struct {
		wait time.Duration
		want survey.Flags
	}{{0, survey.FlagTooFast}, {5 * time.Second, 0}, {25 * time.Hour, survey.FlagOldForm}} {
		req := r.request(nil)
		r.pass(c.wait)
		if _, err := r.Submit(context.Background(), req); err != nil {
			t.Fatal(err)
		}
		rows := r.rows(t)
		if got := rows[len(rows)-1].Flags; got != c.want {
			t.Errorf("after %s: flags %v, want %v", c.wait, got.Names(), c.want.Names())
		}
	}
}

func TestContactIsSealedAndApart(t *testing.T) {
	r := newRig(t, intake.Options{})
	_, err := r.Submit(context.Background(), r.request(func(q *intake.Request) {
		q.Submission.Name, q.Submission.Phone, q.Submission.Consent = "王小明", "138 0013 8000", true
	}))
	if err != nil {
		t.Fatal(err)
	}
	row := r.rows(t)[0]
	if c, err := r.store.Contact(context.Background(), row.Key); err != nil || len(c.PhoneHash) == 0 || row.Contact != nil {
		t.Errorf("contact = %+v, %v; listed with %v", c, err, row.Contact)
	}
	files, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no database files", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"13800138000", "138 0013 8000", "王小明"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s shows a contact", filepath.Base(f))
			}
		}
	}
}

func TestCloseKeepsWhatWasAccepted(t *testing.T) {
	r := newRig(t, intake.Options{Group: 4, PerCode: 1000})
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept := 0
	for range 200 {
		req := r.request(nil)
		wg.Go(func() {
			_, err := r.Submit(context.Background(), req)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				kept++
			} else if !errors.Is(err, intake.ErrBusy) {
				t.Error(err)
			}
		})
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := len(r.rows(t)); n != kept {
		t.Errorf("%d acknowledged, %d stored", kept, n)
	}
	if _, err := r.Submit(context.Background(), r.request(nil)); !errors.Is(err, intake.ErrBusy) {
		t.Errorf("after Close: err = %v, want ErrBusy", err)
	}
}

// TestAHiddenNumberIsStillPartOfTheContent: who corrects a digit that is hidden has
// sent something else, and who sends the same again has not.
func TestAHiddenNumberIsStillPartOfTheContent(t *testing.T) {
	r := newRig(t, intake.Options{})
	req := r.request(func(q *intake.Request) { q.Submission.Comment = " 请回电13800138000 " })
	other := req
	other.Submission.Comment = " 请回电13801138000 "
	for _, c := range []struct {
		req   intake.Request
		isNew bool
	}{{req, true}, {req, false}, {other, true}, {other, false}} {
		got, err := r.Submit(context.Background(), c.req)
		if err != nil || got.New != c.isNew {
			t.Errorf("Submit(%q) = %+v, %v; want new: %v", c.req.Submission.Comment, got, err, c.isNew)
		}
	}
	rows := r.rows(t)
	if len(rows) != 2 {
		t.Fatalf("%d rows, want 2", len(rows))
	}
	for i, want := range []string{req.Submission.Comment, other.Submission.Comment} {
		if rows[i].Comment != " 请回电138****8000 " {
			t.Errorf("stored %q", rows[i].Comment)
		}
		sealed, err := r.store.OriginalComment(context.Background(), rows[i].Key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Original(sealed.Comment(rows[i].Key)); err != nil || got != want {
			t.Errorf("the original is %q, %v; want %q", got, err, want)
		}
		if _, err := r.Original(sealed.Comment(survey.Key{1})); err == nil {
			t.Error("it opens as the original of another response")
		}
	}
}
