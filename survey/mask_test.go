package survey_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	. "manyi/survey"
)

func TestMask(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// Mobile phones, however they are written.
		{"请回电13800138000，谢谢", "请回电138****8000，谢谢"},
		{"13800138000", "138****8000"},
		{"138 0013 8000", "138****8000"},
		{"138-0013-8000", "138****8000"},
		{"138－0013－8000", "138****8000"},
		{"138—0013—8000", "138****8000"},
		{"138.0013.8000", "138****8000"},
		{"138　0013　8000", "138****8000"},
		{"138 - 0013 - 8000", "138****8000"},
		{"1 3 8 0 0 1 3 8 0 0 0", "138****8000"},
		{"１３８００１３８０００", "138****8000"},
		{"１３８ 0013 ８０００", "138****8000"},
		{"一三八零零一三八零零零", "138****8000"},
		{"幺三八〇〇幺三八〇〇〇", "138****8000"},
		{"138零零13八零零零", "138****8000"},
		{"①③⑧⓪⓪①③⑧⓪⓪⓪", "138****8000"},
		{"138\u200b0013\u200b8000", "138****8000"},
		{"+8613800138000", "138****8000"},
		{"+86 138 0013 8000", "138****8000"},
		{"(+86)13800138000", "(138****8000"},
		{"＋86-138-0013-8000", "138****8000"},
		{"0086 13800138000", "138****8000"},
		{"8613800138000", "138****8000"},
		{"013800138000", "138****8000"},
		{"微信同号wx13800138000或tel:13800138000", "微信同号wx138****8000或tel:138****8000"},
		{"2号窗口 13800138000", "2号窗口 138****8000"},
		{"3 13800138000", "3 138****8000"},
		{"2026-11-25 13800138000", "2026-11-25 138****8000"},
		{"13800138000、13900139000", "138****8000、139****9000"},
		{"13800138000 13900139000", "138****8000 139****9000"},
		{"13800138000\n13900139000", "138****8000\n139****9000"},
		{"服务一13800138000", "服务一138****8000"},
		{"*13800138000*", "*138****8000*"},
		{"19912345678", "199****5678"},
		{"<b>13800138000</b>", "<b>138****8000</b>"},
		// Landlines with their area code.
		{"0591-87654321", "059****4321"},
		{"(0591)87654321", "(059****4321"},
		{"（0591）8765 4321", "（059****4321"},
		{"059187654321", "059****4321"},
		{"0597 2345678", "059****5678"},
		{"010-66668888", "010****8888"},
		{"01066668888转8001", "010****8888转8001"},
		{"+86 591 87654321", "059****4321"},
		{"０５９１－８７６５４３２１", "059****4321"},
		{"021 6666-8888", "021****8888"},
		// Other countries, if they say so.
		{"+852 9123 4567", "852****4567"},
		{"+1 (415) 555-2671", "141****2671"},
		// Identity numbers.
		{"身份证11010519491231002X，请查", "身份证1101**************，请查"},
		{"11010519491231002x", "1101**************"},
		{"11010519491231002Ｘ", "1101**************"},
		{"110105 19491231 002X", "1101**************"},
		{"440524188001010014不存在", "440524188001010014不存在"}, // nobody lives that long
		{"440524198001010013", "4405**************"},
		{"４４０５２４１９８００１０１００１３", "4405**************"},
		{"350102800101123", "3501***********"},
		{"X11010519491231002X", "X1101**************"},
	} {
		if got := Mask(c.text); got != c.want {
			t.Errorf("Mask(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestMaskLeaves(t *testing.T) {
	for _, c := range []struct{ text, why string }{
		{"", "nothing"},
		{"办事很快", "no digits"},
		{"2026年11月25日10:30到，等了125分钟", "dates and times"},
		{"2026-11-25 10:30:00", "date and time"},
		{"20261125", "a date"},
		{"20261125103000", "a time"},
		{"编号350102202611250012", "a case number of 18 digits whose check digit is wrong"},
		{"受理号 35010220261125001", "17 digits"},
		{"202611250000123", "15 digits that begin with no division"},
		{"350102260100123", "15 digits without a day"},
		{"FJ2026-000123", "a case number"},
		{"350102-HR-01-001", "a window"},
		{"订单号202611251380013800", "a phone's digits inside an order number"},
		{"913501001234567890", "a credit code"},
		{"交了13800.00元，退了138元", "amounts"},
		{"13,800,138,000元", "an amount"},
		{"1380013800", "ten digits"},
		{"138001380001", "twelve digits"},
		{"12800138000", "no mobile begins with 12"},
		{"12345热线和400-123-4567", "service lines"},
		{"87654321", "a local number may be anything"},
		{"0591-1234567", "local numbers do not begin with 1"},
		{"0011-87654321", "no area code"},
		{"138****8000", "masked"},
		{"138****8000 139****9000", "masked"},
		{"059****4321-8001", "masked"},
		{"排队号 138，窗口 0013，共 8000 人", "words in between"},
		{"138\n0013\n8000", "on lines of their own"},
		{"+86", "a country alone"},
		{"+86 12345", "too short"},
		{"440524198001010014", "the check digit is wrong"},
		{"11010519490231002X", "no such day"},
		{"\xff13800", "broken text"},
	} {
		if got := Mask(c.text); got != c.text {
			t.Errorf("Mask(%q) = %q, but it is %s", c.text, got, c.why)
		}
	}
}

// TestMaskFindsAny writes made-up numbers in made-up ways among words.
func TestMaskFindsAny(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	forms := []func(rune) string{
		func(d rune) string { return string(d) },
		func(d rune) string { return string(d - '0' + '０') },
		func(d rune) string { return string([]rune("零一二三四五六七八九")[d-'0']) },
	}
	joints := []string{"", "", "", " ", "-", "－", " - ", "·", "\u200b", "　"}
	words := []string{"", "请回电", "tel ", "我是", "，", "（", "\n", "窗口A", "？"}
	pick := func(of []string) string { return of[r.IntN(len(of))] }
	for range 20_000 {
		number := fmt.Sprintf("1%d%09d", 3+r.IntN(7), r.IntN(1e9))
		form, written := forms[r.IntN(len(forms))], ""
		for i, d := range number {
			if i == 3 || i == 7 {
				written += pick(joints)
			}
			written += form(d)
		}
		text := pick(words) + written + pick(words[:2])
		if got := Mask(text); strings.Contains(got, written) || !strings.Contains(got, MaskPhone(number)) {
			t.Fatalf("Mask(%q) = %q", text, got)
		}
	}
}

func FuzzMask(f *testing.F) {
	for _, seed := range []string{"13800138000", "+86 138-0013-8000", "0591-87654321 11010519491231002X", "13800130591 87654321", "****8000****1380013", "+852****4567 1234", "一三八零零一三八零零零",
		"138001380000591 87654321", "1\u200b3\ufe0f800138000", "11010519491231002 X"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := Mask(text)
		if twice := Mask(once); twice != once {
			t.Errorf("Mask(%q) = %q, and again %q", text, once, twice)
		}
		if utf8.ValidString(text) && !utf8.ValidString(once) {
			t.Errorf("Mask(%q) is broken: %q", text, once)
		}
		if once != text && !strings.Contains(once, "****") {
			t.Errorf("Mask(%q) = %q shows no mask", text, once)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"clean", "办事很快，工作人员很有耐心，一次就办好了，等了15分钟。"},
		{"phone", "等了两个小时没人理，请回电138 0013 8000，编号350102202611250012。"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				Mask(c.text)
			}
		})
	}
}
