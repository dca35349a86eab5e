package halls

import (
	"math"
	"time"

	"manyi/survey"
)

// kiosk is a tablet beside the code at a window.
type kiosk struct {
	share   float64 // of those who rate do it there
	content float64 // of those tick the best level
	down    bool    // the systems are, today
}

// NewWithKiosk makes a window that has a tablet beside its code; the same seed makes the
// same one. Of it this is assumed beside what holds for every window:
//
//   - Content: 10 to 98 percent tick the best level on their phones, fixed for each
//     window, which is satisfaction from 70 to 99 percent. Where nearly everybody is
//     content two channels cannot be far apart, and no rule would be put to the test.
//   - Kiosk: 20 to 70 percent of those who rate use the tablet, above all the elderly,
//     who scan no codes. The others scan the code, and one in six answers a message.
//   - Honest difference: the elderly are more content, and whoever scans a code more often
//     has something to say. The odds of the best level at the tablet are 0.8 to 2.5 times
//     those on phones, evenly by their logarithm, fixed for each window. That is up to
//     eight points of satisfaction.
//   - Bad days: on one day in twenty the systems are down. Half as many are content, and
//     half as many use the tablet, since people complain later, on their phones.
//   - Children: one in a hundred taps on the tablet is a child's, on any level.
func NewWithKiosk(seed uint64, path survey.Path, zone *time.Location) *Hall {
	h := New(seed, path, zone)
	h.content = between(h.rng, .1, .98)
	odds := h.content / (1 - h.content) * math.Exp(between(h.rng, math.Log(.8), math.Log(2.5)))
	h.kiosk = &kiosk{share: between(h.rng, .2, .7), content: odds / (1 + odds)}
	return h
}

// Satisfied is the share of the people with a phone whom the window makes content enough
// for a good level, on a day when the systems work.
func (h *Hall) Satisfied() float64 { return 1 - (1-h.content)/3 }

// begin begins a day.
func (h *Hall) begin() {
	if h.kiosk != nil {
		h.kiosk.down = h.rng.IntN(20) == 0
	}
}

// comeBy is how somebody rates, in the hall or at home, and what.
func (h *Hall) comeBy(home bool) (survey.Channel, survey.Level) {
	if h.kiosk == nil {
		return survey.ChannelQR, h.level(h.content)
	}
	share, less := h.kiosk.share, 1.
	if h.kiosk.down {
		share, less = share/2, .5
	}
	switch {
	case !home && h.rng.Float64() < share:
		if h.rng.IntN(100) == 0 {
			return survey.ChannelTablet, survey.Levels[h.rng.IntN(len(survey.Levels))]
		}
		return survey.ChannelTablet, h.level(h.kiosk.content * less)
	case h.rng.IntN(6) == 0:
		return survey.ChannelSMS, h.level(h.content * less)
	}
	return survey.ChannelQR, h.level(h.content * less)
}
