package survey

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParts(t *testing.T) {
	for _, c := range []struct {
		why  string
		text string
		want TextParts
	}{
		{"nothing", "", TextParts{N: 1}},
		{"GSM-7, full", strings.Repeat("a", 160), TextParts{Units: 160, N: 1}},
		{"GSM-7, one too many", strings.Repeat("a", 161), TextParts{Units: 161, N: 2}},
		{"two full parts", strings.Repeat("a", 306), TextParts{Units: 306, N: 2}},
		{"three parts", strings.Repeat("a", 307), TextParts{Units: 307, N: 3}},
		{"letters of the default alphabet", "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉÄÖÑÜ§¿äöñüà¡¤\n", TextParts{Units: 43, N: 1}},
		{"the extension table counts twice", "^{}\\[~]|€", TextParts{Units: 18, N: 1}},
		{"extended, full", strings.Repeat("€", 80), TextParts{Units: 160, N: 1}},
		{"extended, too many", strings.Repeat("€", 81), TextParts{Units: 162, N: 2}},
		{"an escape is not cut in two", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), TextParts{Units: 306, N: 3}},
		{"ê is not in the alphabet", "ê", TextParts{Unicode: true, Units: 1, N: 1}},
		{"ç is not in it, Ç is", "ç", TextParts{Unicode: true, Units: 1, N: 1}},
		{"a backtick is not in it", "`", TextParts{Unicode: true, Units: 1, N: 1}},
		{"UCS-2, full", strings.Repeat("满", 70), TextParts{Unicode: true, Units: 70, N: 1}},
		{"UCS-2, one too many", strings.Repeat("满", 71), TextParts{Unicode: true, Units: 71, N: 2}},
		{"two full UCS-2 parts", strings.Repeat("满", 134), TextParts{Unicode: true, Units: 134, N: 2}},
		{"three UCS-2 parts", strings.Repeat("满", 135), TextParts{Unicode: true, Units: 135, N: 3}},
		{"one Chinese letter makes all of it UCS-2", "满" + strings.Repeat("a", 70), TextParts{Unicode: true, Units: 71, N: 2}},
		{"beyond the first plane counts twice", strings.Repeat("😀", 35), TextParts{Unicode: true, Units: 70, N: 1}},
		{"a pair is not cut in two", strings.Repeat("满", 66) + "😀" + strings.Repeat("满", 66), TextParts{Unicode: true, Units: 134, N: 3}},
		{"extended letters are plain in UCS-2", "满€", TextParts{Unicode: true, Units: 2, N: 1}},
	} {
		if got := Parts(c.text); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.why, got, c.want)
		}
	}
}

func FuzzParts(f *testing.F) {
	f.Add("a€满😀")
	f.Fuzz(func(t *testing.T, text string) {
		p, more := Parts(text), Parts(text+"a")
		if p.N < 1 || p.N > 1+p.Units/gsmPart+p.Units/ucsPart*2 || more.N < p.N {
			t.Errorf("%q: %+v, and with one letter more %+v", text, p, more)
		}
	})
}

