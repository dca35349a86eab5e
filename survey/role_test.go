package survey

import (
	"slices"
	"testing"
	"time"
)

// TestRolesHaveWhatTheyNeedAndNoMore states the rules the table has to keep, not the
// table again.
func TestRolesHaveWhatTheyNeedAndNoMore(t *testing.T) {
	at := func(r Role) Actor { return Actor{Name: "lin", Role: r, Place: "350100"} }
	for _, r := range append(slices.Clone(Roles), "", "chief", "ORGANISER") {
		who := at(r)
		_, known := ParseRole(string(r))
		if who.Can(Enter) != known || who.Can(SeeFigures) != known {
			t.Errorf("%q: known %v, may enter %v", r, known, who.Can(Enter))
		}
		contacts := r == Organiser || r == Supervisor
		if who.Can(Reveal) != contacts || who.Takes(StepRevealed) != contacts || who.Can(WorkCases) != contacts {
			t.Errorf("%q may see contacts: %v, works cases: %v", r, who.Can(Reveal), who.Can(WorkCases))
		}
		if party := who.Worker().Party; (party != "") != contacts || contacts && party != Higher {
			t.Errorf("%q of a city acts as %q", r, party)
		}
		c := Case{Reachable: true, Entries: []Entry{{No: 1, Step: StepOpened, Party: System}}}
		if legal := c.Legal(c.Progress(time.Time{}, time.UTC), who.Worker(), 20240201); (len(legal) > 0) != contacts {
			t.Errorf("%q has steps to take: %v", r, legal)
		}
		for more, less := range map[Power]Power{SeeSmall: SeeFigures, ReadNamed: ReadTexts, ReadAtOnce: ReadNamed, DownloadWhole: Download,
			ManageCodes: SeeCodes, WorkCases: SeeCases, Reveal: WorkCases, DecideHigher: WorkCases} {
			if who.Can(more) && !who.Can(less) {
				t.Errorf("%q can %s and not %s", r, more, less)
			}
		}
		if who.Place = ""; who.Can(Enter) && (r == Supervisor || r == Staff) {
			t.Errorf("%q sees everything without a place", r)
		}
	}
	if (Actor{Role: Supervisor, Place: "350102-HR"}).Worker().Party != Own {
		t.Error("a bureau's supervisor is not of the bureau")
	}
	for _, r := range []Role{"", "chief"} {
		if r.Places() != nil || r.Powers() != nil || !at(r).Restricted() {
			t.Errorf("%q has something", r)
		}
	}
}
