// Package halls simulates windows, honest ones and cheated ones, to measure how often
// the rules of package quality are wrong and how often they find something.
//
// It is a model, and what it assumes is named here. None of it was fitted to a real
// hall's data; whoever has such data should put them in place of these numbers.
//
//   - Arrivals: a Poisson process, 8:30 to 17:30, twice as dense from 9 to 11 as later,
//     next to nothing in the lunch break from 12 to 13:30. A window serves 20 to 80
//     people on an ordinary day, and 2.5 times as many on a market day (every fifth day).
//   - Share: 10 to 40 percent rate, a fixed share for each window.
//   - Ceiling effect: 85 to 98 percent, again fixed for each window, tick the best
//     level, and four in five of those who go on tick the best everywhere.
//   - Sub-questions are answered by one in four.
//   - Comments: one in ten writes one. Nine in ten of those use one of twelve common
//     phrases, the first as often as the second and third together and so on
//     (Zipf's law); the others write something of their own.
//   - Families and groups: one in thirty who rate do it for two to four people, one
//     after the other on one phone, within three minutes, and all tick the same level.
//   - Helpers: on one day in fifty a guide at the door lends a phone to eight people
//     within an hour.
//   - Home: one in twenty-five rates in the evening, until half past eleven.
//   - Interviews: whoever is asked in person answers every question, four in five of them
//     throughout as they do overall, the others each question by one of the three best
//     levels.
//   - The day's list of visits has everybody who was served.
//
// What is assumed of a tablet beside the code stands at [NewWithKiosk].
package halls

import (
	"math"
	"math/rand/v2"
	"time"

	"manyi/survey"
)

// Hall makes the days of one window.
type Hall struct {
	rng     *rand.Rand
	zone    *time.Location
	path    survey.Path
	people  float64 // served on an ordinary day
	share   float64 // of them rate
	content float64 // of those tick the best level
	kiosk   *kiosk  // nil without one
	n       uint64
}

// New makes a window; the same seed makes the same one.
func New(seed uint64, path survey.Path, zone *time.Location) *Hall {
	rng := rand.New(rand.NewPCG(seed, 39046))
	return &Hall{rng: rng, zone: zone, path: path, people: between(rng, 20, 80), share: between(rng, .1, .4), content: between(rng, .85, .98)}
}

// Day makes an honest day's ratings and how many people were served.
func (h *Hall) Day(day survey.Span) (made []survey.Response, served int64) {
	midnight := day.Start(h.zone)
	people := h.people
	if midnight.YearDay()%5 == 0 {
		people *= 2.5
	}
	served = int64(poisson(h.rng, people))
	h.begin()
	for range served {
		if h.rng.Float64() >= h.share {
			continue
		}
		at := midnight.Add(h.hour())
		home := h.rng.IntN(25) == 0
		if home {
			at = midnight.Add(18*time.Hour + time.Duration(h.rng.Int64N(int64(330*time.Minute))))
		}
		group := 1
		if h.rng.IntN(30) == 0 {
			group = 2 + h.rng.IntN(3)
		}
		channel, level := h.comeBy(home)
		for i := range group {
			r := h.rating(day, at.Add(time.Duration(i)*40*time.Second), level, 0)
			r.Channel = channel
			made = append(made, r)
		}
		served += int64(group - 1)
	}
	if h.rng.IntN(50) == 0 { // one phone goes around
		from := midnight.Add(h.hour())
		for i := range 8 {
			flags := survey.Flags(0)
			if i >= 5 {
				flags = survey.FlagManyDevice
			}
			made = append(made, h.rating(day, from.Add(time.Duration(i)*7*time.Minute), h.level(h.content), flags))
		}
		served += 8
	}
	return made, served
}

// hour is when somebody comes.
func (h *Hall) hour() time.Duration {
	for {
		t := 8*time.Hour + 30*time.Minute + time.Duration(h.rng.Int64N(int64(9*time.Hour)))
		density := .5
		switch {
		case t >= 9*time.Hour && t < 11*time.Hour:
			density = 1
		case t >= 12*time.Hour && t < 13*time.Hour+30*time.Minute:
			density = .02
		}
		if h.rng.Float64() < density {
			return t
		}
	}
}

