package survey

import (
	"slices"
	"testing"
	"time"
)

var talkAt = time.Date(2024, 2, 29, 8, 0, 0, 0, time.UTC)

func invited(key, code string) Message {
	return Message{Key: key, Kind: MessageInvitation, Code: code, MadeAt: talkAt, State: MessageDelivered, OpenUntil: talkAt.Add(72 * time.Hour)}
}

func came(id string, minutes int, fate Fate, invitation string) Inbound {
	return Inbound{ID: id, ReceivedAt: talkAt.Add(time.Duration(minutes) * time.Minute), Fate: fate, Invitation: invitation}
}

func TestConversation(t *testing.T) {
	one := []Message{invited("a", "KF")}
	two := []Message{invited("a", "KF"), invited("b", "MW")}
	idA, idB := MessageID("a"), MessageID("b")
	failed := invited("c", "QU")
	failed.State = MessageFailed
	now := talkAt.Add(10 * time.Hour)
	due := now.Add(ReasonWait)
	var in Inbound
	for name, c := range map[string]struct {
		invitations []Message
		before      []Inbound
		optedOut    bool
		at          time.Time
		reply       Reply
		want        Turn
	}{
		"a good level":                   {one, nil, false, now, Reply{Level: Satisfied}, Turn{Fate: FateCounted, Invitation: idA, Rate: true, Say: SayThanks}},
		"its code besides":               {one, nil, false, now, Reply{Level: Satisfied, Code: "KF"}, Turn{Fate: FateCounted, Invitation: idA, Rate: true, Say: SayThanks}},
		"a bad level waits":              {one, nil, false, now, Reply{Level: Dissatisfied}, Turn{Fate: FateWaiting, Invitation: idA, Due: due, Say: SayReason}},
		"a bad level with its reason":    {one, nil, false, now, Reply{Level: Dissatisfied, Comment: "慢"}, Turn{Fate: FateWaiting, Invitation: idA, Due: due, Say: SayUnnamed}},
		"a bad level without a name":     {one, nil, false, now, Reply{Level: Dissatisfied, Anonymous: true}, Turn{Fate: FateCounted, Invitation: idA, Rate: true, Anonymous: true, Say: SayThanks}},
		"the code decides":               {two, nil, false, now, Reply{Level: Satisfied, Code: "MW"}, Turn{Fate: FateCounted, Invitation: idB, Rate: true, Say: SayThanks}},
		"two and no code":                {two, nil, false, now, Reply{Level: Satisfied}, Turn{Fate: FateWhich, Say: SayWhich}},
		"two, no code, asked already":    {two, []Inbound{came("m", 1, FateWhich, "")}, false, now, Reply{Level: Satisfied}, Turn{Fate: FateWhich}},
		"two codes":                      {two, nil, false, now, Reply{Why: ReplyCodes}, Turn{Fate: FateWhich, Say: SayWhich}},
		"one did not arrive":             {[]Message{failed, invited("a", "KF")}, nil, false, now, Reply{Level: Satisfied}, Turn{Fate: FateCounted, Invitation: idA, Rate: true, Say: SayThanks}},
		"unclear":                        {one, nil, false, now, Reply{Why: ReplySeveral}, Turn{Fate: FateUnclear, Say: SayAgain}},
		"unclear again: no more answers": {one, []Inbound{came("m", 1, FateUnclear, "")}, false, now, Reply{Why: ReplySeveral}, Turn{Fate: FateUnclear}},
		"unclear, of an earlier time":    {one, []Inbound{came("m", -9, FateUnclear, "")}, false, now, Reply{Why: ReplySeveral}, Turn{Fate: FateUnclear, Say: SayAgain}},
		"anonymous to nothing":           {one, nil, false, now, Reply{Anonymous: true, Why: ReplyNoLevel}, Turn{Fate: FateUnclear, Say: SayAgain}},
		"a stranger":                     {nil, nil, false, now, Reply{Level: Satisfied}, Turn{Fate: FateStranger}},
		"a stranger who wants no more":   {nil, nil, false, now, Reply{Stop: true}, Turn{Fate: FateStop, Stop: true, Say: SayStopped}},
		"the last instant":               {one, nil, false, talkAt.Add(72*time.Hour - time.Millisecond), Reply{Level: Satisfied}, Turn{Fate: FateCounted, Invitation: idA, Rate: true, Say: SayThanks}},
		"too late":                       {one, nil, false, talkAt.Add(72 * time.Hour), Reply{Level: Satisfied}, Turn{Fate: FateLate, Say: SayLate}},
		"too late again":                 {one, []Inbound{came("m", 5000, FateLate, "")}, false, talkAt.Add(99 * time.Hour), Reply{Level: Satisfied}, Turn{Fate: FateLate}},
		"no more":                        {one, nil, false, now, Reply{Stop: true, Why: ReplyNoLevel}, Turn{Fate: FateStop, Stop: true, Say: SayStopped}},
		"no more, and a good level":      {one, nil, false, now, Reply{Level: Satisfied, Stop: true}, Turn{Fate: FateCounted, Invitation: idA, Rate: true, Stop: true, Say: SayStopped}},
		"no more, and a bad level: not asked for a reason": {one, nil, false, now, Reply{Level: Dissatisfied, Stop: true},
			Turn{Fate: FateCounted, Invitation: idA, Rate: true, Stop: true, Say: SayStopped}},
		"who wants no more is counted and left in peace": {one, nil, true, now, Reply{Level: Satisfied}, Turn{Fate: FateCounted, Invitation: idA, Rate: true}},
		"the reason": {one, []Inbound{came("m", 1, FateWaiting, idA)}, false, now, Reply{Why: ReplyNoLevel, Comment: "慢"},
			Turn{Fate: FateReason, Invitation: idA, Finish: "m", Reason: "慢", Say: SayNoted}},
		"the wish to stay anonymous": {one, []Inbound{came("m", 1, FateWaiting, idA)}, false, now, Reply{Why: ReplyNoLevel, Anonymous: true},
			Turn{Fate: FateReason, Invitation: idA, Finish: "m", Anonymous: true, Say: SayNoted}},
		"the reason after the window": {one, []Inbound{came("m", 4319, FateWaiting, idA)}, false, talkAt.Add(72*time.Hour + time.Minute), Reply{Why: ReplyNoLevel, Comment: "慢"},
			Turn{Fate: FateReason, Invitation: idA, Finish: "m", Reason: "慢", Say: SayNoted}},
		"the reason, after a crash": {one, []Inbound{came("m", 1, FateCounted, idA), came("resumed", 2, FateNew, "")}, false, now, Reply{Why: ReplyNoLevel, Comment: "慢"},
			Turn{Fate: FateReason, Invitation: idA, Say: SayNoted}},
		"another level: the first counts": {one, []Inbound{came("m", 1, FateCounted, idA)}, false, now, Reply{Level: VerySatisfied},
			Turn{Fate: FateRepeated, Invitation: idA, Rate: true, Say: SayFirst}},
		"and a third: said once": {one, []Inbound{came("m", 1, FateCounted, idA), came("n", 2, FateRepeated, idA)}, false, now, Reply{Level: VerySatisfied},
			Turn{Fate: FateRepeated, Invitation: idA, Rate: true}},
		"another bad level does not wait": {one, []Inbound{came("m", 1, FateCounted, idA)}, false, now, Reply{Level: Dissatisfied},
			Turn{Fate: FateRepeated, Invitation: idA, Rate: true, Say: SayFirst}},
		"another level while the first waits": {one, []Inbound{came("m", 1, FateWaiting, idA)}, false, now, Reply{Level: VerySatisfied},
			Turn{Fate: FateRepeated, Invitation: idA, Rate: true, Finish: "m", Say: SayFirst}},
		"a correction": {one, []Inbound{came("m", 1, FateCounted, idA)}, false, now, Reply{Level: Satisfied, Change: true},
			Turn{Fate: FateCorrected, Invitation: idA, Rate: true, Corrects: true, Say: SayThanks}},
		"a second correction": {one, []Inbound{came("m", 1, FateCounted, idA), came("n", 2, FateCorrected, idA)}, false, now, Reply{Level: Satisfied, Change: true},
			Turn{Fate: FateRepeated, Invitation: idA, Rate: true, Say: SayFirst}},
		"a correction after somebody made contact": {one, []Inbound{came("m", 1, FateCounted, idA), came("contacted", 2, FateNew, "")}, false, now, Reply{Level: Satisfied, Change: true},
			Turn{Fate: FateRepeated, Invitation: idA, Rate: true, Say: SayFirst}},
		"a correction of nothing": {one, nil, false, now, Reply{Level: Satisfied, Change: true}, Turn{Fate: FateCounted, Invitation: idA, Rate: true, Say: SayThanks}},
		"the answer to the other": {two, []Inbound{came("m", 1, FateCounted, idA)}, false, now, Reply{Level: Satisfied, Code: "MW"},
			Turn{Fate: FateCounted, Invitation: idB, Rate: true, Say: SayThanks}},
	} {
		in = Inbound{ID: "now", ReceivedAt: c.at}
		if slices.ContainsFunc(c.before, func(b Inbound) bool { return b.ID == "resumed" }) {
			in.Fate, in.Invitation = FateReason, idA
		}
		contacted := map[string]bool{idA: slices.ContainsFunc(c.before, func(b Inbound) bool { return b.ID == "contacted" })}
		got := Conversation{c.invitations, c.before, c.optedOut, contacted}.Take(in, c.reply)
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}
