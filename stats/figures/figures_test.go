package figures

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"manyi/stats"
	"manyi/survey"
)

// rolled is a Reader over facts that were counted and passed up as the roll-up does.
type rolled map[survey.Bucket]survey.Tally

func (r rolled) add(b survey.Bucket, t survey.Tally) {
	var sum survey.Tally
	sum.Merge(r[b])
	sum.Merge(t)
	r[b] = sum
}

func rollUp(finest rolled) rolled {
	r := rolled{}
	for b, t := range finest {
		r.add(b, t)
		for _, up := range b.Parents() {
			r.add(up, t)
			for _, month := range up.Parents() {
				r.add(month, t)
				for _, whole := range month.Parents() {
					r.add(whole, t)
				}
			}
		}
	}
	return r
}

func (r rolled) SumTallies(_ context.Context, q survey.TallyQuery, into func(survey.Bucket) *survey.Tally) error {
	for b, t := range r {
		if b.Kind == q.Kind && b.Survey == q.Survey && sameLength(b.Span, q.From) && q.From <= b.Span && b.Span <= q.To &&
			(q.Place == "" || b.Place == q.Place || strings.HasPrefix(b.Place, q.Place+"-")) {
			if q.Question != "" {
				t.Cells = slices.DeleteFunc(slices.Clone(t.Cells), func(c survey.CellCount) bool { return c.Question != q.Question })
			}
			if sum := into(b); sum != nil {
				sum.Merge(t)
			}
		}
	}
	return nil
}

func sameLength(a, b survey.Span) bool { return a.IsDay() == b.IsDay() && a.IsMonth() == b.IsMonth() }

func (r rolled) Rolled(context.Context) (int, time.Time, error) {
	return 3, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), nil
}

// country is a province with two cities, a bureau of its own, and a bureau that
// is no candidate; every candidate bureau has two halls of three windows.
func country(t testing.TB) (*survey.Tree, survey.Survey) {
	places := []survey.Place{
		{Code: "350000", Name: "省", Kind: survey.Province},
		{Code: "350100", Name: "甲市", Kind: survey.City, Parent: "350000"},
		{Code: "350102", Name: "甲县", Kind: survey.County, Parent: "350100"},
		{Code: "350200", Name: "乙市", Kind: survey.City, Parent: "350000"},
	}
	bureau := func(code, parent string) {
		places = append(places, survey.Place{Code: code, Name: "局" + code, Kind: survey.Bureau, Parent: parent})
		for h := 1; h <= 2; h++ {
			hall := fmt.Sprintf("%s-%02d", code, h)
			places = append(places, survey.Place{Code: hall, Name: "厅", Kind: survey.Hall, Parent: code})
			for w := 1; w <= 3; w++ {
				places = append(places, survey.Place{Code: fmt.Sprintf("%s-%03d", hall, w), Name: "窗", Kind: survey.Window, Parent: hall})
			}
		}
	}
	bureau("350100-HR", "350100")
	bureau("350102-HR", "350102")
	bureau("350200-HR", "350200")
	bureau("350128-HR", "350000") // reports to the province
	bureau("350200-XX", "350200") // no candidate
	places = append(places, survey.Place{Code: "350201-HR", Name: "空局", Kind: survey.Bureau, Parent: "350200"})
	tree, faults := survey.NewTree(places)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	zone := time.FixedZone("", 8*3600)
	return tree, survey.Survey{
		ID: "s", Title: survey.Text{Zh: "测评", En: "Survey"}, Zone: "Asia/Shanghai", Rules: survey.DefaultRules(),
		Opens: time.Date(2026, 1, 10, 0, 0, 0, 0, zone), Closes: time.Date(2026, 4, 20, 0, 0, 0, 0, zone),
		Candidates: []string{"350100-HR", "350102-HR", "350200-HR", "350128-HR", "350201-HR"},
	}
}

