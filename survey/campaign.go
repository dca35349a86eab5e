package survey

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Campaign (邀请活动) is how a survey invites by text message. A survey has one: each
// case and stage is invited once, whatever the campaign went through.
type Campaign struct {
	Survey string
	// Text is the template by language; En may be empty, then all are invited in Chinese.
	Text Text
	// Delay is how many days after its end a visit that nobody rated is invited, and
	// OpenDays how many an invitation is open for an answer.
	Delay, OpenDays int
	// From and To are the hours between which messages go out, in the survey's zone.
	From, To int
	// PerPhone is how many invitations one phone gets within 24 hours at most, and
	// Most how many the campaign queues altogether; 0 for no bound.
	PerPhone, Most int
	PerSecond      int // at most so many messages leave in a second
	State          CampaignState
	ChangedAt      time.Time
	ChangedBy      string
}

// CampaignState is how far a campaign is.
type CampaignState string

// The states. What waits when a campaign is cancelled never leaves; started again, it
// invites only visits that were not invited before.
const (
	CampaignDraft     CampaignState = "draft"
	CampaignRunning   CampaignState = "running"
	CampaignCancelled CampaignState = "cancelled"
)

// CampaignStates lists the states.
var CampaignStates = [...]CampaignState{CampaignDraft, CampaignRunning, CampaignCancelled}

// NewCampaign is a campaign with the default settings: invitations three days after
// the visit, from 8 to 20 o'clock, one a day to a phone, ten a second, open for seven days.
func NewCampaign(survey, signature string) Campaign {
	return Campaign{Survey: survey, Delay: 3, OpenDays: 7, From: 8, To: 20, PerPhone: 1, PerSecond: 10, State: CampaignDraft, Text: Text{
		Zh: signature + "您{date}在{hall}办理的{item}，请回复数字评价：5非常满意4满意3基本满意2不满意1非常不满意。编码{code}，退订回T",
		En: signature + "Please rate {item}, {hall}, {date}. Reply 5 very satisfied, 4 satisfied, 3 basically satisfied, 2 dissatisfied or 1 very dissatisfied. Code {code}. T to opt out",
	}}
}

// Why a campaign was refused.
const (
	WhySignature    Why = "signature"     // no 【…】 in front
	WhyDigits       Why = "digits"        // what the digits mean is not said, best and worst
	WhyOptOutWord   Why = "opt_out_word"  // how to get no more is not said
	WhyCode         Why = "code"          // {code} is missing
	WhyVariable     Why = "variable"      // there is no such variable
	WhyHoldsNumber  Why = "holds_number"  // a phone or identity number, which everybody invited would get
	WhyTextTooLong  Why = "text_too_long" // more than MaxParts parts
	WhyNumberBounds Why = "number_bounds" // outside what is allowed
	WhyHours        Why = "hours"
)

// MaxParts is how many parts an invitation may have: many gateways take no more.
const MaxParts = 4

var (
	signed    = regexp.MustCompile(`^【[^【】\r\n]{1,20}】`)
	variable  = regexp.MustCompile(`\{([^{}]*)\}`)
	variables = []string{"hall", "window", "item", "date", "code"}
	// The best and the worst digit with their level, in this order of 好差评.
	digitsZh = []*regexp.Regexp{regexp.MustCompile(`5[^0-9]{0,3}非常满意`), regexp.MustCompile(`1[^0-9]{0,3}非常不满意`)}
	digitsEn = []*regexp.Regexp{regexp.MustCompile(`(?i)5[^0-9]{0,3}very satisfied`), regexp.MustCompile(`(?i)1[^0-9]{0,3}very dissatisfied`)}
	optZh    = regexp.MustCompile(`退订`)
	optEn    = regexp.MustCompile(`\b(T|TD|R)\b.*(opt out|unsubscribe|stop)|(opt out|unsubscribe|stop).*\b(T|TD|R)\b`)
)

// Check returns every fault of a campaign. sample fills the variables in for the
// length; see [Survey.LongestVariables].
func (c Campaign) Check(sample Variables) (faults Faults) {
	add := func(field, value string, why Why) {
		faults = append(faults, Fault{Field: field, Value: value, Why: why})
	}
	text := func(field, template string, digits []*regexp.Regexp, opt *regexp.Regexp) {
		if badText(template) || strings.ContainsAny(template, "\r\n\t") {
			add(field, "", WhyBadText)
			return
		}
		if !signed.MatchString(template) {
			add(field, "", WhySignature)
		}
		for _, d := range digits {
			if !d.MatchString(template) {
				add(field, "", WhyDigits)
				break
			}
		}
		if !opt.MatchString(template) {
			add(field, "", WhyOptOutWord)
		}
		if !strings.Contains(template, "{code}") {
			add(field, "", WhyCode)
		}
		for _, v := range variable.FindAllStringSubmatch(template, -1) {
			if !slices.Contains(variables, v[1]) {
				add(field, v[0], WhyVariable)
			}
		}
		if Mask(template) != template {
			add(field, "", WhyHoldsNumber)
		}
		if Parts(sample.In(template)).N > MaxParts {
			add(field, "", WhyTextTooLong)
		}
	}
	text("text_zh", c.Text.Zh, digitsZh, optZh)
	if c.Text.En != "" {
		text("text_en", c.Text.En, digitsEn, optEn)
	}
	for _, n := range []struct {
		field           string
		n, least, atTop int
	}{{"delay", c.Delay, 0, 60}, {"open_days", c.OpenDays, 1, 60}, {"per_phone", c.PerPhone, 1, 10}, {"most", c.Most, 0, 100_000_000}, {"per_second", c.PerSecond, 1, 1000}} {
		if n.n < n.least || n.n > n.atTop {
			add(n.field, fmt.Sprint(n.n), WhyNumberBounds)
		}
	}
	if c.From < 0 || c.To > 24 || c.From >= c.To {
		add("from", fmt.Sprintf("%d-%d", c.From, c.To), WhyHours)
	}
	return faults
}

