package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"manyi/survey"
)

// Zone is the zone of the surveys made here; it is 8 hours ahead of UTC.
const Zone = "Asia/Shanghai"

var zone = func() *time.Location {
	loc, err := time.LoadLocation(Zone)
	if err != nil {
		panic(err)
	}
	return loc
}()

// At is the instant a local time in [Zone] stands for: "2024-02-29" or
// "2024-02-29 08:30" or "2024-02-29 08:30:00.001". It panics on any other form.
func At(local string) time.Time {
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02 15:04:05.000"} {
		if t, err := time.ParseInLocation(form, local, zone); err == nil {
			return t.UTC()
		}
	}
	panic(fmt.Sprintf("storetest.At(%q)", local))
}

// The windows of [Places]. GulouHRS belongs to a bureau whose code merely
// begins like that of GulouHR1, and Pingtan to one directly under the province.
const (
	GulouHR1    = "350102-HR-01-001"
	GulouHR2    = "350102-HR-01-002"  // the same hall
	GulouHR3    = "350102-HR-02-001"  // another hall of the bureau
	GulouHRS    = "350102-HRS-01-001" // another bureau of the county
	CangshanHR  = "350104-HR-01-001"  // another county of the city
	SimingTax   = "350203-TAX-01-001" // another city
	PingtanZone = "350128-ZH-01-001"
)

// Windows lists the windows of [Places].
func Windows() []string {
	return []string{GulouHR1, GulouHR2, GulouHR3, GulouHRS, CangshanHR, SimingTax, PingtanZone}
}

// Places is a province with two cities and three counties, and bureaus with
// halls and windows, in code order.
func Places() []survey.Place {
	place := func(code, name string, kind survey.Kind, parent string) survey.Place {
		return survey.Place{Code: code, Name: name, Kind: kind, Parent: parent, Active: true}
	}
	return []survey.Place{
		place("350000", "福建省", survey.Province, ""),
		place("350100", "福州市", survey.City, "350000"),
		place("350102", "鼓楼区", survey.County, "350100"),
		place("350102-HR", "鼓楼区人社局", survey.Bureau, "350102"),
		place("350102-HR-01", "人社大厅", survey.Hall, "350102-HR"),
		place(GulouHR1, "1号窗口", survey.Window, "350102-HR-01"),
		place(GulouHR2, "2号窗口", survey.Window, "350102-HR-01"),
		place("350102-HR-02", "社保大厅", survey.Hall, "350102-HR"),
		place(GulouHR3, "1号窗口", survey.Window, "350102-HR-02"),
		place("350102-HRS", "鼓楼区房管局", survey.Bureau, "350102"),
		place("350102-HRS-01", "房管大厅", survey.Hall, "350102-HRS"),
		place(GulouHRS, "1号窗口", survey.Window, "350102-HRS-01"),
		place("350104", "仓山区", survey.County, "350100"),
		place("350104-HR", "仓山区人社局", survey.Bureau, "350104"),
		place("350104-HR-01", "人社大厅", survey.Hall, "350104-HR"),
		place(CangshanHR, "1号窗口", survey.Window, "350104-HR-01"),
		place("350128-ZH", "平潭综合实验区行政服务中心", survey.Bureau, "350000"),
		place("350128-ZH-01", "综合大厅", survey.Hall, "350128-ZH"),
		place(PingtanZone, "1号窗口", survey.Window, "350128-ZH-01"),
		place("350200", "厦门市", survey.City, "350000"),
		place("350203", "思明区", survey.County, "350200"),
		place("350203-TAX", "思明区税务局", survey.Bureau, "350203"),
		place("350203-TAX-01", "办税厅", survey.Hall, "350203-TAX"),
		place(SimingTax, "1号窗口", survey.Window, "350203-TAX-01"),
	}
}

// Tree is [Places] as a tree.
func Tree() *survey.Tree {
	tree, faults := survey.NewTree(Places())
	if len(faults) > 0 {
		panic(faults.Error())
	}
	return tree
}

