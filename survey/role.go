package survey

import "slices"

// Role is what somebody may do; their Place is where. Stored accounts and tokens
// hold its name.
type Role string

// The roles.
const (
	Organiser  Role = "organiser"  // 组织单位: runs the surveys
	Supervisor Role = "supervisor" // 主管: answers for a bureau, or for the bureaus of a city or county
	Staff      Role = "staff"      // 窗口人员
	Evaluator  Role = "evaluator"  // 评估员, of a third party
	Reviewer   Role = "reviewer"   // 评审员, judges by the figures
	Auditor    Role = "auditor"    // 审计员: reads who did what, and never acts
	// Tablet (大厅平板) is no person's role: it is what the link made for a device of a
	// hall may do. See RateInHall.
	Tablet Role = "tablet"
)

// Power is one thing a role may do in its place.
type Power string

// The powers.
const (
	Enter         Power = "enter"          // sign in, and out again
	SeeFigures    Power = "see_figures"    // figures, with small counts hidden
	SeeSmall      Power = "see_small"      // figures whole
	ReadTexts     Power = "read_texts"     // comments nobody can be known by, and released ones: late, without level and day
	ReadNamed     Power = "read_named"     // all other comments too, see ForWindow
	ReadAtOnce    Power = "read_at_once"   // comments at once, with level and day
	Download      Power = "download"       // responses one by one, without what traces them to a visit
	DownloadWhole Power = "download_whole" // with case number, stage and time
	SeeCodes      Power = "see_codes"      // window codes, to print
	ManageCodes   Power = "manage_codes"   // take window codes out of use, give new ones
	SeeRates      Power = "see_rates"      // the rates of bad reviews, by bureau
	SeeCases      Power = "see_cases"      // bad reviews and what was done, by whom
	WorkCases     Power = "work_cases"     // take steps
	DecideHigher  Power = "decide_higher"  // on what a bureau asks for, if their place is above it
	Reveal        Power = "reveal"         // a contact, on request, with a reason, on record
	SeeQuality    Power = "see_quality"    // quality flags
	Evaluate      Power = "evaluate"       // judge assigned bureaus on site, item by item
	SeeScores     Power = "see_scores"     // every evaluation and what it came to, and which interviews are re-checked
	CallBack      Power = "call_back"      // call back whom others interviewed, and see their number on record
	SeeReview     Power = "see_review"     // what others published and was taken in here
	TakeIn        Power = "take_in"        // what others published, by program
	AssignBureaus Power = "assign_bureaus" // to evaluators
	ImportScores  Power = "import_scores"  // take in scores made elsewhere
	Operate       Power = "operate"        // the state of the installation and its nodes
	AddVisits     Power = "add_visits"     // lists of served visits, by program
	Publish       Power = "publish"        // close a period: publish what it came to, signed
	Invite        Power = "invite"         // set up, start and cancel the invitations of a survey
	SeeReplies    Power = "see_replies"    // text messages that were not counted, and why
	ManageTablets Power = "manage_tablets" // make links for the tablets of their place, take them out of use
	KeyInPaper    Power = "key_in_paper"   // key in the paper forms of their place, under their name
	RateInHall    Power = "rate_in_hall"   // send in what citizens answer on a tablet in the hall
)

// Nowhere is the kind of place of somebody who is tied to none and sees all.
const Nowhere Kind = ""

// roles is who sees what and may do what. Whatever is not in it is refused.
var roles = []struct {
	name   Role
	places []Kind // kinds of place the role may be tied to
	powers []Power
}{
	{Organiser, []Kind{Nowhere, Province}, []Power{Enter, SeeFigures, SeeSmall, ReadTexts, ReadNamed, ReadAtOnce, Download, DownloadWhole,
		SeeCodes, ManageCodes, SeeRates, SeeCases, WorkCases, DecideHigher, Reveal, SeeQuality, SeeScores, CallBack, SeeReview, TakeIn, AssignBureaus, ImportScores, Operate, ManageTablets, KeyInPaper, AddVisits, Publish, Invite, SeeReplies}},
	{Supervisor, []Kind{City, County, Bureau}, []Power{Enter, SeeFigures, ReadTexts, ReadNamed, SeeCodes, SeeRates, SeeCases, WorkCases, DecideHigher, Reveal, ManageTablets, KeyInPaper, SeeReplies}},
	{Staff, []Kind{Hall, Window}, []Power{Enter, SeeFigures, ReadTexts, SeeCodes}},
	{Evaluator, []Kind{Nowhere, Province, City, County, Bureau, Hall, Window}, []Power{Enter, SeeFigures, SeeSmall, SeeRates, Download, SeeQuality, Evaluate}},
	{Reviewer, []Kind{Nowhere, Province}, []Power{Enter, SeeFigures, SeeSmall, SeeRates, SeeQuality, SeeScores, CallBack, SeeReview, TakeIn}},
	{Auditor, []Kind{Nowhere, Province, City}, []Power{Enter, SeeFigures, SeeSmall, ReadTexts, ReadNamed, ReadAtOnce, Download, DownloadWhole, SeeRates, SeeCases, SeeQuality, SeeScores, SeeReview}},
	{Tablet, []Kind{Hall, Window}, []Power{RateInHall}},
}

// Roles lists the roles of people and programs: those that may enter.
var Roles = func() (names []Role) {
	for _, r := range roles {
		if slices.Contains(r.powers, Enter) {
			names = append(names, r.name)
		}
	}
	return names
}()

// ParseRole reads a role's name.
func ParseRole(name string) (Role, bool) {
	r := Role(name)
	return r, slices.Contains(Roles, r)
}

// Places lists the kinds of place the role may be tied to; none for an unknown role.
func (r Role) Places() []Kind {
	for _, known := range roles {
		if known.name == r {
			return known.places
		}
	}
	return nil
}

// Powers lists what the role may do; nothing for an unknown role.
func (r Role) Powers() []Power {
	for _, known := range roles {
		if known.name == r {
			return known.powers
		}
	}
	return nil
}

// Can reports whether somebody has a power. Who is tied to no place has one only in
// a role that may be: an account that lost its place does not see everything.
func (a Actor) Can(p Power) bool {
	return slices.Contains(a.Role.Powers(), p) && (a.Place != "" || slices.Contains(a.Role.Places(), Nowhere))
}

// Restricted reports whether small counts are hidden from the actor, so that nobody
// can be traced by a rating.
func (a Actor) Restricted() bool { return !a.Can(SeeSmall) }

// Worker is who somebody is among those who act on cases: whoever answers for more
// than a bureau is higher up. Who may not act is no party, and has no step to take.
func (a Actor) Worker() Worker {
	switch {
	case !a.Can(WorkCases):
		return Worker{Name: a.Name}
	case a.Can(DecideHigher) && BureauOf(a.Place) == "":
		return Worker{Name: a.Name, Party: Higher}
	}
	return Worker{Name: a.Name, Party: Own}
}

// Takes reports whether somebody may take a step at all; whether the case allows it
// is another question, see [Case.Legal].
func (a Actor) Takes(s CaseStep) bool {
	return a.Can(WorkCases) && (s != StepRevealed && s != StepErased || a.Can(Reveal))
}
