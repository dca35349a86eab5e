package survey

// CaseTally is how the cases of a bureau and an opening month stand at the end of
// a day. Rates are made from it in package stats.
type CaseTally struct {
	Adopted    CaseCounts `json:"adopted,omitzero"`
	NotAdopted CaseCounts `json:"not_adopted,omitzero"` // 不予采纳, by a decision that stands
	// Superseded counts cases whose review does not count, because another response
	// for the same visit does. They are worked like all others.
	Superseded int64 `json:"superseded,omitempty"`
	// Reasons counts the reasons citizens gave, by code, in adopted reviews; one
	// review may have several.
	Reasons map[int]int64 `json:"reasons,omitempty"`
	// Revealed is how often a contact was looked at, in any case.
	Revealed int64 `json:"revealed,omitempty"`
	// Imported counts those of Adopted and NotAdopted that were worked elsewhere.
	Imported CaseCounts `json:"imported,omitzero"`
}

// CaseCounts counts cases. A case is due when the last of its deadlines has passed,
// finished or not; what is not due is pending.
type CaseCounts struct {
	Cases   int64 `json:"cases,omitempty"` // Pending + Due
	Pending int64 `json:"pending,omitempty"`
	// CalendarPending counts those of Pending whose deadlines are not known: they
	// wait for a calendar, or are not opened yet.
	CalendarPending int64 `json:"calendar_pending,omitempty"`
	Owed            int64 `json:"owed,omitempty"` // of CalendarPending: not opened yet
	Due             int64 `json:"due,omitempty"`
	// Overdue counts those of Cases that have passed the deadline they work towards:
	// somebody has to act now.
	Overdue int64 `json:"overdue,omitempty"`

	// Of those due. Every one is rectified, explained or open.
	Rectified int64 `json:"rectified,omitempty"` // its last time, if it was reopened
	OnTime    int64 `json:"on_time,omitempty"`   // of Rectified
	Explained int64 `json:"explained,omitempty"`
	Open      int64 `json:"open,omitempty"`

	CalledBack  int64 `json:"called_back,omitempty"` // with any answer, refusing to give one included
	Declined    int64 `json:"declined,omitempty"`    // of CalledBack: would not talk
	Unreachable int64 `json:"unreachable,omitempty"` // given up after three days; not called back
	Reopened    int64 `json:"reopened,omitempty"`
	Confirmed   int64 `json:"confirmed,omitempty"` // of Rectified: the citizen says it is solved
	Denied      int64 `json:"denied,omitempty"`    // the citizen says it is not

	Real RealCounts `json:"real,omitzero"`
	// After counts the levels citizens gave after the callback, best first.
	After [5]int64 `json:"after,omitzero"`
}

// RealCounts counts real-name cases (实名).
type RealCounts struct {
	Cases     int64 `json:"cases,omitempty"`
	Due       int64 `json:"due,omitempty"`
	Done      int64 `json:"done,omitempty"`      // of Due: both called back and rectified
	Confirmed int64 `json:"confirmed,omitempty"` // of Done: the citizen says it is solved
}

// Add counts a case as it stands with a progress at the end of a day.
func (t *CaseTally) Add(c Case, p Progress, day Span) {
	t.Revealed += int64(p.Revealed)
	if c.Response.Standing != Counted {
		t.Superseded++
		return
	}
	n := caseCounts(c, p, day)
	if p.Excluded() {
		t.NotAdopted.Merge(n)
	} else {
		t.Adopted.Merge(n)
		for _, code := range c.Response.Reasons {
			t.addReason(code, 1)
		}
	}
	if c.Response.Channel == ChannelImported {
		t.Imported.Merge(n)
	}
}

func (t *CaseTally) addReason(code int, n int64) {
	if t.Reasons == nil {
		t.Reasons = map[int]int64{}
	}
	t.Reasons[code] += n
}

func caseCounts(c Case, p Progress, day Span) CaseCounts {
	n := CaseCounts{Cases: 1, Overdue: one(p.Overdue(day.Plus(1)))}
	real := c.RealName(p)
	if real {
		n.Real.Cases = 1
	}
	if p.After != NoLevel {
		n.After[p.After-VerySatisfied] = 1
	}
	if !p.IsDue(day.Plus(1)) { // the day itself has ended
		n.Pending = 1
		n.CalendarPending = one(p.Due == 0)
		n.Owed = one(p.State == CaseOwed)
		return n
	}
	n.Due = 1
	n.Rectified = one(p.Rectified != 0)
	n.OnTime = one(p.OnTime())
	n.Explained = one(p.Explained != 0)
	n.Open = 1 - n.Rectified - n.Explained
	n.CalledBack = one(p.CalledBack != 0)
	n.Declined = one(p.CalledBack != 0 && p.Callback == OutcomeRefused)
	n.Unreachable = one(p.CalledBack == 0 && len(p.Tries) >= CallbackTries)
	n.Reopened = one(p.Reopened != 0)
	n.Confirmed = one(p.Rectified != 0 && p.Said == OutcomeSolved)
	n.Denied = one(p.Said == OutcomeUnsolved)
	if real {
		n.Real.Due = 1
		n.Real.Done = one(p.Rectified != 0 && p.CalledBack != 0)
		n.Real.Confirmed = one(n.Real.Done == 1 && p.Said == OutcomeSolved)
	}
	return n
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// Merge adds another tally to this one.
func (t *CaseTally) Merge(o CaseTally) {
	t.Adopted.Merge(o.Adopted)
	t.NotAdopted.Merge(o.NotAdopted)
	t.Imported.Merge(o.Imported)
	t.Superseded += o.Superseded
	t.Revealed += o.Revealed
	for code, n := range o.Reasons {
		t.addReason(code, n)
	}
}

// Merge adds other counts to these.
func (n *CaseCounts) Merge(o CaseCounts) {
	n.Cases += o.Cases
	n.Pending += o.Pending
	n.CalendarPending += o.CalendarPending
	n.Owed += o.Owed
	n.Due += o.Due
	n.Overdue += o.Overdue
	n.Rectified += o.Rectified
	n.OnTime += o.OnTime
	n.Explained += o.Explained
	n.Open += o.Open
	n.CalledBack += o.CalledBack
	n.Declined += o.Declined
	n.Unreachable += o.Unreachable
	n.Reopened += o.Reopened
	n.Confirmed += o.Confirmed
	n.Denied += o.Denied
	n.Real.Cases += o.Real.Cases
	n.Real.Due += o.Real.Due
	n.Real.Done += o.Real.Done
	n.Real.Confirmed += o.Real.Confirmed
	for i := range n.After {
		n.After[i] += o.After[i]
	}
}
