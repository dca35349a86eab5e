package quality

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"manyi/survey"
)

// Day collects what a window was rated on one day. What it holds grows with the
// ratings of that day.
type Day struct {
	window string
	day    survey.Span
	zone   *time.Location
	seen   []rating
}

type rating struct {
	id      survey.ID
	at      time.Time
	channel survey.Channel
	answers string
	words   string // the comment without what does not matter; empty if it is short
	many    bool
}

// NewDay begins a window's day; the zone is the survey's.
func NewDay(window string, day survey.Span, zone *time.Location) *Day {
	return &Day{window: window, day: day, zone: zone}
}

// Looked reports whether responses of a channel are looked at. What people of the hall
// or an evaluator type in, or what was imported, comes in heaps by its nature.
func Looked(c survey.Channel) bool {
	return c != survey.ChannelPaper && c != survey.ChannelImported && c != survey.ChannelInterview
}

// Add takes a response of the window's day, in any order.
func (d *Day) Add(r survey.Response) {
	if Looked(r.Channel) {
		d.seen = append(d.seen, rating{r.ID, r.ReceivedAt, r.Channel, answersOf(r), wordsOf(r.Comment), r.Flags&survey.FlagManyDevice != 0})
	}
}

// answersOf writes what was ticked in one form: "5" or "5 attitude=4 efficiency=5 115".
func answersOf(r survey.Response) string {
	var b strings.Builder
	fmt.Fprint(&b, int(r.Level))
	for _, name := range slices.Sorted(maps.Keys(r.Answers)) {
		fmt.Fprintf(&b, " %s=%d", name, int(r.Answers[name]))
	}
	for _, code := range r.Reasons {
		fmt.Fprint(&b, " ", code)
	}
	return b.String()
}

// wordsOf is a comment's letters and digits, if they are enough to say something of one's own.
func wordsOf(comment string) string {
	words := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, comment)
	if len([]rune(words)) < MinWords {
		return ""
	}
	return words
}

// Flags judges the day by the window's past and by how many people were served; served
// 0 means that nothing is known of that.
func (d *Day) Flags(past Past, served int64) (flags []survey.QualityFlag) {
	if len(d.seen) == 0 {
		return nil
	}
	d.sort()
	for _, f := range []*survey.QualityFlag{d.burst(past), d.moreThanServed(served), d.sameAnswers(past), d.oneDevice(), d.agreeing(), d.night()} {
		if f != nil {
			f.Window, f.Day = d.window, d.day
			flags = append(flags, *f)
		}
	}
	return flags
}

// Trace is what the day leaves for those after it.
func (d *Day) Trace() survey.QualityTrace {
	d.sort()
	from, to := d.peak()
	t := survey.QualityTrace{N: int64(len(d.seen)), Peak: to - from}
	all := map[string]int64{}
	for _, r := range d.seen {
		all[r.answers]++
	}
	common := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b))
	})
	for _, a := range common[:min(len(common), MostAnswers)] {
		if t.Answers == nil {
			t.Answers = map[string]int64{}
		}
		t.Answers[a] = all[a]
	}
	return t
}

// sort orders by time, and by number where the times are equal, so that the same
// responses give the same flags.
func (d *Day) sort() {
	slices.SortFunc(d.seen, func(a, b rating) int {
		return cmp.Or(a.at.Compare(b.at), slices.Compare(a.id[:], b.id[:]))
	})
}

// peak finds the most ratings within BurstSpan, the first such stretch: seen[from:to].
func (d *Day) peak() (from, to int) {
	start := 0
	for end := range d.seen {
		for d.seen[end].at.Sub(d.seen[start].at) >= BurstSpan {
			start++
		}
		if end+1-start > to-from {
			from, to = start, end+1
		}
	}
	return from, to
}

