package survey

import (
	"strconv"
	"time"
)

// PaperForm is the sheet of paper that a response was keyed in from (纸质表单录入).
type PaperForm struct {
	Number int    // printed on it, counting from 1 at its window
	Day    Span   // written on it: the citizen's claim, while ReceivedAt is when it was keyed in
	By     string // who keyed it in, by the name they sign in with
}

// MaxPaper is the largest number of a sheet.
const MaxPaper = 999_999

// Why a sheet was refused.
const (
	WhyPaperNumber Why = "paper_number"
	WhyPaperDay    Why = "paper_day"
)

// ReadPaper checks the number and the day of a sheet as typed. The day lies in the
// survey's period and not in the future.
func (s Survey) ReadPaper(number, day string, now time.Time) (p PaperForm, faults Faults) {
	var err error
	if p.Number, err = strconv.Atoi(narrow(number)); err != nil || p.Number < 1 || p.Number > MaxPaper {
		faults = append(faults, Fault{Field: "number", Value: number, Why: WhyPaperNumber})
	}
	if p.Day, err = ParseDay(narrow(day)); err != nil || p.Day < s.FirstDay() || p.Day > min(s.LastDay(), DayOf(now, s.Location())) {
		faults = append(faults, Fault{Field: "day", Value: day, Why: WhyPaperDay})
	}
	return p, faults
}
