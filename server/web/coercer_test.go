package web

import (
	"archive/zip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"manyi/jobs"
	logs "manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/storetest"
)

// victim rated under the eyes of somebody who took the receipt away afterwards.
type victim struct {
	receipt string
	good    bool
	index   int64 // of the receipt in its log, as the receipt page proves it
	hash    tlog.Hash
}

// TestCoercerGuessesNoBetter plays somebody at a bureau who made everybody hand over
// the receipt, knows the order in which they rated, and holds the public bundle and
// every page and file of the bureau's supervisor. Many ratings are bad, so that whatever
// joins a receipt with a level shows. The base rate is that of the day: a day's leaves
// stand together, so its share of good ratings is known, and README says so. Nothing may
// tell more than that. Each way of joining is first tried on a log in the order of the
// ratings, where it is always right.
func TestCoercerGuessesNoBetter(t *testing.T) {
	const perDay = 120
	shares := []float64{0.7, 0.35, 0.5} // of good ratings, by day
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	signer, err := logs.NewSigner(siteSecret)
	must(t, err)
	secrets, err := intake.NewSecrets(siteSecret)
	must(t, err)
	logger := jobs.Logger{Store: s.store, Keys: secrets, Signer: signer, Zone: s.survey.Location()}
	random := rand.New(rand.NewPCG(5, 8))
	var victims []victim
	for day, share := range shares {
		for i := range perDay {
			v := victim{good: random.Float64() < share}
			level := "dissatisfied"
			if v.good {
				level = "satisfied"
			}
			s.pass(time.Minute)
			v.receipt = receiptOn(t, s.rate(code, level, "comment", fmt.Sprintf("第%d天第%d位", day, i)))
			v.hash = tlog.RecordHash([]byte("manyi receipt 1\n" + v.receipt))
			victims = append(victims, v)
			if i%10 == 9 {
				s.logReceipts()
			}
		}
		s.openCases()
		s.rollUp()
		s.pass(24 * time.Hour)
		must(t, ignore(logger.Data(t.Context(), s.clock())))
	}
	for i := range victims {
		var p ReceiptProof
		must(t, json.Unmarshal([]byte(s.post("/receipt", url.Values{"receipt": {victims[i].receipt}, "do": {"json"}}).text), &p))
		victims[i].index = p.Index
	}
	s.pass((TextDelayDays + 1) * 24 * time.Hour)
	id, _ := s.closePeriod()
	text := s.get("/api/v1/publications/"+id.String()+"/bundle.zip", s.token(survey.Reviewer, "")).text

	// What the bundle tells: of each leaf whether the level was good, in its order.
	type leaf struct {
		line string
		good bool
	}
	var leaves []leaf
	for line := range strings.Lines(unzipped(t, text, "leaves.tsv")) {
		if strings.HasPrefix(line, "response\t") {
			if strings.Contains(line, ":true\t") == strings.Contains(line, ":false\t") {
				t.Fatalf("a leaf does not tell whether it is good: %s", line)
			}
			leaves = append(leaves, leaf{line, strings.Contains(line, ":true\t")})
		}
	}
	if len(leaves) != len(victims) {
		t.Fatalf("%d leaves of %d ratings", len(leaves), len(victims))
	}
	var ordered []leaf // the log it must not be
	for _, v := range victims {
		ordered = append(ordered, leaf{v.receipt, v.good})
	}

	byIndex := func(a, b victim) int { return int(a.index - b.index) }
	byHash := func(a, b victim) int { return strings.Compare(string(a.hash[:]), string(b.hash[:])) }
	shifted := func(of []leaf, by int) []leaf {
		return append(slices.Clone(of[by:]), of[:by]...)
	}
	sorted := func(of []leaf) []leaf {
		return slices.SortedFunc(slices.Values(of), func(a, b leaf) int { return strings.Compare(a.line, b.line) })
	}
	reversed := func(of []leaf) []leaf {
		of = slices.Clone(of)
		for day := range shares { // a day's are appended together
			slices.Reverse(of[day*perDay : (day+1)*perDay])
		}
		return of
	}
	right := func(order func(a, b victim) int, of []leaf) (n int) {
		for i, v := range slices.SortedFunc(slices.Values(victims), order) {
			if v.good == of[i].good {
				n++
			}
		}
		return n
	}
	if n := right(byIndex, ordered); n != len(victims) {
		t.Fatalf("in a log by time the coercer is right about %d of %d: the receipts' order does not even tell", n, len(victims))
	}
	// Of two orders of a day's ratings that have nothing to do with each other, so many
	// places agree, and of orders over all days at least half, less what is chance: the
	// limits are five standard deviations away.
	n := float64(len(victims))
	expected, variance := 0.0, 0.0
	for day := range slices.Chunk(victims, perDay) {
		good := 0.0
		for _, v := range day {
			if v.good {
				good++
			}
		}
		share := good / perDay
		agree := share*share + (1-share)*(1-share)
		expected, variance = expected+perDay*agree, variance+perDay*agree*(1-agree)
	}
	least, most := n/2-5*math.Sqrt(n)/2, expected+5*math.Sqrt(variance)
	tries := map[string]int{
		"the place of the receipt is that of the leaf":                 right(byIndex, leaves),
		"it is that from the end of the day":                           right(byIndex, reversed(leaves)),
		"the leaves by their text are in the order of the receipts":    right(byIndex, sorted(leaves)),
		"the leaves are in the order of the receipts' hashes":          right(byHash, leaves),
		"the leaves by their text are in that of the receipts' hashes": right(byHash, sorted(leaves)),
	}
	for by := 1; by <= 5; by++ {
		tries[fmt.Sprintf("the place is %d further", by)] = right(byIndex, shifted(leaves, by))
	}
	for how, hits := range tries {
		t.Logf("%s: right about %d of %d", how, hits, len(victims))
		// One who is wrong too often has only to turn every guess around.
		if float64(hits) < least || float64(hits) > most {
			t.Errorf("%s: right about %d of %d, by chance %.0f to %.0f", how, hits, len(victims), least, most)
		}
	}

	// What names a receipt stands nowhere, so no page leads from it to a rating.
	seen := s.desk("boss", survey.Supervisor, "350102-HR").everything()
	seen["the bundle"], seen["the document"] = unzipped(t, text, ""), s.get("/api/v1/publications/"+id.String(), s.token(survey.Reviewer, "")).text
	if len(seen) < 20 {
		t.Errorf("only %d pages were seen", len(seen))
	}
	for _, v := range victims {
		bare := strings.ReplaceAll(v.receipt, "-", "")
		for _, name := range []string{v.receipt, bare, hex.EncodeToString(v.hash[:]), base64.StdEncoding.EncodeToString(v.hash[:]), base64.RawURLEncoding.EncodeToString(v.hash[:])} {
			for where, text := range seen {
				if strings.Contains(text, name) {
					t.Fatalf("%s names a receipt: %s", where, name)
				}
			}
		}
	}
}

