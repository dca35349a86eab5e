package survey

import "fmt"

// Level is one of the five satisfaction levels (满意度等级). Its number is internal:
// interfaces disagree on the order, so a level leaves by name or through a [CodeMap].
type Level uint8

// The five levels, best first. NoLevel stands for "not answered".
const (
	NoLevel            Level = iota
	VerySatisfied            // 非常满意
	Satisfied                // 满意
	BasicallySatisfied       // 基本满意
	Dissatisfied             // 不满意
	VeryDissatisfied         // 非常不满意
)

// Levels lists the five levels, best first.
var Levels = [...]Level{VerySatisfied, Satisfied, BasicallySatisfied, Dissatisfied, VeryDissatisfied}

var levelNames = [...]string{"", "very_satisfied", "satisfied", "basically_satisfied", "dissatisfied", "very_dissatisfied"}

// String is the level's name in forms, files and the API.
func (l Level) String() string {
	if int(l) >= len(levelNames) {
		return fmt.Sprintf("level(%d)", l)
	}
	return levelNames[l]
}

// ParseLevel reads a level's name; ok is false for anything else.
func ParseLevel(name string) (l Level, ok bool) {
	for _, l := range Levels {
		if levelNames[l] == name {
			return l, true
		}
	}
	return NoLevel, false
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name; empty is NoLevel.
func (l *Level) UnmarshalText(text []byte) error {
	parsed, ok := ParseLevel(string(text))
	if !ok && len(text) > 0 {
		return fmt.Errorf("level %q: want one of %v", text, levelNames[1:])
	}
	*l = parsed
	return nil
}

// Bad reports whether the level makes a bad review (差评): 不满意 or 非常不满意.
func (l Level) Bad() bool { return l == Dissatisfied || l == VeryDissatisfied }

// CodeMap turns levels into the numbers of one exchange interface.
type CodeMap struct {
	Name string
	best int // code of VerySatisfied
	step int
}

// The two orders in use. They are mirror images, which is why no bare number is ever exported.
var (
	// GBT39046 is the order of GB/T 39046-2020: 1 is very satisfied, 5 very dissatisfied.
	GBT39046 = CodeMap{Name: "gbt39046", best: 1, step: 1}
	// HaoChaPing is the order of the 好差评 interfaces: 5 is very satisfied, 1 very dissatisfied.
	HaoChaPing = CodeMap{Name: "haochaping", best: 5, step: -1}
)

// Code is the interface's number for a level, 0 for NoLevel.
func (m CodeMap) Code(l Level) int {
	if l < VerySatisfied || l > VeryDissatisfied {
		return 0
	}
	return m.best + m.step*int(l-VerySatisfied)
}

// CodeMaps lists the interfaces.
var CodeMaps = [...]CodeMap{GBT39046, HaoChaPing}

// Level is the level an interface's number stands for; ok is false for no such number.
func (m CodeMap) Level(code int) (l Level, ok bool) {
	for _, l := range Levels {
		if m.best != 0 && m.Code(l) == code {
			return l, true
		}
	}
	return NoLevel, false
}

// Channel is the way a response came in (评价渠道).
type Channel uint8

// The channels of the national exchange, and interviews by third parties. Imported
// is what was made elsewhere before and read in from a file; it is shown apart.
const (
	ChannelQR Channel = iota + 1
	ChannelPC
	ChannelMobile
	ChannelTablet
	ChannelDevice
	ChannelPhone
	ChannelSMS
	ChannelPaper
	ChannelImported
	ChannelInterview
)

// Channels lists the channels.
var Channels = [...]Channel{ChannelQR, ChannelPC, ChannelMobile, ChannelTablet, ChannelDevice, ChannelPhone, ChannelSMS,
	ChannelPaper, ChannelImported, ChannelInterview}

var channelNames = [...]string{"", "qr", "pc", "mobile", "tablet", "device", "phone", "sms", "paper", "imported", "interview"}

// String is the channel's name in files and the API.
func (c Channel) String() string {
	if int(c) >= len(channelNames) {
		return fmt.Sprintf("channel(%d)", c)
	}
	return channelNames[c]
}

// Tie says how firmly a response is tied to a visit.
type Tie uint8

// The ties, weakest first. A typed case number is only a claim: staff know
// case numbers and strangers guess them.
const (
	TieNone      Tie = iota // a bare scan, no case number
	TieUnmatched            // a case number that no visit list holds (yet)
	TieClaimed              // the number of a listed visit, without its secret
	TieProven               // a listed visit, proved by its secret
)

var tieNames = [...]string{"none", "unmatched", "claimed", "proven"}

// String is the tie's name in files and the API.
func (t Tie) String() string {
	if int(t) >= len(tieNames) {
		return fmt.Sprintf("tie(%d)", t)
	}
	return tieNames[t]
}

// ToVisit reports whether the response belongs to a listed visit.
func (t Tie) ToVisit() bool { return t == TieClaimed || t == TieProven }