var (
	questions = [...]string{"ability", "attitude", "efficiency", "environment"}
	phrases   = [...]string{"很好", "服务很好", "谢谢", "非常满意", "态度好", "办事效率高，服务态度好", "不错", "工作人员很热情很耐心", "效率高", "好", "服务热情周到，办事效率高", "点赞"}
	own       = []rune("窗口人员帮我把材料一份一份看过缺的告诉我怎么补当天就办好了老人来办也有人领着走等的时间不长环境干净")
)

// level is what somebody ticks where a share of people tick the best.
func (h *Hall) level(content float64) survey.Level {
	if h.rng.Float64() < content {
		return survey.VerySatisfied
	}
	return []survey.Level{survey.Satisfied, survey.Satisfied, survey.Satisfied, survey.BasicallySatisfied, survey.Dissatisfied, survey.VeryDissatisfied}[h.rng.IntN(6)]
}

func (h *Hall) rating(day survey.Span, at time.Time, level survey.Level, flags survey.Flags) survey.Response {
	r := h.blank(day, at, level)
	r.Flags = flags
	if r.Level.Bad() {
		r.Reasons = []int{[]int{115, 209, 213, 214}[h.rng.IntN(4)]}
	}
	if h.rng.IntN(4) == 0 {
		same := h.rng.IntN(5) > 0
		for _, q := range questions {
			l := r.Level
			if !same {
				l = survey.Levels[h.rng.IntN(3)]
			}
			r.Answers[q] = l
		}
	}
	if h.rng.IntN(10) == 0 {
		r.Comment = h.comment()
	}
	return r
}

// Interview is what somebody who was served at the window tells an evaluator; of a
// made-up one nobody was asked, and it is ticked straight down.
func (h *Hall) Interview(day survey.Span, at time.Time, madeUp bool) survey.Response {
	r := h.blank(day, at, h.level(h.content))
	r.Channel = survey.ChannelInterview
	same := madeUp || h.rng.IntN(5) > 0
	for _, q := range questions {
		r.Answers[q] = r.Level
		if !same {
			r.Answers[q] = survey.Levels[h.rng.IntN(3)]
		}
	}
	return r
}

func (h *Hall) comment() string {
	if h.rng.IntN(10) > 0 {
		for { // Zipf by rejection: 1, 1/2, 1/3, …
			if i := h.rng.IntN(len(phrases)); h.rng.Float64()*float64(i+1) < 1 {
				return phrases[i]
			}
		}
	}
	var text []rune
	for range 8 + h.rng.IntN(20) {
		text = append(text, own[h.rng.IntN(len(own))])
	}
	return string(text)
}

func (h *Hall) blank(day survey.Span, at time.Time, level survey.Level) survey.Response {
	r := survey.Response{Path: h.path, Day: day, ReceivedAt: at.UTC().Truncate(time.Millisecond), Channel: survey.ChannelQR, Level: level, Answers: map[string]survey.Level{}}
	h.n++
	for i := range 8 {
		r.ID[i] = byte(h.n >> (8 * i))
	}
	r.Key = survey.Key{}
	copy(r.Key[:], r.ID[:])
	return r
}

// Fraud is a way to cheat.
type Fraud string

// The frauds, each done on one day on top of what an honest one brings; the last two
// want a window with a tablet.
const (
	OnePhone Fraud = "one phone"        // 20 best ratings from one phone within ten minutes
	Crowd    Fraud = "crowd"            // 40 people called together rate within ten minutes, each on an own phone
	Heap     Fraud = "more than served" // twice as many as were served, spread over the day
	Writers  Fraud = "writers"          // 15 ratings with one of three dictated sentences, spread over the day
	Night    Fraud = "night"            // 30 in the night from ever new devices
	Grudge   Fraud = "grudge"           // 12 times the worst level with the same reason, one after the other, over two hours
	Stack    Fraud = "stack"            // 20 times the best everywhere, every three minutes, from ever new devices
	Reworded Fraud = "reworded"         // 15 with a dictated sentence that each puts a little differently, spread over the day
	Patience Fraud = "patience"         // 10 best ratings, one each half hour, from ever new devices
	Taps     Fraud = "taps"             // staff tap the best level on the tablet 10 times, spread over the day
	Kept     Fraud = "kept"             // staff keep the tablet to themselves: as many as would have rated on it, all best
)

