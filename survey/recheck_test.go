package survey

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestRecheckTake(t *testing.T) {
	at := time.Date(2024, 3, 5, 1, 2, 3, 4_567_890, time.UTC)
	drawn := Recheck{Response: Response{Level: Satisfied, Interview: &Interview{Mode: Street, By: "wu"}}}
	look := RecheckEntry{Step: RecheckRevealed}
	call := func(o RecheckOutcome, l Level, note string) RecheckEntry {
		return RecheckEntry{Step: RecheckCalled, Outcome: o, Level: l, Note: note}
	}
	looked := drawn
	looked.Entries = []RecheckEntry{{No: 1, Step: RecheckRevealed, By: "boss"}}
	tried, settled := looked, looked
	tried.Entries = append(looked.Entries[:1:1], RecheckEntry{No: 2, Step: RecheckCalled, By: "boss", Outcome: RecheckNotReached})
	settled.Entries = append(looked.Entries[:1:1], RecheckEntry{No: 2, Step: RecheckCalled, By: "boss", Outcome: RecheckConfirmed, Level: Satisfied})
	full := looked
	for range MaxRecheckEntries {
		full.Entries = append(full.Entries, RecheckEntry{Step: RecheckRevealed, By: "boss"})
	}
	for name, c := range map[string]struct {
		of    Recheck
		by    string
		want  RecheckEntry
		field string // that is at fault
		why   Why
		made  RecheckOutcome
		level Level
	}{
		"a look":                                {drawn, "boss", look, "", "", "", 0},
		"another look":                          {settled, "boss", look, "", "", "", 0},
		"a call without a look":                 {drawn, "boss", call(RecheckRefused, 0, ""), "step", WhyNotLookedAt, "", 0},
		"a call after somebody else's look":     {looked, "lin", call(RecheckRefused, 0, ""), "step", WhyNotLookedAt, "", 0},
		"the same level":                        {looked, "boss", call(RecheckConfirmed, Satisfied, ""), "", "", RecheckConfirmed, Satisfied},
		"another level, said to be the same":    {looked, "boss", call(RecheckConfirmed, VerySatisfied, ""), "", "", RecheckDiffers, VerySatisfied},
		"the same level, said to be another":    {looked, "boss", call(RecheckDiffers, Satisfied, ""), "", "", RecheckConfirmed, Satisfied},
		"it took place, and no level":           {looked, "boss", call(RecheckConfirmed, 0, ""), "level", WhyLevelMissing, "", 0},
		"it took place, and a level of nowhere": {looked, "boss", call(RecheckConfirmed, VeryDissatisfied+1, ""), "level", WhyLevelMissing, "", 0},
		"a level beside no interview":           {looked, "boss", call(RecheckDenied, Satisfied, ""), "", "", RecheckDenied, 0},
		"no outcome":                            {looked, "boss", call("", Satisfied, ""), "outcome", WhyRecheckOutcome, "", 0},
		"no such outcome":                       {looked, "boss", call("perhaps", 0, ""), "outcome", WhyRecheckOutcome, "", 0},
		"no such step":                          {looked, "boss", RecheckEntry{Step: "closed"}, "step", WhyRecheckStep, "", 0},
		"after a try":                           {tried, "boss", call(RecheckRefused, 0, ""), "", "", RecheckRefused, 0},
		"a change without a reason":             {settled, "boss", call(RecheckDenied, 0, "  "), "note", WhyRecheckReason, "", 0},
		"a change with a reason":                {settled, "boss", call(RecheckDenied, 0, "按错"), "", "", RecheckDenied, 0},
		"a note too long":                       {looked, "boss", call(RecheckRefused, 0, string(make([]rune, MaxNote+1))), "note", WhyNoteTooLong, "", 0},
		"one too many":                          {full, "boss", look, "step", WhyEntries, "", 0},
	} {
		made, err := c.of.Take(c.by, at, c.want)
		var faults Faults
		errors.As(err, &faults)
		if (err == nil) != (c.why == "") || faults.On(c.field) != c.why {
			t.Errorf("%s: %v, want %s at %q", name, err, c.why, c.field)
		}
		if err == nil && (made.Outcome != c.made || made.Level != c.level || made.No != len(c.of.Entries)+1 || made.By != c.by || !made.At.Equal(at.Truncate(time.Millisecond))) {
			t.Errorf("%s: %+v", name, made)
		}
	}
	if _, err := looked.Take("wu", at, look); !errors.Is(err, ErrOwnInterview) {
		t.Errorf("the interviewer looks at the number: %v", err)
	}
	if made, err := looked.Take("boss", at, call(RecheckRefused, 0, "改打13800138000")); err != nil || made.Note != "改打138****8000" {
		t.Errorf("a number in a note: %q, %v", made.Note, err)
	}
}

func TestRecheckCount(t *testing.T) {
	var n RecheckCount
	called := func(outcomes ...RecheckOutcome) (r Recheck) {
		for _, o := range outcomes {
			r.Entries = append(r.Entries, RecheckEntry{Step: RecheckRevealed}, RecheckEntry{Step: RecheckCalled, Outcome: o})
		}
		r.Entries = append(r.Entries, RecheckEntry{Step: RecheckRevealed}) // a look changes no outcome
		return r
	}
	for _, r := range []Recheck{{}, called(), called(RecheckNotReached), called(RecheckNotReached, RecheckConfirmed), called(RecheckConfirmed),
		called(RecheckDenied), called(RecheckConfirmed, RecheckDiffers), called(RecheckRefused)} {
		n.Add(r)
	}
	if n != (RecheckCount{Drawn: 8, Reached: 5, Confirmed: 2, Contradicted: 2, Refused: 1}) {
		t.Errorf("%+v", n)
	}
}

func TestRecheckShareIsFromNoneToAll(t *testing.T) {
	for share, ok := range map[float64]bool{0: true, .1: true, 1: true, -.01: false, 1.01: false, math.NaN(): false, math.Inf(1): false} {
		s := Survey{Rules: DefaultRules()}
		s.Rules.Interviews.Recheck = share
		if why := s.Check(&Tree{}).On("rules.interviews.recheck"); (why == "") != ok || !ok && why != WhyRecheckShare {
			t.Errorf("%v: %q", share, why)
		}
	}
	s := Survey{ID: "a", Opens: time.Unix(0, 0), Closes: time.Unix(10, 0)}
	next := s
	next.Rules.Interviews.Recheck = .2
	if _, err := s.Revise(next, time.Unix(1, 0)); !errors.Is(err, ErrFrozen) {
		t.Errorf("the share changes after the survey opened: %v", err)
	}
	if got, err := s.Revise(next, time.Unix(-1, 0)); err != nil || got.Rules.Interviews.Recheck != .2 {
		t.Errorf("before it opens: %v, %v", got.Rules.Interviews, err)
	}
}
