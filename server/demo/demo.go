// Package demo fills an empty store with the real divisions of Fujian and
// plainly marked sample data, so that a newcomer sees the product at work.
//
// The survey it makes is a sample for ever: every page and file says so, and
// nothing publishes it.
package demo

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"manyi/survey"
)

// SurveyID is the id of the sample survey.
const SurveyID = "demo"

//go:embed fujian-divisions.csv
var divisions string

// Places not rated: 金门 has no bureau of this system, and 平潭's bureau is that
// of the 综合实验区, which reports to the province.
const (
	kinmen  = "350527"
	pingtan = "350128"
)

// Days is how far back the sample goes.
const Days = 30

// Fill puts the sample of so many days into a store, and does nothing if it is
// already there. Without seal nobody leaves a contact.
func Fill(ctx context.Context, store survey.Store, zone *time.Location, now time.Time, days int, seal Seal) error {
	if _, err := store.Survey(ctx, SurveyID); !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	places, err := Places()
	if err != nil {
		return err
	}
	if err := store.PutPlaces(ctx, places); err != nil {
		return err
	}
	tree, faults := survey.NewTree(places)
	if len(faults) > 0 {
		return faults
	}
	s := sample(tree, zone, now, days)
	if faults := s.Check(tree); len(faults) > 0 {
		return faults
	}
	m := maker{survey: s, tree: tree, now: now.UTC().Truncate(time.Millisecond), rand: mathrand.New(mathrand.NewPCG(2022, 267))}
	for _, w := range tree.All(survey.Window, "") {
		m.window(w.Code)
	}
	m.crowd("350103-HR-01-001")
	if err := m.leaveContacts(seal); err != nil {
		return err
	}
	if _, err := store.PutVisits(ctx, m.visits); err != nil {
		return err
	}
	for part := m.responses; len(part) > 0; part = part[min(len(part), 2000):] {
		if _, err := store.AddResponses(ctx, part[:min(len(part), 2000)]); err != nil {
			return err
		}
	}
	if err := workCases(ctx, store, s, m.now); err != nil {
		return err
	}
	if err := evaluate(ctx, store, s, m.now); err != nil {
		return err
	}
	if _, err := survey.CodesInForce(ctx, store, s.ID, tree.All(survey.Window, ""), now); err != nil {
		return err
	}
	// The survey comes last: where it stands, the sample is whole.
	return store.AddSurvey(ctx, s)
}

// Places are the divisions of Fujian, and a bureau with a hall and windows for
// each city, each county but 金门, and 平潭综合实验区.
func Places() ([]survey.Place, error) {
	rows, err := csv.NewReader(strings.NewReader(divisions)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("division table: %w", err)
	}
	var out []survey.Place
	for _, row := range rows[1:] {
		code, name, kind, parent := row[0], row[1], survey.Kind(row[2]), row[3]
		out = append(out, survey.Place{Code: code, Name: name, Kind: kind, Parent: parent, Active: true})
		switch {
		case kind == survey.Province || code == kinmen:
		case code == pingtan:
			out = append(out, bureau(code, "350000", "平潭综合实验区人社局", 4)...)
		case kind == survey.City:
			out = append(out, bureau(code, code, name+"人社局", 5)...)
		default:
			out = append(out, bureau(code, code, name+"人社局", 3)...)
		}
	}
	return out, nil
}

var counters = [...]string{"社会保险", "就业创业", "劳动关系", "人才人事", "综合受理"}

func bureau(division, parent, name string, windows int) []survey.Place {
	code := division + "-HR"
	hall := code + "-01"
	out := []survey.Place{
		{Code: code, Name: name, Kind: survey.Bureau, Parent: parent, Active: true},
		{Code: hall, Name: name + "服务大厅", Kind: survey.Hall, Parent: code, Active: true},
	}
	for i := range windows {
		out = append(out, survey.Place{Code: fmt.Sprintf("%s-%03d", hall, i+1),
			Name: fmt.Sprintf("%d号窗口 %s", i+1, counters[i]), Kind: survey.Window, Parent: hall, Active: true})
	}
	return out
}

func sample(tree *survey.Tree, zone *time.Location, now time.Time, days int) survey.Survey {
	today := survey.DayOf(now, zone)
	rules := survey.DefaultRules()
	rules.Composite = survey.Composite{Satisfaction: 0.7, Evaluation: 0.3}
	rules.Interviews.Recheck = 0.5 // so that a few interviews show one
	s := survey.Survey{
		ID: SurveyID, Title: survey.Text{Zh: "服务大厅满意度测评（示例）", En: "Service hall satisfaction survey (sample)"},
		Zone: zone.String(), Opens: today.Plus(-days).Start(zone).UTC(), Closes: today.Plus(365).Start(zone).UTC(),
		Questionnaire: survey.OnSite(), Rules: rules, Sample: true,
	}
	for _, b := range tree.All(survey.Bureau, "") {
		s.Candidates = append(s.Candidates, b.Code)
	}
	return s
}

