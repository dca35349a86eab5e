package survey

import (
	"context"
	"time"
)

// QualityKind is what a quality flag (质量标记) is raised for.
type QualityKind string

// The kinds.
const (
	QualityBurst           QualityKind = "burst"             // 突增
	QualityMoreThanServed  QualityKind = "more_than_served"  // 评价多于办件
	QualitySameAnswers     QualityKind = "same_answers"      // 雷同作答
	QualityOneDevice       QualityKind = "one_device"        // 同一设备
	QualityAgreeingComment QualityKind = "agreeing_comments" // 评语雷同
	QualityNightHours      QualityKind = "night_hours"       // 夜间
	QualityChannels        QualityKind = "channels_apart"    // 渠道背离: phones against the hall's tablet
	QualityStraight        QualityKind = "straight_lining"   // 直线作答: an interviewer's forms are ticked straight down
)

// QualityKinds lists the kinds.
var QualityKinds = [...]QualityKind{QualityBurst, QualityMoreThanServed, QualitySameAnswers, QualityOneDevice, QualityAgreeingComment, QualityNightHours, QualityChannels, QualityStraight}

// QualityFlag is a reason to look at what a window was rated on a day, or, of
// channels_apart and straight_lining, in the month that ends with the day or in which the
// survey does, with its evidence. It excludes nothing and changes no figure.
type QualityFlag struct {
	Kind   QualityKind `json:"kind"`
	Window string      `json:"window"` // of straight_lining the bureau
	Day    Span        `json:"day"`
	// N is what was found, Of what it is found among or measured by: of a burst its
	// ratings and the highest peak of the window's past (0 if too little is known of
	// it), of more_than_served the ratings and the people served, of channels_apart the
	// ratings on the hall's tablets and devices and those on phones, of straight_lining
	// the interviews that were ticked straight down and all of the interviewer's, of the
	// others the ratings meant and all of the day.
	N  int64 `json:"n"`
	Of int64 `json:"of"`
	// From and To are the first and the last of the ratings meant, HH:MM in the
	// survey's zone; empty for more_than_served and the kinds that judge a month.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Share is how common the answers of a run are at the window; 0 for other kinds.
	Share float64 `json:"share,omitempty"`
	// Channels is how far they are apart; nil for other kinds.
	Channels *ChannelsApart `json:"channels,omitempty"`
	// By is who made the interviews; empty for other kinds.
	By string `json:"by,omitempty"`
	// Rows are the numbers under which the first of the ratings are exported.
	Rows []string `json:"rows,omitempty"`
}

// ChannelsApart is the evidence of channels_apart beside the numbers of ratings.
type ChannelsApart struct {
	// Kiosk and Phones are how many of the ratings on either side are good.
	Kiosk  int64 `json:"kiosk"`
	Phones int64 `json:"phones"`
	// Low and High bound the difference of satisfaction, kiosk less phones, from -1 to 1:
	// Newcombe's 99 % interval.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// QualityTrace is what is kept of a window's day to judge those after it by.
type QualityTrace struct {
	N    int64 `json:"n"`
	Peak int   `json:"peak"` // most ratings within ten minutes
	// Answers are the commonest sets of answers and how often each was given.
	Answers map[string]int64 `json:"answers,omitempty"`
}

// InterviewTrace is how many interviews somebody made about a bureau on a day, and how
// many of them were ticked straight down.
type InterviewTrace struct {
	N        int64 `json:"n"`
	Straight int64 `json:"straight,omitempty"`
}

// Add takes one more interview, or those of another day.
func (t *InterviewTrace) Add(o InterviewTrace) {
	t.N += o.N
	t.Straight += o.Straight
}

// QualitySheet is what was found at the windows of a bureau on a day.
type QualitySheet struct {
	Survey string                  `json:"survey"`
	Bureau string                  `json:"bureau"`
	Day    Span                    `json:"day"`
	MadeAt time.Time               `json:"made_at"`
	Rules  int                     `json:"rules"` // version of the rules
	Traces map[string]QualityTrace `json:"traces,omitempty"`
	Flags  []QualityFlag           `json:"flags,omitempty"`
	// Interviews is by interviewer.
	Interviews map[string]InterviewTrace `json:"interviews,omitempty"`
}

// AddInterview counts what an interview left; nothing if it tells nothing.
func (q *QualitySheet) AddInterview(by string, t InterviewTrace) {
	if t.N == 0 {
		return
	}
	if q.Interviews == nil {
		q.Interviews = map[string]InterviewTrace{}
	}
	t.Add(q.Interviews[by])
	q.Interviews[by] = t
}

// QualityStore keeps what was found.
type QualityStore interface {
	// PutQuality keeps a sheet, in place of an earlier one of the same survey,
	// bureau and day.
	PutQuality(ctx context.Context, sheet QualitySheet) error
	// Quality calls yield for the sheets of a survey on some days, both included, by
	// day and bureau; of one bureau if it is not empty, of any survey if that is
	// empty. It stops at yield's first error.
	Quality(ctx context.Context, survey, bureau string, from, to Span, yield func(QualitySheet) error) error
}