// facts are counts of random windows and days. In every third window there are few.
func facts(tree *survey.Tree, s survey.Survey, seed uint64, n int) rolled {
	rng := rand.New(rand.NewPCG(seed, 9))
	windows := tree.All(survey.Window, tree.Root())
	finest := rolled{}
	for range n {
		w := rng.IntN(len(windows))
		if w%3 == 0 && rng.IntN(10) > 0 {
			continue
		}
		var t survey.Tally
		for range rng.IntN(3) {
			level := survey.Levels[min(rng.IntN(5), rng.IntN(5))]
			r := survey.Listed{Response: survey.Response{Level: level, Channel: survey.Channel(1 + rng.IntN(3))},
				Tie: survey.Tie(rng.IntN(4)), Standing: survey.Counted}
			if rng.IntN(3) == 0 {
				r.Answers = map[string]survey.Level{"attitude": level}
			}
			if level.Bad() {
				r.Reasons = []int{108 + rng.IntN(2)}
			}
			t.Add(r)
		}
		for range rng.IntN(4) {
			t.AddVisit(rng.IntN(2) == 0)
		}
		finest.add(survey.Bucket{Survey: s.ID, Place: windows[w].Code, Kind: survey.Window, Span: s.FirstDay().Plus(rng.IntN(100))}, t)
	}
	return rollUp(finest)
}

var organiser = survey.Actor{Name: "o", Role: survey.Organiser, Place: "350000"}

func query(tree *survey.Tree, s survey.Survey, by survey.Kind, within string) Query {
	return Query{Survey: s, Tree: tree, By: by, Within: within, AsOf: time.Date(2026, 4, 15, 4, 0, 0, 0, time.UTC)}
}