// maker draws visits and ratings. It starts from the same number every time.
type maker struct {
	survey    survey.Survey
	tree      *survey.Tree
	now       time.Time
	rand      *mathrand.Rand
	visits    []survey.Visit
	responses []survey.Response
}

// window draws a month at one window: a few visits a working day, of which
// about half are rated, and some scans without a case number.
func (m *maker) window(code string) {
	zone := m.survey.Location()
	good := 0.80 + 0.19*m.rand.Float64() // each window has its own quality
	for day := m.survey.FirstDay(); day <= survey.DayOf(m.now, zone); day = day.Plus(1) {
		start := day.Start(zone)
		if wd := start.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for i := range m.rand.IntN(4) {
			finished := start.Add(9*time.Hour + time.Duration(m.rand.IntN(8*3600))*time.Second)
			if finished.After(m.now) {
				continue
			}
			ref := survey.CaseRef{Number: fmt.Sprintf("SAMPLE-%s-%d-%d", code, day, i+1), Stage: "1"}
			m.visits = append(m.visits, survey.Visit{Survey: m.survey.ID, Case: ref, Window: code, Item: "示例事项",
				FinishedAt: finished.UTC(), Day: day})
			if m.rand.Float64() < 0.4 {
				m.rate(code, finished, good, ref)
			}
		}
		if at := start.Add(9*time.Hour + time.Duration(m.rand.IntN(8*3600))*time.Second); m.rand.Float64() < 0.6 && at.Before(m.now) {
			m.rate(code, at, good, survey.CaseRef{})
		}
	}
}

// crowd lets nine people rate within eight minutes on the last working day that is
// over, so that there is something for the quality flags to find.
func (m *maker) crowd(window string) {
	day := survey.DayOf(m.now, m.survey.Location()).Plus(-1)
	for wd := day.Start(time.UTC).Weekday(); wd == time.Saturday || wd == time.Sunday; wd = day.Start(time.UTC).Weekday() {
		day = day.Plus(-1)
	}
	if day < m.survey.FirstDay() {
		return
	}
	for i := range 9 {
		m.rate(window, day.Start(m.survey.Location()).Add(15*time.Hour+time.Duration(i)*time.Minute), 1, survey.CaseRef{})
	}
}

func (m *maker) rate(window string, at time.Time, good float64, ref survey.CaseRef) {
	r := survey.Response{Survey: m.survey.ID, Version: m.survey.Questionnaire.Version, Path: m.tree.Path(window),
		Channel: survey.ChannelQR, Level: m.level(good), Case: ref,
		ReceivedAt: at.UTC().Truncate(time.Millisecond), Day: survey.DayOf(at, m.survey.Location())}
	binary.BigEndian.PutUint64(r.Key[:8], uint64(at.UnixMilli())<<16)
	rand.Read(r.Key[6:])
	rand.Read(r.ID[:])
	if r.Level.Bad() {
		r.Reasons = []int{m.reason(r.Level)}
		r.Comment = "（示例）等候时间较长，希望多开一个窗口。"
	}
	if r.Level.Bad() && ref.Number != "" && m.rand.Float64() < 0.7 { // most prove their visit
		r.Secret = make([]byte, 32)
		rand.Read(r.Secret)
		m.visits[len(m.visits)-1].Secret = r.Secret
	}
	if m.rand.Float64() < 0.3 {
		r.Answers = map[string]survey.Level{}
		for _, q := range m.survey.Questionnaire.Questions {
			r.Answers[q.Name] = m.level(good)
		}
	}
	m.responses = append(m.responses, r)
}

// leaveContacts gives most bad reviews a contact: a name only, as any number might
// be somebody's.
func (m *maker) leaveContacts(seal Seal) error {
	if seal == nil {
		return nil
	}
	for i := range m.responses {
		r := &m.responses[i]
		if !r.Level.Bad() || m.rand.Float64() > 0.7 {
			continue
		}
		var err error
		if r.Contact, err = seal(survey.Contact{Name: "示例评价人"}, r.Key); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) level(good float64) survey.Level {
	x := m.rand.Float64()
	switch {
	case x < good*0.7:
		return survey.VerySatisfied
	case x < good*0.92:
		return survey.Satisfied
	case x < good:
		return survey.BasicallySatisfied
	case x < good+(1-good)*0.7:
		return survey.Dissatisfied
	}
	return survey.VeryDissatisfied
}

func (m *maker) reason(l survey.Level) int {
	var codes []int
	for _, r := range m.survey.Questionnaire.Reasons {
		if r.Level == l {
			codes = append(codes, r.Code)
		}
	}
	return codes[m.rand.IntN(len(codes))]
}
