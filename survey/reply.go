package survey

// Reply (短信回复) is what a text message says in answer to an invitation. All that
// is said is kept: "2 退订" is a level and an opt-out.
type Reply struct {
	Level     Level  // NoLevel if none is said, or more than one, or none for certain
	Comment   string // what is said beside the level, up to MaxComment
	Code      string // of the open invitation that is named, as it was given out
	Stop      bool   // 退订: nothing more to this phone, for ever
	Anonymous bool   // 匿名
	Change    bool   // 更正: instead of what was said before
	// Why tells why there is no level, for whoever looks at what was not counted.
	Why ReplyWhy
}

// ReplyWhy is why a reply gave no level.
type ReplyWhy string

// The reasons.
const (
	ReplyNoLevel  ReplyWhy = "no_level"     // neither a digit nor the name of a level, such as a question
	ReplySeveral  ReplyWhy = "several"      // several digits or levels, or a digit and a word that disagree
	ReplyOutside  ReplyWhy = "out_of_range" // a digit that is no level
	ReplyDoubtful ReplyWhy = "doubtful"     // a level that is denied, doubted, asked about or weakened
	ReplyCodes    ReplyWhy = "codes"        // names several invitations
)

// Unclear reports whether a reply says nothing that could be followed.
func (r Reply) Unclear() bool {
	return r.Level == NoLevel && !r.Stop && !r.Anonymous
}

// The words an invitation names.
const (
	WordStop      = "退订"
	WordAnonymous = "匿名"
	WordChange    = "更正"
)
