package survey

import (
	"fmt"
	"strings"
)

// Why says what is wrong with a value, as a stable word. The sentences people
// read are kept with the other texts, under "fault." and this word.
type Why string

// Fault is one thing wrong with one value of a form or of an imported file.
type Fault struct {
	Row   int    // row in the file, counting from 1 and including the header; 0 for a form
	Field string // form field or column
	Value string // what was there; never a contact
	Why   Why
}

func (f Fault) String() string {
	if f.Row == 0 {
		return fmt.Sprintf("%s: %s", f.Field, f.Why)
	}
	return fmt.Sprintf("row %d, %s %q: %s", f.Row, f.Field, f.Value, f.Why)
}

// Faults is every fault of one form or file, so that all can be put right at once.
type Faults []Fault

func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "; ")
}

// Err is nil when there are no faults; a nil Faults inside an error would not be.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// On returns the reason given for a field, or "" when the field is sound.
func (fs Faults) On(field string) Why {
	for _, f := range fs {
		if f.Field == field {
			return f.Why
		}
	}
	return ""
}