// everything is every page and file about ratings that somebody of a bureau sees, by
// its address.
func (d desk) everything() map[string]string {
	d.t.Helper()
	seen := map[string]string{}
	todo := []string{"/console/figures", "/console/figures?by=window", "/console/figures?by=hall", "/console/figures/csv?by=window", "/console/figures/json?by=window", "/console/texts",
		"/console/cases", "/console/cases/ledger/csv", "/console/cases/rates", "/console/publications", "/console/replies", "/console/codes", "/console/quality"}
	for len(todo) > 0 {
		path := todo[0]
		if todo = todo[1:]; seen[path] != "" {
			continue
		}
		a := d.get(path, d.as)
		if a.StatusCode == 403 {
			continue
		}
		if a.StatusCode != 200 {
			d.t.Errorf("%s: status %d", path, a.StatusCode)
		}
		seen[path] = a.text + " "
		if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			for _, link := range a.page(d.t).Find("a[href^='/console/cases']").EachIter() {
				if href := link.AttrOr("href", ""); !strings.Contains(href, "/ledger/") && !strings.Contains(href, "/rates/") {
					todo = append(todo, href)
				}
			}
		}
	}
	return seen
}

// TestARatingTodayChangesNothingABureauSees: who stands at the window, or asks to see
// the receipt, and looks at once, learns nothing from any page; the day after, a bad
// review is there with its day alone. One whose citizen left a phone is there at once.
func TestARatingTodayChangesNothingABureauSees(t *testing.T) {
	s := newSite(t)
	code := s.code(storetest.GulouHR1)
	for i := range 40 { // else too few for any figure
		s.rate(code, []string{"satisfied", "dissatisfied"}[i%2], "comment", fmt.Sprint("第", i))
		s.pass(time.Hour)
	}
	s.openCases()
	s.rollUp()
	s.pass(time.Hour)
	ignoreTimes := regexp.MustCompile(`"rolled_at":"[^"]*"|[0-9]{2}:[0-9]{2}<(br|/p)>`) // when anything was counted last, anywhere
	desks := map[string]desk{"supervisor": s.desk("boss", survey.Supervisor, "350102-HR"), "city": s.desk("city", survey.Supervisor, "350100"), "staff": s.desk("staff", survey.Staff, storetest.GulouHR1)}
	before := map[string]map[string]string{}
	for name, d := range desks {
		before[name] = d.everything()
	}
	rate := func(level string, with ...string) (at time.Time, key survey.Key) {
		there := s.rows()
		s.rate(code, level, with...)
		last := s.rows()[slices.IndexFunc(s.rows(), func(r survey.Listed) bool {
			return !slices.ContainsFunc(there, func(o survey.Listed) bool { return o.Key == r.Key })
		})]
		s.openCases()
		s.rollUp()
		s.pass(-5 * time.Second) // as if no time had gone
		return last.ReceivedAt, last.Key
	}
	var times []string
	var keys []survey.Key
	for _, level := range []string{"very_satisfied", "very_dissatisfied", "dissatisfied"} {
		at, key := rate(level, "comment", "今天的评价")
		times, keys = append(times, at.In(s.survey.Location()).Format("15:04"), at.Format("15:04")), append(keys, key)
		for name, d := range desks {
			after := d.everything()
			if len(after) != len(before[name]) || len(after) < 5 {
				t.Errorf("%s, %s: %d pages, before %d", level, name, len(after), len(before[name]))
			}
			for path, text := range after {
				if ignoreTimes.ReplaceAllString(text, "") != ignoreTimes.ReplaceAllString(before[name][path], "") {
					t.Errorf("%s, %s: %s has changed", level, name, path)
				}
			}
			if a := d.get("/console/cases/"+s.secrets().Address(key), d.as); a.StatusCode != 404 && a.StatusCode != 403 {
				t.Errorf("%s, %s: the case opens by its address: status %d", level, name, a.StatusCode)
			}
		}
	}
	boss := desks["supervisor"]
	if _, named := rate("dissatisfied", "comment", "请回电", "phone", citizenPhone, "consent", "1"); boss.everything()["/console/cases/"+s.secrets().Address(named)] == "" {
		t.Error("the case of somebody who can be called is not there at once")
	}
	if admin := s.desk("admin", survey.Organiser, ""); admin.everything()["/console/cases/"+s.secrets().Address(keys[1])] == "" {
		t.Error("the province does not see the case at once")
	}

	s.pass(24 * time.Hour)
	boss = s.desk("boss2", survey.Supervisor, "350102-HR")
	seen := boss.everything()
	for _, key := range keys[1:] {
		address := "/console/cases/" + s.secrets().Address(key)
		if seen[address] == "" {
			t.Error("the case is not there the day after")
		}
		for _, at := range times {
			if strings.Contains(seen[address], at) {
				t.Errorf("the case tells that it came in at %s", at)
			}
		}
		for path, text := range seen {
			if strings.Contains(text, key.String()) {
				t.Errorf("%s holds a key, which tells the time", path)
			}
		}
	}
}

// unzipped is a file of an archive, or all of them.
func unzipped(t *testing.T, archive, name string) (text string) {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	must(t, err)
	for _, f := range z.File {
		if name != "" && f.Name != name {
			continue
		}
		r, err := f.Open()
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		text += string(b)
	}
	return text
}