func TestCampaignIsChecked(t *testing.T) {
	s, tree := checked(t)
	sample := s.LongestVariables(tree)
	if faults := NewCampaign(s.ID, "【满意】").Check(sample); len(faults) > 0 {
		t.Errorf("the default campaign: %v", faults)
	}
	zh := NewCampaign(s.ID, "【满意】").Text.Zh
	for _, c := range []struct {
		change func(*Campaign)
		field  string
		why    Why
	}{
		{func(c *Campaign) { c.Text.Zh = strings.TrimPrefix(zh, "【满意】") }, "text_zh", WhySignature},
		{func(c *Campaign) { c.Text.Zh = "x" + zh }, "text_zh", WhySignature},
		{func(c *Campaign) { c.Text.Zh = strings.Replace(zh, "5非常满意", "", 1) }, "text_zh", WhyDigits},
		{func(c *Campaign) { c.Text.Zh = strings.Replace(zh, "1非常不满意", "", 1) }, "text_zh", WhyDigits},
		{func(c *Campaign) {
			c.Text.Zh = strings.NewReplacer("5非常满意", "1非常满意", "1非常不满意", "5非常不满意").Replace(zh)
		}, "text_zh", WhyDigits},
		{func(c *Campaign) { c.Text.Zh = strings.Replace(zh, "退订", "", 1) }, "text_zh", WhyOptOutWord},
		{func(c *Campaign) { c.Text.Zh = strings.Replace(zh, "{code}", "", 1) }, "text_zh", WhyCode},
		{func(c *Campaign) { c.Text.Zh = zh + "{phone}" }, "text_zh", WhyVariable},
		{func(c *Campaign) { c.Text.Zh = zh + "，有事打138 0013 8000" }, "text_zh", WhyHoldsNumber},
		{func(c *Campaign) { c.Text.En = NewCampaign("", "【满意】").Text.En + ". Call 0591-87654321" }, "text_en", WhyHoldsNumber},
		{func(c *Campaign) { c.Text.Zh = zh + strings.Repeat("满", 268) }, "text_zh", WhyTextTooLong},
		{func(c *Campaign) { c.Text.Zh = zh + "\n" }, "text_zh", WhyBadText},
		{func(c *Campaign) { c.Text.En = "【满意】Reply 5 very satisfied to 1 very dissatisfied {code}" }, "text_en", WhyOptOutWord},
		{func(c *Campaign) { c.Text.En = "【满意】Reply, {code}, T to opt out" }, "text_en", WhyDigits},
		{func(c *Campaign) { c.Delay = -1 }, "delay", WhyNumberBounds},
		{func(c *Campaign) { c.OpenDays = 0 }, "open_days", WhyNumberBounds},
		{func(c *Campaign) { c.PerPhone = 0 }, "per_phone", WhyNumberBounds},
		{func(c *Campaign) { c.PerSecond = 0 }, "per_second", WhyNumberBounds},
		{func(c *Campaign) { c.Most = -1 }, "most", WhyNumberBounds},
		{func(c *Campaign) { c.From, c.To = 20, 8 }, "from", WhyHours},
		{func(c *Campaign) { c.To = 25 }, "from", WhyHours},
	} {
		v := NewCampaign(s.ID, "【满意】")
		c.change(&v)
		if faults := v.Check(sample); len(faults) != 1 || faults.On(c.field) != c.why {
			t.Errorf("want %s on %s, got %v", c.why, c.field, faults)
		}
	}
}

func TestVariables(t *testing.T) {
	v := Variables{Hall: "人社大厅", Item: strings.Repeat("长", 30), Date: "3月1日", Code: "{hall}"}
	if got, want := v.In("{hall}|{item}|{date}|{code}|{window}"), "人社大厅|"+strings.Repeat("长", 19)+"…|3月1日|{hall}|"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (Variables{Item: "a\r\nb"}).In("{item}"); got != "a b" {
		t.Errorf("a line break stays in %q", got)
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string][]TextWarning{
		"【满意】请评价": nil, "请给好评": {WarnGoodWord}, "见 https://a.cn": {WarnLink}, "www.a.cn 好评": {WarnGoodWord, WarnLink}, "a.gov": {WarnLink}, "3.5分": nil,
	} {
		if got := Warnings(text); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestCampaignHours(t *testing.T) {
	c := NewCampaign("2026", "【满意】")
	c.State = CampaignRunning
	for text, want := range map[string]bool{"07:59:59": false, "08:00:00": true, "19:59:59": true, "20:00:00": false, "00:00:00": false} {
		at, err := time.ParseInLocation(time.DateTime, "2026-03-01 "+text, shanghai)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Open(at.UTC(), shanghai); got != want {
			t.Errorf("open at %s: %t", text, got)
		}
	}
	c.State = CampaignDraft
	if c.Open(time.Date(2026, 3, 1, 12, 0, 0, 0, shanghai), shanghai) {
		t.Error("a draft sends")
	}
}

func TestCodesOfInvitations(t *testing.T) {
	now := time.Now()
	var others []Message
	seen := map[string]bool{}
	for i := range len(codes) {
		c, err := CodeFor("k", others, now)
		if err != nil || seen[c] || len(c) != 2 || strings.ContainsAny(c, "RTDILO0123456789") {
			t.Fatalf("code %d: %q, %v", i, c, err)
		}
		seen[c] = true
		others = append(others, Message{Kind: MessageInvitation, Code: c, State: MessageHanded, OpenUntil: now.Add(time.Hour)})
	}
	if len(seen) < 390 {
		t.Errorf("only %d codes", len(seen))
	}
	if _, err := CodeFor("k", others, now); err != ErrFull {
		t.Errorf("all are taken: %v", err)
	}
	if _, err := CodeFor("k", others, now.Add(time.Hour)); err != nil {
		t.Errorf("they are free again: %v", err)
	}
}
