package imports

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"manyi/survey"
)

// column is a column an import knows.
type column struct {
	name     string   // also the field of its faults
	aliases  []string // other headers for it
	optional bool
}

func (c column) called(header string) bool {
	header = strings.ToLower(header)
	return header == c.name || slices.Contains(c.aliases, header)
}

// find gives the place of each column in the table, -1 for one that is not
// there. Columns nobody asked for are ignored: people keep notes in them.
func (t Table) find(columns []column) (at []int, faults survey.Faults) {
	at = make([]int, len(columns))
	for i, c := range columns {
		at[i] = slices.IndexFunc(t.Columns, c.called)
		if at[i] < 0 {
			if !c.optional {
				faults = append(faults, survey.Fault{Row: t.HeaderRow, Field: c.name, Why: survey.WhyColumnMissing})
			}
			continue
		}
		for _, header := range t.Columns[at[i]+1:] {
			if c.called(header) {
				faults = append(faults, survey.Fault{Row: t.HeaderRow, Field: c.name, Value: header, Why: survey.WhyRepeated})
			}
		}
	}
	return at, faults
}

var (
	decimal    = regexp.MustCompile(`^(\d+)\.0+$`)
	scientific = regexp.MustCompile(`^(\d)(?:\.(\d+))?E(\+?)(\d{1,2})$`)
	serial     = regexp.MustCompile(`^\d{5}(\.\d+)?$`)
)

// maxDigits is how many digits of a number Excel keeps; the rest become zeros.
const maxDigits = 15

// whole gives the digits of a code or case number that a program took for a
// number: 350100 for "350100.0" and "3.501E5". Excel writes "3.50E+05" for
// 350102, too; such a text, rounded for display, stays as it is and is refused
// later, unless it shows every digit or is exact, that is, a stored value.
func whole(s string, exact bool) string {
	if m := decimal.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	m := scientific.FindStringSubmatch(s)
	if m == nil || m[2] == "" && m[3] == "" { // 2E10 can be the number of a case
		return s
	}
	exponent, _ := strconv.Atoi(m[4])
	zeros := exponent - len(strings.TrimRight(m[2], "0"))
	shown := m[3] == "" || len(m[2]) >= exponent
	if exponent >= maxDigits || zeros < 0 || !(exact || shown) {
		return s
	}
	return m[1] + strings.TrimRight(m[2], "0") + strings.Repeat("0", zeros)
}

// rounded reports a number of which digits were lost before it came to us.
func rounded(s string) bool {
	m := scientific.FindStringSubmatch(s)
	return m != nil && (m[2] != "" || m[3] != "")
}

// localTime turns Excel's serial days, and the ISO form of other programs, into
// "2006-01-02 15:04:05" and leaves any other text alone.
func (t Table) localTime(s string) string {
	if at, err := time.Parse("2006-01-02T15:04:05", s); err == nil {
		return at.Format(time.DateTime)
	}
	if !serial.MatchString(s) {
		return s
	}
	days, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	// Not the 31st: Excel counts a 29 February 1900 that never was.
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if t.date1904 {
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	seconds := time.Duration(math.Round(days * 24 * 60 * 60))
	return first.Add(seconds * time.Second).Format(time.DateTime)
}