func (d *Day) burst(past Past) *survey.QualityFlag {
	from, to := d.peak()
	n, highest := to-from, past.peak
	if past.days < MinPast {
		highest = 0 // too little is known
	}
	if past.days < MinPast && n < MinBurstNew || past.days >= MinPast && (n < MinBurst || n <= BurstTimes*highest) {
		return nil
	}
	return d.stretch(survey.QualityFlag{Kind: survey.QualityBurst, N: int64(n), Of: int64(highest)}, d.seen[from:to])
}

func (d *Day) moreThanServed(served int64) *survey.QualityFlag {
	n := int64(len(d.seen))
	if served == 0 || n < MinServed || n <= served {
		return nil
	}
	return &survey.QualityFlag{Kind: survey.QualityMoreThanServed, N: n, Of: served}
}

// sameAnswers looks for the least likely run of the same answers. With a share p of
// ratings giving them, a run of l begins at one of n places with a chance of at most
// n·p^l.
func (d *Day) sameAnswers(past Past) *survey.QualityFlag {
	common, total := map[string]int64{}, int64(len(d.seen))+past.n
	for _, r := range d.seen {
		common[r.answers]++
	}
	var worst *survey.QualityFlag
	least := RunChance
	for from := 0; from < len(d.seen); {
		to := from + 1
		for to < len(d.seen) && d.seen[to].answers == d.seen[from].answers {
			to++
		}
		l := int64(to - from)
		// The run itself says nothing about how common its answers are elsewhere.
		others := total - l
		if l >= MinRun && others >= MinSeen {
			p := (float64(common[d.seen[from].answers]+past.answers[d.seen[from].answers]-l) + 1) / (float64(others) + 2)
			if chance := float64(len(d.seen)) * math.Pow(p, float64(l)); chance < least {
				least = chance
				worst = d.stretch(survey.QualityFlag{Kind: survey.QualitySameAnswers, N: l, Of: int64(len(d.seen)), Share: math.Round(p*1000) / 1000}, d.seen[from:to])
			}
		}
		from = to
	}
	return worst
}

func (d *Day) oneDevice() *survey.QualityFlag {
	return d.those(survey.QualityOneDevice, MinDevice, func(r rating) bool {
		return r.many && r.channel != survey.ChannelTablet && r.channel != survey.ChannelDevice
	})
}

func (d *Day) agreeing() *survey.QualityFlag {
	by := map[string]int{}
	most := ""
	for _, r := range d.seen {
		if by[r.words]++; r.words != "" && (by[r.words] > by[most] || most == "") {
			most = r.words
		}
	}
	if most == "" {
		return nil
	}
	return d.those(survey.QualityAgreeingComment, MinAgreeing, func(r rating) bool { return r.words == most })
}

func (d *Day) night() *survey.QualityFlag {
	f := d.those(survey.QualityNightHours, MinNight, func(r rating) bool {
		h := r.at.In(d.zone).Hour()
		return (h >= NightFrom || h < NightTo) && r.channel != survey.ChannelSMS // an answer may wait until somebody has time
	})
	if f == nil || f.N*NightShare <= f.Of {
		return nil
	}
	return f
}

// those flags the ratings that are meant, if they are at least so many.
func (d *Day) those(kind survey.QualityKind, least int, meant func(rating) bool) *survey.QualityFlag {
	var found []rating
	for _, r := range d.seen {
		if meant(r) {
			found = append(found, r)
		}
	}
	if len(found) < least {
		return nil
	}
	return d.stretch(survey.QualityFlag{Kind: kind, N: int64(len(found)), Of: int64(len(d.seen))}, found)
}

// stretch adds when the ratings came and which they are.
func (d *Day) stretch(f survey.QualityFlag, found []rating) *survey.QualityFlag {
	f.From = found[0].at.In(d.zone).Format("15:04")
	f.To = found[len(found)-1].at.In(d.zone).Format("15:04")
	for _, r := range found[:min(len(found), MaxRows)] {
		f.Rows = append(f.Rows, hex.EncodeToString(r.id[:]))
	}
	return &f
}
