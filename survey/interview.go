package survey

// Interview (第三方访问) is how an evaluator of a third party asked a citizen the
// questionnaire that others answer on their phones. It names no case, so that it never
// stands in for what a citizen answered, and owes none, see [Response.OwesCase]. It
// holds no contact either, unless it is drawn for a call back, see [Recheck].
type Interview struct {
	Mode InterviewMode
	By   string // the evaluator, by the name they sign in with
}

// InterviewMode is where somebody was asked.
type InterviewMode string

// The modes.
const (
	Street  InterviewMode = "street" // 现场访问: in the hall or in front of it
	ByPhone InterviewMode = "phone"  // 电话访问
)

// InterviewModes lists the modes.
var InterviewModes = [...]InterviewMode{Street, ByPhone}

// Why an interview was refused.
const WhyInterviewMode Why = "interview_mode"

// Why a survey's rules of interviews were refused.
const (
	WhyPerBureau    Why = "per_bureau"
	WhyRecheckShare Why = "recheck_share"
)

// ParseInterviewMode reads a mode's name; ok is false for anything else.
func ParseInterviewMode(name string) (m InterviewMode, ok bool) {
	for _, m := range InterviewModes {
		if string(m) == name {
			return m, true
		}
	}
	return "", false
}

// Interviews is how a survey treats interviews.
type Interviews struct {
	// Counted puts interviews into the figures beside what citizens sent themselves.
	// Otherwise they stand apart: who answers an evaluator is not who scans a code.
	Counted bool `json:"counted,omitempty"`
	// PerBureau is the quota (配额): how many interviews about each bureau are wanted; 0
	// for none. It is a target that is shown, and refuses nothing.
	PerBureau int `json:"per_bureau,omitempty"`
	// Recheck is the share, from 0 to 1, of the interviews with a phone that are drawn
	// to be called back, see [Recheck]; 0 for none, and then no phone is asked for.
	Recheck float64 `json:"recheck,omitempty"`
}

// MaxPerBureau is the largest quota.
const MaxPerBureau = 1_000_000

// Apart reports whether the responses of a channel stand apart, with figures of their
// own and in no other: those made elsewhere always, interviews unless they are counted.
func (r Rules) Apart(c Channel) bool {
	return c == ChannelImported || c == ChannelInterview && !r.Interviews.Counted
}