// Survey is a sound survey of every bureau of [Places], from 2024-02-01 to the
// end of 2024-03-31, changed by the given functions.
func Survey(with ...func(*survey.Survey)) survey.Survey {
	s := survey.Survey{
		ID: "y2024", Title: survey.Text{Zh: "2024年群众满意度测评", En: "Satisfaction survey 2024"},
		Zone: Zone, Opens: At("2024-02-01"), Closes: At("2024-04-01"),
		Questionnaire: survey.OnSite(), Rules: survey.DefaultRules(),
	}
	for _, p := range Tree().All(survey.Bureau, "350000") {
		s.Candidates = append(s.Candidates, p.Code)
	}
	for _, change := range with {
		change(&s)
	}
	return s
}

// Named gives the survey an id.
func Named(id string) func(*survey.Survey) {
	return func(s *survey.Survey) { s.ID = id }
}

// Facts makes the responses and visits of one survey. The same seed and calls
// make the same facts, and no two responses share a key. It is not safe for
// use by several goroutines.
type Facts struct {
	survey survey.Survey
	tree   *survey.Tree
	rand   *rand.Rand
	made   uint32
}

// NewFacts starts a series of facts.
func NewFacts(seed uint64, s survey.Survey) *Facts {
	return &Facts{survey: s, tree: Tree(), rand: rand.New(rand.NewPCG(seed, 1))}
}

// Response is an answer given at a window of [Places]: any level, by QR code,
// with no case and no comment, unless changed by the given functions.
func (f *Facts) Response(window string, at time.Time, with ...func(*survey.Response)) survey.Response {
	r := survey.Response{
		Key: f.key(at), Survey: f.survey.ID, Version: f.survey.Questionnaire.Version,
		Path: f.tree.Path(window), Channel: survey.ChannelQR, Level: survey.Levels[f.rand.IntN(len(survey.Levels))],
		ReceivedAt: at.UTC(), Day: survey.DayOf(at, f.survey.Location()),
	}
	f.fill(r.ID[:])
	for _, change := range with {
		change(&r)
	}
	return r
}

// key begins with the time, as real ones do, and then a number that makes it unique.
func (f *Facts) key(at time.Time) (k survey.Key) {
	f.fill(k[:])
	binary.BigEndian.PutUint64(k[:8], uint64(at.UnixMilli())<<16)
	f.made++
	binary.BigEndian.PutUint32(k[6:10], f.made)
	return k
}

func (f *Facts) fill(b []byte) {
	for i := range b {
		b[i] = byte(f.rand.Uint32())
	}
}

// OnCase ties a response to a case's first stage, without a secret.
func OnCase(number string) func(*survey.Response) { return OnStage(number, "1") }

// OnStage ties a response to a stage of a case, without a secret.
func OnStage(number, stage string) func(*survey.Response) {
	return func(r *survey.Response) { r.Case = survey.CaseRef{Number: number, Stage: stage} }
}

// Proving ties a response to a case's first stage with the secret the citizen typed.
func Proving(number, secret string) func(*survey.Response) {
	return func(r *survey.Response) {
		r.Case = survey.CaseRef{Number: number, Stage: "1"}
		r.Secret = Secret(secret)
	}
}

// Commented gives a response a comment.
func Commented(text string) func(*survey.Response) {
	return func(r *survey.Response) { r.Comment = text }
}

// Visit is a case finished at a window of [Places], in stage "1" and with no
// secret unless changed by the given functions.
func (f *Facts) Visit(window, number string, at time.Time, with ...func(*survey.Visit)) survey.Visit {
	v := survey.Visit{
		Survey: f.survey.ID, Case: survey.CaseRef{Number: number, Stage: "1"}, Window: window,
		Item: "社会保险登记", FinishedAt: at.UTC(), Day: survey.DayOf(at, f.survey.Location()),
	}
	for _, change := range with {
		change(&v)
	}
	return v
}

// WithSecret gives a visit the secret that proves it.
func WithSecret(secret string) func(*survey.Visit) {
	return func(v *survey.Visit) { v.Secret = Secret(secret) }
}

// Secret stands for the keyed hash of a visit's secret.
func Secret(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