// Open reports whether messages may go out at an instant in the survey's zone.
func (c Campaign) Open(now time.Time, zone *time.Location) bool {
	hour := now.In(zone).Hour()
	return c.State == CampaignRunning && c.From <= hour && hour < c.To
}

// Template is the one of a language, Chinese if there is none.
func (c Campaign) Template(language string) (template, of string) {
	if language == "en" && c.Text.En != "" {
		return c.Text.En, "en"
	}
	return c.Text.Zh, "zh"
}

// Variables are what a template's {…} stand for.
type Variables struct{ Hall, Window, Item, Date, Code string }

// MaxVariable is how long a variable is in the text, in code points; the rest is cut,
// as gateways refuse long ones, and every part of a message costs.
const MaxVariable = 20

// In fills a template in. A "{" in a value is no variable.
func (v Variables) In(template string) string {
	values := map[string]string{"hall": v.Hall, "window": v.Window, "item": v.Item, "date": v.Date, "code": v.Code}
	return variable.ReplaceAllStringFunc(template, func(name string) string {
		value := []rune(strings.Join(strings.Fields(values[strings.Trim(name, "{}")]), " "))
		if len(value) > MaxVariable {
			value = append(value[:MaxVariable-1], '…')
		}
		return string(value)
	})
}

// VariablesOf are those of a visit.
func (s Survey) VariablesOf(v Visit, places *Tree, code, language string) Variables {
	name := func(code string) string {
		p, _ := places.Place(code)
		return p.Name
	}
	form := "1月2日"
	if language == "en" {
		form = "2 Jan"
	}
	w, _ := places.Place(v.Window)
	return Variables{Hall: name(w.Parent), Window: w.Name, Item: v.Item, Date: v.FinishedAt.In(s.Location()).Format(form), Code: code}
}

// LongestVariables fill a template in as long as it may become: with the longest names of the
// survey's halls and windows, and an item of the greatest length.
func (s Survey) LongestVariables(places *Tree) Variables {
	v := Variables{Item: strings.Repeat("办", MaxVariable), Date: "12月31日", Code: "KF"}
	for _, bureau := range s.Candidates {
		for _, p := range places.All(Hall, bureau) {
			if runes(p.Name) > runes(v.Hall) {
				v.Hall = p.Name
			}
		}
		for _, p := range places.All(Window, bureau) {
			if runes(p.Name) > runes(v.Window) {
				v.Window = p.Name
			}
		}
	}
	return v
}

// TextWarning is what a gateway may refuse a text for.
type TextWarning string

// The warnings.
const (
	WarnGoodWord TextWarning = "good_word" // 好评: banned as soliciting
	WarnLink     TextWarning = "link"      // some gateways take no links, above all not in variables
)

// TextWarnings lists the warnings.
var TextWarnings = [...]TextWarning{WarnGoodWord, WarnLink}

var link = regexp.MustCompile(`(?i)https?:|://|www\.|[a-z0-9-]+\.(com|cn|net|org|gov)\b`)

// Warnings lists what a gateway may refuse a text for.
func Warnings(text string) (list []TextWarning) {
	if strings.Contains(text, "好评") {
		list = append(list, WarnGoodWord)
	}
	if link.MatchString(text) {
		list = append(list, WarnLink)
	}
	return list
}

// codeLetters make the short codes of invitations: letters only, as digits would be
// levels, and none that is an opt-out word or looks like a digit. The words of two of
// these letters that mean something in a reply are left out too.
const codeLetters = "ABCEFGHJKMNPQSUVWXYZ"

// codes are all there are, in an order of their own, so that neighbours differ in both letters.
var codes = func() (list []string) {
	n := len(codeLetters)
	for i := range n * n {
		a, b := i%n, (i/n+i*7)%n
		if c := string(codeLetters[a]) + string(codeLetters[b]); !slices.Contains([]string{"OK", "NO", "YES", "HA", "SB", "MM", "GG"}, c) {
			list = append(list, c)
		}
	}
	return list
}()

// CodeFor is a code that none of a phone's invitations has which are open or may
// become so; ErrFull if all are taken. Where it begins to look follows from the key.
func CodeFor(key string, others []Message, now time.Time) (string, error) {
	taken := map[string]bool{}
	for _, m := range others {
		if m.TakesCode(now) {
			taken[m.Code] = true
		}
	}
	id := MessageID(key)
	start := 0
	for _, b := range id[:6] {
		start = start*31 + int(b)
	}
	for i := range codes {
		if c := codes[(start+i)%len(codes)]; !taken[c] {
			return c, nil
		}
	}
	return "", ErrFull
}

// InvitationKey is what a case and stage is invited under, once.
func InvitationKey(survey string, c CaseRef) string {
	return fmt.Sprintf("invitation/%s/%q/%q", survey, c.Number, c.Stage)
}

// CampaignStore keeps campaigns.
type CampaignStore interface {
	// PutCampaign adds the campaign of a survey or replaces it.
	PutCampaign(ctx context.Context, c Campaign) error
	// Campaign returns the campaign of a survey; ErrNotFound.
	Campaign(ctx context.Context, survey string) (Campaign, error)
	// Campaigns returns all, by survey.
	Campaigns(ctx context.Context) ([]Campaign, error)
}
