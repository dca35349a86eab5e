// Package quality (数据质量) looks for what does not come from a hall at work: ratings
// in bursts, more ratings than people served, the same answers in a row, one device,
// the same words, ratings at night, a month on the tablet that phones know nothing of,
// or an interviewer whose forms are ticked straight down.
//
// A flag (质量标记) is a reason to look, with its evidence. It excludes nothing and
// changes no figure: a hall has busy days, families share a phone, most people are
// content and tick the same boxes. So each rule asks for what chance and an honest hall
// hardly ever bring about, and goes by the window's own past where there is one. How
// often each rule is wrong about honest halls, and how often it finds which fraud, is
// measured by simulation; see the package halls, TestRates, TestChannelRates and
// TestStraightRates.
//
// What no rule here sees is patience: a clerk who sends one rating every quarter of an
// hour from ever new devices, within the hours and the number of people served, looks
// like a hall at work. Tying ratings to visits is the answer to that, not statistics. Nor
// does any see a dictated sentence that everybody puts a little differently: honest
// comments are alike too.
package quality

import (
	"time"

	"manyi/survey"
)

// What the rules ask for. They are the same for every window and part of the figures'
// definition: whoever recomputes a flag needs them.
const (
	// Rules is the version of the rules.
	Rules = 3
	// PastDays is how many days before a day are its window's past.
	PastDays = 28
	// BurstSpan is the length of time within which a burst is looked for.
	BurstSpan = 10 * time.Minute
	// MinBurst ratings within BurstSpan, and more than BurstTimes the highest peak of
	// the window's past, are a burst. A past of less than MinPast days with ratings
	// does not tell a peak; then MinBurstNew are.
	MinBurst, BurstTimes, MinPast, MinBurstNew = 8, 2, 5, 25
	// MinServed ratings are looked at for MoreThanServed.
	MinServed = 10
	// RunChance is how unlikely a run of the same answers has to be, given how common
	// those answers are at the window. MinRun and MinSeen keep the estimate from
	// resting on next to nothing.
	RunChance, MinRun, MinSeen = 1e-5, 8, 50
	// MinDevice ratings that bear survey.FlagManyDevice are flagged.
	MinDevice = 10
	// MinAgreeing comments of a day that say the same in at least MinWords letters are
	// flagged. Shorter ones are what everybody writes.
	MinAgreeing, MinWords = 4, 8
	// MinNight ratings between NightFrom and NightTo o'clock, and more than one in
	// NightShare of the day's, are flagged.
	MinNight, NightFrom, NightTo, NightShare = 6, 22, 6, 4
	// ChannelsApart is how far satisfaction on the tablet and on phones has to be apart
	// in a month, as a share, with 99 % confidence (ChannelsZ) and MinChannels ratings on
	// either side. It is a little more than what honest halls are assumed to make: a
	// smaller one would flag every such window that has ratings enough.
	ChannelsApart, ChannelsZ, MinChannels = .08, 2.5758293035489004, 30
	// StraightChance is how unlikely a month's interviews by one person about one bureau
	// have to be if StraightShare of all people, a little more than is assumed of honest
	// ones, answer every question alike. An interview tells something from MinQuestions
	// answers on, the overall one among them.
	StraightChance, StraightShare, MinQuestions = 1e-3, .85, 3
)

// MaxRows is how many responses a flag names; MostAnswers how many sets of answers a
// trace keeps.
const MaxRows, MostAnswers = 20, 12

// Past is what is known of a window's days before the one that is judged.
type Past struct {
	days    int // with ratings
	peak    int // the highest
	n       int64
	answers map[string]int64
}

// Add takes what one of the days left.
func (p *Past) Add(t survey.QualityTrace) {
	if t.N == 0 {
		return
	}
	p.days++
	p.n += t.N
	p.peak = max(p.peak, t.Peak)
	for a, n := range t.Answers {
		if p.answers == nil {
			p.answers = map[string]int64{}
		}
		p.answers[a] += n
	}
}