func load(t testing.TB, r Reader, q Query, who survey.Actor) Table {
	t.Helper()
	table, err := Load(t.Context(), r, q, who)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestCover(t *testing.T) {
	for _, c := range []struct {
		from, to survey.Span
		want     string
	}{
		{20260101, 20260131, "[{2026-01 2026-01}]"},
		{20260102, 20260131, "[{2026-01-02 2026-01-31}]"},
		{20260101, 20260130, "[{2026-01-01 2026-01-30}]"},
		{20260105, 20260105, "[{2026-01-05 2026-01-05}]"},
		{20260115, 20260215, "[{2026-01-15 2026-01-31} {2026-02-01 2026-02-15}]"},
		{20260115, 20260315, "[{2026-01-15 2026-01-31} {2026-02 2026-02} {2026-03-01 2026-03-15}]"},
		{20251201, 20260228, "[{2025-12 2026-02}]"},
		{20251215, 20260115, "[{2025-12-15 2025-12-31} {2026-01-01 2026-01-15}]"},
		{20260201, 20260101, "[]"}, // ends before it begins
	} {
		if got := fmt.Sprint(Cover(c.from, c.to)); got != c.want {
			t.Errorf("Cover(%v, %v) = %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func TestCoverHasEveryDayOnce(t *testing.T) {
	first := survey.Span(20231115) // over a leap day and two ends of a year
	for a := range 130 {
		for length := range 130 {
			from, to := first.Plus(a*3), first.Plus(a*3+length)
			day := from
			for _, r := range Cover(from, to) {
				lo, hi := r.From, r.To
				if lo.IsMonth() {
					lo, hi = lo.FirstDay(), hi.LastDay()
				}
				if lo != day || hi < lo {
					t.Fatalf("Cover(%v, %v) = %v: want a run from %v", from, to, Cover(from, to), day)
				}
				day = hi.Plus(1)
			}
			if day != to.Plus(1) {
				t.Fatalf("Cover(%v, %v) = %v: ends before %v", from, to, Cover(from, to), day)
			}
		}
	}
}

// TestRowsAddUp: in every grouping and stretch of days the rows add up to the
// total, and the totals of all groupings are the same.
func TestRowsAddUp(t *testing.T) {
	tree, s := country(t)
	r := facts(tree, s, 1, 3000)
	for _, days := range [][2]survey.Span{{}, {20260110, 20260419}, {20260111, 20260418}, {20260125, 20260402}, {20260310, 20260310}, {20200101, 20300101}} {
		for _, within := range []string{"", "350100", "350102", "350100-HR", "350100-HR-01", "350200"} {
			var first *Table
			for _, by := range survey.Kinds {
				q := query(tree, s, by, within)
				q.From, q.To = days[0], days[1]
				table := load(t, r, q, organiser)
				if first == nil {
					first = &table
				}
				if !reflect.DeepEqual(table.Total, first.Total) {
					t.Errorf("%v, %q: total by %s is\n%+v, by %s\n%+v", days, within, by, table.Total, first.By, first.Total)
				}
				var n, bad, served, defaults, reasons stats.Count
				for _, row := range table.Rows {
					n, served, defaults = n+row.N, served+row.Served, defaults+row.Defaults
					bad += row.Counts[3] + row.Counts[4]
					reasons += row.Reasons[108]
				}
				got := [...]stats.Count{n, bad, served, defaults, reasons}
				total := table.Total
				want := [...]stats.Count{total.N, total.Counts[3] + total.Counts[4], total.Served, total.Defaults, total.Reasons[108]}
				if got != want {
					t.Errorf("%v, %q by %s: rows add up to %v, total is %v", days, within, by, got, want)
				}
				if !slices.IsSortedFunc(table.Rows, func(a, b Row) int { return cmp.Compare(a.Place, b.Place) }) {
					t.Errorf("%q by %s: rows not in code order", within, by)
				}
			}
		}
	}
}

func TestRowPlaces(t *testing.T) {
	tree, s := country(t)
	for _, c := range []struct {
		by     survey.Kind
		within string
		want   string
	}{
		{survey.Province, "", "350000"},
		{survey.City, "", "350100 350128-HR 350200"}, // a bureau under the province is its own row
		{survey.Bureau, "", "350100-HR 350102-HR 350128-HR 350200-HR 350201-HR"},
		{survey.Bureau, "350102", "350102-HR"},
		{survey.Hall, "350200", "350200-HR-01 350200-HR-02"},
		{survey.City, "350100-HR-02", "350100-HR-02"},
		{survey.Window, "350100-HR-02", "350100-HR-02-001 350100-HR-02-002 350100-HR-02-003"},
	} {
		table := load(t, rolled{}, query(tree, s, c.by, c.within), organiser)
		var codes []string
		for _, row := range table.Rows {
			codes = append(codes, row.Place)
			if _, ok := row.Satisfaction.Value(); ok || row.N != 0 || row.Name == "" {
				t.Errorf("%s has no data and a name: %+v", row.Place, row)
			}
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("%q by %s: %s, want %s", c.within, c.by, got, c.want)
		}
	}
}

// TestPending: a visit of day D counts as unrated for good when the as-of day is
// past D + 7.
func TestPending(t *testing.T) {
	tree, s := country(t)
	visit := rollUp(rolled{{Survey: "s", Place: "350100-HR-01-001", Kind: survey.Window, Span: 20260301}: {Served: 2, Rated: 1}})
	for _, c := range []struct {
		asOf              time.Time
		pending, defaults stats.Count
	}{
		{time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC), 1, 0},
		{time.Date(2026, 3, 8, 15, 59, 0, 0, time.UTC), 1, 0}, // 23:59 of the last day, in the survey's zone
		{time.Date(2026, 3, 8, 16, 0, 0, 0, time.UTC), 0, 1},
	} {
		for _, by := range []survey.Kind{survey.City, survey.Window} {
			q := query(tree, s, by, "")
			q.AsOf = c.asOf
			if total := load(t, visit, q, organiser).Total; total.Pending != c.pending || total.Defaults != c.defaults {
				t.Errorf("as of %v: pending %v, defaults %v; want %v, %v", c.asOf, total.Pending, total.Defaults, c.pending, c.defaults)
			}
		}
	}
}

func TestScope(t *testing.T) {
	tree, s := country(t)
	who := survey.Actor{Role: survey.Supervisor, Place: "350100"}
	for _, within := range []string{"350000", "350200", "350200-HR-01", "999999"} {
		if _, err := Load(t.Context(), rolled{}, query(tree, s, survey.City, within), who); !errors.Is(err, survey.ErrNotFound) {
			t.Errorf("%s: %v, want not found", within, err)
		}
	}
	if _, err := Load(t.Context(), rolled{}, query(tree, s, survey.City, ""), survey.Actor{Role: survey.Supervisor}); !errors.Is(err, survey.ErrNotFound) {
		t.Errorf("a supervisor without a place sees something: %v", err)
	}
	if got := load(t, rolled{}, query(tree, s, survey.City, ""), survey.Actor{Role: survey.Organiser}); got.Within != tree.Root() {
		t.Errorf("an organiser without a place sees %q, want everything", got.Within)
	}
	if got := load(t, rolled{}, query(tree, s, survey.Province, ""), who); got.Within != "350100" || len(got.Rows) != 1 || got.Rows[0].Place != "350100" {
		t.Errorf("empty Within should be the viewer's place: %+v", got)
	}
}

// TestHiddenAlikeEverywhere: whatever grouping and place a restricted viewer asks
// for, a place looks the same, so no table can be taken from another.
func TestHiddenAlikeEverywhere(t *testing.T) {
	tree, s := country(t)
	hidden := 0
	for seed := range uint64(8) {
		r := facts(tree, s, seed, 200)
		for _, place := range []string{"350000", "350100", "350100-HR"} {
			who := survey.Actor{Role: survey.Supervisor, Place: place}
			seen := map[string]stats.Figure{}
			look := func(row Row) {
				before, ok := seen[row.Place]
				if ok && !reflect.DeepEqual(before, row.Figure) {
					t.Errorf("seed %d: %s is\n%+v and\n%+v", seed, row.Place, before, row.Figure)
				}
				seen[row.Place] = row.Figure
			}
			for _, by := range survey.Kinds {
				for _, p := range slices.Concat(tree.All(survey.City, place), tree.All(survey.Bureau, place), tree.All(survey.Hall, place), tree.All(survey.Window, place)) {
					if p.Kind == survey.City || s.Candidate(p.Code) {
						table := load(t, r, query(tree, s, by, p.Code), who)
						look(table.Total)
						for _, row := range table.Rows {
							look(row)
						}
					}
				}
			}
			for code, f := range seen {
				if 0 < f.N && f.N < 5 {
					t.Errorf("%s shows n = %d", code, f.N)
				}
				if f.Hidden.Has(stats.PartN) {
					hidden++
				}
			}
		}
	}
	if hidden == 0 {
		t.Error("nothing was hidden: the facts do not test anything")
	}
}

func TestRanks(t *testing.T) {
	tree, s := country(t)
	s.Rules.MinN = 30
	window := func(place string, good, bad int64) rolled {
		return rolled{{Survey: "s", Place: place, Kind: survey.Window, Span: 20260301}: {Cells: survey.CellsOf(map[survey.Cell]int64{
			{Question: survey.Overall, Value: 1}: good, {Question: survey.Overall, Value: 5}: bad})}}
	}
	all := window("350100-HR-01-001", 990, 10)
	maps.Copy(all, window("350200-HR-01-001", 700, 300))
	maps.Copy(all, window("350128-HR-01-001", 29, 0))
	table := load(t, rollUp(all), query(tree, s, survey.City, ""), organiser)
	want := []*stats.RankRange{{Best: 1, Worst: 1, Of: 2}, nil, {Best: 2, Worst: 2, Of: 2}}
	for i, row := range table.Rows {
		if !reflect.DeepEqual(row.Rank, want[i]) {
			t.Errorf("%s: rank %v, want %v", row.Place, row.Rank, want[i])
		}
	}
	if table.Total.Rank != nil {
		t.Error("the total is ranked")
	}
}

func TestSeries(t *testing.T) {
	tree, s := country(t)
	r := facts(tree, s, 5, 2000)
	for _, within := range []string{"", "350200", "350100-HR", "350100-HR-01", "350100-HR-01-002"} {
		for step, points := range map[Step]int{Day: 100, Week: 15, Month: 4} {
			q := query(tree, s, survey.City, within)
			got, err := Series(t.Context(), r, q, organiser, step)
			if err != nil {
				t.Fatal(err)
			}
			var n, defaults stats.Count
			for i, p := range got {
				n, defaults = n+p.N, defaults+p.Defaults
				if i > 0 && p.From != got[i-1].To.Plus(1) {
					t.Errorf("%s: a gap before %v", step, p.From)
				}
				if i > 0 && step == Week && p.From.Start(time.UTC).Weekday() != time.Monday {
					t.Errorf("a week begins on %v", p.From)
				}
			}
			total := load(t, r, q, organiser).Total
			if len(got) != points || n != total.N || defaults != total.Defaults {
				t.Errorf("%q by %s: %d points of n %v, defaults %v; want %d, %v, %v", within, step, len(got), n, defaults, points, total.N, total.Defaults)
			}
		}
	}
	if _, err := Series(t.Context(), r, query(tree, s, "", ""), organiser, "year"); err == nil {
		t.Error("a series by year should be refused")
	}
}

func TestJSON(t *testing.T) {
	tree, s := country(t)
	s.Sample = true
	r := facts(tree, s, 7, 300)
	q := query(tree, s, survey.Bureau, "")
	encode := func(who survey.Actor) (text []byte, top map[string]any) {
		text, err := json.Marshal(load(t, r, q, who))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &top); err != nil {
			t.Fatal(err)
		}
		return text, top
	}
	text, top := encode(organiser)
	if again, _ := encode(organiser); string(again) != string(text) {
		t.Error("two encodings differ")
	}
	if top["as_of"] != "2026-04-15T04:00:00Z" || top["survey"] != "s" || top["sample"] != true || top["from"] != "2026-01-10" {
		t.Errorf("top: %s", text)
	}
	empty := top["rows"].([]any)[4].(map[string]any)
	if empty["place"] != "350201-HR" || empty["n"] != 0.0 || empty["hidden"] != nil ||
		!reflect.DeepEqual(empty["satisfaction"], map[string]any{"rate": nil, "low": nil, "high": nil, "num": 0.0, "den": 0.0}) {
		t.Errorf("row without data: %v", empty)
	}
	if counts := top["total"].(map[string]any)["counts"].(map[string]any); counts["very_satisfied"].(float64) == 0 || len(counts) != 5 {
		t.Errorf("counts: %v", counts)
	}
	q.By, q.Within = survey.Window, "350100-HR-01"
	_, top = encode(survey.Actor{Role: survey.Staff, Place: "350100-HR-01"})
	row := top["rows"].([]any)[0].(map[string]any)
	if row["hidden"] != true || row["n"] != nil {
		t.Errorf("hidden row: %v", row)
	}
}

// BenchmarkLoadProvince reads 94 bureaus over two years by months, as for a range
// that is not the whole survey.
func BenchmarkLoadProvince(b *testing.B) {
	places := []survey.Place{{Code: "350000", Name: "省", Kind: survey.Province}}
	s := survey.Survey{ID: "s", Zone: "Asia/Shanghai", Rules: survey.DefaultRules(),
		Opens: time.Date(2023, 12, 31, 16, 0, 0, 0, time.UTC), Closes: time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC)}
	stored := rolled{}
	for i := range 94 {
		if i%9 == 0 {
			places = append(places, survey.Place{Code: fmt.Sprintf("35%02d00", i/9+1), Name: "市", Kind: survey.City, Parent: "350000"})
		}
		code := fmt.Sprintf("35%02d%02d-HR", i/9+1, i%9+1)
		places = append(places, survey.Place{Code: code, Name: "局", Kind: survey.Bureau, Parent: fmt.Sprintf("35%02d00", i/9+1)})
		s.Candidates = append(s.Candidates, code)
		for month := range 24 {
			var cells survey.Cells
			for n := range 60 {
				cells.Add(survey.Cell{Question: survey.Overall, Channel: survey.Channel(n%4 + 1), Tie: survey.Tie(n / 4 % 3), Value: n/12 + 1}, int64(n))
			}
			stored[survey.Bucket{Survey: "s", Place: code, Kind: survey.Bureau, Span: survey.Span(202401 + month/12*100 + month%12)}] = survey.Tally{Cells: cells}
		}
	}
	tree, faults := survey.NewTree(places)
	if faults.Err() != nil {
		b.Fatal(faults)
	}
	q := Query{Survey: s, Tree: tree, By: survey.Bureau, From: 20240101, To: 20251231, AsOf: s.Closes}
	b.ReportAllocs()
	for b.Loop() {
		if table := load(b, stored, q, organiser); table.Total.N == 0 || len(table.Rows) != 94 {
			b.Fatal("not everything was read")
		}
	}
}

// TestChannelsOfOnesOwnPlaceOnly: beside those of the place above, the channels of the
// places below would give hidden ones away.
func TestChannelsOfOnesOwnPlaceOnly(t *testing.T) {
	tree, s := country(t)
	r := rollUp(facts(tree, s, 3, 400))
	whole := load(t, r, query(tree, s, survey.Bureau, ""), survey.Actor{Role: survey.Organiser})
	var n stats.Count
	for _, c := range whole.Channels {
		n += c.N
	}
	if n != whole.Total.N || n == 0 {
		t.Errorf("channels add up to %v, the total is %v", n, whole.Total.N)
	}
	var bureau string
	for _, row := range whole.Rows {
		if row.N > 20 {
			bureau = row.Place
		}
	}
	boss := survey.Actor{Role: survey.Supervisor, Place: bureau}
	own := load(t, r, query(tree, s, survey.Window, ""), boss)
	if len(own.Channels) != len(whole.Channels) {
		t.Errorf("%d channels of one's own place", len(own.Channels))
	}
	for _, row := range own.Rows {
		if below := load(t, r, query(tree, s, survey.Window, row.Place), boss); below.Channels != nil || len(below.Diverging) > 0 {
			t.Errorf("%s: a supervisor of %s sees channels of a window", row.Place, bureau)
		}
	}
}
