package quality

import (
	"math"

	"manyi/stats"
	"manyi/survey"
)

// LastOfMonth reports whether a day is the one on which a month of the survey is judged
// by [Channels]: the last of the month, or of the survey.
func LastOfMonth(day survey.Span, s survey.Survey) bool {
	return day == day.LastDay() || day == s.LastDay()
}

// Channels judges a window's month: is satisfaction by the tablets and devices of the hall
// so far from that by people's own phones (QR code, mobile, text message) that the
// people behind them do not explain it? A day has too few ratings for that; a month has
// enough at most windows, every weekday alike, and is what publications cover. It is
// looked at once, on its last day. The tally is the month's, as the figures by channel
// show it. A window is held against itself, since halls mix windows that are liked less
// and rated by phone with others.
//
// What is asked for is Newcombe's interval at ChannelsZ, the whole of it more than
// ChannelsApart from nothing, in either direction. So a difference that honest people
// may make, see package halls, is not flagged however many ratings prove it.
func Channels(window string, day survey.Span, month survey.Tally, rules survey.Rules) *survey.QualityFlag {
	var phones, kiosk stats.Ratio
	for _, r := range stats.ByChannel(month, rules) {
		side := &kiosk
		switch r.Channel {
		case survey.ChannelQR, survey.ChannelMobile, survey.ChannelSMS:
			side = &phones
		case survey.ChannelTablet, survey.ChannelDevice:
		default:
			continue
		}
		side.Num += r.Satisfaction.Num
		side.Den += r.Satisfaction.Den
	}
	if phones.Den < MinChannels || kiosk.Den < MinChannels {
		return nil
	}
	d := stats.Newcombe(kiosk, phones, ChannelsZ)
	if d.Low <= ChannelsApart && d.High >= -ChannelsApart {
		return nil
	}
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	return &survey.QualityFlag{Kind: survey.QualityChannels, Window: window, Day: day, N: kiosk.Den, Of: phones.Den,
		Channels: &survey.ChannelsApart{Kiosk: kiosk.Num, Phones: phones.Num, Low: round(d.Low), High: round(d.High)}}
}