// Frauds lists the frauds.
var Frauds = [...]Fraud{OnePhone, Crowd, Heap, Writers, Night, Grudge, Stack, Reworded, Patience, Taps, Kept}

var dictated = [...]string{"窗口同志耐心细致，讲解清楚明白", "办理速度快，一次就办成，非常感谢", "环境整洁，服务贴心，值得表扬"}

// reworded are fifteen ways to put one dictated sentence.
var reworded = [...]string{"窗口同志很耐心，讲解清楚", "窗口的同志耐心，讲解得很清楚", "窗口同志耐心细致，讲得清楚明白", "窗口工作人员耐心细致，讲解清楚", "同志很耐心细致，讲解清楚明白",
	"窗口同志非常耐心，讲解很明白", "窗口同志耐心，讲解细致清楚明白", "窗口的同志非常耐心细致，讲得明白", "窗口同志细致耐心，讲解清楚", "这个窗口同志耐心，讲解清楚明白",
	"窗口同志耐心细致，讲解清楚了", "窗口同志真耐心，讲解清清楚楚", "窗口同志很耐心很细致，讲解清楚明白", "窗口同志耐心讲解，清楚明白", "窗口同志细致，讲解清楚明白"}

// Cheat adds a fraud to a day.
func (h *Hall) Cheat(f Fraud, day survey.Span, made []survey.Response, served int64) []survey.Response {
	midnight := day.Start(h.zone)
	put := func(n int, level survey.Level, at func(i int) time.Duration, more func(i int, r *survey.Response)) {
		for i := range n {
			r := h.blank(day, midnight.Add(at(i)), level)
			for _, q := range questions {
				r.Answers[q] = level
			}
			if more != nil {
				more(i, &r)
			}
			made = append(made, r)
		}
	}
	start := h.hour()
	along := func(i int) time.Duration { return h.hour() }
	switch f {
	case OnePhone:
		put(20, survey.VerySatisfied, func(i int) time.Duration { return start + time.Duration(i)*28*time.Second }, func(i int, r *survey.Response) {
			if i >= 5 {
				r.Flags = survey.FlagManyDevice
			}
		})
	case Crowd:
		put(40, survey.VerySatisfied, func(i int) time.Duration { return start + time.Duration(h.rng.Int64N(int64(10*time.Minute))) }, nil)
	case Heap:
		put(2*int(served), survey.VerySatisfied, along, nil)
	case Writers:
		put(15, survey.VerySatisfied, along, func(i int, r *survey.Response) { r.Comment = dictated[i%len(dictated)] })
	case Night:
		put(30, survey.VerySatisfied, func(i int) time.Duration { return time.Duration(h.rng.Int64N(int64(5 * time.Hour))) }, nil)
	case Grudge:
		start = 14 * time.Hour
		put(12, survey.VeryDissatisfied, func(i int) time.Duration { return start + time.Duration(i)*10*time.Minute }, func(_ int, r *survey.Response) { r.Reasons = []int{510} })
	case Stack:
		put(20, survey.VerySatisfied, func(i int) time.Duration { return start + time.Duration(i)*3*time.Minute }, nil)
	case Reworded:
		put(15, survey.VerySatisfied, along, func(i int, r *survey.Response) { r.Comment = reworded[i] })
	case Taps:
		put(10, survey.VerySatisfied, along, func(_ int, r *survey.Response) { r.Channel, r.Answers = survey.ChannelTablet, nil })
	case Kept:
		for i := range made {
			if made[i].Channel == survey.ChannelTablet {
				made[i].Level, made[i].Answers, made[i].Reasons = survey.VerySatisfied, nil, nil
			}
		}
	case Patience:
		put(10, survey.VerySatisfied, func(i int) time.Duration { return 10*time.Hour + time.Duration(i)*30*time.Minute }, nil)
	}
	return made
}

func between(rng *rand.Rand, lo, hi float64) float64 { return lo + rng.Float64()*(hi-lo) }

// poisson draws a Poisson number by Knuth's method, in parts that do not underflow.
func poisson(rng *rand.Rand, mean float64) (n int) {
	for ; mean > 30; mean -= 30 {
		n += poisson(rng, 30)
	}
	limit := math.Exp(-mean)
	for p := rng.Float64(); p > limit; p *= rng.Float64() {
		n++
	}
	return n
}
